"""Time ranges: whatever is asked, a chart gets a range it can show, and the reader is told what was changed."""

from __future__ import annotations

import pytest

from core.timerange import MAX_SPAN, TimeRange, parse

NOW = 1_795_350_000  # 2026-11-22 12:20:00 UTC, counted by `date -u -d @1795350000`
DAY = 86400
DEFAULT = (NOW - 6 * 3600, NOW)


def read(start: str | None, end: str | None) -> TimeRange:
    return parse(start, end, now=NOW, default=DEFAULT)


def test_nothing_asked_is_the_default() -> None:
    found = read(None, None)
    assert (found.start, found.end, found.note) == (*DEFAULT, "")


@pytest.mark.parametrize(
    ("start", "end", "low", "high", "relative"),
    [
        ("now-6h", "now", NOW - 21600, NOW, True),
        ("now-2d", None, NOW - 2 * DAY, NOW, True),
        ("now-1w", "now-1d", NOW - 7 * DAY, NOW - DAY, False),
        ("1795300000", "1795303600", 1795300000, 1795303600, False),
        ("2026-11-22T00:00:00Z", "2026-11-22T01:00:00+00:00", NOW - 44400, NOW - 40800, False),
        ("2026-11-22T02:00:00+02:00", "2026-11-22T01:00", NOW - 44400, NOW - 40800, False),
    ],
)
def test_what_is_asked(start: str, end: str | None, low: int, high: int, relative: bool) -> None:
    found = read(start, end)
    assert (found.start, found.end, found.relative, found.note) == (low, high, relative, "")


@pytest.mark.parametrize(
    ("start", "end", "low", "high", "note"),
    [
        ("rubbish", "now", *DEFAULT, "time_bad"),
        ("now-6y", "now", *DEFAULT, "time_bad"),
        ("2026-13-45", None, *DEFAULT, "time_bad"),
        ("now+1h", "now", *DEFAULT, "time_bad"),
        ("now-1h", "now-6h", NOW - 21600, NOW - 3600, "time_reversed"),
        ("2027-01-01", "2027-02-01", *DEFAULT, "time_future"),
        ("now-1h", "2027-02-01", NOW - 3600, NOW, "time_future"),
        ("1980-01-01", "now", NOW - MAX_SPAN, NOW, "time_long"),
        ("now-999999w", "now", NOW - MAX_SPAN, NOW, "time_long"),
        ("0001-01-01", "0002-01-01", 0, 1, ""),
        ("now", "now", *DEFAULT, ""),
        ("now", None, *DEFAULT, ""),
    ],
)
def test_what_is_mended(start: str, end: str | None, low: int, high: int, note: str) -> None:
    found = read(start, end)
    assert (found.start, found.end, found.note) == (low, high, note)


@pytest.mark.parametrize("scrape", [1, 15, 30, 60, 90, 300, 3600])
@pytest.mark.parametrize("span", [1, 59, 3600, 6 * 3600, 7 * DAY, 23 * DAY, 400 * DAY, MAX_SPAN])
@pytest.mark.parametrize("points", [180, 360, 20_000])
def test_steps_and_grids(scrape: int, span: int, points: int) -> None:
    """At least the scrape interval, never more than 11 000 points, aligned, window as the design says."""
    when = TimeRange(start=NOW - span - 7, end=NOW - 7, now=NOW, points=points)
    start, end, step = when.grid(scrape)
    assert step >= scrape
    assert (end - start) // step + 1 <= 11_000
    assert start % step == 0 and end % step == 0 and end >= start
    assert when.start <= start < when.start + step
    assert end <= max(when.end, start)
    assert when.window(scrape) == max(step + scrape, 4 * scrape)


def test_nice_steps() -> None:
    assert TimeRange(start=0, end=6 * 3600, now=NOW, points=360).step(30) == 60
    assert TimeRange(start=0, end=7 * DAY, now=NOW, points=360).step(30) == 1800
    assert TimeRange(start=0, end=60, now=NOW).step(90) == 120


def test_clipping_keeps_at_least_a_second() -> None:
    when = TimeRange(start=100, end=200, now=NOW)
    assert (when.clipped(150, 300).start, when.clipped(150, 300).end) == (150, 200)
    outside = when.clipped(500, 600)
    assert outside.end > outside.start
