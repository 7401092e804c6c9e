"""The styles behind the behaviours: the few numbers that make a job efficient, idle, leaky or noisy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from demo.model import PlannedRun, Share

MB = 1e6


@dataclass(frozen=True)
class Style:
    """cpu: busy part of a busy core. memory, cache: parts of what was asked. Rates in bytes/s of a node; opens in 1/s.

    burst: buckets of good use at the start, after which GPUs (all but `kept`) idle. gpu_*: percents, memory as a part.
    """

    cpu: float = 0.95
    busy_cores: int = 0  # 0: all
    idle_cpu: float = 0.006
    after_burst_cpu: float = 1.0
    noise: float = 0.05
    dip_every: int = 45
    user_share: float = 0.96
    memory: float = 0.6
    shared: float = 0.04
    cache: float = 0.08
    grows: bool = False
    threads: float = 1.0  # running threads for each busy core
    sleepers: float = 0.5
    one_process: bool = False
    gpu_util: float = 0.0
    gpu_memory: float = 0.5
    sm: float = 0.0
    tensor: float = 0.0
    fp64: float = 0.0
    fp32: float = 0.0
    fp16: float = 0.0
    burst: int = 0
    kept: int = 0
    nvlink: float = 0.0
    read: float = 4 * MB
    write: float = 3 * MB
    opens: float = 1.0
    ib: float = 0.2 * MB
    disk: float = 0.5 * MB
    ipc: float = 1.7
    l2_hit: float = 0.62
    l3_hit: float = 0.55

    def processes(self, cores: int) -> int:
        """How many processes run on a node."""
        return 2 if self.one_process else cores + 1


GPU_GOOD = Style(
    cpu=0.55,
    memory=0.55,
    one_process=True,
    gpu_util=95,
    gpu_memory=0.8,
    sm=58,
    tensor=41,
    fp16=22,
    fp32=9,
    nvlink=8e9,
    read=120 * MB,
    write=6 * MB,
    dip_every=90,
)
STYLES: dict[str, Style] = {
    "ordinary": Style(cpu=0.9, memory=0.55),
    "efficient": Style(cpu=0.985, noise=0.02, memory=0.72, ib=12 * MB, dip_every=60),
    "serial_on_many_cores": Style(cpu=0.99, busy_cores=1, idle_cpu=0.003, memory=0.35, one_process=True, noise=0.01),
    "memory_over_asked": Style(cpu=0.95, memory=0.075, cache=0.03, one_process=True),
    "threads_oversubscribed": Style(
        cpu=0.999, threads=4.0, sleepers=1.0, user_share=0.71, memory=0.5, one_process=True, ipc=0.7, noise=0.01
    ),
    "tiny_jobs": Style(cpu=0.8, memory=0.08, dip_every=0, one_process=True, read=0.0, write=0.0, opens=0.0, ib=0.0),
    "memory_growth": Style(cpu=0.8, grows=True, one_process=True),
    "dead_node_of_eight": Style(cpu=0.97, memory=0.6, ib=450 * MB),
    "metadata_storm": Style(
        cpu=0.3, user_share=0.35, memory=0.25, read=3 * MB, write=2 * MB, opens=1150.0, sleepers=1.0
    ),
    "mpi_32": Style(cpu=0.975, memory=0.66, ib=700 * MB, noise=0.03),
    "fragmented": Style(cpu=0.96, memory=0.5, ib=60 * MB),
    "waiting": Style(cpu=0.004, memory=0.02, dip_every=0, one_process=True),
    "gpu_efficient": GPU_GOOD,
    "gpu_ordinary": replace(GPU_GOOD, gpu_util=76, sm=42, tensor=26, gpu_memory=0.6),
    "gpu_idle": Style(cpu=0.93, memory=0.5, one_process=True, gpu_util=0.0, gpu_memory=0.011),
    "gpu_idle_after_burst": replace(
        GPU_GOOD, cpu=0.5, burst=30, kept=1, after_burst_cpu=0.3, gpu_util=93, gpu_memory=0.45
    ),
    "low_sm": replace(GPU_GOOD, gpu_util=97, sm=7, tensor=1.2, fp16=0.8, fp32=4, gpu_memory=0.3, nvlink=0.0),
    "mig_candidate": replace(
        GPU_GOOD,
        cpu=0.8,
        gpu_util=11,
        sm=6,
        tensor=2,
        fp16=1,
        fp32=3,
        gpu_memory=0.09,
        memory=0.4,
        nvlink=0.0,
        read=15 * MB,
    ),
}
DEAD_NODE = 5  # which of the eight does nothing
VARIED = {
    "ordinary": (0.09, 0.28),
    "gpu_ordinary": (0.06, 0.25),
    "gpu_efficient": (0.03, 0.12),
    "efficient": (0.01, 0.12),
}


@lru_cache(maxsize=4096)
def _style(behaviour: str, seed: int, dead: bool) -> Style:
    base = STYLES[behaviour]
    if dead:
        return replace(base, cpu=0.003, memory=0.004, ib=0.0, read=0.0, write=0.0, opens=0.0, dip_every=0)
    if behaviour not in VARIED:
        return base
    rng = np.random.default_rng([seed, 11])
    cpu_spread, memory_spread = VARIED[behaviour]
    return replace(
        base,
        cpu=float(np.clip(base.cpu - abs(rng.normal(0, cpu_spread)), 0.05, 0.995)),
        memory=float(np.clip(base.memory + rng.normal(0, memory_spread), 0.05, 0.93)),
        gpu_util=float(np.clip(base.gpu_util + rng.normal(0, 100 * cpu_spread), 5, 99)) if base.gpu_util else 0.0,
        read=base.read * float(rng.lognormal(0, 1)),
        write=base.write * float(rng.lognormal(0, 1)),
        opens=float(rng.lognormal(0.5, 1)),
        ipc=float(np.clip(rng.normal(base.ipc, 0.35), 0.4, 3.2)),
    )


def style_of(run: PlannedRun, share: Share, share_index: int) -> Style:
    """The numbers behind one share of a run. KeyError for a behaviour nobody described."""
    dead = run.behaviour == "dead_node_of_eight" and share_index == DEAD_NODE
    varied = run.seed if run.behaviour in VARIED else 0
    return _style(run.behaviour, varied, dead)
