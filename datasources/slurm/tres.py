"""Trackable resources: `1=24,2=24576,1001=2` with the site's own numbering, and memory as it was asked for."""

from __future__ import annotations

from collections.abc import Mapping

MIB = 1024**2
NOT_A_COUNT = 2**63  # NO_VAL64 and INFINITE64 lie above: not known
PER_CPU = 1 << 63
STATIC = {1: "cpu", 2: "mem", 3: "energy", 4: "node", 5: "billing", 6: "fs/disk", 7: "vmem", 8: "pages"}


def tres(text: str | None, names: Mapping[int, str]) -> dict[str, int]:
    """`1=24,2=24576` as {"cpu": 24, "mem": 24576 (MB) …}; unknown values (energy) and unreadable parts are left out."""
    found: dict[str, int] = {}
    for part in (text or "").split(","):
        key, mark, value = part.partition("=")
        if not mark or not key.strip().isdigit() or not value.strip().isdigit():
            continue
        number = int(value)
        if number < NOT_A_COUNT:
            found[names.get(int(key)) or STATIC.get(int(key)) or f"tres/{int(key)}"] = number
    return found


def gpus(counts: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """(all GPUs, {type: count}); the untyped entry is the sum, so typed ones are added up only where it is missing."""
    types = {name.removeprefix("gres/gpu:"): count for name, count in counts.items() if name.startswith("gres/gpu:")}
    return counts.get("gres/gpu", sum(types.values())), types


def licenses(counts: Mapping[str, int]) -> dict[str, int]:
    """{licence: count}."""
    return {name.removeprefix("license/"): count for name, count in counts.items() if name.startswith("license/")}


def memory_request(mem_req: int, cores: int, nodes: int) -> tuple[int | None, str]:
    """(bytes over the whole job or None, "cpu" | "node" | "job"); bit 63 means megabytes per core, without it per node.

    0 is stored for `--mem=0` and for `--mem-per-gpu`: the amount is then only in the requested TRES.
    """
    if mem_req <= 0:
        return None, "job"
    if mem_req & PER_CPU:
        return (mem_req & ~PER_CPU) * max(cores, 1) * MIB, "cpu"
    return mem_req * max(nodes, 1) * MIB, "node"


def memory(counts: Mapping[str, int]) -> int | None:
    """Bytes over all nodes, None where the string has no memory."""
    return counts["mem"] * MIB if "mem" in counts else None
