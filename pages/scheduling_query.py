"""What the page of the scheduler's statistics reads: which days and of what, and the frames of its sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import scheduling
from analysis.scheduling import Counted, Days
from analysis.scheduling_tables import levels_at_start, levels_by, limits_by, waits_by
from components.charts.scheduling import SIZES
from components.records import Frames
from core import narrow
from core.errors import NoData, SourceError, TurtleError, Why
from core.narrow import ClusterView
from core.timerange import TimeRange
from core.units import DAY, HOUR
from core.viewer import Viewer
from datasources.prometheus.batch import Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.prometheus.scheduling_batches import levelfs
from datasources.slurm.waits import HELD, LIMITS, QUEUED, STARTS, waiting
from datasources.sources import Sources

FILTERS = (*narrow.PARAMETERS, "qos")
USUAL_DAYS = 14
MOST_DAYS = 366


@dataclass(frozen=True, kw_only=True)
class SchedulingView(ClusterView):
    """The cluster narrowed to an account, a partition, a QOS; `span`: the range as the address writes it."""

    qos: str = ""
    span: tuple[tuple[str, str], ...] = ()

    def query(self, **changes: str) -> dict[str, str]:
        """The query of this view's address, with changes; "" leaves a parameter out."""
        return {key: value for key, value in ({**self.narrow.query(), "qos": self.qos, **dict(self.span)} | changes).items() if value}


def subject_of(params: Mapping[str, str]) -> SchedulingView:
    """The subject of /scheduling; raises BadInput for names that cannot be."""
    quality = narrow.read({"partition": params.get("qos", "")}).partition
    span = tuple((name, params[name]) for name in ("from", "to") if params.get(name))
    return SchedulingView(narrow=narrow.read(params), qos=quality, span=span)


def usual(sources: Sources, viewer: Viewer, subject: SchedulingView, now: int) -> tuple[int, int]:
    """The range where the address names none: today and the days before it, from midnight UTC."""
    return (now // DAY - USUAL_DAYS + 1) * DAY, now


def days_of(subject: SchedulingView, when: TimeRange) -> Days:
    """The whole UTC days that a range touches, at most MOST_DAYS of them, and what they are narrowed to."""
    last = (when.end - 1) // DAY
    first = max(when.start // DAY, last - MOST_DAYS + 1)
    about = subject.narrow
    return Days(first=first, last=last, account=about.account, partition=about.partition, qos=subject.qos)


def headline(sources: Sources, viewer: Viewer, subject: SchedulingView, when: TimeRange) -> Frames:
    """Frames all_waits, all_limits (one row each, see scheduling_tables), waiting; objects counted, ended (Counted)."""
    days = days_of(subject, when)
    counted = scheduling.counted(sources, viewer=viewer, days=days, measures=(QUEUED, HELD))
    ended = scheduling.counted(sources, viewer=viewer, days=days, measures=(LIMITS,))
    return {
        "all_waits": waits_by(counted.frame, ""), "all_limits": limits_by(ended.frame, ""), "counted": counted, "ended": ended,
        "waiting": _waiting(sources, viewer, subject),
    }  # fmt: skip


def _waiting(sources: Sources, viewer: Viewer, subject: SchedulingView) -> pd.DataFrame | TurtleError:
    """Who waits now, narrowed; a job that asks for several partitions waits in each of them."""
    try:
        frame = waiting(sources, viewer=viewer)
    except SourceError as error:
        return error
    about = subject.narrow
    keep = pd.Series(True, index=frame.index)
    if about.account:
        keep &= frame["account"] == about.account
    if about.partition:
        keep &= frame["partition"].map(lambda names: about.partition in str(names).split(","))
    if subject.qos:
        keep &= frame["qos"] == subject.qos
    return frame[keep].reset_index(drop=True)


def still_waiting(sources: Sources, viewer: Viewer, subject: SchedulingView, when: TimeRange) -> Frames:
    """Frame waiting by partition and QOS: ready, not_ready (jobs), oldest (UTC s), oldest_s (seconds it has been ready)."""
    frame = _waiting(sources, viewer, subject)
    if isinstance(frame, TurtleError):
        return {"waiting": frame}
    sums = frame.groupby(["partition", "qos"], as_index=False).agg(
        ready=("ready", "sum"), not_ready=("not_ready", "sum"), oldest=("oldest", "min"), accounts=("account", "nunique")
    )
    sums["oldest_s"] = when.now - pd.to_numeric(sums["oldest"])
    return {"waiting": sums.sort_values(["ready", "not_ready"], ascending=False, ignore_index=True)}


def _or_none(counted: Counted) -> pd.DataFrame | TurtleError:
    return counted.frame if len(counted.frame) else counted.error or NoData(Why.NO_DATA, "jobs")


def waits(sources: Sources, viewer: Viewer, subject: SchedulingView, when: TimeRange) -> Frames:
    """Frames by_partition, by_qos, by_size, by_account, by_day (see waits_by) and spread (counts by partition, size and bucket)."""
    asked = {"days": days_of(subject, when), "measures": (QUEUED, HELD)}
    frame = _or_none(scheduling.counted(sources, viewer=viewer, by=("partition", "qos", "size", "started"), **asked))
    if isinstance(frame, TurtleError):
        return dict.fromkeys(("by_partition", "by_qos", "by_size", "by_account", "by_day", "spread", "held"), frame)
    accounts = scheduling.counted(sources, viewer=viewer, by=("account",), **asked).frame
    sizes = waits_by(frame, "size").sort_values("size", ignore_index=True)
    days = waits_by(frame, "started").sort_values("started", ignore_index=True)
    held = frame[(frame["measure"] == HELD) & (frame["bucket"] >= 0)]
    return {
        "by_partition": waits_by(frame, "partition"), "by_qos": waits_by(frame, "qos"),
        "by_size": sizes.assign(size_class=sizes["size"].map(SIZES)), "by_account": waits_by(accounts, "account"), "by_day": _by_day(days),
        "spread": frame[frame["measure"] == QUEUED], "held": held if len(held) else NoData(Why.NO_DATA, "held"),
    }  # fmt: skip


def _by_day(days: pd.DataFrame) -> pd.DataFrame:
    """By day, with the day as a UTC index; days without a start are gaps."""
    if days.empty:
        return days
    whole = range(int(days["started"].min()), int(days["started"].max()) + 1)
    found = days.set_index("started").reindex(whole)
    found.index = pd.to_datetime([day * DAY + DAY // 2 for day in whole], unit="s", utc=True)
    found.index.name = "time"
    found.attrs["step"] = DAY
    return found


def priority(sources: Sources, viewer: Viewer, subject: SchedulingView, when: TimeRange) -> Frames:
    """Frames levels (levels_by partition), by_account, spread (levels_at_start)."""
    days = days_of(subject, when)
    counted = scheduling.counted(sources, viewer=viewer, days=days, measures=(STARTS,), by=("partition", "account"))
    starts = _or_none(counted)
    names = ("levels", "level_accounts", "level_spread")
    if isinstance(starts, TurtleError):
        return dict.fromkeys(names, starts)
    hours = _hours(days, when)
    batch = levelfs(sources.settings)
    # one account by its name, as accounting wrote it; of several the metrics of all are asked for
    known = sorted(set(starts["account"]) - {""})
    target = Target(accounts=(known[0],) if len(known) == 1 else ())
    answer: Any = fetch(sources, (batch,), target, hours, viewer=viewer)[batch.key]
    if isinstance(answer, pd.DataFrame) and answer.columns.empty:
        answer = NoData(reason_for_empty(sources, batch, target, hours, None), batch.exporter)
    if isinstance(answer, TurtleError):
        return dict.fromkeys(names, answer)
    found = levels_at_start(starts, answer)
    return {"levels": levels_by(found, "partition"), "level_accounts": levels_by(found, "account"), "level_spread": found}


def _hours(days: Days, when: TimeRange) -> TimeRange:
    """The days' full hours, one point each."""
    end = max(min((days.last + 1) * DAY, when.now // HOUR * HOUR), days.first * DAY + HOUR)
    return TimeRange(start=days.first * DAY, end=end, now=when.now, points=(end - days.first * DAY) // HOUR)


def limits(sources: Sources, viewer: Viewer, subject: SchedulingView, when: TimeRange) -> Frames:
    """Frames limit_partitions, limit_accounts (see limits_by), limit_spread (counts by partition and bucket)."""
    counted = scheduling.counted(sources, viewer=viewer, days=days_of(subject, when), measures=(LIMITS,), by=("partition", "account"))
    frame = _or_none(counted)
    if isinstance(frame, TurtleError):
        return dict.fromkeys(("limit_partitions", "limit_accounts", "limit_spread"), frame)
    return {"limit_partitions": limits_by(frame, "partition"), "limit_accounts": limits_by(frame, "account"), "limit_spread": frame}
