"""The filter bar: what it says, what it keeps, who has one; and the links that lead from page to page."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from plotly.utils import PlotlyJSONEncoder

from components import links
from components.filterbar import Bar, bar, filter_bar
from core.errors import SourceDown
from core.narrow import EVERYTHING, ClusterView, Narrow, view_of
from core.settings import Settings
from core.viewer import PUBLIC, Viewer
from pages import jobs
from pages.jobs_filters import filters
from pages.jobs_query import subject_of
from tests.access.asker import walk

ADA, MIRA = Viewer(name="ada", is_staff=True), Viewer(name="mira")
SETTINGS = Settings()


def plain(component: Any) -> Any:
    """A component as the browser gets it."""
    return json.loads(json.dumps(component, cls=PlotlyJSONEncoder))


def sent(component: Any) -> dict[str, str]:
    """Names and values of the form's fields."""
    return {part["name"]: part.get("value", "") for part in walk(plain(component)) if "name" in part}


def ways(component: Any) -> list[tuple[str, dict[str, str]]]:
    """(path, query) of every link."""
    found = [urlsplit(part["href"]) for part in walk(plain(component)) if "href" in part]
    return [(one.path, dict(parse_qsl(one.query))) for one in found]


@pytest.mark.parametrize("viewer", [PUBLIC, MIRA, None])
def test_only_staff_have_a_bar(viewer: Viewer | None) -> None:
    view = view_of({"account": "def-a"})
    assert filter_bar(SETTINGS, view, "/", viewer=viewer) is None


def test_narrowing_holds_for_staff_alone() -> None:
    view = view_of({"account": "def-a", "node": "c1"})
    assert view.holds(ADA) == Narrow(account="def-a", node="c1")
    assert view.holds(MIRA) == view.holds(PUBLIC) == EVERYTHING


@pytest.mark.parametrize(
    ("missing", "said"),
    [((), None), (("account", "node"), "Accounting knows no account “def-%”. Accounting knows no node “a b"), (SourceDown("slurm"), None)],
)
def test_names_nobody_has_are_said_beside_the_bar(monkeypatch: pytest.MonkeyPatch, missing: Any, said: str | None) -> None:
    """Once, as text; and where accounting does not answer, the page's own sections say so."""

    def unknown(sources: Any, *, viewer: Viewer, narrow: Any) -> Any:
        if isinstance(missing, Exception):
            raise missing
        return missing

    monkeypatch.setattr("components.filterbar.unknown", unknown)
    view = view_of({"account": "def-%", "node": "a b\"<i>", "partition": "cpu"})
    drawn = str(filter_bar(Settings(), view, "/top", viewer=ADA, sources=object()).to_plotly_json())
    assert (said in drawn) if said else ("knows no" not in drawn)


def test_fields_chips_and_ways_out() -> None:
    view = view_of({"account": "def-a", "user": "noor", "kind": "gpu"}, kind=("cpu", "gpu"))
    made = filter_bar(SETTINGS, view, "/top", viewer=ADA)
    assert sent(made) == {"account": "def-a", "user": "noor", "partition": "", "node": "", "kind": "gpu"}
    assert ways(made) == [
        ("/top", {"user": "noor", "kind": "gpu"}),  # the account taken away
        ("/top", {"account": "def-a", "kind": "gpu"}),  # the person taken away
        ("/top", {"kind": "gpu"}),  # all cleared
    ]


def test_nothing_to_clear_where_nothing_holds() -> None:
    assert ways(filter_bar(SETTINGS, ClusterView(), "/nodes", viewer=ADA)) == []


@pytest.mark.parametrize("name", ['<img src=x onerror="x">', "a&b=c#d", "é 数", "x" * 128])
def test_any_name_stays_text_and_stays_itself(name: str) -> None:
    made = filter_bar(SETTINGS, view_of({"account": name, "node": "c1"}), "/", viewer=ADA)
    assert sent(made)["account"] == name
    assert ("/", {"account": name}) in ways(made)
    assert not any("dangerously_allow_html" in part for part in walk(plain(made)))


def test_parameters_of_fields_are_sent_once() -> None:
    made = bar(SETTINGS, Bar(path="/x", given={}, kept={"state": "RUNNING", "order": "end"}, sent=("state",)))
    assert "state" not in sent(made)
    assert sent(made)["order"] == "end"


def about(viewer: Viewer, **params: str) -> Any:
    """What the list's filters know."""
    when = SimpleNamespace(start=1_000_000, end=1_600_000, now=1_600_000)
    return SimpleNamespace(viewer=viewer, subject=subject_of(params), settings=SETTINGS, when=when)


def test_the_list_of_jobs_has_one_bar() -> None:
    made = filters(about(ADA, user="*", account="def-a", state="RUNNING,FAILED", name="relax", order="end", **{"from": "now-6h", "to": "now"}))
    assert sent(made) == {
        "account": "def-a", "user": "*", "partition": "", "node": "", "state": "RUNNING,FAILED", "name": "relax", "id": "", "order": "end",
        "from": "now-6h", "to": "now",
    }  # fmt: skip
    kept = {"state": "RUNNING,FAILED", "name": "relax", "order": "end", "from": "now-6h", "to": "now"}
    assert ways(made)[0] == ("/jobs", {"user": "*", **kept})  # the account taken away: everybody's jobs still
    assert ("/jobs", {"user": "*", "from": "now-6h", "to": "now"}) in ways(made)  # cleared


def test_a_person_taken_away_leaves_everybody() -> None:
    made = filters(about(ADA, user="noor", account="def-a"))
    assert ("/jobs", {"account": "def-a", "user": "*"}) in ways(made)


def test_others_narrow_their_own_list_only() -> None:
    made = filters(about(MIRA, account="def-a"))
    assert "user" not in sent(made)
    assert sent(made)["account"] == "def-a"


@pytest.mark.parametrize(
    ("make", "module", "path"),
    [
        (links.user_link, "usersummary", "/user/a%20b"), (links.account_link, "accountstats", "/account/a%20b"), (links.node_link, "nodes", "/node/a%20b"),
        (links.job_link, "jobstats", "/job/a%20b"),
    ],
)  # fmt: skip
def test_links_lead_only_where_a_page_is(make: Any, module: str, path: str) -> None:
    there = make(SETTINGS, "a b", **{"from": "now-6h", "to": ""})
    assert there.href == f"{path}?from=now-6h"
    off = Settings.model_validate({"modules": {module: False}})
    assert not hasattr(make(off, "a b"), "href")
    assert make(off, "a b").children == "a b"
    assert not hasattr(make(SETTINGS, ""), "href")


def test_points_of_a_chart_below_a_base_path() -> None:
    settings = Settings.model_validate({"server": {"base_path": "/turtle/"}})
    assert links.points(settings, "/node/", ["c1", "c2"]) == {"base": "/turtle/node/", "names": ["c1", "c2"]}


def test_staff_are_told_whose_jobs_a_narrowed_list_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a person is of one's own jobs: the way to everybody's is beside it; for others nothing changes."""
    monkeypatch.setattr("components.filterbar.unknown", lambda sources, *, viewer, narrow: ())
    sources = SimpleNamespace(settings=SETTINGS)

    def head(viewer: Viewer, **params: str) -> Any:
        return jobs.head(sources, viewer, subject_of(params), None)[1]  # type: ignore[arg-type]

    assert ways(head(ADA, account="def-a", **{"from": "now-7d", "to": "now"})) == [("/jobs", {"user": "*", "account": "def-a", "from": "now-7d", "to": "now"})]
    for params in ({}, {"user": "*", "account": "def-a"}, {"user": "ada", "account": "def-a"}):
        assert ways(head(ADA, **params)) == []
    assert ways(head(MIRA, account="def-a")) == []
