"""How long the jobs that began lately had waited, by partition: counts that name nobody."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlalchemy import Integer, Select, String, and_, case, cast, func, or_, select, union_all
from sqlalchemy.sql.selectable import Subquery

from core.units import DAY
from core.viewer import Viewer
from datasources.slurm.arrays import NO_VALUE
from datasources.slurm.db import SlurmDb
from datasources.slurm.ownership import database
from datasources.slurm.states import PENDING
from datasources.slurm.unfinished import tasks_in, unfinished
from datasources.slurm.waits import OUT, bucket_sql
from datasources.sources import Sources

SPAN = DAY
# rows looked at: together less than 20 000, however busy the cluster is (Slurm itself keeps at most MaxJobCount jobs, 10 000 by default)
MOST_ENDED, MOST_ALIVE = 11_000, 8_000
COLUMNS = ("partition", "bucket", "jobs")
NEEDED = ("partition", "time_start", "time_submit", "time_eligible", "time_end", "het_job_id", "het_job_offset", "tres_alloc")


def _latest(db: SlurmDb, low: int) -> Subquery:
    """The rows that may have begun since `low`: those that ended last and those that have not, each along the key of their end."""
    job = db.schema.table("job_table").c
    columns = [job[name] for name in NEEDED]
    ended = select(*columns).where(job.time_end >= low).order_by(job.time_end.desc(), job.time_eligible.desc()).limit(MOST_ENDED)
    alive = select(*columns).where(job.time_end == 0).order_by(job.time_eligible.desc()).limit(MOST_ALIVE)
    on_key = [db.schema.on_key(one, "rollup2").subquery() for one in (ended, alive)]
    return union_all(*(select(one) for one in on_key)).subquery("latest")


def statement(db: SlurmDb, low: int) -> Select[Any]:
    """Runs that began since `low` by partition and bucket of their wait."""
    job = _latest(db, low).c
    # never recorded (0), before the submission or after the start: cut into the wait
    eligible = func.least(func.greatest(job.time_eligible, job.time_submit), job.time_start)
    bucket = cast(bucket_sql(job.time_start - eligible), Integer)
    first = (job.het_job_id == 0) | (job.het_job_offset == 0) | (job.het_job_offset >= NO_VALUE)
    return (
        # a text is grouped on disk, a name of limited length in memory
        select(cast(job.partition, String(128)).label("partition"), bucket.label("bucket"), func.count().label("jobs"))
        # after a resize the row begins with a submission later than its start: that is no new wait
        .where(job.time_start >= low, job.time_start >= job.time_submit, job.tres_alloc != "", first)
        # the database groups names without regard to case: their checksums keep them apart
        .group_by("partition", "bucket", func.crc32(job.partition))
    )


def recent_waits(sources: Sources, *, viewer: Viewer) -> pd.DataFrame:
    """Counts of runs that began within the last 24 hours. Columns: partition (str), bucket (of seconds from eligible to start, see
    datasources.slurm.waits), jobs (int). Open to everybody: no job and nobody is in it. One statement, fewer than 20 000 rows examined.

    Of a cluster on which more than MOST_ENDED jobs end in a day the newest are counted.
    """
    db = database(sources)
    rows = db.rows(statement(db, int(sources.clock()) - SPAN))
    frame = pd.DataFrame([dict(row) for row in rows], columns=list(COLUMNS))
    return frame.astype({"partition": "str", "bucket": "int64", "jobs": "int64"})


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
    those that may not yet), ready, not_ready (jobs, array tasks one by one). Open to everybody. One statement on the rows that have not ended.
    """
    db = database(sources)
    rows = [(row["partition"] or "", int(row["bucket"]), int(row["jobs"])) for row in db.rows(pending_statement(db, int(sources.clock())))]
    frame = pd.DataFrame(rows, columns=["partition", "bucket", "jobs"]).astype({"partition": "str", "bucket": "int64", "jobs": "int64"})
    out = frame["bucket"] == OUT
    return frame.assign(ready=frame["jobs"].where(~out, 0), not_ready=frame["jobs"].where(out, 0))[["partition", "bucket", "ready", "not_ready"]]
