"""Core-hours and GPU-hours of finished runs by day: allocated and used."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from components import graph
from components.records import About, Figure, Panel
from components.text import N_, _


def days(frame: pd.DataFrame, about: About) -> Figure:
    """Hours by the UTC day in which runs ended; the space between the area and the dashed line was not used."""
    last = frame.iloc[[-1]].set_axis(frame.index[[-1]] + pd.Timedelta(frame.attrs["step"], "s"))
    whole = pd.concat([frame, last])  # a step's last day is as wide as the others
    step = frame.attrs["step"]
    traces = [graph.line(whole["used"], _("used"), role="used", fill=True, steps=True, step=step)]
    return graph.figure(traces, unit="", about=about, allocated=whole["allocated"])


def _has(frame: str) -> Callable[[About], bool]:
    return lambda about: not isinstance(about.frames.get(frame), pd.DataFrame) or bool(about.frames[frame]["allocated"].any())


HELP = N_(
    "Hours of the runs that ended on each day (UTC), over the chosen range: a run counts whole on the day it ended. Allocated counts "
    "all runs, used those whose use is known."
)
PANELS = (
    Panel(key="days_cores", title=N_("Core-hours by day"), unit=N_("core-hours a day"), frame="cores", figure=days, help=HELP),
    Panel(key="days_gpus", title=N_("GPU-hours by day"), unit=N_("GPU-hours a day"), frame="gpus", figure=days, help=HELP, shown=_has("gpus")),
)
