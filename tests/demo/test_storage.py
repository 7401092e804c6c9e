"""Storage in the demo: the people and projects docs/demo.md names as over or near a limit, or not measured, are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.settings import Storage
from demo.hooks import storage
from demo.model import Plan
from demo.plan_people import make_accounts, make_people
from demo.series_cluster import quota_blocks, quota_owners
from demo.state import SEED

NOW = 1_795_366_000
DAYS = 3  # after which the cluster is built anew
DEMO = Path(__file__).parents[2] / "docs" / "demo.md"
# (kind of owner, area, name, what of it): the names a reader is sent to
OVER = (("user", "home", "ines", "bytes"), ("user", "home", "kofi", "bytes"), ("user", "scratch", "enoether", "files"))
OVER_PROJECT = (("project", "project", "def-noether_gpu", "bytes"),)
NEAR = (("user", "home", "chen", "bytes"), ("project", "project", "def-turing_cpu", "bytes"))
UNMEASURED = (("user", "scratch", "ken"), ("user", "scratch", "luis"), ("project", "project", "cc-staff"))


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The demo's people and accounts without what they run: storage does not depend on it."""
    return Plan(
        seed=SEED, begin=NOW, made_at=NOW, horizon=NOW, cluster="turtle", nodes=(), accounts=make_accounts(), people=make_people(),
        runs=(), events=(),
    )  # fmt: skip


def shares(plan: Plan, days: float) -> dict[tuple[str, str, str, str], float]:
    """{(kind, area, name, what): used / given} so many days after the plan was made, from the samples the exporter shows."""
    (block,) = quota_blocks(plan)
    given = {(row["kind"], row["name"]): row for rows in storage(plan).values() for row in rows}
    found = {}
    for labels, (value,) in zip(block.labels, block.values(np.array([NOW + days * 86400])), strict=True):
        area = labels["path"].rsplit("/", 1)[1]
        kind = "user" if "user" in labels else "project"
        what, unit = ("bytes", 1024) if labels["__name__"] == "lfs_quota_kbytes" else ("files", 1)
        limit = given.get((area, labels[kind]))
        if limit is not None:
            found[kind, area, labels[kind], what] = value * unit / limit[what]
    return found


@pytest.mark.parametrize("days", [0, 1.5, DAYS])
def test_those_named_are_over_or_near_as_long_as_the_cluster_lives(plan: Plan, days: float) -> None:
    found, near = shares(plan, days), Storage().near_share
    assert all(found[one] > 1 for one in OVER + OVER_PROJECT)
    assert all(near <= found[one] <= 1 for one in NEAR)


def test_what_is_too_small_to_measure_has_a_limit_but_no_figure(plan: Plan) -> None:
    measured = {(kind, path.rsplit("/", 1)[1], name) for path, kind, name, _ in quota_owners(plan)}
    given = {(row["kind"], row["name"]) for rows in storage(plan).values() for row in rows}
    for kind, area, name in UNMEASURED:
        assert (kind, area, name) not in measured and (area, name) in given


def test_the_page_about_the_demo_names_them() -> None:
    text = DEMO.read_text(encoding="utf-8")
    assert all(f"`{one[2]}`" in text for one in OVER + OVER_PROJECT + NEAR + UNMEASURED)
