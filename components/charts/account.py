"""Charts of an account by member, by GPU model and by program: stacked, the largest ones by name and the others together."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.energy import gpu_share
from components import graph
from components.needs import PLAIN, needs_of, rules
from components.records import About, Figure, Panel
from components.text import N_, _
from core.gpus import GpuModel, model_of
from datasources.prometheus import account_batches
from datasources.prometheus.account_frames import ranked, top_and_others
from datasources.prometheus.job_batches_user import LUSTRE_RULES as RULES
from datasources.prometheus.job_frames import part, summed

NAMED = 7  # with a colour of their own; the eighth is "others"


def _traces(frame: pd.DataFrame, names: list[str], *, down: bool = False) -> list[dict[str, Any]]:
    """Named series in the order and colours of `names`, then the others; series that are always 0 have no place in the legend."""
    step = frame.attrs.get("step")
    chosen, others = top_and_others(frame, names[:NAMED])
    found = []
    for place, name in enumerate(names[:NAMED]):
        series = chosen.get(name)
        if series is not None and (series.fillna(0) > 0).any():
            found.append(graph.line(series, name, place, step=step, down=down))
    if others is not None and (others.fillna(0) > 0).any():
        found.append(graph.line(others, _("others"), role="muted", step=step, down=down))
    if not found and frame.shape[1]:
        found.append(graph.line(frame.sum(axis=1, min_count=1), _("all"), 0, step=step, down=down))
    return found


def _members(frame: pd.DataFrame, about: About, unit: str) -> Figure:
    # one order for all charts of the section: a member keeps the colour, and who wastes most is among those named
    names = ranked(about.frames.get(key) for key in ("allocated", "wasted"))
    return graph.figure(_traces(frame, names), unit=unit, about=about, stacked=True, named_alone=True)


def cores(frame: pd.DataFrame, about: About) -> Figure:
    """Cores by member."""
    return _members(frame, about, "")


def memory(frame: pd.DataFrame, about: About) -> Figure:
    """Memory by member."""
    return _members(frame, about, "B")


def programs(frame: pd.DataFrame, about: About) -> Figure:
    """Busy cores by program."""
    return graph.figure(_traces(frame, ranked((frame,))), unit="", about=about, stacked=True, named_alone=True)


def _models(frame: pd.DataFrame, about: About) -> list[tuple[str, GpuModel]]:
    types = [str(name) for name in frame.columns.get_level_values("gpu_type")]
    return [(name, model_of(name, about.settings.gpus)) for name in types]


def models(frame: pd.DataFrame, about: About) -> Figure:
    """GPUs computing by model, below what is allocated."""
    used = summed(part(frame, what="used_model"), "gpu_type")
    shown = used.copy()
    shown.columns = pd.MultiIndex.from_arrays([[model.name for _type, model in _models(used, about)]], names=["model"])
    held = about.frames.get("allocated")
    top = None
    if isinstance(held, pd.DataFrame) and not held.columns.empty:
        top = held.sum(axis=1, min_count=1)
        top.attrs = dict(frame.attrs)
    return graph.figure(_traces(shown, ranked((shown,))), unit="", about=about, stacked=True, allocated=top, named_alone=True)


def power(frame: pd.DataFrame, about: About) -> Figure:
    """Watts by model; what they would draw at their limit and idle, where every model's are known.

    Every slice of a cut GPU is exported with its whole card's power: it counts by its part of the card, and so do its limits.
    """
    watts, count = (summed(part(frame, what=what), "gpu_type") for what in ("watts", "count"))
    known = _models(watts, about)
    shares = [gpu_share("", name) for name, _model in known]
    shown = watts * shares
    shown.columns = pd.MultiIndex.from_arrays([[model.name for _type, model in known]], names=["model"])
    shown.attrs = dict(frame.attrs)
    traces = _traces(shown, ranked((shown,)))
    if count.columns.empty or not all(model.watts for _type, model in known):
        return graph.figure(traces, unit="W", about=about, stacked=True, named_alone=True)
    held = count.reindex(columns=watts.columns).fillna(0).where(count.notna().any(axis=1), axis=0)
    lines = []
    for amount in ("watts", "idle_watts"):
        each = [getattr(model, amount) * share for (_type, model), share in zip(known, shares, strict=True)]
        line = (held * each).sum(axis=1, min_count=1)
        line.attrs = dict(frame.attrs)
        lines.append(line)
    full, idle = lines
    return graph.figure(
        traces, unit="W", about=about, stacked=True, limit=full, limit_name=_("all at their limit"), allocated=idle,
        allocated_name=_("all idle"), named_alone=True,
    )


def metadata(frame: pd.DataFrame, about: About) -> Figure:
    """Metadata operations a second by member."""
    names = ranked((frame,))
    return graph.figure(_traces(frame, names), unit="/s", about=about, stacked=True, named_alone=True)


def bandwidth(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second by member, what is written below zero."""
    read, written = (_users(part(frame, what=what)) for what in ("read_bytes", "write_bytes"))
    names = ranked((read, written))
    traces = []
    for way, one, word in (("in", read, _("read")), ("out", written, _("written"))):
        for trace in _traces(one, names, down=way == "out"):
            trace["legendgroup"] = trace["name"]
            trace["showlegend"] = trace["name"] not in {made["name"] for made in traces}
            trace["meta"]["say"] = word
            traces.append(trace)
    return graph.figure(traces, unit="B/s", about=about, mirrored=True, named_alone=True)


def _users(frame: pd.DataFrame) -> pd.DataFrame:
    return summed(frame, "user")


CORES = needs_of(account_batches.by_member(PLAIN, "cores"))
MEMORY = needs_of(account_batches.by_member(PLAIN, "memory"))
GPUS = needs_of(account_batches.gpus(PLAIN))
HELD = N_("What the running jobs of each member hold. Members have one colour in all charts of this section.")
USED_CORES = N_("Cores the jobs of each member keep busy.")
WASTED = N_("Allocated and not used, worked out for each member at each moment: nobody's surplus makes up for somebody else's waste.")
CPU_PANELS = (
    Panel(key="cpu_allocated", title=N_("Cores allocated"), unit=N_("cores, by member"), frame="allocated", figure=cores, needs=CORES, help=HELD),
    Panel(key="cpu_used", title=N_("Cores used"), unit=N_("cores, by member"), frame="used", figure=cores, needs=CORES, help=USED_CORES),
    Panel(key="cpu_wasted", title=N_("Cores wasted"), unit=N_("cores, by member"), frame="wasted", figure=cores, needs=CORES, help=WASTED, wide=True),
)
MEMORY_PANELS = (
    Panel(key="memory_allocated", title=N_("Memory allocated"), unit=N_("by member"), frame="allocated", figure=memory, needs=MEMORY, help=HELD),
    Panel(
        key="memory_used", title=N_("Memory used"), unit=N_("by member"), frame="used", figure=memory, needs=MEMORY,
        help=N_("Memory of the programs of each member's jobs, without the file cache."),
    ),
    Panel(key="memory_wasted", title=N_("Memory wasted"), unit=N_("by member"), frame="wasted", figure=memory, needs=MEMORY, help=WASTED, wide=True),
)
GPU_PANELS = (
    Panel(
        key="gpu_allocated", title=N_("GPUs allocated"), unit=N_("GPUs, by member"), frame="allocated", figure=cores, needs=GPUS,
        help=N_("GPUs, and slices of GPUs, that the running jobs of each member hold."),
    ),
    Panel(
        key="gpu_used", title=N_("GPUs used"), unit=N_("GPUs, by member"), frame="used", figure=cores, needs=GPUS,
        help=N_("GPUs that compute, each counted by the share of time in which it did."),
    ),
    Panel(key="gpu_wasted", title=N_("GPUs wasted"), unit=N_("GPUs, by member"), frame="wasted", figure=cores, needs=GPUS, help=WASTED),
    Panel(
        key="gpu_models", title=N_("GPUs used by model"), unit=N_("GPUs, of those allocated"), frame="gpus", figure=models, needs=GPUS,
        help=N_("The GPUs that compute, by model. The dashed line is what is allocated, all models together."),
    ),
    Panel(
        key="gpu_power", title=N_("GPU power"), unit=N_("by model"), frame="gpus", figure=power, needs=GPUS,
        help=N_("Power of the GPUs held. The lines, as far back as single GPUs are known, are what all of them would draw idle and at their models' limits."),
    ),
)
PROGRAM_PANELS = (
    Panel(
        key="programs", title=N_("Programs"), unit=N_("busy cores"), frame="programs", figure=programs, wide=True,
        needs=needs_of(account_batches.programs(PLAIN)),
        help=N_("Cores each program keeps busy, by the name of its file. Programs that ran for less than a minute of CPU time are not seen."),
    ),
)
FILE_PANELS = (
    Panel(
        key="file_operations", title=N_("File operations"), unit=N_("a second, by member"), frame="operations", figure=metadata,
        needs=rules(RULES["operations"]), help=N_("Opening, closing, looking up and deleting files on the parallel file systems."),
    ),
    Panel(
        key="file_bandwidth", title=N_("Bandwidth"), unit=N_("read up, written down, by member"), frame="bandwidth", figure=bandwidth,
        needs=rules(RULES["read_bytes"], RULES["write_bytes"]), help=N_("What the jobs of each member read from and wrote to the parallel file systems."),
    ),
)
