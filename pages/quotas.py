"""Storage quotas of a person: what is over or near, when the rest would be full, who in a group uses it."""

from __future__ import annotations

import contextlib
from typing import Any

from dash import html

from components import parts
from components.charts.quota import OVER_RANGE
from components.links import user_link
from components.needs import metrics
from components.records import Block, Need, Page, Section
from components.text import N_, _, error_sentence
from core.errors import NoData, SourceError, Why
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import SIGNED_IN, Viewer
from datasources.prometheus import gpfs_batches, quota_batches
from datasources.slurm.person import person
from datasources.sources import Sources
from pages import quotas_groups, quotas_query, quotas_staff, quotas_view
from pages.quotas_groups import MEMBERS, SIZES
from pages.quotas_query import QuotasView, whose
from pages.quotas_staff import FULL, TOP_OWNERS
from pages.user_quota import TITLES

RANGE_DAYS = 30


def head(sources: Sources, viewer: Viewer, subject: QuotasView, when: TimeRange) -> tuple[str, Any, tuple[str, ...]]:
    """Whose quotas they are; raises NotFound for strangers, and for staff for a login nobody has."""
    name, settings = whose(viewer, subject), sources.settings
    if name != viewer.name:
        # without accounting nobody can tell whether they exist: what is measured under the name is shown
        with contextlib.suppress(SourceError, NoData):
            person(sources, viewer=viewer, name=name)
    full = (viewer.full_name if name == viewer.name else "") or sources.hooks.person(name)
    said = _("What you may store, and what is used of it.") if name == viewer.name else None
    who = None if name == viewer.name else html.P([user_link(settings, name, full or name), f" ({name})" if full else ""], className="tt-head-sub")
    above = [html.H1(_("Quotas")), html.P(said, className="tt-head-sub") if said else who]
    title = _("Quotas") if name == viewer.name else _("Quotas of %(name)s", name=name)
    if not settings.storage.areas:
        return title, html.Div([*above, parts.empty(error_sentence(NoData(Why.NOT_CONFIGURED, "storage.areas")), "hdd-stack")]), ()
    keys = ("quotas", *quotas_groups.group_keys(settings), *quotas_query.trend_keys(settings))
    return title, html.Div(above), (*keys, *(quotas_staff.staff_keys(settings) if viewer.is_staff else ()))


HELP = N_(
    "What is stored of what may be stored. At the limit nothing more can be written, and running jobs fail. A group's quota is shared by everybody in it. "
    "Many small files use up the number of files long before the space."
)
NEEDS = (
    Need(kind="exporter", name=quota_batches.EXPORTER), *metrics(*quota_batches.METRICS.values()),
    Need(kind="exporter", name=gpfs_batches.EXPORTER), *metrics(*gpfs_batches.EVERY_METRIC),
)  # fmt: skip
QUOTAS = Section(
    key="quotas", title=N_("Quotas"), query=quotas_query.summary, access=SIGNED_IN, eager=True, needs=NEEDS,
    blocks=(
        Block(key="tiles", title="", draw=quotas_view.draw_tiles, bare=True, height=110),
        Block(key="findings", title="", draw=quotas_view.draw_findings, bare=True, height=110),
        Block(key="quotas", title=N_("All quotas"), draw=quotas_view.draw_table, csv="quotas", height=260, help=HELP),
    ),
)  # fmt: skip
TRENDS = tuple(
    Section(key=f"over_{area or 'other'}", title=title, query=quotas_query.trend_query(area), access=SIGNED_IN, panels=OVER_RANGE, needs=NEEDS)
    for area, title in TITLES.items()
)
PAGE = Page(
    key="quotas", module="quotas", path="/quotas", title=N_("Quotas"), icon="speedometer2", access=SIGNED_IN, order=35,
    subject=quotas_query.subject_of, head=head, filters=("user",),
    span=lambda sources, viewer, subject, now: (now - RANGE_DAYS * DAY, now),
    description=N_("What you may store, what is used of it, and when it would be full."),
    sections=(QUOTAS, MEMBERS, SIZES, *TRENDS, FULL, TOP_OWNERS),
)  # fmt: skip
