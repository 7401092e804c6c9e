"""The Lustre targets' own series: what all jobs and the world beside them moved, and the space that is left."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import Plan, PlannedRun
from demo.series import COARSE, Block, Hum, raw_begin, run_end, seed_of
from demo.series_lustre import BYTES, EXPORTER, IDLE, MIB, MOVED, OPERATIONS, OSTS, RunIos
from demo.series_share import Tables

GROUND = {"read_bytes": 3e7, "write_bytes": 2e7}  # bytes/s of an OST from logins, transfers and the world outside
GROUND_OPERATIONS = {
    "open": 90,
    "close": 88,
    "getattr": 160,
    "getxattr": 40,
    "setattr": 12,
    "unlink": 10,
    "mknod": 11,
    "statfs": 3,
}


class FileSystemLoad:
    """Counters of one file system's targets since raw history began: every run's traffic and the world's beside it."""

    def __init__(self, plan: Plan, fs: str, ios: RunIos, tables: Tables) -> None:
        self.fs, self.ios, self.since, self.tables = fs, ios, raw_begin(plan), tables
        runs = [(run, run_end(run.end, plan)) for run in plan.runs if run.start is not None]
        self.runs = sorted((pair for pair in runs if pair[1] > self.since), key=lambda pair: pair[0].start or 0)
        self.starts = np.array([run.start for run, _ in self.runs], float)
        self.ends = np.array([end for _, end in self.runs], float)
        self.seed = seed_of(plan.seed, fs)
        self.hums = {name: [Hum(mean, self.seed + n) for n in range(OSTS)] for name, mean in GROUND.items()}
        self.meta = {name: Hum(float(mean), self.seed + 40) for name, mean in GROUND_OPERATIONS.items()}
        self._done = np.zeros((2 * OSTS + len(OPERATIONS), 1))
        self._last: tuple[object, np.ndarray] = (None, self._done)
        self._folded = np.zeros(len(self.runs), bool)

    def counters(self, times: np.ndarray) -> np.ndarray:
        """[2 × OSTS + operations, times]: bytes read by OST, bytes written by OST, metadata operations; ascending times."""
        key = (times[0], times[-1], len(times))
        if self._last[0] != key:
            self._last = (key, self._counted(times))
        return self._last[1]

    def _counted(self, times: np.ndarray) -> np.ndarray:
        for place in np.flatnonzero(~self._folded & (self.ends < times[0] - 1800)):
            self._add(self._done, self.runs[place][0], np.array([self.ends[place]]))
            self._folded[place] = True
        total = np.repeat(self._done, len(times), axis=1)
        for place in np.flatnonzero(~self._folded & (self.starts < times[-1])):
            self._add(total, self.runs[place][0], times)
        for row, name in enumerate(BYTES):
            for ost, hum in enumerate(self.hums[name]):
                total[row * OSTS + ost] += hum.total(times, self.since)
        for name, hum in self.meta.items():
            total[2 * OSTS + OPERATIONS.index(name)] += hum.total(times, self.since)
        return np.floor(total)

    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """What is added up so far, for go_on() in another process."""
        return self._done, self._folded

    def go_on(self, totals: tuple[np.ndarray, np.ndarray], now: float) -> None:
        """Take over what another process has added up, unless it holds runs that at `now` are not over."""
        if not (self.ends[totals[1]] > now).any():
            self._done, self._folded = totals

    def _add(self, total: np.ndarray, run: PlannedRun, times: np.ndarray) -> None:
        begin = np.array([float(self.since)])
        for io in self.ios.of(run):
            if io.fs != self.fs:
                continue
            moved = io.bytes.total(times) - io.bytes.total(begin)
            for ost, part in self.ios.servers.stripes(run, self.fs).items():
                total[ost] += moved[0] * part
                total[OSTS + ost] += moved[1] * part
            if io.meta is not None:
                done = io.meta.total(times) - io.meta.total(begin)
                for row, name in zip(done, io.operations, strict=True):
                    if name in OPERATIONS:
                        total[2 * OSTS + OPERATIONS.index(name)] += row


def target_blocks(load: FileSystemLoad) -> list[Block]:
    """The targets' own series, for each server of the file system: counters, and space that hardly moves."""
    servers, fs = load.ios.servers, load.fs
    by_server: dict[str, list[int]] = {}
    for ost in range(OSTS):
        by_server.setdefault(servers.ost[fs, ost], []).append(ost)
    blocks = []
    for instance, osts in by_server.items():
        names = [{"component": "ost", "target": f"{fs}-OST{ost:04x}"} for ost in osts]
        moved = [{"__name__": f"lustre_{name}_total", **target} for target in names for name in MOVED]
        blocks.append(Block(exporter=EXPORTER, instance=instance, labels=moved, values=_target_values(load, osts)))
        space = [(target, 120.0 * 2**40 / 1024, 0.55 + 0.02 * ost) for target, ost in zip(names, osts, strict=True)]
        blocks.append(_space_block(load, instance, space))
    mdt = {"component": "mdt", "target": f"{fs}-MDT0000"}
    labels = [{"__name__": "lustre_stats_total", **mdt, "operation": name} for name in OPERATIONS]

    def meta(times: np.ndarray) -> np.ndarray:
        return load.counters(times)[2 * OSTS :]

    blocks.append(Block(exporter=EXPORTER, instance=servers.mdt[fs], labels=labels, values=meta))
    blocks.append(_space_block(load, servers.mdt[fs], [(mdt, 2.0 * 2**40 / 1024, 0.35)]))
    return blocks


def _space_block(load: FileSystemLoad, instance: str, targets: list[tuple[dict[str, str], float, float]]) -> Block:
    """Space of (target labels, KiB, part used)."""
    return Block(
        exporter=EXPORTER,
        instance=instance,
        labels=[{"__name__": name, **target} for target, _, _ in targets for name in _SPACE],
        values=lambda times: np.vstack([_space(load, times, size, used) for _, size, used in targets]),
        every=COARSE,
    )


_SPACE = (
    "lustre_capacity_kibibytes",
    "lustre_free_kibibytes",
    "lustre_available_kibibytes",
    "lustre_inodes_maximum",
    "lustre_inodes_free",
    "lustre_health_check",
    "lustre_job_cleanup_interval_seconds",
)


def _space(load: FileSystemLoad, times: np.ndarray, kibibytes: float, used: float) -> np.ndarray:
    full = used + 0.0004 * (times - load.since) / 3600 % 0.2
    free = np.rint(kibibytes * (1 - full))
    same = np.ones(len(times))
    return np.vstack(
        [kibibytes * same, free, np.rint(free * 0.95), 4e8 * same, np.rint(4e8 * (1 - full * 0.6)), same, IDLE * same]
    )


def _target_values(load: FileSystemLoad, osts: list[int]) -> Callable[[np.ndarray], np.ndarray]:
    def values(times: np.ndarray) -> np.ndarray:
        counted, rows = load.counters(times), []
        for ost in osts:
            read, written = counted[ost], counted[OSTS + ost]
            rows += [read, written, read // (4 * MIB), written // MIB]
        return np.vstack(rows)

    return values
