"""All series of the simulated cluster: those that are always there, and those that come and go with jobs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np

from demo import series_cloud, series_hardware, series_hosts, series_job, series_lustre, series_quota, series_scheduler
from demo.model import Plan
from demo.series import Block, raw_begin
from demo.series_cloud import cloud_blocks
from demo.series_cluster import fairshare_block, scheduler_blocks
from demo.series_hosts import host_blocks
from demo.series_job import job_block
from demo.series_login import session_blocks
from demo.series_lustre import IDLE, RunIos, job_blocks
from demo.series_node import SLACK, NodeLoad
from demo.series_quota import quota_blocks
from demo.series_share import ProfileOf, Tables
from demo.series_targets import FileSystemLoad, target_blocks

TYPES = {
    **series_job.TYPES,
    **series_scheduler.TYPES,
    **series_hosts.TYPES,
    **series_hardware.TYPES,
    **series_lustre.TYPES,
    **series_cloud.TYPES,
    **series_quota.TYPES,
}


class Catalog:
    """Blocks of a plan. Only the tables of jobs around the time asked for are kept in memory."""

    def __init__(self, plan: Plan, profile_of: ProfileOf) -> None:
        self.plan = plan
        self.tables = Tables(plan, profile_of)
        self.ios = RunIos(plan, self.tables)
        self.loads = {node.name: NodeLoad(plan, node, self.tables) for node in plan.nodes}
        self.file_systems = [FileSystemLoad(plan, fs, self.ios, self.tables) for fs in plan.file_systems]
        self.standing = [block for load in self.loads.values() for block in host_blocks(load)]
        self.standing += [block for load in self.file_systems for block in target_blocks(load)]
        self.standing += session_blocks(plan, self.ios.servers)
        self.standing += [*scheduler_blocks(plan), fairshare_block(plan), *cloud_blocks(plan), *quota_blocks(plan)]
        self.long = [block for block in self.standing if block.before]  # kept from before raw history begins
        self._passing: dict[int, list[Block]] = {}

    def passing(self, since: float, until: float) -> list[Block]:
        """Blocks of jobs that may show something in [since, until), idle Lustre statistics included."""
        numbers = self.tables.between(since - IDLE, until)
        wanted = {int(number) for number in numbers}
        for number in wanted - self._passing.keys():
            self._passing[number] = self._of_share(number)
        for number in self._passing.keys() - wanted:
            del self._passing[number]
        return [block for number in sorted(wanted) for block in self._passing[number] if block.end > since]

    def _of_share(self, number: int) -> list[Block]:
        run, index = self.tables.entries[number]
        table = self.tables.table(number)
        blocks = [job_block(table, self.loads[table.node.name])]
        if index == 0:  # Lustre counts a job once, whatever its nodes
            blocks += [block for io in self.ios.of(run) for block in job_blocks(io, self.ios.servers)]
        return blocks

    def forget(self, before: float) -> None:
        """Drop the tables of jobs that were over, with room for the readers' slack, before the moment."""
        self.tables.forget(before - 2 * SLACK)
        self.ios.forget(before - 2 * SLACK)

    def save(self, path: Path) -> None:
        """Keep what counters have added up, all or nothing, so that the next start need not."""
        totals = {name: load.totals() for name, load in self.loads.items()}
        totals |= {f"lustre/{load.fs}": load.totals() for load in self.file_systems}
        new = path.with_name(path.name + ".new")
        new.write_bytes(pickle.dumps((self.plan.made_at, self.plan.seed, totals), pickle.HIGHEST_PROTOCOL))
        os.replace(new, path)

    def load(self, path: Path, now: float) -> None:
        """Go on at `now` from what save() kept of the same plan; without it everything is added up again.

        Exporters that already run may have saved what was not over at `now`: that is added up again. Only for the demo's own files.
        """
        try:
            made_at, seed, totals = pickle.loads(path.read_bytes())
        except (OSError, EOFError, pickle.UnpicklingError, ValueError):
            return
        if (made_at, seed) == (self.plan.made_at, self.plan.seed):
            for name, load in self.loads.items():
                load.go_on(totals[name])
            for load in self.file_systems:
                load.go_on(totals[f"lustre/{load.fs}"], now)

    def warm(self, now: float) -> None:
        """Add up, once, what ran since raw history began, so that the first answers do not have to."""
        # node by node in time order would hold all tables at once; a day at a time does not
        begin = max(raw_begin(self.plan), min((load.totals()[1] for load in self.loads.values()), default=0))
        for moment in [*np.arange(begin, now, 6 * 3600.0), now]:
            for load in self.loads.values():
                load.counters(np.array([moment]))
            for load in self.file_systems:
                load.counters(np.array([moment]))
            self.forget(moment)
