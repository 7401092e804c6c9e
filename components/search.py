"""Search as the browser asks for it: `/search?q=` answers what this viewer may open, as texts and addresses; `/names` feeds the filter bar."""

from __future__ import annotations

from typing import Any

import orjson
from dash import Dash, html
from flask import Response, g, request

from components import gate, parts
from components.ask import Registry
from components.links import link
from components.menu import menu
from components.present import plain_text
from components.section import Turns
from components.text import N_, _, error_sentence
from core.errors import TurtleError
from core.settings import Settings
from core.viewer import SIGNED_IN, STAFF, Viewer
from datasources.slurm.search import KINDS, MOST, Hit, Hits, clean, find, plain, suggestions
from datasources.sources import Sources

TITLES = {"job": N_("Jobs"), "person": N_("People"), "account": N_("Accounts"), "node": N_("Nodes"), "page": N_("Pages")}
ICONS = {"job": "list-task", "person": "person", "account": "people", "node": "pc-display"}
# where a hit leads: (module, path below the portal); the first whose module is on
PLACES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "job": (("jobstats", "/job/{}", ""),), "account": (("accountstats", "/account/{}", ""), ("jobstats", "/jobs", "account")),
    "person": (("usersummary", "/user/{}", ""), ("jobstats", "/jobs", "user")), "node": (("nodes", "/node/{}", ""),),
}  # fmt: skip


def place_of(settings: Settings, viewer: Viewer, kind: str, name: str) -> str:
    """The address a hit leads to; "" where no module shows such things."""
    for module, path, parameter in PLACES[kind]:
        if settings.module_on(module):
            query = {parameter: name} if parameter else {}
            if parameter == "account" and viewer.is_staff:
                query["user"] = "*"
            return link(settings, path.format(name), **query)
    return ""


def _row(settings: Settings, viewer: Viewer, hit: Hit) -> dict[str, str]:
    said = " · ".join(part for part in (hit.detail, hit.user if hit.user != viewer.name else "") if part)
    return {
        "text": plain_text(hit.name), "detail": plain_text(said), "href": place_of(settings, viewer, hit.kind, hit.name),
        "icon": ICONS[hit.kind], "state": _(parts.STATE_WORDS[hit.state]) if hit.state in parts.STATE_WORDS else "",
        "tone": parts.STATE_TONES.get(hit.state, "muted"),
    }  # fmt: skip


def _group(settings: Settings, viewer: Viewer, kind: str, found: Hits | TurtleError) -> dict[str, Any]:
    group: dict[str, Any] = {"kind": kind, "title": _(TITLES[kind]), "rows": [], "note": ""}
    if isinstance(found, TurtleError):
        return group | {"note": error_sentence(found), "failed": True}
    group["rows"] = [_row(settings, viewer, hit) for hit in found.hits]
    if found.more:
        group["note"] = _("There are more: type more of it.")
    return group


def pages_for(registry: Registry, settings: Settings, viewer: Viewer, text: str) -> list[dict[str, str]]:
    """The pages of this viewer's menu with a word that begins with the text; all of them for a blank one."""
    wanted = plain(clean(text))
    found = []
    for page, href in menu(registry, settings, viewer):
        title = _(page.title)
        words = plain(title)
        if words.startswith(wanted) or any(word.startswith(wanted) for word in words.split()):
            found.append({"text": title, "detail": "", "href": href, "icon": page.icon, "state": "", "tone": ""})
    return found


def answer(sources: Sources, registry: Registry, viewer: Viewer, text: str) -> dict[str, Any]:
    """{"q", "groups": [{"kind", "title", "rows": [{"text", "detail", "href", …}], "note"}]}: plain texts, never markup."""
    settings = sources.settings
    kinds = tuple(kind for kind in KINDS if place_of(settings, viewer, kind, "x"))
    found = find(sources, viewer=viewer, text=text, kinds=kinds)
    groups = [_group(settings, viewer, kind, hits) for kind, hits in found.items()]
    rows = pages_for(registry, settings, viewer, text)
    groups.append({"kind": "page", "title": _(TITLES["page"]), "rows": rows[: 2 * MOST], "note": ""})
    return {"q": clean(text), "groups": [group for group in groups if group["rows"] or group["note"]]}


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status=status, mimetype="application/json")


def register(app: Dash, sources: Sources, registry: Registry, turns: Turns) -> None:
    """Add /names, and /search where the module is on. `turns`: of their own, so that what is typed does not wait for the sections of a page."""
    base = sources.settings.server.base_path

    def told(make: Any) -> Response:
        try:
            with turns.take(g.viewer):
                return _json(make())
        except TurtleError as error:
            return _json({"error": error_sentence(error)}, 503)

    @gate.requires(SIGNED_IN)
    def search() -> Response:
        text = request.args.get("q", "")
        return told(lambda: answer(sources, registry, g.viewer, text))

    @gate.requires(STAFF)
    def names() -> Response:
        return told(lambda: suggestions(sources, viewer=g.viewer))

    app.server.add_url_rule(f"{base}names", "names", names)
    if sources.settings.module_on("search"):
        app.server.add_url_rule(f"{base}search", "search", search)


def field(settings: Settings, viewer: Viewer) -> html.Div | None:
    """The place of the search field in the top bar: the browser's script fills it; None where there is nothing to search with."""
    if not settings.module_on("search") or not viewer.signed_in:
        return None
    words = {
        "hint": _("Search"), "full": _("Search jobs, people, accounts, nodes") if viewer.is_staff else _("Search jobs, accounts, nodes, pages"),
        "none": _("Nothing found that you may open."), "failed": _("The search could not be answered. Try again in a moment."),
        "recent": _("Visited last"), "results": _("Results"), "close": _("Close"), "busy": _("Searching …"), "who": viewer.name or "",
    }  # fmt: skip
    return html.Div(id="tt-search", className="tt-search", **{f"data-{key}": text for key, text in words.items()})

