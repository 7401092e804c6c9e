"""The plan of the simulated cluster: what is submitted, when and where it runs, and what goes wrong."""

from __future__ import annotations

import gzip
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np

from demo import plan_special
from demo.model import NodeEvent, Plan, PlannedRun
from demo.plan_cloud import CLOUD_PROJECTS, make_vms
from demo.plan_cluster import CLUSTER, COMPUTE_KINDS, make_nodes
from demo.plan_endings import endings
from demo.plan_follow import chains
from demo.plan_jobs import everyday, taken_by_pins
from demo.plan_pending import pending, waiting_since
from demo.plan_people import make_accounts, make_people
from demo.plan_personas import personas_else, personas_near
from demo.plan_requests import Placement, Request
from demo.plan_scheduler import MIB, Scheduler

PAST = 30 * 86400
FUTURE = 4 * 86400
FIRST_ID = 41_000
PER_CPU = 1 << 63
EXTRA = {"suspensions", "cancelled_by", "reservation", "constraints", "comment", "licenses", "reason"}


def make_plan(seed: int, now: int) -> Plan:
    """The whole simulated time, 30 days before `now` (UTC seconds) and 4 days after; same arguments, same plan."""
    begin = (now - PAST) // 3600 * 3600
    horizon = (now + FUTURE) // 3600 * 3600
    rng = np.random.default_rng([seed, 1])
    nodes, people = make_nodes(), make_people()
    scheduler = Scheduler(tuple(n for n in nodes if n.kind in COMPUTE_KINDS))
    pinned, events = pinned_requests(scheduler, rng, begin, now, horizon)
    requests = pinned + chains(rng, now) + plan_special.odd_names(rng, now)
    requests += everyday(rng, scheduler.nodes, taken_by_pins(pinned), begin, horizon)
    numbers = number(requests, waiting_since(now))
    uid = {p.name: p.uid for p in people}
    runs = runs_of(scheduler.run(requests, horizon), horizon, uid)
    ids = {
        "failed": _id(requests, "validate"),
        "bruno": _runs_longest(runs, "bruno", now),
    }
    course = tuple(sorted({s.node for r in runs if r.reservation for s in r.shares}))
    waiting = pending(now, numbers, uid, ids)
    return Plan(
        seed=seed,
        begin=begin,
        made_at=now,
        horizon=horizon,
        cluster=CLUSTER,
        nodes=nodes,
        accounts=make_accounts(),
        people=people,
        runs=tuple(sorted((*runs, *waiting), key=lambda r: (r.submit, r.id_job))),
        events=tuple(events),
        vms=make_vms(seed, now),
        cloud_projects=CLOUD_PROJECTS,
        reservations=plan_special.reservations(now, course),
    )


def pinned_requests(
    scheduler: Scheduler, rng: np.random.Generator, begin: int, now: int, horizon: int
) -> tuple[list[Request], list[NodeEvent]]:
    """All requests whose place and time are fixed beforehand, and what happens to nodes."""
    pinned = plan_special.long_ones(scheduler, rng, now)
    acts = personas_near(scheduler, rng, now)
    failed, events = plan_special.failures(scheduler, rng, now)
    special = endings(scheduler, rng, now) + plan_special.heterogeneous(scheduler, rng, now)
    return pinned + acts + failed + special + personas_else(scheduler, rng, begin, now, horizon), events


def number(requests: list[Request], others: list[int]) -> list[int]:
    """Give out job ids in order of submission, an array as many as it has tasks, a requeued job the one it had.

    Returns the ids of the jobs submitted at the times `others` (ascending), which are not requests.
    """
    requests.sort(key=lambda r: r.submit)
    next_id, ids = FIRST_ID, []
    for request in requests:
        while len(ids) < len(others) and others[len(ids)] <= request.submit:
            ids.append(next_id)
            next_id += 1
        if isinstance(first := request.extra.get("again"), Request):
            request.id = first.id
            continue
        request.id = next_id
        next_id += len(request.durations)
    return ids


def _id(requests: list[Request], name: str) -> int:
    return next(r.id for r in requests if r.name == name)


def _runs_longest(runs: list[PlannedRun], person: str, now: int) -> int:
    """Of a person's running jobs the one that ends last: what waits for it waits for good reason."""
    running = [r for r in runs if r.person == person and r.start is not None and r.start <= now < (r.end or now + 1)]
    return max(running, key=lambda r: r.end or now + FUTURE).id_job


def command(request: Request) -> str:
    """The command line as it was typed."""
    if "command" in request.extra:
        return str(request.extra["command"])
    words = ["sbatch"]
    if request.array:
        tasks = f"{request.array[0]}-{request.array[-1]}"
        words.append(f"--array={tasks}%{request.array_limit}" if request.array_limit else f"--array={tasks}")
    if request.options:
        words.append(
            request.options.format(*(parent.id for _, parent in request.after)) if request.after else request.options
        )
    return " ".join((*words, str(request.extra["file"])))


def runs_of(placements: list[Placement], horizon: int, uid: dict[str, int]) -> list[PlannedRun]:
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
            runs.append(run_of(placement, request.id if last else request.id + 1 + order, horizon, uid))
    return runs


def run_of(placement: Placement, id_job: int, horizon: int, uid: dict[str, int]) -> PlannedRun:
    """One run of a request."""
    request, shares = placement.request, placement.shares
    state, exit_code, derived_ec = placement.state
    end = placement.end if placement.end is not None and placement.end < horizon else None
    memory = sum(s.memory for s in shares) or request.memory * request.nodes * MIB
    het = request.extra.get("het")
    typed = command(request)
    fields = {
        "cancelled_by": uid[request.person] if state == 4 and end is not None else None,
        "reason": _reason(placement),
        "script": request.script if typed.startswith("sbatch") else "",
    } | {key: value for key, value in request.extra.items() if key in EXTRA}
    return PlannedRun(
        id_job=id_job,
        person=request.person,
        account=request.account,
        partition=request.partition,
        qos=request.qos,
        name=request.name,
        behaviour=request.behaviour,
        seed=(request.seed + 7919 * placement.task) % (1 << 31),
        submit=request.submit,
        eligible=placement.ready if not request.after or placement.ready else 0,
        waits=bool(request.after),
        start=placement.start,
        end=end,
        limit=request.limit,
        end_state=state,
        exit_code=exit_code,
        derived_ec=derived_ec,
        cores=sum(len(s.cores) for s in shares) or request.cores * request.nodes,
        cores_req=request.cores * request.nodes,
        nodes=request.nodes,
        memory=memory,
        mem_req=_mem_req(request),
        gpus=request.gpus * request.nodes,
        gres=request.gres,
        exclusive=request.exclusive,
        shares=shares,
        array_job=request.id if request.array else 0,
        array_task=request.array[placement.task] if request.array else None,
        array_max=request.array_limit,
        submit_line=typed,
        het_job=het[0].id if het else 0,
        het_offset=het[1] if het else None,
        work_dir=request.work_dir,
        priority=1000 + request.seed % 500,
        flags=(24 if request.seed % 3 else 20) if placement.start is not None else 16,
        **fields,
    )


def _mem_req(request: Request) -> int:
    if request.per_core:
        return PER_CPU | request.memory // request.cores
    return 0 if "--mem=0" in request.options else request.memory


def _reason(placement: Placement) -> int:
    """The last reason recorded for waiting."""
    request = placement.request
    if request.array_limit and placement.task >= request.array_limit:
        return 72
    waited = (placement.start or placement.end or placement.ready + 600) - placement.ready
    if request.after:
        return 2
    return (3 if request.seed % 4 == 0 else 1) if waited > 60 else 0


def save_plan(plan: Plan, path: Path) -> None:
    """Keep a plan in a file."""
    with gzip.open(path, "wb", compresslevel=3) as file:
        pickle.dump(plan, file, protocol=pickle.HIGHEST_PROTOCOL)


def load_plan(path: Path) -> Plan:
    """A plan kept by save_plan; only for files the demo itself wrote."""
    with gzip.open(path, "rb") as file:
        return pickle.load(file)
