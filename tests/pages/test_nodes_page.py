"""The page of all nodes, without servers: states, counts, order, cells, and what two thousand nodes weigh."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.charts import nodes as chart
from components.records import About
from core.errors import BadInput, NoData, SourceDown, Why
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.slurm import frames
from datasources.slurm.nodes import NOW_COLUMNS, NOW_KINDS
from pages import nodes, nodes_list, nodes_query
from pages.nodes_frame import assemble, group_of, kind_of, nominal
from tests.pages.test_jobs_pages import texts

GIB, NOW = 1024**3, 1_795_000_000
WHEN = TimeRange(start=NOW - 3600, end=NOW, now=NOW)
STAFF, MIRA = Viewer(name="ada", is_staff=True), Viewer(name="mira")
NONE = {"event": "", "reason": "", "who": "", "since": math.nan, "partitions": (), "accounts": (), "jobs": 0, "users": 0}
NONE |= {"cores_alloc": 0.0, "memory_alloc": 0.0, "gpus_alloc": 0.0}


def now_of(**rows: dict[str, Any]) -> pd.DataFrame:
    """nodes_now's frame."""
    frame = frames.table([NONE | {"node": node} | row for node, row in rows.items()], NOW_COLUMNS, **NOW_KINDS)
    frame.attrs["own"] = {}
    return frame


def measured(**nodes_: dict[str, float]) -> pd.DataFrame:
    """The answer of nodes_batches.measured; `cards:MODEL` counts GPUs of a model."""
    rows = [
        {"what": what.partition(":")[0], "instance": node, "name": what.partition(":")[2], "value": float(value)}
        for node, values in nodes_.items() for what, value in values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["what", "instance", "name", "value"])


def told(features: str = "", **states: str) -> pd.DataFrame:
    """The answer of nodes_batches.state."""
    rows = [("slurm_node_state_info", node, state, "", 1.0) for node, state in states.items()]
    rows += [("slurm_node_features_info", node, "", features, 1.0) for node in states if features]
    return pd.DataFrame(rows, columns=["__name__", "node", "state", "features", "value"])


HALF = {"cores": 16, "idle": 4, "memory": 64 * GIB, "memory_free": 48 * GIB, "disk": 100 * GIB, "disk_free": 90 * GIB, "load": 12, "power": 240}


def small(settings: Settings | None = None) -> pd.DataFrame:
    """c1 busy, c2 drained, c3 without an exporter of its own, g1 with GPUs, d1 down."""
    now = now_of(
        c1={"jobs": 2, "users": 2, "cores_alloc": 14.0, "partitions": ("cpu",)},
        c2={"event": "IDLE+DRAIN", "reason": "kernel", "since": float(NOW - 60), "who": "root"},
        c3={}, g1={"jobs": 1, "users": 1, "cores_alloc": 8.0, "gpus_alloc": 1.0, "partitions": ("gpu",)}, d1={"event": "DOWN", "since": float(NOW - 90)},
    )  # fmt: skip
    metrics = measured(c1=HALF, c2=HALF | {"idle": 16, "power": 90}, g1=HALF | {"cards:NVIDIA A100-SXM4-40GB": 4, "gpus_used": 0.5, "gpus_held": 1})
    return assemble(now, metrics, told("zen3,cpu", c1="mixed", c2="drained", g1="mixed"), settings or Settings())


def about(frame: pd.DataFrame, viewer: Viewer = STAFF, when: TimeRange = WHEN, settings: Settings | None = None, **params: str) -> About:
    """What drawing knows."""
    view = nodes_query.subject_of(params)
    shown = {"nodes": frame, "map": frame, "facets": nodes_query.facets(frame, view), "troubles": [], "trend": NoData(Why.NO_DATA), "own": {"c1": 1}}
    return About(viewer=viewer, subject=view, when=when, settings=settings or Settings(), frames={**shown, "rows": len(frame), "page": 1, "pages": 1})


@pytest.mark.parametrize(("word", "group"), [
    ("allocated", "allocated"), ("mixed", "mixed"), ("idle", "idle"), ("IDLE*", "idle"), ("idle+drain", "drained"), ("draining", "drained"), ("down*", "down"),
    ("IDLE+DRAIN", "drained"), ("DOWN+NOT_RESPONDING", "down"), ("reserved", "reserved"), ("maint", "reserved"), ("sideways", "other"), ("", "unknown"),
])  # fmt: skip
def test_states_fall_into_groups(word: str, group: str) -> None:
    assert group_of(word) == group


@pytest.mark.parametrize(("gib", "installed"), [(62.6, 64), (62.4, 64), (187.4, 192), (503.5, 512), (1007, 1024), (754, 768), (15.4, 16), (0, 0)])
def test_installed_memory_is_what_was_bought(gib: float, installed: int) -> None:
    assert nominal(gib * GIB) == installed
    assert kind_of(math.nan, math.nan, "") == ""


def test_down_is_not_unknown_and_unknown_is_not_zero() -> None:
    frame = small().set_index("node")
    assert frame["group"].to_dict() == {"c1": "mixed", "c2": "drained", "c3": "unknown", "g1": "mixed", "d1": "down"}
    assert frame.loc["c1", ["cores_used", "cores_share", "memory_share", "alloc_share"]].tolist() == [12.0, 0.75, 0.25, 0.875]
    assert frame.loc[["c3", "d1"], ["cores", "cores_used", "memory_share", "power", "gpus"]].isna().all(axis=None)
    assert (frame.loc["g1", "gpus"], frame.loc["g1", "gpus_share"], frame.loc["g1", "kind"]) == (4.0, 0.125, "16 cores · 64 GiB · 4× A100")
    assert frame.loc["c1", "kind"] == "16 cores · 64 GiB"


def test_without_the_exporter_states_go_by_accounting() -> None:
    now = now_of(a={}, b={"cores_alloc": 16.0}, c={"cores_alloc": 3.0}, d={"event": "DOWN"})
    frame = assemble(now, measured(a=HALF, b=HALF, c=HALF), None, Settings())
    assert frame["group"].tolist() == ["idle", "allocated", "mixed", "down"]


def test_a_node_with_two_states_has_the_worse() -> None:
    states = pd.concat([told(a="idle"), told(a="down")], ignore_index=True)
    assert assemble(now_of(a={}), None, states, Settings())["group"].tolist() == ["down"]


def test_every_source_may_be_away() -> None:
    frame = assemble(now_of(a={}), None, None, Settings())
    assert frame[["cores", "memory", "load"]].isna().all(axis=None)
    assert "–" in texts(nodes_list.draw_list(about(frame).frames, about(frame)))


def test_partitions_of_the_settings_count_idle_nodes() -> None:
    settings = Settings.model_validate({"slurm": {"partitions": {"cpu": "c[1-3]", "short": "c[1-2]", "gpu": "g1"}}})
    frame = small(settings)
    assert nodes_query.facets(frame, nodes_query.subject_of({}))["partition"] == {"cpu": 3, "short": 2, "gpu": 1}


def test_counts_are_over_the_nodes_that_fit_the_other_filters() -> None:
    found = nodes_query.facets(small(), nodes_query.subject_of({"state": "mixed"}))
    assert found["state"] == {"mixed": 2, "up": 2, "drained": 1, "unknown": 1, "down": 1}
    assert found["kind"] == {"16 cores · 64 GiB": 1, "16 cores · 64 GiB · 4× A100": 1}
    assert found["feature"] == {"zen3": 2, "cpu": 2}


@pytest.mark.parametrize(("params", "nodes_"), [
    ({"state": "up"}, ["c1", "g1"]), ({"state": "down"}, ["d1"]), ({"state": "nonsense"}, ["c1", "c2", "c3", "g1", "d1"]), ({"feature": "zen3"}, ["c1", "c2", "g1"]),
    ({"feature": "zen"}, []), ({"kind": "16 cores · 64 GiB", "state": "drained"}, ["c2"]),
])  # fmt: skip
def test_filters(params: dict[str, str], nodes_: list[str]) -> None:
    assert nodes_query.filtered(small(), nodes_query.subject_of(params))["node"].tolist() == nodes_


@pytest.mark.parametrize(("params", "nodes_"), [
    ({}, ["c1", "c2", "c3", "g1", "d1"]), ({"asc": "1"}, ["d1", "g1", "c3", "c2", "c1"]),
    ({"order": "cores"}, ["c1", "g1", "c2", "c3", "d1"]), ({"order": "cores", "asc": "1"}, ["c2", "c1", "g1", "c3", "d1"]),
    ({"order": "jobs"}, ["c1", "g1", "c2", "c3", "d1"]), ({"order": "state"}, ["d1", "c2", "c3", "c1", "g1"]),
])  # fmt: skip
def test_order_is_over_all_nodes_and_gaps_come_last(params: dict[str, str], nodes_: list[str]) -> None:
    assert nodes_query.ordered(small(), nodes_query.subject_of(params))["node"].tolist() == nodes_


def test_the_address_says_what_differs_and_begins_at_the_first_page() -> None:
    view = nodes_query.subject_of({"state": "idle", "page": "3", "partition": "cpu", "measure": "cores", "from": "now-6h"})
    assert nodes_query.address(Settings(), view, order="power") == "/nodes?partition=cpu&state=idle&order=power&from=now-6h"
    assert nodes_query.address(Settings(), view, page="4").endswith("page=4&from=now-6h")
    for bad in ({"kind": "x" * 129}, {"feature": "a\x00b"}, {"node": "x" * 200}):
        with pytest.raises(BadInput):
            nodes_query.subject_of(bad)
    assert nodes_query.subject_of({"page": "-1"}).get("page") == ""
    assert nodes_query.page_of(nodes_query.subject_of({"page": "99"}), 250) == (3, 3)


def test_the_table_says_why_and_leads_on() -> None:
    frame = small()
    drawn = nodes_list.draw_list(about(frame).frames, about(frame))
    said = texts(drawn)
    for word in ("12 of 16", "16\xa0GiB of 64\xa0GiB", "kernel (root)", "Drained", "Down", "Not known", "240\xa0W"):
        assert word in said, word
    assert "/node/g1" in json.dumps(drawn.to_plotly_json(), default=lambda part: part.to_plotly_json())


def test_heads_sort_all_nodes_and_turn_the_order_round() -> None:
    view = about(small(), order="memory", asc="1")
    drawn = nodes_list.draw_list(view.frames, view).to_plotly_json()
    heads = json.dumps(drawn, default=lambda part: part.to_plotly_json()).split('"Tbody"')[0]
    assert '"data-col"' not in heads  # no head sorts the rows of one page only
    columns = {column.key: column for column in nodes_list.with_orders(view, nodes_list.columns(view, view.frames))}
    assert (columns["memory_share"].order, columns["memory_share"].href) == ("ascending", "/nodes?order=memory")
    assert (columns["cores_share"].order, columns["cores_share"].href) == ("", "/nodes?order=cores")
    assert {key for key, column in columns.items() if not column.href} == set()
    plain = {column.key: column for column in nodes_list.with_orders(about(small()), nodes_list.columns(about(small()), view.frames))}
    assert (plain["node"].order, plain["node"].href) == ("ascending", "/nodes?asc=1")


def test_others_than_staff_read_a_number_of_others() -> None:
    frame = small()[lambda rows: rows["node"] == "c1"].reset_index(drop=True)
    said = texts(nodes_list.draw_list(about(frame, MIRA).frames, about(frame, MIRA)))
    assert "1 of yours" in said
    assert "1 of others" in said
    assert "Accounts" not in said


def test_nothing_runs_and_a_source_that_is_away_are_sentences() -> None:
    empty = small().iloc[:0]
    assert "None of your jobs runs now" in texts(nodes.draw_tiles(about(empty, MIRA).frames, about(empty, MIRA)))
    made = about(small())
    away = {**made.frames, "troubles": [SourceDown("prometheus", "x")]}
    assert texts(nodes.draw_tiles(away, replace(made, frames=away))) != texts(nodes.draw_tiles(made.frames, made))


def test_marks_tell_down_drained_and_unmeasured_apart() -> None:
    figure = chart.grid_figure(small(), about(small()))
    go.Figure(figure)
    names = {trace["name"]: trace["text"] for trace in figure["data"][1:]}
    assert names == {"down": ["d1"], "drained": ["c2"], "not measured": ["c3"]}
    heat = figure["data"][0]
    flat = [name for row in heat["text"] for name in row if name]
    assert sorted(flat) == ["c1", "c2", "c3", "d1", "g1"]
    assert heat["meta"]["href"]["base"] == "/node/"


def test_every_node_has_a_cell_of_its_own_with_its_own_value() -> None:
    groups = ["a"] * 70 + ["b"] * 3 + ["a"] * 5 + ["c"] * 40
    grid = chart.place(groups, 300)
    cells = list(zip(grid.rows, grid.columns, strict=True))
    assert len(set(cells)) == len(groups)
    assert max(grid.columns) < grid.width
    assert max(grid.rows) < grid.height
    assert not {row for row, _column, _text in grid.labels} & {row for row, group in zip(grid.rows, groups, strict=True) if group == "a"} - {grid.labels[1][0]}
    table = chart._matrix(grid, np.arange(len(groups), dtype=float))
    assert [table[cell] for cell in cells] == list(range(len(groups)))


def many(count: int) -> pd.DataFrame:
    """A cluster of `count` nodes: every 50th down, every 40th drained, every 30th unmeasured, every tenth with GPUs."""
    names = [f"node{number:05d}" for number in range(count)]
    now = now_of(**{name: {"cores_alloc": 32.0, "jobs": 3, "partitions": ("cpu",)} for name in names})
    metrics = measured(**{
        name: HALF | ({"cards:NVIDIA H200": 8, "gpus_used": 3} if number % 10 == 0 else {}) for number, name in enumerate(names) if number % 30
    })  # fmt: skip
    states = told("zen4", **{name: "down" if number % 50 == 0 else "drained" if number % 40 == 0 else "mixed" for number, name in enumerate(names)})
    return assemble(now, metrics, states, Settings())


@pytest.mark.parametrize("points", [360, 180])
def test_two_thousand_nodes_are_a_small_figure(points: int) -> None:
    frame = many(2000)
    made = about(frame, when=replace(WHEN, points=points))
    figure = chart.grid_figure(frame, made)
    go.Figure(figure)
    assert len(json.dumps(figure)) < 120_000
    assert sum(bool(name) for row in figure["data"][0]["text"] for name in row) == 2000
    assert len(next(trace for trace in figure["data"] if trace.get("name") == "down")["text"]) == 40
    assert figure["layout"]["height"] < 1600


def test_a_page_of_two_thousand_nodes_has_a_hundred_rows() -> None:
    view = nodes_query.subject_of({"order": "cores", "page": "2"})
    rows = nodes_query.ordered(nodes_query.filtered(many(2000), view), view)
    page, pages = nodes_query.page_of(view, len(rows))
    assert (len(rows), page, pages) == (2000, 2, 20)


def test_one_page_for_all_who_are_signed_in() -> None:
    page = nodes.PAGE
    assert (page.path, page.order, page.module, page.staff_menu, page.access.key) == ("/nodes", 50, "nodes", False, "signed_in")
