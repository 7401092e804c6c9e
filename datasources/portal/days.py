"""Finished days of the scheduler's statistics: counted once, read from here ever after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from core.errors import SourceRefused
from core.viewer import Viewer, only_staff
from datasources.portal.tables import scheduling_counts, scheduling_days
from datasources.sources import Sources

VERSION = 1  # of what is counted; days of another version are counted anew
SOME = 1000  # rows in one statement


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which counts: of days [first, last] on which runs ended, started in [began, until] if given; "" leaves a name open."""

    first: int
    last: int
    account: str = ""
    partition: str = ""
    qos: str = ""
    began: int | None = None
    until: int | None = None


def kept_days(sources: Sources, *, first: int, last: int) -> frozenset[int]:
    """The days (since 1970, UTC) of [first, last] that are kept. Raises SourceDown, SourceRefused."""
    days = scheduling_days.c
    rows = sources.portal.rows(
        select(days.day).where(days.cluster == sources.settings.site.cluster, days.day.between(first, last), days.version == VERSION)
    )
    return frozenset(int(row["day"]) for row in rows)


def keep_day(sources: Sources, *, day: int, counts: pd.DataFrame) -> None:
    """Keep a finished day's counts (datasources.slurm.waits.COLUMNS) in place of older ones; where another process just did, theirs stay."""
    cluster = sources.settings.site.cluster
    rows = [
        {str(key): value for key, value in row.items()} | {"cluster": cluster, "day": day} for row in counts.to_dict("records")
    ]
    for row in rows:
        row |= {name: str(row[name])[:128] for name in ("partition", "qos", "account")}
    try:
        with sources.portal.transaction() as connection:
            for table in (scheduling_days, scheduling_counts):
                connection.execute(delete(table).where(table.c.cluster == cluster, table.c.day == day))
            # the day's own row comes first: of two that count the same day the second one stops here
            mark = {"cluster": cluster, "day": day, "version": VERSION, "stored_at": int(sources.clock())}
            connection.execute(insert(scheduling_days).values(**mark))
            for place in range(0, len(rows), SOME):
                connection.execute(insert(scheduling_counts), rows[place : place + SOME])
    except SourceRefused as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise


def kept_counts(sources: Sources, *, viewer: Viewer, wanted: Wanted, measures: Iterable[str], by: Sequence[str]) -> pd.DataFrame:
    """Kept counts summed over all but `by`: columns measure, by…, bucket, jobs (int64). Raises NotAllowed unless staff.

    by: any of partition, qos, account, size, started. The groups come from the database in one statement on its index.
    """
    only_staff(viewer, "scheduler statistics")
    table = scheduling_counts.c
    condition = [table.cluster == sources.settings.site.cluster, table.measure.in_(tuple(measures)), table.day.between(wanted.first, wanted.last)]
    condition += [table[name] == getattr(wanted, name) for name in ("account", "partition", "qos") if getattr(wanted, name)]
    if wanted.began is not None and wanted.until is not None:
        condition.append(table.started.between(wanted.began, wanted.until))
    groups = [table[name] for name in ("measure", *by, "bucket")]
    # a day that is being counted anew is not half read: its rows go in one transaction
    rows = sources.portal.rows(select(*groups, func.sum(table.jobs).label("jobs")).where(*condition).group_by(*groups))
    frame = pd.DataFrame([dict(row) for row in rows], columns=["measure", *by, "bucket", "jobs"])
    return frame.astype({name: "int64" for name in ("bucket", "jobs", "size", "started") if name in frame.columns})
