"""The jobs that show a behaviour: some finished while raw metrics exist, one running now, one after another in the future."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.plan_jobs import DAY, GIB, OK, dressed
from demo.plan_requests import Request
from demo.plan_scheduler import Scheduler

HOUR = 3600


@dataclass(frozen=True)
class Act:
    """What a persona runs. spans: (start, end) in hours from now; the last one is running now unless it ends before."""

    person: str
    account: str
    behaviour: str
    name: str
    kind: str
    spans: tuple[tuple[float, float], ...]
    limit: int  # hours
    cores: int
    gib: int  # of one node
    nodes: int = 1
    gpus: int = 0
    gres: str = ""
    outcome: tuple[int, int, int] = OK
    options: str = ""
    per_core: bool = False
    again: float = 1.0  # hours until the next one, in the future
    every: float = 60.0  # hours between older ones; 0: none


ACTS = (
    Act(
        "greta",
        "rrg-hopper_cpu",
        "mpi_32",
        "reactor_les",
        "openfoam",
        ((-22, -15.5),),
        12,
        16,
        48,
        nodes=32,
        again=36,
        every=210,
    ),
    Act(
        "fatima",
        "rrg-franklin_cpu",
        "dead_node_of_eight",
        "protein_mpi",
        "gromacs_srun",
        ((-42, -31), (-9, 7)),
        24,
        16,
        32,
        nodes=8,
        again=14,
        every=96,
    ),
    Act(
        "mira",
        "def-lovelace_gpu",
        "gpu_idle_after_burst",
        "finetune_summaries",
        "pytorch_ddp",
        ((-52, -33), (-5.2, 19)),
        30,
        24,
        240,
        gpus=4,
        gres="a100",
    ),
    Act(
        "tomas",
        "rrg-hopper_gpu",
        "gpu_idle",
        "spectra_fit",
        "python",
        ((-44, -30), (-20, -11), (-7, 9)),
        24,
        8,
        64,
        gpus=1,
        gres="a100",
    ),
    Act(
        "samir",
        "def-turing_gpu",
        "low_sm",
        "tokenise_train",
        "pytorch",
        ((-38, -22), (-3, 13)),
        24,
        8,
        64,
        gpus=1,
        gres="a100",
    ),
    Act(
        "jonas",
        "def-noether_gpu",
        "mig_candidate",
        "small_classifier",
        "pytorch",
        ((-28, -14), (-2, 6)),
        12,
        1,
        16,
        gpus=1,
        gres="a100",
    ),
    Act(
        "hana",
        "rrg-hopper_gpu",
        "gpu_efficient",
        "pretrain_xl",
        "pytorch",
        ((-50, -30), (-6, 10)),
        24,
        24,
        128,
        gpus=2,
        gres="h100",
    ),
    Act(
        "bruno", "def-turing_cpu", "serial_on_many_cores", "monte_carlo", "serial", ((-55, -29), (-10, 18)), 36, 16, 24
    ),
    Act("yuki", "def-curie_cpu", "threads_oversubscribed", "mesh_solver", "oversub", ((-40, -25), (-4, 8)), 24, 16, 32),
    Act("chen", "rrg-hopper_cpu", "efficient", "melt_production", "lammps", ((-36, -24), (-5, 9)), 18, 16, 40),
    Act(
        "ines",
        "def-noether_cpu",
        "memory_over_asked",
        "cohort_stats",
        "conda",
        ((-46, -27), (-8, 14)),
        24,
        4,
        56,
        options="--requeue",
    ),
    Act("oleg", "def-curie_cpu", "metadata_storm", "unpack_images", "many_files", ((-33, -24), (-3, 7)), 12, 4, 16),
    Act(
        "nils",
        "def-lovelace_cpu",
        "fragmented",
        "lattice",
        "lammps",
        ((-50, -32), (-6, 12)),
        24,
        2,
        4,
        nodes=8,
        per_core=True,
    ),
    Act(
        "lena",
        "def-noether_cpu",
        "memory_growth",
        "graph_build",
        "python",
        ((-30, -26.2), (-13, -9.1), (-2.6, 1.5)),
        24,
        8,
        30,
        outcome=(11, 253, 0),
        again=3,
        every=48,
    ),
)


def request_of(act: Act, start: int, seconds: int, rng: np.random.Generator) -> Request:
    """One job of an act, submitted a little before `start`."""
    extra: dict[str, object] = {"scatter": True} if act.behaviour == "fragmented" else {}
    return dressed(
        Request(
            person=act.person,
            account=act.account,
            name=act.name,
            behaviour=act.behaviour,
            submit=start - int(rng.integers(40, 2400)),
            durations=[seconds],
            outcomes=[act.outcome],
            limit=act.limit * 60,
            cores=act.cores,
            memory=act.gib * GIB,
            nodes=act.nodes,
            gpus=act.gpus,
            gres=act.gres,
            partition="gpu" if act.gpus else "cpu",
            per_core=act.per_core,
            options=act.options,
            seed=int(rng.integers(1 << 31)),
            extra=extra,
        ),
        act.kind,
    )


def pin_near(scheduler: Scheduler, request: Request, start: int, tries: int = 40) -> bool:
    """Pin a request at `start` or up to `tries` hours later; False if there is no room at all.

    It is submitted as much later, except a requeued job's next run: Slurm submits that the moment the run before it ended.
    """
    for _ in range(tries):
        try:
            scheduler.pin(request, start)
        except RuntimeError:
            start += HOUR
            if "again" not in request.extra:
                request.submit += HOUR
        else:
            return True
    return False


def personas_near(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """Pin the personas' jobs around now and return them."""
    requests: list[Request] = []
    for act in ACTS:
        for first, last in act.spans:
            start, seconds = now + int(first * HOUR) + int(rng.integers(0, 600)), int((last - first) * HOUR)
            request = request_of(act, start, seconds, rng)
            scheduler.pin(request, start)
            requests.append(request)
    return requests


def personas_else(scheduler: Scheduler, rng: np.random.Generator, begin: int, now: int, horizon: int) -> list[Request]:
    """The personas' older and later jobs, where there is room, and the stream of tiny ones."""
    requests: list[Request] = []
    for act in ACTS:
        seconds = int((act.spans[-1][1] - act.spans[-1][0]) * HOUR)
        start = now + int((act.spans[-1][1] + act.again) * HOUR)
        while start < horizon - HOUR:
            fitted = _fitted(scheduler, request_of(act, start, seconds, rng), start, 20)
            requests += fitted
            start = (fitted[0].pin[0] if fitted else start) + seconds + int(act.again * HOUR)
        start = now + int((act.spans[0][0] - act.every) * HOUR) - seconds
        while act.every and start > begin + HOUR:
            requests += _fitted(scheduler, request_of(act, start, seconds, rng), start, 5)
            start -= int(act.every * HOUR) + seconds
    return requests + tiny(rng, now, horizon)


def _fitted(scheduler: Scheduler, request: Request, start: int, tries: int) -> list[Request]:
    return [request] if pin_near(scheduler, request, start, tries) else []


def tiny(rng: np.random.Generator, now: int, horizon: int) -> list[Request]:
    """Arrays of short tasks, one task after the other: something starts and ends every minute."""
    requests = []
    spells = [(now - 60 * HOUR + i * 5 * HOUR, 300, 1) for i in range((horizon - now) // (5 * HOUR) + 12)]
    spells += [(now - 20 * DAY, 420, 12), (now - 11 * DAY, 300, 10)]
    for submit, tasks, at_once in spells:
        durations = [int(d) for d in rng.integers(9, 130, tasks)]
        outcomes = [OK if rng.random() < 0.985 else (5, 256, 0) for _ in durations]
        requests.append(
            dressed(
                Request(
                    person="pavel",
                    account="def-turing_cpu",
                    name="score_case",
                    behaviour="tiny_jobs",
                    submit=submit + int(rng.integers(0, 900)),
                    durations=durations,
                    outcomes=outcomes,
                    limit=10,
                    cores=1,
                    memory=2 * GIB,
                    array=tuple(range(1, tasks + 1)),
                    array_limit=at_once,
                    seed=int(rng.integers(1 << 31)),
                    per_core=True,
                ),
                "tiny",
            )
        )
    return requests
