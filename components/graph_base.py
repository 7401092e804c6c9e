"""What every chart is made from: texts plotly may show, packed numbers, units, ticks, axes and the one layout."""

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
from components.records import About

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: object) -> str:
    """A text that plotly shows as it is: no control characters, no markup, nothing a template on hover fills in, at most 80 characters."""
    clean = _CONTROL.sub(" ", str(text))
    return markup.escape(clean if len(clean) <= 80 else clean[:79] + "…", quote=False).replace("%{", "%&#123;")


def packed(values: Sequence[float] | np.ndarray) -> dict[str, str]:
    """Numbers as plotly's typed array: float32 in base64, a fifth of the size of digits."""
    array = np.ascontiguousarray(values, dtype="<f4")
    found = {"dtype": "f4", "bdata": base64.b64encode(array.tobytes()).decode()}
    return {**found, "shape": ", ".join(str(size) for size in array.shape)} if array.ndim == 2 else found


def _seconds(index: pd.Index) -> np.ndarray:
    return pd.DatetimeIndex(index).as_unit("s").asi8


def regular(series: pd.Series, step: int | None) -> tuple[int, int, np.ndarray]:
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


def scaling(unit: str, biggest: float) -> tuple[float, str]:
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


def peak_of(values: np.ndarray) -> float:
    """The largest absolute value; 0 where none is known."""
    return float(np.nanmax(np.abs(values))) if len(values) and np.isfinite(values).any() else 0.0


def nice_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Four or five round numbers from low to high."""
    span = max(high - low, 1e-9)
    raw = span / wanted
    size = 10 ** math.floor(math.log10(raw))
    step = min((n * size for n in (1, 2, 2.5, 5, 10)), key=lambda s: abs(span / s - wanted))
    first = math.ceil(low / step - 1e-9)
    return [round(step * n, 10) + 0.0 for n in range(first, math.floor(high / step + 1e-9) + 1)]


def suffix(unit: str) -> str:
    """What the top tick wears; long units stay in the card's head, where they cost the chart no width."""
    return f" {plain(unit)}" if unit and len(unit) <= 5 and unit not in ("cores", "GPUs") else ""


def y_axis(unit: str, y_min: float | None, y_max: float | None, top: float, mirrored: bool) -> dict[str, Any]:
    """The axis of values up to `top`: capacity or zero as its ends, nice ticks on both sides where it is mirrored."""
    axis: dict[str, Any] = {
        "nticks": 5,
        "ticksuffix": suffix(unit),
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
        axis["ticktext"][-1] += suffix(unit)
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
    x_axis: dict[str, Any] = {"type": "date", "nticks": 6, "tickangle": 0, "showgrid": False, "zeroline": False, "fixedrange": False}
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


def column_text(column: object) -> str:
    """A column's levels as one name: g004 · 0."""
    return " · ".join(str(part) for part in column if str(part)) if isinstance(column, tuple) else str(column)
