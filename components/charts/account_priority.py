"""An account's cores and GPUs over time, and its LevelFS beside them, which says whose turn is next."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from components import graph
from components.needs import PLAIN, metrics, needs_of
from components.records import About, Figure, Panel
from components.text import N_, _
from core.timerange import TimeRange
from datasources.prometheus import account_batches
from datasources.prometheus.job_frames import part

DECADES = (-3, 3)  # LevelFS beyond a thousand, or below a thousandth, says nothing more
USUAL = (-1, 1)


def limit_of(about: About, resource: str) -> float | None:
    """The account's GrpTRES of a resource (cpu, gres/gpu); None where no such limit is set on the account itself."""
    found = about.frames.get("allocation")
    value = found.get(resource) if isinstance(found, dict) else None
    return float(value) if value and math.isfinite(value) else None


def finite(frame: Any) -> pd.Series | None:
    """LevelFS as a line can show it: without infinity and zero, which a logarithmic axis has no place for. None without samples."""
    if not isinstance(frame, pd.DataFrame) or frame.columns.empty:
        return None
    series = frame.iloc[:, 0].astype(float)
    shown = series.where(np.isfinite(series) & (series > 0))
    shown.attrs = {"step": frame.attrs.get("step")}
    return shown


def _axis(series: pd.Series) -> dict[str, Any]:
    """A logarithmic axis on the right, whole decades around what there is, and 1 always inside."""
    logs = np.log10(series.dropna().to_numpy()) if series.notna().any() else np.zeros(1)
    low = max(min(math.floor(logs.min()), USUAL[0]), DECADES[0])
    high = min(max(math.ceil(logs.max()), USUAL[1]), DECADES[1])
    ticks = range(low, high + 1)
    return {
        "type": "log", "overlaying": "y", "side": "right", "range": [low, high], "showgrid": False, "fixedrange": True, "zeroline": False,
        "automargin": True, "tickvals": [10.0**tick for tick in ticks], "ticktext": [f"{10.0**tick:g}" for tick in ticks],
    }  # fmt: skip


def _on_right(series: pd.Series, name: str, colour: str) -> dict[str, Any]:
    trace = graph.line(series, name, colour)
    values = np.clip(trace["y"], 10.0 ** DECADES[0], 10.0 ** DECADES[1])
    return {**trace, "y": graph.packed(values), "yaxis": "y2", "hovertemplate": f"%{{y:.3~g}}<extra>{graph.plain(name)}</extra>"}


def _with_levelfs(figure: Figure, levelfs: pd.Series | None) -> Figure:
    if levelfs is None or levelfs.dropna().empty:
        return figure
    fair = pd.Series(1.0, index=levelfs.index)
    fair.attrs = dict(levelfs.attrs)
    one = _on_right(fair, _("LevelFS 1: its fair share"), "muted")
    one["line"] = {"width": 1, "dash": "dot"}
    one["hoverinfo"], one["hovertemplate"] = "skip", None
    layout = {**figure["layout"], "yaxis2": _axis(levelfs), "showlegend": True}
    return {"data": [*figure["data"], _on_right(levelfs, _("LevelFS"), "s3"), one], "layout": layout}


def _priority(frame: pd.DataFrame, about: About, kind: str, resource: str) -> Figure:
    step = frame.attrs.get("step")
    traces: list[dict[str, Any]] = []
    used, allocated = part(frame, what=f"{kind}_used"), part(frame, what=f"{kind}_allocated")
    series = (used if not used.columns.empty else pd.DataFrame(index=frame.index, data={0: np.nan})).iloc[:, 0]
    traces.append(graph.line(series, _("used"), role="used", fill=True, step=step))
    top = None if allocated.columns.empty else allocated.iloc[:, 0]
    if top is not None:
        top.attrs = {"step": step}
    shown = _over(about)
    figure = graph.figure(traces, unit="", about=shown, allocated=top, limit=limit_of(about, resource), limit_name=_("limit of the account"))
    return _with_levelfs(figure, finite(about.frames.get("levelfs")))


def _over(about: About) -> About:
    """The section's own span; it begins where the measurements do, unless somebody chose another."""
    when = about.frames.get("when")
    if not isinstance(when, TimeRange):
        return about
    if when.span != about.when.span:
        firsts = [frame.dropna(how="all").index.min() for frame in (about.frames.get("use"), about.frames.get("levelfs")) if isinstance(frame, pd.DataFrame)]
        known = [int(first.timestamp()) for first in firsts if first is not pd.NaT]
        when = replace(when, start=max(when.start, min([*known, about.when.start])))
    return replace(about, when=when)


def cores(frame: pd.DataFrame, about: About) -> Figure:
    """Cores allocated and used, the account's limit, LevelFS."""
    return _priority(frame, about, "cores", "cpu")


def gpus(frame: pd.DataFrame, about: About) -> Figure:
    """GPUs allocated and used, the account's limit, LevelFS."""
    return _priority(frame, about, "gpus", "gres/gpu")


def has(kind: str) -> Any:
    """True for a section in which the account held any of it."""

    def shown(about: About) -> bool:
        frame = about.frames.get("use")
        if not isinstance(frame, pd.DataFrame):
            return kind == "cores"
        return bool((part(frame, what=f"{kind}_allocated").to_numpy() > 0).any()) or kind == "cores"

    return shown


NEEDS = (*needs_of(account_batches.use(PLAIN)), *metrics(account_batches.LEVELFS))
HELP = N_(
    "What the account held and used, and LevelFS on the right: its share of the cluster divided by what it used lately. Above 1 its "
    "jobs come before those of accounts below 1. A gap in LevelFS is a time without any use, when it is infinite."
)
PANELS = (
    Panel(key="priority_cores", title=N_("Cores and LevelFS"), unit=N_("cores left, LevelFS right"), frame="use", figure=cores, needs=NEEDS, help=HELP, wide=True),
    Panel(
        key="priority_gpus", title=N_("GPUs and LevelFS"), unit=N_("GPUs left, LevelFS right"), frame="use", figure=gpus, needs=NEEDS, help=HELP,
        wide=True, shown=has("gpus"),
    ),
)  # fmt: skip
