"""Jobs that end in unusual ways: requeued, preempted, suspended, chained, oddly named, very long."""

from __future__ import annotations

import numpy as np

from demo.model import NodeEvent, Reservation
from demo.plan_jobs import DAY, GIB, OK, dressed
from demo.plan_personas import HOUR, pin_near
from demo.plan_scheduler import Request, Scheduler

MAINT, SPEC_NODES, IGNORE_JOBS = 1, 32768, 64
ODD_NAMES = (
    "<b>bold</b>", "<a href=x>click</a>", "it's \"quoted\"", "=1+1", "\N{SLOTH} slow 模拟 é", "{{7*7}} %s \\n", "-dash; rm -rf ~", "a" * 60,
)


def job(rng: np.random.Generator, person: str, account: str, name: str, kind: str, start: int, hours: float, cores: int, gib: int,
        **more: object) -> Request:
    """A single job, submitted up to half an hour before `start`."""
    limit = more.pop("limit", max(10, int(hours * 90)))
    request = Request(
        person=person, account=account, name=name, behaviour=str(more.pop("behaviour", "ordinary")),
        submit=start - int(rng.integers(30, 1800)), durations=[int(hours * HOUR)], outcomes=[more.pop("outcome", OK)], limit=limit,
        cores=cores, memory=gib * GIB, seed=int(rng.integers(1 << 31)), extra=dict(more.pop("extra", {})), **more,
    )
    return dressed(request, kind)


def long_ones(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """More than 23 days: one ended last night, one still runs and has no limit."""
    ended = job(rng, "luis", "def-lovelace_cpu", "percolation_long", "serial", now - 25 * DAY, 24.4 * 24, 1, 3, limit=28 * 1440)
    still = job(rng, "kofi", "rrg-hopper_cpu", "license_server_watch", "wait", now - 26 * DAY, 40 * 24, 1, 2, limit=None, behaviour="waiting")
    return [r for r, start in ((ended, now - 25 * DAY), (still, now - 26 * DAY)) if pin_near(scheduler, r, start, 3)]


def failures(scheduler: Scheduler, rng: np.random.Generator, now: int) -> tuple[list[Request], list[NodeEvent]]:
    """A node dies under a job, which is requeued; other nodes are drained."""
    died = now - 26 * HOUR - 1234
    victim = job(rng, "kofi", "rrg-hopper_cpu", "prod_md_replica", "gromacs_srun", died - 5 * HOUR, 5, 16, 40, outcome=(7, 0, 0),
                 limit=1440, options="--requeue", nodes=2)
    nodes = scheduler.pin(victim, died - 5 * HOUR)
    again = follow_up(victim, died, rng, 9.0, OK)
    events = [NodeEvent(node=nodes[1], start=died, end=died + 3 * HOUR, state=1, reason="Not responding", uid=0)]
    scheduler.block(nodes[1], died, died + 3 * HOUR)
    pin_near(scheduler, again, died + 900)
    spells = (
        ("c030", now - 5 * HOUR - 300, now + 30 * HOUR, "kernel upgrade"), ("c019", now - 12 * DAY, now - 11 * DAY, "DIMM errors, ticket 4711"),
        ("ga02", now - 9 * DAY, now - 8 * DAY, "ECC errors on GPU 3"), ("c025", now - 20 * DAY, now - 20 * DAY + 7 * HOUR, "fan failure"),
    )
    for node, start, end, reason in spells:
        scheduler.block(node, start, end)
        events.append(NodeEvent(node=node, start=start, end=end, state=514, reason=reason, uid=3031))
    return [victim, again], events


def follow_up(first: Request, ended: int, rng: np.random.Generator, hours: float, outcome: tuple[int, int, int]) -> Request:
    """The second run of a requeued job: same id and script, submitted anew, eligible two minutes later."""
    return Request(
        person=first.person, account=first.account, name=first.name, behaviour=first.behaviour, submit=ended + 1, hold=120,
        durations=[int(hours * HOUR)], outcomes=[outcome], limit=first.limit, cores=first.cores, memory=first.memory, nodes=first.nodes,
        gpus=first.gpus, gres=first.gres, partition=first.partition, qos=first.qos, exclusive=first.exclusive, options=first.options,
        script=first.script, work_dir=first.work_dir, seed=int(rng.integers(1 << 31)), extra=first.extra | {"again": first, "reason": 9},
    )


def endings(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """Requeued by hand, preempted, suspended, cancelled, killed by an operator, past its limit, --exclusive, interactive."""
    at = now - 19 * HOUR
    requeued = job(rng, "enoether", "def-noether_cpu", "posterior_rerun", "python", at, 2, 4, 16, outcome=(1024, 0, 0), options="--requeue")
    low = job(rng, "priya", "rrg-hopper_gpu", "sweep_low", "pytorch", now - 13 * HOUR, 3, 24, 120, outcome=(8, 0, 15), gpus=2, gres="h100",
              partition="gpu", qos="preemptable", behaviour="gpu_ordinary", options="--requeue", limit=600)
    urgent = job(rng, "ghopper", "rrg-hopper_gpu", "urgent_eval", "pytorch", now - 10 * HOUR + 12, 2, 24, 120, gpus=2, gres="h100",
                 partition="gpu", qos="high", behaviour="gpu_efficient")
    paused = job(rng, "dmitri", "def-noether_cpu", "fem_paused", "openmp", now - 9 * HOUR, 6, 8, 20, limit=720,
                 extra={"suspensions": ((now - 7 * HOUR, now - 6 * HOUR),)})
    asleep = job(rng, "sofia", "def-noether_cpu", "preprocess_slow", "openmp", now - 4 * HOUR, 9, 4, 12, limit=900,
                 extra={"suspensions": ((now - 25 * 60, now + 55 * 60),)})
    simple = [
        job(rng, "amelie", "def-curie_cpu", "creep_cancelled", "lammps", now - 30 * HOUR, 1.4, 8, 16, outcome=(4, 0, 15), limit=600),
        job(rng, "mcurie", "def-curie_cpu", "runaway", "many_files", now - 15 * HOUR, 0.7, 2, 8, outcome=(4, 0, 15), limit=300,
            behaviour="metadata_storm", extra={"cancelled_by": 0}),
        job(rng, "ruth", "rrg-franklin_cpu", "glmm_full", "r", now - 16 * HOUR, 3.004, 4, 24, outcome=(6, 0, 15), limit=180),
        job(rng, "aturing", "def-turing_cpu", "whole_node", "openmp", now - 14 * HOUR, 3, 4, 64, limit=360, exclusive=True,
            options="--exclusive --mem=0"),
        job(rng, "wlovelace", "def-lovelace_cpu", "calibrate_matlab", "matlab", now - 6 * HOUR, 10, 8, 24, limit=900, options="-L matlab:1",
            extra={"licenses": 1}),
        job(rng, "luis", "def-lovelace_cpu", "interactive", "serial", now - 5 * HOUR, 1.5, 2, 8, limit=180,
            extra={"command": "salloc --account=def-lovelace_cpu --time=3:00:00 --cpus-per-task=2 --mem=8G"}),
        job(rng, "anya", "rrg-franklin_cpu", "hostname", "serial", now - 3 * HOUR, 0.01, 1, 1, limit=10,
            extra={"command": "srun --account=rrg-franklin_cpu -n1 -t 10 hostname"}),
        job(rng, "ruth", "def-curie_cpu", "course_exercise", "r", now - 2 * HOUR, 3, 4, 12, limit=240, options="--reservation=course",
            extra={"reservation": 2, "constraints": "zen3"}),
    ]
    fixed = [requeued, low, urgent, paused, asleep, *simple]
    for request in fixed:
        starts = now - 10 * HOUR + 12 if request is urgent else None
        scheduler.pin(request, starts or request.submit + 20 + int(rng.integers(0, 10)))
    rerun = [follow_up(requeued, requeued.pin[0] + 2 * HOUR, rng, 3, OK), follow_up(low, low.pin[0] + 3 * HOUR, rng, 4, OK)]
    for request in rerun:
        pin_near(scheduler, request, request.submit + 180)
    _shift_suspensions(paused, asleep)
    return fixed + rerun


def _shift_suspensions(*requests: Request) -> None:
    for request in requests:
        start, _ = request.pin
        for begin, end in request.extra["suspensions"]:
            if not start < begin < end <= start + request.durations[0]:
                raise ValueError(request.name)


def heterogeneous(scheduler: Scheduler, rng: np.random.Generator, now: int) -> list[Request]:
    """Two components of one job: a leader on CPUs and workers with GPUs. One ended, one runs."""
    made = []
    for begin, hours in ((now - 25 * HOUR, 4.0), (now - 2 * HOUR, 8.0)):
        leader = job(rng, "hana", "rrg-hopper_cpu", "coupled", "openmp", begin, hours, 4, 16, limit=720, options="--cpus-per-task=4 --mem=16G :")
        worker = job(rng, "hana", "rrg-hopper_cpu", "coupled", "pytorch", begin, hours, 2, 12, limit=720, gpus=1, gres="a100_1g.5gb",
                     partition="gpu", behaviour="gpu_ordinary")
        worker.submit, worker.script, worker.work_dir = leader.submit, leader.script, leader.work_dir
        line = "sbatch --cpus-per-task=4 --mem=16G : --gpus-per-node=a100_1g.5gb:1 --cpus-per-task=2 --mem=12G omp.sh"
        leader.extra |= {"command": line, "het": (leader, 0)}
        worker.extra |= {"command": line, "het": (leader, 1)}
        for request in (leader, worker):
            scheduler.pin(request, begin)
            made.append(request)
    return made


def chains(rng: np.random.Generator, now: int) -> list[Request]:
    """Dependencies in the different ways sbatch takes them; the last child still waits for a running parent."""
    made: list[Request] = []

    def add(name: str, kind: str, hours: float, how: str = "", parents: tuple[Request, ...] = (), *, tasks: int = 0, outcome=OK) -> Request:
        request = job(rng, "enoether", "def-noether_cpu", name, kind, now - 23 * HOUR + 60 * len(made), hours, 2, 8, outcome=outcome, limit=240)
        request.after, request.options = [(how, parent) for parent in parents], how
        if tasks:
            request.array = tuple(range(tasks))
            request.durations, request.outcomes = [int(hours * HOUR)] * tasks, [OK] * tasks
        made.append(request)
        return request

    prepare = add("prepare", "python", 0.5)
    sweep = add("sweep", "python", 0.7, "--dependency=afterok:{0}", (prepare,), tasks=24)
    reduce = add("reduce", "python", 0.6, "--dependency=aftercorr:{0}", (sweep,), tasks=24)
    broken = add("validate", "r", 0.2, "-d afterany:{0}", (reduce,), outcome=(5, 256, 0))
    add("repair", "python", 0.4, "--dependency=afternotok:{0} --kill-on-invalid-dep=yes", (broken,))
    other = add("baseline", "r", 0.3)
    add("compare", "r", 0.3, "--dependency=afterok:{0},afterany:{1}", (other, reduce))
    add("either", "r", 0.2, "--dependency=afterok:{0}?afternotok:{1}", (other, broken))
    add("later", "r", 0.2, "-d after:{0}+10", (other,))
    monitor = add("nightly", "serial", 0.4)
    add("nightly", "serial", 0.4, "--dependency=singleton", (monitor,))
    add("nightly", "serial", 0.4, "-d singleton", (made[-1],))
    return made


def odd_names(rng: np.random.Generator, now: int) -> list[Request]:
    """Short jobs whose names must not break a page or a spreadsheet."""
    people = (("sofia", "def-noether_cpu"), ("chen", "rrg-hopper_cpu"), ("dmitri", "def-noether_cpu"), ("ines", "def-noether_cpu"))
    made = []
    for i, name in enumerate(ODD_NAMES):
        person, account = people[i % len(people)]
        made.append(job(rng, person, account, name, "serial", now - (31 - 3 * i) * HOUR, 0.6, 1, 2, limit=120,
                        extra={"comment": "=HYPERLINK(\"x\")"} if i == 0 else {}))
    return made


def reservations(now: int) -> tuple[Reservation, ...]:
    """A course that holds now and a maintenance to come."""
    hour = now // HOUR * HOUR
    return (
        Reservation(id=1, name="maint_november", start=hour + 3 * DAY, end=hour + 3 * DAY + 8 * HOUR, nodes=("c019", "c020", "c021", "c022"),
                    flags=SPEC_NODES | IGNORE_JOBS | MAINT),
        Reservation(id=2, name="course", start=hour - 4 * HOUR, end=hour + 8 * HOUR, nodes=("c033", "c034"), flags=SPEC_NODES,
                    accounts=("def-curie_cpu",)),
    )
