"""Turns the jobs that never start (plan_stuck) into runs, the waiting array among them."""

from __future__ import annotations

from collections.abc import Iterator

from demo.model import PlannedRun
from demo.plan_jobs import work_dir
from demo.plan_scheduler import MIB
from demo.plan_stuck import AT_ONCE, GIB, HELD_BY_USER, HOUR, STUCK, TASKS, Stuck
from demo.scripts import file_of, script

IN_ORDER = tuple(sorted(STUCK, key=lambda s: -s.ago))
ARRAY_AGO = 1.0  # hours: submitted after all others


def waiting_since(now: int) -> list[int]:
    """When each of the waiting jobs was submitted, ascending."""
    return [now - int(ago * HOUR) for ago in (*(s.ago for s in IN_ORDER), ARRAY_AGO)]


def pending(now: int, numbers: list[int], uid: dict[str, int], ids: dict[str, int]) -> Iterator[PlannedRun]:
    """The waiting jobs. numbers: their job ids in order of submission. ids: what {names} in the options stand for."""
    for id_job, stuck in zip(numbers, IN_ORDER, strict=False):
        yield _run(stuck, now, id_job, uid, ids)
    yield _array(now, numbers[-1])


def _run(stuck: Stuck, now: int, id_job: int, uid: dict[str, int], ids: dict[str, int]) -> PlannedRun:
    submit = now - int(stuck.ago * HOUR)
    memory = stuck.gib * GIB
    text = script(
        stuck.kind,
        stuck.account,
        stuck.name,
        stuck.limit,
        stuck.nodes,
        stuck.cores,
        memory,
        False,
        stuck.gpus,
        stuck.gres,
        stuck.partition,
        stuck.qos,
        False,
    )
    return PlannedRun(
        id_job=id_job,
        person=stuck.person,
        account=stuck.account,
        partition=stuck.partition,
        qos=stuck.qos,
        name=stuck.name,
        behaviour="ordinary",
        seed=id_job,
        submit=submit,
        eligible=0 if stuck.held else submit + int(stuck.begin_in * HOUR),
        start=None,
        end=None if stuck.end_ago is None else now - int(stuck.end_ago * HOUR),
        limit=stuck.limit,
        end_state=stuck.state,
        exit_code=stuck.exit_code,
        cores=stuck.cores * stuck.nodes,
        cores_req=stuck.cores * stuck.nodes,
        nodes=stuck.nodes,
        memory=memory * stuck.nodes * MIB,
        mem_req=memory,
        gpus=stuck.gpus,
        gres=stuck.gres,
        reason=stuck.reason,
        script=text,
        submit_line=" ".join(filter(None, ("sbatch", stuck.options.format(**ids), file_of(stuck.kind)))),
        work_dir=work_dir(stuck.person, stuck.account, stuck.name),
        cancelled_by=uid[stuck.person] if stuck.by_self else None,
        priority=0 if stuck.reason == HELD_BY_USER else 1000 + id_job % 300,
        flags=16,
        licenses=stuck.licenses,
    )


def _array(now: int, id_job: int) -> PlannedRun:
    """An array of which nothing has started: one row with a bitmap of 500 tasks."""
    text = script("serial", "def-lovelace_cpu", "grid_500", 120, 1, 1, 2 * GIB, True, 0, "", "cpu", "normal", False)
    return PlannedRun(
        id_job=id_job,
        person="luis",
        account="def-lovelace_cpu",
        partition="cpu",
        qos="normal",
        name="grid_500",
        behaviour="ordinary",
        seed=id_job,
        submit=now - int(ARRAY_AGO * HOUR),
        eligible=0,
        start=None,
        end=None,
        limit=120,
        end_state=0,
        cores=1,
        cores_req=1,
        nodes=1,
        memory=2 * GIB * MIB,
        mem_req=1 << 63 | 2 * GIB,
        array_job=id_job,
        array_text=f"0x{(1 << (TASKS + 1)) - 2:X}",
        array_max=AT_ONCE,
        array_pending=TASKS,
        reason=HELD_BY_USER,
        script=text,
        submit_line=f"sbatch -H --array=1-{TASKS}%{AT_ONCE} {file_of('serial')}",
        work_dir=work_dir("luis", "def-lovelace_cpu", "grid_500"),
        priority=0,
        flags=16,
    )
