"""An array as a whole: how many tasks are in which state, what each used, and how run times and peaks are spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from dash import html

from analysis.facts import FACTS_VERSION
from components import format as fmt
from components import graph, parts
from components.links import link
from components.records import About, Block, Figure, Frames, Panel, Section
from components.table import Column, table
from components.text import N_, _
from core.errors import NoData, SourceError, Why
from core.settings import Settings
from core.subjects import JobSubject
from core.timerange import TimeRange
from core.units import GIB, HOUR
from core.viewer import JOB_OWNER_OR_STAFF, Viewer
from datasources.portal.facts import stored_facts
from datasources.slurm import detail
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.job_head import role_of
from pages.job_query import shared, the_run
from pages.job_related import count_badges

PAGE = 200  # tasks in one table
BINS = 24
COLUMNS = ("job_id", "state", "name", "start", "end", "elapsed", "limit", "cores", "memory", "cpu_efficiency", "memory_peak", "memory_efficiency", "gpu_use")


def _array_job(sources: Sources, viewer: Viewer, subject: JobSubject) -> int:
    return the_run(sources, viewer, subject).array_job or subject.job


def _rows(sources: Sources, viewer: Viewer, subject: JobSubject) -> list[Run]:
    after = getattr(subject, "after", -1)
    array = _array_job(sources, viewer, subject)
    return shared(
        sources, viewer, subject, f"array {after}",
        lambda: detail.array_rows(sources, viewer=viewer, array_job=array, limit=PAGE + 1, after=after),
    )


def query_counts(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Object counts: {state: tasks}."""
    array = _array_job(sources, viewer, subject)
    return {"counts": detail.array_counts(sources, viewer=viewer, array_job=array), "run": the_run(sources, viewer, subject)}


def task_frame(runs: list[Run], facts: pd.DataFrame) -> pd.DataFrame:
    """One row a task (columns COLUMNS; s, bytes, shares; None where not known), pending tasks as one row."""
    known = {int(row["job_db_inx"]): row for row in facts.to_dict("records")}
    rows = []
    for run in runs:
        stored = known.get(run.job_db_inx, {})
        limit = None if run.limit is None or run.unlimited else run.limit
        rows.append(
            (run.job_id, run.state, run.name, run.start, run.end, run.elapsed if run.started else None, limit, run.cores, run.memory,
             stored.get("cpu_efficiency"), stored.get("memory_peak"), stored.get("memory_efficiency"), stored.get("gpu_use"))
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    numbers = ["elapsed", "limit", "cores", "memory", "cpu_efficiency", "memory_peak", "memory_efficiency", "gpu_use"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def query_tasks(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Frame tasks (see task_frame); objects run, next (job_db_inx to go on after, or None)."""
    found = _rows(sources, viewer, subject)
    runs, more = found[:PAGE], len(found) > PAGE
    last = runs[-1].job_db_inx if runs else None
    runs = sorted(runs, key=lambda run: (run.array_task is None, run.array_task or 0))
    try:
        facts = stored_facts(sources, viewer=viewer, job_db_inxs=[run.job_db_inx for run in runs], version=FACTS_VERSION)
    except SourceError:
        facts = pd.DataFrame(columns=["job_db_inx"])  # the tasks are shown without their efficiency
    frame = task_frame(runs, facts)
    ran = frame[frame["elapsed"].notna()]
    return {
        "run": the_run(sources, viewer, subject), "tasks": frame, "next": last if more else None,
        "ran": ran if len(ran) else NoData(Why.NOT_STARTED, "array"),
        "peaks": ran[ran["memory_peak"].notna()] if ran["memory_peak"].notna().any() else NoData(Why.NO_DATA, "job_facts"),
    }


def head(run: Run, subject: JobSubject, settings: Settings) -> html.Div:
    """Title of an array's page."""
    name = html.H1(run.name or _("(no name)"), className="tt-job-name")
    text = " · ".join(part for part in (_("array %(id)s", id=subject.job), run.account, run.partition) if part)
    return html.Div([html.Div([name, html.Span(text, className="tt-muted")], className="tt-title")], className="tt-title-row")


def draw_counts(frames: Frames, about: About) -> Any:
    """Tasks by state."""
    counts = frames["counts"]
    done = sum(count for state, count in counts.items() if state not in ("PENDING", "RUNNING", "SUSPENDED"))
    whole = sum(counts.values())
    text = _("%(done)s of %(all)s tasks have ended", done=fmt.number(done, 9), all=fmt.number(whole, 9))
    return html.Div([count_badges(counts), parts.meter(done / whole if whole else None, "used", text), html.Span(text, className="tt-muted")])


def draw_tasks(frames: Frames, about: About) -> Any:
    """The tasks with their efficiency, a page at a time."""
    frame, run, settings = frames["tasks"], frames["run"], about.settings
    columns = [
        Column(key="job_id", title=N_("Task"), phone=True, draw=lambda row: _task(row, settings)),
        Column(key="state", title=N_("State"), kind="state", phone=True), Column(key="start", title=N_("Start"), kind="time"),
        Column(key="elapsed", title=N_("Ran"), kind="duration"),
        Column(key="cpu_efficiency", title=N_("Cores used"), kind="bar", role=role_of),
        Column(key="memory_peak", title=N_("Memory peak"), kind="bytes"),
        Column(key="memory_efficiency", title=N_("Memory used"), kind="bar", role=role_of),
    ]
    if frame["gpu_use"].notna().any():
        columns.append(Column(key="gpu_use", title=N_("GPUs used"), kind="bar", role=role_of))
    base = f"/job/{run.array_job or run.id_job}"
    links = [parts.page_link(_("First tasks"), link(settings, base), "tt-btn")] if getattr(about.subject, "after", -1) >= 0 else []
    if frames["next"] is not None:
        links.append(parts.page_link(_("Next tasks"), link(settings, base, after=str(frames["next"])), "tt-btn"))
    return html.Div([table(frame, columns), html.Div(links, className="tt-pager") if links else None])


def _task(row: dict[str, Any], settings: Settings) -> Any:
    job = str(row["job_id"])
    return job if "[" in job else parts.page_link(job, link(settings, f"/job/{job}"))


def histogram(values: np.ndarray, unit: str, factor: float) -> Figure:
    """How many tasks lie in each of up to 24 equal ranges of a number."""
    known = values[np.isfinite(values)] / factor
    counts, edges = np.histogram(known, bins=min(BINS, max(1, len(known))))
    labels = [f"{fmt.number(low)} – {fmt.number(high)} {unit}" for low, high in zip(edges[:-1], edges[1:], strict=True)]
    return graph.bars(labels, list(counts.astype(float)), unit="", name=_("tasks"))


def run_times(frame: pd.DataFrame, about: About) -> Figure:
    """Run times of the tasks shown."""
    longest = frame["elapsed"].max()
    unit, factor = ("h", HOUR) if longest >= 2 * HOUR else ("min", 60) if longest >= 120 else ("s", 1)
    return histogram(frame["elapsed"].to_numpy(dtype=float), unit, factor)


def peaks(frame: pd.DataFrame, about: About) -> Figure:
    """Memory peaks of the tasks shown."""
    return histogram(frame["memory_peak"].to_numpy(dtype=float), "GiB", GIB)


ARRAY = Section(
    key="array_counts", title=N_("Tasks by state"), query=query_counts, access=JOB_OWNER_OR_STAFF, eager=True, in_contents=False,
    blocks=(Block(key="counts", title=N_("Tasks"), draw=draw_counts, height=60),),
)
TASKS = Section(
    key="array_tasks", title=N_("Tasks"), query=query_tasks, access=JOB_OWNER_OR_STAFF,
    blocks=(Block(key="tasks", title=N_("Tasks"), draw=draw_tasks, csv="tasks", height=300),),
    panels=(
        Panel(key="run_times", title=N_("Run times"), unit=N_("tasks by run time"), frame="ran", figure=run_times,
              help=N_("How long the tasks shown below ran. One time limit holds for all of them: the longest decides.")),
        Panel(key="peaks", title=N_("Memory peaks"), unit=N_("tasks by peak"), frame="peaks", figure=peaks,
              help=N_("How much memory the tasks shown below needed. The largest decides what has to be asked for.")),
    ),
)
SECTIONS = (ARRAY, TASKS)
KEYS = tuple(section.key for section in SECTIONS)


