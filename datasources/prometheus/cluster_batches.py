"""The batches of the cluster as a whole: what the Slurm exporter counts, and what jobs use by the recording rules.

Two exporters of a highly available pair say the same, and so do two servers that evaluate the rules: the largest is taken before
anything is added up. Nothing here has a user, an account or a job: what carries them is summed over them in Prometheus.
"""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import JOB, joined
from datasources.prometheus.job_batches_node import CARD_POWER, NODE, NODE_CPU, NVIDIA
from datasources.prometheus.promql import names, selector

SLURM = "slurm_exporter"
GAUGES = (
    "slurm_cpus_alloc", "slurm_cpus_idle", "slurm_cpus_total", "slurm_gpus_alloc", "slurm_gpus_idle", "slurm_gpus_total",
    "slurm_queue_running", "slurm_queue_pending",
)  # fmt: skip
USED = {"cores": "slurm_job:used_core:sum", "gpus": "slurm_job:used_gpu:sum"}
HELD_GPUS, ACTIVE_GPUS = "slurm_job:allocated_gpu:count", "slurm_job:non_idle_gpu:sum_user_account"
MEMORY = {"memory": "slurm_job:rss_memory:sum", "memory_held": "slurm_job:allocated_memory:sum"}
RULES = {**USED, "gpus_held": HELD_GPUS, **MEMORY}
MEMORY_TOTAL = "node_memory_MemTotal_bytes"
STATES = ("alloc", "mix", "comp", "idle", "resv", "maint", "drain", "down", "fail", "err", "unknown")
NODES = tuple(f"slurm_nodes_{state}" for state in STATES)
JOBS = ("slurm_partition_jobs_running", "slurm_partition_jobs_pending")
WAIT = "slurm_partition_jobs_median_wait_time_seconds"
SCHEDULER = tuple(
    f"slurm_scheduler_{name}"
    for name in (
        "last_cycle", "mean_cycle", "backfill_last_cycle", "backfill_mean_cycle", "last_queue_length", "backfill_last_queue_length", "queue_size",
        "threads", "cycle_per_minute", "mean_depth_cycle", "backfill_depth_mean", "backfill_last_depth_cycle",
    )
)  # fmt: skip
RPC, RPC_TIME = "slurm_rpc_stats_count", "slurm_rpc_stats_avg_time"
DBD_ROLLUP = tuple(f"slurm_dbd_cluster_rollup_{span}_last_cycle" for span in ("hour", "day"))
DBD_RPC = "slurm_dbd_rpc_stats_count"
HEARD_FOR = "6h"
MOST = 100_000


def _gauges(metrics: tuple[str, ...], *by: str):  # noqa: ANN202 - the expr of a batch
    def expr(target: Target, grid: Grid, site: str) -> str:
        return f"max by ({', '.join(('__name__', *by))}) ({selector(names(metrics), site)})"

    return expr


def _rule(rule: str, site: str) -> str:
    """A rule's sum over clusters, the same cluster told twice counted once."""
    return f"sum(max by (cluster) ({selector(rule, site)}))"


def _used(target: Target, grid: Grid, site: str) -> str:
    # the users' own series are added up here, so that none of them leaves the server
    active = f"sum(max by (cluster, gpu_type, user, account) ({selector(ACTIVE_GPUS, site)}))"
    return joined({**{what: _rule(rule, site) for what, rule in RULES.items()}, "gpus_active": active})


def _heard(target: Target, grid: Grid, site: str) -> str:
    return f"max(max_over_time(timestamp({selector(GAUGES[2], site)})[{HEARD_FOR}:1m]))"


def _rpc(metric: str):  # noqa: ANN202 - the expr of a batch
    def expr(target: Target, grid: Grid, site: str) -> str:
        return f"max by (operation) (rate({selector(metric, site)}[{max(grid.window, 2 * grid.step)}s]))"

    return expr


# cores, GPUs and jobs by state, one column a metric
CLUSTER = Batch(key="cluster", exporter=SLURM, metrics=GAUGES, expr=_gauges(GAUGES), levels=("__name__",), merge="max", module="status")
# what all jobs use: cores (busy ones), gpus (their utilisation added up), gpus_held (devices of jobs), gpus_active (devices that show any use),
# memory (bytes, rss), memory_held (bytes, limits)
CLUSTER_USED = Batch(
    key="cluster_used", exporter=JOB, metrics=(), rules=(*RULES.values(), ACTIVE_GPUS), expr=_used, levels=("what",), module="status"
)
# when the Slurm exporter was last read, UTC s; no row where it was not within six hours
HEARD = Batch(key="cluster_heard", exporter=SLURM, metrics=(GAUGES[2],), expr=_heard, levels=(), merge="max", instant=True, module="status")
# nodes by state, one column a metric; drain holds drained and draining ones
NODE_STATES = Batch(key="cluster_nodes", exporter=SLURM, metrics=NODES, expr=_gauges(NODES), levels=("__name__",), merge="max", module="status")
# jobs running and pending in each partition, and how long those pending have waited (median, seconds since submission)
PARTITION_JOBS = Batch(
    key="partition_jobs", exporter=SLURM, metrics=(*JOBS, WAIT), expr=_gauges((*JOBS, WAIT), "partition"), levels=("__name__", "partition"),
    labels=("partition",), merge="max", module="status",
)  # fmt: skip
# sdiag: cycles in microseconds, depths and lengths in jobs, threads
SDIAG = Batch(key="scheduler", exporter=SLURM, metrics=SCHEDULER, expr=_gauges(SCHEDULER), levels=("__name__",), merge="max", module="status")
# questions to slurmctld a second, by operation; never by user
RPCS = Batch(key="scheduler_rpc", exporter=SLURM, metrics=(RPC,), expr=_rpc(RPC), levels=("operation",), labels=("operation",), merge="max", module="status")
# slurmdbd: its roll-ups in microseconds, its questions a second by operation. One slurmdbd may serve several clusters: which one a roll-up is of
# stands in `cluster`, or, where Prometheus gives the exporter itself such a label, in `exported_cluster`
DBD = Batch(
    key="slurmdbd", exporter=SLURM, metrics=DBD_ROLLUP, expr=_gauges(DBD_ROLLUP, "cluster", "exported_cluster"),
    levels=("__name__", "cluster", "exported_cluster"), merge="max", module="status",
)  # fmt: skip
DBD_RPCS = Batch(
    key="slurmdbd_rpc", exporter=SLURM, metrics=(DBD_RPC,), expr=_rpc(DBD_RPC), levels=("operation",), labels=("operation",), merge="max",
    module="status",
)  # fmt: skip


def node_sizes(settings: Settings) -> Batch:
    """What each node has, one request. Instant; levels what (cores: hardware threads, memory: bytes, cards: GPUs by `name`), host, name."""
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        threads = selector(NODE_CPU, site, 'mode="idle"')
        parts = {
            "cores": f"count by ({host}) (count by ({host}, cpu) ({threads}))",
            "memory": f"max by ({host}) ({selector(MEMORY_TOTAL, site)})",
        }
        if settings.exporter(NVIDIA).installed:
            cards = selector(CARD_POWER, site)
            parts["cards"] = f"count by ({host}, name) (max by ({host}, name, uuid, minor_number) ({cards}))"
        return joined(parts)

    return Batch(
        key="node_sizes", exporter=NODE, metrics=(NODE_CPU, MEMORY_TOTAL), expr=expr, levels=("what", host, "name"), merge="max",
        instant=True, labels=(host,), most=MOST, module="status",
    )  # fmt: skip


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (
        CLUSTER, CLUSTER_USED, HEARD, NODE_STATES, PARTITION_JOBS, SDIAG, RPCS, DBD, DBD_RPCS, node_sizes(settings),
    )  # fmt: skip
