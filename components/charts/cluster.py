"""The cluster as a whole over time: cores, GPUs and memory, nodes by state, jobs by partition, and how the scheduler does."""

from __future__ import annotations

from typing import Any

import pandas as pd

from components import graph
from components.charts.common import largest
from components.records import About, Figure
from components.text import N_, _

MICRO = 1e-6
WORDS = {"used": N_("used"), "active": N_("active"), "allocated": N_("allocated"), "usable": N_("usable"), "total": N_("total")}
SHAPES: dict[str, dict[str, Any]] = {
    "used": {"role": "used", "fill": True}, "active": {"series_index": "s2"}, "allocated": {"series_index": "s3"}, "usable": {"role": "alloc"},
    "total": {"role": "limit"},
}  # fmt: skip
# state of nodes → (its name, its colour); several of Slurm's words that mean one thing to a reader are one
STATES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "allocated": (("alloc", "comp"), N_("allocated"), "used"),
    "mixed": (("mix",), N_("partly allocated"), "s3"),
    "idle": (("idle",), N_("idle"), "muted"),
    "reserved": (("resv", "maint"), N_("reserved"), "info"),
    "drained": (("drain", "fail"), N_("drained"), "waste"),
    "down": (("down", "err"), N_("down"), "bad"),
    "unknown": (("unknown",), N_("unknown"), "s8"),
}
# main and backfill apart: one takes some milliseconds, the other seconds
CYCLES = {"slurm_scheduler_last_cycle": (N_("last"), "s1"), "slurm_scheduler_mean_cycle": (N_("mean"), "s2")}
BACKFILL = {"slurm_scheduler_backfill_last_cycle": (N_("last"), "s1"), "slurm_scheduler_backfill_mean_cycle": (N_("mean"), "s2")}
ROLLUPS = {
    "slurm_dbd_cluster_rollup_hour_last_cycle": (N_("hour"), "s1"), "slurm_dbd_cluster_rollup_day_last_cycle": (N_("day"), "s2"),
}  # fmt: skip
QUEUES = {
    "slurm_scheduler_last_queue_length": (N_("main queue"), "s1"), "slurm_scheduler_backfill_last_queue_length": (N_("backfill queue"), "s3"),
    "slurm_scheduler_mean_depth_cycle": (N_("looked at, main"), "s2"), "slurm_scheduler_backfill_depth_mean": (N_("looked at, backfill"), "s4"),
}  # fmt: skip
THREADS = {
    "slurm_scheduler_threads": (N_("threads"), "s1"), "slurm_scheduler_queue_size": (N_("agent queue"), "s3"),
    "slurm_scheduler_cycle_per_minute": (N_("cycles a minute"), "s2"),
}  # fmt: skip


def use_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Used below allocated below usable below total."""
    drawn = [graph.line(frame[key], _(WORDS[key]), step=frame.attrs.get("step"), **SHAPES[key]) for key in WORDS if key in frame]
    top = float(frame["total"].max()) if "total" in frame else None
    return graph.figure(drawn, unit=str(frame.attrs.get("unit", "")), about=about, y_max=top)


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    """From the first to the last moment anything is known of: areas on each other would be drawn as zero before and after it."""
    known = frame.index[frame.notna().any(axis=1)]
    found = frame.loc[known[0] : known[-1]] if len(known) else frame
    found.attrs = dict(frame.attrs)
    return found


def states_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Nodes by state on each other; states no node was in are left out."""
    frame, traces = _measured(frame), []
    for states, word, role in STATES.values():
        own = frame[[f"slurm_nodes_{state}" for state in states if f"slurm_nodes_{state}" in frame]]
        summed = own.sum(axis=1, min_count=1)
        if float(summed.fillna(0).max() or 0) > 0:
            traces.append(graph.line(summed, _(word), role, step=frame.attrs.get("step")))
    return graph.figure(traces, unit=_("nodes"), about=about, stacked=True, named_alone=True)


def _each(frame: pd.DataFrame, step: int | None) -> list[dict[str, Any]]:
    """A line for each column by its last level, the largest first; partitions that wait for nothing are left out."""
    shown, names = largest(frame, [str(column[-1]) for column in frame.columns])
    return [graph.line(shown.iloc[:, place], name, place, step=step) for place, name in enumerate(names)]


def partitions_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Jobs of each partition on each other, the largest first."""
    shown, names = largest(frame, [str(column[-1]) for column in frame.columns])
    shown = _measured(shown)
    filled = shown.fillna(0).where(shown.notna().any(axis=1))
    traces = [graph.line(filled.iloc[:, place], name, place, step=frame.attrs.get("step")) for place, name in enumerate(names)]
    return graph.figure(traces, unit=_("jobs"), about=about, stacked=True, named_alone=True)


def waits_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Median wait of the jobs pending in each partition, in hours."""
    return graph.figure(_each(frame / 3600, frame.attrs.get("step")), unit="h", about=about, named_alone=True)


def _named(frame: pd.DataFrame, about: About, words: dict[str, tuple[str, str]], unit: str, factor: float = 1.0) -> Figure:
    step = frame.attrs.get("step")
    traces = [graph.line(frame[name] * factor, _(word), colour, step=step) for name, (word, colour) in words.items() if name in frame]
    return graph.figure(traces, unit=unit, about=about, named_alone=True)


def cycles_figure(frame: pd.DataFrame, about: About) -> Figure:
    """How long a pass over the queue, or a roll-up, takes, seconds."""
    return _named(frame, about, {**CYCLES, **BACKFILL, **ROLLUPS}, "s", MICRO)


def queues_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Jobs in the scheduler's queues, and how many of them a pass looks at."""
    return _named(frame, about, QUEUES, _("jobs"))


def threads_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Threads of slurmctld, messages it has yet to send, passes a minute."""
    return _named(frame, about, THREADS, "")


def rpc_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Questions a second by kind, the most frequent first."""
    return graph.figure(_each(frame, frame.attrs.get("step")), unit="/s", about=about, named_alone=True)
