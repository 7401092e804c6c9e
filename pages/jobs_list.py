"""The list of jobs: filters, rows with what each used, and the ways to more of them and to a comparison."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import account_link, job_link, link, user_link
from components.present import Names, plain_text
from components.records import About, Frames
from components.table import Column, pick_bar, picker, share_cell, table
from components.text import N_, _, ngettext
from core.settings import Settings
from pages.job_head import role_of
from pages.jobs_filters import address, filters
from pages.jobs_query import EVERYBODY

MOST_COMPARED = 20


def _job_cell(row: dict[str, Any], settings: Settings) -> Any:
    job = str(row["job_id"])
    target = job if "[" not in job else str(row["array_job"])
    name = html.Span(str(plain_text(row["name"])), className="tt-phone-only tt-row-name")
    return [job_link(settings, target, job), name]


def unset(value: Any) -> bool:
    """True for a time that has not come."""
    return value is None or value != value


def is_array(row: dict[str, Any]) -> bool:
    """True for a row that stands for a whole array."""
    return isinstance(row.get("array_counts"), dict)


def state_cell(row: dict[str, Any]) -> Any:
    """A job's state; of an array its tasks by state."""
    counts = row.get("array_counts")
    if not isinstance(counts, dict) or not counts:
        return parts.state_badge(str(row["state"]))
    shown = sorted(counts.items(), key=lambda item: -item[1])
    more = "" if row.get("array_complete", True) else "≥ "
    badges = [html.Span([parts.state_badge(state), f" {more}{fmt.number(count, 9)} "]) for state, count in shown[:3]]
    rest = sum(count for _state, count in shown[3:])
    return html.Div([*badges, html.Span(f"+{fmt.number(rest, 9)}", className="tt-muted") if rest else None], className="tt-counts")


def time_cell(row: dict[str, Any]) -> Any:
    """Run time of its limit; a running job shows how far it is. No bar without a limit."""
    if unset(row["start"]) or is_array(row):
        return html.Span(fmt.NONE, title=_("Each task has its own time: see the array's page.") if is_array(row) else _("not started"))
    text, limit, share = fmt.duration(row["elapsed"]), row["limit"], row["time_share"]
    of = _("%(time)s, no time limit", time=text) if limit == float("inf") else _("%(time)s of %(limit)s", time=text, limit=fmt.duration(limit))
    meter = parts.meter(share, "info" if row["state"] == "RUNNING" else "used", of) if share == share else None
    return html.Div([text, meter], title=of if not unset(limit) else text)


def use_cell(row: dict[str, Any], key: str) -> Any:
    """A share with its bar; of an array over its ended tasks, with a word on hover about what it is of."""
    value = row[key]
    title = ""
    if is_array(row):
        judged = int(row["judged"]) if row["judged"] == row["judged"] else 0
        title = ngettext("over %(num)s ended task", "over %(num)s ended tasks", judged) if judged else _("No task has been summarised yet: see the array's page.")
    elif unset(row["end"]) and value == value:
        title = _("now, of what is allocated")
    elif value != value:
        title = _("not started") if unset(row["start"]) else _("not known: neither accounting nor metrics have it")
    return share_cell(value, role_of, title)


def waste_cell(row: dict[str, Any]) -> Any:
    """How many findings a job has to act on; of an array how many tasks have any."""
    if row["to_act"] != row["to_act"] or not row["to_act"]:
        return ""
    count = int(row["to_act"])
    if is_array(row):
        return parts.badge(ngettext("%(num)s task", "%(num)s tasks", count), "warn")
    return parts.badge(_("%(count)s to act on", count=count), "warn")


def _pick(row: dict[str, Any]) -> Any:
    return "" if is_array(row) or unset(row["start"]) else picker(str(row["job_id"]))


def use_columns(frame: pd.DataFrame) -> list[Column]:
    """Cores, memory and (where any job has one) GPUs used."""
    found = [
        Column(key="cpu_efficiency", title=N_("Cores used"), kind="bar", draw=lambda row: use_cell(row, "cpu_efficiency"),
               help=N_("CPU time of the run time × the cores allocated")),
        Column(key="memory_efficiency", title=N_("Memory used"), kind="bar", draw=lambda row: use_cell(row, "memory_efficiency"),
               help=N_("Highest use of the memory allocated")),
    ]
    if pd.to_numeric(frame["gpus"], errors="coerce").fillna(0).any():
        found.append(Column(key="gpu_use", title=N_("GPUs used"), kind="bar", draw=lambda row: use_cell(row, "gpu_use"), help=N_("Mean over the GPUs of the job")))
    return found


def _account_cell(row: dict[str, Any], about: About) -> html.Span:
    account = str(row["account"])
    shown = account_link(about.settings, account) if about.viewer.sees_account(account) else account
    return html.Span(shown, className="tt-together")


def columns(about: About, frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of the list; whose jobs they are only where several people's are shown, findings only where any are known."""
    settings, names = about.settings, Names(about.viewer, about.settings, about.subject)
    found = [
        Column(key="pick", title="", help=N_("Compare"), draw=_pick),
        Column(key="job_id", title=N_("Job"), phone=True, draw=lambda row: _job_cell(row, settings)),
        Column(key="state", title=N_("State"), phone=True, draw=state_cell),
        Column(key="name", title=N_("Name"), draw=lambda row: str(plain_text(row["name"]))),
    ]
    if about.subject.user == EVERYBODY:
        found.append(Column(key="user", title=N_("Person"), draw=lambda row: user_link(settings, row["user"], names.person(row["user"]))))
    if frame["account"].nunique() > 1 or about.subject.user == EVERYBODY:
        found.append(Column(key="account", title=N_("Account"), draw=lambda row: _account_cell(row, about)))
    found += [
        Column(key="submit", title=N_("Submitted"), kind="time"),
        Column(key="elapsed", title=N_("Time"), kind="bar", draw=time_cell, help=N_("Run time; the bar is its share of the limit")),
        Column(key="cores", title=N_("Cores"), kind="number"),
        *use_columns(frame),
    ]
    if (frame["to_act"] > 0).any():
        found.append(Column(key="to_act", title=N_("Findings"), draw=waste_cell, help=N_("What the job could do better")))
    return tuple(found)


def pager(frames: Frames, about: About) -> html.Div | None:
    """Links to the pages before and after."""
    subject, settings = about.subject, about.settings
    after = _("Search further") if subject.waste else _("Older") if not subject.ascending else _("After")
    shown = [
        parts.page_link(text, address(settings, subject, cursor=frames[key]), "tt-btn")
        for key, text in (("previous", _("Newer") if not subject.ascending else _("Before")), ("next", after))
        if frames.get(key)
    ]
    if not frames["complete"] and frames.get("next"):
        shown.insert(0, html.Span(_("Only a part was looked through for this page, so as not to load the database."), className="tt-muted tt-small"))
    return html.Div(shown, className="tt-pager") if shown else None


def _notes(frames: Frames, about: About) -> list[Any]:
    notes: list[Any] = []
    frame = frames["jobs"]
    if about.subject.waste:
        looked = ngettext("of the %(num)s job looked at", "of the %(num)s jobs looked at", int(frames["searched"]))
        found = ngettext("%(num)s job has something to act on", "%(num)s jobs have something to act on", len(frame))
        notes.append(html.P(_("%(found)s, %(looked)s for this page.", found=found, looked=looked), className="tt-muted tt-small"))
    return notes


def draw_list(frames: Frames, about: About) -> Any:
    """The filters, then the jobs of this page, then the way to the others."""
    frame = frames["jobs"]
    if frame.empty:
        none = _("No job fits these filters.") if frames["complete"] else _("No job fits these filters among those looked through so far.")
        shown: Any = parts.empty(none)
    else:
        bar = pick_bar(link(about.settings, "/jobs/compare"), MOST_COMPARED)
        shown = table(frame, columns(about, frame), tools=bar, note=N_("Column heads sort the rows of this page only."))
    return html.Div([filters(about), *_notes(frames, about), shown, pager(frames, about)])
