"""For staff: who is over or near a quota, and who has most of each area."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from dash import html

from analysis.quota import KINDS, NEAR, OVER, state, worst
from components import format as fmt
from components import parts
from components.links import account_link, user_link
from components.records import About, Block, Frames, Section
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import SourceError, TurtleError
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import STAFF, Viewer
from datasources import quotas_full
from datasources.robinhood import usage
from datasources.slurm.ownership import database
from datasources.slurm.people import account_parents
from datasources.sources import Sources
from pages.quota_cells import BADGES, area_name, failures, figure
from pages.quotas_groups import AMOUNTS, DATABASE, by_area, person_cell
from pages.quotas_query import QuotasView

OWNERS = 50
FULLEST = 100  # rows of those over or near
SHARE_HELP = N_("The larger share of space and files")


def owner_areas(settings: Settings) -> tuple[str, ...]:
    """Areas whose largest owners a Robinhood database tells."""
    return tuple(name for name, area in settings.storage.areas.items() if area.robinhood)


def full_query(sources: Sources, viewer: Viewer, subject: QuotasView, when: TimeRange) -> Frames:
    """Frame full: everybody over or near a quota; see judged(). Object errors {area: error}."""
    frame, errors = quotas_full.measured_by_all(sources, viewer=viewer, when=when)
    if frame.empty and errors:
        return {"full": next(iter(errors.values())), "errors": {}}
    accounts: Mapping[str, Any] = {}
    with contextlib.suppress(SourceError):  # the areas that need accounting say so
        accounts = account_parents(database(sources)) if sources.slurm is not None else {}
    frame["is_account"] = [owner in accounts for owner in frame["owner"]]
    return {"full": judged(frame, sources.settings.storage.near_share), "errors": errors}


def judged(frame: pd.DataFrame, near_share: float) -> pd.DataFrame:
    """The rows over or near, fullest first, with bytes_share, files_share, bytes_state, files_state, share (the larger), state (the worse)."""
    rows = frame.copy()
    for kind in KINDS:
        rows[f"{kind}_share"] = rows[f"{kind}_used"] / rows[f"{kind}_limit"]
        pairs = zip(rows[f"{kind}_used"], rows[f"{kind}_limit"], strict=True)
        rows[f"{kind}_state"] = [state(used, limit, near_share, others_known=False) for used, limit in pairs]
    rows["share"] = rows[["bytes_share", "files_share"]].max(axis=1)
    rows["state"] = [worst(pair) for pair in zip(rows["bytes_state"], rows["files_state"], strict=True)]
    rows = rows[rows["state"].isin([OVER, NEAR])]
    return rows.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)


def draw_full(frames: Frames, about: About) -> Any:
    """Everybody over or near a quota, fullest first."""
    frame = frames["full"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame), "exclamation-triangle-fill", "warn")
    columns = [
        Column(key="area", title=N_("Where"), draw=lambda row: area_name(row["area"], about.settings)),
        Column(key="owner", title=N_("Whose"), phone=True, draw=lambda row: _owner(row, about)),
        Column(key="share", title=N_("Fullest"), kind="percent", phone=True, help=SHARE_HELP, draw=_share),
        Column(key="bytes_share", title=N_("Space"), kind="time", draw=lambda row: figure(row, "bytes")),
        Column(key="files_share", title=N_("Files"), kind="time", draw=lambda row: figure(row, "files")),
    ]
    return html.Div([*failures(frames["errors"], about.settings), table(frame, columns, empty=N_("Nobody is over or near a quota."), most=FULLEST)])


def _share(row: dict[str, Any]) -> Any:
    return parts.badge(fmt.percent(row["share"]), BADGES[row["state"]][1]) if row["state"] in BADGES else fmt.percent(row["share"])


def _owner(row: dict[str, Any], about: About) -> Any:
    name = str(row["owner"])
    if row["label"] == "user":
        return user_link(about.settings, name)
    return account_link(about.settings, name) if row["is_account"] else name


def owners_query(sources: Sources, viewer: Viewer, subject: QuotasView, when: TimeRange) -> Frames:
    """Frame owners: who has most of each area a Robinhood database knows: area, user, files, bytes, disk_bytes, tape_bytes …; errors."""
    areas = owner_areas(sources.settings)
    frames, errors = by_area(sources, areas, lambda area: usage.top_owners(sources, viewer=viewer, area=area, n=OWNERS))
    if not frames:
        return {"owners": next(iter(errors.values())) if errors else pd.DataFrame(columns=["area", "user", *AMOUNTS]), "errors": {}}
    frame = pd.concat(frames, ignore_index=True)
    frame["user"] = [user or _("uid %(number)s", number=uid) for user, uid in zip(frame["user"], frame["uid"], strict=True)]
    return {"owners": frame[["area", "user", *AMOUNTS]], "errors": errors}


def draw_owners(frames: Frames, about: About) -> Any:
    """The largest owners of each area."""
    frame = frames["owners"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame), "exclamation-triangle-fill", "warn")
    columns = [
        Column(key="area", title=N_("Where"), draw=lambda row: area_name(row["area"], about.settings)),
        Column(key="user", title=N_("Person"), phone=True, draw=lambda row: person_cell(row, about)),
        Column(key="bytes", title=N_("Space"), kind="bytes", phone=True), Column(key="files", title=N_("Files"), kind="number"),
        Column(key="disk_bytes", title=N_("On disk"), kind="bytes"), Column(key="tape_bytes", title=N_("On tape"), kind="bytes"),
    ]  # fmt: skip
    return html.Div([*failures(frames["errors"], about.settings), table(frame.replace({"tape_bytes": {0.0: np.nan}}), columns)])


HELP_FULL = N_("Everybody whose space or files are over or near the quota, in every area whose back end can tell it in one question.")
HELP_OWNERS = N_("People by what they own in an area, all groups together, as Robinhood counted it last. A file whose group is not its owner's counts as well.")
FULL = Section(
    key="full", title=N_("Over or near quota"), query=full_query, access=STAFF,
    blocks=(Block(key="full", title=N_("Everybody over or near a quota"), draw=draw_full, csv="full", height=300, help=HELP_FULL),),
)  # fmt: skip
TOP_OWNERS = Section(
    key="owners", title=N_("Largest owners"), query=owners_query, access=STAFF, needs=DATABASE,
    blocks=(Block(key="owners", title=N_("Largest owners by area"), draw=draw_owners, csv="owners", height=300, help=HELP_OWNERS),),
)  # fmt: skip


def staff_keys(settings: Settings) -> tuple[str, ...]:
    """Keys of the sections only staff see."""
    return ("full", *(("owners",) if owner_areas(settings) else ()))
