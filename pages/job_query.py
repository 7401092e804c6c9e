"""What the sections of a job's page read: the run first, together with its owner, then its metrics and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from analysis.energy import gpu_share, job_power
from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.subjects import JobSubject, parse_job
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import job_batches, job_batches_node, job_frames, job_metrics
from datasources.slurm import detail
from datasources.slurm.jobs import array_of, runs
from datasources.slurm.records import Run
from datasources.sources import Sources

T = TypeVar("T")
KEPT = 15  # seconds a job's rows are shared by the sections of its page
KEPT_ENDED = 120
# What the numbers of a frame are, for the heads of CSV files; processes and instructions per cycle are plain numbers
UNITS = {
    "cores": "cores", "memory": "bytes", "executables": "cores", "metadata": "1/s", "bandwidth": "bytes/s",
    "utilization_gpu": "%", "utilization_gpu_memory": "%", "pipes": "%", "power_gpu": "W", "memory_usage_gpu": "bytes",
    "pcie_gpu": "bytes/s", "nvlink_gpu": "bytes/s", "infiniband": "bytes/s", "ethernet": "bytes/s", "disk_bandwidth": "bytes/s",
    "disk_operations": "1/s", "disk_space": "bytes", "dram": "bytes/s", "links": "bytes/s", "l2": "share", "l3": "share",
    "own": "W", "chassis": "W",
}


@dataclass(frozen=True, kw_only=True)
class JobView(JobSubject):
    """A job as its page shows it: `node`: whose cores are looked at; `after`, `state`: which of an array's tasks are listed."""

    node: str = ""
    after: int = -1
    state: str = ""


def subject_of(params: Mapping[str, str]) -> JobView:
    """The subject of /job/<id>?submit=&node=&after=; raises BadInput for what is no job id."""
    job = parse_job(params.get("job", ""), params.get("submit"))
    after = params.get("after", "")
    return JobView(
        id=job.id, job=job.job, task=job.task, component=job.component, submit=job.submit, node=params.get("node", "")[:64],
        after=int(after) if after.isdigit() and len(after) < 10 else -1, state=params.get("state", "").upper()[:32],
    )


def shared(sources: Sources, viewer: Viewer, subject: JobSubject, name: str, make: Callable[[], T], ttl: float = KEPT) -> T:
    """What make() reads, read once for all sections of a page; never shared between people."""
    key = ("job", name, viewer.scope, subject.id, subject.submit)
    return sources.cache.get_or_make(key, ttl, make)


def the_runs(sources: Sources, viewer: Viewer, subject: JobSubject) -> list[Run]:
    """All runs of the job, oldest first; raises NotFound for what is not there or not the viewer's."""
    return shared(sources, viewer, subject, "runs", lambda: runs(sources, viewer=viewer, subject=subject))


def the_run(sources: Sources, viewer: Viewer, subject: JobSubject) -> Run:
    """The run shown: the one submitted at `submit`, else the last."""
    found = the_runs(sources, viewer, subject)
    return next((run for run in found if run.submit == subject.submit), found[-1])


def is_array(sources: Sources, viewer: Viewer, subject: JobSubject) -> bool:
    """True if the subject means an array as a whole."""
    return array_of(the_runs(sources, viewer, subject), subject) is not None


def kept(run: Run) -> float:
    """Seconds a run's rows may be shared."""
    return KEPT_ENDED if run.finished else KEPT


def steps_of(sources: Sources, viewer: Viewer, subject: JobSubject, run: Run) -> pd.DataFrame:
    """The run's steps (columns as in datasources.slurm.detail.steps), read once a page."""
    name = f"steps {run.job_db_inx}"
    return shared(sources, viewer, subject, name, lambda: detail.steps(sources, viewer=viewer, run=run), kept(run))


def script_of(sources: Sources, viewer: Viewer, subject: JobSubject, run: Run) -> str | None:
    """The stored job script, None if there is none; read once a page. Source errors are raised."""

    def read() -> str | None:
        try:
            return detail.script(sources, viewer=viewer, run=run)
        except NoData:
            return None

    return shared(sources, viewer, subject, f"script {run.job_db_inx}", read, kept(run))


def _said(frames: dict[str, Any]) -> Frames:
    return job_frames.with_units(frames, UNITS)


def _node(run: Run, subject: JobSubject) -> str:
    """The node chosen in the address, if the run has such a node."""
    node = getattr(subject, "node", "")
    return node if node in run.hosts else ""


def cpu(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames: cores (levels job, node and perhaps core; busy cores), run."""
    run = the_run(sources, viewer, subject)
    return _said({"run": run, "cores": job_metrics.cores(sources, run, when, viewer=viewer, node=_node(run, subject))})


def memory(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames: memory (levels metric, node; bytes), run."""
    run = the_run(sources, viewer, subject)
    why = job_metrics.absent(sources, run, when)
    found = job_metrics.apart(job_metrics.gauges(sources, run, when, viewer=viewer), why, metric=job_batches.MEMORY)
    return _said({"run": run, "memory": _summed(found, "metric", "node")})


def _summed(frame: pd.DataFrame | TurtleError, *levels: str) -> pd.DataFrame | TurtleError:
    return frame if isinstance(frame, TurtleError) else job_frames.summed(frame, *levels)


def processes(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames: processes (levels metric, state), executables (levels exe; busy cores), run."""
    run = the_run(sources, viewer, subject)
    gauges = job_batches.gauges(sources.settings, gpus=run.gpus > 0)
    programs = job_batches.executables(sources.settings)
    found = job_metrics.read(sources, run, (gauges, programs), when, viewer=viewer)
    why = job_metrics.absent(sources, run, when)
    threads = job_metrics.apart(found[gauges.key], why, metric=job_batches.PROCESSES)
    return _said({"run": run, "processes": _summed(threads, "metric", "state"), "executables": _summed(found[programs.key], "exe")})


def files(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames: metadata (levels fs, operation; 1/s), bandwidth (levels fs, operation; bytes/s), run."""
    run = the_run(sources, viewer, subject)
    batch = job_batches.lustre(sources.settings)
    found = _summed(job_metrics.read(sources, run, (batch,), when, viewer=viewer)[batch.key], "fs", "operation")
    return _said({"run": run, **_lustre_parts(found)})


def _lustre_parts(found: pd.DataFrame | TurtleError) -> dict[str, Any]:
    if isinstance(found, TurtleError):
        return {"metadata": found, "bandwidth": found}
    data = found.columns.get_level_values("operation").isin(["read_bytes", "write_bytes"])
    busy = found.fillna(0).to_numpy().any(axis=0)
    parts = {"metadata": found.loc[:, ~data & busy], "bandwidth": found.loc[:, data]}
    for part in parts.values():
        part.attrs = dict(found.attrs)
    return {name: part if part.shape[1] else NoData(Why.NO_DATA, "lustre") for name, part in parts.items()}


def gpu(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames by gauge (levels metric, node, gpu, gpu_type, direction; percent, bytes, W, bytes/s), pipes, run."""
    run = the_run(sources, viewer, subject)
    why = job_metrics.absent(sources, run, when)
    found = job_metrics.gpu_columns(job_metrics.gauges(sources, run, when, viewer=viewer), why)
    names = ("utilization_gpu", "utilization_gpu_memory", "power_gpu", "pcie_gpu", "nvlink_gpu")
    frames = {name: _apart(found, why, f"slurm_job_{name}") for name in names}
    frames["memory_usage_gpu"] = _apart(found, why, "slurm_job_memory_usage_gpu", "slurm_job_memory_total_gpu")
    frames["pipes"] = _apart(found, why, *(f"slurm_job_{name}_gpu" for name in ("sm_occupancy", "tensor", "fp64", "fp32", "fp16")))
    if isinstance(watts := frames["power_gpu"], pd.DataFrame):
        frames["power_gpu"] = job_frames.scaled(watts, 1 / 1000)
    return _said({"run": run, **frames})


def _apart(found: pd.DataFrame | TurtleError, why: job_metrics.Absent, *metrics: str) -> pd.DataFrame | TurtleError:
    """Columns of some metrics, with the level kept."""
    return job_metrics.apart(found, why, metric=metrics)


def _what(found: pd.DataFrame | TurtleError, why: job_metrics.Absent, *what: str) -> pd.DataFrame | TurtleError:
    """Columns of some counters of the nodes, with the level kept."""
    return job_metrics.apart(found, why, tuple(job_batches_node.METRIC_OF[one] for one in what), what=what)


def _many(run: Run) -> bool:
    return len(run.hosts) > 1


def _joined(found: Mapping[str, Any], keys: list[str]) -> pd.DataFrame | TurtleError:
    """Answers of several batches as one frame; the first error if none has a column."""
    frames = [found[key] for key in keys if isinstance(found[key], pd.DataFrame)]
    if not frames:
        return found[keys[0]]
    both = pd.concat(frames, axis=1) if len(frames) > 1 else frames[0]
    both.attrs = dict(frames[0].attrs)
    return both


def network(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames: infiniband, ethernet (levels what, node and perhaps device; bytes/s), run."""
    run = the_run(sources, viewer, subject)
    batches = job_batches_node.network(sources.settings, many=_many(run))
    found = _joined(job_metrics.read(sources, run, batches, when, viewer=viewer), [batch.key for batch in batches])
    why = job_metrics.absent(sources, run, when, job_batches_node.NODE)
    return _said({"run": run, "infiniband": _what(found, why, "ib_in", "ib_out"), "ethernet": _what(found, why, "eth_in", "eth_out")})


def disk(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames: disk_bandwidth, disk_operations (levels what, node, perhaps device), disk_space (levels what, node, device), run."""
    run = the_run(sources, viewer, subject)
    batches = job_batches_node.disk(sources.settings, many=_many(run))
    space = job_batches_node.disk_used(sources.settings)
    answers = job_metrics.read(sources, run, (*batches, space), when, viewer=viewer)
    found, why = _joined(answers, [batch.key for batch in batches]), job_metrics.absent(sources, run, when, job_batches_node.NODE)
    return _said({
        "run": run,
        "disk_bandwidth": _what(found, why, "read_bytes", "written_bytes"),
        "disk_operations": _what(found, why, "reads", "writes"),
        "disk_space": answers[space.key],
    })


def counters(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames: dram, links (levels what, node, socket; bytes/s), l2, l3 (shares), ipc (1) by node and perhaps core; run.

    Cores are the job's own, found through OS_ID; jobs on several nodes or on more than 40 cores get whole nodes.
    """
    run, settings = the_run(sources, viewer, subject), sources.settings
    single = not _many(run) and job_metrics.by_core(run, settings)
    memory_batch = job_batches_node.memory_bandwidth(settings)
    caches, cycles = job_batches_node.counters(settings, by_core=single, many=_many(run))
    numbers, own = job_batches_node.core_map(settings), job_batches.cpu(settings, per_core=True)
    batches = (memory_batch, *caches, *cycles, *((numbers, own) if single else ()))
    answers = job_metrics.read(sources, run, batches, when, viewer=viewer)
    cache_frame, cycle_frame = (_joined(answers, [batch.key for batch in group]) for group in (caches, cycles))
    if single:
        cache_frame, cycle_frame = (
            _own_cores(frame, answers[numbers.key], answers[own.key], sources) for frame in (cache_frame, cycle_frame)
        )
    why, memory_frame = job_metrics.absent(sources, run, when, job_batches_node.PCM), answers[memory_batch.key]
    return _said({
        "run": run,
        "dram": _what(memory_frame, why, "dram_read", "dram_write"),
        "links": _what(memory_frame, why, "link_0", "link_1", "link_2"),
        "l2": _ratio(cache_frame, why, "l2_hit", "l2_miss", both=True),
        "l3": _ratio(cache_frame, why, "l3_hit", "l3_miss", both=True),
        "ipc": _ratio(cycle_frame, why, "instructions", "cycles"),
    })


def _own_cores(frame: Any, numbers: Any, own: Any, sources: Sources) -> Any:
    errors = [answer for answer in (frame, numbers, own) if isinstance(answer, TurtleError)]
    if errors:
        return errors[0]
    cores = {(str(node), str(core)) for node, core in zip(*(own.columns.get_level_values(name) for name in ("node", "core")), strict=True)}
    return job_frames.by_os_core(frame, job_frames.os_cores(numbers, sources.settings), cores)


def _ratio(frame: Any, why: job_metrics.Absent, top: str, other: str, *, both: bool = False) -> Any:
    """top ÷ other, or top ÷ (top + other)."""
    over, under = (job_metrics.apart(frame, why, (job_batches_node.METRIC_OF[one],), what=one) for one in (top, other))
    for part in (over, under):
        if isinstance(part, TurtleError):
            return part
    return job_frames.ratio(over, over + under.reindex(columns=over.columns) if both else under)


def power(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames: own (levels node; W of the job), chassis (levels node; W of the whole node), run."""
    run = the_run(sources, viewer, subject)
    found = job_metrics.for_facts(sources, run, when, viewer=viewer)
    return _said({"run": run, "chassis": found["power"], "own": own_power(run, found)})


def own_power(run: Run, found: Mapping[str, Any]) -> pd.DataFrame | TurtleError:
    """The job's own watts by node (analysis.energy.job_power) as a wide frame; why there is none."""
    if isinstance(found["power"], TurtleError):
        return found["power"]
    gpus: dict[str, float] = {}
    if isinstance(found["gpu"], pd.DataFrame):
        levels = (found["gpu"].columns.get_level_values(name) for name in ("node", "gpu", "gpu_type"))
        for node, gpu, kind in sorted(set(zip(*levels, strict=True))):
            gpus[node] = gpus.get(node, 0.0) + gpu_share(str(gpu), str(kind))  # a slice is a part of a card
    cores = core_counts(run, found["cores"])
    watts = job_power(found, cores, found["node_cores"], gpus, found["node_gpus"], run.whole_node)
    if watts.empty:
        return NoData(Why.NO_DATA, "power")
    watts.columns = pd.MultiIndex.from_arrays([[str(node) for node in watts.columns]], names=["node"])
    watts.attrs = dict(found["power"].attrs)
    return watts


def core_counts(run: Run, cores: pd.DataFrame | TurtleError) -> dict[str, float]:
    """The job's cores on each node: counted where they were measured one by one, else spread evenly."""
    if isinstance(cores, pd.DataFrame) and "core" in cores.columns.names:
        nodes = cores.columns.get_level_values("node")
        return {str(node): float((nodes == node).sum()) for node in dict.fromkeys(nodes)}
    return {host: run.cores / max(len(run.hosts), 1) for host in run.hosts}
