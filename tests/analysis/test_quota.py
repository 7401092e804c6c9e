"""Quotas: states, limits, whose there are. Every expected value is worked out by hand."""

from __future__ import annotations

import math

import pytest

from analysis import quota
from analysis.quota import Holding, holdings, limits, quotas, state, worst
from core.settings import Area

GIB = 1024**3
AREAS = {"home": Area(path="/h"), "scratch": Area(path="/s"), "project": Area(path="/p", label="project")}


@pytest.mark.parametrize(
    ("used", "limit", "wanted"),
    [
        (0.0, 100.0, "ok"),
        (89.9, 100.0, "ok"),
        (90.0, 100.0, "near"),  # from nine tenths on
        (100.0, 100.0, "near"),  # full is not over
        (100.1, 100.0, "over"),
        (5.0, math.nan, "no_limit"),
        (5.0, None, "no_limit"),
        (5.0, 0.0, "no_limit"),  # Lustre writes "no limit" as 0
        (math.nan, 100.0, "small"),
        (None, 100.0, "small"),
        (None, None, "small"),
    ],
)
def test_state(used: float | None, limit: float | None, wanted: str) -> None:
    assert state(used, limit, 0.9) == wanted


def test_nothing_measured_anywhere_is_not_small() -> None:
    assert state(None, 100.0, 0.9, others_known=False) == "unknown"


def test_the_site_says_from_when_on_it_is_near() -> None:
    assert state(60.0, 100.0, 0.5) == "near"
    assert state(99.0, 100.0, 1.0) == "ok"


def test_the_worst_of_several_states() -> None:
    assert worst(["ok", "near"]) == "near"
    assert worst(["near", "over", "small"]) == "over"
    assert worst(["no_limit", "ok"]) == "ok"
    assert worst([]) == "unknown"


def test_limits_of_the_hook() -> None:
    found = limits([
        {"name": "ann", "kind": "home", "bytes": 50 * GIB, "files": 1000},
        {"name": "def-a", "kind": "project", "bytes": 10.0, "files": 0},
        {"name": "def-a", "kind": "project", "bytes": 5, "files": None},
        {"name": "def-b", "kind": "project", "bytes": "much", "files": True},
        {"name": "def-c", "kind": "project", "bytes": -1, "files": math.inf},
    ])  # fmt: skip
    assert found[("home", "ann")] == {"bytes": 50 * GIB, "files": 1000}
    assert found[("project", "def-a")]["bytes"] == 15  # two parts of one quota
    assert math.isnan(found[("project", "def-a")]["files"])
    for name in ("def-b", "def-c"):
        assert all(math.isnan(value) for value in found[("project", name)].values())


def test_a_person_has_a_quota_where_they_go_by_user_and_one_an_account_elsewhere() -> None:
    held = holdings(AREAS, "ann", ["def-b", "def-a"], [{"name": "shared", "kind": "project"}, {"name": "def-a", "kind": "project"}])
    assert [(one.area, one.label, one.owner) for one in held] == [
        ("home", "user", "ann"), ("scratch", "user", "ann"), ("project", "project", "shared"), ("project", "project", "def-a"),
        ("project", "project", "def-b"),
    ]  # fmt: skip
    assert holdings({}, "ann", ["def-a"], []) == ()
    assert [one.owner for one in holdings(AREAS, "ann", [], [])] == ["ann", "ann"]


def table_of(held: list[Holding], used: dict, allowed: list[dict], known: dict | None = None):
    """quotas() of these, near from 90 %."""
    everywhere = {(kind, one.path, one.label): True for one in held for kind in ("bytes", "files")}
    return quotas(held, limits(allowed), used, everywhere if known is None else known, 0.9)


def test_one_row_a_quota() -> None:
    held = list(holdings(AREAS, "ann", ["def-a"], []))
    used = {
        ("bytes", "/h", "user", "ann"): 45.0, ("files", "/h", "user", "ann"): 10.0,
        ("bytes", "/p", "project", "def-a"): 300.0, ("files", "/p", "project", "def-a"): 99.0,
        ("bytes", "/s", "user", "somebody"): 7.0,
    }  # fmt: skip
    frame = table_of(held, used, [{"name": "ann", "kind": "home", "bytes": 50, "files": 100}, {"name": "def-a", "kind": "project", "bytes": 200}])
    home, scratch, project = frame.to_dict("records")
    assert (home["bytes_state"], home["files_state"], home["state"]) == ("near", "ok", "near")
    assert home["bytes_share"] == pytest.approx(0.9) and home["files_share"] == pytest.approx(0.1)
    assert (scratch["bytes_state"], scratch["files_state"]) == ("small", "small")
    assert math.isnan(scratch["bytes_used"]) and math.isnan(scratch["bytes_share"])
    assert (project["bytes_state"], project["files_state"], project["state"]) == ("over", "no_limit", "over")
    assert project["bytes_share"] == pytest.approx(1.5)


def test_a_quota_of_one_label_is_not_another_ones_at_the_same_path() -> None:
    held = [Holding(area="home", path="/x", label="user", owner="ann"), Holding(area="team", path="/x", label="group", owner="ann")]
    frame = table_of(held, {("bytes", "/x", "group", "ann"): 5.0}, [])
    assert frame["bytes_state"].tolist() == ["small", "no_limit"]


def test_accounts_without_storage_of_their_own_are_left_out() -> None:
    held = list(holdings({"project": AREAS["project"]}, "ann", ["def-a", "def-a_cpu"], []))
    used = {("bytes", "/p", "project", "def-a"): 1.0}
    assert table_of(held, used, [])["owner"].tolist() == ["def-a"]
    # one that was given storage stays, measured or not
    assert table_of(held, used, [{"name": "def-a_cpu", "kind": "project", "bytes": 9}])["owner"].tolist() == ["def-a", "def-a_cpu"]
    # and where nothing is known of any, all are told
    assert table_of(held, {}, [], known={})["state"].tolist() == ["unknown", "unknown"]


def test_no_quotas_is_an_empty_table() -> None:
    frame = table_of([], {}, [])
    assert frame.empty and list(frame.columns) == list(quota.COLUMNS)
