"""One person as accounting knows them, for the page about them."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import NotFound
from core.viewer import Viewer, only_self
from datasources.slurm.ownership import database
from datasources.slurm.people import TREE_SECONDS, ViewerFacts, associations_of, viewer_facts
from datasources.sources import Sources


@dataclass(frozen=True, kw_only=True)
class Person:
    """A login, what Slurm says of it, and whether Slurm has (or had) an association of it at all."""

    name: str
    facts: ViewerFacts
    known: bool


def check(viewer: Viewer, name: str) -> str:
    """The name again; raises NotFound unless the viewer is that person, by the exact name, or staff."""
    only_self(viewer, name)
    return name


def person(sources: Sources, *, viewer: Viewer, name: str) -> Person:
    """The person of this login; an association that was deleted still counts. Remembered for a minute; four statements at most.

    Raises NotFound for somebody else's, and for a login Slurm never had unless it is the viewer's own; NoData(NOT_CONFIGURED)
    without an accounting database.
    """
    check(viewer, name)
    db = database(sources)
    found = bool(associations_of(db, name))
    if not found and name != viewer.name:
        raise NotFound(f"user {name}")
    facts = db.kept(("person", name), lambda: viewer_facts(sources, name), TREE_SECONDS) if found else ViewerFacts(name=name)
    return Person(name=name, facts=facts, known=found)
