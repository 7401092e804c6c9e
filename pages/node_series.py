"""What jobs and hardware of a node used over time: the figures of its page, folded for the viewer."""

from __future__ import annotations

from typing import Any

import pandas as pd

from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import job_batches_node, job_frames, node_batches, node_frames
from datasources.sources import Sources
from pages import node_query
from pages.node_query import ask, gpu_gauges, tried

MANY_JOBS = 250  # from so many on, what jobs used is asked by person
UNITS = {
    "cores": "cores", "modes": "hardware threads", "memory": "bytes", "kinds": "bytes", "space": "bytes", "disk_operations": "1/s",
    "disk_bandwidth": "bytes/s", "ethernet": "bytes/s", "infiniband": "bytes/s", "power": "W", "gpu_use": "%", "gpu_units": "%",
    "gpu_memory": "bytes", "gpu_power": "W",
}  # fmt: skip


def _many(known: Any) -> bool:
    return isinstance(known, pd.DataFrame) and len(known) + known.attrs.get("others", 0) > MANY_JOBS


def _by_job(viewer: Viewer, frame: Any, known: Any) -> Any:
    """Folded for the viewer, with what jobs were given; attrs["ids"]: how Slurm writes the jobs' ids, by raw id."""
    if isinstance(frame, TurtleError):
        return frame
    given = frame.columns.get_level_values("job") == "allocated"
    busy = frame.loc[:, ~given]
    busy.attrs = dict(frame.attrs)
    found = node_frames.folded(busy, viewer)
    attrs = found.attrs
    if given.any():
        column = pd.DataFrame(frame.loc[:, given].to_numpy().sum(axis=1, keepdims=True), index=frame.index)
        column.columns = pd.MultiIndex.from_tuples([("", "", "allocated")], names=found.columns.names)
        found = pd.concat([found, column], axis=1)
    ids = dict(zip(known["id_job"].astype(str), known["job_id"], strict=True)) if isinstance(known, pd.DataFrame) else {}
    found.attrs = attrs | {"ids": ids}
    return found


def cpu(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`cores`: levels user, account, job (folded; job "allocated": cores given to jobs). `modes`: level mode, and `all`."""
    settings, known = sources.settings, tried(lambda: node_query.jobs(sources, viewer, subject, when))
    batches = (node_batches.by_job(settings, "cores", people=_many(known)), node_batches.modes(settings))
    found = ask(sources, viewer, subject, batches, when)
    cores, modes = (_rates(found[batch.key], level, whole) for batch, level, whole in zip(batches, ("job", "mode"), ("allocated", "all"), strict=True))
    return _said({"cores": _by_job(viewer, cores, known), "modes": modes})


def _rates(frame: Any, level: str, whole: str) -> Any:
    """The frame; an error where the counters are there, as what is counted of them tells, but no rate could be made of them."""
    if isinstance(frame, TurtleError) or set(frame.columns.get_level_values(level)) != {whole}:
        return frame
    return NoData(Why.SPARSE, level)


def memory(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`memory`: levels user, account, job (folded; bytes). `kinds`: level metric (node_memory_*; bytes)."""
    settings, known = sources.settings, tried(lambda: node_query.jobs(sources, viewer, subject, when))
    batches = (node_batches.by_job(settings, "memory", people=_many(known)), node_batches.kernel_memory(settings))
    found = ask(sources, viewer, subject, batches, when)
    return _said({"memory": _by_job(viewer, found[batches[0].key], known), "kinds": found[batches[1].key]})


def gpu(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`gpu_use`, `gpu_occupancy`, `gpu_tensor` (%), `gpu_memory`, `gpu_size` (bytes), `gpu_power` (W): levels gpu, gpu_type."""
    frame = gpu_gauges(sources, viewer, subject, when)
    metrics = {
        "gpu_use": "utilization_gpu", "gpu_occupancy": "sm_occupancy_gpu", "gpu_tensor": "tensor_gpu",
        "gpu_memory": "memory_usage_gpu", "gpu_size": "memory_total_gpu",
    }  # fmt: skip
    if isinstance(frame, TurtleError):
        return {name: frame for name in (*metrics, "gpu_power")}
    found: dict[str, Any] = {}
    for name, metric in metrics.items():
        part = job_frames.part(frame, metric=f"slurm_job_{metric}")
        found[name] = NoData(Why.NO_DATA, metric) if part.columns.empty else node_frames.gpus_of(part, viewer)
    return _said(found | {"gpu_power": _gpu_power(frame, viewer)})


def _gpu_power(frame: pd.DataFrame, viewer: Viewer) -> Any:
    """Watts of each GPU: for staff of every card, for others as their jobs held them: a card's power is the use of whoever holds it."""
    cards = job_frames.part(frame, metric="nvidia_gpu_power_usage_milliwatts")
    drawn = job_frames.part(frame, metric="slurm_job_power_gpu")
    if viewer.is_staff and not cards.columns.empty:
        found = job_frames.summed(cards, "gpu", "gpu_type")
    elif drawn.columns.empty:
        return NoData(Why.NO_DATA, "power_gpu")
    else:
        found = node_frames.gpus_of(drawn, viewer)
    watts = found / 1000  # the exporters count milliwatts
    watts.attrs = dict(found.attrs)
    return watts


def disk(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`space`: levels what (size, avail), mountpoint. `disk_operations`, `disk_bandwidth`: levels what, node, device."""
    settings = sources.settings
    moved, room = job_batches_node.disk(settings, many=False)[0], node_batches.space(settings)
    found = ask(sources, viewer, subject, (moved, room), when)
    parts = {name: _some(found[moved.key], what) for name, what in (("disk_operations", ("reads", "writes")), ("disk_bandwidth", ("read_bytes", "written_bytes")))}
    return _said({"space": found[room.key], **parts})


def network(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`ethernet`, `infiniband`: bytes a second, levels what, node, device."""
    batch = job_batches_node.network(sources.settings, many=False)[0]
    frame = ask(sources, viewer, subject, (batch,), when)[batch.key]
    return _said({name: _some(frame, (f"{kind}_in", f"{kind}_out")) for name, kind in (("ethernet", "eth"), ("infiniband", "ib"))})


def power(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`power`: watts, levels what (chassis, gpu), node."""
    batch = job_batches_node.power(sources.settings, cores=False)
    return _said({"power": _some(ask(sources, viewer, subject, (batch,), when)[batch.key], ("chassis", "gpu"))})


def _some(frame: Any, what: tuple[str, ...]) -> Any:
    if isinstance(frame, TurtleError):
        return frame
    found = job_frames.part(frame, what=what)
    return NoData(Why.NO_DATA, what[0]) if found.columns.empty else found


def _said(frames: dict[str, Any]) -> Frames:
    return job_frames.with_units(frames, UNITS)
