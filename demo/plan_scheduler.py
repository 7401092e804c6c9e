"""An event-driven scheduler on the nodes' real cores, memory and GPUs.

It knows how long each job will run, so jobs whose place and time are fixed beforehand (pins) are never in the way:
nothing is started that would overlap with them.
"""

from __future__ import annotations

import heapq
from collections import defaultdict

import numpy as np

from demo.model import Node, Share
from demo.plan_requests import Pin, Placement, Request

MIB = 1 << 20
# of things that happen in the same second, ends come first
END, CANCEL, PIN, ARRIVE = range(4)
STARVING = 8 * 3600  # a job that waited so long makes the longer ones behind it wait
SHORT = 2 * 3600
# the last CPU node keeps room for the stream of tiny jobs, so that something begins and ends all the time
STREAM, STREAM_CORES, STREAM_MEMORY = "tiny_jobs", 2, 4096


class Scheduler:
    """Places requests on nodes, first come first served with backfilling."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self.nodes = nodes
        self.index = {node.name: i for i, node in enumerate(nodes)}
        self.free_cores = np.array([n.cores for n in nodes])
        self.free_memory = np.array([n.memory // MIB for n in nodes])
        self.free_gpus = np.array([len(n.gpus) for n in nodes])
        self.core_ids = [list(range(n.cores)) for n in nodes]
        self.gpu_ids = [[g.index for g in n.gpus] for n in nodes]
        self.pins: list[list[Pin]] = [[] for _ in nodes]
        self.pools = {pool: np.array(members) for pool, members in self._pools().items()}
        self.queues: dict[str, list[Request]] = defaultdict(list)
        self.children: dict[int, list[Request]] = defaultdict(list)
        self.placements: list[Placement] = []
        self.events: list[tuple[int, int, int, object]] = []
        self.sequence = 0
        self.kept = int(self.pools["cpu"][-1])

    def _margin(self, node: int, request: Request) -> tuple[int, int]:
        """Cores and memory (MiB) of a node this request must leave free."""
        return (STREAM_CORES, STREAM_MEMORY) if node == self.kept and request.behaviour != STREAM else (0, 0)

    def _pools(self) -> dict[str, list[int]]:
        pools: dict[str, list[int]] = defaultdict(list)
        for i, node in enumerate(self.nodes):
            pools[node.gpus[0].gres if node.gpus else node.kind].append(i)
        return pools

    # pins

    def fits_pins(self, node: int, start: int, end: int, cores: int, memory: int, gpus: int) -> bool:
        """True if the node has room beside the pins known so far, were it otherwise empty."""
        overlapping = [p for p in self.pins[node] if p.start < end and p.end > start]
        mine = self.nodes[node]
        return (
            sum(p.cores for p in overlapping) + cores <= mine.cores
            and sum(p.memory for p in overlapping) + memory <= mine.memory // MIB
            and sum(p.gpus for p in overlapping) + gpus <= len(mine.gpus)
        )

    def _fits_beside(self, node: int, start: int, end: int, cores: int, request: Request) -> bool:
        spare, memory = self._margin(node, request)
        return self.fits_pins(node, start, end, cores + spare, request.memory + memory, request.gpus)

    def pin(self, request: Request, start: int) -> tuple[str, ...]:
        """Fix where and when a request runs; the nodes found. RuntimeError if the pins before it leave no room."""
        end = start + request.durations[0]
        cores = max(self.nodes[i].cores for i in self.pools[request.pool]) if request.exclusive else request.cores
        found = [
            i
            for i in self.pools[request.pool]
            if self._fits_beside(i, start, end, cores, request)
            and (not request.extra.get("constraints") or request.extra["constraints"] in self.nodes[i].features)
        ]
        # scattered jobs take the emptiest nodes, the others fill up what is in use
        found.sort(key=lambda i: sum(p.cores for p in self.pins[i] if p.start < end and p.end > start))
        if not request.extra.get("scatter") and request.nodes == 1:
            found.reverse()
        if len(found) < request.nodes:
            raise RuntimeError(f"no room for {request.name} of {request.person}")
        chosen = tuple(int(i) for i in found[: request.nodes])
        names = tuple(self.nodes[i].name for i in sorted(chosen))
        request.pin = (start, names)
        request.extra.pop("scatter", None)
        self._add_pin(Pin(start, end, tuple(sorted(chosen)), cores, request.memory, request.gpus, request))
        return names

    def block(self, node: str, start: int, end: int) -> None:
        """Take a whole node out of service."""
        i = self.index[node]
        mine = self.nodes[i]
        self._add_pin(Pin(start, end, (i,), mine.cores, mine.memory // MIB, len(mine.gpus)))

    def _add_pin(self, pin: Pin) -> None:
        for i in pin.nodes:
            self.pins[i].append(pin)
        self._push(pin.start, PIN, pin)

    # the run of events

    def _push(self, when: int, kind: int, what: object) -> None:
        self.sequence += 1
        heapq.heappush(self.events, (when, kind, self.sequence, what))

    def run(self, requests: list[Request], horizon: int) -> list[Placement]:
        """Play all requests; what waits at the horizon is returned as never started."""
        for request in requests:
            request.left = len(request.durations)
            request.waiting = len(request.after)
            for _, other in request.after:
                self.children[id(other)].append(request)
            if request.pin is None and not request.waiting:
                self._push(request.submit + request.hold, ARRIVE, request)
        touched: set[str] = set()
        while self.events and self.events[0][0] < horizon:
            now = self.events[0][0]
            touched.clear()
            while self.events and self.events[0][0] == now:
                _, kind, _, what = heapq.heappop(self.events)
                self._happen(now, kind, what, touched)
            for pool in touched:
                self._serve(pool, now)
        for queue in self.queues.values():
            for request in queue:
                for task in range(request.next_task, len(request.durations)):
                    self.placements.append(Placement(request, task, request.ready, None, None, (0, 0, 0)))
        return self.placements

    def _happen(self, now: int, kind: int, what: object, touched: set[str]) -> None:
        if kind == END:
            request, shares = what
            self._release(shares)
            touched.update(self.queues if request is None else (request.pool,))
            if request is not None:
                request.running -= 1
                request.left -= 1
                if not request.left:
                    self._settle(request, now)
        elif kind == PIN:
            self._start_pin(what, now)
        elif kind == CANCEL:
            self._give_up(what, now)
        else:
            what.ready = now
            self.queues[what.pool].append(what)
            touched.add(what.pool)
            if what.give_up:
                self._push(now + what.give_up, CANCEL, what)

    def _settle(self, request: Request, now: int) -> None:
        for child in self.children.get(id(request), ()):
            child.waiting -= 1
            if not child.waiting and child.pin is None:
                self._push(max(now, child.submit) + 1, ARRIVE, child)

    def _give_up(self, request: Request, now: int) -> None:
        queue = self.queues[request.pool]
        if request in queue:
            queue.remove(request)
            for task in range(request.next_task, len(request.durations)):
                state = (request.give_up_state, 256 if request.give_up_state == 10 else 0, 0)
                self.placements.append(Placement(request, task, request.ready, None, now, state))

    def _start_pin(self, pin: Pin, now: int) -> None:
        pin.started = True
        for i in pin.nodes:
            self.pins[i].remove(pin)
        shares = self._take(pin.nodes, pin.cores, pin.memory, pin.gpus)
        if pin.request is not None:
            self._record(pin.request, 0, now, shares)
        else:
            self._push(pin.end, END, (None, shares))

    def _record(self, request: Request, task: int, now: int, shares: tuple[Share, ...]) -> None:
        end = now + request.durations[task]
        request.running += 1
        self._push(end, END, (request, shares))
        ready = request.ready or request.submit + request.hold
        self.placements.append(Placement(request, task, ready, now, end, request.outcomes[task], shares))

    def _take(self, nodes: tuple[int, ...], cores: int, memory: int, gpus: int) -> tuple[Share, ...]:
        shares = []
        for i in nodes:
            ids, self.core_ids[i] = self.core_ids[i][:cores], self.core_ids[i][cores:]
            cards, self.gpu_ids[i] = self.gpu_ids[i][:gpus], self.gpu_ids[i][gpus:]
            if len(ids) < cores or len(cards) < gpus or memory > self.free_memory[i]:
                raise RuntimeError(f"{self.nodes[i].name} would be over-allocated")
            self.free_cores[i] -= cores
            self.free_memory[i] -= memory
            self.free_gpus[i] -= gpus
            shares.append(Share(node=self.nodes[i].name, cores=tuple(ids), memory=memory * MIB, gpus=tuple(cards)))
        return tuple(shares)

    def _release(self, shares: tuple[Share, ...]) -> None:
        for share in shares:
            i = self.index[share.node]
            self.core_ids[i] = sorted((*self.core_ids[i], *share.cores))
            self.gpu_ids[i] = sorted((*self.gpu_ids[i], *share.gpus))
            self.free_cores[i] += len(share.cores)
            self.free_memory[i] += share.memory // MIB
            self.free_gpus[i] += len(share.gpus)

    # serving the queue

    def _serve(self, pool: str, now: int) -> None:
        queue = self.queues[pool]
        failed: dict[tuple[int, ...], int] = {}
        starving = False
        for request in list(queue):
            shape = (request.nodes, request.cores, request.memory, request.gpus, request.exclusive)
            while request.next_task < len(request.durations):
                if request.array_limit and request.running >= request.array_limit:
                    break
                duration = request.durations[request.next_task]
                if duration >= failed.get(shape, 1 << 62) or (starving and duration > SHORT):
                    break
                nodes = self._find(request, now, now + duration)
                if nodes is None:
                    failed[shape] = duration
                    starving = starving or (now - request.ready > STARVING and not self._roomy(request))
                    break
                cores = self.nodes[nodes[0]].cores if request.exclusive else request.cores
                self._record(request, request.next_task, now, self._take(nodes, cores, request.memory, request.gpus))
                request.next_task += 1
            if request.next_task >= len(request.durations):
                queue.remove(request)

    def _roomy(self, request: Request) -> bool:
        """True if only pins keep it from starting: making others wait would not help it."""
        members = self.pools[request.pool]
        fits = (self.free_cores[members] >= request.cores) & (self.free_memory[members] >= request.memory)
        return int(fits.sum()) >= request.nodes

    def _find(self, request: Request, now: int, end: int) -> tuple[int, ...] | None:
        members = self.pools[request.pool]
        cores = self.nodes[members[0]].cores if request.exclusive else request.cores
        free = self.free_cores[members]
        fits = (
            (free >= cores) & (self.free_memory[members] >= request.memory) & (self.free_gpus[members] >= request.gpus)
        )
        chosen: list[int] = []
        for i in members[fits][np.argsort(free[fits], kind="stable")].tolist():
            spare, memory = self._margin(i, request)
            if self._beside_pins(i, end, cores + spare, request.memory + memory, request.gpus):
                chosen.append(i)
                if len(chosen) == request.nodes:
                    return tuple(sorted(chosen))
        return None

    def _beside_pins(self, node: int, end: int, cores: int, memory: int, gpus: int) -> bool:
        for pin in self.pins[node]:
            if pin.start < end:
                cores += pin.cores
                memory += pin.memory
                gpus += pin.gpus
        return bool(
            cores <= self.free_cores[node] and memory <= self.free_memory[node] and gpus <= self.free_gpus[node]
        )
