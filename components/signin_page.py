"""The demo's sign-in page, as plain HTML: it works before any script does."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from components.links import asset, link
from components.text import _
from core.settings import Settings
from datasources.slurm.personas import Persona


def _row(person: Persona, token: str, target: str, action: str) -> str:
    staff = f'<span class="tt-pill tt-info">{escape(_("staff"))}</span>' if person.staff else ""
    return (
        f'<form method="post" action="{escape(action)}"><input type="hidden" name="token" value="{escape(token)}">'
        f'<input type="hidden" name="next" value="{escape(target)}"><input type="hidden" name="login" value="{escape(person.login)}">'
        f'<button class="tt-persona" type="submit"><span class="tt-persona-name"><b>{escape(person.full_name or person.login)}</b>'
        f'<code>{escape(person.login)}</code>{staff}</span><span class="tt-muted">{escape(person.role)}</span></button></form>'
    )


def personas_page(people: Sequence[Persona], settings: Settings, token: str, target: str) -> str:
    """The page as HTML: one button for each person of the demo."""
    title, back = _("Sign in"), _("Back to the status of the cluster")
    rows = "".join(_row(person, token, target, link(settings, "/signin")) for person in people)
    none = f'<p class="tt-muted">{escape(_("There is nobody to sign in as: the accounting database is not the one of the demo, or cannot be reached."))}</p>'
    styles = "".join(
        f'<link rel="stylesheet" href="{asset(settings, name)}">'
        for name in (
            "base/bootstrap.min.css",
            "turtle/10-icons.css",
            "turtle/20-tokens.css",
            "turtle/30-frame.css",
            "turtle/40-parts.css",
        )
    )
    icon = f'<link rel="icon" href="{asset(settings, "turtle.svg")}" type="image/svg+xml">'
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · {escape(settings.site.title)}</title><script src="{asset(settings, "theme-init.js")}"></script>{icon}{styles}</head>'
        f'<body class="tt-plain"><main class="tt-signin"><h1>{escape(title)}</h1>'
        f'<p class="tt-muted">{escape(_("This is the demo: choose who you want to be. Everybody has jobs of their own, and most waste something."))}</p>'
        f'<div class="tt-personas">{rows or none}</div><p><a class="tt-link" href="{link(settings, "/")}">{escape(back)}</a></p></main></body></html>'
    )
