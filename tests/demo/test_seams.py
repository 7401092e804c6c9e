"""Counters go on over every seam: history to catch-up, catch-up to the live exporters, and a second start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from demo.behaviour import profile
from demo.model import BUCKET, Plan
from demo.plan import make_plan
from demo.series_catalog import TYPES, Catalog

NOW = 1_795_366_000 // 60 * 60
HOUR = 3600
Seen = dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]


def few(seed: int) -> Plan:
    """A plan with the short runs of some hours only: those that end within a bucket among them; no node is ever down."""
    plan = make_plan(seed, NOW)
    runs = [
        run for run in plan.runs
        if run.start is not None and run.end is not None and NOW - 4 * HOUR < run.start < NOW + HOUR and run.end < NOW + 3 * HOUR
    ]  # fmt: skip
    runs = runs[:: max(1, len(runs) // 120)]
    assert sum((run.end - run.start) % BUCKET > 0 for run in runs) > 20
    return replace(plan, runs=runs, events=())


def read(catalog: Catalog, times: np.ndarray, seen: Seen) -> None:
    """Add every counter's samples at these times, asked for at once as a window of the history is."""
    for block in [*catalog.standing, *catalog.passing(times[0] - 300, times[-1] + 1)]:
        places = [place for place, labels in enumerate(block.labels) if TYPES.get(labels["__name__"]) == "counter"]
        if not places:
            continue
        values = block.values(times)
        values[:, (times < block.begin) | (times >= block.end)] = np.nan
        for place in places:
            key = tuple(sorted({**block.labels[place], "instance": block.instance}.items()))
            seen.setdefault(key, []).extend(zip(times.tolist(), values[place].tolist(), strict=True))


def falls(seen: Seen) -> Iterable[str]:
    """Every sample that is lower than the one before it; one that vanished in between may begin anew."""
    for key, samples in seen.items():
        values = np.array([value for _, value in samples])
        for place in np.flatnonzero(values[1:] < values[:-1]):
            yield f"{dict(key)} fell at {samples[place + 1][0] - NOW:+.0f} s by {values[place] - values[place + 1]}"


@pytest.mark.parametrize("seed", [20, 7])
def test_no_counter_falls_at_a_seam(seed: int, tmp_path: Path) -> None:
    plan, seen, totals = few(seed), {}, tmp_path / "totals"
    filled = Catalog(plan, profile)
    for low in (NOW - 3 * HOUR, NOW - HOUR):
        read(filled, np.arange(low, min(low + 2 * HOUR, NOW), 60.0), seen)
    filled.save(totals)
    caught = Catalog(plan, profile)
    caught.load(totals, NOW - 1)
    read(caught, np.arange(NOW, NOW + 240, 60.0), seen)
    live = Catalog(plan, profile)
    live.load(totals, NOW + 240)
    live.warm(NOW + 240)
    for moment in np.arange(NOW + 247.0, NOW + HOUR, 420.0):
        read(live, np.array([moment]), seen)
    live.save(totals)
    # a second start hours later: its exporters are ready, and have saved, before what was missed is caught up
    again = Catalog(plan, profile)
    again.load(totals, NOW + 4 * HOUR)
    again.warm(NOW + 4 * HOUR)
    again.save(totals)
    missed = Catalog(plan, profile)
    missed.load(totals, NOW + HOUR)
    read(missed, np.arange(NOW + HOUR, NOW + 4 * HOUR, 300.0), seen)
    read(again, np.array([NOW + 4 * HOUR + 13.0]), seen)
    assert len(seen) > 1000
    assert list(falls(seen))[:5] == []
    fresh = Catalog(plan, profile)
    for kept, new in zip(missed.file_systems, fresh.file_systems, strict=True):
        times = np.array([NOW + HOUR + 60.0])
        second = Catalog(plan, profile)
        second.load(totals, NOW + HOUR)
        again_at = next(load for load in second.file_systems if load.fs == kept.fs)
        np.testing.assert_allclose(again_at.counters(times), new.counters(times), atol=2)
