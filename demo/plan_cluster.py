"""The machines of the simulated cluster."""

from __future__ import annotations

from demo.model import Gpu, Node
from demo.plan_cloud import stable_uuid

CLUSTER = "turtle"
GIB = 1 << 30
A100 = "NVIDIA A100-SXM4-40GB"
H100 = "NVIDIA H100 80GB HBM3"
MIG_PROFILE = "1g.5gb"
CPU_NODES = 36
CGROUP2_CPU_NODES = 4
COUNTER_CPU_NODES = 2
COMPUTE_KINDS = ("cpu", "large", "gpu")


def _gpus(node: str, count: int, gres: str, gpu_type: str) -> tuple[Gpu, ...]:
    return tuple(Gpu(index=i, gres=gres, gpu_type=gpu_type, uuid="GPU-" + stable_uuid(node, i)) for i in range(count))


def _slices(node: str, cards: int) -> tuple[Gpu, ...]:
    """Seven slices of each card, numbered through."""
    return tuple(
        Gpu(
            index=i,
            gres=f"a100_{MIG_PROFILE}",
            gpu_type=f"{A100} MIG {MIG_PROFILE}",
            uuid="MIG-" + stable_uuid(node, i),
            mig=MIG_PROFILE,
        )
        for i in range(7 * cards)
    )


def _cpu_nodes() -> list[Node]:
    first_v2 = CPU_NODES - CGROUP2_CPU_NODES
    return [
        Node(
            name=f"c{i + 1:03d}",
            kind="cpu",
            cores=16,
            memory=64 * GIB,
            cgroup=2 if i >= first_v2 else 1,
            partitions=("cpu", "short"),
            features=("zen3", "cpu") if i >= CPU_NODES // 2 else ("skylake", "cpu"),
            scratch=480 * GIB,
            idle_watts=95.0,
            core_watts=9.5,
            counters=i < COUNTER_CPU_NODES,
        )
        for i in range(CPU_NODES)
    ]


def _big_nodes() -> list[Node]:
    large = [
        Node(
            name=f"m0{i}",
            kind="large",
            cores=32,
            memory=1024 * GIB,
            partitions=("large",),
            features=("skylake", "large"),
            scratch=960 * GIB,
            idle_watts=190.0,
            core_watts=8.5,
        )
        for i in (1, 2)
    ]
    gpu = {"kind": "gpu", "partitions": ("gpu",), "scratch": 1900 * GIB, "counters": True}
    return [
        *large,
        *(
            Node(
                name=n,
                cores=48,
                memory=512 * GIB,
                gpus=_gpus(n, 4, "a100", A100),
                features=("zen3", "a100"),
                idle_watts=260.0,
                core_watts=5.5,
                **gpu,
            )
            for n in ("ga01", "ga02")
        ),
        Node(
            name="gh01",
            cores=48,
            memory=512 * GIB,
            cgroup=2,
            gpus=_gpus("gh01", 4, "h100", H100),
            features=("zen4", "h100"),
            idle_watts=310.0,
            core_watts=5.5,
            **gpu,
        ),
        Node(
            name="gm01",
            cores=32,
            memory=256 * GIB,
            gpus=_slices("gm01", 2),
            features=("zen3", "mig"),
            idle_watts=210.0,
            core_watts=5.5,
            **gpu,
        ),
    ]


def _service_nodes() -> list[Node]:
    def make(names: tuple[str, ...], kind: str, cores: int, gib: int) -> list[Node]:
        return [
            Node(name=n, kind=kind, cores=cores, memory=gib * GIB, scratch=400 * GIB, idle_watts=110.0) for n in names
        ]

    return [
        *make(("login1", "login2"), "login", 16, 128),
        *make(("dtn1", "dtn2"), "transfer", 8, 64),
        *make(("hv1", "hv2", "hv3"), "hypervisor", 32, 256),
        *make(("mds1",), "mds", 16, 128),
        *make(("oss1", "oss2"), "oss", 16, 128),
    ]


def make_nodes() -> tuple[Node, ...]:
    """All machines: compute nodes in Slurm's node order first, then login, transfer, hypervisors and Lustre servers."""
    return (*_cpu_nodes(), *_big_nodes(), *_service_nodes())
