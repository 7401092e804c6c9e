"""Details of many runs at once, for the summaries of finished jobs: steps, scripts, earlier runs. For the portal itself."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import select

from core.errors import NotAllowed
from core.viewer import Viewer
from datasources.slurm.ownership import database
from datasources.slurm.records import Run
from datasources.slurm.tres import tres
from datasources.sources import Sources

DAYS = 90 * 86400  # longer than a job runs, shorter than ids take to come back
COLUMNS = ("job_db_inx", "cpu_total", "rss_total", "max_rss", "tasks")


def step_totals(sources: Sources, *, viewer: Viewer, job_db_inxs: Sequence[int]) -> pd.DataFrame:
    """One row a step of these runs; one statement, by the table's key. Raises NotAllowed unless staff.

    Columns: job_db_inx (int), cpu_total (s, user and system; NaN while it runs), rss_total (bytes, sum of all tasks' peaks),
    max_rss (bytes of the largest task), tasks (int); NaN where Slurm has none.
    """
    _staff(viewer)
    db = database(sources)
    table, names = db.schema.table("step_table"), db.tres_names()
    wanted = (
        "job_db_inx", "time_end", "task_cnt", "user_sec", "user_usec", "sys_sec", "sys_usec", "tres_usage_in_max",
        "tres_usage_in_tot",
    )  # fmt: skip
    statement = select(*(table.c[name] for name in wanted)).where(
        table.c.job_db_inx.in_([int(number) for number in job_db_inxs]), table.c.deleted == 0
    )
    nothing = float("nan")
    rows = [
        {
            "job_db_inx": int(row["job_db_inx"]),
            "cpu_total": row["user_sec"] + row["sys_sec"] + (row["user_usec"] + row["sys_usec"]) / 1e6 if row["time_end"] else nothing,
            "rss_total": tres(row["tres_usage_in_tot"], names).get("mem", nothing),
            "max_rss": tres(row["tres_usage_in_max"], names).get("mem", nothing),
            "tasks": int(row["task_cnt"]),
        }
        for row in db.rows(statement)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def scripts(sources: Sources, *, viewer: Viewer, runs: Sequence[Run]) -> dict[int, str]:
    """{script_hash: stored script} of these runs, {} where this database stores none; one statement. NotAllowed unless staff."""
    _staff(viewer)
    db = database(sources)
    wanted = sorted({run.script_hash for run in runs} - {0})
    if not wanted or not db.schema.has("job_script_table", "hash_inx", "batch_script"):
        return {}
    table = db.schema.table("job_script_table")
    rows = db.rows(select(table.c.hash_inx, table.c.batch_script).where(table.c.hash_inx.in_(wanted)))
    return {int(row["hash_inx"]): str(row["batch_script"]) for row in rows if row["batch_script"]}


def earlier_runs(sources: Sources, *, viewer: Viewer, runs: Sequence[Run]) -> dict[int, int]:
    """{job_db_inx: how many runs the same job had before} where there were any; one statement. NotAllowed unless staff."""
    _staff(viewer)
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


def _staff(viewer: Viewer) -> None:
    if not viewer.is_staff:
        raise NotAllowed("details of many runs are the portal's own")
