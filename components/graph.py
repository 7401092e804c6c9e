"""Charts as plain plotly dicts. Everything about how a chart looks is here; colours are names the browser paints.

A trace carries `meta = {"color": name, "fill": alpha}`; names are the roles used, alloc, limit, waste, bad, good, warn, info
and the palette s1 … s8. Times travel as x0 and dx in milliseconds UTC, values as base64 of float32; the browser shifts
the times into the reader's zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from components.graph_base import column_text, layout, nice_ticks, packed, peak_of, plain, regular, scaling, y_axis
from components.graph_gaps import split
from components.graph_rows import bars, heat
from components.records import About, Figure
from components.text import _

__all__ = [
    "CONFIG", "MAX_SERIES", "ROLES", "band", "bars", "colour", "column_text", "constant", "figure", "heat", "layout", "line",
    "lines", "nice_ticks", "packed", "plain",
]

MAX_SERIES = 40
MAX_NAMED = 14  # more names than these have no legend: hovering tells them
ROLES = ("used", "alloc", "limit", "waste", "bad", "good", "warn", "info", "muted")
PALETTE = tuple(f"s{number}" for number in range(1, 9))
DASHES = {"alloc": "dash", "limit": "dot"}
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    # by default plotly.js offers to upload the chart to its maker's cloud
    "showSendToCloud": False,
    "responsive": True,
    "displayModeBar": False,
    "doubleClick": False,  # the frame steps back in the page's range instead
    "scrollZoom": False,
    "showTips": False,
}


def colour(series_index: int) -> str:
    """The palette's name for the n-th series, counted from 0."""
    return f"s{series_index % 8 + 1}"


def line(
    frame_series: pd.Series,
    name: object,
    series_index: int | str = 0,
    *,
    role: str = "",
    fill: bool | float = False,
    down: bool = False,
    dash: str = "",
    step: int | None = None,
    steps: bool = False,
) -> dict[str, Any]:
    """A line over time.

    `frame_series`: float64 by DatetimeIndex UTC. `series_index`: place in the palette (or a colour's name); `role` takes
    precedence. `fill`: area to zero. `down`: drawn below zero (what is written or sent) with positive numbers on hover.
    `steps`: holds each value until the next one.
    """
    first, dx, values = regular(frame_series, step if step is not None else frame_series.attrs.get("step"))
    color = role or (series_index if isinstance(series_index, str) else colour(series_index))
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "name": plain(name),
        "x0": first * 1000,
        "dx": dx * 1000,
        "y": values,
        "line": {"width": 1.8, **({"dash": dash or DASHES[role]} if dash or role in DASHES else {})},
        "meta": {"color": color, "fill": (0.16 if fill is True else float(fill))},
        "connectgaps": False,
    }
    if steps:
        trace["line"]["shape"] = "hv"
    if fill:
        trace["fill"] = "tozeroy"
    if down:
        trace["meta"]["down"] = True
    alone = _alone(values)
    if alone.any():
        # a line shows nothing of a value between two gaps: a dot does
        trace |= {"mode": "lines+markers", "marker": {"size": np.where(alone, 5, 0).tolist() if len(values) > 1 else 5}}
    return trace


def _alone(values: np.ndarray) -> np.ndarray:
    """Which values have a gap on both sides."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return known[1:-1] & ~known[:-2] & ~known[2:]


def constant(
    value: float | pd.Series, name: object, like: dict[str, Any], *, role: str, width: float = 1.4
) -> dict[str, Any]:
    """A line of one value along another trace, such as what is allocated; a Series is drawn as it is."""
    if isinstance(value, pd.Series):
        return {**line(value, name, role=role, steps=True), "meta": {"color": role, "fill": 0.0}}
    size = max(len(like["y"]), 2)
    series = {"x0": like["x0"], "dx": like["dx"], "y": np.full(size, float(value))}
    shape = {"width": width, "dash": DASHES.get(role, "solid")}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(name),
        **series,
        "line": shape,
        "meta": {"color": role, "fill": 0.0},
    }


def _biggest(traces: Sequence[dict[str, Any]], stacked: bool) -> float:
    """The largest value drawn; of stacked areas the largest sum, lines such as what is allocated apart."""
    areas = [trace for trace in traces if stacked and trace["meta"]["color"] not in DASHES]
    lines_ = [peak_of(trace["y"]) for trace in traces if not stacked or trace["meta"]["color"] in DASHES]
    if areas and len({len(trace["y"]) for trace in areas}) == 1:
        lines_.append(peak_of(np.nansum([trace["y"] for trace in areas], axis=0)))
    else:
        lines_.append(sum(peak_of(trace["y"]) for trace in areas))
    return max(lines_, default=0.0)


def _finish(trace: dict[str, Any], factor: float, unit: str) -> dict[str, Any]:
    """Scale a trace, pack its numbers and give it its hover text."""
    values = trace["y"] * factor
    show = "y"
    if trace["meta"].get("down"):
        trace["customdata"], values, show = packed(values), -values, "customdata"
    name = f"{plain(trace['meta'].get('say', ''))} {trace['name']}".strip()
    hover = f"%{{{show}:,.3~f}} {plain(unit)}<extra>{name}</extra>"
    done = {**trace, "y": packed(values), "hovertemplate": hover}
    if "stackgroup" in trace:
        done |= {"meta": {**trace["meta"], "fill": 0.72}, "line": {**trace["line"], "width": 0.6}}
        done.pop("fill", None)
    return done


def _stacked(traces: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Areas on each other, with their gaps; lines such as what is allocated stay lines."""
    areas = [trace for trace in traces if trace["meta"]["color"] not in DASHES]
    return [*split(areas, "all"), *(trace for trace in traces if trace["meta"]["color"] in DASHES)]


def _told_apart(traces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The traces, those whose colour an earlier one of another name has dotted, or hatched where areas lie on each other."""
    owners: dict[str, str] = {}
    for trace in traces:
        color = str(trace["meta"]["color"])
        color = "s8" if color == "muted" else color  # both are greys
        if color not in PALETTE or trace["meta"].get("down") and trace["name"] not in owners.values():
            continue
        if owners.setdefault(color, trace["name"]) != trace["name"]:
            if "stackgroup" in trace:
                trace["fillpattern"] = {"shape": "." if trace["meta"]["color"] == "muted" else "/", "size": 6, "solidity": 0.5}
            elif "dash" not in trace["line"]:
                trace["line"] = {**trace["line"], "dash": "dot"}
    return traces


def figure(
    traces: Sequence[dict[str, Any]],
    *,
    unit: str,
    about: About | None = None,
    y_max: float | None = None,
    y_min: float | None = 0,
    stacked: bool = False,
    allocated: float | pd.Series | None = None,
    limit: float | pd.Series | None = None,
    mirrored: bool = False,
    legend: bool = True,
    allocated_name: str = "",
    limit_name: str = "",
    named_alone: bool = False,
) -> Figure:
    """A chart over time of traces made by `line` or `band`.

    `unit`: B and B/s pick a binary multiple, b/s, W, FLOPS and Hz a decimal one, `share` (0–1) becomes %; others are shown as
    they are. `y_max`: capacity, the axis' top, in the data's unit. `allocated`: dashed line; `limit`: dotted line; a number
    or a Series. `named_alone`: a legend for a single series, too. `mirrored`: traces made with `down=True` go below zero. `stacked`: areas on each other.
    """
    if traces and allocated is not None:
        traces = [*traces, constant(allocated, allocated_name or _("allocated"), traces[0], role="alloc")]
    if len(traces) and limit is not None:
        traces = [*traces, constant(limit, limit_name or _("limit"), traces[0], role="limit")]
    top = _biggest(traces, stacked)
    factor, shown = scaling(unit, max(top, y_max or 0))
    drawn = _stacked(traces) if stacked else traces
    parts = _told_apart([_finish(dict(trace), factor, shown) for trace in drawn])
    named = sum(trace.get("showlegend", True) for trace in parts)
    axis = y_axis(shown, y_min, None if y_max is None else y_max * factor, top * factor, mirrored)
    return {"data": parts, "layout": layout(about, axis, legend=legend and (0 if named_alone else 1) < named <= MAX_NAMED)}


def band(frame: pd.DataFrame, *, role: str = "used") -> list[dict[str, Any]]:
    """Many series as one: from the smallest to the largest, and the middle one. For more than 40 series."""
    low, middle, high = frame.min(axis=1), frame.median(axis=1), frame.max(axis=1)
    bottom = line(low, _("lowest"), role=role)
    top = {**line(high, _("highest"), role=role), "fill": "tonexty"}
    for trace in (bottom, top):
        trace["line"] = {"width": 0.5}
    top["meta"] = {"color": role, "fill": 0.18}
    return [bottom, top, line(middle, _("middle"), role=role)]


def lines(frame: pd.DataFrame, names: Sequence[object] | None = None, *, fill: bool = False) -> list[dict[str, Any]]:
    """One line a column in the palette's order; more than 40 columns become a band."""
    if frame.shape[1] > MAX_SERIES:
        return band(frame)
    texts = names if names is not None else [column_text(column) for column in frame.columns]
    step = frame.attrs.get("step")
    return [line(frame.iloc[:, place], text, place, fill=fill, step=step) for place, text in enumerate(texts)]
