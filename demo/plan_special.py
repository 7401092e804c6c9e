"""Node failures, jobs of several components, very long ones and oddly named ones; reservations."""

from __future__ import annotations

import numpy as np

from demo.model import NodeEvent, Reservation
from demo.plan_follow import follow_up, job
from demo.plan_jobs import DAY, OK
from demo.plan_people import make_people
from demo.plan_personas import HOUR, pin_near
from demo.plan_requests import Request
from demo.plan_scheduler import Scheduler

DRAINS = "ken"  # runs jobs too, so that accounting knows the login behind the uid
MAINT, SPEC_NODES, IGNORE_JOBS = 1, 32768, 64
SLICE_ACCOUNTS = ("def-lovelace_gpu", "def-noether_gpu", "def-turing_gpu", "rrg-hopper_cpu", "rrg-hopper_gpu")
ODD_NAMES = (
    "<b>bold</b>",
    "<a href=x>click</a>",
    'it\'s "quoted"',
    "=1+1",
    "\N{SLOTH} slow 模拟 é",
    "{{7*7}} %s \\n",
    "-dash; rm -rf ~",
    "a" * 60,
)


def long_ones(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """More than 23 days: one ended last night, one still runs and has no limit."""
    ended = job(
        rng, "luis", "def-lovelace_cpu", "percolation_long", "serial", now - 25 * DAY, 24.4 * 24, 1, 3, limit=28 * 1440
    )
    still = job(
        rng,
        "kofi",
        "rrg-hopper_cpu",
        "license_server_watch",
        "wait",
        now - 26 * DAY,
        40 * 24,
        1,
        2,
        limit=None,
        behaviour="waiting",
    )
    return [r for r, start in ((ended, now - 25 * DAY), (still, now - 26 * DAY)) if pin_near(scheduler, r, start, 3)]


def failures(scheduler: Scheduler, rng: np.random.Generator, now: int) -> tuple[list[Request], list[NodeEvent]]:
    """A node dies under a job, which is requeued; other nodes are drained."""
    died = now - 26 * HOUR - 1234
    victim = job(
        rng,
        "kofi",
        "rrg-hopper_cpu",
        "prod_md_replica",
        "gromacs_srun",
        died - 5 * HOUR,
        5,
        16,
        40,
        outcome=(7, 0, 0),
        limit=1440,
        options="--requeue",
        nodes=2,
    )
    nodes = scheduler.pin(victim, died - 5 * HOUR)
    again = follow_up(victim, died, rng, 9.0, OK)
    events = [NodeEvent(node=nodes[1], start=died, end=died + 3 * HOUR, state=1, reason="Not responding", uid=0)]
    scheduler.block(nodes[1], died, died + 3 * HOUR)
    pin_near(scheduler, again, died + 900)
    spells = (
        ("c030", now - 5 * HOUR - 300, now + 30 * HOUR, "kernel upgrade"),
        ("c019", now - 12 * DAY, now - 11 * DAY, "DIMM errors, ticket 4711"),
        ("ga02", now - 9 * DAY, now - 8 * DAY, "ECC errors on GPU 3"),
        ("c025", now - 20 * DAY, now - 20 * DAY + 7 * HOUR, "fan failure"),
    )
    uid = next(person.uid for person in make_people() if person.name == DRAINS)
    for node, start, end, reason in spells:
        scheduler.block(node, start, end)
        events.append(NodeEvent(node=node, start=start, end=end, state=514, reason=reason, uid=uid))
    return [victim, again], events


def heterogeneous(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """Two components of one job: a leader on CPUs and workers with GPUs. One ended, one runs."""
    made = []
    for begin, hours in ((now - 25 * HOUR, 4.0), (now - 2 * HOUR, 8.0)):
        leader = job(
            rng,
            "hana",
            "rrg-hopper_cpu",
            "coupled",
            "openmp",
            begin,
            hours,
            4,
            16,
            limit=720,
            options="--cpus-per-task=4 --mem=16G :",
        )
        worker = job(
            rng,
            "hana",
            "rrg-hopper_cpu",
            "coupled",
            "pytorch",
            begin,
            hours,
            2,
            12,
            limit=720,
            gpus=1,
            gres="a100_1g.5gb",
            partition="gpu",
            behaviour="gpu_ordinary",
        )
        worker.submit, worker.script, worker.work_dir = leader.submit, leader.script, leader.work_dir
        line = "sbatch --cpus-per-task=4 --mem=16G : --gpus-per-node=a100_1g.5gb:1 --cpus-per-task=2 --mem=12G omp.sh"
        leader.extra |= {"command": line, "het": (leader, 0)}
        worker.extra |= {"command": line, "het": (leader, 1)}
        for request in (leader, worker):
            scheduler.pin(request, begin)
            made.append(request)
    return made


def odd_names(rng: np.random.Generator, now: int) -> list[Request]:
    """Short jobs whose names must not break a page or a spreadsheet."""
    people = (
        ("sofia", "def-noether_cpu"),
        ("chen", "rrg-hopper_cpu"),
        ("dmitri", "def-noether_cpu"),
        ("ines", "def-noether_cpu"),
    )
    made = []
    for i, name in enumerate(ODD_NAMES):
        person, account = people[i % len(people)]
        made.append(
            job(
                rng,
                person,
                account,
                name,
                "serial",
                now - (31 - 3 * i) * HOUR,
                0.6,
                1,
                2,
                limit=120,
                extra={"comment": '=HYPERLINK("x")'} if i == 0 else {},
            )
        )
    return made


def reservations(now: int, course: tuple[str, ...]) -> tuple[Reservation, ...]:
    """A course that holds now, on the nodes its jobs run on; a node kept for those who use its slices; and a maintenance to come."""
    hour = now // HOUR * HOUR
    return (
        Reservation(
            id=1,
            name="maint_november",
            start=hour + 3 * DAY,
            end=hour + 3 * DAY + 8 * HOUR,
            nodes=("c019", "c020", "c021", "c022"),
            flags=SPEC_NODES | IGNORE_JOBS | MAINT,
        ),
        Reservation(
            id=2,
            name="course",
            start=hour - 4 * HOUR,
            end=hour + 8 * HOUR,
            nodes=course,
            flags=SPEC_NODES,
            accounts=("def-curie_cpu",),
        ),
        Reservation(
            id=3,
            name="slices",
            start=hour - 2 * DAY,
            end=hour + 5 * DAY,
            nodes=("gm01",),
            flags=SPEC_NODES | IGNORE_JOBS,
            accounts=SLICE_ACCOUNTS,
        ),
    )
