"""What the page of quotas says: tiles, what to do about what is over or near, and the table of all quotas."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from dash import html

from analysis import quota, quota_trend
from analysis.quota import KINDS
from analysis.quota_trend import Outlook
from components import format as fmt
from components import parts
from components.records import About, Frames
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import TurtleError
from core.settings import Settings
from pages import quota_cells
from pages.quota_cells import (
    ROLES,
    SOON_DAYS,
    amount,
    failures,
    figure,
    name_of,
    no_limit,
    outlook_cell,
    said_of,
    share_of,
    spark,
    unread,
    when_full,
    where,
)
from pages.quotas_query import SPARK_DAYS

TILES = 6
Q = Outlook(kind=quota_trend.NO_LIMIT)  # of what is not measured over time: nothing is said
TREND_HELP = N_("The last 30 days; the full height is the quota")
FULL_HELP = N_(
    "When it would be full if the pace of the last days went on: the median of the pace between any two days, and what it would take at the slow and at the "
    "fast end of what the days allow (nine times of ten). Large deletions start the count anew."
)


def worst_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The row of each area that is fullest, in the areas' order."""
    found: dict[str, dict[str, Any]] = {}
    for row in frame.to_dict("records"):
        have = found.get(row["area"])
        if have is None or fullness(row) > fullness(have):
            found[row["area"]] = row
    return list(found.values())


def fullness(row: dict[str, Any]) -> float:
    """The larger share of space and files; below 0 where neither is known."""
    return max((row[f"{kind}_share"] for kind in KINDS if row[f"{kind}_share"] == row[f"{kind}_share"]), default=-1.0)


def draw_tiles(frames: Frames, about: About) -> Any:
    """One tile an area: of its fullest quota what is used, and when it would be full."""
    frame = frames["quotas"]
    if isinstance(frame, TurtleError) or frame.empty:
        return None
    outlooks = frames["outlooks"]
    return parts.tiles(*(_tile(row, outlooks, about.settings) for row in worst_rows(frame)[:TILES]))


def _tile(row: dict[str, Any], outlooks: dict[Any, Outlook], settings: Settings) -> Any:
    kind = "files" if row["files_share"] == row["files_share"] and not row["bytes_share"] >= row["files_share"] else "bytes"
    used, limit, share, state = (row[f"{kind}_{part}"] for part in ("used", "limit", "share", "state"))
    label = name_of(row, settings) if kind == "bytes" else _("%(area)s, files", area=name_of(row, settings))
    if used != used:
        return parts.tile(label, fmt.NONE, note=_(quota_cells.BADGES[state][0]) if state in quota_cells.BADGES else "")
    if limit != limit:
        return parts.tile(label, amount(used, kind), note=no_limit(row))
    value, _gap, base = said_of(used, limit, kind).partition(" ")
    found = outlooks.get((kind, row["area"], row["owner"]), Q)
    note = [share_of(share), when_full(found) if found.kind == quota_trend.FULL_IN else ""]
    if state in quota_cells.BADGES:
        note[0] = html.Span([share_of(share), " ", parts.badge(_(quota_cells.BADGES[state][0]), quota_cells.BADGES[state][1])])
    shown = [piece for one in note if one for piece in (" · ", one)][1:]
    return parts.tile(label, value, base=base, share=min(share, 1.0), role=ROLES.get(state, "used"), note=shown)


def draw_findings(frames: Frames, about: About) -> Any:
    """What is over or near its quota, or soon will be, and what to do; worst first."""
    frame = frames["quotas"]
    if isinstance(frame, TurtleError):
        return None
    rows = [(kind, row) for row in frame.to_dict("records") for kind in KINDS]
    found = [one for kind, row in rows if (one := _finding(row, kind, frames["outlooks"], about)) is not None]
    found.sort(key=lambda one: ("bad", "warn", "info").index(one[0]))
    if found:
        return html.Div([parts.finding_row(*one[:3], advice=one[3]) for one in found], className="tt-findings tt-card")
    if (frame["state"] == quota.OK).any() and not frames["errors"] and frames["limits_known"]:
        return parts.notice(_("Nothing is over or near its quota."), "good")
    return None


def _finding(row: dict[str, Any], kind: str, outlooks: dict[Any, Outlook], about: About) -> tuple[str, str, str, str] | None:
    """(severity, headline, evidence, advice) of one quota, or None."""
    state, named = row[f"{kind}_state"], name_of(row, about.settings)
    found = outlooks.get((kind, row["area"], row["owner"]), Q)
    evidence = ""
    if row[f"{kind}_limit"] == row[f"{kind}_limit"] and row[f"{kind}_used"] == row[f"{kind}_used"]:
        evidence = f"{_said(row, kind)} ({fmt.percent(row[f'{kind}_share'])})"
    if state == quota.OVER:
        return "bad", _head(named, kind, _("over quota")), evidence, _over(row, kind)
    later = when_full(found)
    if state == quota.NEAR:
        said = f"{evidence}; {later}" if later and found.since != found.since else evidence
        return "warn", _head(named, kind, _("nearly full")), said, _advice(row, kind)
    if found.kind == quota_trend.FULL_IN and found.low <= SOON_DAYS:
        return "info", _head(named, kind, _("filling")), f"{evidence}; {later}", _advice(row, kind)
    return None


def _head(named: str, kind: str, what: str) -> str:
    return _("%(where)s: %(what)s", where=named, what=what) if kind == "bytes" else _("%(where)s, number of files: %(what)s", where=named, what=what)


def _said(row: dict[str, Any], kind: str) -> str:
    said = said_of(row[f"{kind}_used"], row[f"{kind}_limit"], kind)
    return said if kind == "bytes" else _("%(amount)s files", amount=said)


def _over(row: dict[str, Any], kind: str) -> str:
    hard = row[f"{kind}_hard"]
    if hard == hard and row[f"{kind}_used"] < hard:
        first = _("Up to the hard limit of %(limit)s files can still be written, for some days of grace.", limit=amount(hard, kind))
    elif row["source"] == "robinhood":
        first = _("More is stored here than was given.")  # Robinhood counts, and stops nobody
    else:
        first = _("New files cannot be written here, and jobs that try fail.")
    return f"{first} {_advice(row, kind)}"


def _advice(row: dict[str, Any], kind: str) -> str:
    if kind == "files":
        return _("Pack many small files into an archive (tar, or a container for conda and Python environments), or delete what is no longer needed.")
    if row["area"] == "home":
        return _("Move data to scratch or project, and delete caches such as ~/.cache, ~/.conda and old containers.")
    if row["label"] != "user":
        return _("The quota is shared by the group: delete or move what is no longer needed, beginning with those who use most.")
    return _("Delete what is no longer needed, or move it to storage meant for longer.")


def draw_table(frames: Frames, about: About) -> Any:
    """One row a quota: space and files used with their trends, and when each would be full."""
    frame = frames["quotas"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame))
    trends, outlooks = frames["trends"], frames["outlooks"]
    days = max(SPARK_DAYS, about.settings.storage.trend_days)
    columns = [
        Column(key="area", title=N_("Where"), phone=True, draw=lambda row: where(row, about.settings)),
        Column(key="bytes_share", title=N_("Space"), kind="time", phone=True, draw=lambda row: _space(row), help=N_("Bytes used of the quota")),
        Column(key="bytes_used", title=N_("Space lately"), kind="time", draw=lambda row: spark(row, "bytes", trends, days), help=TREND_HELP),
        Column(key="files_share", title=N_("Files"), kind="time", draw=lambda row: figure(row, "files"), help=N_("Files and folders of the quota")),
        Column(key="files_used", title=N_("Files lately"), kind="time", draw=lambda row: spark(row, "files", trends, days), help=TREND_HELP),
        Column(key="full_in", title=N_("Full when"), kind="time", draw=lambda row: outlook_cell(row, outlooks), help=FULL_HELP),
    ]
    lows = [min([outlooks.get((kind, area, owner), Q).low for kind in KINDS], default=math.nan) for area, owner in zip(frame["area"], frame["owner"], strict=True)]
    shown = table(frame.assign(full_in=lows), columns, sortable=len(frame) > 3, empty=N_("No storage of yours is known."))
    return html.Div([*unread(frames), *failures(frames["errors"], about.settings), *_no_trend(frames, about), shown])


def _no_trend(frames: Frames, about: About) -> list[Any]:
    """Why there is no trend, where the figures of now are there."""
    return failures({area: error for area, error in frames["trend_errors"].items() if area not in frames["errors"]}, about.settings)


def _space(row: dict[str, Any]) -> Any:
    """The space used; of storage with tape what is on disk and on tape, too."""
    disk, tape = row["disk_bytes"], row["tape_bytes"]
    if disk != disk or tape != tape:
        return figure(row, "bytes")
    free = max(row["bytes_limit"] - disk - tape, 0.0) if row["bytes_limit"] == row["bytes_limit"] else 0.0
    words = (_("%(amount)s on disk", amount=fmt.bytes_(disk)), _("%(amount)s on tape", amount=fmt.bytes_(tape)), _("%(amount)s free", amount=fmt.bytes_(free)))
    bar = parts.segments([(disk, "s1", words[0]), (tape, "s3", words[1]), (free, "border", words[2])])
    return figure(row, "bytes", bar=html.Div([bar, html.Div(f"{words[0]} · {words[1]}", className="tt-muted tt-small num")]))
