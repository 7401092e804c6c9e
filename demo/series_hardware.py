"""Series of the exporters that watch a node's hardware: redfish, the GPU exporter, pcm-sensor-server."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import Node
from demo.series import COARSE, STEP, Block, seed_of
from demo.series_node import NodeLoad
from demo.series_share import CLOCK, FLOWS, cards

Part = tuple[list[dict[str, str]], Callable[[np.ndarray], np.ndarray]]
TYPES = dict.fromkeys(
    (
        "redfish_chassis_power_average_consumed_watts",
        "redfish_system_power_state",
        "nvidia_gpu_power_usage_milliwatts",
    ),
    "gauge",
)


def hardware_blocks(load: NodeLoad) -> list[Block]:
    """Blocks of one node's power meters, GPUs and hardware counters, where it has them."""
    node, blocks = load.node, [_redfish_block(load)]
    if node.gpus:
        blocks.append(part_block(load, "nvidia_gpu_exporter", f"{node.name}:9445", _cards(load)))
    if node.counters:
        blocks.append(part_block(load, "pcm-sensor-server", f"{node.name}:9738", _pcm(load)))
        blocks.append(part_block(load, "pcm-sensor-server", f"{node.name}:9738", _numbers(load), COARSE))
    return blocks


def part_block(
    load: NodeLoad, exporter: str, instance: str, part: Part, every: int = STEP, *, dark: bool = True
) -> Block:
    """A block of one of the node's exporters; a dark one shows nothing while the node is down."""
    labels, values = part

    def shown(times: np.ndarray) -> np.ndarray:
        found = values(times)
        if dark and load.boots.spells:
            found[:, load.boots.down(times)] = np.nan
        return found

    return Block(exporter=exporter, instance=instance, labels=labels, values=shown, every=every)


def named(*names: str, **labels: str) -> list[dict[str, str]]:
    """Labels of series that differ by name only."""
    return [{"__name__": name, **labels} for name in names]


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
            + sum(load.card_watts(times), np.zeros(len(times)))
        )
        return np.vstack([np.where(down, 14.0, np.rint(watts)), np.where(down, 2.0, 1.0)])

    return part_block(load, "redfish_exporter", f"{node.name}-oob", (labels, values), dark=False)


def _cards(load: NodeLoad) -> Part:
    labels = []
    for place, card in enumerate(cards(load.node)):
        name = card[0].gpu_type.split(" MIG")[0]
        uuid = f"GPU-{seed_of(load.node.name, place):08x}" if card[0].mig else card[0].uuid
        labels += named("nvidia_gpu_power_usage_milliwatts", minor_number=str(place), name=name, uuid=uuid)
    return labels, lambda times: np.rint(np.vstack(load.card_watts(times)) * 1000)


def _threads(node: Node) -> list[dict[str, str]]:
    per_socket = node.cores // node.sockets
    places = [(str(core // per_socket), str(core % per_socket)) for core in range(node.cores)]
    return [{"socket": socket, "core": core, "thread": "0", "source": "core"} for socket, core in places]


def _numbers(load: NodeLoad) -> Part:
    """OS_ID: the system's number of each hardware thread."""
    labels = [{"__name__": "OS_ID", **thread} for thread in _threads(load.node)]
    column = np.arange(load.node.cores, dtype=float)[:, None]
    return labels, lambda times: np.repeat(column, len(times), axis=1)


def _pcm(load: NodeLoad) -> Part:
    """Since the machine's counters began: per thread, with both system and socket figures of the memory controllers."""
    node = load.node
    names = (
        "Instructions_Retired_Any",
        "L2_Cache_Hits",
        "L2_Cache_Misses",
        "L3_Cache_Hits",
        "L3_Cache_Misses",
        "Clock_Unhalted_Ref",
    )
    labels = [{"__name__": name, **thread} for name in names for thread in _threads(node)]
    uncore = ["DRAM_Reads", "DRAM_Writes", "Package_Joules_Consumed", "DRAM_Joules_Consumed"]
    sockets = [str(socket) for socket in range(node.sockets)]
    labels += [{"__name__": n, "socket": s, "aggregate": "socket", "source": "uncore"} for n in uncore for s in sockets]
    labels += [{"__name__": name, "aggregate": "system", "source": "uncore"} for name in uncore]
    links = [f"Incoming_Data_Traffic_On_Link_{link}" for link in range(3)]
    labels += [{"__name__": n, "socket": s, "aggregate": "system", "source": "uncore"} for n in links for s in sockets]

    def values(times: np.ndarray) -> np.ndarray:
        cores, counted = node.cores, load.counters(times)
        busy = counted[:cores] + counted[cores : 2 * cores]
        instructions, l2_hits, l2_misses, l3_hits = np.split(counted[2 * cores + len(FLOWS) :], 4)
        rows = [instructions, l2_hits, l2_misses, l3_hits, l2_misses - l3_hits, busy * CLOCK]
        read, written = counted[2 * cores + len(FLOWS) - 2 : 2 * cores + len(FLOWS)]
        age = times - load.boots.since(times)
        package = (0.6 * node.idle_watts * age + node.core_watts * busy.sum(axis=0)) / node.sockets
        dram = (0.1 * node.idle_watts * age + (read + written) * 2e-10) / node.sockets
        wholes = [read, written, package * node.sockets, dram * node.sockets]
        rows += [row / node.sockets for row in wholes for _ in sockets] + wholes
        rows += [(read + written) * share for share in (0.05, 0.05, 0.04) for _ in sockets]
        return np.floor(np.vstack(rows))

    return labels, values
