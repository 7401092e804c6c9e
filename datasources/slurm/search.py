"""What a viewer can find by typing: people, accounts, jobs and nodes, and only what that viewer may open."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, union_all

from core.errors import BadInput, NotAllowed, NotFound, TurtleError
from core.subjects import JobSubject, parse_job
from core.units import DAY
from core.viewer import Viewer
from datasources.slurm.db import SlurmDb
from datasources.slurm.hosts import hosts
from datasources.slurm.lookup import array_of, runs, select_runs
from datasources.slurm.nodes import LOOK_BACK, node_names
from datasources.slurm.ownership import FIRST_PERSON, database
from datasources.slurm.people import account_parents, associations_of
from datasources.slurm.records import Run
from datasources.sources import Sources

MOST = 8  # of each kind
MOST_TEXT = 200
NEWEST = 8000  # rows of the job table looked at for a name
OWN_NEWEST = 4500  # of one's own: once for names, once for nodes, and the server reads each twice
NEWEST_DAYS = 7
NAMES_SECONDS = 60.0
FULL_NAME_SECONDS = 3600.0
ASKING_SECONDS = 0.4  # for full names still unknown, in one search: a slow directory is asked bit by bit
MOST_SUGGESTED = 5000
KINDS = ("job", "person", "account", "node")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_STROKES = str.maketrans("łøđı", "lodi")  # letters Unicode does not take apart
_PARTS = re.compile(r"[-_.@\s]+")


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Something found: `name` is its id (login, account, job id, node), `detail` what else is known of it, as recorded."""

    kind: str
    name: str
    detail: str = ""
    user: str = ""
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class Hits:
    """What was found of one kind, best first; `more`: there is more than is shown."""

    hits: tuple[Hit, ...] = ()
    more: bool = False


@dataclass
class _FullNames:
    """Full names of logins as far as the site's hook was asked."""

    known: dict[str, str] = field(default_factory=dict)


def clean(text: str) -> str:
    """What was typed, as it is looked for: no control or direction characters, single spaces, at most 200 characters."""
    return " ".join(_CONTROL.sub(" ", text[: 10 * MOST_TEXT]).split())[:MOST_TEXT]


def find(sources: Sources, *, viewer: Viewer, text: str, kinds: Iterable[str] = KINDS, most: int = MOST) -> dict[str, Hits | TurtleError]:
    """What of each kind the viewer finds for a text, an error in place of a kind that could not be read; {} for a blank text.

    Ids exactly, names by their beginning (people, accounts, nodes: also of a part after -, _ or a dot, in any case; anywhere in a full
    name; accents do not matter). Staff find everything; others themselves, the accounts they are in or answer for, the jobs they may open by id, their own by
    name, and the nodes of their own jobs of the last 30 days. Raises NotAllowed for somebody who is not signed in.
    """
    if viewer.name is None and not viewer.is_staff:
        raise NotAllowed("search")
    wanted = clean(text)
    if not wanted:
        return {}
    ways: dict[str, Callable[[], Hits]] = {
        "job": lambda: _jobs(sources, viewer, wanted, most), "person": lambda: _people(sources, viewer, wanted, most),
        "account": lambda: _accounts(sources, viewer, wanted, most), "node": lambda: _nodes(sources, viewer, wanted, most),
    }  # fmt: skip
    return sources.pool.gather({kind: ways[kind] for kind in KINDS if kind in set(kinds)}, 6.0, "slurm")


def plain(text: str) -> str:
    """A text as it is compared: in any case, and with or without its accents, so that `ines` finds Inês and `Ines` too."""
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(_STROKES)


def _rank(name: str, wanted: str) -> int | None:
    """How well a name begins with a text: 0 the whole, 1 its beginning, 2 the beginning of a part; None: not at all."""
    low = plain(name)
    if not wanted:  # accents alone were typed
        return None
    if low == wanted:
        return 0
    if low.startswith(wanted):
        return 1
    return 2 if any(low.startswith(wanted, part.end()) for part in _PARTS.finditer(low)) else None


def _best(kind: str, ranked: Iterable[tuple[int, str, str]], most: int) -> Hits:
    found = sorted(ranked)
    hits = tuple(Hit(kind=kind, name=name, detail=detail) for _place, name, detail in found[:most])
    return Hits(hits=hits, more=len(found) > most)


def _named(kind: str, names: Iterable[str], text: str, most: int) -> Hits:
    wanted = plain(text)
    ranked = ((_rank(name, wanted), name, "") for name in names)
    return _best(kind, [one for one in ranked if one[0] is not None], most)


def logins(db: SlurmDb) -> tuple[str, ...]:
    """Everybody with an association that was not deleted, sorted; kept for a minute."""

    def read() -> tuple[str, ...]:
        table = db.schema.table("assoc_table")
        rows = db.rows(select(table.c.user).where(table.c.deleted == 0, table.c.user != "").distinct())
        return tuple(sorted(row["user"] for row in rows))

    return db.kept("logins", read, NAMES_SECONDS)


def _people(sources: Sources, viewer: Viewer, text: str, most: int) -> Hits:
    wanted = plain(text)
    people = _full_names(sources, logins(database(sources))) if viewer.is_staff else {viewer.name or "": viewer.full_name}
    ranked: list[tuple[int, str, str]] = []
    for name, full in people.items():
        rank = _rank(name, wanted)
        if rank is None and full and wanted and all(word in plain(full) for word in wanted.split()):
            rank = 3
        if rank is not None:
            ranked.append((rank, name, full))
    return _best("person", ranked, most)


def _full_names(sources: Sources, names: tuple[str, ...]) -> dict[str, str]:
    """{login: full name}; "" for those the hook does not know or was not asked about yet."""
    known = database(sources).kept("full names", _FullNames, FULL_NAME_SECONDS).known
    end = time.monotonic() + ASKING_SECONDS
    for name in names:
        if name not in known:
            if time.monotonic() > end:
                break
            known[name] = sources.hooks.person(name)
    return {name: known.get(name, "") for name in names}


def _accounts(sources: Sources, viewer: Viewer, text: str, most: int) -> Hits:
    names = account_parents(database(sources)) if viewer.is_staff else viewer.accounts | viewer.coordinates
    return _named("account", [name for name in names if viewer.sees_account(name)], text, most)


def _nodes(sources: Sources, viewer: Viewer, text: str, most: int) -> Hits:
    if viewer.is_staff:
        return _named("node", node_names(sources, viewer=viewer), text, most)
    return _named("node", _own_nodes(sources, viewer), text, most)


def _newest(db: SlurmDb, owned: tuple[int, ...] | None, *columns: str) -> Any:
    """The newest rows of the job table as a table of its own: of these associations on their key, None: of all by the row's id."""
    job = db.schema.table("job_table")
    if owned is None:
        plain = db.schema.on_key(select(*(job.c[name] for name in columns)), "PRIMARY")
        return plain.order_by(job.c.job_db_inx.desc()).limit(NEWEST).subquery()
    parts = [
        db.schema.on_key(select(*(job.c[name] for name in columns)).where(job.c.id_assoc == one), "association")
        .order_by(job.c.job_db_inx.desc())
        .limit(max(1, OWN_NEWEST // len(owned)))
        .subquery()
        for one in owned
    ]
    whole = [select(*(part.c[name] for name in columns)) for part in parts]
    return (whole[0] if len(whole) == 1 else union_all(*whole)).subquery()


def _own_nodes(sources: Sources, viewer: Viewer) -> tuple[str, ...]:
    """Nodes that jobs of this person hold, or held within the last 30 days."""
    db = database(sources)
    owned = associations_of(db, viewer.name or "")
    if not owned:
        return ()

    def read() -> tuple[str, ...]:
        newest = _newest(db, owned, "nodelist", "time_start", "time_end", "id_user")
        late = or_(newest.c.time_end == 0, newest.c.time_end >= int(sources.clock()) - LOOK_BACK)
        statement = select(newest.c.nodelist).distinct().where(late, newest.c.time_start > 0, newest.c.id_user >= FIRST_PERSON)
        return tuple(sorted({node for row in db.rows(statement) for node in hosts(row["nodelist"])}))

    return db.kept(("own nodes", viewer.name), read, NAMES_SECONDS)


def _jobs(sources: Sources, viewer: Viewer, text: str, most: int) -> Hits:
    by_id = _by_id(sources, viewer, text)
    named, more = _by_name(sources, viewer, text, most)
    seen = {hit.name for hit in by_id}
    hits = (*by_id, *(hit for hit in named if hit.name not in seen))
    return Hits(hits=hits[:most], more=more or len(hits) > most)


def _by_id(sources: Sources, viewer: Viewer, text: str) -> tuple[Hit, ...]:
    try:
        subject = parse_job(text)
        found = runs(sources, viewer=viewer, subject=subject)
    except BadInput:
        return ()
    except NotFound:
        return _array(sources, viewer, subject)
    return (_hit(found[-1], str(array_of(found, subject) or found[-1].job_id)),)


def _array(sources: Sources, viewer: Viewer, subject: JobSubject) -> tuple[Hit, ...]:
    """An array none of whose rows carries the array's own id any more."""
    if subject.task is not None or subject.component is not None:
        return ()
    found = select_runs(sources, viewer, lambda tables: tables.job.c.id_array_job == subject.job, limit=1)
    return tuple(_hit(run, subject.id) for run in found)


def _hit(run: Run, name: str) -> Hit:
    return Hit(kind="job", name=name, detail=run.name, user=run.user, state=run.state)


def one_each(rows: Iterable[Mapping[str, Any]]) -> list[int]:
    """One row (its job_db_inx) of each job, newest job first, of rows sorted newest first.

    Of an array that is its newest row. The parts of a heterogeneous job are rows one after another: its first part stands for it.
    """
    found: dict[object, int] = {}
    for row in rows:
        number, array, het = (int(row[name] or 0) for name in ("job_db_inx", "id_array_job", "het_job_id"))
        whole = ("array", array) if array else ("het", het) if het else ("job", number)
        found[whole] = number if het and not array else found.get(whole, number)
    return list(found.values())


def _by_name(sources: Sources, viewer: Viewer, text: str, most: int) -> tuple[tuple[Hit, ...], bool]:
    """(the newest jobs whose name begins with the text, there are more); an array is one job."""
    db = database(sources)
    owned = None if viewer.is_staff else associations_of(db, viewer.name or "")
    if owned == ():
        return (), False
    newest = _newest(db, owned, "job_db_inx", "id_array_job", "het_job_id", "id_user", "job_name", "time_submit")
    since = int(sources.clock()) - NEWEST_DAYS * DAY
    condition: ColumnElement[bool] = newest.c.time_submit >= since if viewer.is_staff else newest.c.id_user >= FIRST_PERSON
    statement = (
        select(newest.c.job_db_inx, newest.c.id_array_job, newest.c.het_job_id)
        .where(and_(newest.c.job_name.startswith(text, autoescape=True), condition))
        .order_by(newest.c.job_db_inx.desc())
        .limit(40 * most)
    )
    first = one_each(db.rows(statement))
    picked = first[:most]
    found = select_runs(sources, viewer, lambda tables: tables.job.c.job_db_inx.in_(picked)) if picked else []
    hits = tuple(_hit(run, str(run.array_job or run.job_id)) for run in sorted(found, key=lambda run: -run.job_db_inx))
    return hits, len(first) > most


def suggestions(sources: Sources, *, viewer: Viewer) -> dict[str, list[str]]:
    """Names the filter bar offers: account, user, partition, node. Raises NotAllowed unless staff."""
    if not viewer.is_staff:
        raise NotAllowed("suggestions")
    db = database(sources)
    found: dict[str, Iterable[str]] = {
        "account": account_parents(db), "user": logins(db), "partition": partitions(sources), "node": node_names(sources, viewer=viewer),
    }  # fmt: skip
    return {kind: sorted(names)[:MOST_SUGGESTED] for kind, names in found.items()}


def partitions(sources: Sources) -> tuple[str, ...]:
    """The partitions the settings name and those of the newest jobs; one that waits may name several."""
    db = database(sources)

    def read() -> tuple[str, ...]:
        newest = _newest(db, None, "partition")
        rows = db.rows(select(newest.c.partition).distinct())
        named = {name for row in rows for name in (row["partition"] or "").split(",")} | set(sources.settings.slurm.partitions)
        return tuple(sorted(named - {""}))

    return db.kept("partitions", read, NAMES_SECONDS)
