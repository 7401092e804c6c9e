"""Core-hours and GPU-hours of finished runs by day: allocated, by what became of them."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from components import graph
from components.records import About, Figure, Panel
from components.text import N_, _


def days(frame: pd.DataFrame, about: About) -> Figure:
    """Hours by the UTC day in which runs ended: used, wasted and not known, on each other; together what was allocated."""
    step = frame.attrs["step"]
    last = frame.iloc[[-1]].set_axis(frame.index[[-1]] + pd.Timedelta(step, "s"))
    whole = pd.concat([frame, last])  # a step's last day is as wide as the others
    names = {"used": (_("used"), "used"), "wasted": (_("wasted"), "waste"), "unknown": (_("use not known"), "muted")}
    traces = [graph.line(whole[key], name, role=role, steps=True, step=step) for key, (name, role) in names.items() if key != "unknown" or whole[key].any()]
    return graph.figure(traces, unit="", about=about, stacked=True)


def _has(frame: str) -> Callable[[About], bool]:
    return lambda about: not isinstance(about.frames.get(frame), pd.DataFrame) or bool(about.frames[frame].to_numpy().any())


HELP = N_(
    "Hours allocated to the runs that ended on each day (UTC), over the chosen range, by what became of them. A run counts whole on "
    "the day it ended. Of some runs it is not known what they used: too short to be measured, or not measured."
)
PANELS = (
    Panel(key="days_cores", title=N_("Core-hours by day"), unit=N_("core-hours a day"), frame="cores", figure=days, help=HELP),
    Panel(key="days_gpus", title=N_("GPU-hours by day"), unit=N_("GPU-hours a day"), frame="gpus", figure=days, help=HELP, shown=_has("gpus")),
)
