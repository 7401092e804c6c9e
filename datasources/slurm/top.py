"""Every running job with whose it is and what it holds: the start of the tables of the largest users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import select

from core.narrow import EVERYTHING, Narrow
from core.viewer import Viewer, only_staff
from datasources.slurm import arrays, frames
from datasources.slurm.hosts import hosts
from datasources.slurm.lookup import MOST_ROWS
from datasources.slurm.ownership import database
from datasources.slurm.people import associations_in, associations_of
from datasources.slurm.states import RUNNING
from datasources.slurm.tres import gpus, memory, tres
from datasources.slurm.unfinished import unfinished
from datasources.sources import Sources

COLUMNS = ("id_job", "job_id", "user", "account", "partition", "name", "node_list", "start", "nodes", "cores", "memory", "gpus")
READ = (
    "id_job", "id_array_job", "id_array_task", "het_job_id", "het_job_offset", "partition", "job_name", "nodelist", "time_start",
    "nodes_alloc", "tres_alloc",
)  # fmt: skip


def running_jobs(sources: Sources, *, viewer: Viewer, narrow: Narrow = EVERYTHING) -> pd.DataFrame:
    """Jobs that run now, at most 20 000, one row each; one statement on the key of what has not ended.

    Columns: id_job (int, the raw id), job_id (as Slurm writes it), user, account, partition, name, node_list (a host list),
    start (UTC s), nodes, cores, memory (bytes over all nodes, None where not recorded), gpus. Names are compared exactly; a
    job on several nodes is on each of them. `attrs["cut"]` says that there are more. Raises NotAllowed unless staff.
    """
    only_staff(viewer, "running_jobs")
    db = database(sources)
    job, assoc = db.schema.table("job_table"), db.schema.table("assoc_table")
    condition = [unfinished(job.c, RUNNING)]
    for name, ids_of in ((narrow.user, associations_of), (narrow.account, associations_in)):
        if name:
            condition.append(job.c.id_assoc.in_(ids_of(db, name)))
    if narrow.partition:
        condition.append(job.c.partition == narrow.partition)
    columns = [job.c[name] for name in READ]
    statement = select(*columns, assoc.c.user, assoc.c.acct).select_from(job.outerjoin(assoc, assoc.c.id_assoc == job.c.id_assoc))
    rows = db.rows(db.schema.on_key(statement.where(*condition).limit(MOST_ROWS + 1), "rollup2"))
    names = db.tres_names()
    found = [_row(row, names) for row in rows[:MOST_ROWS] if _meant(row, narrow)]
    frame = frames.table(found, COLUMNS, **dict.fromkeys(("id_job", "start", "nodes", "cores", "gpus"), "int64"))
    frame.attrs["cut"] = len(rows) > MOST_ROWS
    return frame


def _meant(row: Mapping[str, Any], narrow: Narrow) -> bool:
    """The database compares without case; here it is exact."""
    wanted = ((narrow.user, row["user"]), (narrow.account, row["acct"]), (narrow.partition, row["partition"]))
    if any(name and name != value for name, value in wanted):
        return False
    return not narrow.node or narrow.node in hosts(row["nodelist"])


def _row(row: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    held = tres(row["tres_alloc"], names)
    job = int(row["id_job"])
    text = arrays.job_id(
        job, int(row["id_array_job"]), int(row["id_array_task"]), "", int(row["het_job_id"] or 0), int(row["het_job_offset"] or 0)
    )
    return {
        "id_job": job, "job_id": text, "user": row["user"] or "", "account": row["acct"] or "", "partition": row["partition"] or "",
        "name": row["job_name"] or "", "node_list": row["nodelist"] or "", "start": int(row["time_start"]),
        "nodes": held.get("node", 0) or int(row["nodes_alloc"] or 0), "cores": held.get("cpu", 0), "memory": memory(held),
        "gpus": gpus(held)[0],
    }  # fmt: skip
