"""In a real browser: what staff narrow to goes along through menu, links and charts; back undoes it; search by keyboard alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from components import graph, links
from components.filterbar import filter_bar
from components.records import Page
from core.narrow import PARAMETERS, view_of
from core.settings import Settings
from core.viewer import ANYONE
from datasources.slurm.search import Hit, Hits
from tests.shell import fakes
from tests.shell.test_browser import DRAWN, SETTLED, _wait

pytestmark = pytest.mark.browser
CHIPS = "return Array.from(document.querySelectorAll('.tt-page .tt-chip b')).map((one) => one.textContent).join()"
SPAN = "from=2026-11-22T00:00:00Z&to=2026-11-22T02:00:00Z"  # what fakes.wide() draws
HITS = "return Array.from(document.querySelectorAll('#tt-search [role=option] .tt-search-text')).map((one) => one.textContent).join()"


def _leading(frame: Any, about: Any) -> dict[str, Any]:
    """Lines whose points lead to a person's page."""
    traces = graph.lines(frame)
    for trace, name in zip(traces, ("mira", "noor"), strict=False):
        trace["meta"]["href"] = links.link(about.settings, f"/user/{name}")
    return graph.figure(traces, unit="B", about=about)


def _page(key: str, path: str, order: int) -> Page:
    def head(sources: Any, viewer: Any, subject: Any, when: Any) -> tuple[str, Any, None]:
        return key, filter_bar(Settings(), subject, path, viewer=viewer), None

    section = replace(fakes.OPEN[0], panels=(fakes._panel("good", "good", _leading),))
    made = fakes._page(key, path, ANYONE, (section,), view_of)
    return replace(made, filters=PARAMETERS, order=order, head=head)


PAGES = (_page("status", "/", 0), _page("nodes", "/nodes", 10), _page("jobs", "/jobs", 20), fakes.PAGES[1])


@pytest.fixture
def staff(make_app: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The portal for somebody of the staff."""
    monkeypatch.setattr("components.viewers.Viewers.of", lambda self, profile: fakes.STAFFER)
    monkeypatch.setattr("components.search.suggestions", lambda sources, viewer: {"account": ["def-a", "def-b"], "user": ["mira"], "partition": [], "node": ["c1"]})
    return make_app(pages=PAGES)


def _entry(browser: Any, path: str) -> Any:
    return browser.driver.find_element(By.CSS_SELECTOR, f".tt-side a.tt-nav[href^='{path}']")


def _there(browser: Any, key: str) -> None:
    """Wait until this page is the one that is shown."""
    _wait(browser, f"return (document.querySelector('.tt-page') || {{dataset: {{}}}}).dataset.page === '{key}'")


def _address(browser: Any) -> str:
    return browser.driver.execute_script("return location.pathname + location.search")


def test_narrowing_goes_along_and_back_undoes_it(open_app: Any, staff: Any) -> None:
    browser = open_app(staff)
    _wait(browser, DRAWN)
    browser.driver.execute_script("window.sameDocument = true")
    field = browser.driver.find_element(By.CSS_SELECTOR, ".tt-narrow input[name=account]")
    field.click()
    _wait(browser, "return document.querySelectorAll('#tt-names-account option').length === 2")
    field.send_keys("def-a", Keys.ENTER)
    _wait(browser, f"{CHIPS} === 'def-a'")
    assert _address(browser) == "/?account=def-a"
    browser.driver.execute_script("document.querySelector('[data-range=\"now-6h\"]').click()")
    _wait(browser, "return location.search === '?account=def-a&from=now-6h&to=now'")
    # what a middle click or a copied link gets is the entry's own address
    _wait(browser, "return document.querySelector(\".tt-side a[href^='/nodes']\").getAttribute('href').includes('account=def-a')")
    _entry(browser, "/nodes").click()
    _wait(browser, "return location.pathname === '/nodes'")
    _wait(browser, f"{CHIPS} === 'def-a'")
    assert "from=now-6h&to=now" in _address(browser)
    _entry(browser, "/jobs").click()
    _wait(browser, "return location.pathname === '/jobs'")
    assert "user=*" in _address(browser)  # narrowed and nobody named: everybody's jobs
    _there(browser, "jobs")
    browser.driver.back()
    # the address goes back at once; the page before, with a chip of its own, is still shown until this one comes
    _there(browser, "nodes")
    _wait(browser, f"{CHIPS} === 'def-a'")
    browser.driver.find_element(By.CSS_SELECTOR, ".tt-chip a").click()
    _wait(browser, f"{CHIPS} === ''")
    assert _address(browser) == "/nodes?from=now-6h&to=now"
    browser.driver.back()
    _wait(browser, f"{CHIPS} === 'def-a'")
    assert browser.driver.execute_script("return window.sameDocument")  # nothing was read anew
    assert browser.get_logs() == []


def test_a_point_of_a_chart_leads_on(open_app: Any, staff: Any) -> None:
    browser = open_app(staff, f"/?account=def-a&{SPAN}")
    _wait(browser, DRAWN)
    _wait(browser, SETTLED)
    browser.driver.execute_script("window.sameDocument = true")
    lead = "const p = document.querySelector('.js-plotly-plot'); return window.turtle.leadsTo({data: p.data[%d], pointNumber: 3, curveNumber: %d})"
    assert [browser.driver.execute_script(lead % (place, place)) for place in (0, 1)] == ["/user/mira", "/user/noor"]
    plot = browser.driver.find_element(By.CSS_SELECTOR, ".js-plotly-plot .nsewdrag")
    ActionChains(browser.driver).move_to_element(plot).perform()
    _wait(browser, "return !!document.querySelector('.js-plotly-plot.tt-leads')")
    assert browser.driver.execute_script("return getComputedStyle(document.querySelector('.js-plotly-plot .nsewdrag')).cursor") == "pointer"
    ActionChains(browser.driver).click(plot).perform()
    _wait(browser, "return location.pathname.startsWith('/user/')")
    assert browser.driver.execute_script("return location.search") == f"?{SPAN}"
    # the page of a person cannot be narrowed; on the way back what held still holds
    _wait(browser, "return document.querySelector(\".tt-side a[href^='/nodes']\").getAttribute('href').includes('account=def-a')")
    assert browser.driver.execute_script("return window.sameDocument")


@pytest.mark.parametrize(
    ("href", "at", "leads"),
    [
        ('"/job/5"', "7", "/job/5"), ('["/a", "", "/c"]', "2", "/c"), ('["/a", "", "/c"]', "1", ""), ('[["/a", "/b"], ["/c", "/d"]]', "[1, 0]", "/c"),
        ('{base: "/node/", names: ["c1", "c 2"]}', "1", "/node/c%202"), ('{base: "/node/", names: ["c1", "c2"]}', "[1, 40]", "/node/c2"),
        ('{base: "/node/", names: [["c1", "c2"], ["c3", null]]}', "[0, 1]", "/node/c2"), ('{base: "/node/", names: [["c1"], ["c3", null]]}', "[1, 1]", ""),
        ("undefined", "0", ""),
    ],
)  # fmt: skip
def test_the_forms_of_an_address(open_app: Any, staff: Any, href: str, at: str, leads: str) -> None:
    """One for all points, one a point, one a cell, and names below one address: by point, by row, by cell."""
    browser = open_app(staff)
    _wait(browser, "return !!(window.turtle && window.turtle.leadsTo)")
    assert browser.driver.execute_script(f"return window.turtle.leadsTo({{data: {{meta: {{href: {href}}}}}, pointNumber: {at}}})") == leads


def _hits(text: str) -> dict[str, Hits]:
    return {"person": Hits(hits=(Hit(kind="person", name="mira", detail="<b>Mira</b>"), Hit(kind="person", name="mirko"))), "node": Hits(hits=())} if text else {}


@pytest.fixture
def searching(staff: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The portal whose search finds mira and mirko; a text that begins with "slow" waits for a sign."""
    sign = threading.Event()

    def find(sources: Any, *, viewer: Any, text: str, kinds: Any) -> dict[str, Hits]:
        if text.startswith("slow"):
            sign.wait(5)
            return {"person": Hits(hits=(Hit(kind="person", name="stale"),))}
        return _hits(text)

    monkeypatch.setattr("components.search.find", find)
    yield staff, sign
    sign.set()


def _type(browser: Any, *keys: str) -> None:
    ActionChains(browser.driver).send_keys(*keys).perform()


def test_search_by_keyboard_alone(open_app: Any, searching: Any) -> None:
    browser = open_app(searching[0])
    _wait(browser, DRAWN)
    _type(browser, "/")
    _wait(browser, "return document.activeElement.id === 'tt-search-input'")
    field = browser.driver.find_element(By.ID, "tt-search-input")
    assert field.get_attribute("role") == "combobox"
    _type(browser, "mir")
    _wait(browser, f"{HITS} === 'mira,mirko'")
    assert field.get_attribute("value") == "mir"  # the key that opened it is not typed
    assert browser.driver.execute_script("return document.querySelector('.tt-search-list b') === null")
    chosen = "return (document.querySelector('[role=option][aria-selected=true]') || {}).id"
    first = browser.driver.execute_script(chosen)
    assert field.get_attribute("aria-activedescendant") == first
    _type(browser, Keys.ARROW_DOWN)
    assert browser.driver.execute_script(chosen) != first
    _type(browser, Keys.ARROW_UP, Keys.ENTER)
    _wait(browser, "return location.pathname === '/user/mira'")
    assert field.get_attribute("aria-expanded") == "false"
    ActionChains(browser.driver).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    _wait(browser, "return document.activeElement.id === 'tt-search-input'")
    _type(browser, Keys.ESCAPE)
    _wait(browser, "return document.activeElement.id !== 'tt-search-input'")
    assert browser.driver.execute_script("return document.querySelectorAll('.tt-search.tt-open').length") == 0
    assert browser.get_logs() == []


def test_late_answers_are_dropped(open_app: Any, searching: Any) -> None:
    app, sign = searching
    browser = open_app(app)
    _wait(browser, DRAWN)
    _type(browser, "/", "slow")
    _wait(browser, "return document.querySelector('.tt-search').classList.contains('tt-busy')")
    _type(browser, Keys.BACKSPACE, Keys.BACKSPACE, Keys.BACKSPACE, Keys.BACKSPACE, "mir")
    _wait(browser, f"{HITS} === 'mira,mirko'")
    sign.set()
    browser.driver.execute_async_script("setTimeout(arguments[0], 600)")
    assert browser.driver.execute_script(HITS) == "mira,mirko"


OVERTAKEN = """
const field = document.getElementById('tt-search-input'), list = document.querySelector('.tt-search-list'), real = window.fetch;
const type = (text) => { field.value = text; field.dispatchEvent(new InputEvent('input', {bubbles: true})); };
const key = (name) => field.dispatchEvent(new KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}));
window.fetch = async (...asked) => {
  const answer = await real(...asked);
  if (String(asked[0]).endsWith('q=mir')) type('mira');   // more is typed just before the answer is read
  return answer;
};
new MutationObserver((seen, watch) => { if (list.childElementCount) { watch.disconnect(); arguments[0].forEach(key); } }).observe(list, {childList: true});
type('mir');
"""


@pytest.mark.parametrize(("keys", "name"), [(["Enter"], "only"), (["ArrowDown", "Enter"], "mirko")])
def test_an_answer_to_fewer_letters_is_not_taken_for_all_of_them(
    open_app: Any, searching: Any, monkeypatch: pytest.MonkeyPatch, keys: list[str], name: str
) -> None:
    """Enter asks for what was typed last; what somebody chose with the arrows among what is seen is what opens."""
    monkeypatch.setattr(
        "components.search.find",
        lambda sources, *, viewer, text, kinds: {"person": Hits(hits=(Hit(kind="person", name="only"),))} if text == "mira" else _hits(text),
    )
    browser = open_app(searching[0])
    _wait(browser, DRAWN)
    _type(browser, "/")
    _wait(browser, "return document.activeElement.id === 'tt-search-input'")
    browser.driver.execute_script(OVERTAKEN, keys)
    _wait(browser, f"return location.pathname === '/user/{name}'")


def test_a_failure_is_said(open_app: Any, searching: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = open_app(searching[0])
    _wait(browser, DRAWN)
    browser.driver.execute_script("window.fetch = () => Promise.reject(new TypeError('gone'))")
    _type(browser, "/", "mir")
    _wait(browser, "return (document.querySelector('.tt-search-list .tt-bad-note') || {}).textContent?.includes('could not be answered')")


def test_there_is_no_search_without_the_module(make_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.viewers.Viewers.of", lambda self, profile: fakes.STAFFER)
    rules = {rule.rule for rule in make_app(pages=PAGES, modules={"search": False}).server.url_map.iter_rules()}
    assert "/search" not in rules
    assert "/names" in rules
