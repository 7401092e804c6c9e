"""What a step used, in the texts slurmdbd keeps it in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """What the tasks of a step used, one task on each node: CPU seconds and peak memory in bytes. Nothing: not recorded yet."""

    cpu: list[float] | None = None
    peaks: list[int] | None = None
    user_share: float = 1.0

    def times(self) -> tuple[int, int, int, int]:
        """user_sec, user_usec, sys_sec, sys_usec."""
        if self.cpu is None:
            return 0, 0, 0, 0
        total = round(sum(self.cpu) * 1e6)
        user = round(total * self.user_share)
        return *divmod(user, 1_000_000), *divmod(total - user, 1_000_000)

    def texts(self) -> tuple[str, ...]:
        """tres_usage_in_ave, _max, _max_taskid, _max_nodeid, _min, _tot: CPU in ms, memory in bytes."""
        if self.cpu is None or self.peaks is None:
            return ("",) * 6
        ms = [round(c * 1000) for c in self.cpu]

        def text(cpu: float, memory: float) -> str:
            return f"1={int(cpu)},2={int(memory)},3=0,6=0,7={int(memory * 1.15) + 78_557_184},8=0"

        hot, big = ms.index(max(ms)), self.peaks.index(max(self.peaks))
        where = f"1={hot},2={big},3=0,6=0,7={big},8=0"
        count = len(ms)
        return (
            text(sum(ms) / count, sum(self.peaks) / count),
            text(max(ms), max(self.peaks)),
            where,
            where,
            text(min(ms), min(self.peaks)),
            text(sum(ms), sum(self.peaks)),
        )
