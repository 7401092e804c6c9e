"""The demo's storage against itself: what the page of quotas says is what everybody was given and uses by the plan."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

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
    "ruth": {("project", "def-curie", "near"), ("nearline", "rrg-franklin", "near")},
    "bruno": {("project", "def-turing", "near"), ("nearline", "def-turing", "over")},
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
    # what is only new has no copy on tape yet and is not counted there
    kept = {"nearline": 1 - ON_DISK["new"]}
    for one, size, files in zip(held, filled[:, 0], counted[:, 0], strict=True):
        row = rows[one.area, one.owner]
        if one.limited:
            assert float(row["bytes_limit"]) == one.size
        else:
            assert row["bytes_limit"] == ""
        if (one.area, one.owner) in UNMEASURED:
            assert row["bytes_used"] == row["files_used"] == ""
            continue
        assert float(row["bytes_used"]) == pytest.approx(size * kept.get(one.area, 1), rel=0.01), one
        if one.files and one.area != "nearline":
            assert float(row["files_used"]) == pytest.approx(files, rel=0.01, abs=2)
        if one.area == "home" and one.limited:
            assert float(row["bytes_hard"]) == pytest.approx(HARD * one.size)
        if one.area == "nearline":
            assert float(row["tape_bytes"]) == pytest.approx(size * (1 - sum(ON_DISK.values())), rel=0.01)
    bad = {(*key, row["state"]) for key, row in rows.items() if row["state"] in ("over", "near")}
    assert bad == TROUBLES[person]
