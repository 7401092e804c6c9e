"""One account: how it stands, who uses and wastes what, its place in the tree, its limits, its jobs and its months."""

from __future__ import annotations

import logging
from typing import Any

from dash import html

from components import parts
from components.parts import choice
from components.present import plain_text
from components.records import Need, Page, Section
from components.text import N_, _
from core.errors import SourceError
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import MEMBER_OR_STAFF, Viewer
from datasources.slurm import accounts
from datasources.sources import Sources
from pages import account_charts, account_members
from pages.account_jobs import JOBS
from pages.account_report import REPORT
from pages.account_tree import NOW, TREE
from pages.accounts_view import FILTERS, AccountView, subject_of

log = logging.getLogger(__name__)
TABS = (("", N_("Overview")), ("jobs", N_("Jobs")), ("report", N_("Month's report")))
OVERVIEW: tuple[Section, ...] = (account_members.MEMBERS, *account_charts.SECTIONS, TREE)
COORDINATORS_SHOWN = 4


def _membership(viewer: Viewer, account: str) -> Any:
    if account in viewer.coordinates:
        return parts.badge(_("you coordinate it"), "good")
    if account in viewer.accounts:
        return parts.badge(_("you are a member"), "info")
    return parts.badge(_("seen as staff"), "muted")


def _coordinators(sources: Sources, viewer: Viewer, subject: AccountView) -> str:
    try:
        accounts.account_name(sources, viewer=viewer, account=subject.id)
        found = accounts.coordinators(sources, viewer=viewer, account=subject.id)
    except SourceError as error:
        log.warning("coordinators of %s: %s", subject.id, error.detail)  # the sections say that accounting cannot be reached
        return ""
    # by name whatever the site hides of colleagues: members must know whom to ask
    shown = [str(plain_text(name)) for name in found[:COORDINATORS_SHOWN]]
    more = " …" if len(found) > COORDINATORS_SHOWN else ""
    return _("Coordinated by %(names)s", names=", ".join(shown) + more) if shown else _("No coordinator")


def _overview(sources: Sources, viewer: Viewer, subject: AccountView) -> tuple[str, ...]:
    """The sections of the overview: an account that only holds other accounts has no jobs to draw, but a tree."""
    try:
        peopled = accounts.has_members(sources, viewer=viewer, account=subject.id)
    except SourceError as error:
        log.warning("members of %s: %s", subject.id, error.detail)
        peopled = True
    return (NOW.key, *(section.key for section in OVERVIEW if peopled or section is TREE))


def head(sources: Sources, viewer: Viewer, subject: AccountView, when: TimeRange) -> tuple[str, Any, tuple[str, ...]]:
    """The account's name, who answers for it, the viewer's part in it, and the tabs; raises NotFound for one that never was."""
    coordinated = _coordinators(sources, viewer, subject)
    name = str(plain_text(subject.id))
    tabs = [
        choice(_(text), subject.address(sources.settings, view=key, month="", state="", user="", order="", asc=""), key == subject.view) for key, text in TABS
    ]
    above = html.Div(
        [
            html.Div([html.H1(name), _membership(viewer, subject.id)], className="tt-title"),
            html.P(coordinated, className="tt-head-sub") if coordinated else None,
            html.Div(tabs, className="tt-runs"),
        ]
    )
    keys = {"jobs": (NOW.key, JOBS.key), "report": (REPORT.key,)}.get(subject.view) or _overview(sources, viewer, subject)
    return name, above, keys


PAGE = Page(
    key="account", module="accountstats", path="/account/<account>", title=N_("Account"), icon="people", access=MEMBER_OR_STAFF, in_menu=False,
    subject=subject_of, head=head, filters=FILTERS, span=lambda sources, viewer, subject, now: (now - 30 * DAY, now),
    needs=(Need(kind="database", name="slurm"),), sections=(NOW, *OVERVIEW, JOBS, REPORT),
    crumbs=lambda subject: ((N_("Accounts"), "/accounts"), (subject.id, "")),
)  # fmt: skip
