"""Jobs by id: all runs of one, and the last runs of several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from core.errors import NotFound
from core.subjects import JobsSubject, JobSubject
from core.viewer import Viewer
from datasources.slurm.arrays import NO_VALUE, pending_tasks
from datasources.slurm.columns import JobTables, job_tables
from datasources.slurm.ownership import database, owns, visible
from datasources.slurm.records import Run
from datasources.slurm.row import run_of_row
from datasources.sources import Sources

# A requeued run is submitted within seconds of the end before it; ids come back only after all the others were used
REQUEUE_SLACK = 3600
MOST_ROWS = 20_000


def select_runs(
    sources: Sources,
    viewer: Viewer,
    condition: Any,
    *,
    order: Any = None,
    limit: int = MOST_ROWS,
) -> list[Run]:
    """Runs for which `condition(tables)` holds and which the viewer may see, by job_db_inx unless `order(tables)` says else."""
    db = database(sources)
    tables = job_tables(db.schema)
    statement = (
        select(*tables.columns)
        .select_from(tables.source)
        .where(condition(tables), visible(viewer, tables.job, tables.assoc))
        .order_by(*(order(tables) if order else (tables.job.c.job_db_inx,)))
        .limit(limit)
    )
    now, names = int(sources.clock()), db.tres_names()
    found = [run_of_row(row, names, now) for row in db.rows(statement)]
    return [run for run in found if owns(viewer, run)]


def _condition(tables: JobTables, subject: JobSubject) -> ColumnElement[bool]:
    job = tables.job.c
    if subject.component is not None:
        return and_(job.het_job_id == subject.job, job.het_job_offset == subject.component)
    if subject.task is not None:
        # A task that has not begun is a bit in the row of the whole array
        return and_(job.id_array_job == subject.job, job.id_array_task.in_((subject.task, NO_VALUE)))
    return job.id_job == subject.job


def _of_subject(run: Run, subject: JobSubject) -> bool:
    if subject.component is not None:
        return run.het_job == subject.job and run.het_offset == subject.component
    if subject.task is None:
        return run.id_job == subject.job
    if run.array_job != subject.job:
        return False
    return run.array_task == subject.task or (run.array_task is None and subject.task in pending_tasks(run.array_text))


def _lives(found: Iterable[Run]) -> list[list[Run]]:
    """Rows with one id as jobs: the same person's, each submitted no later than the end before it."""
    jobs: list[list[Run]] = []
    for run in sorted(found, key=lambda item: (item.submit, item.job_db_inx)):
        for job in reversed(jobs):
            last = job[-1]
            if last.uid == run.uid and (last.end is None or run.submit <= last.end + REQUEUE_SLACK):
                job.append(run)
                break
        else:
            jobs.append([run])
    return jobs


def _chosen(jobs: list[list[Run]], submit: int | None) -> list[Run]:
    if submit is None:
        return max(jobs, key=lambda job: job[-1].submit, default=[])
    return next((job for job in jobs if any(run.submit == submit for run in job)), [])


def runs(sources: Sources, *, viewer: Viewer, subject: JobSubject) -> list[Run]:
    """All runs of one job, oldest first: requeued and resized rows belong together.

    `subject.submit` picks the job that has a run submitted then. Of an array's id this is the row that carries the raw id.
    Raises NotFound if there is none the viewer may see. One statement.
    """
    found = select_runs(sources, viewer, lambda tables: _condition(tables, subject))
    found = [run for run in found if _of_subject(run, subject)]
    begun = [run for run in found if run.array_task is not None]
    chosen = _chosen(_lives(begun if subject.task is not None and begun else found), subject.submit)
    if not chosen:
        raise NotFound(f"job {subject.id}")
    return chosen


def runs_of(sources: Sources, *, viewer: Viewer, subject: JobsSubject) -> list[Run]:
    """The last run of each job, in the order asked for; jobs that are absent or not the viewer's are left out.

    Raises NotFound if nothing is left. At most three statements.
    """
    plain = [job for job in subject.jobs if job.task is None and job.component is None]
    found: list[Run] = []
    for group in (plain, [job for job in subject.jobs if job.task is not None], [job for job in subject.jobs if job.component is not None]):
        if group is plain and plain:
            wanted = [job.job for job in plain]
            found += select_runs(sources, viewer, lambda tables, ids=wanted: tables.job.c.id_job.in_(ids))
        elif group:
            found += select_runs(sources, viewer, lambda tables, jobs=group: or_(*(_condition(tables, job) for job in jobs)))
    last: dict[int, Run] = {}
    for job in subject.jobs:
        chosen = _chosen(_lives(run for run in found if _of_subject(run, job)), job.submit)
        if chosen:
            last.setdefault(chosen[-1].job_db_inx, chosen[-1])
    if not last:
        raise NotFound(f"jobs {subject.id}")
    return list(last.values())


def is_array(sources: Sources, *, viewer: Viewer, job: int) -> bool:
    """True if `job` is the id of an array the viewer may see. `array_of(runs, subject)` says it without a statement."""
    found = select_runs(sources, viewer, lambda tables: tables.job.c.id_array_job == job, limit=1)
    return bool(found)


def array_of(found: list[Run], subject: JobSubject) -> int | None:
    """The array's id if `subject` (as `runs` resolved it) means the array as a whole, else None."""
    whole = subject.task is None and subject.component is None and any(run.array_job == subject.job for run in found)
    return subject.job if whole else None
