"""My accounts: share, standing and what is held in each now; for staff all accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from dash import dcc, html

from components import format as fmt
from components import parts
from components.links import account_link, link
from components.needs import needs_of
from components.records import About, Block, Frames, Need, Page, Section
from components.table import Column, share_cell, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import TurtleError
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import SIGNED_IN, Viewer
from datasources.prometheus import account_now_batches
from datasources.sources import Sources
from pages import accounts_query
from pages.accounts_view import standing, standing_word

MOST_SHOWN = 300
TONES = {"good": "good", "warn": "waste", "info": "used"}


@dataclass(frozen=True, kw_only=True)
class AccountsView(Subject):
    """The list of accounts; `words`: only names that contain this."""

    kind: str = "accounts"
    id: str = ""
    words: str = ""


def subject_of(params: Mapping[str, str]) -> AccountsView:
    """The subject of /accounts."""
    return AccountsView(words=params.get("q", "").strip()[:128])


def head(sources: Sources, viewer: Viewer, subject: AccountsView, when: TimeRange) -> tuple[str, Any, None]:
    """The title: staff see all accounts."""
    title = _("Accounts") if viewer.is_staff else _("My accounts")
    return title, html.H1(title), None


def _search(about: About) -> html.Div:
    """Accounts by a part of the name, where there are more than are shown."""
    words, settings = about.subject.words, about.settings
    box = html.Label([_("Account"), dcc.Input(type="text", name="q", value=words, placeholder=_("part of the name"), className="tt-input", debounce=True)])
    buttons = html.Div(
        [
            html.Button([parts.icon("filter"), html.Span(_("Filter"))], type="submit", className="tt-btn tt-btn-primary"),
            parts.page_link(_("Clear"), link(settings, "/accounts"), "tt-btn") if words else None,
        ],
        className="tt-form-buttons",
    )
    form = html.Form([box, buttons], action=link(settings, "/accounts"), method="get", className="tt-form", role="search")
    return html.Div(form, className="tt-filters")


def _name(row: dict[str, Any], about: About) -> Any:
    marks = [
        parts.badge(_("default"), "info") if row["default"] else None,
        parts.badge(_("coordinator"), "good") if row["coordinator"] else None,
        parts.badge(_("not in accounting"), "warn") if not row["known"] else None,
    ]
    return html.Span([account_link(about.settings, row["account"]), *[part for mark in marks if mark for part in (" ", mark)]])


def _standing(row: dict[str, Any]) -> Any:
    value = row["levelfs"]
    tone, sentence = standing(value)
    if not tone:
        return html.Span(fmt.NONE, title=sentence)
    return html.Span([fmt.number(value), " ", parts.badge(standing_word(value), tone)], className="tt-standing", title=sentence)


def _trend(row: dict[str, Any], trend: Any) -> Any:
    key = (row["account"],)
    if not isinstance(trend, pd.DataFrame) or key not in trend.columns:
        return ""
    tone = TONES.get(standing(row["levelfs"])[0], "used")
    return parts.spark(trend[key].to_numpy(), tone, _("LevelFS of %(account)s", account=row["account"]))


def _mine(row: dict[str, Any]) -> Any:
    """My part of the cores the account holds; of an account with nothing running nothing is said."""
    if not row["cores"]:
        return fmt.NONE
    share = row["my_cores"] / row["cores"]
    return share_cell(share, "used", fmt.of(row["my_cores"], row["cores"], _("cores")))


def columns(about: About, frame: pd.DataFrame, trend: Any) -> tuple[Column, ...]:
    """The columns of the list; GPUs and one's own part only where there are any."""
    found = [
        Column(key="account", title=N_("Account"), phone=True, draw=lambda row: _name(row, about)),
        Column(key="cluster_share", title=N_("Share"), kind="percent",
               help=N_("Part of the cluster it was given: its shares among its siblings, times the same of every account above it")),
        Column(key="levelfs", title=N_("LevelFS"), kind="number", phone=True, draw=_standing,
               help=N_("Share divided by recent use: above 1 it used less than its share and its jobs rank higher, below 1 more")),
    ]
    if isinstance(trend, pd.DataFrame) and not trend.columns.empty:
        found.append(Column(key="trend", title=N_("Over time"), help=N_("LevelFS over the time shown"), draw=lambda row: _trend(row, trend)))
    found.append(Column(key="cores", title=N_("Cores"), kind="number", help=N_("Cores of running jobs, accounts below it included")))
    if (frame["gpus"] > 0).any():
        found.append(Column(key="gpus", title=N_("GPUs"), kind="number", help=N_("GPUs of running jobs, accounts below it included")))
    found += [
        Column(key="running", title=N_("Running"), kind="number", help=N_("Running jobs")),
        Column(key="pending", title=N_("Waiting"), kind="number", help=N_("Waiting jobs; each task of an array counts")),
    ]
    if not about.viewer.is_staff or (frame["my_running"] + frame["my_pending"]).any():
        found += [
            Column(key="my_cores", title=N_("My part"), kind="bar", draw=_mine, help=N_("My part of the cores its jobs hold now")),
            Column(key="my_running", title=N_("My running"), kind="number", help=N_("My running jobs")),
            Column(key="my_pending", title=N_("My waiting"), kind="number", help=N_("My waiting jobs")),
        ]
    return tuple(found)


def draw(frames: Frames, about: About) -> Any:
    """The table; a sentence above it where the metrics could not be had."""
    frame, trend, words = frames["accounts"], frames["trend"], about.subject.words
    if frame.empty:
        none = _("No account has this in its name.") if words else _("You are in no account of this cluster. Your group's PI can have you added.")
        return html.Div([_search(about) if words else None, parts.empty(none)])
    shown = frame.sort_values(["cores", "account"], ascending=[False, True], kind="stable").head(MOST_SHOWN)
    said: list[Any] = [_search(about)] if words or len(frame) > MOST_SHOWN else []
    if isinstance(trend, TurtleError):
        said.append(parts.notice([_("LevelFS is not shown."), " ", error_sentence(trend)], "info"))
    note = ngettext("The first %(num)s of all; search for others.", "The first %(num)s of all; search for others.", MOST_SHOWN) if len(frame) > MOST_SHOWN else ""
    return html.Div([*said, table(shown, columns(about, shown, trend), note=note)])


def exported(sources: Sources, viewer: Viewer, subject: AccountsView, when: TimeRange) -> Frames:
    """Frame accounts: every account, units in the headers."""
    frame = accounts_query.listed(sources, viewer, subject, when)["accounts"]
    headers = {
        "account": "account", "parent": "parent", "shares": "raw shares", "level_share": "share of its level (0..1)",
        "cluster_share": "share of the cluster (0..1)", "levelfs": "LevelFS", "cores": "cores now", "memory": "memory now (bytes)", "gpus": "gpus now",
        "running": "running jobs", "pending": "waiting jobs", "my_cores": "my cores now", "my_gpus": "my gpus now", "my_running": "my running jobs",
        "my_pending": "my waiting jobs",
    }  # fmt: skip
    return {"accounts": frame[list(headers)].rename(columns=headers)}


HELP = N_(
    "Shares and jobs are from Slurm's accounting, LevelFS from Slurm's exporter. Cores and GPUs are those allocated to running jobs. "
    "Membership is not inherited: an account above or below yours is not yours."
)
PAGE = Page(
    key="accounts", module="accountstats", path="/accounts", title=N_("My accounts"), icon="people", access=SIGNED_IN, order=40,
    subject=subject_of, head=head, filters=("q",), span=lambda sources, viewer, subject, now: (now - 30 * DAY, now),
    needs=(Need(kind="database", name="slurm"),), description=N_("Your accounts: their shares, how they stand, and who uses what of them."),
    sections=(
        Section(
            key="list", title=N_("Accounts"), query=accounts_query.listed, export=exported, access=SIGNED_IN, eager=True, in_contents=False,
            needs=needs_of(account_now_batches.TREND),
            blocks=(Block(key="accounts", title=N_("Shares and use now"), draw=draw, csv="accounts", height=320, help=HELP),),
        ),
    ),
)  # fmt: skip
