"""Jobs: all runs of one, the last runs of several, and pages of lists."""

from __future__ import annotations

from datasources.slurm.filters import JobFilter
from datasources.slurm.listing import JobsPage, jobs_page
from datasources.slurm.lookup import array_of, is_array, runs, runs_of

__all__ = ["JobFilter", "JobsPage", "array_of", "is_array", "jobs_page", "runs", "runs_of"]
