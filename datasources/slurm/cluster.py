"""The cluster as a whole: what is configured, what is down, what runs, and what has just ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, and_, or_, select

from core.errors import SourceRefused
from core.viewer import Viewer, only_self, only_staff
from datasources.slurm.db import SlurmDb
from datasources.slurm.hosts import hosts
from datasources.slurm.lookup import MOST_ROWS, select_runs
from datasources.slurm.ownership import database
from datasources.slurm.people import uids_of
from datasources.slurm.records import Run
from datasources.slurm.reserved import Reservation, capacities, readable, reservations_now
from datasources.slurm.states import BASE, PENDING, RUNNING, SUSPENDED
from datasources.slurm.tres import MIB, gpus, tres
from datasources.slurm.unfinished import tasks_of, unfinished
from datasources.sources import Sources

DOWN_BASE, DRAIN_FLAG, NODE_BASE = 1, 512, 0xF
PLACED_SECONDS = 10


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
    """The cluster at this moment: what is configured, allocated to running jobs, out of service; jobs by state.

    `out` is all of the nodes that are down or drained, `out_held` what jobs still hold there (a draining node); `reserved` is what
    nobody holds of what reservations keep on nodes in service, `reserved_nodes` the nodes they keep whole, `reserved_cores` idle
    reserved cores of each node, `reserved_unsized` reserved nodes of which nothing tells the size. reservations_known: False where accounting does not let them be read.
    """

    configured: Amount
    allocated: Amount
    out: Amount
    hosts: tuple[str, ...]
    down: tuple[str, ...]
    drained: tuple[str, ...]
    running: int
    suspended: int
    pending: int
    out_held: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)
    reserved_nodes: tuple[str, ...] = ()
    reserved_cores: Mapping[str, float] = field(default_factory=dict)
    reserved_unsized: tuple[str, ...] = ()
    reservations_known: bool = True

    def free_gpus(self) -> dict[str, int]:
        """{GRES type: configured − allocated − on nodes out of service − on reserved nodes}, never below 0; what is held there counts once."""
        return {name: max(0, count - self.allocated.gpus[name] - self.away_gpus(name)) for name, count in sorted(self.configured.gpus.items())}

    def away_gpus(self, name: str) -> int:
        """GPUs of a type that nobody holds and nobody can have: on nodes out of service, or reserved."""
        return max(0, self.out.gpus[name] - self.out_held.gpus[name]) + self.reserved.gpus[name]

    @property
    def away_cores(self) -> int:
        """Cores that nobody holds and nobody can have: on nodes out of service, or reserved."""
        return max(0, self.out.cores - self.out_held.cores) + self.reserved.cores

    @property
    def free_cores(self) -> int:
        """Cores neither allocated, nor on nodes out of service, nor reserved."""
        return max(0, self.configured.cores - self.allocated.cores - self.away_cores)


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


def _placed(db: SlurmDb) -> list[Any]:
    """What each running job holds, and where; read once for all who ask within a moment."""
    job = db.schema.table("job_table").c
    found = select(job.tres_alloc, job.nodelist, job.id_resv).where(unfinished(job, RUNNING), job.time_start > 0).limit(MOST_ROWS)
    return db.kept("placed jobs", lambda: list(db.rows(db.schema.on_key(found, "rollup2"))), PLACED_SECONDS)


def held_on(rows: Any, nodes: Collection[str], names: Mapping[int, str]) -> Amount:
    """What jobs (rows with tres_alloc and nodelist) hold on these nodes: a job's amount divided evenly over its nodes, rounded at the end."""
    cores, memory, types, wanted = 0.0, 0.0, Counter[str](), frozenset(nodes)
    for row in rows if wanted else ():
        at = hosts(row["nodelist"])
        here = sum(node in wanted for node in at)
        if not here:
            continue
        whole, part = Amount(), here / len(at)
        whole.add(tres(row["tres_alloc"], names))
        cores, memory = cores + whole.cores * part, memory + whole.memory * part
        for name, count in whole.gpus.items():
            types[name] += count * part
    return Amount(nodes=len(wanted), cores=round(cores), memory=round(memory), gpus=Counter({name: round(count) for name, count in types.items()}))


def _unheld(whole: Amount, held: Amount) -> Amount:
    rest = Counter({name: max(0, count - held.gpus[name]) for name, count in whole.gpus.items()})
    return Amount(nodes=whole.nodes, cores=max(0, whole.cores - held.cores), memory=max(0, whole.memory - held.memory), gpus=rest)


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What a reservation keeps that nobody holds, on which nodes, and whether these are whole ones."""

    idle: Amount
    nodes: tuple[str, ...]
    whole: bool


def _kept(one: Reservation, nodes: tuple[str, ...], held: list[Any], sizes: Mapping[str, Mapping[str, int]], names: Mapping[int, str]) -> _Kept:
    own, have = Amount(), Amount()
    # of its nodes some may be out of service
    own.add({name: count * len(nodes) // len(one.nodes) for name, count in one.tres.items()})
    for node in nodes:
        have.add(sizes.get(node, {}))
    known = all(node in sizes for node in nodes)
    whole = not known or not own.cores or own.cores >= have.cores
    unheld = _unheld(have if known else own, held_on(held, nodes, names))
    if whole:
        return _Kept(idle=unheld, nodes=nodes, whole=True)
    rest = _unheld(own, held_on([row for row in held if int(row["id_resv"]) == one.ident], nodes, names))
    types = Counter({name: min(count, unheld.gpus[name]) for name, count in rest.gpus.items()})
    idle = Amount(nodes=len(nodes), cores=min(rest.cores, unheld.cores), memory=min(rest.memory, unheld.memory), gpus=types)
    return _Kept(idle=idle, nodes=nodes, whole=False)


def _booked(sources: Sources, viewer: Viewer) -> tuple[Reservation, ...] | None:
    """The reservations that run, None where they may not be read: the cluster is told of without them."""
    try:
        return reservations_now(sources, viewer=viewer) if readable(sources) else None
    except SourceRefused:
        return None


def _reserved(
    sources: Sources, booked: tuple[Reservation, ...], held: list[Any], nodes: tuple[str, ...], in_service: Collection[str], configured: Mapping[str, int]
) -> dict[str, Any]:
    """The reserved… fields of ClusterNow; a node of several reservations counts for the first of them."""
    names, total, seen = database(sources).tres_names(), Amount(), set[str]()
    found = [(one, tuple(node for node in one.nodes if node in in_service)) for one in booked]
    sizes = capacities(sources, {node for _one, own in found for node in own}, nodes, configured)
    whole, cores = [], {}
    for one, nodes in found:
        fresh = tuple(node for node in nodes if node not in seen)
        if not fresh:
            continue
        seen.update(fresh)
        kept = _kept(one, fresh, held, sizes, names)
        total = Amount(nodes=total.nodes + len(fresh), cores=total.cores + kept.idle.cores, memory=total.memory + kept.idle.memory, gpus=total.gpus + kept.idle.gpus)
        whole += fresh if kept.whole else ()
        cores |= dict.fromkeys(fresh, kept.idle.cores / len(fresh))
    unsized = tuple(sorted(seen - set(sizes)))
    return {"reserved": total, "reserved_nodes": tuple(whole), "reserved_cores": cores, "reserved_unsized": unsized}


def cluster_now(sources: Sources, *, viewer: Viewer) -> ClusterNow:
    """The cluster now, from the event table's own row and the jobs that have not ended; holds no names of people.

    Three statements, one more where nodes are out of service or reserved, one for reservations, one for the size of reserved nodes.
    A cluster that never registered (empty tables) has 0 of everything.
    """
    db = database(sources)
    names = db.tres_names()
    configured, out, whole = Amount(), Amount(), dict[str, int]()
    rows = _open_events(sources, lambda table: table.c.node_name == "")
    newest = max(rows, key=lambda row: row["time_start"], default=None)
    nodes: tuple[str, ...] = ()
    if newest is not None:
        whole = tres(newest["tres"], names)
        configured.add(whole)
        nodes = hosts(newest["cluster_nodes"])
        configured.nodes = len(nodes)
    down, drained = [], []
    for row in _open_events(sources, lambda table: table.c.node_name.in_(nodes)) if nodes else []:
        state = int(row["state"])
        is_down = state & NODE_BASE == DOWN_BASE
        if is_down or state & DRAIN_FLAG:
            (down if is_down else drained).append(row["node_name"])
            out.add(tres(row["tres"], names))
    away = set(down) | set(drained)
    out.nodes = len(away)
    job = db.schema.table("job_table").c
    use = _use(db.rows(_by_state(job)), names)
    booked = _booked(sources, viewer)
    held = _placed(db) if away or booked else []
    return ClusterNow(
        configured=configured, allocated=use.held, out=out, hosts=nodes,
        down=tuple(sorted(set(down))), drained=tuple(sorted(set(drained) - set(down))),
        running=use.running, suspended=use.suspended, pending=use.pending,
        out_held=held_on(held, away, names), **_reserved(sources, booked or (), held, nodes, set(nodes) - away, whole), reservations_known=booked is not None,
    )  # fmt: skip


def cores_held(sources: Sources, *, viewer: Viewer) -> dict[str, float]:
    """{node: cores that running jobs hold there}, a job's cores divided evenly over its nodes; names nobody and no job. One statement.

    A suspended job has given its cores back, as in cluster_now.
    """
    db, held = database(sources), dict[str, float]()
    names = db.tres_names()
    for row in _placed(db):
        nodes = hosts(row["nodelist"])
        cores = tres(row["tres_alloc"], names).get("cpu", 0)
        for node in nodes:
            held[node] = held.get(node, 0.0) + cores / len(nodes)
    return held


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
