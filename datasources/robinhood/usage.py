"""Who has how much, out of Robinhood's table ACCT_STAT: one row for each uid, gid, type of entry and HSM status.

Blocks are 512 bytes. A released file is on tape only: its size counts there, as it has no blocks. Its other copies, and everything that was
never archived, are on disk. Where a project and a nearline area are kept in one file system, status tells them apart: what is not
or not yet to be archived (status empty or new) is the project's, the rest nearline's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Numeric, case, cast, column, func, select, table

from core.errors import NoData, Why
from core.viewer import PORTAL, Viewer, only_self, only_staff
from datasources.quota_holdings import Holding
from datasources.robinhood.db import RobinhoodDb
from datasources.slurm.people import uid_names
from datasources.sources import Sources

KEPT_SECONDS = 300
BLOCK = 512
ROOT = 0
FEWEST = 2  # somebody with so few entries uses nothing to speak of
TAPE = "released"
UNARCHIVED = ("", "new")
SIZES = ("sz0", "sz1", "sz32", "sz1K", "sz32K", "sz1M", "sz32M", "sz1G", "sz32G", "sz1T")
AMOUNTS = ("files", "bytes", "disk_files", "disk_bytes", "tape_files", "tape_bytes")
STAT = table("ACCT_STAT", *(column(name) for name in ("uid", "gid", "type", "lhsm_status", "size", "blocks", "count", *SIZES)))


def database(sources: Sources, area: str) -> RobinhoodDb:
    """The database that knows an area; raises NoData(NOT_CONFIGURED) without one."""
    known = sources.settings.storage.areas.get(area)
    db = sources.robinhood.get(known.robinhood) if known is not None and known.robinhood else None
    if db is None:
        raise NoData(Why.NOT_CONFIGURED, "robinhood")
    return db


def _of_area(sources: Sources, area: str) -> list[ColumnElement[bool]]:
    """Which rows are an area's: all, unless one with tape and one without share a database."""
    areas = sources.settings.storage.areas
    both = {one.tape for one in areas.values() if one.robinhood == areas[area].robinhood}
    if len(both) == 1:
        return []
    plain = STAT.c.lhsm_status.in_(UNARCHIVED)
    return [~plain if areas[area].tape else plain]


def _total(value: ColumnElement, on_tape: bool | None = None) -> ColumnElement:
    """A sum of everything, of what is on tape, or of what is not."""
    if on_tape is not None:
        tape = STAT.c.lhsm_status == TAPE
        value = case((tape if on_tape else ~tape, value), else_=0)
    return func.coalesce(func.sum(cast(value, Numeric(40, 0))), 0)


def _amounts() -> list[ColumnElement]:
    disk, tape = _total(STAT.c.blocks * BLOCK, False), _total(STAT.c.size, True)
    found = {
        "files": _total(STAT.c.count), "bytes": disk + tape, "disk_files": _total(STAT.c.count, False), "disk_bytes": disk,
        "tape_files": _total(STAT.c.count, True), "tape_bytes": tape,
    }  # fmt: skip
    return [value.label(name) for name, value in found.items()]


def _frame(rows: Iterable[Mapping[str, Any]], *keys: str) -> pd.DataFrame:
    frame = pd.DataFrame([dict(row) for row in rows], columns=[*keys, *AMOUNTS])
    return frame.astype(dict.fromkeys(keys, "int64") | dict.fromkeys(AMOUNTS, "float64"))


def _gids(viewer: Viewer, held: Iterable[Holding]) -> tuple[int, ...]:
    """The gids of holdings; raises NotFound unless each was asked for by the viewer, or the viewer is staff."""
    found = []
    for one in held:
        only_self(viewer, one.person)
        if one.number is not None:
            found.append(one.number)
    return tuple(dict.fromkeys(found))


def _logins(sources: Sources, uids: Iterable[int]) -> dict[int, str]:
    """Names are the page's to hide: present() does."""
    return uid_names(sources, viewer=PORTAL, uids=uids) if sources.slurm is not None else {}


def group_usage(sources: Sources, *, viewer: Viewer, area: str, held: Iterable[Holding]) -> pd.DataFrame:
    """Who has what of the groups behind these holdings of an area: one row a group and person.

    Columns gid, uid (int), user (login, "" where not known), files, bytes, disk_files, disk_bytes, tape_files, tape_bytes (float64). bytes are
    those on disk and on tape. root is among them, as is who left two entries: see shown(). Raises NotFound as _gids does, NoData, SourceError.
    """
    gids = _gids(viewer, held)
    db = database(sources, area)
    if not gids:
        return _frame([], "gid", "uid").assign(user=pd.Series(dtype="str"))
    statement = select(STAT.c.gid, STAT.c.uid, *_amounts()).where(STAT.c.gid.in_(gids), *_of_area(sources, area)).group_by(STAT.c.gid, STAT.c.uid)
    make = lambda: [dict(row) for row in db.rows(statement)]  # noqa: E731
    frame = _frame(sources.cache.get_or_make(("robinhood", area, "groups", gids), KEPT_SECONDS, make), "gid", "uid")
    names = _logins(sources, frame["uid"].tolist())
    return frame.assign(user=pd.array([names.get(uid, "") for uid in frame["uid"]], dtype="str"))


def of_holding(sources: Sources, *, viewer: Viewer, holding: Holding) -> dict[str, float]:
    """What a person or a group has of an area, everybody's and root's files in it: files, bytes, disk_files, disk_bytes, tape_files, tape_bytes.

    Raises NotFound as _gids does, NoData without a database or a number, SourceError.
    """
    numbers = _gids(viewer, [holding])
    db = database(sources, holding.area)
    if not numbers:
        raise NoData(Why.NOT_CONFIGURED, f"id of {holding.owner}")
    key = STAT.c.uid if holding.label == "user" else STAT.c.gid
    statement = select(*_amounts()).where(key == numbers[0], *_of_area(sources, holding.area))
    make = lambda: {name: float(value) for name, value in db.rows(statement)[0].items()}  # noqa: E731
    return sources.cache.get_or_make(("robinhood", holding.area, holding.label, numbers[0]), KEPT_SECONDS, make)


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of members: without root, and without who has two entries or fewer; largest first."""
    kept = frame[(frame["uid"] != ROOT) & (frame["files"] > FEWEST)]
    return kept.sort_values(["gid", "bytes"], ascending=[True, False], kind="stable").reset_index(drop=True)


def histogram(sources: Sources, *, viewer: Viewer, area: str, held: Iterable[Holding]) -> pd.DataFrame:
    """How many files of each size the groups behind these holdings have: columns gid (int), size_class (one of SIZES), files (float64)."""
    gids = _gids(viewer, held)
    db = database(sources, area)
    sums = [func.coalesce(func.sum(STAT.c[name]), 0).label(name) for name in SIZES]
    statement = select(STAT.c.gid, *sums).where(STAT.c.gid.in_(gids), STAT.c.type == "file", *_of_area(sources, area)).group_by(STAT.c.gid)
    make = lambda: [{key: int(value) for key, value in row.items()} for row in db.rows(statement)] if gids else []  # noqa: E731
    rows = sources.cache.get_or_make(("robinhood", area, "sizes", gids), KEPT_SECONDS, make)
    found = [{"gid": row["gid"], "size_class": name, "files": float(row[name])} for row in rows for name in SIZES]
    return pd.DataFrame(found, columns=["gid", "size_class", "files"])


def top_owners(sources: Sources, *, viewer: Viewer, area: str, n: int = 50) -> pd.DataFrame:
    """Who has most of an area, largest first: columns uid, user and as in group_usage; raises NotAllowed unless staff."""
    only_staff(viewer, "top owners")
    db = database(sources, area)
    statement = select(STAT.c.uid, *_amounts()).where(STAT.c.uid != ROOT, *_of_area(sources, area)).group_by(STAT.c.uid)
    make = lambda: [dict(row) for row in db.rows(statement.order_by(column("bytes").desc()).limit(n))]  # noqa: E731
    frame = _frame(sources.cache.get_or_make(("robinhood", area, "owners", n), KEPT_SECONDS, make), "uid")
    names = _logins(sources, frame["uid"].tolist())
    return frame.assign(user=pd.array([names.get(uid, "") for uid in frame["uid"]], dtype="str"))


def totals(sources: Sources, *, viewer: Viewer, area: str) -> pd.DataFrame:
    """What every group has of an area: columns gid and as in group_usage; raises NotAllowed unless staff."""
    only_staff(viewer, "totals of groups")
    db = database(sources, area)
    statement = select(STAT.c.gid, *_amounts()).where(*_of_area(sources, area)).group_by(STAT.c.gid)
    make = lambda: [dict(row) for row in db.rows(statement)]  # noqa: E731
    return _frame(sources.cache.get_or_make(("robinhood", area, "totals"), KEPT_SECONDS, make), "gid")
