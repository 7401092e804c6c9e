"""Job arrays: the pending tasks' bitmap as text, and job ids as Slurm writes them."""

from __future__ import annotations

import re
from functools import lru_cache

NO_VALUE = 0xFFFFFFFE  # NO_VAL: not an array task, not a component
INFINITE = 0xFFFFFFFF


@lru_cache(maxsize=256)
def pending_tasks(text: str) -> tuple[int, ...]:
    """Task numbers of `0x1FE`, `0-3,7` or `1-9:2%4`, in order; empty for what cannot be read."""
    body = text.partition("%")[0].strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", body):
        bits = int(body, 16)
        return tuple(place for place in range(bits.bit_length()) if bits >> place & 1)
    tasks: set[int] = set()
    for part in filter(None, body.split(",")):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", part.strip())
        if not match:
            return ()
        last = int(match[2] or match[1])
        tasks.update(range(int(match[1]), min(last, int(match[1]) + 4_000_000) + 1, max(1, int(match[3] or 1))))
    return tuple(sorted(tasks))


def _ranges(tasks: tuple[int, ...]) -> str:
    steps = {after - before for before, after in zip(tasks, tasks[1:], strict=False)}
    if len(tasks) > 2 and len(steps) == 1 and steps != {1}:
        return f"{tasks[0]}-{tasks[-1]}:{steps.pop()}"
    parts: list[list[int]] = []
    for task in tasks:
        if parts and parts[-1][1] == task - 1:
            parts[-1][1] = task
        else:
            parts.append([task, task])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def array_text(text: str | None, at_once: int) -> str:
    """The pending part as people type it: `0x1FE` with 10 at once is `1-8%10`; "" if nothing is pending."""
    if not text:
        return ""
    tasks = pending_tasks(text)
    body = _ranges(tasks) if tasks else text.partition("%")[0]
    return f"{body}%{at_once}" if at_once and body else body


def job_id(job: int, array_job: int, array_task: int, pending: str, het_job: int, het_offset: int) -> str:
    """The id as sacct and squeue write it: `123`, `8_7`, `47_[1-500%10]`, `10+1`."""
    if array_job and pending and array_task >= NO_VALUE:
        return f"{array_job}_[{pending}]"
    if array_job and array_task < NO_VALUE:
        return f"{array_job}_{array_task}"
    if het_job:
        return f"{het_job}+{het_offset}"
    return str(job)
