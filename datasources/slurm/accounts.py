"""Accounts and their members: who is in which, with which share, and what they hold now."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd
from sqlalchemy import select

from core.errors import NotFound
from core.viewer import Viewer, only_members
from datasources.slurm import frames
from datasources.slurm.accounts_rows import Association, accounts, of_account, of_person, of_several, path_of
from datasources.slurm.accounts_use import Holding, Holdings, holdings, with_below
from datasources.slurm.db import SlurmDb
from datasources.slurm.ownership import database
from datasources.slurm.people import TREE_SECONDS
from datasources.sources import Sources

ACCOUNTS = (
    "account", "known", "parent", "shares", "level_share", "cluster_share", "default", "member", "coordinator", "limited", "cores",
    "memory", "gpus", "running", "pending", "my_cores", "my_gpus", "my_running", "my_pending",
)  # fmt: skip
MEMBERS = ("user", "deleted", "coordinator", "shares", "default", "partitions", "limited", "cores", "memory", "gpus", "running", "pending")
TREE = ("account", "parent", "depth", "level", "shares", "level_share", "level_accounts", "cluster_share", "cores", "gpus", "running", "pending")
INTEGERS = ("cores", "memory", "gpus", "running", "pending")


def shares_of(association: Association | None) -> float:
    """Its raw shares (sshare's RawShares); NaN where it takes its parent's or the database does not tell."""
    return math.nan if association is None or association.shares is None else float(association.shares)


class Shares:
    """Which part of the cluster each account was given, from the shares on every level of the tree."""

    def __init__(self, db: SlurmDb, tree: Mapping[str, Association], wanted: Iterable[str]) -> None:
        """`wanted`: the accounts that will be asked about; members of the accounts above share a level with them."""
        self.tree = tree
        above = frozenset(parent for account in wanted for parent in path_of(tree, account)[:-1])
        self.sums: Counter[str] = Counter()
        self.beside: Counter[str] = Counter()
        for one in tree.values():
            self.sums[one.parent] += one.shares or 0
            self.beside[one.parent] += 1
        for parent, rows in of_several(db, above).items():
            self.sums[parent] += sum(one.shares or 0 for one in rows if not one.deleted)

    def of_level(self, account: str) -> float:
        """Its shares of those of its siblings, accounts and people alike, 0..1 (NormShares of sshare's level); 1 for the root.

        NaN for an unknown account and where its shares are its parent's.
        """
        own = self.tree.get(account)
        if own is None:
            return math.nan
        if own.parent not in self.tree:
            return 1.0
        whole = self.sums[own.parent]
        return shares_of(own) / whole if whole else math.nan

    def of_cluster(self, account: str) -> float:
        """The product of the parts of all levels above, 0..1; a level without shares of its own counts as 1. NaN if unknown."""
        parts = [self.of_level(one) for one in path_of(self.tree, account)]
        return math.prod(part for part in parts if part == part) if parts else math.nan


def coordinators(sources: Sources, *, viewer: Viewer, account: str) -> tuple[str, ...]:
    """Logins of those who answer for an account: its coordinators and those of the accounts above it, as the hook says.

    Raises NotFound unless the viewer may see the account.
    """
    only_members(viewer, account)
    db = database(sources)
    return sources.hooks.coordinators_of(account, _coordinators(db, account))


def _coordinators(db: SlurmDb, account: str) -> tuple[str, ...]:
    if not db.schema.has("acct_coord_table", "acct", "user", "deleted"):
        return ()
    path = path_of(accounts(db), account)

    def read() -> tuple[str, ...]:
        table = db.schema.table("acct_coord_table")
        rows = db.rows(select(table.c.acct, table.c.user).where(table.c.acct.in_(path), table.c.deleted == 0))
        return tuple(sorted({row["user"] for row in rows if row["acct"] in path}))

    return db.kept(("coordinators", path), read, TREE_SECONDS) if path else ()


def _whose(sources: Sources, viewer: Viewer, user: str | None) -> tuple[str | None, frozenset[str], bool]:
    """(person, their accounts, all accounts are wanted)."""
    if user is None and viewer.is_staff:
        return viewer.name, viewer.accounts, True
    if viewer.name is None or (user not in (None, viewer.name) and not viewer.is_staff):
        raise NotFound(f"accounts of {user}")
    if user in (None, viewer.name):
        # what the hook made of them
        return viewer.name, viewer.accounts, False
    return user, frozenset(one.account for one in of_person(database(sources), user)), False


def accounts_of(sources: Sources, *, viewer: Viewer, user: str | None = None) -> pd.DataFrame:
    """The accounts of a person with shares and what is held in them now, by name; one row an account.

    user None: the viewer's own (those of the hook, and those coordinated); for staff every account. Staff may ask for anybody.
    Columns: account, known (bool: Slurm has it), parent, shares (raw, NaN where its parent's), level_share (0..1 among its
    siblings), cluster_share (0..1), default (bool: the person's default account), member, coordinator (bool, of that person;
    coordinator only for the viewer's own), limited (bool: a limit is set on it), cores, memory (bytes), gpus, running, pending
    (now, of the account with all below it), my_cores, my_gpus, my_running, my_pending (the person's part).
    Raises NotFound for somebody else's. At most six statements, most of them remembered.
    """
    name, member_of, everything = _whose(sources, viewer, user)
    db = database(sources)
    tree, held = accounts(db), holdings(db)
    coordinated = viewer.coordinates if name == viewer.name else frozenset()
    wanted = sorted(tree) if everything else sorted(member_of | coordinated)
    own = of_person(db, name) if name else ()
    default = {one.account for one in own if one.default}
    shares = Shares(db, tree, wanted)
    all_held = with_below(held, {account: one.parent for account, one in tree.items()})
    rows = []
    for account in wanted:
        whole, mine = all_held.get(account, Holding()), held.get((account, name or ""), Holding())
        found = tree.get(account)
        rows.append({
            "account": account, "known": found is not None, "parent": found.parent if found else "", "shares": shares_of(found),
            "level_share": shares.of_level(account), "cluster_share": shares.of_cluster(account),
            "default": account in default, "member": account in member_of, "coordinator": account in coordinated,
            "limited": bool(found and found.limited), "cores": whole.cores, "memory": whole.memory, "gpus": whole.gpus,
            "running": whole.running, "pending": whole.pending, "my_cores": mine.cores, "my_gpus": mine.gpus,
            "my_running": mine.running, "my_pending": mine.pending,
        })  # fmt: skip
    kinds = {"known": "bool", "default": "bool", "member": "bool", "coordinator": "bool", "limited": "bool"}
    numbers = dict.fromkeys((*INTEGERS, "my_cores", "my_gpus", "my_running", "my_pending"), "int64")
    return frames.table(rows, ACCOUNTS, **kinds, **numbers, shares="float64", level_share="float64", cluster_share="float64")


def members(sources: Sources, *, viewer: Viewer, account: str) -> pd.DataFrame:
    """Everybody who is or was in an account, present members first, by login; one row a person.

    Columns: user, deleted (bool: no longer a member; the old jobs remain theirs), coordinator (bool: answers for the account),
    shares (raw, NaN where the account's), default (bool: the default account), partitions (where the association is for some
    only, else ""), limited (bool: a limit is set on them), cores, memory (bytes), gpus, running, pending (now, in this account).
    Membership is not inherited: people of accounts below or above are not in it. Raises NotFound unless the viewer is a member,
    coordinator or staff, by the exact name.
    """
    answering = coordinators(sources, viewer=viewer, account=account)
    db = database(sources)
    held = holdings(db)
    by_user: dict[str, list[Association]] = {}
    for one in of_account(db, account):
        by_user.setdefault(one.user, []).append(one)
    rows = [_member(user, found, answering, held, account) for user, found in by_user.items()]
    rows.sort(key=lambda row: (row["deleted"], row["user"]))
    kinds = dict.fromkeys(("deleted", "coordinator", "default", "limited"), "bool") | dict.fromkeys(INTEGERS, "int64")
    return frames.table(rows, MEMBERS, **kinds, shares="float64")


def _member(user: str, found: list[Association], answering: tuple[str, ...], held: Holdings, account: str) -> dict[str, object]:
    present = [one for one in found if not one.deleted]
    mine = held.get((account, user), Holding())
    named = sorted({one.partition for one in present if one.partition})
    return {
        "user": user, "deleted": not present, "coordinator": user in answering, "default": any(one.default for one in present),
        "shares": max((one.shares for one in present if one.shares is not None), default=math.nan),
        "partitions": ", ".join(named) if present and all(one.partition for one in present) else "",
        "limited": any(one.limited for one in present), "cores": mine.cores, "memory": mine.memory, "gpus": mine.gpus,
        "running": mine.running, "pending": mine.pending,
    }  # fmt: skip


def account_tree(sources: Sources, *, viewer: Viewer, account: str) -> pd.DataFrame:
    """An account between the accounts above it and those right below, from the root down; walked by parent names.

    Columns: account, parent, depth (0 = root), level ("above", "here", "below"), shares (raw, NaN where its parent's),
    level_share (0..1 among its siblings), level_accounts (accounts on its level), cluster_share (0..1), cores, gpus, running,
    pending (now, with all below). Accounts below are listed as far as the viewer may see them. Empty for an account that Slurm
    does not know. Raises NotFound unless the viewer may see the account.
    """
    only_members(viewer, account)
    db = database(sources)
    tree, held = accounts(db), holdings(db)
    path = path_of(tree, account)
    under = sorted(name for name, one in tree.items() if path and one.parent == account and viewer.sees_account(name))
    shares = Shares(db, tree, (account, *under))
    all_held = with_below(held, {name: one.parent for name, one in tree.items()})
    rows = []
    for name in (*path, *under):
        whole = all_held.get(name, Holding())
        rows.append({
            "account": name, "parent": tree[name].parent, "depth": len(path_of(tree, name)) - 1,
            "level": "here" if name == account else "below" if name in under else "above", "shares": shares_of(tree[name]),
            "level_share": shares.of_level(name), "cluster_share": shares.of_cluster(name),
            "level_accounts": shares.beside[tree[name].parent],
            "cores": whole.cores, "gpus": whole.gpus, "running": whole.running, "pending": whole.pending,
        })  # fmt: skip
    numbers = dict.fromkeys(("depth", "level_accounts", "cores", "gpus", "running", "pending"), "int64")
    return frames.table(rows, TREE, **numbers, shares="float64", level_share="float64", cluster_share="float64")


def account_name(sources: Sources, *, viewer: Viewer, account: str) -> str:
    """The account's name if there is such an account, now or (deleted) in the past, else NotFound; for those who may see it.

    Also for names that go into a query: it is the one accounting has, or one the viewer was given.
    """
    only_members(viewer, account)
    if account in viewer.accounts or account in viewer.coordinates:
        return account
    db = database(sources)
    if account not in accounts(db) and not of_account(db, account):
        raise NotFound(f"account {account}")
    return account


def has_members(sources: Sources, *, viewer: Viewer, account: str) -> bool:
    """False for an account that only holds other accounts: nobody is or was in it. True for one that accounting does not know.

    Raises NotFound unless the viewer may see the account.
    """
    only_members(viewer, account)
    db = database(sources)
    return account not in accounts(db) or bool(of_account(db, account))


def held_now(sources: Sources, *, viewer: Viewer, account: str) -> tuple[Holding, Holding]:
    """(what the account with all below it holds now, what the viewer holds in the account itself).

    Raises NotFound unless the viewer may see the account.
    """
    only_members(viewer, account)
    db = database(sources)
    held = holdings(db)
    whole = with_below(held, {name: one.parent for name, one in accounts(db).items()})
    return whole.get(account, Holding()), held.get((account, viewer.name or ""), Holding())
