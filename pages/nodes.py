"""All nodes: counts that filter, a grid of cells, and a table; for people other than staff the nodes of their running jobs."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.charts.nodes import MEASURES, grid_figure
from components.filterbar import filter_bar
from components.needs import PLAIN, needs_of
from components.parts import choice
from components.records import About, Block, Frames, Need, Page, Panel, Section
from components.text import N_, _, error_sentence, ngettext
from core.narrow import ClusterView
from core.timerange import TimeRange
from core.units import HOUR, share
from core.viewer import SIGNED_IN, Viewer
from datasources.prometheus import nodes_batches
from datasources.sources import Sources
from pages import nodes_query
from pages.nodes_frame import IN_SERVICE, STATES
from pages.nodes_list import TONES, WORDS, draw_list
from pages.nodes_query import FACETS, address

FEW = 4  # nodes below which there is nothing to count or to map
SHOWN = 14  # values of one kind of count
TITLES = {"state": N_("State"), "partition": N_("Partition"), "kind": N_("Kind"), "feature": N_("Feature")}


def head(sources: Sources, viewer: Viewer, subject: ClusterView, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """The title and, for staff, the bar that narrows."""
    title = _("Nodes") if viewer.is_staff else _("Nodes of my jobs")
    kept = {name: value for name, value in subject.extra if value and name not in ("page", "from", "to")}
    bar = filter_bar(sources.settings, subject, "/nodes", viewer=viewer, params=kept, sources=sources)
    return title, html.Div([html.H1(title), bar]) if bar is not None else html.H1(title), None


def _sum(frame: pd.DataFrame, column: str) -> float | None:
    known = frame[column].dropna()
    return float(known.sum()) if len(known) else None


def _tile(label: str, frame: pd.DataFrame, used: str, whole: str, given: str, unit: str) -> Any:
    busy, total, gave = _sum(frame, used), _sum(frame, whole), _sum(frame, given)
    if not total:
        return None
    value, _gap, base = fmt.of(busy, total, unit).partition(" ")
    if unit == "B" and busy is not None:
        value, base = fmt.number(busy / 1024 ** fmt.scale_of(total)), fmt.of(busy, total, unit).partition(" ")[2]
    part = share(gave, total)
    note = _("%(share)s given to jobs", share=fmt.percent(part)) if part is not None else ""
    return parts.tile(label, value, base=base, share=share(busy, total), note=note)


def draw_tiles(frames: Frames, about: About) -> Any:
    """Nodes in service, and what all of those shown use."""
    frame = frames["nodes"]
    told = [parts.notice(sentence, "warn") for sentence in dict.fromkeys(map(error_sentence, frames["troubles"]))]
    if frame.empty and told and not any(frames["facets"].values()):
        return html.Div(told)
    if frame.empty:
        sentence = _("No node fits these filters.") if about.viewer.is_staff else _("None of your jobs runs now. The nodes of your running jobs are shown here.")
        return html.Div([*told, html.Div(parts.empty(sentence), className="tt-card")])
    counts = frame["group"].value_counts()
    up = int(sum(counts.get(group, 0) for group in IN_SERVICE))
    pieces = [(up, "used", _("%(count)s in service", count=fmt.number(up, 9)))]
    for group, role in (("drained", "waste"), ("down", "bad"), ("other", "alloc"), ("unknown", "alloc")):
        if counts.get(group, 0):
            pieces.append((int(counts[group]), role, f"{fmt.number(int(counts[group]), 9)} {_(WORDS[group]).lower()}"))
    nodes = parts.tile(
        _("Nodes"), fmt.number(up, 9), base=_("of %(whole)s in service", whole=fmt.number(len(frame), 9)), note=" · ".join(piece[2] for piece in pieces),
        extra=parts.segments(pieces),
    )  # fmt: skip
    watts = _sum(frame, "power")
    known = int(frame["power"].notna().sum())
    power = parts.tile(_("Power"), fmt.power(watts), note=ngettext("of %(num)s node that is measured", "of %(num)s nodes that are measured", known)) if known else None
    shown = [
        nodes, _tile(_("Cores used"), frame, "cores_used", "cores", "cores_alloc", ""),
        _tile(_("Memory used"), frame, "memory_used", "memory", "memory_alloc", "B"),
        _tile(_("GPUs used"), frame, "gpus_used", "gpus", "gpus_alloc", ""), power,
    ]  # fmt: skip
    return html.Div([*told, parts.tiles(*shown)])


def _label(facet: str, value: str, count: int) -> list[Any]:
    text: Any = parts.badge(_(WORDS[value]), TONES.get(value, "good")) if facet == "state" else value
    return [text, html.B(fmt.number(count, 9), className="num")]


def draw_counts(frames: Frames, about: About) -> Any:
    """Nodes by state, partition, kind and feature; each count is a link that filters."""
    view, settings = about.subject, about.settings
    filtered = any(view.get(facet) for facet in FACETS)
    if not filtered and len(frames["nodes"]) < FEW:
        return html.Span(className="tt-hide")
    rows = []
    for facet in FACETS:
        counts = frames["facets"][facet]
        chosen = view.narrow.partition if facet == "partition" else view.get(facet)
        names = [state for state in STATES if counts[state]] if facet == "state" else [name for name, _count in counts.most_common()]
        if facet == "partition" and not about.viewer.is_staff:
            continue
        if not names or (len(names) < 2 and not chosen):
            continue
        links = [
            choice(_label(facet, name, counts[name]), address(settings, view, **{facet: "" if name == chosen else name}), name == chosen)
            for name in names[:SHOWN]
        ]
        more = html.Span(_("and %(count)s more", count=len(names) - SHOWN), className="tt-muted tt-small") if len(names) > SHOWN else None
        rows.append(html.Div([html.Span(_(TITLES[facet]), className="tt-muted tt-small tt-facet"), *links, more], className="tt-runs"))
    return html.Div(rows, className="tt-facets") if rows else html.Span(className="tt-hide")


def worth_a_map(about: About) -> bool:
    """A map of fewer nodes says less than their rows below; staff keep it while they filter."""
    return len(about.frames["map"]) >= FEW or (about.viewer.is_staff and any(about.subject.get(facet) for facet in FACETS))


def draw_measures(frames: Frames, about: About) -> Any:
    """What the cells are coloured by."""
    if not worth_a_map(about):
        return html.Span(className="tt-hide")
    frame, chosen = frames["map"], about.subject.get("measure", "cores")
    there = [name for name, (column, _unit, _title) in MEASURES.items() if name == chosen or (not frame.empty and frame[column].notna().any())]
    links = [choice(_(MEASURES[name][2]), address(about.settings, about.subject, measure=name), name == chosen) for name in there]
    return html.Div([html.Span(_("Coloured by"), className="tt-muted tt-small"), *links], className="tt-runs")


HELP_MAP = N_(
    "One cell is one node, grouped by what kind of node it is, and by partition where the settings list partitions. The fuller the colour, the more is "
    "used. A cross is a node that is down, an open diamond one that is drained, a ring one without a measurement. A click opens the node's page."
)
HELP_LIST = N_(
    "Used is what the node itself measures, by all programs. Grey is what jobs were given and do not use. The lines show the page's range. A dash means that "
    "no exporter has a value: that is neither zero nor down. The file that can be downloaded has all nodes that fit the filters."
)
HELP_COUNTS = N_("Each number is of the nodes that fit the other filters. A click filters, a second one takes the filter away.")
MEASURED, STATE, TREND = (make(PLAIN) for make in (nodes_batches.measured, nodes_batches.state, nodes_batches.trend))

PAGE = Page(
    key="nodes", module="nodes", path="/nodes", title=N_("Nodes"), icon="hdd-network", access=SIGNED_IN, order=50, subject=nodes_query.subject_of, head=head,
    span=lambda sources, viewer, subject, now: (now - HOUR, now), filters=nodes_query.FILTERS, needs=(Need(kind="database", name="slurm"),),
    description=N_("The nodes of your jobs; for staff all nodes of the cluster."),
    sections=(
        Section(
            key="now", title="", query=nodes_query.read_overview, access=SIGNED_IN, eager=True, in_contents=False, needs=needs_of(MEASURED, STATE),
            blocks=(
                Block(key="tiles", title="", draw=draw_tiles, bare=True, height=132),
                Block(key="counts", title=N_("Nodes by"), draw=draw_counts, help=HELP_COUNTS, height=150),
            ),
        ),
        Section(
            key="map", title="", query=nodes_query.read_map, access=SIGNED_IN, eager=True, in_contents=False,
            blocks=(Block(key="measure", title="", draw=draw_measures, bare=True, height=30),),
            panels=(
                Panel(
                    key="map", title=N_("Every node"), unit=N_("share of the node, or W"), help=HELP_MAP, frame="map", figure=grid_figure, scope="cluster",
                    wide=True, needs=needs_of(MEASURED), shown=worth_a_map,
                ),
            ),
        ),
        Section(
            key="list", title="", query=nodes_query.read_list, export=nodes_query.exported, access=SIGNED_IN, eager=True, in_contents=False, needs=needs_of(TREND),
            blocks=(Block(key="list", title=N_("List"), draw=draw_list, csv="nodes", help=HELP_LIST, height=600),),
        ),
    ),
)  # fmt: skip
