"""Messages of the site on top of every page: those that hold now, in the reader's language, as plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from components import format as text
from components import parts
from components.present import plain_text
from components.text import N_, _, language
from core.hooks import notices_told
from core.viewer import Viewer
from datasources.sources import Sources

MOST = 5  # messages at once: more would push the page out of sight, so the gravest are shown
UNREAD = N_("Messages of the site are missing here: they, or some of them, cannot be read. The portal's log says why, and so does app.py check for a file.")
GRAVITY = {"bad": 0, "warn": 1, "info": 2}


def current(found: tuple[dict, ...], now: float) -> list[dict]:
    """The messages to show at `now` (UTC seconds): from `from` on, and before `until`; the gravest first, else in their order."""
    shown = [one for one in found if one.get("from", now) <= now < one.get("until", now + 1)]
    return sorted(shown, key=lambda one: GRAVITY[one["level"]])[:MOST]


def said(content: str | Mapping[str, str], wanted: str) -> str:
    """The text in a language such as `fr` or `fr_CA`; else in English, else in the first there is."""
    if isinstance(content, str):
        return plain_text(content)
    found = next((content[key] for key in (wanted, wanted[:2], "en") if key in content), next(iter(content.values())))
    return plain_text(found)


def _span(one: Mapping[str, Any]) -> Any:
    """How long it is shown, in the reader's zone, said so that nobody takes it for when it happens; None where the site says no end."""
    end = one.get("until")
    return None if end is None else html.Span([" · ", _("shown until"), " ", text.moment(end)], className="tt-muted tt-notice-when")


def _more(url: str) -> Any:
    """The link to read on; nothing but the web and this portal's own addresses is linked."""
    own = url.startswith("/") and not url.startswith(("//", "/\\"))
    if any(sign <= " " for sign in url):
        return None  # browsers drop tabs and line ends: what is left may be another server's address
    if not own and not url.startswith(("https://", "http://")):
        return None
    return html.Span([" ", html.A(_("More"), href=url, className="tt-link", rel="noreferrer")])


def draw(sources: Sources, viewer: Viewer) -> list[Any]:
    """A line for each message that holds now for this viewer; none where the hook has none, or failed (which is logged, and told to staff)."""
    told = {"name": viewer.name, "is_staff": viewer.is_staff, "accounts": sorted(viewer.accounts)}
    messages, whole = notices_told(sources.hooks, told)
    found = current(messages, sources.clock())
    wanted = language()
    unread = [] if whole or not viewer.is_staff else [parts.notice(_(UNREAD), "warn", can_close=True)]
    return unread + [
        parts.notice(html.Span([said(one["text"], wanted), _span(one), _more(one.get("url", ""))]), one["level"], can_close=True)
        for one in found
    ]
