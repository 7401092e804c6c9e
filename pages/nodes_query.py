"""What the page of all nodes reads, and what of it the address asks for: filters, order, page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from components.links import link
from components.records import Frames
from core.errors import BadInput, NoData, TurtleError, Why
from core.narrow import EVERYTHING, MOST, PARAMETERS, ClusterView, Narrow, view_of
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import nodes_batches
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm import frames as slurm_frames
from datasources.slurm.nodes import NOW_COLUMNS, NOW_KINDS, nodes_now
from datasources.sources import Sources
from pages.nodes_frame import IN_SERVICE, STATES, UP, assemble

PAGE = 100
HOUR = 3600
MEASURES = ("cores", "memory", "gpus", "load", "power", "disk", "allocated")
# what the table is sorted by → its column; numbers begin with the largest
ORDERS = {
    "name": "", "state": "rank", "kind": "kind", "partition": "partition", "features": "features", "cores": "cores_share",
    "memory": "memory_share", "gpus": "gpus_share", "disk": "disk_share", "power": "power", "load": "load_share", "allocated": "alloc_share",
    "jobs": "jobs", "since": "since",
}  # fmt: skip
TEXTS = ("name", "kind", "partition", "features")
FREE = ("kind", "feature")
FILTERS = (*PARAMETERS, "state", "measure", "order", "asc", "page", *FREE)
FACETS = ("state", "partition", "kind", "feature")


def subject_of(params: Mapping[str, str]) -> ClusterView:
    """The subject of /nodes; raises BadInput for names that cannot be."""
    view = view_of(params, state=("", *STATES), measure=MEASURES, order=tuple(ORDERS), asc=("", "1"))
    extra = dict(view.extra)
    for name in FREE:
        extra[name] = params.get(name, "").strip()
        if len(extra[name]) > MOST or any(ord(sign) < 32 for sign in extra[name]):
            raise BadInput("name")
    page = params.get("page", "")
    extra["page"] = page if page.isascii() and page.isdigit() and len(page) < 6 and int(page) > 1 else ""
    extra |= {name: params.get(name, "") for name in ("from", "to")}
    return replace(view, extra=tuple(extra.items()))


def address(settings: Settings, view: ClusterView, **changes: str) -> str:
    """This page with changes; a change of what is listed begins with the first page again."""
    have = view.narrow.query() | dict(view.extra) | ({} if "page" in changes else {"page": ""}) | changes
    plain = {"measure": MEASURES[0], "order": "name"}
    return link(settings, "/nodes", **{name: value for name, value in have.items() if value and plain.get(name) != value})


def _narrow(viewer: Viewer, view: ClusterView) -> Narrow:
    return view.narrow if viewer.is_staff else EVERYTHING


def _now(when: TimeRange) -> TimeRange:
    return replace(when, start=when.now - HOUR, end=when.now)


def _or_absent(sources: Sources, batch: Batch, answer: Any, when: TimeRange) -> Any:
    """The answer; where it is empty because nobody exports such a thing, the error that says so: accounting is then asked alone."""
    if isinstance(answer, TurtleError) or not answer.empty:
        return answer
    absent = reason_for_empty(sources, batch, Target(), when, None) is Why.METRIC_ABSENT
    return NoData(Why.METRIC_ABSENT, batch.exporter) if absent else answer


def _tidy(answer: Any) -> pd.DataFrame | None:
    return answer if isinstance(answer, pd.DataFrame) else None


def all_rows(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> tuple[pd.DataFrame, list[TurtleError]]:
    """(every node of the viewer inside the narrowing, see nodes_frame.assemble; the sources that could not be asked).

    Staff keep the nodes the exporters name while accounting is away; for others its error is raised: it says which nodes are theirs.
    """
    batches = (nodes_batches.measured(sources.settings), nodes_batches.state(sources.settings))
    narrow, troubles = _narrow(viewer, view), []
    own: pd.DataFrame | None = None
    try:
        own = nodes_now(sources, viewer=viewer, narrow=narrow)
    except TurtleError as error:
        if not viewer.is_staff or narrow.account or narrow.user:
            raise
        troubles.append(error)
    if own is not None and own.empty:
        return assemble(own, None, None, sources.settings), []
    hosts = () if viewer.is_staff or own is None else tuple(own["node"])
    found = fetch(sources, batches, Target(hosts=hosts), _now(when), viewer=viewer)
    found = {batch.key: _or_absent(sources, batch, found[batch.key], _now(when)) for batch in batches}
    measured, states = (_tidy(found[batch.key]) for batch in batches)
    troubles += [answer for answer in found.values() if isinstance(answer, TurtleError)]
    base = own if own is not None else _without_accounting(states, narrow)
    return assemble(base, measured, states, sources.settings), troubles


def _without_accounting(states: pd.DataFrame | None, narrow: Narrow) -> pd.DataFrame:
    names = dict.fromkeys(states["node"].tolist()) if states is not None and not states.empty else {}
    nothing = {"event": "", "reason": "", "who": "", "partitions": (), "accounts": (), "jobs": 0, "users": 0}
    rows = [dict.fromkeys(NOW_COLUMNS, float("nan")) | nothing | {"node": node} for node in names if narrow.node in node]
    return slurm_frames.table(rows, NOW_COLUMNS, **NOW_KINDS)


def _values(row: Mapping[str, Any], facet: str) -> tuple[str, ...]:
    """What a row counts for."""
    if facet == "state":
        return (row["group"], UP) if row["group"] in IN_SERVICE else (row["group"],)
    if facet == "partition":
        return row["partitions"]
    if facet == "feature":
        return tuple(filter(None, (part.strip() for part in row["features"].split(","))))
    return (row["kind"],) if row["kind"] else ()


def _chosen(view: ClusterView, facet: str) -> str:
    return view.narrow.partition if facet == "partition" else view.get(facet)


def filtered(frame: pd.DataFrame, view: ClusterView, *, but: str = "") -> pd.DataFrame:
    """The rows that fit the state, kind and feature of the address; `but` leaves one of them out."""
    wanted = [(facet, _chosen(view, facet)) for facet in FACETS if facet not in ("partition", but) and _chosen(view, facet)]
    if not wanted or frame.empty:
        return frame
    keep = [all(value in _values(row, facet) for facet, value in wanted) for row in frame.to_dict("records")]
    return frame[keep].reset_index(drop=True)


def facets(frame: pd.DataFrame, view: ClusterView) -> dict[str, Counter[str]]:
    """{facet: {value: nodes}}, each counted over the nodes that fit the other filters."""
    return {facet: Counter(value for row in filtered(frame, view, but=facet).to_dict("records") for value in _values(row, facet)) for facet in FACETS}


def ordered(frame: pd.DataFrame, view: ClusterView) -> pd.DataFrame:
    """All rows in the order of the address: texts upwards, numbers from the largest; what is not known comes last."""
    order = view.get("order", "name")
    down = (order not in TEXTS) != (view.get("asc") == "1")
    if order == "name":
        return frame.iloc[::-1].reset_index(drop=True) if down else frame
    key = frame.assign(
        rank=frame["group"].map({group: place for place, group in enumerate((*IN_SERVICE, "other", "unknown", "drained", "down"))}),
        partition=[", ".join(names) or None for names in frame["partitions"]],
    )
    key = key[ORDERS[order]].replace("", None) if order in TEXTS else key[ORDERS[order]]
    return frame.loc[key.sort_values(ascending=not down, na_position="last", kind="stable").index].reset_index(drop=True)


def page_of(view: ClusterView, rows: int) -> tuple[int, int]:
    """(page shown, pages), counted from 1; a page that is not there is the last one."""
    pages = max(1, -(-rows // PAGE))
    return min(int(view.get("page") or 1), pages), pages


def _known(answer: tuple[pd.DataFrame, list[TurtleError]]) -> pd.DataFrame:
    """The rows; the error where there are none because a source is away: then nobody can say that no node fits."""
    frame, troubles = answer
    if frame.empty and troubles:
        raise troubles[0]
    return frame


def read_overview(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """Frame nodes: the rows that fit the filters. Objects: facets (see facets), troubles (errors of sources that are away)."""
    frame, troubles = all_rows(sources, viewer, view, when)
    return {"nodes": filtered(frame, view), "facets": facets(frame, view), "troubles": troubles}


def read_map(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """Frame map: the rows that fit the filters, in Slurm's order."""
    frame = _known(all_rows(sources, viewer, view, when))
    return {"map": filtered(frame, view)}


def read_list(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """Frames nodes (the rows of this page) and trend (levels what, node; cores, bytes, GPUs; or an error). Objects: rows, page, pages, own."""
    frame = _known(all_rows(sources, viewer, view, when))
    rows = ordered(filtered(frame, view), view)
    page, pages = page_of(view, len(rows))
    shown = rows.iloc[(page - 1) * PAGE : page * PAGE].reset_index(drop=True)
    batch = nodes_batches.trend(sources.settings)
    trend: Any = NoData(Why.NO_DATA, "nodes")
    if len(shown):
        few = replace(when, points=60)
        trend = fetch(sources, (batch,), Target(hosts=tuple(shown["node"])), few, viewer=viewer)[batch.key]
    return {"nodes": shown, "trend": trend, "rows": len(rows), "page": page, "pages": pages, "own": frame.attrs.get("own", {})}


# header of the file → column
FILE = {
    "node": "node", "state": "state", "out of service": "event", "reason": "reason", "since (UTC s)": "since", "set by": "who", "partitions": "partitions",
    "features": "features", "kind": "kind", "jobs": "jobs", "cores": "cores", "cores used": "cores_used", "cores allocated": "cores_alloc",
    "load (1 min)": "load", "memory (bytes)": "memory", "memory used (bytes)": "memory_used", "memory allocated (bytes)": "memory_alloc",
    "gpus": "gpus", "gpus used": "gpus_used", "gpus allocated": "gpus_alloc", "local disk (bytes)": "disk", "local disk used (bytes)": "disk_used",
    "power (W)": "power",
}  # fmt: skip


def exported(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """Frame nodes: every row that fits the filters, in the order of the page, with units in the headers."""
    frame = _known(all_rows(sources, viewer, view, when))
    rows = ordered(filtered(frame, view), view)
    rows = rows.assign(partitions=[" ".join(names) for names in rows["partitions"]])
    return {"nodes": pd.DataFrame({header: rows[column] for header, column in FILE.items()})}
