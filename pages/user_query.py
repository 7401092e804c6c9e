"""What the page of a person reads: who they are, what they hold, their last jobs, accounts, findings and totals."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from analysis.finding_groups import Group, grouped
from analysis.findings import unstored
from components.records import Frames
from core.errors import TurtleError
from core.narrow import Narrow
from core.subjects import Subject, user
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import Viewer
from datasources.portal.person_findings import found_since
from datasources.portal.summaries import need_summaries
from datasources.portal.totals import coverage, totals, totals_by_day
from datasources.prometheus.batch import Target
from datasources.prometheus.job_batches import levelfs
from datasources.prometheus.run import fetch
from datasources.slurm.accounts import accounts_of
from datasources.slurm.accounts_rows import of_person
from datasources.slurm.jobs import JobFilter, jobs_page
from datasources.slurm.ownership import database
from datasources.slurm.person import check
from datasources.sources import Sources
from pages import jobs_query
from pages.jobs_use import MINE_NOW, with_use
from pages.status_mine import KEPT_SECONDS, RUNNING_SHOWN, of_running

LAST = 10
FINDINGS_DAYS = 14
MONTH = 30 * DAY
DEADLINE = 9.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PersonView(Subject):
    """A person; `timed` says that the address names a time range."""

    kind: str = "user"
    timed: bool = False


def subject_of(params: Mapping[str, str]) -> PersonView:
    """The subject of /user/<name>; raises BadInput for what cannot be a login."""
    return PersonView(id=user(params["name"]).id, timed=bool(params.get("from") or params.get("to")))


def jobs_view(subject: Subject) -> jobs_query.JobsView:
    """The same person as the subject of a list of jobs."""
    return jobs_query.subject_of({"user": subject.id})


def open_findings(sources: Sources, viewer: Viewer, name: str, when: TimeRange) -> tuple[list[Group], bool]:
    """(findings by kind of running jobs and of those that ended in the last days, True if older ones were left out)."""
    check(viewer, name)

    def make() -> tuple[list[Group], bool]:
        stored = found_since(sources, viewer=viewer, user=name, since=when.now - FINDINGS_DAYS * DAY)
        found = [(finding, job, True) for finding, job in _running(sources, viewer, name, when)]
        for row in stored.to_dict("records"):
            found += [(finding, str(row["id_job"]), False) for finding in unstored(row["findings"] or (), sources.settings)]
        return grouped(found, sources.settings.thresholds.normal_cores_per_gpu), bool(stored.attrs["cut"])

    return sources.cache.get_or_make(("user_findings", name), KEPT_SECONDS, make)


def _running(sources: Sources, viewer: Viewer, name: str, when: TimeRange) -> list[Any]:
    """(finding, job id) of the newest running jobs; none while accounting cannot be asked: what is stored is still told."""

    def make() -> list[Any]:
        page = jobs_page(sources, viewer=viewer, filter=JobFilter(user=name, states=("RUNNING",)), limit=RUNNING_SHOWN)
        return of_running(sources, viewer, when, page.frame)

    try:
        return sources.cache.get_or_make((MINE_NOW, name), KEPT_SECONDS, make)
    except TurtleError as error:
        log.info("running jobs of %s are not judged: %s", name, error.detail)
        return []


def month(sources: Sources, viewer: Viewer, name: str, when: TimeRange) -> pd.Series:
    """The person's totals (see datasources.portal.totals) of the last 30 days, and `finished`: runs that ended, summarised or not."""
    check(viewer, name)
    asked: dict[str, Any] = {"since": when.now - MONTH, "until": when.now + 1, "narrow": Narrow(user=name)}
    found = totals(sources, viewer=viewer, by=(), **asked).iloc[0]
    try:
        done, finished = coverage(sources, viewer=viewer, **asked)
    except TurtleError as error:
        log.info("runs of %s are not counted: %s", name, error.detail)
        done = finished = int(found["jobs"])
    return pd.concat([found, pd.Series({"summarised": done, "finished": finished})])


def now_query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
    """Objects: use, used (see jobs_query.use_now), found (see open_findings), month (a Series of totals); each may be an error."""
    name = check(viewer, subject.id)
    calls = {
        "now": lambda: jobs_query.use_now(sources, viewer, jobs_view(subject), when),
        "found": lambda: open_findings(sources, viewer, name, when),
        "month": lambda: month(sources, viewer, name, when),
    }
    found = sources.pool.gather(calls, DEADLINE, "slurm")
    now = found.pop("now")
    return {**found, **({"use": now, "used": now} if isinstance(now, TurtleError) else now)}


def last_query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
    """Frame jobs: the last ten jobs by submission, arrays as one row (columns of jobs_page and jobs_use.with_use); object complete:
    False if the search for them ended early, at its budget of rows."""
    page = jobs_page(sources, viewer=viewer, filter=JobFilter(user=check(viewer, subject.id)), limit=LAST)
    return {"jobs": with_use(sources, viewer, page.frame, when), "complete": page.complete}


def accounts_query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
    """Frame accounts: columns of accounts_of, my_shares (raw, NaN where the account's) and levelfs (now; NaN where not measured)."""
    name = check(viewer, subject.id)
    frame = accounts_of(sources, viewer=viewer, user=name)
    own = {one.account: one for one in of_person(database(sources), name)}
    shares = [getattr(own.get(account), "shares", None) for account in frame["account"]]
    frame = frame.assign(my_shares=pd.Series(shares, index=frame.index, dtype="float64"), levelfs=float("nan"))
    if frame.empty:
        return {"accounts": frame}
    batch = levelfs(sources.settings)
    moment = replace(when, start=when.now - 3600, end=when.now)
    answer = fetch(sources, (batch,), Target(accounts=tuple(frame["account"])), moment, viewer=viewer)[batch.key]
    if not isinstance(answer, TurtleError) and not answer.empty:
        frame["levelfs"] = frame["account"].map(answer.set_index("account")["value"])
    return {"accounts": frame}


def findings_query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
    """Objects: groups (list of Group), cut (bool)."""
    groups, cut = open_findings(sources, viewer, subject.id, when)
    if not groups:
        asked: dict[str, Any] = {"since": when.now - FINDINGS_DAYS * DAY, "until": when.now + 1, "narrow": Narrow(user=subject.id)}
        need_summaries(sources, viewer=viewer, **asked)
    return {"groups": groups, "cut": cut}


def days_query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
    """Frames cores and gpus over the range: one row a UTC day (index time), columns used, wasted, unknown (core-hours, GPU-hours; held
    by runs whose use is not known), which add up to what was allocated; 0 on days without finished runs."""
    name = check(viewer, subject.id)
    since, until = when.start // DAY * DAY, when.end
    found = totals_by_day(sources, viewer=viewer, since=since, until=until + 1, by=(), narrow=Narrow(user=name)).set_index("day")
    if found.empty:
        need_summaries(sources, viewer=viewer, since=since, until=until + 1, narrow=Narrow(user=name))
    days = range(since, until + 1, DAY)
    frames: dict[str, Any] = {}
    for key, amount in (("cores", "core_hours"), ("gpus", "gpu_hours")):
        unknown = (found[amount] - found[f"{amount}_judged"]).clip(lower=0.0)
        parts = {"used": found[f"{amount}_used"], "wasted": found[f"{amount}_wasted"], "unknown": unknown}
        table = pd.DataFrame(parts).reindex(days, fill_value=0.0).astype("float64")
        table.index = pd.DatetimeIndex(pd.to_datetime(list(days), unit="s", utc=True), name="time")
        table.attrs = {"step": DAY}
        frames[key] = table
    return frames
