"""Memory: what the program holds, the cache apart, against what is allocated."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts.common import many, run_of, total
from components.needs import metrics
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from datasources.prometheus.job_frames import part, summed

PREFIX = "slurm_job_memory_"
KINDS = {
    "usage": N_("all in use"),
    "max": N_("highest so far"),
    "rss_huge": N_("huge pages"),
    "active_file": N_("active files"),
    "inactive_file": N_("inactive files"),
    "unevictable": N_("locked"),
}


def _kind(frame: pd.DataFrame, name: str) -> pd.Series:
    found = total(part(frame, metric=PREFIX + name))
    found.attrs["step"] = frame.attrs.get("step")
    return found


def kinds(frame: pd.DataFrame, about: About) -> Figure:
    """Program, shared and cache stacked over all nodes, with the allocation as a dashed line."""
    run = run_of(about)
    shared = _kind(frame, "mapped_file")
    cache = (_kind(frame, "cache") - shared.fillna(0)).clip(lower=0)  # shared memory is counted in the cache, too
    cache.attrs["step"] = frame.attrs.get("step")
    traces = [
        graph.line(series, text, color)
        for series, text, color in (
            (_kind(frame, "rss"), _("program"), 0),
            (shared, _("shared"), 4),
            (cache, _("file cache"), 2),
        )
        if series.notna().any()
    ]
    return graph.figure(traces, unit="B", about=about, stacked=True, allocated=run.memory, y_max=run.memory)


def by_node(frame: pd.DataFrame, about: About) -> Figure:
    """Program memory (rss + shared) of each node."""
    program = summed(part(frame, metric=(PREFIX + "rss", PREFIX + "mapped_file")), "node")
    run = run_of(about)
    top = run.memory / run.nodes if run.memory and run.nodes else None
    return many(program, about, "B", list(program.columns.get_level_values("node")), top=top, allocated=top)


def details(frame: pd.DataFrame, about: About) -> Figure:
    """What the kernel counts apart, over all nodes."""
    lines = [(name, text, _kind(frame, name)) for name, text in KINDS.items()]
    traces = [
        graph.line(series, _(text), place) for place, (_name, text, series) in enumerate(lines) if series.notna().any()
    ]
    return graph.figure(traces, unit="B", about=about, allocated=run_of(about).memory)


def _needs(*names: str) -> tuple[Need, ...]:
    return metrics(*(PREFIX + name for name in names))


PANELS = (
    Panel(
        key="memory",
        title=N_("Memory"),
        unit=N_("by kind, all nodes"),
        frame="memory",
        figure=kinds,
        needs=_needs("rss", "mapped_file", "cache"),
        help=N_(
            "Program and shared memory are what you must ask for. The file cache is memory the system uses to keep files at "
            "hand and gives back when it is needed. If the program reaches the dashed line, the job is killed."
        ),
    ),
    Panel(
        key="memory_node",
        title=N_("Memory by node"),
        unit=N_("program, each node"),
        frame="memory",
        figure=by_node,
        needs=_needs("rss", "mapped_file"),
        help=N_("The program's memory on each node. The fullest node decides what has to be asked for per node."),
        shown=lambda about: run_of(about).nodes > 1,
    ),
    Panel(
        key="memory_kinds",
        title=N_("Memory in detail"),
        unit=N_("as the kernel counts it"),
        frame="memory",
        figure=details,
        needs=_needs(*KINDS),
        help=N_(
            "All in use counts the cache, too. Highest so far never falls. Active and inactive files are the two halves of the "
            "file cache; locked memory can never be given back."
        ),
    ),
)
