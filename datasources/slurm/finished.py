"""Details of many runs at once: steps, for lists and summaries; scripts and earlier runs, for the portal itself."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import or_, select

from core.viewer import Viewer, only_staff
from datasources.slurm.db import SlurmDb
from datasources.slurm.hosts import node_list
from datasources.slurm.ownership import database, visible
from datasources.slurm.records import Run
from datasources.slurm.tres import tres
from datasources.sources import Sources

DAYS = 90 * 86400  # longer than a job runs, shorter than ids take to come back
MOST_ENDED = 10_000  # with whose each is that is 20 000 rows
COLUMNS = ("job_db_inx", "cpu_total", "rss_total", "max_rss", "tasks")


def step_totals(sources: Sources, *, viewer: Viewer, job_db_inxs: Sequence[int], limit: int | None = None) -> pd.DataFrame:
    """One row a step of those of these runs that the viewer may see; others are simply not there.

    One statement by the table's key, for people other than staff after one that says which runs are theirs. `limit`: at most
    so many steps are read; a run whose steps may not all be among them is left out. Columns: job_db_inx (int), cpu_total (s,
    user and system; NaN while it runs), rss_total (bytes, sum of all tasks' peaks), max_rss (bytes of the largest task),
    tasks (int); NaN where Slurm has none.
    """
    db = database(sources)
    ids = _owned(db, viewer, sorted({int(number) for number in job_db_inxs}))
    if not ids:
        return pd.DataFrame(columns=list(COLUMNS))
    table, names = db.schema.table("step_table"), db.tres_names()
    wanted = (
        "job_db_inx", "time_end", "task_cnt", "user_sec", "user_usec", "sys_sec", "sys_usec", "tres_usage_in_max",
        "tres_usage_in_tot",
    )  # fmt: skip
    statement = select(*(table.c[name] for name in wanted)).where(table.c.job_db_inx.in_(ids), table.c.deleted == 0)
    if limit is not None:
        statement = statement.order_by(table.c.job_db_inx).limit(limit)
    found = list(db.rows(statement))
    if limit is not None and len(found) >= limit:
        found = [row for row in found if row["job_db_inx"] < found[-1]["job_db_inx"]]
    nothing = float("nan")
    rows = [
        {
            "job_db_inx": int(row["job_db_inx"]),
            "cpu_total": row["user_sec"] + row["sys_sec"] + (row["user_usec"] + row["sys_usec"]) / 1e6 if row["time_end"] else nothing,
            "rss_total": tres(row["tres_usage_in_tot"], names).get("mem", nothing),
            "max_rss": tres(row["tres_usage_in_max"], names).get("mem", nothing),
            "tasks": int(row["task_cnt"]),
        }
        for row in found
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _owned(db: SlurmDb, viewer: Viewer, ids: list[int]) -> list[int]:
    """Those of these runs that the viewer may see; the database compares names without case, so they are compared again."""
    if viewer.is_staff or not ids or viewer.name is None:
        return ids if viewer.is_staff else []
    job, assoc = db.schema.table("job_table"), db.schema.table("assoc_table")
    statement = (
        select(job.c.job_db_inx, assoc.c.user, assoc.c.acct)
        .select_from(job.outerjoin(assoc, assoc.c.id_assoc == job.c.id_assoc))
        .where(job.c.job_db_inx.in_(ids), visible(viewer, job, assoc))
    )
    return sorted(int(row["job_db_inx"]) for row in db.rows(statement) if viewer.owns(row["user"] or "", row["acct"] or ""))


def node_lists(sources: Sources, *, viewer: Viewer, job_db_inxs: Sequence[int]) -> dict[int, str]:
    """{job_db_inx: host list as recorded, "" where no node was assigned}; runs no longer there are left out.

    One statement by the table's key. NotAllowed unless staff.
    """
    only_staff(viewer, "details of many runs are the portal's own")
    ids = [int(number) for number in job_db_inxs]
    if not ids:
        return {}
    db = database(sources)
    job = db.schema.table("job_table").c
    rows = db.rows(select(job.job_db_inx, job.nodelist).where(job.job_db_inx.in_(ids)))
    return {int(row["job_db_inx"]): node_list(row["nodelist"]) for row in rows}


def ended_after(sources: Sources, *, viewer: Viewer, after: tuple[int, int], until: int, limit: int = MOST_ENDED) -> list[dict[str, str]]:
    """user, account, partition and nodelist of runs that started and ended after (end, job_db_inx) and before `until` (UTC s).

    Of everybody for staff, else of the viewer's accounts and the viewer. At most `limit` runs are read, the earliest; one
    statement on the key that begins with time_end.
    """
    db = database(sources)
    if viewer.name is None and not viewer.is_staff:
        return []
    job, assoc = db.schema.table("job_table"), db.schema.table("assoc_table")
    beyond = or_(job.c.time_end > after[0], job.c.job_db_inx > after[1])
    statement = (
        select(assoc.c.user, job.c.account, job.c.partition, job.c.nodelist, job.c.time_start)
        .select_from(job.outerjoin(assoc, assoc.c.id_assoc == job.c.id_assoc))
        .where(job.c.time_end >= max(1, after[0]), job.c.time_end < until, beyond)
        .order_by(job.c.time_end)
        .limit(limit)
    )
    names = ("user", "account", "partition", "nodelist")
    rows = ({name: str(row[name] or "") for name in names} for row in db.rows(db.schema.on_key(statement, "rollup2")) if row["time_start"])
    return [row for row in rows if viewer.is_staff or row["user"] == viewer.name or viewer.sees_account(row["account"])]


def scripts(sources: Sources, *, viewer: Viewer, runs: Sequence[Run]) -> dict[int, str]:
    """{script_hash: stored script} of these runs, {} where this database stores none; one statement. NotAllowed unless staff."""
    only_staff(viewer, "details of many runs are the portal's own")
    db = database(sources)
    wanted = sorted({run.script_hash for run in runs} - {0})
    if not wanted or not db.schema.has("job_script_table", "hash_inx", "batch_script"):
        return {}
    table = db.schema.table("job_script_table")
    rows = db.rows(select(table.c.hash_inx, table.c.batch_script).where(table.c.hash_inx.in_(wanted)))
    return {int(row["hash_inx"]): str(row["batch_script"]) for row in rows if row["batch_script"]}


def earlier_runs(sources: Sources, *, viewer: Viewer, runs: Sequence[Run]) -> dict[int, int]:
    """{job_db_inx: how many runs the same job had before} where there were any; one statement. NotAllowed unless staff."""
    only_staff(viewer, "details of many runs are the portal's own")
    db = database(sources)
    table = db.schema.table("job_table")
    ids = sorted({run.id_job for run in runs})
    if not ids:
        return {}
    statement = select(table.c.id_job, table.c.id_user, table.c.time_submit, table.c.time_end).where(table.c.id_job.in_(ids))
    rows = db.rows(statement)
    counts: dict[int, int] = {}
    for run in runs:
        # a job's next run is submitted when the one before ends; an id that came back years later is another job
        before = [
            row for row in rows
            if row["id_job"] == run.id_job and row["id_user"] == run.uid and run.submit - DAYS < row["time_submit"] < run.submit
        ]
        if before:
            counts[run.job_db_inx] = len(before)
    return counts
