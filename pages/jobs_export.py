"""The list of jobs as a file: everything that is filtered, page by page, within a bound of rows and of time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from components.records import Frames
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.slurm.jobs import jobs_page
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages import jobs_query
from pages.jobs_use import task_use, with_use

ROWS = 20_000  # in one file
AT_ONCE = 500  # rows read together, by key
STEPS = 20_000  # job steps read for them
SECONDS = 7.0  # then the file ends and says so; a section has ten


def _utc(moment: Any) -> str:
    return "" if moment is None else datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _limit(seconds: Any) -> Any:
    return None if seconds is None else "UNLIMITED" if math.isinf(seconds) else int(seconds)


def _count(value: Any) -> Any:
    return str(int(value)) if value == value else None


def _digits(digits: int) -> Callable[[Any], Any]:
    return lambda value: round(value, digits) if value == value else None


# column of the list → (header with its unit, how it is written)
COLUMNS: tuple[tuple[str, str, Callable[[Any], Any] | None], ...] = (
    ("job_id", "job", None), ("id_job", "raw id", None), ("user", "user", None), ("account", "account", None),
    ("partition", "partition", None), ("qos", "qos", None), ("name", "name", None), ("state", "state", None),
    ("exit_code", "exit code", None), ("submit", "submitted (UTC)", _utc), ("eligible", "eligible (UTC)", _utc),
    ("start", "started (UTC)", _utc), ("end", "ended (UTC)", _utc), ("elapsed", "ran (s)", None), ("limit", "time limit (s)", _limit),
    ("nodes", "nodes", None), ("node_list", "node_list", None), ("cores", "cores", None), ("memory", "memory (bytes)", None),
    ("gpus", "gpus", None), ("cpu_used", "cpu time (s)", _digits(3)), ("cpu_efficiency", "cores used (share)", _digits(4)),
    ("memory_peak", "memory peak (bytes)", _count), ("memory_efficiency", "memory used (share)", _digits(4)),
    ("gpu_use", "gpus used (share)", _digits(4)), ("to_act", "findings to act on", _count),
)


def written(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of the file out of a list with its use: times as ISO UTC, s, bytes, shares 0..1; empty where not known."""
    return pd.DataFrame({header: frame[key].map(write) if write else frame[key] for key, header, write in COLUMNS}, columns=[one[1] for one in COLUMNS])


def file_of(sources: Sources, viewer: Viewer, read: Callable[[list[int]], list[Run]], ids: list[int], when: TimeRange) -> pd.DataFrame:
    """The file (see written) of runs named by job_db_inx, read a few hundred at a time; `attrs["cut"]` as in all_pages."""
    until = time.monotonic() + SECONDS
    found = [written(task_use(sources, viewer, [], when))]
    for place in range(0, len(ids), AT_ONCE):
        if time.monotonic() > until:
            frame = pd.concat(found[1:], ignore_index=True)
            frame.attrs["cut"] = len(frame)
            return frame
        found.append(written(task_use(sources, viewer, read(ids[place : place + AT_ONCE]), when, steps=STEPS)))
    return pd.concat(found[1:] or found, ignore_index=True)


def all_pages(read: Callable[[str | None], tuple[pd.DataFrame, str | None]]) -> pd.DataFrame:
    """All pages of a list, one after the other; `read(cursor)` gives the rows of a page and the next cursor, None at the end.

    `attrs["cut"]` is the number of rows after which ROWS or SECONDS cut it, absent if nothing is missing.
    """
    found: list[pd.DataFrame] = []
    cursor, rows, until = None, 0, time.monotonic() + SECONDS
    while True:
        part, cursor = read(cursor)
        found.append(part)
        rows += len(part)
        cut = cursor is not None and (rows >= ROWS or time.monotonic() > until)
        if cursor is None or cut:
            break
    frame = pd.concat([part for part in found if len(part)] or found[:1], ignore_index=True)
    if cut:
        frame.attrs["cut"] = len(frame)
    return frame


def exported(sources: Sources, viewer: Viewer, subject: jobs_query.JobsView, when: TimeRange) -> Frames:
    """Frame jobs: every job that fits the filters, one row a job or array task, in the list's order (see written, all_pages)."""
    wanted = jobs_query.filter_of(viewer, subject, when, fold=False)

    def read(cursor: str | None) -> tuple[pd.DataFrame, str | None]:
        page = jobs_page(sources, viewer=viewer, filter=wanted, order=subject.order, descending=not subject.ascending, cursor=cursor, limit=AT_ONCE)
        used = with_use(sources, viewer, page.frame, when, steps=STEPS)
        return written(used[used["to_act"] > 0] if subject.waste else used), page.next

    return {"jobs": all_pages(read)}
