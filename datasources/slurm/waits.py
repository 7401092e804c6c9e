"""How long runs waited, how much of their limits they took and when they began: counted by the database, never row by row.

Durations are counted in logarithmic buckets: number b holds [RATIO**b, RATIO**(b+1)) seconds, NOTHING what is below one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Integer, Select, String, and_, case, cast, func, literal, or_, select

from core.units import DAY, HOUR, MINUTE
from core.viewer import Viewer, only_staff
from datasources.slurm.arrays import INFINITE, NO_VALUE
from datasources.slurm.db import SlurmDb
from datasources.slurm.ownership import database
from datasources.slurm.people import TREE_SECONDS
from datasources.slurm.states import BASE, COMPLETED, FLAGS, PENDING, TIMEOUT
from datasources.slurm.unfinished import tasks_in, unfinished
from datasources.sources import Sources

RATIO = 1.1  # the middle of a bucket is at most sqrt(1.1) − 1 = 4.9 % off any value in it
NOTHING = -1
QUEUED, HELD, STARTS, LIMITS = "queued", "held", "starts", "limits"
OUT = -2  # in place of a bucket: not counted for this measure
# buckets of LIMITS that are no share of a limit
TIMED_OUT, ENDED_OTHERWISE, UNLIMITED, NO_LIMIT_KNOWN = 10_001, 10_002, 10_003, 10_004
PER_MILLE = 1000
# size classes: (code, fewest cores or GPUs); those of GPU jobs begin at FIRST_GPU
FIRST_GPU = 10
CORE_CLASSES = ((0, 1), (1, 2), (2, 17), (3, 65), (4, 257))
GPU_CLASSES = ((10, 1), (11, 2), (12, 5))
NO_SIZE = -1  # starts are counted without it
COLUMNS = ("measure", "partition", "qos", "account", "size", "started", "bucket", "jobs")


def bucket_sql(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The bucket of a number of 0 or more; a hair above an edge counts as on it, as in analysis.quantiles.bucket."""
    return case((value < 1, NOTHING), else_=cast(func.floor(func.ln(value) / math.log(RATIO) + 1e-9), Integer))


def _held(text: ColumnElement[Any], number: int) -> ColumnElement[Any]:
    """How many of a trackable resource `,1=24,2=4096` names; NULL where it names none."""
    mark = f",{number}="
    rest = func.substring_index(func.substring_index(text, mark, -1), ",", 1)
    return case((func.locate(mark, text) > 0, cast(rest, Integer)))


def size_sql(job: Any, names: Mapping[int, str]) -> ColumnElement[Any]:
    """The size class by what was allocated: GPUs where there are any, else cores."""
    text = func.concat(",", job.tres_alloc)
    by_name = {name: number for number, name in names.items()}
    typed = [func.coalesce(_held(text, number), 0) for number, name in sorted(names.items()) if name.startswith("gres/gpu:")]
    # the untyped entry is the sum, so typed ones are added up only where it is missing
    whole = [_held(text, by_name["gres/gpu"])] if "gres/gpu" in by_name else []
    gpus = func.coalesce(*whole, sum(typed, start=literal(0)) if typed else literal(0))
    cores = func.coalesce(_held(text, by_name.get("cpu", 1)), job.cpus_req)
    steps = [(gpus >= least, code) for code, least in reversed(GPU_CLASSES)]
    steps += [(cores >= least, code) for code, least in reversed(CORE_CLASSES)]
    return case(*steps, else_=0)


def _text(name: ColumnElement[Any]) -> ColumnElement[Any]:
    """A name that groups in memory: those of Slurm's columns are texts, which the database sorts on disk."""
    return cast(name, String(128))


def _ran(job: Any) -> ColumnElement[bool]:
    """It had an allocation: a job that fails before it is given nodes has a start, too. Parts of a heterogeneous job count once."""
    first_part = or_(job.het_job_id == 0, job.het_job_offset == 0, job.het_job_offset >= NO_VALUE)
    return and_(job.time_start > 0, job.tres_alloc != "", first_part)


def _limit_bucket(job: Any) -> ColumnElement[Any]:
    """Per mille of the limit a completed run took, without the time it was suspended; codes for all other ends."""
    base = job.state.op("&")(BASE)
    whole = job.time_end - job.time_start
    ran = case((job.time_end <= job.time_start, 0), (job.time_suspended <= whole, whole - job.time_suspended), else_=whole)
    return case(
        (base == TIMEOUT, TIMED_OUT),
        (base != COMPLETED, ENDED_OTHERWISE),
        (job.timelimit == INFINITE, UNLIMITED),
        (job.timelimit.in_((0, NO_VALUE)), NO_LIMIT_KNOWN),
        else_=bucket_sql(ran * PER_MILLE / (job.timelimit * MINUTE)),
    )


def counts_statement(db: SlurmDb, names: Mapping[int, str], low: int, high: int) -> Select[Any]:
    """Runs by all that is counted of them together; ended in [low, high), or running for (0, 1).

    One reading of the rows for all measures: what a run is not counted for is OUT.
    """
    job = db.schema.table("job_table").c
    # after a resize the row begins with a submission later than its start: that is no new wait
    waited = job.time_start >= job.time_submit
    # never recorded (0), before the submission or after the start: cut into the wait
    eligible = func.least(func.greatest(job.time_eligible, job.time_submit), job.time_start)
    resizing = job.state.op("&")(FLAGS["RESIZING"]) != 0
    account, partition = _text(func.coalesce(job.account, "")), _text(job.partition)
    groups = (
        account.label("g_account"), partition.label("g_partition"), job.id_qos.label("g_qos"), size_sql(job, names).label("g_size"),
        cast(func.floor(job.time_start / HOUR), Integer).label("g_hour"),
        case((waited, bucket_sql(job.time_start - eligible)), else_=OUT).label("g_queued"),
        case((waited, bucket_sql(eligible - job.time_submit)), else_=OUT).label("g_held"),
        # of a run that goes on there is no limit to judge
        (case((resizing, OUT), else_=_limit_bucket(job)) if low else literal(OUT)).label("g_limits"),
        # the database groups names without regard to case: their checksums keep them apart
        func.crc32(func.concat(account, "/", partition)).label("g_names"),
    )  # fmt: skip
    statement = select(*groups, func.count().label("jobs")).where(job.time_end >= low, job.time_end < high, _ran(job))
    return db.schema.on_key(statement.group_by(*(group.name for group in groups)), "rollup2")


def _group(row: Mapping[str, Any], quality: Mapping[int, str]) -> tuple[str, str, str]:
    """(partition, QOS, account) of a counted row."""
    return row["g_partition"] or "", quality.get(int(row["g_qos"]), ""), row["g_account"]


def _counts(sources: Sources, low: int, high: int) -> pd.DataFrame:
    db = database(sources)
    quality = qos_names(sources)
    numbers = ("g_size", "g_hour", "g_queued", "g_held", "g_limits", "jobs")
    rows = [(*_group(row, quality), *(int(row[name]) for name in numbers)) for row in db.rows(counts_statement(db, db.tres_names(), low, high))]
    frame = pd.DataFrame(rows, columns=["partition", "qos", "account", "size", "hour", QUEUED, HELD, LIMITS, "jobs"])
    frame = frame.astype(dict.fromkeys(("size", "hour", QUEUED, HELD, LIMITS, "jobs"), "int64")).assign(started=lambda found: found["hour"] // 24)
    # a start is counted for what was a wait; without its size
    starts = frame.assign(size=NO_SIZE, starts=frame["hour"].where(frame[QUEUED] != OUT, OUT))
    sources_of = {QUEUED: frame, HELD: frame, STARTS: starts, LIMITS: frame.assign(started=0)}
    parts = [found.rename(columns={name: "bucket"}).assign(measure=name)[list(COLUMNS)] for name, found in sources_of.items()]
    whole = pd.concat(parts, ignore_index=True)
    return whole[whole["bucket"] != OUT].groupby(list(COLUMNS[:-1]), as_index=False)["jobs"].sum()


def ended_counts(sources: Sources, *, viewer: Viewer, day: int) -> pd.DataFrame:
    """Counts of the runs that ended on a UTC day (days since 1970), COLUMNS; one statement that reads the day's rows once.

    measure: QUEUED (eligible → start) and HELD (submit → eligible) in buckets of seconds, STARTS (bucket: hours since 1970),
    LIMITS (buckets of per mille of the limit, or a code). started: day of the start. Raises NotAllowed unless staff.
    """
    only_staff(viewer, "scheduler statistics")
    return _counts(sources, day * DAY, (day + 1) * DAY)


def running_counts(sources: Sources, *, viewer: Viewer) -> pd.DataFrame:
    """The same of the runs that have begun and not ended, without LIMITS; one statement. Raises NotAllowed unless staff."""
    only_staff(viewer, "scheduler statistics")
    return _counts(sources, 0, 1)


def first_day(sources: Sources, *, viewer: Viewer) -> int | None:
    """The UTC day (since 1970) of the oldest end that accounting still has, None for none. Raises NotAllowed unless staff."""
    only_staff(viewer, "scheduler statistics")
    db = database(sources)
    job = db.schema.table("job_table").c

    def read() -> int | None:
        statement = select(job.time_end).where(job.time_end > 0).order_by(job.time_end).limit(1)
        rows = db.rows(db.schema.on_key(statement, "rollup2"))
        return int(rows[0]["time_end"]) // DAY if rows else None

    return db.kept("first_end", read)


def qos_names(sources: Sources) -> dict[int, str]:
    """{id: name} of the QOS; empty where the version or the grants hide the table."""
    db = database(sources)

    def read() -> dict[int, str]:
        if not db.schema.has("qos_table", "id", "name"):
            return {}
        return {int(row["id"]): row["name"] for row in db.rows(db.schema.select("qos_table", "id", "name"))}

    return db.kept("qos_names", read)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What may be chosen: QOS and accounts by name, accounts whose associations were deleted, too."""

    qos: tuple[str, ...]
    accounts: frozenset[str]


def choices(sources: Sources, *, viewer: Viewer) -> Choices:
    """Names of QOS and accounts; raises NotAllowed unless staff."""
    only_staff(viewer, "scheduler statistics")
    db = database(sources)

    def read() -> frozenset[str]:
        # the row of an account itself has no user; deleted ones still have runs
        table = db.schema.table("assoc_table")
        return frozenset(row["acct"] for row in db.rows(select(table.c.acct).where(table.c.user == "")) if row["acct"])

    return Choices(qos=tuple(sorted(set(qos_names(sources).values()))), accounts=db.kept("account_names", read, TREE_SECONDS))


def waiting(sources: Sources, *, viewer: Viewer) -> pd.DataFrame:
    """Who waits now: one row for each partition, QOS and account, in one statement on the rows that have not ended.

    Columns: partition (as asked for: may be a list `a,b`), qos, account, ready (jobs that may start, array tasks one by one),
    not_ready (held, waiting for another job or a time), oldest (UTC s since when the longest waiting one may start, or None).
    Raises NotAllowed unless staff.
    """
    only_staff(viewer, "scheduler statistics")
    db, now = database(sources), int(sources.clock())
    job = db.schema.table("job_table").c
    tasks = tasks_in(job)
    ready = and_(job.time_eligible > 0, job.time_eligible <= now)
    account = func.coalesce(job.account, "")
    names = func.crc32(func.concat(account, "/", job.partition)).label("g_names")
    part = or_(job.het_job_id == 0, job.het_job_offset == 0, job.het_job_offset >= NO_VALUE)
    statement = (
        select(
            job.partition.label("g_partition"), job.id_qos.label("g_qos"), account.label("g_account"), names,
            func.sum(case((ready, tasks), else_=0)).label("ready"), func.sum(case((ready, 0), else_=tasks)).label("not_ready"),
            func.min(case((ready, job.time_eligible))).label("oldest"),
        )
        .where(unfinished(job, PENDING), job.time_start == 0, part)
        .group_by("g_partition", "g_qos", "g_account", "g_names")
    )  # fmt: skip
    quality = qos_names(sources)
    rows = [
        (*_group(row, quality), int(row["ready"]), int(row["not_ready"]), int(row["oldest"]) if row["oldest"] else None)
        for row in db.rows(db.schema.on_key(statement, "rollup2"))
    ]
    return pd.DataFrame(rows, columns=["partition", "qos", "account", "ready", "not_ready", "oldest"])
