"""How long the jobs that began lately had waited, by partition: counts that name nobody."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Select, String, and_, case, cast, func, or_, select

from core.units import DAY
from core.viewer import Viewer
from datasources.slurm.arrays import NO_VALUE
from datasources.slurm.db import SlurmDb
from datasources.slurm.ownership import database
from datasources.slurm.states import PENDING
from datasources.slurm.unfinished import tasks_in, unfinished
from datasources.slurm.waits import NOTHING, OUT, RATIO, bucket_sql
from datasources.sources import Sources

SPAN = DAY
# rows looked at: together less than 20 000, however busy the cluster is (Slurm itself keeps at most MaxJobCount jobs, 10 000 by default)
MOST_ENDED, MOST_ALIVE = 11_000, 8_000
COLUMNS = ("partition", "bucket", "jobs")
TIMES = ("time_start", "time_submit", "time_eligible", "time_end", "het_job_id", "het_job_offset")
NEEDED = ("partition", *TIMES)
NUMBERS = (*TIMES, "allocated")


def statements(db: SlurmDb, low: int) -> tuple[Select[Any], Select[Any]]:
    """The rows that may have begun since `low`: those that ended last, and those that have not; each along the key of their end, and each
    read once: grouped by the database they would be read again from its temporary tables."""
    job = db.schema.table("job_table").c
    columns = [job[name] for name in NEEDED] + [(job.tres_alloc != "").label("allocated")]
    ended = select(*columns).where(job.time_end >= low).order_by(job.time_end.desc(), job.time_eligible.desc()).limit(MOST_ENDED)
    alive = select(*columns).where(job.time_end == 0).order_by(job.time_eligible.desc()).limit(MOST_ALIVE)
    return db.schema.on_key(ended, "rollup2"), db.schema.on_key(alive, "rollup2")


def counted(rows: pd.DataFrame, low: int) -> pd.DataFrame:
    """Runs that began since `low` by partition and bucket of their wait, from rows with NEEDED and allocated."""
    # after a resize the row begins with a submission later than its start: that is no new wait
    began = (rows["time_start"] >= low) & (rows["time_start"] >= rows["time_submit"]) & (rows["allocated"] == 1)
    first = (rows["het_job_id"] == 0) | (rows["het_job_offset"] == 0) | (rows["het_job_offset"] >= NO_VALUE)
    runs = rows[began & first]
    # never recorded (0), before the submission or after the start: cut into the wait
    eligible = np.minimum(np.maximum(runs["time_eligible"], runs["time_submit"]), runs["time_start"])
    wait = (runs["time_start"] - eligible).to_numpy(np.float64)
    # a hair above an edge counts as on it, as in bucket_sql
    bucket = np.where(wait < 1, NOTHING, np.floor(np.log(np.maximum(wait, 1)) / math.log(RATIO) + 1e-9)).astype(np.int64)
    found = runs.assign(bucket=bucket).groupby(["partition", "bucket"], as_index=False).size().rename(columns={"size": "jobs"})
    return found[list(COLUMNS)].astype({"partition": "str", "bucket": "int64", "jobs": "int64"})


def recent_waits(sources: Sources, *, viewer: Viewer) -> pd.DataFrame:
    """Counts of runs that began within the last 24 hours. Columns: partition (str), bucket (of seconds from eligible to start, see
    datasources.slurm.waits), jobs (int). Open to everybody: no job and nobody is in it. Two statements, fewer than 20 000 rows examined.

    attrs since: None, or, where more than MOST_ENDED jobs ended in that day, the UTC second from which on those that ended are counted;
    of more than MOST_ALIVE that have not ended the newest are.
    """
    db = database(sources)
    low = int(sources.clock()) - SPAN
    ended, alive = (_read(db, statement) for statement in statements(db, low))
    rows = pd.concat([one for one in (ended, alive) if len(one)] or [ended], ignore_index=True)
    frame = counted(rows, low)
    frame.attrs["since"] = int(ended["time_end"].min()) if len(ended) >= MOST_ENDED else None
    return frame


def _read(db: SlurmDb, statement: Select[Any]) -> pd.DataFrame:
    rows = [(row["partition"] or "", *(int(row[name] or 0) for name in NUMBERS)) for row in db.rows(statement)]
    frame = pd.DataFrame(rows, columns=["partition", *NUMBERS])
    return frame.astype({"partition": "str", **dict.fromkeys(NUMBERS, "int64")})


def pending_statement(db: SlurmDb, now: int) -> Select[Any]:
    """Pending jobs by partition and bucket of how long they could have run; OUT: those that may not start yet."""
    job = db.schema.table("job_table").c
    ready = and_(job.time_eligible > 0, job.time_eligible <= now)
    first = or_(job.het_job_id == 0, job.het_job_offset == 0, job.het_job_offset >= NO_VALUE)
    bucket = case((ready, bucket_sql(now - job.time_eligible)), else_=OUT)
    columns = (cast(job.partition, String(128)).label("partition"), bucket.label("bucket"), func.sum(tasks_in(job)).label("jobs"))
    found = select(*columns).where(unfinished(job, PENDING), job.time_start == 0, first).group_by("partition", "bucket", func.crc32(job.partition))
    return db.schema.on_key(found, "rollup2")


def pending_now(sources: Sources, *, viewer: Viewer) -> pd.DataFrame:
    """Who waits now, as numbers. Columns: partition (as asked for: may be a list `a,b`), bucket (of seconds since they could start; OUT for
    those that may not yet), ready, not_ready (jobs, array tasks one by one). Open to everybody. One statement that reads the rows that have
    not ended once; slurmctld holds no more of them than MaxJobCount says, 10 000 by default.
    """
    db = database(sources)
    rows = [(row["partition"] or "", int(row["bucket"]), int(row["jobs"])) for row in db.rows(pending_statement(db, int(sources.clock())))]
    frame = pd.DataFrame(rows, columns=["partition", "bucket", "jobs"]).astype({"partition": "str", "bucket": "int64", "jobs": "int64"})
    out = frame["bucket"] == OUT
    return frame.assign(ready=frame["jobs"].where(~out, 0), not_ready=frame["jobs"].where(out, 0))[["partition", "bucket", "ready", "not_ready"]]
