"""Summaries of finished runs: stored once, read by lists, right-size and history long after the metrics are gone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, and_, bindparam, delete, false, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from core.errors import SourceRefused
from core.viewer import Viewer
from datasources.portal.tables import NUMBERS, job_facts, summary_cursor
from datasources.sources import Sources

SOME = 500  # ids in one statement
MANY = 5_000  # of those that read few columns; SQLite takes 32 766 parameters
PLAIN = tuple(column.name for column in job_facts.c if column.name not in ("facts", "findings"))
COLUMNS = tuple(column.name for column in job_facts.c)
# JSON knows no infinity; an unlimited job has one
INFINITY = "Infinity"


def _owner(viewer: Viewer) -> ColumnElement[bool]:
    """Everything for staff, one's own and what one may open for a person, nothing for the public."""
    if viewer.is_staff:
        return true()
    if viewer.name is None:
        return false()
    mine = job_facts.c.user == viewer.name
    return or_(mine, job_facts.c.account.in_(sorted(viewer.opens))) if viewer.opens else mine


def _own(rows: Sequence[Mapping[str, Any]], viewer: Viewer) -> list[dict[str, Any]]:
    """Compared again on the exact name: some databases compare without case."""
    return [dict(row) for row in rows if viewer.owns(row["user"], row.get("account", ""))]


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    for row in rows:
        row["facts"], row["findings"] = _from_json(row["facts"]), _from_json(row["findings"])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return INFINITY if value > 0 else None
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _from_json(value: Any) -> Any:
    if value == INFINITY:
        return math.inf
    if isinstance(value, dict):
        return {key: _from_json(item) for key, item in value.items()}
    return [_from_json(item) for item in value] if isinstance(value, list) else value


def stored_facts(
    sources: Sources, *, viewer: Viewer, job_db_inxs: Sequence[int], version: int | None = None
) -> pd.DataFrame:
    """Stored summaries of these runs that the viewer may see; runs without one are simply not there.

    Columns: the table's (see tables.job_facts): times UTC s, memory bytes, shares 0..1; `facts` is JobFacts.as_dict(),
    `findings` is analysis.findings.stored(). `version`: only summaries of this version or a newer one. Raises SourceDown, SourceRefused.
    """
    found: list[dict[str, Any]] = []
    wanted = [int(number) for number in dict.fromkeys(job_db_inxs)]
    for place in range(0, len(wanted), SOME):
        condition = [job_facts.c.cluster == sources.settings.site.cluster, _owner(viewer)]
        condition.append(job_facts.c.job_db_inx.in_(wanted[place : place + SOME]))
        if version is not None:
            condition.append(job_facts.c.facts_version >= version)
        found += _own(sources.portal.rows(select(job_facts).where(*condition)), viewer)
    return _frame(found)


USE = ("job_db_inx", "user", "account", "elapsed", "cores", "memory", "gpus", "cpu_used", "cpu_efficiency", "memory_peak", "memory_efficiency", "gpu_use", "to_act")


def stored_use(sources: Sources, *, viewer: Viewer, job_db_inxs: Sequence[int], version: int) -> pd.DataFrame:
    """What these runs used, for lists: only the columns USE of stored_facts, and none of the texts that take time to read.

    Summaries of `version` or a newer one. Times in s, memory in bytes, shares 0..1. Raises SourceDown, SourceRefused.
    """
    found: list[dict[str, Any]] = []
    wanted = [int(number) for number in dict.fromkeys(job_db_inxs)]
    columns = [job_facts.c[name] for name in USE]
    for place in range(0, len(wanted), MANY):
        condition = [job_facts.c.cluster == sources.settings.site.cluster, _owner(viewer), job_facts.c.facts_version >= version]
        condition.append(job_facts.c.job_db_inx.in_(wanted[place : place + MANY]))
        found += _own(sources.portal.rows(select(*columns).where(*condition)), viewer)
    return pd.DataFrame(found, columns=list(USE))


def store_facts(
    sources: Sources, rows: Sequence[Mapping[str, Any]], *, cursor: tuple[int, int] | None = None
) -> None:
    """Store summaries (keys: the table's columns but cluster and stored_at), replacing older ones of the same runs.

    With `cursor` the summariser's place moves in the same transaction. Written by the portal only, never for a person.
    """
    cluster, now = sources.settings.site.cluster, int(sources.clock())
    made = [_row(row) | {"cluster": cluster, "stored_at": now} for row in rows]
    try:
        _write(sources, cluster, made, cursor)
    except SourceRefused as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
        # a page and the summariser stored the same run at the same moment: now it is there to be replaced
        _write(sources, cluster, made, cursor)


def _write(sources: Sources, cluster: str, rows: list[dict[str, Any]], cursor: tuple[int, int] | None) -> None:
    with sources.portal.transaction() as connection:
        for place in range(0, len(rows), SOME):
            part = rows[place : place + SOME]
            ids = [row["job_db_inx"] for row in part]
            connection.execute(
                delete(job_facts).where(job_facts.c.cluster == cluster, job_facts.c.job_db_inx.in_(ids))
            )
            connection.execute(insert(job_facts), part)
        if cursor is not None:
            _move(connection, cluster, cursor)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: row.get(name) for name in PLAIN if name not in ("cluster", "stored_at")}
    for name in ("name", "user", "account", "partition"):
        kept[name] = str(kept[name] or "")[: job_facts.c[name].type.length]
    for name in NUMBERS:
        value = kept[name]
        kept[name] = None if value is None or not math.isfinite(value) else float(value)
    # what cannot be written as JSON must fail here, not half-way into the transaction
    facts, findings = _to_json(row["facts"]), _to_json(row["findings"])
    json.dumps([facts, findings])
    return kept | {"facts": facts, "findings": findings}


def history(
    sources: Sources,
    *,
    viewer: Viewer,
    user: str,
    script_hash: int = 0,
    name: str = "",
    before: int | None = None,
    limit: int = 20,
) -> pd.DataFrame:
    """Summaries of a person's finished runs of the same script (or, with script_hash 0, the same job name), newest first.

    `before`: only runs that ended earlier (UTC s). Columns as stored_facts. Raises SourceDown, SourceRefused.
    """
    same = job_facts.c.script_hash == script_hash if script_hash else job_facts.c.name == name[:255]
    condition = [job_facts.c.cluster == sources.settings.site.cluster, job_facts.c.user == user, same, _owner(viewer)]
    if before is not None:
        condition.append(job_facts.c.end < before)
    statement = select(job_facts).where(and_(*condition)).order_by(job_facts.c.end.desc()).limit(limit)
    found = _own(sources.portal.rows(statement), viewer)
    return _frame([row for row in found if row["user"] == user])


def summary_place(sources: Sources) -> tuple[int, int]:
    """(end in UTC s, job_db_inx) of the last run summarised; (0, 0) before the first."""
    rows = sources.portal.rows(
        select(summary_cursor).where(summary_cursor.c.cluster == sources.settings.site.cluster)
    )
    return (int(rows[0]["end"]), int(rows[0]["job_db_inx"])) if rows else (0, 0)


def _move(connection: Any, cluster: str, cursor: tuple[int, int]) -> None:
    values = {"end": int(cursor[0]), "job_db_inx": int(cursor[1])}
    moved = connection.execute(update(summary_cursor).where(summary_cursor.c.cluster == cluster).values(**values))
    if moved.rowcount == 0:
        seen = connection.execute(select(summary_cursor.c.cluster).where(summary_cursor.c.cluster == cluster)).first()
        if seen is None:
            connection.execute(insert(summary_cursor).values(cluster=cluster, **values))


def older_than(sources: Sources, version: int, limit: int) -> list[int]:
    """job_db_inx of at most `limit` runs whose summaries are of an older version, the newest runs first; on a key."""
    condition = [job_facts.c.cluster == sources.settings.site.cluster, job_facts.c.facts_version < version]
    order = job_facts.c.facts_version.desc(), job_facts.c.end.desc()
    rows = sources.portal.rows(select(job_facts.c.job_db_inx).where(*condition).order_by(*order).limit(limit))
    return [int(row["job_db_inx"]) for row in rows]


def store_nodes(sources: Sources, nodes: Mapping[int, str | None], version: int) -> None:
    """Write {job_db_inx: host list} into summaries there are, which makes them of this version; None leaves what they have."""
    place = job_facts.c.cluster == sources.settings.site.cluster, job_facts.c.job_db_inx == bindparam("run")
    statement = update(job_facts).where(*place)
    with sources.portal.transaction() as connection:
        known = [{"run": run, "hosts": text} for run, text in nodes.items() if text is not None]
        if known:
            connection.execute(statement.values(facts_version=version, nodelist=bindparam("hosts")), known)
        gone = [{"run": run} for run, text in nodes.items() if text is None]
        if gone:
            connection.execute(statement.values(facts_version=version), gone)
