"""The part of `check` that looks at Slurm's accounting database: tables, columns, grants."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import text

from components.check_line import FAILED, OFF, OK, Line, what_needs
from components.records import Need, Page
from components.text import N_, _
from core.errors import TurtleError
from datasources.mysql import Mysql
from datasources.slurm.columns import GLOBAL_TABLES, TABLES, Schema
from datasources.sources import Sources

# What is not shown without an optional column; "" stands for any column of a table
EMPTIES = {
    ("job_table", "admin_comment"): N_("notes of the staff"),
    ("job_table", "batch_script"): N_("job scripts"),
    ("job_table", "constraints"): N_("constraints, and the finding about them"),
    ("job_table", "derived_es"): N_("comments"),
    ("job_table", "script_hash_inx"): N_("job scripts"),
    ("job_table", "submit_line"): N_("submit lines; dependencies are known from scripts only"),
    ("job_table", "system_comment"): N_("notes of the system"),
    ("step_table", "submit_line"): N_("command lines of steps"),
    ("step_table", "tres_usage_in_max_nodeid"): N_("the node of a step's highest memory"),
    ("step_table", "tres_usage_in_max_taskid"): N_("the task of a step's highest memory"),
    ("assoc_table", ""): N_("shares and limits of accounts"),
    ("assoc_usage_day_table", ""): N_("what Slurm charged an account for the days of a month"),
    ("assoc_usage_month_table", ""): N_("what Slurm charged an account for a month"),
    ("suspend_table", ""): N_("suspensions"),
    ("resv_table", ""): N_("reservations"),
    ("job_script_table", ""): N_("job scripts"),
    ("qos_table", ""): N_("names of QOS"),
    ("user_table", ""): N_("Slurm's own operators and administrators"),
    ("acct_coord_table", ""): N_("coordinators of accounts"),
}
# Scripts are kept in one of two places, by version: where one is there, nothing lacks without the other
SCRIPTS = ("batch_script", "script_hash_inx", "hash_inx")
INSTEAD = {
    "job_table": (("job_table", "batch_script"), ("job_table", "script_hash_inx")),
    "job_script_table": (("job_table", "batch_script"),),
}
WRITES = re.compile(r"\b(ALL PRIVILEGES|INSERT|UPDATE|DELETE|DROP|ALTER|CREATE|SUPER)\b")


def slurm_lines(sources: Sources, pages: tuple[Page, ...]) -> Iterator[Line]:
    """The connection, needed tables and columns, optional ones that this version lacks, and what the account may do."""
    db = sources.slurm
    if db is None:
        yield Line(
            source="slurm", what=_("accounting"), state=OFF, found=_("not configured"), mend=_("set [slurm] url")
        )
        return
    try:
        version = db.rows(text("select version() as version"))[0]["version"]
        yield Line(source="slurm", what=_("server"), state=OK, found=str(version))
        schema = db.schema
        yield Line(
            source="slurm",
            what=_("tables of {cluster}").format(cluster=db.cluster),
            state=OK,
            found=_("all that are needed"),
        )
        yield from _optional(schema)
        yield from _grants(sources)
    except TurtleError as error:
        yield Line(
            source="slurm",
            what=_("accounting"),
            state=FAILED,
            found=error.detail[:200],
            empties=what_needs(pages, Need(kind="database", name="slurm")) or _("job lists and job pages"),
            mend=_("check [slurm] url, site.cluster and the GRANT list of docs/install.md"),
        )


def _optional(schema: Schema) -> Iterator[Line]:
    for name, (_needed, optional) in {**TABLES, **GLOBAL_TABLES}.items():
        lacking = sorted(optional - schema.columns.get(name, frozenset()))
        if any(schema.has(*other) for other in INSTEAD.get(name, ())):
            lacking = [column for column in lacking if column not in SCRIPTS]
        if lacking:
            empty = [EMPTIES[name, column] if (name, column) in EMPTIES else EMPTIES[name, ""] for column in lacking]
            yield Line(
                source="slurm",
                what=name,
                state=OK,
                found=_("without {columns} (other Slurm version, or not granted)").format(columns=", ".join(lacking)),
                empties=", ".join(dict.fromkeys(map(_, empty))),
            )


def grants_of(db: Mysql) -> list[str]:
    """What the portal's account of a database may, as the server writes it."""
    return [str(next(iter(row.values()))) for row in db.rows(text("show grants"))]


def _grants(sources: Sources) -> Iterator[Line]:
    grants = grants_of(sources.slurm)
    writes = [grant for grant in grants if WRITES.search(grant.split(" ON ")[0])]
    env = [
        grant
        for grant in grants
        if "job_env_table" in grant or re.search(r"SELECT.* ON (`?\*`?\.\*|`[^`]+`\.\*)", grant)
    ]
    yield Line(
        source="slurm",
        what=_("grants"),
        state=FAILED if writes else OK,
        found=_("may write: {grant}").format(grant=writes[0][:80]) if writes else _("read only"),
        mend=_("give the portal an account of its own with the GRANT list of docs/install.md") if writes else "",
    )
    if env:
        yield Line(
            source="slurm",
            what="job_env_table",
            state=FAILED,
            found=_("may be read: it holds the environment of people's jobs"),
            mend=_("grant the tables one by one, without it: docs/install.md"),
        )
