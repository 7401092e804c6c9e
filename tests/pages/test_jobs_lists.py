"""What lists of jobs say each used, their file, and what they are narrowed to, without servers."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from components.present import to_csv
from components.records import About
from core.settings import Settings
from core.timerange import TimeRange
from core.units import GIB
from core.viewer import Viewer
from pages import job_array, jobs_export, jobs_filters, jobs_list, jobs_query, jobs_use
from tests.pages.job_runs import START, a_run
from tests.pages.test_jobs_pages import texts

MIRA = Viewer(name="mira")
WHEN = TimeRange(start=START, end=START + 7 * 86400, now=START + 7 * 86400)


class NoFacts:
    """A portal's database in which nothing was summarised."""

    def rows(self, _statement: Any) -> list[Any]:
        return []


class NothingKept:
    """A cache that has nothing."""

    def kept(self, _key: tuple) -> Any:
        return None


SOURCES = SimpleNamespace(settings=Settings(), portal=NoFacts(), cache=NothingKept())


def steps(rows: list[tuple[int, float, float]]) -> pd.DataFrame:
    """(run, core-seconds, bytes) as finished.step_totals has them."""
    frame = pd.DataFrame(rows, columns=["job_db_inx", "cpu_total", "rss_total"])
    return frame.assign(max_rss=float("nan"), tasks=1)


def about(params: dict[str, str], frames: dict[str, Any], viewer: Viewer = MIRA) -> About:
    return About(viewer=viewer, subject=jobs_query.subject_of(params), when=WHEN, settings=Settings(), frames=frames)


def test_a_job_never_summarised_is_judged_by_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 h on 4 cores are 28 800 core-seconds; 7 200 + 14 400 of them and 4 of 160 GiB were used."""
    run, other = a_run(memory=160 * GIB), a_run(start=None, end=START, state="CANCELLED")
    asked: list[Any] = []

    def read(_sources: Any, *, viewer: Viewer, job_db_inxs: list[int], limit: int) -> pd.DataFrame:
        asked.append((viewer.name, job_db_inxs))
        return steps([(run.job_db_inx, 7200.0, 1.0 * GIB), (run.job_db_inx, 14400.0, 4.0 * GIB)])

    monkeypatch.setattr(jobs_use, "step_totals", read)
    found = jobs_use.task_use(SOURCES, MIRA, [run, other], WHEN)
    assert asked == [("mira", [run.job_db_inx])]  # one question for the page, and none about what never began
    assert found.at[0, "cpu_efficiency"] == pytest.approx(0.75)
    assert found.at[0, "memory_efficiency"] == pytest.approx(0.025)
    assert found.at[0, "to_act"] >= 1
    assert math.isnan(found.at[1, "cpu_efficiency"]) and math.isnan(found.at[1, "to_act"])


def test_an_array_is_the_mean_of_its_tasks_by_what_they_held() -> None:
    """(1 × 100 s × 2 cores + 0.5 × 300 s × 2 cores) / (400 s × 2 cores) = 0.625; the same for memory."""
    facts = pd.DataFrame({
        "elapsed": [100.0, 300.0], "cores": [2.0, 2.0], "memory": [1.0 * GIB, 1.0 * GIB], "gpus": [0.0, 0.0],
        "cpu_efficiency": [1.0, 0.5], "memory_efficiency": [0.9, 0.1], "gpu_use": [math.nan, math.nan], "to_act": [0.0, 2.0],
    })  # fmt: skip
    found = jobs_use.whole_array(facts)
    assert found["cpu_efficiency"] == pytest.approx(0.625)
    assert found["memory_efficiency"] == pytest.approx(0.3)
    assert "gpu_use" not in found
    assert (found["judged"], found["to_act"]) == (2, 1)
    assert jobs_use.whole_array(facts[:0]) == {"judged": 0.0}


def test_the_file_has_units_utc_and_no_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(name="=1+1", start=1795000000, limit=math.inf)
    monkeypatch.setattr(jobs_use, "step_totals", lambda *_a, **_k: steps([(run.job_db_inx, 7200.0, 4.0 * GIB)]))
    head, row = to_csv(jobs_export.written(jobs_use.task_use(SOURCES, MIRA, [run], WHEN))).splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True))
    assert cells["name"] == "'=1+1"
    assert cells["started (UTC)"] == "2026-11-18T11:06:40Z"
    assert (cells["ran (s)"], cells["time limit (s)"]) == ("7200", "UNLIMITED")
    assert cells["memory (bytes)"] == "17179869184" and cells["memory peak (bytes)"] == "4294967296"
    assert (cells["cores used (share)"], cells["cpu time (s)"]) == ("0.25", "7200.0")


def test_a_long_file_is_read_in_pieces_and_says_where_it_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages of two; with a bound of four rows the third is not read."""
    pages = {None: "a2", "a2": "a4", "a4": None}
    asked = []

    def page(_sources: Any, *, viewer: Viewer, filter: Any, order: str, descending: bool, cursor: Any, limit: int) -> Any:
        asked.append((cursor, filter.user, filter.fold))
        return SimpleNamespace(frame=pd.DataFrame(index=range(2)), next=pages[cursor])

    monkeypatch.setattr(jobs_export, "jobs_page", page)
    monkeypatch.setattr(jobs_export, "with_use", lambda *a, **_k: jobs_use.task_use(SOURCES, MIRA, [a_run(end=None), a_run(end=None)], WHEN))
    monkeypatch.setattr(jobs_use, "_add_running", lambda *_a: None)
    view = jobs_query.subject_of({})
    whole = jobs_export.exported(SOURCES, MIRA, view, WHEN)["jobs"]
    assert len(whole) == 6 and "cut" not in whole.attrs
    assert asked == [(None, "mira", False), ("a2", "mira", False), ("a4", "mira", False)]
    monkeypatch.setattr(jobs_export, "ROWS", 4)
    cut = jobs_export.exported(SOURCES, MIRA, view, WHEN)["jobs"]
    assert len(cut) == 4 and cut.attrs["cut"] == 4


def test_filters_say_which_time_they_are_of() -> None:
    anytime = about({}, {})
    assert "Jobs of all time" in texts(jobs_filters.filters(anytime))
    week = about({"from": "now-7d", "to": "now"}, {})
    assert "alive in the last 7" in texts(jobs_filters.filters(week))
    assert jobs_filters.address(Settings(), week.subject, state="FAILED").count("now-7d") == 1
    assert "Person" not in texts(jobs_filters.filters(anytime))
    staff = replace(anytime, viewer=Viewer(name="ada", is_staff=True))
    assert "Person" in texts(jobs_filters.filters(staff))


def test_an_unlimited_job_has_no_bar_and_a_pending_one_no_time() -> None:
    row = {"start": START, "elapsed": 3600, "limit": math.inf, "time_share": math.nan, "state": "RUNNING", "array_counts": None}
    assert "no time limit" in jobs_list.time_cell(row).title
    assert "tt-meter" not in str(jobs_list.time_cell(row))
    part = jobs_list.time_cell(row | {"limit": 86400.0, "time_share": 1 / 24})
    assert part.title.replace("\u00a0", " ") == "1 h of 1 d"
    assert "tt-meter" in str(part)
    assert texts(jobs_list.time_cell(row | {"start": math.nan})) == "–"


def test_marks_of_an_arrays_tasks_are_a_figure() -> None:
    frame = pd.DataFrame({"task": [1.0, 2.0, 3.0], "tone": ["good", "bad", "good"], "value": [60.0, 120.0, 90.0]})
    figure = job_array.marks(frame, 600.0, "time limit", "min", 60)
    go.Figure(figure)
    assert [trace["meta"]["color"] for trace in figure["data"]] == ["used", "bad", "limit"]
    assert figure["layout"]["yaxis"]["range"][1] == pytest.approx(10.6)
