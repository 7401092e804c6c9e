"""The everyday load: what people submit besides the jobs that show a behaviour."""

from __future__ import annotations

import numpy as np

from demo.model import Node
from demo.plan_habits import HABITS, Habit
from demo.plan_requests import Request
from demo.scripts import file_of, script

GIB = 1024  # MiB, the unit of Request.memory
DAY = 86400
OK = (3, 0, 0)
LOAD = {"cpu": 0.88, "large": 0.68, "a100": 0.9, "h100": 0.88, "a100_1g.5gb": 0.75}
# relative rate of submissions by hour of the day (UTC), then by day of the week
BY_HOUR = np.array([6, 5, 5, 5, 5, 6, 7, 9, 11, 13, 14, 13, 12, 13, 14, 13, 12, 11, 10, 9, 8, 8, 7, 7], dtype=float)
BY_DAY = np.array([1.1, 1.1, 1.1, 1.1, 1.05, 0.75, 0.7])


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
        name=str(rng.choice(habit.names.split())),
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
