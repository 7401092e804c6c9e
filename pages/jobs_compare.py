"""Several jobs side by side: on the clock or from their starts, and what each was given and used."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from dash import html

from components import graph, parts
from components.links import link
from components.needs import PLAIN, needs_of
from components.present import plain_text
from components.records import About, Block, Figure, Frames, Need, Page, Panel, Section
from components.table import Column, table
from components.text import N_, _
from core.errors import NoData, TurtleError, Why
from core.subjects import JobsSubject, parse_jobs
from core.timerange import TimeRange
from core.viewer import JOB_OWNER_OR_STAFF, Viewer
from datasources.prometheus import job_batches_user, job_frames
from datasources.prometheus.batch import Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm.jobs import runs_of
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.job_head import plain_id, role_of
from pages.jobs_export import written
from pages.jobs_use import task_use

MS_PER_HOUR = 3_600_000
KINDS = ("cores", "memory", "gpus")


@dataclass(frozen=True, kw_only=True)
class CompareView(JobsSubject):
    """Jobs to compare; `align` "start" puts them on one time from their starts."""

    align: str = ""


def subject_of(params: Mapping[str, str]) -> CompareView:
    """The subject of /jobs/compare?ids=&align=; raises BadInput for no id, a bad one or too many."""
    found = parse_jobs(params.get("ids", ""))
    return CompareView(id=found.id, jobs=found.jobs, align="start" if params.get("align") == "start" else "")


def the_runs(sources: Sources, viewer: Viewer, subject: CompareView) -> list[Run]:
    """The last run of each job the viewer may see; raises NotFound if there is none."""
    key = ("jobs", viewer.scope, subject.id)
    return sources.cache.get_or_make(key, 15, lambda: runs_of(sources, viewer=viewer, subject=subject))


def span(sources: Sources, viewer: Viewer, subject: CompareView, now: int) -> tuple[int, int]:
    """From the first start to the last end, or now."""
    lives = [run.life(now) for run in the_runs(sources, viewer, subject) if run.started]
    return (min(life[0] for life in lives), max(life[1] for life in lives)) if lives else (now - 3600, now)


def query_table(sources: Sources, viewer: Viewer, subject: CompareView, when: TimeRange) -> Frames:
    """Frame jobs: one row a job with what it was given and used (columns as the list of jobs, and queued in s)."""
    found = the_runs(sources, viewer, subject)
    shown = task_use(sources, viewer, found, when)
    shown["queued"] = [(run.start or run.end or when.now) - run.submit for run in found]
    return {"jobs": shown, "missing": len(subject.jobs) - len(found)}


def exported(sources: Sources, viewer: Viewer, subject: CompareView, when: TimeRange) -> Frames:
    """Frame jobs as a file (see jobs_export.written)."""
    return {"jobs": written(task_use(sources, viewer, the_runs(sources, viewer, subject), when))}


def query_charts(sources: Sources, viewer: Viewer, subject: CompareView, when: TimeRange) -> Frames:
    """Frames cores, memory (bytes), gpus: one column a job (level job), on the clock or from each start (from 1970 on)."""
    found = [run for run in the_runs(sources, viewer, subject) if run.started]
    if not found:
        return {kind: NoData(Why.NOT_STARTED) for kind in KINDS}
    kinds = KINDS if any(run.gpus for run in found) else KINDS[:2]
    batches = tuple(job_batches_user.several(sources.settings, kind) for kind in kinds)
    target = Target(jobs=tuple(run.id_job for run in found))
    answers = fetch(sources, batches, target, when, viewer=viewer)
    frames: dict[str, Any] = {"gpus": NoData(Why.NOT_APPLICABLE), "order": [run.job_id for run in the_runs(sources, viewer, subject)]}
    for kind, batch in zip(kinds, batches, strict=True):
        frame = answers[batch.key]
        if isinstance(frame, pd.DataFrame) and frame.columns.empty:
            frame = NoData(reason_for_empty(sources, batch, target, when, None), batch.exporter)
        frames[kind] = frame if isinstance(frame, TurtleError) else by_job(frame, found, when, subject.align == "start")
    return job_frames.with_units(frames, {"cores": "cores", "memory": "bytes", "gpus": "GPUs"})


def by_job(frame: pd.DataFrame, found: list[Run], when: TimeRange, aligned: bool) -> pd.DataFrame:
    """Columns named by job (level job) in the order asked for, each within its run, moved to its start if `aligned`."""
    parts_ = {}
    step = int(frame.attrs.get("step") or 60)
    for run in found:
        own = job_frames.part(frame, slurmjobid=str(run.id_job))
        if own.columns.empty:
            continue
        series = job_frames.within(own, *run.life(when.now)).iloc[:, 0]
        if aligned:
            since = (series.index.as_unit("s").asi8 - run.start) // step * step
            series = pd.Series(series.to_numpy(), index=pd.to_datetime(since, unit="s", utc=True))
        parts_[run.job_id] = series
    shown = pd.DataFrame(parts_)
    shown.columns = pd.MultiIndex.from_arrays([list(parts_)], names=["job"])
    shown.index.name = "time"
    shown.attrs = dict(frame.attrs)
    return shown


def _chart(frame: pd.DataFrame, about: About, unit: str) -> Figure:
    jobs, order = list(frame.columns.get_level_values("job")), about.frames["order"]
    view = about
    if about.subject.align == "start":
        longest = int(np.max(frame.index.as_unit("s").asi8)) if len(frame) else 1
        view = replace(about, when=replace(about.when, start=0, end=max(longest, 1)))
    # a job has the same colour in every chart, also where one before it has no samples
    traces = [
        graph.line(frame.iloc[:, place], _("job %(id)s", id=job), order.index(job), step=frame.attrs.get("step"))
        for place, job in enumerate(jobs)
    ]
    figure = graph.figure(traces, unit=unit, about=view)
    return relative(figure) if about.subject.align == "start" else figure


def relative(figure: Figure) -> Figure:
    """The same chart over hours since the start: numbers, which no time zone moves."""
    for trace in figure["data"]:
        start, step, count = trace.pop("x0"), trace.pop("dx"), len(base64.b64decode(trace["y"]["bdata"])) // 4
        trace["x"] = graph.packed((start + step * np.arange(count)) / MS_PER_HOUR)
    axis = figure["layout"]["xaxis"]
    axis |= {"type": "linear", "ticksuffix": " h", "range": [point / MS_PER_HOUR for point in axis["range"]]}
    return figure


def cores(frame: pd.DataFrame, about: About) -> Figure:
    """Busy cores of each job."""
    return _chart(frame, about, "")


def memory(frame: pd.DataFrame, about: About) -> Figure:
    """Program memory of each job."""
    return _chart(frame, about, "B")


def gpus(frame: pd.DataFrame, about: About) -> Figure:
    """Busy GPUs of each job."""
    return _chart(frame, about, "")


def draw_table(frames: Frames, about: About) -> Any:
    """What each job was given and used, side by side."""
    settings = about.settings
    order = [str(job) for job in frames["jobs"]["job_id"]]

    def job(row: dict[str, Any]) -> Any:
        place = order.index(str(row["job_id"]))
        swatch = html.I(className="tt-swatch", style={"background": f"var(--tt-{graph.colour(place)})"})
        return [swatch, parts.page_link(row["job_id"], link(settings, f"/job/{_plain(row)}"))]

    columns = (
        Column(key="job_id", title=N_("Job"), phone=True, draw=job),
        Column(key="state", title=N_("State"), kind="state", phone=True),
        Column(key="name", title=N_("Name"), draw=lambda row: str(plain_text(row["name"]))),
        Column(key="queued", title=N_("Queued"), kind="duration"), Column(key="start", title=N_("Start"), kind="time"),
        Column(key="elapsed", title=N_("Ran"), kind="duration"), Column(key="nodes", title=N_("Nodes"), kind="number"),
        Column(key="cores", title=N_("Cores"), kind="number"),
        Column(key="cpu_efficiency", title=N_("Cores used"), kind="bar", role=role_of),
        Column(key="memory", title=N_("Memory"), kind="bytes"),
        Column(key="memory_efficiency", title=N_("Memory used"), kind="bar", role=role_of),
        Column(key="gpus", title=N_("GPUs"), kind="number"),
        Column(key="gpu_use", title=N_("GPUs used"), kind="bar", role=role_of),
    )
    missing = frames["missing"]
    note = parts.notice(_("%(count)s of the jobs asked for do not exist or are not yours.", count=missing)) if missing else None
    return html.Div([note, table(frames["jobs"], columns)])


def _plain(row: dict[str, Any]) -> str:
    return str(row["job_id"]) if "[" not in str(row["job_id"]) else str(row["array_job"])


def head(sources: Sources, viewer: Viewer, subject: CompareView, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """Title and the choice of time; raises NotFound if none of the jobs is the viewer's."""
    found = the_runs(sources, viewer, subject)
    settings, ids = sources.settings, ",".join(plain_id(run) for run in found)
    choices = [
        parts.choice(text, link(settings, "/jobs/compare", ids=ids, **({"align": align} if align else {})), subject.align == align)
        for align, text in (("", _("On the clock")), ("start", _("From each start")))
    ]
    title = html.Div([html.Div([html.H1(_("Compare jobs"))], className="tt-title"), html.Div(choices, className="tt-runs")], className="tt-title-row")
    return _("Compare jobs"), title, None


def _needs(kind: str) -> tuple[Need, ...]:
    return needs_of(job_batches_user.several(PLAIN, kind))


HELP = N_(
    "Each job has one colour on this page. To compare others, tick them in the list of jobs, or write their ids into the address: "
    "ids=100-105,107."
)
COMPARE = Page(
    key="compare", module="jobstats", path="/jobs/compare", title=N_("Compare jobs"), icon="arrow-left-right", access=JOB_OWNER_OR_STAFF,
    subject=subject_of, head=head, span=span, in_menu=False, order=21, filters=("ids", "align"), needs=(Need(kind="database", name="slurm"),),
    description=N_("Several jobs side by side."),
    crumbs=lambda subject: ((N_("Jobs"), "/jobs"), (N_("Compare jobs"), "")),
    sections=(
        Section(
            key="table", title=N_("The jobs"), query=query_table, export=exported, access=JOB_OWNER_OR_STAFF, eager=True,
            blocks=(Block(key="jobs", title=N_("Given and used"), draw=draw_table, csv="jobs", height=240, help=HELP),),
        ),
        Section(
            key="overlay", title=N_("Over time"), query=query_charts, access=JOB_OWNER_OR_STAFF,
            panels=(
                Panel(key="cores", title=N_("Cores"), unit=N_("busy, each job"), frame="cores", figure=cores, needs=_needs("cores"),
                      help=N_("How many cores of each job worked.")),
                Panel(key="memory", title=N_("Memory"), unit=N_("program, each job"), frame="memory", figure=memory, needs=_needs("memory"),
                      help=N_("Memory of each job's program, without the file cache.")),
                Panel(key="gpus", title=N_("GPUs"), unit=N_("busy, each job"), frame="gpus", figure=gpus, needs=_needs("gpus"),
                      help=N_("How many GPUs of each job computed, each counted by its share of time.")),
            ),
        ),
    ),
)
