"""Charts of the scheduler's statistics: what was counted in logarithmic buckets, as bars and as shares reached."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.quantiles import bucket, edge
from analysis.scheduling_tables import CODES
from components import format as fmt
from components import graph
from components.records import About, Figure
from components.text import N_, _
from core.units import DAY, HOUR, MINUTE
from datasources.slurm.waits import PER_MILLE, RATIO

WIDE, NARROW = 4, 2  # buckets of a bar: 1.5 and 1.2 times as long as the one before it
FEWEST = 10  # runs of a size class with a line of its own
MOST = 8  # groups with a name of their own; the rest is "other"
SIZES = {
    0: N_("1 core"), 1: N_("2–16 cores"), 2: N_("17–64 cores"), 3: N_("65–256 cores"), 4: N_("over 256 cores"),
    10: N_("1 GPU"), 11: N_("2–4 GPUs"), 12: N_("over 4 GPUs"),
}  # fmt: skip
MOMENTS = (10, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 4 * DAY, 30 * DAY)
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
LEVELS = (0.01, 0.1, 0.3, 1, 3, 10, 100, 1000)
ENDLESS = 10_000  # in place of a bucket: LevelFS of an account that used nothing


def size_name(size: int) -> str:
    """A size class in words."""
    return _(SIZES.get(int(size), "")) or fmt.NONE


def _named(frame: pd.DataFrame, name: str, words: Callable[[Any], str] = str) -> list[tuple[str, pd.DataFrame]]:
    """(name, counts by bucket) of the groups with most jobs, and of all others together."""
    order = frame.groupby(name)["jobs"].sum().sort_values(ascending=False, kind="stable").index.tolist()
    first = order[:MOST] if len(order) > MOST + 1 else order
    rest = frame[~frame[name].isin(first)]
    found = [(words(key) or fmt.NONE, frame[frame[name] == key]) for key in first]
    return [*found, (_("other"), rest)] if len(rest) else found


def _axis(ticks: Sequence[float], places: Sequence[float], words: Callable[[float], str], low: float, high: float) -> dict[str, Any]:
    shown = [(place, words(tick)) for tick, place in zip(ticks, places, strict=True) if low <= place <= high]
    return {
        "type": "linear", "tickvals": [place for place, _word in shown], "ticktext": [word for _place, word in shown], "range": [low, high],
        "showgrid": False, "zeroline": False, "fixedrange": True,
    }  # fmt: skip


def _place(value: float) -> float:
    """Where a value stands on the axis of buckets."""
    return math.log(value) / math.log(RATIO)


def _bars(
    groups: Sequence[tuple[str, pd.DataFrame]], wide: int, said: Callable[[int], str], axis: Callable[[float, float], dict[str, Any]], unit: str,
) -> Figure:
    """Bars of `wide` buckets each, the groups on each other."""
    traces, ends = [], []
    for place, (name, counts) in enumerate(groups):
        cells = counts.groupby(np.where(counts["bucket"] == ENDLESS, ENDLESS, counts["bucket"] // wide))["jobs"].sum()
        if cells.empty:
            continue
        ends += [int(cell) for cell in cells.index if cell != ENDLESS]
        traces.append((name, cells, graph.colour(place)))
    low, high = min(ends, default=0), max(ends, default=0) + 1
    drawn = []
    for name, cells, colour in traces:
        spots = [high + 1 if cell == ENDLESS else int(cell) + 0.5 for cell in cells.index]
        high_end = max(high, *(math.ceil(spot) for spot in spots)) if spots else high
        drawn.append(
            {
                "type": "bar", "name": graph.plain(name), "x": graph.packed(np.asarray(spots, dtype=float) * wide), "width": wide * 0.92,
                "y": graph.packed(cells.to_numpy(dtype=float)), "customdata": [said(int(cell)) for cell in cells.index],
                "hovertemplate": f"%{{customdata}}: %{{y:,}} {graph.plain(unit)}<extra>{graph.plain(name)}</extra>",
                "meta": {"color": colour, "fill": 0.0},
            }
        )  # fmt: skip
        high = max(high, high_end)
    page = graph.layout(None, {"rangemode": "tozero", "nticks": 5, "tickformat": ",~r"}, legend=len(drawn) > 1)
    page |= {"xaxis": axis((low - 0.3) * wide, (high + 0.8) * wide), "barmode": "stack", "bargap": 0, "hovermode": "closest"}
    return {"data": drawn, "layout": page}


def _span(low: float, high: float) -> str:
    return f"{fmt.duration(low)} – {fmt.duration(high)}"


def _seconds_said(cell: int) -> str:
    return _("less than a second") if cell < 0 else _span(edge(WIDE * cell), edge(WIDE * (cell + 1)))


def _seconds_axis(low: float, high: float) -> dict[str, Any]:
    """The axis of waits; the bar of those that began at once stands left of a second."""
    return _axis((0, *MOMENTS), [-WIDE / 2, *map(_place, MOMENTS)], lambda tick: fmt.duration(tick) if tick else "0", low, high)


def wait_bars(frame: pd.DataFrame, about: About) -> Figure:
    """How many runs waited how long, by partition. The bar at 0: runs that began at once."""
    return _bars(_named(frame, "partition"), WIDE, _seconds_said, _seconds_axis, _("runs"))


def _reached(frame: pd.DataFrame) -> tuple[list[float], list[float]]:
    """(places on the axis of buckets, share of runs that waited less) of one group."""
    counts = frame.groupby("bucket")["jobs"].sum().sort_index()
    total = float(counts.sum())
    places = [0.0 if number < 0 else float(number + 1) for number in counts.index]
    return places, (counts.cumsum() / total * 100).tolist()


def wait_shares(frame: pd.DataFrame, about: About) -> Figure:
    """The share of runs that had begun after so long, one line a size class with enough runs."""
    traces, low, high = [], 0.0, 1.0
    counts = frame.groupby("size")["jobs"].sum()
    # a share of a handful of runs says nothing beside those of thousands
    shown = counts[counts >= min(FEWEST, counts.max())].index
    for place, size in enumerate(sorted(shown)):
        spots, shares = _reached(frame[frame["size"] == size])
        if spots[0] > 0:
            spots, shares = [0.0, *spots], [0.0, *shares]
        high = max(high, spots[-1])
        name = graph.plain(size_name(size))
        traces.append(
            {
                "type": "scatter", "mode": "lines", "name": name, "x": graph.packed(spots), "y": graph.packed(shares),
                "customdata": [fmt.duration(RATIO**spot) for spot in spots], "line": {"width": 1.8},
                "hovertemplate": f"%{{y:.3~r}} % {graph.plain(_('within'))} %{{customdata}}<extra>{name}</extra>",
                "meta": {"color": graph.colour(place), "fill": 0.0},
            }
        )  # fmt: skip
    page = graph.layout(None, {"range": [0, 104], "tickvals": [0, 25, 50, 75, 100], "ticktext": ["0", "25", "50", "75", "100 %"]}, legend=len(traces) > 1)
    page |= {"xaxis": _seconds_axis(low - 0.5, high + 1), "hovermode": "closest"}
    return {"data": traces, "layout": page}


def wait_days(frame: pd.DataFrame, about: About) -> Figure:
    """The middle and the 90 % wait of the runs that began on each UTC day."""
    top = float(np.nanmax(frame["queue_p90_s"])) if frame["queue_p90_s"].notna().any() else 0.0
    size, unit = next((one for one in ((DAY, _("days")), (HOUR, "h"), (MINUTE, "min")) if top >= 2 * one[0]), (1, "s"))
    step = frame.attrs.get("step", DAY)
    traces = [
        graph.line(frame["queue_p90_s"] / size, _("nine of ten began within"), role="waste", step=step),
        graph.line(frame["queue_median_s"] / size, _("half began within"), role="used", fill=True, step=step),
    ]
    for trace in traces:
        trace |= {"mode": "lines+markers", "marker": {"size": 5}}
    return graph.figure(traces, unit=unit, about=about)


def _percent_said(cell: int) -> str:
    low, high = (0.0, 1.0) if cell < 0 else (edge(NARROW * cell), edge(NARROW * (cell + 1)))
    return f"{fmt.percent(low / PER_MILLE)} – {fmt.percent(high / PER_MILLE)}"


def limit_bars(frame: pd.DataFrame, about: About) -> Figure:
    """How many completed runs took which share of their limit, by partition."""
    judged = frame[~frame["bucket"].isin(CODES)]
    places = [_place(share * PER_MILLE) for share in SHARES]

    def axis(low: float, high: float) -> dict[str, Any]:
        return _axis(SHARES, places, fmt.percent, low, high)

    return _bars(_named(judged, "partition"), NARROW, _percent_said, axis, _("runs"))


def _level_said(cell: int) -> str:
    if cell == ENDLESS:
        return _("∞ (nothing used yet)")
    return f"{fmt.number(edge(WIDE * cell) / PER_MILLE, 2)} – {fmt.number(edge(WIDE * (cell + 1)) / PER_MILLE, 2)}"


def _balance(place: float, top: float) -> dict[str, Any]:
    """A dotted line where share and use are in balance."""
    return {
        "type": "scatter", "mode": "lines", "name": _("share = use"), "x": graph.packed([place, place]), "y": graph.packed([0, float(top)]),
        "line": {"width": 1.4, "dash": "dot"}, "hoverinfo": "skip", "meta": {"color": "limit", "fill": 0.0},
    }  # fmt: skip


def level_bars(frame: pd.DataFrame, about: About) -> Figure:
    """How many runs began at which LevelFS of their account, by partition; the dotted line is 1."""
    known = frame[frame["level"].notna()]
    numbers = [ENDLESS if math.isinf(level) else bucket(level * PER_MILLE) for level in known["level"]]
    places = [_place(level * PER_MILLE) for level in LEVELS]
    drawn = _bars(
        _named(known.assign(bucket=numbers), "partition"), WIDE, _level_said,
        lambda low, high: _axis(LEVELS, places, lambda level: fmt.number(level), low, high), _("starts"),
    )  # fmt: skip
    axis = drawn["layout"]["xaxis"]
    if axis["range"][0] < places[LEVELS.index(1)] < axis["range"][1]:
        drawn["data"].append(_balance(places[LEVELS.index(1)], known.groupby(np.asarray(numbers) // WIDE)["jobs"].sum().max()))
    if ENDLESS in numbers:
        axis["tickvals"].append(max(float(axis["range"][1]) - 1.6, 0.0))
        axis["ticktext"].append("∞")
    return drawn
