"""The batches of the page of software: cores used and GPUs held by executable, without a job, person or account.

Both are means over a time, asked at its end: a subquery looks at some moments and only sums leave Prometheus, so the answer has
one number an executable. No name of an executable may go further than the table that turns it into a program's name.
"""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import JOB, joined
from datasources.prometheus.promql import selector

PROCESS, CORE, CARD = "slurm_job_process_usage_total", "slurm_job_core_usage_total", "slurm_job_utilization_gpu"
USED = "slurm_job:used_core:sum"
MOST = 20_000  # executables read; what those beyond them used is unaccounted for
SUMS = 10  # series that are not about one executable


def _over(grid: Grid, function: str, expr: str) -> str:
    """A function over the values of `expr` at every multiple of the step in the grid."""
    # one second more than first to last moment, so that both are inside whether or not the range's left end counts
    return f"{function}(({expr})[{grid.end - grid.start + 1}s:{grid.step}s])"


def _busy(settings: Settings, grid: Grid, site: str) -> str:
    if settings.metrics.recording_rules:
        return f"sum({selector(USED, site)})"
    return f"sum(rate({selector(CORE, site)}[{4 * grid.scrape}s])) / 1e9"


def cores(settings: Settings) -> Batch:
    """Sums over the moments looked at; levels what, exe.

    what: cores (by exe), used (busy cores of all jobs), used_at and seen_at (moments at which these two were known). Unit: cores,
    but for the moments.
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        inside = selector(PROCESS, site, 'exe!=""')
        # slope, not rate: the figure falls when a process ends, which rate() takes for a reset and counts all of it anew. A slope is
        # a weighted mean of the rises and falls in its window, so what is left above 0 is never more than was used.
        slope = f"sum by (exe) (clamp_min(deriv({inside}[{4 * grid.scrape}s]), 0))"
        used = _busy(settings, grid, site)
        return joined({
            "cores": f"topk({MOST}, {_over(grid, 'sum_over_time', slope)} > 0)", "used": _over(grid, "sum_over_time", used),
            "used_at": _over(grid, "count_over_time", used), "seen_at": _over(grid, "count_over_time", f"count({inside})"),
        })  # fmt: skip

    rules = (USED,) if settings.metrics.recording_rules else ()
    return Batch(
        key="software_cores", exporter=JOB, metrics=(PROCESS,), rules=rules, expr=expr, levels=("what", "exe"), labels=("exe",), instant=True,
        most=MOST + SUMS, module="overview",
    )  # fmt: skip


def gpus(settings: Settings) -> Batch:
    """Sums over the moments looked at; levels what, exe.

    what: gpus and gpu_cores (GPUs of a job, and cores allocated to it, shared among its executables by their CPU seconds, by exe),
    all_gpus and all_gpu_cores (those of all jobs with GPUs), seen_at (moments at which any job was known). Unit: GPUs, cores.
    """
    on = f"slurmjobid, {settings.metrics.host_label}"

    def expr(target: Target, grid: Grid, site: str) -> str:
        seconds = selector(PROCESS, site, 'exe!=""')
        cards = f"count by ({on}) ({selector(CARD, site)})"
        whole = {"gpus": cards, "gpu_cores": f"(count by ({on}) ({selector(CORE, site)}) and on ({on}) {cards})"}
        parts = {}
        for what, held in whole.items():
            each = f"{held} / on ({on}) sum by ({on}) ({seconds})"
            shared = f"sum by (exe) (sum by ({on}, exe) ({seconds}) * on ({on}) group_left () ({each}))"
            parts[what] = f"topk({MOST}, {_over(grid, 'sum_over_time', shared)} > 0)"
            parts[f"all_{what}"] = _over(grid, "sum_over_time", f"sum({held})")
        parts["seen_at"] = _over(grid, "count_over_time", f"count({seconds}) or count({selector(CARD, site)})")
        return joined(parts)

    return Batch(
        key="software_gpus", exporter=JOB, metrics=(PROCESS, CARD, CORE), expr=expr, levels=("what", "exe"), labels=("exe", "slurmjobid"),
        instant=True, most=2 * MOST + SUMS, module="overview",
    )  # fmt: skip


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `check`."""
    return cores(settings), gpus(settings)
