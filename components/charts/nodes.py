"""All nodes as a grid of cells, coloured by one measure: readable at forty nodes and at two thousand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from components import format as fmt
from components.graph_base import packed, plain
from components.links import points
from components.records import About, Figure
from components.text import N_, _
from core.settings import Settings
from core.timerange import POINTS

# measure → (column, unit, title)
MEASURES: dict[str, tuple[str, str, str]] = {
    "cores": ("cores_share", "%", N_("Cores used")), "memory": ("memory_share", "%", N_("Memory used")), "gpus": ("gpus_share", "%", N_("GPUs used")),
    "load": ("load_share", "%", N_("Load")), "power": ("power", "W", N_("Power")), "disk": ("disk_share", "%", N_("Local disk used")),
    "allocated": ("alloc_share", "%", N_("Cores allocated")),
}  # fmt: skip
MARKS = {  # group of states → (name, colour, symbol); what is out of service is told by its form, too
    "down": (N_("down"), "bad", "x"), "drained": (N_("drained"), "waste", "diamond-open"), "": (N_("not measured"), "alloc", "circle-open"),
}  # fmt: skip
CELL, SMALLEST, MANY = 26, 9, 400  # px; beyond MANY nodes the cells become smaller
LETTER = 6.4  # px a letter of a label takes
WIDE, NARROW = 1060, 300  # px a row of cells has
TOP, BOTTOM, LEAST = 31, 8, 140  # px above the cells (the legend), below them, and of the whole chart at least


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Where each node stands: `rows` and `columns` by node, `labels` (row, column, text), the size in cells, a cell's px."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    labels: tuple[tuple[int, int, str], ...]
    height: int
    width: int
    cell: int


def group_names(frame: pd.DataFrame, settings: Settings) -> list[str]:
    """The group of each node: its partitions where the settings list them, and what kind of node it is."""
    listed = bool(settings.slurm.partitions)
    return [
        " · ".join(filter(None, (", ".join(names) if listed else "", kind))) or _("not measured")
        for names, kind in zip(frame["partitions"], frame["kind"], strict=True)
    ]


def place(groups: Sequence[str], space: int) -> Grid:
    """Groups in the order of their first node, filled row by row, small ones beside each other; more nodes make smaller cells."""
    cell = CELL if len(groups) <= MANY else max(SMALLEST, round(math.sqrt(space * 420 / len(groups))))
    width = max(8, space // cell)
    members: dict[str, list[int]] = {}
    for position, name in enumerate(groups):
        members.setdefault(name, []).append(position)
    rows, columns, labels = [0] * len(groups), [0] * len(groups), []
    top, used, bottom = 0, 0, 0
    for group, positions in members.items():
        needs = max(min(len(positions), width), math.ceil(len(group) * LETTER / cell) + 1)
        if used + needs > width or len(positions) > width - used:
            top, used = bottom, 0
        labels.append((top, used, group))
        room = width - used
        for number, position in enumerate(positions):
            rows[position], columns[position] = top + 1 + number // room, used + number % room
        bottom = max(bottom, top + 1 + -(-len(positions) // room))
        used += needs + 1
    return Grid(rows=tuple(rows), columns=tuple(columns), labels=tuple(labels), height=bottom, width=width, cell=cell)


def _matrix(grid: Grid, values: np.ndarray) -> np.ndarray:
    table = np.full((grid.height, grid.width), np.nan)
    table[list(grid.rows), list(grid.columns)] = values
    return table


def _names(grid: Grid, nodes: Sequence[str]) -> list[list[str]]:
    table = [[""] * grid.width for _row in range(grid.height)]
    for node, row, column in zip(nodes, grid.rows, grid.columns, strict=True):
        table[row][column] = node
    return [_trimmed(row) for row in table]


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row


def _marks(frame: pd.DataFrame, grid: Grid, group: str, which: np.ndarray, settings: Settings) -> dict[str, Any]:
    name, colour, symbol = MARKS[group]
    picked = np.flatnonzero(which)
    nodes = [plain(frame["node"].iloc[position]) for position in picked]
    return {
        "type": "scatter", "mode": "markers", "name": _(name), "x": [grid.columns[position] for position in picked],
        "y": [grid.rows[position] for position in picked], "text": nodes, "hovertemplate": f"%{{text}}: {_(name)}<extra></extra>",
        "marker": {"symbol": symbol, "size": 9 if len(grid.rows) <= MANY else 6, "line": {"width": 2 if symbol.endswith("open") else 0}},
        "meta": {"color": colour, "href": points(settings, "/node/", nodes)}, "showlegend": True,
    }  # fmt: skip


def grid_figure(frame: pd.DataFrame, about: About) -> Figure:
    """One cell a node: pale is little, full is all; a cross is down, an open diamond drained, a ring has no value."""
    measure = about.subject.get("measure", "cores")
    column, unit, _title = MEASURES[measure]
    grid = place(group_names(frame, about.settings), NARROW if about.when.points < POINTS["wide"] else WIDE)
    values = frame[column].to_numpy("float64") * (100 if unit == "%" else 1)
    down = (frame["group"] == "down").to_numpy()
    values = np.where(down, np.nan, values)
    drained = (frame["group"] == "drained").to_numpy()
    unknown = ~np.isfinite(values) & ~down & ~drained
    if measure == "gpus":
        unknown &= (frame["gpu_model"] != "").to_numpy()  # a node without GPUs lacks no value
    nodes = [plain(node) for node in frame["node"]]
    heat = _heat(grid, values, unit, nodes, about.settings)
    marks = [
        _marks(frame, grid, group, which, about.settings) for group, which in (("down", down), ("drained", drained), ("", unknown)) if which.any()
    ]
    return {"data": [heat, *marks], "layout": _layout(grid, bool(marks))}


def _heat(grid: Grid, values: np.ndarray, unit: str, nodes: list[str], settings: Settings) -> dict[str, Any]:
    names = _names(grid, nodes)
    known = values[np.isfinite(values)]
    top = 100.0 if unit == "%" else float(known.max()) if len(known) else 1.0
    gap = 2 if len(nodes) <= MANY else 1
    return {
        "type": "heatmap", "z": packed(_matrix(grid, values)), "text": names, "zmin": 0, "zmax": top or 1.0, "xgap": gap, "ygap": gap,
        "hovertemplate": f"%{{text}}: %{{z:,.3~r}} {unit}<extra></extra>", "hoverongaps": False, "showlegend": False,
        "meta": {"scale": "used", "href": points(settings, "/node/", names)},
        "colorbar": {"thickness": 8, "outlinewidth": 0, "ticksuffix": f" {unit}", "nticks": 4, "len": 1},
    }  # fmt: skip


def _layout(grid: Grid, marks: bool) -> dict[str, Any]:
    # a label is as high as a line of text, whatever the cells
    label = max(1.0, 18 / grid.cell)
    height = max(LEAST, round(grid.height * grid.cell + TOP + BOTTOM))
    notes = [
        {
            "x": column / grid.width, "y": row + 0.46, "xref": "paper", "yref": "y", "xanchor": "left", "yanchor": "bottom", "text": plain(text),
            "showarrow": False, "font": {"size": 11}, "bgcolor": "rgba(0,0,0,0)",
        }
        for row, column, text in grid.labels
    ]  # fmt: skip
    hidden = {"visible": False, "fixedrange": True, "showgrid": False, "zeroline": False}
    shown = (height - TOP - BOTTOM) / grid.cell
    return {
        "margin": {"l": 4, "r": 10, "t": TOP, "b": BOTTOM}, "height": height, "hovermode": "closest", "dragmode": False,
        "xaxis": {"type": "linear", "range": [-0.5, grid.width - 0.5], **hidden},
        "yaxis": {"type": "linear", "range": [max(shown, grid.height) - 0.5, 0.5 - label], **hidden},
        "annotations": notes, "separators": f".{fmt.THIN}", "showlegend": marks,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yanchor": "top"},
    }  # fmt: skip
