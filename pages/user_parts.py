"""The parts of a person's page: who it is, tiles, last jobs, accounts, findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from dash import html

from analysis.finding_groups import Group
from components import format as fmt
from components import parts
from components.links import account_link, job_link, link
from components.present import Names, plain_text
from components.records import About, Frames
from components.table import Column, pick_bar, table
from components.text import N_, _, error_sentence, ngettext
from components.text_findings import sentence
from core.errors import TurtleError
from core.settings import Settings
from core.viewer import Viewer
from datasources.slurm.person import Person
from pages.accounts_view import standing, standing_word
from pages.jobs import use_tiles
from pages.jobs_list import MOST_COMPARED
from pages.jobs_list import columns as job_columns
from pages.user_query import FINDINGS_DAYS, PersonView, jobs_view

GROUPS_SHOWN = 6
LEVELS = {"operator": N_("Slurm operator"), "administrator": N_("Slurm administrator")}


def _accounts(settings: Settings, label: str, names: list[str]) -> html.Span | None:
    links = [part for name in names for part in (account_link(settings, name), ", ")][:-1]
    return html.Span([f"{label}:", html.Span(links)]) if names else None


def head(settings: Settings, viewer: Viewer, view: PersonView, full_name: str, who: Person | None) -> tuple[str, list[Any]]:
    """(title, components): full name, login, accounts, what they coordinate; for staff the admin level. `who` None: accounting is away."""
    login = Names(viewer, settings, view).person(view.id)
    title = str(plain_text(full_name)) or login
    if view.id == viewer.name:
        accounts, coordinates = sorted(viewer.accounts), sorted(viewer.coordinates)
    else:
        accounts, coordinates = (sorted(who.facts.accounts), sorted(who.facts.coordinates)) if who else ([], [])
    level = who.facts.admin_level if who and viewer.is_staff else ""
    former = who is not None and who.known and not who.facts.accounts
    line = [
        html.Span([_("Login"), html.Code(login)]) if title != login else None,
        _accounts(settings, _("Accounts"), accounts),
        _accounts(settings, _("Coordinator of"), coordinates),
        parts.badge(_(LEVELS[level]), "info") if level in LEVELS else None,
        parts.badge(_("No longer in any account"), "muted") if former else None,
        _onward(settings, view.id) if viewer.is_staff else None,
    ]
    return title, [html.H1(title), html.Div([part for part in line if part is not None], className="tt-person")]


def _onward(settings: Settings, name: str) -> html.Span:
    """For staff: the pages of the cluster narrowed to this person."""
    pages = (("jobstats", "/jobs", N_("Jobs")), ("nodes", "/nodes", N_("Nodes")), ("top", "/top", N_("Use now")), ("top", "/top/waste", N_("Waste")))
    links = [parts.page_link(_(text), link(settings, path, user=name)) for module, path, text in pages if settings.module_on(module)]
    return html.Span([part for one in links for part in (one, " · ")][:-1])


def draw_now(frames: Frames, about: About) -> Any:
    """What is held and used now, what was found, and how the last 30 days were used."""
    later = [_found_tile(frames["found"]), *_month_tiles(frames["month"])]
    return html.Div([parts.tiles(*_use_tiles(frames, about), *later), _use_note(frames), _coverage_note(frames["month"])])


def _coverage_note(month: Any) -> Any:
    """Where the totals do not know all runs, how many they know."""
    if isinstance(month, TurtleError) or month["finished"] <= month["summarised"] * 1.02:
        return None
    known, finished = (fmt.number(month[key], 9) for key in ("summarised", "finished"))
    said = _("Hours and findings know %(known)s of the %(finished)s runs of the last 30 days; the others are not summarised yet.", known=known, finished=finished)
    return html.P(said, className="tt-muted tt-small")


def _use_tiles(frames: Frames, about: About) -> list[Any]:
    use = frames["use"]
    if isinstance(use, TurtleError):
        return []
    if use.running or use.pending or use.suspended:
        held = use_tiles(frames)[:3]  # cores, memory, GPUs
        note = _("%(number)s suspended", number=use.suspended) if use.suspended else ""
        waiting = _("· %(pending)s waiting", pending=fmt.number(use.pending, 9))
        return [*held, parts.tile(_("Jobs running"), fmt.number(use.running, 9), base=waiting, note=note)]
    own = about.subject.id == about.viewer.name
    return [parts.tile(_("Jobs now"), fmt.number(0), note=_("You have no jobs running or waiting.") if own else _("No jobs running or waiting."))]


def _use_note(frames: Frames) -> Any:
    use, used = frames["use"], frames["used"]
    if isinstance(use, TurtleError):
        return parts.notice(error_sentence(use), "warn")
    return parts.notice(error_sentence(used), "warn") if isinstance(used, TurtleError) and use.held.cores else None


def _found_tile(found: Any) -> Any:
    if isinstance(found, TurtleError):
        return None
    groups, cut = found
    note = _("of running jobs and the last %(days)s days", days=FINDINGS_DAYS)
    if not groups:
        return parts.tile(_("Findings"), fmt.number(0), note=note)
    jobs = len(set().union(*(group.ids for group in groups)))
    base = html.A(ngettext("in %(num)s job", "in %(num)s jobs", jobs), href="#section-findings", className="tt-link")
    return parts.tile(_("Findings"), fmt.number(len(groups)), base=ngettext("kind", "kinds", len(groups)), note=html.Span([base, " · ", note]))


def _month_tiles(month: Any) -> list[Any]:
    if isinstance(month, TurtleError) or not month["jobs"]:
        return []
    kinds = (("core_hours", _("Core-hours, 30 days")), ("gpu_hours", _("GPU-hours, 30 days")))
    return [_hours_tile(label, month, key) for key, label in kinds if month[key] > 0]


def _hours_tile(label: str, month: pd.Series, key: str) -> Any:
    held, judged, used, wasted = (float(month[name]) for name in (key, f"{key}_judged", f"{key}_used", f"{key}_wasted"))
    if not judged:
        return parts.tile(label, fmt.number(held), note=_("allocated; use not known"))
    part = used / judged
    role = "used" if part >= 0.5 else "waste"
    note = _("%(share)s used, %(wasted)s wasted", share=fmt.percent(part), wasted=fmt.number(wasted))
    if held > judged * 1.02:
        note += " · " + _("of %(hours)s more the use is not known", hours=fmt.number(held - judged))
    return parts.tile(label, fmt.number(used), base=_("of %(whole)s", whole=fmt.number(judged)), share=part, role=role, note=note)


def draw_jobs(frames: Frames, about: About) -> Any:
    """The last jobs, drawn as in the list of jobs, and the way to all of them."""
    frame = frames["jobs"]
    view = replace(about, subject=jobs_view(about.subject))
    own = about.subject.id == about.viewer.name
    listed = about.settings.module_on("jobstats")
    bar = pick_bar(link(about.settings, "/jobs/compare"), MOST_COMPARED) if listed else None
    none = N_("You have not submitted a job yet.") if own else N_("No job was ever submitted.")
    shown = table(frame, job_columns(view, frame) if len(frame) else (), tools=bar, filtered=False, empty=none)
    address = link(about.settings, "/jobs", **({} if own else {"user": about.subject.id}))
    foot = [parts.page_link(_("All jobs"), address)] if listed else []
    if not frames["complete"]:
        foot.append(html.Span([" · ", _("large arrays fill the part that was looked through: older jobs are in the list of all jobs")], className="tt-muted tt-small"))
    return html.Div([shown, html.Div(foot, className="tt-foot-link") if len(frame) or not frames["complete"] else None])


def _level_cell(row: dict[str, Any]) -> Any:
    if row["levelfs"] != row["levelfs"]:
        return fmt.NONE
    word = html.Div(standing_word(row["levelfs"]), className="tt-muted tt-small")
    return html.Div([fmt.number(row["levelfs"], 3), word], title=standing(row["levelfs"])[1])


def _held_cell(mine: int, whole: int) -> Any:
    if not whole:
        return html.Span(fmt.number(0), className="tt-muted")
    said = _("%(part)s of %(whole)s", part=fmt.number(mine, 9), whole=fmt.number(whole, 9))
    return html.Div([said, parts.meter(mine / whole, "info")])


def draw_accounts(frames: Frames, about: About) -> Any:
    """Each account with its share, its fair share now, and how much of what it holds is this person's."""
    frame, settings = frames["accounts"], about.settings
    frame = frame.assign(part=frame["my_cores"] / frame["cores"].where(frame["cores"] > 0), gpu_part=frame["my_gpus"] / frame["gpus"].where(frame["gpus"] > 0))
    columns = [
        Column(key="account", title=N_("Account"), phone=True, draw=lambda row: _account_cell(row, settings)),
        Column(key="my_shares", title=N_("Shares"), kind="number", help=N_("The person's own raw shares in the account; – where the account's are used")),
        Column(key="cluster_share", title=N_("Account's part"), kind="percent", help=N_("The part of the cluster the account's shares stand for")),
        Column(key="levelfs", title=N_("LevelFS"), kind="number", phone=True, draw=_level_cell,
               help=N_("Slurm's fair share of the account now. Above 1 the account has used less than its share.")),
        Column(key="part", title=N_("Cores now"), kind="bar", draw=lambda row: _held_cell(row["my_cores"], row["cores"]),
               help=N_("This person's of all that the account holds now")),
    ]
    if frame["gpus"].any():
        columns.append(Column(key="gpu_part", title=N_("GPUs now"), kind="bar", draw=lambda row: _held_cell(row["my_gpus"], row["gpus"])))
    columns += [
        Column(key="my_running", title=N_("Running"), kind="number"),
        Column(key="my_pending", title=N_("Waiting"), kind="number"),
    ]
    return table(frame, columns, empty=N_("In no account now."))


def _account_cell(row: dict[str, Any], settings: Settings) -> Any:
    marks = [parts.badge(text) for key, text in (("default", _("default")), ("coordinator", _("coordinator"))) if row[key]]
    return html.Span([account_link(settings, row["account"]), *[part for mark in marks for part in (" ", mark)]])


def lost_words(lost: dict[str, float]) -> str:
    """What a kind of finding cost in all: "120 core-hours, 3 GPU-hours"; "" where it is not a matter of hours."""
    words = (("core_hours", N_("%(hours)s core-hours")), ("gpu_hours", N_("%(hours)s GPU-hours")), ("gib_hours", N_("%(hours)s GiB-hours of memory")))
    return ", ".join(_(text, hours=fmt.number(lost[key])) for key, text in words if lost.get(key))


def _group(group: Group, settings: Settings) -> Any:
    headline, evidence, advice = sentence(group.newest)
    lost = lost_words(group.lost)
    many = ngettext("%(num)s job", "%(num)s jobs", group.jobs)
    running = ngettext("%(num)s of them running", "%(num)s of them running", group.running) if group.running else ""
    total = _("%(lost)s in all", lost=lost) if lost and group.jobs > 1 else lost
    sums = " · ".join(filter(None, (many, running, total)))
    newest = [_("Newest: job"), " ", job_link(settings, group.job), ". "]
    told = [html.B(sums), " · ", *newest, *(evidence if isinstance(evidence, list) else [evidence])]
    return parts.finding_row(group.newest.severity, headline, told, advice=advice, why=group.newest.docs)


def draw_findings(frames: Frames, about: About) -> Any:
    """Findings by kind, the costliest first; beyond the first few behind a fold."""
    groups = frames["groups"]
    if not groups:
        return parts.empty(_("Nothing to improve was found in running jobs and those of the last %(days)s days.", days=FINDINGS_DAYS), "check-circle-fill")
    rows = [_group(group, about.settings) for group in groups]
    more = rows[GROUPS_SHOWN:]
    rest = html.Details([html.Summary(ngettext("%(num)s more", "%(num)s more", len(more)), className="tt-link"), *more]) if more else None
    cut = html.P(_("Only the newest jobs were looked through: there are very many."), className="tt-muted tt-small") if frames["cut"] else None
    return html.Div([*rows[:GROUPS_SHOWN], rest, cut])
