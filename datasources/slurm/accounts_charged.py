"""What Slurm itself charged the members of an account for a month, from the sums slurmdbd keeps."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd
from sqlalchemy import and_, select

from core.errors import NoData, Why
from core.units import HOUR
from core.viewer import Viewer, only_members
from datasources.slurm import frames
from datasources.slurm.accounts_rows import accounts, of_account
from datasources.slurm.db import SlurmDb
from datasources.slurm.ownership import database
from datasources.sources import Sources

COLUMNS = ("user", "core_hours", "gpu_hours")
ZONES = 14 * HOUR  # slurmdbd's months begin at midnight where its machine stands
MOST = 20_000
CHARGED = ("cpu", "gres/gpu")
MONTHS, DAYS = "assoc_usage_month_table", "assoc_usage_day_table"


def _sums(db: SlurmDb, table: str, ids: list[int], low: int, high: int) -> dict[tuple[int, str], int]:
    """{(association, cpu or gres/gpu): seconds} of rows that begin in [low, high)."""
    if not ids or not db.schema.has(table, "id", "id_tres", "time_start", "alloc_secs"):
        return {}
    resources = {number: name for number, name in db.tres_names().items() if name in CHARGED}
    usage = db.schema.table(table).c
    chosen = and_(usage.id.in_(ids), usage.id_tres.in_(sorted(resources)), usage.time_start >= low, usage.time_start < high)
    found: dict[tuple[int, str], int] = defaultdict(int)
    for row in db.rows(select(usage.id, usage.id_tres, usage.alloc_secs).where(chosen).limit(MOST)):
        found[int(row["id"]), resources[int(row["id_tres"])]] += int(row["alloc_secs"])
    return found


def charged(sources: Sources, *, viewer: Viewer, account: str, since: int, until: int) -> pd.DataFrame:
    """Core- and GPU-hours Slurm charged each member for the month [since, until) (UTC seconds); one row a person.

    Columns: user ("" = the account itself: reservations that stood idle), core_hours, gpu_hours (float64). From the month's row
    where slurmdbd has made it, else from its days so far. Empty where Slurm keeps no such sums any more.
    Raises NotFound unless the viewer may see the account, NoData(NOT_CONFIGURED) where the tables cannot be read.
    """
    only_members(viewer, account)
    db = database(sources)
    if not (db.schema.has(MONTHS, "alloc_secs") or db.schema.has(DAYS, "alloc_secs")):
        raise NoData(Why.NOT_CONFIGURED, "assoc_usage")
    whose = {one.id: one.user for one in of_account(db, account)}
    own = accounts(db).get(account)
    if own is not None:
        whose[own.id] = ""
    ids = sorted(whose)
    found = _sums(db, MONTHS, ids, since - ZONES, since + ZONES) or _sums(db, DAYS, ids, since - ZONES, until - ZONES)
    hours: dict[str, dict[str, float]] = {}
    for (number, resource), seconds in found.items():
        row = hours.setdefault(whose[number], dict.fromkeys(CHARGED, 0.0))
        row[resource] += seconds / HOUR
    rows = [{"user": user, "core_hours": row["cpu"], "gpu_hours": row["gres/gpu"]} for user, row in sorted(hours.items())]
    return frames.table(rows, COLUMNS, core_hours="float64", gpu_hours="float64")
