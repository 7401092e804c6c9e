"""What all tests share: real servers, one browser, and the rings they run in."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from tests import services
from tests.rings import pytest_collection_modifyitems, pytest_runtest_logreport, pytest_terminal_summary

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_logreport", "pytest_terminal_summary"]


@pytest.fixture(scope="session")
def mariadb() -> Iterator[services.MariaDb]:
    """One MariaDB for the whole run; each test makes the database it needs with create()."""
    with services.start_mariadb() as database:
        yield database


@pytest.fixture(scope="session")
def prometheus_from() -> Iterator[Callable[..., str]]:
    """prometheus_from(openmetrics, remote_write=False, rules=None) → address; one server for each different text."""
    with contextlib.ExitStack() as running:
        known: dict[tuple, str] = {}

        def start(openmetrics: str | None = None, *, remote_write: bool = False, rules=None) -> str:
            key = (openmetrics, remote_write, str(rules))
            # a server that takes remote writes holds what one test wrote: never shared
            if key not in known or remote_write:
                server = services.start_prometheus(openmetrics, remote_write=remote_write, rules=rules)
                known[key] = running.enter_context(server)
            return known[key]

        yield start


@pytest.fixture(scope="session")
def prometheus(prometheus_from: Callable[..., str]) -> Callable[..., str]:
    """Another name of prometheus_from."""
    return prometheus_from


@pytest.fixture(scope="session")
def oidc() -> Iterator[services.OidcProvider]:
    """An OpenID Connect provider for the whole run."""
    with services.start_oidc() as provider:
        yield provider


def pytest_setup_options():
    """Chromium's options, asked for by dash.testing."""
    from selenium.webdriver.chrome.options import Options

    options = Options()
    options.binary_location = services.program("chromium")
    size = "--window-size=1440,1000"
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", size):
        options.add_argument(flag)
    # every message of the page's console is wanted, not only errors
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """One Chromium for the whole run: starting one for each test doubles their time."""
    services.program("chromium")
    services.program("chromedriver")
    from dash.testing.browser import Browser

    chromium = Browser(
        browser="Chrome",
        headless=True,
        options=request.config.hook.pytest_setup_options(),
        download_path=str(tmp_path_factory.mktemp("download")),
        percy_run=False,
        percy_assets_root="",
        percy_finalize=False,
        wait_timeout=10,
    )
    with chromium:
        yield chromium


@contextlib.contextmanager
def served(app) -> Iterator[str]:
    """Serve a Dash or Flask application on a loopback port. (dash_duo would kill every thread born during the test.)"""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, getattr(app, "server", app), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture
def open_app(browser) -> Iterator[Callable]:
    """open_app(app, path="/") serves the application, opens the path in the browser and returns the browser.

    `browser.server_url` is the address served. End a test with `assert browser.get_logs() == []`.
    """
    with contextlib.ExitStack() as running:

        def show(app, path: str = "/"):
            url = running.enter_context(served(app))
            # the setter would open the address and wait for Dash; the test decides what to open and to wait for
            browser._url = url
            browser.driver.set_window_size(1280, 900)  # whatever a test before made of it
            browser.driver.get(url + path)
            return browser

        yield show
        browser.driver.get("about:blank")
        browser.driver.delete_all_cookies()
        browser.reset_log_timestamp()
