"""What the scheduler's statistics read from Prometheus: the fair share of accounts hour by hour."""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.promql import matcher, selector

LEVELFS = "slurm_account_levelfs"


def levelfs(settings: Settings) -> Batch:
    """LevelFS by account (1: share and use in balance, above: under-served); of the target's accounts, or of all where it names none."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        names = [matcher("account", target.accounts)] if target.accounts else []
        # max: two exporters of a highly available pair say the same
        return f"max by (account) ({selector(LEVELFS, site, *names)})"

    return Batch(
        key="scheduling_levelfs", exporter="slurm_exporter", metrics=(LEVELFS,), expr=expr, levels=("account",), labels=("account",),
        merge="max", module="scheduling",
    )  # fmt: skip


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (levelfs(settings),)
