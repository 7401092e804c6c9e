"""What the page of a person's jobs reads: use now, use over time, and the list with what each job used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from components.records import Frames
from core.errors import NoData, NotFound, TurtleError, Why
from core.narrow import Narrow
from core.subjects import Subject, parse_jobs, user
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import job_batches_user, job_frames
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm.cluster import current_use
from datasources.slurm.jobs import JobFilter, jobs_page
from datasources.sources import Sources
from pages.jobs_use import with_use

EVERYBODY = "*"
STATES = (
    "PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED",
    "BOOT_FAIL", "DEADLINE",
)
ORDERS = ("submit", "start", "end", "id")
PAGE = 50
PAGE_WASTE = 100  # looked through for jobs with something to act on
FILTERS = ("user", "state", "partition", "account", "name", "id", "node", "waste", "order", "asc", "cursor")


@dataclass(frozen=True, kw_only=True)
class JobsView(Subject):
    """A list of jobs as the address describes it; `timed` says that a time range was named."""

    kind: str = "job_list"
    user: str = ""
    states: tuple[str, ...] = ()
    partition: str = ""
    account: str = ""
    name: str = ""
    ids: str = ""
    node: str = ""
    waste: bool = False
    order: str = "submit"
    ascending: bool = False
    cursor: str = ""
    timed: bool = False
    span: tuple[tuple[str, str], ...] = ()  # the range as the address writes it

    def query(self, **changes: str) -> dict[str, str]:
        """The query of this view's address, with changes; "" leaves a parameter out, and so starts at the first page."""
        have = {
            "user": self.user, "state": ",".join(self.states), "partition": self.partition, "account": self.account,
            "name": self.name, "id": self.ids, "node": self.node, "waste": "1" if self.waste else "",
            "order": "" if self.order == "submit" else self.order, "asc": "1" if self.ascending else "",
        }
        return {key: value for key, value in (have | changes).items() if value}


def subject_of(params: Mapping[str, str]) -> JobsView:
    """The subject of /jobs; raises BadInput for names and ids that cannot be."""
    wanted = params.get("user", "")
    if wanted and wanted != EVERYBODY:
        user(wanted)
    ids = params.get("id", "").strip()
    if ids:
        parse_jobs(ids)
    states = tuple(word for word in params.get("state", "").upper().split(",") if word in STATES)
    order = params.get("order", "submit")
    span = tuple((name, params[name]) for name in ("from", "to") if params.get(name))
    texts = {name: params.get(name, "").strip()[:128] for name in ("partition", "account", "name", "node")}
    return JobsView(
        id=wanted, user=wanted, states=states, ids=ids, waste=params.get("waste") == "1", order=order if order in ORDERS else "submit",
        ascending=params.get("asc") == "1", cursor=params.get("cursor", ""), timed=bool(span), span=span, **texts,
    )


def narrow_of(subject: JobsView) -> Narrow:
    """What the list is narrowed to, as on the pages of the cluster."""
    person = "" if subject.user == EVERYBODY else subject.user
    return Narrow(account=subject.account, user=person, partition=subject.partition, node=subject.node)


def whose(viewer: Viewer, subject: JobsView) -> str | None:
    """Whose jobs are listed: one's own, for staff anybody's (None: everybody's); raises NotFound for others."""
    if not subject.user:
        return viewer.name
    if viewer.is_staff:
        return None if subject.user == EVERYBODY else subject.user
    if subject.user != viewer.name:
        raise NotFound(f"jobs of {subject.user}")
    return viewer.name


def _one_person(viewer: Viewer, subject: JobsView) -> str:
    name = whose(viewer, subject)
    if name is None:
        raise NoData(Why.NOT_APPLICABLE, "user")
    return name


def use_now(sources: Sources, viewer: Viewer, subject: JobsView, when: TimeRange) -> Frames:
    """Objects: use (datasources.slurm.cluster.Use), used ({cores, memory in bytes, gpus: float} of the last hour, or an error)."""
    name = _one_person(viewer, subject)
    hour = replace(when, start=when.now - 3600, end=when.now)
    batch = job_batches_user.now_used(sources.settings)
    answer = fetch(sources, (batch,), Target(users=(name,)), hour, viewer=viewer)[batch.key]
    return {"use": current_use(sources, viewer=viewer, user=name), "used": _hour(answer)}


def _hour(answer: pd.DataFrame | TurtleError) -> dict[str, float] | TurtleError:
    """Cores as the mean of the hour; memory and GPUs as their highest."""
    if isinstance(answer, TurtleError):
        return answer
    found: dict[str, float] = {}
    for what in ("cores", "memory", "gpus"):
        part = job_frames.part(answer, what=what)
        if not part.columns.empty:
            values = part.sum(axis=1, min_count=1)
            found[what] = float(values.mean() if what == "cores" else values.max())
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _read(sources: Sources, viewer: Viewer, name: str, batches: tuple[Batch, ...], when: TimeRange) -> dict[str, Any]:
    target = Target(users=(name,))
    found = fetch(sources, batches, target, when, viewer=viewer)
    for batch in batches:
        frame = found[batch.key]
        if isinstance(frame, pd.DataFrame) and frame.columns.empty:
            found[batch.key] = NoData(reason_for_empty(sources, batch, target, when, None), batch.exporter)
    return found


def over_time(sources: Sources, viewer: Viewer, subject: JobsView, when: TimeRange) -> Frames:
    """Frames cores, memory, gpus (levels what, user), gpu_power (levels what, gpu_type; W)."""
    name = _one_person(viewer, subject)
    kinds = ("cores", "memory", "gpus")
    batches = (*(job_batches_user.recorded(sources.settings, kind) for kind in kinds), job_batches_user.gpu_power(sources.settings))
    found = _read(sources, viewer, name, batches, when)
    units = {"cores": "cores", "memory": "bytes", "gpus": "GPUs"}  # of GPU power the columns say what is watts
    return job_frames.with_units({kind: found[f"user_{kind}"] for kind in (*kinds, "gpu_power")}, units)


def files(sources: Sources, viewer: Viewer, subject: JobsView, when: TimeRange) -> Frames:
    """Frames metadata (levels fs, operation; 1/s) and bandwidth (levels fs, operation; bytes/s)."""
    name = _one_person(viewer, subject)
    batch = job_batches_user.lustre(sources.settings)
    found = _read(sources, viewer, name, (batch,), when)[batch.key]
    if isinstance(found, TurtleError):
        return {"metadata": found, "bandwidth": found}
    kinds = found.columns.get_level_values("operation")
    data = kinds.isin(["read_bytes", "write_bytes"])
    busy = found.fillna(0).to_numpy().any(axis=0) | (kinds == "operations")
    parts = {"metadata": found.loc[:, ~data & busy], "bandwidth": found.loc[:, data]}
    frames = {key: part if part.shape[1] else NoData(Why.NO_DATA, "lustre") for key, part in parts.items()}
    return job_frames.with_units(frames, {"metadata": "1/s", "bandwidth": "bytes/s"})


def filter_of(viewer: Viewer, subject: JobsView, when: TimeRange, *, fold: bool = True) -> JobFilter:
    """The list's filter; the time range counts only if the address names one."""
    return JobFilter(
        user=whose(viewer, subject), account=subject.account or None, partition=subject.partition or None, states=subject.states,
        name=subject.name, ids=parse_jobs(subject.ids) if subject.ids else None, node=subject.node or None,
        since=when.start if subject.timed else None, until=when.end if subject.timed else None, fold=fold,
    )


def listed(sources: Sources, viewer: Viewer, subject: JobsView, when: TimeRange) -> Frames:
    """Frame jobs: jobs_page's columns and those of jobs_use.with_use; objects next, previous, complete, searched (jobs looked at)."""
    page = jobs_page(
        sources, viewer=viewer, filter=filter_of(viewer, subject, when), order=subject.order, descending=not subject.ascending,
        cursor=subject.cursor or None, limit=PAGE_WASTE if subject.waste else PAGE,
    )
    frame = with_use(sources, viewer, page.frame, when)
    searched = len(frame)
    if subject.waste:
        frame = frame[frame["to_act"] > 0]
    return {"jobs": frame, "next": page.next, "previous": page.previous, "complete": page.complete, "searched": searched}
