"""The scheduler's statistics over whole UTC days: finished days are counted once and kept, the last ones are counted anew."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from core.errors import SourceError
from core.units import DAY, HOUR
from core.viewer import PORTAL, Viewer, only_staff
from datasources.portal.days import Wanted, keep_day, kept_counts, kept_days
from datasources.slurm.waits import COLUMNS, LIMITS, ended_counts, first_day, running_counts
from datasources.sources import Sources

log = logging.getLogger("turtle.scheduling")
SETTLED = 2 * HOUR  # after midnight: ends that slurmdbd learns late are in by then
LIVE_SECONDS = 60  # how long counts of the last days serve everybody
AHEAD = 14  # days after the range whose ends are counted for runs that started in it …
KEPT_AHEAD = 92  # … and days after it that are taken where they are kept already
AT_ONCE = 31  # days counted for one question at most …
PATIENCE = 3.5  # … and no new one begun after so many seconds
BACK = 92  # days the timer goes back


@dataclass(frozen=True, kw_only=True)
class Days:
    """A question: whole UTC days first … last (since 1970, both in it), and what they are narrowed to; "" is everything."""

    first: int
    last: int
    account: str = ""
    partition: str = ""
    qos: str = ""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The answer: counts, and what is not in them.

    frame: columns measure, by…, bucket, jobs. not_yet: days that are not counted yet, newest first. error: why nothing was read from
    accounting; then only days kept earlier are in it.
    """

    frame: pd.DataFrame
    not_yet: tuple[int, ...] = ()
    error: SourceError | None = None


def is_finished(day: int, now: float) -> bool:
    """True once no run can end on that UTC day any more, and accounting had time to hear of all that did."""
    return now >= (day + 1) * DAY + SETTLED


def counted(
    sources: Sources, *, viewer: Viewer, days: Days, measures: Sequence[str], by: Sequence[str] = ()
) -> Counted:
    """Counts of a question, by bucket and any of partition, qos, account, size, started.

    Of LIMITS: runs that ended in these days. Of all other measures (not both at once): runs that started in them, those
    still running too. Raises NotAllowed unless staff, SourceError of the portal's own database, or of accounting where no day is kept.
    """
    only_staff(viewer, "scheduler statistics")
    now = sources.clock()
    today, starts = int(now) // DAY, LIMITS not in measures
    last = min(days.last + (KEPT_AHEAD if starts else 0), today)
    asked = min(days.last + (AHEAD if starts else 0), today)
    ended = [day for day in range(days.first, asked + 1) if is_finished(day, now)]
    open_ = [day for day in range(days.first, last + 1) if not is_finished(day, now)]
    kept = kept_days(sources, first=days.first, last=last)
    missing = [day for day in reversed(ended) if day not in kept]
    wanted = Wanted(
        first=days.first, last=last, account=days.account, partition=days.partition, qos=days.qos,
        began=days.first if starts else None, until=days.last if starts else None,
    )  # fmt: skip
    error: SourceError | None = None
    live: list[pd.DataFrame] = []
    try:
        missing = _count_missing(sources, missing)
        live = [_live_day(sources, day) for day in open_]
        if starts:
            live.append(_live_running(sources))
    except SourceError as found:
        if found.source != "slurm" or not kept:
            raise
        error = found
    frames = [kept_counts(sources, viewer=viewer, wanted=wanted, measures=measures, by=by)]
    frames += [_narrowed(frame, wanted, measures, by) for frame in live]
    return Counted(frame=_summed(frames, by), not_yet=tuple(missing), error=error)


def _summed(frames: Iterable[pd.DataFrame], by: Sequence[str]) -> pd.DataFrame:
    groups = ["measure", *by, "bucket"]
    whole = pd.concat([frame for frame in frames if len(frame)] or [pd.DataFrame(columns=[*groups, "jobs"])])
    found = whole.groupby(groups, as_index=False, sort=True)["jobs"].sum()
    return found.astype({name: "int64" for name in ("bucket", "jobs", "size", "started") if name in found.columns})


def _narrowed(frame: pd.DataFrame, wanted: Wanted, measures: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """A day's counts as the portal's database would give them."""
    keep = frame["measure"].isin(tuple(measures))
    for name in ("account", "partition", "qos"):
        if getattr(wanted, name):
            keep &= frame[name] == getattr(wanted, name)
    if wanted.began is not None and wanted.until is not None:
        keep &= frame["started"].between(wanted.began, wanted.until)
    return frame.loc[keep, ["measure", *by, "bucket", "jobs"]]


def _live(sources: Sources, key: tuple, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Counts that still change; one reading serves everybody for a while."""

    def rows() -> list[tuple]:
        return list(make().itertuples(index=False, name=None))

    kept = sources.cache.get_or_make((*key, sources.settings.site.cluster), LIVE_SECONDS, rows)
    return pd.DataFrame(kept, columns=list(COLUMNS))


def _live_day(sources: Sources, day: int) -> pd.DataFrame:
    return _live(sources, ("scheduling", "day", day), lambda: ended_counts(sources, viewer=PORTAL, day=day))


def _live_running(sources: Sources) -> pd.DataFrame:
    return _live(sources, ("scheduling", "running"), lambda: running_counts(sources, viewer=PORTAL))


def _count_missing(sources: Sources, missing: Sequence[int]) -> list[int]:
    """Count and keep days, newest first, as far as patience goes; the days that are left. Those before the oldest job are empty."""
    if not missing:
        return []
    oldest = first_day(sources, viewer=PORTAL)
    left = [day for day in missing if oldest is not None and day >= oldest]
    end = time.monotonic() + PATIENCE
    for place, day in enumerate(left):
        if place >= AT_ONCE or time.monotonic() > end:
            return left[place:]
        _keep(sources, day)
    return []


def _keep(sources: Sources, day: int) -> None:
    """Count and keep one day; sections that ask for it at the same moment wait for the first one."""

    def make() -> bool:
        if day not in kept_days(sources, first=day, last=day):
            keep_day(sources, day=day, counts=ended_counts(sources, viewer=PORTAL, day=day))
            log.info("day %s counted for the scheduler's statistics", day)
        return True

    sources.cache.get_or_make(("scheduling", "keep", sources.settings.site.cluster, day), 0, make)


def keep_days(sources: Sources, *, limit: int = AT_ONCE, stop: Callable[[], bool] = lambda: False) -> int:
    """Count and keep up to `limit` finished days of the last BACK that are not kept yet, newest first; returns how many.

    For the timer, after the summaries. Raises SourceError when accounting or the portal's database is down; days kept stay kept.
    """
    now = sources.clock()
    oldest = first_day(sources, viewer=PORTAL)
    if oldest is None:
        return 0
    today = int(now) // DAY
    first = max(oldest, today - BACK)
    kept = kept_days(sources, first=first, last=today)
    wanted = [day for day in range(today, first - 1, -1) if is_finished(day, now) and day not in kept][:limit]
    done = 0
    for day in wanted:
        if stop():
            break
        _keep(sources, day)
        done += 1
    return done


