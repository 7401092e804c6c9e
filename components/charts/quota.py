"""Storage over time: used below its limit, in bytes and in files."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from components import graph, graph_rows
from components.graph_base import plain
from components.needs import metrics
from components.records import About, Figure, Panel
from components.text import N_, _


def _over(frame: pd.DataFrame, about: About) -> About:
    """The charts of storage have a range of their own unless one was chosen."""
    return replace(about, when=replace(about.when, start=frame.attrs.get("from", about.when.start), end=frame.attrs.get("to", about.when.end)))


def _quota(frame: pd.DataFrame, about: About, unit: str) -> Figure:
    step, limits = frame.attrs.get("step"), frame.attrs.get("limits", {})
    known = [limit for limit in limits.values() if not math.isnan(limit)]
    top = max([*known, float(frame.max().max())]) if frame.notna().any().any() else None
    about = _over(frame, about)
    owners = [str(name) for name in frame.columns.get_level_values("owner")]
    if frame.shape[1] == 1:
        traces = [graph.line(frame.iloc[:, 0], _("used"), role="used", fill=True, step=step)]
        return graph.figure(traces, unit=unit, about=about, y_max=top, limit=known[0] if known else None, limit_name=_("quota"), named_alone=True)
    traces = []
    for place, owner in enumerate(owners):
        line = graph.line(frame.iloc[:, place], owner, place, step=step)
        traces.append({**line, "legendgroup": owner})
        limit = limits.get(frame.columns[place], math.nan)
        if not math.isnan(limit):
            most = graph.constant(limit, _("quota of %(owner)s", owner=owner), line, role="limit")
            # in its owner's colour, and hidden with it
            traces.append({**most, "legendgroup": owner, "showlegend": False, "meta": {**most["meta"], "color": line["meta"]["color"]}})
    return graph.figure(traces, unit=unit, about=about, y_max=top)


def space(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes used and the quota; the axis ends at the larger of the two."""
    return _quota(frame, about, "B")


def files(frame: pd.DataFrame, about: About) -> Figure:
    """Files and the quota; the axis ends at the larger of the two."""
    return _quota(frame, about, "")


SIZES = {
    "sz0": N_("empty"), "sz1": "< 32 B", "sz32": "< 1 KiB", "sz1K": "< 32 KiB", "sz32K": "< 1 MiB", "sz1M": "< 32 MiB", "sz32M": "< 1 GiB",
    "sz1G": "< 32 GiB", "sz32G": "< 1 TiB", "sz1T": "≥ 1 TiB",
}  # fmt: skip
MOST_GROUPS = 8


def sizes(frame: pd.DataFrame, about: About) -> Figure:
    """A bar for each class of size and group: the share of the group's files in it; the number on hover."""
    labels = [_(text) for text in SIZES.values()]
    traces: list[dict[str, Any]] = []
    base = graph_rows.bars(labels, [0.0] * len(labels), unit="")
    for place, ((area, owner), rows) in enumerate(frame.groupby(["area", "owner"], sort=False)):
        counts = rows.set_index("size_class")["files"].reindex(list(SIZES)).fillna(0.0)
        if place >= MOST_GROUPS or not counts.sum():
            continue
        known = about.settings.storage.areas.get(str(area))
        name = plain(f"{known.title if known is not None and known.title else str(area).capitalize()} {owner}")
        traces.append({
            "type": "bar", "x": labels, "y": [round(100 * value / counts.sum(), 3) for value in counts], "name": name,
            "customdata": [int(value) for value in counts], "meta": {"color": graph.colour(place), "fill": 0.0},
            "hovertemplate": f"%{{x}}: %{{y:.3~g}} %, %{{customdata:,}}<extra>{name}</extra>",
        })  # fmt: skip
    page = dict(base["layout"])
    page |= {"barmode": "group", "bargap": 0.25, "showlegend": True, "hovermode": "closest"}
    page["xaxis"] = {"type": "category", "showgrid": False, "fixedrange": True, "automargin": True}  # on a phone the classes stand upright
    page["yaxis"] = {"type": "linear", "ticksuffix": " %", "showticksuffix": "last", "rangemode": "tozero", "nticks": 5}
    return {"data": traces, "layout": page}


PANELS = (
    Panel(
        key="bytes", title=N_("Space"), unit=N_("used, below the quota"), frame="bytes", figure=space, needs=metrics("lfs_quota_kbytes"),
        help=N_("Bytes used over the last 90 days, or over the range chosen. The dotted line is the quota as it is now."),
    ),
    Panel(
        key="files", title=N_("Files"), unit=N_("files and folders, below the quota"), frame="files", figure=files, needs=metrics("lfs_quota_inodes"),
        help=N_("Number of files over the last 90 days, or over the range chosen. The dotted line is the quota as it is now."),
    ),
)  # fmt: skip
OVER_RANGE = (
    replace(PANELS[0], help=N_("Bytes used over the range chosen. The dotted line is the quota as it is now.")),
    replace(PANELS[1], help=N_("Number of files over the range chosen. The dotted line is the quota as it is now.")),
)
