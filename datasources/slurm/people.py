"""Who may what, and who is who: accounts, coordinators and logins from the association tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select, union_all

from core.viewer import Viewer
from datasources.slurm.db import SlurmDb
from datasources.slurm.ownership import FIRST_PERSON, database
from datasources.sources import Sources

LEVELS = ("none", "none", "operator", "administrator")  # by admin_level: not set, none, operator, administrator
TREE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class ViewerFacts:
    """What accounting knows of a login: accounts (associations not deleted), what it coordinates (with everything below), its level."""

    name: str
    accounts: frozenset[str] = frozenset()
    coordinates: frozenset[str] = frozenset()
    admin_level: str = "none"  # "operator" and "administrator" are Slurm's own words


def account_parents(db: SlurmDb) -> dict[str, str]:
    """{account: parent account} of the accounts that exist; "" above the root. Walked by name: newer versions have no lft and rgt."""

    def read() -> dict[str, str]:
        table = db.schema.table("assoc_table")
        statement = select(table.c.acct, table.c.parent_acct).where(table.c.user == "", table.c.deleted == 0)
        return {row["acct"]: row["parent_acct"] or "" for row in db.rows(statement)}

    return db.kept("account_parents", read, TREE_SECONDS)


def below(parents: dict[str, str], accounts: Iterable[str]) -> frozenset[str]:
    """The accounts and all accounts under them."""
    children: dict[str, list[str]] = {}
    for account, parent in parents.items():
        children.setdefault(parent, []).append(account)
    found: set[str] = set()
    waiting = list(accounts)
    while waiting:
        account = waiting.pop()
        if account not in found:
            found.add(account)
            waiting += children.get(account, [])
    return frozenset(found)


def viewer_facts(sources: Sources, name: str) -> ViewerFacts:
    """Accounts, coordinated accounts and admin level of a login, compared by the exact name; empty for one Slurm does not know."""
    db = database(sources)
    table = db.schema.table("assoc_table")
    rows = db.rows(select(table.c.user, table.c.acct).where(table.c.user == name, table.c.deleted == 0))
    accounts = frozenset(row["acct"] for row in rows if row["user"] == name)
    direct: list[str] = []
    if db.schema.has("acct_coord_table", "acct", "user", "deleted"):
        coords = db.schema.table("acct_coord_table")
        found = db.rows(select(coords.c.user, coords.c.acct).where(coords.c.user == name, coords.c.deleted == 0))
        direct = [row["acct"] for row in found if row["user"] == name]
    parents = account_parents(db) if direct else {}
    # The table is shared by all clusters of the database: only this cluster's accounts count
    coordinates = frozenset(account for account in below(parents, direct) if account in parents)
    return ViewerFacts(name=name, accounts=accounts, coordinates=coordinates, admin_level=_level(db, name))


def _level(db: SlurmDb, name: str) -> str:
    if not db.schema.has("user_table", "name", "admin_level", "deleted"):
        return LEVELS[0]
    table = db.schema.table("user_table")
    rows = db.rows(select(table.c.name, table.c.admin_level).where(table.c.name == name, table.c.deleted == 0))
    level = max((int(row["admin_level"]) for row in rows if row["name"] == name), default=0)
    return LEVELS[min(max(level, 0), len(LEVELS) - 1)]


def associations_of(db: SlurmDb, name: str) -> tuple[int, ...]:
    """Ids of a login's associations, deleted ones too: they own old jobs."""

    def read() -> tuple[int, ...]:
        table = db.schema.table("assoc_table")
        rows = db.rows(select(table.c.id_assoc, table.c.user).where(table.c.user == name).order_by(table.c.id_assoc))
        return tuple(int(row["id_assoc"]) for row in rows if row["user"] == name)

    return db.kept(("associations", name), read, TREE_SECONDS) if name else ()


def associations_in(db: SlurmDb, account: str) -> tuple[int, ...]:
    """Ids of an account's associations, deleted ones too."""

    def read() -> tuple[int, ...]:
        table = db.schema.table("assoc_table")
        rows = db.rows(select(table.c.id_assoc, table.c.acct, table.c.user).where(table.c.acct == account).order_by(table.c.id_assoc))
        return tuple(int(row["id_assoc"]) for row in rows if row["acct"] == account and row["user"])

    return db.kept(("account", account), read, TREE_SECONDS)


def uids_of(db: SlurmDb, name: str) -> tuple[int, ...]:
    """The uids a login's jobs ran under (oldest and newest job of each association); uids below 1000 are nobody's."""

    def read() -> tuple[int, ...]:
        job = db.schema.table("job_table")
        owned = associations_of(db, name)
        if not owned:
            return ()
        # min and max of the row id are the two ends of the key on id_assoc
        ends = [
            select(edge(job.c.job_db_inx).label("inx")).where(job.c.id_assoc.in_(owned)).group_by(job.c.id_assoc)
            for edge in (func.min, func.max)
        ]
        picked = union_all(*ends).subquery()
        rows = db.rows(select(job.c.id_user).distinct().select_from(picked.join(job, job.c.job_db_inx == picked.c.inx)))
        return tuple(sorted(int(row["id_user"]) for row in rows if row["id_user"] >= FIRST_PERSON))

    return db.kept(("uids", name), read, TREE_SECONDS) if name else ()


def memberships(db: SlurmDb, logins: Iterable[str]) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[int, ...]]]:
    """({login: its accounts}, {login: the uids its jobs ran under}), as uids_of tells them. Two statements, however many logins."""
    wanted = tuple(sorted({login for login in logins if login}))

    def read() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[int, ...]]]:
        assoc, job = db.schema.table("assoc_table"), db.schema.table("job_table")
        rows = [row for row in db.rows(select(assoc.c.id_assoc, assoc.c.user, assoc.c.acct, assoc.c.deleted).where(assoc.c.user.in_(wanted)))
                if row["user"] in wanted]  # fmt: skip
        accounts = {login: tuple(sorted({row["acct"] for row in rows if row["user"] == login and not row["deleted"]})) for login in wanted}
        owners = {int(row["id_assoc"]): row["user"] for row in rows}
        ends = [
            select(job.c.id_assoc, edge(job.c.job_db_inx).label("inx")).where(job.c.id_assoc.in_(sorted(owners))).group_by(job.c.id_assoc)
            for edge in (func.min, func.max)
        ]
        picked = union_all(*ends).subquery()
        found = db.rows(select(picked.c.id_assoc, job.c.id_user).select_from(picked.join(job, job.c.job_db_inx == picked.c.inx))) if owners else []
        uids: dict[str, set[int]] = {login: set() for login in wanted}
        for row in found:
            if row["id_user"] >= FIRST_PERSON:
                uids[owners[int(row["id_assoc"])]].add(int(row["id_user"]))
        return accounts, {login: tuple(sorted(numbers)) for login, numbers in uids.items()}

    return db.kept(("memberships", wanted), read, TREE_SECONDS) if wanted else ({}, {})


def uid_names(sources: Sources, *, viewer: Viewer, uids: Iterable[int]) -> dict[int, str]:
    """{uid: login} from the newest job of each uid; for people other than staff only their own. One statement for unknown uids.

    uids below 1000, and those that never ran a job, are left out.
    """
    db = database(sources)
    wanted = sorted({uid for uid in uids if uid >= FIRST_PERSON})
    known = db.logins
    unknown = [uid for uid in wanted if uid not in known]
    if unknown:
        job, assoc = db.schema.table("job_table"), db.schema.table("assoc_table")
        newest = [
            select(job.c.id_user, job.c.id_assoc).where(job.c.id_user == uid).order_by(job.c.time_start.desc()).limit(1).subquery()
            for uid in unknown[:500]
        ]
        picked = union_all(*(select(part.c.id_user, part.c.id_assoc) for part in newest)).subquery()
        source = picked.join(assoc, assoc.c.id_assoc == picked.c.id_assoc)
        rows = db.rows(select(picked.c.id_user, assoc.c.user).select_from(source))
        known.update({int(row["id_user"]): row["user"] for row in rows})
    names = {uid: known[uid] for uid in wanted if known.get(uid)}
    return names if viewer.is_staff else {uid: name for uid, name in names.items() if name == viewer.name}


def uids(sources: Sources, *, viewer: Viewer, logins: Iterable[str]) -> dict[str, int]:
    """{login: uid} from accounting; for people other than staff only their own. Each login is remembered for a minute.

    A login whose jobs ran under several uids has its largest, the one given last. Uids below 1000 are nobody's: such logins, and
    those that never ran a job, are left out. Where the hook storage_allocations tells an "id", that one holds.
    """
    db = database(sources)
    asked = sorted({login for login in logins if login and (viewer.is_staff or login == viewer.name)})
    found = {login: max(uids_of(db, login), default=None) for login in asked}
    return {login: uid for login, uid in found.items() if uid is not None}
