"""One run of the plan as slurmdbd writes it: its row in the job table and the rows of its steps, at a given moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from demo.accounting_static import (
    GPU,
    GRES_ID,
    LICENSE,
    MIB,
    associations,
    compute_nodes,
    folded,
    folded_numbers,
)
from demo.accounting_usage import Usage
from demo.behaviour import peak_memory, share_cpu_seconds
from demo.behaviour_kinds import style_of
from demo.model import Plan, PlannedRun
from demo.plan_people import QOS

NO_VALUE, UNLIMITED = 4294967294, 4294967295
UNKNOWN_ENERGY = "3=18446744073709551614"
BATCH, EXTERN = -5, -4
PENDING, RUNNING, SUSPENDED, COMPLETED, CANCELLED, FAILED, TIMEOUT, OUT_OF_MEMORY = 0, 1, 2, 3, 4, 5, 6, 11


@dataclass(frozen=True)
class Moment:
    """A run as it stands at a time."""

    run: PlannedRun
    now: int

    @property
    def started(self) -> bool:
        return self.run.start is not None and self.run.start <= self.now

    @property
    def ended(self) -> bool:
        return self.run.end is not None and self.run.end <= self.now

    @property
    def state(self) -> int:
        """Slurm's number."""
        if self.ended:
            return self.run.end_state
        if not self.started:
            return PENDING
        return SUSPENDED if any(a <= self.now < b for a, b in self.run.suspensions) else RUNNING

    @property
    def eligible(self) -> int:
        """0 while held or while it waits for another job."""
        run = self.run
        known = run.eligible and (not run.waits or run.eligible <= self.now)
        return run.eligible if known else 0

    @property
    def suspended(self) -> int:
        """Seconds suspended; while it is suspended slurmdbd keeps the moment that began, less what was before."""
        before = sum(b - a for a, b in self.run.suspensions if b <= self.now)
        began = [a for a, b in self.run.suspensions if a <= self.now < b]
        return began[0] - before if began else before


class Book:
    """Turns runs into rows; job_db_inx is a run's place in the plan, counted from 1."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.numbers = {id(run): i for i, run in enumerate(plan.runs, start=1)}
        self.assoc = associations(plan)
        self.uid = {p.name: p.uid for p in plan.people}
        self.place = {node.name: i for i, node in enumerate(compute_nodes(plan))}
        self.scripts: dict[str, int] = {}
        for run in plan.runs:
            if run.script:
                self.scripts.setdefault(run.script, len(self.scripts) + 1)

    @cached_property
    def arrays(self) -> dict[int, list[PlannedRun]]:
        """Array job id → its tasks. The one that carries the array's id stands for all that still wait."""
        tasks: dict[int, list[PlannedRun]] = {}
        for run in self.plan.runs:
            if run.array_job:
                tasks.setdefault(run.array_job, []).append(run)
        return tasks

    def tres(self, run: PlannedRun, cores: int, *, allocated: bool) -> str:
        """tres_alloc or tres_req text."""
        parts = [f"1={cores}", f"2={run.memory // MIB}"]
        if allocated:
            parts.append(UNKNOWN_ENERGY)
        parts += [f"4={run.nodes}", f"5={cores}"]
        if run.gpus:
            parts += [f"{GPU}={run.gpus}", f"{GRES_ID[run.gres]}={run.gpus}"]
        if run.licenses:
            parts.append(f"{LICENSE}={run.licenses}")
        return ",".join(parts)

    def waiting_tasks(self, run: PlannedRun, now: int) -> tuple[str | None, int, int]:
        """(array_task_str, array_task_pending, id_array_task) of a row."""
        if run.array_text and (run.start is None or run.start > now):
            return run.array_text, run.array_pending, NO_VALUE
        if not run.array_job:
            return None, 0, NO_VALUE
        if run.id_job != run.array_job:
            return None, 0, run.array_task
        waiting = [
            t.array_task
            for t in self.arrays[run.array_job]
            if (t.start is None or t.start > now) and (t.end is None or t.end > now)
        ]
        if waiting:
            return f"0x{sum(1 << task for task in waiting):X}", len(waiting), NO_VALUE
        return None, 0, run.array_task

    def job_row(self, run: PlannedRun, now: int) -> tuple | None:
        """The row of the job table in the order of JOB_COLUMNS; None if there is none yet."""
        at = Moment(run, now)
        if run.submit > now or (run.array_job and run.id_job != run.array_job and not at.started and not at.ended):
            return None
        text, waiting, task = self.waiting_tasks(run, now)
        state = at.state if not waiting else PENDING
        started, ended = at.started and not waiting, at.ended and not waiting
        hosts = tuple(s.node for s in run.shares) if started else ()
        cancelled = run.cancelled_by if ended else None
        marks = (run.submit, at.eligible, run.start or 0, run.end or 0)
        return (
            self.numbers[id(run)],
            max(m for m in marks if m <= now),
            run.account,
            text,
            run.array_max if waiting else 0,
            waiting,
            run.constraints,
            run.cores_req,
            run.derived_ec if ended else 0,
            run.comment or None,
            run.exit_code if ended else 0,
            run.flags if started else 16,
            run.name,
            self.assoc[run.account, run.person],
            run.array_job,
            task,
            run.id_job,
            QOS[run.qos],
            run.reservation,
            0,
            self.uid[run.person],
            self.uid[run.person],
            run.het_job,
            run.het_offset if run.het_offset is not None else NO_VALUE,
            cancelled,
            run.reason,
            run.mem_req,
            folded(hosts) if hosts else "None assigned",
            len(hosts),
            self.inx(hosts),
            run.partition,
            run.priority,
            self.scripts.get(run.script, 0),
            state,
            UNLIMITED if run.limit is None else run.limit,
            run.submit,
            at.eligible,
            run.start if started else 0,
            run.end if ended else 0,
            at.suspended if started else 0,
            run.wckey,
            run.work_dir,
            run.submit_line,
            self.tres(run, run.cores, allocated=True) if started else "",
            self.tres(run, run.cores_req, allocated=False),
        )

    def inx(self, hosts: tuple[str, ...]) -> str | None:
        """node_inx: numbers in Slurm's node order."""
        return folded_numbers(tuple(sorted(self.place[h] for h in hosts))) if hosts else None

    def step_rows(self, run: PlannedRun, now: int) -> list[tuple]:
        """The rows of the step table in the order of STEP_COLUMNS: batch, extern and the srun step, if any."""
        at = Moment(run, now)
        if not at.started:
            return []
        hosts = tuple(s.node for s in run.shares)
        names = self._steps(run)
        usage = self._usage(run, [number for number, _ in names]) if at.ended else {}
        rows = []
        for number, name in names:
            here = hosts[:1] if number == BATCH else hosts
            state, exit_code = self._step_end(run, number) if at.ended else (at.state, 0)
            tasks = len(here)
            rows.append(
                (
                    self.numbers[id(run)],
                    exit_code,
                    number,
                    folded(here),
                    len(here),
                    self.inx(here),
                    state,
                    name,
                    tasks,
                    2 if number >= 0 else 0,
                    run.start,
                    run.end if at.ended else 0,
                    at.suspended if number == BATCH else 0,
                    *usage.get(number, Usage()).times(),
                    f"srun {name}" if number >= 0 else None,
                    f"1={run.cores},2={run.memory // MIB},4={run.nodes}",
                    *usage.get(number, Usage()).texts(),
                )
            )
        return rows

    @staticmethod
    def _steps(run: PlannedRun) -> list[tuple[int, str]]:
        steps = [] if not run.script else [(BATCH, "batch")]
        steps.append((EXTERN, "extern"))
        line = next((line for line in run.script.splitlines() if line.startswith("srun ")), "")
        if line or run.nodes > 1 or not run.script:
            steps.append(
                (0, (line or run.submit_line.split(" srun ")[-1]).removeprefix("srun ").split()[-1 if not line else 0])
            )
        return steps

    @staticmethod
    def _step_end(run: PlannedRun, number: int) -> tuple[int, int]:
        if number == EXTERN and run.end_state not in (7,):
            return COMPLETED, 0
        if run.end_state == OUT_OF_MEMORY:
            return OUT_OF_MEMORY, 253
        if run.end_state in (FAILED, COMPLETED):
            return (FAILED, run.exit_code) if run.exit_code else (COMPLETED, 0)
        # whatever else ends a job, its steps are cancelled by SIGTERM
        return CANCELLED, 15

    def _usage(self, run: PlannedRun, steps: list[int]) -> dict[int, Usage]:
        """What each step used. The steps' CPU times add up to the integral of the run's curves."""
        cpu = [share_cpu_seconds(self.plan, run, s, i) for i, s in enumerate(run.shares)]
        peaks = [peak_memory(self.plan, run, s, i) for i, s in enumerate(run.shares)]
        user_share = style_of(run, run.shares[0], 0).user_share
        main = 0 if 0 in steps else BATCH
        usage = {EXTERN: Usage(cpu=[0.0] * len(cpu), peaks=[892928] * len(cpu), user_share=0.5)}
        if main == 0 and BATCH in steps:
            # the script itself does next to nothing on the first node
            little = 0.002 * cpu[0]
            usage[BATCH] = Usage(cpu=[little], peaks=[min(peaks[0], 9_437_184)], user_share=0.6)
            cpu = [cpu[0] - little, *cpu[1:]]
        usage[main] = Usage(
            cpu=cpu if main == 0 else [sum(cpu)], peaks=peaks if main == 0 else peaks[:1], user_share=user_share
        )
        return usage
