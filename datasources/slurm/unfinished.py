"""Jobs that have not ended: their rows are few, and together on the keys that begin with time_end."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func

from datasources.slurm.states import BASE


def unfinished(job: Any, *states: int) -> ColumnElement[bool]:
    """The condition on a job table's columns: not ended, and in one of these states (numbers of their low byte)."""
    return and_(job.time_end == 0, job.state.op("&")(BASE).in_(states))


def tasks_in(job: Any) -> ColumnElement[Any]:
    """Tasks a row stands for: that of an array's pending ones for `array_task_pending`, others for one."""
    return case((job.array_task_pending > 0, job.array_task_pending), else_=1)


def tasks_of(job: Any) -> ColumnElement[Any]:
    """Tasks of a group of rows."""
    return func.sum(tasks_in(job))
