"""The batches of a part of the cluster: what somebody's jobs, a partition or a node hold and use over time.

No metric knows all four names at once. Jobs by person and account are recorded; a node's are counted from the jobs on it, which know
person and account, too; a partition is known to the Slurm exporter alone, by what is allocated.
"""

from __future__ import annotations

from core.narrow import Narrow
from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import JOB, joined
from datasources.prometheus.job_batches_node import at
from datasources.prometheus.promql import matcher, names, selector

KINDS = ("cores", "memory", "gpus")
RULES = {
    "cores": {"used": "slurm_job:used_core:sum_user_account", "allocated": "slurm_job:allocated_core:count_user_account"},
    "memory": {"used": "slurm_job:rss_memory:sum_user_account", "allocated": "slurm_job:allocated_memory:sum_user_account"},
    "gpus": {"used": "slurm_job:used_gpu:sum_user_account", "allocated": "slurm_job:allocated_gpu:count_user_account"},
}
CORE, CARD = "slurm_job_core_usage_total", "slurm_job_utilization_gpu"
MEMORY = {"used": "slurm_job_memory_rss", "allocated": "slurm_job_memory_limit"}
PARTITION = {
    "cores": ("slurm_partition_cpus_alloc", "slurm_partition_cpus_idle", "slurm_partition_cpus_total"),
    "gpus": ("slurm_partition_gpus_alloc", "slurm_partition_gpus_idle", "slurm_partition_gpus_total"),
}


def told(narrow: Narrow) -> tuple[str, ...]:
    """The names of the narrowing that the charts over time can tell apart: all but a partition beside another name."""
    known = tuple(name for name in ("account", "user", "node") if getattr(narrow, name))
    return known or (("partition",) if narrow.partition else ())


def _who(target: Target) -> tuple[str, ...]:
    return tuple(matcher(label, found) for label, found in (("user", target.users), ("account", target.accounts)) if found)


def recorded(settings: Settings) -> Batch:
    """Cores, bytes and GPUs used and allocated by a person's or an account's jobs, as recorded; levels kind, what."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        return _by_kind({kind: {what: f"sum({selector(rule, site, *_who(target))})" for what, rule in rules.items()} for kind, rules in RULES.items()})

    rules = tuple(rule for kind in RULES.values() for rule in kind.values())
    return Batch(key="narrow_recorded", exporter=JOB, metrics=(), rules=rules, expr=expr, levels=("kind", "what"), module="status")


def on_nodes(settings: Settings) -> Batch:
    """The same of the jobs on a node, of a person or an account if the target names them; levels kind, what."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        where = (at(settings, target), *_who(target))
        core, card = selector(CORE, site, *where), selector(CARD, site, *where)
        parts = {
            "cores": {"used": f"sum(rate({core}[{grid.window}s])) / 1e9", "allocated": f"count({core})"},
            "memory": {what: f"sum({selector(metric, site, *where)})" for what, metric in MEMORY.items()},
            "gpus": {"used": f"sum({card}) / 100", "allocated": f"count({card})"},
        }
        return _by_kind(parts)

    return Batch(
        key="narrow_node", exporter=JOB, metrics=(CORE, CARD, *MEMORY.values()), expr=expr, levels=("kind", "what"),
        labels=("user", "account", settings.metrics.host_label), module="status",
    )  # fmt: skip


def partition(settings: Settings) -> Batch:
    """Cores and GPUs of a partition: allocated, idle and in all; the metric's name is the level."""
    metrics = tuple(metric for kind in PARTITION.values() for metric in kind)

    def expr(target: Target, grid: Grid, site: str) -> str:
        return f"max by (__name__) ({selector(names(metrics), site, partition=target.partitions)})"

    return Batch(
        key="narrow_partition", exporter="slurm_exporter", metrics=metrics, expr=expr, levels=("__name__",), merge="max",
        labels=("partition",), module="status",
    )  # fmt: skip


def _by_kind(parts: dict[str, dict[str, str]]) -> str:
    return " or ".join(f'label_replace(({joined(one)}), "kind", "{kind}", "", "")' for kind, one in parts.items())


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (recorded(settings), on_nodes(settings), partition(settings))
