"""The page of the scheduler's statistics: which days, which tables and charts, what it says where something is missing."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.quantiles import bucket
from analysis.scheduling import Counted
from analysis.scheduling_tables import levels_at_start, levels_by, limits_by, waits_by
from components.charts import scheduling as charts
from components.records import About
from components.section import draw_block, draw_panel
from core.errors import BadInput, NoData, SourceDown, Why
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import STAFF, Viewer
from datasources.slurm.waits import (
    ENDED_OTHERWISE,
    HELD,
    LIMITS,
    NO_LIMIT_KNOWN,
    NOTHING,
    QUEUED,
    STARTS,
    TIMED_OUT,
    UNLIMITED,
    Choices,
)
from pages import scheduling, scheduling_query
from pages.scheduling_query import days_of, subject_of
from tests.pages.test_jobs_pages import texts

DAY, NOW = 86400, 1_795_377_600  # 2026-11-22 20:00 UTC
TODAY = NOW // DAY
ADA = Viewer(name="ada", is_staff=True)
WHEN = TimeRange(start=(TODAY - 13) * DAY, end=NOW, now=NOW)


def about(frames: dict[str, Any], **params: str) -> About:
    return About(viewer=ADA, subject=subject_of(params), when=WHEN, settings=Settings(), frames=frames)


def counts(rows: list[tuple], *names: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["measure", *names, "bucket", "jobs"])


WAITS = counts(
    [
        (QUEUED, "cpu", "normal", 0, TODAY, bucket(3600 * 4), 6), (QUEUED, "cpu", "normal", 1, TODAY - 2, NOTHING, 3), (QUEUED, "gpu", "high", 10, TODAY, bucket(60), 11),
        (HELD, "cpu", "normal", 0, TODAY, NOTHING, 8), (HELD, "cpu", "normal", 1, TODAY - 2, bucket(7200), 1), (HELD, "gpu", "high", 10, TODAY, NOTHING, 11),
    ],
    "partition", "qos", "size", "started",
)  # fmt: skip
ENDS = counts(
    [
        (LIMITS, "cpu", "def-a", bucket(500), 4), (LIMITS, "cpu", "def-a", TIMED_OUT, 1), (LIMITS, "cpu", "def-a", UNLIMITED, 2),
        (LIMITS, "cpu", "def-b", NO_LIMIT_KNOWN, 1),
        (LIMITS, "cpu", "def-b", ENDED_OTHERWISE, 5), (LIMITS, "hopeless", "def-b", TIMED_OUT, 3),
    ],
    "partition", "account",
)  # fmt: skip


def levels(hours: int = 4) -> pd.DataFrame:
    """def-a at 0.5, then unknown, then 2; def-new used nothing."""
    first = TODAY * DAY
    index = pd.to_datetime([first + 3600 * hour for hour in range(hours)], unit="s", utc=True)
    columns = pd.MultiIndex.from_tuples([("def-a",), ("def-new",)], names=["account"])
    return pd.DataFrame({("def-a",): [0.5, np.nan, 0.6, 2.0], ("def-new",): [np.inf] * 4}, index=index).set_axis(columns, axis=1)


STARTED = counts(
    [
        (STARTS, "cpu", "def-a", TODAY * 24, 3), (STARTS, "cpu", "def-a", TODAY * 24 + 1, 1), (STARTS, "cpu", "def-a", TODAY * 24 + 3, 1),
        (STARTS, "cpu", "def-new", TODAY * 24, 5), (STARTS, "cpu", "def-gone", TODAY * 24, 2), (STARTS, "gpu", "def-a", TODAY * 24 - 5, 1),
    ],
    "partition", "account",
)  # fmt: skip


def test_the_range_is_whole_utc_days() -> None:
    view = subject_of({})
    assert scheduling_query.usual(None, ADA, view, NOW) == ((TODAY - 13) * DAY, NOW)
    assert (days_of(view, WHEN).first, days_of(view, WHEN).last) == (TODAY - 13, TODAY)
    midnight = TimeRange(start=TODAY * DAY - 3600, end=TODAY * DAY, now=NOW)
    assert (days_of(view, midnight).first, days_of(view, midnight).last) == (TODAY - 1, TODAY - 1)
    years = TimeRange(start=0, end=NOW, now=NOW)
    assert days_of(view, years).last - days_of(view, years).first == 365


def test_the_address_keeps_what_the_page_is_narrowed_to() -> None:
    view = subject_of({"account": "def-a", "qos": "high", "node": "c1", "from": "now-30d", "to": "now"})
    assert view.query(partition="cpu") == {"account": "def-a", "qos": "high", "node": "c1", "from": "now-30d", "to": "now", "partition": "cpu"}
    assert days_of(view, WHEN).account == "def-a" and days_of(view, WHEN).qos == "high"
    for bad in ({"account": "x" * 129}, {"qos": "a\nb"}):
        with pytest.raises(BadInput):
            subject_of(bad)


@pytest.mark.parametrize("name", ["def-A", "def", "def-a|def-b", 'def-a"} or vector(1)', "def-a_x", "' or 1=1 --", "<b>"])
def test_an_account_slurm_does_not_know_is_said_and_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(scheduling, "choices", lambda sources, *, viewer: Choices(qos=("normal",), accounts=frozenset({"def-a", "def-b"})))
    sources: Any = type("Sources", (), {"settings": Settings()})
    title, above, sections = scheduling.head(sources, ADA, subject_of({"account": name}), WHEN)
    assert (title, sections) == ("Scheduling", ())
    assert f"Slurm knows no account {name}." in texts(above)
    assert scheduling.head(sources, ADA, subject_of({"account": "def-a"}), WHEN)[2] is None
    assert scheduling.head(sources, ADA, subject_of({"qos": "NORMAL"}), WHEN)[2] == ()


def test_the_page_is_for_staff() -> None:
    assert scheduling.PAGE.access is STAFF and scheduling.PAGE.staff_menu
    assert all(section.access is STAFF for section in scheduling.PAGE.sections)


def test_waits_are_told_apart() -> None:
    table = waits_by(WAITS, "partition").set_index("partition")
    assert table["runs"].to_dict() == {"gpu": 11, "cpu": 9}
    assert table.loc["cpu", "queue_median_s"] == pytest.approx(14_400, rel=0.05)
    assert table.loc["gpu", "queue_p90_s"] == pytest.approx(60, rel=0.05)
    assert table.loc["cpu", "within_hour"] == pytest.approx(3 / 9, abs=5e-5)
    assert table.loc["cpu", "held_share"] == pytest.approx(1 / 9)
    assert table.loc["cpu", "held_median_s"] == pytest.approx(7200, rel=0.05)
    assert table.loc["gpu", "held_share"] == 0 and math.isnan(table.loc["gpu", "held_median_s"])


def test_numbers_from_buckets_claim_no_more_than_they_know() -> None:
    """Whole seconds, or tenths, within 5 % of every whole second, shares with four places: in the CSV, too."""
    for seconds in (*range(1, 400), 3600, 13_139, 86_400, 2_592_000):
        row = waits_by(counts([(QUEUED, "cpu", bucket(seconds), 3), (HELD, "cpu", bucket(seconds), 3)], "partition"), "partition").iloc[0]
        assert row["queue_median_s"] == round(row["queue_median_s"], 0 if seconds >= 700 else 1)
        assert row["queue_median_s"] == pytest.approx(seconds, rel=0.05)
    for row in (waits_by(WAITS, "partition").iloc[0], limits_by(ENDS, "partition").iloc[0]):
        for value in (value for value in row if isinstance(value, float) and math.isfinite(value)):
            assert len(repr(float(value)).partition(".")[2]) <= 4


def test_limits_are_judged_where_there_is_one() -> None:
    table = limits_by(ENDS, "partition").set_index("partition")
    row = table.loc["cpu"]
    assert row[["completed", "judged", "unlimited", "no_limit_known", "timeouts", "other"]].tolist() == [7, 4, 2, 1, 1, 5]
    assert row["used_median"] == pytest.approx(0.5, rel=0.05)
    assert row["timeout_ratio"] == pytest.approx(1 / 8)
    assert table.loc["hopeless", ["completed", "timeouts", "timeout_ratio"]].tolist() == [0, 3, 1.0]
    nothing = limits_by(ENDS[ENDS["bucket"] == ENDED_OTHERWISE], "account")
    assert math.isnan(nothing["timeout_ratio"].iloc[0])


def test_priority_is_the_accounts_at_the_hour_of_the_start() -> None:
    """Three runs at 0.5, one in a gap of the metrics (0.5 before it), one at 2, five of an account that used nothing; three not known."""
    table = levels_by(levels_at_start(STARTED, levels()), "partition").set_index("partition")
    row = table.loc["cpu"]
    assert row[["starts", "known"]].tolist() == [12, 10]
    assert row[["level_min", "level_median", "level_max"]].tolist() == [0.5, 2.0, math.inf]
    assert row["above_one"] == pytest.approx(6 / 10)
    assert table.loc["gpu", "known"] == 0 and math.isnan(table.loc["gpu", "level_median"])
    assert levels_at_start(STARTED, levels().iloc[:, :0])["level"].isna().all()


def heights(trace: dict[str, Any]) -> float:
    return float(np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype="<f4").sum())


def test_charts_are_plotlys_and_hold_every_run() -> None:
    found = levels_at_start(STARTED, levels())
    by_day = scheduling_query._by_day(waits_by(WAITS, "started").sort_values("started"))
    drawn = {
        "spread": charts.wait_bars(WAITS[WAITS["measure"] == QUEUED], about({})), "reached": charts.wait_shares(WAITS[WAITS["measure"] == QUEUED], about({})),
        "days": charts.wait_days(by_day, about({})), "limits": charts.limit_bars(ENDS, about({})), "levels": charts.level_bars(found, about({})),
    }  # fmt: skip
    for figure in drawn.values():
        go.Figure(figure)
    assert [heights(trace) for trace in drawn["spread"]["data"]] == [11, 9]
    assert sum(heights(trace) for trace in drawn["limits"]["data"]) == 4
    assert sum(heights(trace) for trace in drawn["levels"]["data"] if trace["type"] == "bar") == 10
    assert "∞" in drawn["levels"]["layout"]["xaxis"]["ticktext"]
    assert [trace["name"] for trace in drawn["reached"]["data"]] == ["1 GPU"]  # the others have too few runs
    assert len(by_day) == 3 and math.isnan(by_day["queue_median_s"].iloc[1])  # a day without a start is a gap


FRAMES: dict[str, Any] = {
    "now": {
        "all_waits": waits_by(WAITS, ""), "all_limits": limits_by(ENDS, ""), "counted": Counted(frame=WAITS, not_yet=(TODAY - 5, TODAY - 6)),
        "ended": Counted(frame=ENDS, not_yet=(TODAY - 5,), error=SourceDown("slurm")), "waiting": SourceDown("slurm"),
    },
    "waits": {
        "by_partition": waits_by(WAITS, "partition"), "by_qos": waits_by(WAITS, "qos"), "by_size": waits_by(WAITS, "size"), "by_day": pd.DataFrame(),
        "by_account": waits_by(WAITS.assign(account="def-a"), "account"), "spread": WAITS, "held": NoData(Why.NO_DATA),
    },
    "waiting": {"waiting": pd.DataFrame(
        {"partition": ["cpu,gpu"], "qos": ["normal"], "ready": [12_345], "not_ready": [2], "oldest": [NOW - 7200], "accounts": [3], "oldest_s": [7200]}
    )},
    "priority": {
        "levels": levels_by(levels_at_start(STARTED, levels()), "partition"), "level_accounts": levels_by(levels_at_start(STARTED, levels()), "account"),
        "level_spread": levels_at_start(STARTED, levels()),
    },
    "limits": {"limit_partitions": limits_by(ENDS, "partition"), "limit_accounts": limits_by(ENDS, "account"), "limit_spread": ENDS},
}  # fmt: skip
SAID = {
    "now": ["20", "2 days are not yet counted", "The accounting database cannot be reached.", "Shown is what was counted before.", "4 of 11"],
    "waits": ["cpu", "gpu", "at once", "4\u00a0h", "1 core", "1 GPU", "high"],
    "waiting": ["cpu,gpu", "12\u202f345", "2\u00a0h"],
    "priority": ["def-new", "∞", "def-gone"],
    "limits": ["hopeless", "100\u00a0%", "def-b"],
}


@pytest.mark.parametrize("key", FRAMES)
def test_every_section_is_drawn(key: str) -> None:
    section = next(section for section in scheduling.PAGE.sections if section.key == key)
    known = about(FRAMES[key], account="def-a")
    said = " ".join(texts(draw_block(block, FRAMES[key], known)) for block in section.blocks)
    assert [words for words in SAID[key] if words.replace("\u00a0", " ") not in said.replace("\u00a0", " ")] == []
    assert "could not be drawn" not in said
    for panel in section.panels:
        figure, message = draw_panel(panel, FRAMES[key], known)
        assert figure is not None or "Nothing was measured" in texts(message)


@pytest.mark.parametrize("key", ["waits", "waiting", "priority", "limits"])
def test_what_cannot_be_had_is_said(key: str) -> None:
    section = next(section for section in scheduling.PAGE.sections if section.key == key)
    gone = {name: SourceDown("slurm") for name in FRAMES[key]}
    for block in section.blocks:
        assert "The accounting database cannot be reached" in texts(draw_block(block, gone, about(gone)))


@pytest.mark.parametrize("key", ["waits", "priority", "limits"])
def test_no_run_is_said_as_that(key: str) -> None:
    """Days without a run, or before accounting's first: nothing is missing, and no longer range is advised."""
    section = next(section for section in scheduling.PAGE.sections if section.key == key)
    none = {name: NoData(Why.NO_DATA, "jobs") for name in FRAMES[key]}
    for block in section.blocks:
        assert "No run of this began or ended in these days" in texts(draw_block(block, none, about(none)))


def test_a_range_beyond_a_year_is_cut_and_said() -> None:
    for days, said in ((366, False), (367, True), (730, True)):
        whole = TimeRange(start=(TODAY - days + 1) * DAY, end=NOW, now=NOW)
        assert ("cut to its last 366 days" in texts(scheduling._said(subject_of({}), whole))) is said


def test_a_number_leads_to_its_jobs() -> None:
    section = next(section for section in scheduling.PAGE.sections if section.key == "limits")
    shown = str(draw_block(section.blocks[0], FRAMES["limits"], about(FRAMES["limits"], account="def-a")))
    assert f"/jobs?user=%2A&state=TIMEOUT&partition=hopeless&account=def-a&from={WHEN.start}&to={WHEN.end}" in shown
