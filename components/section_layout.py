"""What a section looks like before its data is there: the same size as afterwards, so nothing jumps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from components import graph, parts
from components.ask import section_id
from components.links import link
from components.records import Block, Page, Panel, Section
from components.text import _
from core.settings import Settings
from core.viewer import Viewer


def anchor(section_key: str) -> str:
    """The id in the page of a section, for links such as #section-gpu."""
    return f"section-{section_key}"


def part_id(kind: str, section: str, **key: str) -> dict[str, str]:
    """The id of a part of a section: load, done, figure, graph, plot, message (panel=…), block (block=…)."""
    return {"type": kind, "section": section, **key}


def _menu(
    page: Page, section: Section, csv: str, *, image: bool, viewer: Viewer, settings: Settings
) -> html.Details | None:
    items: list[Any] = []
    if csv:
        # the browser's script adds the page's address and time range
        items.append(
            html.A(
                [parts.icon("download"), _("Data as CSV")],
                href=link(settings, f"/export/{page.key}/{section.key}/{csv}"),
                **{"data-here": "1"},
            )
        )
    if image:
        items.append(html.Button([parts.icon("image"), _("Picture (PNG)")], type="button", **{"data-png": "1"}))
    if viewer.is_staff:
        items.append(
            html.A(
                [parts.icon("code-slash"), _("Queries")],
                href=link(settings, f"/queries/{page.key}/{section.key}"),
                target="_blank",
                **{"data-here": "1"},
            )
        )
    if not items:
        return None
    return html.Details(
        [html.Summary(parts.icon("three-dots", _("Menu"))), html.Div(items, className="tt-pop tt-menu")],
        className="tt-drop tt-drop-end",
    )


def help_button(text: str) -> html.Details | None:
    """A question mark that opens an explanation."""
    if not text:
        return None
    return html.Details(
        [
            html.Summary(parts.icon("question-circle", _("What is this?"))),
            html.Div(_(text), className="tt-pop tt-help"),
        ],
        className="tt-drop tt-drop-end",
    )


def head(title: str, unit: str, help_text: str, menu: Any, *, tag: str = "") -> html.Div:
    """The head of a card: what it shows, its unit and base, help and menu."""
    name = html.Div([html.H3(title), html.Span(tag, className="tt-scope") if tag else None], className="tt-card-name")
    return html.Div(
        [
            name,
            html.Div([html.Span(unit, className="tt-unit"), help_button(help_text), menu], className="tt-card-tools"),
        ],
        className="tt-card-head",
    )


def card(panel: Panel, page: Page, section: Section, viewer: Viewer, settings: Settings) -> html.Div:
    """A chart's card: head, skeleton of the plot, slot for a message."""
    sid = section_id(page, section)
    menu = _menu(page, section, panel.key, image=True, viewer=viewer, settings=settings)
    tag = _("node") if panel.scope == "node" else ""
    plot = html.Div(
        dcc.Graph(
            id=part_id("graph", sid, panel=panel.key),
            config=graph.CONFIG,
            figure={"data": [], "layout": {}},
            className="tt-graph",
        ),
        id=part_id("plot", sid, panel=panel.key),
        className="tt-plot tt-waiting",
    )
    return html.Div(
        [
            head(_(panel.title), _(panel.unit), panel.help, menu, tag=tag),
            plot,
            html.Div(id=part_id("message", sid, panel=panel.key), className="tt-message"),
            dcc.Store(id=part_id("figure", sid, panel=panel.key)),
        ],
        className=f"tt-card tt-panel{' tt-wide' if panel.wide else ''}",
    )


def block_card(block: Block, page: Page, section: Section, viewer: Viewer, settings: Settings) -> html.Div:
    """A block's slot with a skeleton of its height, in a card unless it is bare."""
    skeleton = html.Div(className="tt-skeleton", style={"height": f"{block.height}px"})
    slot = html.Div(skeleton, id=part_id("block", section_id(page, section), block=block.key))
    if block.bare:
        return html.Div(slot, className="tt-block")
    menu = _menu(page, section, block.csv, image=False, viewer=viewer, settings=settings) if block.csv else None
    return html.Div([head(_(block.title), "", block.help, menu), slot], className="tt-card tt-block")


def section_layout(page: Page, section: Section, viewer: Viewer, settings: Settings, visit: str) -> html.Section:
    """One section, empty: its stores, its blocks, its charts two a row. `visit` tells the browser that this is a new page."""
    sid = section_id(page, section)
    charts = [card(panel, page, section, viewer, settings) for panel in section.panels]
    return html.Section(
        [
            html.H2(_(section.title)) if section.title else None,
            dcc.Store(id=part_id("load", sid)),
            dcc.Store(id=part_id("done", sid)),
            *[block_card(block, page, section, viewer, settings) for block in section.blocks],
            html.Div(charts, className="tt-grid") if charts else None,
        ],
        id=anchor(section.key),
        className="tt-section",
        **{
            "data-section": sid,
            "data-visit": visit,
            "data-eager": "1" if section.eager else "",
            "data-refresh": "1" if section.refresh else "",
        },
    )


def contents(sections: Sequence[Section]) -> html.Nav | None:
    """The page's table of contents, which stays in sight; none for fewer than three entries."""
    named = [section for section in sections if section.in_contents and section.title]
    if len(named) < 3:
        return None
    entries = [html.A(_(section.title), href=f"#{anchor(section.key)}") for section in named]
    return html.Nav(entries, className="tt-toc", **{"aria-label": _("On this page")})
