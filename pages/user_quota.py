"""A person's storage: how full each quota is, and how it came to be so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import html

from components import parts
from components.charts.quota import PANELS
from components.needs import metrics
from components.records import About, Block, Frames, Need, Section
from components.table import Column, table
from components.text import N_, error_sentence
from core.errors import TurtleError
from core.settings import Settings
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import SELF_OR_STAFF, Viewer
from datasources.prometheus import gpfs_batches, quota_batches
from datasources.slurm.person import check
from datasources.sources import Sources
from pages import quota_frames
from pages.quota_cells import failures, figure, spark, unread, where
from pages.quota_frames import KINDS_OF_AREA
from pages.user_query import PersonView

TREND_DAYS = 90
SPACE_HELP, FILES_HELP = N_("Space used; the full height is the quota"), N_("Files; the full height is the quota")
def trend_span(subject: PersonView, when: TimeRange) -> TimeRange:
    """The last 90 days, unless the address names a range."""
    return when if subject.timed else replace(when, start=when.now - TREND_DAYS * DAY, end=when.now)


def quota_query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
    """See quota_frames.read: a person's quotas and what became of each over 90 days."""
    return quota_frames.read(sources, viewer, check(viewer, subject.id), when, TREND_DAYS)


def trend_query(area: str) -> Any:
    """The query of a section of one area ("" for those with other names): see quota_frames.over_time."""

    def query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
        return quota_frames.over_time(sources, viewer, check(viewer, subject.id), area, trend_span(subject, when))

    return query


def draw_quotas(frames: Frames, about: About) -> Any:
    """One row a quota: how much of its space and of its files is used, each with its trend."""
    frame = frames["quotas"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame))
    trends = frames["trends"]
    # "time": sorted as numbers and aligned to the left, where bars begin
    columns = (
        Column(key="area", title=N_("Where"), phone=True, draw=lambda row: where(row, about.settings)),
        Column(key="bytes_share", title=N_("Space"), kind="time", phone=True, draw=lambda row: figure(row, "bytes"), help=N_("Bytes used of the quota")),
        Column(key="bytes_used", title=N_("90 days"), kind="time", draw=lambda row: spark(row, "bytes", trends, TREND_DAYS), help=SPACE_HELP),
        Column(key="files_share", title=N_("Files"), kind="time", draw=lambda row: figure(row, "files"), help=N_("Files and folders of the quota")),
        Column(key="files_used", title=N_("90 days"), kind="time", draw=lambda row: spark(row, "files", trends, TREND_DAYS), help=FILES_HELP),
    )
    shown = table(frame, columns, sortable=len(frame) > 3, empty=N_("No storage of yours is known."))
    return html.Div([*unread(frames), *failures(frames.get("errors", {}), about.settings), shown])


def shown_keys(settings: Settings) -> tuple[str, ...]:
    """Keys of the sections of storage this site has something to show in."""
    areas = settings.storage.areas
    if not areas:
        return ()
    own = tuple(f"storage_{area}" for area in KINDS_OF_AREA if area in areas)
    return ("storage", *own, *(("storage_other",) if set(areas) - set(KINDS_OF_AREA) else ()))


HELP = N_(
    "What your files take of what you may store. At the limit nothing more can be written, and running jobs fail. A project's "
    "quota is shared by everybody in its account. Many small files use up the number of files long before the space."
)
NEEDS = (
    Need(kind="exporter", name=quota_batches.EXPORTER), *metrics(*quota_batches.METRICS.values()),
    Need(kind="exporter", name=gpfs_batches.EXPORTER), *metrics(*gpfs_batches.EVERY_METRIC),
)  # fmt: skip
STORAGE = Section(
    key="storage", title=N_("Storage"), query=quota_query, access=SELF_OR_STAFF, eager=True, needs=NEEDS,
    blocks=(Block(key="quotas", title=N_("Quotas"), draw=draw_quotas, csv="quotas", height=190, help=HELP),),
)  # fmt: skip
TITLES = {
    "home": N_("Home over time"), "scratch": N_("Scratch over time"), "project": N_("Project over time"),
    "nearline": N_("Nearline over time"), "": N_("Other storage over time"),
}  # fmt: skip
TRENDS = tuple(
    Section(key=f"storage_{area or 'other'}", title=title, query=trend_query(area), access=SELF_OR_STAFF, panels=PANELS, needs=NEEDS)
    for area, title in TITLES.items()
)
