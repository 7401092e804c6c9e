"""Turns stored values into what people know them as. Pure: no database, no clock."""

from __future__ import annotations

from datasources.slurm.arrays import array_text, job_id, pending_tasks
from datasources.slurm.hosts import folded, hosts, node_list
from datasources.slurm.reasons import REASONS, reason
from datasources.slurm.row import moment, run_of_row, time_limit
from datasources.slurm.states import STATES, UNFINISHED, exit_code, scheduling, state, state_number
from datasources.slurm.tres import gpus, licenses, memory, memory_request, tres

__all__ = [
    "REASONS", "STATES", "UNFINISHED", "array_text", "exit_code", "folded", "gpus", "hosts", "job_id", "licenses",
    "memory", "memory_request", "moment", "node_list", "pending_tasks", "reason", "run_of_row", "scheduling",
    "state", "state_number", "time_limit", "tres",
]  # fmt: skip
