"""What the tables of the largest users read: who runs what, what of it is used, and the marks on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis.waste import Held, Mark, compute_marks, fits, gpu_marks, large_limit, large_marks
from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.narrow import ClusterView
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import top_batches
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import fetch
from datasources.slurm.hosts import hosts
from datasources.slurm.top import running_jobs
from datasources.sources import Sources

WINDOW = 600  # seconds of the range "now" stands for: the shortest step, and so the shortest rate
HARDWARE_SECONDS = 600  # nodes keep their memory for longer than that
GROUP = ["user", "account"]
USED = ("cores_used", "memory_peak")
GPU_USED = ("gpus_seen", "gpus_busy", "gpus_used")


def at_now(when: TimeRange) -> TimeRange:
    """The last minutes, whatever range the page shows."""
    return TimeRange(start=when.now - WINDOW, end=when.now, now=when.now)


def known(value: Any) -> float | None:
    """A number, None for what is missing."""
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else float(value)


def held(row: Mapping[str, Any]) -> Held:
    """What the rules judge, of a row of the tables."""
    names = ("cores_used", "memory", "memory_peak", *GPU_USED)
    return Held(cores=float(row["cores"]), gpus=float(row["gpus"]), **{name: known(row.get(name)) for name in names})


def grouped(jobs: pd.DataFrame) -> pd.DataFrame:
    """Running jobs by person and account: user, account, jobs, cores, memory (bytes; NaN where no job has it recorded), gpus,
    since (start of the longest running, UTC s)."""
    numbers = jobs.assign(memory=pd.to_numeric(jobs["memory"], errors="coerce").astype(float))
    made = numbers.groupby(GROUP, sort=False).agg(
        jobs=("id_job", "size"), cores=("cores", "sum"), memory=("memory", lambda part: part.sum(min_count=1)), gpus=("gpus", "sum"),
        since=("start", "min"),
    )  # fmt: skip
    return made.reset_index()


def with_measured(rows: pd.DataFrame, measured: pd.DataFrame | TurtleError, keys: list[str], names: tuple[str, ...]) -> pd.DataFrame:
    """The rows with what is measured of each, NaN where nothing is; no row is left out for that."""
    shown = rows.copy()
    for name in names:
        shown[name] = float("nan")
    if isinstance(measured, TurtleError) or measured.empty or rows.empty:
        return shown
    by_key = measured.set_index(["what", *keys])["value"].to_dict()
    for name in names:
        shown[name] = [by_key.get((name, *key), math.nan) for key in rows[keys].astype(str).itertuples(index=False, name=None)]
    return shown


def said(marks: tuple[Mark, ...]) -> str:
    """Marks as one word each, worst first: what a table sorts by and a file holds."""
    return " ".join(f"{mark.what}:{mark.tone}" for mark in sorted(marks, key=lambda mark: mark.tone != "bad"))


def marked(rows: pd.DataFrame, settings: Settings, judge: Callable[[Held, Settings], tuple[Mark, ...]], now: int) -> pd.DataFrame:
    """The rows with `wasting` ("" for nothing, "new" where all jobs began less than a minimum run ago, "unknown" where nothing is measured)."""
    found = []
    for row in rows.to_dict("records"):
        nothing = all(known(row.get(name)) is None for name in (*USED, *GPU_USED))
        young = now - int(row["since"]) < settings.thresholds.min_run_seconds
        found.append("new" if young else "unknown" if nothing else said(judge(held(row), settings)))
    shown = rows.copy()
    shown["wasting"] = pd.Series(found, index=rows.index, dtype="object")
    return shown


def one(sources: Sources, viewer: Viewer, batch: Batch, target: Target, when: TimeRange) -> pd.DataFrame | TurtleError:
    """The answer of a single batch."""
    return fetch(sources, (batch,), target, when, viewer=viewer)[batch.key]


def _measured(sources: Sources, viewer: Viewer, view: ClusterView, jobs: pd.DataFrame, when: TimeRange) -> pd.DataFrame | TurtleError:
    """By the recording rules for whole people and accounts; by the jobs' own metrics where only some of their jobs are meant."""
    narrow, settings = view.narrow, sources.settings
    if narrow.partition or narrow.node or not settings.metrics.recording_rules:
        return one(sources, viewer, top_batches.of_jobs(settings), Target(jobs=tuple(map(int, jobs["id_job"]))), when)
    # names that came back from Slurm, never those of the address
    users = tuple(sorted({*jobs["user"]} - {""})) if narrow else ()
    accounts = tuple(sorted({*jobs["account"]} - {""})) if narrow.account else ()
    return one(sources, viewer, top_batches.recorded(settings), Target(users=users, accounts=accounts), when)


def compute_query(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """`rows`: one row a person and account that runs jobs now, most cores first: user, account, jobs, cores, cores_used (cores),
    memory, memory_peak (bytes), gpus, since (UTC s), wasting. `jobs`: running_jobs. `measured`: None, or the error that stands for it."""
    jobs = running_jobs(sources, viewer=viewer, narrow=view.narrow)
    measured = _measured(sources, viewer, view, jobs, at_now(when)) if len(jobs) else None
    rows = with_measured(grouped(jobs), measured if measured is not None else jobs.iloc[:0], GROUP, USED)
    rows = marked(rows, sources.settings, compute_marks, when.now).sort_values("cores", ascending=False, kind="stable")
    return {"rows": rows.reset_index(drop=True), "jobs": jobs, "measured": measured if isinstance(measured, TurtleError) else None}


def gpu_query(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """`rows`: one row a person and account with GPU jobs now, most GPUs first; columns as compute_query, and gpus_seen (GPUs
    measured), gpus_busy, gpus_used (fully used ones). Only jobs that hold GPUs are counted. `jobs`, `measured` as there."""
    jobs = running_jobs(sources, viewer=viewer, narrow=view.narrow)
    jobs = jobs[jobs["gpus"] > 0].reset_index(drop=True)
    target = Target(jobs=tuple(map(int, jobs["id_job"])))
    measured = one(sources, viewer, top_batches.of_jobs(sources.settings, gpus=True), target, at_now(when)) if len(jobs) else None
    rows = with_measured(grouped(jobs), measured if measured is not None else jobs.iloc[:0], GROUP, (*USED, *GPU_USED))
    rows = marked(rows, sources.settings, gpu_marks, when.now).sort_values("gpus", ascending=False, kind="stable")
    return {"rows": rows.reset_index(drop=True), "jobs": jobs, "measured": measured if isinstance(measured, TurtleError) else None}


def large_nodes(sources: Sources, viewer: Viewer, when: TimeRange) -> pd.DataFrame:
    """Tidy frame of top_batches.large_nodes, kept for some minutes; raises the error that stands for it."""
    batch = top_batches.large_nodes(sources.settings, large_limit(sources.settings))

    def read() -> pd.DataFrame:
        found = one(sources, viewer, batch, Target(), at_now(when))
        if isinstance(found, TurtleError):
            raise found
        if found.empty:
            raise NoData(Why.METRIC_ABSENT, "node_memory_MemTotal_bytes")
        return found

    key = ("top_nodes", large_limit(sources.settings), sources.settings.prometheus.filter.get("top", ""))
    return sources.cache.get_or_make(key, HARDWARE_SECONDS, read)


def _on_large(jobs: pd.DataFrame, nodes: Mapping[str, float], grace: int, now: int) -> pd.DataFrame:
    """The jobs with a large memory node among theirs that ran long enough and hold no GPU, with the nodes' memory a core."""
    rows = []
    for row in jobs[(jobs["gpus"] == 0) & (now - jobs["start"] > grace)].to_dict("records"):
        per_core = [nodes[host] for host in hosts(row["node_list"]) if host in nodes]
        if per_core:
            rows.append(row | {"node_per_core": max(per_core)})
    return pd.DataFrame(rows, columns=[*jobs.columns, "node_per_core"])


def memory_query(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """`rows`: jobs on large memory nodes, least used share of memory first: job_id, id_job, user, account, partition, name,
    node_list, start, since (UTC s), cores, cores_used, memory, memory_peak (bytes), per_core (bytes asked a core), node_per_core,
    fits ("yes", "peak", "no" or ""), wasting. `people`: the same by person and account, columns of compute_query and
    ordinary (jobs that would fit an ordinary node). `nodes`: large nodes; `ordinary`: (memory in bytes, cores) of the middle of the others."""
    settings = sources.settings
    hardware = large_nodes(sources, viewer, when)
    values = {(row["what"], row["node"]): float(row["value"]) for row in hardware.to_dict("records")}
    nodes = {node: value for (what, node), value in values.items() if what == "per_core"}
    ordinary = (values.get(("ordinary_memory", "")), values.get(("ordinary_cores", "")))
    jobs = running_jobs(sources, viewer=viewer, narrow=view.narrow)
    found = _on_large(jobs, nodes, settings.top.grace_seconds, when.now)
    measured: Any = None
    if len(found):
        target = Target(jobs=tuple(map(int, found["id_job"])))
        measured = one(sources, viewer, top_batches.each_job(settings), target, at_now(when))
    rows = found.assign(slurmjobid=found["id_job"].astype(str), since=found["start"], jobs=1)
    rows = with_measured(rows, measured if measured is not None else jobs.iloc[:0], ["slurmjobid"], USED)
    rows["memory"] = pd.to_numeric(rows["memory"], errors="coerce").astype(float)
    rows["per_core"] = rows["memory"] / rows["cores"].where(rows["cores"] > 0).astype(float)
    rows["fits"] = [_fit(row, settings, ordinary) for row in rows.to_dict("records")]
    rows = marked(rows, settings, large_marks, when.now).drop(columns="slurmjobid")
    share = rows["memory_peak"] / rows["memory"]
    rows = rows.assign(memory_share=share).sort_values("memory_share", kind="stable", na_position="last").reset_index(drop=True)
    return {
        "rows": rows, "people": _people(rows, settings, when.now), "nodes": nodes, "ordinary": ordinary,
        "measured": measured if isinstance(measured, TurtleError) else None,
    }  # fmt: skip


def _fit(row: Mapping[str, Any], settings: Settings, ordinary: tuple[float | None, float | None]) -> str:
    """yes: what was asked for fits an ordinary node; peak: what it touched so far does, with headroom; no; "" not known."""
    asked = fits(known(row["memory"]), row["cores"], row["nodes"], *ordinary)
    if asked or asked is None:
        return "yes" if asked else ""
    peak = known(row["memory_peak"])
    touched = fits(None if peak is None else peak * settings.thresholds.memory_headroom, row["cores"], row["nodes"], *ordinary)
    return "peak" if touched else "no"


def _people(rows: pd.DataFrame, settings: Settings, now: int) -> pd.DataFrame:
    """The jobs added up by person and account; a sum is only made where all of its parts are known."""
    whole = {"cores": "sum", "gpus": "sum", "jobs": "sum", "since": "min"}
    made = rows.groupby(GROUP, sort=False).agg(
        **{name: (name, how) for name, how in whole.items()},
        **{name: (name, lambda part: part.sum(skipna=False)) for name in ("memory", "memory_peak", "cores_used")},
        ordinary=("fits", lambda part: int(part.isin(["yes", "peak"]).sum())),
    )  # fmt: skip
    made = made.reset_index()
    return marked(made, settings, large_marks, now).sort_values("memory", ascending=False, kind="stable").reset_index(drop=True)
