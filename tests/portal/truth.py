"""What a run did, by plain sums over the simulator's curves; nothing here comes from the portal.

The history holds samples at the whole minutes of UTC, and what a curve says holds for a bucket of 60 s. So a gauge read at t
is the bucket of the last whole minute, and rate() over [t - w, t] is the slope between the first and the last whole minute
in it: both can be said exactly, without a tolerance for the scraping.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from demo.behaviour import profile
from demo.model import BUCKET, Node, Plan, PlannedRun, Profile

MINUTE = 60


class Truth:
    """One run that has ended, over all its nodes."""

    def __init__(self, plan: Plan, run: PlannedRun) -> None:
        assert run.start is not None and run.end is not None
        self.plan, self.run, self.start, self.end = plan, run, run.start, run.end

    @cached_property
    def shares(self) -> list[Profile]:
        """Its curves, node by node."""
        return [profile(self.plan, self.run, share, place) for place, share in enumerate(self.run.shares)]

    @property
    def seconds(self) -> int:
        """Wall time."""
        return self.end - self.start

    def node(self, place: int = 0) -> Node:
        """The node of one of its shares."""
        return next(node for node in self.plan.nodes if node.name == self.run.shares[place].node)

    def level(self, values: np.ndarray, at: np.ndarray) -> np.ndarray:
        """A gauge as the last sample at or before each time holds it."""
        return values[(at // MINUTE * MINUTE - self.start).astype(int) // BUCKET]

    def counted(self, rates: np.ndarray, at: np.ndarray) -> np.ndarray:
        """A counter at some times."""
        edges = self.start + BUCKET * np.arange(len(rates) + 1)
        return np.interp(at, edges, np.concatenate([[0.0], np.cumsum(rates, dtype=float) * BUCKET]))

    def slope(self, rates: np.ndarray, at: np.ndarray, window: float) -> np.ndarray:
        """What rate() over a window gives for a counter."""
        first, last = np.ceil((at - window) / MINUTE) * MINUTE, np.floor(at / MINUTE) * MINUTE
        return (self.counted(rates, last) - self.counted(rates, first)) / (last - first)

    @cached_property
    def busy(self) -> np.ndarray:
        """Cores busy by bucket."""
        return sum(share.cpu.sum(axis=0, dtype=float) for share in self.shares)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the whole run; its last bucket is as long as it really was."""
        return float(self.counted(self.busy, np.array([float(self.end)]))[0])

    @cached_property
    def program(self) -> np.ndarray:
        """Bytes the program holds on all nodes by bucket, shared memory included."""
        return sum(share.rss + share.shared for share in self.shares)

    def gpu_busy(self) -> float:
        """Mean share of time its GPUs computed, over all of them."""
        means = [gpu.util.mean() / 100 for share in self.shares for gpu in share.gpus.values()]
        return float(np.mean(means))

    def flow(self, name: str) -> dict[str, np.ndarray]:
        """Bytes a second by file system ("lustre_read", "lustre_write"), all nodes together."""
        found: dict[str, np.ndarray] = {}
        for share in self.shares:
            for fs, rates in getattr(share, name).items():
                found[fs] = found.get(fs, 0) + rates
        return found

    def watts(self, at: np.ndarray) -> np.ndarray:
        """Its share of its only node's power: by cores, or by GPUs with its own GPUs as measured.

        The node draws its idle power, so much a busy core, and what its GPUs draw; everything that runs there counts.
        """
        node = self.node()
        cores, gpus = np.zeros(len(at)), np.zeros(len(at))
        for other, place in self._neighbours(node.name):
            theirs = Truth(self.plan, _ended(other, self.plan))
            inside = (at >= theirs.start) & (at < theirs.end)
            curves = profile(self.plan, other, other.shares[place], place)
            cores[inside] += theirs.level(curves.cpu.sum(axis=0, dtype=float), at[inside])
        chassis_less_gpus = node.idle_watts + node.core_watts * np.minimum(cores, node.cores)
        if not self.run.gpus:
            return chassis_less_gpus * len(self.run.shares[0].cores) / node.cores
        gpus = sum(self.level(gpu.watts, at) for gpu in self.shares[0].gpus.values())
        return chassis_less_gpus * len(self.run.shares[0].gpus) / len(node.gpus) + gpus

    def _neighbours(self, name: str) -> list[tuple[PlannedRun, int]]:
        return [
            (run, place)
            for run in self.plan.runs
            if run.start is not None and run.start < self.end and (run.end or self.plan.horizon) > self.start
            for place, share in enumerate(run.shares)
            if share.node == name
        ]


def _ended(run: PlannedRun, plan: Plan) -> PlannedRun:
    return run if run.end is not None else replace(run, end=plan.horizon)
