"""A person on one screen: what they hold, store, run and waste, and the ways onward. It is where search leads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import html

from components import parts
from components.charts.person_days import PANELS as DAYS
from components.needs import PLAIN, needs_of
from components.records import Block, Page, Section
from components.text import N_, _
from core.errors import NoData, SourceError
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import SELF_OR_STAFF, Viewer
from datasources.prometheus.job_batches import levelfs
from datasources.prometheus.job_batches_user import now_used
from datasources.slurm.person import Person, check, person
from datasources.sources import Sources
from pages import user_parts, user_query
from pages.jobs_export import exported
from pages.user_query import PersonView
from pages.user_quota import STORAGE, TRENDS, shown_keys

RANGE_DAYS = 30


def _who(sources: Sources, viewer: Viewer, name: str) -> Person | None:
    """The person in accounting; None where it cannot be asked about oneself. Raises NotFound for strangers and the unknown."""
    try:
        return person(sources, viewer=viewer, name=name)
    except (SourceError, NoData):
        # one's own page stands without accounting; of others nobody can tell then whether they exist
        if name == viewer.name:
            return None
        raise


def head(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> tuple[str, Any, tuple[str, ...]]:
    """Who it is; somebody without any association is told so, and sees only what they store."""
    name = check(viewer, subject.id)
    who = _who(sources, viewer, name)
    full = (viewer.full_name if name == viewer.name else "") or sources.hooks.person(name)
    title, above = user_parts.head(sources.settings, viewer, subject, full, who)
    storage = shown_keys(sources.settings)
    if who is not None and not who.known:
        cluster = sources.settings.site.title
        said = _(
            "Slurm has no account for you on %(cluster)s, so there are no jobs to show. Ask the leader of your group, or support, to "
            "be added to one.", cluster=cluster,
        )  # fmt: skip
        return title, html.Div([*above, parts.notice(said, "info")]), storage
    return title, html.Div(above), ("now", *storage[:1], "jobs", "accounts", "findings", "days", *storage[1:])


def _of_known(section: Section) -> Section:
    """The section, read only of people Slurm knows: staff may type any name, and none of those reaches a query."""

    def guarded(read: Any) -> Any:
        def query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Any:
            _who(sources, viewer, check(viewer, subject.id))
            return read(sources, viewer, subject, when)

        return query

    return replace(section, query=guarded(section.query), export=guarded(section.export) if section.export else None)


def export_jobs(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> dict[str, Any]:
    """Every job of the person, for the CSV link."""
    check(viewer, subject.id)
    return dict(exported(sources, viewer, user_query.jobs_view(subject), when))


HELP_JOBS = N_("The ten jobs submitted last; a job array is one row. Shares are of what was allocated. The file that can be downloaded holds all jobs.")
HELP_ACCOUNTS = N_("Accounts in Slurm: what each may take of the cluster, and what it holds now with all accounts below it.")
HELP_FINDINGS = N_(
    "What running jobs, and those that ended in the last 14 days, could do better. Each kind is listed once with its newest job; "
    "serious and costly ones first."
)
# what further modules say of a person becomes a section here and a key in head()
SECTIONS: tuple[Section, ...] = (
    Section(
        key="now", title=N_("Now"), query=user_query.now_query, access=SELF_OR_STAFF, eager=True, needs=needs_of(now_used(PLAIN)), in_contents=False,
        blocks=(Block(key="now", title="", draw=user_parts.draw_now, bare=True, height=120),),
    ),
    STORAGE,
    Section(
        key="jobs", title=N_("Last jobs"), query=user_query.last_query, export=export_jobs, access=SELF_OR_STAFF,
        blocks=(Block(key="jobs", title=N_("Last jobs"), draw=user_parts.draw_jobs, csv="jobs", height=470, help=HELP_JOBS),),
    ),
    Section(
        key="accounts", title=N_("Accounts"), query=user_query.accounts_query, access=SELF_OR_STAFF, needs=needs_of(levelfs(PLAIN)),
        blocks=(Block(key="accounts", title=N_("Accounts and fair share"), draw=user_parts.draw_accounts, csv="accounts", height=160, help=HELP_ACCOUNTS),),
    ),
    Section(
        key="findings", title=N_("Findings"), query=user_query.findings_query, access=SELF_OR_STAFF,
        blocks=(Block(key="findings", title=N_("What could be better"), draw=user_parts.draw_findings, height=260, help=HELP_FINDINGS),),
    ),
    Section(key="days", title=N_("Use by day"), query=user_query.days_query, access=SELF_OR_STAFF, panels=DAYS),
    *TRENDS,
)  # fmt: skip
USER = Page(
    key="user", module="usersummary", path="/user/<name>", title=N_("Summary"), icon="person", access=SELF_OR_STAFF, order=30,
    menu_path=lambda viewer: f"/user/{viewer.name}", subject=user_query.subject_of, head=head,
    span=lambda sources, viewer, subject, now: (now - RANGE_DAYS * DAY, now),
    description=N_("One person on one screen: storage, jobs, accounts and what could be better."),
    sections=tuple(map(_of_known, SECTIONS)),
)  # fmt: skip
