"""What the scheduler's public page reads: the exporter's counts, the rules' sums, and those who wait as numbers by partition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd

from components.charts import cluster as charts
from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import PUBLIC, Viewer
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.cluster_batches import (
    CLUSTER_USED,
    DBD,
    DBD_RPC,
    DBD_RPCS,
    JOBS,
    MEMORY,
    NODE_STATES,
    PARTITION_JOBS,
    RPC,
    RPCS,
    SDIAG,
    WAIT,
)
from datasources.prometheus.run import explained, reason_for_empty
from datasources.slurm.cluster import ClusterNow
from datasources.slurm.recent_waits import pending_now, recent_waits
from datasources.sources import Sources
from pages.status import use_query
from pages.status_free import FEWEST, WAITS_SECONDS, kept, waits_table
from pages.status_now import flat, read_now

PENDING_SECONDS = 30
KINDS = tuple(zip(("running", "pending", "median"), (*JOBS, WAIT), strict=True))
HEALTH = {"cycles": charts.CYCLES, "backfill": charts.BACKFILL, "queues": charts.QUEUES, "threads": charts.THREADS}


def _whole(sources: Sources, batches: tuple[Batch, ...], when: TimeRange) -> dict[str, Any]:
    """The frames of these batches; in place of an empty one the error that says why it is."""
    return explained(sources, batches, Target(), when, viewer=PUBLIC)


def _flattened(frame: Any) -> Any:
    return frame if isinstance(frame, TurtleError) else flat(frame)


def resources_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`cores`, `gpus`, `missing`: see pages.status.use_query. `memory`: used, allocated, total (bytes), plain columns."""
    use = use_query(sources, viewer, subject, when)  # the answers of both questions are kept: what follows asks for nothing new
    return {**use, "memory": _memory(_flattened(_whole(sources, (CLUSTER_USED,), when)[CLUSTER_USED.key]), read_now(sources))}


def _memory(jobs: Any, now: Any) -> Any:
    if isinstance(jobs, TurtleError):
        return jobs
    found = {name: jobs[column] for name, column in zip(("used", "allocated"), MEMORY, strict=True) if column in jobs}
    if not found:
        return NoData(Why.NO_DATA, MEMORY["memory"])
    memory = pd.DataFrame(found)
    if isinstance(now, ClusterNow) and now.configured.memory:
        memory = memory.assign(total=float(now.configured.memory))
    memory.attrs = {**jobs.attrs, "unit": "B"}
    return memory


def jobs_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`running`, `pending`: jobs by partition (level partition). `states`: nodes by state, plain columns.
    `median`: median wait of those pending, seconds (levels __name__, partition)."""
    found = _whole(sources, (PARTITION_JOBS, NODE_STATES), when)
    jobs = found[PARTITION_JOBS.key]
    parts: dict[str, Any] = dict.fromkeys((kind for kind, _metric in KINDS), jobs)
    if isinstance(jobs, pd.DataFrame):
        for kind, metric in KINDS:
            own = jobs.loc[:, jobs.columns.get_level_values("__name__") == metric]
            own.attrs = dict(jobs.attrs)
            parts[kind] = own if own.shape[1] and _more_than_zero(own) else NoData(Why.NO_JOBS, metric)
            if not own.shape[1] and (metric != WAIT or isinstance(parts["pending"], pd.DataFrame)):
                # jobs wait, and yet nothing is told of how long
                parts[kind] = NoData(reason_for_empty(sources, replace(PARTITION_JOBS, metrics=(metric,)), Target(), when, None), metric)
    return {**parts, "states": _flattened(found[NODE_STATES.key])}


def _more_than_zero(frame: pd.DataFrame) -> bool:
    return bool((frame > 0).to_numpy().any())


def _of(frame: Any, metrics: Iterable[str]) -> Any:
    """The columns of these metrics; where the exporter tells none of them, the error that says so."""
    if isinstance(frame, TurtleError):
        return frame
    wanted = tuple(metrics)
    own = frame[[name for name in wanted if name in frame]]
    own.attrs = dict(frame.attrs)
    return own if own.shape[1] else NoData(Why.METRIC_ABSENT, wanted[0])


def _asked(frame: Any, metric: str) -> Any:
    """Questions a second, unless there were none at all."""
    return frame if isinstance(frame, TurtleError) or _more_than_zero(frame) else NoData(Why.NO_DATA, metric)


def health_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`cycles`, `backfill` (µs), `queues`, `threads`: sdiag, plain columns. `rpc`: questions a second (level operation), never by user."""
    found = _whole(sources, (SDIAG, RPCS), when)
    sdiag = _flattened(found[SDIAG.key])
    return {**{key: _of(sdiag, names) for key, names in HEALTH.items()}, "rpc": _asked(found[RPCS.key], RPC)}


def dbd_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`rollup`: slurmdbd's roll-ups (µs) of this cluster, plain columns. `dbd_rpc`: questions a second (level operation)."""
    found = _whole(sources, (DBD, DBD_RPCS), when)
    return {"rollup": _own_rollup(found[DBD.key], sources.settings.site.cluster), "dbd_rpc": _asked(found[DBD_RPCS.key], DBD_RPC)}


def _own_rollup(frame: Any, cluster: str) -> Any:
    """Of a slurmdbd that serves several clusters this one's; of one whose clusters go by other names the slowest."""
    if isinstance(frame, TurtleError):
        return frame
    told = [exported or plain for _metric, plain, exported in frame.columns]
    own = frame.loc[:, [name == cluster for name in told]] if cluster in told else frame
    found = pd.DataFrame({metric: own[metric].max(axis=1) for metric in dict.fromkeys(own.columns.get_level_values(0))})
    found.attrs = dict(frame.attrs)
    return found


def waiting_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`pending`: pending_table's frame. `waits`: waits_table's."""
    calls = {
        "pending": lambda: kept(sources, "pending_now", PENDING_SECONDS, lambda: pending_now(sources, viewer=PUBLIC)),
        "waits": lambda: kept(sources, "recent_waits", WAITS_SECONDS, lambda: recent_waits(sources, viewer=PUBLIC)),
    }
    found = sources.pool.gather(calls, 9.0)
    pending, waits = found["pending"], found["waits"]
    return {
        "pending_jobs": pending if isinstance(pending, TurtleError) else pending_table(pending),
        "waits": waits if isinstance(waits, TurtleError) else waits_table(waits),
    }  # fmt: skip


def pending_table(counts: pd.DataFrame) -> pd.DataFrame:
    """partition, ready, not_ready (jobs, array tasks one by one), median and p90 (s waited so far by the ready ones); most jobs first.

    Partitions with fewer than FEWEST jobs waiting are one row without a wait, partition "".
    """
    if counts.empty:
        return pd.DataFrame(columns=["partition", "ready", "not_ready", "median", "p90"])
    rows = counts.groupby("partition", as_index=False)[["ready", "not_ready"]].sum()
    ages = waits_table(counts[counts["ready"] > 0].rename(columns={"ready": "jobs"})[["partition", "bucket", "jobs"]])
    found = rows.merge(ages[["partition", "median", "p90"]], on="partition", how="left")
    few = found["ready"] + found["not_ready"] < FEWEST
    told = found[~few].sort_values(["ready", "not_ready", "partition"], ascending=[False, False, True])
    if not few.any():
        return told.reset_index(drop=True)
    sums = {name: int(found.loc[few, name].sum()) for name in ("ready", "not_ready")}
    rest = {"partition": "", **sums, "median": float("nan"), "p90": float("nan")}
    return pd.concat([told, pd.DataFrame([rest])], ignore_index=True)


def now_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`now`: ClusterNow or error. `sdiag`: the last quarter of an hour, plain columns."""
    moment = replace(when, start=when.now - 900, end=when.now, points=60)
    calls = {"now": lambda: read_now(sources), "sdiag": lambda: _whole(sources, (SDIAG,), moment)[SDIAG.key]}
    found = sources.pool.gather(calls, 9.0)
    return {"now": found["now"], "sdiag": _flattened(found["sdiag"])}
