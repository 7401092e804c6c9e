"""Jobs that end otherwise than well: requeued, preempted, suspended, cancelled, past their limit, or not run by a script."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from demo.plan_follow import HOUR, follow_up, job
from demo.plan_jobs import OK
from demo.plan_personas import pin_near
from demo.plan_requests import Request
from demo.plan_scheduler import Scheduler

FROM_PREEMPTION = 10 * HOUR  # before now


@dataclass(frozen=True)
class Ending:
    """A job that began `ago` hours ago and ran for `hours`; gib of memory on its node; more: further fields of a request."""

    person: str
    account: str
    name: str
    kind: str
    ago: float
    hours: float
    cores: int
    gib: int
    more: dict = field(default_factory=dict)


AGAIN = 900  # seconds until a requeued job runs again: by then the file servers have forgotten its first run
C, L = "def-curie_cpu", "def-lovelace_cpu"
SALLOC = f"salloc --account={L} --time=3:00:00 --cpus-per-task=2 --mem=8G"
SRUN = "srun --account=rrg-franklin_cpu -n1 -t 10 hostname"
WHOLE = {"limit": 360, "exclusive": True, "options": "--exclusive --mem=0"}
KILLED = {"outcome": (4, 0, 15), "limit": 300, "behaviour": "metadata_storm", "extra": {"cancelled_by": 0}}
LICENSED = {"limit": 900, "options": "-L matlab:1", "extra": {"licenses": 1}}
RESERVED = {"limit": 240, "options": "--reservation=course", "extra": {"reservation": 2, "constraints": "zen3"}}
ENDINGS = (
    Ending("amelie", C, "creep_cancelled", "lammps", 30, 1.4, 8, 16, {"outcome": (4, 0, 15), "limit": 600}),
    Ending("mcurie", C, "runaway", "many_files", 15, 0.7, 2, 8, KILLED),
    Ending("ruth", "rrg-franklin_cpu", "glmm_full", "r", 16, 3.004, 4, 24, {"outcome": (6, 0, 15), "limit": 180}),
    Ending("aturing", "def-turing_cpu", "whole_node", "openmp", 14, 3, 4, 64, WHOLE),
    Ending("wlovelace", L, "calibrate_matlab", "matlab", 6, 10, 8, 24, LICENSED),
    Ending("luis", L, "interactive", "serial", 5, 1.5, 2, 8, {"limit": 180, "extra": {"command": SALLOC}}),
    Ending("anya", "rrg-franklin_cpu", "hostname", "serial", 3, 0.01, 1, 1, {"limit": 10, "extra": {"command": SRUN}}),
    Ending("ruth", C, "course_exercise", "r", 2, 3, 4, 12, RESERVED),
)


def endings(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """Pin them all around now and return them."""
    simple = []
    for e in ENDINGS:
        start = now - int(e.ago * HOUR)
        simple.append(job(rng, e.person, e.account, e.name, e.kind, start, e.hours, e.cores, e.gib, **e.more))
    for request in simple:
        scheduler.pin(request, request.submit + 20 + int(rng.integers(0, 10)))
    return simple + _requeued(scheduler, rng, now) + _preempted(scheduler, rng, now) + _suspended(scheduler, rng, now)


def _requeued(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    start, options = now - 19 * HOUR, {"outcome": (1024, 0, 0), "options": "--requeue"}
    first = job(rng, "enoether", "def-noether_cpu", "posterior_rerun", "python", start, 2, 4, 16, **options)
    scheduler.pin(first, start)
    again = follow_up(first, start + 2 * HOUR, rng, 3, OK)
    pin_near(scheduler, again, again.submit + AGAIN)
    return [first, again]


def _preempted(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """Urgent work pushes a preemptable job off its GPUs; that one runs again later."""
    gpus = {"gpus": 2, "gres": "h100", "partition": "gpu"}
    ended = now - FROM_PREEMPTION
    low = {
        "outcome": (8, 0, 15),
        "qos": "preemptable",
        "behaviour": "gpu_ordinary",
        "options": "--requeue",
        "limit": 600,
    }
    first = job(rng, "priya", "rrg-hopper_gpu", "sweep_low", "pytorch", ended - 3 * HOUR, 3, 24, 120, **gpus, **low)
    scheduler.pin(first, ended - 3 * HOUR)
    high = {"qos": "high", "behaviour": "gpu_efficient"}
    urgent = job(rng, "ghopper", "rrg-hopper_gpu", "urgent_eval", "pytorch", ended + 12, 2, 24, 120, **gpus, **high)
    urgent.submit = ended - 5
    scheduler.pin(urgent, ended + 12)
    again = follow_up(first, ended, rng, 4, OK)
    pin_near(scheduler, again, again.submit + AGAIN)
    return [first, urgent, again]


def _suspended(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """One was suspended for an hour, one is now."""
    over, still = (now - 7 * HOUR, now - 6 * HOUR), (now - 25 * 60, now + 55 * 60)
    account = "def-noether_cpu"
    made = [
        job(
            rng,
            "dmitri",
            account,
            "fem_paused",
            "openmp",
            now - 9 * HOUR,
            6,
            8,
            20,
            limit=720,
            extra={"suspensions": (over,)},
        ),
        job(
            rng,
            "sofia",
            account,
            "preprocess_slow",
            "openmp",
            now - 4 * HOUR,
            9,
            4,
            12,
            limit=900,
            extra={"suspensions": (still,)},
        ),
    ]
    for request, start in zip(made, (now - 9 * HOUR, now - 4 * HOUR), strict=True):
        scheduler.pin(request, start)
    return made
