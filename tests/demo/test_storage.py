"""Storage in the demo: the people and groups docs/demo.md names as over or near a limit, or not measured, are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from components.notices import current, said
from core.notices import checked_notices
from core.settings import Storage
from core.site_files import allocations, check_allocations
from demo import database_robinhood as robinhood
from demo.model import Plan
from demo.plan_people import make_accounts, make_people
from demo.plan_storage import groups
from demo.series_quota import quota_blocks
from demo.site_files import write_site_files
from demo.state import SEED

NOW = 1_795_366_000
DAY = 86400
DAYS = 3  # after which the cluster is built anew
GIB, TIB = 1024**3, 1024**4
DEMO = Path(__file__).parents[2] / "docs" / "demo.md"
# (area, name, what of it): the names a reader is sent to
OVER = (("home", "ines", "bytes"), ("home", "kofi", "bytes"), ("scratch", "enoether", "files"), ("project", "def-noether", "bytes"))
NEAR = (("home", "chen", "bytes"), ("project", "def-turing", "bytes"), ("project", "def-curie", "files"))
UNMEASURED = (("scratch", "ken"), ("scratch", "luis"), ("project", "cc-staff"))
FILLING = ("project", "rrg-franklin", "bytes")


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The demo's people and accounts without what they run: storage does not depend on it."""
    return Plan(
        seed=SEED, begin=NOW, made_at=NOW, horizon=NOW, cluster="turtle", nodes=(), accounts=make_accounts(), people=make_people(),
        runs=(), events=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def file(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site_files(tmp_path_factory.mktemp("site"), plan)["allocations"]


def shown(plan: Plan, at: float) -> dict[tuple[str, ...], float]:
    """{(metric, its owner labels and values …): value} of what the quota exporters show."""
    found = {}
    for block in quota_blocks(plan):
        for labels, (value,) in zip(block.labels, block.values(np.array([at])), strict=True):
            key = (labels["__name__"], *(part for pair in sorted(labels.items()) if pair[0] != "__name__" for part in pair))
            assert key not in found
            found[key] = float(value)
    return found


def given(plan: Plan, file: Path) -> dict[tuple[str, str], dict]:
    """{(area, name): entry} of everybody, as the portal reads the file."""
    rows = [row for person in plan.people if not person.deleted for row in allocations(file, person.name, person.accounts)]
    return {(row["kind"], row["name"]): row for row in rows}


def used(plan: Plan, entry: dict, at: float) -> dict[str, float]:
    """{bytes or files: used} of one allocation, where it is measured."""
    series, area, name = shown(plan, at), entry["kind"], entry["name"]
    if area == "home":
        where = ("fileset", "home", "fs", "home", "user", str(entry["id"]))
        return {what: series["gpfs_user_used_" + what, *where] for what in ("bytes", "files")}
    who = ("path", f"/lustre/{area}", "project" if area == "project" else "user", name)
    keys = {"bytes": ("lfs_quota_kbytes", *who), "files": ("lfs_quota_inodes", *who)}
    return {what: series[key] * (1024 if what == "bytes" else 1) for what, key in keys.items() if key in series}


def share(plan: Plan, file: Path, one: tuple[str, str, str], days: float) -> float:
    entry = given(plan, file)[one[:2]]
    return used(plan, entry, NOW + days * DAY)[one[2]] / entry[one[2]]


@pytest.mark.parametrize("days", [0, 1.5, DAYS])
def test_those_named_are_over_or_near_as_long_as_the_cluster_lives(plan: Plan, file: Path, days: float) -> None:
    near = Storage().near_share
    assert all(share(plan, file, one, days) > 1 for one in OVER)
    assert all(near <= share(plan, file, one, days) <= 1 for one in NEAR)


def test_a_group_fills_its_project_in_about_ten_days(plan: Plan, file: Path) -> None:
    now, before = share(plan, file, FILLING, 0), share(plan, file, FILLING, -7)
    assert 9 < (1 - now) / ((now - before) / 7) < 11
    # the month before nothing pointed there
    assert abs(share(plan, file, FILLING, -20) - share(plan, file, FILLING, -50)) < 0.03


def test_what_is_too_small_to_measure_has_a_limit_but_no_figure(plan: Plan, file: Path) -> None:
    limits = given(plan, file)
    assert all(limits[one]["bytes"] > 0 and not used(plan, limits[one], NOW) for one in UNMEASURED)


def test_homes_have_their_limits_in_gpfs_and_one_has_none(plan: Plan, file: Path) -> None:
    series, limits = shown(plan, NOW), given(plan, file)
    uid = {person.name: str(person.uid) for person in plan.people}

    def home(kind: str, name: str) -> float:
        return series[f"gpfs_user_{kind}_bytes", "fileset", "home", "fs", "home", "user", uid[name]]

    assert [home("quota", name) / GIB for name in ("mira", "chen", "ken")] == [50, 60, 0]
    assert all(limits["home", name]["bytes"] == home("quota", name) for name in uid if name not in ("ken", "frank"))
    # over the soft limit, below the hard one
    assert home("quota", "ines") < home("used", "ines") < home("limit", "ines") == pytest.approx(60 * GIB)
    assert [name for name in uid if name != "frank" and home("in_doubt", name)] == ["mira", "oleg"]


def test_bandwidth_of_gpfs_goes_up_at_the_rate_of_the_hour(plan: Plan) -> None:
    """Counters never go back; over a whole day the mean is what is said, at noon half as much again, at midnight half."""
    midnight = NOW // DAY * DAY

    def rate(start: int, end: int, *place: str) -> float:
        first, last = (shown(plan, at)["gpfs_perf_read_bytes_total", *place, "fs", "home"] for at in (start, end))
        return (last - first) / (end - start)

    assert rate(midnight, midnight + DAY) == pytest.approx(180e6)
    assert rate(midnight + DAY // 2 - 300, midnight + DAY // 2 + 300) == pytest.approx(270e6, rel=0.001)
    assert rate(midnight - 300, midnight + 300) == pytest.approx(90e6, rel=0.001)
    kinds = {key[-1] for key in shown(plan, NOW) if key[0] == "gpfs_perf_operations_total"}
    assert {"opens", "closes", "reads", "writes"} <= kinds


def test_a_person_has_a_group_of_their_own(plan: Plan, file: Path) -> None:
    (own,) = [row for row in allocations(file, "hana", ("rrg-hopper_gpu",)) if row.get("personal")]
    assert (own["kind"], own["name"], own["id"], own["bytes"]) == ("project", "hana", 3004, TIB)
    assert check_allocations(file) == 1 + len(plan.people) + len(groups(plan))


def test_groups_have_a_fileset_on_gpfs_whose_members_use_what_it_holds(plan: Plan, file: Path) -> None:
    gids = {name: str(entry["id"]) for (area, name), entry in given(plan, file).items() if area == "work"}
    assert set(gids) == {"def-lovelace", "rrg-hopper", "def-turing", "rrg-franklin"}
    for days in (-60, 0, DAYS):
        series = shown(plan, NOW + days * DAY)
        for what in ("bytes", "files"):
            place = ("fileset", "work", "fs", "home")
            by_group = {key[6]: value for key, value in series.items() if key[:6] == (f"gpfs_group_used_{what}", *place, "group")}
            people = [value for key, value in series.items() if key[:6] == (f"gpfs_user_used_{what}", *place, "user")]
            assert set(by_group) == set(gids.values())
            # what the members have is the groups', and the fileset's
            assert sum(people) == pytest.approx(sum(by_group.values()), rel=1e-6) and len(people) > 8
            assert series[f"gpfs_fileset_used_{what}", *place] == pytest.approx(sum(by_group.values()))
            if days >= 0:
                full = {name: by_group[gid] / series[f"gpfs_group_quota_{what}", *place, "group", gid] for name, gid in gids.items()}
                over, near = ({"def-turing"}, set()) if what == "files" else (set(), {"rrg-franklin"})
                assert {name for name, part in full.items() if part > 1} == over and {name for name, part in full.items() if 0.9 <= part <= 1} == near


def sums(plan: Plan, area: str, gid: int, column: str, *statuses: str) -> float:
    place = robinhood.COLUMNS.index(column)
    return sum(row[place] for row in robinhood.rows(plan, area, NOW) if row[1] == gid and row[3] in statuses)


def test_robinhood_finds_what_the_quota_says(plan: Plan, file: Path) -> None:
    limits = given(plan, file)
    for (area, name), entry in limits.items():
        if area == "project" and (area, name) not in UNMEASURED:
            measured = used(plan, entry, NOW)
            assert sums(plan, "project", entry["id"], "blocks", "") * 512 == pytest.approx(measured["bytes"], rel=1e-3)
            assert sums(plan, "project", entry["id"], "count", "") == pytest.approx(measured["files"], rel=1e-3, abs=60)


def test_nearline_is_mostly_on_tape_and_one_group_is_over(plan: Plan, file: Path) -> None:
    limits = {name: entry for (area, name), entry in given(plan, file).items() if area == "nearline"}
    found = {}
    for name, entry in limits.items():
        tape = sums(plan, "nearline", entry["id"], "size", "released")
        assert sums(plan, "nearline", entry["id"], "blocks", "released") == 0
        disk = 512 * sums(plan, "nearline", entry["id"], "blocks", "modified", "retrieving", "archiving", "synchro")
        assert tape > 4 * disk > 0
        found[name] = (tape + disk) / entry["bytes"]
    assert {name for name, part in found.items() if part > 1} == {"def-turing"}
    assert {name for name, part in found.items() if 0.9 <= part <= 1} == {"rrg-franklin"}


def test_robinhoods_rows_keep_its_key_and_count_every_entry_once(plan: Plan) -> None:
    for area in robinhood.DATABASES:
        rows = list(robinhood.rows(plan, area, NOW))
        assert len({row[:4] for row in rows}) == len(rows) > 100
        assert all(sum(row[7:]) == row[6] and min(row[7:]) >= 0 for row in rows)
        uids = {row[0] for row in rows}
        assert 0 in uids and (robinhood.STRANGER in uids) == (area in ("project", "nearline"))


def test_the_files_of_the_site_are_plain_yaml(plan: Plan, file: Path) -> None:
    messages = yaml.safe_load((file.parent / "notices.yaml").read_text())["notices"]
    assert [one["level"] for one in messages] == ["warn", "bad", "info"]
    assert all({"en", "fr"} == set(one["text"]) and one.get("from", "") < one["until"] for one in messages)
    shown = current(checked_notices(messages), NOW + 2 * DAY)
    assert [said(one["text"], "fr_CA")[:11] for one in shown] == ["Maintenance"]
    assert not current(checked_notices(messages), NOW + 5 * DAY)


def test_the_page_about_the_demo_names_them() -> None:
    text = DEMO.read_text(encoding="utf-8")
    named = [one[1] for one in (*OVER, *NEAR, *UNMEASURED, FILLING)] + ["hana", "mira", "def-turing"]
    assert all(f"`{name}`" in text for name in named)
