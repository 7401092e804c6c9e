"""What a list of jobs is narrowed to and sorted by: everything is in the address."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from components import format as fmt
from components import parts
from components.links import link
from components.records import About
from components.text import N_, _, ngettext
from core.settings import Settings
from pages.jobs_query import ORDERS, STATES, JobsView

ORDER_WORDS = {"submit": N_("submitted"), "start": N_("started"), "end": N_("ended"), "id": N_("id")}
FIELDS = (
    ("name", "name", N_("Name"), N_("part of the name")), ("id", "ids", N_("Job ids"), N_("12, 15-19, 20_3")),
    ("account", "account", N_("Account"), ""), ("partition", "partition", N_("Partition"), ""), ("node", "node", N_("Node"), ""),
)  # fmt: skip


def choice(text: Any, href: str, chosen: bool) -> Any:
    """One of several addresses, marked if it is this one."""
    return parts.page_link(text, href, "tt-choice tt-on" if chosen else "tt-choice")


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


def _form(about: About) -> html.Form:
    subject, settings = about.subject, about.settings
    fields: list[Any] = [_states(subject)]
    if about.viewer.is_staff:
        fields.append(_field("user", subject.user, _("Person"), _("login, * for all")))
    fields += [_field(name, getattr(subject, attribute), _(text), _(hint) if hint else "") for name, attribute, text, hint in FIELDS]
    kept = subject.query()
    hidden = {name: kept[name] for name in ("waste", "order", "asc") if name in kept} | dict(subject.span)
    kept_fields = [html.Div(dcc.Input(type="hidden", name=name, value=value), hidden=True) for name, value in hidden.items()]
    clear = parts.page_link(_("Clear"), link(settings, "/jobs", **({"user": subject.user} if subject.user else {})), "tt-btn")
    search = html.Button([parts.icon("filter"), html.Span(_("Filter"))], type="submit", className="tt-btn tt-btn-primary")
    buttons = html.Div([search, clear if active(subject) else None], className="tt-form-buttons")
    return html.Form([*fields, *kept_fields, buttons], action=link(settings, "/jobs"), method="get", className="tt-form tt-form-jobs")


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
    """All filters; on a phone behind one button, so that the jobs come first."""
    count = active(about.subject)
    words = [parts.icon("filter"), html.Span(_("Filter")), html.Span(str(count), className="tt-pill tt-info") if count else None]
    opener = html.Button(words, type="button", className="tt-btn tt-phone-only", **{"data-filters": "1", "aria-expanded": "false"})
    below = html.Div([orders(about), html.Div(_span(about), className="tt-muted tt-small")], className="tt-filter-row")
    return html.Div([opener, html.Div([_form(about), below], className="tt-filter-body")], className="tt-filters")
