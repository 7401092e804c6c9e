"""Jobs of an account: the list of jobs with whose each is, narrowed by state, page by page along a key."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import job_link
from components.parts import choice
from components.present import HIDDEN, plain_text
from components.records import About, Block, Frames, Section
from components.table import Column, table
from components.text import N_, _
from core.timerange import TimeRange
from core.viewer import MEMBER_OR_STAFF, PORTAL, Viewer
from datasources.slurm.account_jobs import account_jobs
from datasources.slurm.filters import JobFilter
from datasources.slurm.listing import JobsPage
from datasources.sources import Sources
from pages import jobs_list
from pages.account_names import who
from pages.accounts_view import AccountView
from pages.jobs_export import AT_ONCE, STEPS, all_pages, written
from pages.jobs_filters import ORDER_WORDS
from pages.jobs_query import PAGE
from pages.jobs_use import with_use

SHOWN_STATES = ("RUNNING", "PENDING", "COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "CANCELLED")
SHOWN_ORDERS = ("submit", "start", "end")


def _page(sources: Sources, viewer: Viewer, subject: AccountView, when: TimeRange, cursor: str | None, limit: int, fold: bool) -> JobsPage:
    wanted = JobFilter(
        user=subject.user or None, states=subject.states, fold=fold, since=when.start if subject.timed else None, until=when.end if subject.timed else None,
    )  # fmt: skip
    return account_jobs(
        sources, viewer=viewer, account=subject.id, filter=wanted, order=subject.order, descending=not subject.ascending, cursor=cursor, limit=limit,
    )  # fmt: skip


def _used(sources: Sources, viewer: Viewer, subject: AccountView, frame: pd.DataFrame, when: TimeRange, **more: int) -> pd.DataFrame:
    """with_use of the rows, of which a colleague may know the shares but not the findings; `opens`: the viewer may open the job."""
    # account_jobs has checked who may list these rows, and shares of them are what the account's figures are made of
    used = with_use(sources, PORTAL, frame, when, **more)
    used["opens"] = [viewer.owns(user, subject.id) for user in used["user"]]
    if not viewer.answers_for(subject.id):
        used["to_act"] = used["to_act"].where(used["opens"].astype(bool))
    return used


def listed(sources: Sources, viewer: Viewer, subject: AccountView, when: TimeRange) -> Frames:
    """Frame who (see account_names). Frame jobs: account_jobs' columns, those of jobs_use.with_use and opens (bool); objects next, previous, complete."""
    page = _page(sources, viewer, subject, when, subject.cursor or None, PAGE, True)
    frame = _used(sources, viewer, subject, page.frame, when)
    return {"who": who(sources, viewer, subject.id), "jobs": frame, "next": page.next, "previous": page.previous, "complete": page.complete}


def exported(sources: Sources, viewer: Viewer, subject: AccountView, when: TimeRange) -> Frames:
    """Frame jobs: every job that fits, a line each (see jobs_export.written, all_pages)."""

    def read(cursor: str | None) -> tuple[pd.DataFrame, str | None]:
        page = _page(sources, viewer, subject, when, cursor, AT_ONCE, False)
        return written(_used(sources, viewer, subject, page.frame, when, steps=STEPS)), page.next

    return {"who": who(sources, viewer, subject.id), "jobs": all_pages(read)}


def _job_cell(row: dict[str, Any], about: About) -> Any:
    job = str(row["job_id"])
    target = job if "[" not in job else str(row["array_job"])
    name = html.Span(str(plain_text(row["name"])), className="tt-phone-only tt-row-name") if row["name"] != HIDDEN else None
    return [job_link(about.settings, target, job) if row["opens"] else html.Span(job), name]


def columns(about: About, frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of the list; names are as present() wrote them, and left out where it hid all of them."""
    named = bool((frame["name"] != HIDDEN).any())
    found = [
        Column(key="job_id", title=N_("Job"), phone=True, draw=lambda row: _job_cell(row, about)),
        Column(key="state", title=N_("State"), phone=True, draw=jobs_list.state_cell),
        Column(key="user", title=N_("Member")),
        *([Column(key="name", title=N_("Name"), draw=lambda row: str(plain_text(row["name"])))] if named else []),
        Column(key="submit", title=N_("Submitted"), kind="time"),
        Column(key="elapsed", title=N_("Time"), kind="bar", draw=jobs_list.time_cell, help=N_("Run time; the bar is its share of the limit")),
        Column(key="cores", title=N_("Cores"), kind="number"),
        *jobs_list.use_columns(frame),
    ]
    if (frame["to_act"] > 0).any():
        found.append(Column(key="to_act", title=N_("Findings"), draw=jobs_list.waste_cell, help=N_("What the job could do better")))
    return tuple(found)


def _choices(about: About) -> html.Div:
    """Which states, in which order, and of whom."""
    subject, settings = about.subject, about.settings
    rows: list[Any] = [choice(_("Any state"), subject.address(settings, view="jobs", state=""), not subject.states)]
    for state in SHOWN_STATES:
        rows.append(choice(parts.state_badge(state), subject.address(settings, view="jobs", state=state), subject.states == (state,)))
    rows += [html.Span(className="tt-bar"), html.Span(_("Sorted by"), className="tt-muted tt-small")]
    for order in SHOWN_ORDERS:
        mine = order == subject.order
        ascending = "" if not mine or subject.ascending else "1"
        mark = parts.icon("sort-up" if subject.ascending else "sort-down") if mine else None
        target = subject.address(settings, view="jobs", order="" if order == "submit" else order, asc=ascending)
        rows.append(choice([_(ORDER_WORDS[order]), mark], target, mine))
    if about.viewer.name and not about.viewer.is_staff:
        name = about.viewer.name
        rows += [html.Span(className="tt-bar"), choice(_("Only mine"), subject.address(settings, view="jobs", user="" if subject.user else name), subject.user == name)]
    if subject.user and (about.viewer.is_staff or subject.user != about.viewer.name):
        rows += [html.Span(className="tt-bar"), choice([subject.user, parts.icon("x-lg")], subject.address(settings, view="jobs", user=""), True)]
    return html.Div(rows, className="tt-runs")


def _pager(frames: Frames, about: About) -> html.Div | None:
    subject, settings = about.subject, about.settings
    words = (("previous", _("Newer") if not subject.ascending else _("Before")), ("next", _("Older") if not subject.ascending else _("After")))
    shown = [parts.page_link(text, subject.address(settings, view="jobs", cursor=frames[key]), "tt-btn") for key, text in words if frames.get(key)]
    if not frames["complete"] and frames.get("next"):
        shown.insert(0, html.Span(_("Only a part was looked through for this page, so as not to load the database."), className="tt-muted tt-small"))
    return html.Div(shown, className="tt-pager") if shown else None


def draw(frames: Frames, about: About) -> Any:
    """The choices, the jobs of this page, the way to the others."""
    frame, subject = frames["jobs"], about.subject
    if frame.empty:
        none = _("No job of this account fits.") if frames["complete"] else _("No job fits among those looked through so far.")
        shown: Any = parts.empty(none)
    else:
        shown = table(frame, columns(about, frame), note=N_("Column heads sort the rows of this page only."))
    span = None
    if subject.timed:
        all_times = parts.page_link(_("All times"), subject.address(about.settings, view="jobs", **{"from": "", "to": ""}))
        said = _("Jobs alive in the %(length)s of the range above.", length=fmt.duration(about.when.span))
        span = html.Div([html.Span(said), " ", all_times], className="tt-muted tt-small")
    return html.Div([_choices(about), span, shown, _pager(frames, about)])


HELP = N_(
    "Every job submitted with this account, newest first. Colleagues' jobs show what the account's figures are made of; their pages, scripts and "
    "folders stay theirs. The file that can be downloaded holds every job that fits, each task on a line of its own."
)
JOBS = Section(
    key="jobs", title=N_("Jobs"), query=listed, export=exported, access=MEMBER_OR_STAFF, eager=True, in_contents=False,
    blocks=(Block(key="jobs", title=N_("Jobs of the account"), draw=draw, csv="jobs", height=600, help=HELP),),
)  # fmt: skip
