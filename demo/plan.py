"""The plan of the simulated cluster: what is submitted, when and where it runs, and what goes wrong."""

from __future__ import annotations

import gzip
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np

from demo.model import Plan, PlannedRun
from demo.plan_cluster import CLOUD_PROJECTS, CLUSTER, COMPUTE_KINDS, make_nodes, make_vms
from demo.plan_jobs import everyday, taken_by_pins
from demo.plan_people import make_accounts, make_people
from demo.plan_personas import personas
from demo.plan_scheduler import MIB, Placement, Request, Scheduler

PAST = 30 * 86400
FUTURE = 4 * 86400
FIRST_ID = 41_000
PER_CPU = 1 << 63


def make_plan(seed: int, now: int) -> Plan:
    """The whole simulated time, 30 days before `now` (UTC seconds) and 4 days after; the same for the same arguments."""
    begin = (now - PAST) // 3600 * 3600
    horizon = (now + FUTURE) // 3600 * 3600
    rng = np.random.default_rng([seed, 1])
    nodes, people = make_nodes(), make_people()
    scheduler = Scheduler(tuple(n for n in nodes if n.kind in COMPUTE_KINDS))
    pinned = personas(scheduler, rng, begin, now, horizon)
    requests = pinned + everyday(rng, scheduler.nodes, taken_by_pins(pinned), begin, horizon)
    number(requests)
    placements = scheduler.run(requests, horizon)
    runs = sorted(runs_of(placements, horizon), key=lambda r: (r.submit, r.id_job))
    return Plan(
        seed=seed, begin=begin, made_at=now, horizon=horizon, cluster=CLUSTER, nodes=nodes, accounts=make_accounts(),
        people=people, runs=tuple(runs), events=(), vms=make_vms(seed), cloud_projects=CLOUD_PROJECTS,
    )


def number(requests: list[Request]) -> None:
    """Give out job ids in order of submission, an array as many as it has tasks."""
    requests.sort(key=lambda r: r.submit)
    next_id = FIRST_ID
    for request in requests:
        request.id = next_id
        next_id += len(request.durations)


def command(request: Request) -> str:
    """The command line as it was typed."""
    words = ["sbatch"]
    if request.array:
        tasks = f"{request.array[0]}-{request.array[-1]}"
        words.append(f"--array={tasks}%{request.array_limit}" if request.array_limit else f"--array={tasks}")
    if request.options:
        words.append(request.options)
    return " ".join((*words, str(request.extra["file"])))


def runs_of(placements: list[Placement], horizon: int) -> list[PlannedRun]:
    """All runs; of an array the task that starts last carries the array's own id, as in Slurm."""
    by_request: dict[int, list[Placement]] = defaultdict(list)
    for placement in placements:
        by_request[id(placement.request)].append(placement)
    runs: list[PlannedRun] = []
    for mine in by_request.values():
        request = mine[0].request
        mine.sort(key=lambda p: (p.start if p.start is not None else horizon, p.task))
        for order, placement in enumerate(mine):
            last = order == len(mine) - 1
            runs.append(run_of(placement, request.id if last else request.id + 1 + order))
    return runs


def run_of(placement: Placement, id_job: int) -> PlannedRun:
    """One run of a request."""
    request = placement.request
    shares = placement.shares
    state, exit_code, derived_ec = placement.state
    memory = sum(s.memory for s in shares) or request.memory * request.nodes * MIB
    return PlannedRun(
        id_job=id_job, person=request.person, account=request.account, partition=request.partition, qos=request.qos,
        name=request.name, behaviour=request.behaviour, seed=(request.seed + 7919 * placement.task) % (1 << 31),
        submit=request.submit, eligible=placement.ready, start=placement.start, end=placement.end, limit=request.limit,
        end_state=state, exit_code=exit_code, derived_ec=derived_ec,
        cores=sum(len(s.cores) for s in shares) or request.cores * request.nodes, cores_req=request.cores * request.nodes,
        nodes=request.nodes, memory=memory,
        mem_req=PER_CPU | request.memory // request.cores if request.per_core else request.memory,
        gpus=request.gpus * request.nodes, gres=request.gres, exclusive=request.exclusive, shares=shares,
        array_job=request.id if request.array else 0, array_task=request.array[placement.task] if request.array else None,
        array_max=request.array_limit, script=request.script, submit_line=command(request), work_dir=request.work_dir,
        priority=1000 + request.seed % 500, flags=(24 if request.seed % 3 else 20) if placement.start is not None else 16,
    )


def save_plan(plan: Plan, path: Path) -> None:
    """Keep a plan in a file."""
    with gzip.open(path, "wb", compresslevel=3) as file:
        pickle.dump(plan, file, protocol=pickle.HIGHEST_PROTOCOL)


def load_plan(path: Path) -> Plan:
    """A plan kept by save_plan; only for files the demo itself wrote."""
    with gzip.open(path, "rb") as file:
        return pickle.load(file)
