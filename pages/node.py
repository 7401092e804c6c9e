"""One node: what it does now, who held it when, what its jobs and its hardware used, when it was out of service."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import parts
from components.charts import gantt, node
from components.needs import PLAIN, metrics, needs_of
from components.records import About, Block, Frames, Need, Page, Panel, Section
from components.text import N_, _, ngettext
from core.errors import NoData
from core.narrow import EVERYTHING, PARAMETERS
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import NODE_USER_OR_STAFF, Viewer
from datasources.prometheus import node_batches
from datasources.prometheus.job_batches_node import CARD_POWER
from datasources.slurm.nodes import nodes_now
from datasources.sources import Sources
from pages import node_head, node_query, node_series, node_tables
from pages.node_query import NodeView
from pages.top_common import exported

SHOWN_DAYS = 1
# what the columns of the files are counted in
UNITS = {
    "start": "UTC", "end": "UTC", "lasted": "s", "memory": "bytes", "cores_used": "cores", "memory_used": "bytes", "gpus_used": "fully used GPUs",
}  # fmt: skip


def notes(frames: Frames, about: About) -> Any:
    """Says what the chart of jobs leaves out or draws together."""
    bars = frames.get("bars")
    if not isinstance(bars, pd.DataFrame):
        return None
    jobs = int((bars["kind"] == "job").sum()) if "kind" in bars else 0
    said = []
    if jobs > gantt.MOST_BARS:
        text = ngettext("the shortest one is drawn as a grey bar", "the %(num)s shortest are drawn together as grey bars", jobs - gantt.MOST_BARS)
        said.append(_("%(all)s jobs held the node; %(rest)s.", all=jobs, rest=text))
    if not bars.attrs.get("complete", True):
        said.append(_("Not all jobs of this time were looked at: choose a shorter range to see every one."))
    return html.Div([parts.icon("info-circle-fill"), html.Span(" ".join(said))], className="tt-line-note") if said else None


def by_person(frames: Frames, about: About) -> Any:
    """Says that what jobs used is shown by person, where they are too many to be told apart."""
    cores = frames.get("cores", frames.get("memory"))
    if not isinstance(cores, pd.DataFrame) or "job" not in cores.columns.names or "" not in set(cores.columns.get_level_values("job")):
        return None
    text = _("More than %(count)s jobs in this time: what they used is drawn by person, not by job.", count=node_series.MANY_JOBS)
    return html.Div([parts.icon("info-circle-fill"), html.Span(text)], className="tt-line-note")


def _has_gpus(about: About) -> bool:
    # a source that is down is said, a node without GPUs is not
    return not isinstance(about.frames.get("gpu_bars"), NoData)


TIMELINE = (
    Panel(
        key="jobs", title=N_("Jobs on the node"), unit=N_("darker: more of the cores"), frame="bars", figure=gantt.by_person, wide=True,
        help=N_("Each bar is a job, from its start to its end as Slurm recorded them; the darker, the more of the node's cores it was given. If the "
                "node was down, drained or reserved, the row on top shows when. A click opens the job. With many jobs those of a person share rows."),
    ),
    Panel(
        key="gpu_jobs", title=N_("Jobs by GPU"), unit=N_("darker: busier"), frame="gpu_bars", figure=gantt.by_gpu, wide=True, shown=_has_gpus,
        needs=metrics("slurm_job_utilization_gpu"),
        help=N_("Which job held which GPU, as the metrics saw it; the darker, the busier the job kept it. A row without bars is a GPU that "
                "was given to nobody you may see."),
    ),
    Panel(
        key="others", title=N_("Jobs of others"), unit=N_("at the same time"), frame="others", figure=node.others, wide=True,
        shown=lambda about: not about.viewer.is_staff,
        help=N_("How many jobs of other people shared the node with yours. Whose they are is not shown."),
    ),
)  # fmt: skip


def _section(key: str, title: str, query: Any, panels: tuple[Panel, ...] = (), blocks: tuple[Block, ...] = (), exporter: str = "", **more: Any) -> Section:
    needs = (Need(kind="exporter", name=exporter),) if exporter else ()
    return Section(key=key, title=title, query=query, access=NODE_USER_OR_STAFF, panels=panels, blocks=blocks, **{"needs": needs, **more})


RUNNING_HELP = N_("Jobs that run here now. Cores and memory: what the job uses on this node, of what it was given on it.")
EVENTS_HELP = N_("When Slurm took the node out of service or reserved it in the period shown, since when, why, and who said so.")
BY_PERSON = Block(key="by_person", title="", draw=by_person, bare=True, height=0)
SECTIONS = (
    _section(
        "summary", "", node_query.summary, eager=True, in_contents=False, needs=needs_of(node_batches.now(PLAIN)),
        blocks=(
            Block(key="tiles", title="", draw=node_head.tiles, bare=True, height=132),
            Block(key="facts", title=N_("The node"), draw=node_head.facts, height=130),
        ),
    ),
    _section(
        "running", N_("Runs now"), node_query.running, export=exported(node_query.running, UNITS), needs=needs_of(node_batches.running(PLAIN)),
        blocks=(Block(key="running", title=N_("Jobs on the node now"), draw=node_tables.running, csv="running", height=180, help=RUNNING_HELP),),
    ),
    _section(
        "timeline", N_("Jobs over time"), node_query.timeline, TIMELINE, (Block(key="notes", title="", draw=notes, bare=True, height=0),),
    ),
    _section("cpu", N_("CPU"), node_series.cpu, node.CPU, (BY_PERSON,)),
    _section("memory", N_("Memory"), node_series.memory, node.MEMORY, (BY_PERSON,)),
    _section("gpu", N_("GPU"), node_series.gpu, node.GPU, needs=metrics(CARD_POWER)),
    _section("disk", N_("Local disk"), node_series.disk, node.DISK, exporter="node_exporter"),
    _section("network", N_("Network"), node_series.network, node.NETWORK, exporter="node_exporter"),
    _section("power", N_("Power"), node_series.power, node.POWER, exporter="redfish_exporter"),
    _section(
        "events", N_("Out of service"), node_query.events, export=exported(node_query.events, UNITS),
        blocks=(Block(key="events", title=N_("Down, drained and reserved"), draw=node_tables.events, csv="events", height=160, help=EVENTS_HELP),),
    ),
)  # fmt: skip


def head(sources: Sources, viewer: Viewer, subject: NodeView, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """(title, what stands above, sections); raises NotFound for a node that is not there or not the viewer's."""
    node_query.check(sources, viewer, subject)
    narrowed = nodes_now(sources, viewer=viewer, narrow=subject.narrow)
    if subject.narrow != EVERYTHING and subject.id not in set(narrowed["node"]):
        narrowed = nodes_now(sources, viewer=viewer)
    row = node_query.held(sources, viewer, subject)
    above = node_head.head(subject, row, list(narrowed["node"]), viewer, sources.settings)
    return subject.id, above, _keys(sources, node_query.has_gpus(sources, viewer, subject, when))


def _keys(sources: Sources, gpus: bool | None) -> tuple[str, ...]:
    """The sections a node can have: none of exporters that are not installed, no GPU charts where there are surely none."""
    settings = sources.settings
    found = [
        section.key for section in SECTIONS if all(settings.exporter(need.name).installed for need in section.needs if need.kind == "exporter")
    ]
    if gpus is False:
        found.remove("gpu")
    elif gpus:  # what a GPU node is about: first among the charts of figures
        found.remove("gpu")
        found.insert(found.index("cpu"), "gpu")
    return tuple(found)


def span(sources: Sources, viewer: Viewer, subject: NodeView, now: int) -> tuple[int, int]:
    """The last day."""
    return now - SHOWN_DAYS * DAY, now


NODE = Page(
    key="node", module="nodes", path="/node/<name>", title=N_("Node"), icon="hdd-network", access=NODE_USER_OR_STAFF, sections=SECTIONS,
    subject=node_query.subject_of, head=head, span=span, in_menu=False, filters=tuple(name for name in PARAMETERS if name != "node"),
    needs=(Need(kind="database", name="slurm"),), description=N_("One node: what runs on it, who held it when, what it used, when it was out of service."),
    crumbs=lambda subject: ((N_("Nodes"), "/nodes"), (subject.id, "")),
)  # fmt: skip
