"""Who in a group uses its storage, and how large its files are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from dash import html

from analysis.quota import Holding
from components import format as fmt
from components import parts
from components.charts import quota as charts
from components.links import user_link
from components.needs import metrics
from components.present import SHARED_BY
from components.records import About, Block, Frames, Need, Panel, Section
from components.table import Column, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import NoData, NotFound, TurtleError, Why
from core.settings import Area, Settings
from core.timerange import TimeRange
from core.viewer import SIGNED_IN, Viewer
from datasources import quota_members
from datasources.prometheus import gpfs_batches
from datasources.quota_holdings import held_by, told_of_groups, untold
from datasources.robinhood import usage
from datasources.sources import Sources
from pages import account_names
from pages.quota_cells import area_name, failures, unread
from pages.quotas_query import QuotasView, whose

AMOUNTS = ("files", "bytes", "disk_files", "disk_bytes", "tape_files", "tape_bytes")


def member_areas(settings: Settings) -> tuple[str, ...]:
    """Areas of groups where something tells who uses them: a Robinhood database, else GPFS."""
    known = {*group_areas(settings), *gpfs_batches.group_areas(settings)}
    return tuple(name for name in settings.storage.areas if name in known)


def group_areas(settings: Settings) -> tuple[str, ...]:
    """Areas of groups whose use by person a Robinhood database tells."""
    return tuple(name for name, area in settings.storage.areas.items() if area.robinhood and area.label in ("project", "group"))


def by_area(sources: Sources, areas: Sequence[str], read: Callable[[str], pd.DataFrame]) -> tuple[list[pd.DataFrame], dict[str, TurtleError]]:
    """(the frames of the areas that answered, each with a column area; the others' errors)."""
    calls = {area: lambda area=area: read(area).assign(area=area) for area in areas}
    found = sources.pool.gather(calls, 9.0, "robinhood")
    for error in found.values():
        if isinstance(error, NotFound):
            raise error
    return [frame for frame in found.values() if not isinstance(frame, TurtleError)], {area: one for area, one in found.items() if isinstance(one, TurtleError)}


def _held(sources: Sources, viewer: Viewer, subject: QuotasView) -> tuple[tuple[Holding, ...], bool]:
    """(the groups' quotas that something tells more of, whether the hook said all)."""
    name = whose(viewer, subject)
    held, _given, whole = held_by(sources, viewer, name)
    if whole and not told_of_groups(held) and (away := untold(sources, viewer, name, held)):
        raise next(iter(away.values()))
    counted, by_gpfs = group_areas(sources.settings), quota_members.measured_by(sources)
    return tuple(one for one in held if (one.area in counted and one.number is not None) or one.area in by_gpfs), whole


def _nothing(errors: dict[str, TurtleError], whole: bool, columns: Sequence[str]) -> TurtleError | pd.DataFrame:
    """What stands for a frame no area answered: the first error, else that groups are not known, else no rows."""
    unknown = None if whole else NoData(Why.LIMITS_UNKNOWN)
    return next(iter(errors.values()), unknown) or pd.DataFrame(columns=list(columns))


def members_query(sources: Sources, viewer: Viewer, subject: QuotasView, when: TimeRange) -> Frames:
    """Frame members: one row a group of an area and person, largest first: area, owner (the group), user, share (of the group's bytes, 0..1; where
    GPFS measures, of what all members use), several (bool: see use_of_members), files, bytes, disk_files, disk_bytes, tape_files, tape_bytes,
    and for present() which accounts share the group. Objects errors {area: error}, limits_known (bool)."""
    held, whole = _held(sources, viewer, subject)
    by_gpfs = tuple(one for one in held if one.area in quota_members.measured_by(sources))
    names = {(one.area, one.number): one.owner for one in held}

    def read(area: str) -> pd.DataFrame:
        mine = [one for one in held if one.area == area]
        if mine[0] in by_gpfs:
            # of all areas: one answer serves each
            frame = quota_members.use_of_members(sources, viewer=viewer, held=by_gpfs, when=when)
            frame = _with_share(frame[frame["area"] == area], "owner")
            return frame.assign(**dict.fromkeys(AMOUNTS[2:], np.nan))
        frame = usage.shown(_with_share(usage.group_usage(sources, viewer=viewer, area=area, held=mine), "gid"))
        if (frame["user"] == "").any():
            told = quota_members.logins_of(sources, viewer=viewer, held=mine)
            frame["user"] = [user or told.get(uid, "") for user, uid in zip(frame["user"], frame["uid"], strict=True)]
        return frame.assign(owner=[names[(area, gid)] for gid in frame["gid"]], several=False)

    frames, errors = by_area(sources, [area for area in member_areas(sources.settings) if any(one.area == area for one in held)], read)
    columns = ["area", "owner", "user", "share", "several", *AMOUNTS, SHARED_BY]
    if not frames:
        return {"members": _nothing(errors, whole, columns), "errors": {}, "limits_known": True}
    frame = pd.concat(frames, ignore_index=True)
    shared = {(one.area, one.owner): one.accounts for one in held}
    frame[SHARED_BY] = pd.Series([shared[pair] for pair in zip(frame["area"], frame["owner"], strict=True)], dtype="object", index=frame.index)
    frame["user"] = [user or _("uid %(number)s", number=uid) for user, uid in zip(frame["user"], frame["uid"], strict=True)]
    turn = account_names.in_turn(sources.settings, "quotas")
    order = sorted(range(len(frame)), key=lambda at: turn(str(frame["user"].iloc[at])))
    # rows alike in bytes stand in an order that says nothing of their names
    frame = frame.iloc[order].sort_values(["area", "owner", "bytes"], ascending=[True, True, False], kind="stable")
    return {"members": frame[columns].reset_index(drop=True), "errors": errors, "limits_known": whole}


def _with_share(frame: pd.DataFrame, group: str) -> pd.DataFrame:
    """With the column share: of the bytes of all rows of the same group."""
    whole = frame.groupby(group)["bytes"].transform("sum")
    return frame.assign(share=(frame["bytes"] / whole.where(whole > 0)).astype("float64"))


def draw_members(frames: Frames, about: About) -> Any:
    """A table a group: its members by what they use; on tape, too, where there is any."""
    frame, areas = frames["members"], about.settings.storage.areas
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame), "exclamation-triangle-fill", "warn")
    found: list[Any] = [*unread(frames), *failures(frames["errors"], about.settings)]
    if frame.empty:
        return html.Div([*found, parts.empty(_("No group of yours has files that are counted by person."))])
    groups = {key: part for key, part in frame.groupby(["area", "owner"], sort=False)}
    order = list(areas)
    for area, owner in sorted(groups, key=lambda key: (order.index(key[0]), key[1])):
        rows = groups[(area, owner)]
        title = f"{area_name(area, about.settings)} {owner}"
        summary = html.Summary([html.B(title), html.Span(f" · {_largest(rows)}", className="tt-muted")])
        found.append(html.Details([summary, *_whole_place(rows, areas[area]), _members(rows, about, areas[area])],
                                  open=len(groups) <= 4, className="tt-quota-group"))  # fmt: skip
    return html.Div(found)


def _largest(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return _("%(who)s uses most: %(amount)s, %(share)s", who=first["user"], amount=fmt.bytes_(first["bytes"]), share=fmt.percent(first["share"]))


def _whole_place(rows: pd.DataFrame, area: Area) -> list[Any]:
    """What must be known of figures that GPFS tells: they are of persons, not of the group."""
    if area.robinhood:
        return []
    several = int(rows["several"].sum())
    if several:
        said = ngettext(
            "%(num)s member is in more than one group with storage here. What such members keep for other groups is counted, too: shares are not exact.",
            "%(num)s members are in more than one group with storage here. What such members keep for other groups is counted, too: shares are not exact.",
            several,
        )  # fmt: skip
        return [parts.notice(said, "warn")]
    return [html.P(_("GPFS counts what each member uses here, whichever group it is for."), className="tt-muted tt-small")]


def _members(rows: pd.DataFrame, about: About, area: Area) -> Any:
    share_help = N_("Of what the whole group uses") if area.robinhood else N_("Of what all members use here")
    columns = [
        Column(key="user", title=N_("Member"), phone=True, draw=lambda row: person_cell(row, about)),
        Column(key="bytes", title=N_("Space"), kind="bytes", phone=True),
        Column(key="share", title=N_("Share"), kind="bar", help=share_help),
        Column(key="files", title=N_("Files"), kind="number", help=N_("Files, folders and links")),
    ]
    if area.tape and area.robinhood:
        columns += [
            Column(key="disk_bytes", title=N_("On disk"), kind="bytes"), Column(key="disk_files", title=N_("Files on disk"), kind="number"),
            Column(key="tape_bytes", title=N_("On tape"), kind="bytes"), Column(key="tape_files", title=N_("Files on tape"), kind="number"),
        ]  # fmt: skip
    return table(rows, columns, empty=N_("Nobody has files here."))


def person_cell(row: dict[str, Any], about: About) -> Any:
    """A link for whom there is a page behind it; for fellow members the name alone."""
    name = str(row["user"])
    known = about.viewer.is_staff and not name.startswith(_("uid %(number)s", number=""))
    return user_link(about.settings, name) if known or name == about.viewer.name else name


def sizes_query(sources: Sources, viewer: Viewer, subject: QuotasView, when: TimeRange) -> Frames:
    """Frame sizes: files of each size class of each group: area, owner, size_class, files. Object errors {area: error} beside it."""
    held, whole = _held(sources, viewer, subject)
    names = {(one.area, one.number): one.owner for one in held}

    def read(area: str) -> pd.DataFrame:
        frame = usage.histogram(sources, viewer=viewer, area=area, held=[one for one in held if one.area == area])
        return frame.assign(owner=[names[(area, gid)] for gid in frame["gid"]])

    frames, errors = by_area(sources, [area for area in group_areas(sources.settings) if any(one.area == area for one in held)], read)
    if not frames:
        return {"sizes": _nothing(errors, whole, ["area", "owner", "size_class", "files"]), "errors": {}}
    return {"sizes": pd.concat(frames, ignore_index=True)[["area", "owner", "size_class", "files"]], "errors": errors}


def draw_unsized(frames: Frames, about: About) -> Any:
    """Which areas are missing beside the chart of the others, and why."""
    found = failures(frames["errors"], about.settings)
    return html.Div(found) if found else parts.missing(())


BY_GPFS = (Need(kind="exporter", name=gpfs_batches.EXPORTER), *metrics(*(gpfs_batches.metric("user", what) for what in gpfs_batches.USED)))
DATABASE = (Need(kind="database", name="robinhood"),)
HELP_MEMBERS = N_(
    "What each member has of the group's storage, as Robinhood counted it last. A file counts for who owns it and for the group it belongs to. Root, and "
    "people with two entries or fewer, are left out; shares are of all the group has. Where GPFS alone measures, it is what each member uses of the "
    "whole file system, whichever group it is for."
)
MEMBERS = Section(
    key="members", title=N_("Who uses it"), query=members_query, access=SIGNED_IN, needs=(*DATABASE, *BY_GPFS),
    blocks=(Block(key="members", title=N_("Who in the group uses it"), draw=draw_members, csv="members", height=360, help=HELP_MEMBERS),),
)  # fmt: skip
SIZES = Section(
    key="sizes", title=N_("File sizes"), query=sizes_query, access=SIGNED_IN, needs=DATABASE,
    blocks=(Block(key="unsized", title="", draw=draw_unsized, bare=True, height=0),),
    panels=(
        Panel(
            key="sizes", title=N_("Files by size"), unit=N_("share of a group's files"), frame="sizes", figure=charts.sizes, wide=True,
            help=N_("How a group's files fall on classes of size, as Robinhood counted them last. Very many small files are slow to read, and use up the "
                    "number of files: archives help."),
        ),
    ),
)  # fmt: skip
def group_keys(settings: Settings) -> tuple[str, ...]:
    """Keys of the sections about groups, where anything tells."""
    return (*(("members",) if member_areas(settings) else ()), *(("sizes",) if group_areas(settings) else ()))
