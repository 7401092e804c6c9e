"""What a whole node's exporters see: every run on it and a hum of the system beneath."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import Node, Plan
from demo.series import Boots, Gusts, Hum, seed_of
from demo.series_share import FLOWS, WATTS, ShareTable, Tables, cards, gpu_model, idle_beneath

SLACK = 1800  # seconds a reader's clock may step back
HARDWARE = ("instructions", "l2_hits", "l2_misses", "l3_hits")
SERVICE = ("login", "transfer", "hypervisor", "mds", "oss")
GROUND_FLOWS = {  # bytes/s by node kind: Ethernet in, out, InfiniBand in, out, disk read, written, DRAM read, written
    "login": (2.5e6, 4e6, 3e6, 2e6, 2e5, 6e5, 2e9, 1e9),
    "transfer": (9e7, 1.1e8, 1.2e8, 1e8, 5e4, 3e5, 3e9, 3e9),
    "hypervisor": (8e6, 9e6, 0, 0, 4e6, 9e6, 2e9, 1e9),
    "mds": (2e5, 2e5, 3e7, 3e7, 2e6, 1.2e7, 1e9, 5e8),
    "oss": (2e5, 2e5, 3e8, 3e8, 1e6, 2e6, 2e9, 2e9),
}
QUIET_FLOWS = (4e3, 6e3, 2e3, 2e3, 500.0, 9e3, 4e7, 2e7)
# below 0.385: at the day's peak the busiest core has 2.59 times as much, and idle time must never fall
GROUND_BUSY = {"login": 0.12, "transfer": 0.2, "hypervisor": 0.38, "mds": 0.08, "oss": 0.1}
GUSTS = {"login": 0.22, "transfer": 0.14}  # share of the cores a spell of work takes at most
GROUND_MEMORY = 3 * 2**30


class NodeLoad:
    """Counters and gauges of one node at given times, from the runs on it and its ground load.

    Counters count from the node's last boot, or from the beginning of raw history. Shares that are over are added up once.
    """

    def __init__(self, plan: Plan, node: Node, tables: Tables) -> None:
        self.plan, self.node, self.tables = plan, node, tables
        self.boots = Boots(plan, node.name)
        self.rows = 2 * node.cores + len(FLOWS) + (len(HARDWARE) * node.cores if node.counters else 0)
        self.numbers = np.array(tables.by_node[node.name], int)
        self.starts, self.ends = tables.starts[self.numbers], tables.ends[self.numbers]
        seed = seed_of(plan.seed, node.name)
        busy = GROUND_BUSY.get(node.kind, 0.004)
        flows = GROUND_FLOWS.get(node.kind, QUIET_FLOWS)
        if node.kind in GUSTS:
            # people prefer one of two: its name is easier to remember
            part = 0.6 + seed % 7 / 6
            self.busy: Hum = Gusts(busy * part / 1.6, seed, 0.4, GUSTS[node.kind])
            self.flows: list[Hum] = [Gusts(mean * part / 2, seed + 1 + place, 0.4, 2 * mean) for place, mean in enumerate(flows)]
        else:
            self.busy = Hum(busy, seed, 0.5 if node.kind in SERVICE else 0.1)
            self.flows = [Hum(mean, seed + 1 + place) for place, mean in enumerate(flows)]
        self.weights = np.random.default_rng(seed).uniform(0.6, 1.4, node.cores)
        self._reset(-1.0)

    def _reset(self, since: float) -> None:
        self._since, self._clock = since, -np.inf
        self._kept: dict[object, np.ndarray] = {}
        self._done = np.zeros(self.rows)
        self._folded = np.zeros(len(self.numbers), bool)

    def counters(self, times: np.ndarray) -> np.ndarray:
        """[rows × times]: user seconds by core, system seconds by core, FLOWS in bytes, HARDWARE by core; ascending times."""
        return self._once("counters", times, self._counters)

    def _once(self, what: str, times: np.ndarray, make: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Several blocks ask for the same on two grids; only the newest answers are kept."""
        key = (what, times[0], times[-1], len(times))
        found = self._kept.get(key)
        if found is None:
            found = make(times)
            while len(self._kept) >= 4:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = found
        return found

    def _counters(self, times: np.ndarray) -> np.ndarray:
        since = self.boots.since(times)
        parts = [self._stretch(times[since == begin], begin) for begin in np.unique(since)]
        return np.hstack(parts)

    def _stretch(self, times: np.ndarray, since: float) -> np.ndarray:
        if since != self._since or times[0] < self._clock - SLACK:
            self._reset(since)
        self._clock = max(self._clock, times[0])
        # a run that began before the boot died with it, except at the beginning of history
        mine = (self.ends > since) & ((self.starts >= since) | (since == self.boots.first)) & (self.starts < times[-1])
        for place in np.flatnonzero(mine & ~self._folded & (self.ends < self._clock - SLACK)):
            self._add(self._done[:, None], int(self.numbers[place]), np.array([self.ends[place]]), since)
            self._folded[place] = True
        total = np.repeat(self._done[:, None], len(times), axis=1)
        for number in self.numbers[mine & ~self._folded]:
            self._add(total, int(number), times, since)
        return self._ground(total, times, since)

    def _add(self, total: np.ndarray, number: int, times: np.ndarray, since: float) -> None:
        table = self.tables.table(number)
        cores, clipped = self.node.cores, np.minimum(times, table.end)
        mine, begin = np.array(table.share.cores, int), np.array([since])
        seconds = table.cores.at(clipped) - table.cores.at(begin)
        user = seconds * table.user_share
        total[mine] += user
        total[mine + cores] += seconds - user
        total[2 * cores : 2 * cores + len(FLOWS)] += table.flows.at(clipped) - table.flows.at(begin)
        if table.hardware is not None:
            counted = table.hardware.at(clipped) - table.hardware.at(begin)
            for place in range(len(HARDWARE)):
                rows = 2 * cores + len(FLOWS) + place * cores + mine
                total[rows] += counted[place * len(mine) : (place + 1) * len(mine)]

    def _ground(self, total: np.ndarray, times: np.ndarray, since: float) -> np.ndarray:
        cores = self.node.cores
        if self.node.kind in SERVICE:
            ground = self.busy.total(times, since) * self.weights[:, None]
        else:
            # a fixed share of what jobs leave: idle time can then never run backwards
            ground = self.busy.mean * (times - since - total[:cores] - total[cores : 2 * cores])
        total[:cores] += ground * 0.6
        total[cores : 2 * cores] += ground * 0.4
        for place, hum in enumerate(self.flows):
            total[2 * cores + place] += hum.total(times, since)
        if self.node.counters:
            for place, per_second in enumerate((1.2e9, 1.8e7, 6e6, 3.6e6)):
                first = 2 * cores + len(FLOWS) + place * cores
                total[first : first + cores] += ground * per_second
        return total

    def running(self, times: np.ndarray) -> list[ShareTable]:
        """Tables of the shares that are on the node at some of the times."""
        here = (self.starts <= times[-1]) & (self.ends > times[0])
        return [self.tables.table(int(number)) for number in self.numbers[here]]

    def gauges(self, times: np.ndarray) -> np.ndarray:
        """[5 × times]: program bytes, page cache bytes, runnable threads, scratch bytes, busy cores; ground load included."""
        return self._once("gauges", times, self._gauges)

    def _gauges(self, times: np.ndarray) -> np.ndarray:
        sums = np.zeros((5, len(times)))
        for table in self.running(times):
            sums += table.load.at(times) * table.alive(times)
        busy = self.busy.rate(times) * self.node.cores
        sums[0] += (
            GROUND_MEMORY if self.node.kind not in SERVICE else self.node.memory * (0.15 + 0.2 * self.busy.rate(times))
        )
        sums[1] += 0.04 * self.node.memory
        sums[2] += busy
        sums[4] = np.minimum(sums[4] + busy, self.node.cores)
        return sums

    def totals(self) -> tuple[float, float, np.ndarray, np.ndarray]:
        """What is added up so far; another process that has the same plan goes on from it through go_on()."""
        return self._since, self._clock, self._done, self._folded

    def go_on(self, totals: tuple[float, float, np.ndarray, np.ndarray]) -> None:
        """Take over what another process has added up."""
        self._since, self._clock, self._done, self._folded = totals

    def card_watts(self, times: np.ndarray) -> list[np.ndarray]:
        """Watts of each card, in the order of cards(); idle where no run holds it, a cut one with all its slices' load."""
        watts = {
            gpu.index: np.full(len(times), 0.0 if gpu.mig else gpu_model(gpu).idle_watts) for gpu in self.node.gpus
        }
        for table in self.running(times):
            for index, levels in table.gpus.items():
                watts[index] = np.where(table.alive(times), levels.at(times)[WATTS], watts[index])
        return [idle_beneath(card) + sum(watts[gpu.index] for gpu in card) for card in cards(self.node)]
