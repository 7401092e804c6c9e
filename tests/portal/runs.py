"""Which of the simulated jobs the tests look at, chosen by what they are, and their addresses in the portal."""

from __future__ import annotations

from collections.abc import Callable

from demo.model import Plan, PlannedRun

DAY, HOUR = 86400, 3600
SLICE = "a100_1g.5gb"
SETTLED = 1200  # seconds after an end from which on nothing more is expected to arrive


def address(run: PlannedRun) -> str:
    """A job's page; the submit time tells the runs of a requeued job apart."""
    job = f"{run.array_job}_{run.array_task}" if run.array_job else str(run.id_job)
    return f"/job/{job}?submit={run.submit}"


def raw(plan: Plan) -> int:
    """Up to when raw metrics reach back, with some hours to spare."""
    return plan.made_at - 3 * DAY + 2 * HOUR


def ended(plan: Plan, fits: Callable[[PlannedRun], bool], hours: float = 1.0) -> PlannedRun:
    """The last run that fits and lies, from start to end, where raw metrics were written minute by minute."""
    found = [
        run
        for run in plan.runs
        if run.start is not None and run.end is not None and run.start > raw(plan)
        and run.end < plan.made_at - SETTLED and run.end - run.start >= hours * HOUR and fits(run)
    ]  # fmt: skip
    assert found, "the plan has no such run"
    return max(found, key=lambda run: run.end)


def running(plan: Plan, person: str) -> list[PlannedRun]:
    """The jobs a person is known for that run for an hour at least when the plan is made, and for one more to come."""
    behaviour = next(one.behaviour for one in plan.people if one.name == person)
    return [
        run
        for run in plan.runs
        if run.person == person and run.behaviour == behaviour and run.start is not None
        and run.start < plan.made_at - HOUR and (run.end is None or run.end > plan.made_at + HOUR)
    ]  # fmt: skip


def cgroups(plan: Plan, run: PlannedRun) -> set[int]:
    """The versions of cgroup on a run's nodes."""
    kinds = {node.name: node.cgroup for node in plan.nodes}
    return {kinds[share.node] for share in run.shares}


def requeued(plan: Plan) -> list[PlannedRun]:
    """Both runs of the job whose node failed, the failed one first."""
    return sorted((run for run in plan.runs if run.name == "prod_md_replica"), key=lambda run: run.submit)


def behaves(name: str) -> Callable[[Plan], PlannedRun]:
    """The last ended run of a behaviour."""
    return lambda plan: ended(plan, lambda run: run.behaviour == name)


CASES: dict[str, Callable[[Plan], PlannedRun]] = {
    "efficient": lambda plan: ended(plan, lambda run: run.behaviour == "efficient" and run.nodes == 1),
    "memory over asked": behaves("memory_over_asked"),
    "serial on many cores": behaves("serial_on_many_cores"),
    "32 nodes": lambda plan: ended(plan, lambda run: run.behaviour == "mpi_32" and run.nodes == 32),
    "dead node of eight": behaves("dead_node_of_eight"),
    "metadata storm": behaves("metadata_storm"),
    "memory growth to OOM": behaves("memory_growth"),
    "4 GPUs, 3 idle": behaves("gpu_idle_after_burst"),
    "MIG slice": lambda plan: ended(plan, lambda run: run.gres == SLICE),
    "cgroup v2": lambda plan: ended(plan, lambda run: cgroups(plan, run) == {2} and run.behaviour == "ordinary"),
    "requeued, second run": lambda plan: requeued(plan)[1],
    "task of an array": lambda plan: ended(plan, lambda run: run.array_job > 0, hours=0.3),
    "suspended": lambda plan: ended(plan, lambda run: bool(run.suspensions), hours=0.2),
}
GPU_CASES = ("4 GPUs, 3 idle", "MIG slice")
IO_CASES = ("efficient", "metadata storm", "4 GPUs, 3 idle")
POWER_CASES = ("efficient", "4 GPUs, 3 idle")
