"""Findings of many runs by kind: how many runs have it, what it cost them, and the newest of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from analysis.findings.records import SEVERITIES, Finding

# the number a finding itself gives for what was lost → what it counts
LOST = {"wasted_core_hours": "core_hours", "gpu_hours": "gpu_hours", "wasted_gib_hours": "gib_hours"}
TO_ACT = ("bad", "warn")
GIB_A_CORE = 4.0  # to compare kinds: what an ordinary node has of memory for each core


@dataclass(kw_only=True)
class Group:
    """One kind of finding.

    `newest`, `job`: the newest run's. ids: of all jobs that have it. lost: core_hours, gpu_hours, gib_hours, as far as the findings know.
    """

    newest: Finding
    job: str
    ids: set[str] = field(default_factory=set)
    running: int = 0
    lost: dict[str, float] = field(default_factory=dict)

    @property
    def jobs(self) -> int:
        """How many jobs have it."""
        return len(self.ids)

    def add(self, finding: Finding, job: str, *, running: bool) -> None:
        """Counts another run's."""
        self.ids.add(job)
        self.running += running
        for name, what in LOST.items():
            value = finding.numbers.get(name)
            if isinstance(value, int | float):
                self.lost[what] = self.lost.get(what, 0.0) + max(float(value), 0.0)

    def weight(self, cores_per_gpu: float) -> float:
        """What was lost in core-hours: a GPU-hour counts as its cores, memory as the cores it would go with."""
        return self.lost.get("core_hours", 0) + self.lost.get("gpu_hours", 0) * cores_per_gpu + self.lost.get("gib_hours", 0) / GIB_A_CORE


def grouped(found: Iterable[tuple[Finding, str, bool]], cores_per_gpu: float) -> list[Group]:
    """Groups of (finding, job id, is it running), given newest first: serious ones first, then by what was lost, then by how many.

    Only findings to act on. A job with one kind twice (two lines of its script) counts once.
    """
    groups: dict[str, Group] = {}
    seen: set[tuple[str, str]] = set()
    for finding, job, running in found:
        if finding.severity not in TO_ACT or (finding.id, job) in seen:
            continue
        seen.add((finding.id, job))
        group = groups.setdefault(finding.id, Group(newest=finding, job=job))
        group.add(finding, job, running=running)
    return sorted(groups.values(), key=lambda one: (SEVERITIES.index(one.newest.severity), -one.weight(cores_per_gpu), -one.jobs, one.newest.id))
