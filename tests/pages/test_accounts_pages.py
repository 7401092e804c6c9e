"""The pages of accounts without servers: addresses, months, what a LevelFS means, and what each cell says."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from components.present import present
from components.records import About
from core.errors import BadInput, NoData, NotFound, SourceDown, Why
from core.settings import Settings
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import MEMBER_OR_STAFF, Viewer
from datasources.prometheus import account_now_batches
from datasources.prometheus.batch import Grid, Target
from datasources.slurm.accounts import ACCOUNTS
from datasources.slurm.accounts_use import Holding
from pages import account, account_jobs, account_report, account_tree, accounts, accounts_query, accounts_view
from pages.registry import all_pages
from tests.pages.test_jobs_pages import texts

NOW = 1795360236  # 22 November 2026
WHEN = TimeRange(start=NOW - 30 * 86400, end=NOW, now=NOW)
CHEN = Viewer(name="chen", accounts=frozenset({"def-a_cpu", "lab"}))
PI = Viewer(name="pi", accounts=frozenset({"def-a_cpu"}), coordinates=frozenset({"def-a_cpu"}))
STAFF = Viewer(name="ada", is_staff=True)
GRID = Grid(start=0, end=600, step=60, window=120, scrape=60)


def about_of(viewer: Viewer, subject: Any, **settings: Any) -> About:
    """What drawing may know."""
    return About(viewer=viewer, subject=subject, when=WHEN, settings=Settings.model_validate(settings), frames={})


def an_account(name: str, **over: Any) -> dict[str, Any]:
    """A row of accounts_of with levelfs: an account of which hardly anything is known."""
    row: dict[str, Any] = dict.fromkeys(ACCOUNTS, 0) | {
        "account": name, "known": True, "parent": "root", "shares": math.nan, "level_share": math.nan, "cluster_share": math.nan, "default": False,
        "member": True, "coordinator": False, "limited": False, "levelfs": math.nan,
    }  # fmt: skip
    return row | over


def view(**params: str) -> accounts_view.AccountView:
    """The subject of /account/def-a_cpu with these parameters."""
    return accounts_view.subject_of({"account": "def-a_cpu", **params})


def test_the_pages_of_accounts_exist() -> None:
    pages = {page.key: page for page in all_pages()}
    assert (pages["accounts"].order, pages["accounts"].module, pages["account"].access) == (40, "accountstats", MEMBER_OR_STAFF)
    assert {section.access for section in pages["account"].sections} == {MEMBER_OR_STAFF}


@pytest.mark.parametrize("name", ["def-a", "def-a_cpu_x", "DEF-A_CPU", "def-a_cpu ", "def-a_cpu|lab", 'def-a_cpu"} or vector(1)', "pi_cpu", "lab_gpu"])
def test_a_name_opens_exactly_itself(name: str) -> None:
    """No part before or after a `_`, no pattern, no other case: neither a suffix nor a set of letters is taken off."""
    subject = accounts_view.subject_of({"account": name})
    assert (subject.kind, subject.id) == ("account", name)
    with pytest.raises(NotFound):
        MEMBER_OR_STAFF.check(CHEN, subject)
    MEMBER_OR_STAFF.check(CHEN, view())


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "1999-12", "2026-00", "x", "2026-10-01", "2026-10' or 1"])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(BadInput):
        view(month=month)


def test_months_are_whole_and_in_utc() -> None:
    assert accounts_view.month_of("2026-10") == (1790812800, 1793491200)  # date -u -d 2026-10-01 +%s, and -11-01
    assert accounts_view.month_of("2026-12")[1] == 1798761600  # 2027-01-01
    assert accounts_view.last_month(NOW) == "2026-10"
    assert accounts_view.last_month(1798761600) == "2026-12"
    assert account_report.bounds(view(view="report"), WHEN)[0] == "2026-10"
    assert view(month="2026-09").view == "report"


def test_a_view_keeps_what_it_is_in_its_address() -> None:
    subject = view(view="jobs", state="failed,nonsense", order="end", cursor="a1", **{"from": "now-7d"})
    assert subject.states == ("FAILED",) and subject.timed
    assert subject.query() == {"view": "jobs", "state": "FAILED", "order": "end", "from": "now-7d"}
    assert view(view="elsewhere").view == ""
    assert view().order == "submit" and not view().ascending  # newest submitted first, never by name


@pytest.mark.parametrize(
    ("levelfs", "tone", "words"),
    [
        (2.0, "good", "less than its share"), (1.0, "info", "about its share"), (0.25, "warn", "used 4 times its share"), (math.inf, "good", "Nothing was used"),
        (0.0, "warn", "no share left"), (math.nan, "", "not known"), (None, "", "not known"),
    ],
)  # fmt: skip
def test_what_a_levelfs_means(levelfs: float | None, tone: str, words: str) -> None:
    """LevelFS is share ÷ use: 0.25 is four times the share."""
    found = accounts_view.standing(levelfs)
    assert found[0] == tone and words in found[1]


def test_the_query_names_the_accounts_it_was_given_and_nothing_else() -> None:
    expr = account_now_batches.TREND.expr(Target(accounts=('def-a"} or vector(1)', "def.b")), GRID, 'cluster="x"')
    assert expr == 'max by (account) (slurm_account_levelfs{account=~"def-a\\"\\\\} or vector\\\\(1\\\\)|def\\\\.b",cluster="x"})'
    many = account_now_batches.TREND.expr(Target(accounts=tuple(map(str, range(500)))), GRID, "")
    assert many == "max by (account) (slurm_account_levelfs)"


def test_the_last_levelfs_of_a_trend_goes_to_the_exact_account() -> None:
    index = pd.to_datetime([0, 60, 120], unit="s", utc=True)
    columns = pd.MultiIndex.from_tuples([("def-a_cpu",), ("DEF-A_CPU",)], names=["account"])
    trend = pd.DataFrame([[0.5, 9], [0.7, 9], [math.nan, 9]], index=index, columns=columns)
    frame = pd.DataFrame([an_account("def-a_cpu"), an_account("lab")])
    assert accounts_query.with_levelfs(frame, trend)["levelfs"].fillna(-1).tolist() == [0.7, -1]
    assert accounts_query.with_levelfs(frame, NoData(Why.METRIC_ABSENT, "slurm_exporter"))["levelfs"].isna().all()


def test_accounts_of_which_little_is_known_are_listed_like_others() -> None:
    """No suffix, no limit, no LevelFS, not in accounting: gaps, and never 'None' or an error."""
    rows = [an_account("lab", known=False), an_account("def-a_cpu", default=True, levelfs=math.inf, cores=40, my_cores=10, cluster_share=0.25, gpus=2)]
    frames = {"accounts": pd.DataFrame(rows), "trend": NoData(Why.METRIC_ABSENT, "slurm_exporter")}
    said = texts(accounts.draw(frames, about_of(CHEN, accounts.subject_of({}))))
    assert "lab" in said and "not in accounting" in said and "∞" in said and "25" in said
    assert "None" not in said and "nan" not in said
    assert "LevelFS is not shown" in said


def test_somebody_in_no_account_is_told_what_to_do() -> None:
    frames = {"accounts": pd.DataFrame([], columns=[*ACCOUNTS, "levelfs"]), "trend": pd.DataFrame()}
    assert "no account of this cluster" in texts(accounts.draw(frames, about_of(CHEN, accounts.subject_of({}))))
    assert "has this in its name" in texts(accounts.draw(frames, about_of(STAFF, accounts.subject_of({"q": "zz"}))))


def test_tiles_of_an_account_without_limits_or_levelfs() -> None:
    whole = Holding(running=2, pending=3)
    whole.tres.update({"cpu": 12, "mem": 2048})
    frames = {"whole": whole, "mine": Holding(), "levelfs": math.nan, "limits": pd.DataFrame([], columns=["account", "limit", "resource", "holds_for", "value", "share"])}
    said = texts(account_tree.draw_tiles(frames, about_of(CHEN, view())))
    assert "12" in said and "2 GiB" in said.replace("\u00a0", " ") and "not known" in said
    assert "of at most" not in said and "GPUs" not in said and "None" not in said


def test_limits_say_whom_they_hold_for_and_which_is_reached() -> None:
    def limit(**over: Any) -> dict[str, Any]:
        row = {"account": "def-a_cpu", "user": "", "limit": "grp_tres", "resource": "cpu", "holds_for": "group", "value": 32.0, "used": 32.0, "share": 1.0, "unit": ""}
        return row | over

    rows = [
        limit(), limit(account="root", limit="grp_jobs", resource="", value=100.0, used=1.0, share=0.01, unit="jobs"),
        limit(user="chen", limit="max_jobs", resource="", holds_for="person", value=2.0, used=1.0, share=0.5, unit="jobs"),
        limit(limit="max_wall_pj", resource="", holds_for="job", value=86400.0, used=math.nan, share=math.nan, unit="s"),
        limit(limit="grp_tres_mins", resource="gres/gpu", value=6000.0, used=math.nan, share=math.nan, unit="min"),
    ]  # fmt: skip
    said = texts(account_tree.draw_limits({"limits": pd.DataFrame(rows)}, about_of(CHEN, view()))).replace("\u00a0", " ")
    for words in ("all jobs of root together", "my jobs here", "1 d", "100 GPU hours", "100 %", "Jobs may be waiting for a limit"):
        assert words in said
    assert "No limit is set" in texts(account_tree.draw_limits({"limits": pd.DataFrame(rows).head(0)}, about_of(CHEN, view())))


def a_job(user: str, **over: Any) -> dict[str, Any]:
    """A row of the account's list."""
    row = {
        "job_id": "77", "array_job": None, "state": "COMPLETED", "array_counts": None, "user": user, "name": "secret", "submit": NOW - 7200, "start": NOW - 3600,
        "end": NOW, "elapsed": 3600, "limit": 7200.0, "time_share": 0.5, "cores": 4, "gpus": 0, "cpu_efficiency": 0.5, "memory_efficiency": 0.5, "gpu_use": math.nan,
        "to_act": math.nan, "judged": math.nan, "opens": user == "chen", "account": "def-a_cpu",
    }  # fmt: skip
    return row | over


def links(part: Any) -> list[str]:
    """Every address in some components."""
    if isinstance(part, list | tuple):
        return [one for item in part for one in links(item)]
    own = [part.href] if getattr(part, "href", None) else []
    return own + (links(part.children) if getattr(part, "children", None) is not None else [])


def test_colleagues_jobs_are_text_and_ones_own_a_link() -> None:
    frame = pd.DataFrame([a_job("chen", job_id="1"), a_job("Wanda Lovelace", job_id="2")])
    subject = view(view="jobs")
    shown = present({"jobs": frame}, CHEN, Settings(), subject)
    drawn = account_jobs.draw({**shown, "next": "a17", "previous": None, "complete": True}, about_of(CHEN, subject))
    said = texts(drawn)
    assert "WL" in said and "Wanda" not in said and said.count("secret") == 2  # in its column, and below the id on a phone
    assert "/job/1" in links(drawn) and "/job/2" not in links(drawn)
    assert "/account/def-a_cpu?view=jobs&cursor=a17" in links(drawn)
    for_pi = present({"jobs": frame}, PI, Settings(), subject)
    assert set(for_pi["jobs"]["user"]) == {"chen", "Wanda Lovelace"}


def test_an_account_without_jobs_says_so() -> None:
    frames = {"jobs": pd.DataFrame([a_job("chen")]).head(0), "next": None, "previous": None, "complete": True}
    assert "No job of this account fits." in texts(account_jobs.draw(frames, about_of(CHEN, view(view="jobs"))))


def a_report(*rows: dict[str, Any]) -> pd.DataFrame:
    """A report: 100 core-hours a person, of which 80 are known and 20 used, unless said otherwise."""
    plain = {"jobs": 4, "judged": 3, "to_act": 1, "failed": 1, "energy_kwh": 0.0}
    for kind, hours in (("core_hours", 100.0), ("gpu_hours", 0.0), ("tb_hours", 0.0)):
        plain |= {kind: hours, f"{kind}_judged": hours * 0.8, f"{kind}_used": hours * 0.2, f"{kind}_wasted": hours * 0.6}
    return pd.DataFrame([plain | row for row in rows])


def unpriced(report: pd.DataFrame) -> pd.DataFrame:
    """The report of a site without prices."""
    return report.assign(cost=math.nan, ran=4, priced=0, energy_core_hours=0.0)


def test_the_report_sums_what_its_members_did() -> None:
    report = account_report.with_charged(unpriced(a_report({"user": "chen"}, {"user": "lee", "jobs": 6})), pd.DataFrame(columns=["user", "core_hours", "gpu_hours"]))
    frames = {
        "report": report, "covered": (10, 12), "charged": False,
        "levelfs": 0.5, "month": "2026-10", "since": 1790812800, "until": 1793491200, "limits": NoData(Why.NO_DATA),
    }  # fmt: skip
    said = texts(account_report.draw_report(frames, about_of(PI, view(month="2026-10")))).replace("\u00a0", " ")
    for words in ("def-a_cpu in Oct 2026", "Together", "200", "25 %", "120", "10 of 12 finished runs", "LevelFS at its end: 0.5", "Slurm's own sums", "Print"):
        assert words in said, words
    assert "GPU" not in said.replace("GPU-", "") and "Cost" not in said


def test_whom_slurm_charged_without_an_ended_run_has_a_row() -> None:
    charged = pd.DataFrame({"user": ["", "mia"], "core_hours": [10.0, 5.0], "gpu_hours": [0.0, 0.0]})
    report = account_report.with_charged(a_report({"user": "chen"}), charged)
    assert report["user"].tolist() == ["chen", "", "mia"]
    assert report.set_index("user").loc["mia", ["jobs", "core_hours", "charged_core_hours"]].tolist() == [0, 0, 5]
    empty = account_report.with_charged(a_report({"user": "chen"}).head(0), charged)
    assert empty["charged_core_hours"].sum() == 15


def of_month(report: pd.DataFrame) -> str:
    """What the report of October 2026 says."""
    frames = {"report": report, "covered": (8, 8), "charged": True, "levelfs": 0.5, "month": "2026-10", "since": 1790812800, "until": 1793491200}
    return texts(account_report.draw_report(frames, about_of(PI, view(month="2026-10")))).replace("\u00a0", " ")


def test_cost_is_summed_and_what_is_not_known_of_energy_is_said() -> None:
    spent = pd.DataFrame({"user": ["chen", "lee"], "cost": [30.0, 12.5], "ran": [4, 4], "priced": [4, 3], "energy_core_hours": [50.0, 0.0]})
    report = a_report({"user": "chen", "energy_kwh": 2.0}, {"user": "lee"})
    charged = pd.DataFrame(columns=["user", "core_hours", "gpu_hours"])
    said = of_month(account_report.with_charged(account_report.with_costs(report, spent), charged))
    # 50 of 200 core-hours; 30 + 12.5; 7 of 8 runs
    for words in ("42.50", "25 % of the core-hours", "The cost of 7 of 8 runs", "that part stands for all of it"):
        assert words in said, words
    none = spent.assign(energy_core_hours=0.0)
    assert "No energy was measured" in of_month(account_report.with_charged(account_report.with_costs(a_report({"user": "chen"}), none), charged))


def test_without_prices_there_is_no_cost_even_where_slurm_charged() -> None:
    spent = pd.DataFrame({"user": ["chen"], "cost": [math.nan], "ran": [4], "priced": [0], "energy_core_hours": [0.0]})
    charged = pd.DataFrame({"user": ["chen", "mia"], "core_hours": [90.0, 5.0], "gpu_hours": [0.0, 0.0]})
    report = account_report.with_charged(account_report.with_costs(a_report({"user": "chen"}), spent), charged)
    assert report["cost"].isna().all()
    assert "Cost" not in of_month(report)


def test_a_month_that_has_not_begun_says_so_and_leads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_report.accounts, "account_name", lambda sources, viewer, account: account)
    monkeypatch.setattr(account_report.accounts_limits, "limits", lambda sources, viewer, account: pd.DataFrame())
    sources: Any = SimpleNamespace(settings=Settings())
    frames = account_report.queried(sources, PI, view(month="2031-01"), WHEN)
    drawn = account_report.draw_report(frames, about_of(PI, view(month="2031-01")))
    assert "has not begun" in texts(drawn) and "month=2026-11" in str(drawn)
    with pytest.raises(NoData):
        account_report.exported(sources, PI, view(month="2031-01"), WHEN)


def test_members_are_told_who_answers_for_the_account_whatever_the_site_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account.accounts, "account_name", lambda sources, viewer, account: account)
    monkeypatch.setattr(account.accounts, "coordinators", lambda sources, viewer, account: ("pi",))
    for names in ("hidden", "initials", "names"):
        sources: Any = SimpleNamespace(settings=Settings.model_validate({"site": {"names": names}}))
        assert account._coordinators(sources, CHEN, view()) == "Coordinated by pi"


def test_tabs_show_their_sections() -> None:
    keys = {section.key for section in account.PAGE.sections}
    assert {"now", "limits", "jobs", "report", "priority", "members"} <= keys
    assert account.PAGE.span is not None and account.PAGE.span(SimpleNamespace(), PI, Subject(kind="account", id="x"), NOW) == (NOW - 30 * 86400, NOW)


def test_what_could_not_be_had_says_so_and_leaves_the_rest() -> None:
    whole, down = Holding(running=2), SourceDown("slurm", "no route")
    limits = pd.DataFrame([], columns=["account", "limit", "resource", "holds_for", "value", "share"])
    about = about_of(CHEN, view())
    without_metrics = texts(account_tree.draw_tiles({"whole": whole, "mine": Holding(), "levelfs": SourceDown("prometheus"), "limits": limits}, about))
    assert "Running jobs" in without_metrics and "metrics server" in without_metrics
    without_accounting = texts(account_tree.draw_tiles({"whole": down, "mine": down, "levelfs": 2.0, "limits": down}, about))
    assert "LevelFS" in without_accounting and "2" in without_accounting and "Running jobs" not in without_accounting
    frames = {
        "report": unpriced(a_report({"user": "chen"})).assign(charged_core_hours=math.nan, charged_gpu_hours=math.nan), "covered": down, "charged": down, "levelfs": down,
        "month": "2026-10", "since": 1790812800, "until": 1793491200, "limits": down,
    }  # fmt: skip
    assert "Together" in texts(account_report.draw_report(frames, about))
    assert texts(account_report.draw_month_limits(frames, about))


def test_gpus_of_which_nothing_is_known_are_no_waste_of_nothing() -> None:
    report = a_report({"user": "chen", "gpu_hours": 50.0, "gpu_hours_judged": 0.0, "gpu_hours_wasted": 0.0, "gpu_hours_used": 0.0})
    row = report.to_dict("records")[0]
    columns = {column.key: column for column in account_report.columns(about_of(CHEN, view()), report)}
    assert columns["gpu_hours_wasted"].draw(row) == columns["gpu_hours_used"].draw(row) == "–"  # type: ignore[misc]
    assert columns["core_hours_wasted"].draw(row) == "60"  # type: ignore[misc]
