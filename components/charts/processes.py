"""Processes, threads by state, and which executables used the cores."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts.common import largest, run_of, total
from components.needs import PLAIN, metrics, needs_of
from components.records import About, Figure, Panel
from components.text import N_, _
from datasources.prometheus.job_batches import PROCESSES
from datasources.prometheus.job_batches import executables as executables_batch
from datasources.prometheus.job_frames import part, summed

STATES = {
    "running": N_("running threads"),
    "sleeping": N_("sleeping threads"),
    "disk-sleep": N_("threads waiting for files"),
    "stopped": N_("stopped threads"),
    "zombie": N_("zombie threads"),
    "idle": N_("idle threads"),
}


def threads(frame: pd.DataFrame, about: About) -> Figure:
    """Processes and threads by state, all nodes; the allocated cores as a dashed line."""
    traces = []
    count = part(frame, metric="slurm_job_process_count")
    if not count.columns.empty:
        traces.append(graph.line(total(count), _("processes"), 7))
    states = summed(part(frame, metric="slurm_job_threads_count"), "state")
    for place, state in enumerate(states.columns.get_level_values("state")):
        text = (
            _(STATES[state]) if state in STATES else _("threads") if not state else _("%(state)s threads", state=state)
        )
        if state != "?":
            # a state without threads has no series: a gap is none of them
            series = states.iloc[:, place].fillna(0).where(states.notna().any(axis=1))
            traces.append(graph.line(series, text, place, step=frame.attrs.get("step")))
    return graph.figure(traces, unit="", about=about, allocated=run_of(about).cores, allocated_name=_("cores"))


def executables(frame: pd.DataFrame, about: About) -> Figure:
    """Busy cores by executable, the largest eight, the rest together."""
    names = [str(path).rsplit("/", 1)[-1] for path in frame.columns.get_level_values("exe")]
    shown, texts = largest(frame, names)
    traces = [
        graph.line(shown.iloc[:, place], text, place, step=frame.attrs.get("step")) for place, text in enumerate(texts)
    ]
    return graph.figure(traces, unit="", about=about, stacked=True, named_alone=True)


PANELS = (
    Panel(
        key="threads",
        title=N_("Processes and threads"),
        unit=N_("count, all nodes"),
        frame="processes",
        figure=threads,
        needs=metrics(*PROCESSES),
        help=N_(
            "Running threads should be about as many as cores. More of them fight for the cores; fewer leave cores idle. "
            "Threads that wait for files show slow input or output."
        ),
    ),
    Panel(
        key="executables",
        title=N_("Applications"),
        unit=N_("cores busy, by program"),
        frame="executables",
        figure=executables,
        needs=needs_of(executables_batch(PLAIN)),
        help=N_("Which programs used the cores. Only programs with more than a minute of CPU time are counted."),
    ),
)
