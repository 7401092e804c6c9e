"""What the page of quotas is about, and what its sections read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.records import Frames
from core import subjects
from core.errors import NotFound
from core.settings import Settings
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.slurm.person import check
from datasources.sources import Sources
from pages import quota_frames
from pages.quota_frames import KINDS_OF_AREA

SPARK_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class QuotasView(Subject):
    """Whose quotas are asked for: "" for one's own."""

    kind: str = "user"


def subject_of(params: Mapping[str, str]) -> QuotasView:
    """The subject of /quotas; raises BadInput for what cannot be a login."""
    wanted = params.get("user", "")
    return QuotasView(id=subjects.user(wanted).id if wanted else "")


def whose(viewer: Viewer, subject: Subject) -> str:
    """Whose quotas are shown: one's own, for staff anybody's; raises NotFound for others."""
    name = subject.id or viewer.name
    if name is None:
        raise NotFound("quotas of nobody")
    return check(viewer, name)


def summary(sources: Sources, viewer: Viewer, subject: QuotasView, when: TimeRange) -> Frames:
    """See quota_frames.read: the quotas, with what became of them over the last 30 days (longer where the settings' trend is)."""
    days = max(SPARK_DAYS, sources.settings.storage.trend_days)
    return quota_frames.read(sources, viewer, whose(viewer, subject), when, days)


def trend_query(area: str) -> Any:
    """The query of the section of one area ("" for those with other names): see quota_frames.over_time."""

    def query(sources: Sources, viewer: Viewer, subject: QuotasView, when: TimeRange) -> Frames:
        return quota_frames.over_time(sources, viewer, whose(viewer, subject), area, when)

    return query


def trend_keys(settings: Settings) -> tuple[str, ...]:
    """Keys of the sections over time, in the order of the settings' areas. Robinhood keeps no history, unless the portal does."""
    areas = {name: area for name, area in settings.storage.areas.items() if area.source != "robinhood" or settings.storage.history_days}
    return tuple(dict.fromkeys(f"over_{name if name in KINDS_OF_AREA else 'other'}" for name in areas))
