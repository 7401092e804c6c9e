"""How a run behaves on each of its nodes: the one source of both the metrics and the accounting figures.

Everything is a function of the plan alone: the same run and share always give the same arrays.
"""

from __future__ import annotations

import numpy as np

from demo.behaviour_gpu import gpu_profiles
from demo.behaviour_io import Traffic, traffic
from demo.behaviour_kinds import Style, style_of
from demo.model import BUCKET, Plan, PlannedRun, Profile, Share
from demo.programs import ARCHIVER, FOAM_END, executable_of

RAMP = 2  # buckets until a program is up to speed


def seconds_of(plan: Plan, run: PlannedRun) -> int:
    """Wall time in seconds from start to end, or to the horizon of the plan for a run that never ends; 0 if it never starts."""
    if run.start is None:
        return 0
    return max(1, (run.end if run.end is not None else plan.horizon) - run.start)


def buckets_of(plan: Plan, run: PlannedRun) -> int:
    """Number of buckets of its profiles; the last one may be shorter than BUCKET."""
    return -(-seconds_of(plan, run) // BUCKET)


def generator(run: PlannedRun, share_index: int, what: int) -> np.random.Generator:
    """Random numbers for one aspect of one share."""
    return np.random.Generator(np.random.SFC64([run.seed, share_index, what]))


def active(plan: Plan, run: PlannedRun) -> np.ndarray:
    """Share of each bucket during which the run was not suspended, 0..1."""
    buckets = buckets_of(plan, run)
    active_part = np.ones(buckets, dtype=np.float32)
    for begin, end in run.suspensions:
        edges = run.start + BUCKET * np.arange(buckets)
        covered = np.clip(np.minimum(end, edges + BUCKET) - np.maximum(begin, edges), 0, BUCKET)
        active_part -= (covered / BUCKET).astype(np.float32)
    return active_part


def cpu_matrix(plan: Plan, run: PlannedRun, share: Share, share_index: int) -> np.ndarray:
    """Busy part of each core of the share: float32 [cores × buckets], 0..1."""
    style = style_of(run, share, share_index)
    rng = generator(run, share_index, 1)
    buckets, cores = buckets_of(plan, run), len(share.cores)
    busy = np.zeros(cores, dtype=np.float32)
    count = min(cores, style.busy_cores or cores)
    busy[:count] = np.clip(style.cpu + rng.normal(0, 0.012, count), 0.0, 0.999)
    busy[count:] = style.idle_cpu * rng.random(cores - count, dtype=np.float32)
    wave = _wave(style, buckets, rng)
    matrix = busy[:, None] * wave[None, :]
    if style.noise:
        matrix *= 1.0 - style.noise * rng.random(matrix.shape, dtype=np.float32)
    if run.suspensions:
        matrix *= active(plan, run)[None, :]
    return np.minimum(matrix, 1.0, out=matrix)


def _wave(style: Style, buckets: int, rng: np.random.Generator) -> np.ndarray:
    """Course of the whole: slow start, dips while results are written."""
    wave = np.ones(buckets, dtype=np.float32)
    if buckets > 2 * RAMP:
        wave[:RAMP] = (0.25, 0.7)
        if style.dip_every:
            wave[int(rng.integers(style.dip_every)) :: style.dip_every] *= 0.62
    if style.burst and style.after_burst_cpu < 1:
        wave[style.burst :] *= style.after_burst_cpu
    return wave


def used_cpu_seconds(plan: Plan, run: PlannedRun) -> float:
    """CPU time in seconds over all shares, from the start to the end (the horizon if it never ends)."""
    return sum(share_cpu_seconds(plan, run, share, i) for i, share in enumerate(run.shares))


def share_cpu_seconds(plan: Plan, run: PlannedRun, share: Share, share_index: int) -> float:
    """CPU time in seconds of one share: the integral of its cores' curves, the last bucket as long as it really was."""
    by_bucket = cpu_matrix(plan, run, share, share_index).sum(axis=0, dtype=np.float64)
    last = seconds_of(plan, run) - BUCKET * (len(by_bucket) - 1)
    return float(by_bucket[:-1].sum() * BUCKET + by_bucket[-1] * last)


def memory_of(plan: Plan, run: PlannedRun, share: Share, share_index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rss, shared, cache) in bytes by bucket; together never above the share's memory."""
    style = style_of(run, share, share_index)
    rng = generator(run, share_index, 2)
    buckets = buckets_of(plan, run)
    at = np.arange(buckets, dtype=np.float32)
    if style.grows:
        level = 0.06 + (0.995 - 0.06) * (at + 1) / buckets
    else:
        level = style.memory * (1 - 0.55 * np.exp(-at / max(1.0, min(25.0, buckets / 4))))
        level *= 1 - 0.03 * rng.random(buckets, dtype=np.float32)
    program = np.minimum(level, 0.995).astype(np.float64) * share.memory
    shared = program * style.shared
    room = np.maximum(share.memory - program, 0) * 0.9
    cache = np.minimum(room, style.cache * share.memory * (1 - np.exp(-at / 40.0)))
    return program - shared, shared, cache


def peak_memory(plan: Plan, run: PlannedRun, share: Share, share_index: int) -> int:
    """Highest program memory (rss + shared) of one share in bytes: what Slurm calls MaxRSS of the task there."""
    rss, shared, _ = memory_of(plan, run, share, share_index)
    return int((rss + shared).max())


def profile(plan: Plan, run: PlannedRun, share: Share, share_index: int) -> Profile:
    """What one run does on one node, as arrays by bucket from its start."""
    style = style_of(run, share, share_index)
    rng = generator(run, share_index, 3)
    buckets = buckets_of(plan, run)
    cpu = cpu_matrix(plan, run, share, share_index)
    busy = cpu.sum(axis=0, dtype=np.float32)
    rss, shared, cache = memory_of(plan, run, share, share_index)
    moved: Traffic = traffic(style, busy, share, run, rng)
    running = np.maximum(np.rint(busy * style.threads), 0)
    one = np.ones(buckets)
    return Profile(
        cpu=cpu,
        user_share=style.user_share,
        rss=rss,
        shared=shared,
        cache=cache,
        processes=one * style.processes(len(share.cores)),
        threads=_threads(style, running, len(share.cores), rng),
        exes=_exes(run, busy),
        gpus=gpu_profiles(style, run, share, share_index, buckets, active(plan, run)),
        lustre_read=moved.lustre_read,
        lustre_write=moved.lustre_write,
        lustre_ops=moved.lustre_ops,
        eth_rx=moved.eth_rx,
        eth_tx=moved.eth_tx,
        ib_rx=moved.ib_rx,
        ib_tx=moved.ib_tx,
        disk_read=moved.disk_read,
        disk_write=moved.disk_write,
        disk_used=moved.disk_used,
        memory_read=moved.memory_read,
        memory_write=moved.memory_write,
        ipc=one * style.ipc * (1 - 0.08 * rng.random(buckets)),
        l2_hit=one * style.l2_hit,
        l3_hit=one * style.l3_hit,
    )


def _threads(style: Style, running: np.ndarray, cores: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    threads = {"running": running, "sleeping": np.full(len(running), 3.0 + style.sleepers * cores)}
    if style.opens > 100:
        threads["disk-sleep"] = rng.integers(1, 4, len(running)).astype(float)
    return threads


def _exes(run: PlannedRun, busy: np.ndarray) -> dict[str, np.ndarray]:
    main = executable_of(run.submit_line, run.person, run.account)
    if main.endswith("/simpleFoam"):
        return {main: busy * 0.94, FOAM_END: busy * 0.06}
    return {main: busy * 0.985, ARCHIVER: busy * 0.015} if run.seed % 4 == 0 else {main: busy}
