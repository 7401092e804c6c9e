"""What the page of file systems reads: all file systems at once, whichever of them a section draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import Viewer
from datasources.prometheus import fs_batches, fs_frames
from datasources.prometheus.batch import Target
from datasources.prometheus.run import fetch
from datasources.sources import Sources

SHOWN = 8  # file systems with charts of their own; of more those that move most
TREND_DAYS = 30
PATIENCE = 2.0  # seconds the page's frame waits for the number of file systems


def trend_span(when: TimeRange) -> TimeRange:
    """At least 30 days: space changes slowly."""
    return when if when.span >= TREND_DAYS * DAY else replace(when, start=when.end - TREND_DAYS * DAY)


def now_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Frames systems and targets (see fs_frames.file_systems_now)."""
    systems, targets = fs_frames.file_systems_now(sources, viewer=viewer, when=when)
    return {"systems": systems, "targets": targets}


def chosen(systems: pd.DataFrame) -> list[tuple[str, str]]:
    """(kind, name) of the file systems with charts of their own, in the page's order."""
    names = list(zip(systems["kind"], systems["fs"], strict=True))
    if len(names) <= SHOWN:
        return names
    moved = systems["read"].fillna(0) + systems["written"].fillna(0)
    return [names[place] for place in moved.reset_index(drop=True).sort_values(ascending=False, kind="stable").index[:SHOWN]]


def how_many(sources: Sources, viewer: Viewer, when: TimeRange) -> int:
    """Of how many file systems there are charts; those the settings name where nothing can be read within two seconds."""
    found = sources.pool.gather({"now": lambda: fs_frames.file_systems_now(sources, viewer=viewer, when=when)[0]}, PATIENCE, "prometheus")["now"]
    if not isinstance(found, TurtleError):
        return len(chosen(found))
    areas = sources.settings.storage.areas.values()
    return min(SHOWN, len(sources.settings.metrics.lustre_file_systems) + len({area.fs for area in areas if area.source == "gpfs"}))


def fs_query(place: int) -> Callable[..., Frames]:
    """The query of the section of the n-th file system: now (its row), rates (levels what, operation), space and inodes (level what).
    The requests are those of every other file system's section, so that they are sent once for all. No frames where there are fewer."""

    def query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
        found = sources.pool.gather(
            {
                "now": lambda: fs_frames.file_systems_now(sources, viewer=viewer, when=when)[0],
                "rates": lambda: _rates(sources, viewer, when),
                "space": lambda: _space(sources, viewer, trend_span(when)),
            },
            sources.settings.prometheus.timeout_seconds + 1,
            "prometheus",
        )
        systems = found["now"]
        if isinstance(systems, TurtleError):
            raise systems
        named = chosen(systems)
        if place >= len(named):
            return {"now": None}
        kind, name = named[place]
        row = systems[(systems["kind"] == kind) & (systems["fs"] == name)].reset_index(drop=True)
        return {"now": row, **_of(found["rates"], found["space"], kind, name)}

    return query


def _rates(sources: Sources, viewer: Viewer, when: TimeRange) -> dict[str, Any]:
    batches = {"lustre": fs_batches.lustre_rates(sources.settings), "gpfs": fs_batches.gpfs_rates(sources.settings)}
    found = fetch(sources, batches.values(), Target(), when, viewer=viewer)
    return {kind: found[batch.key] for kind, batch in batches.items()}


def _space(sources: Sources, viewer: Viewer, span: TimeRange) -> dict[str, Any]:
    batches = {"lustre": fs_batches.lustre_space(sources.settings), "gpfs": fs_batches.gpfs_space(sources.settings)}
    found = fetch(sources, batches.values(), Target(), span, viewer=viewer)
    return {kind: found[batch.key] for kind, batch in batches.items()} | {"from": span.start, "to": span.end}


def _of(rates: Any, space: Any, kind: str, name: str) -> Frames:
    frames: dict[str, Any] = {"rates": rates if isinstance(rates, TurtleError) else rates[kind]}
    if not isinstance(frames["rates"], TurtleError):
        frames["rates"] = fs_frames.of_file_system(frames["rates"], name)
        if frames["rates"].columns.empty:
            frames["rates"] = NoData(Why.METRIC_ABSENT, fs_batches.GPFS_DATA["read"] if kind == "gpfs" else fs_batches.DATA["read"])
    answer = space if isinstance(space, TurtleError) else space[kind]
    if isinstance(answer, TurtleError):
        return {**frames, "space": answer, "inodes": answer}
    for key, frame in zip(("space", "inodes"), fs_frames.space_of(answer, name), strict=True):
        frame.attrs |= {"from": space["from"], "to": space["to"]}
        frames[key] = frame
    return frames
