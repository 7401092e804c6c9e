"""A page of a list of jobs: found along a key, arrays folded into one row, never more than a budget of rows looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, and_, select, union_all

from core.errors import BadInput
from core.viewer import Viewer
from datasources.slurm import frames
from datasources.slurm.db import SlurmDb
from datasources.slurm.filters import ORDERS, JobFilter, asked_alone, branches, conditions, mine, person
from datasources.slurm.hosts import hosts
from datasources.slurm.lookup import select_runs
from datasources.slurm.ownership import database
from datasources.slurm.records import Run
from datasources.slurm.scan import BUDGET, STEPS, Branch, Cursor, Key, key_of, pieces, read_cursor
from datasources.slurm.states import state
from datasources.sources import Sources

COUNTED = 9_000  # rows of arrays counted for one page
LONGEST = 500
RUN_FIELDS = tuple(item.name for item in fields(Run))
COLUMNS = (*RUN_FIELDS, "array_counts", "array_complete", "array_runs")
WHOLE = ("job_db_inx", "id_job", "array_pending", "uid", "submit", "elapsed", "suspended", "cores_req", "cores", "nodes", "gpus", "priority", "script_hash")


@dataclass(frozen=True, kw_only=True)
class JobsPage:
    """A page: `frame` (see jobs_page), cursors of its neighbours or None, and whether everything up to the page's end was looked at.

    `complete` False: the search stopped at its budget; `next` goes on from there, and the page may be short or empty.
    """

    frame: pd.DataFrame
    next: str | None
    previous: str | None
    complete: bool = True


@dataclass(kw_only=True)
class _Found:
    """Rows picked so far: (job_db_inx, array id or 0, place in the list)."""

    rows: list[tuple[int, int, Key]]
    last: Key | None = None
    exhausted: bool = False


def jobs_page(
    sources: Sources,
    *,
    viewer: Viewer,
    filter: JobFilter | None = None,
    order: str = "submit",
    descending: bool = True,
    cursor: str | None = None,
    limit: int = 100,
) -> JobsPage:
    """A page of jobs, newest first unless `descending` is False; people other than staff see their own.

    order: "submit" and "id" (both follow the order in which Slurm entered the jobs), "start", "end". Frame columns: the fields of
    Run with their types (None where unset), array_counts ({state: tasks} on the row that stands for an array, whose job_id is
    then the array's id; None on others), array_complete (False: an array too long to count, the counts are a lower bound) and
    array_runs (job_db_inx of the rows counted, () on others).
    Raises NotFound for somebody else's jobs, BadInput for an unknown order, state or cursor. At most six statements.
    """
    wanted = filter or JobFilter()
    if order not in ORDERS:
        raise BadInput("order", text=order[:40])
    limit = max(1, min(limit, LONGEST))
    db = database(sources)
    user = person(viewer, wanted)
    stretches = branches(db, wanted, user, order)
    width = len(stretches[0].order) if stretches else 1
    place = read_cursor(cursor, width) if stretches else None
    down = descending != (place is not None and place.back)
    hit = and_(conditions(db, wanted), mine(db, wanted, user))
    found = _find(db, wanted, stretches, hit, at=place.at if place else None, down=down, limit=limit)
    picked = found.rows[:limit]
    frame = _frame(sources, viewer, wanted, [row[:2] for row in (reversed(picked) if place and place.back else picked)])
    return _paged(frame, picked, found, place, limit)


def _paged(frame: pd.DataFrame, picked: list[tuple[int, int, Key]], found: _Found, place: Cursor | None, limit: int) -> JobsPage:
    full = len(found.rows) > limit
    more = full or not found.exhausted
    edge = picked[-1][2] if full else found.last
    ahead = Cursor(at=edge) if more and edge is not None else None
    start = Cursor(at=picked[0][2], back=True) if place and picked else None
    complete = full or found.exhausted
    if place and place.back:
        before = Cursor(at=edge, back=True).text() if more and edge is not None else None
        after = Cursor(at=picked[0][2]) if picked else Cursor(at=place.at)
        return JobsPage(frame=frame, next=after.text(), previous=before, complete=complete)
    return JobsPage(frame=frame, next=ahead.text() if ahead else None, previous=start.text() if start else None, complete=complete)


def _find(db: SlurmDb, wanted: JobFilter, stretches: tuple[Branch, ...], hit: Any, *, at: Key | None, down: bool, limit: int) -> _Found:
    job = db.schema.table("job_table").c
    width = len(stretches[0].order) if stretches else 1
    extra: dict[str, ColumnElement[Any]] = {"inx": job.job_db_inx, "array": job.id_array_job, "hit": hit, "alone": asked_alone(db, wanted.ids)}
    if wanted.node:
        extra["nodelist"] = job.nodelist
    found, seen = _Found(rows=[], exhausted=not stretches), set()
    # a node is on few of the rows and on no key: all of the budget is looked through
    page = max(limit + 1, BUDGET // sum(STEPS)) if wanted.node else limit + 1
    for rows, whole in pieces(db, stretches, extra, at=at, down=down, page=page):
        for row in rows:
            array = int(row["array"]) if wanted.fold and not row["alone"] else 0
            mark = ("array", array) if array else ("row", row["inx"])
            if not row["hit"] or mark in seen or (wanted.node and wanted.node not in hosts(row["nodelist"])):
                continue
            seen.add(mark)
            found.rows.append((int(row["inx"]), array, key_of(row, width)))
        found.last = key_of(rows[-1], width) if rows else found.last
        found.exhausted = whole
        if len(found.rows) > limit:
            break
    return found


def _frame(sources: Sources, viewer: Viewer, wanted: JobFilter, picked: list[tuple[int, int]]) -> pd.DataFrame:
    ids = [inx for inx, _array in picked]
    found = {run.job_db_inx: run for run in select_runs(sources, viewer, lambda t: t.job.c.job_db_inx.in_(ids))} if ids else {}
    counts = _counts(database(sources), sorted({array for _inx, array in picked if array})) if wanted.fold else {}
    rows = []
    for inx, array in picked:
        if inx in found:
            tally, complete, members = counts.get(array, (None, True, ()))
            row = {name: getattr(found[inx], name) for name in RUN_FIELDS}
            row |= {"array_counts": tally, "array_complete": complete, "array_runs": members}
            rows.append(row | ({"job_id": str(array)} if array else {}))
    return frames.table(rows, COLUMNS, array_complete="bool", whole_node="bool", **dict.fromkeys(WHOLE, "int64"))


def _counts(db: SlurmDb, arrays: list[int]) -> dict[int, tuple[dict[str, int], bool, tuple[int, ...]]]:
    """{array: ({state: tasks}, all of it counted, job_db_inx of its rows)}; each array's rows are cut at its share of the budget."""
    if not arrays:
        return {}
    job = db.schema.table("job_table").c
    each = COUNTED // len(arrays)
    # Counted here: a GROUP BY over cut lists makes the server read every row three times
    parts = [
        select(job.job_db_inx, job.id_array_job, job.state, job.array_task_pending).where(job.id_array_job == array).limit(each) for array in arrays
    ]
    tally: dict[int, Counter[str]] = {array: Counter() for array in arrays}
    members: dict[int, list[int]] = {array: [] for array in arrays}
    for row in db.rows(parts[0] if len(parts) == 1 else union_all(*parts)):
        array = int(row["id_array_job"])
        members[array].append(int(row["job_db_inx"]))
        tally[array][state(int(row["state"]))[0]] += int(row["array_task_pending"]) or 1
    return {array: (dict(counts), len(members[array]) < each, tuple(members[array])) for array, counts in tally.items()}
