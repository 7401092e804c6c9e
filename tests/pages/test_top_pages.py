"""The pages of the largest users without servers: rows, marks, gaps, sums, figures, addresses and the words of the limits."""

from __future__ import annotations

import base64
import json
import math
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.records import About
from core.errors import NoData, SourceDown
from core.narrow import ClusterView, Narrow
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import STAFF as STAFF_ONLY
from core.viewer import Viewer
from pages import top, top_common, top_lustre, top_memory, top_query, top_waste, top_waste_query
from pages.registry import all_pages

ADA = Viewer(name="ada", is_staff=True)
END, STEP, GIB = 1_795_000_200, 300, 2**30
WHEN = TimeRange(start=END - 3600, end=END, now=END)
SETTINGS = Settings()
PAGES = [page for page in all_pages() if page.module == "top"]


def texts(part: object) -> str:
    """All the text of some components."""
    if isinstance(part, str | int | float):
        return str(part)
    if isinstance(part, list | tuple):
        return re.sub(" +", " ", " ".join(filter(None, map(texts, part))))
    return texts(part.children) if getattr(part, "children", None) is not None else ""


def links(part: object) -> list[str]:
    """All addresses of some components."""
    if isinstance(part, list | tuple):
        return [address for one in part for address in links(one)]
    own = [part.href] if getattr(part, "href", None) else []
    return own + (links(part.children) if getattr(part, "children", None) is not None and not isinstance(part.children, str) else [])


def about(view: ClusterView, frames: dict, when: TimeRange = WHEN) -> About:
    return About(viewer=ADA, subject=view, when=when, settings=SETTINGS, frames=frames)


def a_job(job: int, user: str, cores: int, **changes: object) -> dict[str, object]:
    made = {
        "id_job": job, "job_id": str(job), "user": user, "account": "def-a", "partition": "cpu", "name": "x", "node_list": "c1",
        "start": END - 7200, "nodes": 1, "cores": cores, "memory": cores * GIB, "gpus": 0,
    }  # fmt: skip
    return made | changes


def measured(**rows: float) -> pd.DataFrame:
    """`alice__cores_used=3` is one row of an answer by person and account."""
    made = [{"what": name.split("__")[1], "user": name.split("__")[0], "account": "def-a", "value": value} for name, value in rows.items()]
    return pd.DataFrame(made, columns=["what", "user", "account", "value"])


def test_staff_only_everywhere_and_one_entry_in_the_menu() -> None:
    assert {page.path for page in PAGES} == {"/top", "/top/gpu", "/top/memory", "/top/lustre", "/top/waste"}
    assert all(page.access is STAFF_ONLY and section.access is STAFF_ONLY for page in PAGES for section in page.sections)
    assert [page.path for page in PAGES if page.in_menu] == ["/top"]
    assert all(page.staff_menu for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.key)
def test_every_page_leads_to_the_others_with_range_and_narrowing(page: object) -> None:
    view = page.subject({"account": "def-a", "node": "c1"})
    when = TimeRange(start=END - 21600, end=END, now=END, relative=True)
    sources = type("S", (), {"settings": SETTINGS, "slurm": None})()
    found = links(page.head(sources, ADA, view, when)[1])
    for other in PAGES:
        assert f"{other.path}?account=def-a&node=c1&from=now-21600s&to=now" in found


def test_a_row_without_a_value_stays_with_a_gap() -> None:
    jobs = pd.DataFrame([a_job(1, "alice", 4), a_job(2, "alice", 6), a_job(3, "bob", 2, memory=None), a_job(4, "carol", 1, start=END - 299)])
    answer = measured(alice__cores_used=9.5, bob__memory_peak=5.0)
    rows = top_query.marked(top_query.with_measured(top_query.grouped(jobs), answer, top_query.GROUP, top_query.USED), SETTINGS, top_query.compute_marks, END)
    by_name = rows.set_index("user")
    assert by_name["cores"].to_dict() == {"alice": 10, "bob": 2, "carol": 1}
    assert by_name["jobs"].to_dict() == {"alice": 2, "bob": 1, "carol": 1}
    assert by_name.loc["alice", "cores_used"] == 9.5
    assert math.isnan(by_name.loc["alice", "memory_peak"])
    assert math.isnan(by_name.loc["bob", "memory"])
    assert by_name["wasting"].to_dict() == {"alice": "", "bob": "", "carol": "new"}


def test_metrics_that_are_down_leave_what_accounting_says() -> None:
    jobs = pd.DataFrame([a_job(1, "alice", 4)])
    rows = top_query.with_measured(top_query.grouped(jobs), SourceDown("prometheus"), top_query.GROUP, top_query.USED)
    rows = top_query.marked(rows, SETTINGS, top_query.compute_marks, END)
    assert rows["wasting"].tolist() == ["unknown"]
    view = ClusterView()
    drawn = texts(top.draw_compute({"rows": rows, "jobs": jobs, "measured": SourceDown("prometheus")}, about(view, {})))
    assert "What is used is missing: The metrics server cannot be reached." in drawn
    assert "alice" in drawn
    assert "not measured" in drawn


def test_badge_and_bar_never_disagree() -> None:
    row = {"wasting": "memory:bad cores:warn", "cores_used": 8.0, "cores": 10, "memory_peak": 1.0, "memory": 100.0}
    assert top_common.marks(row["wasting"]) == [("memory", "bad"), ("cores", "warn")]
    assert texts(top_common.wasting_cell(row)) == "Memory Cores"
    bar = top_common.used_cell(row, "cores_used", "cores", "", "cores").children[1]
    assert "var(--tt-waste)" in str(bar)
    assert "var(--tt-bad)" in str(top_common.used_cell(row, "memory_peak", "memory", "B", "memory"))
    assert texts(top_common.wasting_cell({"wasting": ""})) == "OK"


@pytest.mark.parametrize("columns", [top.compute_columns, top.gpu_columns, top_memory.job_columns, top_memory.people_columns])
def test_each_bar_has_the_colour_of_its_own_mark_in_every_table(columns: object) -> None:
    cells = {column.key: column.draw for column in columns(about(ClusterView(), {}))}
    row = {"cores_used": 8.0, "cores": 10, "memory_peak": 1.0, "memory": 100.0}
    for mark, coloured in (("memory:bad", "memory_peak"), ("cores:bad", "cores_used")):
        red = [key for key in ("memory_peak", "cores_used") if "var(--tt-bad)" in str(cells[key](row | {"wasting": mark}))]
        assert red == [coloured]


def test_the_legend_says_the_limits_that_are_set() -> None:
    strict = Settings.model_validate({"top": {"cores_bad": 0.42, "memory_warn": 0.33, "margin": 1.25}, "thresholds": {"normal_memory_per_core_gib": 7}})
    drawn = texts(top.compute_legend(About(viewer=ADA, subject=ClusterView(), when=WHEN, settings=strict, frames={})))
    for words in ("42\u00a0%", "33\u00a0%", "25\u00a0%", "7\u00a0GiB"):
        assert words in drawn


def test_every_legend_says_that_whole_nodes_are_not_asked_for() -> None:
    here = about(ClusterView(), {})
    drawn = [top.compute_legend(here), top.gpu_legend(here), top_memory.legend({"nodes": {}, "ordinary": (None, None)}, here)]
    drawn.append(top_waste.legend(about(top_waste.TOP_WASTE.subject({}), {})))
    for one in drawn:
        assert "whatever it asked for: look at the job first" in texts(one)


def test_the_jobs_of_a_row_are_listed_narrowed_as_the_page_is() -> None:
    view = ClusterView(narrow=Narrow(partition="gpu", node="g1"))
    cell = top_common.jobs_column(about(view, {})).draw({"user": "alice", "account": "def-a", "jobs": 3})
    assert cell.href == "/jobs?account=def-a&user=alice&partition=gpu&node=g1&state=RUNNING"


def test_large_memory_is_a_matter_of_nodes_and_grace_not_of_names() -> None:
    """m1 and m2 are large; a job of exactly the grace time, a GPU job and a job on an ordinary node in a partition `large` are not judged."""
    jobs = pd.DataFrame([
        a_job(1, "alice", 4, node_list="m[1-2]", nodes=2), a_job(2, "bob", 4, node_list="m1", start=END - 3600),
        a_job(3, "carol", 4, node_list="m1", gpus=1), a_job(4, "dave", 4, node_list="c1", partition="large"),
        a_job(5, "erin", 4, node_list="m2", start=END - 3601, partition="cpu"),
    ])  # fmt: skip
    found = top_query._on_large(jobs, {"m1": 16.0 * GIB, "m2": 32.0 * GIB}, 3600, END)
    assert found["id_job"].tolist() == [1, 5]
    assert found["node_per_core"].tolist() == [32.0 * GIB, 32.0 * GIB]


@pytest.mark.parametrize(
    ("asked", "peak", "wanted"),
    [(64, 1, "yes"), (65, 53, "peak"), (65, 54, "no"), (65, None, "no"), (None, 1, "")],
)
def test_would_it_fit_an_ordinary_node(asked: float | None, peak: float | None, wanted: str) -> None:
    """An ordinary node: 64 GiB, 16 cores. 53 GiB × 1.2 = 63.6 GiB, 54 GiB × 1.2 = 64.8 GiB."""
    row = {"memory": asked and asked * GIB, "memory_peak": peak and peak * GIB, "cores": 4, "nodes": 1}
    assert top_query._fit(row, SETTINGS, (64.0 * GIB, 16.0)) == wanted


def test_no_large_node_in_use_is_a_sentence_with_the_grace_time() -> None:
    empty = pd.DataFrame(columns=["wasting", "user"])
    drawn = texts(top_memory.draw_jobs({"rows": empty, "nodes": {}, "ordinary": (None, None)}, about(ClusterView(), {})))
    assert "No job has run on a large memory node for more than 1\u00a0h." in drawn


def wide(columns: list[tuple[str, ...]], names: list[str], values: list[list[float]]) -> pd.DataFrame:
    index = pd.DatetimeIndex(pd.to_datetime([END + STEP * place for place in range(len(values))], unit="s", utc=True), name="time")
    frame = pd.DataFrame(np.array(values, dtype=float), index=index, columns=pd.MultiIndex.from_tuples(columns, names=names))
    frame.attrs["step"] = STEP
    return frame


NAMES, GAP = ["fs", "user"], float("nan")
OPERATIONS = wide([("fs1", "oleg"), ("fs2", "oleg"), ("fs1", "root"), ("fs1", "")], NAMES, [[100, 1, 4, 2], [GAP, 3, 4, 2], [500, 5, 4, 2]])
READ = wide([("fs1", "oleg"), ("fs1", "mira")], NAMES, [[10, 1], [10, 1], [10, 4]])


def test_the_heaviest_are_means_over_the_whole_range() -> None:
    """oleg: (100 + 0 + 500) / 3 = 200 a second on fs1, 3 on fs2; root 4; nobody named 2; in all 209."""
    frame = top_lustre.heaviest(OPERATIONS, READ, READ * 2)
    assert frame[["fs", "user"]].values.tolist() == [["fs1", "oleg"], ["fs1", "root"], ["fs2", "oleg"], ["fs1", ""], ["fs1", "mira"]]
    assert frame["operations"].tolist()[:4] == [200.0, 4.0, 3.0, 2.0]
    assert frame["share"].iloc[0] == pytest.approx(200 / 209)
    assert (frame["peak"].iloc[0], frame["peak_at"].iloc[0]) == (500.0, END + 2 * STEP)
    assert frame["read"].iloc[0] == 10.0
    assert frame["read_total"].iloc[0] == 10.0 * 3 * STEP
    assert frame["written"].iloc[4] == 4.0
    assert math.isnan(frame["operations"].iloc[4])


def test_file_systems_are_added_up_and_the_rest_is_the_others() -> None:
    whole = pd.Series([200.0, 20.0, 600.0], index=OPERATIONS.index)
    whole.attrs["step"] = STEP
    view = top_lustre.subject_of({})
    figure = top_lustre.operations_figure(OPERATIONS, about(view, {"all_operations": whole}))
    go.Figure(figure)
    assert [trace["name"] for trace in figure["data"]] == ["oleg", "root", "nobody named", "others"]
    assert figure["data"][0]["meta"]["href"] == "/top/lustre?user=oleg&by=job"
    rest = np.frombuffer(base64.b64decode(figure["data"][3]["y"]["bdata"]), dtype="<f4")
    assert rest.tolist() == [200 - 107, 20 - 9, 600 - 511]


def test_bandwidth_is_mirrored_with_one_name_for_both_ways() -> None:
    total = READ.sum(axis=1) + 5
    total.attrs["step"] = STEP
    frames = {"written": READ * 2, "all_read": total, "all_written": total * 2}
    frames["written"].attrs["step"] = STEP
    figure = top_lustre.bandwidth_figure(READ, about(top_lustre.subject_of({}), frames))
    go.Figure(figure)
    assert [trace["name"] for trace in figure["data"] if trace["showlegend"]] == ["oleg", "mira", "others"]
    assert len(figure["data"]) == 6


def test_from_an_account_to_its_people_to_the_jobs() -> None:
    view = top_lustre.subject_of({"by": "account", "fs": "scratch"})
    here = about(view, {})
    assert top_lustre._href({"account": "def-a"}, here) == "/top/lustre?account=def-a&fs=scratch&by=user"
    assert top_lustre._href({"account": ""}, here) == ""
    job = {"jobid": "12", "user": "oleg", "account": "def-a", "application": ""}
    assert top_lustre._href(job, here) == "/job/12"
    assert top_lustre._href(job | {"jobid": "du.3022"}, here) == ""
    assert top_lustre.name_of(job | {"jobid": "du.3022", "application": "du"}) == "du · oleg"
    assert top_lustre.name_of({"account": ""}) == "outside of jobs"


def sums(**changes: list[object]) -> pd.DataFrame:
    """hana holds much and uses half, bruno little and nothing, chen much and all, dana is not known, gus held no core."""
    made = {
        "user": ["hana", "bruno", "chen", "dana", "gus"], "jobs": [10, 1, 5, 1, 1], "judged": [9, 1, 5, 0, 0], "to_act": [1, 1, 0, 0, 0],
        "failed": [0, 1, 0, 0, 0], "core_hours": [1100.0, 99.0, 500.0, 300.0, 0.0], "core_hours_judged": [1000.0, 99.0, 500.0, 0.0, 0.0],
        "core_hours_used": [500.0, 0.0, 500.0, 0.0, 0.0], "core_hours_wasted": [500.0, 99.0, 0.0, 0.0, 0.0],
    }  # fmt: skip
    return pd.DataFrame(made | changes)


def test_waste_is_ranked_by_hours_and_judged_by_ratio_too() -> None:
    rows = top_waste_query.ranked(sums(), "user", "cores", SETTINGS)
    assert rows["user"].tolist() == ["hana", "bruno", "chen", "dana"]
    assert rows["efficiency"].tolist()[:3] == [0.5, 0.0, 1.0]
    assert math.isnan(rows["efficiency"].iloc[3])
    assert rows["of_all"].tolist() == pytest.approx([500 / 599, 99 / 599, 0, 0])
    assert rows["poor"].tolist() == [True, False, False, False]


def test_the_scatter_is_the_list_as_a_picture() -> None:
    rows = top_waste_query.ranked(sums(), "user", "cores", SETTINGS)
    seen = rows[rows["efficiency"].notna()]
    points = pd.DataFrame({"who": seen["user"], "hours": seen["judged_hours"], "efficiency": seen["efficiency"], "poor": seen["poor"]})
    figure = top_waste.scatter(points, about(top_waste.TOP_WASTE.subject({}), {}))
    go.Figure(figure)
    corner, fine, poor = figure["data"]
    assert (fine["text"], poor["text"]) == (["bruno", "chen"], ["hana"])
    assert poor["meta"]["href"] == ["/user/hana"]
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert corner["hoverinfo"] == "skip"


def test_five_hundred_people_are_a_small_chart_without_names_on_each_other() -> None:
    rows = pd.DataFrame({
        "who": [f"person{number}" for number in range(500)], "hours": np.geomspace(1, 20_000, 500), "efficiency": np.resize([0.95, 0.3], 500),
    })  # fmt: skip
    rows["poor"] = (rows["hours"] >= SETTINGS.top.heavy_core_hours) & (rows["efficiency"] < SETTINGS.top.poor_cores)
    figure = top_waste.scatter(rows, about(top_waste.TOP_WASTE.subject({}), {}))
    _corner, fine, poor = figure["data"]
    assert (len(fine["text"]), len(poor["text"])) == (500 - int(rows["poor"].sum()), int(rows["poor"].sum()))
    # every shaded mark is one of the list and leads to its person; that many names are told on hover only
    assert poor["text"] == rows.loc[rows["poor"], "who"].tolist()
    assert poor["meta"]["href"] == [f"/user/{name}" for name in poor["text"]]
    assert {fine["mode"], poor["mode"]} == {"markers"}
    assert len(json.dumps(figure)) < 120_000


def test_a_range_without_runs_is_a_sentence_and_coverage_is_said() -> None:
    view = top_waste.TOP_WASTE.subject({})
    nothing = top_waste_query.ranked(sums().iloc[:0], "user", "cores", SETTINGS)
    assert texts(top_waste.draw_rows({"rows": nothing}, about(view, {}))) == "No summarised run ended in this range."
    narrowed = about(top_waste.TOP_WASTE.subject({"user": "nobody"}), {})
    assert "that fits the filters" in texts(top_waste.draw_rows({"rows": nothing}, narrowed))
    # nobody to judge is not the same as nobody to blame
    assert texts(top_waste.draw_poor({"rows": nothing, "poor": nothing}, narrowed)) == "Nobody to list."
    assert "90 of 100 are summarised." in texts(top_waste.draw_choices({"coverage": (90, 100)}, about(view, {})))
    assert "too low" in texts(top_waste.draw_choices({"coverage": (89, 100)}, about(view, {})))
    assert "too low" not in texts(top_waste.draw_choices({"coverage": (90, 100)}, about(view, {})))
    assert "cannot be said: The accounting database cannot be reached." in texts(top_waste.draw_choices({"coverage": SourceDown("slurm")}, about(view, {})))


def test_what_is_chosen_is_one_of_a_few_words() -> None:
    assert top_lustre.subject_of({"by": "x|y"}).get("by") == "user"
    view = top_waste.TOP_WASTE.subject({"what": "gpus", "by": 'account"} or vector(1)'})
    assert (view.get("what"), view.get("by")) == ("gpus", "user")
    assert top_lustre.subject_of({"fs": "x" * 65}).get("fs") == ""


def test_a_name_slurm_does_not_know_is_never_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a nonsense name nor a piece of PromQL reaches the metrics; the page says that there is no such name."""
    monkeypatch.setattr(top_lustre, "associations_of", lambda db, name: (1,) if name == "oleg" else ())
    monkeypatch.setattr(top_lustre, "associations_in", lambda db, name: (2,) if name == "def-a" else ())
    asked: list[object] = []

    def down(sources: object, batches: list, target: object, when: TimeRange, *, viewer: Viewer) -> dict[str, SourceDown]:
        asked.append(target)
        return {one.key: SourceDown("prometheus") for one in batches}

    monkeypatch.setattr(top_lustre, "fetch", down)
    sources = type("S", (), {"settings": SETTINGS, "slurm": object()})()
    for params in ({"user": 'oleg"} or vector(1)'}, {"account": "def-a|def-b"}, {"user": "oleg", "account": "def-a_x"}):
        frames = top_lustre.query(sources, ADA, top_lustre.subject_of(params), WHEN)
        assert isinstance(frames["operations"], NoData) and isinstance(frames["heaviest"], NoData)
        assert "By account" in texts(top_lustre.draw_choices(frames, about(top_lustre.subject_of(params), frames)))
    assert asked == []
    frames = top_lustre.query(sources, ADA, top_lustre.subject_of({"user": "oleg", "account": "def-a"}), WHEN)
    assert (asked[0].users, asked[0].accounts) == (("oleg",), ("def-a",))
    assert isinstance(frames["heaviest"], SourceDown)


def test_files_name_units_and_write_times_out() -> None:
    frame = pd.DataFrame({"user": ["alice"], "memory": [GIB], "since": [END], "cores": [4]})
    found = top_common.exported(lambda *_asked: {"rows": frame, "jobs": 3}, top_common.UNITS)(None, ADA, ClusterView(), WHEN)
    assert list(found["rows"].columns) == ["user", "memory (bytes)", "since (UTC)", "cores"]
    assert found["rows"].iloc[0].tolist() == ["alice", GIB, "2026-11-18T11:10:00Z", 4]
    assert found["jobs"] == 3


def test_an_account_leads_to_its_people_with_everything_kept() -> None:
    view = top_waste.TOP_WASTE.subject({"by": "account", "what": "gpus", "partition": "gpu"})
    when = TimeRange(start=END - 86400, end=END, now=END, relative=True)
    assert top_waste._people({"account": "def-a"}, about(view, {}, when)).href == (
        "/top/waste?account=def-a&partition=gpu&what=gpus&by=user&from=now-86400s&to=now"
    )


@pytest.mark.parametrize(
    ("narrow", "settings", "batch", "target"),
    [
        ({}, {}, "top_recorded", {}),
        ({"user": "alice"}, {}, "top_recorded", {"users": ("alice",)}),
        ({"account": "def-a"}, {}, "top_recorded", {"users": ("alice",), "accounts": ("def-a",)}),
        ({"partition": "cpu"}, {}, "top_jobs", {"jobs": (1, 2)}),
        ({"user": "alice", "node": "c1"}, {}, "top_jobs", {"jobs": (1, 2)}),
        ({}, {"metrics": {"recording_rules": False}}, "top_jobs", {"jobs": (1, 2)}),
    ],
)
def test_what_is_used_is_asked_in_one_request_of_whom_is_meant(
    monkeypatch: pytest.MonkeyPatch, narrow: dict, settings: dict, batch: str, target: dict
) -> None:
    """Whole people by the recording rules, some of their jobs by these jobs' own metrics; names are those Slurm gave back."""
    asked: list[tuple[str, dict]] = []

    def one(sources: object, viewer: Viewer, batch: object, target: object, when: TimeRange) -> pd.DataFrame:
        asked.append((batch.key, {name: value for name, value in vars(target).items() if value}))
        return measured(alice__cores_used=5.0)

    jobs = pd.DataFrame([a_job(1, "alice", 4), a_job(2, "alice", 6)])
    monkeypatch.setattr(top_query, "one", one)
    monkeypatch.setattr(top_query, "running_jobs", lambda sources, *, viewer, narrow: jobs)
    sources = type("S", (), {"settings": Settings.model_validate(settings)})()
    found = top_query.compute_query(sources, ADA, ClusterView(narrow=Narrow(**narrow)), WHEN)
    assert asked == [(batch, target)]
    assert found["rows"][["user", "cores", "cores_used", "wasting"]].values.tolist() == [["alice", 10, 5.0, "cores:bad"]]


def test_only_gpu_jobs_are_counted_with_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """alice holds 20 cores without a GPU and 4 with one: only the 4 stand on the page of GPUs."""
    asked: list[tuple[int, ...]] = []

    def one(sources: object, viewer: Viewer, batch: object, target: object, when: TimeRange) -> pd.DataFrame:
        asked.append(target.jobs)
        return measured(alice__gpus_seen=2.0, alice__gpus_busy=1.0, alice__gpus_used=0.5, alice__cores_used=4.0)

    monkeypatch.setattr(top_query, "one", one)
    jobs = pd.DataFrame([a_job(1, "alice", 20), a_job(2, "alice", 4, gpus=2), a_job(3, "bob", 1)])
    monkeypatch.setattr(top_query, "running_jobs", lambda sources, *, viewer, narrow: jobs)
    sources = type("S", (), {"settings": SETTINGS, "slurm": None})()
    rows = top_query.gpu_query(sources, ADA, ClusterView(), WHEN)["rows"]
    assert asked == [(2,)]
    assert rows[["user", "cores", "gpus", "wasting"]].values.tolist() == [["alice", 4, 2, "gpus_some_unused:warn"]]
