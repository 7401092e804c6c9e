"""Charts as plain plotly dicts. Everything about how a chart looks is here; colours are names the browser paints.

A trace carries `meta = {"color": name, "fill": alpha}`; names are the roles used, alloc, limit, waste, bad, good, warn, info
and the palette s1 … s8. Times travel as x0 and dx in milliseconds UTC, values as base64 of float32; the browser shifts
the times into the reader's zone.
"""

from __future__ import annotations

import base64
import html as markup
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from components.format import BINARY, THIN, scale_of
from components.records import About, Figure
from components.text import _

MAX_SERIES = 40
ROLES = ("used", "alloc", "limit", "waste", "bad", "good", "warn", "info", "muted")
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
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: object) -> str:
    """A text that plotly shows as it is: no control characters, no markup, at most 80 characters."""
    clean = _CONTROL.sub(" ", str(text))
    return markup.escape(clean if len(clean) <= 80 else clean[:79] + "…", quote=False)


def packed(values: Sequence[float] | np.ndarray) -> dict[str, str]:
    """Numbers as plotly's typed array: float32 in base64, a fifth of the size of digits."""
    array = np.ascontiguousarray(values, dtype="<f4")
    found = {"dtype": "f4", "bdata": base64.b64encode(array.tobytes()).decode()}
    return {**found, "shape": ", ".join(str(size) for size in array.shape)} if array.ndim == 2 else found


def _seconds(index: pd.Index) -> np.ndarray:
    return pd.DatetimeIndex(index).as_unit("s").asi8


def _regular(series: pd.Series, step: int | None) -> tuple[int, int, np.ndarray]:
    """(first second, step, values): missing moments of an irregular index become NaN, which is a gap."""
    at, values = _seconds(series.index), series.to_numpy(dtype="float64", na_value=np.nan)
    if not len(at):
        return 0, step or 60, values
    steps = np.diff(at)
    dx = int(step or (steps.min() if len(steps) else 60)) or 60
    if len(steps) and not (steps == dx).all():
        full = np.full(int((at[-1] - at[0]) // dx) + 1, np.nan)
        full[((at - at[0]) // dx).astype(int)] = values
        values = full
    return int(at[0]), dx, values


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
    first, dx, values = _regular(frame_series, step if step is not None else frame_series.attrs.get("step"))
    color = role or (series_index if isinstance(series_index, str) else colour(series_index))
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines" if np.isfinite(values).sum() > 1 else "lines+markers",
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
    if trace["mode"] == "lines+markers":
        trace["marker"] = {"size": 5}
    return trace


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


def _scaling(unit: str, biggest: float) -> tuple[float, str]:
    """(factor, unit shown): bytes in binary multiples, bits, operations and watts in decimal ones, shares as percent."""
    if unit in ("B", "B/s"):
        power = scale_of(biggest)
        return 1 / 1024**power, BINARY[power] + unit[1:]
    if unit == "share":
        return 100.0, "%"
    if unit in ("b/s", "W", "FLOPS", "Hz") and biggest >= 1000 * (10 if unit == "W" else 1):
        power = min(int(math.log10(biggest) // 3), 5)
        return 1000.0**-power, " kMGTP"[power].strip() + unit
    return 1.0, unit


def _peak(values: np.ndarray) -> float:
    return float(np.nanmax(np.abs(values))) if len(values) and np.isfinite(values).any() else 0.0


def _biggest(traces: Sequence[dict[str, Any]], stacked: bool) -> float:
    """The largest value drawn; of stacked areas the largest sum, lines such as what is allocated apart."""
    areas = [trace for trace in traces if stacked and trace["meta"]["color"] not in DASHES]
    lines_ = [_peak(trace["y"]) for trace in traces if not stacked or trace["meta"]["color"] in DASHES]
    if areas and len({len(trace["y"]) for trace in areas}) == 1:
        lines_.append(_peak(np.nansum([trace["y"] for trace in areas], axis=0)))
    else:
        lines_.append(sum(_peak(trace["y"]) for trace in areas))
    return max(lines_, default=0.0)


def nice_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Four or five round numbers from low to high."""
    span = max(high - low, 1e-9)
    raw = span / wanted
    size = 10 ** math.floor(math.log10(raw))
    step = min((n * size for n in (1, 2, 2.5, 5, 10)), key=lambda s: abs(span / s - wanted))
    first = math.ceil(low / step - 1e-9)
    return [round(step * n, 10) + 0.0 for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _finish(trace: dict[str, Any], factor: float, unit: str, group: str) -> dict[str, Any]:
    """Scale a trace, pack its numbers and give it its hover text."""
    values = trace["y"] * factor
    show = "y"
    if trace["meta"].get("down"):
        trace["customdata"], values, show = packed(values), -values, "customdata"
    hover = f"%{{{show}:,.3~f}} {plain(unit)}<extra>{trace['name']}</extra>"
    done = {**trace, "y": packed(values), "hovertemplate": hover}
    if group and trace["meta"]["color"] not in DASHES:
        done |= {"stackgroup": group, "meta": {**trace["meta"], "fill": 0.72}, "line": {**trace["line"], "width": 0.6}}
        done.pop("fill", None)
    return done


def _suffix(unit: str) -> str:
    """What the top tick wears; long units stay in the card's head, where they cost the chart no width."""
    return f" {plain(unit)}" if unit and len(unit) <= 5 and unit not in ("cores", "GPUs") else ""


def _y_axis(unit: str, y_min: float | None, y_max: float | None, top: float, mirrored: bool) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "nticks": 5,
        "ticksuffix": _suffix(unit),
        "showticksuffix": "last",
        "tickformat": ",~r",
    }
    if mirrored and top > 0:
        ticks = nice_ticks(-top, top)
        axis |= {
            "tickvals": ticks,
            "ticktext": [f"{abs(tick):,.10g}".replace(",", THIN) for tick in ticks],
            "range": [-top * 1.08, top * 1.08],
        }
        axis["ticktext"][-1] += _suffix(unit)
    elif y_max is not None and y_max > 0:
        axis["range"] = [y_min or 0, max(y_max, top) * 1.04]
    elif y_min is not None:
        axis["rangemode"] = "tozero" if y_min == 0 else "normal"
        if top <= 0:
            axis["range"] = [y_min, y_min + 1]
    axis["zeroline"] = mirrored
    return axis


def layout(about: About | None, y_axis: dict[str, Any], *, legend: bool) -> dict[str, Any]:
    """The one small template of all charts over time."""
    x_axis: dict[str, Any] = {"type": "date", "nticks": 6, "showgrid": False, "zeroline": False, "fixedrange": False}
    if about is not None:
        x_axis["range"] = [about.when.start * 1000, about.when.end * 1000]
    return {
        "margin": {"l": 46, "r": 10, "t": 8, "b": 26},
        "xaxis": x_axis,
        "yaxis": {"fixedrange": True, "gridwidth": 1, "automargin": True, **y_axis},
        "hovermode": "x unified",
        "separators": f".{THIN}",
        "dragmode": "zoom",
        "showlegend": legend,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
    }


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
) -> Figure:
    """A chart over time of traces made by `line` or `band`.

    `unit`: B and B/s pick a binary multiple, b/s, W, FLOPS and Hz a decimal one, `share` (0–1) becomes %; others are shown as
    they are. `y_max`: capacity, the axis' top, in the data's unit. `allocated`: dashed line; `limit`: dotted line; a number
    or a Series. `mirrored`: traces made with `down=True` go below zero. `stacked`: areas on each other.
    """
    if traces and allocated is not None:
        traces = [*traces, constant(allocated, allocated_name or _("allocated"), traces[0], role="alloc")]
    if len(traces) and limit is not None:
        traces = [*traces, constant(limit, limit_name or _("limit"), traces[0], role="limit")]
    top = _biggest(traces, stacked)
    factor, shown = _scaling(unit, max(top, y_max or 0))
    parts = [_finish(dict(trace), factor, shown, "all" if stacked else "") for trace in traces]
    axis = _y_axis(shown, y_min, None if y_max is None else y_max * factor, top * factor, mirrored)
    return {"data": parts, "layout": layout(about, axis, legend=legend and len(parts) > 1 and len(parts) <= 14)}


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


def column_text(column: object) -> str:
    """A column's levels as one name: g004 · 0."""
    return " · ".join(str(part) for part in column if str(part)) if isinstance(column, tuple) else str(column)


def heat(
    frame: pd.DataFrame,
    *,
    unit: str,
    about: About | None = None,
    names: Sequence[object] | None = None,
    top: float | None = None,
) -> Figure:
    """A heat map, one row a column of the frame: who does what when, where lines would be a tangle."""
    first, dx, _values = _regular(frame.iloc[:, 0], frame.attrs.get("step"))
    table = (
        np.vstack([_regular(frame.iloc[:, place], dx)[2] for place in range(frame.shape[1])])
        if frame.shape[1]
        else np.zeros((0, 0))
    )
    peak = top if top is not None else float(np.nanmax(table)) if np.isfinite(table).any() else 1.0
    factor, shown = _scaling(unit, peak)
    texts = [
        plain(name) for name in (names if names is not None else [column_text(column) for column in frame.columns])
    ]
    trace = {
        "type": "heatmap",
        "z": packed(table * factor),
        "x0": first * 1000,
        "dx": dx * 1000,
        "y": texts,
        "zmin": 0,
        "zmax": peak * factor or 1.0,
        "hovertemplate": f"%{{y}}: %{{z:,.3~f}} {plain(shown)}<extra></extra>",
        "meta": {"scale": "used"},
        "colorbar": {"thickness": 8, "outlinewidth": 0, "ticksuffix": f" {plain(shown)}", "nticks": 4},
        "ygap": 1 if len(texts) <= 60 else 0,
        "hoverongaps": False,
    }
    page = layout(about, {"type": "category", "autorange": "reversed", "nticks": 12, "showgrid": False}, legend=False)
    return {"data": [trace], "layout": {**page, "hovermode": "closest"}}


def bars(labels: Sequence[object], values: Sequence[float], *, unit: str, role: str = "used", name: str = "") -> Figure:
    """Horizontal bars, largest first as given; for shares of a whole better than a pie."""
    biggest = max((abs(value) for value in values if value == value), default=0.0)
    factor, shown = _scaling(unit, biggest)
    texts = [plain(label) for label in labels]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": texts,
        "x": packed(np.asarray(values, dtype=float) * factor),
        "name": plain(name),
        "hovertemplate": f"%{{y}}: %{{x:,.3~f}} {plain(shown)}<extra></extra>",
        "meta": {"color": role, "fill": 0.0},
    }
    y_axis = {"type": "category", "autorange": "reversed", "showgrid": False, "ticksuffix": " "}
    page = layout(None, y_axis, legend=False)
    page["xaxis"] = {
        "type": "linear",
        "nticks": 5,
        "ticksuffix": f" {plain(shown)}",
        "showticksuffix": "last",
        "fixedrange": True,
        "rangemode": "tozero",
    }
    return {"data": [trace], "layout": {**page, "hovermode": "closest", "bargap": 0.35}}
