"""What is used of storage quotas now and over time, whichever back end measures each area. One that fails leaves the others.

Each back end answers a Part for the holdings whose area it measures; nothing above this module knows which it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from core.errors import NoData, TurtleError, Why
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import Viewer, only_self
from datasources.portal.storage import is_kept, readings
from datasources.prometheus import gpfs_batches, quota_batches
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.quota_holdings import Holding, uid_of
from datasources.robinhood import usage
from datasources.sources import Sources

HOUR = 3600
KINDS = ("bytes", "files")
Key = tuple[str, str, str, str]  # of Holding.key
Owner = tuple[str, str]  # area, owner


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Figures by their holdings.

    used: {Holding.key(bytes or files): bytes or files}. known: {(kind, path, label): somebody at all is measured there}. limits, hard,
    doubt: {(area, owner): {"bytes": …, "files": …}} where the back end knows them: soft and hard limit (NaN: none), and what is granted
    and not yet confirmed. tape: {(area, owner): {disk_bytes, tape_bytes, disk_files, tape_files}}. errors: {area: why nothing is known}.
    """

    used: Mapping[Key, float] = field(default_factory=dict)
    known: Mapping[tuple[str, str, str], bool] = field(default_factory=dict)
    limits: Mapping[Owner, Mapping[str, float]] = field(default_factory=dict)
    hard: Mapping[Owner, Mapping[str, float]] = field(default_factory=dict)
    doubt: Mapping[Owner, Mapping[str, float]] = field(default_factory=dict)
    tape: Mapping[Owner, Mapping[str, float]] = field(default_factory=dict)
    errors: Mapping[str, TurtleError] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """series: {(bytes or files, area, owner): used by time (UTC), attrs step; a day where the portal itself keeps a reading a day}. errors: {area: why there is none}."""

    series: Mapping[tuple[str, str, str], pd.Series] = field(default_factory=dict)
    errors: Mapping[str, TurtleError] = field(default_factory=dict)


def check_held(viewer: Viewer, held: Iterable[Holding]) -> None:
    """Raises NotFound unless every holding was asked for by the viewer, or the viewer is staff."""
    for one in held:
        only_self(viewer, one.person)


def of_source(held: Sequence[Holding], source: str) -> tuple[Holding, ...]:
    """The holdings that a back end measures."""
    return tuple(one for one in held if one.source == source)


def measured(sources: Sources, *, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> Measured:
    """What is used now of these holdings, all back ends at once; raises NotFound as check_held does."""
    check_held(viewer, held)
    calls = {name: partial(ask, sources, viewer, own, when) for name, ask in NOW.items() if (own := of_source(held, name))}
    found = sources.pool.gather(calls, sources.settings.prometheus.timeout_seconds + 1, "prometheus")
    parts = [_or_failed(found[name], of_source(held, name)) for name in calls]
    return Measured(**{name: _joined(getattr(part, name) for part in parts) for name in Measured.__dataclass_fields__})


def _or_failed(part: Measured | TurtleError, held: Sequence[Holding]) -> Measured:
    return Measured(errors={one.area: part for one in held}) if isinstance(part, TurtleError) else part


def _joined(tables: Iterable[Mapping]) -> dict:
    return {key: value for table in tables for key, value in table.items()}


def trend(sources: Sources, *, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> Trend:
    """What was used over the range of these holdings, all back ends at once; raises NotFound as check_held does."""
    check_held(viewer, held)
    calls = {name: partial(ask, sources, viewer, own, when) for name, ask in TREND.items() if (own := of_source(held, name))}
    found = sources.pool.gather(calls, sources.settings.prometheus.timeout_seconds + 1, "prometheus")
    errors = {one.area: answer for name, answer in found.items() if isinstance(answer, TurtleError) for one in of_source(held, name)}
    series = _joined(answer for answer in found.values() if not isinstance(answer, TurtleError))
    return Trend(series=series, errors=errors)


def _target(held: Sequence[Holding]) -> Target:
    users = dict.fromkeys(one.owner for one in held if one.label == "user")
    return Target(users=tuple(users), accounts=tuple(dict.fromkeys(one.owner for one in held if one.label != "user")))


def fetched(sources: Sources, viewer: Viewer, batch: Batch, target: Target, when: TimeRange) -> pd.DataFrame:
    """A batch's frame; raises its error, NoData that says why where there is nothing at all."""
    moment = replace(when, start=when.now - HOUR, end=when.now) if batch.instant else when
    frame = fetch(sources, (batch,), target, moment, viewer=viewer)[batch.key]
    if isinstance(frame, TurtleError):
        raise frame
    if frame.empty if batch.instant else not frame.shape[1]:
        why = reason_for_empty(sources, batch, target, moment, None)
        # nothing of this person over time is said where the figures of now are
        if batch.instant or why is not Why.NO_DATA:
            raise NoData(why, batch.exporter)
    return frame


def _lfs_now(sources: Sources, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> Measured:
    frame = fetched(sources, viewer, quota_batches.now(sources.settings), _target(held), when)
    return Measured(used=quota_batches.used(frame), known=quota_batches.known(frame))


def _lfs_trend(sources: Sources, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> dict[tuple[str, str, str], pd.Series]:
    frame = fetched(sources, viewer, quota_batches.trend(sources.settings), _target(held), when)
    keys = [(levels["what"], levels["path"], *quota_batches.owner(levels)) for levels in _levels(frame)]
    return by_holding(held, frame, keys)


def _levels(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [dict(zip(frame.columns.names, column, strict=True)) for column in frame.columns]


def by_holding(held: Sequence[Holding], frame: pd.DataFrame, keys: Sequence[Key]) -> dict[tuple[str, str, str], pd.Series]:
    """The columns of a wide frame by (kind, area, owner); `keys`: the holding's key of each column."""
    places = {key: place for place, key in enumerate(keys)}
    found = {}
    for one in held:
        for kind in KINDS:
            if one.key(kind) in places:
                series = frame.iloc[:, places[one.key(kind)]]
                series.attrs = {"step": frame.attrs.get("step")}
                found[(kind, one.area, one.owner)] = series
    return found


def _numbered(sources: Sources, viewer: Viewer, held: Sequence[Holding]) -> dict[str, tuple[Holding, str]]:
    """{"who id fs fileset" as GPFS labels them: (holding, id)}; people without a number get the uid their jobs ran under."""
    found = {}
    for one in held:
        area = sources.settings.storage.areas[one.area]
        number = one.number if one.number is not None or one.label != "user" else uid_of(sources, viewer, one.owner)
        ident = one.owner if one.label == "fileset" else "" if number is None else str(number)
        if ident:
            found[_place(*gpfs_batches.place(area), ident)] = (one, ident)
    return found


def _place(who: str, fs: str, fileset: str, ident: str) -> str:
    return "\0".join((who, fs, "" if who == "fileset" else fileset, ident))


def _gpfs_target(numbered: Mapping[str, tuple[Holding, str]]) -> Target:
    ids: dict[str, dict[str, None]] = {"user": {}, "group": {}, "fileset": {}}
    for one, ident in numbered.values():
        ids[gpfs_batches.WHO[one.label]][ident] = None
    return Target(users=tuple(ids["user"]), accounts=tuple(ids["group"]), projects=tuple(ids["fileset"]))


def _gpfs_now(sources: Sources, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> Measured:
    numbered = _numbered(sources, viewer, held)
    frame = fetched(sources, viewer, gpfs_batches.now(sources.settings), _gpfs_target(numbered), when)
    used: dict[Key, float] = {}
    tables: dict[str, dict[Owner, dict[str, float]]] = {"limit": {}, "hard": {}, "doubt": {}}
    for row in frame.to_dict("records"):
        found = numbered.get(_place(row["who"], row["fs"], row["fileset"], row["id"]))
        if found is None:
            continue
        kind, _gap, part = row["what"].partition("_")
        if part:
            limit = row["value"] if row["value"] > 0 or part == "doubt" else math.nan
            tables[part].setdefault((found[0].area, found[0].owner), {})[kind] = limit
        else:
            used[found[0].key(kind)] = float(row["value"])
    known = {(kind, one.path, one.label): True for one, _ident in numbered.values() for kind in KINDS}
    return Measured(used=used, known=known if not frame.empty else {}, limits=tables["limit"], hard=tables["hard"], doubt=tables["doubt"])


def _gpfs_trend(sources: Sources, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> dict[tuple[str, str, str], pd.Series]:
    numbered = _numbered(sources, viewer, held)
    frame = fetched(sources, viewer, gpfs_batches.trend(sources.settings), _gpfs_target(numbered), when)
    keys: list[Key] = []
    for levels in _levels(frame):
        found = numbered.get(_place(levels["who"], levels["fs"], levels["fileset"], levels["id"]))
        keys.append(found[0].key(levels["what"]) if found else ("", "", "", ""))
    return by_holding(held, frame, keys)


def _robinhood_now(sources: Sources, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> Measured:
    """Of people and of groups; an area whose database fails leaves the others."""
    parts = [_robinhood_area(sources, viewer, tuple(one for one in held if one.area == area)) for area in dict.fromkeys(one.area for one in held)]
    return Measured(**{name: _joined(getattr(part, name) for part in parts) for name in Measured.__dataclass_fields__})


def _robinhood_area(sources: Sources, viewer: Viewer, held: Sequence[Holding]) -> Measured:
    area = held[0].area
    try:
        found = usage.of_holdings(sources, viewer=viewer, area=area, held=_with_uids(sources, viewer, held))
    except TurtleError as error:
        return Measured(errors={area: error})
    used = {one.key(kind): amounts[kind] for one, amounts in found.items() for kind in KINDS}
    known = {(kind, one.path, one.label): True for one in held for kind in KINDS} if found else {}
    tape = {(one.area, one.owner): amounts for one, amounts in found.items() if sources.settings.storage.areas[area].tape}
    return Measured(used=used, known=known, tape=tape)


def _robinhood_trend(sources: Sources, viewer: Viewer, held: Sequence[Holding], when: TimeRange) -> dict[tuple[str, str, str], pd.Series]:
    """What the portal itself kept, a reading a day: Robinhood has no history. Raises NoData(NOT_COUNTED) where no area has a reading yet."""
    if not sources.settings.storage.history_days:
        return {}
    first, last = when.start // DAY, when.end // DAY
    found = readings(sources, viewer=viewer, held=_with_uids(sources, viewer, held), first=first, last=last)
    # somebody who has nothing has no readings; that is not the same as none having been made
    if not found and not any(is_kept(sources, area=area, first=first, last=last) for area in dict.fromkeys(one.area for one in held)):
        raise NoData(Why.NOT_COUNTED, "storage_days")
    series = {}
    for (area, owner), frame in found.items():
        for kind in KINDS:
            series[(kind, area, owner)] = frame[kind]
            series[(kind, area, owner)].attrs = {"step": DAY}
    return series


def _with_uids(sources: Sources, viewer: Viewer, held: Sequence[Holding]) -> list[Holding]:
    """The holdings, those of people without a number with the uid their jobs ran under."""
    return [replace(one, number=uid_of(sources, viewer, one.owner)) if one.number is None and one.label == "user" else one for one in held]


Now = Callable[[Sources, Viewer, Sequence[Holding], TimeRange], Measured]
Over = Callable[[Sources, Viewer, Sequence[Holding], TimeRange], Mapping[tuple[str, str, str], pd.Series]]
NOW: dict[str, Now] = {"lfs_quota": _lfs_now, "gpfs": _gpfs_now, "robinhood": _robinhood_now}
TREND: dict[str, Over] = {"lfs_quota": _lfs_trend, "gpfs": _gpfs_trend, "robinhood": _robinhood_trend}
