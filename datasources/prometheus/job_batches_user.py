"""The batches of a person's use: what running jobs use now, and the recorded history."""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import JOB, LUSTRE, jobs, joined
from datasources.prometheus.promql import matcher, selector

RULES = {
    "cores": {
        "used": "slurm_job:used_core:sum_user_account", "allocated": "slurm_job:allocated_core:count_user_account",
    },
    "memory": {
        "allocated": "slurm_job:allocated_memory:sum_user_account", "peak": "slurm_job:max_memory:sum_user_account",
        "used": "slurm_job:rss_memory:sum_user_account",
    },
    "gpus": {
        "used": "slurm_job:used_gpu:sum_user_account", "allocated": "slurm_job:allocated_gpu:count_user_account",
    },
}


def users(target: Target) -> str:
    """The matcher of a target's people on `user`."""
    return matcher("user", target.users)


def recorded(settings: Settings, kind: str) -> Batch:
    """A person's recorded use: kind cores (cores), memory (bytes) or gpus (GPUs); `what` is used, allocated, peak."""
    rules = RULES[kind]
    return Batch(
        key=f"user_{kind}", exporter=JOB, metrics=(), rules=tuple(rules.values()), levels=("what", "user"),
        expr=lambda target, grid, site: joined(
            {what: f"sum by (user) ({selector(rule, site, users(target))})" for what, rule in rules.items()}
        ),
    )


def now_used(settings: Settings) -> Batch:
    """What a person's running jobs use: cores, memory (bytes), gpus; the GPU figure counts fully busy GPUs."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        who = users(target)
        parts = {
            "cores": f"sum by (user) (rate({selector('slurm_job_core_usage_total', site, who)}[{grid.window}s])) / 1e9",
            "memory": f"sum by (user) ({selector('slurm_job_memory_rss', site, who)})",
            "gpus": f"sum by (user) ({selector('slurm_job_utilization_gpu', site, who)}) / 100",
        }
        return joined(parts)

    return Batch(
        key="user_now", exporter=JOB, expr=expr, levels=("what", "user"), labels=("user",),
        metrics=("slurm_job_core_usage_total", "slurm_job_memory_rss", "slurm_job_utilization_gpu"),
    )


LUSTRE_RULES = {
    "operations": "lustre:metadata:rate3m_user", "read_bytes": "lustre:read_bytes:rate3m_user",
    "write_bytes": "lustre:write_bytes:rate3m_user",
}


BY_KIND = 6 * 3600  # seconds up to which metadata operations are told apart by kind


def lustre(settings: Settings) -> Batch:
    """Metadata operations and bytes a second of a person's jobs by file system.

    `operation` is read_bytes, write_bytes, and the kind of metadata operation in a span of up to BY_KIND, else operations: all kinds,
    as recorded, because the raw counters of somebody with thousands of small jobs take seconds to add up over days.
    """
    wanted = settings.metrics.lustre_file_systems

    def expr(target: Target, grid: Grid, site: str) -> str:
        who = (users(target), matcher("fs", wanted) if wanted else 'fs!=""')
        parts = {
            name: f'label_replace(sum by (fs) ({selector(rule, site, *who)}), "operation", "{name}", "", "")'
            for name, rule in LUSTRE_RULES.items()
        }
        if grid.end - grid.start <= BY_KIND + grid.step:
            mdt = selector("lustre_job_stats_total", site, 'component="mdt"', *who)
            kinds = f"sum by (fs, operation) (rate({mdt}[{grid.window}s]))"
            # what is recorded is kept for longer than what it was made of
            parts["operations"] = f"{kinds} or ({parts['operations']} unless on () {kinds})"
        return " or ".join(parts.values())

    return Batch(
        key="user_lustre", exporter=LUSTRE, expr=expr, levels=("fs", "operation"), metrics=(), labels=("user", "fs"),
        rules=tuple(LUSTRE_RULES.values()),
    )


def gpu_power(settings: Settings) -> Batch:
    """Power of a person's GPUs by model: `what` is watts or count."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        cards = selector("slurm_job_power_gpu", site, users(target))
        return joined({"watts": f"sum by (gpu_type) ({cards}) / 1000", "count": f"count by (gpu_type) ({cards})"})

    return Batch(
        key="user_gpu_power", exporter=JOB, metrics=("slurm_job_power_gpu",), expr=expr, levels=("what", "gpu_type"),
        labels=("user", "gpu_type"),
    )


def running(settings: Settings) -> Batch:
    """What each of some running jobs uses now; `what` is cores, memory (bytes) or gpus (GPUs fully busy). Instant."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        who = jobs(target)
        parts = {
            "cores": f"sum by (slurmjobid) (rate({selector('slurm_job_core_usage_total', site, who)}[{grid.window}s])) / 1e9",
            "memory": f"sum by (slurmjobid) ({selector('slurm_job_memory_rss', site, who)})",
            "gpus": f"sum by (slurmjobid) ({selector('slurm_job_utilization_gpu', site, who)}) / 100",
        }
        return joined(parts)

    return Batch(
        key="jobs_running", exporter=JOB, expr=expr, levels=("what", "slurmjobid"), labels=("slurmjobid",), instant=True,
        metrics=("slurm_job_core_usage_total", "slurm_job_memory_rss", "slurm_job_utilization_gpu"),
    )


def several(settings: Settings, kind: str) -> Batch:
    """Several jobs side by side, one series a job: kind cores (cores), memory (bytes, program), gpus (GPUs fully busy)."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        who = jobs(target)
        if kind == "cores":
            return f"sum by (slurmjobid) (rate({selector('slurm_job_core_usage_total', site, who)}[{grid.window}s])) / 1e9"
        if kind == "memory":
            parts = [selector(f"slurm_job_memory_{name}", site, who) for name in ("rss", "mapped_file")]
            return " + ".join(f"sum by (slurmjobid) ({part})" for part in parts)
        return f"sum by (slurmjobid) ({selector('slurm_job_utilization_gpu', site, who)}) / 100"

    metrics = {
        "cores": ("slurm_job_core_usage_total",), "memory": ("slurm_job_memory_rss", "slurm_job_memory_mapped_file"),
        "gpus": ("slurm_job_utilization_gpu",),
    }[kind]
    return Batch(key=f"jobs_{kind}", exporter=JOB, metrics=metrics, expr=expr, levels=("slurmjobid",), labels=("slurmjobid",))


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (
        *(recorded(settings, kind) for kind in RULES), now_used(settings), lustre(settings), gpu_power(settings),
        running(settings), *(several(settings, kind) for kind in ("cores", "memory", "gpus")),
    )
