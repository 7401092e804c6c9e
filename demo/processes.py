"""The demo's child processes: each in a group of its own, ended with the demo however it ends, and nothing else ended."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class ChildEnded(RuntimeError):
    """A process the demo needs has ended; the text holds the end of its log."""


@dataclass
class Child:
    """A running process, its name for people and its log file; one that is `passing` may end by itself."""

    name: str
    process: subprocess.Popen
    log: Path
    passing: bool = False

    def last_words(self) -> str:
        """The last lines of the log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join("    " + line for line in lines[-15:])


def _end_with_parent() -> None:
    # the kernel signals the child when the demo dies without a chance to clean up
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def started_at(pid: int) -> str:
    """The start time of a process in clock ticks and its boot's id, or '' when there is no such process."""
    try:
        # the command's name in parentheses may hold spaces; the state is the first field after it, the start the 20th
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return "" if fields[0] == "Z" else f"{boot}:{fields[19]}"
    except (OSError, IndexError):
        return ""


class Children:
    """The processes of one demo, written down in a file so that the next demo can end what a killed one left."""

    def __init__(self, folder: Path) -> None:
        """Remember the processes in `folder`/processes.json; logs go to `folder`/logs."""
        self._record = folder / "processes.json"
        self._logs = folder / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._children: list[Child] = []

    def start(
        self, name: str, command: list[str], env: dict[str, str] | None = None, *, passing: bool = False
    ) -> Child:
        """Start a process in its own group, its output in a log file."""
        path = self._logs / f"{name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                command,
                env=os.environ | (env or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        child = Child(name, process, path, passing)
        self._children.append(child)
        self._write()
        return child

    def _write(self) -> None:
        entries = [{"pid": child.process.pid, "started": started_at(child.process.pid)} for child in self._children]
        self._record.write_text(json.dumps(entries))

    def runs(self, name: str) -> bool:
        """True if a child of this name is running."""
        return any(child.name == name and child.process.poll() is None for child in self._children)

    def check(self) -> None:
        """Raises ChildEnded when one of them is gone; a passing one that failed is only told of."""
        for child in list(self._children):
            status = child.process.poll()
            if status is not None and child.passing:
                self._children.remove(child)
                self._write()
                if status:
                    print(f"{child.name} failed (exit status {status}), the demo goes on; see {child.log}", flush=True)
            elif status is not None:
                raise ChildEnded(f"{child.name} ended (exit status {status}); {child.log} says:\n{child.last_words()}")

    def wait_until(self, ready: Callable[[], bool], what: str, limit: float = 60.0) -> None:
        """Return once ready() is true; raises ChildEnded when a process ends first or time is up."""
        end = time.monotonic() + limit
        while not ready():
            self.check()
            if time.monotonic() > end:
                logs = "\n".join(f"  {child.log}:\n{child.last_words()}" for child in self._children[-1:])
                raise ChildEnded(f"{what} did not get ready within {limit:.0f} s.\n{logs}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End all of them, the last started first."""
        while self._children:
            child = self._children[-1]
            _end_group(child.process.pid, lambda child=child: child.process.poll() is not None)
            self._children.pop()
        self._record.unlink(missing_ok=True)


def _end_group(group: int, gone: Callable[[], bool], limit: float = 15.0) -> None:
    """SIGTERM to the group, SIGKILL when its leader is still there after `limit` seconds."""
    for number, seconds in ((signal.SIGTERM, limit), (signal.SIGKILL, 5.0)):
        # gone() first: it also takes in the exit status of a child, whose number is free from then on
        if gone():
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        end = time.monotonic() + seconds
        while not gone() and time.monotonic() < end:
            time.sleep(0.05)


def end_leftovers(folder: Path) -> int:
    """End what an earlier demo that was killed left running; returns how many. Told apart by their start times."""
    record = folder / "processes.json"
    try:
        entries = json.loads(record.read_text())
    except (OSError, ValueError):
        return 0
    left = [one for one in entries if one["started"] and started_at(one["pid"]) == one["started"]]
    for one in reversed(left):
        _end_group(one["pid"], lambda one=one: started_at(one["pid"]) != one["started"])
    record.unlink(missing_ok=True)
    return len(left)
