"""LevelFS of accounts: how each stands against its share, now and over time."""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.promql import any_of, selector

LEVELFS = "slurm_account_levelfs"
MOST_NAMED = 200  # more accounts than these are not written into a query


def _expr(target: Target, grid: Grid, site: str) -> str:
    # max: two exporters of a highly available pair say the same
    named = {"account": any_of(target.accounts)} if target.accounts and len(target.accounts) <= MOST_NAMED else {}
    return f"max by (account) ({selector(LEVELFS, site, **named)})"


# LevelFS by account; +Inf for one that has never used anything
TREND = Batch(
    key="account_levelfs", exporter="slurm_exporter", metrics=(LEVELFS,), expr=_expr, levels=("account",), labels=("account",), merge="max",
    module="accountstats",
)
NOW = Batch(
    key="account_levelfs_now", exporter="slurm_exporter", metrics=(LEVELFS,), expr=_expr, levels=("account",), labels=("account",), merge="max",
    module="accountstats", instant=True,
)


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (TREND, NOW)
