"""A person's jobs: what they hold and use now, their use over time, and the list with what each job used."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import dcc, html

from components import format as fmt
from components import parts
from components.charts import user as charts
from components.links import link
from components.present import Names, plain_text
from components.records import About, Block, Frames, Need, Page, Section
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import TurtleError
from core.settings import Settings
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import SIGNED_IN, Viewer
from datasources.sources import Sources
from pages import jobs_query
from pages.job_head import role_of
from pages.jobs_query import EVERYBODY, ORDERS, STATES, JobsView

ORDER_WORDS = {"submit": N_("submitted"), "start": N_("started"), "end": N_("ended"), "id": N_("id")}
FIELDS = (
    ("id", "ids", N_("Job ids")), ("name", "name", N_("Name")), ("account", "account", N_("Account")),
    ("partition", "partition", N_("Partition")), ("node", "node", N_("Node")),
)


def draw_use(frames: Frames, about: About) -> Any:
    """Allocated and used now: cores, memory, GPUs; jobs running and waiting."""
    use, used = frames["use"], frames["used"]
    values = used if isinstance(used, dict) else {}
    held = use.held
    tiles = [
        _use_tile(_("CPU cores"), values.get("cores"), held.cores, "", _("mean of the last hour")),
        _use_tile(_("Memory"), values.get("memory"), held.memory, "B", _("highest of the last hour")),
        _use_tile(_("GPUs"), values.get("gpus"), held.gpu_count, "", _("highest of the last hour")) if held.gpu_count else None,
        parts.tile(_("Running jobs"), fmt.number(use.running, 9), note=_("%(number)s suspended", number=use.suspended) if use.suspended else ""),
        parts.tile(_("Waiting jobs"), fmt.number(use.pending, 9)),
    ]
    note = parts.notice(error_sentence(used), "warn") if isinstance(used, TurtleError) and held.cores else None
    return html.Div([parts.tiles(*tiles), note])


def _use_tile(label: str, used: float | None, held: float, unit: str, note: str) -> Any:
    if not held:
        return parts.tile(label, fmt.NONE, note=_("nothing is allocated"))
    if used is None:
        return parts.tile(label, fmt.bytes_(held) if unit == "B" else fmt.number(held), note=_("allocated; not measured"))
    value, _gap, base = fmt.of(used, held, unit).partition(" ")
    return parts.tile(label, value, base=base, share=used / held, role=role_of(used / held), note=note)


def _choice(text: Any, href: str, chosen: bool) -> Any:
    return parts.page_link(text, href, "tt-choice tt-on" if chosen else "tt-choice")


def _address(settings: Settings, subject: JobsView, about: About, **changes: str) -> str:
    span = {"from": str(about.when.start), "to": str(about.when.end)} if subject.timed else {}
    return link(settings, "/jobs", **(subject.query(**changes) | span))


def filters(about: About) -> html.Div:
    """What the list is narrowed to: every choice is an address."""
    subject, settings = about.subject, about.settings
    chosen = set(subject.states)
    states = [_choice(_("All"), _address(settings, subject, about, state=""), not chosen)]
    for state in STATES:
        wanted = chosen - {state} if state in chosen else chosen | {state}
        ordered = ",".join(word for word in STATES if word in wanted)
        states.append(_choice(parts.state_badge(state), _address(settings, subject, about, state=ordered), state in chosen))
    waste = _choice(_("Only what wasted"), _address(settings, subject, about, waste="" if subject.waste else "1"), subject.waste)
    return html.Div([html.Div([*states, waste], className="tt-runs"), _form(about)], className="tt-filters")


def _form(about: About) -> html.Form:
    subject, settings = about.subject, about.settings
    fields = [
        html.Label([_(text), dcc.Input(type="text", name=name, value=getattr(subject, attribute), className="tt-input", debounce=True)])
        for name, attribute, text in FIELDS
    ]
    if about.viewer.is_staff:
        fields.insert(0, html.Label([_("Person (* for all)"), dcc.Input(type="text", name="user", value=subject.user, className="tt-input", debounce=True)]))
    kept = subject.query()
    hidden = {name: kept[name] for name in ("state", "waste", "order", "asc") if name in kept}
    if subject.timed:
        hidden |= {"from": str(about.when.start), "to": str(about.when.end)}
    kept_fields = [html.Div(dcc.Input(type="hidden", name=name, value=value), hidden=True) for name, value in hidden.items()]
    buttons = [
        html.Button([parts.icon("filter"), html.Span(_("Filter"))], type="submit", className="tt-btn tt-btn-primary"),
        parts.page_link(_("Clear"), link(settings, "/jobs", **({"user": subject.user} if subject.user else {})), "tt-btn"),
    ]
    return html.Form([*fields, *kept_fields, *buttons], action=link(settings, "/jobs"), method="get", className="tt-form")


def orders(about: About) -> html.Div:
    """What the list is sorted by, in the database."""
    subject, settings = about.subject, about.settings
    rows: list[Any] = [html.Span(_("Sorted by"), className="tt-muted")]
    for order in ORDERS:
        mine = order == subject.order
        ascending = "" if not mine or subject.ascending else "1"
        mark = parts.icon("sort-up" if subject.ascending else "sort-down") if mine else None
        address = _address(settings, subject, about, order="" if order == "submit" else order, asc=ascending)
        rows.append(_choice([_(ORDER_WORDS[order]), mark], address, mine))
    return html.Div(rows, className="tt-runs")


def _job_cell(row: dict[str, Any], settings: Settings) -> Any:
    job = str(row["job_id"])
    target = job if "[" not in job else str(row["array_job"])
    return parts.page_link(job, link(settings, f"/job/{target}"))


def _state_cell(row: dict[str, Any]) -> Any:
    counts = row.get("array_counts")
    if isinstance(counts, dict) and counts:
        shown = sorted(counts.items(), key=lambda item: -item[1])[:3]
        more = "" if row.get("array_complete", True) else "≥ "
        return html.Div([html.Span([parts.state_badge(state), f" {more}{fmt.number(count, 9)} "]) for state, count in shown], className="tt-counts")
    return parts.state_badge(str(row["state"]))


def _time_cell(row: dict[str, Any]) -> Any:
    """Run time of its limit; a running job shows how far it is."""
    if row["start"] is None:
        return fmt.NONE
    text = fmt.duration(row["elapsed"])
    share = row["time_share"]
    return [text, parts.meter(share, "info" if row["state"] == "RUNNING" else "used")] if share == share else text


def _waste_cell(row: dict[str, Any]) -> Any:
    count = int(row["to_act"])
    return parts.badge(_("%(count)s to act on", count=count), "warn") if count else ""


def columns(about: About, frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of the list; whose jobs they are only where several people's are shown."""
    settings, names = about.settings, Names(about.viewer, about.settings)
    everybody = about.subject.user == EVERYBODY
    found = [
        Column(key="job_id", title=N_("Job"), phone=True, draw=lambda row: _job_cell(row, settings)),
        Column(key="state", title=N_("State"), phone=True, draw=_state_cell),
        Column(key="name", title=N_("Name"), draw=lambda row: str(plain_text(row["name"]))),
    ]
    if everybody:
        found.append(Column(key="user", title=N_("Person"), draw=lambda row: names.person(row["user"])))
    found += [
        Column(key="account", title=N_("Account")),
        Column(key="submit", title=N_("Submitted"), kind="time"),
        Column(key="elapsed", title=N_("Time"), kind="bar", draw=_time_cell, help=N_("Run time; the bar is its share of the limit")),
        Column(key="cores", title=N_("Cores"), kind="number"),
        Column(key="cpu_efficiency", title=N_("Cores used"), kind="bar", role=role_of),
        Column(key="memory_efficiency", title=N_("Memory used"), kind="bar", role=role_of),
    ]
    if pd.to_numeric(frame["gpus"], errors="coerce").fillna(0).any():
        found.append(Column(key="gpu_use", title=N_("GPUs used"), kind="bar", role=role_of))
    found.append(Column(key="to_act", title=N_("Findings"), draw=_waste_cell))
    return tuple(found)


def pager(frames: Frames, about: About) -> html.Div | None:
    """Links to the pages before and after."""
    subject, settings = about.subject, about.settings
    shown = [
        parts.page_link(text, _address(settings, subject, about, cursor=frames[key]), "tt-btn")
        for key, text in (("previous", _("Newer") if not subject.ascending else _("Before")), ("next", _("Older") if not subject.ascending else _("After")))
        if frames.get(key)
    ]
    return html.Div(shown, className="tt-pager") if shown else None


def draw_list(frames: Frames, about: About) -> Any:
    """The filters, then the jobs of this page, then the way to the others."""
    frame = frames["jobs"]
    notes = []
    if not frames["complete"]:
        notes.append(parts.notice(_("The search stopped before its end so as not to load the database. Go on with the next page."), "info"))
    if about.subject.waste:
        notes.append(html.P(_("Of the jobs looked through for this page, those with something to act on."), className="tt-muted tt-small"))
    if frame.empty:
        shown: Any = parts.empty(_("No job fits these filters."))
    else:
        shown = table(frame, columns(about, frame), tools=orders(about), note=N_("Column heads sort the rows of this page only."))
    return html.Div([filters(about), *notes, shown, pager(frames, about)])


def head(sources: Sources, viewer: Viewer, subject: JobsView, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """Title and which sections are shown; raises NotFound for somebody else's jobs."""
    name = jobs_query.whose(viewer, subject)
    if name is None:
        return _("Everybody's jobs"), html.H1(_("Everybody's jobs")), ("list",)
    title = _("My jobs") if name == viewer.name else _("Jobs of %(name)s", name=name)
    return title, html.H1(title), None


JOBS = Page(
    key="jobs", module="jobstats", path="/jobs", title=N_("My jobs"), icon="list-task", access=SIGNED_IN, order=20,
    subject=jobs_query.subject_of, head=head, span=lambda sources, viewer, subject, now: (now - 7 * DAY, now),
    filters=jobs_query.FILTERS, needs=(Need(kind="database", name="slurm"),),
    description=N_("Your jobs: what they hold, what they use, and which of them waste."),
    sections=(
        Section(
            key="use", title=N_("Now"), query=jobs_query.use_now, access=SIGNED_IN, eager=True,
            blocks=(Block(key="use", title="", draw=draw_use, bare=True, height=120),),
        ),
        Section(
            key="list", title=N_("Jobs"), query=jobs_query.listed, access=SIGNED_IN, eager=True,
            blocks=(Block(key="jobs", title=N_("Jobs"), draw=draw_list, csv="jobs", height=600),),
        ),
        Section(
            key="history", title=N_("Use over time"), query=jobs_query.over_time, access=SIGNED_IN,
            panels=(*charts.PANELS, *charts.GPU_PANELS),
        ),
        Section(key="files", title=N_("File systems"), query=jobs_query.files, access=SIGNED_IN, panels=charts.FILE_PANELS),
    ),
)
