"""The frame in a real browser: charts are drawn, the address is the state, the console stays silent."""

from __future__ import annotations

import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

from pages.status import PAGE as STATUS
from tests.shell import fakes

pytestmark = pytest.mark.browser
DRAWN = "return document.querySelectorAll('.tt-plot:not(.tt-waiting) .js-plotly-plot .main-svg').length"
SETTLED = "return document.querySelectorAll('.tt-section.tt-loading').length === 0"


def _wait(browser, script: str, seconds: int = 60):
    """Wait until a script gives something true; a failure says what was asked, where, and what was on the screen."""
    try:
        return WebDriverWait(browser.driver, seconds, 0.1).until(lambda driver: driver.execute_script(script))
    except TimeoutException as error:
        seen = browser.driver.execute_script("return location.href + ': ' + document.body.innerText.slice(0, 600)")
        raise AssertionError(f"{script} never came true at {seen}") from error


@pytest.fixture
def front(make_app, monkeypatch):
    for module in ("status", "status_now", "status_free"):  # each reads it by its own name
        monkeypatch.setattr(f"pages.{module}.read_now", lambda sources: fakes.cluster())
    return make_app(pages=(STATUS,))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_front_page_draws_in_silence(open_app, front, theme: str) -> None:
    browser = open_app(front)
    _wait(browser, DRAWN)
    browser.driver.execute_script("localStorage.setItem('turtle-theme', arguments[0]); location.reload()", theme)
    _wait(browser, f"return document.documentElement.dataset.bsTheme === '{theme}'")
    _wait(browser, DRAWN)
    assert _wait(browser, "return document.querySelector('.tt-tile-value').textContent").startswith("58")
    assert browser.driver.execute_script("return document.title") == "Cluster status · Turtle"
    assert browser.get_logs() == []


def test_theme_switch_repaints_without_a_request(open_app, front) -> None:
    browser = open_app(front)
    _wait(browser, DRAWN)
    _wait(browser, SETTLED)
    asked = "return performance.getEntriesByType('resource').filter(r => r.name.includes('_dash-update-component')).length"
    colour = "return document.querySelector('.js-plotly-plot').data[0].line.color"
    before, count = browser.driver.execute_script(colour), browser.driver.execute_script(asked)
    browser.driver.execute_script("document.querySelector('[data-theme-toggle]').click()")
    _wait(browser, f"{colour} !== '{before}'")
    assert browser.driver.execute_script(asked) == count
    assert browser.get_logs() == []


def test_zoom_is_in_the_address_and_back_undoes_it(open_app, front) -> None:
    browser = open_app(front)
    _wait(browser, DRAWN)
    _wait(browser, SETTLED)
    browser.driver.execute_script("document.querySelector('[data-range=\"now-6h\"]').click()")
    _wait(browser, "return location.search === '?from=now-6h&to=now'")
    _wait(browser, "return document.querySelector('[data-label=range]').textContent === 'Last 6 hours'")
    _wait(browser, SETTLED)
    zoom = (
        "const p = document.querySelector('.js-plotly-plot'), r = p.layout.xaxis.range, a = +new Date(r[0]), b = +new Date(r[1]);"
        "const s = (t) => new Date(t - new Date(t).getTimezoneOffset() * 60000).toISOString().slice(0, 19).replace('T', ' ');"
        "window.Plotly.relayout(p, {'xaxis.range[0]': s(a + (b - a) / 4), 'xaxis.range[1]': s(b - (b - a) / 4)}); return true"
    )
    assert _wait(browser, "return !!window.Plotly") and browser.driver.execute_script(zoom)
    _wait(browser, "return /from=20..-.*Z&to=20..-.*Z/.test(location.search)")
    browser.driver.execute_script("document.querySelector('[data-range-back]').click()")
    _wait(browser, "return location.search === '?from=now-6h&to=now'")
    browser.driver.refresh()
    _wait(browser, DRAWN)
    _wait(browser, "return document.querySelector('[data-label=range]').textContent === 'Last 6 hours'")
    assert browser.get_logs() == []


def test_every_state_of_a_panel_is_shown(open_app, make_app) -> None:
    browser = open_app(make_app())
    _wait(browser, DRAWN)
    _wait(browser, "return document.querySelectorAll('.tt-message .tt-empty').length >= 4")
    assert "could not be drawn" in browser.driver.execute_script("return document.body.textContent")
    assert browser.driver.execute_script("return document.querySelectorAll('.tt-message b').length") == 0
    assert browser.get_logs() == []


def test_the_share_button_is_nowhere(open_app, front) -> None:
    browser = open_app(front)
    _wait(browser, DRAWN)
    assert browser.driver.execute_script("return document.querySelectorAll('.modebar-btn').length") == 0
    assert browser.driver.execute_script("return document.querySelector('.js-plotly-plot')._context.showSendToCloud") is False
    assert browser.get_logs() == []


def test_a_legend_never_covers_its_plot(open_app, front) -> None:
    browser = open_app(front)
    below = """const found = [...document.querySelectorAll('.js-plotly-plot')].filter(p => p.querySelector('.legend'));
        return found.length > 0 && found.every(p => p.querySelector('.legend').getBoundingClientRect().bottom
            <= p.getBoundingClientRect().top + p._fullLayout._size.t + 1);"""
    for width in (1440, 390):
        browser.driver.set_window_size(width, 900)
        browser.driver.refresh()
        _wait(browser, DRAWN)
        assert _wait(browser, below)


def test_one_cursor_for_all_charts(open_app, front) -> None:
    browser = open_app(front)
    drawn = "document.querySelectorAll('.tt-plot:not(.tt-waiting) .js-plotly-plot[data-tt] .nsewdrag')"
    _wait(browser, f"return {drawn}.length > 1")
    _wait(browser, SETTLED)  # a chart that is drawn anew drops the mouse that was on it
    ActionChains(browser.driver).move_to_element(browser.driver.execute_script(f"return {drawn}[0]")).perform()
    assert _wait(browser, "return document.querySelectorAll('.tt-cursor:not([hidden])').length === 1")
