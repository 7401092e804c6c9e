"""Numbers as people read them, and charts plotly accepts."""

from __future__ import annotations

import base64
import math
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from dash import html

from components import format as text
from components import graph, parts
from components.records import About
from components.table import Column, table
from core.timerange import TimeRange
from tests.shell import fakes

T, G = text.THIN, text.GAP


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (None, "–"), (math.nan, "–"), (0.123456, "0.123"), (1.005, "1"), (10.44, "10.4"), (99.96, "100"), (58204, f"58{T}204"),
        (1234567, f"1{T}234{T}567"), (-3.5, "−3.5"), (math.inf, "∞"), (0.00012345, "0.000123"), (100, "100"), (1200, f"1{T}200"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, shown: str) -> None:
    assert text.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, f"0{G}B"),
        (1023, f"1{T}023{G}B"),
        (1024, f"1{G}KiB"),
        (41 * 1024**3, f"41{G}GiB"),
        (1.5 * 1024**4, f"1.5{G}TiB"),
    ],
)
def test_bytes(value: float, shown: str) -> None:
    assert text.bytes_(value) == shown


def test_part_and_whole_share_a_unit() -> None:
    assert text.of(41 * 1024**3, 120 * 1024**3, "B") == f"41 of 120{G}GiB"
    assert text.of(10.44, 12, "cores") == f"10.4 of 12{G}cores"
    assert text.of(None, 12, "cores") == f"– of 12{G}cores"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (35, f"35{G}s"), (60, f"1{G}min"), (90, f"1{G}min 30{G}s"), (2460, f"41{G}min"), (8 * 3600 + 28 * 60, f"8{G}h 28{G}min"),
        (2 * 86400 + 6 * 3600, f"2{G}d 6{G}h"), (math.inf, "no limit"), (None, "–"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, shown: str) -> None:
    assert text.duration(seconds) == shown


def test_money_energy_power_mass() -> None:
    assert (text.money(0.3), text.money(1234)) == ("$0.30", f"$1{T}234")
    assert (text.energy(0.5), text.energy(7.1), text.energy(2500)) == (f"500{G}Wh", f"7.1{G}kWh", f"2.5{G}MWh")
    assert (text.power(400), text.power(12500)) == (f"400{G}W", f"12.5{G}kW")
    assert (text.mass(0.0036), text.mass(1500)) == (f"3.6{G}g", f"1.5{G}t")


def test_moment_carries_utc_for_the_browser() -> None:
    element = text.moment(1763884800).to_plotly_json()["props"]
    assert element["data-utc"] == "1763884800"
    assert element["dateTime"] == "2025-11-23T08:00:00Z"


def _about() -> About:
    when = TimeRange(start=1_763_000_000, end=1_763_086_400, now=1_763_086_400)
    return About(viewer=fakes.USER, subject=None, when=when, settings=None, frames={})


def _values(packed: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["bdata"]), "<f4")


@pytest.mark.parametrize("unit", ["B", "B/s", "b/s", "W", "share", "%", "cores", ""])
@pytest.mark.parametrize("shape", ["plain", "stacked", "mirrored", "capacity"])
def test_figures_are_valid_plotly(unit: str, shape: str) -> None:
    frame = fakes.wide(3)
    traces = [
        graph.line(frame.iloc[:, n], "<a href='x'>y</a>", n, fill=True, down=shape == "mirrored" and n > 0)
        for n in range(3)
    ]
    figure = graph.figure(
        traces, unit=unit, about=_about(), stacked=shape == "stacked", mirrored=shape == "mirrored",
        y_max=2e10 if shape == "capacity" else None, allocated=1.5e10, limit=frame.iloc[:, 0],
    )  # fmt: skip
    go.Figure(figure)
    assert "<a" not in str(figure)


def test_bytes_are_scaled_to_the_largest() -> None:
    series = pd.Series([1024.0**3, 2 * 1024.0**3], index=pd.date_range("2026-11-22", periods=2, freq="60s", tz="UTC"))
    figure = graph.figure([graph.line(series, "x")], unit="B")
    assert _values(figure["data"][0]["y"]).tolist() == [1.0, 2.0]
    assert "GiB" in figure["data"][0]["hovertemplate"]


def test_missing_moments_are_gaps() -> None:
    at = pd.to_datetime([0, 60, 240], unit="s", utc=True)
    trace = graph.figure([graph.line(pd.Series([1.0, 2.0, 3.0], index=at), "x")], unit="")["data"][0]
    values = _values(trace["y"])
    assert (trace["x0"], trace["dx"], len(values)) == (0, 60_000, 5)
    assert np.isnan(values[2:4]).all()


def test_what_is_sent_is_drawn_below_zero_and_read_as_positive() -> None:
    trace = graph.figure([graph.line(fakes.wide(1).iloc[:, 0], "sent", down=True)], unit="B/s", mirrored=True)["data"][
        0
    ]
    assert _values(trace["y"]).max() <= 0
    assert _values(trace["customdata"]).min() >= 0
    assert "customdata" in trace["hovertemplate"]


def test_more_than_forty_series_become_a_band_or_a_heat_map() -> None:
    assert len(graph.lines(fakes.wide(60))) == 3
    go.Figure(graph.heat(fakes.wide(60), unit="B", about=_about()))
    go.Figure(graph.bars(["<b>", "y"], [3, 2], unit="cores"))


def test_empty_and_all_missing_series_draw() -> None:
    index = pd.DatetimeIndex([], tz="UTC")
    go.Figure(graph.figure([graph.line(pd.Series([], index=index, dtype="float64"), "x")], unit="B"))
    nothing = pd.Series([np.nan] * 3, index=pd.date_range("2026-11-22", periods=3, freq="60s", tz="UTC"))
    go.Figure(graph.figure([graph.line(nothing, "x")], unit="B", stacked=True, mirrored=True))


@pytest.mark.parametrize(("low", "high"), [(0, 10), (-7, 7), (0, 64512), (0, 0.03)])
def test_ticks_are_few_and_inside(low: float, high: float) -> None:
    ticks = graph.nice_ticks(low, high)
    assert 3 <= len(ticks) <= 7
    assert low <= ticks[0] and ticks[-1] <= high


def test_no_chart_offers_to_upload_itself() -> None:
    assert graph.CONFIG["showSendToCloud"] is False


def test_the_filter_box_of_a_table_has_a_name() -> None:
    """For those who hear a page: a placeholder is no label."""
    drawn = table(pd.DataFrame({"job": range(9)}), (Column(key="job", title="Job"),))
    label = next(part for part in drawn._traverse() if isinstance(part, html.Label))
    words, box = label.children
    assert words.children == "Filter these rows" and words.className == "visually-hidden" and box.className == "tt-filter"


def test_a_colour_that_comes_again_wears_another_mark() -> None:
    """The palette has eight colours: the ninth line is dotted, the ninth area hatched; what has no fellow stays plain."""
    index = pd.date_range("2026-01-01", periods=3, freq="60s", tz="UTC")
    frame = pd.DataFrame({f"n{number}": [1.0, 2.0, 3.0] for number in range(9)}, index=index)
    drawn = graph.figure([*graph.lines(frame), graph.line(frame["n0"], "others", role="muted")], unit="")["data"]
    assert [trace["line"].get("dash") for trace in drawn] == [None] * 8 + ["dot", "dot"]
    areas = graph.figure(graph.lines(frame), unit="", stacked=True)
    assert ["fillpattern" in trace for trace in areas["data"]] == [False] * 8 + [True]
    go.Figure(areas)
    alone = graph.figure([graph.line(frame["n0"], "read"), graph.line(frame["n1"], "others", role="muted")], unit="")["data"]
    assert [trace["line"].get("dash") for trace in alone] == [None, None]


def test_a_value_between_two_gaps_is_a_dot() -> None:
    nan = float("nan")
    times = pd.date_range("2026-11-22", periods=6, freq="60s", tz="UTC")
    trace = graph.line(pd.Series([nan, 1.0, nan, 2.0, 3.0, nan], index=times), "a", step=60)
    assert (trace["mode"], trace["marker"]) == ("lines+markers", {"size": [0, 5, 0, 0, 0, 0]})
    assert "marker" not in graph.line(pd.Series([1.0, 2.0, nan, 3.0, 4.0, 4.0], index=times), "a", step=60)


def test_a_small_line_of_many_values_is_thinned_to_the_means_of_its_stretches() -> None:
    """80 values in 40 pairs: 0 and 2 in each, so that every point of the line is the mean, 1, half way up to 2."""
    style = parts.spark([0.0, 2.0] * 40, top=2.0).children.style
    svg = base64.b64decode(style["maskImage"].split("base64,")[1].rstrip(")")).decode()
    line = re.search(r'<polyline points="([^"]+)"', svg)[1].split()
    assert len(line) == 40
    assert {point.split(",")[1] for point in line} == {"18.0"}


def test_a_moment_no_series_knows_is_a_gap_in_the_stack_too() -> None:
    """Six minutes of two series, the third known to none and the sixth neither: areas of two minutes, and of two."""
    nan = float("nan")
    times = pd.date_range("2026-11-22", periods=6, freq="60s", tz="UTC")
    frame = pd.DataFrame({"a": [1.0, 2.0, nan, 4.0, nan, nan], "b": [1.0, nan, nan, 4.0, 5.0, nan]}, index=times)
    drawn = graph.figure(graph.lines(frame), unit="", stacked=True, allocated=9.0)
    go.Figure(drawn)
    *areas, allocated = drawn["data"]
    first = int(times[0].timestamp()) * 1000
    told = [(one["name"], one["stackgroup"], (one["x0"] - first) // 60_000, one["showlegend"], one["meta"]["color"]) for one in areas]
    assert told == [
        ("a", "all0", 0, True, "s1"), ("a", "all1", 3, False, "s1"), ("b", "all0", 0, True, "s2"), ("b", "all1", 3, False, "s2")
    ]  # fmt: skip
    values = [np.frombuffer(base64.b64decode(one["y"]["bdata"]), dtype="<f4").tolist() for one in areas]
    assert values[0] == [1, 2] and values[3] == [4, 5] and values[1][0] == 4 and np.isnan(values[1][1])
    assert {one["legendgroup"] for one in areas} == {"a", "b"} and "stackgroup" not in allocated


def test_a_stack_with_too_many_gaps_stays_whole() -> None:
    """Every second minute of 2 series unknown: 100 spans would be 200 areas."""
    times = pd.date_range("2026-11-22", periods=200, freq="60s", tz="UTC")
    frame = pd.DataFrame({"a": [1.0, np.nan] * 100, "b": [2.0, np.nan] * 100}, index=times)
    assert [one["stackgroup"] for one in graph.figure(graph.lines(frame), unit="", stacked=True)["data"]] == ["all", "all"]
