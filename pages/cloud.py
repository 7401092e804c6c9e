"""The cloud: one's own projects; for staff all of them, with what the hypervisors have and who uses it over time."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import parts
from components.charts import cloud as charts
from components.needs import PLAIN, needs_of
from components.records import About, Block, Frames, Page, Panel, Section
from components.table import Column, table
from components.text import N_, _
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import SIGNED_IN, STAFF, Viewer
from datasources.cloud import projects
from datasources.prometheus import cloud_project_batches as batches
from datasources.prometheus.job_frames import with_units
from datasources.sources import Sources
from pages import cloud_rows, cloud_table
from pages.cloud_cells import held, path_of, project_link, troubles
from pages.top_common import exported


def own_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`own`: the viewer's projects."""
    return {"own": projects.own(sources, viewer=viewer)}


def _kind(key: str, title: str, unit: str, said: str, phone: bool = False) -> Column:
    main = f"{key}_used" if key in ("object", "shared") else f"{key}_running"
    return Column(key=main, title=title, kind="time", phone=phone, draw=lambda row: held(row, key, unit), help=said)


def draw_own(frames: Frames, about: About) -> Any:
    """A row a project: what runs of what was granted, and what of it is used."""
    frame = frames["own"]
    if frame.empty:
        said = _("You are a member of no project of the cloud. A project's owner or support can add you; it is shown here from then on.")
        return parts.empty(said, "cloud")
    missing = frame.attrs.get("troubles", ())
    found = [
        Column(key="project", title=N_("Project"), phone=True, draw=lambda row: project_link(about.settings, str(row["project"]))),
        Column(
            key="instances", title=N_("Machines"), kind="time", draw=lambda row: _machines(row, sure=not missing),
            help=N_("Virtual machines that run now, and the quota"),
        ),
        _kind("cores", N_("Cores"), "", N_("Used now, running now, and the quota"), phone=True),
        _kind("memory", N_("Memory"), "B", N_("Used inside the machines now, given to them now, and the quota")),
    ]
    if (frame["gpus_running"] > 0).any():
        found.append(Column(key="gpus_running", title=N_("GPUs"), kind="number", help=N_("Of machines that run now, by their flavours")))
    for key, title, said in (
        ("block", N_("Block storage"), N_("Size of the machines' disks now, and the quota")),
        ("object", N_("Object storage"), N_("Stored now, and the quota")), ("shared", N_("Shared file systems"), N_("Their size now, and the quota")),
    ):  # fmt: skip
        if frame[[column for column in frame.columns if column.startswith(f"{key}_")]].notna().any().any():
            found.append(_kind(key, title, "B", said))
    return html.Div([*troubles(missing, frame.attrs.get("missing")), table(frame, found)])


def _machines(row: dict[str, Any], *, sure: bool) -> Any:
    """How many run; `sure`: every source answered, so that no number means that none does."""
    count = row["instances"]
    if count != count and sure:
        return html.Span(_("none runs"), className="tt-muted")
    return held({"n_running": count, "n_quota": row["instances_quota"]}, "n")


def charts_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`cores`, `memory` (bytes): levels what (used, running) and project, of all projects; each may be an error."""
    found = projects.over_time(sources, viewer=viewer, when=when)
    for frame in found.values():
        if isinstance(frame, pd.DataFrame):
            frame.attrs["paths"] = {name: path_of(name) for name in frame.columns.get_level_values("project") if name}
    return with_units(found, {"cores": "cores", "memory": "bytes"})


def head(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """The title; the sections of all projects for staff only, one's own projects for staff only where there are any."""
    title = _("Cloud")
    said = _("Projects of the cloud and their virtual machines: what was granted, what runs, and what of it is used.")
    every = ("all", "charts") if viewer.is_staff else ()
    own = ("own",) if viewer.cloud_projects or not viewer.is_staff else ()
    return title, html.Div([html.H1(title), html.P(said, className="tt-head-sub")]), (*own, *every)


def span(sources: Sources, viewer: Viewer, subject: Subject, now: int) -> tuple[int, int]:
    """The last day."""
    return now - DAY, now


HELP_OWN = N_("Dark: used now. Grey: given to machines that run, not used. Pale: free in the quota. A dash is a number nobody tells, not a zero.")
HELP_ALL = N_(
    "Quota and running are of now, used is a mean over the last month, or the days named above the table. Heads sort all projects, the filter leaves TOTAL "
    "as it is; of more than a hundred projects there are pages. The file that can be downloaded has numbers in cores and bytes."
)
UNITS_OWN = {column: "bytes" for kind in ("memory", "block", "object", "shared") for column in (f"{kind}_quota", f"{kind}_running", f"{kind}_used")}
CLOUD = Page(
    key="cloud", module="cloudstats", path="/cloud", title=N_("Cloud"), icon="cloud", access=SIGNED_IN, order=45, head=head,
    subject=lambda params: cloud_rows.view_of(params, tuple(cloud_table.UNITS)), filters=cloud_rows.FILTERS,
    span=span, description=N_("Projects of the cloud and their virtual machines."),
    sections=(
        Section(
            key="own", title=N_("My projects"), query=own_query, access=SIGNED_IN, eager=True, needs=needs_of(batches.running(PLAIN), batches.quota(PLAIN)),
            export=exported(own_query, UNITS_OWN),
            blocks=(Block(key="own", title=N_("Used, running and granted now"), draw=draw_own, csv="own", help=HELP_OWN, height=160),),
        ),
        Section(
            key="all", title=N_("All projects"), query=cloud_table.query, export=cloud_table.export, access=STAFF, eager=True,
            needs=needs_of(batches.month(PLAIN), batches.quota(PLAIN), batches.hypervisors(PLAIN), batches.physical(PLAIN)),
            blocks=(
                Block(key="tiles", title="", draw=cloud_table.tiles, bare=True, height=132),
                Block(key="projects", title=N_("Granted, running and used"), draw=cloud_table.draw, csv="projects", help=HELP_ALL, height=420),
            ),
        ),
        Section(
            key="charts", title=N_("Over time"), query=charts_query, access=STAFF, needs=needs_of(batches.cores(PLAIN), batches.memory(PLAIN)),
            panels=(
                Panel(
                    key="cores", title=N_("Cores used, by project"), unit=N_("busy cores"), frame="cores", figure=charts.cores, wide=True, scope="cloud",
                    help=N_("Busy cores of all machines of a project, with what the hypervisors do for them; the largest projects by name. The dashed "
                            "line is all virtual cores that run. A click opens the project."),
                ),
                Panel(
                    key="memory", title=N_("Memory used, by project"), unit=N_("in use inside the machines"), frame="memory", figure=charts.memory, wide=True,
                    scope="cloud",
                    help=N_("Memory in use inside all machines of a project, without what their systems could give back; the dashed line is what machines "
                            "were given. A machine whose system does not tell is not in the areas."),
                ),
            ),
        ),
    ),
)  # fmt: skip
