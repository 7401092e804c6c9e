"""Nodes as accounting knows them: which there are, what runs on them, who may see them, and when they were out of service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import select

from core.errors import NotFound
from core.narrow import EVERYTHING, Narrow
from core.units import DAY
from core.viewer import Viewer, only_staff
from datasources.slurm import frames
from datasources.slurm.arrays import NO_VALUE
from datasources.slurm.db import SlurmDb
from datasources.slurm.detail import events, node_state
from datasources.slurm.hosts import hosts
from datasources.slurm.lookup import select_runs
from datasources.slurm.nodes_jobs import OWN_PAGE, Held, by_ids, ended_in, ended_on, on, running
from datasources.slurm.ownership import database
from datasources.slurm.people import associations_in, uid_names, uids_of
from datasources.slurm.records import Run
from datasources.sources import Sources

NAMES_SECONDS = 60.0
MAY_SEE_SECONDS = 60.0
LOOK_BACK = 30 * DAY  # a person sees a node for so long after the last of their jobs there
MOST_RUNS = 2000
JOB_COLUMNS = (
    "job_db_inx", "id_job", "job_id", "user", "account", "partition", "name", "state", "start", "end", "cores", "memory", "gpus",
    "nodes", "node_count", "node_list",
)  # fmt: skip
NOW_COLUMNS = (
    "node", "event", "reason", "since", "who", "partitions", "jobs", "users", "accounts", "cores_alloc", "memory_alloc", "gpus_alloc",
)  # fmt: skip
NOW_KINDS = dict.fromkeys(("jobs", "users"), "int64") | dict.fromkeys(("since", "cores_alloc", "memory_alloc", "gpus_alloc"), "float64")


def node_names(sources: Sources, *, viewer: Viewer) -> tuple[str, ...]:
    """The configured nodes, from the newest row the cluster registered; () before it did. One statement a minute. NotAllowed unless staff."""
    only_staff(viewer, "node_names")
    return _configured(database(sources))


def _configured(db: SlurmDb) -> tuple[str, ...]:
    def read() -> tuple[str, ...]:
        table = db.schema.table("event_table")
        statement = select(table.c.cluster_nodes).where(table.c.node_name == "").order_by(table.c.time_start.desc()).limit(1)
        return next((hosts(row["cluster_nodes"]) for row in db.rows(statement)), ())

    return db.kept("node names", read, NAMES_SECONDS)


def may_see_node(sources: Sources, *, viewer: Viewer, node: str, now: int) -> None:
    """Raises NotFound unless the node is this viewer's to see, in the same way as for one that is not there.

    Staff: a node that is configured, had events or runs a job. Others: one that a job of theirs (or of an account whose jobs
    they may open) holds, or held within the last 30 days. What is allowed is remembered for a minute.
    """
    db = database(sources)
    if not db.kept(("may see node", viewer.scope, tuple(sorted(viewer.opens)), node), lambda: _may_see(db, viewer, node, now), MAY_SEE_SECONDS):
        raise NotFound(f"node {node}")


def _may_see(db: SlurmDb, viewer: Viewer, node: str, now: int) -> bool:
    if viewer.is_staff and (node in _configured(db) or _had_events(db, node)):
        return True
    if any(node in job.nodes and (viewer.is_staff or _mine(viewer, job)) for job in running(db)):
        return True
    if viewer.is_staff or viewer.name is None:
        return False
    since = now - LOOK_BACK
    if ended_on(db, node=node, since=since, until=now, uids=uids_of(db, viewer.name), most=1, page=OWN_PAGE).found:
        return True
    opened = tuple(one for account in sorted(viewer.opens) for one in associations_in(db, account))[:100]
    return bool(ended_in(db, associations=opened, node=node, since=since).found)


def _had_events(db: SlurmDb, node: str) -> bool:
    # the cluster's own rows carry no name
    table = db.schema.table("event_table")
    rows = db.rows(select(table.c.node_name).where(table.c.node_name == node).limit(5)) if node else []
    return any(row["node_name"] == node for row in rows)


def _mine(viewer: Viewer, job: Held) -> bool:
    return job.owned and viewer.owns(job.user, job.account)


def jobs_on_node(
    sources: Sources, *, viewer: Viewer, node: str, since: int, until: int, ids: Sequence[int] = (), most: int = MOST_RUNS
) -> pd.DataFrame:
    """Runs that held the node in [since, until], by start; others than staff get their own, and those of accounts they may open.

    Columns: job_db_inx, id_job (int), job_id, user, account, partition, name, state, node_list (str), start (UTC s, float),
    end (UTC s, float, NaN while it runs), cores, gpus (int, over all its nodes), memory (bytes over all its nodes, NaN if not
    known), nodes and node_count (int, how many). attrs: `others`, how many runs of other people were left out; `complete`,
    False where more jobs ended since than are looked at (10 000) or than `most` were there.
    `ids`: raw job ids that metrics saw on the node; they are looked up by key even where the search does not reach.
    Raises NotFound if the viewer may not see the node.
    """
    may_see_node(sources, viewer=viewer, node=node, now=int(sources.clock()))
    db = database(sources)
    held = [job.job_db_inx for job in running(db) if node in job.nodes and job.start <= until]
    walk = ended_on(db, node=node, since=since, until=until, most=most)
    wanted = dict.fromkeys((*held, *walk.found, *by_ids(db, ids=ids, node=node, since=since, until=until)))
    picked = list(wanted)[:most]
    found = select_runs(sources, viewer, lambda tables: tables.job.c.job_db_inx.in_(picked)) if picked else []
    runs = [run for run in found if on(run.node_list, node) and run.start is not None]
    frame = _job_frame(sorted(runs, key=lambda run: (run.start or 0, run.job_db_inx)))
    frame.attrs |= {"others": len(picked) - len(found), "complete": walk.complete and len(wanted) <= most}
    return frame


def _job_frame(runs: list[Run]) -> pd.DataFrame:
    nothing = float("nan")
    rows = [
        {name: getattr(run, name, None) for name in JOB_COLUMNS}
        | {"end": nothing if run.end is None else run.end, "memory": nothing if run.memory is None else run.memory, "node_count": run.nodes}
        for run in runs
    ]
    kinds = dict.fromkeys(("job_db_inx", "id_job", "cores", "gpus", "nodes", "node_count"), "int64")
    return frames.table(rows, JOB_COLUMNS, **kinds, **dict.fromkeys(("start", "end", "memory"), "float64"))


def node_events(sources: Sources, *, viewer: Viewer, node: str, since: int, until: int) -> pd.DataFrame:
    """Down and drain spells of one node that overlap [since, until], oldest first; NotFound if the viewer may not see the node.

    Columns: node, state, start, end (UTC s; end None: still), and for those whom the site lets read reasons: reason (as
    written), who (the login that set it, "" if nobody is known; staff only).
    """
    may_see_node(sources, viewer=viewer, node=node, now=int(sources.clock()))
    found = events(sources, nodes=(node,), start=since, end=until)
    return _with_reasons(sources, viewer, found[found["node"] == node].reset_index(drop=True))


def reads_reasons(sources: Sources, viewer: Viewer) -> bool:
    """True if the site lets this viewer read why nodes are out of service."""
    allowed = sources.settings.site.node_reasons
    return allowed == "all" or (allowed == "staff" and viewer.is_staff)


def _with_reasons(sources: Sources, viewer: Viewer, found: pd.DataFrame) -> pd.DataFrame:
    if not reads_reasons(sources, viewer):
        return found.drop(columns=["reason", "reason_uid"])
    known = _setters(sources, viewer, found["reason_uid"].tolist())
    return found.drop(columns=["reason_uid"]).assign(who=pd.Series(known, index=found.index, dtype="object"))


def _setters(sources: Sources, viewer: Viewer, uids: Sequence[int | None]) -> list[str]:
    """Who set each reason: a login, root, or the number of a uid that never ran a job; "" where nobody is known, and for all but staff."""
    if not viewer.is_staff:
        return [""] * len(uids)
    logins = uid_names(sources, viewer=viewer, uids=[uid for uid in uids if uid is not None])
    return ["" if uid is None else "root" if uid == 0 else logins.get(uid, str(uid)) for uid in uids]


def _open_spells(sources: Sources, viewer: Viewer, nodes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """{node: its spell that has not ended}; one statement on the table's key."""
    db = database(sources)
    table = db.schema.table("event_table")
    names = ("node_name", "time_start", "state", "reason", "reason_uid")
    statement = select(*(table.c[name] for name in names)).where(table.c.node_name.in_(list(nodes)), table.c.time_end == 0).limit(20_000)
    rows = sorted((dict(row) for row in db.rows(statement)), key=lambda row: row["time_start"]) if nodes else []
    readable = reads_reasons(sources, viewer)
    setters = _setters(sources, viewer, [int(row["reason_uid"]) if row["reason_uid"] < NO_VALUE else None for row in rows]) if readable else [""] * len(rows)
    spells: dict[str, dict[str, Any]] = {}
    for row, who in zip(rows, setters, strict=True):
        spells[row["node_name"]] = {
            "event": node_state(int(row["state"])), "since": float(row["time_start"]), "reason": (row["reason"] or "") if readable else "",
            "who": who,
        }  # fmt: skip
    return spells


def _fits(job: Held, narrow: Narrow) -> bool:
    return all(not wanted or wanted == have for wanted, have in ((narrow.account, job.account), (narrow.user, job.user), (narrow.partition, job.partition)))


def nodes_now(sources: Sources, *, viewer: Viewer, narrow: Narrow = EVERYTHING) -> pd.DataFrame:
    """Nodes with their open spell out of service and what runs on them, in the order Slurm lists them; three statements.

    Staff: every configured node, with `narrow` those on which a job of that account, person or partition runs (or the partition's
    own nodes where the settings list them). Others: nodes that hold a job of theirs; who else is there is only a number.
    Columns: node, event (state in the accounting's words, "" if in service), reason, who (str, "" where not to be read), since
    (UTC s, float, NaN), partitions (tuple, of the jobs there), jobs, users (int, of everybody), accounts (tuple, staff only),
    cores_alloc, memory_alloc (bytes), gpus_alloc (float: a job's amount divided evenly over its nodes). attrs: `own`, {node: jobs of the viewer},
    {} for staff.
    """
    db = database(sources)
    jobs = running(db)
    mine = jobs if viewer.is_staff else [job for job in jobs if _mine(viewer, job)]
    fit = [job for job in mine if _fits(job, narrow)]
    wanted = _wanted(sources, viewer, narrow, mine, fit)
    spells = _open_spells(sources, viewer, wanted)
    by_node: dict[str, list[Held]] = {node: [] for node in wanted}
    for job in jobs:
        for node in job.nodes:
            if node in by_node:
                by_node[node].append(job)
    nothing = {"event": "", "since": float("nan"), "reason": "", "who": ""}
    rows = [{"node": node, **spells.get(node, nothing), **_held_on(there, viewer)} for node, there in by_node.items()]
    frame = frames.table(rows, NOW_COLUMNS, **NOW_KINDS)
    # pandas copies attrs deeply at every step: what has an entry for each of thousands of nodes must not be among them
    frame.attrs["own"] = {} if viewer.is_staff else _counted(mine, by_node)
    return frame


def _wanted(sources: Sources, viewer: Viewer, narrow: Narrow, mine: list[Held], fit: list[Held]) -> list[str]:
    everything = _configured(database(sources))
    busy = {node for job in (fit if narrow.account or narrow.user else mine) for node in job.nodes}
    place = {node: position for position, node in enumerate(everything)}
    known = [*everything, *sorted(busy - set(everything))] if viewer.is_staff else sorted(busy, key=lambda node: (place.get(node, len(place)), node))
    if narrow.account or narrow.user:
        known = [node for node in known if node in busy]
    if narrow.partition:
        listed = sources.settings.slurm.partitions
        inside = set(hosts(listed[narrow.partition])) if narrow.partition in listed else {node for job in fit for node in job.nodes}
        known = [node for node in known if node in inside]
    if not narrow.node:
        return known
    named = set(hosts(narrow.node))
    # a host list or a name means exactly those; a text that names no node is looked for in the names
    return [node for node in known if node in named] or [node for node in known if narrow.node in node]


def _held_on(jobs: list[Held], viewer: Viewer) -> dict[str, Any]:
    return {
        "partitions": tuple(sorted({job.partition for job in jobs if viewer.is_staff or _mine(viewer, job)} - {""})),
        "jobs": len(jobs), "users": len({job.user for job in jobs}),
        "accounts": tuple(sorted({job.account for job in jobs})) if viewer.is_staff else (),
        "cores_alloc": float(sum(job.cores / len(job.nodes) for job in jobs)),
        "memory_alloc": float(sum(job.memory / len(job.nodes) for job in jobs)),
        "gpus_alloc": float(sum(job.gpus / len(job.nodes) for job in jobs)),
    }  # fmt: skip


def _counted(jobs: list[Held], nodes: dict[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for job in jobs:
        for node in job.nodes:
            if node in nodes:
                counts[node] = counts.get(node, 0) + 1
    return counts
