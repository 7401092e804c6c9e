"""Power: the job's own share of its nodes' power."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts.common import total
from components.needs import PLAIN, needs_of
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from datasources.prometheus.job_batches_node import card_power, node_cores
from datasources.prometheus.job_batches_node import power as node_power

NEEDS = (Need(kind="exporter", name="redfish_exporter"),)
MAX_NODES = 12


def own(frame: pd.DataFrame, about: About) -> Figure:
    """Watts that are the job's own, stacked by node; above twelve nodes their sum."""
    nodes = list(frame.columns.get_level_values("node"))
    if len(nodes) > MAX_NODES:
        return graph.figure([graph.line(total(frame), _("all nodes"), role="used", fill=True)], unit="W", about=about)
    return graph.figure(graph.lines(frame, nodes, fill=len(nodes) == 1), unit="W", about=about, stacked=len(nodes) > 1)


def chassis(frame: pd.DataFrame, about: About) -> Figure:
    """Watts of the whole nodes, whoever used them."""
    nodes = list(frame.columns.get_level_values("node"))
    return graph.figure(graph.lines(frame, nodes), unit="W", about=about)


PANELS = (
    Panel(
        key="power",
        title=N_("Power of the job"),
        unit=N_("its share of each node"),
        frame="own",
        figure=own,
        needs=(*NEEDS, *needs_of(node_power(PLAIN, cores=False), card_power(PLAIN), node_cores(PLAIN))),
        help=N_(
            "The power of each node as its own controller measures it, times the job's share of the node's cores. For GPU jobs "
            "the GPUs of the job count as measured, and the rest of the node by the share of its GPUs."
        ),
    ),
    Panel(
        key="chassis",
        title=N_("Power of the nodes"),
        unit=N_("whole node"),
        frame="chassis",
        figure=chassis,
        needs=(*NEEDS, *needs_of(node_power(PLAIN, cores=False))),
        scope="node",
        help=N_("What the nodes drew in all, with everything that ran on them."),
    ),
)
