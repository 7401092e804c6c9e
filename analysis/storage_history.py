"""A reading a day of storage whose back end keeps no history, so that its trend can be told from the days on which it was read."""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.errors import NoData, SourceError
from core.units import DAY
from core.viewer import PORTAL
from datasources.portal.storage import forget_readings, is_kept, keep_reading
from datasources.robinhood import usage
from datasources.sources import Sources

log = logging.getLogger("turtle.storage")


def keep_storage(sources: Sources, *, stop: Callable[[], bool] = lambda: False) -> int:
    """Keep today's reading (UTC) of each area that Robinhood measures, unless it is kept; drop those older than the settings say. Returns how many areas.

    For the timer. An area whose Robinhood fails is told in the log and tried again by the next call. Raises SourceError of the
    portal's own database.
    """
    settings = sources.settings
    areas = [name for name, area in settings.storage.areas.items() if area.source == "robinhood"]
    if not settings.storage.history_days or not (settings.module_on("quotas") or settings.module_on("usersummary")):
        return 0
    done = 0
    for area in areas:
        if stop():
            break
        now = int(sources.clock())
        if not is_kept(sources, area=area, first=now // DAY, last=now // DAY):
            done += _keep(sources, area, now)
        forget_readings(sources, area=area, before=now // DAY - settings.storage.history_days + 1)
    return done


def _keep(sources: Sources, area: str, now: int) -> bool:
    try:
        found = usage.of_everybody(sources, viewer=PORTAL, area=area)
        _column, who = usage.ident_of(sources, area)
    except (NoData, SourceError) as error:
        log.warning("today's reading of %s is not kept: %s", area, error.detail)
        return False
    keep_reading(sources, area=area, who=who, day=now // DAY, counted_at=now, found=found)
    log.info("today's reading of %s kept: %d owners", area, len(found))
    return True
