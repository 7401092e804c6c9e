"""The batches of the nodes a job ran on: network, local disk, hardware counters, power.

On one node small counters are joined by `or`; on several each counter is its own request, summed by node. Hardware
counters always name their aggregate, since the exporter shows every level under the same name.
"""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import joined, labelled
from datasources.prometheus.promql import hosts_matcher, matcher, selector

NODE = "node_exporter"
PCM = "pcm-sensor-server"
REDFISH = "redfish_exporter"
NVIDIA = "nvidia_gpu_exporter"

DISKS = r'device=~"nvme[0-9]+n[0-9]+|sd[a-z]+|vd[a-z]+"'
WIRED = 'device!~"ib.*|lo"'
LINKS = tuple(f"Incoming_Data_Traffic_On_Link_{number}" for number in range(3))

NETWORK = {
    "eth_in": ("node_network_receive_bytes_total", WIRED),
    "eth_out": ("node_network_transmit_bytes_total", WIRED),
    "ib_in": ("node_infiniband_port_data_received_bytes_total", ""),
    "ib_out": ("node_infiniband_port_data_transmitted_bytes_total", ""),
}
DISK = {
    "reads": ("node_disk_reads_completed_total", DISKS),
    "writes": ("node_disk_writes_completed_total", DISKS),
    "read_bytes": ("node_disk_read_bytes_total", DISKS),
    "written_bytes": ("node_disk_written_bytes_total", DISKS),
}
CARD_POWER, NODE_CPU = "nvidia_gpu_power_usage_milliwatts", "node_cpu_seconds_total"
SOCKET = {"dram_read": "DRAM_Reads", "dram_write": "DRAM_Writes"}
CACHE = {
    "l2_hit": "L2_Cache_Hits", "l2_miss": "L2_Cache_Misses", "l3_hit": "L3_Cache_Hits", "l3_miss": "L3_Cache_Misses",
}
CYCLES = {"instructions": "Instructions_Retired_Any", "cycles": "Clock_Unhalted_Ref"}
# `what` of an answer → the metric it is made of
METRIC_OF = {what: metric for what, (metric, _extra) in {**NETWORK, **DISK}.items()} | SOCKET | CACHE | CYCLES
METRIC_OF |= {f"link_{number}": metric for number, metric in enumerate(LINKS)}


def at(settings: Settings, target: Target, *, bmc: bool = False) -> str:
    """The matcher of a target's nodes on the host label, with or without a port; `bmc` names their BMCs."""
    suffix = settings.metrics.bmc_suffix if bmc else ""
    return hosts_matcher(settings.metrics.host_label, target.hosts, settings.metrics.host_domain, suffix)


def _rates(settings: Settings, target: Target, grid: Grid, site: str, family: dict[str, tuple[str, str]], by: str) -> dict:
    return {
        what: f"sum by ({by}) (rate({selector(metric, site, at(settings, target), extra)}[{grid.window}s]))"
        for what, (metric, extra) in family.items()
    }


def _counters(settings: Settings, key: str, exporter: str, family: dict, by: tuple[str, ...], *, many: bool) -> tuple[Batch, ...]:
    """One joined batch on one node; a batch a counter on many. Levels: what, then `by`."""
    groups = [{what: parts} for what, parts in family.items()] if many else [family]
    batches = []
    for group in groups:
        def expr(target: Target, grid: Grid, site: str, group: dict = group) -> str:
            return joined(_rates(settings, target, grid, site, group, ", ".join(by)))

        batches.append(
            Batch(
                key=f"{key}_{next(iter(group))}" if many else key, exporter=exporter, expr=expr, levels=("what", *by),
                metrics=tuple(metric for metric, _ in group.values()), labels=by,
            )
        )
    return tuple(batches)


def network(settings: Settings, *, many: bool) -> tuple[Batch, ...]:
    """Bytes a second in and out of Ethernet and InfiniBand devices; `what` is eth_in, eth_out, ib_in, ib_out."""
    host = settings.metrics.host_label
    return _counters(settings, "node_network", NODE, NETWORK, (host,) if many else (host, "device"), many=many)


def disk(settings: Settings, *, many: bool) -> tuple[Batch, ...]:
    """Operations and bytes a second of local disks; `what` is reads, writes, read_bytes, written_bytes."""
    host = settings.metrics.host_label
    return _counters(settings, "node_disk", NODE, DISK, (host,) if many else (host, "device"), many=many)


def disk_used(settings: Settings) -> Batch:
    """Bytes used on the local scratch disk by node and device."""
    host = settings.metrics.host_label
    mount = matcher("mountpoint", settings.metrics.local_scratch)

    def expr(target: Target, grid: Grid, site: str) -> str:
        size, free = (selector(f"node_filesystem_{part}_bytes", site, at(settings, target), mount) for part in ("size", "avail"))
        return joined({"size": f"max by ({host}, device) ({size})", "avail": f"max by ({host}, device) ({free})"})

    return Batch(
        key="node_scratch", exporter=NODE, expr=expr, levels=("what", host, "device"), labels=("mountpoint", host),
        metrics=("node_filesystem_size_bytes", "node_filesystem_avail_bytes"),
    )


def memory_bandwidth(settings: Settings) -> Batch:
    """Bytes a second by socket: `what` is dram_read, dram_write, or link_n for what comes in over a link between sockets."""
    host = settings.metrics.host_label
    family = {what: (metric, 'aggregate="socket"') for what, metric in SOCKET.items()}
    family |= {f"link_{number}": (metric, 'aggregate="system"') for number, metric in enumerate(LINKS)}
    return _counters(settings, "pcm_memory", PCM, family, (host, "socket"), many=False)[0]


def counters(settings: Settings, *, by_core: bool, many: bool) -> tuple[tuple[Batch, ...], tuple[Batch, ...]]:
    """(cache batches, cycle batches): hits and misses, instructions and cycles, a second.

    `by_core`: of each hardware thread, else summed over a node's threads; `many` nodes: a counter a request, because a join
    is paid for each series. Not every version of the exporter shows a sum over the system, so threads are added up here.
    """
    host = settings.metrics.host_label
    threads, by = 'core=~"[0-9]+",thread=~"[0-9]+"', (host, "socket", "core", "thread") if by_core else (host,)
    caches, cycles = ({what: (metric, threads) for what, metric in family.items()} for family in (CACHE, CYCLES))
    place = "core" if by_core else "node"
    return (
        _counters(settings, f"pcm_cache_{place}", PCM, caches, by, many=many),
        _counters(settings, f"pcm_cycles_{place}", PCM, cycles, by, many=many),
    )


def core_map(settings: Settings) -> Batch:
    """OS_ID: the core number the system uses for each hardware thread of a node. Instant; the value is that number."""
    host = settings.metrics.host_label
    return Batch(
        key="pcm_core_map", exporter=PCM, metrics=("OS_ID",), instant=True, levels=(host, "socket", "core", "thread"),
        labels=("socket", "core", "thread"), merge="max",
        expr=lambda target, grid, site: selector("OS_ID", site, at(settings, target), 'core=~"[0-9]+"'),
    )


def card_power(settings: Settings) -> Batch:
    """Watts of all GPUs of a node (`what` is gpu), and how many they are (gpus): part of power()."""
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        cards = selector(CARD_POWER, site, at(settings, target))
        return joined({"gpu": f"sum by ({host}) ({cards}) / 1000", "gpus": f"count by ({host}) ({cards})"})

    return Batch(key="node_cards", exporter=NVIDIA, expr=expr, levels=("what", host), merge="max", metrics=(CARD_POWER,), labels=(host,))


def node_cores(settings: Settings) -> Batch:
    """How many cores a node has (`what` is cores): part of power()."""
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        idle = selector(NODE_CPU, site, at(settings, target), 'mode="idle"')
        return joined({"cores": f"count by ({host}) ({idle})"})

    return Batch(key="node_cores", exporter=NODE, expr=expr, levels=("what", host), merge="max", metrics=(NODE_CPU,), labels=(host,))


def power(settings: Settings, *, cores: bool) -> Batch:
    """Watts of nodes: `what` is chassis (redfish), gpu (sum of a node's GPUs) or gpus (how many they are).

    With `cores` also how many cores each node has (what = cores), for jobs that share a node.
    """
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        chassis = selector(settings.metrics.chassis_power, site, at(settings, target, bmc=True))
        parts = [labelled(f"max by ({host}) ({chassis})", "chassis")]
        more = node_cores(settings) if cores else card_power(settings)
        if settings.exporter(more.exporter).installed:
            parts.append(more.expr(target, grid, site))
        return " or ".join(parts)

    return Batch(
        key="node_power_cores" if cores else "node_power", exporter=REDFISH, expr=expr, levels=("what", host), merge="max",
        metrics=(settings.metrics.chassis_power,), labels=(host,),
    )


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (
        *network(settings, many=False), *disk(settings, many=False), disk_used(settings), memory_bandwidth(settings),
        *(batch for group in counters(settings, by_core=True, many=False) for batch in group), core_map(settings),
        power(settings, cores=False), power(settings, cores=True), card_power(settings), node_cores(settings),
    )
