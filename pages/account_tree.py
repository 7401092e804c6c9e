"""Of one account: the headline tiles, its place in the tree with shares, and its limits with how close its jobs are to each."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import account_link
from components.needs import needs_of
from components.present import plain_text
from components.records import About, Block, Frames, Section
from components.table import Column, share_cell, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import TurtleError
from core.viewer import MEMBER_OR_STAFF
from datasources.prometheus import account_now_batches
from pages import accounts_query
from pages.accounts_view import standing, standing_word, value_of

LIMITS = {
    "grp_tres": N_("In use at once"), "grp_jobs": N_("Running jobs"), "grp_submit_jobs": N_("Running and waiting jobs"),
    "grp_wall": N_("Run time of all jobs together"), "grp_tres_mins": N_("Use over time"), "grp_tres_run_mins": N_("Promised to running jobs"),
    "max_jobs": N_("Running jobs"), "max_submit_jobs": N_("Running and waiting jobs"), "max_tres_pj": N_("Size of a job"),
    "max_tres_pn": N_("Size of a job on each node"), "max_wall_pj": N_("Time limit of a job"), "max_tres_mins_pj": N_("Size × time of a job"),
}
SLURM = {
    "grp_tres": "GrpTRES", "grp_jobs": "GrpJobs", "grp_submit_jobs": "GrpSubmitJobs", "grp_wall": "GrpWall", "grp_tres_mins": "GrpTRESMins",
    "grp_tres_run_mins": "GrpTRESRunMins", "max_jobs": "MaxJobs", "max_submit_jobs": "MaxSubmitJobs", "max_tres_pj": "MaxTRESPerJob",
    "max_tres_pn": "MaxTRESPerNode", "max_wall_pj": "MaxWallDurationPerJob", "max_tres_mins_pj": "MaxTRESMinsPerJob",
}
CLOSE = 0.9  # from here on a limit is what jobs wait for


def role_of_limit(share: float | None) -> str:
    """The colour of how close a limit is."""
    return "used" if share is None or math.isnan(share) or share < CLOSE else "bad" if share >= 1 else "waste"


def _group_limit(limits: Any, account: str, limit: str, resource: str) -> tuple[float | None, float | None]:
    """(value, share) of a limit on this very account."""
    if not isinstance(limits, pd.DataFrame):
        return None, None
    here = limits[(limits["account"] == account) & (limits["limit"] == limit) & (limits["resource"] == resource) & (limits["holds_for"] == "group")]
    return (float(here["value"].iloc[0]), float(here["share"].iloc[0])) if len(here) else (None, None)


def draw_tiles(frames: Frames, about: About) -> Any:
    """Cores, GPUs, memory and jobs now, and LevelFS with what it means."""
    whole, mine, account = frames["whole"], frames["mine"], about.subject.id
    if isinstance(whole, TurtleError):
        return html.Div([parts.notice(error_sentence(whole), "warn"), parts.tiles(_levelfs_tile(frames["levelfs"]))])
    tiles = [_held_tile(_("CPU cores"), "cpu", whole.cores, mine.cores, frames["limits"], account)]
    if whole.gpus or _group_limit(frames["limits"], account, "grp_tres", "gres/gpu")[0]:
        tiles.append(_held_tile(_("GPUs"), "gres/gpu", whole.gpus, mine.gpus, frames["limits"], account))
    waiting = _("and %(number)s waiting", number=fmt.number(whole.pending, 9))
    mine_too = _("mine: %(running)s running, %(waiting)s waiting", running=fmt.number(mine.running, 9), waiting=fmt.number(mine.pending, 9))
    own = mine_too if mine.running or mine.pending else ""
    tiles += [
        parts.tile(_("Memory"), fmt.bytes_(whole.memory), note=_("%(size)s of it mine", size=fmt.bytes_(mine.memory)) if mine.memory else _("allocated now")),
        parts.tile(_("Running jobs"), fmt.number(whole.running, 9), base=waiting, note=own or _("each task of an array counts")),
        _levelfs_tile(frames["levelfs"]),
    ]
    return parts.tiles(*tiles)


def _held_tile(label: str, resource: str, whole: int, mine: int, limits: Any, account: str) -> Any:
    value, share = _group_limit(limits, account, "grp_tres", resource)
    note = _("%(number)s of them mine", number=fmt.number(mine, 9)) if mine else _("allocated now")
    base = _("of at most %(value)s", value=fmt.number(value, 9)) if value is not None else ""
    return parts.tile(label, fmt.number(whole, 9), base=base, share=share, role=role_of_limit(share), note=note)


def _levelfs_tile(value: Any) -> Any:
    if isinstance(value, TurtleError):
        return parts.tile(_("LevelFS"), fmt.NONE, note=error_sentence(value))
    tone, sentence = standing(value)
    if not tone:
        return parts.tile(_("LevelFS"), fmt.NONE, note=sentence)
    word = html.Span([parts.badge(standing_word(value), tone), " ", _("1 is fair")], title=sentence)
    return parts.tile(_("LevelFS"), fmt.number(value), note=word, title=sentence)


def _tree_name(row: dict[str, Any], about: About) -> Any:
    name = str(plain_text(row["account"]))
    shown = account_link(about.settings, name) if row["level"] != "here" and about.viewer.sees_account(name) else html.B(name) if row["level"] == "here" else name
    return html.Div([html.Span("└ " if row["depth"] else "", className="tt-muted"), shown], style={"paddingLeft": f"{14 * max(row['depth'] - 1, 0)}px"})


def _raw(row: dict[str, Any]) -> Any:
    return _("its parent's") if row["shares"] != row["shares"] else fmt.number(row["shares"], 9)


def tree_columns(about: About, frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of the tree; GPUs only where there are any."""
    gpus = [Column(key="gpus", title=N_("GPUs"), kind="number", help=N_("GPUs of running jobs, accounts below it included"))]
    return (
        Column(key="account", title=N_("Account"), phone=True, draw=lambda row: _tree_name(row, about)),
        Column(key="shares", title=N_("Shares"), kind="number", draw=_raw, help=N_("Raw shares, as Slurm stores them")),
        Column(key="level_share", title=N_("Of its level"), kind="bar", help=N_("Its shares of those of all accounts and people right below the same account")),
        Column(key="cluster_share", title=N_("Of the cluster"), kind="percent", phone=True, help=N_("The parts of all levels above, multiplied")),
        Column(key="cores", title=N_("Cores"), kind="number", help=N_("Cores of running jobs, accounts below it included")),
        *(gpus if (frame["gpus"] > 0).any() else []),
        Column(key="running", title=N_("Running"), kind="number", help=N_("Running jobs, accounts below it included")),
        Column(key="pending", title=N_("Waiting"), kind="number", help=N_("Waiting jobs, accounts below it included; each task of an array counts")),
    )


def draw_tree(frames: Frames, about: About) -> Any:
    """The way from the root to the account, and what is right below it."""
    frame = frames["tree"]
    if frame.empty:
        return parts.empty(_("Slurm's accounting has no such account now; its old jobs remain."))
    here = frame[frame["level"] == "here"].iloc[0]
    beside = int(here["level_accounts"]) - 1
    words = ngettext("It shares its level with %(num)s other account.", "It shares its level with %(num)s other accounts.", beside) if beside else ""
    qos = _("QOS your jobs may ask for here: %(names)s.", names=", ".join(frames["qos"])) if frames["qos"] else ""
    below = [html.P(" ".join(filter(None, (words, qos))), className="tt-muted tt-small")] if words or qos else []
    return html.Div([table(frame, tree_columns(about, frame), sortable=False, filtered=False), *below])


def _limit_name(row: dict[str, Any]) -> Any:
    return html.Span(_(LIMITS[row["limit"]]), title=SLURM[row["limit"]])


def _resource(row: dict[str, Any]) -> str:
    words = {"cpu": _("cores"), "mem": _("memory"), "node": _("nodes"), "gres/gpu": _("GPUs"), "billing": _("billing units"), "": ""}
    name = row["resource"]
    return words.get(name, _("GPUs %(model)s", model=name.removeprefix("gres/gpu:")) if name.startswith("gres/gpu:") else name.partition("/")[2] or name)


def _used(row: dict[str, Any]) -> Any:
    if row["used"] != row["used"]:
        unknown = _("Slurm does not write down how much of it is used")
        said = {"job": _("of each job"), "person": _("you are no member")}.get(row["holds_for"], unknown)
        return html.Span(said if row["holds_for"] == "job" else fmt.NONE, title=said, className="tt-muted")
    return value_of(row["used"], row["unit"])


def _where(row: dict[str, Any], about: About) -> str:
    """Whom it binds, and on which association it is set."""
    if row["holds_for"] == "group":
        return _("all jobs of %(account)s together", account=row["account"])
    person = row["holds_for"] == "person"
    if row["user"]:
        return _("my jobs here") if person else _("each of my jobs here")
    bound = _("each member's jobs") if person else _("each job")
    return bound if row["account"] == about.subject.id else _("%(what)s, set on %(account)s", what=bound, account=row["account"])


def limit_columns(about: About) -> tuple[Column, ...]:
    """The columns of the limits."""
    return (
        Column(key="limit", title=N_("Limit"), phone=True, draw=_limit_name, help=N_("Hover a name for what Slurm calls it")),
        Column(key="resource", title=N_("Of what"), draw=_resource),
        Column(key="holds_for", title=N_("Holds for"), draw=lambda row: _where(row, about)),
        Column(key="value", title=N_("At most"), kind="number", draw=lambda row: value_of(row["value"], row["unit"], row["resource"])),
        Column(key="used", title=N_("Now"), kind="number", draw=_used, help=N_("Of limits for each member: your own jobs in this account")),
        Column(key="share", title=N_("How close"), kind="bar", phone=True, draw=lambda row: share_cell(row["share"], role_of_limit)),
    )


def draw_limits(frames: Frames, about: About) -> Any:
    """The limits that hold here, those set on accounts above too."""
    frame = frames["limits"]
    if frame.empty:
        return parts.empty(_("No limit is set on this account, on those above it, or on you. QOS and partitions may still have limits."))
    reached = frame[frame["share"] >= CLOSE]
    said = parts.notice(_("Jobs may be waiting for a limit: one is reached, or nearly."), "warn") if len(reached) else None
    return html.Div([said, table(frame, limit_columns(about), filtered=False)])


HELP_TREE = N_(
    "From the root down to this account, and the accounts right below it. Fair share compares neighbours: an account with 10 of 100 shares of "
    "its level is given a tenth of what the account above is given."
)
HELP_LIMITS = N_(
    "Limits set on the account and on those above it bind all jobs below together. Limits for a member or a job are those set nearest: on you, "
    "else on the account, else above. What is in use is from the jobs that run and wait; a suspended job still counts as running."
)
NOW = Section(
    key="now", title="", query=accounts_query.now, access=MEMBER_OR_STAFF, eager=True, in_contents=False, needs=needs_of(account_now_batches.NOW),
    blocks=(Block(key="tiles", title="", draw=draw_tiles, bare=True, height=132),),
)  # fmt: skip
TREE = Section(
    key="limits", title=N_("Shares and limits"), query=accounts_query.tree, access=MEMBER_OR_STAFF,
    blocks=(
        Block(key="tree", title=N_("In the tree of accounts"), draw=draw_tree, csv="tree", height=180, help=HELP_TREE),
        Block(key="limits", title=N_("Limits"), draw=draw_limits, csv="limits", height=160, help=HELP_LIMITS),
    ),
)  # fmt: skip
