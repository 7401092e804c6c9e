"""The metrics of one run as named frames, ready for charts and conclusions: what to ask, and what an empty answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from core.errors import NoData, TurtleError, Why
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import job_batches, job_batches_node, job_frames
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.job_batches import MAX_SERIES
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm.hosts import hosts
from datasources.slurm.records import Run
from datasources.sources import Sources

Answers = dict[str, "pd.DataFrame | TurtleError"]
STANDS_FOR = {job_batches.JOB: "slurm_job_core_usage_total", job_batches_node.NODE: "node_cpu_seconds_total"}
LEVELFS_AFTER = 900  # seconds after the start in which the fair share at the start is looked for


def target_of(run: Run) -> Target:
    """The run's own series and those of its nodes: one target for all of a page, so that its sections share answers."""
    return Target(jobs=(run.id_job,), hosts=run.hosts)


def in_life(run: Run, when: TimeRange) -> TimeRange:
    """The part of a time range in which the run ran; a run that ended is asked no further than its end."""
    start, end = run.life(when.now)
    return when.clipped(start, end)


def on_v2(run: Run, settings: Settings) -> tuple[str, ...]:
    """Those of the run's nodes that are on cgroup v2, where a job's CPU time is not known by core."""
    return tuple(sorted(set(run.hosts) & set(hosts(settings.metrics.cgroup_v2_nodes))))


def by_core(run: Run, settings: Settings, node: str = "") -> bool:
    """True if cores are shown one by one: at most 40 of them or one node of many was chosen, and none on cgroup v2."""
    places = {node} if node else set(run.hosts)
    return (run.cores <= MAX_SERIES or bool(node)) and not places & set(on_v2(run, settings))


def read(
    sources: Sources, run: Run, batches: tuple[Batch, ...], when: TimeRange, *, viewer: Viewer, target: Target | None = None
) -> Answers:
    """The batches' frames by batch key, within the run and with plain level names; a TurtleError says why there is none.

    Rates are mended in the run's first window (job_frames.first_window); gauges and instant answers are as they are.
    """
    if not run.started:
        return {batch.key: NoData(Why.NOT_STARTED, batch.exporter) for batch in batches}
    target, span = target or target_of(run), in_life(run, when)
    found = fetch(sources, batches, target, span, viewer=viewer)
    answers: Answers = {}
    reasons: dict[str, Why] = {}  # one question an exporter: what lacks one of its metrics mostly lacks them all
    for batch in batches:
        frame = found[batch.key]
        if isinstance(frame, pd.DataFrame) and not frame.empty and not batch.instant:
            frame = _tidied(frame, batch, run, span, sources)
        # empty also where the only samples were taken before the run began or after its end
        if isinstance(frame, pd.DataFrame) and (frame.empty or frame.columns.empty):
            if batch.exporter not in reasons:
                reasons[batch.exporter] = _reason(sources, batch, target, span, run)
            frame = NoData(reasons[batch.exporter], batch.exporter)
        answers[batch.key] = frame
    return answers


def _reason(sources: Sources, batch: Batch, target: Target, span: TimeRange, run: Run) -> Why:
    """Why an answer is empty; of the whole run "try a longer time range" would be no help."""
    why, life = reason_for_empty(sources, _sample(batch), target, span, run), run.life(span.now)
    return Why.NOT_HERE if why is Why.NO_DATA and (span.start, span.end) == life else why


def _sample(batch: Batch) -> Batch:
    """The batch with one metric that stands for its exporter: whether it was there is asked once, not for every metric."""
    return replace(batch, metrics=(STANDS_FOR.get(batch.exporter, batch.metrics[0]),), rules=())


def _tidied(frame: pd.DataFrame, batch: Batch, run: Run, when: TimeRange, sources: Sources) -> pd.DataFrame:
    start, end = run.life(when.now)
    plain = job_frames.within(job_frames.named(frame, sources.settings), start, end)
    if batch.key not in ("job_cpu_core", "job_cpu_node", "job_lustre", "job_executables"):
        return plain
    scrape = sources.settings.exporter(batch.exporter).scrape_seconds
    if batch.key == "job_executables":  # a slope is right in its first window too
        return plain
    return job_frames.first_window(plain, start, when.window(scrape), scrape)


Absent = Callable[[tuple[str, ...]], Why]


def absent(sources: Sources, run: Run, when: TimeRange, exporter: str = job_batches.JOB) -> Absent:
    """For apart(): why a run has none of some metrics. Asks what others have only when it is called; answers are remembered."""

    def why(metrics: tuple[str, ...]) -> Why:
        batch = Batch(key="absent", exporter=exporter, metrics=metrics, expr=lambda target, grid, site: "", levels=())
        # other metrics of the run were read, so neither its length nor the time range is a reason
        found = reason_for_empty(sources, batch, target_of(run), in_life(run, when), run)
        return Why.METRIC_ABSENT if found is Why.METRIC_ABSENT else Why.NOT_HERE

    return why


def apart(
    frame: pd.DataFrame | TurtleError, why: Absent | None = None, metrics: tuple[str, ...] = (), **wanted: str | tuple[str, ...]
) -> pd.DataFrame | TurtleError:
    """Part of an answer (job_frames.part); an error stays the error, no such column is NoData.

    NOT_HERE: others have these figures. `why` (see absent) also tells METRIC_ABSENT, which nobody has; it is asked about
    `metrics`, or about the `metric` wanted.
    """
    if isinstance(frame, TurtleError):
        return frame
    found = job_frames.part(frame, **wanted)
    if not found.columns.empty:
        return found
    first = next((value if isinstance(value, str) else value[0] for value in wanted.values()), "")
    named = wanted.get("metric", ())
    names = metrics or ((named,) if isinstance(named, str) else named)
    return NoData(why(names) if why is not None and names else Why.NOT_HERE, names[0] if names else first)


def gauges(sources: Sources, run: Run, when: TimeRange, *, viewer: Viewer) -> pd.DataFrame | TurtleError:
    """Memory, process and GPU gauges: levels metric, job, node, state (and gpu, gpu_type, direction of GPU jobs)."""
    batch = job_batches.gauges(sources.settings, gpus=run.gpus > 0)
    return read(sources, run, (batch,), when, viewer=viewer)[batch.key]


def cores(
    sources: Sources, run: Run, when: TimeRange, *, viewer: Viewer, node: str = ""
) -> pd.DataFrame | TurtleError:
    """Busy cores: levels job, node and, where by_core() says so, core."""
    batch = job_batches.cpu(sources.settings, per_core=by_core(run, sources.settings, node), at_hosts=bool(node))
    target = replace(target_of(run), hosts=(node,)) if node else None
    return read(sources, run, (batch,), when, viewer=viewer, target=target)[batch.key]


def gpu_columns(frame: pd.DataFrame | TurtleError, why: Absent | None = None) -> pd.DataFrame | TurtleError:
    """The GPU gauges of gauges(): levels metric, node, gpu, gpu_type, direction."""
    found = apart(frame, why, metric=job_batches.GPU)
    if isinstance(found, TurtleError):
        return found
    return job_frames.summed(found, "metric", "node", "gpu", "gpu_type", "direction")


def for_facts(sources: Sources, run: Run, when: TimeRange, *, viewer: Viewer) -> dict[str, object]:
    """The frames conclusions are drawn from, in four requests: cores, gauges, Lustre, power.

    Keys: cores (node, core), memory (metric, node), gpu (metric, node, gpu, gpu_type), threads (state, node), lustre_ops
    (operation, fs), power (node; W), node_gpu_power (node; W), node_gpus and node_cores (mappings node → count).
    """
    settings = sources.settings
    batches = (
        job_batches.cpu(settings, per_core=by_core(run, settings)), job_batches.gauges(settings, gpus=run.gpus > 0),
        job_batches.lustre(settings), job_batches_node.power(settings, cores=shares_cores(run)),
    )
    found = read(sources, run, batches, when, viewer=viewer)
    busy, all_gauges, lustre, watts = (found[batch.key] for batch in batches)
    return {
        "cores": busy,
        "memory": _summed(apart(all_gauges, metric=job_batches.MEMORY), "metric", "node"),
        "threads": _summed(apart(all_gauges, metric="slurm_job_threads_count"), "state", "node"),
        "gpu": _summed(gpu_columns(all_gauges), "metric", "node", "gpu", "gpu_type"),
        "lustre_ops": _summed(lustre, "operation", "fs"),
        **_power_parts(watts, absent(sources, run, when, job_batches_node.REDFISH), settings.metrics.chassis_power),
    }


def _summed(frame: pd.DataFrame | TurtleError, *levels: str) -> pd.DataFrame | TurtleError:
    return frame if isinstance(frame, TurtleError) else job_frames.summed(frame, *levels)


def _power_parts(answer: pd.DataFrame | TurtleError, why: Absent, chassis: str) -> dict[str, object]:
    return {
        "power": apart(answer, why, (chassis,), what="chassis"), "node_gpu_power": apart(answer, what="gpu"),
        "node_gpus": _sizes(apart(answer, what="gpus")), "node_cores": _sizes(apart(answer, what="cores")),
    }


def _sizes(counts: pd.DataFrame | TurtleError) -> Mapping[str, int]:
    if isinstance(counts, TurtleError):
        return {}
    return {str(column[0]): int(value) for column, value in counts.max().items() if value == value}


def shares_cores(run: Run) -> bool:
    """True for a CPU job that may have had neighbours on its node: its share of the node's power goes by cores."""
    return not run.gpus and not run.whole_node


def level_fs(sources: Sources, run: Run, when: TimeRange, *, viewer: Viewer) -> float | None:
    """LevelFS of the run's account at its start (now for a pending one); None where nothing is recorded."""
    batch = job_batches.levelfs(sources.settings)
    at = min(run.start + LEVELFS_AFTER, when.now) if run.start is not None else when.now
    moment = replace(when, start=at - LEVELFS_AFTER, end=at)
    answer = fetch(sources, (batch,), Target(accounts=(run.account,)), moment, viewer=viewer)[batch.key]
    if isinstance(answer, TurtleError) or answer.empty:
        return None
    return float(answer["value"].iloc[0])
