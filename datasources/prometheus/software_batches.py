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
    """Levels what, exe: cores (a sum over the moments looked at, by exe), used (the mean of all jobs' busy cores), and seen_at and used_at
    (at how many moments these two were known; used_at only with recording rules). Unit: cores, but for the moments.
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        inside = selector(PROCESS, site, 'exe!=""')
        # slope, not rate: the figure falls when a process ends, which rate() takes for a reset and counts all of it anew. A slope is
        # a weighted mean of the rises and falls in its window, so what is left above 0 is never more than was used.
        slope = f"sum by (exe) (clamp_min(deriv({inside}[{4 * grid.scrape}s]), 0))"
        used = _busy(settings, grid, site)
        parts = {"cores": f"topk({MOST}, {_over(grid, 'sum_over_time', slope)} > 0)", "used": _over(grid, "avg_over_time", used)}
        parts["seen_at"] = _over(grid, "count_over_time", f"count({inside})")
        if settings.metrics.recording_rules:  # one series; the cores themselves are too many to be read twice
            parts["used_at"] = _over(grid, "count_over_time", used)
        return joined(parts)

    rules = (USED,) if settings.metrics.recording_rules else ()
    return Batch(
        key="software_cores", exporter=JOB, metrics=(PROCESS,), rules=rules, expr=expr, levels=("what", "exe"), labels=("exe",), instant=True,
        most=MOST + SUMS, module="overview",
    )  # fmt: skip


def held(settings: Settings, what: str) -> Batch:
    """What jobs with GPUs hold; levels what, exe. `what`: "gpus" or "gpu_cores" (the cores allocated to these jobs).

    The label what: held (a sum over the moments looked at, by exe; that of jobs in which no executable is seen has exe "") and seen_at
    (at how many moments any job was known). Unit: GPUs or cores.
    """
    on = f"slurmjobid, {settings.metrics.host_label}"

    def expr(target: Target, grid: Grid, site: str) -> str:
        seconds, card = selector(PROCESS, site, 'exe!=""'), selector(CARD, site)
        cards = f"count by ({on}) ({card})"
        of_gpu_jobs = f"and on ({on}) {card}"  # as early as can be: most jobs have no GPU
        whole = cards if what == "gpus" else f"count by ({on}) ({selector(CORE, site)} {of_gpu_jobs})"
        # CPU seconds so far tell how a job is shared among its executables; one without any is a share of its own
        shares = f"(sum by ({on}, exe) ({seconds} {of_gpu_jobs}) or on ({on}) {cards})"
        shared = f"sum by (exe) ({shares} * on ({on}) group_left () ({whole} / on ({on}) sum by ({on}) ({shares})))"
        seen = _over(grid, "count_over_time", f"count({seconds}) or count({card})")
        return joined({"held": f"topk({MOST}, {_over(grid, 'sum_over_time', shared)} > 0)", "seen_at": seen})

    metrics = (PROCESS, CARD) if what == "gpus" else (PROCESS, CARD, CORE)
    return Batch(
        key=f"software_{what}", exporter=JOB, metrics=metrics, expr=expr, levels=("what", "exe"), labels=("exe", "slurmjobid"), instant=True,
        most=MOST + SUMS, module="overview",
    )  # fmt: skip


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `check`."""
    return cores(settings), held(settings, "gpus"), held(settings, "gpu_cores")
