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
    largest step's `tres_usage_in_tot` memory, that is the sum of the peaks of its tasks; where no step has one, the
    largest MaxRSS × tasks. Columns read: cpu_total (s, NaN while a step runs), rss_total (bytes, sum of the tasks'
    peaks), max_rss (bytes, the largest task's peak), tasks; each may be missing.
    """
    if steps is None or steps.empty:
        return None, None
    memory = _largest(steps, "rss_total")
    if memory is None and "max_rss" in steps:
        tasks = pd.to_numeric(steps["tasks"], errors="coerce").clip(lower=1).fillna(1) if "tasks" in steps else 1
        memory = _largest(steps.assign(rss_total=pd.to_numeric(steps["max_rss"], errors="coerce") * tasks), "rss_total")
    return _sum(steps, "cpu_total"), memory
