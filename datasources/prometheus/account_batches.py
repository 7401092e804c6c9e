"""The batches of an account: its place in the fairshare, and what its members hold, use, run and read over time."""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import JOB, LUSTRE, joined
from datasources.prometheus.job_batches_user import LUSTRE_RULES, RULES
from datasources.prometheus.promql import matcher, selector

SLURM = "slurm_exporter"
LEVELFS = "slurm_account_levelfs"
PROGRAMS = "slurm_job:process_usage:sum_account"
USED_GPU, WATTS = "slurm_job:used_gpu:sum_user_account", "slurm_job:power_gpu:sum_user_account"
CARDS = "slurm_job_power_gpu"
LUSTRE_RAW = {
    "operations": ("lustre_job_stats_total", ('component="mdt"',)), "read_bytes": ("lustre_job_read_bytes_total", ()),
    "write_bytes": ("lustre_job_write_bytes_total", ()),
}  # fmt: skip
MODULE = "accountstats"


def accounts(target: Target) -> str:
    """The matcher of a target's accounts on `account`, by exact names."""
    return matcher("account", target.accounts)


def levelfs(settings: Settings) -> Batch:
    """LevelFS of each account over time: its share ÷ its use; +Inf where it used nothing lately."""
    return Batch(
        key="account_levelfs", exporter=SLURM, metrics=(LEVELFS,), levels=("account",), labels=("account",), merge="max", module=MODULE,
        # a pair of exporters says the same twice
        expr=lambda target, grid, site: f"max by (account) ({selector(LEVELFS, site, accounts(target))})",
    )


def use(settings: Settings) -> Batch:
    """An account's cores and GPUs as recorded; `what`: cores_allocated, cores_used, gpus_allocated, gpus_used."""
    rules = {f"{kind}_{what}": RULES[kind][what] for kind in ("cores", "gpus") for what in ("allocated", "used")}
    return Batch(
        key="account_use", exporter=JOB, metrics=(), rules=tuple(rules.values()), levels=("what",), module=MODULE,
        expr=lambda target, grid, site: joined(
            {what: f"sum({selector(rule, site, accounts(target))})" for what, rule in rules.items()}
        ),
    )


def by_member(settings: Settings, kind: str) -> Batch:
    """What each member holds and uses in an account as recorded: kind cores (cores) or memory (bytes); `what`: allocated, used."""
    rules = {what: RULES[kind][what] for what in ("allocated", "used")}
    return Batch(
        key=f"account_{kind}", exporter=JOB, metrics=(), rules=tuple(rules.values()), levels=("what", "user"), module=MODULE,
        expr=lambda target, grid, site: joined(
            {what: f"sum by (user) ({selector(rule, site, accounts(target))})" for what, rule in rules.items()}
        ),
    )


def gpus(settings: Settings) -> Batch:
    """An account's GPUs in one request, by member and by model.

    `what`: allocated, used (GPUs, by user), used_model (GPUs, by gpu_type), watts (W as exported, by gpu_type), count (GPUs that
    report power, by gpu_type, from raw samples: the limits' base). What does not apply of user and gpu_type is "".
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        of = accounts(target)
        return joined({
            "allocated": f"sum by (user) ({selector(RULES['gpus']['allocated'], site, of)})",
            "used": f"sum by (user) ({selector(USED_GPU, site, of)})",
            "used_model": f"sum by (gpu_type) ({selector(USED_GPU, site, of)})",
            "watts": f"sum by (gpu_type) ({selector(WATTS, site, of)}) / 1000",
            "count": f"count by (gpu_type) ({selector(CARDS, site, of)})",
        })  # fmt: skip

    return Batch(
        key="account_gpus", exporter=JOB, metrics=(CARDS,), rules=(RULES["gpus"]["allocated"], USED_GPU, WATTS), expr=expr,
        levels=("what", "user", "gpu_type"), labels=("account", "gpu_type"), module=MODULE,
    )


def programs(settings: Settings) -> Batch:
    """Cores each program of an account keeps busy, by the name of its file without the folder."""
    return Batch(
        key="account_programs", exporter=JOB, metrics=(), rules=(PROGRAMS,), levels=("bin",), module=MODULE,
        expr=lambda target, grid, site: f"sum by (bin) ({selector(PROGRAMS, site, accounts(target))})",
    )


def lustre(settings: Settings) -> Batch:
    """Metadata operations and bytes a second of each member in an account; `what`: operations, read_bytes, write_bytes.

    As recorded; from the raw counters where the site has no recording rules.
    """
    wanted, recorded = settings.metrics.lustre_file_systems, settings.metrics.recording_rules

    def expr(target: Target, grid: Grid, site: str) -> str:
        who = (accounts(target), matcher("fs", wanted) if wanted else 'fs!=""')
        parts = {}
        for what, rule in LUSTRE_RULES.items():
            metric, more = LUSTRE_RAW[what]
            found = selector(rule, site, *who) if recorded else f"rate({selector(metric, site, *who, *more)}[{grid.window}s])"
            parts[what] = f"sum by (user) ({found})"
        return joined(parts)

    return Batch(
        key="account_lustre", exporter=LUSTRE, expr=expr, levels=("what", "user"), labels=("user", "account", "fs"), module=MODULE,
        metrics=() if recorded else tuple(metric for metric, _more in LUSTRE_RAW.values()), rules=tuple(LUSTRE_RULES.values()) if recorded else (),
    )


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    members = (by_member(settings, kind) for kind in ("cores", "memory"))
    return levelfs(settings), use(settings), *members, gpus(settings), programs(settings), lustre(settings)
