"""What the pages about storage read: a person's quotas with their outlook, and each quota over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis import quota
from analysis.quota import KINDS, Holding
from analysis.quota_trend import SHORT, Outlook, outlook
from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import Viewer
from datasources import quotas
from datasources.quota_holdings import accounts_of, held_by, untold
from datasources.quotas import Measured, Trend
from datasources.sources import Sources

KINDS_OF_AREA = ("home", "scratch", "project", "nearline")
MORE = ("hard", "doubt")
TAPE = ("disk_bytes", "tape_bytes", "disk_files", "tape_files")


def last_days(when: TimeRange, days: int) -> TimeRange:
    """The last days before now, whatever range is shown."""
    return replace(when, start=when.now - days * DAY, end=when.now)


def read(sources: Sources, viewer: Viewer, name: str, when: TimeRange, days: int) -> Frames:
    """A person's quotas: frame quotas (see table_of and with_days_to_full; its error where no area could be had), and objects trends {(kind, area, owner):
    Series over the last `days`}, outlooks {(kind, area, owner): Outlook}, errors {area: error}, trend_errors {area: error},
    limits_known (bool: False where the hook that tells limits failed). Two requests a back end."""
    held, given, whole = held_by(sources, viewer, name)
    calls = {
        "now": lambda: quotas.measured(sources, viewer=viewer, held=held, when=when),
        "trend": lambda: quotas.trend(sources, viewer=viewer, held=held, when=last_days(when, days)),
    }
    found = sources.pool.gather(calls, sources.settings.prometheus.timeout_seconds + 2, "prometheus")
    now, trend = found["now"], found["trend"]
    if isinstance(trend, TurtleError):
        trend = Trend(errors={one.area: trend for one in held})
    failed = now if isinstance(now, TurtleError) else _all_failed(held, now)
    if failed is not None:
        return {"quotas": failed, "trends": {}, "outlooks": {}, "errors": {}, "trend_errors": {}, "limits_known": whole}
    frame = table_of(held, given, now, sources.settings.storage.near_share)
    accounts = accounts_of(sources, viewer, name)
    if not whole:
        # names that accounts alone suggest are no groups' unless something is measured under them
        frame = frame[(frame["label"] == "user") | frame[["bytes_used", "files_used"]].notna().any(axis=1)].reset_index(drop=True)
    # GPFS tells its limits itself
    frame["limits_known"] = [whole or (area, owner) in now.limits for area, owner in zip(frame["area"], frame["owner"], strict=True)]
    frame["is_account"] = [owner in accounts for owner in frame["owner"]]
    outlooks = outlooks_of(frame, trend.series, sources.settings.storage.trend_days)
    return {
        "quotas": with_days_to_full(frame, outlooks), "trends": trend.series, "outlooks": outlooks, "errors": {**now.errors, **untold(sources, viewer, name, held)},
        "trend_errors": dict(trend.errors), "limits_known": whole,
    }  # fmt: skip


def _all_failed(held: Sequence[Holding], now: Measured) -> TurtleError | None:
    areas = {one.area for one in held}
    return next(iter(now.errors.values())) if areas and areas <= set(now.errors) else None


def allowed(given: Sequence[Mapping[str, Any]], now: Measured) -> dict[tuple[str, str], dict[str, float]]:
    """The limits: what the back end enforces where it says so, else what the hook gives."""
    return {**quota.limits(given), **{owner: dict(limits) for owner, limits in now.limits.items()}}


def table_of(held: Sequence[Holding], given: Sequence[Mapping[str, Any]], now: Measured, near_share: float) -> pd.DataFrame:
    """analysis.quota.quotas() with columns source, title (str), personal (bool), bytes_hard, files_hard (hard limits, NaN: none),
    bytes_doubt, files_doubt (not yet confirmed), disk_bytes, tape_bytes, disk_files, tape_files (NaN where there is no tape).

    A personal group without any file is left out.
    """
    frame = quota.quotas(held, allowed(given, now), now.used, now.known, near_share)
    by_owner = {(one.area, one.owner): one for one in held}
    owners = list(zip(frame["area"], frame["owner"], strict=True))
    frame["source"] = [by_owner[owner].source for owner in owners]
    frame["title"] = [by_owner[owner].title for owner in owners]
    frame["personal"] = [by_owner[owner].personal for owner in owners]
    for what in MORE:
        for kind in KINDS:
            frame[f"{kind}_{what}"] = [quota.limit_of(getattr(now, what).get(owner, {}).get(kind)) for owner in owners]
    for column in TAPE:
        frame[column] = pd.Series([now.tape.get(owner, {}).get(column, math.nan) for owner in owners], dtype="float64", index=frame.index)
    empty = frame["personal"].astype(bool) & ~(frame["files_used"] > 0) & ~(frame["bytes_used"] > 0)
    return frame[~empty].reset_index(drop=True)


def outlooks_of(frame: pd.DataFrame, series: Mapping[tuple[str, str, str], pd.Series], days: int) -> dict[tuple[str, str, str], Outlook]:
    """When each quota would be full, where it is measured over time."""
    found = {}
    for row in frame.to_dict("records"):
        for kind in KINDS:
            key = (kind, row["area"], row["owner"])
            if key in series:
                one = outlook(series[key], row[f"{kind}_used"], row[f"{kind}_limit"], days)
                daily = one.kind == SHORT and series[key].attrs.get("step") == DAY
                found[key] = replace(one, since=series[key].dropna().index[0].timestamp()) if daily else one
    return found


def with_days_to_full(frame: pd.DataFrame, outlooks: Mapping[tuple[str, str, str], Outlook]) -> pd.DataFrame:
    """The frame with columns bytes_full_days_low, bytes_full_days_high and the same of files (days from now, nine times of ten between them; NaN where
    it is not filling or nobody can say): what the page writes in words."""
    rows = list(zip(frame["area"], frame["owner"], strict=True))
    found = frame.copy()
    for kind in KINDS:
        for end in ("low", "high"):
            days = [getattr(outlooks.get((kind, *row)), end, math.nan) for row in rows]
            found[f"{kind}_full_days_{end}"] = pd.Series(days, dtype="float64", index=frame.index)
    return found


def over_time(sources: Sources, viewer: Viewer, name: str, area: str, span: TimeRange) -> Frames:
    """Frames bytes and files of one area ("" for those with other names), one column (levels area, owner) a quota; attrs step, unit,
    limits {column: limit or NaN}, from and to (UTC s)."""
    held, given, whole = held_by(sources, viewer, name)
    mine = [one for one in held if one.area == area or (not area and one.area not in KINDS_OF_AREA)]
    if not mine:
        away = untold(sources, viewer, name, held)
        if why := next((why for one, why in away.items() if one == area or (not area and one not in KINDS_OF_AREA)), None):
            return dict.fromkeys(KINDS, why)
        # of a group that is not known nothing can be found
        return dict.fromkeys(KINDS, NoData(Why.NOT_HELD if whole else Why.LIMITS_UNKNOWN))
    calls = {"trend": lambda: quotas.trend(sources, viewer=viewer, held=held, when=span)}
    if any(one.source == "gpfs" for one in mine):
        # of all areas: one answer serves the sections of each
        calls["now"] = lambda: quotas.measured(sources, viewer=viewer, held=held, when=span)
    found = sources.pool.gather(calls, sources.settings.prometheus.timeout_seconds + 2, "prometheus")
    trend = found["trend"]
    if isinstance(trend, TurtleError):
        return dict.fromkeys(KINDS, trend)
    errors = [trend.errors[one.area] for one in mine if one.area in trend.errors]
    if len(errors) == len(mine):
        return dict.fromkeys(KINDS, errors[0])
    now = found["now"] if isinstance(found.get("now"), Measured) else Measured()
    found = {kind: _wide(kind, mine, trend, allowed(given, now), span) for kind in KINDS}
    if whole or all(one.label == "user" for one in mine):
        return found
    # of a group that is not known nothing can be found
    return {kind: NoData(Why.LIMITS_UNKNOWN) if isinstance(frame, NoData) else frame for kind, frame in found.items()}


def _grid(series: pd.Series) -> pd.DatetimeIndex:
    """When a series was measured; of one read once a day the beginning of each day, so that a day that is missing is a gap."""
    return series.index.floor("D") if series.attrs["step"] == DAY else series.index


def _on(grid: pd.DatetimeIndex, series: pd.Series) -> pd.Series:
    """The series at the times of the grid; each holds for half its step to both sides."""
    whole = series.set_axis(_grid(series))
    return whole if whole.index.equals(grid) else whole.reindex(grid, method="nearest", tolerance=pd.Timedelta(seconds=series.attrs["step"] / 2))


def _wide(kind: str, mine: Sequence[Holding], trend: Trend, limits: Mapping[Any, Any], span: TimeRange) -> pd.DataFrame | NoData:
    known = {(one.area, one.owner): trend.series.get((kind, one.area, one.owner)) for one in mine}
    since = pd.Timestamp(span.start, unit="s", tz="UTC")
    # a day's reading may be of before the range
    found = {owner: series for owner, series in known.items() if series is not None and (series.attrs["step"] != DAY or series.index[-1] >= since)}
    if not found:
        return NoData(Why.NO_DATA, kind)
    step = min(series.attrs["step"] for series in found.values())
    if step == DAY and all(series.notna().sum() < 2 for series in found.values()):
        return NoData(Why.COUNTED_ONCE, kind)
    # on the grid of what was measured most often; what is read once a day stands on its day
    grid = _grid(max(found.values(), key=len))
    if step == DAY:
        grid = pd.date_range(since.floor("D"), max(series.index[-1] for series in found.values()).floor("D"), freq="D", name="time")
    frame = pd.DataFrame({place: _on(grid, series) for place, series in enumerate(found.values())}, index=grid)
    frame.columns = pd.MultiIndex.from_tuples(list(found), names=["area", "owner"])
    limits = {column: limits.get(column, {}).get(kind, math.nan) for column in found}
    frame.attrs = {"step": step, "unit": "bytes" if kind == "bytes" else "files", "limits": limits, "from": span.start, "to": span.end}
    return frame
