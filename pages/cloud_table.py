"""The table of all projects of the cloud, for staff: granted, running and used, with a total that stays at the foot."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.records import About, Frames
from components.table import Column, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import TurtleError
from core.timerange import TimeRange
from core.units import share
from core.viewer import Viewer
from datasources.cloud import projects
from datasources.sources import Sources
from pages import cloud_rows
from pages.cloud_cells import amount, project_link, troubles
from pages.cloud_rows import ROWS, CloudView

GROUPS = (
    ("", 1), (N_("Cores"), 3), (N_("Memory"), 3), (N_("GPUs"), 1), (N_("Block storage"), 3), (N_("Object storage"), 2), (N_("Shared file systems"), 2),
)  # fmt: skip
QUOTA, RUNNING, USED = N_("Quota"), N_("Running"), N_("Used")
HEADS: tuple[tuple[str, str, str, str], ...] = (
    ("cores_quota", QUOTA, "", N_("Virtual cores the project may run")),
    ("cores_running", RUNNING, "", N_("Virtual cores of its machines now")),
    ("cores_used", USED, "", N_("Busy cores, mean of the last month, with what the hypervisors do for the machines")),
    ("memory_quota", QUOTA, "B", N_("Memory its machines may be given")),
    ("memory_running", RUNNING, "B", N_("Memory of its machines now")),
    ("memory_used", USED, "B", N_("Memory in use inside its machines, mean of the last month; machines that do not tell are left out")),
    ("gpus_running", RUNNING, "", N_("GPUs of its machines now, by their flavours as the settings list them")),
    ("block_quota", QUOTA, "B", N_("Size its volumes may have")),
    ("block_running", RUNNING, "B", N_("Size of the virtual disks of its machines now")),
    ("block_used", USED, "B", N_("What those disks take, mean of the last month")),
    ("object_quota", QUOTA, "B", N_("Bytes of objects the project may store")),
    ("object_used", USED, "B", N_("Bytes of objects, mean of the last month")),
    ("shared_quota", QUOTA, "B", N_("Size of shared file systems the project may have")),
    ("shared_used", USED, "B", N_("Size of its shared file systems now")),
)  # fmt: skip
ALONE = {
    "cores_quota": N_("Cores granted"), "cores_running": N_("Cores running"), "cores_used": N_("Cores used"), "memory_quota": N_("Memory granted"),
    "memory_running": N_("Memory running"), "memory_used": N_("Memory used"), "gpus_running": N_("GPUs running"), "block_quota": N_("Block storage granted"),
    "block_running": N_("Disks of machines"), "block_used": N_("Disks written"), "object_quota": N_("Object storage granted"),
    "object_used": N_("Object storage used"), "shared_quota": N_("Shared file systems granted"), "shared_used": N_("Shared file systems used"),
}  # fmt: skip
UNITS = {key: "bytes" if unit == "B" else "GPUs" if key.startswith("gpus") else "cores" for key, _title, unit, _help in HEADS}


def query(sources: Sources, viewer: Viewer, subject: Any, when: TimeRange) -> Frames:
    """`projects`: everything(). `physical`: what the hypervisors have, or an error."""
    return {"projects": projects.everything(sources, viewer=viewer), "physical": projects.physical(sources, viewer=viewer)}


def export(sources: Sources, viewer: Viewer, subject: Any, when: TimeRange) -> Frames:
    """The table as a file: numbers, units in the heads, TOTAL last; no number is a gap, "no limit" is written out."""
    frame = projects.everything(sources, viewer=viewer)
    whole = pd.concat([frame, pd.DataFrame([{"project": "TOTAL", **projects.total(frame)}])], ignore_index=True)
    found = whole[["project", *UNITS]].astype("object")
    found = found.where(found.map(lambda value: value != math.inf), "no limit")
    return {"projects": found.rename(columns={key: f"{key} ({unit})" for key, unit in UNITS.items()})}


def _cell(key: str, unit: str) -> Any:
    # plain words: of two hundred projects there are three thousand cells, and the note says what a dash is
    return lambda row: fmt.NONE if row[key] != row[key] else amount(row[key], unit)


def columns(about: About) -> list[Column]:
    """The project, then what HEADS say."""
    name = Column(
        key="project", title=N_("Project"), phone=True,
        draw=lambda row: html.Span(_("TOTAL")) if row.get("whole") else project_link(about.settings, str(row["project"])),
    )  # fmt: skip
    return [
        name,
        *(
            Column(
                key=key, title=title, kind="bytes" if unit else "number", help=said, draw=_cell(key, unit), phone=key in ("cores_running", "cores_used"),
                alone=ALONE[key],
            )
            for key, title, unit, said in HEADS
        ),
    ]  # fmt: skip


def told(days: float, *, short: bool = False) -> str:
    """What the numbers are of, and how far back they go; `short`: not further as there are too many machines."""
    if days <= 0:
        return _("Quota and running are of now. What was used in the last month is not known.")
    if days >= 30:
        mean = _("used is the mean of the last 31 days.")
    elif short:
        mean = _("used is the mean of the last %(days)s days: of so many machines a month can only be read from recording rules.", days=fmt.number(days))
    else:
        mean = _("used is the mean of the last %(days)s days: the metrics of machines go no further back.", days=fmt.number(days))
    return _("Quota and running are of now, %(mean)s", mean=mean)


def draw(frames: Frames, about: About) -> Any:
    """The table, what its numbers are of, and what is missing."""
    frame = frames["projects"]
    notes = troubles(frame.attrs.get("troubles", ()), frame.attrs.get("missing"))
    if frame.empty and notes:
        return html.Div(notes)
    if frame.empty:
        return html.Div([*notes, parts.empty(_("No project has a quota or a machine that runs."))])
    mean = told(frame.attrs.get("days", 0.0), short=frame.attrs.get("short", False))
    said = [mean, _("A dash is a number nobody tells, not a zero. TOTAL is of all projects, whatever the filter shows.")]
    total, note = {"project": "", "whole": True, **projects.total(frame)}, f"{said[0]} {said[1]}"
    if len(frame) <= ROWS:
        return html.Div([*notes, table(frame, columns(about), groups=GROUPS, total=total, filtered=True, note=note)], className="tt-grand")
    view = about.subject if isinstance(about.subject, CloudView) else CloudView()
    shown, count = cloud_rows.listed(frame, view)
    above = cloud_rows.tools(about.settings, view, len(shown), count)
    if shown.empty:
        return html.Div([*notes, above, parts.empty(_("No project has this in its name."))])
    heads = cloud_rows.with_orders(about.settings, view, columns(about))
    return html.Div([*notes, above, table(shown, heads, groups=GROUPS, total=total, filtered=False, sortable=False, note=note)], className="tt-grand")


def tiles(frames: Frames, about: About) -> Any:
    """What there is in all: projects and machines, the hypervisors' cores and memory with what of them runs and is used."""
    frame, physical = frames["projects"], frames["physical"]
    whole = projects.total(frame)
    count = whole["instances"]
    found = [
        parts.tile(
            _("Projects"), fmt.number(len(frame), 9),
            note=ngettext("%(num)s machine runs", "%(num)s machines run", int(count)) if count == count else _("machines are not known"),
        )
    ]  # fmt: skip
    if isinstance(physical, TurtleError):
        # where no source answers the table below says so
        return html.Div([parts.notice(error_sentence(physical), "warn"), parts.tiles(*found)]) if len(frame) else html.Span(className="tt-hide")
    hosts, seen = physical["known"], physical.get("hosts")
    missing = _("%(count)s of them measured by node_exporter", count=fmt.number(seen or 0)) if seen != hosts else ""
    found.append(parts.tile(_("Hypervisors"), fmt.number(hosts, 9), note=missing))
    for kind, label, unit in (("cores", _("Physical cores"), ""), ("memory", _("Physical memory"), "B")):
        has, running, used = physical.get(kind), whole[f"{kind}_running"], whole[f"{kind}_used"]
        if has is None:
            continue
        note = [_("%(amount)s in machines", amount=amount(running, unit))] if running == running else []
        if running > has > 0:
            note[0] = _("%(amount)s in machines, %(times)s× what there is", amount=amount(running, unit), times=fmt.number(running / has))
        if used == used:
            # the bar's base is what there is, not what runs: machines may be promised more
            note.append(_("%(amount)s used, %(share)s of what there is", amount=amount(used, unit), share=fmt.percent(share(used, has))))
        found.append(parts.tile(label, amount(has, unit), share=share(used, has) if used == used else None, note=" · ".join(note)))
    return parts.tiles(*found)
