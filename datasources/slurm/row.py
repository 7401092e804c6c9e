"""A stored row of the job table as a Run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from datasources.slurm import arrays, hosts, tres
from datasources.slurm.options import submit_options
from datasources.slurm.reasons import reason
from datasources.slurm.records import Run
from datasources.slurm.states import SUSPENDED, exit_code, state

MINUTE = 60
EPOCH_LIKE = 10**8  # time_suspended holds a moment while the job is suspended, a length afterwards


def moment(stored: int | None) -> int | None:
    """UTC seconds, None where unset (0)."""
    return int(stored) if stored else None


def time_limit(minutes: int | None) -> float | None:
    """Seconds; inf for UNLIMITED, None if not recorded (0 or NO_VAL)."""
    if minutes is None or minutes in (0, arrays.NO_VALUE):
        return None
    return math.inf if minutes == arrays.INFINITE else float(minutes * MINUTE)


def suspended_seconds(stored: int, base: int, until: int) -> int:
    """Seconds spent suspended; while suspended Slurm stores `moment of suspension - seconds before`."""
    if stored > EPOCH_LIKE:
        return max(0, until - stored) if base == SUSPENDED else 0
    return stored


def _times(row: Mapping[str, Any], now: int) -> dict[str, Any]:
    start, end = moment(row["time_start"]), moment(row["time_end"])
    until = end if end is not None else now
    begin = start if start is not None else until
    suspended = suspended_seconds(int(row["time_suspended"] or 0), row["state"] & 0xFF, until)
    return {
        "submit": int(row["time_submit"]),
        "eligible": moment(row["time_eligible"]),
        "start": start,
        "end": end,
        "elapsed": max(0, until - begin - suspended),
        "suspended": suspended,
        "limit": time_limit(row["timelimit"]),
    }


def _resources(row: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    asked, given = tres.tres(row["tres_req"], names), tres.tres(row["tres_alloc"], names)
    # A job that never started has no allocation: what it asked for stands in
    held = given or asked
    cores_req = int(row["cpus_req"] or asked.get("cpu", 0))
    cores = held.get("cpu") or cores_req
    nodes = given.get("node") or int(row["nodes_alloc"] or 0) or asked.get("node", 0)
    by_flag, per = tres.memory_request(int(row["mem_req"] or 0), cores_req, asked.get("node") or nodes)
    whole = tres.memory_request(int(row["mem_req"] or 0), cores, nodes)[0]
    memory_req = tres.memory(asked)
    memory = tres.memory(held)
    count, types = tres.gpus(held)
    return {
        "cores_req": cores_req,
        "cores": cores,
        "nodes": nodes,
        "memory": memory if memory is not None else whole,
        "memory_req": memory_req if memory_req is not None else by_flag,
        "memory_per": per,
        "gpus": count,
        "gpu_types": types,
        "licenses": tres.licenses(held),
        "tres": held,
        # Slurm hands out every core of a node for --exclusive, so more cores than asked for say the same
        "whole_node": _asked_for_all(row["submit_line"] or "") or cores > 2 * max(1, cores_req, nodes),
    }


def _asked_for_all(line: str) -> bool:
    asked = submit_options(line).components[0]
    return asked.get("exclusive") in ("", "user") or asked.get("mem", "").rstrip("KMGT") == "0"


def _identity(row: Mapping[str, Any]) -> dict[str, Any]:
    pending = arrays.array_text(row["array_task_str"], int(row["array_max_tasks"] or 0))
    task, array = int(row["id_array_task"]), int(row["id_array_job"])
    het, offset = int(row["het_job_id"] or 0), int(row["het_job_offset"] or 0)
    return {
        "job_db_inx": int(row["job_db_inx"]),
        "id_job": int(row["id_job"]),
        "job_id": arrays.job_id(int(row["id_job"]), array, task, pending, het, offset),
        "array_job": array or None,
        "array_task": task if task < arrays.NO_VALUE else None,
        "array_pending": int(row["array_task_pending"] or 0),
        "array_text": pending,
        "het_job": het or None,
        "het_offset": offset if het and offset < arrays.NO_VALUE else None,
    }


def _texts(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {"name": "job_name", "comment": "derived_es"}
    same = (
        "user", "account", "partition", "qos", "reservation", "wckey", "constraints", "work_dir", "submit_line",
        "admin_comment", "system_comment",
    )  # fmt: skip
    return {key: str(row[plain.get(key, key)] or "") for key in (*plain, *same)}


def run_of_row(row: Mapping[str, Any], names: Mapping[int, str], now: int) -> Run:
    """The Run of a selected row (columns: see `columns.job_columns`); `names` is the TRES table, `now` UTC seconds."""
    word, flags = state(int(row["state"]))
    return Run(
        **_identity(row),
        **_texts(row),
        **_times(row, now),
        **_resources(row, names),
        uid=int(row["id_user"]),
        state=word,
        state_flags=flags,
        reason=reason(int(row["state_reason_prev"] or 0)),
        exit_code=exit_code(row["exit_code"]),
        derived_exit_code=exit_code(row["derived_ec"]),
        node_list=hosts.node_list(row["nodelist"]),
        hosts=hosts.hosts(row["nodelist"]),
        priority=int(row["priority"] or 0),
        cancelled_by=_canceller(row),
        script_hash=int(row["script_hash_inx"] or 0),
    )


def _canceller(row: Mapping[str, Any]) -> int | None:
    # NULL since 22.05, -1 before
    by = row["kill_requid"]
    return int(by) if by is not None and 0 <= int(by) < arrays.NO_VALUE else None
