"""Tells "nothing ended" from "nothing is summarised yet": what ended is known to accounting, what it used only to the summaries."""

from __future__ import annotations

from core.errors import NoData, Why
from core.narrow import EVERYTHING, Narrow
from core.viewer import Viewer
from datasources.portal.totals import coverage
from datasources.sources import Sources


def need_summaries(sources: Sources, *, viewer: Viewer, since: int, until: int, narrow: Narrow = EVERYTHING) -> None:
    """Pass where totals() of [since, until) are empty because nothing ended there.

    Raises NoData(NOT_SUMMARISED) where runs ended of which none is summarised; the error of accounting where it cannot say.
    """
    done, ended = coverage(sources, viewer=viewer, since=since, until=until, narrow=narrow)
    if not done and ended:
        raise NoData(Why.NOT_SUMMARISED, "job_facts")
