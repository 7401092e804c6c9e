"""The pages of the cloud without servers: tables, tiles, findings, charts, and what each says where something is missing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.findings import Finding
from components.charts import cloud as charts
from components.present import present, to_csv
from components.records import About
from core.errors import NoData, SourceDown, Why
from core.settings import Cloud, Flavour, Settings
from core.subjects import Subject, cloud_project
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.cloud import machines
from datasources.cloud.machines import COLUMNS
from datasources.cloud.projects import COLUMNS as NUMBERS
from pages import cloud, cloud_cells, cloud_parts, cloud_table

GIB, NOW, DAY = 1024**3, 1_795_000_000, 86400
WHEN = TimeRange(start=NOW - DAY, end=NOW, now=NOW)
MIRA, STAFF = Viewer(name="mira", cloud_projects=frozenset({"dev"})), Viewer(name="ada", is_staff=True)
SETTINGS = Settings(cloud=Cloud(flavours={"g2": Flavour(cores=2, memory_gib=4, gpus=2)}))
UUID = "a0000000-0000-4000-8000-000000000000"


def about(viewer: Viewer = MIRA, subject: Subject | None = None, settings: Settings = SETTINGS) -> About:
    return About(viewer=viewer, subject=subject or cloud_project("dev"), when=WHEN, settings=settings, frames={})


def said(drawn: Any) -> str:
    return " ".join(" ".join(words_of(drawn)).split())


def words_of(node: Any) -> Any:
    """Every text a reader sees, in order."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, (list, tuple)):
        for one in node:
            yield from words_of(one)
    elif hasattr(node, "to_plotly_json"):
        yield from words_of(getattr(node, "children", None))


def projects_of(**rows: dict[str, float]) -> pd.DataFrame:
    found = [{"project": name, **{column: row.get(column, math.nan) for column in NUMBERS}} for name, row in rows.items()]
    frame = pd.DataFrame(found, columns=["project", *NUMBERS])
    frame.attrs |= {"days": 12.0, "troubles": []}
    return frame


def instances_of(*rows: dict[str, Any]) -> pd.DataFrame:
    plain = {"vm": "web", "label": "web", "flavour": "c4", "creator": "chen", "running": True, "state": 1, "first": NOW - DAY, "last": NOW, "created": NOW - 9 * DAY,
             "cores": 4, "memory": 8 * GIB, "capacity": 20 * GIB, "allocation": 5 * GIB, "cores_used": 1, "memory_used": 2 * GIB}  # fmt: skip
    return pd.DataFrame([{"uuid": UUID, **plain, **row} for row in rows], columns=list(COLUMNS)).astype(COLUMNS)


def test_total_stays_at_the_foot_and_gaps_are_no_zeros() -> None:
    frame = projects_of(a={"cores_quota": 10, "cores_running": 4}, b={"cores_running": 2, "memory_quota": math.inf})
    drawn = cloud_table.draw({"projects": frame}, about(STAFF))
    words = said(drawn)
    assert "TOTAL" in words and "no limit" in words and "mean of the last 12 days" in words and "whatever the filter shows" in words
    table = next(part for part in walk(drawn) if type(part).__name__ == "Table")
    kinds = [type(part).__name__ for part in table.children]
    assert kinds == ["Thead", "Tbody", "Tfoot"] and len(table.children[1].children) == 2
    heads = table.children[0].children
    assert sum(cell.colSpan for cell in heads[0].children) == len(heads[1].children) == 15
    cells = [said(cell) for cell in table.children[2].children.children]
    assert cells[:4] == ["TOTAL", "10", "6", "–"]


def walk(node: Any) -> Any:
    """Every component below a node."""
    if isinstance(node, (list, tuple)):
        for one in node:
            yield from walk(one)
    elif hasattr(node, "to_plotly_json"):
        yield node
        yield from walk(getattr(node, "children", None))


@pytest.mark.parametrize(("days", "words"), [(0, "is not known"), (2.9, "last 2.9 days"), (31, "last 31 days")])
def test_how_far_the_mean_goes_back_is_said(days: float, words: str) -> None:
    assert words in cloud_table.told(days)


def test_physical_totals_and_where_they_are_missing() -> None:
    frame = projects_of(a={"cores_running": 61, "cores_used": 20, "instances": 16})
    words = said(cloud_table.tiles({"projects": frame, "physical": {"known": 3.0, "hosts": 2.0, "cores": 96.0, "memory": 768.0 * GIB}}, about(STAFF)))
    assert "96" in words and "768 GiB" in words and "61 in machines" in words and "2 of them measured" in words
    assert "does not collect" in said(cloud_table.tiles({"projects": frame, "physical": NoData(Why.NOT_CONFIGURED, "libvirtd_exporter")}, about(STAFF)))
    assert "what there is" in words and "× what there is" not in words
    few = said(cloud_table.tiles({"projects": frame, "physical": {"known": 3.0, "hosts": 3.0, "cores": 40.0, "memory": 768.0 * GIB}}, about(STAFF)))
    assert "61 in machines, 1.52× what there is" in few or "61 in machines, 1.53× what there is" in few


def test_somebody_without_projects_is_told_what_to_do() -> None:
    words = said(cloud.draw_own({"own": projects_of()}, about()))
    assert "member of no project" in words and "support can add you" in words


def test_own_projects() -> None:
    frame = projects_of(dev={"cores_used": 2.5, "cores_running": 14, "cores_quota": 28, "instances": 4, "instances_quota": 12}, none={"cores_quota": 8})
    words = said(cloud.draw_own({"own": frame}, about()))
    assert "2.5 used · 14 of 28" in words and "none runs" in words and "– of 8" in words and "4 of 12" in words


def test_a_source_that_is_down_is_not_said_to_be_nothing() -> None:
    frame = projects_of(dev={})
    frame.attrs["troubles"] = [SourceDown("prometheus"), SourceDown("prometheus")]
    own = said(cloud.draw_own({"own": frame}, about()))
    assert "none runs" not in own and own.count("does not answer") + own.count("cannot be reached") == 1, own
    every = {"projects": projects_of(), "physical": SourceDown("prometheus")}
    every["projects"].attrs["troubles"] = frame.attrs["troubles"]
    words = said(cloud_table.draw(every, about(STAFF)))
    assert words and "No project has" not in words and said(cloud_table.tiles(every, about(STAFF))) == ""
    every["projects"].attrs["troubles"] = []
    assert "No project has" in said(cloud_table.draw(every, about(STAFF)))


@pytest.mark.parametrize(
    ("viewer", "keys"),
    [(MIRA, ("own",)), (Viewer(name="x"), ("own",)), (STAFF, ("all", "charts")), (replace(STAFF, cloud_projects=frozenset({"dev"})), ("own", "all", "charts"))],
)
def test_who_is_shown_what(viewer: Viewer, keys: tuple[str, ...]) -> None:
    assert cloud.head(None, viewer, None, WHEN)[2] == keys


def test_bars_hold_what_is_known() -> None:
    bar = cloud_cells.bar(2, 8, 16)
    assert [piece.style["width"] for piece in bar.children] == ["12.50%", "37.50%", "50.00%"]
    assert cloud_cells.bar(math.nan, math.nan, math.nan) is None
    # what runs, with nothing to compare it to, would look full
    assert cloud_cells.bar(math.nan, 3, math.inf) is None and cloud_cells.bar(math.nan, 3, math.nan) is None
    assert [piece.style["width"] for piece in cloud_cells.bar(1, 4, math.inf).children] == ["25.00%", "75.00%"]
    assert [piece.style["width"] for piece in cloud_cells.bar(1, 4, 2).children] == ["25.00%", "75.00%"]  # above its quota


def test_the_table_of_machines() -> None:
    frame = instances_of({}, {"uuid": UUID.replace("a", "b"), "running": False, "state": math.nan, "label": "old", "cores_used": math.nan})
    extra = {"cpu": [1.0, math.nan], "cpu_share": [0.25, math.nan], "memory_mean": [2.0 * GIB, math.nan], "memory_share": [0.25, math.nan],
             "disk_rate": [1024.0, math.nan], "network_rate": [2048.0, math.nan]}  # fmt: skip
    shown = present({"instances": frame.assign(**extra)}, MIRA, Settings(), cloud_project("dev"))
    words = said(cloud_parts.draw_instances(shown, about()))
    assert "stopped" in words and "1 of 4" in words and "2 GiB of 8 GiB" in words and "1 KiB/s" in words
    # who created it passes the one gate of names: initials for fellow members, whole names for staff
    assert "chen" not in words
    shown = present({"instances": frame.assign(**extra)}, STAFF, Settings(), cloud_project("dev"))
    assert "chen" in said(cloud_parts.draw_instances(shown, about(STAFF)))


@pytest.mark.parametrize(
    ("error", "words"),
    [(NoData(Why.NO_DATA), "last 14 days"), (NoData(Why.NOT_CONFIGURED), "does not collect"), (SourceDown("prometheus"), "")],
)
def test_why_there_are_no_machines(error: Exception, words: str) -> None:
    drawn = said(cloud_parts.draw_instances({"instances": error}, about()))
    assert words in drawn and drawn


def test_tiles_of_a_project() -> None:
    quota = {"cores": 28.0, "memory": math.inf, "block": 100.0 * GIB, "object": 10.0 * GIB, "object_used": 1.0 * GIB}
    frame = instances_of({"flavour": "g2"}, {"running": False})
    words = said(cloud_parts.project_tiles({"instances": frame, "quota": quota}, about()))
    for text in ("1 stopped lately", "of 4 running", "quota: 28", "quota: no limit", "GPUs running", "20 GiB of 100 GiB", "1 GiB of 10 GiB"):
        assert text in words, text
    assert said(cloud_parts.project_tiles({"instances": NoData(Why.NO_DATA), "quota": quota}, about())).startswith("Machines running 0")


def test_a_machine_that_does_not_tell_is_not_counted_as_using_nothing() -> None:
    """2 of 8 GiB are used; the other 32 GiB are no reason for a shorter bar."""
    frame = instances_of({}, {"uuid": UUID.replace("a", "b"), "memory": 32 * GIB, "memory_used": math.nan})
    drawn = cloud_parts.project_tiles({"instances": frame, "quota": {"memory": 64.0 * GIB, "shared": math.inf, "shared_used": 1.0 * GIB}}, about())
    tile = next(one for one in walk(drawn) if "tt-tile" in str(getattr(one, "className", "")).split() and said(one).startswith("Memory used"))
    assert "2 GiB of 40 GiB running" in said(tile) and "1 machine does not tell · quota: 64 GiB" in said(tile)
    (bar,) = [one for one in walk(tile) if "width" in (getattr(one, "style", None) or {})]
    assert float(bar.style["width"].rstrip("%")) == 25
    assert "1 GiB · no limit" in said(drawn) and "does not tell" not in said(cloud_parts.project_tiles({"instances": instances_of({}), "quota": {}}, about()))


def test_a_machine_that_a_metric_misses_runs_and_has_a_gap() -> None:
    """Without its state, without its age, and with nothing but its memory: none has stopped, and none is left out."""
    known = {"instance_name": "web", "instance_type": "c4", "user_name": "chen"}
    rows = [("age", "b", 900.0, known), ("memory", "b", 8.0, {}), ("state", "c", 1.0, known), ("memory", "d" * 36, 4.0, {})]
    nobody = dict.fromkeys(known, "")
    now = pd.DataFrame([{"what": what, "uuid": uuid, **nobody, "value": value, **who} for what, uuid, value, who in rows])
    found: dict[str, dict[str, Any]] = {}
    machines._present(found, now, WHEN)
    assert [(row["vm"], row["flavour"], row["running"], row.get("state"), row.get("memory")) for row in found.values()] == [
        ("web", "c4", True, None, 8.0), ("web", "c4", True, 1.0, None), ("dddddddd", "", True, None, 4.0),
    ]  # fmt: skip
    assert found["b"]["created"] == NOW - 900 and "created" not in found["c"]
    badges = [said(cloud_cells.state_badge({"running": running, "state": state})) for running, state in ((True, 1), (True, math.nan), (False, math.nan))]
    assert badges == ["running", "unknown", "stopped"]


def test_when_a_machine_was_last_seen_is_told_where_one_has_stopped() -> None:
    extra = dict.fromkeys(("cpu", "cpu_share", "memory_mean", "memory_share", "disk_rate", "network_rate"), math.nan)
    assert "Last seen" not in said(cloud_parts.draw_instances({"instances": instances_of({}).assign(**extra)}, about()))
    assert "Last seen" in said(cloud_parts.draw_instances({"instances": instances_of({}, {"running": False}).assign(**extra)}, about()))


@pytest.mark.parametrize("failed", [NoData(Why.NOT_CONFIGURED, "libvirtd_exporter"), SourceDown("prometheus")])
def test_tiles_of_a_project_say_why_there_are_none(failed: Exception) -> None:
    words = "does not collect" if isinstance(failed, NoData) else "cannot be reached"
    for frames in ({"instances": failed, "quota": failed}, {"instances": failed, "quota": {"object": 10.0 * GIB, "object_used": 1.0 * GIB}}):
        assert said(cloud_parts.project_tiles(frames, about())).count(words) == 1
    assert words in said(cloud_parts.project_tiles({"instances": instances_of({}), "quota": failed}, about()))


def test_findings_say_what_could_not_be_judged() -> None:
    for judged, words in (
        ({"findings": [], "young": [], "running": 0}, "No machine runs now"), ({"findings": [], "young": ["web"], "running": 1}, "none is yet"),
        ({"findings": [], "young": ["web"], "running": 2}, "too young to be judged: web"), ({"findings": [], "young": [], "running": 2}, "No machine is idle"),
    ):  # fmt: skip
        assert words in said(cloud_parts.draw_findings({"judged": judged}, about()))


def test_a_machine_s_name_is_plain_text_wherever_it_stands() -> None:
    """Whoever creates a machine names it: control and direction characters, markup and formulas are text like any other."""
    evil = "a\u202eb\x1b[31m<img src=x>"
    row = instances_of({"label": evil, "vm": evil, "flavour": "=1+1"}).to_dict("records")[0]
    row |= {"cpu": 1.0, "memory_mean": 1.0, "disk_rate": 0.0, "network_rate": 0.0, "cpu_share": 0.5, "memory_share": 0.5}
    idle = Finding(id="vm_idle", severity="warn", numbers={"gpus": 0, "mean_share": 0.001, "cores": 4, "limit_share": 0.02, "known_seconds": 9 * DAY, "days": 14})
    judged = {"findings": [(row, idle)], "young": [evil, evil], "running": 9}
    frames = present({"instances": pd.DataFrame([row]), "judged": judged}, MIRA, SETTINGS, cloud_project("dev"))
    for drawn in (cloud_parts.draw_findings(frames, about()), cloud_parts.draw_instances(frames, about())):
        words = said(drawn)
        assert "<img src=x>" in words and not set(words) & {"\u202e", "\x1b"}
    assert "'=1+1" in to_csv(frames["instances"]) and "\u202e" not in to_csv(frames["instances"])


@pytest.mark.parametrize(("policy", "shown"), [("names", "chen"), ("initials", "C"), ("hidden", "person 1")])
def test_who_created_a_machine_is_named_as_the_site_says(policy: str, shown: str) -> None:
    settings = SETTINGS.model_copy(update={"site": SETTINGS.site.model_copy(update={"names": policy})})
    frame = instances_of({"creator": "chen"}, {"creator": "mira"}, {"creator": "chen"})
    told = present({"instances": frame}, MIRA, settings, cloud_project("dev"))["instances"]
    assert told["creator"].tolist() == [shown, "mira", shown]
    assert present({"instances": frame}, STAFF, settings, cloud_project("dev"))["instances"]["creator"].tolist() == ["chen", "mira", "chen"]


def wide(what: dict[str, int], step: int = 300) -> pd.DataFrame:
    """`what` → how many series of it."""
    index = pd.DatetimeIndex(pd.to_datetime(np.arange(NOW - DAY, NOW, step), unit="s", utc=True), name="time")
    keys = [(kind, f"part {number}") for kind, count in what.items() for number in range(count)]
    frame = pd.DataFrame(np.tile(np.arange(1.0, len(keys) + 1), (len(index), 1)), index=index, columns=pd.MultiIndex.from_tuples(keys, names=["what", "part"]))
    frame.attrs = {"step": step, "paths": {"part 0": "/cloud/dev/x"}}
    return frame


@pytest.mark.parametrize("count", [1, 3, 200])
def test_charts_are_drawn_whatever_the_number(count: int) -> None:
    kinds = {"used": count, "running": 1}
    for draw in (charts.cores, charts.memory, charts.virtual_cores, charts.one_memory):
        go.Figure(draw(wide(kinds), about()))
    stacked = charts.cores(wide(kinds), about())
    names = [trace["name"] for trace in stacked["data"]]
    assert names[-1] == "running" and len(names) == min(count, 10) + 1 + (count > 10) and ("others" in names) == (count > 10)
    for draw, ways in ((charts.bandwidth, ("read_bytes", "write_bytes")), (charts.operations, ("reads", "writes")), (charts.network, ("in", "out"))):
        figure = draw(wide(dict.fromkeys(ways, count)), about())
        go.Figure(figure)
        assert len(str(figure)) < 120_000 and sum(trace.get("showlegend", True) for trace in figure["data"]) <= 12


def test_a_click_opens_the_machine() -> None:
    figure = charts.cores(wide({"used": 2, "running": 1}), about())
    assert figure["data"][0]["meta"]["href"] == "/cloud/dev/x" and "href" not in figure["data"][1]["meta"]


def test_a_machine_s_name_is_plain_text_in_charts() -> None:
    """Legends and words on hover know markup and templates: a name is neither."""
    evil = '<a href="https://evil.test">x</a>\u202e%{customdata}'
    for draw, ways in ((charts.cores, ("used", "running")), (charts.network, ("in", "out"))):
        frame = wide(dict.fromkeys(ways, 2))
        frame.columns = frame.columns.set_levels([evil, "b"], level="part")
        told = str([(trace["name"], trace["hovertemplate"], trace.get("legendgroup")) for trace in draw(frame, about())["data"]])
        assert "evil.test" in told and "<a" not in told and "\u202e" not in told and "\\u202e" not in told
        assert "%{customdata}" not in told.replace("%{customdata:", "")


def test_charts_of_nothing_but_what_runs() -> None:
    go.Figure(charts.cores(wide({"running": 1}), about()))
    go.Figure(charts.one_memory(wide({"used": 1}), about()))
    alone = charts.one_memory(wide({"used": 1, "running": 1}), about())
    assert [trace["name"] for trace in alone["data"]] == ["used", "given"]
    go.Figure(charts.network(wide({"in": 2}), about()))
