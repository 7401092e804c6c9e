"""lustre_exporter's series behind its Slurm proxy: job stats by target, and the targets' own counters and space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import BUCKET, Plan, PlannedRun
from demo.series import Block, Running, run_end, seed_of
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
    """Counters that vanish when idle for IDLE seconds and begin again at 0: [rows × buckets] of rates from `start` to `end`."""

    def __init__(self, start: int, rates: np.ndarray, end: int) -> None:
        self._counted, self._end = Running(start, rates), end
        active = np.flatnonzero(rates.sum(axis=0) > 0)
        gaps = np.flatnonzero(np.diff(active) * BUCKET > IDLE + BUCKET) if len(active) else active
        first = active[np.concatenate([[0], gaps + 1])] if len(active) else active
        last = active[np.concatenate([gaps, [len(active) - 1]])] if len(active) else active
        self.begins, self.ends = start + first * BUCKET, start + (last + 1) * BUCKET + IDLE
        self.bases = self._counted.sums[:, first]

    def total(self, times: np.ndarray) -> np.ndarray:
        """[rows × times]: what had been counted at each time since the start; nothing is added after the end."""
        # the last bucket goes on after the end of most runs
        return self._counted.at(np.minimum(times, self._end))

    def at(self, times: np.ndarray) -> np.ndarray:
        """[rows × times], NaN where nothing is shown."""
        if not len(self.begins):
            return np.full((len(self._counted.sums), len(times)), np.nan)
        spell = np.searchsorted(self.begins, times, side="right") - 1
        shown = self.total(times) - self.bases[:, np.maximum(spell, 0)]
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
        self.bytes = Spells(self.start, np.vstack([rates.get(name, none) for name in BYTES]), end)
        self.meta = (
            Spells(self.start, np.vstack([rates[name] for name in self.operations]), end) if self.operations else None
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
