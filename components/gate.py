"""The gate every request passes: who is it, may it, and what the answer's headers say. Default deny."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from dash import Dash
from flask import Response, abort, g, redirect, request

from components import http_cache
from components.callback_shape import well_formed
from components.links import below_base
from core.errors import NotAllowed, NotFound, NotSignedIn, TurtleError
from core.settings import Settings
from core.viewer import PUBLIC, Access, Viewer

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger(__name__)

# Dash's own page router: the layout it calls checks the page's access itself (components/page.py)
ROUTER = ".._pages_content.children..._pages_store.data.."
# GETs open to everybody: the empty frame of a page, its scripts and styles, health. They hold no data.
OPEN = (
    "/_dash-component-suites/",
    "/assets/",
    "/_dash-dependencies",
    "/_reload-hash",
    "/_health",
    "/_favicon.ico",
    "/healthz",
    "/readyz",
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def requires(access: Access) -> Callable[[F], F]:
    """Give a callback its access rule; one without is refused."""

    def mark(function: F) -> F:
        function.access = access  # type: ignore[attr-defined]
        return function

    return mark


def session_ended() -> NoReturn:
    """Answer 401 in the words Dash's renderer listens for, so that the browser can say that the session has ended."""
    abort(Response(json.dumps({"error": "JWT Expired"}), status=401, mimetype="application/json"))


def check(access: Access | None, viewer: Viewer, what: str) -> None:
    """Refuse the request unless the rule lets the viewer pass; no rule refuses."""
    if access is None:
        log.warning("refused %s: no access rule", what)
        abort(403)
    try:
        access.check(viewer, None)
    except NotSignedIn:
        session_ended()
    except NotFound:
        abort(404)
    except NotAllowed:
        log.warning("refused %s to %s", what, viewer.scope)
        abort(403)


def _check_callback(app: Dash, viewer: Viewer) -> None:
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # brackets in brackets without end
        abort(400)
    output = body.get("output") if isinstance(body, dict) else None
    if not isinstance(output, str):
        abort(403)
    found = app.callback_map.get(output)
    if found is None:
        log.warning("refused unknown callback to %s", viewer.scope)
        abort(403)
    if output != ROUTER:
        check(getattr(found.get("callback"), "access", None), viewer, f"callback {output[:60]}")
    if not well_formed(body, output, found):
        log.warning("refused callback of wrong form to %s: %s", viewer.scope, output[:60])
        abort(400)


def install(app: Dash, settings: Settings, viewer_of: Callable[[], Viewer], csp: dict[str, str]) -> None:
    """Register the gate. `viewer_of` makes the viewer of the present request; `csp["value"]` is filled after the warm-up."""
    server = app.server
    # the page's empty frame, the same for every address: no data
    frame = {settings.server.base_path, f"{settings.server.base_path}<path:path>"}

    @server.before_request
    def admit() -> Any:
        if request.path + "/" == settings.server.base_path:
            # werkzeug's own answer would name the host and scheme that the request claims
            return redirect(settings.server.base_path, 308)
        path = below_base(settings, request.path)
        if path is None:
            abort(404)
        if request.method in ("GET", "HEAD") and path.startswith(OPEN):
            g.viewer = PUBLIC
            return
        try:
            g.viewer = viewer_of()
        except TurtleError as error:
            log.warning("viewer unknown: %s", error.detail)
            g.viewer = PUBLIC
        if path == "/_dash-update-component":
            _check_callback(app, g.viewer)
        elif path == "/_dash-layout" and request.method == "GET":
            return  # the frame: the viewer's own menu, no data
        elif request.endpoint is not None:
            view = server.view_functions.get(request.endpoint)
            if path.startswith("/_dash") or request.method not in ("GET", "HEAD", "POST", "OPTIONS"):
                abort(404)
            rule = getattr(view, "access", None)
            if rule is not None:
                check(rule, g.viewer, path)
            elif request.method not in ("GET", "HEAD") or request.endpoint not in frame:
                log.warning("refused %s: no access rule", request.endpoint)
                abort(403)

    @server.after_request
    def seal(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Security-Policy"] = csp["value"]
        path = below_base(settings, request.path) or "/"
        if not path.startswith(("/_dash-component-suites/", "/assets/")):
            return http_cache.seal(settings, response)
        return response


def policy(app: Dash) -> str:
    """The content security policy; its hashes are right only after the warm-up."""
    scripts = " ".join(
        ["'self'", *(f"'{found}'" if not found.startswith("'") else found for found in app.csp_hashes())]
    )
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )
