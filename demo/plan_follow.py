"""Single jobs beside the everyday load, their second runs after a requeue, and chains of dependencies."""

from __future__ import annotations

import numpy as np

from demo.plan_jobs import GIB, OK, dressed
from demo.plan_requests import Request

HOUR = 3600


def job(
    rng: np.random.Generator,
    person: str,
    account: str,
    name: str,
    kind: str,
    start: int,
    hours: float,
    cores: int,
    gib: int,
    **more: object,
) -> Request:
    """A single job, submitted up to half an hour before `start`."""
    limit = more.pop("limit", max(10, int(hours * 90)))
    request = Request(
        person=person,
        account=account,
        name=name,
        behaviour=str(more.pop("behaviour", "ordinary")),
        submit=start - int(rng.integers(30, 1800)),
        durations=[int(hours * HOUR)],
        outcomes=[more.pop("outcome", OK)],
        limit=limit,
        cores=cores,
        memory=gib * GIB,
        seed=int(rng.integers(1 << 31)),
        extra=dict(more.pop("extra", {})),
        **more,
    )
    return dressed(request, kind)


def follow_up(
    first: Request, ended: int, rng: np.random.Generator, hours: float, outcome: tuple[int, int, int]
) -> Request:
    """The second run of a requeued job: same id and script, submitted anew, eligible two minutes later."""
    return Request(
        person=first.person,
        account=first.account,
        name=first.name,
        behaviour=first.behaviour,
        submit=ended + 1,
        hold=120,
        durations=[int(hours * HOUR)],
        outcomes=[outcome],
        limit=first.limit,
        cores=first.cores,
        memory=first.memory,
        nodes=first.nodes,
        gpus=first.gpus,
        gres=first.gres,
        partition=first.partition,
        qos=first.qos,
        exclusive=first.exclusive,
        options=first.options,
        script=first.script,
        work_dir=first.work_dir,
        seed=int(rng.integers(1 << 31)),
        extra=first.extra | {"again": first, "reason": 9},
    )


def chains(rng: np.random.Generator, now: int) -> list[Request]:
    """Dependencies in the different ways sbatch takes them; the last child still waits for a running parent."""
    made: list[Request] = []

    def add(
        name: str,
        kind: str,
        hours: float,
        how: str = "",
        parents: tuple[Request, ...] = (),
        *,
        tasks: int = 0,
        outcome=OK,
    ) -> Request:
        request = job(
            rng,
            "enoether",
            "def-noether_cpu",
            name,
            kind,
            now - 23 * HOUR + 60 * len(made),
            hours,
            2,
            8,
            outcome=outcome,
            limit=240,
        )
        request.after, request.options = [(how, parent) for parent in parents], how
        request.submit = now - 23 * HOUR + 60 * len(made)
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
