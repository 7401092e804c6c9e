"""Metrics of many finished runs in few requests: runs of like length that ended near each other are asked together."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from core.errors import SourceBroken, SourceDown, TurtleError
from core.timerange import TimeRange
from core.units import DAY, HOUR
from core.viewer import Viewer
from datasources.prometheus import job_batches, job_batches_node, job_frames
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import fetch
from datasources.slurm.records import Run
from datasources.sources import Sources

T = TypeVar("T")
log = logging.getLogger("turtle.summarise")
LENGTHS = (HOUR, 6 * HOUR, DAY, 7 * DAY)  # runs of one class share a grid
MOST_RUNS = 40
MOST_PARTS = 120  # nodes and GPUs of a group: bounds the series of an answer
POINTS = 720
SHORTEST = 3  # a run shorter than so many scrapes has nothing that could be judged


class _Uncached:
    """Stands in for the cache: summaries are read once and would push out what people look at."""

    def get_or_make(self, key: tuple, ttl: float, make: Callable[[], T]) -> T:
        """The answer, made anew."""
        return make()


def _length_class(run: Run) -> int:
    return sum(run.elapsed > length for length in LENGTHS)


def groups(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs to be asked together: of one length class, with or without GPUs, at most 40 runs and 120 nodes and GPUs."""
    ordered = sorted(runs, key=lambda run: (_length_class(run), run.gpus > 0, run.end or 0))
    group: list[Run] = []
    for run in ordered:
        parts = sum(item.nodes + item.gpus for item in (*group, run))
        same = not group or (_length_class(group[0]), group[0].gpus > 0) == (_length_class(run), run.gpus > 0)
        # ids come back: one request cannot tell two runs of one id apart unless they are asked apart
        again = any(item.id_job == run.id_job for item in group)
        if group and (not same or again or len(group) >= MOST_RUNS or parts > MOST_PARTS):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _batches(sources: Sources, group: Sequence[Run]) -> dict[str, Batch]:
    settings = sources.settings
    return {
        "cores": job_batches.cpu(settings, per_core=False),
        "gauges": job_batches.gauges(settings, gpus=any(run.gpus for run in group)),
        "lustre": job_batches.lustre(settings),
        # a group has GPUs in all of its runs or in none
        "power": job_batches_node.power(settings, cores=not any(run.gpus for run in group)),
    }


def _part(frame: pd.DataFrame | TurtleError, run: Run, **wanted: Any) -> pd.DataFrame | None:
    if isinstance(frame, TurtleError) or run.start is None or run.end is None:
        return None
    found = job_frames.part(frame, **wanted)
    return None if found.columns.empty else job_frames.within(found, run.start, run.end)


def _summed(frame: pd.DataFrame | None, *levels: str) -> pd.DataFrame | None:
    return None if frame is None or frame.columns.empty else job_frames.summed(frame, *levels)


def _sizes(frame: pd.DataFrame | None) -> dict[str, int]:
    return (
        {} if frame is None else {str(column[0]): int(value) for column, value in frame.max().items() if value == value}
    )


def _of_run(found: Mapping[str, pd.DataFrame | TurtleError], run: Run) -> dict[str, object]:
    job = str(run.id_job)
    gauges, power = _part(found["gauges"], run, job=job), found["power"]

    def some(metrics: str | tuple[str, ...], *levels: str) -> pd.DataFrame | None:
        return None if gauges is None else _summed(job_frames.part(gauges, metric=metrics), *levels)

    def watts(what: str) -> pd.DataFrame | None:
        return _summed(_part(power, run, what=what, node=run.hosts), "node") if run.hosts else None

    gpu_metrics = tuple(job_batches.GPU)
    return {
        "cores": _summed(_part(found["cores"], run, job=job), "node"),
        "memory": some(tuple(job_batches.MEMORY), "metric", "node"),
        "threads": some(("slurm_job_threads_count",), "state", "node"),
        "gpu": some(gpu_metrics, "metric", "node", "gpu", "gpu_type") if run.gpus else None,
        "lustre_ops": _summed(_part(found["lustre"], run, job=job), "operation", "fs"),
        "power": watts("chassis"),
        "node_gpu_power": watts("gpu"),
        "node_gpus": _sizes(watts("gpus")),
        "node_cores": _sizes(watts("cores")),
    }


def metrics_of(sources: Sources, runs: Sequence[Run], *, viewer: Viewer) -> dict[int, dict[str, object]]:
    """{job_db_inx: frames as job_facts takes them} of finished runs; a run before retention or too short is left out.

    Four requests a group of runs. What Prometheus has nothing of, refuses or is too slow for is left out. Raises
    SourceDown or SourceBroken, so that an outage does not store runs without their metrics for good.
    """
    if sources.prometheus is None:
        return {}
    oldest = sources.prometheus.oldest() or 0
    scrape = sources.settings.exporter(job_batches.JOB).scrape_seconds
    usable = [run for run in runs if run.start and run.end and run.end > oldest and run.elapsed >= SHORTEST * scrape]
    plain = dataclasses.replace(sources, cache=_Uncached())
    found: dict[int, dict[str, object]] = {}
    for group in groups(usable):
        for run, frames in _of_group(plain, group, viewer):
            found[run.job_db_inx] = frames
    return found


def _plain(key: str, answer: pd.DataFrame | TurtleError, sources: Sources) -> pd.DataFrame | TurtleError:
    if not isinstance(answer, TurtleError):
        return job_frames.named(answer, sources.settings)
    if isinstance(answer, SourceDown | SourceBroken):
        raise answer
    log.warning("%s left out: %s", key, answer.detail or answer)
    return answer


def _of_group(sources: Sources, group: list[Run], viewer: Viewer) -> Iterator[tuple[Run, dict[str, object]]]:
    start, end = min(run.start for run in group), max(run.end for run in group)
    when = TimeRange(start=start, end=max(end, start + 1), now=int(sources.clock()), points=POINTS)
    hosts = tuple(dict.fromkeys(host for run in group for host in run.hosts))
    batches = _batches(sources, group)
    target = Target(jobs=tuple(run.id_job for run in group), hosts=hosts)
    answers = fetch(sources, batches.values(), target, when, viewer=viewer)
    found = {key: _plain(key, answers[batch.key], sources) for key, batch in batches.items()}
    for run in group:
        yield run, _of_run(found, run)
