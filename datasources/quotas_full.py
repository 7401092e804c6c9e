"""Everybody who is over or near a quota, in one question to each back end: for staff."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from core.errors import NoData, TurtleError, Why
from core.hooks import given_storage
from core.settings import Area
from core.timerange import TimeRange
from core.viewer import Viewer, only_staff
from datasources.prometheus import gpfs_batches, quota_batches
from datasources.prometheus.batch import Target
from datasources.quotas import KINDS, fetched
from datasources.robinhood import usage
from datasources.slurm.ownership import database
from datasources.slurm.people import account_parents, uid_names
from datasources.sources import Sources

KEPT_SECONDS = 300
COLUMNS = ("area", "label", "owner", "bytes_used", "bytes_limit", "files_used", "files_limit")
Rows = list[dict[str, Any]]


def measured_by_all(sources: Sources, *, viewer: Viewer, when: TimeRange) -> tuple[pd.DataFrame, dict[str, TurtleError]]:
    """(what everybody has of each area whose limit is known, {area: why it is not known}); raises NotAllowed unless staff.

    Columns area, label, owner (login, group or account), bytes_used, bytes_limit, files_used, files_limit (NaN: not measured, no limit).
    GPFS answers only those over or near; kept for five minutes.
    """
    only_staff(viewer, "everybody's quotas")
    areas = sources.settings.storage.areas
    reads: dict[str, Callable[..., Rows]] = {"lfs_quota": _lfs, "gpfs": _gpfs, "robinhood": _robinhood}
    calls = {name: partial(reads[area.source], sources, viewer, when, name, area) for name, area in areas.items()}
    found = sources.pool.gather(calls, 9.0, "prometheus")
    rows = [row for part in found.values() if not isinstance(part, TurtleError) for row in part]
    errors = {area: part for area, part in found.items() if isinstance(part, TurtleError)}
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(COLUMNS[3:], "float64")), errors


def _limits(sources: Sources, names: tuple[str, ...]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """{(area, name): the hook's entry} of these people, and of every group with an account. Raises NoData(LIMITS_UNKNOWN) where the hook fails."""

    def make() -> dict[tuple[str, str], Mapping[str, Any]]:
        accounts = tuple(sorted(account_parents(database(sources)))) if sources.slurm is not None else ()
        found = _added(sources, "", accounts)
        for name in names:
            found |= _added(sources, name, ())
        return found

    return sources.cache.get_or_make(("allocations of all", names), KEPT_SECONDS, make)


def _added(sources: Sources, name: str, accounts: tuple[str, ...]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The hook's entries by area and name, the limits of two of one name added: they are parts of one quota."""
    given, whole = given_storage(sources.hooks, name, accounts)
    if not whole:
        raise NoData(Why.LIMITS_UNKNOWN)
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in given:
        place = (one["kind"], one["name"])
        parts = {kind: [limit for part in (found.get(place, {}), one) if (limit := _number(part.get(kind))) == limit] for kind in KINDS}
        found[place] = {**found.get(place, {}), **one, **{kind: sum(limits) for kind, limits in parts.items() if limits}}
    return found


def _row(area: str, label: str, owner: str, used: Mapping[str, float], limit: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"area": area, "label": label, "owner": owner}
    for kind in KINDS:
        row |= {f"{kind}_used": used.get(kind, math.nan), f"{kind}_limit": _number(limit.get(kind))}
    return row


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else math.nan


def _lfs(sources: Sources, viewer: Viewer, when: TimeRange, name: str, area: Area) -> Rows:
    frame = fetched(sources, viewer, quota_batches.everybody(sources.settings), Target(), when)
    used: dict[str, dict[str, float]] = {}
    for (kind, path, label, owner), value in quota_batches.used(frame).items():
        if path == area.path and label == area.label:
            used.setdefault(owner, {})[kind] = value
    allowed = _limits(sources, tuple(sorted(used)) if area.label == "user" else ())
    return [_row(name, area.label, owner, amounts, allowed.get((name, owner), {})) for owner, amounts in sorted(used.items())]


def _gpfs(sources: Sources, viewer: Viewer, when: TimeRange, name: str, area: Area) -> Rows:
    frame = fetched(sources, viewer, gpfs_batches.full(sources.settings, sources.settings.storage.near_share), Target(), when)
    who, fs, fileset = gpfs_batches.place(area)
    here = frame[(frame["who"] == who) & (frame["fs"] == fs) & ((frame["fileset"] == fileset) | (who == "fileset"))]
    found: dict[str, dict[str, float]] = {}
    for row in here.to_dict("records"):
        found.setdefault(row["id"], {})[row["what"]] = row["value"]
    names = _names(sources, viewer, name, who, tuple(found))
    rows = []
    for ident, values in found.items():
        limit = {kind: values.get(f"{kind}_limit") for kind in KINDS}
        rows.append(_row(name, area.label, names.get(ident, ident), {kind: values.get(kind, math.nan) for kind in KINDS}, limit))
    return rows


def _names(sources: Sources, viewer: Viewer, area: str, who: str, idents: tuple[str, ...]) -> dict[str, str]:
    """{uid or gid: login or group}, as far as accounting or the hook know them."""
    numbers = [int(one) for one in idents if one.isdigit()]
    if who == "user":
        known = uid_names(sources, viewer=viewer, uids=numbers) if sources.slurm is not None else {}
        return {str(uid): login for uid, login in known.items()}
    if who == "group":
        with contextlib.suppress(NoData):  # GPFS knows who is over all the same: groups are their numbers then
            return {str(gid): group for gid, group in _groups(sources, area).items()}
    return {}


def _groups(sources: Sources, area: str) -> dict[int, str]:
    """{gid: group} of those that have storage in an area."""
    return {one["id"]: owner for (kind, owner), one in _limits(sources, ()).items() if kind == area and isinstance(one.get("id"), int)}


def _robinhood(sources: Sources, viewer: Viewer, when: TimeRange, name: str, area: Area) -> Rows:
    if area.label == "user":
        frame = usage.top_owners(sources, viewer=viewer, area=name, n=1000)
        allowed = _limits(sources, tuple(sorted({user for user in frame["user"] if user})))
        rows = [(row["user"], row) for row in frame.to_dict("records") if row["user"]]
    else:
        groups, allowed = _groups(sources, name), _limits(sources, ())
        rows = [(groups[row["gid"]], row) for row in usage.totals(sources, viewer=viewer, area=name).to_dict("records") if row["gid"] in groups]
    return [_row(name, area.label, owner, {kind: row[kind] for kind in KINDS}, allowed.get((name, owner), {})) for owner, row in rows]
