"""Pages: registered from their records, and laid out after the address and the access were checked."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dash
from dash import Dash, html
from flask import g, request

from components import notices, parts
from components.ask import Ask, Registry, read
from components.links import below_base, link
from components.records import Page, Section
from components.section import Bug, incident
from components.section_layout import contents, section_layout
from components.shell_errors import refused
from components.text import _, time_note
from core.errors import Busy, NotFound, SourceError, TurtleError
from core.settings import Settings
from core.viewer import Viewer, as_set
from datasources.sources import Sources

log = logging.getLogger(__name__)


def existing(pages: tuple[Page, ...], settings: Settings) -> tuple[Page, ...]:
    """The pages of modules that are switched on; of the others nothing exists: no route, menu entry or callback."""
    for page in pages:
        if not settings.module_on(page.module):
            log.info("page %s: module %s is switched off", page.key, page.module)
    return tuple(_as_set(page, settings.site.public) for page in pages if settings.module_on(page.module))


def _as_set(page: Page, public: str) -> Page:
    """The page with the access rules that hold here: public pages may be closed by a setting."""
    sections = tuple(replace(section, access=as_set(section.access, public)) for section in page.sections)
    return replace(page, access=as_set(page.access, public), sections=sections)


def _where() -> tuple[str, str]:
    """(pathname, search) the router was asked for, from the request itself: its parsed variables mix path and query."""
    body = request.get_json(silent=True) or {}
    found = {part.get("property"): part.get("value") for part in body.get("inputs", []) if isinstance(part, dict)}
    path, search = found.get("pathname"), found.get("search")
    return path if isinstance(path, str) else "/", search if isinstance(search, str) else ""


def crumbs(page: Page, ask: Ask, settings: Settings) -> html.Nav | None:
    """The way to this page; none on the front page."""
    trail = page.crumbs(ask.subject)
    if not trail:
        return None
    parts_: list[Any] = []
    for place, (text, path) in enumerate(trail):
        if place:
            parts_.append(html.Span("/", className="tt-crumb-sep", **{"aria-hidden": "true"}))
        parts_.append(
            parts.page_link(_(text), link(settings, path), "tt-crumb")
            if path
            else html.Span(text, **{"aria-current": "page"})
        )
    return html.Nav(parts_, className="tt-crumbs", **{"aria-label": _("You are here")})


def lay_out(sources: Sources, page: Page, viewer: Viewer, path: str, search: str) -> Any:
    """The page's components; raises access errors, NotFound, BadInput and source errors."""
    ask = read(sources, viewer, page, path, search)
    above, keys = None, None
    if page.head is not None:
        _title, above, keys = page.head(sources, viewer, ask.subject, ask.when)
    by_key = {section.key: section for section in page.sections}
    # the head's keys are an order, too: what matters most for this subject comes first
    wanted = page.sections if keys is None else [by_key[key] for key in keys if key in by_key]
    sections = [section for section in wanted if _may(section.access, viewer, ask)]
    note = time_note(ask.when.note)
    visit = secrets.token_hex(4)
    # headline and findings come first, then the contents of what follows
    first = next((place for place, section in enumerate(sections) if section.in_contents and section.title), len(sections))
    leading, rest = sections[:first], sections[first:]

    def draw(section: Section) -> Any:
        return section_layout(page, section, viewer, sources.settings, visit)

    return html.Div(
        [
            *notices.draw(sources, viewer),
            crumbs(page, ask, sources.settings),
            parts.notice(note, "warn") if note else None,
            above if page.head is not None else html.H1(_(page.title)),
            *[draw(section) for section in leading],
            contents(rest),
            *[draw(section) for section in rest],
        ],
        className="tt-page",
        **{
            "data-page": page.key,
            "data-visit": visit,
            "data-from": str(ask.when.start),
            "data-to": str(ask.when.end),
            "data-path": page.path,
        },
    )


def _may(access: Any, viewer: Viewer, ask: Ask) -> bool:
    try:
        access.check(viewer, ask.subject)
    except TurtleError:
        return False
    return True


def _instead(sources: Sources, error: TurtleError | Bug, viewer: Viewer, pathname: str) -> Any:
    """The page that says why there is none, below the site's messages: an outage that was announced explains it."""
    shown = refused(error, sources.settings, viewer, pathname)
    shown.children = [*notices.draw(sources, viewer), shown.children]
    return shown


def layout_of(sources: Sources, page: Page) -> Callable[..., Any]:
    """The layout function Dash calls; it takes any parameter and believes none of them."""

    def layout(**_ignored: Any) -> Any:
        pathname, search = _where()
        viewer: Viewer = g.viewer
        try:
            if "refused" in g:
                raise g.refused
            path = below_base(sources.settings, pathname)
            if path is None:
                raise NotFound(pathname)
            return lay_out(sources, page, viewer, path, search)
        except TurtleError as error:
            g.failures = isinstance(error, SourceError | Busy)
            log.info("page %s: %s: %s", page.key, type(error).__name__, error.detail)
            return _instead(sources, error, viewer, pathname)
        except Exception:
            g.failures = True
            found: Bug = incident(f"page {page.key}")
            return _instead(sources, found, viewer, pathname)

    return layout


def register(app: Dash, sources: Sources, registry: Registry) -> None:
    """Give every page of the registry its route, and unknown addresses their page."""
    title = sources.settings.site.title
    for page in registry.pages.values():
        # titles are asked for before any check: they hold nothing but the page's name
        name = f"{_(page.title)} · {title}"
        where = {"path_template": page.path} if "<" in page.path else {"path": page.path}
        dash.register_page(
            f"pages.{page.key}",
            title=name,
            description="",
            layout=layout_of(sources, page),
            order=page.order,
            image="",
            **where,
        )

    def missing(**_ignored: Any) -> Any:
        return _instead(sources, NotFound(), g.viewer, _where()[0])

    dash.register_page(
        "pages.not_found_404",
        path="/_not_found",
        title=f"{_('Not found')} · {title}",
        description="",
        layout=missing,
        image="",
    )
