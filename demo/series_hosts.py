"""Series of the exporters that watch a whole node: node_exporter, redfish, the GPU exporter, pcm-sensor-server."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import Gpu, Node
from demo.series import COARSE, Block, seed_of
from demo.series_node import SERVICE, NodeLoad
from demo.series_share import CLOCK, FLOWS, gpu_model

LIVE_MODES = ("irq", "nice", "softirq", "steal")
MODES = ("idle", "user", "system", "iowait")
GIB = 2**30
Part = tuple[list[dict[str, str]], Callable[[np.ndarray], np.ndarray]]
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
    "redfish_chassis_power_average_consumed_watts",
    "redfish_system_power_state",
    "nvidia_gpu_power_usage_milliwatts",
]
TYPES = {**dict.fromkeys(COUNTERS, "counter"), **dict.fromkeys(GAUGES, "gauge")}


def host_blocks(load: NodeLoad) -> list[Block]:
    """Every block of one node's own exporters; MDS and OSS show only their Lustre exporter, elsewhere."""
    node = load.node
    blocks = [_node_block(load), *_cpu_blocks(load), _redfish_block(load)]
    if node.gpus:
        blocks.append(_block(load, "nvidia_gpu_exporter", f"{node.name}:9445", _cards(load)))
    if node.counters:
        blocks.append(_block(load, "pcm-sensor-server", f"{node.name}:9738", _pcm(load)))
    return blocks


def _block(load: NodeLoad, exporter: str, instance: str, part: Part, every: int = 60, *, dark: bool = True) -> Block:
    labels, values = part

    def shown(times: np.ndarray) -> np.ndarray:
        found = values(times)
        if dark:
            found[:, load.boots.down(times)] = np.nan
        return found

    return Block(exporter=exporter, instance=instance, labels=labels, values=shown, every=every)


def _named(*names: str, **labels: str) -> list[dict[str, str]]:
    return [{"__name__": name, **labels} for name in names]


def _cpu_blocks(load: NodeLoad) -> list[Block]:
    """CPU seconds by core and mode. The history has the modes people read, more rarely on compute nodes; live has all."""
    cores, instance = load.node.cores, f"{load.node.name}:9100"

    def part(modes: tuple[str, ...], values: Callable[[np.ndarray], np.ndarray]) -> Part:
        return [
            {"__name__": "node_cpu_seconds_total", "cpu": str(c), "mode": mode} for mode in modes for c in range(cores)
        ], values

    def main(times: np.ndarray) -> np.ndarray:
        counted = load.counters(times)
        user, system = counted[:cores], counted[cores : 2 * cores]
        left = times - load.boots.since(times) - user - system
        return np.round(np.vstack([left * 0.998, user, system, left * 0.002]), 2)

    def still(times: np.ndarray) -> np.ndarray:
        return np.zeros((len(LIVE_MODES) * cores, len(times)))

    every = 60 if load.node.kind in SERVICE else COARSE
    return [
        _block(load, "node_exporter", instance, part(MODES, main), every),
        _block(load, "node_exporter", instance, part(LIVE_MODES, still), 0),
    ]


def _node_block(load: NodeLoad) -> Block:
    node = load.node
    labels, values = [], []
    for part in (_memory(load), _traffic(load), _state(load)):
        labels += part[0]
        values.append(part[1])
    return _block(
        load, "node_exporter", f"{node.name}:9100", (labels, lambda times: np.vstack([of(times) for of in values]))
    )


def _memory(load: NodeLoad) -> Part:
    total = load.node.memory
    names = [
        "MemTotal",
        "MemAvailable",
        "MemFree",
        "Buffers",
        "Cached",
        "Slab",
        "SwapTotal",
        "SwapFree",
        "PageTables",
        "SwapCached",
        "HardwareCorrupted",
    ]

    def values(times: np.ndarray) -> np.ndarray:
        program, cache = load.gauges(times)[:2]
        program = np.minimum(program, 0.97 * total)
        cache = np.minimum(cache, 0.98 * total - program)
        small = np.full(len(times), min(0.005 * total, 2 * GIB))
        free = np.maximum(total - program - cache - 3 * small, 0.002 * total)
        rows = [
            total + 0 * small,
            free + cache * 0.9,
            free,
            small * 0.2,
            cache,
            small,
            0 * small,
            0 * small,
            small * 0.1,
        ]
        return np.rint(np.vstack([*rows, 0 * small, 0 * small]))

    return _named(*(f"node_memory_{name}_bytes" for name in names)), values


def _traffic(load: NodeLoad) -> Part:
    node = load.node
    fast = node.kind != "hypervisor"
    labels = []
    for device in ("eth0", "lo"):
        labels += _named(*(name for name in COUNTERS if name.startswith("node_network")), device=device)
    if fast:
        labels += _named(*(name for name in COUNTERS if "infiniband" in name), device="mlx5_0", port="1")
        labels += _named("node_infiniband_rate_bytes_per_second", "node_infiniband_state_id", device="mlx5_0", port="1")
    disk = [name for name in COUNTERS if name.startswith("node_disk")]
    labels += _named(*disk, device="nvme0n1")

    def values(times: np.ndarray) -> np.ndarray:
        flows = load.counters(times)[2 * node.cores : 2 * node.cores + len(FLOWS)]
        eth_rx, eth_tx, ib_rx, ib_tx, read, written = np.floor(flows[:6])
        local = np.floor(40.0 * (times - load.boots.since(times)))
        rows = [eth_rx, eth_tx, eth_rx // 1200, eth_tx // 1200, local, local, local // 200, local // 200]
        if fast:
            rows += [ib_rx, ib_tx, np.full(len(times), 12.5e9), np.full(len(times), 4.0)]
        busy = np.round(np.minimum(read / 2e9 + written / 1.2e9, times - load.boots.since(times)), 3)
        return np.vstack([*rows, read, written, read // 131072, written // 65536, busy])

    return labels, values


def _state(load: NodeLoad) -> Part:
    node = load.node
    root, scratch = 100 * GIB, node.scratch
    space = ("node_filesystem_size_bytes", "node_filesystem_avail_bytes", "node_filesystem_free_bytes")
    labels = _named("node_load1", "node_load5", "node_load15")
    labels += _named(*space, device="/dev/nvme0n1p2", fstype="xfs", mountpoint="/")
    if scratch:
        labels += _named(*space, device="/dev/nvme0n1p3", fstype="xfs", mountpoint="/localscratch")
    labels += _named("node_boot_time_seconds", "node_time_seconds", "node_network_speed_bytes")
    labels[-1]["device"] = "eth0"
    labels += _named(
        "node_uname_info",
        domainname="(none)",
        machine="x86_64",
        nodename=node.name,
        release="5.14.0-427.13.1.el9_4.x86_64",
        sysname="Linux",
        version="#1 SMP PREEMPT_DYNAMIC",
    )

    def values(times: np.ndarray) -> np.ndarray:
        runnable, used = load.gauges(times)[2:4]
        averages = [
            np.round(sum(load.gauges(times - back)[2] for back in spans) / len(spans), 2)
            for spans in ((60, 180), (120, 600))
        ]
        rows = [np.round(runnable, 2), *averages]
        full = root * 0.31 + 0 * times
        rows += [np.full(len(times), root), np.rint(root - full), np.rint(root - full)]
        if scratch:
            left = np.rint(np.maximum(scratch * 0.995 - used, 0))
            rows += [np.full(len(times), scratch), left, left]
        rows += [load.boots.boot_time(times), times, np.full(len(times), 3.125e9), np.ones(len(times))]
        return np.vstack(rows).astype(float)

    return labels, values


def _redfish_block(load: NodeLoad) -> Block:
    """The BMC answers while the node is down: power state 2 and a few watts."""
    node = load.node
    chassis = {
        "resource": "power_wattage",
        "chassis_id": "1",
        "power_voltage": "System Power Control",
        "power_voltage_id": "0",
    }
    labels = [
        {"__name__": "redfish_chassis_power_average_consumed_watts", **chassis},
        {"__name__": "redfish_system_power_state", "hostname": node.name, "resource": "system", "system_id": "1"},
    ]

    def values(times: np.ndarray) -> np.ndarray:
        down = load.boots.down(times)
        watts = (
            node.idle_watts
            + node.core_watts * load.gauges(times)[4]
            + sum(_card_watts(load, times), np.zeros(len(times)))
        )
        return np.vstack([np.where(down, 14.0, np.rint(watts)), np.where(down, 2.0, 1.0)])

    return _block(load, "redfish_exporter", f"{node.name}-oob", (labels, values), dark=False)


def cards(node: Node) -> list[list[Gpu]]:
    """The GPUs of a node by card: slices fill a card up to seven sevenths, a whole GPU is one."""
    found: list[list[Gpu]] = []
    sevenths = 7
    for gpu in node.gpus:
        size = int(gpu.mig[0]) if gpu.mig[:1].isdigit() else 7
        if sevenths + size > 7:
            found.append([])
            sevenths = 0
        found[-1].append(gpu)
        sevenths += size
    return found


def _card_watts(load: NodeLoad, times: np.ndarray) -> list[np.ndarray]:
    watts = load.gpu_watts(times)
    # a slice's figure is its own; the card idles beneath them
    return [
        sum(watts[gpu.index] for gpu in card) + (gpu_model(card[0]).idle_watts if card[0].mig else 0)
        for card in cards(load.node)
    ]


def _cards(load: NodeLoad) -> Part:
    labels = []
    for place, card in enumerate(cards(load.node)):
        name = card[0].gpu_type.split(" MIG")[0]
        uuid = f"GPU-{seed_of(load.node.name, place):08x}" if card[0].mig else card[0].uuid
        labels += _named("nvidia_gpu_power_usage_milliwatts", minor_number=str(place), name=name, uuid=uuid)
    return labels, lambda times: np.rint(np.vstack(_card_watts(load, times)) * 1000)


def _pcm(load: NodeLoad) -> Part:
    """Since the machine's counters began: per thread, with both system and socket figures of the memory controllers."""
    node = load.node
    per_socket = node.cores // node.sockets
    names = (
        "Instructions_Retired_Any",
        "L2_Cache_Hits",
        "L2_Cache_Misses",
        "L3_Cache_Hits",
        "L3_Cache_Misses",
        "Clock_Unhalted_Ref",
    )
    places = [(str(core // per_socket), str(core % per_socket)) for core in range(node.cores)]
    threads = [{"socket": socket, "core": core, "thread": "0", "source": "core"} for socket, core in places]
    labels = [{"__name__": name, **thread} for name in names for thread in threads]
    labels += [{"__name__": "OS_ID", **thread} for thread in threads]
    uncore = ["DRAM_Reads", "DRAM_Writes", "Package_Joules_Consumed", "DRAM_Joules_Consumed"]
    sockets = [str(socket) for socket in range(node.sockets)]
    labels += [{"__name__": n, "socket": s, "aggregate": "socket", "source": "uncore"} for n in uncore for s in sockets]
    labels += [{"__name__": name, "aggregate": "system", "source": "uncore"} for name in uncore]
    links = [f"Incoming_Data_Traffic_On_Link_{link}" for link in range(3)]
    labels += [{"__name__": n, "socket": s, "aggregate": "system", "source": "uncore"} for n in links for s in sockets]
    numbers = np.arange(node.cores, dtype=float)

    def values(times: np.ndarray) -> np.ndarray:
        cores, counted = node.cores, load.counters(times)
        busy = counted[:cores] + counted[cores : 2 * cores]
        instructions, l2_hits, l2_misses, l3_hits = np.split(counted[2 * cores + len(FLOWS) :], 4)
        rows = [instructions, l2_hits, l2_misses, l3_hits, l2_misses - l3_hits, busy * CLOCK]
        rows.append(np.repeat(numbers[:, None], len(times), axis=1))
        read, written = counted[2 * cores + len(FLOWS) - 2 : 2 * cores + len(FLOWS)]
        age = times - load.boots.since(times)
        package = (0.6 * node.idle_watts * age + node.core_watts * busy.sum(axis=0)) / node.sockets
        dram = (0.1 * node.idle_watts * age + (read + written) * 2e-10) / node.sockets
        wholes = [read, written, package * node.sockets, dram * node.sockets]
        rows += [row / node.sockets for row in wholes for _ in sockets] + wholes
        rows += [(read + written) * share for share in (0.05, 0.05, 0.04) for _ in sockets]
        return np.floor(np.vstack(rows))

    return labels, values
