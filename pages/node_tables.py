"""The tables of a node's page: the jobs that run on it now, and when it was out of service or reserved."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import account_link, job_link, user_link
from components.records import About, Frames
from components.table import Column, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import TurtleError
from core.units import share
from pages.node_head import state_word


def _error(found: Any) -> Any:
    return parts.empty(error_sentence(found), "exclamation-triangle-fill", "warn")


def _used(row: dict[str, Any], used: str, whole: str) -> Any:
    """What is used now of what was given on this node, a job's amount divided evenly over its nodes."""
    given = float(row[whole]) / max(int(row["nodes"]), 1) if row[whole] == row[whole] and row[whole] else None
    write = fmt.bytes_ if whole == "memory" else fmt.number
    if given is None:
        return fmt.NONE
    text = _("%(used)s of %(whole)s", used=write(row[used]) if row[used] == row[used] else fmt.NONE, whole=write(given))
    part = share(row[used] if row[used] == row[used] else None, given)
    return html.Div([text, parts.meter(part, "used" if part is None or part >= 0.5 else "waste")])


def _use(what: str, title: str, said: str) -> Column:
    return Column(key=f"{what}_used", title=title, kind="number", help=said, draw=lambda row: _used(row, f"{what}_used", what))


def _ran(row: dict[str, Any]) -> Any:
    """How long the job runs; a suspended one holds its memory and computes nothing."""
    text = fmt.duration(row["ran"])
    return html.Span([text, " ", parts.badge(_("suspended"), "muted")]) if row.get("state") == "SUSPENDED" else text


def running(frames: Frames, about: About) -> Any:
    """The jobs on the node now: all for staff; one's own for a person, and how many others there are."""
    found = frames.get("running")
    if isinstance(found, TurtleError) or found is None:
        return _error(found if found is not None else TurtleError())
    settings, staff = about.settings, about.viewer.is_staff
    shown = found.assign(ran=about.when.now - found["start"])
    whose = (
        Column(key="user", title=N_("Person"), phone=True, draw=lambda row: user_link(settings, row["user"])),
        Column(key="account", title=N_("Account"), draw=lambda row: account_link(settings, row["account"])),
    )  # fmt: skip
    columns = (
        Column(key="job_id", title=N_("Job"), phone=True, draw=lambda row: job_link(settings, row["id_job"], row["job_id"])),
        *(whose if staff else ()),
        Column(key="name", title=N_("Name"), phone=not staff),
        Column(key="ran", title=N_("Runs for"), kind="duration", draw=_ran),
        _use("cores", N_("Cores"), N_("busy now, of those given on this node")),
        _use("memory", N_("Memory"), N_("program memory now, of that given on this node")),
        *((_use("gpus", N_("GPUs"), N_("computing now, of those given on this node")),) if (found["gpus"] > 0).any() else ()),
    )  # fmt: skip
    others = _others(frames, found)
    note = ngettext("and %(num)s job of other people", "and %(num)s jobs of other people", others) if others and not staff else ""
    if found.empty and note:
        return parts.empty(
            ngettext("No job of yours runs here now, but %(num)s of somebody else.", "No job of yours runs here now, but %(num)s of other people.", others)
        )
    found_table = table(shown, columns, empty=N_("No job runs here now."), note=note)
    if isinstance(frames.get("unmeasured"), TurtleError):
        missing = parts.notice([_("What is used is missing:"), " ", error_sentence(frames["unmeasured"])], "warn")
        return html.Div([missing, found_table])
    return found_table


def _others(frames: Frames, found: pd.DataFrame) -> int:
    held = frames.get("held")
    return max(int(held["jobs"]) - len(found), 0) if isinstance(held, dict) and "jobs" in held else 0


def _what(row: dict[str, Any]) -> Any:
    if row["kind"] == "reservation":
        return parts.badge(_("reserved"), "info")
    tone = "bad" if any(word in str(row["state"]) for word in ("DOWN", "FAIL", "NOT_RESPONDING")) else "warn"
    return parts.badge(state_word(str(row["state"])), tone)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _until(row: dict[str, Any]) -> Any:
    return fmt.moment(int(row["end"])) if row["end"] is not None and row["end"] == row["end"] else html.B(_("still"))


def events(frames: Frames, about: About) -> Any:
    """When the node was down, drained or reserved in the range, newest first."""
    found = frames.get("events")
    if isinstance(found, TurtleError) or found is None:
        return _error(found if found is not None else TurtleError())
    columns = [
        Column(key="state", title=N_("What"), phone=True, draw=_what),
        Column(key="start", title=N_("Since"), kind="time", phone=True),
        Column(key="end", title=N_("Until"), draw=_until, kind="time"),
        Column(key="lasted", title=N_("Lasted"), kind="duration"),
    ]
    if "reason" in found or "reservation" in found:
        columns.append(Column(key="reason", title=N_("Why"), draw=lambda row: _text(row.get("reservation")) or _text(row.get("reason")) or fmt.NONE))
    if about.viewer.is_staff and "who" in found:
        columns.append(Column(key="who", title=N_("Who"), help=N_("who set the state; root: Slurm itself"), draw=lambda row: _text(row.get("who")) or fmt.NONE))
    return table(found, columns, empty=N_("The node was in service all this time, and not reserved."))


