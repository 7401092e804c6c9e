"""The cluster as a whole: what is configured, what is down, what runs, and what has just ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, and_, or_, select

from core.viewer import Viewer, only_self, only_staff
from datasources.slurm.hosts import hosts
from datasources.slurm.lookup import MOST_ROWS, select_runs
from datasources.slurm.ownership import database
from datasources.slurm.people import uids_of
from datasources.slurm.records import Run
from datasources.slurm.states import BASE, PENDING, RUNNING, SUSPENDED
from datasources.slurm.tres import MIB, gpus, tres
from datasources.slurm.unfinished import tasks_of, unfinished
from datasources.sources import Sources

DOWN_BASE, DRAIN_FLAG, NODE_BASE = 1, 512, 0xF


@dataclass(kw_only=True)
class Amount:
    """Resources: nodes, cores, memory in bytes, GPUs by GRES type ("" where Slurm knows no type)."""

    nodes: int = 0
    cores: int = 0
    memory: int = 0
    gpus: Counter[str] = field(default_factory=Counter)

    @property
    def gpu_count(self) -> int:
        """All GPUs, whatever type."""
        return sum(self.gpus.values())

    def add(self, counts: Mapping[str, int], times: int = 1) -> None:
        """Adds a TRES string's amounts, `times` over."""
        all_gpus, types = gpus(counts)
        self.nodes += counts.get("node", 0) * times
        self.cores += counts.get("cpu", 0) * times
        self.memory += counts.get("mem", 0) * MIB * times
        for name, count in types.items():
            self.gpus[name] += count * times
        if all_gpus > sum(types.values()):
            self.gpus[""] += (all_gpus - sum(types.values())) * times


@dataclass(frozen=True, kw_only=True)
class ClusterNow:
    """The cluster at this moment: what is configured, allocated to running jobs, out of service; jobs by state."""

    configured: Amount
    allocated: Amount
    out: Amount
    hosts: tuple[str, ...]
    down: tuple[str, ...]
    drained: tuple[str, ...]
    running: int
    suspended: int
    pending: int

    def free_gpus(self) -> dict[str, int]:
        """{GRES type: configured − allocated − on nodes out of service}, never below 0."""
        return {
            name: max(0, count - self.allocated.gpus[name] - self.out.gpus[name]) for name, count in sorted(self.configured.gpus.items())
        }

    @property
    def free_cores(self) -> int:
        """Cores neither allocated nor on nodes out of service."""
        return max(0, self.configured.cores - self.allocated.cores - self.out.cores)


def _open_events(sources: Sources, condition: Any) -> list[Any]:
    db = database(sources)
    table = db.schema.table("event_table")
    names = ("node_name", "state", "tres", "cluster_nodes", "time_start")
    return list(db.rows(select(*(table.c[name] for name in names)).where(table.c.time_end == 0, condition(table)).limit(MOST_ROWS)))


def _by_state(job: Any) -> Select[Any]:
    return (
        select(job.state, job.tres_alloc, tasks_of(job).label("tasks"))
        .where(unfinished(job, PENDING, RUNNING, SUSPENDED))
        .group_by(job.state, job.tres_alloc)
    )


def cluster_now(sources: Sources, *, viewer: Viewer) -> ClusterNow:
    """The cluster now, from the event table's own row and the jobs that have not ended; holds no names of people. Three statements.

    A cluster that never registered (empty tables) has 0 of everything.
    """
    db = database(sources)
    names = db.tres_names()
    configured, out = Amount(), Amount()
    rows = _open_events(sources, lambda table: table.c.node_name == "")
    newest = max(rows, key=lambda row: row["time_start"], default=None)
    nodes: tuple[str, ...] = ()
    if newest is not None:
        configured.add(tres(newest["tres"], names))
        nodes = hosts(newest["cluster_nodes"])
        configured.nodes = len(nodes)
    down, drained = [], []
    for row in _open_events(sources, lambda table: table.c.node_name.in_(nodes)) if nodes else []:
        state = int(row["state"])
        is_down = state & NODE_BASE == DOWN_BASE
        if is_down or state & DRAIN_FLAG:
            (down if is_down else drained).append(row["node_name"])
            out.add(tres(row["tres"], names))
    out.nodes = len(set(down) | set(drained))
    use = _use(db.rows(_by_state(db.schema.table("job_table").c)), names)
    return ClusterNow(
        configured=configured, allocated=use.held, out=out, hosts=nodes,
        down=tuple(sorted(set(down))), drained=tuple(sorted(set(drained))),
        running=use.running, suspended=use.suspended, pending=use.pending,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Use:
    """What someone holds now and waits for."""

    held: Amount
    running: int
    suspended: int
    pending: int


def _use(rows: Any, names: Mapping[int, str]) -> Use:
    held, counts = Amount(), Counter[int]()
    for row in rows:
        state, tasks = int(row["state"]) & BASE, int(row["tasks"])
        counts[state] += tasks
        if state == RUNNING:
            held.add(tres(row["tres_alloc"], names), tasks)
    return Use(held=held, running=counts[RUNNING], suspended=counts[SUSPENDED], pending=counts[PENDING])


def current_use(sources: Sources, *, viewer: Viewer, user: str) -> Use:
    """Cores, memory (bytes), GPUs and jobs a person has now, pending array tasks counted one by one; one statement once ids are known.

    Raises NotFound unless the viewer is that person or staff.
    """
    only_self(viewer, user)
    db = database(sources)
    uids = uids_of(db, user)
    job = db.schema.table("job_table").c
    rows = db.rows(_by_state(job).where(job.id_user.in_(uids))) if uids else []
    return _use(rows, db.tres_names())


def finished_after(sources: Sources, *, viewer: Viewer, after: tuple[int, int] = (0, 0), limit: int = 500) -> list[Run]:
    """Started runs that ended after the cursor (end, job_db_inx), in that order: for the summaries. One statement, or two.

    Continue from `(run.end, run.job_db_inx)` of the last one; a second is never cut in two. Raises NotAllowed unless staff.
    """
    only_staff(viewer, "finished_after")
    since, inx = max(1, after[0]), after[1]

    def beyond(job: Any) -> Any:
        return and_(job.time_end >= since, or_(job.time_end > since, job.job_db_inx > inx), job.time_start > 0)

    found = _ended(sources, viewer, beyond, limit + 1)
    if len(found) > limit:
        last = found[-1].end
        whole = [run for run in found if run.end != last]
        # More than `limit` in one second: the whole second is taken
        found = whole or _ended(sources, viewer, lambda job: and_(beyond(job), job.time_end == last), MOST_ROWS)
    return sorted(found, key=lambda run: (run.end or 0, run.job_db_inx))


def _ended(sources: Sources, viewer: Viewer, condition: Any, limit: int) -> list[Run]:
    def order(tables: Any) -> tuple[Any, ...]:
        job = tables.job.c
        return job.time_end, job.time_eligible, job.job_db_inx

    return select_runs(sources, viewer, lambda tables: condition(tables.job.c), order=order, limit=limit)
