"""Associations as Slurm keeps them: an account's own row with its shares and limits, and a row for each of its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from datasources.slurm.db import SlurmDb
from datasources.slurm.people import TREE_SECONDS
from datasources.slurm.tres import tres

USE_PARENT = 0x7FFFFFFF  # shares of an association that takes its parent's ("Fairshare=parent")
NEEDED = ("id_assoc", "user", "acct", "partition", "parent_acct", "deleted")
COUNTS = ("max_jobs", "max_submit_jobs", "grp_jobs", "grp_submit_jobs")
WALLS = ("max_wall_pj", "grp_wall")  # minutes
TRES = ("grp_tres", "grp_tres_mins", "grp_tres_run_mins", "max_tres_pj", "max_tres_pn", "max_tres_mins_pj")
OPTIONAL = (*COUNTS, *WALLS, *TRES, "is_def", "qos", "shares")


@dataclass(frozen=True, kw_only=True)
class Association:
    """One association. `user` "": the account's own. Counts None where no limit is set; `tres` holds only limits that are set.

    shares: None where it takes its parent's (`parent_share`) or the database does not tell. qos: ids, () where inherited.
    walls are minutes.
    """

    id: int
    user: str
    account: str
    partition: str
    parent: str
    deleted: bool
    default: bool = False
    shares: int | None = None
    parent_share: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    tres: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    qos: tuple[int, ...] = ()

    @property
    def limited(self) -> bool:
        """True if any limit is set on this very association."""
        return bool(self.counts or self.tres)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value or "")


def _association(row: Mapping[str, Any], names: Mapping[int, str]) -> Association:
    # A limit that was taken back is NULL or negative
    counts = {key: int(row[key]) for key in (*COUNTS, *WALLS) if row.get(key) is not None and 0 <= int(row[key]) < USE_PARENT}
    amounts = {key: found for key in TRES if (found := tres(_text(row.get(key)), names))}
    shares = row.get("shares")
    parent_share = shares is not None and int(shares) == USE_PARENT
    return Association(
        id=int(row["id_assoc"]), user=row["user"] or "", account=row["acct"], partition=row["partition"] or "", parent=row["parent_acct"] or "",
        deleted=bool(row["deleted"]), default=bool(row.get("is_def")), shares=None if shares is None or parent_share else int(shares),
        parent_share=parent_share, counts=counts, tres=amounts,
        qos=tuple(int(part) for part in _text(row.get("qos")).split(",") if part.strip().isdigit()),
    )  # fmt: skip


def _read(db: SlurmDb, *conditions: Any) -> list[Association]:
    table = db.schema.table("assoc_table")
    columns = [table.c[name] for name in (*NEEDED, *OPTIONAL) if name in table.c]
    names = db.tres_names()
    return [_association(row, names) for row in db.rows(select(*columns).where(*conditions).order_by(table.c.id_assoc))]


def accounts(db: SlurmDb) -> dict[str, Association]:
    """{account: its own association} of the accounts that exist, along the key that begins with `user`. One statement a minute."""
    table = db.schema.table("assoc_table").c

    def read() -> dict[str, Association]:
        return {one.account: one for one in _read(db, table.user == "", table.deleted == 0)}

    return db.kept("account_rows", read, TREE_SECONDS)


def of_account(db: SlurmDb, account: str) -> tuple[Association, ...]:
    """Associations of an account's members, deleted ones too, along the key on `acct`; by the exact name. One statement a minute."""
    table = db.schema.table("assoc_table").c

    def read() -> tuple[Association, ...]:
        return tuple(one for one in _read(db, table.acct == account) if one.account == account and one.user)

    return db.kept(("member_rows", account), read, TREE_SECONDS) if account else ()


def of_several(db: SlurmDb, names: frozenset[str]) -> dict[str, tuple[Association, ...]]:
    """{account: its members' associations} of several accounts at once. One statement a minute."""
    table = db.schema.table("assoc_table").c

    def read() -> dict[str, tuple[Association, ...]]:
        found: dict[str, list[Association]] = {}
        for one in _read(db, table.acct.in_(sorted(names)), table.user != ""):
            found.setdefault(one.account, []).append(one)
        return {account: tuple(rows) for account, rows in found.items() if account in names}

    return db.kept(("member_rows_of", names), read, TREE_SECONDS) if names else {}


def of_person(db: SlurmDb, name: str) -> tuple[Association, ...]:
    """A person's associations that are not deleted, along the key that begins with `user`; by the exact name. One statement a minute."""
    table = db.schema.table("assoc_table").c

    def read() -> tuple[Association, ...]:
        return tuple(one for one in _read(db, table.user == name, table.deleted == 0) if one.user == name)

    return db.kept(("person_rows", name), read, TREE_SECONDS) if name else ()


def path_of(tree: Mapping[str, Association], account: str) -> tuple[str, ...]:
    """The accounts from the root down to this one, () for one that does not exist; a circle ends it."""
    found: list[str] = []
    while account in tree and account not in found:
        found.append(account)
        account = tree[account].parent
    return tuple(reversed(found))


def names_of_qos(db: SlurmDb) -> dict[int, str]:
    """{id: name} of all QOS; {} where the table cannot be read."""

    def read() -> dict[int, str]:
        rows = db.rows(db.schema.select("qos_table", "id", "name"))
        return {int(row["id"]): row["name"] for row in rows}

    return db.kept("qos_names", read) if db.schema.has("qos_table", "id", "name") else {}
