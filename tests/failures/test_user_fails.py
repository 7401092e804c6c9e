"""The page of a person when a source is away: the rest of it stands, and each empty part says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.access.asker import Asker
from tests.failures.conftest import World
from tests.failures.world import ask, forget, leaks, page_text, said

pytestmark = pytest.mark.services

ME = "/user/alice"
AREAS = {"areas": {"home": {"path": "/lustre/home"}, "project": {"path": "/lustre/project", "label": "project"}}}


def test_all_is_well(world: World, alice: Asker) -> None:
    shown = page_text(alice.page(ME))
    assert "alice" in shown and "def-pi1_cpu" in shown
    assert "relax" in said(ask(alice, "user:jobs", ME))["jobs"]
    assert "rrg-pi1_gpu" in said(ask(alice, "user:accounts", ME))["accounts"]
    assert "Jobs running" in said(ask(alice, "user:now", ME))["now"]


def test_accounting_is_away(world: World, alice: Asker) -> None:
    world.database.down()
    forget(world.sources)
    page = alice.page(ME)
    assert "alice" in page_text(page) and leaks(page) == []
    for section in ("jobs", "accounts", "now"):
        answer = ask(alice, f"user:{section}", ME)
        assert leaks(answer) == []
        assert "accounting database cannot be reached" in " ".join(said(answer).values()), section
    # of others nobody can tell now whether they exist
    other = world.person("ada").page(ME)
    assert "A source of this page does not answer" in page_text(other)
    world.database.up()
    forget(world.sources)
    assert "relax" in said(ask(alice, "user:jobs", ME))["jobs"]


def test_metrics_are_away(world: World, portal_of: Callable[..., Asker]) -> None:
    person = portal_of("alice", storage=AREAS)
    world.metrics.down()
    answer = ask(person, "user:storage", ME)
    assert leaks(answer) == [] and "metrics server cannot be reached" in said(answer)["quotas"]
    for section in ("storage_home", "storage_project"):
        assert "metrics server cannot be reached" in " ".join(said(ask(person, f"user:{section}", ME)).values())
    assert "relax" in said(ask(person, "user:jobs", ME))["jobs"]
    assert "rrg-pi1_gpu" in said(ask(person, "user:accounts", ME))["accounts"]
    tiles = ask(person, "user:now", ME)
    assert leaks(tiles) == [] and "Jobs running" in said(tiles)["now"]


def test_no_such_exporter_and_no_quotas_measured(world: World, portal_of: Callable[..., Asker]) -> None:
    without = portal_of("alice", storage=AREAS, metrics={"exporters": {"lfs_quota": {"installed": False}}})
    assert "does not collect these measurements" in said(ask(without, "user:storage", ME))["quotas"]
    nothing = portal_of("alice", storage=AREAS)
    assert "has none at all" in said(ask(nothing, "user:storage", ME))["quotas"]
