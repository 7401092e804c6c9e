"""The whole demo, started as a person starts it, once for all tests of this folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from demo.model import Plan
from demo.plan import load_plan
from tests.portal.reader import Reader
from tests.portal.screen import Screen
from tests.services import answers, free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
ROOM = 4 << 30  # bytes: the demo itself asks for 3 GB before it starts
START = 420  # seconds the first start may take on two busy cores
STOP = 60
SUMMARISED = 420  # seconds the summaries of a whole month may take behind everything else


@dataclass(frozen=True)
class Demo:
    """A running demo: its address, its folder and the plan its cluster lives by."""

    url: str
    folder: Path
    plan: Plan


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    """A folder in memory when there is room for the demo, else on the disk."""
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > ROOM
    path = Path(tempfile.mkdtemp(prefix="turtle-demo-", dir=shm if roomy else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _processes() -> dict[int, tuple[int, str]]:
    """Process id → (its parent's, when it began in clock ticks) of all that run; ended ones nobody waited for are left out."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                found[int(entry.name)] = (int(fields[1]), fields[19])
    return found


def family(ancestor: int) -> set[tuple[int, str]]:
    """(process id, when it began) of everything a process started and that still runs."""
    known, found, parents = _processes(), set(), {ancestor}
    while parents:
        children = {pid for pid, (parent, _began) in known.items() if parent in parents}
        found |= {(pid, known[pid][1]) for pid in children}
        parents = children
    return found


@contextlib.contextmanager
def _running(place: Path) -> Iterator[str]:
    port, log = free_port(), place / "demo.log"
    command = [sys.executable, "app.py", "demo", "--port", str(port), "--folder", str(place / "demo")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(f"{url}/healthz"), process, "the demo", log, limit=START)
        yield url
        children = family(process.pid)
        assert len(children) >= 6, "MariaDB, Prometheus, exporters, follower, gunicorn and its workers"
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP) == 0, log.read_text()[-2000:]
        assert children & {(pid, began) for pid, (_parent, began) in _processes().items()} == set()
        assert not answers(f"{url}/healthz")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP)


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo, built anew; ended by SIGTERM, after which nothing it started may be left."""
    with _place() as place, _running(place) as url:
        yield Demo(url=url, folder=place / "demo", plan=load_plan(place / "demo" / "plan"))


def _summarised_to(folder: Path) -> int:
    """When the last run ended that is summarised, in UTC seconds; 0 before the first."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder / 'portal.sqlite'}?mode=ro", uri=True)) as portal:
            return portal.execute('select max("end") from summary_cursor').fetchone()[0] or 0
    except sqlite3.OperationalError:  # the portal is just making the file or its tables
        return 0


@pytest.fixture(scope="session")
def summarised(demo: Demo) -> Callable[[int], None]:
    """summarised(moment) waits until the runs that ended before that moment are summarised: a timer does so, oldest first."""

    def wait(moment: int) -> None:
        limit = time.monotonic() + SUMMARISED
        while (reached := _summarised_to(demo.folder)) < moment:
            assert time.monotonic() < limit, f"summaries reach {reached}, {moment - reached} s short"
            time.sleep(2)

    return wait


@pytest.fixture(scope="session")
def reader(demo: Demo) -> Callable[[str], Reader]:
    """reader(login) → that person at the portal, signed in, without a browser."""
    known: dict[str, Reader] = {}
    return lambda login: known.setdefault(login, Reader(demo.url, login))


@pytest.fixture(scope="module")
def screen(browser: object, demo: Demo, reader: Callable[[str], Reader]) -> Iterator[Screen]:
    """The browser of the run, before the demo; left as it was found."""
    driver = browser.driver
    driver.set_script_timeout(60)
    yield Screen(driver, demo.url, reader)
    driver.get("about:blank")
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    driver.delete_all_cookies()
    browser.reset_log_timestamp()


@pytest.fixture(scope="module")
def ada(reader: Callable[[str], Reader]) -> Reader:
    """One of the staff, without a browser."""
    return reader("ada")


@pytest.fixture(scope="module")
def accounting(demo: Demo) -> Iterator[Engine]:
    """The demo's database, with the grants the portal has."""
    slurm = tomllib.loads((demo.folder / "turtle.toml").read_text())["slurm"]
    with open(slurm["password_file"]) as file:
        password = file.read().strip()
    engine = create_engine(slurm["url"].replace("@", f":{password}@"))
    yield engine
    engine.dispose()
