"""Tables and columns that are read, by name; what a Slurm version may lack is optional and answered by a constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    and_,
    case,
    column,
    func,
    literal,
    select,
    table,
    union_all,
)
from sqlalchemy.sql.selectable import TableClause

JOB_NEEDED = frozenset(
    [
        "job_db_inx", "account", "array_max_tasks", "array_task_pending", "array_task_str", "cpus_req",
        "derived_ec", "exit_code", "flags", "het_job_id", "het_job_offset", "id_array_job", "id_array_task",
        "id_assoc", "id_job", "id_qos", "id_resv", "id_user", "job_name", "kill_requid", "mem_req", "nodelist",
        "nodes_alloc", "partition", "priority", "state", "state_reason_prev", "time_eligible", "time_end",
        "time_start", "time_submit", "time_suspended", "timelimit", "tres_alloc", "tres_req", "wckey",
        "work_dir",
    ]
)
JOB_OPTIONAL = frozenset(
    [
        "admin_comment", "batch_script", "constraints", "derived_es", "script_hash_inx", "submit_line", "system_comment",
    ]
)
STEP_NEEDED = frozenset(
    [
        "job_db_inx", "id_step", "step_het_comp", "exit_code", "state", "step_name", "task_cnt", "nodelist",
        "nodes_alloc", "time_start", "time_end", "time_suspended", "user_sec", "user_usec", "sys_sec",
        "sys_usec", "tres_alloc", "tres_usage_in_max", "tres_usage_in_tot", "deleted",
    ]
)
ASSOC_OPTIONAL = frozenset(
    [
        "grp_jobs", "grp_submit_jobs", "grp_tres", "grp_tres_mins", "grp_tres_run_mins", "grp_wall", "is_def", "max_jobs",
        "max_submit_jobs", "max_tres_mins_pj", "max_tres_pj", "max_tres_pn", "max_wall_pj", "qos", "shares",
    ]
)
USAGE = frozenset({"id", "id_tres", "time_start", "alloc_secs"})
# table: (needed columns, optional columns)
TABLES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "job_table": (JOB_NEEDED, JOB_OPTIONAL),
    "assoc_table": (
        frozenset({"id_assoc", "user", "acct", "partition", "parent_acct", "deleted"}),
        ASSOC_OPTIONAL,
    ),
    "assoc_usage_day_table": (frozenset(), USAGE),
    "assoc_usage_month_table": (frozenset(), USAGE),
    "step_table": (STEP_NEEDED, frozenset({"submit_line", "tres_usage_in_max_nodeid", "tres_usage_in_max_taskid"})),
    "event_table": (
        frozenset({"node_name", "time_start", "time_end", "reason", "reason_uid", "state", "tres", "cluster_nodes"}),
        frozenset(),
    ),
    "suspend_table": (frozenset(), frozenset({"job_db_inx", "time_start", "time_end"})),
    "resv_table": (frozenset(), frozenset({"id_resv", "resv_name", "time_start", "time_end", "nodelist", "tres"})),
    "job_script_table": (frozenset(), frozenset({"hash_inx", "batch_script"})),
}
GLOBAL_TABLES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "tres_table": (frozenset({"id", "type", "name"}), frozenset()),
    "qos_table": (frozenset(), frozenset({"id", "name"})),
    "user_table": (frozenset(), frozenset({"name", "admin_level", "deleted"})),
    "acct_coord_table": (frozenset(), frozenset({"acct", "user", "deleted"})),
}


def schema_query(tables: tuple[str, ...]) -> CompoundSelect[Any]:
    """The columns and keys of these tables the reader may see: rows of table_name, column_name, key_name (one of them "")."""
    held = table("columns", column("table_name"), column("column_name"), column("table_schema"), schema="information_schema")
    keys = table("statistics", column("table_name"), column("index_name"), column("table_schema"), schema="information_schema")
    # MySQL 8 answers with upper-case names unless they are labelled
    return union_all(
        select(held.c.table_name.label("table_name"), held.c.column_name.label("column_name"), literal("").label("key_name")).where(
            held.c.table_schema == func.database(), held.c.table_name.in_(tables)
        ),
        select(keys.c.table_name.label("table_name"), literal("").label("column_name"), keys.c.index_name.label("key_name")).where(
            keys.c.table_schema == func.database(), keys.c.table_name.in_(tables)
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What the tables of one cluster hold; builds selects that name their columns."""

    cluster: str
    columns: Mapping[str, frozenset[str]]
    keys: frozenset[str] = frozenset()  # of the job table
    # One object for each table: parts of a statement made in different places then mean the same table
    made: dict[str, TableClause] = field(default_factory=dict, compare=False, repr=False)

    def has(self, name: str, *columns: str) -> bool:
        """True if the table is there (and has all these columns)."""
        return name in self.columns and set(columns) <= self.columns[name]

    def table(self, name: str) -> TableClause:
        """The table with the columns we know of and it has; cluster names of any kind are quoted."""
        if name not in self.made:
            needed, optional = TABLES.get(name) or GLOBAL_TABLES[name]
            real = name if name in GLOBAL_TABLES else f"{self.cluster}_{name}"
            made = table(real, *(column(item) for item in sorted((needed | optional) & self.columns.get(name, frozenset()))))
            self.made.setdefault(name, made)
        return self.made[name]

    def on_key(self, statement: Select[Any], key: str) -> Select[Any]:
        """The statement, held to this key of the job table where there is one: a wrong guess of the optimizer reads millions of rows."""
        hint = f"FORCE INDEX (`{key}`)" if key in self.keys else f"USE INDEX ({key})" if key == "PRIMARY" else ""
        return statement.with_hint(self.table("job_table"), hint) if hint else statement

    def select(self, name: str, *columns: str) -> Select[Any]:
        """SELECT of these columns of one table."""
        source = self.table(name)
        return select(*(source.c[item] for item in columns))


def _script(schema: Schema, job: FromClause) -> ColumnElement[Any]:
    if "script_hash_inx" in job.c:
        return job.c.script_hash_inx
    if "batch_script" in job.c:
        # 21.08 keeps the script in the job's own row
        return case((func.coalesce(job.c.batch_script, "") != "", job.c.job_db_inx), else_=0).label("script_hash_inx")
    return literal(0).label("script_hash_inx")


@dataclass(frozen=True, kw_only=True)
class JobTables:
    """The job table joined with its association (the owner) and QOS, and the columns a Run is made of."""

    job: TableClause
    assoc: TableClause
    source: FromClause
    columns: tuple[ColumnElement[Any], ...]


def job_tables(schema: Schema) -> JobTables:
    """Tables and columns for `row.run_of_row`; optional columns a version lacks become constants."""
    job, assoc = schema.table("job_table"), schema.table("assoc_table")
    source: FromClause = job.outerjoin(assoc, assoc.c.id_assoc == job.c.id_assoc)
    qos: ColumnElement[Any] = literal("")
    if schema.has("qos_table", "id", "name"):
        quality = schema.table("qos_table")
        source = source.outerjoin(quality, quality.c.id == job.c.id_qos)
        qos = quality.c.name
    texts = ("derived_es", "admin_comment", "system_comment", "constraints", "submit_line")
    own = [job.c[name] for name in sorted(JOB_NEEDED)]
    extra = [job.c[name] if name in job.c else literal("").label(name) for name in texts]
    return JobTables(
        job=job,
        assoc=assoc,
        source=source,
        columns=(*own, *extra, _script(schema, job), assoc.c.user.label("user"), qos.label("qos"), _reservation(schema, job)),
    )


def _reservation(schema: Schema, job: TableClause) -> ColumnElement[Any]:
    if not schema.has("resv_table", "id_resv", "resv_name", "time_start"):
        return literal("").label("reservation")
    resv = schema.table("resv_table")
    # A reservation has a row for each change; any of them has its name
    name = (
        select(resv.c.resv_name)
        .where(and_(resv.c.id_resv == job.c.id_resv, job.c.id_resv != 0))
        .order_by(resv.c.time_start.desc())
        .limit(1)
        .correlate(job)
        .scalar_subquery()
    )
    return name.label("reservation")
