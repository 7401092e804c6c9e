"""A stranger without an account walks the pages for everybody, and is never sent to one that wants a person."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.portal.screen import Screen
from tests.portal.test_browser import NARROW, THEME, WIDE, _looks_right
from tests.portal.test_ways import arrive

pytestmark = pytest.mark.browser
# path → (its heading, how many charts it draws at least, the words of the link on the front page if there is one)
PUBLIC = {
    "/scheduler": ("Scheduler", 12, ""),
    "/filesystems": ("File systems", 8, "All of the file systems"),
    "/logins": ("Login nodes", 8, "Login nodes"),
    "/transfers": ("Transfer nodes", 8, "Transfer nodes"),
    "/software": ("Software", 3, ""),
}
LINKS = "return Array.from(document.querySelectorAll('.tt-shell a[href]')).map((one) => one.getAttribute('href'))"
GLANCE = '[data-section="status:glance"] a'


NAMED = """const card = [...document.querySelectorAll('.tt-wide')].find((one) => one.textContent.includes('Questions to slurmctld'));
    return [card.querySelector('.js-plotly-plot').data.length, card.querySelectorAll('.legendtext').length]"""


def _for_everybody(screen: Screen) -> None:
    """No link of the page leads to what only somebody signed in may open; signing in itself is there once."""
    paths = [urlsplit(link).path for link in screen.js(LINKS)]
    assert paths.count("/signin") == 1
    wanted = {"", "/", "/signin", *PUBLIC}
    assert [path for path in paths if path not in wanted and not path.startswith("/export/")] == []
    own = ("/export/status/", *(f"/export{path}/" for path in PUBLIC))
    assert all(path.startswith(own) for path in paths if path.startswith("/export/"))


def _arrived(screen: Screen, path: str, width: int) -> None:
    title, charts, _words = PUBLIC[path]
    arrive(screen, path, title)
    assert screen.text("h1") == title
    _looks_right(screen, charts, width)
    _for_everybody(screen)


def test_a_stranger_walks_from_the_cards_of_the_front_page(screen: Screen) -> None:
    """By the links of the front page's cards, wide and light."""
    screen.be(None).look().open("/")
    _looks_right(screen, 2, WIDE)
    _for_everybody(screen)
    for path, (_title, _charts, words) in PUBLIC.items():
        if words:
            screen.click(GLANCE, words)
            _arrived(screen, path, WIDE)
            screen.js("history.back()")
            arrive(screen, "/")
    assert screen.console() == []


def test_a_stranger_with_a_dark_phone_walks_by_the_drawer(screen: Screen) -> None:
    screen.be(None).look(dark=True, width=NARROW).open("/")
    assert screen.js(THEME) == "dark"
    _looks_right(screen, 2, NARROW)
    for path in PUBLIC:
        screen.click("button[data-drawer]")
        screen.click(f'.tt-side a[href="{path}"]')
        _arrived(screen, path, NARROW)
    assert screen.console() == []


def test_a_chart_in_a_row_of_its_own_names_all_its_lines(screen: Screen) -> None:
    """Eight kinds of questions with long names, and the others: half a row has no room for so many."""
    screen.be(None).look().open("/scheduler")
    _looks_right(screen, 12, WIDE)
    lines, named = screen.js(NAMED)
    assert lines == named == 9
