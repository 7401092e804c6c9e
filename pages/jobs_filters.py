"""What a list of jobs is narrowed to and sorted by: everything is in the address."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from components import format as fmt
from components import parts
from components.filterbar import Bar, bar
from components.links import link
from components.parts import choice
from components.records import About
from components.text import N_, _, ngettext
from core.narrow import PARAMETERS
from core.settings import Settings
from pages.jobs_query import EVERYBODY, ORDERS, STATES, JobsView

ORDER_WORDS = {"submit": N_("submitted"), "start": N_("started"), "end": N_("ended"), "id": N_("id")}
FIELDS = (("name", "name", N_("Name"), N_("part of the name")), ("id", "ids", N_("Job ids"), N_("12, 15-19, 20_3")))
NAMES = tuple(name for name in PARAMETERS if name != "user")  # what people other than staff narrow their own jobs to


def address(settings: Settings, subject: JobsView, **changes: str) -> str:
    """This list's address with changes; its range stays as it was written."""
    return link(settings, "/jobs", **(subject.query(**changes) | dict(subject.span)))


def _states(subject: JobsView) -> html.Div:
    """States to tick, several at once; the browser's script writes them into the field that is sent."""
    if len(subject.states) == 1:
        text: Any = parts.state_badge(subject.states[0])
    else:
        text = ngettext("%(num)s state", "%(num)s states", len(subject.states)) if subject.states else _("Any state")
    rows = [
        html.Button(
            [parts.icon("check2"), parts.state_badge(state)], type="button", role="menuitemcheckbox", className="tt-choice",
            **{"aria-checked": "true" if state in subject.states else "false", "data-state": state},
        )
        for state in STATES
    ]
    show = html.Button(_("Show"), type="submit", className="tt-btn tt-btn-primary tt-btn-small")
    box = html.Details(
        [html.Summary([html.Span(text), parts.icon("chevron-down")], className="tt-btn"), html.Div([*rows, show], className="tt-pop tt-states")],
        className="tt-drop",
    )
    sent = html.Div(dcc.Input(type="hidden", name="state", value=",".join(subject.states)), hidden=True)
    return html.Div([html.Span(_("State")), box, sent], className="tt-field")


def _field(name: str, value: str, title: str, hint: str) -> html.Label:
    return html.Label([title, dcc.Input(type="text", name=name, value=value, placeholder=hint, className="tt-input", debounce=True)])


def _clear(settings: Settings, subject: JobsView) -> str:
    """Everybody's jobs where somebody was chosen, else one's own, of the same range."""
    whose = {"user": EVERYBODY} if subject.user else {}
    return link(settings, "/jobs", **whose, **dict(subject.span))


def _bar(about: About, below: Any) -> html.Div:
    subject, settings, staff = about.subject, about.settings, about.viewer.is_staff
    given = {name: value for name, value in subject.query().items() if name in PARAMETERS and (staff or name != "user")}
    kept = {name: value for name, value in subject.query().items() if name not in PARAMETERS}
    if not staff and subject.user:
        kept["user"] = subject.user
    extra = [_states(subject), *(_field(name, getattr(subject, attribute), _(text), _(hint)) for name, attribute, text, hint in FIELDS)]
    count = sum(map(bool, (subject.states, subject.name, subject.ids)))
    return bar(
        settings,
        Bar(
            path="/jobs", given=given, kept=kept | dict(subject.span), names=PARAMETERS if staff else NAMES, extra=extra,
            sent=("state", *(name for name, *_rest in FIELDS)), words={"user": _("everybody")} if subject.user == EVERYBODY else {},
            off={"user": EVERYBODY} if subject.user != EVERYBODY else {}, below=below, count=count,
            clear=_clear(settings, subject) if staff else link(settings, "/jobs", **({"user": subject.user} if subject.user else {})),
        ),
    )  # fmt: skip


def active(subject: JobsView) -> int:
    """How many filters narrow the list."""
    texts = (subject.name, subject.ids, subject.account, subject.partition, subject.node)
    return sum(map(bool, (*texts, subject.states, subject.waste, subject.timed)))


def _span(about: About) -> Any:
    """Which time the list is of, and the way to the other choice."""
    subject, settings, when = about.subject, about.settings, about.when
    if not subject.timed:
        length = fmt.duration(when.end - when.start)
        range_ = {"from": f"now-{when.end - when.start}s", "to": "now"} if when.end == when.now else {"from": str(when.start), "to": str(when.end)}
        query = link(settings, "/jobs", **(subject.query() | range_))
        return [html.Span(_("Jobs of all time.")), " ", parts.page_link(_("Only those alive in the last %(length)s", length=length), query)]
    everything = link(settings, "/jobs", **subject.query())
    if when.end >= when.now - 60:
        said: list[Any] = [_("Jobs alive in the last %(length)s.", length=fmt.duration(when.end - when.start))]
    else:
        said = [_("Jobs alive between"), " ", fmt.moment(when.start), " – ", fmt.moment(when.end), "."]
    return [html.Span(said), " ", parts.page_link(_("All times"), everything)]


def orders(about: About) -> html.Div:
    """What the list is sorted by, in the database, and whether only wasteful jobs are shown."""
    subject, settings = about.subject, about.settings
    rows: list[Any] = [html.Span(_("Sorted by"), className="tt-muted tt-small")]
    for order in ORDERS:
        mine = order == subject.order
        ascending = "" if not mine or subject.ascending else "1"
        mark = parts.icon("sort-up" if subject.ascending else "sort-down") if mine else None
        target = address(settings, subject, order="" if order == "submit" else order, asc=ascending)
        rows.append(choice([_(ORDER_WORDS[order]), mark], target, mine))
    waste = address(settings, subject, waste="" if subject.waste else "1")
    return html.Div([*rows, html.Span(className="tt-bar"), choice(_("Only wasteful ones"), waste, subject.waste)], className="tt-runs")


def filters(about: About) -> html.Div:
    """All filters, what the list is sorted by and which time it is of."""
    below = html.Div([orders(about), html.Div(_span(about), className="tt-muted tt-small")], className="tt-filter-row")
    return _bar(about, below)
