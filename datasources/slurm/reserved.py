"""Reservations that run now and the size of their nodes; whose they are is for staff only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import func, select, tuple_

from core.viewer import Viewer
from datasources.slurm.db import SlurmDb
from datasources.slurm.hosts import hosts
from datasources.slurm.ownership import database
from datasources.slurm.tres import tres
from datasources.sources import Sources

NEEDED = ("id_resv", "resv_name", "time_start", "time_end", "nodelist")
LATEST = 5000  # rows looked at, from the newest reservation on: each change of one has a row of its own
KEPT_SECONDS = 20.0
SIZES_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A reservation that runs: its nodes, start and end (UTC s; None: open), what it holds (TRES), and its name, "" but for staff."""

    ident: int
    nodes: tuple[str, ...]
    start: int
    end: int | None
    tres: Mapping[str, int]
    name: str = ""


def readable(sources: Sources) -> bool:
    """False where the table of reservations is not there or not granted: then nobody knows what is reserved."""
    return database(sources).schema.has("resv_table", *NEEDED)


def reservations_now(sources: Sources, *, viewer: Viewer) -> tuple[Reservation, ...]:
    """Reservations with nodes that have begun and not ended, by start; one statement on the table's key every 20 s.

    Names are those of courses, projects and people: they are left out for all but staff.
    """
    db = database(sources)
    if not readable(sources):
        return ()
    now = int(sources.clock())

    def read() -> tuple[Reservation, ...]:
        table = db.schema.table("resv_table")
        has_tres = "tres" in table.c
        columns = [table.c[name] for name in NEEDED] + ([table.c.tres] if has_tres else [])
        rows = db.rows(select(*columns).order_by(table.c.id_resv.desc(), table.c.time_start.desc()).limit(LATEST))
        names = db.tres_names()
        found = [
            Reservation(
                ident=int(row["id_resv"]), nodes=hosts(row["nodelist"]), start=int(row["time_start"]), end=int(row["time_end"]) or None, name=row["resv_name"] or "",
                tres=tres(row["tres"], names) if has_tres else {},
            )
            for row in rows
            if int(row["time_start"]) <= now and (not row["time_end"] or int(row["time_end"]) > now)
        ]  # fmt: skip
        return tuple(sorted((one for one in found if one.nodes), key=lambda one: (one.start, one.nodes)))

    found = db.kept("reservations now", read, KEPT_SECONDS)
    return found if viewer.is_staff else tuple(replace(one, name="") for one in found)


def capacities(sources: Sources, nodes: Collection[str], cluster: Collection[str] = (), configured: Mapping[str, int] | None = None) -> dict[str, dict[str, int]]:
    """{node: its TRES as its latest event has them}; one statement on the table's key, one more where a node never had an event.

    Such a node counts like most of those of its family of names (g01, g02 …); where it alone, or its family alone, is unknown in the
    `cluster`, as an equal part of what is `configured` and not on known nodes. A node of which neither tells anything is left out.
    """
    db = database(sources)
    wanted = tuple(sorted(set(nodes)))

    def read() -> dict[str, dict[str, int]]:
        known = _latest(db, wanted)
        if len(known) == len(wanted):
            return known
        return {**_guessed(set(wanted) - set(known), {**_latest(db, tuple(sorted(set(cluster)))), **known}, cluster, configured or {}), **known}

    return db.kept(("sizes of nodes", wanted), read, SIZES_SECONDS) if wanted else {}


def _latest(db: SlurmDb, nodes: tuple[str, ...]) -> dict[str, dict[str, int]]:
    table = db.schema.table("event_table")
    latest = select(table.c.node_name, func.max(table.c.time_start)).where(table.c.node_name.in_(nodes)).group_by(table.c.node_name)
    statement = select(table.c.node_name, table.c.tres).where(tuple_(table.c.node_name, table.c.time_start).in_(latest))
    names = db.tres_names()
    found = {row["node_name"]: tres(row["tres"], names) for row in db.rows(statement)}
    return {node: size for node, size in found.items() if size.get("cpu")}


def _family(node: str) -> str:
    return node.rstrip("0123456789")


def _guessed(nodes: Collection[str], known: Mapping[str, dict[str, int]], cluster: Collection[str], configured: Mapping[str, int]) -> dict[str, dict[str, int]]:
    families: dict[str, Counter[tuple[tuple[str, int], ...]]] = {}
    for node, size in known.items():
        families.setdefault(_family(node), Counter())[tuple(sorted(size.items()))] += 1
    alike = {family: dict(sizes.most_common(1)[0][0]) for family, sizes in families.items()}
    found = {node: alike[_family(node)] for node in nodes if _family(node) in alike}
    unknown = [node for node in cluster if node not in known and _family(node) not in alike]
    if len({_family(node) for node in unknown}) == 1:
        told = [known.get(node) or alike[_family(node)] for node in cluster if node not in unknown]
        rest = {name: count - sum(size.get(name, 0) for size in told) for name, count in configured.items()}
        parts = {name: count // len(unknown) for name, count in rest.items() if count > 0 and count % len(unknown) == 0}
        if parts.get("cpu"):
            found |= {node: parts for node in nodes if node not in found}
    return found
