"""Login and transfer nodes: each host's cores, memory, load and network, and all hosts side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from components import graph
from components.charts.common import many, mirrored
from components.charts.node import MODES
from components.needs import PLAIN, needs_of
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from datasources.prometheus import host_batches
from datasources.prometheus.job_frames import part

NEEDS = (Need(kind="exporter", name="node_exporter"),)
NEAR_LINK = 0.25  # the link's speed is drawn from this share of it on: above that it says something, below it hides the traffic


def _peak(frame: pd.DataFrame) -> float:
    values = frame.to_numpy(dtype=float)
    return float(np.nanmax(values)) if np.isfinite(values).any() else 0.0


def cpu(frame: pd.DataFrame, about: About) -> Figure:
    """Hardware threads by what they did, on each other; all of them as top."""
    step, traces = frame.attrs.get("step"), []
    for place, (mode, text) in enumerate(MODES.items()):
        found = part(frame, mode=mode)
        if not found.columns.empty and _peak(found) > 0:
            traces.append(graph.line(found.iloc[:, 0], _(text), place, step=step))
    whole = part(frame, mode="all")
    top = None if whole.columns.empty else _peak(whole)
    return graph.figure(traces, unit="", about=about, stacked=True, y_max=top or None, named_alone=True)


def memory(frame: pd.DataFrame, about: About) -> Figure:
    """Memory that cannot be had, with all of it as top."""
    step, whole, free = frame.attrs.get("step"), part(frame, what="memory"), part(frame, what="available")
    if whole.columns.empty or free.columns.empty:
        return graph.figure([], unit="B", about=about)
    used = (whole.iloc[:, 0] - free.iloc[:, 0]).clip(lower=0)
    return graph.figure([graph.line(used, _("used"), role="used", fill=True, step=step)], unit="B", about=about, y_max=_peak(whole))


def load(frame: pd.DataFrame, about: About) -> Figure:
    """Programs that run or wait to run, and the host's threads as a line."""
    modes = about.frames.get("modes")
    whole = part(modes, mode="all") if isinstance(modes, pd.DataFrame) else None
    cores = None if whole is None or whole.columns.empty else _peak(whole)
    found = part(frame, what="load")
    if found.columns.empty:
        return graph.figure([], unit="", about=about)
    trace = graph.line(found.iloc[:, 0], _("load"), role="used", fill=True, step=frame.attrs.get("step"))
    return graph.figure([trace], unit="", about=about, limit=cores or None, limit_name=_("hardware threads"))


def network(frame: pd.DataFrame, about: About) -> Figure:
    """Bits a second received (up) and sent (down) by the host's device; the link's speed where the traffic comes near it."""
    step = frame.attrs.get("step")
    traces = [
        graph.line(found.iloc[:, 0] * 8, text, place, fill=True, down=what == "out", step=step)
        for place, (what, text) in enumerate((("in", _("received")), ("out", _("sent"))))
        if not (found := part(frame, what=what)).columns.empty
    ]
    speed = part(frame, what="speed")
    link = 0.0 if speed.columns.empty else _peak(speed) * 8
    near = max((float(np.nanmax(trace["y"])) for trace in traces if np.isfinite(trace["y"]).any()), default=0.0)
    if traces and link and near >= NEAR_LINK * link:
        above, below = (graph.constant(link, _("the link's speed"), traces[0], role="limit") for _side in range(2))
        below["meta"] = {**below["meta"], "down": True}
        traces += [above, {**below, "showlegend": False}]
    return graph.figure(traces, unit="b/s", about=about, mirrored=True)


def _titles(frame: pd.DataFrame, about: About) -> list[str]:
    known = {**about.settings.overview.login_nodes, **about.settings.overview.transfer_nodes}
    return [known[host].title or host if host in known else host for host in frame.columns.get_level_values("node")]


def cpu_all(frame: pd.DataFrame, about: About) -> Figure:
    """Share of each host's threads that compute."""
    return many(frame, about, "share", _titles(frame, about), top=1.0)


def load_all(frame: pd.DataFrame, about: About) -> Figure:
    """Load of each host for each of its threads."""
    if frame.shape[1] > graph.MAX_SERIES:
        return many(frame, about, "", _titles(frame, about))
    return graph.figure(graph.lines(frame, _titles(frame, about)), unit="", about=about, limit=1.0, limit_name=_("one each"))


def network_all(frame: pd.DataFrame, about: About) -> Figure:
    """Bits a second of each host, received up, sent down."""
    into, out = (part(frame, what=what) * 8 for what in ("in", "out"))
    return mirrored(into, out, lambda shown: _titles(shown, about), (_("received"), _("sent")), about, "b/s")


CPU = Panel(
    key="cpu", title=N_("CPU"), unit=N_("hardware threads"), frame="modes", figure=cpu, needs=(*NEEDS, *needs_of(host_batches.modes(PLAIN))),
    scope="host", help=N_("What the processors did. The top of the chart is all hardware threads: what is white below it is free."),
)  # fmt: skip
MEMORY = Panel(
    key="memory", title=N_("Memory"), unit=N_("used, of all"), frame="gauges", figure=memory, needs=(*NEEDS, *needs_of(host_batches.gauges(PLAIN))),
    scope="host", help=N_("Memory programs hold that the system cannot take back: all memory less what Linux says is available. File cache counts as free."),
)  # fmt: skip
LOAD = Panel(
    key="load", title=N_("Load"), unit=N_("programs running or waiting"), frame="gauges", figure=load, scope="host",
    needs=(*NEEDS, Need(kind="metric", name=host_batches.LOAD)),
    help=N_("Programs that run, wait for a processor or for a disk (mean of a minute). Above the line of hardware threads programs wait for each other."),
)  # fmt: skip
NETWORK = Panel(
    key="network", title=N_("Network"), unit=N_("received up, sent down"), frame="network", figure=network, scope="host",
    needs=(*NEEDS, *needs_of(host_batches.network(PLAIN))),
    help=N_(
        "What the host received and sent through its network device: the one the site names, else the busiest that is not virtual. "
        "A dotted line is the speed of the link; it is drawn where traffic is above a quarter of it."
    ),
)  # fmt: skip
CPU_ALL = Panel(
    key="cpu_all", title=N_("CPU of each"), unit=N_("% of hardware threads"), frame="cpu", figure=cpu_all, scope="host", needs=CPU.needs,
    help=N_("Share of each host's hardware threads that computed."),
)  # fmt: skip
LOAD_ALL = Panel(
    key="load_all", title=N_("Load of each"), unit=N_("a hardware thread"), frame="load", figure=load_all, scope="host", needs=LOAD.needs,
    help=N_("Programs running or waiting for each hardware thread. Above 1 programs wait for each other."),
)  # fmt: skip
NETWORK_ALL = Panel(
    key="network_all", title=N_("Traffic of each"), unit=N_("received up, sent down"), frame="network", figure=network_all, scope="host",
    needs=NETWORK.needs, help=N_("What each host received and sent through its network device."),
)  # fmt: skip


def ordered(first: str) -> Sequence[Panel]:
    """The charts of one host; transfer nodes are about their network, login nodes about their processors."""
    return (NETWORK, CPU, LOAD, MEMORY) if first == "network" else (CPU, MEMORY, LOAD, NETWORK)
