"""The rings of the test run: pure tests first, then those with real servers, then those in a browser."""

from __future__ import annotations

from collections import Counter

import pytest

RINGS = ("pure", "services", "browser")
NEEDS = {"mariadb": "services", "prometheus": "services", "prometheus_from": "services", "browser": "browser"}
_seconds: Counter[str] = Counter()
_tests: Counter[str] = Counter()
_ring_of: dict[str, str] = {}


def ring_of(item: pytest.Item) -> str:
    """The ring of a test: 'browser', 'services' or 'pure'."""
    return next((ring for ring in reversed(RINGS) if item.get_closest_marker(ring)), "pure")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a server or the browser, before -m selects, and put the rings in order."""
    for item in items:
        for ring in {NEEDS[name] for name in getattr(item, "fixturenames", ()) if name in NEEDS}:
            item.add_marker(ring)
        _ring_of[item.nodeid] = ring_of(item)
    items.sort(key=lambda item: RINGS.index(_ring_of[item.nodeid]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count each ring's tests and seconds, set-up and tear-down included."""
    ring = _ring_of.get(report.nodeid, "pure")
    _seconds[ring] += report.duration
    _tests[ring] += report.when == "call"


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how long each ring took."""
    for ring in RINGS:
        terminalreporter.write_line(f"ring {ring:9} {_tests[ring]:5} tests {_seconds[ring] / 60:6.1f} min")
