"""CPU time and memory of a run as accounting has them: what `sacct` and `seff` print."""

from __future__ import annotations

import pandas as pd


def _sum(steps: pd.DataFrame, column: str) -> float | None:
    if column not in steps:
        return None
    values = pd.to_numeric(steps[column], errors="coerce").dropna()
    return float(values.sum()) if len(values) else None


def _largest(steps: pd.DataFrame, column: str) -> float | None:
    if column not in steps:
        return None
    values = pd.to_numeric(steps[column], errors="coerce").dropna()
    return float(values.max()) if len(values) and values.max() > 0 else None


def accounting(steps: pd.DataFrame | None) -> tuple[float | None, float | None]:
    """(core-seconds, memory bytes) of a run's steps; None where no step says.

    CPU time is the sum over all steps of user and system time: sacct's TotalCPU of the job. Memory follows seff: the
    largest step's `tres_usage_in_tot` memory, that is the sum of the peaks of its tasks; where a step has none, its
    MaxRSS × tasks. Columns read: cpu_seconds (float, s), memory_total (float, bytes, sum of the tasks' peaks),
    max_rss (float, bytes, the largest task's peak), tasks (int).
    """
    if steps is None or steps.empty:
        return None, None
    whole = _largest(steps, "memory_total")
    if whole is None and "max_rss" in steps:
        tasks = pd.to_numeric(steps["tasks"], errors="coerce").clip(lower=1).fillna(1) if "tasks" in steps else 1
        whole = _largest(pd.DataFrame({"all": pd.to_numeric(steps["max_rss"], errors="coerce") * tasks}), "all")
    cpu = _sum(steps, "cpu_seconds")
    return (cpu if cpu else None), whole
