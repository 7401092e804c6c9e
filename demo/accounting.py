"""Fills an accounting database as a real slurmdbd would have, and keeps it up with the simulated time."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

from demo.accounting_columns import JOB_COLUMNS, STEP_COLUMNS
from demo.accounting_rollup import rolled_up
from demo.accounting_rows import Book
from demo.accounting_static import Table, associations, compute_nodes, folded, folded_numbers, static_tables, tres_of
from demo.mark import put_mark
from demo.model import Plan, PlannedRun

TABLES = Path(__file__).with_name("slurm_tables.sql")
CHUNK = 4000
BOOT = 900  # seconds between the first word of slurmctld and of its nodes


def write_all(engine: Engine, plan: Plan, upto: int) -> None:
    """Make all tables in an empty database, with the demo's mark, and fill them with what has happened until `upto` (UTC seconds).

    Tables of the same names are dropped first. Raises sqlalchemy.exc.SQLAlchemyError.
    """
    book = Book(plan)
    with engine.begin() as connection:
        _create_tables(connection, plan)
        for table in static_tables(plan):
            _put(connection, table)
        _put(connection, _scripts(plan, book, upto))
        _put(connection, Table(f"{plan.cluster}_resv_table", RESERVATION_COLUMNS, _reservations(plan, upto)))
        _put(connection, _events(plan, -1, upto))
        _put_runs(connection, plan, book, list(plan.runs), upto)
        for table in rolled_up(plan, plan.begin, upto):
            _put(connection, table)
    put_mark(engine, plan)


def follow(engine: Engine, plan: Plan, since: int, upto: int, book: Book | None = None) -> int:
    """Bring the database from `since` to `upto`: submissions, starts, ends, steps, node events. Repeating it changes nothing.

    `book` may be kept between calls to save its making. Returns how many runs changed.
    """
    book = book or Book(plan)
    changed = [run for run in plan.runs if run.submit <= upto and _changes(run, since, upto)]
    touched = {run.array_job for run in changed if run.array_job}
    masters = [run for array in touched for run in book.arrays[array] if run.id_job == array]
    unique = list({id(run): run for run in (*changed, *masters)}.values())
    with engine.begin() as connection:
        new_scripts = {run.script for run in changed if run.submit > since and run.script}
        _put(connection, _scripts(plan, book, upto, new_scripts))
        _put(connection, Table(f"{plan.cluster}_resv_table", RESERVATION_COLUMNS, _reservations(plan, upto)))
        _put(connection, _events(plan, since, upto))
        _put_runs(connection, plan, book, unique, upto)
        for table in rolled_up(plan, since, upto):
            _put(connection, table)
    return len(changed)


def _changes(run: PlannedRun, since: int, upto: int) -> bool:
    edges = (run.submit, run.eligible, run.start, run.end, *(edge for spell in run.suspensions for edge in spell))
    return any(edge is not None and since < edge <= upto for edge in edges)


def _create_tables(connection: Connection, plan: Plan) -> None:
    statements = TABLES.read_text(encoding="utf-8").split("\n", 1)[1].replace("`turtle_", f"`{plan.cluster}_")
    for statement in statements.split(";\n"):
        if statement.strip():
            name = statement.split("`", 2)[1]
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS `{name}`")
            connection.exec_driver_sql(statement.replace("%", "%%"))


def _put(connection: Connection, table: Table) -> None:
    for first in range(0, len(table.rows), CHUNK):
        connection.exec_driver_sql(table.statement, table.rows[first : first + CHUNK])


def _put_runs(connection: Connection, plan: Plan, book: Book, runs: list[PlannedRun], now: int) -> None:
    jobs = [row for run in runs if (row := book.job_row(run, now)) is not None]
    steps = [row for run in runs if run.submit <= now for row in book.step_rows(run, now)]
    spells = [
        (book.numbers[id(run)], book.assoc[run.account, run.person], begin, end if end <= now else 0)
        for run in runs
        for begin, end in run.suspensions
        if begin <= now
    ]
    _put(connection, Table(f"{plan.cluster}_job_table", JOB_COLUMNS, jobs))
    _put(connection, Table(f"{plan.cluster}_step_table", STEP_COLUMNS, steps))
    _put(
        connection, Table(f"{plan.cluster}_suspend_table", ("job_db_inx", "id_assoc", "time_start", "time_end"), spells)
    )


def _scripts(plan: Plan, book: Book, now: int, only: set[str] | None = None) -> Table:
    """Scripts of jobs submitted until now; the same text is one row."""
    wanted = only if only is not None else {run.script for run in plan.runs if run.script and run.submit <= now}
    rows = []
    for script in sorted(wanted, key=book.scripts.__getitem__):
        digest = hashlib.sha256(script.encode()).hexdigest()
        rows.append(
            (
                book.scripts[script],
                datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S"),
                f"2:{digest}",
                script,
            )
        )
    return Table(f"{plan.cluster}_job_script_table", ("hash_inx", "last_used", "script_hash", "batch_script"), rows)


RESERVATION_COLUMNS = (
    "id_resv",
    "assoclist",
    "flags",
    "nodelist",
    "node_inx",
    "resv_name",
    "time_start",
    "time_end",
    "tres",
)


def _reservations(plan: Plan, now: int) -> list[tuple]:
    """Reservations are made a week before they begin."""
    ids, nodes = associations(plan), {n.name: (i, n) for i, n in enumerate(compute_nodes(plan))}
    rows = []
    for r in plan.reservations:
        if r.start - 7 * 86400 > now:
            continue
        members = sorted(nodes[name][0] for name in r.nodes)
        who = ",".join(str(ids[a, ""]) for a in r.accounts) or str(ids["root", "root"])
        cores = sum(nodes[name][1].cores for name in r.nodes)
        rows.append(
            (r.id, who, r.flags, folded(r.nodes), folded_numbers(tuple(members)), r.name, r.start, r.end, f"1={cores}")
        )
    return rows


def _events(plan: Plan, since: int, now: int) -> Table:
    """The cluster's own row and what nodes went through: open spells have time_end 0."""
    nodes = compute_nodes(plan)
    by_name = {n.name: n for n in nodes}
    rows = []
    if since < plan.begin:
        everything = folded(tuple(n.name for n in nodes))
        total = tres_of(nodes, whole_cluster=True)
        rows.append((plan.begin, 0, "", everything, "Cluster Registered TRES", 4294967294, 0, total))
        # every node was down before it first came up: accounting knows its size from then on
        rows += [(plan.begin - BOOT, plan.begin, node.name, "", "Not responding", 0, 1, tres_of([node])) for node in nodes]
    for event in plan.events:
        if event.start <= now and (event.start > since or (event.end is not None and since < event.end <= now)):
            end = event.end if event.end is not None and event.end <= now else 0
            rows.append(
                (event.start, end, event.node, "", event.reason, event.uid, event.state, tres_of([by_name[event.node]]))
            )
    columns = ("time_start", "time_end", "node_name", "cluster_nodes", "reason", "reason_uid", "state", "tres")
    return Table(f"{plan.cluster}_event_table", columns, rows)
