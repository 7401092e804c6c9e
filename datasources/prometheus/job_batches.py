"""The batches of a job's own metrics: CPU, memory, processes, Lustre, GPU, fair share.

Gauges of a family are asked by one enumerated regex on `__name__`; small counters are joined by `or` with a label `what`;
counters of many series are asked alone. Levels are labels as the exporters write them; `job_frames` names them for charts.
"""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.promql import hosts_matcher, matcher, names, selector

JOB = "slurm-job-exporter"
LUSTRE = "lustre_exporter"
MAX_SERIES = 40  # above it a chart shows nodes, or a band and a heat map

MEMORY = tuple(
    f"slurm_job_memory_{part}"
    for part in (
        "usage", "max", "limit", "cache", "rss", "rss_huge", "mapped_file", "active_file", "inactive_file", "unevictable",
    )
)
GPU = tuple(
    f"slurm_job_{part}"
    for part in (
        "utilization_gpu", "utilization_gpu_memory", "memory_usage_gpu", "memory_total_gpu", "power_gpu", "sm_occupancy_gpu",
        "tensor_gpu", "fp64_gpu", "fp32_gpu", "fp16_gpu", "pcie_gpu", "nvlink_gpu",
    )
)
PROCESSES = ("slurm_job_process_count", "slurm_job_threads_count")


def jobs(target: Target, label: str = "slurmjobid") -> str:
    """The matcher of a target's jobs."""
    return matcher(label, target.jobs)


def labelled(expr: str, what: str) -> str:
    """The expression with a label `what`, so that several can be joined by `or`."""
    return f'label_replace({expr}, "what", "{what}", "", "")'


def joined(parts: dict[str, str]) -> str:
    """Small expressions as one query, told apart by the label `what`."""
    return " or ".join(labelled(expr, what) for what, expr in parts.items())


def cpu(settings: Settings, *, per_core: bool, at_hosts: bool = False) -> Batch:
    """Busy cores: one series a core (`per_core`, with `at_hosts` only on the target's hosts), else summed by node. Unit: cores."""
    host = settings.metrics.host_label
    metric = "slurm_job_core_usage_total"

    def expr(target: Target, grid: Grid, site: str) -> str:
        where = (hosts_matcher(host, target.hosts, settings.metrics.host_domain),) if at_hosts else ()
        rate = f"rate({selector(metric, site, jobs(target), *where)}[{grid.window}s])"
        return f"{rate} / 1e9" if per_core else f"sum by (slurmjobid, {host}) ({rate}) / 1e9"

    return Batch(
        key=("job_cpu_core_at" if at_hosts else "job_cpu_core") if per_core else "job_cpu_node", exporter=JOB, metrics=(metric,), expr=expr,
        levels=("slurmjobid", host, "core") if per_core else ("slurmjobid", host), labels=("slurmjobid", "core", host),
        merge="max",
    )


def gauges(settings: Settings, *, gpus: bool) -> Batch:
    """Memory, processes and threads by state, and for GPU jobs every GPU gauge, in one request.

    Units by metric: bytes; processes, threads; percent, bytes, mW, bytes/s.
    """
    host = settings.metrics.host_label
    metrics = (*MEMORY, *PROCESSES, *(GPU if gpus else ()))
    levels = ("__name__", "slurmjobid", host, "state", *(("gpu", "gpu_type", "direction") if gpus else ()))
    return Batch(
        key="job_gauges_gpu" if gpus else "job_gauges", exporter=JOB, metrics=metrics, levels=levels, merge="max",
        labels=("slurmjobid", host, "state", *(("gpu", "gpu_type") if gpus else ())),
        expr=lambda target, grid, site: selector(names(metrics), site, jobs(target)),
    )


def executables(settings: Settings) -> Batch:
    """Cores by executable, from the slope of a counter that can fall. Unit: cores."""
    metric = "slurm_job_process_usage_total"

    def expr(target: Target, grid: Grid, site: str) -> str:
        inside = selector(metric, site, jobs(target), 'exe!=""')
        return f"sum by (slurmjobid, exe) (clamp_min(deriv({inside}[{grid.window}s]), 0))"

    return Batch(
        key="job_executables", exporter=JOB, metrics=(metric,), expr=expr, levels=("slurmjobid", "exe"),
        labels=("slurmjobid", "exe"),
    )


def lustre(settings: Settings) -> Batch:
    """Metadata operations and bytes of jobs by file system and operation ("read", "write"). Units: 1/s and bytes/s."""
    wanted = settings.metrics.lustre_file_systems

    def expr(target: Target, grid: Grid, site: str) -> str:
        who = (jobs(target, "jobid"), matcher("fs", wanted) if wanted else "")
        mdt = selector("lustre_job_stats_total", site, 'component="mdt"', *who)
        parts = [f"sum by (jobid, fs, operation) (rate({mdt}[{grid.window}s]))"]
        for way in ("read", "write"):
            ost = selector(f"lustre_job_{way}_bytes_total", site, 'component="ost"', *who)
            total = f"sum by (jobid, fs) (rate({ost}[{grid.window}s]))"
            parts.append(f'label_replace({total}, "operation", "{way}_bytes", "", "")')
        return " or ".join(parts)

    return Batch(
        key="job_lustre", exporter=LUSTRE, expr=expr, levels=("jobid", "fs", "operation"),
        metrics=("lustre_job_stats_total", "lustre_job_read_bytes_total", "lustre_job_write_bytes_total"),
        labels=("jobid", "fs", "component", "operation"),
    )


def levelfs(settings: Settings) -> Batch:
    """Fair share of accounts at the end of the grid. Unit: 1 (above 1: under-served)."""
    metric = "slurm_account_levelfs"
    return Batch(
        key="levelfs", exporter="slurm_exporter", metrics=(metric,), levels=("account",), labels=("account",), merge="max",
        expr=lambda target, grid, site: f"max by (account) ({selector(metric, site, matcher('account', target.accounts))})",
        instant=True,
    )


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (
        cpu(settings, per_core=True), cpu(settings, per_core=False), gauges(settings, gpus=True), executables(settings),
        lustre(settings), levelfs(settings),
    )
