"""Every parameter of every page with nonsense in it: the default or a sentence, never a fault of our own, and never somebody else's rows."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import quote

import pytest

from tests.access.asker import Asker
from tests.failures.conftest import World
from tests.failures.sweep import machinery
from tests.failures.test_bad_input import no_incident, world  # noqa: F401 - fixtures: nothing is broken here, no fault may hide
from tests.failures.world import PAGES, page_text

pytestmark = pytest.mark.services
NONSENSE = (
    '"', "\\", '"}[1h]) or vector(1) #', "\n", "' or 1=1 -- ", "%", "\x00", "😀", "a" * 10_000, "../etc", "<script>alert(1)</script>", "\u202e", "-1", "0",
    "9" * 30, "AAAA", "eyJhIjoxfQ==", "2026-13", "0000-00", "9999-12", "1970-01", "1e9", "NaN", "None", "٣", "２０２６-１１", "a,b,,c", "*",
)  # fmt: skip
EACH = 1  # of them a parameter, dealt out by its name; each is met somewhere
# page → its address
LOOKED = {
    "status": "/", "user": "/user/alice", "accounts": "/accounts", "account": "/account/rrg-pi1_cpu", "nodes": "/nodes",
    "node": "/node/c3", "top": "/top", "top_gpu": "/top/gpu", "top_memory": "/top/memory", "top_lustre": "/top/lustre",
    "top_waste": "/top/waste", "scheduling": "/scheduling",
}  # fmt: skip
SLOW = {"user": ("now", "jobs"), "node": ("running", "timeline", "events")}  # the sections that read what the address says
VIEWS = {"month": "report", "cursor": "jobs", "state": "jobs", "user": "jobs", "order": "jobs", "asc": "jobs"}


def sound(answer: Any, where: str) -> None:
    """What holds for every answer."""
    assert answer.status_code == 200, where
    assert machinery(answer) == [] and "could not be drawn" not in answer.get_data(as_text=True), where


def looked_at(person: Asker, key: str, path: str) -> None:
    """The page and its sections at an address."""
    answer = person.page(path)
    sound(answer, path[:200])
    assert page_text(answer), path[:200]
    body = answer.get_data(as_text=True)
    for section in PAGES[key].sections:
        if f'"{key}:{section.key}"' in body and section.key in SLOW.get(key, (section.key,)):
            sound(person.section(PAGES[key], section, path), f"{section.key} {path[:200]}")


@pytest.mark.parametrize("key", LOOKED)
def test_each_parameter(world: World, key: str) -> None:  # noqa: F811 - the fixture
    """Values are dealt out by the parameter's name, so that each run tries the same."""
    path = LOOKED[key]
    ada = world.person("ada")
    for name in (*PAGES[key].filters, "from", "to", "refresh"):
        view = f"&view={VIEWS[name]}" if key == "account" and name in VIEWS else ""
        for value in random.Random(f"{key} {name}").sample(NONSENSE, EACH):
            looked_at(ada, key, f"{path}?{name}={quote(value)}{view}")


@pytest.mark.parametrize("key", LOOKED)
def test_all_parameters_at_once(world: World, key: str) -> None:  # noqa: F811 - the fixture
    """And twice each, the range turned round."""
    path = LOOKED[key]
    names = PAGES[key].filters
    for value in ("😀\x00", "a" * 2000):
        query = "&".join(f"{name}={quote(value)}&{name}=1" for name in names)
        looked_at(world.person("ada"), key, f"{path}?{query}&from=now-1h&to=now-2h")


@pytest.mark.parametrize("path", ["/user/", "/account/", "/node/"])
def test_names_that_cannot_be(world: World, path: str) -> None:  # noqa: F811 - the fixture
    """A name in the address itself: nothing is here, or it cannot be read."""
    for login in ("ada", "alice"):
        for value in NONSENSE:
            answer = world.person(login).page(path + quote(value, safe=""))
            sound(answer, value)
            assert any(words in page_text(answer) for words in ("Nothing is here", "That address cannot be read")), ascii(value)[:40]
