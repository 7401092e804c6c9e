"""All tasks of an array in few words: what is needed to put them in order, count them and draw them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import select

from core.viewer import Viewer
from datasources.slurm import frames
from datasources.slurm.arrays import NO_VALUE
from datasources.slurm.columns import job_tables
from datasources.slurm.lookup import select_runs
from datasources.slurm.ownership import database, visible
from datasources.slurm.records import Run
from datasources.slurm.states import state
from datasources.sources import Sources

MOST = 6_000  # tasks looked at; with owner and steps that is less than 20 000 rows
COLUMNS = ("job_db_inx", "task", "state", "elapsed", "ended")


def array_members(sources: Sources, *, viewer: Viewer, array_job: int) -> pd.DataFrame:
    """One row a task that the viewer may see, the row of those pending included; at most MOST. One statement.

    Columns: job_db_inx (int), task (int, None for the row of the pending ones), state (as in Run), elapsed (s of those that
    have ended, without suspended time; None on others), ended (bool).
    """
    db = database(sources)
    tables = job_tables(db.schema)
    job = tables.job.c
    names = ("job_db_inx", "array_task", "state", "time_start", "time_end", "time_suspended")
    statement = (
        select(*(job[name if name != "array_task" else "id_array_task"].label(name) for name in names), tables.assoc.c.user, tables.assoc.c.acct)
        .select_from(tables.job.outerjoin(tables.assoc, tables.assoc.c.id_assoc == job.id_assoc))
        .where(job.id_array_job == array_job, visible(viewer, tables.job, tables.assoc))
        .limit(MOST)
    )
    rows = [
        {
            "job_db_inx": int(row["job_db_inx"]),
            "task": int(row["array_task"]) if row["array_task"] < NO_VALUE else None,
            "state": state(int(row["state"]))[0],
            "elapsed": max(row["time_end"] - row["time_start"] - row["time_suspended"], 0) if row["time_start"] and row["time_end"] else None,
            "ended": bool(row["time_end"]),
        }
        for row in db.rows(statement)
        if viewer.owns(row["user"] or "", row["acct"] or "")
    ]
    return frames.table(rows, COLUMNS, job_db_inx="int64", ended="bool")


def member_runs(sources: Sources, *, viewer: Viewer, job_db_inxs: Sequence[int]) -> list[Run]:
    """These runs as far as the viewer may see them, in this order. One statement by the table's key."""
    ids = [int(number) for number in job_db_inxs]
    found = {run.job_db_inx: run for run in select_runs(sources, viewer, lambda tables: tables.job.c.job_db_inx.in_(ids))} if ids else {}
    return [found[number] for number in ids if number in found]
