"""The virtual machines of one project: which there are, what they have, and what they used over time.

Everything asks first whether the viewer may see the project, and whether the machine is one of it: which machines a project has is asked
from Prometheus with the project's exact name, and a uuid that is not among them is not found, whoever else's it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.errors import NoData, NotFound, TurtleError, Why
from core.timerange import TimeRange
from core.units import DAY, HOUR
from core.viewer import Viewer, only_project
from datasources.prometheus import cloud_batches, cloud_project_batches
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.sources import Sources

LISTED_DAYS = 14  # machines that stopped are listed for so long
LISTED_POINTS = 336
UNKNOWN = (Why.NOT_CONFIGURED, Why.SOURCE_DOWN, Why.METRIC_ABSENT)  # nobody can say which machines there are
JUDGED_STEP = 1800
COLUMNS = {
    "uuid": "object", "vm": "object", "label": "object", "flavour": "object", "creator": "object", "running": "bool", "state": "float64",
    "first": "float64", "last": "float64", "created": "float64", "cores": "float64", "memory": "float64", "capacity": "float64", "allocation": "float64",
    "cores_used": "float64", "memory_used": "float64",
}  # fmt: skip


def ask(sources: Sources, viewer: Viewer, project: str, batches: tuple[Batch, ...], when: TimeRange, uuid: str = "") -> dict[str, Any]:
    """Frames by batch key, or why there is none; the viewer is checked first, `project` and `uuid` are names the server knows."""
    only_project(viewer, project)
    target = Target(projects=(project,), uuids=(uuid,) if uuid else ())
    found: dict[str, Any] = fetch(sources, batches, target, when, viewer=viewer)
    for batch in batches:
        frame = found[batch.key]
        if not isinstance(frame, TurtleError) and (frame.empty or (not batch.instant and frame.columns.empty)):
            found[batch.key] = NoData(reason_for_empty(sources, batch, target, when, None), batch.exporter)
    return found


def known_project(sources: Sources, *, viewer: Viewer, project: str) -> str:
    """The project's name as the server knows it: from the hook for members, from Prometheus for staff.

    Raises NotFound for a project that is not the viewer's or not there, and what the source raises where staff ask for one and
    Prometheus cannot be asked.
    """
    only_project(viewer, project)
    own = next((name for name in viewer.cloud_projects if name == project), None)
    if own is not None:
        return own
    now, settings = int(sources.clock()), sources.settings
    when, empty = TimeRange(start=now - HOUR, end=now, now=now), True
    # most have machines or a quota now; of the others a month is looked through
    for batch in (cloud_project_batches.known(settings), cloud_project_batches.known_lately(settings)):
        frame = fetch(sources, (batch,), Target(), when, viewer=viewer)[batch.key]
        if isinstance(frame, TurtleError):
            raise frame
        if project in set(frame["project_name"]):
            return project
        empty = empty and frame.empty
    if empty and reason_for_empty(sources, batch, Target(), when, None) is Why.METRIC_ABSENT:
        raise NoData(Why.METRIC_ABSENT, batch.exporter)
    raise NotFound(f"cloud project {project}")


def listed_span(when: TimeRange) -> TimeRange:
    """The time in which a machine must have been seen to be listed: the range, and at least LISTED_DAYS to its end."""
    return replace(when, start=min(when.start, when.end - LISTED_DAYS * DAY), points=LISTED_POINTS)


def _moment(when: TimeRange) -> TimeRange:
    """A range of five minutes and more to the range's end, for what is asked at one moment."""
    return replace(when, start=when.end - HOUR)


def instances(sources: Sources, *, viewer: Viewer, project: str, when: TimeRange) -> pd.DataFrame:
    """The project's machines that run at the range's end or were seen before it (listed_span), running ones first, by name.

    Columns: uuid, vm (name), label (name, with the start of the uuid where two have one name), flavour, creator (login), running,
    state (libvirt's number; NaN: stopped), first and last (UTC s it was seen), created (UTC s), cores, memory, capacity, allocation
    (bytes; NaN: not measured now), cores_used, memory_used (now). attrs: since (UTC s), step (s: so exact is `last`).
    Raises NotFound for others, and the source's error where neither question could be answered.
    """
    name = known_project(sources, viewer=viewer, project=project)
    seen, now = cloud_batches.seen(sources.settings), cloud_batches.now(sources.settings)
    span = listed_span(when)
    past = ask(sources, viewer, name, (seen,), span)[seen.key]
    present = ask(sources, viewer, name, (now,), _moment(when))[now.key]
    for one in (past, present):
        if isinstance(one, TurtleError) and not isinstance(one, NoData):
            raise one
    if isinstance(past, NoData) and isinstance(present, NoData):
        raise past
    rows: dict[str, dict[str, Any]] = {}
    if not isinstance(past, NoData):
        _seen(rows, past)
    if not isinstance(present, NoData):
        _present(rows, present, when)
    frame = pd.DataFrame(list(rows.values()), columns=list(COLUMNS))
    frame["running"] = frame["running"].eq(True)
    frame["label"] = labels(frame)
    frame = frame.astype(COLUMNS).sort_values(["running", "vm", "uuid"], ascending=[False, True, True]).reset_index(drop=True)
    frame.attrs = {"since": span.start, "step": span.step(sources.settings.exporter(cloud_batches.LIBVIRT).scrape_seconds)}
    return frame


def labels(frame: pd.DataFrame) -> list[str]:
    """Names of machines; where two have the same one, the start of the uuid is appended."""
    counts = frame["vm"].value_counts()
    return [f"{vm} · {uuid[:8]}" if counts[vm] > 1 else vm for vm, uuid in zip(frame["vm"], frame["uuid"], strict=True)]


def _seen(rows: dict[str, dict[str, Any]], frame: pd.DataFrame) -> None:
    """A machine that was given another name or size has several series: the last one says what it is now."""
    seconds = frame.index.as_unit("s").asi8
    for place, column in enumerate(frame.columns):
        key = dict(zip(frame.columns.names, map(str, column), strict=True))
        values = frame.iloc[:, place].to_numpy(dtype=float)
        points = np.flatnonzero(np.isfinite(values))
        if not len(points):
            continue
        first, last = float(seconds[points[0]]), float(seconds[points[-1]])
        row = rows.setdefault(key["uuid"], {"uuid": key["uuid"], "vm": "", "first": first, "last": -1.0})
        row["first"] = min(row["first"], first)
        if last >= row["last"]:
            row |= {"last": last, "vm": key["instance_name"], "flavour": key["instance_type"], "creator": key["user_name"]}
        if key["what"] == "age":
            row["created"] = last - float(values[points[-1]])


def _present(rows: dict[str, dict[str, Any]], frame: pd.DataFrame, when: TimeRange) -> None:
    """Whatever is told of a machine now, it runs: the exporter tells of running ones only. One that a metric misses has a gap there."""
    for one in frame.to_dict("records"):
        row = rows.setdefault(one["uuid"], {"uuid": one["uuid"], "first": float(when.end), "vm": one["uuid"][:8], "flavour": "", "creator": ""})
        row |= {"running": True, "last": float(when.end)}
        if one["what"] in ("state", "age") and one["instance_name"]:
            row |= {"vm": one["instance_name"], "flavour": one["instance_type"], "creator": one["user_name"]}
        if one["what"] == "age":
            row["created"] = when.end - one["value"]
        else:
            row[one["what"]] = one["value"]


def instance(sources: Sources, *, viewer: Viewer, project: str, uuid: str, when: TimeRange) -> dict[str, Any]:
    """One machine's row of instances(); raises NotFound for a uuid that is not one of this project's machines."""
    try:
        frame = instances(sources, viewer=viewer, project=project, when=when)
    except NoData as error:
        if error.why in UNKNOWN:
            raise
        raise NotFound(f"machine {uuid} of {project}") from error
    row = next((row for row in frame.to_dict("records") if row["uuid"] == uuid), None)
    if row is None:
        raise NotFound(f"machine {uuid} of {project}")
    return row


def use(sources: Sources, *, viewer: Viewer, project: str, batches: tuple[Batch, ...], when: TimeRange, uuid: str = "") -> dict[str, Any]:
    """What batches of cloud_batches say of a project's machines, or of one of them, over the range: frames or errors by batch key.

    Raises NotFound for others, and for a uuid that is not one of the project's machines.
    """
    name = known_project(sources, viewer=viewer, project=project)
    if uuid:
        uuid = instance(sources, viewer=viewer, project=name, uuid=uuid, when=when)["uuid"]
    return ask(sources, viewer, name, batches, when, uuid)


def judged(sources: Sources, *, viewer: Viewer, project: str, when: TimeRange) -> Any:
    """What the findings of a project's machines are made of (cloud_batches.judged), over the days before the range's end; or an error."""
    name = known_project(sources, viewer=viewer, project=project)
    days = sources.settings.cloud.finding_days
    batch = cloud_batches.judged(sources.settings)
    span = replace(when, start=when.end - days * DAY, points=days * DAY // JUDGED_STEP)
    return ask(sources, viewer, name, (batch,), span)[batch.key]
