"""One virtual machine: what it is, whether it is worth what it holds, and what each of its parts does."""

from __future__ import annotations

from typing import Any

from dash import html

from components import format as fmt
from components.charts import cloud as charts
from components.links import user_link
from components.needs import PLAIN, needs_of
from components.present import Names, plain_text
from components.records import Block, Page, Panel
from components.text import N_, _
from core.errors import NotFound, TurtleError
from core.subjects import InstanceSubject
from core.timerange import TimeRange
from core.units import DAY, HOUR
from core.viewer import CLOUD_MEMBER_OR_STAFF, Viewer
from datasources.cloud import machines
from datasources.prometheus import cloud_batches
from datasources.sources import Sources
from pages import cloud_parts, cloud_query
from pages.cloud import span as day
from pages.cloud_cells import path_of, state_badge
from pages.cloud_project import HELP_FINDINGS, disk_panels, section

SECTIONS = (
    section(
        "summary", "", cloud_query.one, eager=True, in_contents=False, needs=needs_of(cloud_batches.now(PLAIN), cloud_batches.seen(PLAIN)),
        blocks=(Block(key="tiles", title="", draw=cloud_parts.instance_tiles, bare=True, height=132),),
    ),
    section(
        "findings", N_("Findings"), cloud_query.judged, eager=True, in_contents=False, needs=needs_of(cloud_batches.judged(PLAIN)),
        blocks=(Block(key="findings", title=N_("Idle or too large"), draw=cloud_parts.draw_findings, help=HELP_FINDINGS, height=80),),
    ),
    section(
        "cpu", N_("CPU"), cloud_query.cpu,
        (Panel(
            key="cores", title=N_("Cores used"), unit=N_("busy, by virtual core"), frame="cores", figure=charts.virtual_cores, wide=True, scope="cloud",
            needs=needs_of(cloud_batches.cpu(PLAIN, "vcpu")),
            help=N_("How busy each virtual core is, on each other; the dashed line is the cores it has. Few busy ones of many: its programs do not use them."),
        ),),
    ),
    section(
        "memory", N_("Memory"), cloud_query.memory,
        (Panel(
            key="memory", title=N_("Memory used"), unit=N_("in use inside it"), frame="memory", figure=charts.one_memory, wide=True, scope="cloud",
            needs=needs_of(cloud_batches.memory(PLAIN)),
            help=N_("Memory in use, without what its system could give back; the dashed line is what it was given."),
        ),),
    ),
    section("disk", N_("Disk"), cloud_query.disk, disk_panels(N_("by device"))),
    section(
        "network", N_("Network"), cloud_query.network,
        (Panel(
            key="network", title=N_("Network"), unit=N_("by interface"), frame="network", figure=charts.network, wide=True, scope="cloud",
            needs=needs_of(cloud_batches.network(PLAIN, "interface")), help=N_("Received above, sent below."),
        ),),
    ),
)  # fmt: skip


def head(sources: Sources, viewer: Viewer, subject: InstanceSubject, when: TimeRange) -> tuple[str, Any, None]:
    """Name, state, flavour and creator; raises NotFound for a uuid that is not one of this project's machines."""
    CLOUD_MEMBER_OR_STAFF.check(viewer, subject)
    try:
        row = machines.instance(sources, viewer=viewer, project=subject.project, uuid=subject.uuid, when=when)
    except NotFound:
        raise
    except TurtleError:
        # whether it is one of the project's is not known: the sections say what is wrong
        return subject.uuid, html.H1(subject.uuid, className="tt-job-name"), None
    return row["vm"] or subject.uuid, _drawn(sources, viewer, row), None


def _drawn(sources: Sources, viewer: Viewer, row: dict[str, Any]) -> Any:
    names = Names(viewer, sources.settings)
    shown = names.person(row["creator"])
    who = user_link(sources.settings, shown) if viewer.is_staff else shown
    facts: list[Any] = [plain_text(row["flavour"])]
    if row["created"] == row["created"]:
        facts.append([_("created"), " ", fmt.moment(row["created"], "day"), *([" ", _("by"), " ", who] if row["creator"] else [])])
    words: list[Any] = [html.H1(plain_text(row["vm"]) or row["uuid"], className="tt-job-name"), state_badge(row)]
    words += [html.Span(fact, className="tt-muted") for fact in facts]
    return html.Div([html.Div(html.Div(words, className="tt-title"), className="tt-title-row"), html.P(html.Code(row["uuid"]), className="tt-muted tt-small")])


def span(sources: Sources, viewer: Viewer, subject: InstanceSubject, now: int) -> tuple[int, int]:
    """The last day; of a machine that has stopped the last day it was seen."""
    usual = day(sources, viewer, subject, now)
    if not viewer.sees_project(subject.project):
        return usual
    try:
        row = machines.instance(sources, viewer=viewer, project=subject.project, uuid=subject.uuid, when=TimeRange(start=usual[0], end=usual[1], now=now))
    except TurtleError:
        return usual  # the page itself says what is wrong
    return usual if row["running"] else (int(row["last"]) - DAY, min(int(row["last"]) + HOUR, now))


INSTANCE = Page(
    key="cloud_instance", module="cloudstats", path="/cloud/<project>/<uuid>", title=N_("Virtual machine"), icon="cloud", access=CLOUD_MEMBER_OR_STAFF,
    sections=SECTIONS, subject=cloud_query.instance_subject, head=head, span=span, in_menu=False,
    description=N_("One virtual machine: what it has and what it uses."),
    crumbs=lambda subject: ((N_("Cloud"), "/cloud"), (subject.project, path_of(subject.project)), (subject.uuid[:8], "")),
)
