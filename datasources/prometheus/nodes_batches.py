"""The batches of all nodes at once: what each has and uses now, its state in Slurm, and the short lines of a page of them.

Nothing is asked by node: one request sums by host, whatever the number of nodes. A host label may carry a port or not.
"""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import JOB, joined
from datasources.prometheus.job_batches_node import CARD_POWER, NODE, NVIDIA, REDFISH, at
from datasources.prometheus.promql import matcher, names, selector

SLURM = "slurm_exporter"
STATE = ("slurm_node_state_info", "slurm_node_features_info")
CPU, TOTAL, FREE = "node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes"
DISK = ("node_filesystem_size_bytes", "node_filesystem_avail_bytes")
LOAD, GPU_USE = "node_load1", "slurm_job_utilization_gpu"
MOST = 100_000  # series: eight numbers for each of 12 000 nodes, one sample each


def _at(settings: Settings, target: Target, *, bmc: bool = False) -> tuple[str, ...]:
    """The matcher of the target's nodes; none for all nodes."""
    return (at(settings, target, bmc=bmc),) if target.hosts else ()


def _host(settings: Settings, target: Target, grid: Grid, site: str) -> dict[str, str]:
    host, where = settings.metrics.host_label, _at(settings, target)
    idle = selector(CPU, site, *where, 'mode="idle"')
    mount = matcher("mountpoint", settings.metrics.local_scratch)
    size, avail = (f"max by ({host}) ({selector(metric, site, *where, mount)})" for metric in DISK)
    return {
        "cores": f"count by ({host}) ({idle})", "idle": f"sum by ({host}) (rate({idle}[{grid.window}s]))",
        "memory": f"max by ({host}) ({selector(TOTAL, site, *where)})", "memory_free": f"max by ({host}) ({selector(FREE, site, *where)})",
        "disk": size, "disk_free": avail, "load": f"max by ({host}) ({selector(LOAD, site, *where)})",
    }  # fmt: skip


def _cards(settings: Settings, target: Target, grid: Grid, site: str) -> dict[str, str]:
    cards = selector(CARD_POWER, site, *_at(settings, target))
    return {"cards": f"count by ({settings.metrics.host_label}, name) ({cards})"}


def _gpus(settings: Settings, target: Target, grid: Grid, site: str) -> dict[str, str]:
    host, use = settings.metrics.host_label, selector(GPU_USE, site, *_at(settings, target))
    return {"gpus_used": f"sum by ({host}) ({use}) / 100", "gpus_held": f"count by ({host}) ({use})"}


def _power(settings: Settings, target: Target, grid: Grid, site: str) -> dict[str, str]:
    power = selector(settings.metrics.chassis_power, site, *_at(settings, target, bmc=True))
    return {"power": f"max by ({settings.metrics.host_label}) ({power})"}


PARTS = ((NODE, _host), (NVIDIA, _cards), (JOB, _gpus), (REDFISH, _power))
# columns of an answer by exporter: what a gap in them means
WHAT = {NODE: ("cores", "idle", "memory", "memory_free", "disk", "disk_free", "load"), NVIDIA: ("cards",), JOB: ("gpus_used", "gpus_held"), REDFISH: ("power",)}


def measured(settings: Settings) -> Batch:
    """What each node has and uses now, one request; the exporters that are installed.

    `what`: cores, idle (cores), memory, memory_free, disk, disk_free (bytes; local scratch), load, cards (GPUs, by their `name`), gpus_used
    (fully busy GPUs of jobs), gpus_held (devices of running jobs) and power (W).
    """
    there = [(exporter, part) for exporter, part in PARTS if settings.exporter(exporter).installed] or [PARTS[0]]

    def expr(target: Target, grid: Grid, site: str) -> str:
        return joined({what: text for _exporter, part in there for what, text in part(settings, target, grid, site).items()})

    metrics = {NODE: (CPU, TOTAL, FREE, *DISK, LOAD), NVIDIA: (CARD_POWER,), JOB: (GPU_USE,), REDFISH: (settings.metrics.chassis_power,)}
    return Batch(
        key="nodes_measured", exporter=there[0][0], expr=expr, levels=("what", settings.metrics.host_label, "name"), merge="max", instant=True,
        metrics=tuple(metric for exporter, _part in there for metric in metrics[exporter]), labels=(settings.metrics.host_label,), most=MOST,
        module="nodes",
    )  # fmt: skip


def state(settings: Settings) -> Batch:
    """State and features of each node as the Slurm exporter tells them; a state that no longer holds is 0 there, or absent."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        where = {"node": target.hosts} if target.hosts else {}
        return f"max by (__name__, node, state, features) ({selector(names(STATE), site, **where)}) > 0"

    return Batch(
        key="nodes_state", exporter=SLURM, expr=expr, levels=("__name__", "node", "state", "features"), merge="max", instant=True, metrics=STATE,
        labels=("node", "state"), most=MOST, module="nodes",
    )  # fmt: skip


def trend(settings: Settings) -> Batch:
    """Busy cores, memory in use (bytes) and fully busy GPUs of the nodes of one page over the range; `what`: cores, memory, gpus."""
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        where = _at(settings, target)
        busy = selector(CPU, site, *where, 'mode="idle"')
        total, free, use = (selector(metric, site, *where) for metric in (TOTAL, FREE, GPU_USE))
        parts = {
            "cores": f"count by ({host}) ({busy}) - sum by ({host}) (rate({busy}[{grid.window}s]))",
            "memory": f"max by ({host}) ({total} - {free})",
        }
        if settings.exporter(JOB).installed:
            parts["gpus"] = f"sum by ({host}) ({use}) / 100"
        return joined(parts)

    return Batch(
        key="nodes_trend", exporter=NODE, expr=expr, levels=("what", host), merge="max", metrics=(CPU, TOTAL, FREE, GPU_USE), labels=(host,),
        module="nodes",
    )  # fmt: skip


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return measured(settings), state(settings), trend(settings)
