"""Pages that stand in for another: not found, not allowed, signed out, source down. Each says what to do."""

from __future__ import annotations

from typing import Any

from dash import html

from components import parts
from components.links import link
from components.section import Bug, failed
from components.text import N_, _, page_sentence
from core.errors import BadInput, NoData, NotAllowed, NotFound, NotSignedIn, SourceError, TurtleError
from core.settings import Settings
from core.viewer import Viewer

# error → (icon, headline, what to do)
SAID: tuple[tuple[type, str, str, str], ...] = (
    (
        NotSignedIn,
        "door-open",
        N_("Please sign in"),
        N_("This page shows figures of people, so it needs to know who you are."),
    ),
    (
        NotAllowed,
        "lock",
        N_("Not for this account"),
        N_("You are signed in, but this page is for staff. If you should see it, ask support."),
    ),
    (
        NotFound,
        "signpost",
        N_("Nothing is here"),
        N_(
            "The address is mistyped, or the job, account, person or node it names does not exist or is not yours to see. "
            "Check the name or the number, or begin with the menu."
        ),
    ),
    (BadInput, "question-circle", N_("That address cannot be read"), ""),
    (NoData, "inbox", N_("Nothing to show here"), ""),
    (
        SourceError,
        "plug",
        N_("A source of this page does not answer"),
        N_("The portal itself is fine and looks again each time you reload. Other pages may still work."),
    ),
)


def _actions(error: TurtleError | Bug, settings: Settings, viewer: Viewer, pathname: str) -> list[Any]:
    found: list[Any] = []
    way_in = sign_in_link(settings, pathname)
    if not viewer.signed_in and way_in and not isinstance(error, Bug | SourceError):
        found.append(html.A(_("Sign in"), href=way_in, className="tt-btn tt-btn-primary"))
    if isinstance(error, SourceError | Bug):
        found.append(
            html.Button(
                [parts.icon("arrow-repeat"), _("Reload")],
                type="button",
                className="tt-btn tt-btn-primary",
                **{"data-reload": "1"},
            )
        )
    if viewer.signed_in and settings.module_on("jobstats"):
        found.append(parts.page_link(_("My jobs"), link(settings, "/jobs"), "tt-btn"))
    if viewer.signed_in or settings.site.public != "none":
        found.append(parts.page_link(_("Cluster status"), link(settings, "/"), "tt-btn"))
    return found


def sign_in_link(settings: Settings, pathname: str = "/") -> str:
    """Where signing in begins, coming back to `pathname`; "" where the portal knows no such place."""
    if settings.sign_in.method == "personas":
        return link(settings, "/signin", next=pathname)
    return settings.sign_in.sign_in_url if settings.sign_in.method == "header" else ""


def refused(error: TurtleError | Bug, settings: Settings, viewer: Viewer, pathname: str) -> html.Div:
    """The page shown instead, with what happened and what to do next."""
    name, headline, advice = next(
        ((icon, title, text) for kind, icon, title, text in SAID if isinstance(error, kind)),
        ("exclamation-octagon-fill", N_("Something went wrong here"), ""),
    )
    sentence = page_sentence(error) if isinstance(error, SourceError) else _(advice) if advice else failed(error)
    body = [
        html.Div(parts.icon(name), className="tt-refused-icon"),
        html.H1(_(headline)),
        html.P(sentence),
        html.P(_(advice), className="tt-muted") if advice and isinstance(error, SourceError) else None,
        html.Div(_actions(error, settings, viewer, pathname), className="tt-actions"),
    ]
    return html.Div(html.Div(body, className="tt-refused", role="alert"), className="tt-page")
