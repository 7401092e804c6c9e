"""Charts that are no lines: heat maps and bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from components.graph_base import column_text, layout, packed, plain, regular, scaling
from components.records import About, Figure

FEW_ROWS = 16


def _table(frame: pd.DataFrame) -> tuple[int, int, np.ndarray]:
    """(first second, step, values: a row a column) of a frame; missing moments become NaN, for all columns in one go."""
    first, dx, values = regular(frame.iloc[:, 0], frame.attrs.get("step"))
    table = np.full((frame.shape[1], len(values)), np.nan)
    places = (pd.DatetimeIndex(frame.index).as_unit("s").asi8 - first) // dx
    table[:, places] = frame.to_numpy(dtype="float64", na_value=np.nan).T
    return first, dx, table


def heat(
    frame: pd.DataFrame,
    *,
    unit: str,
    about: About | None = None,
    names: Sequence[object] | None = None,
    top: float | None = None,
) -> Figure:
    """A heat map, one row a column of the frame: who does what when, where lines would be a tangle."""
    first, dx, table = _table(frame)
    peak = top if top is not None else float(np.nanmax(table)) if np.isfinite(table).any() else 1.0
    factor, shown = scaling(unit, peak)
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
        "ygap": 1 if len(texts) <= FEW_ROWS else 0,  # a gap between rows of a few pixels would be half of what is seen
        "hoverongaps": False,
    }
    page = layout(about, {"type": "category", "autorange": "reversed", "nticks": 12, "showgrid": False}, legend=False)
    return {"data": [trace], "layout": {**page, "hovermode": "closest"}}


def bars(labels: Sequence[object], values: Sequence[float], *, unit: str, role: str = "used", name: str = "") -> Figure:
    """Horizontal bars, largest first as given; for shares of a whole better than a pie."""
    biggest = max((abs(value) for value in values if value == value), default=0.0)
    factor, shown = scaling(unit, biggest)
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
