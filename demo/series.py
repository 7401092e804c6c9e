"""Series of the simulated exporters: one description, read by the history (demo/backfill.py) and by the live exporters alike.

A Block is a group of series of one target that a call computes together for any times; NaN says that the exporter does not
show a series then. Because both readers evaluate the same function of time, counters run on over the seam between them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from demo.model import BUCKET, NodeEvent, Plan

DAY = 86400
RAW_DAYS = 3
RULE_DAYS = 30
QUOTA_DAYS = 90
STEP = 60  # seconds between raw samples of the history
FINE_HOURS = 12  # hours a node is looked at closely
COARSE = 300  # the look-back: nothing may be rarer without leaving holes
SPARSE = 600  # before raw history, of what is asked for over windows only


@dataclass(kw_only=True, eq=False)
class Block:
    """Series of one target with their labels (``__name__`` among them).

    values(times) gives a float64 array [series × times] for UTC epoch seconds; NaN: not exposed. Nothing is exposed outside
    [begin, end). `every` is the spacing of the history's samples in seconds, 0: live only; `before` that of samples before
    raw history begins, 0: none.
    """

    exporter: str
    instance: str
    labels: list[dict[str, str]]
    values: Callable[[np.ndarray], np.ndarray]
    begin: float = -math.inf
    end: float = math.inf
    every: int = STEP
    before: int = 0
    fine: bool = False  # in the last FINE_HOURS of the history as close as STEP, whatever `every`


def raw_begin(plan: Plan) -> int:
    """UTC epoch second raw history begins at; it depends on the plan alone, so that every process counts from the same moment."""
    return (plan.made_at - RAW_DAYS * DAY) // 3600 * 3600


def seed_of(*parts: object) -> int:
    """A number that depends on the parts alone, in every process (hash() does not)."""
    return zlib.crc32(repr(parts).encode())


class Running:
    """Sums of rates that are constant within a bucket, as counters: [rows × buckets] per second from `start` on."""

    def __init__(self, start: int, rates: np.ndarray) -> None:
        self.start = start
        self.buckets = rates.shape[1]
        self.sums = np.zeros((rates.shape[0], self.buckets + 1))
        np.cumsum(rates, axis=1, out=self.sums[:, 1:])
        self.sums *= BUCKET

    def at(self, times: np.ndarray) -> np.ndarray:
        """[rows × times]: what had been counted at each time; 0 before the start, the total after the last bucket."""
        place = np.minimum(np.maximum((times - self.start) / BUCKET, 0), self.buckets)
        whole = np.minimum(place.astype(np.int64), self.buckets - 1)
        low, high = self.sums.take(whole, axis=1), self.sums.take(whole + 1, axis=1)
        high -= low
        high *= place - whole
        high += low
        return high


class Levels:
    """Values that hold within a bucket, as gauges: [rows × buckets] from `start` on."""

    def __init__(self, start: int, rows: np.ndarray) -> None:
        self.start = start
        self.rows = rows

    def at(self, times: np.ndarray) -> np.ndarray:
        """[rows × times]: the bucket each time lies in; outside, the nearest one's."""
        place = ((times - self.start) // BUCKET).astype(np.int64)
        return self.rows.take(np.minimum(np.maximum(place, 0), self.rows.shape[1] - 1), axis=1)


@dataclass(frozen=True)
class Hum:
    """A rate that never stands still: a mean, a daily swing and two faster ones, with a closed integral.

    rate(t) = mean × (1 + Σ aₖ sin(2πt/Pₖ + φₖ)) with Σ aₖ < 1, so the integral only grows.
    """

    mean: float
    seed: int
    daily: float = 0.4

    def rate(self, times: np.ndarray) -> np.ndarray:
        """The rate at each time, in the mean's unit."""
        waves = _waves(self.seed, self.daily)
        return self.mean * (1 + sum(a * np.sin(times * (2 * math.pi / p) + phi) for a, p, phi in waves))

    def total(self, times: np.ndarray, since: float | np.ndarray) -> np.ndarray:
        """The integral of the rate from `since` to each time."""

        def integral(t: np.ndarray | float) -> np.ndarray:
            waves = _waves(self.seed, self.daily)
            return t - sum(a * p / (2 * math.pi) * np.cos(t * (2 * math.pi / p) + phi) for a, p, phi in waves)

        return np.maximum(self.mean * (integral(times) - integral(since)), 0)


GUST_SECONDS = (1200, 5400)  # how long people's programs run where they sign in
SELDOM = 0.75  # of the spans nobody runs anything out of the ordinary
WORKING = (7, 19)  # hours of the day, UTC
QUIET = 0.2  # of the rest


@dataclass(frozen=True)
class Gusts(Hum):
    """A hum with spells of more on top, up to `top` in each of GUST_SECONDS, oftener in working hours; its integral is as closed."""

    top: float = 0.0

    def rate(self, times: np.ndarray) -> np.ndarray:
        """The rate at each time, in the mean's unit."""
        return super().rate(times) + sum(self._heights(span, np.floor(times / span).astype(np.int64)) for span in GUST_SECONDS)

    def total(self, times: np.ndarray, since: float | np.ndarray) -> np.ndarray:
        """The integral of the rate from `since`, the same for all, to each time."""
        found = super().total(times, since)
        first = float(np.min(since))
        for span in GUST_SECONDS:
            spans = np.arange(int(first // span), int(times[-1] // span) + 1)
            sums = np.concatenate([[0.0], np.cumsum(self._heights(span, spans))]) * span
            edges = np.append(spans, spans[-1] + 1) * float(span)
            found = found + np.interp(times, edges, sums) - np.interp(first, edges, sums)
        return found

    def _heights(self, span: int, spans: np.ndarray) -> np.ndarray:
        drawn = np.maximum(_drawn(self.seed + span, spans) - SELDOM, 0) / (1 - SELDOM)
        hours = spans * span % DAY / 3600
        return self.top * drawn * np.where((hours >= WORKING[0]) & (hours < WORKING[1]), 1.0, QUIET)


def _drawn(seed: int, places: np.ndarray) -> np.ndarray:
    """A number from 0 to 1 for each place, the same in every process (splitmix64)."""
    mixed = places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed * 0xBF58476D1CE4E5B9 % (1 << 64))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(float) / float(1 << 53)


@lru_cache(maxsize=8192)
def _waves(seed: int, daily: float) -> tuple[tuple[float, float, float], ...]:
    """Part of the mean, period in seconds and phase of each wave of a hum."""
    phases = np.random.default_rng(seed).uniform(-0.6, 0.6, 3).tolist()
    # the daily wave peaks in the afternoon; the others only keep a line from being straight
    return (
        (daily, float(DAY), -0.7 * math.pi + phases[0]),
        (0.2, float(5400 + 60 * (seed % 50)), 5 * phases[1]),
        (0.15, float(900 + 10 * (seed % 30)), 5 * phases[2]),
    )


class Boots:
    """When one node was down, and since when its counters count."""

    def __init__(self, plan: Plan, name: str) -> None:
        down = [event for event in plan.events if event.node == name and _is_down(event)]
        self.spells = sorted((event.start, event.end or plan.horizon) for event in down)
        self.first = raw_begin(plan)
        # a boot time before the history is only shown; counters count from the history's beginning
        self.uptime = self.first - seed_of(name, plan.seed) % (40 * DAY) - DAY

    def down(self, times: np.ndarray) -> np.ndarray:
        """True where the node is down."""
        dark = np.zeros(len(times), bool)
        for start, end in self.spells:
            dark |= (times >= start) & (times < end)
        return dark

    def since(self, times: np.ndarray) -> np.ndarray:
        """The moment counters count from, for each time: the last boot, else the beginning of raw history."""
        begin = np.full(len(times), float(self.first))
        for _, end in self.spells:
            begin = np.where(times >= max(end, self.first), float(max(end, self.first)), begin)
        return begin

    def boot_time(self, times: np.ndarray) -> np.ndarray:
        """node_boot_time_seconds for each time."""
        boot = np.full(len(times), float(self.uptime))
        for _, end in self.spells:
            boot = np.where(times >= end, float(end), boot)
        return boot


def _is_down(event: NodeEvent) -> bool:
    return event.state & 0xF == 1


def run_end(end: int | None, plan: Plan) -> int:
    """The end of a run, or the plan's horizon for one that outlives it."""
    return plan.horizon if end is None else end
