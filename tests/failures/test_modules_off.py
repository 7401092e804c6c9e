"""A module that is switched off: no route, no section, no entry in the menu, and no page of another module that links to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.access.asker import Asker
from tests.failures.sweep import EVERY
from tests.failures.world import PAGES, page_text

pytestmark = pytest.mark.services
JOBS = {"jobs": ("/jobs",), "job": ("/job/1", "/job/49"), "compare": ("/jobs/compare?ids=1,2",)}


def hrefs(node: Any) -> Iterator[str]:
    """Every address a layout, a figure or an answer of the search leads to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "href" and isinstance(value, str):
                yield value
            elif key == "href" and isinstance(value, dict) and "base" in value:
                yield f"{value['base']}x"
            elif key == "href" and isinstance(value, list):
                yield from (str(one) for row in value for one in (row if isinstance(row, list) else [row]))
            else:
                yield from hrefs(value)
    elif isinstance(node, list):
        for value in node:
            yield from hrefs(value)


def lost(answer: Any, gone: re.Pattern[str]) -> list[str]:
    """The addresses in an answer that lead to a page that is not there."""
    return [found for found in hrefs(answer.get_json()) if gone.match(re.split(r"[?#]", found)[0])]


def addresses(off: tuple[str, ...]) -> re.Pattern[str]:
    """The addresses of the pages of these modules."""
    paths = [re.sub(r"<[^>]+>", "[^/]+", page.path) for page in PAGES.values() if page.module in off and page.path != "/"]
    return re.compile(f"^({'|'.join(paths) or 'nowhere'})$")


SETS = (("jobstats",), ("accountstats", "search", "scheduling"), ("usersummary", "nodes", "top"), ("overview", "quotas", "cloudstats"))


@pytest.mark.parametrize("off", SETS, ids=lambda off: "+".join(off)[:20])
def test_nothing_leads_to_it(portal_of: Callable[..., Asker], off: tuple[str, ...]) -> None:
    gone = addresses(off)
    ada = portal_of("ada", modules=dict.fromkeys(off, False))
    # staff see every page; a user's own pages have links of their own
    for person, pages in ((ada, EVERY | JOBS), (Asker(ada.app, "alice"), {key: EVERY[key] for key in ("status", "user", "account")})):
        for key, paths in pages.items():
            page = PAGES[key]
            for path in paths[:1]:
                answer = person.page(path)
                assert lost(answer, gone) == [], path
                if page.module in off:
                    assert "Nothing is here" in page_text(answer), path
                body = answer.get_data(as_text=True)
                for section in page.sections:
                    if page.module in off:
                        assert person.section(page, section, path).status_code == 403, section.key
                    elif f'"{key}:{section.key}"' in body:
                        assert lost(person.section(page, section, path), gone) == [], (path, section.key)
        assert lost(person.get("/_dash-layout"), gone) == []
        for text in ("1", "alice", "rrg", "c3"):
            found = person.get(f"/search?q={text}")
            # without the module the address is a page like any other that is none
            assert found.is_json != ("search" in off)
            assert not found.is_json or lost(found, gone) == []


def test_with_all_modules_there_are_such_links(portal_of: Callable[..., Asker]) -> None:
    """Without this the test above could not fail."""
    ada = portal_of("ada")
    places = (
        ("usersummary", "top", "now", "/top"), ("accountstats", "accounts", "list", "/accounts"), ("nodes", "nodes", "list", "/nodes"),
        ("jobstats", "user", "jobs", "/user/alice"),
    )  # fmt: skip
    for off, key, section, path in places:
        found = next(one for one in PAGES[key].sections if one.key == section)
        assert lost(ada.section(PAGES[key], found, path), addresses((off,))), key
    menu = ada.get("/_dash-layout")
    for off in ("overview", "quotas", "cloudstats", "nodes", "top"):
        assert lost(menu, addresses((off,))), off
