"""lustre_exporter's series behind its Slurm proxy: job stats by target, and the targets' own counters and space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import BUCKET, Plan, PlannedRun
from demo.series import COARSE, Block, Hum, Running, raw_begin, run_end, seed_of
from demo.series_share import Tables

EXPORTER = "lustre_exporter"
IDLE = 600  # seconds after which an idle job's stats vanish
OSTS = 8
MIB = 2**20
BYTES = ("read_bytes", "write_bytes")
MOVED = (*BYTES, "read_samples", "write_samples")
OPERATIONS = [
    "open",
    "close",
    "mknod",
    "link",
    "unlink",
    "mkdir",
    "rmdir",
    "rename",
    "getattr",
    "setattr",
    "getxattr",
    "setxattr",
    "statfs",
    "sync",
    "samedir_rename",
    "crossdir_rename",
]
TYPES = {
    **{
        f"lustre_{who}{name}_total": "counter"
        for who in ("", "job_")
        for name in (*BYTES, "read_samples", "write_samples", "stats")
    },
    **dict.fromkeys(
        ("lustre_capacity_kibibytes", "lustre_free_kibibytes", "lustre_available_kibibytes", "lustre_inodes_maximum"),
        "gauge",
    ),
    **dict.fromkeys(("lustre_inodes_free", "lustre_health_check", "lustre_job_cleanup_interval_seconds"), "gauge"),
}
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


class Servers:
    """Which server shows which target of each file system."""

    def __init__(self, plan: Plan) -> None:
        self._stripes: dict[tuple[int, int, str], dict[int, float]] = {}
        stores = [node.name for node in plan.nodes if node.kind == "oss"] or ["oss1"]
        heads = [node.name for node in plan.nodes if node.kind == "mds"] or ["mds1"]
        self.ost = {
            (fs, n): f"{stores[(place * OSTS + n) % len(stores)]}:9169"
            for place, fs in enumerate(plan.file_systems)
            for n in range(OSTS)
        }
        self.mdt = {fs: f"{heads[place % len(heads)]}:9169" for place, fs in enumerate(plan.file_systems)}

    def stripes(self, run: PlannedRun, fs: str) -> dict[int, float]:
        """The OSTs a run's files lie on and the part of its traffic each takes."""
        key = (run.seed, run.id_job, fs)
        if key not in self._stripes:
            self._stripes[key] = self._draw(key)
        return self._stripes[key]

    @staticmethod
    def _draw(key: tuple[int, int, str]) -> dict[int, float]:
        rng = np.random.default_rng(seed_of(*key))
        chosen = rng.choice(OSTS, int(rng.integers(1, 4)), replace=False)
        parts = rng.uniform(0.6, 1.4, len(chosen))
        return {int(n): float(part) for n, part in zip(chosen, parts / parts.sum(), strict=True)}


class Spells:
    """Counters that vanish when idle for IDLE seconds and begin again at 0: [rows × buckets] of rates from `start` on."""

    def __init__(self, start: int, rates: np.ndarray) -> None:
        self.counted = Running(start, rates)
        active = np.flatnonzero(rates.sum(axis=0) > 0)
        gaps = np.flatnonzero(np.diff(active) * BUCKET > IDLE + BUCKET) if len(active) else active
        first = active[np.concatenate([[0], gaps + 1])] if len(active) else active
        last = active[np.concatenate([gaps, [len(active) - 1]])] if len(active) else active
        self.begins, self.ends = start + first * BUCKET, start + (last + 1) * BUCKET + IDLE
        self.bases = self.counted.sums[:, first]

    def at(self, times: np.ndarray) -> np.ndarray:
        """[rows × times], NaN where nothing is shown."""
        if not len(self.begins):
            return np.full((len(self.counted.sums), len(times)), np.nan)
        spell = np.searchsorted(self.begins, times, side="right") - 1
        shown = self.counted.at(times) - self.bases[:, np.maximum(spell, 0)]
        hidden = (spell < 0) | (times >= self.ends[np.maximum(spell, 0)])
        shown[:, hidden] = np.nan
        return shown


class RunIo:
    """Lustre traffic of one run over all its nodes, for one file system. rates: name → rate by bucket."""

    def __init__(self, run: PlannedRun, fs: str, rates: dict[str, np.ndarray], end: int) -> None:
        self.run, self.fs, self.start, self.end = run, fs, int(run.start or 0), end
        self.operations = [name for name in rates if name not in BYTES]
        size = max(len(rate) for rate in rates.values())
        none = np.zeros(size)
        self.bytes = Spells(self.start, np.vstack([rates.get(name, none) for name in BYTES]))
        self.meta = (
            Spells(self.start, np.vstack([rates[name] for name in self.operations])) if self.operations else None
        )


class RunIos:
    """The Lustre traffic of every run, made when needed."""

    def __init__(self, plan: Plan, tables: Tables) -> None:
        self.plan, self.tables, self.servers = plan, tables, Servers(plan)
        self._made: dict[int, tuple[float, list[RunIo]]] = {}

    def of(self, run: PlannedRun) -> list[RunIo]:
        """One RunIo for each file system the run uses."""
        made = self._made.get(id(run))
        if made is None:
            end = run_end(run.end, self.plan)
            made = self._made[id(run)] = (end, [RunIo(run, fs, rates, end) for fs, rates in self._rates(run).items()])
        return made[1]

    def _rates(self, run: PlannedRun) -> dict[str, dict[str, np.ndarray]]:
        sums: dict[str, dict[str, np.ndarray]] = {}
        for number in self.tables.of_run.get(id(run), []):
            for fs, rates in self.tables.table(number).io.items():
                of = sums.setdefault(fs, {})
                for name, rate in rates.items():
                    of[name] = of[name] + rate if name in of else rate
        return sums

    def forget(self, before: float) -> None:
        """Drop what ended before the moment."""
        self._made = {key: made for key, made in self._made.items() if made[0] + IDLE >= before}


def job_blocks(io: RunIo, servers: Servers) -> list[Block]:
    """The job stats of one run on one file system, one block for each server."""
    run = io.run
    base = {"jobid": str(run.id_job), "user": run.person, "account": run.account, "fs": io.fs}
    blocks = []
    by_server: dict[str, list[tuple[int, float]]] = {}
    for ost, part in servers.stripes(run, io.fs).items():
        by_server.setdefault(servers.ost[io.fs, ost], []).append((ost, part))
    for instance, osts in by_server.items():
        labels = [
            {"__name__": f"lustre_job_{name}_total", "component": "ost", "target": f"{io.fs}-OST{ost:04x}", **base}
            for ost, _ in osts
            for name in MOVED
        ]
        blocks.append(_job_block(io, instance, labels, _ost_values(io, [part for _, part in osts])))
    if io.meta is not None:
        meta, target = io.meta, {"component": "mdt", "target": f"{io.fs}-MDT0000", **base}
        labels = [{"__name__": "lustre_job_stats_total", **target, "operation": name} for name in io.operations]
        blocks.append(_job_block(io, servers.mdt[io.fs], labels, lambda times: np.floor(meta.at(times))))
    return blocks


def _job_block(
    io: RunIo, instance: str, labels: list[dict[str, str]], values: Callable[[np.ndarray], np.ndarray]
) -> Block:
    return Block(exporter=EXPORTER, instance=instance, labels=labels, values=values, begin=io.start, end=io.end + IDLE)


def _ost_values(io: RunIo, parts: list[float]) -> Callable[[np.ndarray], np.ndarray]:
    def values(times: np.ndarray) -> np.ndarray:
        moved = io.bytes.at(times)
        rows = [np.floor(moved * part) for part in parts]
        # an RPC carries up to 4 MiB when reading and 1 MiB when writing small files
        return np.vstack([np.vstack([row, row[0] // (4 * MIB), row[1] // MIB]) for row in rows])

    return values


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

    def go_on(self, totals: tuple[np.ndarray, np.ndarray]) -> None:
        """Take over what another process has added up."""
        self._done, self._folded = totals

    def _add(self, total: np.ndarray, run: PlannedRun, times: np.ndarray) -> None:
        begin = np.array([float(self.since)])
        for io in self.ios.of(run):
            if io.fs != self.fs:
                continue
            moved = io.bytes.counted.at(times) - io.bytes.counted.at(begin)
            for ost, part in self.ios.servers.stripes(run, self.fs).items():
                total[ost] += moved[0] * part
                total[OSTS + ost] += moved[1] * part
            if io.meta is not None:
                done = io.meta.counted.at(times) - io.meta.counted.at(begin)
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
