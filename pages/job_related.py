"""What belongs to a job: dependencies both ways, the other tasks of its array, components, steps, events of its nodes."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import link
from components.records import About, Block, Frames, Section
from components.table import Column, table
from components.text import N_, _
from core.errors import TurtleError
from core.settings import Settings
from core.subjects import JobSubject
from core.timerange import TimeRange
from core.viewer import JOB_OWNER_OR_STAFF, Viewer
from datasources.slurm import detail
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.job_facts import dependencies_of
from pages.job_head import plain_id
from pages.job_query import steps_of, the_run

MOST_STEPS = 500  # rows of steps shown; the CSV has all of them
KINDS = {
    "after": N_("after it began"), "afterany": N_("after it ended"), "afterok": N_("after it succeeded"),
    "afternotok": N_("after it failed"), "aftercorr": N_("after the same task of it succeeded"),
    "afterburstbuffer": N_("after its burst buffer was written"), "expand": N_("to extend it"),
    "singleton": N_("after all earlier jobs of this name"),
}


def read_all(calls: dict[str, Any]) -> dict[str, Any]:
    """The answers of several reads; an error stands in the place of what could not be read."""
    found: dict[str, Any] = {}
    for name, call in calls.items():
        try:
            found[name] = call()
        except TurtleError as error:
            found[name] = error
    return found


def query_dependencies(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frame dependencies (see datasources.slurm.dependencies); object run."""
    run = the_run(sources, viewer, subject)
    return {"run": run, "dependencies": dependencies_of(sources, viewer, subject, run)}


def query_array(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Objects run, counts ({state: tasks} of the array the run is part of)."""
    run = the_run(sources, viewer, subject)
    counts = detail.array_counts(sources, viewer=viewer, array_job=run.array_job) if run.array_job else {}
    return {"run": run, "counts": counts}


def query_components(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Objects run, components (list of Run)."""
    run = the_run(sources, viewer, subject)
    return {"run": run, "components": detail.het_components(sources, viewer=viewer, run=run)}


def query_records(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames steps, events (see datasources.slurm.detail), spells (start, end of suspensions); object run."""
    run = the_run(sources, viewer, subject)
    found = read_all(
        {
            "steps": lambda: steps_of(sources, viewer, subject, run),
            "events": lambda: detail.node_events(sources, viewer=viewer, run=run),
            "spells": lambda: detail.suspensions(sources, viewer=viewer, run=run),
        }
    )
    allowed = sources.settings.site.node_reasons
    if isinstance(found["events"], pd.DataFrame) and not (allowed == "all" or (allowed == "staff" and viewer.is_staff)):
        found["events"] = found["events"].drop(columns=["reason", "reason_uid"])
    return {"run": run, **found}


def job_link(settings: Settings, run: Run) -> Any:
    """A link to a run's page."""
    return parts.page_link(run.job_id, link(settings, f"/job/{plain_id(run)}"))


def _frame(frames: Frames, name: str) -> pd.DataFrame:
    found = frames[name]
    if isinstance(found, Exception):
        raise found
    return found


def _other(row: dict[str, Any], settings: Settings) -> Any:
    """The job of a dependency: a link if it is the same person's."""
    if not row["link"] or not row["job"]:
        return row["job"]
    return parts.page_link(row["job"], link(settings, f"/job/{row['job'].partition('_*')[0]}"))


def draw_dependencies(frames: Frames, about: About) -> Any:
    """What the job waited for, and what waits for it."""
    words = {"needs": N_("waits for"), "needed_by": N_("is awaited by")}
    columns = (
        Column(key="direction", title=N_("This job"), phone=True, draw=lambda row: _(words[row["direction"]])),
        Column(key="job", title=N_("Job"), phone=True, draw=lambda row: _other(row, about.settings)),
        Column(key="kind", title=N_("Condition"), draw=lambda row: _(KINDS.get(row["kind"], row["kind"]))),
        Column(key="state", title=N_("State"), draw=lambda row: parts.state_badge(row["state"]) if row["state"] else fmt.NONE),
        Column(key="name", title=N_("Name")), Column(key="start", title=N_("Start"), kind="time"),
        Column(key="end", title=N_("End"), kind="time"),
    )
    return table(_frame(frames, "dependencies"), columns, empty=N_("The job depends on no other job, and none depends on it."))


def draw_array(frames: Frames, about: About) -> Any:
    """How the array as a whole stands, with the way to its page; nothing for other jobs."""
    run, counts = frames["run"], frames["counts"]
    if isinstance(counts, Exception):
        raise counts
    if not counts:
        return parts.empty(_("The job is not part of an array."), "grid-3x3-gap")
    address = link(about.settings, f"/job/{run.array_job}")
    return html.Div([count_badges(counts), parts.page_link(_("All tasks of array %(id)s", id=run.array_job), address)], className="tt-array")


def count_badges(counts: dict[str, int]) -> html.Div:
    """Tasks by state as badges, most first."""
    shown = sorted(counts.items(), key=lambda item: -item[1])
    return html.Div([html.Span([parts.state_badge(state), f" {fmt.number(count)} "]) for state, count in shown], className="tt-counts")


def draw_components(frames: Frames, about: About) -> Any:
    """The components of a heterogeneous job."""
    names = ("job_id", "state", "partition", "nodes", "cores", "memory", "gpus")
    rows = [{name: getattr(run, name) for name in names} | {"run": run} for run in frames["components"]]
    columns = (
        Column(key="job_id", title=N_("Component"), phone=True, draw=lambda row: job_link(about.settings, row["run"])),
        Column(key="state", title=N_("State"), kind="state", phone=True), Column(key="partition", title=N_("Partition")),
        Column(key="nodes", title=N_("Nodes"), kind="number"), Column(key="cores", title=N_("Cores"), kind="number"),
        Column(key="memory", title=N_("Memory"), kind="bytes"), Column(key="gpus", title=N_("GPUs"), kind="number"),
    )
    return table(pd.DataFrame(rows), columns, empty=N_("The job has one component."))


STEPS = (
    Column(key="step", title=N_("Step"), phone=True), Column(key="name", title=N_("Name")),
    Column(key="state", title=N_("State"), kind="state", phone=True), Column(key="exit_code", title=N_("Exit code")),
    Column(key="elapsed", title=N_("Ran"), kind="duration"), Column(key="tasks", title=N_("Tasks"), kind="number"),
    Column(key="cores", title=N_("Cores"), kind="number"), Column(key="cpu_total", title=N_("CPU time"), kind="duration"),
    Column(key="rss_total", title=N_("Memory"), kind="bytes", help=N_("Sum of the peaks of all tasks")),
    Column(key="max_rss", title=N_("Largest task"), kind="bytes", help=N_("Peak of the task that held most")),
)


def draw_steps(frames: Frames, about: About) -> Any:
    """The steps with what accounting recorded of each."""
    return table(_frame(frames, "steps").head(MOST_STEPS), STEPS, empty=N_("No step was recorded."))


def draw_events(frames: Frames, about: About) -> Any:
    """Down and drain spells of the job's nodes; reasons only for those the site shows them to."""
    frame = _frame(frames, "events")
    columns = [
        Column(key="node", title=N_("Node"), phone=True), Column(key="state", title=N_("State"), phone=True),
        Column(key="start", title=N_("From"), kind="time"),
        Column(key="end", title=N_("Until"), kind="time", draw=lambda row: fmt.moment(row["end"]) if row["end"] else _("still")),
    ]
    if "reason" in frame.columns:
        columns.append(Column(key="reason", title=N_("Reason")))
    return table(frame, columns, empty=N_("None of the job's nodes was down or drained while it ran."))


def draw_spells(frames: Frames, about: About) -> Any:
    """When the job was suspended."""
    frame = _frame(frames, "spells")
    if frame.empty:
        return html.Span(className="tt-hide")
    now = about.when.now
    columns = (
        Column(key="start", title=N_("Suspended"), kind="time", phone=True),
        Column(key="end", title=N_("Resumed"), kind="time", draw=lambda row: fmt.moment(row["end"]) if row["end"] else _("still")),
        Column(key="length", title=N_("For"), kind="duration", phone=True),
    )
    shown = frame.assign(length=[(end or now) - start for start, end in zip(frame["start"], frame["end"], strict=True)])
    return table(shown, columns)


DEPENDENCIES = Section(
    key="dependencies", title=N_("Dependencies"), query=query_dependencies, access=JOB_OWNER_OR_STAFF,
    blocks=(Block(key="dependencies", title=N_("Jobs before and after"), draw=draw_dependencies, csv="dependencies", height=100),),
)
SIBLINGS = Section(
    key="siblings", title=N_("Array"), query=query_array, access=JOB_OWNER_OR_STAFF,
    blocks=(Block(key="array", title=N_("Tasks of the array"), draw=draw_array, height=60),),
)
COMPONENTS = Section(
    key="components", title=N_("Components"), query=query_components, access=JOB_OWNER_OR_STAFF,
    blocks=(Block(key="components", title=N_("Components"), draw=draw_components, height=60),),
)
RECORDS = Section(
    key="records", title=N_("Steps and events"), query=query_records, access=JOB_OWNER_OR_STAFF,
    blocks=(
        Block(key="steps", title=N_("Steps"), draw=draw_steps, csv="steps", height=160,
              help=N_("What accounting recorded of each step: CPU time of all its tasks, and the memory of its largest task.")),
        Block(key="events", title=N_("Events of the nodes"), draw=draw_events, csv="events", height=80),
        Block(key="spells", title=N_("Suspensions"), draw=draw_spells, height=40),
    ),
)
