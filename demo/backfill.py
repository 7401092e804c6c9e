"""History of the simulated cluster for an empty Prometheus, by remote write in time order.

Prometheus takes nothing that is an hour older than its newest sample, so one pass goes through time: quotas alone at first,
then the recorded rules beside them, then raw samples beside both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from demo.backfill_rules import Key, rules_between
from demo.backfill_write import Sender, encode, head, mark_ends, template
from demo.behaviour import profile
from demo.model import Plan
from demo.series import COARSE, DAY, FINE_HOURS, QUOTA_DAYS, RULE_DAYS, SPARSE, STEP, Block, raw_begin
from demo.series_catalog import Catalog
from demo.series_share import ProfileOf

# seconds written at a time: less than half a block, which is how far back Prometheus takes samples; a multiple of both steps
WINDOW = 3 * 3600
Progress = Callable[[float], None]


def fill(
    url: str,
    plan: Plan,
    begin: int | None = None,
    end: int | None = None,
    progress: Progress | None = None,
    *,
    totals: Path | None = None,
    profile_of: ProfileOf = profile,
) -> int:
    """Write the history of [begin, end), by default the quotas' 90 days up to the plan's making; gives the number of samples.

    `url` is the address of an empty Prometheus that scrapes nothing yet, with blocks of 8 h or more. progress is told the
    part done, 0 to 1. `totals` is a file that keeps what counters have added up, for catch_up and the exporters.
    Raises WriteRefused with Prometheus' words.
    """
    end = plan.made_at if end is None else end
    begin = end - QUOTA_DAYS * DAY if begin is None else begin
    raw = max(begin, raw_begin(plan))
    rules = max(begin, end - RULE_DAYS * DAY, plan.begin)
    catalog = Catalog(plan, profile_of)
    written = _write(url, catalog, (begin, rules, raw, end), progress, fresh=True)
    if totals:
        catalog.save(totals)
    return written


def catch_up(
    url: str,
    plan: Plan,
    since: int,
    until: int,
    progress: Progress | None = None,
    *,
    totals: Path | None = None,
    profile_of: ProfileOf = profile,
) -> int:
    """Write what happened while nothing scraped, raw samples and rules of (since, until); gives the number of samples.

    `since` is the time of the newest sample Prometheus has; jobs that ended meanwhile get their staleness markers.
    Prometheus must not scrape or evaluate rules before this is done: it would refuse older samples.
    """
    begin, catalog = since + 1, Catalog(plan, profile_of)
    if totals:
        catalog.load(totals, since)
    return _write(url, catalog, (begin, begin, begin, until), progress, fresh=False)


def _write(
    url: str, catalog: Catalog, times: tuple[int, int, int, int], progress: Progress | None, *, fresh: bool
) -> int:
    begin, rules_from, raw_from, end = times
    # the costly part is the raw one: it counts for the most of the way
    weights = np.array([[begin, 0.02], [rules_from, 0.15], [raw_from, 1.0]])
    whole = _way(end, weights, end)
    with Sender(url) as sender:
        writer = _Writer(sender, catalog, end - FINE_HOURS * 3600, fresh=fresh)
        for start in range(begin // WINDOW * WINDOW, end, WINDOW):
            low, high = max(start, begin), min(start + WINDOW, end)
            if low < raw_from:
                writer.blocks(catalog.long, low, min(high, raw_from), before=True)
            if high > raw_from:
                writer.raw(max(low, raw_from), high)
            if high > rules_from:
                writer.rules(max(low, rules_from), high, end)
            sender.flush()
            if progress:
                progress(float(_way(high, weights, end) / whole) if whole else 1.0)
    return sender.samples


def _way(moment: float, weights: np.ndarray, end: float) -> float:
    starts = np.append(weights[:, 0], end)
    return float(
        sum(w * max(0.0, min(moment, stop) - start) for (start, w), stop in zip(weights, starts[1:], strict=True))
    )


class _Writer:
    """Turns blocks into messages, window by window, and remembers which series were shown last."""

    def __init__(self, sender: Sender, catalog: Catalog, fine_from: int, *, fresh: bool) -> None:
        self._sender, self._catalog, self._fine_from, self._fresh = sender, catalog, fine_from, fresh
        self._known: dict[Block, tuple[list[bytes], np.ndarray]] = {}
        self._rule_heads: dict[Key, bytes] = {}
        self._rules_shown: set[Key] = set()
        self._day: tuple[float, np.ndarray, list[tuple[Key, np.ndarray]]] = (-1.0, np.zeros(0), [])
        self._first = True

    def raw(self, low: int, high: int) -> None:
        """Raw samples of every block."""
        passing = self._catalog.passing(low - COARSE, high)
        self.blocks([*self._catalog.standing, *passing], low, high)
        self._catalog.forget(low)
        self._first = False

    def blocks(self, blocks: list[Block], low: int, high: int, *, before: bool = False) -> None:
        """Samples of these blocks at the multiples of their step in [low, high); `before`: of the step before raw history."""
        grids = {}
        for every in (STEP, COARSE, SPARSE):
            times = np.arange(-(-low // every) * every, high, every, dtype=float)
            grids[every] = (times, template(times))
        known = {}
        unseen = self._fresh or not self._first
        for block in blocks:
            fine = block.fine and block.every and low >= self._fine_from
            every = block.before if before else STEP if fine else block.every
            times, form = grids.get(every, grids[STEP])
            # only where it may show something, and one sample more for the marker of its end
            first, last = np.searchsorted(times, (block.begin, block.end))
            times, form = times[first : last + 1], form[first : last + 1]
            if not every or not len(times):
                if block in self._known:
                    known[block] = self._known[block]
                continue
            if first == last and unseen and block not in self._known:
                continue  # too short to have been scraped
            heads, last_shown = self._known.get(block) or self._new(block, times[0] - every)
            # a copy: some blocks hand out rows they keep
            values = np.array(block.values(times), float)
            sent, shown = mark_ends(values, last_shown)
            self._sender.put(encode(heads, values, sent, form), int(sent.sum()))
            known[block] = (heads, shown)
        self._known = known

    def _new(self, block: Block, before: float) -> tuple[list[bytes], np.ndarray]:
        common = {"job": block.exporter, "instance": block.instance, "cluster": self._catalog.plan.cluster}
        # as a scrape does it: a label the target has, too, is kept under another name
        heads = [head({**{f"exported_{name}" if name in common else name: text for name, text in labels.items()}, **common}) for labels in block.labels]
        if self._fresh or not self._first:
            return heads, np.zeros(len(heads), bool)
        # the first window after a pause: what was shown then may have ended
        return heads, ~np.isnan(block.values(np.array([before])))[:, 0]

    def rules(self, low: int, high: int, end: int) -> None:
        """Recorded series at the multiples of COARSE in [low, high)."""
        day = low // DAY * DAY
        if self._day[0] != day:
            self._day = (day, *rules_between(self._catalog, low, min(day + DAY, end)))
            self._catalog.forget(low)
        parts = [(low, high)] if high <= day + DAY else [(low, day + DAY), (day + DAY, high)]
        first = parts[0]
        self._send_rules(*first)
        for begin, stop in parts[1:]:
            self.rules(begin, stop, end)

    def _send_rules(self, low: int, high: int) -> None:
        _, times, found = self._day
        place = slice(int(np.searchsorted(times, low)), int(np.searchsorted(times, high)))
        if place.stop <= place.start:
            return
        form = template(times[place])
        rows = {key: values[place] for key, values in found}
        # a series of the day before that has gone still owes its marker
        nothing = np.full(place.stop - place.start, np.nan)
        keys = [key for key in {**rows, **dict.fromkeys(self._rules_shown)}]
        values = np.array([rows.get(key, nothing) for key in keys])
        before = np.array([key in self._rules_shown for key in keys])
        sent, shown = mark_ends(values, before)
        heads = [self._head(key) for key in keys]
        self._sender.put(encode(heads, values, sent, form), int(sent.sum()))
        self._rules_shown = {key for key, is_shown in zip(keys, shown, strict=True) if is_shown}

    def _head(self, key: Key) -> bytes:
        found = self._rule_heads.get(key)
        if found is None:
            found = self._rule_heads[key] = head(dict(key))
        return found
