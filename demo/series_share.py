"""What one run does on one node, as tables of running sums and levels: what every exporter of that node reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from core.gpus import DEFAULT_GPUS, GpuModel, model_of
from demo.behaviour_gpu import BOARDS
from demo.model import Gpu, Node, Plan, PlannedRun, Profile, Share
from demo.series import Levels, Running, run_end

ProfileOf = Callable[[Plan, PlannedRun, Share, int], Profile]
CLOCK = 2.4e9  # reference cycles of a busy core per second
L2_PER_INSTRUCTION = 0.02
MEMORY_ROWS = (
    "usage",
    "max",
    "limit",
    "cache",
    "rss",
    "rss_huge",
    "mapped_file",
    "active_file",
    "inactive_file",
    "unevictable",
)
FLOWS = ("eth_rx", "eth_tx", "ib_rx", "ib_tx", "disk_read", "disk_write", "memory_read", "memory_write")
GPU_LEVELS = ("util", "memory_util", "memory", "watts", "sm_occupancy", "tensor", "fp64", "fp32", "fp16")
WATTS = GPU_LEVELS.index("watts")
GPU_FLOWS = ("pcie_tx", "pcie_rx", "nvlink_tx", "nvlink_rx")


class ShareTable:
    """Tables of one share. cores: CPU seconds by core; exes: CPU seconds by executable; flows: bytes, rows FLOWS.

    memory: bytes, rows MEMORY_ROWS. load: program bytes, cache bytes, runnable threads, scratch bytes, busy cores.
    gpus: GPU index → levels (rows GPU_LEVELS + GPU_FLOWS). hardware: instructions, L2 hits, L2 misses, L3 hits, each by core.
    io: file system → rates by bucket.
    """

    def __init__(self, plan: Plan, run: PlannedRun, share: Share, node: Node, profile: Profile) -> None:
        start = int(run.start or 0)
        self.run, self.share, self.node = run, share, node
        self.start, self.end = start, run_end(run.end, plan)
        self.user_share = profile.user_share
        self._profile, self._cpu = profile, np.asarray(profile.cpu, float)
        # cgroup v2 knows no per-core figure: the exporter spreads the total evenly
        self.even = node.cgroup == 2
        self.cores = Running(start, self._cpu)
        self.memory = Levels(start, _memory(share, profile))
        self.states = tuple(profile.threads)
        self.exe_names = tuple(profile.exes)
        self.exes = Running(start, np.vstack(list(profile.exes.values())).astype(float)) if profile.exes else None
        self.gpus = {
            index: Levels(start, np.vstack([getattr(gpu, name) for name in GPU_LEVELS + GPU_FLOWS]).astype(float))
            for index, gpu in profile.gpus.items()
        }
        self.io = _io(profile)

    # what recorded rules do not look at is made when raw samples need it

    @cached_property
    def counts(self) -> Levels:
        """Processes, then threads by state."""
        profile = self._profile
        return Levels(self.start, np.vstack([profile.processes, *profile.threads.values()]).astype(float))

    @cached_property
    def flows(self) -> Running:
        """Bytes, rows FLOWS."""
        return Running(self.start, np.vstack([getattr(self._profile, name) for name in FLOWS]).astype(float))

    @cached_property
    def load(self) -> Levels:
        """Program bytes, cache bytes, runnable threads, scratch bytes, busy cores."""
        return Levels(self.start, _load(self._profile, self._cpu))

    @cached_property
    def hardware(self) -> Running | None:
        """Instructions, L2 hits, L2 misses, L3 hits, each by core; None on a node without counters."""
        return Running(self.start, _hardware(self._profile, self._cpu)) if self.node.counters else None

    def core_seconds(self, times: np.ndarray) -> np.ndarray:
        """[cores × times]: CPU seconds as the exporter gives them for each core of the share."""
        seconds = self.cores.at(times)
        return np.broadcast_to(seconds.mean(axis=0), seconds.shape) if self.even else seconds

    def alive(self, times: np.ndarray) -> np.ndarray:
        """True while the run is on the node."""
        return (times >= self.start) & (times < self.end)


def _io(profile: Profile) -> dict[str, dict[str, np.ndarray]]:
    """File system → read and write in bytes/s and each metadata operation per second, by bucket; idle ones left out."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for fs in {*profile.lustre_read, *profile.lustre_write, *profile.lustre_ops}:
        rates = dict(profile.lustre_ops.get(fs, {}))
        for name, rate in (("read_bytes", profile.lustre_read.get(fs)), ("write_bytes", profile.lustre_write.get(fs))):
            if rate is not None:
                rates[name] = rate
        busy = {name: np.asarray(rate, float) for name, rate in rates.items() if np.any(rate)}
        if busy:
            found[fs] = busy
    return found


def _memory(share: Share, profile: Profile) -> np.ndarray:
    """Rows MEMORY_ROWS: shared memory counts as page cache too, as in the kernel; nothing exceeds the cgroup's limit."""
    program = np.asarray(profile.rss, float) + profile.shared
    cache = np.minimum(np.asarray(profile.cache, float), np.maximum(share.memory - program, 0))
    usage = np.minimum(program + cache, share.memory)
    rows = np.empty((len(MEMORY_ROWS), len(usage)))
    rows[0], rows[1], rows[2] = usage, np.maximum.accumulate(usage), share.memory
    rows[3], rows[4], rows[5] = cache + profile.shared, profile.rss, np.asarray(profile.rss) * 0.4
    rows[6], rows[7], rows[8], rows[9] = profile.shared, cache * 0.4, cache * 0.6, 0
    return np.rint(rows)


def _load(profile: Profile, cpu: np.ndarray) -> np.ndarray:
    runnable = profile.threads.get("running", np.zeros(cpu.shape[1]))
    program = np.asarray(profile.rss, float) + profile.shared
    return np.vstack([program, profile.cache, runnable, profile.disk_used, cpu.sum(axis=0)]).astype(float)


def _hardware(profile: Profile, cpu: np.ndarray) -> np.ndarray:
    instructions = cpu * CLOCK * profile.ipc
    asked = instructions * L2_PER_INSTRUCTION
    hits = asked * profile.l2_hit
    misses = asked - hits
    return np.vstack([instructions, hits, misses, misses * profile.l3_hit])


def account_seen(run: PlannedRun) -> str:
    """The account slurm-job-exporter finds: it reads a process of the job script, and says error where there is only a shell."""
    return "error" if run.submit_line.startswith("salloc ") else run.account


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


def idle_beneath(card: list[Gpu]) -> float:
    """Watts of a card that is cut, beneath what its slices add; a whole GPU's curve has its own."""
    return BOARDS["a100"][1] if card[0].mig else 0.0


def gpu_model(gpu: Gpu) -> GpuModel:
    """What is known of a GPU or slice: memory in GiB, idle and full watts."""
    return model_of(gpu.mig or gpu.gpu_type, DEFAULT_GPUS)


class Tables:
    """All shares of a plan, by node and by time; tables are made when first needed and forgotten once past.

    A run that never starts has none. Times are UTC epoch seconds.
    """

    def __init__(self, plan: Plan, profile_of: ProfileOf) -> None:
        self.plan, self.profile_of = plan, profile_of
        self.nodes = {node.name: node for node in plan.nodes}
        entries = [(run, index) for run in plan.runs if run.start is not None for index in range(len(run.shares))]
        entries.sort(key=lambda entry: entry[0].start)
        self.entries = entries
        self.starts = np.array([run.start for run, _ in entries], float)
        self.ends = np.array([run_end(run.end, plan) for run, _ in entries], float)
        self.by_node: dict[str, list[int]] = {name: [] for name in self.nodes}
        for number, (run, index) in enumerate(entries):
            self.by_node[run.shares[index].node].append(number)
        self.of_run: dict[int, list[int]] = {}
        for number, (run, _) in enumerate(entries):
            self.of_run.setdefault(id(run), []).append(number)
        self._made: dict[int, ShareTable] = {}

    def table(self, number: int) -> ShareTable:
        """The tables of the share with this number."""
        made = self._made.get(number)
        if made is None:
            run, index = self.entries[number]
            share = run.shares[index]
            made = ShareTable(
                self.plan, run, share, self.nodes[share.node], self.profile_of(self.plan, run, share, index)
            )
            self._made[number] = made
        return made

    def between(self, since: float, until: float) -> np.ndarray:
        """Numbers of the shares that are on a node at some time in [since, until)."""
        stop = int(np.searchsorted(self.starts, until))
        return np.flatnonzero(self.ends[:stop] > since)

    def forget(self, before: float) -> None:
        """Drop tables of shares that ended before the moment."""
        for number in [number for number in self._made if self.ends[number] < before]:
            del self._made[number]
