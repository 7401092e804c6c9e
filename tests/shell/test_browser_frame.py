"""The frame around pages in a real browser: the reader's zone, the end of a session, what borders one sees."""

from __future__ import annotations

import pytest

from tests.shell.test_browser import DRAWN, _wait

pytestmark = pytest.mark.browser


def test_the_zone_is_told_with_its_hours(open_app, make_app) -> None:
    """Kolkata is five and a half hours ahead all year, Phoenix seven behind; UTC needs no hours."""
    browser = open_app(make_app())
    for zone, told in (("Asia/Kolkata", "(UTC+5:30)"), ("America/Phoenix", "America/Phoenix (UTC−7)"), ("UTC", "UTC")):
        browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})
        browser.driver.refresh()
        _wait(browser, f"return (document.querySelector('[data-zone]') || {{}}).textContent?.endsWith('{told}')")


def test_nothing_stays_dimmed_when_the_session_has_ended(open_app, make_app) -> None:
    browser = open_app(make_app())
    _wait(browser, DRAWN)
    browser.driver.execute_script(
        "document.querySelectorAll('.tt-section').forEach((one) => one.classList.add('tt-loading')); window.turtle.sessionEnded();"
    )
    assert browser.driver.execute_script("return document.querySelectorAll('.tt-section.tt-loading').length") == 0
    assert browser.driver.execute_script("return document.getElementById('tt-ended').childNodes.length") > 0
