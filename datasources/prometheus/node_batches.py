"""The batches of one node's page: what it is and does now, and by job and by kind over time.

A target names one host. What jobs used comes with the labels of their owner, which node_frames folds before anything leaves.
"""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import JOB, joined
from datasources.prometheus.job_batches_node import CARD_POWER, NODE, NODE_CPU, NVIDIA, REDFISH, at
from datasources.prometheus.promql import matcher, names, selector

SLURM = "slurm_exporter"
OWNER = ("user", "account", "slurmjobid")
CORES = "slurm_job_core_usage_total"
PROGRAM = ("slurm_job_memory_rss", "slurm_job_memory_mapped_file")
KERNEL = tuple(
    f"node_memory_{kind}_bytes"
    for kind in ("MemTotal", "MemFree", "Buffers", "Cached", "Slab", "PageTables", "SwapCached", "HardwareCorrupted")
)
GPU = tuple(
    f"slurm_job_{part}"
    for part in ("utilization_gpu", "sm_occupancy_gpu", "tensor_gpu", "memory_usage_gpu", "memory_total_gpu", "power_gpu")
)
SPACE = {"size": "node_filesystem_size_bytes", "avail": "node_filesystem_avail_bytes"}
REAL = 'fstype!~"tmpfs|devtmpfs|ramfs|squashfs|overlay|autofs|lustre|nfs.*|fuse.*|rpc_pipefs",mountpoint!=""'
IDLE = 'mode="idle"'
STATE, FEATURES = "slurm_node_state_info", "slurm_node_features_info"
NOW = (
    NODE_CPU, "node_load1", "node_boot_time_seconds", "node_uname_info", "node_memory_MemTotal_bytes", "node_memory_MemFree_bytes",
    "node_memory_Buffers_bytes", "node_memory_Cached_bytes", *SPACE.values(),
)


def survives(grid: Grid) -> int:
    """Seconds a rate over whole nodes looks back: two steps, so that samples as far apart as the steps still make a rate."""
    return max(grid.window, 2 * grid.step)


def now(settings: Settings) -> Batch:
    """A node now, in one request. Instant; levels what, detail.

    `what`: threads (hardware threads), busy (threads), load, booted (UTC seconds), memory, free_memory (bytes, free or file cache),
    space, free_space (bytes of local scratch), kernel (detail: its release), job_busy (cores that jobs keep busy), job_cores (cores jobs
    were given), cards (detail: their model), card_power (W), gpus_busy (GPUs), chassis (W), state and features (detail: as Slurm's exporter writes them).
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        parts = _host_now(settings, target, grid, site)
        if settings.exporter(JOB).installed:
            parts |= _jobs_now(settings, target, grid, site)
        if settings.exporter(NVIDIA).installed:
            cards = selector(CARD_POWER, site, at(settings, target))
            named = f'label_replace({cards}, "detail", "$1", "name", "(.*)")'
            parts |= {"cards": f"count by (detail) ({named})", "card_power": f"sum({cards}) / 1000"}
        if settings.exporter(REDFISH).installed:
            parts["chassis"] = f"max({selector(settings.metrics.chassis_power, site, at(settings, target, bmc=True))})"
        if settings.exporter(SLURM).installed:
            parts |= _slurm_now(settings, target, site)
        return joined(parts)

    return Batch(
        key="node_now", exporter=NODE, expr=expr, levels=("what", "detail"), metrics=NOW, merge="max", instant=True,
        labels=("mode", "mountpoint"), module="nodes",
    )


def _detail(expr: str, label: str) -> str:
    return f'max by (detail) (label_replace({expr}, "detail", "$1", "{label}", "(.*)"))'


def _host_now(settings: Settings, target: Target, grid: Grid, site: str) -> dict[str, str]:
    host = at(settings, target)
    mount = matcher("mountpoint", settings.metrics.local_scratch)
    idle, busy = (selector(NODE_CPU, site, host, modes) for modes in (IDLE, 'mode!~"idle|iowait"'))
    free = " + ".join(f"max({selector(f'node_memory_{kind}_bytes', site, host)})" for kind in ("MemFree", "Buffers", "Cached"))
    return {
        "threads": f"count({idle})",
        "busy": f"sum(rate({busy}[{survives(grid)}s]))",
        "load": f"max({selector('node_load1', site, host)})",
        "booted": f"max({selector('node_boot_time_seconds', site, host)})",
        "memory": f"max({selector('node_memory_MemTotal_bytes', site, host)})",
        "free_memory": free,
        "space": f"max({selector(SPACE['size'], site, host, mount)})",
        "free_space": f"max({selector(SPACE['avail'], site, host, mount)})",
        "kernel": _detail(selector("node_uname_info", site, host), "release"),
    }


def _jobs_now(settings: Settings, target: Target, grid: Grid, site: str) -> dict[str, str]:
    host = at(settings, target)
    return {
        "job_busy": f"sum(rate({selector(CORES, site, host)}[{grid.window}s])) / 1e9",
        "job_cores": f"count({selector(CORES, site, host)})",
        "gpus_busy": f"sum({selector('slurm_job_utilization_gpu', site, host)}) / 100",
    }


def _slurm_now(settings: Settings, target: Target, site: str) -> dict[str, str]:
    node = matcher("node", target.hosts)
    return {
        "state": _detail(f"{selector(STATE, site, node)} > 0", "state"),
        "features": _detail(selector(FEATURES, site, node), "features"),
    }


def running(settings: Settings) -> Batch:
    """What each job on the node uses of it now: `what` is cores, memory (bytes, program), gpus (GPUs fully busy). Instant."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        host, by = at(settings, target), "sum by (slurmjobid)"
        return joined({
            "cores": f"{by} (rate({selector(CORES, site, host)}[{grid.window}s])) / 1e9",
            "memory": " + ".join(f"{by} ({selector(metric, site, host)})" for metric in PROGRAM),
            "gpus": f"{by} ({selector('slurm_job_utilization_gpu', site, host)}) / 100",
        })  # fmt: skip

    return Batch(
        key="node_running", exporter=JOB, expr=expr, levels=("what", "slurmjobid"), labels=("slurmjobid",), instant=True,
        metrics=(CORES, *PROGRAM, "slurm_job_utilization_gpu"), module="nodes",
    )


def by_job(settings: Settings, kind: str, *, people: bool = False) -> Batch:
    """Cores or memory (bytes, program) of each job on the node; levels user, account, slurmjobid.

    `people`: of each person's jobs together, where jobs are too many to draw; slurmjobid is "" then. The cores have a series
    with user "" and slurmjobid "allocated": the cores jobs were given.
    """
    by = ", ".join(OWNER[:2] if people else OWNER)

    def expr(target: Target, grid: Grid, site: str) -> str:
        host = at(settings, target)
        if kind == "memory":
            return " + ".join(f"sum by ({by}) ({selector(metric, site, host)})" for metric in PROGRAM)
        used = f"sum by ({by}) (rate({selector(CORES, site, host)}[{grid.window}s])) / 1e9"
        return f'{used} or label_replace(count({selector(CORES, site, host)}), "slurmjobid", "allocated", "", "")'

    return Batch(
        key=f"node_{kind}_people" if people else f"node_{kind}_jobs", exporter=JOB, expr=expr, levels=OWNER, labels=OWNER,
        metrics=(CORES,) if kind == "cores" else PROGRAM, module="nodes",
    )


def modes(settings: Settings) -> Batch:
    """Hardware threads by what they did (level mode: user, system, iowait …, and `all`, how many there are)."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        host = at(settings, target)
        idle, other = (selector(NODE_CPU, site, host, mode) for mode in (IDLE, 'mode!="idle"'))
        return f'sum by (mode) (rate({other}[{survives(grid)}s])) or label_replace(count({idle}), "mode", "all", "", "")'

    return Batch(key="node_modes", exporter=NODE, expr=expr, levels=("mode",), metrics=(NODE_CPU,), labels=("mode",), module="nodes")


def kernel_memory(settings: Settings) -> Batch:
    """What the kernel counts as memory of each kind, bytes; level __name__."""
    return Batch(
        key="node_kernel_memory", exporter=NODE, metrics=KERNEL, levels=("__name__",), merge="max", module="nodes",
        expr=lambda target, grid, site: selector(names(KERNEL), site, at(settings, target)),
    )


def space(settings: Settings) -> Batch:
    """Bytes of the node's own file systems: `what` is size or avail; level mountpoint. Network file systems are left out."""
    return Batch(
        key="node_space", exporter=NODE, levels=("what", "mountpoint"), metrics=tuple(SPACE.values()), labels=("mountpoint", "fstype"),
        merge="max", module="nodes",
        expr=lambda target, grid, site: joined(
            {what: f"max by (mountpoint) ({selector(metric, site, at(settings, target), REAL)})" for what, metric in SPACE.items()}
        ),
    )


def gpus(settings: Settings) -> Batch:
    """Every GPU gauge of the node's jobs, and the power of all its cards (mW), idle ones too; percent, bytes, mW by metric."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        jobs = selector(names(GPU), site, at(settings, target))
        if not settings.exporter(NVIDIA).installed:
            return jobs
        cards = selector(CARD_POWER, site, at(settings, target))
        for new, old in (("gpu", "minor_number"), ("gpu_type", "name")):
            cards = f'label_replace({cards}, "{new}", "$1", "{old}", "(.*)")'
        return f"{jobs} or {cards}"

    return Batch(
        key="node_gpus", exporter=JOB, metrics=(*GPU, CARD_POWER), expr=expr, levels=("__name__", *OWNER, "gpu", "gpu_type"),
        merge="max", labels=(*OWNER, "gpu", "gpu_type"), module="nodes",
    )


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (
        now(settings), running(settings), by_job(settings, "cores"), by_job(settings, "memory"), by_job(settings, "cores", people=True),
        by_job(settings, "memory", people=True), modes(settings), kernel_memory(settings), space(settings), gpus(settings),
    )
