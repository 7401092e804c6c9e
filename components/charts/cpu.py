"""CPU: how many of the job's cores were busy, and which."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts.common import at_node, many, run_of, several_nodes, total
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from datasources.prometheus.job_frames import summed

NEEDS = (Need(kind="metric", name="slurm_job_core_usage_total"),)
FEW_CORES = 8
FEW_NODES = 8
MANY_ROWS = 200


def used(frame: pd.DataFrame, about: About) -> Figure:
    """Busy cores of the whole job against what is allocated; with one node chosen, of that node."""
    run = run_of(about)
    whole = total(frame)
    cores = frame.shape[1] if getattr(about.subject, "node", "") else run.cores
    trace = graph.line(whole, _("used"), role="used", fill=True)
    return graph.figure([trace], unit="", about=about, y_max=cores, allocated=cores)


def by_core(about: About) -> bool:
    """True if the cores were asked one by one."""
    frame = about.frames.get("cores")
    return isinstance(frame, pd.DataFrame) and "core" in frame.columns.names


def each_core(frame: pd.DataFrame, about: About) -> Figure:
    """Each core's share of busy time: lines for a few, a row each for many."""
    where = several_nodes(frame)
    names = [
        at_node(_("core %(number)s", number=core), node, where)
        for core, node in zip(frame.columns.get_level_values("core"), frame.columns.get_level_values("node"), strict=True)
    ]
    if len(names) <= FEW_CORES:
        return graph.figure(graph.lines(frame, names), unit="share", about=about, y_max=1)
    return graph.heat(frame, unit="share", about=about, names=names, top=1.0)


def each_node(frame: pd.DataFrame, about: About) -> Figure:
    """Busy cores of each node: lines for a few, a row each for many, a band for very many."""
    nodes = summed(frame, "node")
    names = list(nodes.columns.get_level_values("node"))
    run = run_of(about)
    top = run.cores / run.nodes if run.nodes and run.cores % run.nodes == 0 else None  # else the nodes differ
    if len(names) <= FEW_NODES:
        return graph.figure(graph.lines(nodes, names), unit="", about=about, y_max=top, allocated=top)
    if len(names) <= MANY_ROWS:
        return graph.heat(nodes, unit="", about=about, names=names, top=top)
    return many(nodes, about, "", names)


def on_nodes(about: About) -> bool:
    """True if several nodes are looked at."""
    return run_of(about).nodes > 1 and not getattr(about.subject, "node", "")


PANELS = (
    Panel(
        key="cores",
        title=N_("Cores"),
        unit=N_("cores busy"),
        frame="cores",
        figure=used,
        needs=NEEDS,
        help=N_(
            "How many cores worked at the same time. The area should fill most of the space below the dashed line: cores that "
            "wait cost you priority and keep others waiting."
        ),
    ),
    Panel(
        key="each_node", title=N_("Cores by node"), unit=N_("cores busy, each node"), frame="cores", figure=each_node,
        needs=NEEDS, shown=on_nodes,
        help=N_(
            "A node that stays at zero does nothing for the job. The list above the charts opens one node's cores; nodes with "
            "cgroup v2 report no figures by core."
        ),
    ),
    Panel(
        key="each_core", title=N_("Core by core"), unit=N_("% of time busy"), frame="cores", figure=each_core, needs=NEEDS,
        help=N_("Who works and who waits. One busy row among idle ones is a program that uses one core only."),
        shown=lambda about: by_core(about),
    ),
)
