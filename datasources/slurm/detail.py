"""What a job page shows besides the run itself. Each function takes a Run the viewer was given, and checks it is theirs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
from sqlalchemy import and_, or_, select

from core.errors import NoData, Why
from core.viewer import Viewer
from datasources.slurm import frames
from datasources.slurm.arrays import NO_VALUE
from datasources.slurm.columns import job_tables
from datasources.slurm.dependencies import dependencies
from datasources.slurm.hosts import hosts, node_list
from datasources.slurm.lookup import select_runs
from datasources.slurm.ownership import database, own, visible
from datasources.slurm.records import Run
from datasources.slurm.row import moment, suspended_seconds
from datasources.slurm.states import exit_code, state
from datasources.slurm.tres import memory, tres
from datasources.slurm.unfinished import tasks_of
from datasources.sources import Sources

__all__ = [
    "array_counts", "array_rows", "dependencies", "events", "het_components", "node_events", "node_state", "reservation",
    "script", "steps", "suspensions", "tasks_of",
]  # fmt: skip
STEP_NAMES = {-5: "batch", -4: "extern", -6: "interactive", -3: "pending"}
STEP_COLUMNS = (
    "step_id", "step", "name", "state", "exit_code", "start", "end", "elapsed", "tasks", "nodes", "cores", "memory",
    "gpus", "node_list", "cpu_user", "cpu_system", "cpu_total", "max_rss", "rss_total", "max_rss_node", "max_rss_task", "vmem_max", "disk_read_max",
    "submit_line",
)  # fmt: skip
STEP_KINDS = dict.fromkeys(("start", "elapsed", "tasks", "nodes", "cores", "gpus"), "int64") | dict.fromkeys(
    ("cpu_user", "cpu_system", "cpu_total"), "float64"
)
EVENT_COLUMNS = ("node", "start", "end", "state", "reason", "reason_uid")


def steps(sources: Sources, *, viewer: Viewer, run: Run) -> pd.DataFrame:
    """The steps of a run, in the order they began; one statement.

    Columns: step_id ("1.batch"), step ("batch", "extern", "interactive", "0" …), name, state, exit_code (str); start, end
    (UTC s; end None while running), elapsed (s), tasks, nodes, cores, gpus (int), memory (bytes over all nodes or None),
    node_list (str), cpu_user, cpu_system, cpu_total (s, float; NaN while running), max_rss (bytes of the largest task or
    None), rss_total (bytes, sum of all tasks' peaks: what seff calls memory; or None), max_rss_node, max_rss_task (index of the
    node in the step, of the task; or None), vmem_max, disk_read_max (bytes or None), submit_line (str).
    """
    own(viewer, run)
    db = database(sources)
    table = db.schema.table("step_table")
    names = [column for column in table.c if column.name not in ("deleted", "step_het_comp")]
    statement = select(*names).where(table.c.job_db_inx == run.job_db_inx, table.c.deleted == 0).order_by(table.c.time_start, table.c.id_step)
    now, tres_names = int(sources.clock()), db.tres_names()
    return pd.DataFrame([_step(row, run, tres_names, now) for row in db.rows(statement)], columns=list(STEP_COLUMNS)).astype(
        {"end": "object", "max_rss": "object", "rss_total": "object", "memory": "object"}
    )


def _step(row: Any, run: Run, names: dict[int, str], now: int) -> dict[str, Any]:
    start, end = int(row["time_start"]), moment(row["time_end"])
    word = state(int(row["state"]))[0]
    if end is None and run.end is not None:
        # The end of a step is lost when its job is resized or its node dies: it ended with the run
        end, word = run.end, run.state if word == "RUNNING" else word
    until = end if end is not None else now
    label = STEP_NAMES.get(int(row["id_step"]), str(row["id_step"]))
    held, most = tres(row["tres_alloc"], names), tres(row["tres_usage_in_max"], names)
    user, system = row["user_sec"] + row["user_usec"] / 1e6, row["sys_sec"] + row["sys_usec"] / 1e6
    running = end is None
    return {
        "step_id": f"{run.job_id}.{label}",
        "step": label,
        "name": row["step_name"],
        "state": word,
        "exit_code": exit_code(int(row["exit_code"])),
        "start": start,
        "end": end,
        "elapsed": max(0, until - start - suspended_seconds(int(row["time_suspended"] or 0), int(row["state"]) & 0xFF, until)),
        "tasks": int(row["task_cnt"]),
        "nodes": int(row["nodes_alloc"]),
        "cores": held.get("cpu", int(row["task_cnt"])),
        "memory": memory(held),
        "gpus": held.get("gres/gpu", 0),
        "node_list": node_list(row["nodelist"]),
        "cpu_user": float("nan") if running else float(user),
        "cpu_system": float("nan") if running else float(system),
        "cpu_total": float("nan") if running else float(user + system),
        "max_rss": most.get("mem"),
        "rss_total": tres(row["tres_usage_in_tot"], names).get("mem"),
        "max_rss_node": tres(row.get("tres_usage_in_max_nodeid"), names).get("mem"),
        "max_rss_task": tres(row.get("tres_usage_in_max_taskid"), names).get("mem"),
        "vmem_max": most.get("vmem"),
        "disk_read_max": most.get("fs/disk"),
        "submit_line": row.get("submit_line") or "",
    }


def script(sources: Sources, *, viewer: Viewer, run: Run) -> str:
    """The stored batch script; one statement.

    Raises NoData: NOT_CONFIGURED if this database stores none (or the reader may not see them), NO_DATA if this job has none.
    """
    own(viewer, run)
    db = database(sources)
    if db.schema.has("job_table", "batch_script"):
        table = db.schema.table("job_table")
        statement = select(table.c.batch_script).where(table.c.job_db_inx == run.job_db_inx)
    elif db.schema.has("job_script_table", "hash_inx", "batch_script"):
        table = db.schema.table("job_script_table")
        statement = select(table.c.batch_script).where(table.c.hash_inx == run.script_hash)
    else:
        raise NoData(Why.NOT_CONFIGURED, "job_script")
    rows = db.rows(statement) if run.script_hash else []
    if not rows or not rows[0]["batch_script"]:
        raise NoData(Why.NO_DATA, "job_script")
    return str(rows[0]["batch_script"])


def node_events(sources: Sources, *, viewer: Viewer, run: Run) -> pd.DataFrame:
    """Down and drain spells of the run's nodes while it ran; one statement, none before the start.

    Columns: node, state ("DOWN", "DRAIN" …), reason (str, as written by staff), start, end (UTC s; end None: still),
    reason_uid (int or None).
    """
    own(viewer, run)
    if run.start is None or not run.hosts:
        return frames.table([], EVENT_COLUMNS, start="int64")
    return events(sources, nodes=run.hosts, start=run.start, end=run.end or int(sources.clock()))


def events(sources: Sources, *, nodes: tuple[str, ...], start: int, end: int) -> pd.DataFrame:
    """Node events that overlap [start, end]; for functions that have checked the viewer. Columns as in `node_events`."""
    db = database(sources)
    table = db.schema.table("event_table")
    statement = (
        select(*(table.c[name] for name in ("node_name", "time_start", "time_end", "state", "reason", "reason_uid")))
        .where(
            table.c.node_name.in_(nodes),
            table.c.time_start <= end,
            or_(table.c.time_end == 0, table.c.time_end >= start),
        )
        .order_by(table.c.time_start)
        .limit(2000)
    )
    rows = [
        {
            "node": row["node_name"],
            "start": int(row["time_start"]),
            "end": moment(row["time_end"]),
            "state": node_state(int(row["state"])),
            "reason": row["reason"] or "",
            "reason_uid": None if row["reason_uid"] >= NO_VALUE else int(row["reason_uid"]),
        }
        for row in db.rows(statement)
    ]
    return frames.table(rows, EVENT_COLUMNS, start="int64")


NODE_BASE = {0: "UNKNOWN", 1: "DOWN", 2: "IDLE", 3: "ALLOCATED", 4: "ERROR", 5: "MIXED", 6: "FUTURE"}
NODE_FLAGS = {512: "DRAIN", 64: "RESERVED", 1024: "COMPLETING", 2048: "NOT_RESPONDING", 4096: "POWERED_DOWN", 8192: "FAIL"}


def node_state(number: int) -> str:
    """A node's state: 1 is DOWN, 514 is IDLE+DRAIN."""
    words = [NODE_BASE.get(number & 0xF, str(number & 0xF))]
    return "+".join(words + [name for bit, name in NODE_FLAGS.items() if number & bit])


def array_rows(sources: Sources, *, viewer: Viewer, array_job: int, limit: int = 1000, after: int = -1) -> list[Run]:
    """Tasks of an array that have begun or ended (and the row of those pending), by job_db_inx beyond `after`; one statement."""
    return select_runs(
        sources, viewer, lambda tables: and_(tables.job.c.id_array_job == array_job, tables.job.c.job_db_inx > after), limit=limit
    )


def array_counts(sources: Sources, *, viewer: Viewer, array_job: int) -> dict[str, int]:
    """{state: tasks} of an array, pending tasks counted one by one; {} if it is not the viewer's. One statement."""
    db = database(sources)
    tables = job_tables(db.schema)
    job = tables.job.c
    statement = (
        select(job.state, tables.assoc.c.user, tables.assoc.c.acct, tasks_of(job).label("tasks"))
        .select_from(tables.job.outerjoin(tables.assoc, tables.assoc.c.id_assoc == job.id_assoc))
        .where(job.id_array_job == array_job, visible(viewer, tables.job, tables.assoc))
        .group_by(job.state, tables.assoc.c.user, tables.assoc.c.acct)
    )
    counts: Counter[str] = Counter()
    for row in db.rows(statement):
        if viewer.owns(row["user"] or "", row["acct"] or ""):
            counts[state(int(row["state"]))[0]] += int(row["tasks"])
    return dict(counts)


def het_components(sources: Sources, *, viewer: Viewer, run: Run) -> list[Run]:
    """All components of a heterogeneous job, by offset; [] for other jobs. One statement."""
    own(viewer, run)
    if run.het_job is None:
        return []
    found = select_runs(sources, viewer, lambda tables: tables.job.c.het_job_id == run.het_job, limit=500)
    return sorted(found, key=lambda item: (item.het_offset or 0, item.submit))


def suspensions(sources: Sources, *, viewer: Viewer, run: Run) -> pd.DataFrame:
    """When the run was suspended: columns start, end (UTC s; end None: still). One statement, none if it never was."""
    own(viewer, run)
    db = database(sources)
    if not run.suspended or not db.schema.has("suspend_table", "job_db_inx", "time_start", "time_end"):
        return frames.table([], ("start", "end"), start="int64")
    table = db.schema.table("suspend_table")
    rows = db.rows(select(table.c.time_start, table.c.time_end).where(table.c.job_db_inx == run.job_db_inx).order_by(table.c.time_start))
    spells = [{"start": int(row["time_start"]), "end": moment(row["time_end"])} for row in rows]
    return frames.table(spells, ("start", "end"), start="int64")


def reservation(sources: Sources, *, viewer: Viewer, run: Run) -> dict[str, Any]:
    """{name, start, end, nodes, hosts} of the reservation the run used; {} without one. One statement, none without one."""
    own(viewer, run)
    db = database(sources)
    if not run.reservation or not db.schema.has("resv_table", "resv_name", "time_start", "time_end", "nodelist"):
        return {}
    table = db.schema.table("resv_table")
    moment_ = run.start or int(sources.clock())
    statement = (
        select(table.c.resv_name, table.c.time_start, table.c.time_end, table.c.nodelist)
        .where(table.c.resv_name == run.reservation, table.c.time_start <= moment_, table.c.time_end >= moment_)
        .order_by(table.c.time_start.desc())
        .limit(1)
    )
    for row in db.rows(statement):
        nodes = hosts(row["nodelist"])
        return {
            "name": row["resv_name"], "start": int(row["time_start"]), "end": int(row["time_end"]),
            "nodes": len(nodes), "hosts": nodes,
        }  # fmt: skip
    return {}
