"""How people sign in. One method is active; each says who a request is from, and nothing else of it is believed."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import secrets
from typing import Any, Protocol

from dash import Dash
from flask import Response, abort, redirect, request, session

from components import gate
from components.links import link
from components.signin_page import personas_page
from core.errors import SettingsError, TurtleError
from core.settings import Settings
from core.viewer import ANYONE
from datasources.slurm.personas import bears_mark, personas
from datasources.sources import Sources

log = logging.getLogger(__name__)
SESSION_SECONDS = 12 * 3600


class SignInMethod(Protocol):
    """A way to sign in: `profile()` answers {"method", "login", "claims"} for the present request, or None for the public."""

    def profile(self) -> dict[str, Any] | None: ...

    def register(self, app: Dash) -> None: ...


class Nobody:
    """No sign-in: public pages only."""

    def profile(self) -> dict[str, Any] | None:
        """Always the public."""
        return None

    def register(self, app: Dash) -> None:
        """Adds no route."""


class Header:
    """A trusted reverse proxy says who it is; believed only from its address (or a Unix socket) and with the shared secret."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.sign_in
        self.secret = settings.sign_in.secret.get_secret_value().encode()
        self.networks = [ipaddress.ip_network(peer, strict=False) for peer in settings.sign_in.trusted_peers]
        if self.networks and len(self.secret) < 16:
            raise SettingsError("sign_in.secret: a shared secret of 16 characters or more is needed with trusted_peers")

    def _trusted(self) -> bool:
        # a peer without an address came over the Unix socket, which file permissions protect; the real peer, never X-Forwarded-For
        peer = request.environ.get("REMOTE_ADDR") or ""
        if not peer:
            inside = not self.networks
        else:
            try:
                address = ipaddress.ip_address(peer)
            except ValueError:
                return False
            inside = any(address in network for network in self.networks)
        if not inside:
            return False
        sent = request.headers.get(self.settings.secret_header, "").encode()
        return not self.secret or hmac.compare_digest(sent, self.secret)

    def profile(self) -> dict[str, Any] | None:
        """The login the proxy names; None without one, and for headers anybody else sent."""
        named = request.headers.getlist(self.settings.user_header)
        if not named:
            return None
        if len(named) > 1 or not self._trusted():
            log.warning("sign-in header refused from %s", request.environ.get("REMOTE_ADDR") or "socket")
            return None
        login = named[0].strip()
        return {"method": "header", "login": login, "claims": {}} if login and "," not in login else None

    def register(self, app: Dash) -> None:
        """Adds no route: the proxy signs in and out."""


class Personas:
    """The demo's way: a page that lists its people. It works only against a database that bears the demo's mark."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.bore_mark = False

    def _people(self) -> tuple[Any, ...]:
        try:
            return personas(self.sources.slurm)
        except TurtleError as error:
            log.warning("personas: %s", error.detail)
            return ()

    def _marked(self) -> bool:
        """True if the database bears the mark; while it cannot be reached, if it did when it was last asked."""
        try:
            self.bore_mark = bears_mark(self.sources.slurm)
        except TurtleError as error:
            log.warning("personas: %s", error.detail)
        return self.bore_mark

    def profile(self) -> dict[str, Any] | None:
        """The persona of the session."""
        login = session.get("persona")
        if not isinstance(login, str) or not self._marked():
            return None
        return {"method": "personas", "login": login, "claims": {}}

    def register(self, app: Dash) -> None:
        """GET /signin lists the people; POST /signin and /signout change the session, guarded by a token."""
        settings = self.sources.settings

        @gate.requires(ANYONE)
        def sign_in() -> Any:
            if request.method == "GET":
                session["token"] = session.get("token") or secrets.token_urlsafe(24)
                return Response(
                    personas_page(self._people(), settings, session["token"], request.args.get("next", "")),
                    mimetype="text/html",
                )
            _check_token()
            login = request.form.get("login", "")
            if login not in {person.login for person in self._people()}:
                abort(403)
            session.clear()
            session["persona"] = login
            session["token"] = secrets.token_urlsafe(24)
            session.permanent = True
            return redirect(_inside(settings, request.form.get("next", "")), 303)

        @gate.requires(ANYONE)
        def sign_out() -> Any:
            _check_token()
            session.clear()
            return redirect(link(settings, "/"), 303)

        base = settings.server.base_path
        app.server.add_url_rule(f"{base}signin", "signin", sign_in, methods=["GET", "POST"])
        app.server.add_url_rule(f"{base}signout", "signout", sign_out, methods=["POST"])


def _check_token() -> None:
    sent, kept = request.form.get("token", ""), session.get("token", "")
    if not kept or not hmac.compare_digest(sent.encode(), str(kept).encode()):
        abort(403)


def _inside(settings: Settings, target: str) -> str:
    """The address to go to after signing in: only one of this portal."""
    base = settings.server.base_path
    safe = (
        target.startswith(base)
        and not target.startswith("//")
        and "\\" not in target
        and "\n" not in target
        and "\r" not in target
    )
    return target if safe else base


def token() -> str:
    """The session's token for forms, "" without a session."""
    return str(session.get("token", ""))


def method_of(sources: Sources) -> SignInMethod:
    """The sign-in the settings name; raises SettingsError for one that cannot work."""
    _key(sources.settings)
    name = sources.settings.sign_in.method
    if name == "header":
        return Header(sources.settings)
    return Personas(sources) if name == "personas" else Nobody()


def _key(settings: Settings) -> str:
    key = settings.server.secret_key.get_secret_value()
    if not key and settings.sign_in.method == "personas":
        raise SettingsError("server.secret_key: needed for signing in; 32 random characters or more")
    if key and len(key) < 32:
        raise SettingsError("server.secret_key: 32 random characters or more")
    return key


def install(app: Dash, settings: Settings) -> None:
    """The session cookie: signed, unreadable to scripts, sent to this site only."""
    app.server.secret_key = _key(settings) or secrets.token_urlsafe(32)
    app.server.config.update(
        SESSION_COOKIE_NAME="turtle",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.server.secure_cookie,
        SESSION_COOKIE_PATH=settings.server.base_path,
        PERMANENT_SESSION_LIFETIME=SESSION_SECONDS,
        MAX_CONTENT_LENGTH=1024 * 1024,
    )
