"""Staff: jobs on large memory nodes, and whether they need them."""

from __future__ import annotations

from typing import Any

from dash import html

from analysis.waste import large_limit
from components import format as fmt
from components import parts
from components.links import job_link, node_link
from components.needs import PLAIN, needs_of
from components.present import plain_text
from components.records import About, Block, Frames, Page, Section
from components.table import Column, table
from components.text import N_, _
from core.narrow import PARAMETERS, view_of
from core.viewer import STAFF
from datasources.prometheus import top_batches
from datasources.slurm.hosts import hosts
from pages import top_common as common
from pages.top import PEAK_MEMORY, SLURM, USED_CORES
from pages.top_query import memory_query

FITS = {
    "yes": (N_("yes"), "bad"), "peak": (N_("its peak would"), "warn"), "no": (N_("no"), "good"),
}  # fmt: skip
SHOWN_NODES = 2


def draw_tiles(frames: Frames, about: About) -> Any:
    """How many jobs are on how many large nodes, their memory, and how many would fit elsewhere."""
    rows, nodes = frames["rows"], frames["nodes"]
    if rows.empty:
        return None
    peaks = rows[rows["memory_peak"].notna() & rows["memory"].notna()]
    used, asked = float(peaks["memory_peak"].sum()), float(peaks["memory"].sum())
    away = int(rows["fits"].isin(["yes", "peak"]).sum())
    return parts.tiles(
        parts.tile(_("Jobs judged"), fmt.number(len(rows), 9), note=_("%(count)s large memory nodes are known", count=fmt.number(len(nodes), 9))),
        parts.tile(_("Peak memory"), fmt.bytes_(used) if len(peaks) else fmt.NONE, base=_("of %(whole)s", whole=fmt.bytes_(asked)) if len(peaks) else "",
                   share=used / asked if asked else None, note=_("of what these jobs asked for")),
        parts.tile(_("Need no large node"), fmt.number(away, 9), base=_("of %(whole)s", whole=fmt.number(len(rows), 9)),
                   note=_("would fit an ordinary node")),
        common.count_tile(_("Wasting"), rows),
    )  # fmt: skip


def _nodes_cell(row: dict[str, Any], about: About) -> Any:
    names = hosts(row["node_list"])
    if len(names) > SHOWN_NODES:
        return str(row["node_list"])
    return html.Span([part for name in names for part in (node_link(about.settings, name, **about.subject.narrow.query()), " ")])


def _per_core(row: dict[str, Any]) -> Any:
    asked, node = row["per_core"], row["node_per_core"]
    if asked != asked:
        return fmt.NONE
    words = _("%(asked)s asked for each core; the node has %(node)s", asked=fmt.bytes_(asked), node=fmt.bytes_(node))
    return html.Span([fmt.bytes_(asked), html.Span(f" / {fmt.bytes_(node)}", className="tt-muted")], title=words)


def _fits_cell(row: dict[str, Any]) -> Any:
    if row["fits"] not in FITS:
        return html.Span(fmt.NONE, title=_("not known"))
    word, tone = FITS[row["fits"]]
    return parts.badge(_(word), tone)


def _measures() -> tuple[Column, ...]:
    return (
        Column(key="cores", title=N_("Cores"), kind="number", help=N_("Allocated cores")),
        USED_CORES,
        Column(key="memory", title=N_("Memory"), kind="bytes", help=N_("Memory allocated, from accounting")),
        PEAK_MEMORY,
    )  # fmt: skip


def job_columns(about: About) -> tuple[Column, ...]:
    """The columns of the table of jobs."""
    return (
        Column(key="job_id", title=N_("Job"), phone=True, draw=lambda row: job_link(about.settings, row["job_id"])),
        common.person_column(about),
        common.account_column(about),
        Column(key="name", title=N_("Name"), draw=lambda row: str(plain_text(row["name"]))),
        Column(key="node_list", title=N_("Nodes"), draw=lambda row: _nodes_cell(row, about)),
        Column(key="start", title=N_("Started"), kind="time"),
        *_measures(),
        Column(key="per_core", title=N_("A core: asked / has"), kind="bytes", draw=_per_core,
               help=N_("Memory allocated for each core of the job, and what a core of its node has")),
        Column(key="fits", title=N_("Fits elsewhere"), draw=_fits_cell,
               help=N_("Whether an even part of the job has room on an ordinary node: what it asked for, or at least its peak")),
        Column(key="wasting", title=N_("Wasting"), phone=True, draw=common.wasting_cell, help=N_("What the colours mean is said below the table")),
    )  # fmt: skip


def people_columns(about: About) -> tuple[Column, ...]:
    """The columns of the table of people."""
    return (
        common.person_column(about),
        common.account_column(about),
        Column(key="jobs", title=N_("Jobs"), kind="number", help=N_("Jobs on large memory nodes that are judged")),
        *_measures(),
        Column(key="ordinary", title=N_("Need no large node"), kind="number", help=N_("Jobs that would fit an ordinary node, by what they asked for or by their peak")),
        Column(key="wasting", title=N_("Wasting"), phone=True, draw=common.wasting_cell, help=N_("What the colours mean is said below the table")),
    )  # fmt: skip


def legend(frames: Frames, about: About) -> Any:
    """What a large memory node is here, who is judged, and the limits."""
    settings, top = about.settings, about.settings.top
    memory, cores = frames["ordinary"]
    nodes = _(
        "More than %(limit)s of memory for each core: %(factor)s times that of an ordinary node. Here: %(nodes)s.",
        limit=fmt.bytes_(large_limit(settings)), factor=fmt.number(top.large_memory_factor), nodes=", ".join(sorted(frames["nodes"])[:20]) or _("none"),
    )  # fmt: skip
    ordinary = _("The middle one of the other nodes: %(memory)s and %(cores)s cores.", memory=fmt.bytes_(memory), cores=fmt.number(cores))
    judged = _("Jobs that hold no GPU and have run for more than %(time)s. GPU jobs are judged on the page of GPUs.", time=fmt.duration(top.grace_seconds))
    return common.legend(
        (_("Large memory node"), nodes), (_("Ordinary node"), ordinary), (_("Who is judged"), judged),
        (_("Memory"), _("Peak memory of what is allocated, always: %(limits)s.", limits=common.limits(settings, top.memory_bad, top.memory_warn))),
        (_("Cores"), _("Used cores of those allocated: %(limits)s.", limits=common.limits(settings, top.cores_bad, top.cores_warn))),
        (_("Fits elsewhere"),
         _("On an ordinary node. “Its peak would” takes the highest use so far times %(factor)s.", factor=fmt.number(settings.thresholds.memory_headroom))),
        common.judged_after(settings), common.whole_nodes(),
    )  # fmt: skip


def draw_jobs(frames: Frames, about: About) -> Any:
    """The jobs, least used memory first."""
    if frames["rows"].empty:
        none = _("No job has run on a large memory node for more than %(time)s.", time=fmt.duration(about.settings.top.grace_seconds))
        return html.Div([common.nobody(about.subject, none), legend(frames, about)])
    rows, more = common.shown_rows(frames["rows"], about.settings)
    return html.Div([common.trouble(frames), table(rows, job_columns(about)), more, legend(frames, about)])


def draw_people(frames: Frames, about: About) -> Any:
    """The same by person and account."""
    if frames["people"].empty:
        return parts.empty(_("Nobody to list."))
    rows, more = common.shown_rows(frames["people"], about.settings)
    return html.Div([table(rows, people_columns(about)), more])


HELP = N_("Running jobs that hold nodes with much memory for each core. What such a node is and from where on a value counts as wasting is said below the table.")
TOP_MEMORY = Page(
    key="top_memory", module="top", path="/top/memory", title=N_("Large memory nodes"), icon="memory", access=STAFF, order=62, in_menu=False,
    staff_menu=True, subject=view_of, filters=PARAMETERS, needs=(SLURM,), description=N_("Jobs on large memory nodes, and whether they need them."),
    head=common.head("/top/memory", N_("Large memory nodes now"), N_("Jobs on nodes with much memory for each core, and whether they need it.")),
    sections=(
        Section(
            key="now", title="", query=memory_query, export=common.exported(memory_query, common.UNITS), access=STAFF, eager=True, in_contents=False,
            needs=needs_of(top_batches.large_nodes(PLAIN, 0), top_batches.each_job(PLAIN)),
            blocks=(
                Block(key="tiles", title="", draw=draw_tiles, bare=True, height=120),
                Block(key="rows", title=N_("Jobs, least used memory first"), draw=draw_jobs, csv="rows", height=300, help=HELP),
                Block(key="people", title=N_("People, most memory first"), draw=draw_people, csv="people", height=200, help=HELP),
            ),
        ),
    ),
)  # fmt: skip
