"""Who in a group uses storage that GPFS measures. It tells no group's use by person, only what each person uses of a place, whatever group for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from core.hooks import given_storage
from core.timerange import TimeRange
from core.viewer import PORTAL, Viewer
from datasources.prometheus import gpfs_batches
from datasources.prometheus.batch import Target
from datasources.quota_holdings import Holding
from datasources.quotas import check_held, fetched
from datasources.slurm.accounts_rows import of_several
from datasources.slurm.people import memberships, uid_names
from datasources.sources import Sources

KEPT_SECONDS = 300
COLUMNS = ("area", "owner", "uid", "user", "bytes", "files", "several")
Place = tuple[str, str]  # fs, fileset


@dataclass(frozen=True, kw_only=True)
class Member:
    """Somebody in a group: the uid, and which groups' storage they share at each place."""

    login: str
    uid: int
    groups: Mapping[Place, frozenset[str]]


def measured_by(sources: Sources) -> tuple[str, ...]:
    """Areas of groups whose use by person only GPFS can tell: no Robinhood database does."""
    return tuple(name for name in gpfs_batches.group_areas(sources.settings) if not sources.settings.storage.areas[name].robinhood)


def use_of_members(sources: Sources, *, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> pd.DataFrame:
    """What the members of the groups behind these holdings use where the groups have their quota: one row a group and member that is measured.

    Columns area, owner (the group), user (login), several (bool: the member shares storage of other groups there, too, and the figures hold
    that), uid (int), bytes, files (float64). Members are those with an association in an account of the group, and whom the hook names.
    Raises NotFound unless every holding was asked for by the viewer, or the viewer is staff; NoData, SourceError.
    """
    check_held(viewer, held)
    logins = _logins(sources, held)
    people = _people(sources, tuple(sorted({login for found in logins.values() for login in found})))
    if not people:
        return _frame([])
    filesets = tuple(dict.fromkeys(one.owner for one in held if one.label == "fileset"))
    target = Target(users=tuple(str(one.uid) for one in people.values()), projects=filesets)
    frame = fetched(sources, viewer, gpfs_batches.members(sources.settings), target, when)
    used = {(row["fs"], row["fileset"], row["id"], row["what"]): float(row["value"]) for row in frame.to_dict("records")}
    rows = []
    for one in held:
        place = _place(sources, one)
        for member in (people[login] for login in logins[one] if login in people):
            amounts = [used.get((*place, str(member.uid), what)) for what in gpfs_batches.USED]
            if any(amount is not None for amount in amounts):
                rows.append((one.area, one.owner, member.uid, member.login, *amounts, len(member.groups.get(place, frozenset()) | {one.owner}) > 1))
    return _frame(rows)


def logins_of(sources: Sources, *, viewer: Viewer, held: Sequence[Holding]) -> dict[int, str]:
    """{uid: login} of the members of the groups behind these holdings, for what accounting does not tell: who never ran a job has the hook's id.

    Raises NotFound unless every holding was asked for by the viewer, or the viewer is staff; SourceError.
    """
    check_held(viewer, held)
    logins = {login for found in _logins(sources, held).values() for login in found}
    # the person whose page it is, too: a hook need not name who is in a group
    asked = tuple(sorted(logins | {one.person for one in held if one.person}))
    return {member.uid: login for login, member in _people(sources, asked).items()}


def _frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"uid": "int64", "bytes": "float64", "files": "float64", "several": "bool"})


def _place(sources: Sources, one: Holding) -> Place:
    area = sources.settings.storage.areas[one.area]
    return area.fs, one.owner if one.label == "fileset" else area.fileset


def _logins(sources: Sources, held: Sequence[Holding]) -> dict[Holding, tuple[str, ...]]:
    """{holding: who is in the group}."""
    accounts = frozenset(account for one in held for account in one.accounts)
    found = of_several(sources.slurm, accounts) if sources.slurm is not None and accounts else {}
    members = {account: {row.user for row in rows if row.user and not row.deleted} for account, rows in found.items()}
    return {one: tuple(sorted(set(one.members).union(*(members.get(account, set()) for account in one.accounts)))) for one in held}


def _people(sources: Sources, logins: tuple[str, ...]) -> dict[str, Member]:
    """{login: member} of those whose uid is known: the hook's, else the newest that is still theirs in accounting."""

    def make() -> dict[str, Member]:
        accounts, uids = memberships(sources.slurm, logins) if sources.slurm is not None else ({}, {})
        ran = {uid for login in logins for uid in uids.get(login, ())}
        owners = uid_names(sources, viewer=PORTAL, uids=ran) if ran else {}
        found = {}
        for login in logins:
            given, _whole = given_storage(sources.hooks, login, accounts.get(login, ()))
            uid = _told_uid(sources, login, given) or max((one for one in uids.get(login, ()) if owners.get(one) == login), default=None)
            if uid is not None:
                found[login] = Member(login=login, uid=uid, groups=_groups(sources, given))
        return found

    return sources.cache.get_or_make(("members of groups", logins), KEPT_SECONDS, make)


def _told_uid(sources: Sources, login: str, given: Sequence[Mapping]) -> int | None:
    areas = sources.settings.storage.areas
    numbers = (one.get("id") for one in given if one["name"] == login and one["kind"] in areas and areas[one["kind"]].label == "user")
    return next((number for number in numbers if isinstance(number, int) and not isinstance(number, bool)), None)


def _groups(sources: Sources, given: Sequence[Mapping]) -> dict[Place, frozenset[str]]:
    """{place: groups that share their use there}; each fileset is a place of its own."""
    found: dict[Place, set[str]] = {}
    for one in given:
        area = sources.settings.storage.areas.get(one["kind"])
        if area is not None and area.source == "gpfs" and area.label in ("project", "group"):
            found.setdefault((area.fs, area.fileset), set()).add(one["name"])
    return {place: frozenset(names) for place, names in found.items()}
