"""What the simulated cluster is made of. The plan is made once from a seed, past and a few days of future alike; being live
only means that time uncovers it. Accounting rows and metrics are both read off the same plan and the same profiles."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

BUCKET = 60  # seconds: profiles are constant within a bucket, counted from the run's start


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU (or MIG slice) of a node. `gres` is Slurm's type name, `gpu_type` the product name in metrics."""

    index: int
    gres: str
    gpu_type: str
    uuid: str
    mig: str = ""  # profile such as 1g.5gb


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine. kind: cpu, large, gpu, login, transfer, hypervisor, mds, oss."""

    name: str
    kind: str
    cores: int
    memory: int  # bytes
    sockets: int = 2
    cgroup: int = 1
    gpus: tuple[Gpu, ...] = ()
    partitions: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    scratch: int = 0  # bytes of local disk
    idle_watts: float = 120.0
    core_watts: float = 6.0
    counters: bool = False  # runs pcm-sensor-server


@dataclass(frozen=True, kw_only=True)
class Person:
    """A login. `role` is free text shown beside the persona; `behaviour` names what the portal should find in this person's jobs."""

    name: str
    uid: int
    full_name: str
    accounts: tuple[str, ...]
    coordinates: tuple[str, ...] = ()
    staff: bool = False
    behaviour: str = ""
    role: str = ""
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class Account:
    """A Slurm account, without people."""

    name: str
    parent: str
    description: str
    organisation: str
    shares: int
    grp_tres: str = ""
    pi: str = ""
    grp_jobs: int | None = None  # running at once, everybody together
    grp_submit: int | None = None  # waiting and running, everybody together
    max_jobs: int | None = None  # running at once, each person
    max_submit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a run holds of one node: core numbers, memory in bytes, GPU indexes."""

    node: str
    cores: tuple[int, ...]
    memory: int
    gpus: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of a job: everything accounting will say of it, and how it behaves. start None: never starts within the plan."""

    id_job: int
    person: str
    account: str
    partition: str
    qos: str
    name: str
    behaviour: str
    seed: int
    submit: int
    eligible: int  # 0: held or waiting for a dependency until it starts
    start: int | None
    end: int | None
    limit: int | None  # minutes; None = UNLIMITED
    end_state: int  # Slurm's number, flags included
    exit_code: int = 0
    derived_ec: int = 0
    cores: int
    cores_req: int
    nodes: int
    memory: int  # bytes over all nodes
    mem_req: int  # as stored: MB, bit 63 = per CPU
    gpus: int = 0
    gres: str = ""
    exclusive: bool = False
    shares: tuple[Share, ...] = ()
    array_job: int = 0
    array_task: int | None = None
    array_text: str = ""  # pending part as Slurm stores it (hex bitmap)
    array_max: int = 0
    array_pending: int = 0
    het_job: int = 0
    het_offset: int | None = None
    reason: int = 0  # state_reason_prev
    reservation: int = 0
    constraints: str = ""
    comment: str = ""
    wckey: str = ""
    script: str = ""
    submit_line: str = ""
    work_dir: str = ""
    cancelled_by: int | None = None
    suspensions: tuple[tuple[int, int], ...] = ()
    priority: int = 1000
    flags: int = 20
    waits: bool = False  # nobody knows `eligible` before it comes: it waits for another job
    licenses: int = 0  # of the one licence the cluster counts


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Nodes kept for some accounts, or for maintenance (no accounts, flags MAINT)."""

    id: int
    name: str
    start: int
    end: int
    nodes: tuple[str, ...]
    flags: int
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NodeEvent:
    """A spell a node is down (state 1) or drained (512 | 2)."""

    node: str
    start: int
    end: int | None
    state: int
    reason: str
    uid: int


@dataclass(frozen=True, kw_only=True)
class Vm:
    """A virtual machine of the cloud. `ended`: it was stopped, and shows nothing since. Without `balloon` its free memory is not known."""

    uuid: str
    name: str
    project: str
    flavour: str
    user: str
    host: str
    vcpus: int
    memory: int
    disk: int
    busy: float  # mean share of its vCPUs
    seed: int
    created: int | None = None  # UTC seconds; None: before the plan
    ended: int | None = None
    held: float = 0.25  # share of its memory an idle one holds
    balloon: bool = True
    disks: int = 1


@dataclass(kw_only=True)
class Plan:
    """The whole simulated time, [begin, horizon), made `made_at`."""

    seed: int
    begin: int
    made_at: int
    horizon: int
    cluster: str
    nodes: tuple[Node, ...]
    accounts: tuple[Account, ...]
    people: tuple[Person, ...]
    runs: tuple[PlannedRun, ...]  # by submit time
    events: tuple[NodeEvent, ...]
    vms: tuple[Vm, ...] = ()
    cloud_projects: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reservations: tuple[Reservation, ...] = ()
    file_systems: tuple[str, ...] = ("scratch", "project")


@dataclass(kw_only=True)
class GpuProfile:
    """Of one GPU, by bucket: percents 0–100, bytes, watts, bytes/s."""

    util: np.ndarray
    memory_util: np.ndarray
    memory: np.ndarray
    watts: np.ndarray
    sm_occupancy: np.ndarray
    tensor: np.ndarray
    fp64: np.ndarray
    fp32: np.ndarray
    fp16: np.ndarray
    pcie_tx: np.ndarray
    pcie_rx: np.ndarray
    nvlink_tx: np.ndarray
    nvlink_rx: np.ndarray


@dataclass(kw_only=True)
class Profile:
    """What one run does on one node: arrays by bucket of BUCKET seconds from the run's start, so counters are their running sums.

    cpu: [cores of the share × buckets] 0..1. rss + shared is program memory (MaxRSS is its peak), cache is page cache; bytes.
    threads: psutil state → count. exes: executable path → cores. lustre: file system → bytes/s and operations/s.
    """

    cpu: np.ndarray
    user_share: float
    rss: np.ndarray
    shared: np.ndarray
    cache: np.ndarray
    processes: np.ndarray
    threads: dict[str, np.ndarray]
    exes: dict[str, np.ndarray]
    gpus: dict[int, GpuProfile]
    lustre_read: dict[str, np.ndarray]
    lustre_write: dict[str, np.ndarray]
    lustre_ops: dict[str, dict[str, np.ndarray]]
    eth_rx: np.ndarray
    eth_tx: np.ndarray
    ib_rx: np.ndarray
    ib_tx: np.ndarray
    disk_read: np.ndarray
    disk_write: np.ndarray
    disk_used: np.ndarray
    memory_read: np.ndarray  # DRAM bytes/s
    memory_write: np.ndarray
    ipc: np.ndarray
    l2_hit: np.ndarray
    l3_hit: np.ndarray
