"""Batches: the few, declared queries a section sends at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a batch is about: only names and numbers the server itself read from Slurm or the settings.

    jobs: raw job ids (slurmjobid). hosts: node names without domain or port. users, accounts, partitions, projects (of the cloud): exact
    names. uuids: virtual machines.
    """

    jobs: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    uuids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Aligned start, end and step in UTC seconds; `window` is what rate() looks back; `scrape` the exporter's interval."""

    start: int
    end: int
    step: int
    window: int
    scrape: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One query of one exporter.

    `expr(target, grid, site)` builds PromQL; `site` is the escaped site filter ('cluster="x"' or ''), to be put into every
    selector through promql.selector(). `levels` are the labels that become levels of the answer's columns, in this order;
    series equal in them are summed (`merge="max"` takes the largest instead: doubled series of an HA pair).
    `metrics` and `labels` are what `check` looks for. `instant`: asked at grid.end only, and answers a tidy frame.
    """

    key: str
    exporter: str
    metrics: tuple[str, ...]
    expr: Callable[[Target, Grid, str], str]
    levels: tuple[str, ...]
    labels: tuple[str, ...] = ()
    merge: str = "sum"
    instant: bool = False
    rules: tuple[str, ...] = ()  # recording rules it reads
    most: int = 0  # series of an instant answer, where a number a node is more than the setting allows
    module: str = "jobstats"  # whose site filter holds; a filter called "default" serves modules without one
