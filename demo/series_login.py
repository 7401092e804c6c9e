"""Lustre statistics of programs that run outside jobs, on login and transfer nodes: known by program and user, without an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.model import Plan
from demo.series import DAY, Block, Hum, seed_of
from demo.series_lustre import BYTES, EXPORTER, IDLE, MIB, MOVED, Servers

# program, person, place of the file system, hour it begins each day, hours, bytes read and written and files opened a second
PROGRAMS = (
    ("rsync", "anya", 0, 8.2, 5.5, 9e6, 2e5, 3.0),
    ("globus-gridftp-", "kofi", -1, 1.0, 7.0, 4e5, 1.2e7, 0.2),
    ("tar", "oleg", 0, 13.1, 2.5, 6e6, 5e6, 14.0),
    ("python3.11", "mira", 0, 9.5, 8.0, 8e5, 1e5, 1.1),
    ("nvim", "luis", -1, 10.2, 6.0, 2e4, 1e4, 0.3),
    ("du", "ruth", -1, 15.4, 1.2, 0.0, 0.0, 40.0),
)


@dataclass(frozen=True)
class Session:
    """One program of one person that works some hours each day; it then vanishes like an idle job, and begins anew at 0."""

    labels: dict[str, str]
    fs: str
    ost: int
    begin: float
    seconds: float
    rates: dict[str, Hum]

    def counted(self, name: str, times: np.ndarray, back: float = 0.0) -> np.ndarray:
        """Bytes or operations `back` seconds before each time, since the day's beginning; 0 before it."""
        start = self._start(times)
        return self.rates[name].total(np.clip(times - back, start, start + self.seconds), start)

    def shown(self, times: np.ndarray) -> np.ndarray:
        """True where the file servers still know it."""
        return times < self._start(times) + self.seconds + IDLE

    def _start(self, times: np.ndarray) -> np.ndarray:
        return np.floor((times - self.begin) / DAY) * DAY + self.begin


def sessions(plan: Plan) -> list[Session]:
    """Those of people the plan knows."""
    uids, found = {person.name: person.uid for person in plan.people}, []
    for program, person, place, hour, hours, read, write, opens in PROGRAMS:
        if person not in uids:
            continue
        fs, seed = plan.file_systems[place], seed_of(plan.seed, program, person)
        labels = {"jobid": f"{program}.{uids[person]}", "application": program, "user": person, "fs": fs}
        means = {"read_bytes": read, "write_bytes": write, "open": opens, "close": opens, "getattr": 2 * opens}
        rates = {name: Hum(mean, seed + at, 0.0) for at, (name, mean) in enumerate(means.items())}
        found.append(Session(labels, fs, seed % 8, hour * 3600, hours * 3600, rates))
    return found


def session_blocks(plan: Plan, servers: Servers) -> list[Block]:
    """Job statistics of every session: bytes on one OST, operations on the MDT."""
    blocks = []
    for one in sessions(plan):
        ost = {"component": "ost", "target": f"{one.fs}-OST{one.ost:04x}", **one.labels}
        mdt = {"component": "mdt", "target": f"{one.fs}-MDT0000", **one.labels}
        operations = [name for name in one.rates if name not in BYTES]
        labels = [{"__name__": f"lustre_job_{name}_total", **ost} for name in MOVED]
        blocks.append(_block(one, servers.ost[one.fs, one.ost], labels, _bytes_of(one)))
        labels = [{"__name__": "lustre_job_stats_total", **mdt, "operation": name} for name in operations]
        blocks.append(_block(one, servers.mdt[one.fs], labels, _operations_of(one, operations)))
    return blocks


def _block(
    one: Session, instance: str, labels: list[dict[str, str]], values: Callable[[np.ndarray], np.ndarray]
) -> Block:
    def shown(times: np.ndarray) -> np.ndarray:
        found = np.floor(values(times))
        found[:, ~one.shown(times)] = np.nan
        return found

    return Block(exporter=EXPORTER, instance=instance, labels=labels, values=shown)


def _bytes_of(one: Session) -> Callable[[np.ndarray], np.ndarray]:
    def values(times: np.ndarray) -> np.ndarray:
        read, written = (np.floor(one.counted(name, times)) for name in BYTES)
        return np.vstack([read, written, read // MIB, written // MIB])

    return values


def _operations_of(one: Session, names: list[str]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda times: np.vstack([one.counted(name, times) for name in names])
