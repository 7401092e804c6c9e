"""Staff: who wasted most over a range, by hours and by ratio, and which single runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from dash import html

from analysis.waste import HEAVY_POOR
from components import format as fmt
from components import parts
from components.charts.top import how_much_how_well
from components.links import account_link, job_link, link, user_link
from components.present import plain_text
from components.records import About, Block, Figure, Frames, Need, Page, Panel, Section
from components.table import Column, share_cell, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import TurtleError
from core.narrow import PARAMETERS, view_of
from core.timerange import TimeRange
from core.units import DAY, share
from core.viewer import STAFF
from pages import top_common as common
from pages.top_waste_query import BY, WHAT, in_hours, query, who_query, worst_query

WHAT_WORDS = {"cores": N_("Cores"), "gpus": N_("GPUs"), "memory": N_("Memory")}
BY_WORDS = {"user": N_("By person"), "account": N_("By account")}
UNIT = {"cores": N_("core-hours"), "gpus": N_("GPU-hours"), "memory": N_("TiB-hours")}
RANGE = 7 * DAY
ENOUGH = 0.9  # of the runs; from there on a line in small print is enough


def draw_choices(frames: Frames, about: About) -> Any:
    """What is ranked, of whom, and how much of the range is known."""
    settings, view = about.settings, about.subject
    here = view.narrow.query() | common.span_of(about.when)
    by, what = view.get("by", BY[0]), view.get("what", WHAT[0])

    def choice(text: str, on: bool, **query: str) -> Any:
        return parts.choice(text, link(settings, "/top/waste", **here, **query), on)

    one = [choice(_(WHAT_WORDS[name]), name == what, what=name, by=by) for name in WHAT]
    two = [choice(_(BY_WORDS[name]), name == by, what=what, by=name) for name in BY]
    return html.Div([html.Div([*one, html.Span(className="tt-bar"), *two], className="tt-runs"), _known(frames["coverage"], about.when)])


def _known(found: Any, when: TimeRange) -> Any:
    span = [_("Runs that ended between"), " ", fmt.moment(when.start), " – ", fmt.moment(when.end), ". "]
    if isinstance(found, TurtleError):
        return html.P([*span, _("How many of them are known cannot be said:"), " ", error_sentence(found)], className="tt-muted tt-small")
    known, finished = found
    text = _("%(known)s of %(all)s are summarised.", known=fmt.number(known, 9), all=fmt.number(finished, 9))
    if known < ENOUGH * finished:
        more = _("The summaries of the others are not made yet, so all of these numbers are too low.")
        return parts.notice([*span, text, " ", more], "warn")
    return html.P([*span, text], className="tt-muted tt-small")


def draw_tiles(frames: Frames, about: About) -> Any:
    """All hours, those wasted, how many cause half of it, and who is heavy and poor."""
    rows, what = frames["rows"], about.subject.get("what", WHAT[0])
    if rows.empty:
        return None
    unit = _(UNIT[what])
    hours, wasted, judged = (float(rows[name].sum()) for name in ("hours", "wasted", "judged_hours"))
    half = int((rows["of_all"].cumsum() < 0.5).sum()) + 1 if wasted > 0 else 0
    by_user = about.subject.get("by", BY[0]) == "user"
    people = ngettext("caused by %(num)s person", "caused by %(num)s people", half)
    causes = people if by_user else ngettext("caused by %(num)s account", "caused by %(num)s accounts", half)
    jobs, known = fmt.number(int(rows["jobs"].sum()), 9), fmt.percent(share(judged, hours))
    return parts.tiles(
        parts.tile(_("Allocated"), fmt.number(hours), base=unit, note=_("of %(count)s jobs; the use of %(share)s is known", count=jobs, share=known)),
        parts.tile(_("Wasted"), fmt.number(wasted), base=unit, share=share(wasted, judged), role="waste",
                   note=_("%(share)s of what is known", share=fmt.percent(share(wasted, judged)))),
        parts.tile(_("Half of the waste"), fmt.number(half, 9), base=_("of %(whole)s", whole=fmt.number(len(rows), 9)), note=causes),
        parts.tile(_("Heavy and poor"), fmt.number(len(frames["poor"]), 9), base=_("of %(whole)s", whole=fmt.number(len(rows), 9)), note=_limits(about)),
    )  # fmt: skip


def _limits(about: About) -> str:
    what = about.subject.get("what", WHAT[0])
    heavy, poor = (getattr(about.settings.top, name) for name in HEAVY_POOR[what])
    return _("from %(hours)s %(unit)s on, below %(share)s", hours=fmt.number(heavy), unit=_(UNIT[what]), share=fmt.percent(poor))


def _who_column(about: About) -> Column:
    kept = about.subject.narrow.query(user="", account="") | common.span_of(about.when)
    if about.subject.get("by", BY[0]) == "account":
        return Column(
            key="account", title=N_("Account"), phone=True, draw=lambda row: account_link(about.settings, row["account"], row["account"] or _("unknown"), **kept)
        )
    return Column(key="user", title=N_("Person"), phone=True, draw=lambda row: user_link(about.settings, row["user"], row["user"] or _("unknown"), **kept))


def _efficiency(row: Mapping[str, Any], about: About) -> Any:
    what = about.subject.get("what", WHAT[0])
    limit = getattr(about.settings.top, HEAVY_POOR[what][1])
    title = _("of %(hours)s %(unit)s whose use is known", hours=fmt.number(row["judged_hours"]), unit=_(UNIT[what]))
    return share_cell(row["efficiency"], lambda value: "waste" if value < limit else "used", title)


def columns(about: About) -> tuple[Column, ...]:
    """The columns of both tables of people or accounts."""
    unit = UNIT[about.subject.get("what", WHAT[0])]
    people = Column(key="people", title=N_("People"), draw=lambda row: _people(row, about), help=N_("Who of the account wasted it, in the same range"))
    return (
        _who_column(about),
        *((people,) if about.subject.get("by", BY[0]) == "account" else ()),
        Column(key="wasted", title=N_("Wasted"), kind="number", phone=True, help=N_("Hours held and not used, of runs whose use is known"),
               draw=lambda row: fmt.with_unit(row["wasted"], _(unit))),
        Column(key="of_all", title=N_("Of all waste"), kind="bar", role="waste", help=N_("Share of the waste of all rows")),
        Column(key="efficiency", title=N_("Used"), kind="bar", phone=True, draw=lambda row: _efficiency(row, about),
               help=N_("Hours used of those held by runs whose use is known")),
        Column(key="hours", title=N_("Allocated"), kind="number", draw=lambda row: fmt.with_unit(row["hours"], _(unit)),
               help=N_("Hours held by all runs that ended in the range")),
        Column(key="jobs", title=N_("Jobs"), kind="number", draw=lambda row: _jobs(row, about), help=N_("Runs that ended in the range; opens the list of jobs")),
        Column(key="failed", title=N_("Not completed"), kind="number", help=N_("Runs that did not end as COMPLETED")),
        Column(key="to_act", title=N_("Findings"), kind="number", help=N_("Findings to act on, of all runs")),
        Column(key="poor", title=N_("Judgement"), draw=_judgement, help=N_("Heavy and poor: both from the limits of the settings on")),
    )  # fmt: skip


def _people(row: Mapping[str, Any], about: About) -> Any:
    view = about.subject
    query_ = view.narrow.query(account=row["account"]) | {"what": view.get("what", WHAT[0]), "by": "user"} | common.span_of(about.when)
    return parts.page_link(_("people"), link(about.settings, "/top/waste", **query_)) if row["account"] else ""


def _jobs(row: Mapping[str, Any], about: About) -> Any:
    text = fmt.number(row["jobs"], 9)
    if not about.settings.module_on("jobstats"):
        return text
    narrow = about.subject.narrow.query(**({"user": row["user"]} if "user" in row else {"account": row["account"]}))
    span = common.span_of(about.when) or {"from": str(about.when.start), "to": str(about.when.end)}
    return parts.page_link(text, link(about.settings, "/jobs", **({"user": "*"} | narrow), **span))


def _judgement(row: Mapping[str, Any]) -> Any:
    return parts.badge(_("heavy and poor"), "warn") if row["poor"] else ""


def draw_rows(frames: Frames, about: About) -> Any:
    """Everybody by wasted hours."""
    if frames["rows"].empty:
        return parts.empty(_("No summarised run that fits the filters ended in this range.") if about.subject.narrow else _("No summarised run ended in this range."))
    rows, more = common.shown_rows(frames["rows"], about.settings)
    return html.Div([table(rows, columns(about), filtered=True), more, legend(about)])


def legend(about: About) -> Any:
    """The limits of the corner, and what is not a person's choice."""
    return common.legend(
        (_("Heavy and poor"), _limits(about)),
        (_("Used"), _("Orange below the limit of the corner, however few the hours.")), common.whole_nodes(),
    )  # fmt: skip


def draw_poor(frames: Frames, about: About) -> Any:
    """The list of the shaded corner."""
    if frames["rows"].empty:
        return parts.empty(_("Nobody to list."))
    if frames["poor"].empty:
        return parts.empty(_("Nobody is both: %(limits)s.", limits=_limits(about)), "check2")
    return table(frames["poor"], [column for column in columns(about) if column.key != "poor"])


def scatter(frame: pd.DataFrame, about: About) -> Figure:
    """How much against how well."""
    what, by = about.subject.get("what", WHAT[0]), about.subject.get("by", BY[0])
    heavy, poor = (getattr(about.settings.top, name) for name in HEAVY_POOR[what])
    base = "/user/" if by == "user" else "/account/"
    span = common.span_of(about.when)
    # without that module a mark leads nowhere
    opens = about.settings.module_on("usersummary" if by == "user" else "accountstats")
    hrefs = [link(about.settings, base + name, **span) if opens else "" for name in frame["who"]]
    return how_much_how_well(frame, hrefs, heavy=heavy, poor=poor, unit=_(UNIT[what]))


def draw_worst(frames: Frames, about: About) -> Any:
    """The single runs that wasted most."""
    what = about.subject.get("what", WHAT[0])
    unit, settings, kept = UNIT[what], about.settings, common.span_of(about.when)
    cells = [
        Column(key="id_job", title=N_("Job"), phone=True, draw=lambda row: job_link(settings, row["id_job"])),
        Column(key="user", title=N_("Person"), phone=True, draw=lambda row: user_link(settings, row["user"], **kept)),
        Column(key="account", title=N_("Account"), draw=lambda row: account_link(settings, row["account"], **kept)),
        Column(key="name", title=N_("Name"), draw=lambda row: str(plain_text(row["name"]))),
        Column(key="state", title=N_("State"), kind="state"),
        Column(key="wasted", title=N_("Wasted"), kind="number", phone=True, draw=lambda row: fmt.with_unit(row["wasted"], _(unit)), help=N_("Hours held and not used")),
        Column(key="share", title=N_("Used"), kind="bar", help=N_("Share used of what was allocated")),
        Column(key="elapsed", title=N_("Time"), kind="duration", help=N_("Run time")),
        Column(key="cores", title=N_("Cores"), kind="number"),
        Column(key="gpus", title=N_("GPUs"), kind="number"),
        Column(key="memory", title=N_("Memory"), kind="bytes"),
        Column(key="end", title=N_("Ended"), kind="time"),
    ]  # fmt: skip
    return table(frames["worst"], cells, empty=N_("No run that ended in this range wasted any."))


HELP_SCATTER = N_(
    "Each mark is a person or an account: to the right who was allocated much, at the bottom who used little of it. A poor ratio matters "
    "only with hours behind it, so the shaded corner is where a word from you saves most. Hover for the name, click to open. Jobs that were "
    "given whole nodes count with all that they held, whatever they asked for."
)
HELP_WORST = N_("Single runs that ended in the period, by the hours they were allocated and did not use; each task of an array is a run.")
HELP_POOR = N_("The list of the shaded corner of the chart: enough hours, and a poor ratio.")
TOP_WASTE = Page(
    key="top_waste", module="top", path="/top/waste", title=N_("Waste"), icon="graph-up", access=STAFF, order=64, in_menu=False, staff_menu=True,
    subject=lambda params: view_of(params, what=WHAT, by=BY), filters=(*PARAMETERS, "what", "by"),
    span=lambda sources, viewer, subject, now: (now - RANGE, now), needs=(Need(kind="database", name="slurm"),),
    description=N_("Who wasted most over a range, by hours and by ratio."),
    head=common.head("/top/waste", N_("Waste over time"), N_("Who was allocated hours and did not use them, over the chosen time range.")),
    sections=(
        Section(
            key="waste", title="", query=query, access=STAFF, eager=True, in_contents=False,
            blocks=(
                Block(key="choices", title="", draw=draw_choices, bare=True, height=60),
                Block(key="tiles", title="", draw=draw_tiles, bare=True, height=120),
            ),
            panels=(
                Panel(key="scatter", title=N_("How much against how well"), unit=N_("allocated, and the share used"), frame="points", figure=scatter,
                      help=HELP_SCATTER, wide=True, scope="cluster"),
            ),
        ),
        Section(
            key="who", title=N_("Who"), query=who_query, export=in_hours(who_query), access=STAFF, eager=True, in_contents=False,
            blocks=(
                Block(key="poor", title=N_("Heavy and poor"), draw=draw_poor, csv="poor", height=120, help=HELP_POOR),
                Block(key="rows", title=N_("Most wasted first"), draw=draw_rows, csv="rows", height=500,
                      help=N_("Memory used is the peak of each run over all of its time, so memory waste is rather too low. A run counts whole at its end.")),
            ),
        ),
        Section(
            key="worst", title=N_("The worst single jobs"), query=worst_query, export=in_hours(worst_query), access=STAFF, in_contents=False,
            blocks=(Block(key="worst", title=N_("Most wasted first"), draw=draw_worst, csv="worst", height=400, help=HELP_WORST),),
        ),
    ),
)  # fmt: skip
