"""What the sections of a node's page read: whether the viewer may see the node first, then its jobs, spells and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.narrow import EVERYTHING, PARAMETERS, Narrow, read
from core.subjects import Subject
from core.subjects import node as node_named
from core.timerange import TimeRange
from core.viewer import PORTAL, Viewer
from datasources.prometheus import job_frames, node_batches, node_frames
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm import node_spells, nodes
from datasources.sources import Sources

KEPT = 20  # seconds the sections of a page share the node's jobs


@dataclass(frozen=True, kw_only=True)
class NodeView(Subject):
    """A node, and the narrowing of the list one came from."""

    kind: str = "node"
    narrow: Narrow = EVERYTHING


def subject_of(params: Mapping[str, str]) -> NodeView:
    """The subject of /node/<name>?account=&user=&partition=; raises BadInput for what cannot be a node."""
    found = node_named(params.get("name", ""))
    return NodeView(id=found.id, narrow=read({key: params[key] for key in PARAMETERS if key in params}))


def check(sources: Sources, viewer: Viewer, subject: Subject) -> None:
    """Raises NotFound unless the viewer may see the node."""
    nodes.may_see_node(sources, viewer=viewer, node=subject.id, now=int(sources.clock()))


def _minute(when: TimeRange) -> tuple[int, int]:
    """The range on whole minutes, so that sections asked one after another share an answer."""
    return when.start // 60 * 60, -(-when.end // 60) * 60


def jobs(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> pd.DataFrame:
    """The viewer's runs on the node in the range (datasources.slurm.nodes.jobs_on_node), read once a page."""
    since, until = _minute(when)
    key = ("node jobs", viewer.scope, tuple(sorted(viewer.opens)), subject.id, since, until)
    return sources.cache.get_or_make(
        key, KEPT, lambda: nodes.jobs_on_node(sources, viewer=viewer, node=subject.id, since=since, until=until)
    )


def ask(sources: Sources, viewer: Viewer, subject: Subject, batches: tuple[Batch, ...], when: TimeRange) -> dict[str, Any]:
    """Frames by batch key with plain level names, or why there is none; the viewer is checked first."""
    check(sources, viewer, subject)
    target = Target(hosts=(subject.id,))
    found: dict[str, Any] = fetch(sources, batches, target, when, viewer=viewer)
    for batch in batches:
        frame = found[batch.key]
        if isinstance(frame, TurtleError):
            continue
        if frame.empty or (not batch.instant and frame.columns.empty):
            found[batch.key] = NoData(reason_for_empty(sources, batch, target, when, None), batch.exporter)
        elif not batch.instant:
            found[batch.key] = job_frames.named(frame, sources.settings)
    return found


def tried(call: Any) -> Any:
    """What the call answers, or the error that stands for it."""
    try:
        return call()
    except TurtleError as error:
        return error


def now_frame(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> pd.DataFrame | TurtleError:
    """The node now (node_batches.now); one request that head and sections of a page share."""
    batch = node_batches.now(sources.settings)
    return ask(sources, viewer, subject, (batch,), _recent(when))[batch.key]


def has_gpus(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> bool | None:
    """Whether the node has GPUs as far as metrics or jobs on it know; None where nothing answers."""
    found = now_frame(sources, viewer, subject, when)
    if isinstance(found, TurtleError):
        return None
    seen = bool({"cards", "gpus_busy"} & set(found["what"]))
    # without the exporter of the cards an idle GPU leaves no trace
    return seen if seen or sources.settings.exporter(node_batches.NVIDIA).installed else None


def summary(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`now`: tidy frame what, detail, value (node_batches.now). `held`: the node's row of nodes_now."""
    return {"now": now_frame(sources, viewer, subject, when), "held": tried(lambda: held(sources, viewer, subject))}


def held(sources: Sources, viewer: Viewer, subject: Subject) -> dict[str, Any]:
    """The node's row of nodes_now: its open spell and what is allocated on it by everybody, without anything that names other people."""
    check(sources, viewer, subject)
    row = dict(sources.cache.get_or_make(("node held", subject.id), KEPT, lambda: _held(sources, subject)))
    if row and not viewer.is_staff:
        row |= {"accounts": (), "partitions": (), "who": "", "reason": row["reason"] if nodes.reads_reasons(sources, viewer) else ""}
    return row


def _held(sources: Sources, subject: Subject) -> dict[str, Any]:
    frame = nodes.nodes_now(sources, viewer=PORTAL, narrow=Narrow(node=subject.id))
    return next((row for row in frame.to_dict("records") if row["node"] == subject.id), {})


def timeline(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`bars`: spells and jobs as rows (see bars). `gpu_bars`: jobs by GPU. `others`: jobs of others at a time (wide), for people.

    `node`: {cores, gpus} of the node where they are known, `complete`: False where not all jobs were looked at.
    """
    check(sources, viewer, subject)
    calls = {
        "jobs": lambda: tried(lambda: jobs(sources, viewer, subject, when)),
        "spells": lambda: tried(lambda: spells(sources, viewer, subject, when)),
        "others": lambda: tried(lambda: others(sources, viewer, subject, when)),
        "gpus": lambda: _gpu_gauges(sources, viewer, subject, when),
        "size": lambda: now_frame(sources, viewer, subject, when),
    }
    found = sources.pool.gather(calls, 9.0, "any")
    if isinstance(found["jobs"], TurtleError):
        return {"bars": found["jobs"], "gpu_bars": found["jobs"], "others": found["others"]}
    cores = value_of(found["size"], "threads")
    held_by = found["jobs"].assign(kind="job")
    rows = pd.concat([found["spells"], held_by]) if isinstance(found["spells"], pd.DataFrame) else held_by
    frame = rows.reset_index(drop=True)
    frame.attrs = {"cores": cores, "complete": found["jobs"].attrs.get("complete", True), "others": found["jobs"].attrs.get("others", 0)}
    return {"bars": frame, "gpu_bars": _gpu_bars(found["gpus"], found["jobs"], viewer), "others": found["others"]}


def _recent(when: TimeRange) -> TimeRange:
    return TimeRange(start=when.now - 3600, end=when.now, now=when.now)


def value_of(now: Any, what: str) -> float | None:
    """One number of the tidy frame of node_batches.now, added up over its details; None where it is not there."""
    if not isinstance(now, pd.DataFrame):
        return None
    found = now.loc[now["what"] == what, "value"]
    return float(found.sum()) if len(found) and np.isfinite(found).all() else None


def detail_of(now: Any, what: str) -> str:
    """One text of the tidy frame of node_batches.now; "" where it is not there."""
    if not isinstance(now, pd.DataFrame):
        return ""
    found = now.loc[now["what"] == what, "detail"]
    return "+".join(sorted(str(text) for text in found if text))


def spells(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> pd.DataFrame:
    """When the node was out of service or reserved: kind (event or reservation), state, start, end (None: still), reason, who, reservation."""
    check(sources, viewer, subject)
    since, until = _minute(when)
    key = ("node spells", viewer.scope, subject.id, since, until)
    return sources.cache.get_or_make(key, KEPT, lambda: _spells(sources, viewer, subject, since, until))


def _spells(sources: Sources, viewer: Viewer, subject: Subject, since: int, until: int) -> pd.DataFrame:
    events = nodes.node_events(sources, viewer=viewer, node=subject.id, since=since, until=until).assign(kind="event")
    held_by = node_spells.reservations(sources, viewer=viewer, node=subject.id, since=since, until=until).assign(kind="reservation", state="RESERVED")
    columns = [name for name in ("kind", "state", "start", "end", "reason", "who", "reservation") if name in events or name in held_by]
    parts = [part for part in (events, held_by) if len(part)]
    whole = pd.concat(parts) if parts else events
    return whole.reindex(columns=columns).sort_values("start").reset_index(drop=True)


def others(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> pd.DataFrame:
    """How many jobs of other people the node held: wide, one column; for people, to whom they are not named."""
    since, until = _minute(when)
    found = node_spells.cotenants(sources, viewer=viewer, node=subject.id, since=since, until=until)
    start, end, step = when.grid(60)
    index = pd.DatetimeIndex(pd.to_datetime(np.arange(start, end + 1, step), unit="s", utc=True), name="time")
    columns = pd.MultiIndex.from_tuples([("others",)], names=["what"])
    frame = pd.DataFrame(node_frames.counted(found, index).reshape(-1, 1), index=index, columns=columns)
    frame.attrs |= {"step": step, "unit": "jobs"}
    return frame


def gpu_gauges(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> pd.DataFrame | TurtleError:
    """Levels metric, user, account, job, gpu, gpu_type of everybody: to be folded before it leaves."""
    batch = node_batches.gpus(sources.settings)
    return ask(sources, viewer, subject, (batch,), when)[batch.key]


def _gpu_gauges(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> pd.DataFrame | TurtleError:
    """The same, not asked for where there are surely no GPUs."""
    if has_gpus(sources, viewer, subject, when) is False:
        return NoData(Why.NOT_APPLICABLE, "gpu")
    return gpu_gauges(sources, viewer, subject, when)


def _gpu_bars(frame: Any, held_by: pd.DataFrame, viewer: Viewer) -> Any:
    if isinstance(frame, TurtleError):
        return frame
    busy = job_frames.part(frame, metric="slurm_job_utilization_gpu")
    seen = node_frames.holders(busy, viewer)
    runs = {int(row["id_job"]): row for row in held_by.to_dict("records")}
    step = frame.attrs.get("step") or 60
    rows = []
    for one in seen:
        run = runs.get(one["id_job"])
        life = {"start": run["start"], "end": run["end"]} if run else {"start": one["first"], "end": one["last"] + step}
        rest = {name: run[name] for name in ("job_id", "name", "state", "cores", "gpus", "nodes")} if run else {"job_id": str(one["id_job"])}
        rows.append({"kind": "job", **one, **life, **rest})
    cards = job_frames.part(frame, metric="nvidia_gpu_power_usage_milliwatts")
    whole = pd.DataFrame(rows)
    whole.attrs["cards"] = [] if cards.columns.empty else [str(gpu) for gpu in dict.fromkeys(cards.columns.get_level_values("gpu"))]
    return whole if len(whole) else NoData(Why.NO_DATA, "gpu")


def running(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`running`: the viewer's running jobs on the node (columns of jobs_on_node; cores_used, memory_used, gpus_used now). `held`: the node's row.
    `unmeasured`: None, or the error that stands for what they use."""
    moment = _recent(when)
    batch = node_batches.running(sources.settings)
    here = jobs(sources, viewer, subject, TimeRange(start=when.now - 60, end=when.now, now=when.now))
    now = here[here["end"].isna()].reset_index(drop=True)
    now.attrs = dict(here.attrs)
    found = ask(sources, viewer, subject, (batch,), moment)[batch.key]
    use = {(str(row["what"]), str(row["slurmjobid"])): row["value"] for row in found.to_dict("records")} if isinstance(found, pd.DataFrame) else {}
    for what in ("cores", "memory", "gpus"):
        now[f"{what}_used"] = pd.Series([use.get((what, str(job))) for job in now["id_job"]], dtype="float64")
    unmeasured = found if isinstance(found, TurtleError) and len(now) else None
    return {"running": now, "unmeasured": unmeasured, "held": tried(lambda: held(sources, viewer, subject))}


def events(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`events`: spells of the range, newest first, with `lasted` (s; up to now while it lasts)."""
    found = spells(sources, viewer, subject, when)
    ends = pd.Series([when.now if end is None or end != end else end for end in found["end"]], dtype="float64")
    table = found.assign(lasted=ends - found["start"].astype("float64")).sort_values("start", ascending=False).reset_index(drop=True)
    return {"events": table}
