"""Hardware counters: memory bandwidth, links between sockets, caches, instructions per cycle."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts.common import at_node, many, several_nodes, total
from components.needs import metrics
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from datasources.prometheus.job_batches_node import METRIC_OF
from datasources.prometheus.job_frames import part, summed

NEEDS = (Need(kind="exporter", name="pcm-sensor-server"),)
WAYS = {"dram_read": N_("read"), "dram_write": N_("written")}
MANY_SOCKETS = 8
FEW_NAMED = 2


def _sockets(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """By socket, or by node where there would be too many sockets; with their names."""
    if frame.shape[1] > MANY_SOCKETS:
        shown = summed(frame, "node")
        return shown, list(shown.columns.get_level_values("node"))
    where = several_nodes(frame)
    shown = summed(frame, "node", "socket")
    return shown, [at_node(_("socket %(number)s", number=socket), node, where) for node, socket in shown.columns]


def bandwidth(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second between sockets and their memory: a line for reading and one for writing, each socket."""
    traces = []
    for way, text in WAYS.items():
        shown, names = _sockets(part(frame, what=way))
        if len(names) > graph.MAX_SERIES // 2:
            shown, names = total(shown).to_frame(), [_("all nodes")]
        for place, name in enumerate(names):
            dash, several = "" if way == "dram_read" else "dot", len(names) > FEW_NAMED
            trace = graph.line(
                shown.iloc[:, place], name if several else f"{_(text)} {name}", place, dash=dash, step=frame.attrs.get("step")
            )
            if several:  # the legend names each once, and hides both of its lines
                trace |= {"legendgroup": name, "showlegend": way == "dram_read"}
                trace["meta"]["say"] = _(text)
            traces.append(trace)
    return graph.figure(traces, unit="B/s", about=about)


def links(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second that come in over the links between sockets, all links of a socket added up."""
    shown, names = _sockets(frame)
    return many(shown, about, "B/s", names)


def _names(frame: pd.DataFrame) -> list[str]:
    where = several_nodes(frame)
    nodes = frame.columns.get_level_values("node")
    if "core" not in frame.columns.names:
        return list(nodes)
    cores = frame.columns.get_level_values("core")
    return [at_node(_("core %(number)s", number=core), node, where) for core, node in zip(cores, nodes, strict=True)]


def _rates(frame: pd.DataFrame, about: About) -> Figure:
    names = _names(frame)
    if frame.shape[1] > 8:
        return graph.heat(frame, unit="share", about=about, names=names, top=1.0)
    return graph.figure(graph.lines(frame, names), unit="share", about=about, y_max=1)


def hit_rate(frame: pd.DataFrame, about: About) -> Figure:
    """Share of look-ups a cache answered, by core of the job (by whole node where cores are not asked)."""
    return _rates(frame, about)


def per_cycle(frame: pd.DataFrame, about: About) -> Figure:
    """Instructions for each reference cycle, by core or node."""
    if frame.shape[1] > 8:
        return graph.heat(frame, unit="", about=about, names=_names(frame))
    return graph.figure(graph.lines(frame, _names(frame)), unit="", about=about)


def _read(*what: str) -> tuple[Need, ...]:
    # OS_ID tells which hardware threads are the job's
    return metrics(*(METRIC_OF[one] for one in what), *(() if what[0].startswith(("dram", "link")) else ("OS_ID",)))


PANELS = (
    Panel(
        key="memory_bandwidth",
        title=N_("Memory bandwidth"),
        unit=N_("by socket, read and written"),
        frame="dram",
        figure=bandwidth,
        needs=(*NEEDS, *_read("dram_read", "dram_write")),
        scope="node",
        help=N_(
            "How much data moves between the processors and their memory. A flat ceiling means memory limits the program."
        ),
    ),
    Panel(
        key="interconnect",
        title=N_("Between sockets"),
        unit=N_("incoming, by socket"),
        frame="links",
        figure=links,
        needs=(*NEEDS, *_read("link_0", "link_1", "link_2")),
        scope="node",
        help=N_("Data one processor reads from the other's memory. Pin processes to sockets to keep this low."),
    ),
    Panel(
        key="ipc",
        title=N_("Instructions per cycle"),
        unit=N_("by core or node"),
        frame="ipc",
        figure=per_cycle,
        needs=(*NEEDS, *_read("instructions", "cycles")),
        scope="node",
        help=N_("How much a core gets done in a cycle: above 2 is good, below 0.5 the core mostly waits for memory."),
    ),
    Panel(
        key="l2",
        title=N_("L2 cache hits"),
        unit=N_("% of look-ups, by core or node"),
        frame="l2",
        figure=hit_rate,
        needs=(*NEEDS, *_read("l2_hit", "l2_miss")),
        scope="node",
        help=N_("How often data was found in the core's own cache. Low values: the program jumps about in memory."),
    ),
    Panel(
        key="l3",
        title=N_("L3 cache hits"),
        unit=N_("% of look-ups, by core or node"),
        frame="l3",
        figure=hit_rate,
        needs=(*NEEDS, *_read("l3_hit", "l3_miss")),
        scope="node",
        help=N_("How often data was found in the cache the cores share, before memory has to be asked."),
    ),
)
