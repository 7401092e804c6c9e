"""Robinhood's accounting of who has what: one database for the project file system, one for the nearline storage."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from sqlalchemy import Connection, Engine, text

from demo.model import Plan
from demo.plan_storage import Quota, groups, member_parts, quotas, used

READER = "robinhood_reader"
SCANNED_EVERY = 3600  # seconds
DATABASES = {"project": "robinhood_project", "nearline": "robinhood_nearline"}
BLOCK = 512
SIZES = ("sz0", "sz1", "sz32", "sz1K", "sz32K", "sz1M", "sz32M", "sz1G", "sz32G", "sz1T")
BOUNDS = (1, 32, 1 << 10, 32 << 10, 1 << 20, 32 << 20, 1 << 30, 32 << 30, 1 << 40)  # bytes a class ends before
SPREAD = 3.0  # of the logarithms of file sizes
STRANGER = 2777  # a uid that nobody remembers, in this group:
STRANGERS_GROUP = "rrg-hopper"
VISITORS = {"def-curie": "ada"}  # somebody who left two entries
SMALL = 2
DIRECTORY, LINK = 4096, 40  # bytes
# of the bytes of nearline storage; the rest was released and is on tape only
ON_DISK = {"new": 0.006, "modified": 0.004, "retrieving": 0.003, "archiving": 0.009, "synchro": 0.13}
NEARLINE_FILE = 3 << 30  # bytes of a mean file there
COLUMNS = ("uid", "gid", "type", "lhsm_status", "size", "blocks", "count", *SIZES)
TABLE = f"""
create table {{database}}.ACCT_STAT (
  uid int unsigned not null default 0,
  gid int unsigned not null default 0,
  type enum('symlink','dir','file','chr','blk','fifo','sock') not null default 'file',
  lhsm_status enum('','new','modified','retrieving','archiving','synchro','released','release_pending','restore_pending') not null default '',
  size bigint unsigned default 0,
  blocks bigint unsigned default 0,
  count bigint unsigned default 0,
  {", ".join(f"{name} bigint unsigned default 0" for name in SIZES)},
  primary key (uid, gid, type, lhsm_status)
) engine=InnoDB
"""
Row = tuple[int | str, ...]


def make(engine: Engine, reader_password: str) -> None:
    """Make both databases anew, and the portal's reader, who may SELECT from their one table only; `engine` may do everything."""
    reader = f"'{READER}'@'127.0.0.1'"
    with engine.begin() as connection:
        connection.execute(text(f"create or replace user {reader} identified by '{reader_password}'"))
        for database in DATABASES.values():
            connection.execute(text(f"drop database if exists {database}"))
            connection.execute(text(f"create database {database} character set utf8mb4"))
            connection.execute(text(TABLE.format(database=database)))
            connection.execute(text(f"grant select on `{database}`.`ACCT_STAT` to {reader}"))


def write(engine: Engine, plan: Plan, now: int) -> None:
    """What a scan of both file systems finds now (UTC seconds), in place of what was there."""
    with engine.begin() as connection:
        for area, database in DATABASES.items():
            _put(connection, database, list(rows(plan, area, now)))


def _put(connection: Connection, database: str, found: list[Row]) -> None:
    marks = ", ".join(["%s"] * len(COLUMNS))
    connection.exec_driver_sql(f"delete from {database}.ACCT_STAT")
    if found:
        connection.exec_driver_sql(f"insert into {database}.ACCT_STAT ({', '.join(COLUMNS)}) values ({marks})", found)


def rows(plan: Plan, area: str, now: int) -> Iterator[Row]:
    """ACCT_STAT's rows of an area, by its groups and their members; root owns each group's top directory."""
    held = {one.owner: one for one in quotas(plan) if one.area == area}
    uids = {person.name: person.uid for person in plan.people}
    for group in groups(plan):
        if group.name not in held:
            continue
        size, files = (float(found[0, 0]) for found in used([held[group.name]], plan.made_at, np.array([float(now)])))
        yield _row(0, group.gid, "dir", "", 1, DIRECTORY)
        members = [uids[name] for name in group.members] + [STRANGER] * (group.name == STRANGERS_GROUP)
        for uid, part in zip(members, member_parts(plan, group, area, len(members)), strict=True):
            if area == "nearline":
                yield from _nearline(uid, held[group.name], part * size)
            else:
                yield from _plain(uid, group.gid, part * size, round(part * files))
        visitor = uids.get(VISITORS.get(group.name, ""))
        if visitor is not None and area == "project":
            yield _row(visitor, group.gid, "file", "", SMALL, 7000)


def _plain(uid: int, gid: int, size: float, entries: int) -> Iterator[Row]:
    """One person's files of a file system without tape: a tenth of the entries are directories, few are links."""
    directories, links = max(entries // 10, 1), entries // 50
    files = max(entries - directories - links, 1)
    yield _row(uid, gid, "file", "", files, max(size - directories * DIRECTORY, files))
    yield _row(uid, gid, "dir", "", directories, directories * DIRECTORY)
    if links:
        yield _row(uid, gid, "symlink", "", links, links * LINK)


def _nearline(uid: int, quota: Quota, size: float) -> Iterator[Row]:
    """One person's files where they move to tape."""
    for status, part in {**ON_DISK, "released": 1 - sum(ON_DISK.values())}.items():
        files = round(part * size / NEARLINE_FILE)
        if files:
            yield _row(uid, quota.number, "file", status, files, part * size)
    yield _row(uid, quota.number, "dir", "", 12, 12 * DIRECTORY)


def _row(uid: int, gid: int, kind: str, status: str, count: int, size: float) -> Row:
    """One row; a released file has no blocks, as its content is on tape."""
    blocks = 0 if status == "released" else math.ceil(size / BLOCK)
    return (uid, gid, kind, status, round(size), blocks, count, *_classes(count, size, kind))


def _classes(count: int, size: float, kind: str) -> list[int]:
    """How many entries lie in each size class: log-normal around their mean; directories and links are all alike."""
    mean = max(size / count, 1.0)
    if kind != "file":
        edges = np.array([0.0, *(float(mean < bound) for bound in BOUNDS), 1.0])
    else:
        middle = math.log(mean) - SPREAD**2 / 2
        below = [0.5 * (1 + math.erf((math.log(bound) - middle) / (SPREAD * math.sqrt(2)))) for bound in BOUNDS]
        edges = np.array([0.0, *below, 1.0])
    return np.diff(np.rint(edges * count)).astype(int).tolist()
