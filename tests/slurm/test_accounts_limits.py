"""Limits, the jobs of an account as its members may read them, and what Slurm charged; over the rows a real slurmdbd wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from core.errors import NoData, NotFound
from core.settings import Settings
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import accounts_charged, accounts_limits
from datasources.slurm.account_jobs import COLLEAGUES, account_jobs
from datasources.slurm.db import recorded
from datasources.slurm.filters import JobFilter
from datasources.slurm.listing import COLUMNS
from datasources.sources import Sources
from tests.slurm import golden
from tests.slurm.conftest import Accounting

pytestmark = pytest.mark.services
CAROL = Viewer(name="carol", accounts=frozenset({"def-pi2_cpu", "def-pi2_gpu", "def-pi1_gpu"}), coordinates=frozenset({"def-pi2_cpu"}))
DAVE = Viewer(name="dave", accounts=frozenset({"def-pi2_cpu"}))
BOB = Viewer(name="bob", accounts=frozenset({"rrg-pi1_cpu", "rrg-pi1_gpu", "def-pi1_cpu", "def-pi1_gpu"}))
STAFF = Viewer(name="ada", is_staff=True)
STRANGERS = (DAVE, PUBLIC, Viewer(name="frank"), Viewer(name="BOB", accounts=frozenset({"DEF-PI1_CPU", "def-pi1", "def-pi1_cpu_x"})))
HIDDEN = ("work_dir", "submit_line", "comment", "admin_comment", "system_comment", "node_list", "reason", "exit_code", "reservation", "wckey", "constraints")


def limit(frame: pd.DataFrame, name: str, resource: str = "") -> dict[str, Any]:
    """The one row of a limit."""
    (row,) = frame[(frame["limit"] == name) & (frame["resource"] == resource)].to_dict("records")
    return row


def test_limits_of_the_account_and_of_ones_own_association(sources: Sources) -> None:
    """sacctmgr: GrpTRES cpu=32 on def-pi2_cpu, MaxJobs 2 on dave; nobody runs there."""
    mine = accounts_limits.limits(sources, viewer=DAVE, account="def-pi2_cpu")
    cores = limit(mine, "grp_tres", "cpu")
    assert (cores["account"], cores["value"], cores["used"], cores["share"], cores["holds_for"]) == ("def-pi2_cpu", 32, 0, 0, "group")
    jobs = limit(mine, "max_jobs")
    assert (jobs["user"], jobs["value"], jobs["used"], jobs["holds_for"]) == ("dave", 2, 0, "person")
    # dave's own limit is nobody else's business
    assert accounts_limits.limits(sources, viewer=CAROL, account="def-pi2_cpu")["limit"].tolist() == ["grp_tres"]


def test_what_slurm_does_not_write_down_is_a_gap(sources: Sources) -> None:
    row = limit(accounts_limits.limits(sources, viewer=STAFF, account="def-pi2_gpu"), "grp_tres_mins", "gres/gpu")
    assert (row["value"], row["unit"]) == (100_000, "min")
    assert row["used"] != row["used"] and row["share"] != row["share"]


def test_a_limit_above_binds_everything_below(changed: Accounting) -> None:
    """md_production holds 32 cores and llm 12 and an a100 below physics: 44 of 88, 2 of 2 running jobs."""
    changed.execute(
        "update alpha_assoc_table set grp_tres = '1=88,1001=4,2=18446744073709551615', grp_jobs = 2, grp_submit_jobs = 40, max_submit_jobs = 10,"
        " max_wall_pj = 1440, grp_wall = -1, max_tres_pj = '2=1024' where user = '' and acct = 'physics'"
    )
    frame = accounts_limits.limits(changed.sources(), viewer=BOB, account="rrg-pi1_gpu")
    assert limit(frame, "grp_tres", "cpu")["share"] == pytest.approx(44 / 88)
    assert limit(frame, "grp_tres", "gres/gpu")["used"] == 1
    assert limit(frame, "grp_jobs")["share"] == 1
    assert limit(frame, "grp_submit_jobs")["used"] == 2 + 6  # with the six that wait in def-pi1_cpu
    submitted = limit(frame, "max_submit_jobs")
    assert (submitted["account"], submitted["holds_for"], submitted["used"]) == ("physics", "person", 1)  # llm is bob's
    assert (limit(frame, "max_wall_pj")["value"], limit(frame, "max_tres_pj", "mem")["value"]) == (86400, 1024 * 1024**2)
    # taken back (negative) and infinite limits are none
    assert not (frame["limit"] == "grp_wall").any() and not ((frame["limit"] == "grp_tres") & (frame["resource"] == "mem")).any()


def test_a_limit_of_ones_own_comes_before_the_accounts(changed: Accounting) -> None:
    changed.execute("update alpha_assoc_table set max_jobs = 5 where user = '' and acct = 'def-pi2_cpu'")
    made = changed.sources()
    assert limit(accounts_limits.limits(made, viewer=DAVE, account="def-pi2_cpu"), "max_jobs")["value"] == 2
    assert limit(accounts_limits.limits(made, viewer=CAROL, account="def-pi2_cpu"), "max_jobs")["value"] == 5


def test_qos(sources: Sources) -> None:
    """sacctmgr: dave may ask for gpulimit, high and normal; the account inherits root's normal."""
    assert accounts_limits.qos_of(sources, viewer=DAVE, account="def-pi2_cpu") == ("gpulimit", "high", "normal")
    assert accounts_limits.qos_of(sources, viewer=STAFF, account="def-pi2_cpu") == ("normal",)


@pytest.mark.parametrize("who", STRANGERS)
def test_strangers_read_no_limits_jobs_or_charges(sources: Sources, who: Viewer) -> None:
    for account in ("def-pi1_cpu", "DEF-PI1_CPU ", "def-pi1_cpu|def-pi2_cpu"):
        for read in (accounts_limits.limits, accounts_limits.qos_of, account_jobs):
            with pytest.raises(NotFound):
                read(sources, viewer=who, account=account)
        with pytest.raises(NotFound):
            accounts_charged.charged(sources, viewer=who, account=account, since=0, until=1)


def whole(sources: Sources, viewer: Viewer, account: str, **more: Any) -> pd.DataFrame:
    """All its jobs, ten at a time."""
    found, cursor = [], None
    while True:
        page = account_jobs(sources, viewer=viewer, account=account, cursor=cursor, limit=10, **more)
        found.append(page.frame)
        cursor = page.next
        if cursor is None:
            return pd.concat(found, ignore_index=True)


@pytest.mark.parametrize("account", ["def-pi1_cpu", "def-pi2_cpu", "rrg-pi1_gpu"])
def test_jobs_of_an_account_are_those_sacct_lists_newest_first(sources: Sources, account: str) -> None:
    frame = whole(sources, STAFF, account, filter=JobFilter(fold=False))
    expected = {row["JobIDRaw"] for row in golden.jobs() if row["Account"] == account}
    # sacct leaves out what has waited without being eligible
    eligible = frame[frame["eligible"].notna()]
    assert {str(one) for one in eligible["id_job"]} <= expected <= {str(one) for one in frame["id_job"]}
    assert len(expected) > 1
    # "submitted" is the order in which Slurm entered them: a requeued run keeps its place though it says a later time
    assert frame["job_db_inx"].tolist() == sorted(frame["job_db_inx"], reverse=True)


def test_the_old_jobs_of_a_deleted_member_are_in_it(sources: Sources) -> None:
    assert "frank" in set(whole(sources, DAVE, "def-pi2_cpu")["user"])


def test_a_colleague_reads_only_what_the_figures_are_made_of(sources: Sources) -> None:
    mine, theirs = (whole(sources, who, "def-pi1_cpu") for who in (STAFF, BOB))
    assert len(mine) == len(theirs)
    assert any(mine[mine["user"] == "alice"]["work_dir"])
    foreign = theirs[theirs["user"] != "bob"]
    assert len(foreign) and set(HIDDEN) <= set(COLUMNS) - COLLEAGUES
    for column in HIDDEN:
        assert not any(foreign[column]), column
    assert not any(foreign["script_hash"]) and not any(foreign["hosts"]) and not any(foreign["tres"])
    own = theirs[theirs["user"] == "bob"]
    assert own["work_dir"].tolist() == mine[mine["user"] == "bob"]["work_dir"].tolist()
    assert foreign["cores"].tolist() == mine[mine["user"] != "bob"]["cores"].tolist()


def test_coordinators_open_members_jobs_only_if_the_site_says_so(sources: Sources) -> None:
    closed = whole(sources, CAROL, "def-pi2_cpu")
    assert not any(closed[closed["user"] == "dave"]["work_dir"])
    opened = whole(sources, replace(CAROL, opens=CAROL.coordinates), "def-pi2_cpu")
    assert any(opened[opened["user"] == "dave"]["work_dir"])


def test_asking_for_a_member_tells_no_hidden_name(sources: Sources) -> None:
    """With initials for colleagues, a filter by login would tell who is who."""
    assert set(whole(sources, BOB, "def-pi1_cpu", filter=JobFilter(user="bob"))["user"]) == {"bob"}
    assert set(whole(sources, CAROL, "def-pi2_cpu", filter=JobFilter(user="dave"))["user"]) == {"dave"}
    with pytest.raises(NotFound):
        account_jobs(sources, viewer=BOB, account="def-pi1_cpu", filter=JobFilter(user="alice"))
    named = replace(sources, settings=Settings.model_validate({"site": {"cluster": "alpha", "names": "names"}}))
    assert set(whole(named, BOB, "def-pi1_cpu", filter=JobFilter(user="alice"))["user"]) == {"alice"}


def test_the_filters_account_does_not_widen_it(sources: Sources) -> None:
    frame = whole(sources, DAVE, "def-pi2_cpu", filter=JobFilter(account="def-pi1_cpu"))
    assert set(frame["account"]) == {"def-pi2_cpu"}


def test_states_are_read_along_a_key(accounting: Accounting) -> None:
    made = accounting.sources()
    running = account_jobs(made, viewer=STAFF, account="rrg-pi1_gpu", filter=JobFilter(states=("RUNNING",)))
    assert running.frame["name"].tolist() == ["llm"]
    with recorded() as statements:
        account_jobs(made, viewer=BOB, account="rrg-pi1_gpu")
    lists = [one for one in statements if "job_table" in one and "INDEX" in one]
    assert len(lists) == 1 and all("FORCE INDEX (`association`)" in one for one in lists)


MONTH = (1793491200, 1796083200)  # November 2026


def test_charged_comes_from_the_months_row_else_from_the_days(changed: Accounting) -> None:
    """dave (21) 3600 core-seconds, the deleted frank (24) 7200; the account's own association (8) idle reservations; carol's in another."""
    changed.execute(
        "insert into alpha_assoc_usage_day_table (creation_time, id, id_tres, time_start, alloc_secs) values"
        " (1, 21, 1, 1793509200, 1800), (1, 21, 1, 1793595600, 1800), (1, 24, 1, 1793509200, 7200), (1, 8, 1, 1793509200, 36000),"
        " (1, 21, 2, 1793509200, 999999), (1, 18, 1, 1793509200, 5), (1, 21, 1, 1796100000, 3600), (1, 21, 1, 1793400000, 3600)"
    )
    frame = accounts_charged.charged(changed.sources(), viewer=DAVE, account="def-pi2_cpu", since=MONTH[0], until=MONTH[1])
    assert frame.to_numpy().tolist() == [["", 10.0, 0.0], ["dave", 1.0, 0.0], ["frank", 2.0, 0.0]]
    changed.execute(
        "insert into alpha_assoc_usage_month_table (creation_time, id, id_tres, time_start, alloc_secs)"
        " values (1, 21, 1, 1793509200, 360000), (1, 21, 1001, 1793509200, 7200)"
    )
    frame = accounts_charged.charged(changed.sources(), viewer=DAVE, account="def-pi2_cpu", since=MONTH[0], until=MONTH[1])
    assert frame.to_numpy().tolist() == [["dave", 100.0, 2.0]]


def test_charges_that_are_not_kept_or_may_not_be_read(changed: Accounting) -> None:
    assert accounts_charged.charged(changed.sources(), viewer=DAVE, account="def-pi2_cpu", since=MONTH[0], until=MONTH[1]).empty
    changed.execute("drop table alpha_assoc_usage_day_table", "drop table alpha_assoc_usage_month_table")
    with pytest.raises(NoData):
        accounts_charged.charged(changed.sources(), viewer=PORTAL, account="def-pi2_cpu", since=MONTH[0], until=MONTH[1])
