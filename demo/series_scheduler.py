"""What the scheduler's daemons say of themselves (prometheus-slurm-exporter): waits by partition, sdiag's and slurmdbd's questions, roll-ups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import Plan, PlannedRun
from demo.series import DAY, Hum, raw_begin, run_end, seed_of

MICRO = 1e6
SPAN = 300  # seconds for which a median holds, so that history and live exporters say the same
# operation → (questions a second, microseconds each); sdiag's and slurmdbd's own names
CONTROLLER = {
    "REQUEST_PARTITION_INFO": (0.9, 350), "REQUEST_JOB_INFO_SINGLE": (0.7, 900), "MESSAGE_NODE_REGISTRATION_STATUS": (0.15, 420),
    "REQUEST_COMPLETE_BATCH_SCRIPT": (0.03, 2600), "REQUEST_SUBMIT_BATCH_JOB": (0.02, 9500), "REQUEST_JOB_INFO": (0.25, 5200),
    "REQUEST_FED_INFO": (0.4, 130), "REQUEST_NODE_INFO": (0.12, 800), "MESSAGE_EPILOG_COMPLETE": (0.03, 1800),
}  # fmt: skip
DATABASE = {
    "DBD_SEND_MULT_MSG": (0.09, 21000), "DBD_JOB_START": (0.03, 3400), "DBD_STEP_START": (0.06, 1900), "DBD_STEP_COMPLETE": (0.06, 2300),
    "DBD_GET_JOBS_COND": (0.02, 130000), "DBD_GET_ASSOCS": (0.008, 15000), "DBD_CLUSTER_TRES": (0.001, 800),
}  # fmt: skip
TYPES = {
    **{f"{kind}_rpc_stats_{what}": "counter" for kind in ("slurm", "slurm_dbd") for what in ("count", "total_time")},
    **{f"{kind}_rpc_stats_avg_time": "gauge" for kind in ("slurm", "slurm_dbd")},
}  # fmt: skip
Part = tuple[list[dict[str, str]], Callable[[np.ndarray], np.ndarray]]


def waits_part(plan: Plan, name: str, runs: list[PlannedRun]) -> Part:
    """How long those pending in a partition have waited since their submission, median and mean; not told while nobody waits."""
    found = [(run.submit, run.start if run.start is not None else run_end(run.end, plan), max(run.array_pending, 1) if run.start is None else 1) for run in runs]
    submit, until, tasks = np.array(sorted(one for one in found if one[1] > one[0]), float).reshape(-1, 3).T

    def one(at: float) -> tuple[float, float]:
        waits = (submit <= at) & (until > at)
        ages = np.repeat(at - submit[waits], tasks[waits].astype(int))
        return (float(np.median(ages)), float(ages.mean())) if len(ages) else (np.nan, np.nan)

    def values(times: np.ndarray) -> np.ndarray:
        moments, place = np.unique(np.floor(times / SPAN) * SPAN, return_inverse=True)
        return np.array([one(at) for at in moments]).reshape(-1, 2)[place].T

    labels = [{"__name__": f"slurm_partition_jobs_{what}_wait_time_seconds", "partition": name} for what in ("median", "average")]
    return labels, values


def questions_part(plan: Plan, prefix: str, operations: dict[str, tuple[float, float]]) -> Part:
    """Questions by kind since the daemon began to count: how many, and how long they took in microseconds."""
    since = float(raw_begin(plan) - DAY)
    hums = [(Hum(rate, seed_of(plan.seed, prefix, name)), each) for name, (rate, each) in operations.items()]

    def values(times: np.ndarray) -> np.ndarray:
        counts = np.vstack([np.floor(hum.total(times, since)) for hum, _each in hums])
        each = np.array([each for _hum, each in hums])[:, None]
        return np.vstack([counts, counts * each, np.repeat(each, len(times), axis=1)])

    kinds = ("count", "total_time", "avg_time")
    return [{"__name__": f"{prefix}_rpc_stats_{what}", "operation": name} for what in kinds for name in operations], values


def rollup_part(plan: Plan) -> Part:
    """slurmdbd's roll-ups in microseconds: every hour, and a day's some minutes after midnight."""

    def each(times: np.ndarray, span: int, seconds: float) -> np.ndarray:
        place = np.floor((times - 60) / span)
        return np.rint(MICRO * seconds * (1 + 0.4 * np.sin(place * 2.4 + plan.seed)))

    def values(times: np.ndarray) -> np.ndarray:
        hour, day, ones = each(times, 3600, 1.3), each(times, DAY, 6.5), np.ones(len(times))
        return np.vstack([hour, 1.3 * MICRO * ones, day, 6.5 * MICRO * ones])

    names = [f"slurm_dbd_cluster_rollup_{span}_{what}_cycle" for span in ("hour", "day") for what in ("last", "mean")]
    return [{"__name__": name, "cluster": plan.cluster} for name in names], values
