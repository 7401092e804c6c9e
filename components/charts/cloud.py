"""Charts of the cloud: used stacked below what runs, and what goes in and out, by project, machine or part of a machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from components import graph
from components.charts.common import total
from components.graph_base import peak_of
from components.links import link
from components.records import About, Figure
from components.text import _
from datasources.prometheus.job_frames import part

NAMED = 10  # series with a name of their own; the rest is one


def _ranked(frame: pd.DataFrame) -> list[int]:
    """The columns by how much they add up to, largest first."""
    sums = np.nansum(frame.to_numpy(dtype=float), axis=0) if len(frame) else np.zeros(frame.shape[1])
    return [int(place) for place in np.argsort(-sums, kind="stable")]


def _shown(frame: pd.DataFrame) -> list[int]:
    """The places that are drawn by name: all where they are few, in the frame's order, else the largest."""
    return list(range(frame.shape[1])) if frame.shape[1] <= NAMED else _ranked(frame)[:NAMED]


def _rest(frame: pd.DataFrame, shown: list[int]) -> pd.Series | None:
    """All that is not shown, added up; None where there is nothing of it."""
    places = [place for place in range(frame.shape[1]) if place not in set(shown)]
    if not places:
        return None
    rest = frame.iloc[:, places].sum(axis=1, min_count=1)
    rest.attrs = {"step": frame.attrs.get("step")}
    return rest if peak_of(rest.to_numpy(dtype=float)) > 0 else None


def _name(column: Any) -> str:
    return str(column[0] if isinstance(column, tuple) else column)


def _href(frame: pd.DataFrame, column: Any, about: About) -> dict[str, Any]:
    """Where a click on a series leads, if anywhere: attrs["paths"] by name."""
    path = frame.attrs.get("paths", {}).get(_name(column))
    return {"href": link(about.settings, path)} if path else {}


def stacked(frame: pd.DataFrame, about: About, unit: str, prefix: str = "") -> Figure:
    """Areas on each other of `what` used, the largest by name, and a dashed line of what runs (`what` running)."""
    used, step = part(frame, what="used"), frame.attrs.get("step")
    shown = _shown(used)
    traces = []
    for number, place in enumerate(shown):
        name = f"{prefix} {_name(used.columns[place])}".strip()
        trace = graph.line(used.iloc[:, place], name, number, step=step)
        trace["meta"] |= _href(frame, used.columns[place], about)
        traces.append(trace)
    rest = _rest(used, shown)
    if rest is not None:
        traces.append(graph.line(rest, _("others"), role="muted", step=step))
    has = part(frame, what="running")
    line = total(has) if has.shape[1] else None
    if not traces and line is not None:
        return graph.figure([graph.constant(line, _("running"), {}, role="alloc")], unit=unit, about=about, named_alone=True)
    return graph.figure(traces, unit=unit, about=about, stacked=True, allocated=line, allocated_name=_("running"), named_alone=True)


def cores(frame: pd.DataFrame, about: About) -> Figure:
    """Busy cores below the cores that run."""
    return stacked(frame, about, _("cores"))


def virtual_cores(frame: pd.DataFrame, about: About) -> Figure:
    """The same, each virtual core by its number."""
    return stacked(frame, about, _("cores"), _("Core"))


def memory(frame: pd.DataFrame, about: About) -> Figure:
    """Memory in use below what was given."""
    return stacked(frame, about, "B")


def one_memory(frame: pd.DataFrame, about: About) -> Figure:
    """Memory of one machine: used as an area, what it was given as a line."""
    used, has = (total(part(frame, what=what)) for what in ("used", "running"))
    traces = [graph.line(used, _("used"), role="used", fill=True, step=frame.attrs.get("step"))]
    return graph.figure(traces, unit="B", about=about, allocated=has, allocated_name=_("given"), named_alone=True)


def mirrored(frame: pd.DataFrame, about: About, unit: str, ways: tuple[str, str], words: tuple[str, str]) -> Figure:
    """What comes in (or is read) above zero and what goes out (or is written) below it, the largest by name."""
    up, down = (part(frame, what=way) for way in ways)
    step = frame.attrs.get("step")
    both = up.fillna(0).add(down.fillna(0), fill_value=0) if up.columns.equals(down.columns) else up
    shown, several = _shown(both), both.shape[1] > 1
    traces: list[dict[str, Any]] = []
    for way, values, word in ((0, up, words[0]), (1, down, words[1])):
        for number, place in enumerate(place for place in shown if place < values.shape[1]):
            name = _name(values.columns[place]) if several else f"{word} {_name(values.columns[place])}".strip()
            trace = graph.line(values.iloc[:, place], name, number if several else way, fill=not several, down=bool(way), step=step)
            traces.append(_twin(trace, word, several, way, _href(frame, values.columns[place], about)))
        rest = _rest(values, shown)
        if rest is not None:
            traces.append(_twin(graph.line(rest, _("others"), role="muted", down=bool(way), step=step), word, True, way, {}))
    return graph.figure(traces, unit=unit, about=about, mirrored=True)


def _twin(trace: dict[str, Any], word: str, several: bool, way: int, href: dict[str, Any]) -> dict[str, Any]:
    """The legend names a series once, and hides both of its lines."""
    trace["meta"] |= href
    if several:
        trace |= {"legendgroup": trace["name"], "showlegend": way == 0}
        trace["meta"]["say"] = word
    return trace


def bandwidth(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes read and written a second."""
    return mirrored(frame, about, "B/s", ("read_bytes", "write_bytes"), (_("read"), _("written")))


def operations(frame: pd.DataFrame, about: About) -> Figure:
    """Reads and writes a second."""
    return mirrored(frame, about, _("1/s"), ("reads", "writes"), (_("reads"), _("writes")))


def network(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes received and sent a second."""
    return mirrored(frame, about, "B/s", ("in", "out"), (_("in"), _("out")))
