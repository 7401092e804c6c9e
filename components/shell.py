"""The frame around every page: sidebar, top bar, footer. It depends on who looks, and holds no data."""

from __future__ import annotations

from typing import Any

import dash
from dash import MATCH, ClientsideFunction, Dash, Input, Output, dcc, html
from flask import g, has_request_context

from components import parts, search, signin
from components.ask import Registry
from components.links import link
from components.menu import menu
from components.records import Page
from components.shell_errors import sign_in_link
from components.text import N_, RANGES, _
from core.settings import Link, Settings
from core.viewer import PUBLIC, Viewer

REFRESH = (("0", N_("Off")), ("30", N_("30 s")), ("60", N_("1 min")), ("300", N_("5 min")))


def _entry(page: Page, href: str) -> dcc.Link:
    # the browser's script marks the present page
    return dcc.Link([parts.icon(page.icon), html.Span(_(page.title))], href=href, className="tt-nav")


def _outside(one: Link, icon: str) -> html.A:
    attributes = {"data-same-path": "1"} if one.same_path else {}
    return html.A(
        [parts.icon(icon), html.Span(one.name)], href=one.url, className="tt-nav", rel="noreferrer", **attributes
    )


def _group(title: str, entries: list[Any]) -> list[Any]:
    return [html.Div(title, className="tt-nav-group"), *entries] if entries else []


def sidebar(registry: Registry, settings: Settings, viewer: Viewer) -> html.Nav:
    """The menu: pages by module, a group for staff, the site's links, other clusters."""
    pages = menu(registry, settings, viewer)
    brand = dcc.Link(
        [parts.icon("turtle"), html.Span(settings.site.title)], href=link(settings, "/"), className="tt-brand"
    )
    entries = [
        *[_entry(page, href) for page, href in pages if not page.staff_menu],
        *_group(_("Staff"), [_entry(page, href) for page, href in pages if page.staff_menu]),
        *_group(_("Links"), [_outside(one, "book") for one in settings.site.links]),
        *_group(_("Other clusters"), [_outside(one, "hdd-network") for one in settings.site.other_portals]),
    ]
    return html.Nav([brand, *entries], className="tt-side", id="tt-side", **{"aria-label": _("Main menu")})


def _drop(name: str, icon: str, text: str, label: str, content: Any) -> html.Details:
    head = html.Summary(
        [
            parts.icon(icon),
            html.Span(f"{label}: ", className="visually-hidden"),
            html.Span(text, className="tt-btn-text", **{"data-label": name}),
            parts.icon("chevron-down"),
        ],
        className="tt-btn",
        title=label,
    )
    return html.Details(
        [head, html.Div(content, className="tt-pop")], className="tt-drop tt-drop-end", **{"data-drop": name}
    )


def range_menu() -> html.Details:
    """The time range: presets, from and to by hand, a step back. The browser's script acts on it."""
    presets = [
        html.Button(_(text), type="button", className="tt-choice", **{"data-range": value}) for value, text in RANGES
    ]
    own = html.Form(
        [
            html.Label([_("From"), dcc.Input(type="text", className="tt-input", id="tt-from")]),
            html.Label([_("To"), dcc.Input(type="text", className="tt-input", id="tt-to")]),
            html.P(_("Times of your zone, such as 2026-11-22 08:00, or now-6h."), className="tt-muted tt-small"),
            html.Button(_("Apply"), type="button", className="tt-btn tt-btn-primary", **{"data-range-apply": "1"}),
        ],
        className="tt-range-own",
    )
    usual = html.Button(_("Usual range of the page"), type="button", className="tt-choice", **{"data-range": ""})
    return _drop(
        "range",
        "clock",
        _("Time range"),
        _("Time range"),
        html.Div([html.Div([usual, *presets]), own], className="tt-range"),
    )


def refresh_menu() -> html.Details:
    """How often the page reads again by itself; it rests while the tab is hidden."""
    now = html.Button(_("Now"), type="button", className="tt-choice", **{"data-refresh-now": "1"})
    choices = [
        html.Button(_(text), type="button", className="tt-choice", **{"data-refresh-every": value})
        for value, text in REFRESH
    ]
    return _drop("refresh", "arrow-repeat", _("Off"), _("Refresh"), [now, *choices])


def user_menu(settings: Settings, viewer: Viewer) -> Any:
    """Who is signed in and the way out; else the way in."""
    if settings.sign_in.method == "none":
        return None
    if not viewer.signed_in:
        way_in = sign_in_link(settings)
        more = {"data-sign-in": "1"}
        return html.A(_("Sign in"), href=way_in, className="tt-btn tt-btn-primary", **more) if way_in else None
    rows = [html.B(viewer.full_name or viewer.name), html.Div(viewer.name, className="tt-muted")]
    if viewer.is_staff:
        rows.append(parts.badge(_("staff"), "info"))
    if settings.sign_in.method == "personas":
        token = html.Div(dcc.Input(type="hidden", name="token", value=signin.token()))
        leave: Any = html.Form(
            [token, html.Button([parts.icon("box-arrow-right"), _("Sign out")], type="submit", className="tt-choice")],
            action=link(settings, "/signout"),
            method="post",
        )
        rows.append(
            html.A([parts.icon("people"), _("Be somebody else")], href=link(settings, "/signin"), className="tt-choice")
        )
    else:
        out = settings.sign_in.sign_out_url
        leave = html.A([parts.icon("box-arrow-right"), _("Sign out")], href=out, className="tt-choice") if out else None
    return _drop("user", "person-circle", viewer.name or "", _("Account"), [html.Div(rows, className="tt-who"), leave])


def top_bar(settings: Settings, viewer: Viewer) -> html.Header:
    """The bar on top: menu button on phones, step back, time range, refresh, theme, account."""
    drawer = html.Button(
        parts.icon("list", _("Menu")),
        type="button",
        className="tt-btn tt-burger",
        **{"data-drawer": "1", "aria-controls": "tt-side", "aria-expanded": "false"},
    )
    back = html.Button(
        parts.icon("arrow-counterclockwise", _("Previous time range")),
        type="button",
        className="tt-btn tt-back",
        title=_("Previous time range"),
        **{"data-range-back": "1"},
    )
    theme = html.Button(
        [parts.icon("moon", _("Dark or light")), parts.icon("sun", _("Dark or light"))],
        type="button",
        className="tt-btn tt-theme",
        title=_("Dark or light"),
        **{"data-theme-toggle": "1"},
    )
    brand = dcc.Link(
        [parts.icon("turtle"), html.Span(settings.site.title)],
        href=link(settings, "/"),
        className="tt-brand tt-brand-top",
    )
    right = html.Div([back, range_menu(), refresh_menu(), theme, user_menu(settings, viewer)], className="tt-controls")
    return html.Header([drawer, brand, search.field(settings, viewer), html.Div(className="tt-space"), right], className="tt-top")


def footer(settings: Settings) -> html.Footer:
    """Time zone, when the page was read, and support with the page's id."""
    rows: list[Any] = [
        html.Span([_("Times in "), html.Span("UTC", **{"data-zone": "1"})]),
        html.Span([_("updated "), html.Span("–", **{"data-read": "1"})]),
    ]
    if settings.site.support:
        # {page} and {incident} are filled in by the browser's script when it is clicked
        rows.append(
            html.A(
                [parts.icon("life-preserver"), _("Support")],
                href=settings.site.support.replace("{page}", "").replace("{incident}", ""),
                className="tt-link",
                **{"data-support": settings.site.support},
            )
        )
    return html.Footer(rows, className="tt-foot")


def layout(registry: Registry, settings: Settings) -> html.Div:
    """The whole frame for the viewer of the present request."""
    viewer = getattr(g, "viewer", PUBLIC) if has_request_context() else PUBLIC
    words = {
        "ended": _("Your session has ended. Sign in again to go on."),
        "sign_in": _("Sign in"),
        "late": _("No answer yet. The portal or the network is busy."),
        "again": _("Try again"),
        "copied": _("Copied"),
        "page_only": _("sorts and filters the rows of this page"),
        "bad_time": _("That time cannot be read."),
        "rows": _("rows"),
        "of": _("of"),
        "usual": _("Usual range"),
    }
    return html.Div(
        [
            html.A(_("Skip to content"), href="#tt-main", className="tt-skip"),
            sidebar(registry, settings, viewer),
            html.Div(className="tt-shade", **{"data-drawer": "1"}),
            top_bar(settings, viewer),
            html.Div(id="tt-ended", className="tt-ended", role="alert"),
            html.Main([dash.page_container, footer(settings)], className="tt-main", id="tt-main"),
            dcc.Store(id="tt-theme", data=""),
            html.Div(
                id="tt-words", hidden=True, **{f"data-{key.replace('_', '-')}": text for key, text in words.items()}
            ),
            html.Div(
                id="tt-base",
                hidden=True,
                **{"data-base": settings.server.base_path, "data-signin": sign_in_link(settings), "data-staff": "1" if viewer.is_staff else ""},
            ),
        ],
        className="tt-shell",
    )


def register_clientside(app: Dash) -> None:
    """The browser's own callbacks: painting charts, noting that a section arrived."""
    part = {"section": MATCH, "panel": MATCH}
    app.clientside_callback(
        ClientsideFunction("turtle", "paint"),
        Output({"type": "graph", **part}, "figure"),
        Output({"type": "plot", **part}, "className"),
        Input({"type": "figure", **part}, "data"),
        Input("tt-theme", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("turtle", "done"),
        Output({"type": "load", "section": MATCH}, "modified_timestamp"),
        Input({"type": "done", "section": MATCH}, "data"),
        prevent_initial_call=True,
    )


# without Dash's own meta tags: they repeat the address and host of the request, and the frame is kept for everybody
INDEX = """<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{%title%}}</title>
<script src="{theme}"></script>
<link rel="icon" href="{icon}" type="image/svg+xml">
<link rel="preload" href="{font}" as="font" type="font/woff2" crossorigin>
{{%css%}}
</head>
<body>
{{%app_entry%}}
<footer>{{%config%}}{{%scripts%}}{{%renderer%}}</footer>
</body>
</html>"""
