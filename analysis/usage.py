"""What the metrics of a run say of its cores, memory, threads and file system operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis import series
from core.units import HOUR
from datasources.slurm.records import Run

RSS, SHARED, LIMIT = "slurm_job_memory_rss", "slurm_job_memory_mapped_file", "slurm_job_memory_limit"
USED, CACHE = "slurm_job_memory_usage", "slurm_job_memory_cache"
# Operations on a file's contents; all others go to the metadata server.
DATA_OPERATIONS = frozenset({"read", "write", "read_bytes", "write_bytes", "punch"})
NO_LIMIT = 2.0**60  # cgroup v1 writes a huge number for "no limit"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Means and peaks over the samples of a run; None without samples. Names as in JobFacts."""

    coverage: float = 0.0
    cpu_mean: float | None = None
    cpu_by_node: dict[str, float] = field(default_factory=dict)
    cores_by_node: dict[str, int] = field(default_factory=dict)
    memory_peak: float | None = None
    memory_peak_node: float | None = None
    memory_slope: float | None = None
    memory_slope_fit: float | None = None
    memory_full_in: float | None = None
    threads: float | None = None
    metadata_ops: float | None = None
    metadata_ops_peak: float | None = None

    def numbers(self) -> dict[str, Any]:
        """The fields JobFacts takes over as they are."""
        own = ("cpu_mean", "memory_peak")
        return {name: value for name, value in self.__dict__.items() if name not in own}


def _cpu(frame: pd.DataFrame | None) -> dict[str, Any]:
    if frame is None:
        return {}
    nodes = series.by_level(frame, "node")
    means = {node: series.mean(series.total(part)) for node, part in nodes.items()}
    cores = {
        node: len(set(part.columns.get_level_values("core")))
        for node, part in nodes.items()
        if "core" in part.columns.names
    }
    return {
        "cpu_mean": _nodes_mean(frame),
        "cpu_by_node": {node: value for node, value in means.items() if value is not None},
        # one series means the cores were added up before: nothing to count
        "cores_by_node": {node: count for node, count in cores.items() if count > 1},
    }


def _nodes_mean(frame: pd.DataFrame) -> float | None:
    """Sum over nodes of each node's own mean, so that a gap on one node does not count as zero."""
    parts = [series.mean(series.total(part)) for part in series.by_level(frame, "node").values()] or [
        series.mean(series.total(frame))
    ]
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _program(frame: pd.DataFrame) -> pd.Series:
    """rss + shared by time, bytes; what is in use less the cache where the exporter has no rss."""
    rss = series.pick(frame, metric=RSS)
    if rss.columns.empty:
        cache = series.total(series.pick(frame, metric=CACHE))
        return series.total(series.pick(frame, metric=USED)).sub(cache.fillna(0)).clip(lower=0)
    both = pd.concat([rss, series.pick(frame, metric=SHARED)], axis=1)
    return both.sum(axis=1, min_count=1).where(rss.notna().any(axis=1))


def _memory(frame: pd.DataFrame | None, memory: int | None, life: tuple[int, int]) -> dict[str, Any]:
    if frame is None:
        return {}
    program = _program(frame)
    nodes = [series.peak(_program(part)) for part in series.by_level(frame, "node").values()]
    found: dict[str, Any] = {
        "memory_peak": series.peak(program),
        "memory_peak_node": max((value for value in nodes if value is not None), default=None),
    }
    recent = program[series.seconds_of(program.index) > life[1] - min(HOUR, (life[1] - life[0]) / 2)]
    line = series.slope(recent)
    if line is None:
        return found
    limit = series.peak(series.total(series.pick(frame, metric=LIMIT)))
    limit = limit if limit and limit < NO_LIMIT else memory
    last = recent.dropna().iloc[-1]
    left = (limit - float(last)) / line[0] if limit and line[0] > 0 else None
    return found | {
        "memory_slope": line[0],
        "memory_slope_fit": line[1],
        "memory_full_in": None if left is None else max(left, 0.0),
    }


def _threads(frame: pd.DataFrame | None) -> dict[str, Any]:
    if frame is None:
        return {}
    # a state without a thread has no series: where any state has a sample, no "running" means none ran
    running = series.total(series.pick(frame, state="running"))
    alive = series.total(frame).notna()
    return {"threads": series.mean(running.where(running.notna() | ~alive, 0.0))}


def _metadata(frame: pd.DataFrame | None) -> dict[str, Any]:
    if frame is None or "operation" not in frame.columns.names:
        return {}
    ours = [name not in DATA_OPERATIONS for name in frame.columns.get_level_values("operation")]
    # moments without an operation have no sample; taken as unknown, a short burst would look like a storm all the time
    both = series.total(frame.loc[:, ours]).fillna(0.0) if any(ours) else pd.Series(dtype=float)
    return {"metadata_ops": series.mean(both), "metadata_ops_peak": series.peak(both)}


def usage(run: Run, metrics: Mapping[str, object], life: tuple[int, int]) -> Usage:
    """Reads the frames "cores", "memory", "threads" and "lustre_ops" (shapes: see job_facts); `life` is the run's span."""
    if not run.started:
        return Usage()
    cores, memory = series.usable(metrics.get("cores")), series.usable(metrics.get("memory"))
    basis = next((frame for frame in (cores, memory, series.usable(metrics.get("gpu"))) if frame is not None), None)
    covered = 0.0 if basis is None else series.coverage(series.total(basis), *life, series.step_of(basis))
    return Usage(
        coverage=covered,
        **_cpu(cores),
        **_memory(memory, run.memory, life),
        **_threads(series.usable(metrics.get("threads"))),
        **_metadata(series.usable(metrics.get("lustre_ops"))),
    )
