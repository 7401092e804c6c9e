"""Whose job is it: `assoc.user` through `id_assoc`; an association that was deleted still owns its old jobs."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, false, or_, true
from sqlalchemy.sql.selectable import TableClause

from core.errors import NoData, NotFound, Why
from core.viewer import Viewer
from datasources.slurm.db import SlurmDb
from datasources.slurm.records import Run
from datasources.sources import Sources

FIRST_PERSON = 1000  # uids below are the system's: nobody's jobs


def database(sources: Sources) -> SlurmDb:
    """The accounting database; raises NoData(NOT_CONFIGURED) where the settings name none."""
    if sources.slurm is None:
        raise NoData(Why.NOT_CONFIGURED, "slurm", "no accounting database is configured")
    return sources.slurm


def visible(viewer: Viewer, job: TableClause, assoc: TableClause) -> ColumnElement[bool]:
    """The owner condition of a statement: everything for staff, one's own for a person, nothing for the public.

    The database compares without case and accents, so what comes back is compared again by `own`.
    """
    if viewer.is_staff:
        return true()
    if viewer.name is None:
        return false()
    mine = assoc.c.user == viewer.name
    if viewer.opens:
        mine = or_(mine, assoc.c.acct.in_(sorted(viewer.opens)))
    return and_(mine, job.c.id_user >= FIRST_PERSON)


def owns(viewer: Viewer, run: Run) -> bool:
    """True for staff, the owner and those who may open the account's jobs, by the exact names."""
    return viewer.is_staff or (viewer.owns(run.user, run.account) and run.uid >= FIRST_PERSON)


def own(viewer: Viewer, run: Run) -> Run:
    """The run again; raises NotFound if it is somebody else's."""
    if not owns(viewer, run):
        raise NotFound(f"job {run.job_id} is not {viewer.name}'s")
    return run
