"""The jobs of an account, as its members may read them: of colleagues only what the account's figures are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from core.errors import NotFound
from core.settings import Settings
from core.viewer import PORTAL, Viewer, only_members
from datasources.slurm.filters import JobFilter
from datasources.slurm.listing import COLUMNS, JobsPage, jobs_page
from datasources.slurm.ownership import FIRST_PERSON
from datasources.sources import Sources

# what a colleague may know of a job; its name goes through present(), which hides it unless the site shows names
COLLEAGUES = frozenset(
    [
        "job_db_inx", "id_job", "job_id", "array_job", "array_task", "array_pending", "array_text", "het_job", "het_offset", "name", "user",
        "uid", "account", "partition", "state", "state_flags", "submit", "eligible", "start", "end", "elapsed", "suspended", "limit",
        "cores_req", "cores", "nodes", "memory", "memory_req", "memory_per", "gpus", "gpu_types", "whole_node", "array_counts",
        "array_complete", "array_runs",
    ]
)
# what stands in place of the rest, by how Run keeps it
BLANK: dict[str, Any] = {
    "hosts": (), "licenses": {}, "tres": {}, "priority": 0, "script_hash": 0, "cancelled_by": None, "exit_code": "", "derived_exit_code": "",
}


def may_name(viewer: Viewer, settings: Settings, account: str, user: str) -> bool:
    """True if this viewer may ask for one member's jobs by login: else asking would tell who is behind a hidden name."""
    return user == viewer.name or viewer.answers_for(account) or settings.site.names == "names"


def account_jobs(
    sources: Sources, *, viewer: Viewer, account: str, filter: JobFilter | None = None, order: str = "submit", descending: bool = True,
    cursor: str | None = None, limit: int = 100,
) -> JobsPage:
    """A page of an account's jobs, of all its members, newest submitted first; see jobs_page for frame, order, cursor and budget.

    `filter` narrows it further; its account is this one whatever it says. Rows of people whose jobs the viewer may not open
    hold COLLEAGUES only, the other columns are blank. Read along the key on the association.
    Raises NotFound unless the viewer is a member, coordinator or staff by the exact name, or asks for somebody they may not name.
    """
    only_members(viewer, account)
    wanted = replace(filter or JobFilter(), account=account)
    if wanted.user and not may_name(viewer, sources.settings, account, wanted.user):
        raise NotFound(f"jobs of {wanted.user} in {account}")
    if not wanted.user:
        wanted = replace(wanted, user=None)
    # The account was checked above; whose jobs they are does not matter to who may list them
    page = jobs_page(sources, viewer=PORTAL, filter=wanted, order=order, descending=descending, cursor=cursor, limit=limit)
    return replace(page, frame=for_colleagues(page.frame, viewer, account))


def for_colleagues(frame: pd.DataFrame, viewer: Viewer, account: str) -> pd.DataFrame:
    """Rows of this very account, without what the viewer may not know of other people's; system jobs are for staff."""
    kept = frame[frame["account"] == account]
    if viewer.is_staff:
        return kept.reset_index(drop=True)
    kept = kept[kept["uid"] >= FIRST_PERSON].reset_index(drop=True)
    foreign = [not viewer.owns(user, account) for user in kept["user"]]
    for column in set(COLUMNS) - COLLEAGUES:
        blank = BLANK.get(column, "")
        kept[column] = pd.Series([blank if hide else value for hide, value in zip(foreign, kept[column], strict=True)], index=kept.index, dtype="object")
    return kept
