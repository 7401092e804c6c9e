"""Debian's packages of MariaDB and Prometheus, unpacked into a folder without root and without installing anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("mariadb-server-core", "prometheus")
# libraries every Debian has: dpkg and apt themselves need them, and a second libc beside the first would not run
BASE = {"libc6", "libgcc-s1", "libstdc++6", "libcrypt1", "zlib1g", "libsystemd0"}
INSTALL = "sudo apt-get install --no-install-recommends mariadb-server prometheus"


class UnpackError(RuntimeError):
    """The packages could not be had; the text says what to install instead."""


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )


def _own_lists(folder: Path) -> list[str]:
    """Options that let a plain user keep package lists of their own."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return [
        "-o",
        f"Dir::State::lists={folder}/state/lists",
        "-o",
        f"Dir::Cache={folder}/cache",
        "-o",
        "APT::Sandbox::User=",
    ]


def _libraries(package: str, options: list[str], folder: Path, found: set[str]) -> None:
    """Add the libraries a package depends on; below one that is installed nothing is missing."""
    listing = _run(["apt-cache", *options, "depends", package], folder).stdout
    for line in listing.splitlines():
        kind, _, name = line.strip().partition(": ")
        wanted = kind == "Depends" and name.startswith("lib") and not name.startswith("libjs-")
        if not wanted or name in found | BASE:
            continue
        found.add(name)
        if _run(["dpkg-query", "-W", "-f", "${db:Status-Status}", name], folder).stdout != "installed":
            _libraries(name, options, folder, found)


def _download(folder: Path, options: list[str]) -> str:
    """Fetch the packages into the folder; returns apt's complaint, empty when all is there."""
    wanted = set(PACKAGES)
    _libraries("mariadb-server-core", options, folder, wanted)
    done = _run(["apt-get", "-q", *options, "download", *sorted(wanted)], folder)
    return done.stderr.strip() if done.returncode else ""


def unpack(target: Path, say: Callable[[str], None]) -> Path:
    """The folder with Debian's files of both servers, made when it is not there; raises UnpackError.

    The folder gets its name last, so one that was interrupted is made anew.
    """
    if (target / "usr/sbin/mariadbd").exists() and (target / "usr/bin/prometheus").exists():
        return target
    if not all(shutil.which(name) for name in ("apt-get", "apt-cache", "dpkg-deb")):
        raise UnpackError(
            f"MariaDB and Prometheus are not installed, and this is no Debian system. On Debian: {INSTALL}"
        )
    say("Unpacking Debian's packages of MariaDB and Prometheus (30 MB, nothing is installed)")
    work = target.with_name(target.name + ".part")
    for leftover in (work, target):
        shutil.rmtree(leftover, ignore_errors=True)
    (work / "root").mkdir(parents=True)
    complaint = _download(work, [])
    if complaint:
        # the machine has no package lists, or old ones
        own = _own_lists(work)
        _run(["apt-get", "-q", *own, "update"], work)
        complaint = _download(work, own)
    packages = sorted(work.glob("*.deb"))
    for package in [] if complaint else packages:
        done = _run(["dpkg-deb", "-x", str(package), str(work / "root")], work)
        complaint = complaint or (done.stderr.strip() if done.returncode else "")
    if complaint:
        raise UnpackError(
            f"MariaDB and Prometheus are not installed and could not be fetched. Run: {INSTALL}\n{complaint}"
        )
    os.replace(work / "root", target)
    shutil.rmtree(work, ignore_errors=True)
    return target
