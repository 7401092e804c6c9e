"""Storage over time: used below its limit, in bytes and in files."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from components import graph
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
