"""Ids: what pages lay out is what callbacks write to and read from, since Dash itself is told not to check."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dash import Dash

from pages.registry import all_pages
from tests.access.asker import ROUTER, Asker, walk

# every page, with the 22.05 dump's own jobs: one of alice, an array, two to compare
PATHS = (
    "/", "/jobs", "/job/1", "/job/8", "/job/10+0", "/jobs/compare?ids=1,2", "/nowhere", "/?account=rrg-pi1_gpu", "/user/alice", "/accounts",
    "/account/rrg-pi1_gpu", "/account/rrg-pi1_gpu?view=jobs", "/account/rrg-pi1_gpu?month=2026-11", "/node/h1", "/node/g1", "/nodes", "/top", "/top/gpu",
    "/top/memory", "/top/lustre", "/top/waste", "/scheduling", "/scheduler", "/filesystems", "/logins", "/transfers", "/software", "/quotas", "/cloud", "/cloud/lab1",
    "/cloud/lab1/3afee989-c0fe-5588-bdfa-352f8c1fcfea",
)  # fmt: skip
# what these show is set by the site: without hosts and areas they say so, and lay out no section
UNSET = {"logins", "transfers", "quotas"}
LOGINS = (None, "alice", "bob", "ada")
pytestmark = pytest.mark.services


def _pattern(identity: object) -> object:
    """An id as callbacks declare it: a text, or the names of a pattern's keys with its type."""
    if isinstance(identity, dict):
        return (identity.get("type"), frozenset(identity))
    return identity


def _declared(text: str) -> object:
    return _pattern(json.loads(text)) if text.startswith("{") else text


def _laid_out(asker: Asker, path: str) -> Iterator[Any]:
    for layout in (asker.get("/_dash-layout").json, asker.page(path).json):
        yield from (props["id"] for props in walk(layout) if "id" in props)


def _targets(app: Dash) -> Iterator[tuple[str, str]]:
    """(callback, id) of everything the callbacks write, read or keep."""
    for output, callback in app.callback_map.items():
        for one in output.strip(".").split("..."):
            yield output, one.rpartition(".")[0]
        for kind in ("inputs", "state"):
            yield from ((output, str(one["id"])) for one in callback.get(kind, []))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("login", LOGINS)
def test_no_id_is_laid_out_twice(ask: Callable[[str | None], Asker], login: str | None, path: str) -> None:
    counted = Counter(json.dumps(one, sort_keys=True) for one in _laid_out(ask(login), path))
    assert [one for one, times in counted.items() if times > 1] == []


def test_layout_ids_match_callbacks(portal: Dash, ask: Callable[[str | None], Asker]) -> None:
    laid_out = {_pattern(one) for login in LOGINS for path in PATHS for one in _laid_out(ask(login), path)}
    # the router's own are laid out by Dash inside its page container
    wanted = {_declared(one) for _output, one in _targets(portal)}
    assert wanted - laid_out == set()
    patterns = {one for one in laid_out if isinstance(one, tuple)}
    assert patterns - wanted == set()


def test_no_output_is_written_by_two_callbacks(portal: Dash) -> None:
    written = Counter(one for output in portal.callback_map for one in output.strip(".").split("...") if "allow_duplicate" not in output)
    assert [one for one, times in written.items() if times > 1] == []
    assert len(portal._callback_list) == len(portal.callback_map)
    assert ROUTER in portal.callback_map


def test_every_section_of_a_layout_is_known(ask: Callable[[str | None], Asker]) -> None:
    known = {f"{page.key}:{section.key}" for page in all_pages() for section in page.sections}
    found = {one["section"] for login in LOGINS for path in PATHS for one in _laid_out(ask(login), path) if isinstance(one, dict)}
    assert found and found <= known
    # the paths above did reach every page that lays out sections
    assert {one.partition(":")[0] for one in found} == {page.key for page in all_pages()} - UNSET
