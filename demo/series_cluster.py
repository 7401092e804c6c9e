"""The scheduler's view (prometheus-slurm-exporter)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from demo.model import Node, Plan, PlannedRun
from demo.series import COARSE, DAY, STEP, Block, Hum, run_end, seed_of
from demo.series_scheduler import CONTROLLER, DATABASE, Part, questions_part, rollup_part, waits_part

EXPORTER = "slurm_exporter"
INSTANCE = "sched1:8080"
COMPUTE = ("cpu", "large", "gpu")
HALF_LIFE = 7 * DAY
STATES = ("alloc", "comp", "down", "drain", "err", "fail", "idle", "maint", "mix", "resv", "unknown")
LONG_STATES = ("idle", "mixed", "allocated", "down", "drained", "draining")
QUEUE = ("total", "pending", "pending_dependency", "running", "suspended", "configuring", "completing")

# what the exporter tells and no page reads: the live exporter shows it, the history goes without
UNREAD = re.compile(
    "partition_nodes_|jobs_average_wait|rpc_stats_(total|avg)_time|rollup_.+_mean_|total_backfilled|table_size|"
    "(queue|partition_jobs)_(total|pending_dependency|suspended|configuring|completing)$"
)


class Steps:
    """A value that changes at known moments by known amounts."""

    def __init__(self, changes: Iterable[tuple[float, float]]) -> None:
        ordered = sorted(changes)
        self.moments = np.array([moment for moment, _ in ordered], float)
        self.sums = np.concatenate([[0.0], np.cumsum([amount for _, amount in ordered])])

    def at(self, times: np.ndarray) -> np.ndarray:
        """The value at each time."""
        return self.sums[np.searchsorted(self.moments, times, side="right")]


def _spells(spells: Iterable[tuple[float | None, float, float]]) -> Steps:
    """Steps from (begin, end, amount); begin None never begins."""
    return Steps(
        change
        for begin, end, amount in spells
        if begin is not None and end > begin
        for change in ((begin, amount), (end, -amount))
    )


def _pending_until(run: PlannedRun, plan: Plan) -> float:
    return run.start if run.start is not None else run_end(run.end, plan)


def _tasks(run: PlannedRun) -> int:
    return max(run.array_pending, 1) if run.start is None else 1


class QueueView:
    """Jobs by state over time, of all or of one partition; array tasks count one by one."""

    def __init__(self, plan: Plan, runs: list[PlannedRun]) -> None:
        pending = [(run.submit, _pending_until(run, plan), _tasks(run)) for run in runs]
        waiting = [(run.submit, run.eligible or _pending_until(run, plan), _tasks(run)) for run in runs]
        self.pending, self.waiting = _spells(pending), _spells(waiting)
        self.running = _spells((run.start, run_end(run.end, plan), 1) for run in runs)
        self.suspended = _spells((begin, end, 1) for run in runs for begin, end in run.suspensions)

    def rows(self, times: np.ndarray) -> list[np.ndarray]:
        """Counts in the order of QUEUE."""
        pending, stopped = self.pending.at(times), self.suspended.at(times)
        running = self.running.at(times) - stopped
        none = np.zeros(len(times))
        return [pending + running + stopped, pending, self.waiting.at(times), running, stopped, none, none]


class NodesView:
    """Cores and GPUs held on each node and its state over time."""

    def __init__(self, plan: Plan) -> None:
        self.nodes = [node for node in plan.nodes if node.kind in COMPUTE]
        place = {node.name: number for number, node in enumerate(self.nodes)}
        cores: list[list[tuple[float, float, float]]] = [[] for _ in self.nodes]
        gpus: list[list[tuple[float, float, float]]] = [[] for _ in self.nodes]
        for run in plan.runs:
            for share in run.shares if run.start is not None else ():
                spell = (float(run.start or 0), run_end(run.end, plan))
                cores[place[share.node]].append((*spell, len(share.cores)))
                gpus[place[share.node]].append((*spell, len(share.gpus)))
        self.cores, self.gpus = [_spells(of) for of in cores], [_spells(of) for of in gpus]
        self.down, self.drain = [], []
        for node in self.nodes:
            events = [event for event in plan.events if event.node == node.name]
            spells = [(event.start, float(event.end or plan.horizon), 1, event.state & 0xF == 1) for event in events]
            self.down.append(_spells(spell[:3] for spell in spells if spell[3]))
            self.drain.append(_spells(spell[:3] for spell in spells if not spell[3]))
        self.totals = np.array([node.cores for node in self.nodes], float)
        self.gpu_totals = np.array([len(node.gpus) for node in self.nodes], float)
        self._last: tuple[object, tuple[np.ndarray, ...]] = (None, ())

    def at(self, times: np.ndarray) -> tuple[np.ndarray, ...]:
        """Held cores, held GPUs [nodes × times], and the place in LONG_STATES of each node's state."""
        key = (times[0], times[-1], len(times))
        if self._last[0] != key:
            held, gpus = (np.vstack([of.at(times) for of in steps]) for steps in (self.cores, self.gpus))
            down, drain = (np.vstack([of.at(times) for of in steps]) > 0 for steps in (self.down, self.drain))
            free = np.where(held <= 0, 0, np.where(held >= self.totals[:, None], 2, 1))
            state = np.where(down, 3, np.where(drain, np.where(held > 0, 5, 4), free))
            self._last = (key, (np.where(down, 0, held), np.where(down, 0, gpus), state))
        return self._last[1]


def scheduler_blocks(plan: Plan) -> list[Block]:
    """Every series of prometheus-slurm-exporter."""
    view, parts = NodesView(plan), []
    parts.append(_cluster_part("slurm_", {}, view, np.ones(len(view.nodes), bool)))
    parts.append(_queue_part("slurm_queue_", {}, QueueView(plan, list(plan.runs))))
    for name in sorted({partition for node in view.nodes for partition in node.partitions}):
        chosen = np.array([name in node.partitions for node in view.nodes])
        parts.append(_cluster_part("slurm_partition_", {"partition": name}, view, chosen))
        jobs = [run for run in plan.runs if name in run.partition.split(",")]
        parts.append(_queue_part("slurm_partition_jobs_", {"partition": name}, QueueView(plan, jobs)))
        parts.append(waits_part(plan, name, jobs))
    parts += [_state_part(view), _scheduler_part(plan), rollup_part(plan)]
    parts += [questions_part(plan, "slurm", CONTROLLER), questions_part(plan, "slurm_dbd", DATABASE)]
    return [*(block for part in parts for block in _split(part)), _features_block(view)]


def _split(part: Part) -> list[Block]:
    labels, values = part
    unread = np.array([bool(UNREAD.search(one["__name__"])) for one in labels])
    return [
        Block(
            exporter=EXPORTER, instance=INSTANCE, every=every, labels=[one for one, chosen in zip(labels, rows, strict=True) if chosen],
            values=lambda times, rows=rows: values(times)[rows],
        )
        for rows, every in ((~unread, STEP), (unread, 0)) if rows.any()
    ]  # fmt: skip


def fairshare_block(plan: Plan) -> Block:
    """sshare's figures since the plan begins: the priority of an account is looked at over months."""
    labels, values = _shares_part(plan)
    return Block(exporter=EXPORTER, instance=INSTANCE, labels=labels, values=values, begin=plan.begin, every=COARSE, before=COARSE)


def _features_block(view: NodesView) -> Block:
    """Which features a node has, always 1."""
    labels = [
        {"__name__": "slurm_node_features_info", "node": node.name, "features": _features(node)} for node in view.nodes
    ]

    def values(times: np.ndarray) -> np.ndarray:
        return np.ones((len(labels), len(times)))

    return Block(exporter=EXPORTER, instance=INSTANCE, labels=labels, values=values, every=COARSE)


def _cluster_part(prefix: str, extra: dict[str, str], view: NodesView, chosen: np.ndarray):  # noqa: ANN202 - a Part
    names = [f"cpus_{kind}" for kind in ("alloc", "idle", "other", "total")]
    names += [f"gpus_{kind}" for kind in ("alloc", "idle", "total")] + [f"nodes_{state}" for state in STATES]
    places = {"alloc": (2,), "idle": (0,), "mix": (1,), "down": (3,), "drain": (4, 5)}

    def values(times: np.ndarray) -> np.ndarray:
        held, gpus, state = (rows[chosen] for rows in view.at(times))
        totals, gpu_totals = view.totals[chosen][:, None], view.gpu_totals[chosen][:, None]
        # a draining node's idle cores and a down node's count as "other"
        out = np.where(state >= 3, totals - held, 0).sum(axis=0)
        cores, cards, ones = totals.sum(), gpu_totals.sum(), np.ones(len(times))
        away = np.where(state >= 3, gpu_totals - gpus, 0).sum(axis=0)
        rows = [held.sum(axis=0), cores - held.sum(axis=0) - out, out, cores * ones]
        rows += [gpus.sum(axis=0), cards - gpus.sum(axis=0) - away, cards * ones]
        rows += [np.isin(state, places.get(name, ())).sum(axis=0) for name in STATES]
        return np.vstack(rows).astype(float)

    return [{"__name__": prefix + name, **extra} for name in names], values


def _queue_part(prefix: str, extra: dict[str, str], view: QueueView):  # noqa: ANN202 - a Part
    labels = [{"__name__": prefix + name, **extra} for name in QUEUE]
    return labels, lambda times: np.vstack(view.rows(times))


def _state_part(view: NodesView):  # noqa: ANN202 - a Part
    labels = [
        {"__name__": "slurm_node_state_info", "node": node.name, "state": state}
        for node in view.nodes
        for state in LONG_STATES
    ]
    labels += [{"__name__": "slurm_node_down", "node": node.name} for node in view.nodes]

    def values(times: np.ndarray) -> np.ndarray:
        state = view.at(times)[2]
        shown = state[:, None, :] == np.arange(len(LONG_STATES))[None, :, None]
        info = np.where(shown, 1.0, np.nan).reshape(-1, len(times))
        return np.vstack([info, (state == 3).astype(float)])

    return labels, values


def _scheduler_part(plan: Plan):  # noqa: ANN202 - a Part
    """sdiag's basic figures: cycles in microseconds, longer the more jobs wait."""
    queue = QueueView(plan, list(plan.runs))
    started = _spells((run.start, plan.horizon, 1) for run in plan.runs)
    hum = Hum(1.0, seed_of(plan.seed, "sdiag"), 0.1)
    names = ["threads", "queue_size", "last_queue_length", "cycle_per_minute", "mean_depth_cycle"]
    names += ["last_cycle", "mean_cycle", "backfill_last_cycle", "backfill_mean_cycle"]
    names += [f"backfill_{name}" for name in ("depth_mean", "last_depth_cycle", "last_queue_length", "last_table_size")]
    names += ["total_backfilled_jobs_since_start", "total_backfilled_jobs_since_cycle"]

    def values(times: np.ndarray) -> np.ndarray:
        pending, noise, ones = queue.pending.at(times), hum.rate(times), np.ones(len(times))
        depth = np.minimum(pending, 100)
        since = started.at(times) - started.at(np.floor(times / DAY) * DAY)
        rows = [3 * ones, 0 * ones, pending, np.rint(2 * noise), depth * 0.9]
        rows += [np.rint(900 + 35 * pending * noise), np.rint(900 + 33 * pending)]
        rows += [np.rint(4e4 + 2500 * pending * noise), np.rint(4e4 + 2400 * pending)]
        rows += [
            depth * 0.8,
            depth,
            pending - queue.waiting.at(times),
            pending * 2 + 20,
            np.floor(started.at(times) * 0.6),
            np.floor(since * 0.6),
        ]
        return np.vstack(rows)

    return [{"__name__": f"slurm_scheduler_{name}"} for name in names], values


def _features(node: Node) -> str:
    return ",".join(node.features) or "(null)"


def _shares_part(plan: Plan):  # noqa: ANN202 - a Part
    """sshare's figures: usage decays by half in a week; LevelFS = normalised shares / normalised usage."""
    grid = np.arange(plan.begin, plan.horizon + 3600, 3600, dtype=float)
    names = sorted({run.account for run in plan.runs})
    shares = {account.name: float(account.shares) for account in plan.accounts}
    total = sum(shares.get(name, 1.0) for name in names) or 1.0
    decay, used = 0.5 ** (3600 / HALF_LIFE), {}
    for name in names:
        held = _spells((run.start, run_end(run.end, plan), run.cores) for run in plan.runs if run.account == name).at(
            grid
        )
        usage, sums = 3600.0 * shares.get(name, 1.0), []
        for cores in held:
            usage = usage * decay + cores * 3600
            sums.append(usage)
        used[name] = np.array(sums)
    everything = sum(used.values())
    usage = np.vstack([used[name] / everything for name in names])
    normal = np.array([shares.get(name, 1.0) / total for name in names])
    metrics = ("normusage", "normshares", "levelfs")
    labels = [{"__name__": f"slurm_account_{metric}", "account": name} for metric in metrics for name in names]

    def values(times: np.ndarray) -> np.ndarray:
        place = np.clip(((times - plan.begin) // 3600).astype(int), 0, len(grid) - 1)
        now = usage[:, place]
        fixed = np.repeat(normal[:, None], len(times), axis=1)
        return np.round(np.vstack([now, fixed, fixed / now]), 6)

    return labels, values
