"""One decoded row of Slurm's job table, for pages about one job. Lists of jobs are frames with the same names."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a job. Times are UTC seconds, None where unset. Memory in bytes over all nodes. Texts are raw, not yet made plain."""

    job_db_inx: int
    id_job: int  # the raw id: what metrics call slurmjobid
    job_id: str  # as Slurm writes it: 123, 8_7, 10+1, 47_[1-500%10]
    array_job: int | None
    array_task: int | None
    array_pending: int
    array_text: str  # "1-500%10" while tasks are pending, else ""
    het_job: int | None
    het_offset: int | None
    name: str
    user: str  # "" if nobody is known
    uid: int
    account: str
    partition: str
    qos: str
    reservation: str
    wckey: str
    state: str  # PENDING … OUT_OF_MEMORY, as Slurm writes it
    state_flags: tuple[str, ...]  # REQUEUED, RESIZING, …
    reason: str  # the last recorded one, often stale
    exit_code: str  # "0:0" as sacct prints it
    derived_exit_code: str
    submit: int
    eligible: int | None
    start: int | None
    end: int | None
    elapsed: int  # seconds run so far or in all, suspended time taken off; 0 before the start
    suspended: int
    limit: float | None  # seconds; math.inf for UNLIMITED; None if not recorded
    cores_req: int
    cores: int  # allocated; requested before the start
    nodes: int
    node_list: str  # as recorded; "" for none assigned
    hosts: tuple[str, ...]
    memory: int | None  # allocated (requested before the start)
    memory_req: int | None
    memory_per: str  # "cpu", "node" or "job": how it was asked
    gpus: int
    gpu_types: dict[str, int] = field(default_factory=dict)  # GRES type → count, {} if untyped
    licenses: dict[str, int] = field(default_factory=dict)
    tres: dict[str, int] = field(default_factory=dict)  # all of tres_alloc (tres_req before the start) by name: cpu, mem (MB), node, billing, gres/gpu …
    priority: int
    constraints: str
    work_dir: str
    submit_line: str
    comment: str
    admin_comment: str
    system_comment: str
    cancelled_by: int | None
    script_hash: int  # 0 = no script stored
    whole_node: bool  # --exclusive, --mem=0 or every core of its nodes: memory and cores are nobody's fault

    @property
    def started(self) -> bool:
        """True once it has begun to run."""
        return self.start is not None

    @property
    def finished(self) -> bool:
        """True once it has ended, or was ended before it began."""
        return self.end is not None

    @property
    def running(self) -> bool:
        """True between start and end (a suspended job too)."""
        return self.started and not self.finished

    @property
    def unlimited(self) -> bool:
        """True if no time limit holds."""
        return self.limit is not None and math.isinf(self.limit)

    def life(self, now: int) -> tuple[int, int]:
        """(start, end or now) of the run in UTC seconds; (submit, now) before it started."""
        begin = self.start if self.start is not None else self.submit
        return begin, max(begin + 1, self.end if self.end is not None else now)
