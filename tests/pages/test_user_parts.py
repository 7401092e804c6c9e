"""The page of a person, without servers: head, tiles, quotas, findings, accounts and charts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.finding_groups import grouped
from analysis.findings.records import Finding
from analysis.quota import COLUMNS
from components.charts import person_days
from components.charts import quota as quota_charts
from components.records import About
from core.errors import BadInput, NoData, SourceDown, Why
from core.settings import Settings
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.slurm.cluster import Amount, Use
from datasources.slurm.people import ViewerFacts
from datasources.slurm.person import Person
from pages import accounts_view, user, user_parts, user_query, user_quota
from tests.pages.test_jobs_pages import texts

DAY, GIB = 86400, 1024**3
NOW = 1_795_000_000
MIRA, STAFF = Viewer(name="mira", full_name="Mira Okafor", accounts=frozenset({"def-a"})), Viewer(name="ada", is_staff=True)
WHEN = TimeRange(start=NOW - 30 * DAY, end=NOW, now=NOW)


def view(name: str = "mira", **more: str) -> user_query.PersonView:
    """The page's subject."""
    return user_query.subject_of({"name": name, **more})


def about(viewer: Viewer = MIRA, subject: Subject | None = None, frames: dict[str, Any] | None = None) -> About:
    """What drawing knows."""
    return About(viewer=viewer, subject=subject or view(), when=WHEN, settings=Settings(), frames=frames or {})


def test_the_menu_leads_to_ones_own_page() -> None:
    assert user.USER.menu_path is not None and user.USER.menu_path(MIRA) == "/user/mira"
    assert (user.USER.path, user.USER.order, user.USER.module) == ("/user/<name>", 30, "usersummary")


@pytest.mark.parametrize("name", ["a/b", "a\x00", "x" * 129, ""])
def test_what_can_be_no_login_is_bad_input(name: str) -> None:
    with pytest.raises(BadInput):
        view(name)


def test_storage_shows_90_days_unless_a_range_is_chosen() -> None:
    span = user_quota.trend_span(view(), WHEN)
    assert (span.start, span.end) == (NOW - 90 * DAY, NOW)
    assert user_quota.trend_span(view(**{"from": "now-1d"}), WHEN) == WHEN


def test_the_head_names_the_person_and_for_staff_the_level() -> None:
    facts = ViewerFacts(name="mira", accounts=frozenset({"def-a"}), coordinates=frozenset({"def-b"}), admin_level="operator")
    who = Person(name="mira", facts=facts, known=True)
    title, parts_ = user_parts.head(Settings(), MIRA, view(), "Mira Okafor", who)
    own = texts(parts_)
    assert title == "Mira Okafor" and "mira" in own and "def-a" in own and "operator" not in own
    _title, parts_ = user_parts.head(Settings(), STAFF, view(), "", who)
    seen = texts(parts_)
    assert "mira" in seen and "def-b" in seen and "Slurm operator" in seen and "Waste" in seen


def test_somebody_who_left_is_told_apart() -> None:
    who = Person(name="old", facts=ViewerFacts(name="old"), known=True)
    assert "No longer in any account" in texts(user_parts.head(Settings(), STAFF, view("old"), "", who)[1])


def test_sections_of_storage_follow_the_areas() -> None:
    areas = {"scratch": {"path": "/s"}, "home": {"path": "/h"}, "work": {"path": "/w"}}
    settings = Settings.model_validate({"storage": {"areas": areas}})
    assert user_quota.shown_keys(settings) == ("storage", "storage_home", "storage_scratch", "storage_other")
    assert user_quota.shown_keys(Settings()) == ()
    assert {"storage", "storage_nearline"} <= {section.key for section in user.USER.sections}


def month(**numbers: float) -> pd.Series:
    """Totals of a month; what is not given is 0."""
    names = ("jobs", "summarised", "finished", *(f"{amount}{part}" for amount in ("core_hours", "gpu_hours") for part in ("", "_judged", "_used", "_wasted")))
    return pd.Series(dict.fromkeys(names, 0.0) | numbers)


def test_tiles_with_everything() -> None:
    use = Use(held=Amount(nodes=1, cores=8, memory=16 * GIB), running=2, suspended=0, pending=5)
    groups = grouped([(Finding(id="serial", severity="bad"), "1", False), (Finding(id="conda", severity="bad"), "1", False)], 12)
    frames = {
        "use": use, "used": {"cores": 6.0, "memory": 4.0 * GIB}, "found": (groups, False),
        "month": month(jobs=3, core_hours=120.0, core_hours_judged=100.0, core_hours_used=25.0, core_hours_wasted=75.0),
    }  # fmt: skip
    said = texts(user_parts.draw_now(frames, about())).replace("\u00a0", " ")
    for wanted in ("6 of 8", "4 of 16 GiB", "5 waiting", "2 kinds", "in 1 job", "25 of 100", "25 % used, 75 wasted", "of 20 more the use is not known"):
        assert wanted in " ".join(said.split()), wanted


def test_tiles_when_nothing_runs_and_when_accounting_is_away() -> None:
    idle = {"use": Use(held=Amount(), running=0, suspended=0, pending=0), "used": {}, "found": ([], False), "month": month()}
    assert "You have no jobs running or waiting." in texts(user_parts.draw_now(idle, about()))
    assert "You have" not in texts(user_parts.draw_now(idle, about(STAFF)))
    down = SourceDown("slurm", "away")
    away = {"use": down, "used": down, "found": down, "month": down}
    assert "accounting database cannot be reached" in texts(user_parts.draw_now(away, about()))


def test_totals_that_do_not_know_all_runs_say_so() -> None:
    frames = {"use": Use(held=Amount(), running=0, suspended=0, pending=0), "used": {}, "found": ([], False)}
    some = frames | {"month": month(jobs=80, summarised=80, finished=100)}
    assert "know 80 of the 100 runs" in texts(user_parts.draw_now(some, about()))
    every = frames | {"month": month(jobs=100, summarised=100, finished=100)}
    assert "runs of the last" not in texts(user_parts.draw_now(every, about()))


def quotas(**values: Any) -> pd.DataFrame:
    """One row of quotas."""
    row = dict.fromkeys(COLUMNS, math.nan) | {"area": "home", "label": "user", "owner": "mira", "bytes_state": "small", "files_state": "small", "state": "small"}
    return pd.DataFrame([row | values])


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"bytes_used": 79.0 * GIB, "bytes_limit": 50.0 * GIB, "bytes_share": 1.58, "bytes_state": "over"}, ["79 of 50 GiB", "158 %", "Over quota"]),
        ({"files_used": 95.0, "files_limit": 100.0, "files_share": 0.95, "files_state": "near"}, ["95 of 100", "95 %", "Nearly full"]),
        ({"bytes_used": 2.0 * GIB, "bytes_state": "no_limit"}, ["2 GiB", "no limit known"]),
        ({"bytes_limit": 50.0 * GIB}, ["Too small to measure", "of 50 GiB"]),
        ({"bytes_state": "unknown"}, ["Not measured"]),
    ],
)
def test_what_a_quota_says(values: dict[str, Any], wanted: list[str]) -> None:
    said = " ".join(texts(user_quota.draw_quotas({"quotas": quotas(**values), "trends": {}}, about())).replace("\u00a0", " ").split())
    assert "Home" in said
    for word in wanted:
        assert word in said


def test_without_quotas_it_says_why() -> None:
    said = texts(user_quota.draw_quotas({"quotas": NoData(Why.NOT_CONFIGURED, "lfs_quota"), "trends": {}}, about()))
    assert "does not collect" in said


def test_findings_by_kind_with_what_they_cost() -> None:
    numbers = {"wasted_core_hours": 30.0, "used": 1.0, "cores": 16}
    found = [(Finding(id="serial", severity="bad", numbers=numbers), job, job == "9") for job in ("9", "8")]
    said = " ".join(texts(user_parts.draw_findings({"groups": grouped(found, 12), "cut": True}, about())).replace("\u00a0", " ").split())
    assert "2 jobs · 1 of them running · 60 core-hours in all" in said and "Only the newest jobs" in said and " 9 " in said
    assert "Nothing to improve" in texts(user_parts.draw_findings({"groups": [], "cut": False}, about()))


@pytest.mark.parametrize(("value", "words"), [(2.0, "under its share"), (1.0, "about its share"), (0.2, "over its share"), (math.inf, "unused")])
def test_levelfs_is_told_in_the_words_of_the_accounts_pages(value: float, words: str) -> None:
    assert words == accounts_view.standing_word(value) and words in texts(user_parts._level_cell({"levelfs": value}))


def trend(owners: list[str], limits: list[float]) -> pd.DataFrame:
    """Three days of storage, growing by a GiB a day from 1 GiB on."""
    index = pd.date_range("2026-11-01", periods=3, freq="D", tz="UTC", name="time")
    columns = pd.MultiIndex.from_tuples([("project", owner) for owner in owners], names=["area", "owner"])
    frame = pd.DataFrame({column: np.arange(1, 4) * float(GIB) for column in columns}, index=index)
    frame.columns = columns
    frame.attrs = {"step": DAY, "limits": dict(zip(columns, limits, strict=True)), "from": NOW - 90 * DAY, "to": NOW}
    return frame


@pytest.mark.parametrize(("limit", "top"), [(10.0 * GIB, 10.0), (2.0 * GIB, 3.0), (math.nan, 3.0)], ids=["below", "over", "no limit"])
def test_the_axis_ends_at_the_larger_of_quota_and_use(limit: float, top: float) -> None:
    figure = quota_charts.space(trend(["def-a"], [limit]), about())
    go.Figure(figure)
    assert figure["layout"]["yaxis"]["range"] == [0, pytest.approx(top * 1.04)]
    assert figure["layout"]["xaxis"]["range"] == [(NOW - 90 * DAY) * 1000, NOW * 1000]
    assert [line["name"] for line in figure["data"]] == (["used"] if math.isnan(limit) else ["used", "quota"])


def test_several_projects_have_their_quota_in_their_own_colour() -> None:
    figure = quota_charts.files(trend(["def-a", "def-b"], [5.0 * GIB, math.nan]), about())
    go.Figure(figure)
    assert [(line["name"], line["meta"]["color"]) for line in figure["data"]] == [("def-a", "s1"), ("quota of def-a", "s1"), ("def-b", "s2")]


def test_use_by_day() -> None:
    index = pd.date_range("2026-11-01", periods=2, freq="D", tz="UTC", name="time")
    frame = pd.DataFrame({"used": [10.0, 0.0], "wasted": [5.0, 0.0], "unknown": [0.0, 0.0]}, index=index)
    frame.attrs = {"step": DAY}
    figure = person_days.days(frame, about())
    go.Figure(figure)
    assert [line["name"] for line in figure["data"]] == ["used", "wasted"]
    frame["unknown"] = [0.0, 7.0]
    assert [line["name"] for line in person_days.days(frame, about())["data"]] == ["used", "wasted", "use not known"]
    gpus = person_days.PANELS[1]
    assert not gpus.shown(replace(about(), frames={"gpus": frame * 0}))
    assert gpus.shown(replace(about(), frames={"gpus": frame}))


def test_accounts_with_what_is_held_now() -> None:
    row = {
        "account": "def-a", "my_shares": math.nan, "cluster_share": 0.011, "levelfs": 0.45, "cores": 24, "my_cores": 6, "gpus": 0, "my_gpus": 0,
        "default": True, "coordinator": False, "my_running": 2, "my_pending": 3,
    }  # fmt: skip
    said = " ".join(texts(user_parts.draw_accounts({"accounts": pd.DataFrame([row])}, about())).replace("\u00a0", " ").split())
    assert "def-a default" in said and "0.45 over its share" in said and "6 of 24" in said
    assert "GPUs now" not in said and "coordinator" not in said
    assert "GPUs now" in texts(user_parts.draw_accounts({"accounts": pd.DataFrame([row | {"gpus": 4}])}, about()))


def test_no_jobs_at_all_and_jobs_that_were_not_all_found() -> None:
    none = {"jobs": pd.DataFrame(), "complete": True}
    assert "You have not submitted a job yet." in texts(user_parts.draw_jobs(none, about()))
    assert "No job was ever submitted." in texts(user_parts.draw_jobs(none, about(STAFF)))
    assert "older jobs are in the list of all jobs" in texts(user_parts.draw_jobs(none | {"complete": False}, about()))
