"""What finished runs held, used and wasted in all: sums of stored summaries, made by the portal's database on its keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Double, LargeBinary, and_, case, cast, false, func, or_, select, true

from core.narrow import EVERYTHING, Narrow
from core.units import DAY, HOUR, TIB
from core.viewer import Viewer
from datasources.portal.facts import summary_place
from datasources.portal.tables import job_facts
from datasources.slurm.finished import ended_after
from datasources.slurm.hosts import hosts
from datasources.sources import Sources

TB = TIB  # memory is counted in TiB-hours (1024^4 bytes), as all memory here is binary; pages name the unit
BY = ("user", "account", "partition")
COUNTS = ("jobs", "judged", "to_act", "failed")
AMOUNTS = ("core_hours", "gpu_hours", "tb_hours")
SUMS = tuple(f"{name}{part}" for name in AMOUNTS for part in ("", "_judged", "_used", "_wasted"))
KNOWN = {"core_hours": "cpu_used", "gpu_hours": "gpu_use", "tb_hours": "memory_peak"}  # the column that tells what was used
NUMBERS = (*COUNTS, *SUMS, "energy_kwh")
COSTS = ("cost", "ran", "priced", "energy_core_hours")


def _held(name: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """(amount-hours held, amount-hours used; NULL where not known) of one run. What is used is never more than what is held."""
    c = job_facts.c
    hours = cast(c.elapsed, Double) / float(HOUR)
    if name == "core_hours":
        held, used = hours * c.cores, c.cpu_used / float(HOUR)
    elif name == "gpu_hours":
        held = hours * c.gpus
        used = c.gpu_use * held
    else:
        # of a run without a known amount nothing can be judged
        held, used = hours * c.memory / float(TB), hours * case((c.memory.is_not(None), c.memory_peak)) / float(TB)
    return held, case((used > held, held), (used < 0, 0.0), else_=used)


def _sums() -> list[ColumnElement[Any]]:
    c = job_facts.c
    found = [
        func.count().label("jobs"),
        func.count(c.cpu_used).label("judged"),
        func.sum(c.to_act).label("to_act"),
        func.sum(case((c.state != "COMPLETED", 1), else_=0)).label("failed"),
        func.sum(c.energy_kwh).label("energy_kwh"),
    ]
    for name in AMOUNTS:
        held, used = _held(name)
        found += [
            func.sum(held).label(name),
            func.sum(case((c[KNOWN[name]].is_not(None), held))).label(f"{name}_judged"),
            func.sum(used).label(f"{name}_used"),
        ]
    return found


def _allowed(viewer: Viewer, narrow: Narrow, accounts: Iterable[str] | None) -> ColumnElement[bool]:
    """As much of the viewer's right as the database can hold to; rows() compares the exact names again."""
    if viewer.is_staff:
        return true()
    if viewer.name is None:
        return false()
    if narrow.user == viewer.name or (narrow.account and viewer.sees_account(narrow.account)):
        return true()
    seen = sorted(viewer.accounts | viewer.coordinates)
    if accounts is not None and set(accounts) <= set(seen):
        return true()
    return or_(job_facts.c.user == viewer.name, job_facts.c.account.in_(seen))


def _stem(node: str) -> str:
    """The letters a node's name begins with: they stand in every host list that has it, its number may be folded."""
    return node[: next((place for place, sign in enumerate(node) if sign.isdigit()), len(node))]


def _where(
    sources: Sources, viewer: Viewer, since: int, until: int, narrow: Narrow, accounts: Iterable[str] | None
) -> list[ColumnElement[bool]]:
    c = job_facts.c
    found = [c.cluster == sources.settings.site.cluster, c.end >= int(since), c.end < int(until)]
    found += [c[name] == value for name in BY if (value := getattr(narrow, name))]
    if accounts is not None:
        found.append(c.account.in_(sorted(set(accounts))))
    if narrow.node:
        found.append(c.nodelist.contains(_stem(narrow.node), autoescape=True))
    return [*found, _allowed(viewer, narrow, accounts)]


def kept(row: Mapping[str, Any], viewer: Viewer, narrow: Narrow, accounts: frozenset[str] | None) -> bool:
    """True if a row with user, account, partition and nodelist is the viewer's to see and what was asked for, by exact names."""
    if not (viewer.is_staff or (viewer.name is not None and (row["user"] == viewer.name or viewer.sees_account(row["account"])))):
        return False
    if accounts is not None and row["account"] not in accounts:
        return False
    if narrow.node and narrow.node not in hosts(row["nodelist"]):
        return False
    return all(not (wanted := getattr(narrow, name)) or row[name] == wanted for name in BY)


def _rows(
    sources: Sources, viewer: Viewer, when: tuple[int, int], columns: Sequence[Any], sums: list[Any], narrow: Narrow, accounts: Iterable[str] | None
) -> list[dict[str, Any]]:
    """Grouped as finely as the exact check needs: by the names that are asked for, and by host list if a node is."""
    c = job_facts.c
    checked = bool(narrow) or accounts is not None or not viewer.is_staff
    names = ["user", "account", *(["partition"] if narrow.partition else []), *(["nodelist"] if narrow.node else [])] if checked else []
    groups = [*(c[name] for name in names), *(column for column in columns if column.name not in names)]
    exact = []
    if sources.portal.url.get_backend_name() in ("mysql", "mariadb"):
        # compares without case: two names that differ in case only must not be one group
        exact = [cast(column, LargeBinary) for column in groups if column.name in BY]
    wanted = None if accounts is None else frozenset(accounts)
    where = _where(sources, viewer, *when, narrow, wanted)
    statement = select(*groups, *sums).where(and_(*where)).group_by(*groups, *exact)
    rows = [dict(row) for row in sources.portal.rows(statement)]
    return [row for row in rows if kept({"partition": "", **row}, viewer, narrow, wanted)] if checked else rows


def _frame(rows: list[dict[str, Any]], by: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[*by, *NUMBERS])
    # sums of nothing known are NULL, and some databases answer decimals
    frame = frame.astype(dict.fromkeys(NUMBERS, "float64")).fillna(dict.fromkeys(NUMBERS, 0.0))
    for name in AMOUNTS:
        # run by run nothing is used beyond what is held, so this is the sum of what each wasted
        frame[f"{name}_wasted"] = (frame[f"{name}_judged"] - frame[f"{name}_used"]).clip(lower=0.0)
    frame = frame.groupby(list(by), as_index=False, sort=True)[list(NUMBERS)].sum() if by else frame[list(NUMBERS)].sum().to_frame().T
    return frame.astype(dict.fromkeys(COUNTS, "int64"))


def totals(
    sources: Sources,
    *,
    viewer: Viewer,
    since: int,
    until: int,
    by: Sequence[str] = ("user", "account"),
    narrow: Narrow = EVERYTHING,
    accounts: Iterable[str] | None = None,
) -> pd.DataFrame:
    """What runs that ended in [since, until) (UTC s) held, used and wasted, one row a group of `by` (any of BY; () is one row).

    Columns: `by` (str) | jobs (int) | judged (int: runs whose CPU time is known) | to_act (int: findings to act on) | failed
    (int: runs not COMPLETED) | for cores, GPUs and memory: core_hours, gpu_hours, tb_hours (TiB-hours) held by all runs,
    …_judged held by runs whose use is known, …_used, …_wasted (held and not used, run by run, so never negative; used +
    wasted = judged) | energy_kwh. Memory used is each run's peak over all of its time. A run counts whole at its end.

    Staff read anything; others accounts they are in or coordinate, and their own runs, by exact names. `accounts`: only these.
    Summaries kept before nodes were (version 1) have no place on a node. Raises SourceDown, SourceRefused.
    """
    columns = [job_facts.c[name] for name in _checked(by)]
    rows = _rows(sources, viewer, (since, until), columns, _sums(), narrow, accounts)
    return _frame(rows, tuple(by))


def totals_by_day(
    sources: Sources,
    *,
    viewer: Viewer,
    since: int,
    until: int,
    by: Sequence[str] = (),
    narrow: Narrow = EVERYTHING,
    accounts: Iterable[str] | None = None,
) -> pd.DataFrame:
    """As totals(), one row a UTC day and group: column `day` (int, UTC s of its midnight) first. Days without runs have no row."""
    end = job_facts.c.end
    day = (end - end % DAY).label("day")
    columns = [day, *(job_facts.c[name] for name in _checked(by))]
    rows = _rows(sources, viewer, (since, until), columns, _sums(), narrow, accounts)
    return _frame(rows, ("day", *by)).astype({"day": "int64"})


def costs(sources: Sources, *, viewer: Viewer, since: int, until: int, narrow: Narrow = EVERYTHING) -> pd.DataFrame:
    """What runs that ended in [since, until) cost as summarised, one row a person; who sees what as in totals().

    Columns: user | cost (money: electricity, cooling and hardware of each run at the prices when it was summarised; NaN where no
    run has any) | ran (runs that took time) | priced (runs with a cost) | energy_core_hours (held by runs whose energy was measured).
    Raises SourceDown, SourceRefused.
    """
    c = job_facts.c
    stored = [c.facts["cost"][part].as_float() for part in ("electricity", "cooling", "hardware")]
    known = or_(*(part.is_not(None) for part in stored))
    each = sum((func.coalesce(part, 0.0) for part in stored[1:]), start=func.coalesce(stored[0], 0.0))
    held = _held("core_hours")[0]
    sums = [
        func.sum(case((known, each))).label("cost"),
        func.sum(case((c.elapsed > 0, 1), else_=0)).label("ran"),
        func.sum(case((and_(known, c.elapsed > 0), 1), else_=0)).label("priced"),
        func.sum(case((c.energy_kwh.is_not(None), held), else_=0.0)).label("energy_core_hours"),
    ]
    rows = _rows(sources, viewer, (since, until), (c.user,), sums, narrow, None)
    frame = pd.DataFrame(rows, columns=["user", *COSTS]).astype(dict.fromkeys(COSTS, "float64"))
    frame = frame.groupby("user", as_index=False, sort=True)[list(COSTS)].sum(min_count=1)
    return frame.astype({"ran": "int64", "priced": "int64"})


def _checked(by: Sequence[str]) -> Sequence[str]:
    strange = [name for name in by if name not in BY]
    if strange:
        raise ValueError(f"totals by {strange}; possible: {BY}")
    return by


def coverage(
    sources: Sources,
    *,
    viewer: Viewer,
    since: int,
    until: int,
    narrow: Narrow = EVERYTHING,
    accounts: Iterable[str] | None = None,
) -> tuple[int, int]:
    """(runs summarised, runs finished) of those that started and ended in [since, until): how much totals() knows.

    Up to the summariser's place every run has its summary; from there on accounting is asked, for at most 10 000 runs, so
    that far behind it the second number is a lower bound. Same rule of who sees what. Raises SourceError.
    """
    place = summary_place(sources)
    end, inx = job_facts.c.end, job_facts.c.job_db_inx
    beyond = or_(end > place[0], and_(end == place[0], inx > place[1]))
    sums = [func.count().label("jobs"), func.sum(case((beyond, 1), else_=0)).label("beyond")]
    wanted = None if accounts is None else frozenset(accounts)
    rows = _rows(sources, viewer, (since, until), (), sums, narrow, wanted)
    done = sum(int(row["jobs"]) for row in rows)
    ahead = sum(int(row["beyond"] or 0) for row in rows)
    if place[0] >= until:
        return done, done
    late = ended_after(sources, viewer=viewer, after=max(place, (int(since), -1)), until=int(until))
    waiting = sum(kept(row, viewer, narrow, wanted) for row in late)
    return done, max(done, done - ahead + waiting)
