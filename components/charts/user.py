"""A person's use over time: cores, memory, GPUs, file systems, GPU power."""

from __future__ import annotations

import pandas as pd

from analysis.energy import gpu_share
from components import graph
from components.charts import lustre
from components.charts.common import total
from components.needs import PLAIN, needs_of, rules
from components.records import About, Figure, Panel
from components.text import N_, _
from core.gpus import model_of
from datasources.prometheus import job_batches_user
from datasources.prometheus.job_batches_user import LUSTRE_RULES as RULES
from datasources.prometheus.job_frames import part


def _use(frame: pd.DataFrame, about: About, unit: str, *, peak: bool = False) -> Figure:
    allocated, used = part(frame, what="allocated"), part(frame, what="used")
    traces = [graph.line(total(used), _("used"), role="used", fill=True, step=frame.attrs.get("step"))]
    highest = part(frame, what="peak")
    if peak and not highest.columns.empty:
        traces.append(graph.line(total(highest), _("highest of each job"), 2, step=frame.attrs.get("step")))
    top = None if allocated.columns.empty else total(allocated)
    return graph.figure(traces, unit=unit, about=about, allocated=top)


def cores(frame: pd.DataFrame, about: About) -> Figure:
    """Cores in use of those allocated."""
    return _use(frame, about, "")


def memory(frame: pd.DataFrame, about: About) -> Figure:
    """Memory in use and each job's highest so far, of what is allocated."""
    return _use(frame, about, "B", peak=True)


def gpus(frame: pd.DataFrame, about: About) -> Figure:
    """GPUs in use of those allocated."""
    return _use(frame, about, "")


def gpu_power(frame: pd.DataFrame, about: About) -> Figure:
    """Watts of the GPUs held, with what they would draw at their limit and idle, as far as the models are known."""
    watts, count = part(frame, what="watts"), part(frame, what="count")
    types = [str(name) for name in watts.columns.get_level_values("gpu_type")]
    models = [model_of(name, about.settings.gpus) for name in types]
    # each MIG slice is exported with its whole card's power: it counts by its part of the card, and so do its limits
    parts = [gpu_share("", name) for name in types]
    watts = watts * parts
    traces = graph.lines(watts, [model.name for model in models])
    if count.columns.empty or not all(model.watts for model in models):
        return graph.figure(traces, unit="W", about=about)
    held = count.reindex(columns=watts.columns)
    full = sum(held.iloc[:, place].fillna(0) * model.watts * parts[place] for place, model in enumerate(models))
    idle = sum(held.iloc[:, place].fillna(0) * model.idle_watts * parts[place] for place, model in enumerate(models))
    traces.append(graph.line(idle, _("all idle"), role="muted", steps=True, dash="dot", step=frame.attrs.get("step")))
    return graph.figure(traces, unit="W", about=about, limit=full, limit_name=_("all at their limit"))


PANELS = (
    Panel(
        key="use_cores", title=N_("CPU cores"), unit=N_("used of those allocated"), frame="cores", figure=cores,
        needs=needs_of(job_batches_user.recorded(PLAIN, "cores")),
        help=N_("Cores of all running jobs. The space between the area and the dashed line is held and not used."),
    ),
    Panel(
        key="use_memory", title=N_("Memory"), unit=N_("used of what is allocated"), frame="memory", figure=memory,
        needs=needs_of(job_batches_user.recorded(PLAIN, "memory")),
        help=N_("Memory of all running jobs, without the file cache. The highest counts the cache, too."),
    ),
)
GPU_PANELS = (
    Panel(
        key="use_gpus", title=N_("GPUs"), unit=N_("used of those allocated"), frame="gpus", figure=gpus,
        needs=needs_of(job_batches_user.recorded(PLAIN, "gpus")),
        help=N_("GPUs of all running jobs, each counted by the share of time it computed."),
    ),
    Panel(
        key="use_gpu_power", title=N_("GPU power"), unit=N_("by model"), frame="gpu_power", figure=gpu_power,
        needs=needs_of(job_batches_user.gpu_power(PLAIN)),
        help=N_("Power of the GPUs held. The dotted lines are what they would draw idle and at their limit."),
    ),
)
FILE_PANELS = (
    Panel(
        key="use_metadata", title=N_("File operations"), unit=N_("a second, by kind and file system"), frame="metadata",
        figure=lustre.metadata, needs=rules(RULES["operations"]),
        help=N_("Opening, closing, looking up and deleting files by all jobs. Told apart by kind in a span of up to six hours."),
    ),
    Panel(
        key="use_bandwidth", title=N_("Bandwidth"), unit=N_("read up, written down"), frame="bandwidth",
        figure=lustre.bandwidth, needs=rules(RULES["read_bytes"], RULES["write_bytes"]),
        help=N_("What all jobs read from and wrote to the parallel file systems."),
    ),
)
