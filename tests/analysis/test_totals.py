"""Sums of stored summaries, against arithmetic by hand, and who gets to see which."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from core.narrow import Narrow
from core.settings import Settings
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.portal.db import PortalDb
from datasources.portal.facts import store_facts
from datasources.portal.totals import costs, coverage, totals, totals_by_day

DAY0 = 1_700_006_400  # midnight UTC, 15 November 2023
HOUR, DAY = 3600, 86400
TIB = 1024**4
RANGE = {"since": DAY0, "until": DAY0 + 2 * DAY}


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.services)])
def sources(request: pytest.FixtureRequest, tmp_path: Path) -> SimpleNamespace:
    """As much of Sources as the sums use."""
    url = f"sqlite:///{tmp_path}/portal.sqlite" if request.param == "sqlite" else request.getfixturevalue("mariadb").create("portal_totals")
    settings = Settings.model_validate({"portal": {"url": url}, "site": {"cluster": "turtle"}})
    made = SimpleNamespace(settings=settings, portal=PortalDb(settings), clock=lambda: DAY0 + 3.0 * DAY, slurm=None)
    store_facts(made, ROWS, cursor=(DAY0 + 5 * DAY, 99))
    yield made
    made.portal.close()


def row(inx: int, user: str, account: str, end: int, **changes: object) -> dict[str, object]:
    """A run of two hours on 10 cores and half a TiB, of which 15 core-hours and a quarter of a TiB were used."""
    plain = {
        "job_db_inx": inx, "id_job": inx, "user": user, "account": account, "partition": "cpu", "name": "x", "script_hash": 0,
        "state": "COMPLETED", "start": end - 2 * HOUR, "end": end, "elapsed": 2 * HOUR, "cores": 10, "nodes": 1, "memory": TIB // 2,
        "gpus": 0, "cpu_used": 15.0 * HOUR, "memory_peak": TIB / 4, "gpu_use": None, "energy_kwh": 0.5, "to_act": 1, "facts": {},
        "findings": [], "facts_version": 2, "nodelist": "c1",
    }  # fmt: skip
    return plain | changes


ROWS = [
    row(1, "alice", "def-a", DAY0 + HOUR, nodelist="c[1-3]"),
    # used more than it held: counts as all of it, and makes up for nothing
    row(2, "alice", "def-a", DAY0 + DAY, cpu_used=25.0 * HOUR, memory_peak=TIB, state="FAILED", nodelist="c[10-12]"),
    # nothing is known of its use
    row(3, "alice", "def-a", DAY0 + DAY + 5, cpu_used=None, memory_peak=None, energy_kwh=None, to_act=0, nodelist=None),
    row(4, "bob", "def-a", DAY0 + 10, gpus=4, gpu_use=0.25, partition="gpu", nodelist="g1"),
    row(5, "bob", "def-a_x", DAY0 + 10),
    row(6, "carol", "def-b", DAY0 + 10),
    row(7, "alice", "def-a", DAY0 - 1),
    row(8, "alice", "def-a", DAY0 + 2 * DAY),
    row(9, "Alice", "def-a", DAY0 + 20, nodelist="gc1"),
    row(10, "alice", "DEF-A", DAY0 + 20, nodelist="c2"),
]
BOB = Viewer(name="bob", accounts=frozenset({"def-a", "def-a_x"}))
CAROL = Viewer(name="carol", accounts=frozenset({"def-b"}))
ALICE = Viewer(name="alice", accounts=frozenset({"def-a"}))
LUCY = Viewer(name="lucy", coordinates=frozenset({"def-a"}))
STRANGER = Viewer(name="mallory", accounts=frozenset({"def-z"}))


def cells(frame, **where: str) -> dict[str, float]:
    for name, value in where.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0].to_dict()


def test_sums_are_those_by_hand(sources: SimpleNamespace) -> None:
    found = cells(totals(sources, viewer=PORTAL, **RANGE), user="alice", account="def-a")
    # three runs ended in the range: 10 cores × 2 h each; 15 of 20 used, 25 of 20 (all of it), and one of which nothing is known
    wanted = {
        "jobs": 3, "judged": 2, "to_act": 2, "failed": 1, "energy_kwh": 1.0,
        "core_hours": 60, "core_hours_judged": 40, "core_hours_used": 35, "core_hours_wasted": 5,
        "gpu_hours": 0, "gpu_hours_judged": 0, "gpu_hours_used": 0, "gpu_hours_wasted": 0,
        # half a TiB for two hours is one TiB-hour; a quarter used makes half of it, the second run used all
        "tb_hours": 3, "tb_hours_judged": 2, "tb_hours_used": 1.5, "tb_hours_wasted": 0.5,
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)
    gpu = cells(totals(sources, viewer=PORTAL, **RANGE), user="bob", account="def-a")
    # 4 GPUs for 2 h, a quarter of the time in use
    assert [gpu[f"gpu_hours{part}"] for part in ("", "_judged", "_used", "_wasted")] == pytest.approx([8, 8, 2, 6])


def test_the_range_is_from_its_begin_up_to_its_end(sources: SimpleNamespace) -> None:
    one = totals(sources, viewer=PORTAL, since=DAY0 - 1, until=DAY0, by=())
    assert list(one["jobs"]) == [1]
    assert list(totals(sources, viewer=PORTAL, since=DAY0, until=DAY0 + 2 * DAY + 1, by=())["jobs"]) == [9]


def test_waste_is_never_negative_and_adds_up(sources: SimpleNamespace) -> None:
    frame = totals(sources, viewer=PORTAL, **RANGE)
    for kind in ("core", "gpu", "tb"):
        assert (frame[f"{kind}_hours_wasted"] >= 0).all()
        assert (frame[f"{kind}_hours_used"] + frame[f"{kind}_hours_wasted"]).tolist() == pytest.approx(frame[f"{kind}_hours_judged"].tolist())


def test_each_sees_the_accounts_they_are_in_and_what_is_their_own(sources: SimpleNamespace) -> None:
    def seen(viewer: Viewer, **more: object) -> set[tuple[str, str]]:
        frame = totals(sources, viewer=viewer, **RANGE, **more)
        return set(zip(frame["user"], frame["account"], strict=True))

    account_a = {("alice", "def-a"), ("bob", "def-a"), ("Alice", "def-a")}
    assert seen(LUCY) == account_a
    assert seen(BOB) == {*account_a, ("bob", "def-a_x")}
    assert seen(CAROL) == {("carol", "def-b")}
    # one's own runs also in an account one is no longer in; names that differ in case are other people's
    assert seen(ALICE) == {*account_a, ("alice", "DEF-A")}
    assert seen(Viewer(name="alice")) == {("alice", "def-a"), ("alice", "DEF-A")}
    for nobody in (STRANGER, PUBLIC):
        assert seen(nobody) == set()
        assert seen(nobody, narrow=Narrow(account="def-a")) == set()
        assert seen(nobody, narrow=Narrow(user="alice")) == set()
        assert seen(nobody, accounts=("def-a",)) == set()
        assert coverage(sources, viewer=nobody, **RANGE) == (0, 0)


@pytest.mark.parametrize("name", ["def-a_x|def-a", 'def-a"} or vector(1)', "def-%", "DEF-a", "def-a' or '1'='1", "def"])
def test_names_that_look_alike_open_nothing(sources: SimpleNamespace, name: str) -> None:
    for viewer in (ALICE, STRANGER, PORTAL):
        assert totals(sources, viewer=viewer, **RANGE, narrow=Narrow(account=name)).empty
    pretender = Viewer(name="mallory", accounts=frozenset({name}))
    assert totals(sources, viewer=pretender, **RANGE).empty


def test_it_is_narrowed_by_exact_names(sources: SimpleNamespace) -> None:
    def jobs(**names: str) -> int:
        return int(totals(sources, viewer=PORTAL, **RANGE, by=(), narrow=Narrow(**names))["jobs"].iloc[0])

    assert jobs() == 8
    assert jobs(user="alice") == 4
    assert jobs(account="def-a") == 5
    assert jobs(account="def-a", user="alice") == 3
    assert jobs(partition="gpu") == 1
    assert totals(sources, viewer=PORTAL, **RANGE, accounts=("def-b", "def-a_x"))["user"].tolist() == ["bob", "carol"]


def test_a_node_is_found_inside_host_lists_and_only_there(sources: SimpleNamespace) -> None:
    def runs_on(node: str, **more: str) -> int:
        return int(totals(sources, viewer=PORTAL, **RANGE, by=(), narrow=Narrow(node=node, **more))["jobs"].iloc[0])

    # c1 and c[1-3] hold it; c[10-12], gc1 and what has no nodes do not
    assert runs_on("c1") == 3
    assert runs_on("c1", user="alice") == 1
    assert runs_on("c11") == 1
    assert runs_on("gc1") == 1
    assert runs_on("c") == 0
    assert runs_on("c%") == 0


def test_days_are_utc_days_and_sum_to_the_whole(sources: SimpleNamespace) -> None:
    days = totals_by_day(sources, viewer=LUCY, **RANGE, by=("user",), narrow=Narrow(account="def-a"))
    assert [(row["day"], row["user"], row["jobs"]) for row in days.to_dict("records")] == [
        (DAY0, "Alice", 1), (DAY0, "alice", 1), (DAY0, "bob", 1), (DAY0 + DAY, "alice", 2),
    ]  # fmt: skip
    assert days["core_hours"].sum() == pytest.approx(100)


def test_unknown_groups_are_refused(sources: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="facts"):
        totals(sources, viewer=PORTAL, **RANGE, by=("facts",))


def test_nothing_ended_is_an_empty_frame(sources: SimpleNamespace) -> None:
    frame = totals(sources, viewer=PORTAL, since=5, until=6)
    assert frame.empty and {"user", "account", "core_hours_wasted", "energy_kwh"} <= set(frame.columns)
    assert totals(sources, viewer=PORTAL, since=5, until=6, by=())["jobs"].tolist() == [0]


def test_up_to_the_summarisers_place_everything_is_covered(sources: SimpleNamespace) -> None:
    assert coverage(sources, viewer=PORTAL, **RANGE) == (8, 8)
    assert coverage(sources, viewer=LUCY, **RANGE, narrow=Narrow(account="def-a")) == (5, 5)


def test_costs_are_those_stored_with_each_run(sources: SimpleNamespace) -> None:
    money = {"electricity": 0.5, "cooling": 0.25, "hardware": 4.0}
    store_facts(sources, [
        row(20, "dora", "def-m", DAY0 + 5, facts={"cost": money}),
        row(21, "dora", "def-m", DAY0 + 6, facts={"cost": {"electricity": None, "cooling": None, "hardware": 2.0}}, energy_kwh=None),
        row(22, "dora", "def-m", DAY0 + 7, facts={"cost": dict.fromkeys(money)}, energy_kwh=None),
        row(23, "dora", "def-m", DAY0 + 8, facts={"cost": dict.fromkeys(money)}, energy_kwh=None, elapsed=0),
        row(24, "eve", "def-m", DAY0 + 9, facts={}),
        row(25, "dora", "DEF-M", DAY0 + 9, facts={"cost": money}),
        row(26, "dora", "def-m", DAY0 + 2 * DAY, facts={"cost": money}),
    ])  # fmt: skip
    found = costs(sources, viewer=PORTAL, **RANGE, narrow=Narrow(account="def-m"))
    dora = cells(found, user="dora")
    # 4.75 and 2; three of four runs took time, two of them have a price; energy is known of one with 20 core-hours
    assert (dora["cost"], dora["ran"], dora["priced"], dora["energy_core_hours"]) == (6.75, 3, 2, 20.0)
    eve = cells(found, user="eve")
    assert eve["cost"] != eve["cost"] and eve["priced"] == 0
    assert costs(sources, viewer=STRANGER, **RANGE, narrow=Narrow(account="def-m")).empty
    assert costs(sources, viewer=PUBLIC, **RANGE, narrow=Narrow(account="def-m")).empty
