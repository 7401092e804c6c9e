"""Series of the exporters of a whole node: node_exporter here, the others in series_hardware."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from demo.series import COARSE, STEP, Block
from demo.series_hardware import Part, hardware_blocks, named, part_block
from demo.series_node import SERVICE, NodeLoad
from demo.series_share import FLOWS

LIVE_MODES = ("irq", "nice", "softirq", "steal")
MODES = ("idle", "user", "system", "iowait")
SPACE = ("node_filesystem_size_bytes", "node_filesystem_avail_bytes", "node_filesystem_free_bytes")
GIB = 2**30
ROOT_SIZE = 100 * GIB
COUNTERS = [
    "node_cpu_seconds_total",
    "node_network_receive_bytes_total",
    "node_network_transmit_bytes_total",
    "node_network_receive_packets_total",
    "node_network_transmit_packets_total",
    "node_infiniband_port_data_received_bytes_total",
    "node_infiniband_port_data_transmitted_bytes_total",
    "node_disk_read_bytes_total",
    "node_disk_written_bytes_total",
    "node_disk_reads_completed_total",
    "node_disk_writes_completed_total",
    "node_disk_io_time_seconds_total",
]
GAUGES = [
    "node_load1",
    "node_load5",
    "node_load15",
    "node_memory_MemTotal_bytes",
    "node_memory_MemAvailable_bytes",
    "node_memory_MemFree_bytes",
    "node_memory_Buffers_bytes",
    "node_memory_Cached_bytes",
    "node_memory_Slab_bytes",
    "node_memory_SwapTotal_bytes",
    "node_memory_SwapFree_bytes",
    "node_memory_PageTables_bytes",
    "node_memory_SwapCached_bytes",
    "node_memory_HardwareCorrupted_bytes",
    "node_network_speed_bytes",
    "node_infiniband_rate_bytes_per_second",
    "node_infiniband_state_id",
    "node_filesystem_size_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_free_bytes",
    "node_boot_time_seconds",
    "node_time_seconds",
    "node_uname_info",
]
TYPES = {**dict.fromkeys(COUNTERS, "counter"), **dict.fromkeys(GAUGES, "gauge")}


def host_blocks(load: NodeLoad) -> list[Block]:
    """Every block of one node's own exporters; MDS and OSS show only their Lustre exporter, elsewhere."""
    return [*_node_blocks(load), *_cpu_blocks(load), *hardware_blocks(load)]


def _block(load: NodeLoad, part: Part, every: int = STEP, fine: bool = False) -> Block:
    return replace(part_block(load, "node_exporter", f"{load.node.name}:9100", part, every), fine=fine)


def _cpu_blocks(load: NodeLoad) -> list[Block]:
    """CPU seconds by core and mode. The history has the modes people read, more rarely where nobody signs in; live has all."""
    cores, seen = load.node.cores, load.node.kind in ("login", "transfer")
    modes = MODES if load.node.kind in SERVICE else MODES[:3]

    def part(modes: tuple[str, ...], values: Callable[[np.ndarray], np.ndarray]) -> Part:
        return [
            {"__name__": "node_cpu_seconds_total", "cpu": str(c), "mode": mode} for mode in modes for c in range(cores)
        ], values

    def main(times: np.ndarray) -> np.ndarray:
        counted = load.counters(times)
        user, system = counted[:cores], counted[cores : 2 * cores]
        left = times - load.boots.since(times) - user - system
        return np.round(np.vstack([left * 0.998, user, system, left * 0.002][: len(modes)]), 2)

    def waiting(times: np.ndarray) -> np.ndarray:
        counted = load.counters(times)
        return np.round((times - load.boots.since(times) - counted[:cores] - counted[cores : 2 * cores]) * 0.002, 2)

    def still(times: np.ndarray) -> np.ndarray:
        return np.zeros((len(LIVE_MODES) * cores, len(times)))

    blocks = [_block(load, part(modes, main), STEP if seen else COARSE, fine=True), _block(load, part(LIVE_MODES, still), 0)]
    return blocks if len(modes) == len(MODES) else [*blocks, _block(load, part(MODES[3:], waiting), COARSE, fine=True)]


def _node_blocks(load: NodeLoad) -> list[Block]:
    """What moves, and what hardly does: the history has that as rarely as the look-back allows."""
    return [
        _block(load, _joined(_memory(load), _traffic(load), _scratch(load))),
        _block(load, _joined(_fixed_memory(load), _links(load), _state(load)), COARSE),
    ]


def _joined(*parts: Part) -> Part:
    labels = [one for part in parts for one in part[0]]
    return labels, lambda times: np.vstack([values(times) for _, values in parts])


def _split(load: NodeLoad, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Program, page cache and free memory in bytes."""
    total = load.node.memory
    program, cache = load.gauges(times)[:2]
    program = np.minimum(program, 0.97 * total)
    cache = np.minimum(cache, 0.98 * total - program)
    return program, cache, np.maximum(total - program - cache - 3 * _small(load), 0.002 * total)


def _small(load: NodeLoad) -> float:
    return min(0.005 * load.node.memory, 2 * GIB)


def _memory(load: NodeLoad) -> Part:
    names = [f"node_memory_{name}_bytes" for name in ("MemAvailable", "MemFree", "Cached")]

    def values(times: np.ndarray) -> np.ndarray:
        _, cache, free = _split(load, times)
        return np.rint(np.vstack([free + cache * 0.9, free, cache]))

    return named(*names), values


def _fixed_memory(load: NodeLoad) -> Part:
    small = _small(load)
    sizes = {"MemTotal": load.node.memory, "Buffers": small * 0.2, "Slab": small, "PageTables": small * 0.1}
    sizes |= dict.fromkeys(("SwapTotal", "SwapFree", "SwapCached", "HardwareCorrupted"), 0)
    column = np.rint(np.array([*sizes.values()], float))[:, None]
    labels = named(*(f"node_memory_{name}_bytes" for name in sizes))
    return labels, lambda times: np.repeat(column, len(times), axis=1)


def _traffic(load: NodeLoad) -> Part:
    node = load.node
    fast = node.kind != "hypervisor"
    labels = named(*(name for name in COUNTERS if name.startswith("node_network")), device="eth0")
    if fast:
        labels += named(*(name for name in COUNTERS if "infiniband" in name), device="mlx5_0", port="1")
    labels += named(*(name for name in COUNTERS if name.startswith("node_disk")), device="nvme0n1")

    def values(times: np.ndarray) -> np.ndarray:
        flows = load.counters(times)[2 * node.cores : 2 * node.cores + len(FLOWS)]
        eth_rx, eth_tx, ib_rx, ib_tx, read, written = np.floor(flows[:6])
        rows = [eth_rx, eth_tx, eth_rx // 1200, eth_tx // 1200]
        if fast:
            rows += [ib_rx, ib_tx]
        busy = np.round(np.minimum(read / 2e9 + written / 1.2e9, times - load.boots.since(times)), 3)
        return np.vstack([*rows, read, written, read // 131072, written // 65536, busy])

    return labels, values


def _links(load: NodeLoad) -> Part:
    """The loopback device and the links' states."""
    fast = load.node.kind != "hypervisor"
    labels = named(*(name for name in COUNTERS if name.startswith("node_network")), device="lo")
    labels += named("node_network_speed_bytes", device="eth0")
    if fast:
        names = ("node_infiniband_rate_bytes_per_second", "node_infiniband_state_id")
        labels += named(*names, device="mlx5_0", port="1")

    def values(times: np.ndarray) -> np.ndarray:
        local, same = np.floor(40.0 * (times - load.boots.since(times))), np.ones(len(times))
        rows = [local, local, local // 200, local // 200, 3.125e9 * same]
        return np.vstack([*rows, 12.5e9 * same, 4 * same] if fast else rows)

    return labels, values


def _scratch(load: NodeLoad) -> Part:
    """The load of this minute and the space jobs leave on the local disk."""
    scratch = load.node.scratch
    labels = named("node_load1")
    if scratch:
        labels += named(*SPACE[1:], device="/dev/nvme0n1p3", fstype="xfs", mountpoint="/localscratch")

    def values(times: np.ndarray) -> np.ndarray:
        runnable, used = load.gauges(times)[2:4]
        left = np.rint(np.maximum(scratch * 0.995 - used, 0))
        return np.vstack([np.round(runnable, 2), *([left, left] if scratch else [])])

    return labels, values


def _state(load: NodeLoad) -> Part:
    node = load.node
    labels = named("node_load5", "node_load15")
    labels += named(*SPACE, device="/dev/nvme0n1p2", fstype="xfs", mountpoint="/")
    if node.scratch:
        labels += named(SPACE[0], device="/dev/nvme0n1p3", fstype="xfs", mountpoint="/localscratch")
    labels += named("node_boot_time_seconds", "node_time_seconds")
    labels += named(
        "node_uname_info",
        domainname="(none)",
        machine="x86_64",
        nodename=node.name,
        release="5.14.0-427.13.1.el9_4.x86_64",
        sysname="Linux",
        version="#1 SMP PREEMPT_DYNAMIC",
    )
    left = np.rint(ROOT_SIZE * 0.69)

    def values(times: np.ndarray) -> np.ndarray:
        same = np.ones(len(times))
        averages = [
            np.round(sum(load.gauges(times - back)[2] for back in spans) / len(spans), 2)
            for spans in ((60, 180), (120, 600))
        ]
        rows = [*averages, ROOT_SIZE * same, left * same, left * same]
        if node.scratch:
            rows.append(node.scratch * same)
        return np.vstack([*rows, load.boots.boot_time(times), times, same]).astype(float)

    return labels, values
