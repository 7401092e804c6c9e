"""What each person holds in each account now: resources of running jobs, and jobs that run and wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from datasources.slurm.db import SlurmDb
from datasources.slurm.lookup import MOST_ROWS
from datasources.slurm.states import BASE, PENDING, RUNNING, SUSPENDED
from datasources.slurm.tres import MIB, gpus, tres
from datasources.slurm.unfinished import tasks_of, unfinished

KEPT_SECONDS = 20.0


@dataclass(kw_only=True)
class Holding:
    """Jobs now. `tres`: what running jobs hold, by name as in Slurm (cpu, mem in MB, gres/gpu …)."""

    tres: Counter[str] = field(default_factory=Counter)
    running: int = 0
    suspended: int = 0
    pending: int = 0

    def add(self, other: Holding) -> None:
        """Adds another's."""
        self.tres.update(other.tres)
        self.running += other.running
        self.suspended += other.suspended
        self.pending += other.pending

    @property
    def cores(self) -> int:
        """Cores of running jobs."""
        return self.tres["cpu"]

    @property
    def memory(self) -> int:
        """Bytes of running jobs."""
        return self.tres["mem"] * MIB

    @property
    def gpus(self) -> int:
        """GPUs of running jobs, whatever type."""
        return gpus(self.tres)[0]


Holdings = Mapping[tuple[str, str], Holding]


def holdings(db: SlurmDb) -> Holdings:
    """{(account, person): what is held and waited for}, tasks of pending arrays one by one.

    By the association, the truth about both. One statement along the keys that hold time_end = 0, remembered for some seconds:
    all accounts of all pages share it, so whoever calls picks what the viewer may see.
    """

    def read() -> Holdings:
        job, assoc = db.schema.table("job_table"), db.schema.table("assoc_table")
        columns = (assoc.c.acct, assoc.c.user, job.c.state, job.c.tres_alloc)
        statement = db.schema.on_key(
            select(*columns, tasks_of(job.c).label("tasks"))
            .select_from(job.join(assoc, assoc.c.id_assoc == job.c.id_assoc))
            .where(unfinished(job.c, PENDING, RUNNING, SUSPENDED))
            .group_by(*columns)
            .limit(MOST_ROWS),
            "rollup2",
        )
        names = db.tres_names()
        found: dict[tuple[str, str], Holding] = {}
        for row in db.rows(statement):
            _count(found.setdefault((row["acct"], row["user"]), Holding()), int(row["state"]) & BASE, int(row["tasks"]), tres(row["tres_alloc"], names))
        return found

    return db.kept("holdings", read, KEPT_SECONDS)


def _count(held: Holding, state: int, tasks: int, amounts: Mapping[str, int]) -> None:
    if state == RUNNING:
        held.running += tasks
        for name, count in amounts.items():
            held.tres[name] += count * tasks
    elif state == SUSPENDED:
        held.suspended += tasks
    else:
        held.pending += tasks


def with_below(held: Holdings, parents: Mapping[str, str]) -> dict[str, Holding]:
    """{account: what it and all accounts below it hold}; `parents` {account: parent}. Accounts that hold nothing are left out."""
    found: dict[str, Holding] = {}
    for (account, _person), part in held.items():
        seen: set[str] = set()
        while account and account not in seen:
            seen.add(account)
            found.setdefault(account, Holding()).add(part)
            account = parents.get(account, "")
    return found
