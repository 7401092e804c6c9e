"""A node over time: its cores and memory by job and by kind, GPUs, disks, network, power."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts import disk, network
from components.charts.common import gpu_name, many
from components.links import link
from components.needs import PLAIN, metrics, needs_of
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from core.gpus import model_of
from core.units import GIB
from datasources.prometheus import node_batches
from datasources.prometheus.job_batches_node import CARD_POWER, card_power
from datasources.prometheus.job_batches_node import power as node_power
from datasources.prometheus.job_frames import part
from datasources.prometheus.node_frames import OTHERS

MODES = {
    "user": N_("programs"), "nice": N_("low priority"), "system": N_("system"), "iowait": N_("waiting for disks"), "irq": N_("interrupts"),
    "softirq": N_("soft interrupts"), "steal": N_("taken by the host"), "guest": N_("virtual machines"),
}  # fmt: skip
KINDS = {
    "PageTables": N_("page tables"), "SwapCached": N_("swap cached"), "Slab": N_("slab"), "Cached": N_("file cache"), "Buffers": N_("buffers"),
    "HardwareCorrupted": N_("corrupted"),
}  # fmt: skip


def job_names(frame: pd.DataFrame, about: About) -> list[str]:
    """One name a column of levels user, account, job: the person (for staff) and the job's id; the rest is called what it is."""
    ids, names = frame.attrs.get("ids", {}), []
    for user, _account, job in frame.columns:
        if job == OTHERS:
            names.append(_("other jobs") if about.viewer.is_staff else _("jobs of others"))
        else:
            whose = str(user) if about.viewer.is_staff or not job else ""
            names.append(" ".join(text for text in (whose, str(ids.get(str(job), job))) if text))
    return names


def _stack(frame: pd.DataFrame, about: About, unit: str, top: float | None, allocated: pd.Series | None = None) -> Figure:
    step, traces = frame.attrs.get("step"), []
    for place, name in enumerate(job_names(frame, about)):
        job = str(frame.columns[place][-1])
        # a job that is not there holds nothing: a gap in one layer would tear those above it
        trace = graph.line(frame.iloc[:, place].fillna(0), name, "muted" if job == OTHERS else place, step=step)
        if job.isdigit() and about.settings.module_on("jobstats"):
            trace["meta"]["href"] = link(about.settings, f"/job/{job}")
        traces.append(trace)
    return graph.figure(traces, unit=unit, about=about, stacked=True, y_max=top, allocated=allocated, named_alone=True)


def cores_by_job(frame: pd.DataFrame, about: About) -> Figure:
    """Busy cores of each job on each other, with what jobs were given; the node's hardware threads as top."""
    given = part(frame, job="allocated")
    busy = frame.loc[:, frame.columns.get_level_values("job") != "allocated"]
    busy.attrs = dict(frame.attrs)
    modes = about.frames.get("modes")
    top = float(part(modes, mode="all").max().max()) if isinstance(modes, pd.DataFrame) and not part(modes, mode="all").columns.empty else None
    allocated = None if given.columns.empty else given.iloc[:, 0]
    if allocated is not None:
        allocated.attrs["step"] = frame.attrs.get("step")
    return _stack(busy, about, "", top, allocated)


def cores_by_mode(frame: pd.DataFrame, about: About) -> Figure:
    """Hardware threads by what they did, on each other; all of them as top."""
    whole = part(frame, mode="all")
    step = frame.attrs.get("step")
    traces = []
    for place, (mode, text) in enumerate(MODES.items()):
        found = part(frame, mode=mode)
        if not found.columns.empty and float(found.max().max()) > 0:
            traces.append(graph.line(found.iloc[:, 0], _(text), place, step=step))
    top = None if whole.columns.empty else float(whole.max().max())
    return graph.figure(traces, unit="", about=about, stacked=True, y_max=top, named_alone=True)


def memory_by_job(frame: pd.DataFrame, about: About) -> Figure:
    """Program memory of each job on each other; the node's memory as top."""
    kinds = about.frames.get("kinds")
    whole = part(kinds, metric="node_memory_MemTotal_bytes") if isinstance(kinds, pd.DataFrame) else None
    top = None if whole is None or whole.columns.empty else float(whole.max().max())
    return _stack(frame, about, "B", top)


def memory_by_kind(frame: pd.DataFrame, about: About) -> Figure:
    """What the kernel says the memory holds: programs are what is left when everything else is taken off."""
    step = frame.attrs.get("step")

    def kind(name: str) -> pd.Series | None:
        found = part(frame, metric=f"node_memory_{name}_bytes")
        return None if found.columns.empty else found.iloc[:, 0]

    whole, free = kind("MemTotal"), kind("MemFree")
    if whole is None:
        return graph.figure([], unit="B", about=about)
    rest = whole - (free if free is not None else 0)
    for name in ("Buffers", "Cached", "Slab", "PageTables", "SwapCached"):
        series = kind(name)
        rest = rest - (series.fillna(0) if series is not None else 0)
    traces = [graph.line(rest.clip(lower=0), _("programs"), 0, step=step)]
    for place, (name, text) in enumerate(KINDS.items(), start=1):
        series = kind(name)
        if series is not None and float(series.max()) > 0:
            traces.append(graph.line(series, _(text), place, step=step))
    return graph.figure(traces, unit="B", about=about, stacked=True, y_max=float(whole.max()), named_alone=True)


def space(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes used of each file system of the node itself; the size of the largest as top."""
    size, free = part(frame, what="size"), part(frame, what="avail")
    used = size - free.reindex(columns=size.columns)
    used.attrs = dict(frame.attrs)
    return many(used, about, "B", [str(column[0]) for column in used.columns], top=float(size.max().max()))


def _gpu_names(frame: pd.DataFrame, about: About) -> list[str]:
    return [
        _("GPUs of others, mean") if gpu == OTHERS else gpu_name(str(gpu), str(kind), about.settings)
        for gpu, kind in zip(frame.columns.get_level_values("gpu"), frame.columns.get_level_values("gpu_type"), strict=True)
    ]


def gpu_use(frame: pd.DataFrame, about: About) -> Figure:
    """Share of time each GPU computed."""
    use = frame / 100
    use.attrs = dict(frame.attrs)
    return many(use, about, "share", _gpu_names(frame, about), top=1)


def gpu_units(frame: pd.DataFrame, about: About) -> Figure:
    """Warps resident and tensor units in use, mean of the GPUs: how well those that were busy were used."""
    traces = []
    for place, (name, text) in enumerate((("gpu_occupancy", N_("warps resident")), ("gpu_tensor", N_("tensor units")))):
        found = about.frames.get(name)
        if isinstance(found, pd.DataFrame):
            traces.append(graph.line(found.mean(axis=1) / 100, _(text), place, step=found.attrs.get("step")))
    return graph.figure(traces, unit="share", about=about, y_max=1)


def gpu_memory(frame: pd.DataFrame, about: About) -> Figure:
    """Memory held on each GPU; the size of the largest as limit."""
    whole = about.frames.get("gpu_size")
    size = float(whole.max().max()) if isinstance(whole, pd.DataFrame) else 0.0
    if not size > 0:
        kinds = dict.fromkeys(map(str, frame.columns.get_level_values("gpu_type")))
        size = max((model_of(kind, about.settings.gpus).memory_gib * GIB for kind in kinds), default=0.0)
    return many(frame, about, "B", _gpu_names(frame, about), top=size or None, limit=size or None)


def gpu_power(frame: pd.DataFrame, about: About) -> Figure:
    """Watts of each card, with the idle power and the limit of the model where all are of one."""
    models = {model_of(str(kind), about.settings.gpus) for kind in frame.columns.get_level_values("gpu_type")}
    limits, idle = {model.watts for model in models if model.watts}, {model.idle_watts for model in models if model.idle_watts}
    limit = limits.pop() if len(limits) == 1 else None
    traces = graph.lines(frame, _gpu_names(frame, about))
    if len(idle) == 1 and traces:
        traces.append(graph.constant(idle.pop(), _("idle"), traces[0], role="muted", width=1.0))
    return graph.figure(traces, unit="W", about=about, y_max=limit, limit=limit)


def power(frame: pd.DataFrame, about: About) -> Figure:
    """Watts of the whole node as its controller measures it, and of its GPUs in that."""
    step = frame.attrs.get("step")
    names = {"chassis": (_("whole node"), "used"), "gpu": (_("of that its GPUs"), "s2")}
    traces = []
    for what, (text, colour) in names.items():
        found = part(frame, what=what)
        if not found.columns.empty:
            traces.append(graph.line(found.iloc[:, 0], text, colour, fill=what == "chassis", step=step))
    return graph.figure(traces, unit="W", about=about, named_alone=True)


def others(frame: pd.DataFrame, about: About) -> Figure:
    """How many jobs of other people ran here: a number only."""
    return graph.figure([graph.line(frame.iloc[:, 0], _("jobs of others"), "muted", fill=True, steps=True)], unit="", about=about, named_alone=True)


NODE_NEEDS = (Need(kind="exporter", name="node_exporter"),)
CPU = (
    Panel(
        key="cores", title=N_("Cores by job"), unit=N_("cores busy"), frame="cores", figure=cores_by_job,
        needs=needs_of(node_batches.by_job(PLAIN, "cores")),
        help=N_("The cores each job kept busy, on each other; the top is all the node has. The dashed line is what jobs were given: the space "
                "below it that is not filled was held and not used."),
    ),
    Panel(
        key="modes", title=N_("Cores by mode"), unit=N_("hardware threads"), frame="modes", figure=cores_by_mode, scope="node",
        needs=needs_of(node_batches.modes(PLAIN)),
        help=N_("What the processors did as the system counts it, whoever asked for it. Much “system” or “waiting for disks” is time no job gets."),
    ),
)  # fmt: skip
MEMORY = (
    Panel(
        key="memory", title=N_("Memory by job"), unit=N_("program"), frame="memory", figure=memory_by_job,
        needs=needs_of(node_batches.by_job(PLAIN, "memory")),
        help=N_("The memory the programs of each job held, without file cache, on each other; the top is all the node has."),
    ),
    Panel(
        key="memory_kinds", title=N_("Memory by kind"), unit=N_("as the kernel counts it"), frame="kinds", figure=memory_by_kind, scope="node",
        needs=needs_of(node_batches.kernel_memory(PLAIN)),
        help=N_("Programs are what is left of the node's memory without what is free, cached or the kernel's own. The file cache is given back "
                "when programs need it."),
    ),
)  # fmt: skip
GPU = (
    Panel(
        key="gpu_use", title=N_("GPU compute"), unit=N_("% of time busy, each GPU"), frame="gpu_use", figure=gpu_use,
        needs=metrics("slurm_job_utilization_gpu"),
        help=N_("Share of time in which each GPU computed anything. A GPU without a line was given to no job then."),
    ),
    Panel(
        key="gpu_power", title=N_("GPU power"), unit=N_("each card"), frame="gpu_power", figure=gpu_power,
        needs=metrics("slurm_job_power_gpu", CARD_POWER),
        help=N_("How hard the cards work, idle ones too. Near the idle line nothing happens; a well used card is close to its limit."),
    ),
    Panel(
        key="gpu_memory", title=N_("GPU memory"), unit=N_("each GPU"), frame="gpu_memory", figure=gpu_memory,
        needs=metrics("slurm_job_memory_usage_gpu", "slurm_job_memory_total_gpu"), help=N_("Memory jobs held on each GPU, and its size."),
    ),
    Panel(
        key="gpu_units", title=N_("GPU units"), unit=N_("% of time active, mean of the GPUs"), frame="gpu_use", figure=gpu_units,
        needs=metrics("slurm_job_sm_occupancy_gpu", "slurm_job_tensor_gpu"),
        help=N_("How well the GPUs that were busy were used: few resident warps means small kernels, tensor units do mixed precision matrix work."),
    ),
)  # fmt: skip
DISK = (
    disk.PANELS[0], disk.PANELS[1],
    Panel(
        key="space", title=N_("Local disk space"), unit=N_("used, each file system"), frame="space", figure=space, scope="node",
        needs=(*NODE_NEEDS, *needs_of(node_batches.space(PLAIN))),
        help=N_("How full the node's own file systems were; a full one makes jobs fail."),
    ),
)  # fmt: skip
NETWORK = network.PANELS
POWER = (
    Panel(
        key="power", title=N_("Power of the node"), unit=N_("whole node"), frame="power", figure=power, scope="node",
        needs=(Need(kind="exporter", name="redfish_exporter"), *needs_of(node_power(PLAIN, cores=False), card_power(PLAIN))),
        help=N_("What the node drew in all as its own controller measures it, and its GPUs' part of it."),
    ),
)  # fmt: skip
