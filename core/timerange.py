"""When: a span of time in UTC seconds, its step, and the texts it is written as in URLs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from core.errors import BadInput

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
NICE_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
MAX_POINTS = 11_000  # Prometheus' own limit of points in a series
MAX_SPAN = 10 * 366 * 86400
SLACK = 60  # seconds a reader's clock may be ahead of ours
POINTS = {"narrow": 180, "wide": 360}


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """start < end, both UTC seconds; `now` is when it was asked; `points` is about how many a chart can show."""

    start: int
    end: int
    now: int
    points: int = POINTS["wide"]
    relative: bool = False
    note: str = ""  # code of a sentence for the reader, if what was asked had to be changed

    @property
    def span(self) -> int:
        """Seconds from start to end."""
        return self.end - self.start

    def step(self, scrape: int) -> int:
        """Seconds between points: nice, at least the scrape interval, never above 11 000 points."""
        wanted = max(scrape, self.span / self.points, self.span / (MAX_POINTS - 2))
        nice = [step for step in NICE_STEPS if step >= wanted]
        return max(nice[0] if nice else NICE_STEPS[-1] * -(-int(wanted) // NICE_STEPS[-1]), scrape)

    def window(self, scrape: int) -> int:
        """Seconds a rate() looks back: max(step + scrape, 4 × scrape)."""
        return max(self.step(scrape) + scrape, 4 * scrape)

    def grid(self, scrape: int) -> tuple[int, int, int]:
        """(start, end, step) aligned to the step, so that neighbours share cached answers."""
        step = self.step(scrape)
        start = -(-self.start // step) * step
        return start, max(start, self.end // step * step), step

    def clipped(self, start: int, end: int) -> TimeRange:
        """The part inside [start, end] (at least one second)."""
        low = min(max(self.start, start), end - 1)
        return replace(self, start=low, end=max(min(self.end, end), low + 1))


def _moment(text: str, now: int) -> int:
    match = re.fullmatch(r"now(?:-([0-9]{1,6})([smhdw]))?", text)
    if match:
        return now - (int(match[1]) * UNITS[match[2]] if match[1] else 0)
    if re.fullmatch(r"[0-9]{9,11}", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput("time", text=text[:40]) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def parse(start: str | None, end: str | None, *, now: int, default: tuple[int, int], width: str = "wide") -> TimeRange:
    """Read `from=now-6h&to=now` or ISO times; what cannot be used is mended or replaced by the default, with a note.

    Notes: time_bad (unreadable, default shown), time_reversed (swapped), time_future (cut at now), time_long (cut to 10 years).
    """
    points = POINTS.get(width, POINTS["wide"])
    plain = TimeRange(start=default[0], end=max(default[1], default[0] + 1), now=now, points=points)
    if not start and not end:
        return plain
    try:
        low = _moment(start, now) if start else default[0]
        high = _moment(end, now) if end else now
    except (BadInput, OverflowError, OSError):
        return replace(plain, note="time_bad")
    note = ""
    if low > high:
        low, high, note = high, low, "time_reversed"
    if low >= now:
        # "now to now" is no time at all: the usual range, without a word about the future
        return replace(plain, note="time_future" if low > now + SLACK else "")
    if high > now:
        high, note = now, note or ("time_future" if high > now + SLACK else "")
    if high - low > MAX_SPAN:
        low, note = high - MAX_SPAN, "time_long"
    relative = bool(start and start.startswith("now-") and (not end or end == "now"))
    low = max(low, 0)
    return TimeRange(start=low, end=max(high, low + 1), now=now, points=points, relative=relative, note=note)
