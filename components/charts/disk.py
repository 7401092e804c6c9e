"""The nodes' local disks: operations, bandwidth, space."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts.common import many, mirrored
from components.charts.network import names
from components.needs import PLAIN, metrics, needs_of
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from datasources.prometheus.job_batches_node import METRIC_OF, disk_used
from datasources.prometheus.job_frames import part, summed

NEEDS = (Need(kind="exporter", name="node_exporter"),)


def operations(frame: pd.DataFrame, about: About) -> Figure:
    """Operations a second, reads up, writes down."""
    return mirrored(
        part(frame, what="reads"), part(frame, what="writes"), names, (_("reads"), _("writes")), about, "/s"
    )


def bandwidth(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second, read up, written down."""
    read, written = part(frame, what="read_bytes"), part(frame, what="written_bytes")
    return mirrored(read, written, names, (_("read"), _("written")), about, "B/s")


def space(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes used on the scratch disk of each node, with the disk's size as limit where there is one node."""
    size, free = summed(part(frame, what="size"), "node"), summed(part(frame, what="avail"), "node")
    used = size - free.reindex(columns=size.columns)
    used.attrs = dict(frame.attrs)
    nodes = list(used.columns.get_level_values("node"))
    if len(nodes) != 1:
        return many(used, about, "B", nodes)
    whole = float(size.max().max())
    return graph.figure(
        [graph.line(used.iloc[:, 0], _("used"), role="used", fill=True)],
        unit="B",
        about=about,
        y_max=whole,
        limit=whole,
    )


def _read(*what: str) -> tuple[Need, ...]:
    return metrics(*(METRIC_OF[one] for one in what))


PANELS = (
    Panel(
        key="disk_bandwidth",
        title=N_("Local disk"),
        unit=N_("read up, written down"),
        frame="disk_bandwidth",
        figure=bandwidth,
        needs=(*NEEDS, *_read("read_bytes", "written_bytes")),
        scope="node",
        help=N_("What was read from and written to the disks inside the nodes."),
    ),
    Panel(
        key="disk_operations",
        title=N_("Local disk operations"),
        unit=N_("a second, reads up, writes down"),
        frame="disk_operations",
        figure=operations,
        scope="node",
        needs=(*NEEDS, *_read("reads", "writes")),
        help=N_(
            "How many reads and writes the disks inside the nodes did. Many small ones are slower than few large ones."
        ),
    ),
    Panel(
        key="disk_space",
        title=N_("Local scratch space"),
        unit=N_("used"),
        frame="disk_space",
        figure=space,
        scope="node",
        needs=(*NEEDS, *needs_of(disk_used(PLAIN))),
        help=N_("How full the scratch disk of the node was. When it is full, programs that write there fail."),
    ),
)
