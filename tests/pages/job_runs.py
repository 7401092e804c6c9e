"""Runs and frames made by hand for the tests of the job pages."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from components.records import About
from core.settings import Settings
from core.timerange import TimeRange
from core.units import GIB, HOUR
from core.viewer import Viewer
from datasources.slurm.records import Run
from pages.job_query import subject_of

START = 1_795_000_000
NUMBERS = count(1)


def a_run(**over: Any) -> Run:
    """A finished run of two hours on one node, 4 cores, 16 GiB."""
    values = {
        "job_db_inx": next(NUMBERS), "id_job": 77, "job_id": "77", "array_job": None, "array_task": None, "array_pending": 0,
        "array_text": "", "het_job": None, "het_offset": None, "name": "train", "user": "mira", "uid": 5001, "account": "def-a",
        "partition": "cpu", "qos": "normal", "reservation": "", "wckey": "", "state": "COMPLETED", "state_flags": (),
        "reason": "None", "exit_code": "0:0", "derived_exit_code": "0:0", "submit": START - 1800, "eligible": START - 1200,
        "start": START, "end": START + 2 * HOUR, "elapsed": 2 * HOUR, "suspended": 0, "limit": 4.0 * HOUR, "cores_req": 4,
        "cores": 4, "nodes": 1, "node_list": "c1", "hosts": ("c1",), "memory": 16 * GIB, "memory_req": 16 * GIB,
        "memory_per": "node", "gpus": 0, "priority": 100, "constraints": "", "work_dir": "/scratch/mira",
        "submit_line": "sbatch job.sh", "comment": "", "admin_comment": "", "system_comment": "", "cancelled_by": None,
        "script_hash": 0, "whole_node": False,
    }
    return Run(**(values | over))


def wide(levels: tuple[str, ...], columns: list[tuple[str, ...]], values: Any = 1.0, points: int = 60, step: int = 120) -> pd.DataFrame:
    """A wide frame over the run: `values` is a number, or one number a column, or an array."""
    index = pd.to_datetime(START + step * np.arange(points), unit="s", utc=True)
    index.name = "time"
    data = np.broadcast_to(np.asarray(values, dtype=float), (points, len(columns))).copy()
    frame = pd.DataFrame(data, index=index, columns=pd.MultiIndex.from_tuples(columns, names=levels))
    frame.attrs["step"] = step
    return frame


def about(run: Run, frames: dict[str, Any] | None = None, params: dict[str, str] | None = None, **settings: Any) -> About:
    """What a chart of this run may know."""
    start, end = run.life(START + 2 * HOUR)
    return About(
        viewer=Viewer(name=run.user), subject=subject_of({"job": str(run.id_job)} | (params or {})), settings=Settings.model_validate(settings),
        when=TimeRange(start=start, end=end, now=START + 3 * HOUR), frames={"run": run, **(frames or {})},
    )
