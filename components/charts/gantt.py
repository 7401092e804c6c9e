"""Who held a node when: bars of jobs in rows by person, or by GPU, below the times the node was out of service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from components import format as fmt
from components.graph import layout, plain
from components.links import points
from components.records import About, Figure
from components.text import _, ngettext
from core.timerange import POINTS

EACH_ITS_ROW = 24  # jobs up to which each has a row of its own; above, those of a person share rows
MOST_BARS = 500  # bars drawn one by one; the shorter ones beyond are drawn together
ROW, ROOM = 22, 44  # pixels of a row, and of all the rest
LEAST = 240  # pixels of a chart
THINNEST = 500  # a bar is never thinner than the chart's width through this
Shade = Callable[[dict[str, Any], "float | None"], float]
SPELL_ROLES = (("DOWN", "bad"), ("FAIL", "bad"), ("NOT_RESPONDING", "bad"), ("DRAIN", "waste"), ("RESERVED", "info"))


@dataclass(kw_only=True)
class Row:
    """A row of the chart: its name ("" for further rows of one group), its group, and what stands in it."""

    name: str
    group: str
    bars: list[dict[str, Any]] = field(default_factory=list)


def ends(job: dict[str, Any], now: int) -> float:
    """The end of a job or spell, now while it lasts."""
    end = job.get("end")
    return float(now) if end is None or end != end else float(end)


def lanes(jobs: Sequence[dict[str, Any]], now: int) -> list[list[dict[str, Any]]]:
    """The jobs in as few rows as need be: each goes into the first row that is free when it begins."""
    rows: list[list[dict[str, Any]]] = []
    free: list[float] = []
    for job in sorted(jobs, key=lambda job: (job["start"], ends(job, now))):
        place = next((place for place, end in enumerate(free) if end <= job["start"]), None)
        if place is None:
            rows.append([])
            free.append(0.0)
            place = len(rows) - 1
        rows[place].append(job)
        free[place] = ends(job, now)
    return rows


def merged(jobs: Sequence[dict[str, Any]], now: int, gap: float) -> list[dict[str, Any]]:
    """Jobs drawn together: spans (start, end, count) that overlap or lie closer than `gap` seconds are one."""
    spans: list[dict[str, Any]] = []
    for job in sorted(jobs, key=lambda job: job["start"]):
        end = ends(job, now)
        if spans and job["start"] <= spans[-1]["end"] + gap:
            spans[-1]["end"] = max(spans[-1]["end"], end)
            spans[-1]["count"] += 1
        else:
            spans.append({"start": float(job["start"]), "end": end, "count": 1})
    return spans


def split(jobs: Sequence[dict[str, Any]], now: int, most: int = MOST_BARS) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the `most` longest, the others)."""
    order = sorted(jobs, key=lambda job: job["start"] - ends(job, now))
    return order[:most], order[most:]


def rows_of(jobs: Sequence[dict[str, Any]], about: About, group: Callable[[dict[str, Any]], str], alone: bool) -> list[Row]:
    """The rows of all groups in the order of their names; `alone`: a row for each job if there are few."""
    now = about.when.now
    shown, rest = split(jobs, now)
    groups: dict[str, tuple[list, list]] = {}
    for place, some in enumerate((shown, rest)):
        for job in some:
            groups.setdefault(group(job), ([], []))[place].append(job)
    found: list[Row] = []
    for name in sorted(groups, key=lambda text: (len(text) if text.startswith("GPU ") else 0, text)):
        mine, short = groups[name]
        name = name or _("yours") if len(jobs) > EACH_ITS_ROW else name
        if alone and len(jobs) <= EACH_ITS_ROW:
            ordered = sorted(mine, key=lambda job: (job["start"], job["id_job"]))
            found += [Row(name=f"{name} {job['job_id']}".strip(), group=name, bars=[job]) for job in ordered]
        else:
            packed = lanes(mine, now)
            found += [Row(name="" if place else name, group=name, bars=bars) for place, bars in enumerate(packed)]
        if short:
            spans = merged(short, now, about.when.span / THINNEST)
            found.append(Row(name="" if found and found[-1].group == name else name, group=name, bars=[{"kind": "short", **span} for span in spans]))
    return found


def share_of_node(job: dict[str, Any], cores: float | None) -> float:
    """Share of the node's cores a job was given, 0..1; a job's cores divided evenly over its nodes. 1 where it is not known."""
    mine = float(job.get("cores") or 0) / max(float(job.get("nodes") or 1), 1)
    return min(mine / cores, 1.0) if cores and mine == mine and mine > 0 else 1.0


def use_of_gpu(job: dict[str, Any], cores: float | None) -> float:
    """Share of time the job kept the GPU busy, 0..1."""
    return float(job["use"]) / 100


def said(job: dict[str, Any], about: About, cores: float | None) -> str:
    """What hovering a job's bar tells besides when it began."""
    use = job.get("use")
    per_node = float(job.get("cores") or 0) / max(float(job.get("nodes") or 1), 1)
    length = ends(job, about.when.now) - float(job["start"])
    ran = fmt.duration(length)
    runs = job.get("end") is None or job["end"] != job["end"]
    lines = [
        " · ".join(plain(part) for part in (job.get("job_id"), job.get("name"), job.get("user")) if isinstance(part, str) and part),
        _("%(mine)s of %(all)s cores", mine=fmt.number(per_node), all=fmt.number(cores)) if cores and per_node else "",
        _("GPU busy %(share)s of the time", share=fmt.percent(use / 100)) if isinstance(use, float) and use == use else "",
        _("running for %(time)s", time=ran) if runs else _("ran %(time)s", time=ran),
    ]
    return "<br>".join(line for line in lines if line)


def _bars(places: list[tuple[int, dict[str, Any]]], about: About, **more: Any) -> dict[str, Any]:
    thin = about.when.span * 1000 / THINNEST
    now = about.when.now
    base = [int(job["start"] * 1000) for _place, job in places]
    return {
        "type": "bar", "orientation": "h", "y": [place for place, _job in places], "base": base,
        "x": [int(max((ends(job, now) - job["start"]) * 1000, thin)) for _place, job in places],
        "hovertemplate": "%{hovertext}<br>" + _("from %(time)s", time="%{customdata|%-d %b %H:%M}") + "<extra></extra>", "showlegend": False,
        "hoverlabel": {"align": "left"}, **more,
    }  # fmt: skip


def job_trace(rows: Sequence[Row], about: About, cores: float | None, first: int, shade: Shade = share_of_node) -> list[dict[str, Any]]:
    """The bars of jobs, coloured by a share, each leading to its job's page; and those drawn together."""
    placed = [(first + place, bar) for place, row in enumerate(rows) for bar in row.bars]
    jobs = [(place, bar) for place, bar in placed if bar["kind"] == "job"]
    short = [(place, bar) for place, bar in placed if bar["kind"] == "short"]
    traces = []
    if jobs:
        marker = {
            "color": [round(shade(job, cores) * 100, 1) for _place, job in jobs], "cmin": 0, "cmax": 100,
            "line": {"width": 0}, "showscale": (bool(cores) or shade is use_of_gpu) and about.when.points >= POINTS["wide"],
            "colorbar": {"thickness": 8, "outlinewidth": 0, "ticksuffix": " %", "nticks": 3, "len": 0.9},
        }  # fmt: skip
        opens = about.settings.module_on("jobstats")
        href = points(about.settings, "/job/", [str(int(job["id_job"])) for _place, job in jobs]) if opens else None
        meta = {"scale": "used", **({"href": href} if href else {})}
        traces.append(_bars(jobs, about, marker=marker, meta=meta, hovertext=[said(job, about, cores) for _place, job in jobs]))
    if short:
        words = [ngettext("%(num)s short job", "%(num)s short jobs", job["count"]) for _place, job in short]
        traces.append(_bars(short, about, meta={"color": "alloc", "fill": 0.0}, hovertext=words))
    return traces


def spell_trace(spells: Sequence[dict[str, Any]], about: About) -> list[dict[str, Any]]:
    """The bars of the top row: down, drained, reserved; the reason where it may be read."""
    if not spells:
        return []
    colours = [next((role for word, role in SPELL_ROLES if word in str(one.get("state", ""))), "waste") for one in spells]
    texts = []
    for one in spells:
        known = [one.get("state"), one.get("reservation"), one.get("reason")]
        words = " · ".join(plain(part) for part in known if isinstance(part, str) and part)
        texts.append(f"{words}<br>{fmt.duration(ends(one, about.when.now) - one['start'])}")
    return [_bars([(0, one) for one in spells], about, meta={"color": colours}, hovertext=texts)]


def chart(rows: Sequence[Row], traces: list[dict[str, Any]], about: About) -> Figure:
    """The figure of rows from top to bottom; a thin line parts the groups."""
    axis = {
        "type": "linear", "range": [len(rows) - 0.5, -0.5], "tickvals": list(range(len(rows))), "ticktext": [plain(row.name) for row in rows],
        "showgrid": False, "zeroline": False, "ticks": "",
    }  # fmt: skip
    page = layout(about, axis, legend=False)
    edges = [place for place in range(1, len(rows)) if rows[place].group != rows[place - 1].group]
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "layer": "below", "line": {"width": 0.6}, "opacity": 0.35}
    lines = [{**line, "y0": place - 0.5, "y1": place - 0.5} for place in edges]
    height = max(ROOM + ROW * len(rows), LEAST)
    thick = min(0.76 * ROW / ((height - ROOM) / max(len(rows), 1)) * 1.4, 0.76)  # few rows are no reason for fat bars
    traces = [{**trace, "width": round(thick, 3)} for trace in traces]
    size = {"height": height, "barmode": "overlay", "hovermode": "closest", "shapes": lines}
    return {"data": traces, "layout": {**page, **size}}


def by_person(frame: pd.DataFrame, about: About) -> Figure:
    """Jobs in rows by person, below the times the node was out of service or reserved."""
    everything = frame.to_dict("records")
    jobs = [one for one in everything if one["kind"] == "job"]
    spells = [one for one in everything if one["kind"] != "job"]
    cores = frame.attrs.get("cores")
    mine = about.viewer.name if not about.viewer.is_staff else None
    rows = rows_of(jobs, about, lambda job: "" if job.get("user") == mine else str(job.get("user") or ""), alone=True)
    head = [Row(name=_("Node"), group="the node's own", bars=spells)] if spells else []
    return chart([*head, *rows], [*spell_trace(spells, about), *job_trace(rows, about, cores, len(head))], about)


def gpu_label(gpu: str) -> str:
    """`GPU 0`; a slice is the start of its id."""
    return f"GPU {gpu}" if not gpu.startswith("MIG") else gpu.removeprefix("MIG-")[:8]


def by_gpu(frame: pd.DataFrame, about: About) -> Figure:
    """Jobs in rows by GPU, coloured by how busy they kept it; a GPU without jobs keeps its row."""
    jobs = frame.to_dict("records")
    bars = about.frames.get("bars")
    cores = bars.attrs.get("cores") if isinstance(bars, pd.DataFrame) else None
    rows = rows_of(jobs, about, lambda job: gpu_label(str(job["gpu"])), alone=False)
    there = {row.group for row in rows}
    slices = any(str(job["gpu"]).startswith("MIG") for job in jobs)
    idle = [] if slices else [gpu_label(card) for card in frame.attrs.get("cards", ()) if gpu_label(card) not in there]
    rows += [Row(name=name, group=name) for name in idle]
    rows.sort(key=lambda row: (len(row.group), row.group))
    return chart(rows, job_trace(rows, about, cores, 0, use_of_gpu), about)
