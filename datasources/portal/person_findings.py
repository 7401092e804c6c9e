"""What was found in a person's runs that ended lately, out of the stored summaries."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import select

from core.errors import NotFound
from core.viewer import Viewer
from datasources.portal.tables import job_facts
from datasources.sources import Sources

COLUMNS = ("job_db_inx", "id_job", "user", "account", "end", "findings")
MOST = 4_000  # runs looked at, the newest


def found_since(sources: Sources, *, viewer: Viewer, user: str, since: int, limit: int = MOST) -> pd.DataFrame:
    """Runs of a person that ended at `since` (UTC s) or later and have something to act on, the newest first.

    Columns: job_db_inx, id_job (int), user, account (str), end (UTC s), findings (list as of analysis.findings.stored()).
    `attrs["cut"]` True if there are more than `limit`. Read along the key (cluster, user, end). Raises NotFound unless the viewer
    is that person or staff; SourceDown, SourceRefused.
    """
    if not viewer.is_staff and (viewer.name is None or viewer.name != user):
        raise NotFound(f"findings of {user}")
    c = job_facts.c
    statement = (
        select(*(c[name] for name in COLUMNS))
        .where(c.cluster == sources.settings.site.cluster, c.user == user, c.end >= int(since), c.to_act > 0)
        .order_by(c.end.desc(), c.job_db_inx.desc())
        .limit(limit + 1)
    )
    rows = [dict(row) for row in sources.portal.rows(statement)]
    # compared again on the exact name: some databases compare without case
    frame = pd.DataFrame([row for row in rows[:limit] if row["user"] == user], columns=list(COLUMNS))
    frame.attrs["cut"] = len(rows) > limit
    return frame
