"""One Chromium before the demo: who sits there, how wide it is, and how to wait until a page has drawn all it will draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.portal.reader import Reader

PATIENCE = 90  # seconds; two cores may be busy with the demo itself
# a section asks for its data when it comes into sight: the next one that has not is brought there
SETTLED = """
const shown = (one) => one.offsetParent !== null, all = (what) => Array.from(document.querySelectorAll(what));
const unseen = all('.tt-section[data-section]').find((one) => one.ttVisit !== one.dataset.visit);
if (unseen) unseen.scrollIntoView({behavior: 'instant'});
if (unseen || !document.querySelector('.tt-page') || document.querySelector('._dash-loading')) return false;
return !all('.tt-skeleton, .tt-waiting').some(shown) && !document.querySelector('.tt-section.tt-loading');
"""
WAITING = """
return Array.from(document.querySelectorAll('.tt-section[data-section]')).map((one) => [one.dataset.section, one.className,
  Array.from(one.querySelectorAll('.tt-skeleton, .tt-waiting')).filter((part) => part.offsetParent !== null).length].join(' ')).join('; ') + ' at ' + location.href
"""
SHOWN = "return location.href + ': ' + (document.querySelector('.tt-main') || document.body).innerText.slice(0, 600)"
# plots in sight, and those among them without a drawing
PLOTS = """
const plots = Array.from(document.querySelectorAll('.tt-plot')).filter((one) => one.offsetParent !== null);
return [plots.length, plots.filter((one) => !one.querySelector('svg.main-svg')).length];
"""
# what sticks out of the page to the right, named, for whoever reads the failure
WIDER = """
const wide = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= wide && window.innerWidth <= arguments[0]) return [];
return Array.from(document.querySelectorAll('.tt-shell *')).filter((one) => one.getBoundingClientRect().right > arguments[0] + 1)
  .slice(0, 5).map((one) => one.tagName + '.' + one.className).concat('page ' + document.documentElement.scrollWidth);
"""
ASKED = """
return performance.getEntriesByType('resource').filter((one) => one.name.includes('_dash-update-component')).length
"""


class Screen:
    """A person at the portal, with eyes and a mouse."""

    def __init__(self, driver: Any, url: str, reader: Callable[[str], Reader]) -> None:
        self.driver, self.url, self.reader = driver, url, reader
        self.login: str | None = None

    def be(self, login: str | None) -> Screen:
        """Sign in by the session of somebody who has signed in; None: nobody."""
        wanted = dict(self.reader(login).http.cookies.items()) if login else {}
        self.driver.get(f"{self.url}/healthz")
        self.driver.execute_script("localStorage.clear()")
        self.until(lambda: self._cookies(wanted))
        self.driver.get_log("browser")
        return self

    def _cookies(self, wanted: dict[str, str]) -> bool:
        """Put these cookies in; False while a late answer to the person before brings that one's back."""
        self.driver.delete_all_cookies()
        for name, value in wanted.items():
            self.driver.add_cookie({"name": name, "value": value, "path": "/"})
        self.driver.get(f"{self.url}/healthz")
        return {one["name"] for one in self.driver.get_cookies()} == set(wanted)

    def at(self, path: str) -> Screen:
        """Go to a page without waiting for what is below its first screen."""
        self.driver.get(self.url + path)
        return self

    def look(self, *, dark: bool = False, width: int = 1440) -> Screen:
        """The system's theme and the size of the window."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
        return self

    def open(self, path: str) -> Screen:
        """Go to a page and wait until it has drawn all of it."""
        self.driver.get(self.url + path)
        return self.settled()

    def js(self, script: str, *values: Any) -> Any:
        """Run a script."""
        return self.driver.execute_script(script, *values)

    def wait(self, script: str, *values: Any) -> Any:
        """Wait until a script gives something true, and return it."""
        try:
            return WebDriverWait(self.driver, PATIENCE, 0.1).until(lambda driver: driver.execute_script(script, *values))
        except TimeoutException as error:
            raise TimeoutException(f"{script} {values} at {self.js(SHOWN)}") from error

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something has happened outside the page."""
        WebDriverWait(self.driver, PATIENCE, 0.1).until(lambda _driver: happened())

    def settled(self) -> Screen:
        """Wait until every section was in sight and has its data."""
        try:
            self.wait(SETTLED)
        except TimeoutException as error:
            raise AssertionError(f"not all was drawn: {self.js(WAITING)}") from error
        self.js("window.scrollTo(0, 0)")
        return self

    def find(self, css: str, text: str = "") -> WebElement:
        """The first element in sight that fits and shows this text."""

        def seen(driver: Any) -> WebElement | None:
            found = driver.find_elements(By.CSS_SELECTOR, css)
            return next((one for one in found if one.is_displayed() and text in one.text), None)

        patience = WebDriverWait(self.driver, PATIENCE, 0.1, ignored_exceptions=[StaleElementReferenceException])
        try:
            return patience.until(seen)
        except TimeoutException as error:
            raise AssertionError(f"no {css} {text} at {self.js(SHOWN)}") from error

    def click(self, css: str, text: str = "") -> None:
        """Click where a person would, with what is fixed above out of the way."""

        def clicked(_driver: Any) -> bool:
            element = self.find(css, text)
            self.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
            element.click()
            return True

        # drawn anew or moved between the look and the click: it has not been clicked, so look again
        missed = [StaleElementReferenceException, ElementClickInterceptedException, ElementNotInteractableException]
        WebDriverWait(self.driver, PATIENCE, 0.1, ignored_exceptions=missed).until(clicked, f"{css} {text} could not be clicked")

    def text(self, css: str = "body") -> str:
        """The text of an element."""
        return self.wait("return document.querySelector(arguments[0])?.innerText", css)

    def search(self) -> str:
        """The query of the address."""
        return self.js("return location.search")

    def asked(self) -> int:
        """How many requests of Dash's the page has had answered."""
        return self.js(ASKED)

    def console(self) -> list[dict]:
        """Everything the console said since the last look."""
        return self.driver.get_log("browser")
