"""What browsers, proxies and search engines may keep of an answer. The rule is "nothing"; what was made for everybody is the exception."""

from __future__ import annotations

import hashlib

from flask import Response, current_app, g, request, session

from core.settings import Settings
from core.viewer import PUBLIC

YEAR, DAY = 365 * 86400, 86400
SAME_FOR_ALL = "same for all"
FOR_THE_PUBLIC = "for the public"


def may_keep(seconds: int, whose: str) -> None:
    """Note that the answer of this request was made for the public and may be kept for so long.

    `whose`: SAME_FOR_ALL if it would not change by signing in, else FOR_THE_PUBLIC.
    """
    g.may_keep = (seconds, whose)


def may_be_found() -> None:
    """Note that search engines may show this page."""
    g.may_be_found = True


def _leaves_no_trace(settings: Settings) -> bool:
    """True if nothing in the request or the answer has to do with signing in: neither a session nor a proxy's word."""
    return (
        g.get("viewer") == PUBLIC
        and current_app.config["SESSION_COOKIE_NAME"] not in request.cookies
        and settings.sign_in.user_header not in request.headers
        and not session.modified
    )


def seal(settings: Settings, response: Response) -> Response:
    """Write the headers; static files have theirs already. Answers 304 to a browser that has the same."""
    response.vary.add("Cookie")  # one header: Flask reads only the first of several when it adds to them
    if settings.sign_in.method == "header":
        response.vary.add(settings.sign_in.user_header)
    if not g.get("may_be_found"):
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
    noted = g.get("may_keep")
    if noted is None or request.method not in ("GET", "HEAD") or response.status_code != 200 or not _leaves_no_trace(settings):
        response.headers["Cache-Control"] = "no-store"
        return response
    seconds, whose = noted
    # behind a proxy that signs in, a browser's cookies need not change with who asks: then it has to ask again each time
    fresh = seconds if whose == SAME_FOR_ALL or settings.sign_in.method != "header" else 0
    response.headers["Cache-Control"] = f"public, max-age={fresh}" if fresh else "public, no-cache"
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:20], weak=True)
    return response.make_conditional(request)


def static(response: Response) -> None:
    """Scripts, styles and fonts: for ever where the address changes with the content, else for a day."""
    told = response.headers.get("Cache-Control", "")
    forever = bool(request.args.get("m")) or f"max-age={YEAR}" in told
    if response.status_code in (200, 304) and (forever or "max-age" not in told):
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if forever else f"public, max-age={DAY}"
