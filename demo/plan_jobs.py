"""The everyday load: what people submit besides the jobs that show a behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.model import Node
from demo.plan_requests import Request
from demo.scripts import file_of, script

GIB = 1024  # MiB, the unit of Request.memory
DAY = 86400
OK = (3, 0, 0)
LOAD = {"cpu": 0.80, "large": 0.62, "a100": 0.74, "h100": 0.74, "a100_1g.5gb": 0.55}
# relative rate of submissions by hour of the day (UTC), then by day of the week
BY_HOUR = np.array([3, 2, 2, 2, 2, 3, 4, 7, 11, 14, 15, 14, 12, 14, 15, 14, 12, 10, 8, 6, 5, 5, 4, 4], dtype=float)
BY_DAY = np.array([1.1, 1.15, 1.1, 1.1, 1.0, 0.4, 0.35])


@dataclass(frozen=True)
class Habit:
    """A kind of job somebody submits again and again. hours: median; gib: memory of one core."""

    person: str
    account: str
    pool: str
    weight: float
    kind: str
    names: tuple[str, ...]
    behaviour: str
    cores: tuple[int, ...]
    gib: float
    hours: float
    nodes: int = 1
    gpus: tuple[int, ...] = (0,)
    tasks: int = 1
    options: str = ""
    qos: str = "normal"


HABITS = (
    Habit("chen", "rrg-hopper_cpu", "cpu", 9, "lammps", ("melt", "melt_large"), "efficient", (8, 16), 2, 7),
    Habit("kofi", "rrg-hopper_cpu", "cpu", 8, "gromacs", ("prod_md", "npt"), "ordinary", (8, 16), 1.5, 9),
    Habit("kofi", "rrg-hopper_cpu", "cpu", 3, "gromacs_srun", ("umbrella",), "efficient", (16,), 2, 8, nodes=2),
    Habit("ghopper", "rrg-hopper_cpu", "cpu", 4, "openfoam", ("wing", "duct"), "efficient", (16,), 3, 6, nodes=2),
    Habit("anya", "rrg-franklin_cpu", "cpu", 10, "blast", ("blast_nr", "blast_swiss"), "ordinary", (4, 8), 4, 4),
    Habit("anya", "rrg-franklin_cpu", "cpu", 0.25, "python", ("bootstrap",), "ordinary", (2,), 3, 2.0, tasks=160),
    Habit("rfranklin", "rrg-franklin_cpu", "cpu", 5, "amber", ("complex", "ligand"), "ordinary", (16,), 1.5, 11),
    Habit("ruth", "rrg-franklin_cpu", "cpu", 5, "r", ("survival", "glmm"), "ordinary", (4,), 6, 5),
    Habit("ruth", "def-curie_cpu", "cpu", 2, "conda", ("qc",), "ordinary", (4,), 8, 3),
    Habit("luis", "def-lovelace_cpu", "cpu", 8, "serial", ("ising", "ising_hot"), "ordinary", (1,), 3, 10),
    Habit("luis", "def-lovelace_cpu", "cpu", 0.3, "serial", ("temperature_scan",), "ordinary", (1,), 2, 5, tasks=200),
    Habit(
        "wlovelace",
        "def-lovelace_cpu",
        "cpu",
        3,
        "matlab",
        ("calibrate",),
        "ordinary",
        (8,),
        3,
        6,
        options="-L matlab:1",
    ),
    Habit("dmitri", "def-noether_cpu", "cpu", 7, "openmp", ("fem", "fem_fine"), "efficient", (8, 16), 2.5, 8),
    Habit(
        "enoether", "def-noether_cpu", "cpu", 3, "python", ("posterior",), "ordinary", (4,), 4, 6, options="--requeue"
    ),
    Habit("sofia", "def-noether_cpu", "cpu", 4, "conda", ("preprocess",), "ordinary", (8,), 4, 3),
    Habit("amelie", "def-curie_cpu", "cpu", 6, "lammps_bare", ("creep",), "ordinary", (4, 8), 2, 8),
    Habit("mcurie", "def-curie_cpu", "cpu", 3, "wait", ("collect",), "waiting", (1,), 1, 6),
    Habit(
        "aturing",
        "def-turing_cpu",
        "cpu",
        5,
        "gromacs_nt",
        ("folding",),
        "ordinary",
        (8,),
        2,
        9,
        options="--exclude=c030",
    ),
    Habit("frank", "def-lovelace_cpu", "cpu", 1, "openmp", ("last_runs",), "ordinary", (8,), 2, 6),
    Habit("ken", "cc-staff", "cpu", 1.5, "serial", ("node_check",), "ordinary", (2,), 1, 0.3, qos="high"),
    Habit("anya", "rrg-franklin_cpu", "large", 5, "assembly", ("assembly", "pangenome"), "ordinary", (8, 16), 24, 9),
    Habit("dmitri", "def-noether_cpu", "large", 3, "r", ("kriging",), "ordinary", (4, 8), 30, 7),
    Habit(
        "hana",
        "rrg-hopper_gpu",
        "a100",
        6,
        "pytorch",
        ("pretrain", "ablation"),
        "gpu_efficient",
        (8, 12),
        8,
        9,
        gpus=(1, 2),
    ),
    Habit(
        "priya",
        "rrg-hopper_gpu",
        "a100",
        6,
        "pytorch",
        ("detector", "segmenter"),
        "gpu_ordinary",
        (6, 12),
        8,
        6,
        gpus=(1,),
    ),
    Habit("omar", "def-turing_gpu", "a100", 4, "amber_gpu", ("dhfr", "stmv"), "gpu_efficient", (2,), 8, 10, gpus=(1,)),
    Habit("sofia", "def-noether_gpu", "a100", 3, "pytorch", ("ct_scan",), "gpu_ordinary", (8,), 8, 5, gpus=(1, 2)),
    Habit("omar", "def-turing_gpu", "a100", 1, "amber_wrong", ("prod_wrong",), "gpu_idle", (12,), 3, 3, gpus=(1,)),
    Habit(
        "ghopper",
        "rrg-hopper_gpu",
        "h100",
        3,
        "pytorch",
        ("llm_7b", "llm_eval"),
        "gpu_efficient",
        (12, 24),
        8,
        9,
        gpus=(1, 2),
    ),
    Habit("hana", "rrg-hopper_gpu", "h100", 3, "pytorch", ("diffusion",), "gpu_efficient", (12,), 8, 7, gpus=(1,)),
    Habit(
        "jonas",
        "def-noether_gpu",
        "a100_1g.5gb",
        6,
        "pytorch",
        ("classify", "embed"),
        "gpu_ordinary",
        (2,),
        8,
        3,
        gpus=(1,),
    ),
    Habit(
        "mira", "def-lovelace_gpu", "a100_1g.5gb", 4, "jupyter", ("notebook",), "gpu_ordinary", (2,), 6, 3, gpus=(1,)
    ),
    Habit("sofia", "def-noether_gpu", "a100_1g.5gb", 3, "python", ("tests",), "gpu_ordinary", (1,), 6, 1, gpus=(1,)),
)
CHOICES = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 4320, 7 * 1440)  # usual time limits, minutes


def work_dir(person: str, account: str, name: str) -> str:
    """Where somebody submits from."""
    project = account.rsplit("_", 1)[0]
    plain = "".join(c if c.isalnum() else "_" for c in name)
    return f"/project/{project}/{person}/{plain}"


def dressed(request: Request, kind: str) -> Request:
    """The request with its script, working folder and command-line ending filled in."""
    request.script = script(
        kind,
        request.account,
        request.name,
        request.limit,
        request.nodes,
        request.cores,
        request.memory,
        request.per_core,
        request.gpus,
        request.gres,
        request.partition,
        request.qos,
        bool(request.extra.get("scatter")),
    )
    request.work_dir = work_dir(request.person, request.account, request.name)
    request.extra["file"] = file_of(kind)
    return request


def submit_times(rng: np.random.Generator, count: int, begin: int, horizon: int) -> np.ndarray:
    """Moments of submission with a day and week rhythm, sorted."""
    hours = np.arange(begin - begin % 3600, horizon, 3600)
    weekday = (hours // DAY + 3) % 7  # 1970-01-01 was a Thursday
    rate = BY_HOUR[(hours // 3600) % 24] * BY_DAY[weekday]
    chosen = rng.choice(len(hours), size=count, p=rate / rate.sum())
    times = hours[chosen] + rng.integers(0, 3600, count)
    return np.sort(np.clip(times, begin, horizon - 60))


def everyday(
    rng: np.random.Generator, nodes: tuple[Node, ...], taken: dict[str, float], begin: int, horizon: int
) -> list[Request]:
    """Requests that fill each pool of nodes to its usual load; `taken`: core or GPU seconds of the pins by pool."""
    requests: list[Request] = []
    for pool, load in LOAD.items():
        members = [n for n in nodes if (n.gpus[0].gres if n.gpus else n.kind) == pool]
        size = sum(len(n.gpus) or n.cores for n in members)
        budget = size * (horizon - begin) * load - taken.get(pool, 0.0)
        drawn: list[Request] = []
        habits = [h for h in HABITS if h.pool == pool]
        weights = np.array([h.weight for h in habits])
        while budget > 0:
            habit = habits[int(rng.choice(len(habits), p=weights / weights.sum()))]
            request = _draw(rng, habit)
            budget -= sum(request.durations) * (request.gpus or request.cores) * request.nodes
            drawn.append(request)
        for request, when in zip(
            rng.permutation(np.array(drawn, dtype=object)), submit_times(rng, len(drawn), begin, horizon), strict=True
        ):
            request.submit = int(when)
            requests.append(request)
    return requests


def _draw(rng: np.random.Generator, habit: Habit) -> Request:
    gpus = int(rng.choice(habit.gpus))
    cores = int(rng.choice(habit.cores))
    tasks = 1 if habit.tasks == 1 else int(rng.integers(habit.tasks // 2, habit.tasks))
    lengths = habit.hours * 3600 * rng.lognormal(0, 0.35 if tasks > 1 else 0.8, tasks)
    durations = [int(min(max(d, 45), 2 * DAY)) for d in lengths]
    outcomes = [_outcome(rng) for _ in durations]
    limit = _limit(rng, max(durations))
    for i, (state, _, _) in enumerate(outcomes):
        if state == 6:
            durations[i] = limit * 60 + int(rng.integers(1, 30))
        elif state != 3:
            durations[i] = max(20, int(durations[i] * rng.uniform(0.02, 0.9)))
    per_core = not gpus and bool(rng.random() < 0.6)
    memory = int(habit.gib * GIB) * cores
    request = Request(
        person=habit.person,
        account=habit.account,
        name=str(rng.choice(habit.names)),
        behaviour=habit.behaviour,
        submit=0,
        durations=durations,
        outcomes=outcomes,
        limit=limit,
        cores=cores,
        memory=memory,
        nodes=habit.nodes,
        gpus=gpus,
        gres=habit.pool if gpus else "",
        partition="gpu" if gpus else habit.pool,
        qos=habit.qos,
        per_core=per_core,
        array=tuple(range(tasks)) if tasks > 1 else (),
        array_limit=int(rng.choice((20, 40))) if tasks > 1 else 0,
        options=habit.options,
        seed=int(rng.integers(1 << 31)),
    )
    if tasks == 1 and rng.random() < 0.03:
        request.give_up = int(rng.integers(120, 7200))
    return dressed(request, habit.kind)


def _outcome(rng: np.random.Generator) -> tuple[int, int, int]:
    """(state, exit_code, derived_ec) of a run that nobody planned to go wrong."""
    at = rng.random()
    if at < 0.875:
        return OK
    if at < 0.935:
        return (5, int(rng.choice((256, 512, 32512, 35584, 9, 35072))), 0)
    return (6, 0, 15) if at < 0.97 else (4, 0, 0)


def _limit(rng: np.random.Generator, longest: int) -> int:
    wanted = longest / 60 * rng.choice((1.15, 1.5, 2.5, 6.0), p=(0.35, 0.3, 0.2, 0.15))
    return next((m for m in CHOICES if m >= wanted), CHOICES[-1])


def taken_by_pins(requests: list[Request]) -> dict[str, float]:
    """Core or GPU seconds that pinned requests hold, by pool."""
    taken: dict[str, float] = {}
    for r in requests:
        taken[r.pool] = taken.get(r.pool, 0.0) + sum(r.durations) * (r.gpus or r.cores) * r.nodes
    return taken
