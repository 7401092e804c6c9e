"""An account's members over a range: what each held, used and wasted, and who wastes most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import link, user_link
from components.records import About, Block, Frames, Section
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import NoData, TurtleError, Why
from core.narrow import Narrow
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import share
from core.viewer import MEMBER_OR_STAFF, Viewer, only_members
from datasources.portal.totals import coverage, totals
from datasources.sources import Sources
from pages.account_names import unsorted, who

KINDS = ("core", "gpu", "tb")
UNITS = {"core": N_("core-hours"), "gpu": N_("GPU-hours"), "tb": N_("TiB-hours")}
# short, so that three kinds fit beside each other; a phone keeps only what was wasted of the first
TITLES = {"core": N_("Core-h"), "gpu": N_("GPU-h"), "tb": N_("TiB-h")}
WASTED = {"core": N_("Core-h wasted"), "gpu": N_("Wasted"), "tb": N_("Wasted")}
HELPS = {
    "core": N_("Core-hours allocated to all runs that ended in this period"), "gpu": N_("GPU-hours allocated to all runs that ended in this period"),
    "tb": N_("TiB-hours of memory allocated to all runs that ended in this period"),
}  # fmt: skip
SMALL = 1.0  # hours: less waste than that is nothing to talk about
KNOWN = 0.95  # below this share of known use, the text says how much is known
GOOD, POOR = 0.75, 0.5
CSV = (
    ("user", "user"), ("jobs", "jobs ended"), ("failed", "not completed"), ("to_act", "findings to act on"),
    *((f"{kind}_hours{part}", f"{unit}-hours {word}") for kind, unit in (("core", "core"), ("gpu", "gpu"), ("tb", "TiB"))
      for part, word in (("", "allocated"), ("_judged", "allocated with known use"), ("_used", "used"), ("_wasted", "wasted"))),
    ("energy_kwh", "energy (kWh)"),
)  # fmt: skip


def query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`members`: totals by user of this account with `<kind>_share` (used ÷ known, 0..1), most wasted core-hours first.

    `who`: see account_names. `coverage`: (runs summarised, runs ended) or an error. Raises NotFound unless the viewer may see the account.
    """
    only_members(viewer, subject.id)
    asked = {"viewer": viewer, "since": when.start, "until": when.end, "narrow": Narrow(account=subject.id)}
    found: dict[str, Any] = dict(
        sources.pool.gather(
            {"members": lambda: totals(sources, by=("user",), **asked), "coverage": lambda: coverage(sources, **asked)}, 9.0, "portal"
        )
    )
    if isinstance(found["members"], pd.DataFrame) and found["members"].empty:
        found["members"] = why_none(found["coverage"], found["members"])
    if isinstance(found["members"], pd.DataFrame):
        found["members"] = ordered(unsorted(sources, viewer, subject, found["members"]))
    return {"who": who(sources, viewer, subject.id), **found}


def why_none(covered: Any, empty: pd.DataFrame) -> pd.DataFrame | TurtleError:
    """What stands for empty totals: the frame itself where nothing ended, else the reason why they are empty."""
    if isinstance(covered, TurtleError):
        return covered
    return NoData(Why.NOT_SUMMARISED, "job_facts") if covered[1] and not covered[0] else empty


def ordered(members: pd.DataFrame) -> pd.DataFrame:
    """With the efficiency of each kind; who wastes most core-hours, then most GPU-hours, first; rows alike stay in their order."""
    shown = members.copy()
    for kind in KINDS:
        known = shown[f"{kind}_hours_judged"].to_numpy()
        shown[f"{kind}_share"] = np.divide(shown[f"{kind}_hours_used"].to_numpy(), known, out=np.full(len(shown), np.nan), where=known > 0)
    # hours that print alike are alike
    keys = shown.assign(core=shown["core_hours_wasted"].round(1), gpu=shown["gpu_hours_wasted"].round(1))
    order = keys.sort_values(["core", "gpu", "core_hours"], ascending=False, kind="stable").index
    return shown.loc[order].reset_index(drop=True)


def exported(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`members` with headers that say the units; hours to three digits behind the point."""
    found = query(sources, viewer, subject, when)
    frame = found["members"]
    if isinstance(frame, TurtleError):
        return {"members": frame}
    return {"who": found["who"], "members": frame[[key for key, _title in CSV]].rename(columns=dict(CSV)).round(3)}


def _most(frame: pd.DataFrame, kind: str) -> Any:
    """The sentence on who wasted most of one kind; None where nobody wasted anything to speak of."""
    wasted = frame[f"{kind}_hours_wasted"]
    if not len(frame) or wasted.max() < SMALL:
        return None
    row = frame.loc[wasted.idxmax()]
    amount = fmt.with_unit(float(row[f"{kind}_hours_wasted"]), _(UNITS[kind]))
    numbers = {
        "name": row["user"], "amount": amount, "part": fmt.percent(share(row[f"{kind}_hours_wasted"], row[f"{kind}_hours_judged"])),
        "held": fmt.with_unit(float(row[f"{kind}_hours_judged"]), _(UNITS[kind])), "all": fmt.percent(share(row[f"{kind}_hours_wasted"], float(wasted.sum()))),
    }
    if len(frame) == 1:
        return _("%(name)s wasted %(amount)s: %(part)s of %(held)s.", **numbers)
    if row[f"{kind}_hours_judged"] < KNOWN * row[f"{kind}_hours"]:
        return _("%(name)s wasted most: %(amount)s. That is %(part)s of the %(held)s that were measured, and %(all)s of all that members wasted.", **numbers)
    return _("%(name)s wasted most: %(amount)s. That is %(part)s of the %(held)s %(name)s held, and %(all)s of all that members wasted.", **numbers)


def _measured(frame: pd.DataFrame) -> list[str]:
    """How much of each kind's use is known, where that is not nearly all."""
    found = []
    for kind in KINDS:
        held, known = float(frame[f"{kind}_hours"].sum()), float(frame[f"{kind}_hours_judged"].sum())
        if held > SMALL and known < KNOWN * held:
            part = fmt.of(known, held, _(UNITS[kind]))
            found.append(_("Use was measured for %(part)s; the rest is neither used nor wasted here.", part=part))
    return found


def _covered(found: Any) -> str:
    if isinstance(found, TurtleError):
        return error_sentence(found)
    done, ended = found
    counted = _("Runs are counted at their end, with all of their hours; running jobs are not in it.")
    if done >= ended:
        return _("All %(ended)s ended runs are summarised.", ended=fmt.number(ended, 9)) + " " + counted
    return _("%(done)s of %(ended)s ended runs are summarised so far.", done=fmt.number(done, 9), ended=fmt.number(ended, 9)) + " " + counted


def draw_most(frames: Frames, about: About) -> Any:
    """Who wastes most and how much, in a sentence a kind."""
    frame = frames["members"]
    if isinstance(frame, TurtleError):
        return None
    said = [sentence for kind in KINDS[:2] if (sentence := _most(frame, kind))]
    if not said and len(frame):
        said = [_("Nobody wasted anything to speak of in this period.")]
    tone = "warn" if any(frame[f"{kind}_hours_wasted"].sum() >= SMALL for kind in KINDS[:2]) and len(frame) else "good"
    return parts.notice(html.Div([html.Div(text) for text in said]), tone) if said else None


def _person(row: dict[str, Any], about: About) -> Any:
    """A member as a link for whom there is a page behind it; for fellow members the name alone."""
    name, viewer, settings = str(row["user"]), about.viewer, about.settings
    if viewer.is_staff or name == viewer.name:
        return user_link(settings, name)
    if viewer.answers_for(about.subject.id):
        return parts.page_link(name, link(settings, f"/account/{about.subject.id}", view="jobs", user=name))
    return name


def _wasted(row: dict[str, Any], key: str, most: float) -> Any:
    value = row[key]
    bar = parts.meter(share(value, most), "waste")
    return html.Div([fmt.number(value), bar], title=_("%(share)s of what was allocated", share=fmt.percent(share(value, row[key.replace("_wasted", "_judged")]))))


def _efficiency(value: float) -> Any:
    if value != value:
        return fmt.NONE
    return parts.badge(fmt.percent(value), "good" if value >= GOOD else "warn" if value >= POOR else "bad")


def _kind(frame: pd.DataFrame, kind: str) -> list[Column]:
    most = float(frame[f"{kind}_hours_wasted"].max())
    return [
        Column(key=f"{kind}_hours", title=TITLES[kind], kind="number", help=HELPS[kind]),
        Column(key=f"{kind}_hours_used", title=N_("Used"), kind="number", help=N_("Used by the runs whose use is known")),
        Column(
            key=f"{kind}_hours_wasted", title=WASTED[kind], kind="bar", phone=kind == "core", draw=lambda row: _wasted(row, f"{kind}_hours_wasted", most),
            help=N_("Held and not used, run by run, so never negative; the bar compares members"),
        ),
        Column(
            key=f"{kind}_share", title=N_("Used %"), kind="percent", draw=lambda row: _efficiency(row[f"{kind}_share"]),
            help=N_("Used part of what was allocated, all runs together"),
        ),
    ]  # fmt: skip


def columns(frame: pd.DataFrame, about: About) -> list[Column]:
    """The columns of the table; GPUs only where there are any."""
    found = [Column(key="user", title=N_("Member"), phone=True, draw=lambda row: _person(row, about))]
    for kind in KINDS:
        if kind != "gpu" or float(frame["gpu_hours"].sum()) > 0:
            found += _kind(frame, kind)
    return [
        *found,
        Column(key="jobs", title=N_("Runs"), kind="number", help=N_("Runs that ended in this period; each task of an array is one")),
        Column(key="failed", title=N_("Failed"), kind="number", help=N_("Runs that did not complete: failed, cancelled, out of time or memory")),
        Column(key="to_act", title=N_("To act on"), kind="number", help=N_("Findings in these runs that somebody should act on")),
    ]


def draw_members(frames: Frames, about: About) -> Any:
    """The table, and how much is known."""
    frame = frames["members"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame), "exclamation-triangle-fill", "warn")
    shown = table(frame, columns(frame, about), empty=N_("No job of this account ended in this period."))
    notes = " ".join([*_measured(frame), _covered(frames["coverage"]), _("1 TiB-hour is 1 TiB (1024⁴ bytes) of memory held for an hour.")])
    return html.Div([shown, html.Div(notes, className="tt-foot-link tt-muted tt-small")])


HELP = N_(
    "What each member's runs were allocated, used and wasted. Cores: CPU time. GPUs: the share of time in which they computed. Memory: the highest use "
    "of each run. The file has the same figures with more digits."
)
MEMBERS = Section(
    key="members", title=N_("Members"), query=query, export=exported, access=MEMBER_OR_STAFF, eager=True,
    blocks=(
        Block(key="most", title="", draw=draw_most, bare=True, height=60),
        Block(key="members", title=N_("Allocated, used and wasted by member"), draw=draw_members, csv="members", height=300, help=HELP),
    ),
)  # fmt: skip
