"""What staff narrow the pages of the cluster to: an account, a person, a partition, a node. Lives in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from core.errors import BadInput
from core.subjects import Subject
from core.viewer import Viewer

MOST = 128


@dataclass(frozen=True, kw_only=True)
class Narrow:
    """Exact names; "" leaves one open. All that are given must hold."""

    account: str = ""
    user: str = ""
    partition: str = ""
    node: str = ""

    def __bool__(self) -> bool:
        return any((self.account, self.user, self.partition, self.node))

    def query(self, **changes: str) -> dict[str, str]:
        """The parameters of an address that carry it, with changes; "" leaves one out."""
        have = {item.name: getattr(self, item.name) for item in fields(self)} | changes
        return {key: value for key, value in have.items() if value}


EVERYTHING = Narrow()
PARAMETERS = tuple(item.name for item in fields(Narrow))


def read(params: Mapping[str, str]) -> Narrow:
    """The narrowing of an address; raises BadInput for control characters or names of more than 128 characters."""
    found = {name: params.get(name, "").strip() for name in PARAMETERS}
    if any(len(text) > MOST or any(ord(sign) < 32 for sign in text) for text in found.values()):
        raise BadInput("name")
    return Narrow(**found)


@dataclass(frozen=True, kw_only=True)
class ClusterView(Subject):
    """The cluster or a part of it. `extra`: further parameters of the page, each (name, value), checked by the page."""

    kind: str = "cluster"
    id: str = ""
    narrow: Narrow = EVERYTHING
    extra: tuple[tuple[str, str], ...] = ()

    def holds(self, viewer: Viewer) -> Narrow:
        """What the page is narrowed to for this viewer: nothing for people other than staff, whatever the address says."""
        return self.narrow if viewer.is_staff else EVERYTHING

    def get(self, name: str, default: str = "") -> str:
        """A further parameter."""
        return dict(self.extra).get(name, default)


def view_of(params: Mapping[str, str], **choices: tuple[str, ...]) -> ClusterView:
    """The subject of a page of the cluster: narrowing, and one of the `choices` for each further parameter (else the first)."""
    extra = tuple((name, params.get(name, "") if params.get(name, "") in allowed else allowed[0]) for name, allowed in choices.items())
    return ClusterView(narrow=read(params), extra=extra)
