"""What a run does with its GPUs."""

from __future__ import annotations

import numpy as np

from demo.behaviour_kinds import Style
from demo.model import GpuProfile, PlannedRun, Share

# GRES type → memory in bytes, idle watts, watts at full load
BOARDS = {"a100": (40 << 30, 58.0, 395.0), "h100": (80 << 30, 72.0, 680.0), "a100_1g.5gb": (5 << 30, 8.0, 46.0)}
CONTEXT = 430 << 20  # bytes a program holds on a card as soon as it has opened it


def gpu_profiles(
    style: Style, run: PlannedRun, share: Share, share_index: int, buckets: int, active: np.ndarray
) -> dict[int, GpuProfile]:
    """GPU index on the node → its curves."""
    return {
        gpu: _one(
            style,
            run,
            order,
            buckets,
            active,
            np.random.Generator(np.random.SFC64([run.seed, share_index, 100 + order])),
        )
        for order, gpu in enumerate(share.gpus)
    }


def _one(
    style: Style, run: PlannedRun, order: int, buckets: int, active: np.ndarray, rng: np.random.Generator
) -> GpuProfile:
    total, idle_watts, full_watts = BOARDS[run.gres]
    level = np.ones(buckets) * active
    level[: min(2, buckets)] *= 0.1
    if style.burst and order >= style.kept:
        level[style.burst :] = 0.0
    elif buckets > 60:
        level[int(rng.integers(60)) :: 60] *= 0.35
    level *= 1 - 0.06 * rng.random(buckets)
    load = level * max(style.sm * 1.35, style.tensor * 1.6) / 100 + 0.12 * level * style.gpu_util / 100
    fast = level * style.gpu_util / 100
    held = np.full(buckets, max(CONTEXT if total > 8 << 30 else 180 << 20, style.gpu_memory * total))
    return GpuProfile(
        util=level * style.gpu_util,
        memory_util=level * style.gpu_util * 0.38,
        memory=held,
        watts=np.minimum(idle_watts + (full_watts - idle_watts) * load, full_watts) + 2 * rng.random(buckets),
        sm_occupancy=level * style.sm,
        tensor=level * style.tensor,
        fp64=level * style.fp64,
        fp32=level * style.fp32,
        fp16=level * style.fp16,
        pcie_tx=fast * 0.6e9,
        pcie_rx=fast * 1.9e9,
        nvlink_tx=fast * style.nvlink * (run.gpus > 1),
        nvlink_rx=fast * style.nvlink * (run.gpus > 1),
    )
