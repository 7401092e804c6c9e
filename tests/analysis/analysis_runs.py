"""Runs and frames for the analysis tests, made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from analysis.facts import JobFacts
from analysis.gpu_facts import GpuFacts
from datasources.slurm.records import Run

START = 1_700_000_000
GIB = 1024**3

PLAIN = {
    "job_db_inx": 1,
    "id_job": 100,
    "job_id": "100",
    "array_pending": 0,
    "array_text": "",
    "state": "COMPLETED",
    "state_flags": (),
    "exit_code": "0:0",
    "derived_exit_code": "0:0",
    "submit": START - 60,
    "start": START,
    "end": START + 7200,
    "elapsed": 7200,
    "suspended": 0,
    "limit": 10800.0,
    "uid": 1000,
    "user": "alice",
    "cores_req": 8,
    "cores": 8,
    "nodes": 1,
    "hosts": ("c1",),
    "memory": 32 * GIB,
    "memory_per": "node",
    "gpus": 0,
    "priority": 1,
    "script_hash": 0,
    "whole_node": False,
}


def make_run(**changes: object) -> Run:
    """An ordinary finished two-hour run of eight cores and 32 GiB, with changes; `elapsed` moves the end."""
    values: dict[str, object] = {}
    for item in fields(Run):
        if item.name in PLAIN:
            values[item.name] = PLAIN[item.name]
        elif item.name not in ("gpu_types", "licenses", "tres"):
            values[item.name] = None if "None" in str(item.type) else ""
    values |= changes
    if "elapsed" in changes and "end" not in changes:
        values["end"] = START + int(changes["elapsed"])
    return Run(**values)


def frame(
    columns: Mapping[tuple[str, ...], object], levels: tuple[str, ...], step: int = 60, start: int = START
) -> pd.DataFrame:
    """A wide frame of lists (None = gap) at a regular step."""
    data = {
        key: np.array([np.nan if value is None else value for value in values], dtype=float)
        for key, values in columns.items()
    }
    count = len(next(iter(data.values())))
    index = pd.to_datetime(np.arange(count) * step + start, unit="s", utc=True).rename("time")
    made = pd.DataFrame(np.column_stack(list(data.values())), index=index)
    made.columns = pd.MultiIndex.from_tuples(list(data), names=levels)
    made.attrs["step"] = step
    return made


def make_facts(run: Run, **changes: object) -> JobFacts:
    """Facts of a run whose CPU, memory and time are well used, with changes; `cpu_mean` sets the CPU numbers."""
    mean = changes.pop("cpu_mean", run.cores * 0.95)
    peak = changes.pop("memory_peak", None if run.memory is None else run.memory * 0.8)
    values: dict[str, object] = {
        "job_db_inx": run.job_db_inx,
        "id_job": run.id_job,
        "state": run.state,
        "start": run.start,
        "end": run.end,
        "until": run.end or START + run.elapsed,
        "elapsed": run.elapsed,
        "limit": run.limit,
        "cores": run.cores,
        "nodes": run.nodes,
        "memory": run.memory,
        "gpus": run.gpus,
        "coverage": 1.0,
        "cpu_mean": mean,
        "cpu_used": mean * run.elapsed,
        "cpu_efficiency": mean / run.cores,
        "memory_peak": peak,
        "memory_efficiency": peak / run.memory if run.memory and peak is not None else None,
        "time_efficiency": run.elapsed / run.limit if run.limit else None,
    }
    return JobFacts(**(values | changes))


def make_gpu(number: int = 0, **changes: object) -> GpuFacts:
    """A well used A100 watched for two hours, with changes."""
    values: dict[str, object] = {
        "node": "g1",
        "gpu": str(number),
        "gpu_type": "NVIDIA A100-SXM4-40GB",
        "use": 0.9,
        "use_last_hour": 0.9,
        "sm_occupancy": 0.5,
        "tensor": 0.3,
        "memory_peak": 30 * GIB,
        "memory_total": 40 * GIB,
        "seconds": 7200.0,
    }
    return GpuFacts(**(values | changes))
