"""When a node was reserved, and how many jobs of other people it held: numbers that name nobody."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import or_, select

from core.viewer import PORTAL, Viewer
from datasources.slurm import frames
from datasources.slurm.hosts import hosts
from datasources.slurm.nodes import jobs_on_node, may_see_node
from datasources.slurm.ownership import database
from datasources.slurm.row import moment
from datasources.sources import Sources

MOST = 5000


def reservations(sources: Sources, *, viewer: Viewer, node: str, since: int, until: int) -> pd.DataFrame:
    """Reservations that hold the node in [since, until], by start; NotFound if the viewer may not see the node.

    Columns: reservation (its name), start, end (UTC s; end None: open). A reservation that was changed has a row for each
    version; those that follow each other are one.
    """
    may_see_node(sources, viewer=viewer, node=node, now=int(sources.clock()))
    db = database(sources)
    if not db.schema.has("resv_table", "id_resv", "resv_name", "time_start", "time_end", "nodelist"):
        return _table([])
    table = db.schema.table("resv_table")
    names = ("id_resv", "resv_name", "time_start", "time_end", "nodelist")
    statement = (
        select(*(table.c[name] for name in names))
        .where(table.c.time_start <= until, or_(table.c.time_end == 0, table.c.time_end >= since))
        .order_by(table.c.time_start)
        .limit(MOST)
    )
    rows: list[dict] = []
    last: dict[int, dict] = {}
    for row in db.rows(statement):
        if node not in hosts(row["nodelist"]):
            continue
        begin, end = int(row["time_start"]), moment(row["time_end"])
        before = last.get(row["id_resv"])
        if before is not None and before["end"] is not None and begin <= before["end"]:
            before["end"] = max(before["end"], end) if end is not None else None
            continue
        last[row["id_resv"]] = {"reservation": row["resv_name"] or "", "start": begin, "end": end}
        rows.append(last[row["id_resv"]])
    return _table(sorted(rows, key=lambda row: row["start"]))


def _table(rows: list[dict]) -> pd.DataFrame:
    return frames.table(rows, ("reservation", "start", "end"), start="int64")


def cotenants(sources: Sources, *, viewer: Viewer, node: str, since: int, until: int) -> list[tuple[float, float]]:
    """(start, end or infinity) of the runs on the node that are not the viewer's to see; NotFound if the viewer may not see the node.

    Stays on the server: what leaves is how many there were at a time.
    """
    may_see_node(sources, viewer=viewer, node=node, now=int(sources.clock()))
    if viewer.is_staff:
        return []
    everything = jobs_on_node(sources, viewer=PORTAL, node=node, since=since, until=until)
    owners = zip(everything["user"], everything["account"], everything["start"], everything["end"], strict=True)
    return [
        (float(start), float(end) if end == end else float("inf")) for user, account, start, end in owners if not viewer.owns(str(user), str(account))
    ]
