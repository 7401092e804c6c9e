"""What the page of waste reads: sums of a range by person or account, and its worst single runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.waste import heavy_and_poor
from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.narrow import ClusterView
from core.settings import Settings
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import Viewer
from datasources.portal.summaries import need_summaries
from datasources.portal.totals import coverage, totals
from datasources.portal.worst import SHARE, WASTED, worst_runs
from datasources.sources import Sources
from pages import top_common as common

WHAT = ("cores", "gpus", "memory")
BY = ("user", "account")
AMOUNT = {"cores": "core_hours", "gpus": "gpu_hours", "memory": "tb_hours"}
WORST = 20
KEPT_SECONDS = 300
FILE_UNITS = {
    "start": "UTC", "end": "UTC", "elapsed": "s", "memory": "bytes", "efficiency": "of 1", "of_all": "of 1", "share": "of 1",
    "cpu_efficiency": "of 1", "gpu_use": "of 1", "memory_efficiency": "of 1", "core_hours_wasted": "core-hours", "gpu_hours_wasted": "GPU-hours",
    "memory_gib_hours_wasted": "GiB-hours",
}  # fmt: skip
GIB_HOURS = 1024  # of a TiB-hour


def ranked(sums: pd.DataFrame, by: str, what: str, settings: Settings) -> pd.DataFrame:
    """Sums of a range as rows of this page, most wasted first.

    Columns: user or account, jobs, judged (runs), hours (held by all runs), judged_hours (of those whose use is known), used,
    wasted (hours; memory: TiB-hours), efficiency (used of judged hours, NaN where nothing is known), of_all (share of all waste),
    poor (heavy and poor: both by the limits of the settings), to_act, failed. Rows that held nothing are left out.
    """
    name = AMOUNT[what]
    frame = pd.DataFrame({
        by: sums[by], "jobs": sums["jobs"], "judged": sums["judged"], "hours": sums[name], "judged_hours": sums[f"{name}_judged"],
        "used": sums[f"{name}_used"], "wasted": sums[f"{name}_wasted"], "to_act": sums["to_act"], "failed": sums["failed"],
    })  # fmt: skip
    frame = frame[frame["hours"] > 0]
    frame["efficiency"] = (frame["used"] / frame["judged_hours"].where(frame["judged_hours"] > 0)).astype(float)
    whole = float(frame["wasted"].sum())
    frame["of_all"] = frame["wasted"] / whole if whole > 0 else float("nan")
    pairs = zip(frame["judged_hours"], frame["efficiency"], strict=True)
    frame["poor"] = pd.Series([heavy_and_poor(what, hours, ratio, settings.top) for hours, ratio in pairs], index=frame.index, dtype=bool)
    return frame.sort_values(["wasted", "hours"], ascending=False, kind="stable").reset_index(drop=True)


def _sums(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> pd.DataFrame:
    """totals() by what the address asks for. Those of all runs of a large site take seconds: sections and people share them for minutes."""
    by, since, until = view.get("by", BY[0]), when.start, when.end
    if until >= when.now and until - since >= DAY:
        # a range that moves with the clock would be another one each second
        since, until = since // KEPT_SECONDS * KEPT_SECONDS, until // KEPT_SECONDS * KEPT_SECONDS
    return sources.cache.get_or_make(
        ("waste", viewer.scope, by, view.narrow, since, until), KEPT_SECONDS,
        lambda: totals(sources, viewer=viewer, since=since, until=until, by=(by,), narrow=view.narrow),
    )  # fmt: skip


def query(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """`rows`: ranked(). `points`: the rows whose efficiency is known, as who, hours, efficiency, poor. `poor`: the heavy and poor
    ones. `coverage`: (runs summarised, runs finished), or the error that stands for it."""
    by, what = view.get("by", BY[0]), view.get("what", WHAT[0])
    asked: dict[str, Any] = {"viewer": viewer, "since": when.start, "until": when.end, "narrow": view.narrow}
    found = sources.pool.gather({"sums": lambda: _sums(sources, viewer, view, when), "coverage": lambda: coverage(sources, **asked)}, 9.0, "portal")
    if isinstance(found["sums"], TurtleError):
        raise found["sums"]
    rows = ranked(found["sums"], by, what, sources.settings)
    if rows.empty:
        return {"rows": rows, "points": _why_none(found["coverage"]), "poor": rows, "coverage": found["coverage"]}
    seen = rows[rows["efficiency"].notna()]
    points = pd.DataFrame({"who": seen[by], by: seen[by], "hours": seen["judged_hours"], "efficiency": seen["efficiency"], "poor": seen["poor"]})
    return {"rows": rows, "points": points.reset_index(drop=True), "poor": rows[rows["poor"]].reset_index(drop=True), "coverage": found["coverage"]}


def _why_none(found: Any) -> TurtleError:
    """What stands for sums that are empty, by how many runs are summarised of how many that ended."""
    if isinstance(found, TurtleError):
        return found
    return NoData(Why.NOT_SUMMARISED if found[1] and not found[0] else Why.NO_DATA, "job_facts")


def who_query(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """`rows`, `poor`: as query() has them."""
    by, what = view.get("by", BY[0]), view.get("what", WHAT[0])
    asked: dict[str, Any] = {"viewer": viewer, "since": when.start, "until": when.end, "narrow": view.narrow}
    sums = _sums(sources, viewer, view, when)
    if sums.empty:
        need_summaries(sources, **asked)
    rows = ranked(sums, by, what, sources.settings)
    return {"rows": rows, "poor": rows[rows["poor"]].reset_index(drop=True)}


def worst_query(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """`worst`: the single runs that wasted most, columns of worst_runs and wasted (hours; memory: TiB-hours), share (0..1)."""
    what = view.get("what", WHAT[0])
    asked: dict[str, Any] = {"viewer": viewer, "since": when.start, "until": when.end, "narrow": view.narrow}
    frame = worst_runs(sources, what=what, limit=WORST, **asked)
    if frame.empty:
        need_summaries(sources, **asked)
    factor = GIB_HOURS if what == "memory" else 1
    frame["wasted"], frame["share"] = frame[WASTED[what]].astype(float) / factor, frame[SHARE[what]].astype(float)
    return {"worst": frame}


def in_hours(read: common.Query) -> common.Query:
    """The frames for a file, each column with its unit."""

    def made(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
        unit = {"cores": "core-hours", "gpus": "GPU-hours", "memory": "TiB-hours"}[view.get("what", WHAT[0])]
        return common.exported(read, FILE_UNITS | dict.fromkeys(("hours", "judged_hours", "used", "wasted"), unit))(sources, viewer, view, when)

    return made
