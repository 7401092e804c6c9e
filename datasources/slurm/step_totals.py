"""CPU time and memory of many runs' steps at once, for the summaries of finished jobs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import select

from core.errors import NotAllowed
from core.viewer import Viewer
from datasources.slurm.ownership import database
from datasources.slurm.tres import tres
from datasources.sources import Sources

COLUMNS = ("job_db_inx", "cpu_total", "rss_total", "max_rss", "tasks")


def step_totals(sources: Sources, *, viewer: Viewer, job_db_inxs: Sequence[int]) -> pd.DataFrame:
    """One row a step of these runs; one statement, by the table's key. Raises NotAllowed unless staff.

    Columns: job_db_inx (int), cpu_total (s, user and system; NaN while it runs), rss_total (bytes, sum of all tasks' peaks),
    max_rss (bytes of the largest task), tasks (int); NaN where Slurm has none.
    """
    if not viewer.is_staff:
        raise NotAllowed("step_totals")
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
