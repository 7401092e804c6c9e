"""Every query the portal can send, for `python app.py check`."""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus import (
    account_batches,
    account_now_batches,
    cloud_batches,
    cloud_project_batches,
    cluster_batches,
    fs_batches,
    gpfs_batches,
    host_batches,
    job_batches,
    job_batches_node,
    job_batches_user,
    narrow_batches,
    node_batches,
    nodes_batches,
    quota_batches,
    scheduling_batches,
    software_batches,
    top_batches,
)
from datasources.prometheus.batch import Batch


def all_batches(settings: Settings) -> tuple[Batch, ...]:
    """The batches of all modules that are switched on."""
    status = (*cluster_batches.all_of(settings), *narrow_batches.all_of(settings)) if settings.module_on("status") else ()
    shown = (software_batches, fs_batches, *((host_batches,) if settings.overview.login_nodes or settings.overview.transfer_nodes else ()))
    overview = tuple(batch for module in shown for batch in module.all_of(settings)) if settings.module_on("overview") else ()
    jobs = (job_batches, job_batches_node, job_batches_user) if settings.module_on("jobstats") else ()
    people = (*quota_batches.all_of(settings), *gpfs_batches.all_of(settings)) if settings.module_on("usersummary") or settings.module_on("quotas") else ()
    accounts = (*account_batches.all_of(settings), *account_now_batches.all_of(settings)) if settings.module_on("accountstats") else ()
    node = (*node_batches.all_of(settings), *nodes_batches.all_of(settings)) if settings.module_on("nodes") else ()
    top = top_batches.all_of(settings) if settings.module_on("top") else ()
    cloud = (*cloud_batches.all_of(settings), *cloud_project_batches.all_of(settings)) if settings.module_on("cloudstats") else ()
    scheduling = scheduling_batches.all_of(settings) if settings.module_on("scheduling") else ()
    return (*status, *overview, *accounts, *(batch for module in jobs for batch in module.all_of(settings)), *people, *node, *top, *cloud, *scheduling)
