"""The people of the demo one may sign in as. They exist only in a database that bears the demo's mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import column, literal, select, table

from core.errors import SourceRefused

if TYPE_CHECKING:
    from datasources.slurm.db import SlurmDb

COLUMNS = ("position", "login", "full_name", "staff", "role", "behaviour")
MARK = table("turtle_demo_mark", *(column(name) for name in COLUMNS))


@dataclass(frozen=True, kw_only=True)
class Persona:
    """Someone to sign in as: login, full name, what they do, and whether they are staff."""

    login: str
    full_name: str
    role: str
    staff: bool


def bears_mark(slurm: SlurmDb | None) -> bool:
    """True for the demo's database, kept for a minute; False where the mark is absent or may not be read. Raises source errors."""

    def read() -> bool:
        try:
            return bool(slurm.rows(select(literal(1)).select_from(MARK).limit(1)))
        except SourceRefused:
            return False

    return slurm is not None and slurm.kept("demo_mark", read, 60)


def personas(slurm: SlurmDb | None) -> tuple[Persona, ...]:
    """The demo's people in the order of the mark; () for a database without it. Raises source errors."""
    if slurm is None or not bears_mark(slurm):
        return ()
    rows = slurm.rows(select(MARK).order_by(MARK.c.position))
    return tuple(
        Persona(login=row["login"], full_name=row["full_name"] or "", role=row["role"] or "", staff=bool(row["staff"])) for row in rows
    )
