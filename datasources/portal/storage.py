"""What people and groups had of storage day by day, where the back end itself keeps no history: one reading a day, kept here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
from sqlalchemy import ColumnElement, and_, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from core.errors import SourceRefused
from core.viewer import Viewer, only_self
from datasources.portal.tables import storage_days
from datasources.quota_holdings import Holding
from datasources.sources import Sources

SOME = 1000  # rows in one statement
WHO = {"user": ("uid", "user")}  # of an area by user: kept by number, or by name where the back end knows no numbers
OF_GROUPS = ("gid", "group")
Owner = tuple[str, str]  # area, owner


def is_kept(sources: Sources, *, area: str, first: int, last: int) -> bool:
    """Whether anything of an area is kept of the days (since 1970, UTC) first … last. Raises SourceDown, SourceRefused."""
    days = storage_days.c
    condition = (days.cluster == sources.settings.site.cluster, days.area == area, days.day.between(first, last))
    return bool(sources.portal.rows(select(days.day).where(*condition).limit(1)))


def keep_reading(sources: Sources, *, area: str, who: str, day: int, counted_at: int, found: pd.DataFrame) -> None:
    """Keep a day's reading of an area: `found` has columns ident (str), bytes, files. Where another process just did, theirs stays.

    who: uid, gid, user or group. counted_at: UTC s. Raises SourceDown, SourceRefused.
    """
    base = {"cluster": sources.settings.site.cluster, "area": area, "who": who, "day": day, "counted_at": counted_at}
    rows = [
        base | {"ident": str(ident)[:128], "bytes": float(size), "files": float(files)}
        for ident, size, files in zip(found["ident"], found["bytes"], found["files"], strict=True)
    ]
    try:
        with sources.portal.transaction() as connection:
            for place in range(0, len(rows), SOME):
                connection.execute(insert(storage_days), rows[place : place + SOME])
    except SourceRefused as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise


def forget_readings(sources: Sources, *, area: str, before: int) -> None:
    """Drop what is kept of an area of days before this one (since 1970, UTC). Raises SourceDown, SourceRefused."""
    days = storage_days.c
    with sources.portal.transaction() as connection:
        connection.execute(delete(storage_days).where(days.cluster == sources.settings.site.cluster, days.area == area, days.day < before))


def readings(sources: Sources, *, viewer: Viewer, held: Iterable[Holding], first: int, last: int) -> dict[Owner, pd.DataFrame]:
    """What was kept of these holdings on the days (since 1970, UTC) first … last; nothing kept of one: left out.

    {(area, owner): frame by time (UTC, when it was counted), columns bytes, files (float64)}. One statement on the key.
    Raises NotFound unless each holding was asked for by the viewer, or the viewer is staff; SourceDown, SourceRefused.
    """
    owners: dict[tuple[str, str, str], Owner] = {}
    for one in held:
        only_self(viewer, one.person)
        number, name = WHO.get(one.label, OF_GROUPS)
        owners[(one.area, name, one.owner)] = (one.area, one.owner)
        if one.number is not None:
            owners[(one.area, number, str(one.number))] = (one.area, one.owner)
    if not owners:
        return {}
    days = storage_days.c
    mine = or_(*(_is(*key) for key in owners))
    statement = select(days.area, days.who, days.ident, days.counted_at, days.bytes, days.files).where(
        days.cluster == sources.settings.site.cluster, mine, days.day.between(first, last)
    )
    found: dict[Owner, list[Mapping]] = {}
    for row in sources.portal.rows(statement):
        owner = owners.get((row["area"], row["who"], row["ident"]))  # compared again on the exact name
        if owner is not None:
            found.setdefault(owner, []).append(row)
    return {owner: _frame(rows) for owner, rows in found.items()}


def _is(area: str, who: str, ident: str) -> ColumnElement[bool]:
    days = storage_days.c
    return and_(days.area == area, days.who == who, days.ident == ident)


def _frame(rows: list[Mapping]) -> pd.DataFrame:
    rows.sort(key=lambda row: row["counted_at"])
    times = pd.DatetimeIndex(pd.to_datetime([row["counted_at"] for row in rows], unit="s", utc=True), name="time")
    return pd.DataFrame({kind: [float(row[kind]) for row in rows] for kind in ("bytes", "files")}, index=times)
