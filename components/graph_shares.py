"""Charts of a whole and its parts: pies and treemaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.format import THIN
from components.graph_base import plain
from components.records import Figure

HEIGHT = 280
RING = 0.52  # a ring leaves room to tell the slices of a few percent apart
DIGITS = 6
SMALLEST = {"minsize": 10, "mode": "hide"}  # what does not fit is left to hovering, not written in letters nobody can read


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a whole: `role` is a colour's name, `inside` the part it lies in ("" for the whole), `hatched` told apart from its like."""

    name: str
    value: float
    role: str
    inside: str = ""
    hatched: bool = False


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _marks(parts: Sequence[Part]) -> dict[str, Any]:
    marks: dict[str, Any] = {"meta": {"color": [part.role for part in parts]}}
    if any(part.hatched for part in parts):
        marks["marker"] = {"pattern": {"shape": ["/" if part.hatched else "" for part in parts], "size": 6, "solidity": 0.25}}
    return marks


def _page(height: int, legend: bool) -> dict[str, Any]:
    # a legend that stands beside the chart: the browser makes room only for those above it
    beside = {"orientation": "v", "x": 1, "xanchor": "left", "y": 0.5, "yanchor": "middle", "traceorder": "normal"}
    return {"margin": {"l": 8, "r": 8, "t": 8, "b": 8}, "height": height, "showlegend": legend, "legend": beside, "hovermode": "closest", "uniformtext": SMALLEST}


def pie(parts: Sequence[Part], *, unit: str, height: int = HEIGHT) -> Figure:
    """A ring of parts in their order, each with its share; the legend names them."""
    trace = {
        "type": "pie", "labels": [plain(part.name) for part in parts], "values": [_rounded(part.value) for part in parts], "hole": RING,
        "sort": False, "direction": "clockwise", "texttemplate": "%{percent:.0%}", "textposition": "inside", "insidetextorientation": "horizontal",
        "hovertemplate": f"%{{label}}: %{{value:,.3~f}} {plain(unit)}, %{{percent}}<extra></extra>", **_marks(parts),
    }  # fmt: skip
    return {"data": [trace], "layout": {**_page(height, True), "separators": f".{THIN}"}}


def treemap(parts: Sequence[Part], *, unit: str, whole: str, height: int = 340) -> Figure:
    """Areas as large as their values, inside areas of what they belong to; `whole` names the sum of all.

    A part that others lie inside has their sum, whatever its own value.
    """
    holders = {part.inside for part in parts if part.inside}
    drawn = [Part(name=whole, value=0.0, role="surface"), *parts]
    # only what holds nothing carries a value, so that no rounding can break a sum
    leaf = [place > 0 and bool(part.inside or part.name not in holders) for place, part in enumerate(drawn)]
    trace = {
        "type": "treemap", "ids": ["whole", *(f"{part.inside}/{part.name}" for part in parts)],
        "parents": ["", *(f"/{part.inside}" if part.inside else "whole" for part in parts)], "labels": [plain(part.name) for part in drawn],
        "values": [_rounded(part.value) if alone else 0.0 for part, alone in zip(drawn, leaf, strict=True)], "branchvalues": "remainder",
        "textinfo": "label+percent root", "hovertemplate": f"%{{label}}: %{{value:,.3~f}} {plain(unit)}, %{{percentRoot}}<extra></extra>",
        "tiling": {"pad": 2}, "pathbar": {"visible": False}, **_marks(drawn),
    }  # fmt: skip
    return {"data": [trace], "layout": {**_page(height, False), "separators": f".{THIN}"}}
