"""Walks the job table along a key, piece by piece, within a budget of rows: how lists of jobs find their page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, literal, or_, select, union_all
from sqlalchemy.sql.selectable import TableClause

from core.errors import BadInput
from datasources.slurm.db import SlurmDb

BUDGET = 10_000  # rows looked at for one page; a list of 20 000 rows examined in all leaves as much for counting arrays
STEPS = (4, 20, 40)  # times the page's length: most pages are found in the first piece

Key = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A stretch of one key: `where` fixes its first columns, `order` are the columns that follow, unique together."""

    key: str
    where: ColumnElement[bool]
    order: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A place in the list; `back` means the page before it."""

    at: Key
    back: bool = False

    def text(self) -> str:
        """As it stands in an address: `a17.4`, `b17.4`."""
        return ("b" if self.back else "a") + ".".join(map(str, self.at))


def read_cursor(text: str | None, width: int) -> Cursor | None:
    """The place a text names; raises BadInput for one this list did not write."""
    if not text:
        return None
    if not re.fullmatch(r"[ab][0-9]{1,20}(\.[0-9]{1,20}){0,3}", text):
        raise BadInput("cursor", text=text[:40])
    at = tuple(map(int, text[1:].split(".")))
    if len(at) != width:
        raise BadInput("cursor", text=text[:40])
    return Cursor(at=at, back=text[0] == "b")


def beyond(columns: tuple[ColumnElement[Any], ...], at: Key, down: bool) -> ColumnElement[bool]:
    """`columns` behind `at` in this direction, written so that the key's first column is a plain range."""
    first, *rest = columns
    ahead = first < at[0] if down else first > at[0]
    if not rest:
        return ahead
    inside = and_(first == at[0], beyond(tuple(rest), at[1:], down))
    return and_(first <= at[0] if down else first >= at[0], or_(ahead, inside))


def _piece(db: SlurmDb, job: TableClause, branch: Branch, extra: Mapping[str, Any], at: Key | None, down: bool, length: int) -> Select[Any]:
    order = tuple(job.c[name] for name in branch.order)
    statement = select(*(column.label(f"k{place}") for place, column in enumerate(order)), *(value.label(name) for name, value in extra.items()))
    statement = db.schema.on_key(statement.select_from(job).where(branch.where), branch.key)
    if at is not None:
        statement = statement.where(beyond(order, at, down))
    return statement.order_by(*(column.desc() if down else column.asc() for column in order)).limit(length)


def pieces(db: SlurmDb, branches: tuple[Branch, ...], extra: Mapping[str, Any], *, at: Key | None, down: bool, page: int) -> Iterator[tuple[list[Any], bool]]:
    """(rows in order, nothing follows) of ever longer pieces from `at` on, until the budget is spent. One statement a piece.

    Several branches are merged: behind the place where one was cut, the others are not used either.
    """
    job, left = db.schema.table("job_table"), BUDGET
    width = len(branches[0].order) if branches else 0
    for times in STEPS:
        length = min(page * times, left // max(1, len(branches)))
        if not branches or length < 1:
            return
        parts = [_piece(db, job, branch, {"branch": literal(place), **extra}, at, down, length) for place, branch in enumerate(branches)]
        rows = list(db.rows(parts[0] if len(parts) == 1 else union_all(*parts)))
        left -= len(rows)
        kept, whole = merged(rows, len(branches), width, length, down)
        yield kept, whole
        if whole or not kept:
            return
        at = key_of(kept[-1], width)


def key_of(row: Mapping[str, Any], width: int) -> Key:
    """A row's place in the list."""
    return tuple(int(row[f"k{place}"]) for place in range(width))


def merged(rows: list[Any], branches: int, width: int, length: int, down: bool) -> tuple[list[Any], bool]:
    """Rows of all branches in order, up to where the first branch was cut; and whether none was."""

    def place(row: Any) -> Key:
        return key_of(row, width)

    ends = []
    for branch in range(branches):
        mine = [place(row) for row in rows if row["branch"] == branch]
        if len(mine) >= length:
            ends.append(min(mine) if down else max(mine))
    rows = sorted(rows, key=place, reverse=down)
    if not ends:
        return rows, True
    edge = max(ends) if down else min(ends)
    return [row for row in rows if (place(row) >= edge if down else place(row) <= edge)], False
