"""What a job waits for, and what waits for it: read from submit lines and #SBATCH lines, then looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import FromClause, Subquery, and_, func, or_, select, union_all

from core.viewer import Viewer
from datasources.slurm import frames
from datasources.slurm.arrays import NO_VALUE
from datasources.slurm.db import SlurmDb
from datasources.slurm.lookup import select_runs
from datasources.slurm.options import options
from datasources.slurm.ownership import database, own
from datasources.slurm.people import associations_of
from datasources.slurm.records import Run
from datasources.slurm.row import moment
from datasources.slurm.states import state
from datasources.sources import Sources

KINDS = frozenset({"after", "afterany", "afterok", "afternotok", "aftercorr", "afterburstbuffer", "expand"})
DAY = 86400
SLACK = 60
CANDIDATES = 3000  # rows looked through for jobs that wait for this one
ROW = ("job_db_inx", "id_job", "id_array_job", "id_array_task", "job_name", "state", "time_submit", "time_start", "time_end")
COLUMNS = ("direction", "kind", "job", "delay", "state", "name", "submit", "start", "end", "link")


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One condition: kind ("afterok" … "singleton"), job ("8", "8_7", "8_*"; "" for singleton), minutes of delay, any: "?" joins it."""

    kind: str
    job: str = ""
    delay: int = 0
    any: bool = False


def parse(text: str) -> tuple[Dependency, ...]:
    """`afterok:1:2_3,afternotok:4?after:5+10,singleton` as conditions; what Slurm would refuse is left out."""
    found: list[Dependency] = []
    either = "?" in text
    for part in re.split(r"[,?]", text.strip().strip("'\"")):
        kind, _, rest = part.strip().partition(":")
        kind = kind.lower()
        if kind == "singleton" and not rest:
            found.append(Dependency(kind=kind, any=either))
        elif kind in KINDS:
            found += _jobs(kind, rest, either)
        elif re.fullmatch(r"[0-9]+", kind) and not rest:
            # `--dependency=123` is the old way to write afterany
            found.append(Dependency(kind="afterany", job=kind, any=either))
    return tuple(dict.fromkeys(found))


def _jobs(kind: str, rest: str, either: bool) -> list[Dependency]:
    found = []
    for item in rest.split(":"):
        match = re.fullmatch(r"([0-9]{1,10})(_(?:[0-9]{1,10}|\*))?(?:\+([0-9]{1,9}))?", item.strip())
        if match:
            found.append(Dependency(kind=kind, job=match[1] + (match[2] or ""), delay=int(match[3] or 0), any=either))
    return found


def asked(submit_line: str, script: str = "", component: int = 0) -> tuple[Dependency, ...]:
    """The dependencies a job was submitted with, from its submit line and else its script's #SBATCH lines."""
    return parse(options(submit_line, script, component).get("dependency", ""))


def _root(job: str) -> int:
    return int(job.partition("_")[0])


def _matching(job: str, found: Iterable[Run]) -> Run | None:
    number, mark, task = job.partition("_")
    fits = [
        run
        for run in found
        if (mark and task != "*" and run.array_job == int(number) and str(run.array_task) == task)
        or ((not mark or task == "*") and int(number) in (run.id_job, run.array_job, run.het_job))
    ]
    # Of an array's rows the one with the raw id stands for the whole
    return max(fits, key=lambda run: (run.id_job == int(number), run.submit), default=None)


def _forward(sources: Sources, viewer: Viewer, run: Run, wanted: tuple[Dependency, ...]) -> list[dict[str, object]]:
    ids = sorted({_root(item.job) for item in wanted if item.job})
    tasks = [tuple(map(int, item.job.split("_"))) for item in wanted if "_" in item.job and not item.job.endswith("*")]
    found: list[Run] = []
    if ids:
        found = select_runs(sources, viewer, lambda t: and_(t.job.c.id_job.in_(ids), t.job.c.time_submit <= run.submit), limit=500)
    if tasks:
        found += select_runs(
            sources, viewer, lambda t: or_(*(and_(t.job.c.id_array_job == job, t.job.c.id_array_task == task) for job, task in tasks)), limit=500
        )
    rows = []
    for item in wanted:
        fit = _matching(item.job, (other for other in found if other.user == run.user)) if item.job else None
        rows.append(_row("needs", item.kind, item.job, item.delay, fit))
    return rows


def _row(direction: str, kind: str, job: str, delay: int, other: Run | None) -> dict[str, object]:
    known = other is not None
    return {
        "direction": direction,
        "kind": kind,
        "job": job,
        "delay": delay,
        "state": other.state if other else "",
        "name": other.name if other else "",
        "submit": other.submit if other else None,
        "start": other.start if other else None,
        "end": other.end if other else None,
        "link": known,
    }


def _names(run: Run) -> set[str]:
    own_ids = {str(run.id_job), run.job_id}
    if run.array_job:
        own_ids |= {str(run.array_job), f"{run.array_job}_*"}
    if run.het_job:
        own_ids.add(str(run.het_job))
    return own_ids


def _first_row(sources: Sources, run: Run, first: Run | None) -> int:
    """job_db_inx of the job's earliest row: what depends on it was entered later. Tasks of an array get theirs when they begin."""
    begin = min(run.job_db_inx, first.job_db_inx if first else run.job_db_inx)
    if run.array_job is None or run.id_job == run.array_job:
        return begin
    db = database(sources)
    job = db.schema.table("job_table").c
    statement = select(func.min(job.job_db_inx).label("inx")).where(job.id_job == run.array_job, job.time_submit >= run.submit - DAY)
    return min(begin, *(int(row["inx"]) for row in db.rows(statement) if row["inx"] is not None), begin)


def _near(db: SlurmDb, run: Run, after: int) -> Subquery | None:
    """Rows of the same person entered after `after`: one piece of the key on id_assoc for each association, each cut short."""
    job = db.schema.table("job_table")
    owned = associations_of(db, run.user)
    if not owned:
        return None
    columns = [job.c[name] for name in (*ROW, "script_hash_inx", "batch_script", "submit_line") if name in job.c]
    each = max(50, CANDIDATES // len(owned))
    pieces = [
        select(*columns).where(job.c.id_assoc == one, job.c.job_db_inx > after).order_by(job.c.job_db_inx).limit(each).subquery() for one in owned
    ]
    return union_all(*(select(*piece.c) for piece in pieces)).subquery("near")


def _reverse(sources: Sources, run: Run, first: Run | None) -> list[dict[str, object]]:
    """Jobs of the same person, submitted while this one could still be waited for, that name it."""
    db = database(sources)
    near = _near(db, run, _first_row(sources, run, first))
    if near is None:
        return []
    source: FromClause = near
    texts = [near.c[name] for name in ("submit_line", "batch_script") if name in near.c]
    if "script_hash_inx" in near.c and db.schema.has("job_script_table", "hash_inx", "batch_script"):
        script = db.schema.table("job_script_table")
        source = near.outerjoin(script, script.c.hash_inx == near.c.script_hash_inx)
        texts.append(script.c.batch_script)
    if not texts:
        return []
    names = _names(run)
    numbers = sorted({re.split(r"[_+\[]", name)[0] for name in names})
    named = or_(*(text.like(f"%{number}%") for text in texts for number in numbers))
    until = run.end if run.end is not None else int(sources.clock())
    began = (first or run).submit
    statement = (
        select(*(near.c[name] for name in ROW), *texts).select_from(source).where(near.c.time_submit.between(began, until + SLACK), named)
    )
    found: dict[object, dict[str, object]] = {}
    for row in db.rows(statement):
        wanted = asked(row.get("submit_line") or "", row.get("batch_script") or "")
        for item in [item for item in wanted if item.job in names][:1]:
            line = _waiting(row, item)
            found[line["job"]] = line
    return sorted(found.values(), key=lambda line: (line["submit"], line["job"]))


def _waiting(row: Mapping[str, Any], item: Dependency) -> dict[str, object]:
    array, task, job = int(row["id_array_job"]), int(row["id_array_task"]), int(row["id_job"])
    return {
        "direction": "needed_by",
        "kind": item.kind,
        # An array waits as a whole, so its tasks are named once by the array
        "job": str(array) if array and task < NO_VALUE else str(job),
        "delay": item.delay,
        "state": state(int(row["state"]))[0],
        "name": row["job_name"],
        "submit": int(row["time_submit"]),
        "start": moment(row["time_start"]),
        "end": moment(row["time_end"]),
        "link": True,
    }


def dependencies(sources: Sources, *, viewer: Viewer, run: Run, script: str = "", first: Run | None = None) -> pd.DataFrame:
    """What the run waited for ("needs") and what waits or waited for it ("needed_by"); two statements, three for a task.

    `script` is the stored script's text ("" if there is none), `first` the job's first run if it ran more than once. Columns: direction,
    kind ("afterok" … "singleton"), job (the id as written; "" for singleton), delay (minutes), state, name (str; "" if not the owner's), submit, start, end (UTC s
    or None), link (bool: the job is the same person's and may be linked; otherwise the id stays plain text).
    """
    own(viewer, run)
    wanted = asked(run.submit_line, script, run.het_offset or 0)
    rows = _forward(sources, viewer, run, wanted) + _reverse(sources, run, first)
    return frames.table(rows, COLUMNS, delay="int64", link="bool")
