"""The batches of the cluster as a whole: what the Slurm exporter counts, and what jobs use by the recording rules."""

from __future__ import annotations

from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import joined
from datasources.prometheus.promql import names, selector

GAUGES = (
    "slurm_cpus_alloc", "slurm_cpus_idle", "slurm_cpus_total", "slurm_gpus_alloc", "slurm_gpus_idle", "slurm_gpus_total",
    "slurm_queue_running", "slurm_queue_pending",
)  # fmt: skip
USED = {"cores": "slurm_job:used_core:sum", "gpus": "slurm_job:used_gpu:sum"}


def _gauges(target: Target, grid: Grid, site: str) -> str:
    # max: two exporters of a highly available pair say the same
    return f"max by (__name__) ({selector(names(GAUGES), site)})"


def _used(target: Target, grid: Grid, site: str) -> str:
    return joined({what: f"sum({selector(rule, site)})" for what, rule in USED.items()})


# cores, GPUs and jobs by state, one column a metric
CLUSTER = Batch(
    key="cluster", exporter="slurm_exporter", metrics=GAUGES, expr=_gauges, levels=("__name__",), merge="max", module="status"
)
# busy cores and fully busy GPUs of all jobs, columns "cores" and "gpus"
CLUSTER_USED = Batch(
    key="cluster_used", exporter="slurm-job-exporter", metrics=(), rules=tuple(USED.values()), expr=_used, levels=("what",), module="status"
)
