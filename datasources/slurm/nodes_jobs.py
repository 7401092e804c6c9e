"""Which runs hold or held which nodes: of running jobs all at once, of ended ones along the key of their end, within a budget of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, or_, select, true

from datasources.slurm.db import SlurmDb
from datasources.slurm.hosts import hosts
from datasources.slurm.ownership import FIRST_PERSON
from datasources.slurm.scan import Branch, pieces
from datasources.slurm.states import RUNNING, SUSPENDED
from datasources.slurm.tres import MIB, gpus, tres
from datasources.slurm.unfinished import unfinished

MOST_RUNNING = 20_000
PAGE = 125  # ×4, ×20, ×40 rows looked at in the pieces of a walk: together less than its budget
# whether a node is somebody's: own jobs, then those of accounts, beside all that run: together less than 20 000 rows
OWN_PAGE, ACCOUNTS_PAGE = 80, 40
RUNNING_SECONDS = 10.0
BY_END = ("time_end", "time_eligible", "job_db_inx")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A running job on its nodes. Memory in bytes and GPUs are over all of them; `owned` False: a uid that is nobody's."""

    job_db_inx: int
    user: str
    account: str
    partition: str
    start: int
    nodes: tuple[str, ...]
    cores: int
    memory: int
    gpus: int
    owned: bool


def running(db: SlurmDb) -> list[Held]:
    """All running and suspended jobs with their nodes; one statement on the key that begins with the end, kept for 10 s."""
    return db.kept("running jobs on nodes", lambda: _running(db), RUNNING_SECONDS)


def _running(db: SlurmDb) -> list[Held]:
    job, assoc = db.schema.table("job_table"), db.schema.table("assoc_table")
    names = ("job_db_inx", "id_user", "account", "partition", "time_start", "nodelist", "tres_alloc")
    statement = (
        select(*(job.c[name] for name in names), assoc.c.user, assoc.c.acct)
        .select_from(job.outerjoin(assoc, assoc.c.id_assoc == job.c.id_assoc))
        .where(unfinished(job.c, RUNNING, SUSPENDED), job.c.time_start > 0)
        .limit(MOST_RUNNING)
    )
    tres_names = db.tres_names()
    return [_held(row, tres_names) for row in db.rows(db.schema.on_key(statement, "rollup2"))]


def _held(row: Any, names: dict[int, str]) -> Held:
    counts = tres(row["tres_alloc"], names)
    return Held(
        job_db_inx=int(row["job_db_inx"]), user=row["user"] or "", account=row["acct"] or row["account"] or "",
        partition=row["partition"] or "", start=int(row["time_start"]), nodes=hosts(row["nodelist"]),
        cores=counts.get("cpu", 0), memory=counts.get("mem", 0) * MIB, gpus=gpus(counts)[0], owned=int(row["id_user"]) >= FIRST_PERSON,
    )  # fmt: skip


@dataclass(kw_only=True)
class Walk:
    """Rows found: job_db_inx newest end first; `complete` False if the budget of rows ended the search before the range did."""

    found: list[int] = field(default_factory=list)
    complete: bool = True


def ended_on(db: SlurmDb, *, node: str, since: int, until: int, uids: Sequence[int] | None = None, most: int = 2000, page: int = PAGE) -> Walk:
    """Runs that held the node and ended in or after [since, until], found along the key of their end; fewer than 10 000 rows are looked at.

    `uids`: only jobs of these (their own key). Near the present the newest are found first, in the past those that ended first.
    """
    job = db.schema.table("job_table").c
    ended = and_(job.time_end >= max(since, 1), job.time_start > 0)
    branches = (
        (Branch(key="rollup2", where=ended, order=BY_END),)
        if uids is None
        else tuple(Branch(key="sacct_def2", where=and_(job.id_user == uid, ended), order=BY_END) for uid in uids)
    )
    extra = {"inx": job.job_db_inx, "begun": job.time_start, "nodelist": job.nodelist}
    walk = Walk(complete=not branches)
    for rows, whole in pieces(db, branches, extra, at=None, down=True, page=page):
        walk.found += [int(row["inx"]) for row in rows if row["begun"] <= until and on(row["nodelist"], node)]
        walk.complete = whole
        if len(walk.found) >= most:
            walk.complete = walk.complete and len(walk.found) == most
            break
    walk.found = walk.found[:most]
    return walk


def on(nodelist: str | None, node: str) -> bool:
    """True if a host list holds the node, by its exact name; lists of other families of nodes are not expanded."""
    text = nodelist or ""
    return node == text or (node.rstrip("0123456789") in text and node in hosts(text))


def ended_in(db: SlurmDb, *, associations: Sequence[int], node: str, since: int) -> Walk:
    """The same over the newest jobs of these associations, along their key."""
    job = db.schema.table("job_table").c
    branches = tuple(Branch(key="association", where=job.id_assoc == one, order=("job_db_inx",)) for one in associations)
    extra = {"inx": job.job_db_inx, "nodelist": job.nodelist, "late": or_(job.time_end == 0, job.time_end >= since) & (job.time_start > 0)}
    walk = Walk(complete=not branches)
    for rows, whole in pieces(db, branches, extra, at=None, down=True, page=ACCOUNTS_PAGE):
        walk.found += [int(row["inx"]) for row in rows if row["late"] and on(row["nodelist"], node)]
        walk.complete = whole
        if walk.found:
            break
    return walk


def by_ids(db: SlurmDb, *, ids: Sequence[int], node: str, since: int, until: int) -> list[int]:
    """job_db_inx of runs with these raw ids that held the node in [since, until]; one statement on the key of the ids."""
    job = db.schema.table("job_table").c
    if not ids:
        return []
    alive = and_(job.time_start > 0, job.time_start <= until, or_(job.time_end == 0, job.time_end >= since))
    statement = select(job.job_db_inx, job.nodelist).where(job.id_job.in_(list(ids)), alive, true())
    rows = db.rows(db.schema.on_key(statement.limit(4000), "id_job"))
    return [int(row["job_db_inx"]) for row in rows if on(row["nodelist"], node)]
