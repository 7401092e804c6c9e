"""What a list of jobs is narrowed to, as SQL conditions, and the key each list is read along."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, or_, select, true

from core.errors import BadInput, NotFound
from core.subjects import JobsSubject
from core.viewer import Viewer
from datasources.slurm.db import SlurmDb
from datasources.slurm.ownership import FIRST_PERSON
from datasources.slurm.people import associations_in, associations_of, uids_of
from datasources.slurm.scan import Branch
from datasources.slurm.states import BASE, SHOWN_FLAGS, UNFINISHED, state_number

ORDERS = ("submit", "start", "end", "id")
MOST_BRANCHES = 100  # associations of an account read side by side


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """What to list. Times are UTC seconds; a job is in [since, until] if it waited or ran then. `states` as in Run.state.

    `name` is looked for anywhere in the job's name, at its beginning with `name_prefix`. `fold`: one row for each array.
    """

    user: str | None = None
    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    states: tuple[str, ...] = ()
    name: str = ""
    name_prefix: bool = False
    ids: JobsSubject | None = None
    node: str | None = None
    since: int | None = None
    until: int | None = None
    fold: bool = True

    @property
    def unfinished(self) -> bool:
        """True if only jobs that have not ended are wanted."""
        return bool(self.states) and set(self.states) <= UNFINISHED


def person(viewer: Viewer, wanted: JobFilter) -> str | None:
    """Whose jobs: staff may leave it open, others see their own; raises NotFound for anybody else's."""
    if viewer.is_staff:
        return wanted.user
    if viewer.name is None or wanted.user not in (None, viewer.name):
        raise NotFound(f"jobs of {wanted.user}")
    return viewer.name


def _contains(column: Any, text: str, at_start: bool) -> ColumnElement[bool]:
    return column.startswith(text, autoescape=True) if at_start else column.contains(text, autoescape=True)


def _states(state: Any, words: tuple[str, ...]) -> ColumnElement[bool]:
    parts = []
    for word in words:
        try:
            number, is_flag = state_number(word)
        except KeyError:
            raise BadInput("state", text=word[:40]) from None
        parts.append(state.op("&")(number) != 0 if is_flag else and_(state.op("&")(BASE) == number, state.op("&")(SHOWN_FLAGS) == 0))
    return or_(*parts)


def conditions(db: SlurmDb, wanted: JobFilter) -> ColumnElement[bool]:
    """The filter as a condition on one row; what the key already fixes is not repeated."""
    job = db.schema.table("job_table").c
    parts: list[ColumnElement[bool]] = []
    if wanted.partition:
        # While it waits, a job may name several partitions
        parts.append(or_(job.partition == wanted.partition, job.partition.regexp_match(f"(^|,){re.escape(wanted.partition)}(,|$)")))
    if wanted.states:
        parts.append(_states(job.state, wanted.states))
    if wanted.name:
        parts.append(_contains(job.job_name, wanted.name, wanted.name_prefix))
    if wanted.qos:
        quality = db.schema.table("qos_table")
        parts.append(job.id_qos.in_(select(quality.c.id).where(quality.c.name == wanted.qos).scalar_subquery()))
    if wanted.since is not None:
        parts.append(or_(job.time_end == 0, job.time_end >= wanted.since))
    if wanted.until is not None:
        parts.append(case((job.time_start > 0, job.time_start), else_=job.time_submit) <= wanted.until)
    if wanted.node:
        parts.append(job.nodelist.contains(re.sub(r"[0-9]+.*$", "", wanted.node), autoescape=True))
    if wanted.fold and not wanted.states:
        # The row that carries an array's own id stands for it, from its submission on
        parts.append(or_(job.id_array_job == 0, job.id_array_job == job.id_job, asked_alone(db, wanted.ids)))
    return and_(true(), *parts)


def asked_alone(db: SlurmDb, ids: JobsSubject | None) -> ColumnElement[bool]:
    """Rows asked for by themselves, which stay unfolded: `8_7`, or the raw id of a task."""
    if ids is None:
        return false()
    job = db.schema.table("job_table").c
    plain = [one.job for one in ids.jobs if one.task is None and one.component is None]
    tasks = [and_(job.id_array_job == one.job, job.id_array_task == one.task) for one in ids.jobs if one.task is not None]
    return or_(false(), and_(job.id_job.in_(plain), job.id_array_job != job.id_job), *tasks)


def _by_id(db: SlurmDb, ids: JobsSubject, fold: bool) -> tuple[Branch, ...]:
    job = db.schema.table("job_table").c
    found = []
    for one in ids.jobs:
        if one.task is not None:
            found.append(Branch(key="array_job", where=and_(job.id_array_job == one.job, job.id_array_task == one.task), order=INX))
        elif one.component is not None:
            found.append(Branch(key="het_job", where=and_(job.het_job_id == one.job, job.het_job_offset == one.component), order=INX))
        elif fold:
            found.append(Branch(key="id_job", where=job.id_job == one.job, order=INX))
        else:
            found += [Branch(key=key, where=where, order=INX) for key, where in (("id_job", job.id_job == one.job), ("array_job", job.id_array_job == one.job))]
    return tuple(found)


INX = ("job_db_inx",)
ON_TIME = {
    "start": ("sacct_def", "rollup", ("time_start", "time_end", "job_db_inx"), ("time_eligible", "time_end", "job_db_inx")),
    "end": ("sacct_def2", "rollup2", ("time_end", "time_eligible", "job_db_inx"), ("time_end", "time_eligible", "job_db_inx")),
}


def mine(db: SlurmDb, wanted: JobFilter, user: str | None) -> ColumnElement[bool]:
    """Whose rows: by association, the truth about person and account. Not part of a key's stretch, so the budget holds."""
    job = db.schema.table("job_table").c
    owned = _associations(db, wanted, user)
    return and_(
        true() if owned is None else job.id_assoc.in_(owned),
        true() if user is None else job.id_user >= FIRST_PERSON,
    )


def branches(db: SlurmDb, wanted: JobFilter, user: str | None, order: str) -> tuple[Branch, ...]:
    """The stretches of keys the list is read along; () if nothing can be in it."""
    job = db.schema.table("job_table").c
    owned = _associations(db, wanted, user)
    if owned == ():
        return ()
    if wanted.ids is not None:
        return _by_id(db, wanted.ids, wanted.fold)
    if wanted.unfinished:
        return _unfinished(db, user, order)
    if order in ON_TIME:
        return _on_time(db, wanted, user, order)
    if owned is None or len(owned) > MOST_BRANCHES:
        return (Branch(key="PRIMARY", where=true(), order=INX),)
    return tuple(Branch(key="association", where=job.id_assoc == one, order=INX) for one in owned)


def _associations(db: SlurmDb, wanted: JobFilter, user: str | None) -> tuple[int, ...] | None:
    """None: all of them."""
    own = associations_of(db, user) if user is not None else None
    theirs = associations_in(db, wanted.account) if wanted.account else None
    if own is None or theirs is None:
        return theirs if own is None else own
    return tuple(one for one in own if one in set(theirs))


def _unfinished(db: SlurmDb, user: str | None, order: str) -> tuple[Branch, ...]:
    # What has not ended is little and together on the keys that hold time_end: it is read from there and put in order
    job = db.schema.table("job_table").c
    columns = ("time_start", "time_end", "job_db_inx") if order == "start" else ON_TIME["end"][2] if order == "end" else INX
    if user is None:
        return (Branch(key="rollup2", where=job.time_end == 0, order=columns),)
    return tuple(Branch(key="sacct_def2", where=and_(job.id_user == uid, job.time_end == 0), order=columns) for uid in uids_of(db, user))


def _on_time(db: SlurmDb, wanted: JobFilter, user: str | None, order: str) -> tuple[Branch, ...]:
    """By start or end. Nothing is keyed by start for everybody, so there the moment a job could start stands for it."""
    job = db.schema.table("job_table").c
    personal, general, columns, all_columns = ON_TIME[order]
    limits = [true()]
    if order == "end" and wanted.since is not None:
        limits.append(or_(job.time_end == 0, job.time_end >= wanted.since))
    if order == "start" and wanted.until is not None:
        limits.append((job.time_eligible if user is None else job.time_start) <= wanted.until)
    if user is None:
        return (Branch(key=general, where=and_(*limits), order=all_columns),)
    return tuple(Branch(key=personal, where=and_(job.id_user == uid, *limits), order=columns) for uid in uids_of(db, user))
