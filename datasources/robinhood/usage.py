"""Who has how much, out of Robinhood's table ACCT_STAT: one row for each uid, gid, type of entry and HSM status.

Blocks are 512 bytes. A released file is on tape only: its size counts there, as it has no blocks. Its other copies, and everything that was
never archived, are on disk. An area with tape counts what was or is being archived; what has no copy on tape yet (status empty or new) belongs
to the area without tape that shares the file system, if there is one.

The table's key begins with the uid. Groups are asked for by gid: unless the site made an index of it, that is one pass over the table. So
members, totals and file sizes of all groups asked for come of the same pass, kept for ten minutes; Robinhood itself is hours behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, case, column, false, func, literal, select, table, true

from core.errors import NoData, Why
from core.viewer import PORTAL, Viewer, only_self, only_staff
from datasources.quota_holdings import Holding
from datasources.robinhood.db import SIZES, STATUS, TABLE, Layout, RobinhoodDb
from datasources.slurm.people import uid_names
from datasources.sources import Sources

KEPT_SECONDS = 600
BLOCK = 512
ROOT = 0
FEWEST = 2  # somebody with so few entries uses nothing to speak of
TAPE = "released"
UNARCHIVED = ("", "new")
AMOUNTS = ("files", "bytes", "disk_files", "disk_bytes", "tape_files", "tape_bytes")
STAT = table(TABLE, *(column(name) for name in ("uid", "gid", "type", STATUS, "size", "blocks", "count", *SIZES)))
Row = dict[str, Any]


def database(sources: Sources, area: str) -> RobinhoodDb:
    """The database that knows an area; raises NoData(NOT_CONFIGURED) without one."""
    known = sources.settings.storage.areas.get(area)
    db = sources.robinhood.get(known.robinhood) if known is not None and known.robinhood else None
    if db is None:
        raise NoData(Why.NOT_CONFIGURED, "robinhood")
    return db


def _status(layout: Layout) -> ColumnElement[str]:
    return func.coalesce(STAT.c[STATUS], "") if layout.status else literal("")


def _of_area(sources: Sources, area: str, layout: Layout) -> list[ColumnElement[bool]]:
    """Which rows are an area's: all, unless one with tape and one without share a database."""
    areas = sources.settings.storage.areas
    both = {one.tape for one in areas.values() if one.robinhood == areas[area].robinhood}
    if len(both) == 1:
        return []
    plain = _status(layout).in_(UNARCHIVED) if layout.status else true()
    return [~plain if areas[area].tape else plain]


def _amounts(layout: Layout) -> list[ColumnElement]:
    """Sums of what is on disk and what is on tape. The server adds whole numbers as DECIMAL: nothing overflows, nothing is rounded."""
    tape = _status(layout) == TAPE if layout.status else false()
    sums = {
        "disk_files": case((tape, 0), else_=STAT.c.count), "disk_bytes": case((tape, 0), else_=STAT.c.blocks),
        "tape_files": case((tape, STAT.c.count), else_=0), "tape_bytes": case((tape, STAT.c.size), else_=0),
    }  # fmt: skip
    return [func.coalesce(func.sum(value), 0).label(name) for name, value in sums.items()]


def _sizes(layout: Layout) -> list[ColumnElement]:
    return [func.coalesce(func.sum(case((STAT.c.type == "file", STAT.c[name]), else_=0)), 0).label(name) for name in layout.sizes]


def _whole(row: Mapping[str, Any]) -> dict[str, float]:
    """AMOUNTS of a row of sums."""
    found = {name: float(row[name]) for name in ("disk_files", "disk_bytes", "tape_files", "tape_bytes")}
    found["disk_bytes"] *= BLOCK
    return found | {"files": found["disk_files"] + found["tape_files"], "bytes": found["disk_bytes"] + found["tape_bytes"]}


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _frame(rows: Iterable[Row], *keys: str) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=[*keys, *AMOUNTS])
    return frame.astype(dict.fromkeys(keys, "int64") | dict.fromkeys(AMOUNTS, "float64"))


def _checked(viewer: Viewer, held: Iterable[Holding]) -> tuple[Holding, ...]:
    """The holdings with a number; raises NotFound unless each was asked for by the viewer, or the viewer is staff."""
    found = tuple(held)
    for one in found:
        only_self(viewer, one.person)
    return tuple(one for one in found if one.number is not None)


def _idents(db: RobinhoodDb, held: Iterable[Holding]) -> dict[str, int]:
    """{the group (or person) as the database calls it: its number}."""
    return {(one.owner if db.layout.names else str(one.number)): one.number for one in held if one.number is not None}


def _values(db: RobinhoodDb, idents: Iterable[str]) -> list[Any]:
    """As the column has them: a text beside a number would be compared as a fraction, on no key."""
    found = sorted(idents)
    return found if db.layout.names else [int(one) for one in found]


def _groups(sources: Sources, area: str, held: tuple[Holding, ...]) -> list[Row]:
    """A row a group and person of these groups: gid, who (text), AMOUNTS and the size classes; one statement, kept."""
    db = database(sources, area)
    idents = _idents(db, held)
    if not idents:
        return []

    def read() -> list[Row]:
        layout = db.layout
        statement = (
            select(STAT.c.gid, STAT.c.uid, *_amounts(layout), *_sizes(layout))
            .where(STAT.c.gid.in_(_values(db, idents)), *_of_area(sources, area, layout))
            .group_by(STAT.c.gid, STAT.c.uid)
        )
        return [
            {"gid": idents[_text(row["gid"])], "who": _text(row["uid"]), **_whole(row), **{name: float(row[name]) for name in layout.sizes}}
            for row in db.rows(statement) if _text(row["gid"]) in idents  # a collation takes def-A for def-a
        ]  # fmt: skip

    return sources.cache.get_or_make(("robinhood", area, "groups", tuple(sorted(idents.items()))), KEPT_SECONDS, read)


def _named(sources: Sources, db: RobinhoodDb, frame: pd.DataFrame) -> pd.DataFrame:
    """The column `who` made into uid and user; names are the page's to hide: present() does.

    Where the database has names and no numbers, root is 0 and the others get numbers below zero, which are nobody's.
    """
    who = [str(one) for one in frame["who"]]
    if db.layout.names:
        numbers = {one: -place for place, one in enumerate(sorted(set(who)), 1)} | {"root": ROOT}
        uids, users = [numbers[one] for one in who], who
    else:
        uids = [int(one) for one in who]
        names = uid_names(sources, viewer=PORTAL, uids=uids) if sources.slurm is not None else {}
        users = [names.get(uid, "") for uid in uids]
    keys = [name for name in frame.columns if name not in ("who", *AMOUNTS)]
    made = frame.assign(uid=pd.Series(uids, index=frame.index, dtype="int64"), user=pd.array(users, dtype="str"))
    return made[[*keys, "uid", *AMOUNTS, "user"]]


def group_usage(sources: Sources, *, viewer: Viewer, area: str, held: Iterable[Holding]) -> pd.DataFrame:
    """Who has what of the groups behind these holdings of an area: one row a group and person.

    Columns gid, uid (int), user (login, "" where not known), files, bytes, disk_files, disk_bytes, tape_files, tape_bytes (float64). bytes are
    those on disk and on tape. root is among them, as is who left two entries: see shown(). Raises NotFound as _checked does, NoData, SourceError.
    """
    known, db = _checked(viewer, held), database(sources, area)
    frame = pd.DataFrame(_groups(sources, area, known), columns=["gid", "who", *AMOUNTS])
    return _named(sources, db, frame.astype({"gid": "int64"} | dict.fromkeys(AMOUNTS, "float64")))


def of_holding(sources: Sources, *, viewer: Viewer, holding: Holding) -> dict[str, float]:
    """What a person or a group has of an area: see of_holdings(). Raises NoData(NOT_CONFIGURED) without a number."""
    found = of_holdings(sources, viewer=viewer, area=holding.area, held=[holding])
    if holding not in found:
        raise NoData(Why.NOT_CONFIGURED, f"id of {holding.owner}")
    return found[holding]


def of_holdings(sources: Sources, *, viewer: Viewer, area: str, held: Iterable[Holding]) -> dict[Holding, dict[str, float]]:
    """What people and groups have of an area: {holding: AMOUNTS}, everybody's and root's files in a group's; without a number: left out.

    All groups are one statement, the one group_usage() and histogram() read; people are one on the key.
    Raises NotFound as _checked does, NoData without a database, SourceError.
    """
    known = _checked(viewer, held)
    people = tuple(one for one in known if one.label == "user")
    groups = tuple(one for one in known if one.label != "user")
    database(sources, area)
    sums: dict[int, dict[str, float]] = {}
    for row in _groups(sources, area, groups):
        mine = sums.setdefault(row["gid"], dict.fromkeys(AMOUNTS, 0.0))
        for name in AMOUNTS:
            mine[name] += row[name]
    found = {one: sums.get(one.number, dict.fromkeys(AMOUNTS, 0.0)) for one in groups}
    return found | {one: _person(sources, area, one) for one in people}


def _person(sources: Sources, area: str, one: Holding) -> dict[str, float]:
    db = database(sources, area)
    (ident,) = _idents(db, [one])

    def read() -> dict[str, float]:
        layout = db.layout
        rows = db.rows(select(STAT.c.uid, *_amounts(layout)).where(STAT.c.uid.in_(_values(db, [ident])), *_of_area(sources, area, layout)).group_by(STAT.c.uid))
        return next((_whole(row) for row in rows if _text(row["uid"]) == ident), dict.fromkeys(AMOUNTS, 0.0))

    return sources.cache.get_or_make(("robinhood", area, "person", ident), KEPT_SECONDS, read)


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of members: without root, and without who has two entries or fewer; largest first."""
    kept = frame[(frame["uid"] != ROOT) & (frame["files"] > FEWEST)]
    return kept.sort_values(["gid", "bytes"], ascending=[True, False], kind="stable").reset_index(drop=True)


def histogram(sources: Sources, *, viewer: Viewer, area: str, held: Iterable[Holding]) -> pd.DataFrame:
    """How many files of each size the groups behind these holdings have: columns gid (int), size_class (one of SIZES), files (float64).

    sz32K counts files from 32 KiB to below 1 MiB; sz0 empty ones, sz1T those from 1 TiB on. Raises as group_usage does, and
    NoData(METRIC_ABSENT) where Robinhood was told not to count sizes.
    """
    known, db = _checked(viewer, held), database(sources, area)
    names = db.layout.sizes
    if not names:
        raise NoData(Why.METRIC_ABSENT, f"{TABLE}.sz0")
    sums: dict[tuple[int, str], float] = {}
    for row in _groups(sources, area, known):
        for name in names:
            sums[(row["gid"], name)] = sums.get((row["gid"], name), 0.0) + row[name]
    found = [{"gid": gid, "size_class": name, "files": files} for (gid, name), files in sums.items()]
    return pd.DataFrame(found, columns=["gid", "size_class", "files"]).astype({"gid": "int64", "files": "float64"})


def top_owners(sources: Sources, *, viewer: Viewer, area: str, n: int = 50) -> pd.DataFrame:
    """Who has most of an area, largest first: columns uid, user and as in group_usage; raises NotAllowed unless staff. One pass, kept."""
    only_staff(viewer, "top owners")
    db = database(sources, area)

    def read() -> list[Row]:
        layout = db.layout
        disk, tape = (next(one for one in _amounts(layout) if one.name == name).element for name in ("disk_bytes", "tape_bytes"))
        root = STAT.c.uid != ("root" if layout.names else ROOT)
        statement = select(STAT.c.uid, *_amounts(layout)).where(root, *_of_area(sources, area, layout)).group_by(STAT.c.uid)
        rows = db.rows(statement.order_by((disk * BLOCK + tape).desc(), STAT.c.uid).limit(n))
        return [{"who": _text(row["uid"]), **_whole(row)} for row in rows]

    rows = sources.cache.get_or_make(("robinhood", area, "owners", n), KEPT_SECONDS, read)
    return _named(sources, db, pd.DataFrame(rows, columns=["who", *AMOUNTS]).astype(dict.fromkeys(AMOUNTS, "float64")))


def totals(sources: Sources, *, viewer: Viewer, area: str) -> pd.DataFrame:
    """What every group has of an area: columns gid and as in group_usage; raises NotAllowed unless staff. One pass, kept.

    Raises NoData(NOT_APPLICABLE) where the database has names and no numbers.
    """
    only_staff(viewer, "totals of groups")
    db = database(sources, area)
    if db.layout.names:
        raise NoData(Why.NOT_APPLICABLE, "groups without numbers")

    def read() -> list[Row]:
        statement = select(STAT.c.gid, *_amounts(db.layout)).where(*_of_area(sources, area, db.layout)).group_by(STAT.c.gid)
        return [{"gid": int(row["gid"]), **_whole(row)} for row in db.rows(statement)]

    return _frame(sources.cache.get_or_make(("robinhood", area, "totals"), KEPT_SECONDS, read), "gid")


def ident_of(sources: Sources, area: str) -> tuple[str, str]:
    """(column, what it holds) of those an area's quotas are of: (uid, uid) or (gid, gid); (uid, user), (gid, group) where they are names."""
    own = sources.settings.storage.areas[area].label == "user"
    column_ = "uid" if own else "gid"
    return (column_, "user" if own else "group") if database(sources, area).layout.names else (column_, column_)


def of_everybody(sources: Sources, *, viewer: Viewer, area: str) -> pd.DataFrame:
    """What every person (of an area by user) or group has: columns ident (str, see ident_of), bytes, files (float64).

    Who has two entries or fewer is left out. One pass, not kept. Raises NotAllowed unless staff, NoData without a database, SourceError.
    """
    only_staff(viewer, "storage of everybody")
    db = database(sources, area)
    owner = STAT.c[ident_of(sources, area)[0]]
    statement = select(owner.label("ident"), *_amounts(db.layout)).where(*_of_area(sources, area, db.layout)).group_by(owner)
    rows = [{"ident": _text(row["ident"]), **_whole(row)} for row in db.rows(statement)]
    frame = pd.DataFrame(rows, columns=["ident", "bytes", "files"]).astype({"ident": "str", "bytes": "float64", "files": "float64"})
    return frame[frame["files"] > FEWEST].groupby("ident", as_index=False, sort=True)[["bytes", "files"]].sum()
