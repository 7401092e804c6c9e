"""Finished days are counted once and read from the portal's own database; what they say is what accounting says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import scheduling
from analysis.scheduling import Days, counted, keep_days
from analysis.scheduling_tables import limits_by, waits_by
from core.errors import NotAllowed, SourceDown
from core.settings import Settings
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.connect import connect
from datasources.portal.days import Wanted, kept_counts, kept_days
from datasources.slurm.db import recorded
from datasources.slurm.waits import HELD, LIMITS, QUEUED, STARTS, ended_counts
from datasources.sources import Sources
from tests.slurm.conftest import ASKED_AT, Accounting
from tests.slurm.test_scheduling_counts import DAY, NO_VALUE, TODAY, add

pytestmark = pytest.mark.services
NAMES = ("partition", "qos", "account", "size", "started")
NOW = ASKED_AT + 3 * DAY  # the dump's day has ended
MONTH = Days(first=TODAY - 20, last=TODAY + 3)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes longer for the days of a question than a reader waits."""
    monkeypatch.setattr(scheduling, "PATIENCE", 60.0)


@pytest.fixture(params=["sqlite", "mariadb"])
def opened(request: pytest.FixtureRequest, changed: Accounting, tmp_path: Path) -> Iterator[Callable[..., Sources]]:
    """opened(now): a portal over the changed dump, with a database of its own."""
    server, made = request.getfixturevalue("mariadb"), []
    portal = f"sqlite:///{tmp_path}/portal.sqlite" if request.param == "sqlite" else server.create("scheduling_portal")

    def open_(now: int = NOW, port: int = server.port) -> Sources:
        settings = Settings.model_validate(
            {
                "site": {"cluster": "alpha"}, "slurm": {"url": f"mysql+pymysql://root@127.0.0.1:{port}/{changed.name}"},
                "portal": {"url": portal}, "server": {"cache_dir": str(tmp_path / "cache")},
            }
        )  # fmt: skip
        made.append(connect(settings, clock=lambda: now))
        return made[-1]

    yield open_
    for sources in made:
        sources.close()


def fill(changed: Accounting) -> None:
    """1 500 runs over fifteen days, of two accounts that differ in case and in two partitions, one of timeouts only."""
    rng = np.random.default_rng(3)
    columns = "account, cpus_req, job_name, id_assoc, id_job, id_qos, id_resv, id_wckey, id_user, id_group, het_job_id, het_job_offset, state_reason_prev, "
    columns += "nodes_alloc, `partition`, priority, state, timelimit, time_submit, time_eligible, time_start, time_end, tres_alloc"
    rows = []
    for number in range(1500):
        submit = (TODAY - 15) * DAY + int(rng.integers(0, 14 * DAY))
        eligible = submit + int(rng.choice([0, 0, 0, 900, 40_000]))
        start = eligible + int(rng.lognormal(6, 2))
        end = start + int(rng.integers(0, 7200))
        where, state = ("hopeless", 6) if number % 10 == 0 else ("cpu", 3)
        account = ("def-a", "DEF-A")[number % 2]
        rows.append(
            f"('{account}', 1, 'made', 1, {9000 + number}, 1, 0, 0, 24001, 1, 0, {NO_VALUE}, 0, 1, '{where}', 1, {state}, 120, "
            f"{submit}, {eligible}, {start}, {end}, '1={1 + number % 40}')"
        )
    changed.execute(f"insert into alpha_job_table ({columns}) values " + ", ".join(rows))


def direct(sources: Sources, days: Days) -> pd.DataFrame:
    """The same question put to accounting alone, day by day."""
    parts = [ended_counts(sources, viewer=PORTAL, day=day) for day in range(days.first, days.last + 1)]
    whole = pd.concat([part for part in parts if len(part)])
    for name in ("account", "partition", "qos"):
        if getattr(days, name):
            whole = whole[whole[name] == getattr(days, name)]
    return whole.groupby(["measure", *NAMES, "bucket"], as_index=False)["jobs"].sum()


QUESTIONS = [MONTH, Days(first=TODAY - 12, last=TODAY - 4, account="def-a"), Days(first=TODAY - 20, last=TODAY + 3, partition="hopeless"),
             Days(first=TODAY - 20, last=TODAY + 3, account="def-A")]  # fmt: skip


@pytest.mark.parametrize("days", QUESTIONS)
def test_kept_days_say_what_accounting_says(changed: Accounting, opened: Callable[..., Sources], days: Days) -> None:
    """Asked before they are kept, asked again from what was kept, and put to accounting directly."""
    fill(changed)
    sources = opened()
    expected = direct(sources, days)
    expected = expected[expected["measure"] == LIMITS].reset_index(drop=True)
    for _time in range(2):
        found = counted(sources, viewer=PORTAL, days=days, measures=(LIMITS,), by=NAMES)
        assert (found.not_yet, found.error) == ((), None)
        pd.testing.assert_frame_equal(found.frame, expected[found.frame.columns], check_dtype=False)
    assert expected.empty == (days.account == "def-A")


def test_waits_are_of_the_runs_that_began_in_these_days(changed: Accounting, opened: Callable[..., Sources]) -> None:
    """Also of those that end later; the quantiles are within the bound of those of the rows themselves."""
    fill(changed)
    add(changed, time_submit=(TODAY - 9) * DAY, time_eligible=(TODAY - 9) * DAY, time_start=(TODAY - 9) * DAY + 50, time_end=(TODAY - 5) * DAY)
    sources = opened()
    low, high = TODAY - 10, TODAY - 8
    rows = changed.execute(
        "select time_start - time_eligible, time_eligible - time_submit from alpha_job_table "
        f"where time_start >= {low * DAY} and time_start < {(high + 1) * DAY} and tres_alloc <> ''"
    )
    found = counted(sources, viewer=PORTAL, days=Days(first=low, last=high), measures=(QUEUED, HELD))
    row = waits_by(found.frame, "").iloc[0]
    queue, held = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assert row["runs"] == len(rows)
    for name, share in (("queue_median_s", 0.5), ("queue_p90_s", 0.9)):
        assert row[name] == pytest.approx(np.quantile(queue, share, method="inverted_cdf"), rel=0.05)
    assert row["held_share"] == pytest.approx((held >= 60).mean())
    assert row["held_median_s"] == pytest.approx(np.quantile(held[held >= 60], 0.5, method="inverted_cdf"), rel=0.05)
    assert row["within_hour"] == pytest.approx((queue < 3600).mean(), abs=0.01)


def test_long_runs_of_days_past_are_found_where_the_days_of_their_ends_are_kept(changed: Accounting, opened: Callable[..., Sources]) -> None:
    """A run of sixteen days: a question alone counts fourteen days ahead, what the timer kept reaches further."""
    began = (TODAY - 14) * DAY + 100
    add(changed, time_submit=began, time_eligible=began, time_start=began, time_end=began + 16 * DAY)
    add(changed, time_submit=began, time_eligible=began, time_start=began, time_end=began + DAY)
    sources, asked = opened(), {"days": Days(first=TODAY - 14, last=TODAY - 14), "measures": (QUEUED,)}
    runs = counted(sources, viewer=PORTAL, **asked).frame["jobs"].sum()
    keep_days(sources, limit=100)
    assert counted(sources, viewer=PORTAL, **asked).frame["jobs"].sum() == runs + 1


def test_a_day_is_counted_once(changed: Accounting, opened: Callable[..., Sources]) -> None:
    """The second question reads the portal's database only, in another process, too; a late row does not change it."""
    fill(changed)
    sources = opened()
    first = counted(sources, viewer=PORTAL, days=Days(first=TODAY - 14, last=TODAY - 2), measures=(LIMITS,), by=("partition",))
    add(changed)
    with recorded() as statements:
        again = counted(opened(), viewer=PORTAL, days=Days(first=TODAY - 14, last=TODAY - 2), measures=(LIMITS,), by=("partition",))
    assert [statement for statement in statements if "job_table" in statement and "information_schema" not in statement] == []
    pd.testing.assert_frame_equal(first.frame, again.frame)


def test_today_and_last_night_are_counted_anew(changed: Accounting, opened: Callable[..., Sources]) -> None:
    """Until two hours after midnight yesterday's late ends still count; running jobs have waited and are in."""
    days = Days(first=TODAY, last=TODAY)
    sources = opened(ASKED_AT)
    now = waits_by(counted(sources, viewer=PORTAL, days=days, measures=(QUEUED, HELD)).frame, "").iloc[0]["runs"]
    rows = "time_start > 0 and tres_alloc <> '' and time_start >= time_submit and not (het_job_id > 0 and het_job_offset = 1)"
    assert now == changed.execute(f"select count(*) from alpha_job_table where {rows}")[0][0]
    assert kept_days(sources, first=TODAY - 5, last=TODAY + 5) == frozenset()
    early = opened((TODAY + 1) * DAY + 7000)
    counted(early, viewer=PORTAL, days=days, measures=(LIMITS,))
    assert kept_days(early, first=TODAY, last=TODAY) == frozenset()
    later = opened((TODAY + 1) * DAY + 7200)
    counted(later, viewer=PORTAL, days=days, measures=(LIMITS,))
    assert kept_days(later, first=TODAY, last=TODAY) == {TODAY}


def test_a_question_counts_so_many_days_and_the_timer_the_rest(changed: Accounting, opened: Callable[..., Sources], monkeypatch: pytest.MonkeyPatch) -> None:
    fill(changed)
    monkeypatch.setattr(scheduling, "AT_ONCE", 3)
    sources, first = opened(), TODAY - 15
    found = counted(sources, viewer=PORTAL, days=Days(first=TODAY - 400, last=TODAY), measures=(LIMITS,))
    held = kept_days(sources, first=TODAY - 400, last=TODAY)
    assert held == {TODAY, TODAY - 1, TODAY - 2}  # the newest first
    assert found.not_yet == tuple(range(TODAY - 3, first - 1, -1))  # nothing before accounting's oldest run
    assert keep_days(sources, limit=4) == 4
    assert keep_days(sources, stop=lambda: True) == 0
    assert keep_days(sources, limit=100) == 16 + 2 - 3 - 4  # to the day before yesterday, which is TODAY + 2
    assert keep_days(sources) == 0
    assert counted(sources, viewer=PORTAL, days=MONTH, measures=(LIMITS,)).not_yet == ()


def test_without_accounting_what_was_kept_is_shown(changed: Accounting, opened: Callable[..., Sources]) -> None:
    fill(changed)
    whole = counted(opened(), viewer=PORTAL, days=MONTH, measures=(LIMITS,))
    gone = opened(port=1)
    found = counted(gone, viewer=PORTAL, days=MONTH, measures=(LIMITS,))
    assert isinstance(found.error, SourceDown)
    pd.testing.assert_frame_equal(found.frame, whole.frame)
    with pytest.raises(SourceDown):
        counted(gone, viewer=PORTAL, days=Days(first=TODAY - 400, last=TODAY - 390), measures=(LIMITS,))


def test_partitions_of_timeouts_only_are_in_the_table(changed: Accounting, opened: Callable[..., Sources]) -> None:
    """B28, and ratios by arithmetic on the rows: timeouts / (completed + timeouts)."""
    fill(changed)
    found = counted(opened(), viewer=PORTAL, days=MONTH, measures=(LIMITS,), by=("partition", "account"))
    table = limits_by(found.frame, "partition").set_index("partition")
    assert table.loc["hopeless", ["completed", "timeouts", "timeout_ratio"]].tolist() == [0, 150, 1.0]
    assert np.isnan(table.loc["hopeless", "used_median"])
    sums = "select sum(state & 255 = 3), sum(state & 255 = 6) from alpha_job_table"
    done, late = changed.execute(f"{sums} where time_end > 0 and `partition` = 'cpu' and het_job_offset <> 1")[0]
    assert (table.loc["cpu", "completed"], table.loc["cpu", "timeouts"]) == (int(done), int(late))
    assert table.loc["cpu", "timeout_ratio"] == pytest.approx(float(late) / float(done + late))


@pytest.mark.parametrize("viewer", [PUBLIC, Viewer(name="alice", accounts=frozenset({"def-pi1_cpu"}))])
def test_only_staff_may_ask(opened: Callable[..., Sources], viewer: Viewer) -> None:
    with pytest.raises(NotAllowed):
        counted(opened(), viewer=viewer, days=MONTH, measures=(STARTS,))
    with pytest.raises(NotAllowed):
        kept_counts(opened(), viewer=viewer, wanted=Wanted(first=0, last=1), measures=(STARTS,), by=())
