"""What the demo keeps between runs, in .cache/demo: whether it is complete, its age, and that only one demo uses it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
SEED = 20
KEEP_SECONDS = 3 * 86400  # the plan knows four days of future
ROOM = 3_000_000_000  # bytes: the two databases, with what they need while they are filled
# what is kept over a rebuild: the lock is held, and another demo may not take it meanwhile
KEPT = {"lock"}


class DemoError(RuntimeError):
    """The demo cannot start; the text says why and what to do."""


@dataclass
class State:
    """state.json: the code and seed the data came from, when (UTC seconds), up to when it is filled, the owner's password."""

    version: str = ""
    seed: int = 0
    made_at: int = 0
    complete: bool = False
    password: str = ""


def version() -> str:
    """A fingerprint of the code that decides what the data looks like."""
    parts = ("plan", "behaviour", "accounting", "series", "backfill", "scripts", "programs", "model", "database", "mark")
    files = [path for path in sorted((ROOT / "demo").glob("*.py")) if path.stem.split("_")[0] in parts]
    digest = hashlib.sha256()
    for path in [*files, *sorted((ROOT / "demo").glob("*.sql")), *sorted((ROOT / "deploy").glob("*rules*.yml"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def read_state(folder: Path) -> State:
    """The state kept in the folder; an empty one when there is none or it cannot be read."""
    try:
        return State(**json.loads((folder / "state.json").read_text()))
    except (OSError, ValueError, TypeError):
        return State()


def write_state(folder: Path, state: State) -> None:
    """Keep the state, all or nothing; it holds a password, so only its owner may read it."""
    path = folder / "state.json.new"
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(state)))
    os.replace(path, folder / "state.json")


def why_rebuild(folder: Path, now: int) -> str:
    """Why the data must be made anew, as a sentence; empty when it can be used."""
    state = read_state(folder)
    if not any(path.name not in KEPT | {"logs"} for path in folder.iterdir()):
        return "The demo cluster is built for the first time."
    if not state.complete:
        return "The last build did not finish: the demo cluster is built anew."
    if (state.version, state.seed) != (version(), SEED):
        return "The demo's code has changed: the demo cluster is built anew."
    if not state.made_at <= now <= state.made_at + KEEP_SECONDS:
        return "The demo cluster is more than three days old: it is built anew."
    return ""


def clear(folder: Path) -> None:
    """Remove all kept data."""
    for path in folder.iterdir():
        if path.name in KEPT:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def followed(folder: Path) -> int:
    """Up to when (UTC seconds) accounting and metrics are there; raises DemoError when it is not known."""
    try:
        return int((folder / "followed").read_text())
    except (OSError, ValueError):
        raise DemoError(f"{folder / 'followed'} cannot be read: remove {folder} and start again") from None


def set_followed(folder: Path, upto: int) -> None:
    """Remember up to when accounting and metrics are there."""
    path = folder / "followed.new"
    path.write_text(str(upto))
    os.replace(path, folder / "followed")


def take_lock(folder: Path) -> IO[str]:
    """A lock that ends with this process; raises DemoError when another demo holds it."""
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise DemoError(
            f"Another demo of this checkout is running (process {holder or 'unknown'}); stop it first."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def check_port(port: int) -> None:
    """Raises DemoError when something listens on the port."""
    with socket.socket() as probe:
        # as servers do: a connection that lingers after a stop is no listener
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            words = f"Port {port} cannot be used ({error.strerror}). Choose another one: make demo PORT={port + 1}"
            raise DemoError(words) from None


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check_room(folder: Path) -> None:
    """Raises DemoError when the disk has too little room."""
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        words = f"The demo needs 3 GB of disk space, and {folder} has {free / 1e9:.1f} GB. Free some, then start again."
        raise DemoError(words)
