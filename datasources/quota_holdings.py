"""Which quotas a person has, by the site's areas and what its hook says they were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.errors import NoData, NotFound, SourceError, TurtleError, Why
from core.hooks import given_storage
from core.settings import Area
from core.viewer import PORTAL, Viewer
from datasources.slurm.ownership import database
from datasources.slurm.people import uid_names, uids_of
from datasources.slurm.person import check, person
from datasources.sources import Sources


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A quota somebody has: in which area (its name in the settings), at which path, under which label and name.

    `number`: the uid or gid, where known. `personal`: of a group of one person. `person`: who asks for it, or is asked about.
    `accounts`: the accounts that share it, by their exact names; `members`: logins the hook names beside those of the accounts.
    """

    area: str
    path: str
    label: str
    owner: str
    number: int | None = None
    source: str = "lfs_quota"
    personal: bool = False
    title: str = ""
    person: str = ""
    accounts: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    def key(self, kind: str) -> tuple[str, str, str, str]:
        """Where its figure stands among those measured: (kind, path, label, owner)."""
        return kind, self.path, self.label, self.owner


def place_of(name: str, area: Area) -> str:
    """Where an area's figures stand: lfs_quota's path; of other back ends, which know none, the area's own name."""
    return area.path if area.source == "lfs_quota" else f"{area.source}:{name}"


def holdings(
    areas: Mapping[str, Area], person: str, accounts: Iterable[str], allocations: Iterable[Mapping[str, Any]]
) -> tuple[Holding, ...]:
    """A person's quotas in the order of the settings' areas: one's own where quotas are by user, else one an account.

    To the names that the hook gives for an area come the person's accounts where lfs_quota names owners; the other back ends
    know groups by number, which only the hook can tell.
    """
    given: dict[str, dict[str, Mapping[str, Any]]] = {}
    for one in allocations:
        given.setdefault(one["kind"], {}).setdefault(one["name"], one)
    found: list[Holding] = []
    for name, area in areas.items():
        told = given.get(name, {})
        theirs = sorted(accounts) if area.source == "lfs_quota" else []
        owners = [person] if area.label == "user" else list(dict.fromkeys([*told, *theirs]))
        found += [_holding(name, area, owner, told.get(owner, {}), person) for owner in owners if owner]
    return tuple(found)


class Held(NamedTuple):
    """A person's quotas, what the hook says they were given, and whether it said all: if not, limits and groups may be missing."""

    quotas: tuple[Holding, ...]
    given: tuple[Mapping[str, Any], ...]
    whole: bool


def _texts(found: Any) -> tuple[str, ...]:
    """Names as a hook gave them; none of a value that is not a list of texts, as a text's letters would be names."""
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) and one for one in found):
        return ()
    return tuple(dict.fromkeys(found))


def _accounts(area: Area, owner: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    """The accounts behind a group: those the hook names, else the one of its own name. A person's own storage is no account's."""
    if area.label == "user" or told.get("personal") is True:
        return ()
    return _texts(told["accounts"]) if "accounts" in told else (owner,)


def _holding(name: str, area: Area, owner: str, told: Mapping[str, Any], person: str) -> Holding:
    number = told.get("id")
    return Holding(
        area=name, path=place_of(name, area), label=area.label, owner=owner, source=area.source, person=person,
        number=number if isinstance(number, int) and not isinstance(number, bool) else None,
        personal=told.get("personal") is True, title=str(told.get("title") or ""),
        accounts=_accounts(area, owner, told), members=_texts(told.get("members")) if area.label != "user" else (),
    )  # fmt: skip


def accounts_of(sources: Sources, viewer: Viewer, name: str) -> tuple[str, ...]:
    """The person's accounts: the viewer's own as the hooks made them, of others as Slurm has them. None without accounting, and while it is away."""
    if name == viewer.name:
        return tuple(sorted(viewer.accounts))
    if sources.slurm is None:
        return ()
    try:
        return tuple(sorted(person(sources, viewer=viewer, name=name).facts.accounts))
    except SourceError:
        return ()


def held_by(sources: Sources, viewer: Viewer, name: str) -> Held:
    """A person's quotas, and what the hook says they were given.

    Raises NotFound unless the viewer is that person or staff, NoData where no area is set.
    """
    check(viewer, name)
    areas = sources.settings.storage.areas
    if not areas:
        raise NoData(Why.NOT_CONFIGURED, "storage.areas")
    accounts = accounts_of(sources, viewer, name)
    given, whole = given_storage(sources.hooks, name, accounts)
    return Held(holdings(areas, name, accounts, given), given, whole)


def told_of_groups(held: Iterable[Holding]) -> set[str]:
    """Areas where a group that others are in is known; somebody's own group says nothing of those."""
    return {one.area for one in held if one.label != "user" and not one.personal}


def untold(sources: Sources, viewer: Viewer, name: str, held: Iterable[Holding]) -> dict[str, TurtleError]:
    """{area of groups: why the person's accounts, and with them their groups there, are not known}, of areas where nothing else tells of a group.

    While accounting is away nobody has accounts, which is not the same as none. A portal without accounting has what the hook tells.
    """
    told = told_of_groups(held)
    areas = [area for area, one in sources.settings.storage.areas.items() if one.label != "user" and area not in told]
    if not areas or sources.slurm is None:
        return {}
    try:
        person(sources, viewer=viewer, name=name)
    except SourceError as error:
        return dict.fromkeys(areas, error)
    except NotFound:
        pass  # accounting answers: they have no accounts
    return {}


def uid_of(sources: Sources, viewer: Viewer, name: str) -> int | None:
    """The uid a person's newest jobs ran under, for back ends that know numbers only; None where accounting does not tell.

    A uid whose newest job is somebody else's was given away: what is measured under it is theirs.
    """
    check(viewer, name)
    if sources.slurm is None:
        return None
    found = uids_of(database(sources), name)
    owners = uid_names(sources, viewer=PORTAL, uids=found)
    return max((uid for uid in found if owners.get(uid) == name), default=None)
