"""An array as a whole: how many tasks are in which state, what each used, and how run times and peaks are spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from dash import html

from analysis.accounting import accounting
from analysis.facts import FACTS_READABLE
from components import format as fmt
from components import graph, parts
from components.links import link
from components.parts import choice
from components.present import plain_text
from components.records import About, Block, Figure, Frames, Panel, Section
from components.table import Column, pick_bar, picker, table
from components.text import N_, _
from core.errors import NoData, SourceError, Why
from core.settings import Settings
from core.subjects import JobSubject
from core.timerange import TimeRange
from core.units import HOUR
from core.viewer import JOB_OWNER_OR_STAFF, Viewer
from datasources.portal.facts import stored_use
from datasources.slurm import detail
from datasources.slurm.finished import step_totals
from datasources.slurm.members import array_members, member_runs
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.job_query import shared, the_run
from pages.job_ways import ways
from pages.jobs_export import file_of
from pages.jobs_list import MOST_COMPARED, time_cell, unset, use_columns
from pages.jobs_use import STEPS, task_use

PAGE = 100  # tasks in one table
TONES = {"bad": "bad", "good": "used", "info": "info", "warn": "waste", "muted": "alloc"}  # of a state's badge → colour of a mark
ORDER = ("bad", "warn", "info", "muted", "good")  # failing tasks first


def _array_job(sources: Sources, viewer: Viewer, subject: JobSubject) -> int:
    return the_run(sources, viewer, subject).array_job or subject.job


def _tone(state: str) -> str:
    return parts.STATE_TONES.get(state, "muted")


def members(sources: Sources, viewer: Viewer, subject: JobSubject) -> pd.DataFrame:
    """All tasks (columns of slurm.members.array_members), failing ones first, then by their numbers."""
    array = _array_job(sources, viewer, subject)
    found = shared(sources, viewer, subject, "members", lambda: array_members(sources, viewer=viewer, array_job=array))
    rank = found["state"].map(lambda state: ORDER.index(_tone(state)))
    task = pd.to_numeric(found["task"], errors="coerce").fillna(-1)
    return found.assign(rank=rank, number=task).sort_values(["rank", "number"], kind="stable", ignore_index=True)


def query_counts(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Object counts: {state: tasks}."""
    array = _array_job(sources, viewer, subject)
    return {"counts": detail.array_counts(sources, viewer=viewer, array_job=array), "run": the_run(sources, viewer, subject)}


def query_tasks(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frame tasks (columns of jobs_use.task_use) of this page; objects run, states ({state: rows}), first and rows (places)."""
    every = members(sources, viewer, subject)
    states = every["state"].value_counts().to_dict()
    wanted = getattr(subject, "state", "")
    chosen = every[every["state"] == wanted] if wanted else every
    first = max(getattr(subject, "after", -1), 0)
    ids = chosen["job_db_inx"].iloc[first : first + PAGE].tolist()
    frame = task_use(sources, viewer, member_runs(sources, viewer=viewer, job_db_inxs=ids), when)
    return {"run": the_run(sources, viewer, subject), "tasks": frame, "states": states, "first": first, "rows": len(chosen)}


def query_spread(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frames ran (ended tasks: task, tone, value in s) and peaks (value in bytes); object run."""
    every = members(sources, viewer, subject)
    ended = every[every["ended"] & every["elapsed"].notna() & every["task"].notna()]
    plain = pd.DataFrame({"task": ended["task"].astype(float), "tone": ended["state"].map(_tone), "value": ended["elapsed"].astype(float)})
    peaks = plain.assign(value=ended["job_db_inx"].map(memory_peaks(sources, viewer, ended["job_db_inx"].tolist())).astype(float)).dropna()
    plain.attrs["unit"], peaks.attrs["unit"] = "s", "B"
    return {
        "run": the_run(sources, viewer, subject), "ran": plain if len(plain) else NoData(Why.NOT_STARTED, "array"),
        "peaks": peaks if len(peaks) else NoData(Why.NO_DATA, "job_facts"),
    }  # fmt: skip


def exported(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frame tasks: all of them (see jobs_export.written), also those of other pages."""
    every = members(sources, viewer, subject)
    wanted = getattr(subject, "state", "")
    ids = (every[every["state"] == wanted] if wanted else every)["job_db_inx"].tolist()
    return {"tasks": file_of(sources, viewer, lambda few: member_runs(sources, viewer=viewer, job_db_inxs=few), ids, when)}


def memory_peaks(sources: Sources, viewer: Viewer, ids: list[int]) -> dict[int, float]:
    """{job_db_inx: bytes} of finished runs: stored ones, of others what accounting says."""
    try:
        facts = stored_use(sources, viewer=viewer, job_db_inxs=ids, version=FACTS_READABLE).dropna(subset=["memory_peak"])
    except SourceError:
        facts = pd.DataFrame(columns=["job_db_inx", "memory_peak"])  # accounting is asked for all of them
    found = {int(inx): float(peak) for inx, peak in zip(facts["job_db_inx"], facts["memory_peak"], strict=True)}
    rest = [inx for inx in ids if inx not in found]
    steps = step_totals(sources, viewer=viewer, job_db_inxs=rest, limit=STEPS)
    for inx, rows in steps.groupby("job_db_inx"):
        peak = accounting(rows)[1]
        if peak is not None:
            found[int(inx)] = peak
    return found


def head(run: Run, subject: JobSubject, viewer: Viewer, settings: Settings, when: TimeRange, person: str = "") -> html.Div:
    """Title of an array's page."""
    name = html.H1(plain_text(run.name) or _("(no name)"), className="tt-job-name")
    back = parts.page_link([parts.icon("list-task"), html.Span(_("In the list"))], link(settings, "/jobs", id=str(subject.job)), "tt-btn")
    led = ways(run, viewer, settings, when.now, person)
    said = [part for part in (_("array %(id)s", id=subject.job), led["person"], led["account"], run.partition) if part]
    text = [piece for part in said for piece in (" · ", part)][1:]
    return html.Div([html.Div([name, html.Span(text, className="tt-muted")], className="tt-title"), back], className="tt-title-row")


def draw_counts(frames: Frames, about: About) -> Any:
    """Tasks by state: one bar of all of them, and what its colours stand for."""
    counts = frames["counts"]
    shown = sorted(counts.items(), key=lambda item: (ORDER.index(_tone(item[0])), item[0]), reverse=True)
    words = {state: _(parts.STATE_WORDS.get(state, state)) for state, _count in shown}
    bar = parts.segments([(count, TONES[_tone(state)], f"{words[state]}: {fmt.number(count, 9)}") for state, count in shown])
    legend = [
        html.Span([html.I(style={"background": f"var(--tt-{TONES[_tone(state)]})"}), f"{words[state]} ", html.B(fmt.number(count, 9), className="num")])
        for state, count in shown
    ]
    done = sum(count for state, count in counts.items() if state not in ("PENDING", "RUNNING", "SUSPENDED"))
    text = _("%(done)s of %(all)s tasks have ended", done=fmt.number(done, 9), all=fmt.number(sum(counts.values()), 9))
    return html.Div([bar, html.Div([*legend, html.Span(text, className="tt-muted")], className="tt-legend")])


def _address(about: About, **query: str) -> str:
    run = about.frames["run"]
    return link(about.settings, f"/job/{run.array_job or run.id_job}", **{name: value for name, value in query.items() if value})


def _states(frames: Frames, about: About) -> html.Div:
    chosen, states = getattr(about.subject, "state", ""), frames["states"]
    ordered = sorted(states, key=lambda state: (ORDER.index(_tone(state)), state))
    rows = [choice(_("All"), _address(about), not chosen)]
    rows += [choice(parts.state_badge(state), _address(about, state=state), state == chosen) for state in ordered]
    return html.Div([*rows, pick_bar(link(about.settings, "/jobs/compare"), MOST_COMPARED)], className="tt-runs")


def draw_tasks(frames: Frames, about: About) -> Any:
    """The tasks with their efficiency, a page at a time, failing ones first."""
    frame, settings = frames["tasks"], about.settings
    columns = [
        Column(key="pick", title="", help=N_("Compare"), draw=lambda row: "" if unset(row["start"]) else picker(str(row["job_id"]))),
        Column(key="job_id", title=N_("Task"), phone=True, draw=lambda row: _task(row, settings)),
        Column(key="state", title=N_("State"), kind="state", phone=True),
        Column(key="exit_code", title=N_("Exit code"), draw=lambda row: fmt.NONE if unset(row["end"]) else row["exit_code"]),
        Column(key="start", title=N_("Start"), kind="time"),
        Column(key="elapsed", title=N_("Time"), kind="bar", draw=time_cell, help=N_("Run time; the bar is its share of the limit")),
        *use_columns(frame)[:1],
        Column(key="memory_peak", title=N_("Memory peak"), kind="bytes"),
        *use_columns(frame)[1:],
    ]  # fmt: skip
    first, rows, state = frames["first"], frames["rows"], getattr(about.subject, "state", "")
    links = [parts.page_link(_("Tasks before"), _address(about, after=str(max(first - PAGE, 0)), state=state), "tt-btn")] if first else []
    if first + PAGE < rows:
        links.append(parts.page_link(_("Next tasks"), _address(about, after=str(first + PAGE), state=state), "tt-btn"))
    where = _("%(first)s to %(last)s of %(all)s rows", first=first + 1, last=min(first + PAGE, rows), all=rows)
    foot = html.Div([html.Span(where, className="tt-muted tt-small"), *links], className="tt-pager") if rows > PAGE else None
    return html.Div([_states(frames, about), table(frame, columns), foot])


def _task(row: dict[str, Any], settings: Settings) -> Any:
    job = str(row["job_id"])
    if "[" not in job:
        return parts.page_link(job, link(settings, f"/job/{job}"))
    return html.Span(job, title=_("%(count)s tasks that have not begun", count=fmt.number(row["array_pending"], 9)))


def marks(frame: pd.DataFrame, line: float | None, line_name: str, unit: str, factor: float) -> Figure:
    """One mark a task over the tasks' numbers, coloured by how it ended; `line` is what was allowed or allocated."""
    words = {"used": _("completed"), "bad": _("failed"), "waste": _("stopped"), "alloc": _("cancelled"), "info": _("running")}
    traces = []
    for tone in sorted(frame["tone"].unique(), key=ORDER.index, reverse=True):
        part = frame[frame["tone"] == tone].sort_values("task")
        traces.append({
            "type": "scatter", "mode": "markers", "name": words[TONES[tone]], "marker": {"size": 6 if len(frame) < 500 else 4},
            "x": graph.packed(part["task"].to_numpy()), "y": graph.packed(part["value"].to_numpy() / factor),
            "meta": {"color": TONES[tone]}, "hovertemplate": f"{graph.plain(_('task'))} %{{x}}: %{{y:.3~r}} {graph.plain(unit)}<extra></extra>",
        })  # fmt: skip
    top = float(frame["value"].max()) / factor
    low, high = float(frame["task"].min()), float(frame["task"].max())
    if line is not None and np.isfinite(line):
        traces.append({
            "type": "scatter", "mode": "lines", "name": graph.plain(line_name), "x": graph.packed([low, high]), "hoverinfo": "skip",
            "y": graph.packed([line / factor] * 2), "line": {"width": 1.4, "dash": "dash"}, "meta": {"color": "limit"},
        })  # fmt: skip
        top = max(top, line / factor)
    axis = {"nticks": 5, "ticksuffix": f" {graph.plain(unit)}", "showticksuffix": "last", "tickformat": ",~r", "range": [0, top * 1.06 or 1]}
    page = graph.layout(None, axis, legend=len(traces) > 1)
    room = max((high - low) * 0.02, 1)
    page["xaxis"] = {"type": "linear", "nticks": 6, "showgrid": False, "zeroline": False, "fixedrange": True, "range": [low - room, high + room]}
    return {"data": traces, "layout": {**page, "hovermode": "closest"}}


def run_times(frame: pd.DataFrame, about: About) -> Figure:
    """Run time of each ended task, and the limit they share."""
    limit = about.frames["run"].limit
    longest = max(float(frame["value"].max()), limit if limit is not None and np.isfinite(limit) else 0)
    unit, factor = ("h", HOUR) if longest >= 2 * HOUR else ("min", 60) if longest >= 120 else ("s", 1)
    return marks(frame, limit, _("time limit"), unit, factor)


def peaks(frame: pd.DataFrame, about: About) -> Figure:
    """Memory peak of each ended task, and what each was given."""
    memory = about.frames["run"].memory
    scale = fmt.scale_of(max(float(frame["value"].max()), float(memory or 0)))
    return marks(frame, memory, _("allocated"), fmt.BINARY[scale], 1024.0**scale)


ARRAY = Section(
    key="array_counts", title=N_("Tasks by state"), query=query_counts, access=JOB_OWNER_OR_STAFF, eager=True, in_contents=False,
    blocks=(Block(key="counts", title=N_("Tasks"), draw=draw_counts, height=60),),
)
SPREAD = Section(
    key="array_spread", title=N_("All tasks"), query=query_spread, access=JOB_OWNER_OR_STAFF,
    panels=(
        Panel(key="run_times", title=N_("Run times"), unit=N_("by task number"), frame="ran", figure=run_times,
              help=N_("How long each ended task ran. One time limit holds for all of them: the longest decides.")),
        Panel(key="peaks", title=N_("Memory peaks"), unit=N_("by task number"), frame="peaks", figure=peaks,
              help=N_("How much memory each ended task needed. The largest decides what has to be asked for.")),
    ),
)  # fmt: skip
TASKS = Section(
    key="array_tasks", title=N_("Tasks"), query=query_tasks, export=exported, access=JOB_OWNER_OR_STAFF,
    blocks=(Block(key="tasks", title=N_("Failing tasks first"), draw=draw_tasks, csv="tasks", height=300),),
)
SECTIONS = (ARRAY, SPREAD, TASKS)
KEYS = tuple(section.key for section in SECTIONS)
