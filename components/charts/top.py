"""Charts of the largest users: file systems by who uses them, and how much against how well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from components import graph
from components.charts.common import total
from components.graph_base import peak_of
from components.records import About, Figure
from components.text import _

LINES = 10  # with a name of their own; the rest is one line
PALETTE = 8  # colours; a line that has one for the second time is dotted
NAMED = 15  # marks in the corner that are named; more names would lie on each other


def _ranked(frame: pd.DataFrame) -> list[int]:
    """The columns by how much they add up to, largest first; those that are always 0 are left out."""
    sums = np.nansum(frame.to_numpy(dtype=float), axis=0) if len(frame) else np.zeros(frame.shape[1])
    return [int(place) for place in np.argsort(-sums, kind="stable") if sums[place] > 0]


def others(frame: pd.DataFrame, whole: pd.Series, shown: Sequence[int]) -> pd.Series:
    """What is left of the whole without the columns shown; never below 0, NaN where the whole is not known."""
    rest = whole - frame.iloc[:, list(shown)].sum(axis=1, min_count=0).fillna(0)
    rest = rest.clip(lower=0)
    rest.attrs = {"step": frame.attrs.get("step")}
    return rest


def _seen(rest: pd.Series, whole: pd.Series) -> bool:
    """True if the rest is more than what rounding leaves."""
    return peak_of(rest.to_numpy(dtype=float)) > 1e-4 * peak_of(whole.to_numpy(dtype=float))


def stacked(frame: pd.DataFrame, whole: pd.Series, names: Sequence[str], hrefs: Sequence[str], about: About, unit: str) -> Figure:
    """Areas on each other: the largest LINES columns and the others; a click on one opens its address."""
    shown = _ranked(frame)[:LINES]
    traces = []
    for number, place in enumerate(shown):
        trace = graph.line(frame.iloc[:, place], names[place], number, step=frame.attrs.get("step"))
        traces.append(_clicks(trace, hrefs[place]))
    rest = others(frame, whole, shown)
    if _seen(rest, whole):
        traces.append(graph.line(rest, _("others"), role="muted", step=frame.attrs.get("step")))
    return graph.figure(traces, unit=unit, about=about, stacked=True)


def mirrored(
    up: pd.DataFrame, down: pd.DataFrame, whole: tuple[pd.Series, pd.Series], names: Sequence[str], hrefs: Sequence[str], about: About
) -> Figure:
    """Read above zero and written below it, of the same columns in both frames: the largest LINES and the others."""
    shown = _ranked(up.fillna(0) + down.fillna(0))[:LINES]
    traces: list[dict[str, Any]] = []
    for frame, both, below, word in ((up, whole[0], False, _("read")), (down, whole[1], True, _("written"))):
        step = frame.attrs.get("step")
        parts = [(frame.iloc[:, place], names[place], number, hrefs[place]) for number, place in enumerate(shown)]
        rest = others(frame, both, shown)
        if _seen(rest, both):
            parts.append((rest, _("others"), "muted", ""))
        for series, name, colour, href in parts:
            again = isinstance(colour, int) and colour >= PALETTE
            trace = graph.line(series, name, colour, down=below, step=step, dash="dot" if again else "")
            trace |= {"legendgroup": trace["name"], "showlegend": not any(name_ == trace["name"] for name_ in (t["name"] for t in traces))}
            trace["meta"]["say"] = word
            traces.append(_clicks(trace, href))
    return graph.figure(traces, unit="B/s", about=about, mirrored=True)


def _clicks(trace: dict[str, Any], href: str) -> dict[str, Any]:
    if href:
        trace["meta"]["href"] = href
    return trace


def how_much_how_well(points: pd.DataFrame, hrefs: Sequence[str], *, heavy: float, poor: float, unit: str) -> Figure:
    """One mark for each row of `points` (who, hours, efficiency 0..1, poor: bool): hours allocated against how well they were used.

    The corner of those with at least `heavy` hours and less than `poor` efficiency is shaded, and those in it are named where
    they are few. `hrefs`: where each mark leads.
    """
    hours = points["hours"].to_numpy(dtype=float)
    low, high = min(float(hours.min()), heavy or float(hours.min())) / 1.6, max(float(hours.max()), heavy) * 1.6
    inside = points["poor"].to_numpy(dtype=bool)
    corner = {
        "type": "scatter", "mode": "lines", "fill": "toself", "hoverinfo": "skip", "name": "", "line": {"width": 0},
        "x": graph.packed([max(heavy, low), high, high, max(heavy, low), max(heavy, low)]),
        "y": graph.packed([0, 0, poor * 100, poor * 100, 0]), "meta": {"color": "waste", "fill": 0.12},
    }  # fmt: skip
    traces = [corner]
    for chosen, color in ((~inside, "used"), (inside, "waste")):
        if chosen.any():
            kept = [href for href, one in zip(hrefs, chosen, strict=True) if one]
            traces.append(_marks(points[chosen], kept, color, unit, named=color == "waste" and int(chosen.sum()) <= NAMED))
    axis = {"nticks": 5, "ticksuffix": " %", "showticksuffix": "last", "range": [0, 104], "zeroline": False}
    page = graph.layout(None, axis, legend=False)
    ends = [float(np.log10(low)), float(np.log10(high))]
    page["xaxis"] = {
        "type": "log", "range": ends, "showgrid": False, "zeroline": False, "fixedrange": True, "dtick": 1 if ends[1] - ends[0] > 2.5 else "D2",
        "tickformat": ",~r", "title": {"text": graph.plain(unit), "standoff": 6},
    }  # fmt: skip
    page["annotations"] = [{
        "text": _("heavy and poor"), "xref": "paper", "yref": "y", "x": 1, "y": poor * 100, "xanchor": "right", "yanchor": "bottom",
        "showarrow": False, "font": {"size": 11},
    }]  # fmt: skip
    return {"data": traces, "layout": {**page, "hovermode": "closest", "height": 380, "margin": {"l": 46, "r": 10, "t": 8, "b": 44}}}


def _marks(points: pd.DataFrame, hrefs: list[str], color: str, unit: str, *, named: bool) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers+text" if named else "markers", "name": "", "x": graph.packed(points["hours"].to_numpy(dtype=float)),
        "y": graph.packed(points["efficiency"].to_numpy(dtype=float) * 100), "text": [graph.plain(name) for name in points["who"]],
        "textposition": "top center", "marker": {"size": 9, "opacity": 0.85, "line": {"width": 0}}, "meta": {"color": color, **({"href": hrefs} if any(hrefs) else {})},
        "hovertemplate": f"<b>%{{text}}</b><br>%{{x:,.4~r}} {graph.plain(unit)}<br>%{{y:.3~r}} %<extra></extra>",
    }  # fmt: skip


def whole_of(frame: pd.DataFrame) -> pd.Series:
    """All columns added up."""
    return total(frame)
