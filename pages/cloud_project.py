"""One project of the cloud: what runs, what of it is used, which machines are idle or too large."""

from __future__ import annotations

from typing import Any

from dash import html

from components.charts import cloud as charts
from components.needs import PLAIN, needs_of
from components.records import Block, Page, Panel, Section
from components.text import N_, _
from core.errors import TurtleError
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import CLOUD_MEMBER_OR_STAFF, Viewer
from datasources.prometheus import cloud_batches, cloud_project_batches
from datasources.sources import Sources
from pages import cloud_parts, cloud_query
from pages.cloud import span
from pages.top_common import exported

UNITS = {
    "memory": "bytes", "capacity": "bytes", "allocation": "bytes", "cores_used": "cores now", "memory_used": "bytes now", "cpu": "cores", "memory_mean": "bytes",
    "disk_rate": "bytes/s", "network_rate": "bytes/s", "first": "UTC", "last": "UTC", "created": "UTC",
}  # fmt: skip


def section(key: str, title: str, query: cloud_query.Query, panels: tuple[Panel, ...] = (), blocks: tuple[Block, ...] = (), **more: Any) -> Section:
    """A section of a project or of a machine: members and staff."""
    return Section(key=key, title=title, query=query, access=CLOUD_MEMBER_OR_STAFF, panels=panels, blocks=blocks, **more)


def disk_panels(who: str) -> tuple[Panel, ...]:
    """Bandwidth and operations; `who` says by what they are told apart."""
    needs = needs_of(cloud_batches.disk(PLAIN))
    said = N_("Read above, written below. What the virtual disks move, whatever kind of storage they lie on.")
    return (
        Panel(key="bandwidth", title=N_("Disk bandwidth"), unit=who, frame="bandwidth", figure=charts.bandwidth, needs=needs, scope="cloud", help=said),
        Panel(key="operations", title=N_("Disk operations"), unit=who, frame="operations", figure=charts.operations, needs=needs, scope="cloud", help=said),
    )


HELP_FINDINGS = N_(
    "Machines that run, judged by the last days: idle ones, and ones with more cores or memory than they use, with the smallest flavour that would hold them. "
    "Machines of which less than half of the time is known are not judged; flavours with GPUs are never called too large."
)
HELP_LIST = N_(
    "Machines that run, and those seen in the range or the 14 days before its end. CPU, memory, disk and network are means over the range. "
    "Two machines of one name have the start of their uuid behind it."
)
BY_MACHINE = N_("by machine, in up, out down")
SECTIONS = (
    section(
        "summary", "", cloud_query.summary, eager=True, in_contents=False,
        needs=needs_of(cloud_batches.now(PLAIN), cloud_batches.seen(PLAIN), cloud_project_batches.quota(PLAIN)),
        blocks=(Block(key="tiles", title="", draw=cloud_parts.project_tiles, bare=True, height=132),),
    ),
    section(
        "findings", N_("Findings"), cloud_query.judged, eager=True, in_contents=False, needs=needs_of(cloud_batches.judged(PLAIN)),
        blocks=(Block(key="findings", title=N_("Idle or too large"), draw=cloud_parts.draw_findings, help=HELP_FINDINGS, height=120),),
    ),
    section(
        "instances", N_("Machines"), cloud_query.table, eager=True, export=exported(cloud_query.table, UNITS),
        blocks=(Block(key="instances", title=N_("Virtual machines"), draw=cloud_parts.draw_instances, csv="instances", help=HELP_LIST, height=240),),
    ),
    section(
        "cpu", N_("CPU"), cloud_query.cpu,
        (Panel(
            key="cores", title=N_("Cores used"), unit=N_("busy cores, by machine"), frame="cores", figure=charts.cores, wide=True, scope="cloud",
            needs=needs_of(cloud_batches.cpu(PLAIN)),
            help=N_("Busy virtual cores of each machine on each other; the dashed line is all cores of the machines that run. A click opens the machine."),
        ),),
    ),
    section(
        "memory", N_("Memory"), cloud_query.memory,
        (Panel(
            key="memory", title=N_("Memory used"), unit=N_("in use, by machine"), frame="memory", figure=charts.memory, wide=True, scope="cloud",
            needs=needs_of(cloud_batches.memory(PLAIN)),
            help=N_("Memory in use inside each machine, without what its system could give back; the dashed line is what the machines were given."),
        ),),
    ),
    section("disk", N_("Disk"), cloud_query.disk, disk_panels(N_("by machine, read up, written down"))),
    section(
        "network", N_("Network"), cloud_query.network,
        (Panel(
            key="network", title=N_("Network"), unit=BY_MACHINE, frame="network", figure=charts.network, wide=True, scope="cloud",
            needs=needs_of(cloud_batches.network(PLAIN)), help=N_("Received above, sent below, all interfaces of a machine together."),
        ),),
    ),
)  # fmt: skip


def head(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """The project's name, and the sections: no charts of a project without machines. Raises NotFound for one that is not there or not the viewer's."""
    CLOUD_MEMBER_OR_STAFF.check(viewer, subject)
    # who may see it is known without Prometheus; where that does not answer, the sections say so
    found = cloud_query.listed(sources, viewer, subject, when)
    bare = isinstance(found, TurtleError) and cloud_parts.not_seen(found)
    title = html.Div([html.H1(subject.id, className="tt-job-name"), html.Span(_("cloud project"), className="tt-muted")], className="tt-title")
    return subject.id, html.Div(html.Div(title, className="tt-title-row")), ("summary", "instances") if bare else None


PROJECT = Page(
    key="cloud_project", module="cloudstats", path="/cloud/<project>", title=N_("Cloud project"), icon="cloud", access=CLOUD_MEMBER_OR_STAFF,
    sections=SECTIONS, subject=cloud_query.project_subject, head=head, span=span, in_menu=False,
    description=N_("One project of the cloud: its virtual machines and what they use."), crumbs=lambda subject: ((N_("Cloud"), "/cloud"), (subject.id, "")),
)
