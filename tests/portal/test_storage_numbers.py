"""The demo's storage against itself: what the page of quotas says is what everybody was given and uses by the plan."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from demo.database_robinhood import ON_DISK
from demo.plan_storage import HARD, UNMEASURED, groups, quotas, used
from tests.portal.conftest import Demo
from tests.portal.reader import Reader
from tests.portal.test_numbers import table

pytestmark = pytest.mark.browser  # the ring the demo runs in
# person → (area, owner, state) of what is not well
TROUBLES = {
    "mira": set(),
    "chen": {("home", "chen", "near")},
    "ines": {("home", "ines", "over"), ("project", "def-noether", "over")},
    "ruth": {("project", "def-curie", "near"), ("nearline", "rrg-franklin", "near"), ("work", "rrg-franklin", "near")},
    "bruno": {("project", "def-turing", "near"), ("nearline", "def-turing", "over"), ("work", "def-turing", "over")},
    "enoether": {("scratch", "enoether", "over"), ("project", "def-noether", "over")},
    "hana": set(),
    "ken": set(),
}


@pytest.mark.parametrize("person", TROUBLES)
def test_quotas_are_what_was_given_and_is_used(person: str, demo: Demo, reader: Callable[[str], Reader]) -> None:
    plan = demo.plan
    rows = {(row["area"], row["owner"]): row for row in table(reader(person), "quotas/quotas/quotas?at=/quotas")}
    mine = {person} | {group.name for group in groups(plan) if person in group.members}
    held = [one for one in quotas(plan) if one.owner in mine]
    assert set(rows) == {(one.area, one.owner) for one in held}
    filled, counted = used(held, plan.made_at, np.array([time.time()]))
    for one, size, files in zip(held, filled[:, 0], counted[:, 0], strict=True):
        row = rows[one.area, one.owner]
        if one.limited:
            assert float(row["bytes_limit"]) == one.size
        else:
            assert row["bytes_limit"] == ""
        if (one.area, one.owner) in UNMEASURED:
            assert row["bytes_used"] == row["files_used"] == ""
            continue
        assert float(row["bytes_used"]) == pytest.approx(size, rel=0.01), one
        if one.files and one.area != "nearline":
            assert float(row["files_used"]) == pytest.approx(files, rel=0.01, abs=2)
        if one.area == "work" or one.area == "home" and one.limited:
            assert float(row["bytes_hard"]) == pytest.approx(HARD * one.size)
        if one.area == "nearline":
            assert float(row["tape_bytes"]) == pytest.approx(size * (1 - sum(ON_DISK.values())), rel=0.01)
    bad = {(*key, row["state"]) for key, row in rows.items() if row["state"] in ("over", "near")}
    assert bad == TROUBLES[person]


# who, of which group, whose names they read: coordinators of all accounts of the group, staff, and others
@pytest.mark.parametrize(
    ("person", "group", "named"), [("wlovelace", "def-lovelace", True), ("ruth", "rrg-franklin", True), ("ruth", "def-curie", False), ("mira", "def-lovelace", False)]
)
def test_members_are_the_rows_of_robinhood_and_named_to_who_coordinates(person: str, group: str, named: bool, demo: Demo, reader: Callable[[str], Reader]) -> None:
    found = next(one for one in groups(demo.plan) if one.name == group)
    logins = {one.uid: one.name for one in demo.plan.people}
    settings = tomllib.loads((demo.folder / "turtle.toml").read_text())["robinhood"]["project"]
    password = Path(settings["password_file"]).read_text().strip()
    engine = create_engine(settings["url"].replace("@", f":{password}@"))
    with engine.connect() as link:
        asked = text("select uid, sum(blocks) * 512, sum(count) from ACCT_STAT where gid = :gid group by uid having uid > 0 and sum(count) > 2")
        rows = link.execute(asked, {"gid": found.gid})
        stored = sorted(((float(size), float(count), logins.get(uid, f"uid {uid}")) for uid, size, count in rows), reverse=True)
    engine.dispose()
    shown = [row for row in table(reader(person), "quotas/members/members?at=/quotas") if (row["area"], row["owner"]) == ("project", group)]
    # the portal keeps what it read for ten minutes, in which files come and go
    assert [float(row["bytes"]) for row in shown] == pytest.approx([size for size, _count, _name in stored], rel=0.03)
    assert [float(row["files"]) for row in shown] == pytest.approx([count for _size, count, _name in stored], rel=0.03, abs=5)
    others = {name for _size, _count, name in stored} - {person}
    assert others and ({row["user"] for row in shown} - {person} == others) is named
    assert named or not {row["user"] for row in shown} & others
