"""The network of the nodes: Ethernet and InfiniBand."""

from __future__ import annotations

import pandas as pd

from components.charts.common import at_node, mirrored, several_nodes
from components.needs import metrics
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from datasources.prometheus.job_batches_node import METRIC_OF
from datasources.prometheus.job_frames import part

NEEDS = (Need(kind="exporter", name="node_exporter"),)


def names(frame: pd.DataFrame) -> list[str]:
    """The device, or the node where there are several."""
    columns = frame.columns
    nodes = columns.get_level_values("node")
    if "device" not in columns.names:
        return list(nodes)
    many = several_nodes(frame)
    return [at_node(device, node, many) for device, node in zip(columns.get_level_values("device"), nodes, strict=True)]


def _bits(frame: pd.DataFrame, about: About, kind: str) -> Figure:
    into, out = (part(frame, what=f"{kind}_{way}") * 8 for way in ("in", "out"))
    return mirrored(into, out, names, (_("received"), _("sent")), about, "b/s")


def ethernet(frame: pd.DataFrame, about: About) -> Figure:
    """Bits a second of Ethernet devices, received up, sent down."""
    return _bits(frame, about, "eth")


def infiniband(frame: pd.DataFrame, about: About) -> Figure:
    """Bits a second of InfiniBand ports, received up, sent down."""
    return _bits(frame, about, "ib")


def _read(*what: str) -> tuple[Need, ...]:
    return metrics(*(METRIC_OF[one] for one in what))


PANELS = (
    Panel(
        key="infiniband",
        title=N_("InfiniBand"),
        unit=N_("received up, sent down"),
        frame="infiniband",
        figure=infiniband,
        needs=(*NEEDS, *_read("ib_in", "ib_out")),
        scope="node",
        help=N_("The fast network between nodes: messages of parallel programs, and the parallel file systems."),
    ),
    Panel(
        key="ethernet",
        title=N_("Ethernet"),
        unit=N_("received up, sent down"),
        frame="ethernet",
        figure=ethernet,
        needs=(*NEEDS, *_read("eth_in", "eth_out")),
        scope="node",
        help=N_("The ordinary network: home directories, downloads, licence servers."),
    ),
)
