"""What belongs to a job: dependencies both ways, the other tasks of its array, components, steps, events of its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import link
from components.present import plain_text
from components.records import About, Block, Frames, Section
from components.text import N_, _
from core.errors import TurtleError
from core.settings import Settings
from core.subjects import JobSubject
from core.timerange import TimeRange
from core.viewer import JOB_OWNER_OR_STAFF, Viewer
from datasources.slurm import detail
from datasources.slurm.dependencies import dependencies
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.job_head import plain_id
from pages.job_query import script_of, steps_of, the_run

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
    script = script_of(sources, viewer, subject, run) or ""
    return {"run": run, "dependencies": dependencies(sources, viewer=viewer, run=run, script=script)}


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


def small_table(heads: Sequence[str], rows: Sequence[Sequence[Any]], numbers: frozenset[int] = frozenset()) -> html.Div:
    """A short table as it is; `numbers` are the places of columns that are right-aligned."""
    head = html.Thead(html.Tr([html.Th(text, scope="col", className="tt-num" if place in numbers else None) for place, text in enumerate(heads)]))
    body = [
        html.Tr([html.Td(cell, className="tt-num num" if place in numbers else None) for place, cell in enumerate(row)])
        for row in rows
    ]
    return html.Div(html.Table([head, html.Tbody(body)], className="tt-table"), className="tt-scroll")


def _frame(frames: Frames, name: str) -> pd.DataFrame:
    found = frames[name]
    if isinstance(found, Exception):
        raise found
    return found


def draw_dependencies(frames: Frames, about: About) -> Any:
    """What the job waited for, and what waits for it."""
    frame = _frame(frames, "dependencies")
    if frame.empty:
        return parts.empty(_("The job depends on no other job, and none depends on it."), "diagram-3")
    words = {"needs": _("waits for"), "needed_by": _("is awaited by")}
    rows = []
    for row in frame.to_dict("records"):
        job = parts.page_link(row["job"], link(about.settings, f"/job/{row['job'].partition('_*')[0]}")) if row["link"] and row["job"] else row["job"]
        kind = _(KINDS.get(row["kind"], row["kind"]))
        rows.append(
            (words[row["direction"]], job, kind, parts.state_badge(row["state"]) if row["state"] else "", row["name"],
             fmt.moment(row["start"]), fmt.moment(row["end"]))
        )
    return small_table((_("Direction"), _("Job"), _("Condition"), _("State"), _("Name"), _("Start"), _("End")), rows)


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
    found = frames["components"]
    if isinstance(found, Exception):
        raise found
    if not found:
        return parts.empty(_("The job has one component."), "box")
    rows = [
        (job_link(about.settings, run), parts.state_badge(run.state), run.partition, fmt.number(run.nodes), fmt.number(run.cores),
         fmt.bytes_(run.memory), fmt.number(run.gpus))
        for run in found
    ]
    heads = (_("Component"), _("State"), _("Partition"), _("Nodes"), _("Cores"), _("Memory"), _("GPUs"))
    return small_table(heads, rows, frozenset({3, 4, 5, 6}))


def draw_steps(frames: Frames, about: About) -> Any:
    """The steps with what accounting recorded of each."""
    frame = _frame(frames, "steps")
    if frame.empty:
        return parts.empty(_("No step was recorded."), "list-task")
    rows = [
        (row["step"], str(plain_text(row["name"])), parts.state_badge(row["state"]), row["exit_code"], fmt.duration(row["elapsed"]),
         fmt.number(row["tasks"]), fmt.number(row["cores"]), fmt.duration(row["cpu_total"]), fmt.bytes_(row["max_rss"]))
        for row in frame.head(500).to_dict("records")
    ]
    heads = (
        _("Step"), _("Name"), _("State"), _("Exit code"), _("Ran"), _("Tasks"), _("Cores"), _("CPU time"), _("Largest task"),
    )
    return small_table(heads, rows, frozenset({4, 5, 6, 7, 8}))


def draw_events(frames: Frames, about: About) -> Any:
    """Down and drain spells of the job's nodes; reasons only for those the site shows them to."""
    frame = _frame(frames, "events")
    if frame.empty:
        return parts.empty(_("None of the job's nodes was down or drained while it ran."), "check-circle-fill")
    reasons = "reason" in frame.columns
    rows = [
        (row["node"], row["state"], fmt.moment(row["start"]), fmt.moment(row["end"]) if row["end"] else _("still"),
         *((row["reason"],) if reasons else ()))
        for row in frame.to_dict("records")
    ]
    return small_table((_("Node"), _("State"), _("From"), _("Until"), *((_("Reason"),) if reasons else ())), rows)


def draw_spells(frames: Frames, about: About) -> Any:
    """When the job was suspended."""
    frame = _frame(frames, "spells")
    if frame.empty:
        return html.Span(_("The job was never suspended."), className="tt-muted")
    rows = [
        (fmt.moment(row["start"]), fmt.moment(row["end"]) if row["end"] else _("still"),
         fmt.duration((row["end"] or about.when.now) - row["start"]))
        for row in frame.to_dict("records")
    ]
    return small_table((_("Suspended"), _("Resumed"), _("For")), rows)


DEPENDENCIES = Section(
    key="dependencies", title=N_("Dependencies"), query=query_dependencies, access=JOB_OWNER_OR_STAFF,
    blocks=(Block(key="dependencies", title=N_("Dependencies"), draw=draw_dependencies, csv="dependencies", height=100),),
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
