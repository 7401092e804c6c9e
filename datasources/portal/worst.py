"""The single runs that wasted most, out of the stored summaries."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import and_, select

from core.narrow import EVERYTHING, Narrow
from core.viewer import Viewer, only_staff
from datasources.portal.tables import job_facts
from datasources.portal.totals import kept
from datasources.sources import Sources

WASTED = {"cores": "core_hours_wasted", "gpus": "gpu_hours_wasted", "memory": "memory_gib_hours_wasted"}
SHARE = {"cores": "cpu_efficiency", "gpus": "gpu_use", "memory": "memory_efficiency"}
COLUMNS = (
    "job_db_inx", "id_job", "user", "account", "partition", "name", "state", "start", "end", "elapsed", "cores", "gpus", "memory",
    "cpu_efficiency", "gpu_use", "memory_efficiency", "core_hours_wasted", "gpu_hours_wasted", "memory_gib_hours_wasted", "to_act",
)  # fmt: skip
SPARE = 20  # times the rows wanted are read where a node is asked for: which nodes a list holds, only Python can tell


def worst_runs(sources: Sources, *, viewer: Viewer, since: int, until: int, what: str, narrow: Narrow = EVERYTHING, limit: int = 20) -> pd.DataFrame:
    """Runs that ended in [since, until) (UTC s) and wasted most of `what` (cores, gpus, memory), most first.

    Columns: COLUMNS of job_facts: times UTC s, memory bytes, shares 0..1, …_wasted in hours (memory: GiB-hours). Read along
    the key of cluster and end; ordered by the database. Raises NotAllowed unless staff, SourceDown, SourceRefused.
    """
    only_staff(viewer, "worst_runs")
    c, wasted = job_facts.c, job_facts.c[WASTED[what]]
    condition = [c.cluster == sources.settings.site.cluster, c.end >= int(since), c.end < int(until), wasted > 0]
    condition += [c[name] == value for name in ("user", "account", "partition") if (value := getattr(narrow, name))]
    columns = [*(c[name] for name in COLUMNS), c.nodelist]
    statement = select(*columns).where(and_(*condition)).order_by(wasted.desc(), c.job_db_inx).limit(limit * (SPARE if narrow.node else 1))
    rows = [dict(row) for row in sources.portal.rows(statement) if kept(row, viewer, narrow, None)]
    return pd.DataFrame(rows[:limit], columns=list(COLUMNS))
