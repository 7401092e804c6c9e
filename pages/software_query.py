"""What the page of software reads: three questions to Prometheus for all visitors, told as programs before anything leaves here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from analysis import software
from analysis.software_table import load_table
from components.charts.software import field_word, word
from components.records import Frames
from components.text import _
from core.errors import NoData, SourceError, TurtleError
from core.settings import Settings
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import DAY, HOUR
from core.viewer import Viewer
from datasources.prometheus import software_batches
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.promql import site_filter
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.sources import Sources

USUAL = 6 * HOUR
LONGEST = DAY  # programs by job come and go: a week of them is more than one question should read
MOMENTS, GPU_MOMENTS = 36, 12  # looked at; what is allocated changes more slowly than what is busy
HELD = {"gpus": "gpus", "gpu_cores": "cores"}  # frame → what its values are called
KEPT_SECONDS = (60, 600)
SHAPE = 3  # of what is kept: an older portal's answers may still lie in the cache


def span(sources: Sources, viewer: Viewer, subject: Subject, now: int) -> tuple[int, int]:
    """The range shown where the address names none."""
    return now - USUAL, now


def looked_at(settings: Settings, when: TimeRange, moments: int = MOMENTS) -> TimeRange:
    """The part of a range that is read: its last day at most, ends on whole steps, so that all visitors ask the same."""
    scrape = settings.exporter(software_batches.JOB).scrape_seconds
    start = max(when.start, when.end - LONGEST)
    # two moments at least, each with a window before it
    cut = replace(when, start=min(start, when.end - 4 * scrape), points=moments)
    step = cut.step(scrape)
    end = cut.end // step * step
    return replace(cut, start=end - max(cut.span // step, 1) * step, end=end)


def cores_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Frames programs (analysis.software.by_program, the values called cores, cvmfs, elsewhere) and stacks (by_stack, cores).

    attrs: from and to (UTC s), used (busy cores of all jobs, NaN where unknown), of programs order (the largest first). Unit: cores,
    means over that time.
    """
    seen = looked_at(sources.settings, when)
    found = _kept(sources, viewer, software_batches.cores(sources.settings), seen, _cores)
    return dict.fromkeys(("programs", "stacks"), found) if isinstance(found, TurtleError) else _written(found, seen)


def gpus_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Frames gpus (by_program, the value called gpus) and gpu_cores (called cores). Units: GPUs, cores; means over the time in attrs.

    attrs order: the programs that use most cores, as in cores_query: a program has one colour on the whole page.
    """
    seen = looked_at(sources.settings, when, GPU_MOMENTS)
    calls: dict[str, Callable[[], Any]] = {"programs": lambda: cores_query(sources, viewer, subject, when)["programs"]}
    for what in HELD:
        batch = software_batches.held(sources.settings, what)
        calls[what] = partial(_kept, sources, viewer, batch, seen, partial(_held, what))
    found = sources.pool.gather(calls, sources.settings.prometheus.timeout_seconds + 1, "prometheus")
    cores = found.pop("programs")
    order = cores.attrs.get("order", ()) if isinstance(cores, pd.DataFrame) else ()
    shown: dict[str, Any] = {}
    for what, one in found.items():
        shown |= {what: one} if isinstance(one, TurtleError) else _written(one, seen, order=order)
    return shown


def table_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Frame table: one row a program with program, field (words), cores, share, cvmfs (cores), gpus, gpu_cores; NaN where not read.
    The last rows, attrs unnamed of them, are what has no name; attrs unread: {gpus or gpu_cores: the error} where a source failed."""
    calls: dict[str, Callable[[], Frames]] = {
        "cores": lambda: cores_query(sources, viewer, subject, when), "gpus": lambda: gpus_query(sources, viewer, subject, when),
    }  # fmt: skip
    found = sources.pool.gather(calls, sources.settings.prometheus.timeout_seconds + 1, "prometheus")
    failed = next((one for one in found.values() if isinstance(one, TurtleError)), None)
    if failed is not None:
        return {"table": failed}
    base = found["cores"]["programs"]
    if isinstance(base, TurtleError):
        return {"table": base}
    table = base[["kind", "program", "field", "cores", "share", "cvmfs"]]
    for name, value in HELD.items():
        other = found["gpus"][name]
        if isinstance(other, pd.DataFrame):
            part = other[["kind", "program", "field", value]].rename(columns={value: name})
            table = table.merge(part, on=["kind", "program", "field"], how="outer", sort=False)
        else:
            table = table.assign(**{name: math.nan})
    order = {software.PROGRAM: 0, software.UNIDENTIFIED: 1, software.UNACCOUNTED: 2}
    table = table.assign(place=table["kind"].map(order)).sort_values(["place", "cores", "gpus"], ascending=[True, False, False], kind="stable")
    names = [word(kind, name) for kind, name in zip(table["kind"], table["program"], strict=True)]
    unnamed = int((table["kind"] != software.PROGRAM).sum())
    table = table.assign(program=names, field=[field_word(field) for field in table["field"]]).drop(columns=["kind", "place"])
    unread = {name: other for name in HELD if isinstance(other := found["gpus"][name], SourceError)}
    table.attrs = {**base.attrs, "unnamed": unnamed, "unread": unread}
    return {"table": table.reset_index(drop=True)}


def _kept(sources: Sources, viewer: Viewer, batch: Batch, seen: TimeRange, make: Callable[[Settings, dict[str, Any]], Any]) -> Any:
    """The answer all visitors share for as long as a step, or the error that stands for it."""
    settings = sources.settings
    table = load_table(settings.overview.software_file)
    rules = hashlib.sha256(table.version.encode()).hexdigest()
    key = ("software", SHAPE, batch.key, seen.start, seen.end, seen.points, site_filter(settings, batch.module), settings.metrics.recording_rules, rules)
    least, most = KEPT_SECONDS
    kept = min(max(seen.step(settings.exporter(batch.exporter).scrape_seconds), least), most)

    def read() -> Any:
        frame = fetch(sources, (batch,), Target(), seen, viewer=viewer)[batch.key]
        if isinstance(frame, TurtleError):
            raise frame
        parts = {what: part for what, part in frame.groupby("what")}
        made = make(settings, parts)
        if made is None:
            raise NoData(reason_for_empty(sources, batch, Target(), seen, None), batch.metrics[0])
        return made

    try:
        return sources.cache.get_or_make(key, kept, read)
    except TurtleError as error:
        return error


def _number(parts: dict[str, Any], what: str) -> float:
    """A sum that is about no executable; NaN where there is none."""
    return float(parts[what]["value"].iloc[0]) if what in parts else math.nan


def _mean(parts: dict[str, Any], what: str, moments: float) -> tuple[list[str], list[float]]:
    part = parts.get(what)
    if part is None or not moments > 0:
        return [], []
    return part["exe"].tolist(), (part["value"] / moments).tolist()


def _cores(settings: Settings, parts: dict[str, Any]) -> dict[str, pd.DataFrame] | None:
    used_at, seen_at = _number(parts, "used_at"), _number(parts, "seen_at")
    moments = max((one for one in (used_at, seen_at) if one == one), default=0.0)
    if not moments:
        return None
    table = load_table(settings.overview.software_file)
    used = _number(parts, "used")
    found = software.sums(table, *_mean(parts, "cores", moments))
    frames = {
        "programs": software.by_program(table, found, used).rename(columns={"value": "cores"}),
        "stacks": software.by_stack(table, found, used).rename(columns={"value": "cores"}),
    }
    for frame in frames.values():
        frame.attrs["used"] = used
    programs = frames["programs"]
    programs.attrs["order"] = tuple(programs.loc[programs["kind"] == software.PROGRAM, "program"])
    return frames


def _held(what: str, settings: Settings, parts: dict[str, Any]) -> dict[str, pd.DataFrame] | None:
    moments = _number(parts, "seen_at")
    if not moments > 0 or "held" not in parts:
        return None
    table, part = load_table(settings.overview.software_file), parts["held"]
    seen = part["exe"] != ""
    found = software.sums(table, *_mean({"held": part[seen]}, "held", moments))
    frame = software.by_program(table, found, float(part["value"].sum()) / moments)
    return {what: frame.rename(columns={"value": HELD[what]})}


def _written(frames: dict[str, pd.DataFrame], seen: TimeRange, **more: Any) -> dict[str, pd.DataFrame]:
    """Copies with the time they are about."""
    shown = {}
    for key, frame in frames.items():
        shown[key] = frame.copy()
        shown[key].attrs = {**frame.attrs, "from": seen.start, "to": seen.end, **more}
    return shown


def said_span(when: TimeRange) -> str:
    """Whether less than the range asked for is shown, in a sentence; "" if not."""
    if when.span <= LONGEST:
        return ""
    return _("The last day of the range: more than a day of programs is not read at once.")
