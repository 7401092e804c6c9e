"""What a part of the cluster holds and waits for now: staff narrow it to an account, a person, a partition or a node."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from core.narrow import Narrow
from core.viewer import Viewer, only_staff
from datasources.slurm.db import SlurmDb
from datasources.slurm.filters import JobFilter, conditions, mine
from datasources.slurm.nodes import node_names
from datasources.slurm.nodes_jobs import Held, running
from datasources.slurm.ownership import database
from datasources.slurm.people import account_parents, associations_in, associations_of
from datasources.slurm.search import partitions
from datasources.slurm.states import PENDING
from datasources.slurm.unfinished import tasks_of, unfinished
from datasources.sources import Sources


@dataclass(frozen=True, kw_only=True)
class PartNow:
    """A part of the cluster now. Memory in bytes. `pending` None: which jobs wait for a node is not known.

    Narrowed to a node, cores, memory and GPUs are its part of each job: an even share of jobs on several nodes.
    """

    cores: float
    memory: float
    gpus: float
    running: int
    pending: int | None
    users: tuple[str, ...]
    accounts: tuple[str, ...]
    nodes: tuple[str, ...]


def unknown(sources: Sources, *, viewer: Viewer, narrow: Narrow) -> tuple[str, ...]:
    """The parameters whose names accounting does not know, by the exact name. Raises NotAllowed unless staff."""
    only_staff(viewer, "narrowing")
    db = database(sources)
    known = {
        "account": lambda name: name in account_parents(db) or bool(associations_in(db, name)), "user": lambda name: bool(associations_of(db, name)),
        "partition": lambda name: name in partitions(sources), "node": lambda name: name in node_names(sources, viewer=viewer),
    }  # fmt: skip
    return tuple(parameter for parameter, name in narrow.query().items() if not known[parameter](name))


def part_now(sources: Sources, *, viewer: Viewer, narrow: Narrow) -> PartNow:
    """What the part holds and waits for; two statements, and those of names not yet known. Raises NotAllowed unless staff."""
    only_staff(viewer, "narrowing")
    db = database(sources)
    found = [job for job in running(db) if _in(job, narrow)]
    weights = [1 / max(len(job.nodes), 1) if narrow.node else 1.0 for job in found]
    return PartNow(
        cores=sum(job.cores * weight for job, weight in zip(found, weights, strict=True)),
        memory=sum(job.memory * weight for job, weight in zip(found, weights, strict=True)),
        gpus=sum(job.gpus * weight for job, weight in zip(found, weights, strict=True)),
        running=len(found), pending=None if narrow.node else _pending(db, narrow),
        users=tuple(sorted({job.user for job in found} - {""})), accounts=tuple(sorted({job.account for job in found} - {""})),
        nodes=(narrow.node,) if narrow.node else tuple(sorted({node for job in found for node in job.nodes})),
    )  # fmt: skip


def _in(job: Held, narrow: Narrow) -> bool:
    wanted = ((narrow.account, job.account), (narrow.user, job.user), (narrow.partition, job.partition))
    return all(not name or name == is_ for name, is_ in wanted) and (not narrow.node or narrow.node in job.nodes)


def _pending(db: SlurmDb, narrow: Narrow) -> int:
    """Jobs that wait, the tasks of arrays one by one; on the key that begins with the end, where jobs that have none are together."""
    job = db.schema.table("job_table").c
    wanted = JobFilter(user=narrow.user or None, account=narrow.account or None, partition=narrow.partition or None, fold=False)
    statement = select(func.coalesce(tasks_of(job), 0).label("tasks")).where(unfinished(job, PENDING), conditions(db, wanted), mine(db, wanted, wanted.user))
    return int(db.rows(db.schema.on_key(statement, "rollup2"))[0]["tasks"])
