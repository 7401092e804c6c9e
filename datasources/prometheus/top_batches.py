"""The batches of the tables of the largest users: use by person and account, by job, the nodes' memory, and file systems."""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import JOB, LUSTRE, jobs, joined
from datasources.prometheus.job_batches_user import LUSTRE_RULES
from datasources.prometheus.promql import matcher, selector

RECORDED = {"cores_used": "slurm_job:used_core:sum_user_account", "memory_peak": "slurm_job:max_memory:sum_user_account"}
GPU = "slurm_job_utilization_gpu"
CORE = "slurm_job_core_usage_total"
PEAK = "slurm_job_memory_max"
NODES = "node_exporter"
MDT = 'component="mdt"'
FEW = 10  # people, accounts or jobs with a line of their own, on each file system
# what a line is: the labels that tell it from others
KEYS = {"user": ("fs", "user"), "account": ("fs", "account"), "job": ("fs", "jobid", "user", "account", "application")}
WAYS = {"read": "lustre_job_read_bytes_total", "written": "lustre_job_write_bytes_total"}


def _who(target: Target) -> tuple[str, ...]:
    """Matchers of a target's people and accounts; none for everybody."""
    return tuple(matcher(label, names) for label, names in (("user", target.users), ("account", target.accounts)) if names)


def recorded(settings: Settings) -> Batch:
    """What each person in each account uses now, by the recording rules; `what`: cores_used (cores), memory_peak (bytes). Instant."""
    return Batch(
        key="top_recorded", exporter=JOB, metrics=(), rules=tuple(RECORDED.values()), levels=("what", "user", "account"), instant=True,
        module="top",
        expr=lambda target, grid, site: joined(
            {what: f"sum by (user, account) ({selector(rule, site, *_who(target))})" for what, rule in RECORDED.items()}
        ),
    )


def _parts(target: Target, grid: Grid, site: str, by: str) -> dict[str, str]:
    who = jobs(target)
    return {
        "cores_used": f"sum by ({by}) (rate({selector(CORE, site, who)}[{grid.window}s])) / 1e9",
        "memory_peak": f"sum by ({by}) ({selector(PEAK, site, who)})",
    }


def of_jobs(settings: Settings, *, gpus: bool = False) -> Batch:
    """What the target's jobs use now, added up by person and account; `what`: cores_used, memory_peak (bytes), and with `gpus`
    gpus_seen (GPUs measured), gpus_busy (those that do anything), gpus_used (fully used ones). Instant."""
    idle = settings.thresholds.gpu_idle * 100

    def expr(target: Target, grid: Grid, site: str) -> str:
        parts, cards = _parts(target, grid, site, "user, account"), selector(GPU, site, jobs(target))
        if gpus:
            parts |= {
                "gpus_seen": f"count by (user, account) ({cards})",
                "gpus_busy": f"sum by (user, account) ({cards} > bool {idle:g})",
                "gpus_used": f"sum by (user, account) ({cards}) / 100",
            }
        return joined(parts)

    return Batch(
        key="top_gpu_jobs" if gpus else "top_jobs", exporter=JOB, expr=expr, levels=("what", "user", "account"), instant=True, module="top",
        labels=("slurmjobid", "user", "account"), metrics=(CORE, PEAK, *((GPU,) if gpus else ())),
    )


def each_job(settings: Settings) -> Batch:
    """What each of the target's jobs uses now; `what`: cores_used (cores), memory_peak (bytes). Instant."""
    return Batch(
        key="top_each_job", exporter=JOB, metrics=(CORE, PEAK), levels=("what", "slurmjobid"), labels=("slurmjobid",), instant=True,
        module="top", expr=lambda target, grid, site: joined(_parts(target, grid, site, "slurmjobid")),
    )


def large_nodes(settings: Settings, limit: float) -> Batch:
    """Nodes with more than `limit` bytes of memory a core, and the middle one of the others; a handful of series. Instant.

    `what`: per_core, memory (bytes, of each large node), ordinary_memory (bytes), ordinary_cores (both without a node).
    """
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        idle = selector("node_cpu_seconds_total", site, 'mode="idle"')
        # counted by core first: a pair of servers that scrape the same node would double it
        cores = f"count by ({host}) (count by ({host}, cpu) ({idle}))"
        memory = f"max by ({host}) ({selector('node_memory_MemTotal_bytes', site)})"
        large = f"({memory} / {cores} > {limit:.0f})"
        return joined({
            "per_core": large, "memory": f"{memory} and on ({host}) {large}",
            "ordinary_memory": f"quantile(0.5, {memory} unless on ({host}) {large})",
            "ordinary_cores": f"quantile(0.5, {cores} unless on ({host}) {large})",
        })  # fmt: skip

    return Batch(
        key="top_nodes", exporter=NODES, metrics=("node_cpu_seconds_total", "node_memory_MemTotal_bytes"), levels=("what", "node"),
        labels=(host, "cpu"), merge="max", instant=True, module="top", expr=expr,
    )


def _where(settings: Settings, target: Target) -> tuple[str, ...]:
    wanted = settings.metrics.lustre_file_systems
    return (*_who(target), matcher("fs", wanted) if wanted else 'fs!=""')


def _largest(inner: str, keys: str, ranked: str, grid: Grid) -> str:
    """The series of `inner` that are the largest of their file system over the whole range, by what `ranked` adds up to.

    The ranking is made once for all points (`@ end()`): made at each point anew, it would give shreds of many lines.
    """
    over = f"sum_over_time(({ranked})[{max(grid.end - grid.start, grid.step)}s:{grid.step}s] @ end())"
    return f"{inner} and on ({keys}) topk by (fs) ({FEW}, {over})"


def operations(settings: Settings, by: str) -> Batch:
    """Metadata operations a second of the largest users, accounts or jobs of each file system.

    `what`: operations (the largest FEW of each file system), all (everything on the file system, other labels empty).
    """
    keys, metric = ", ".join(KEYS[by]), LUSTRE_RULES["operations"] if by != "job" else "lustre_job_stats_total"

    def expr(target: Target, grid: Grid, site: str) -> str:
        where = _where(settings, target)
        found = selector(metric, site, *where)
        if by == "job":
            # object servers count operations too; metadata is what the metadata servers do
            found = f"rate({selector(metric, site, MDT, *where)}[{grid.window}s])"
        inner = f"sum by ({keys}) ({found})"
        return joined({"operations": _largest(inner, keys, inner, grid), "all": f"sum by (fs) ({found})"})

    return _lustre("operations", by, (metric,), expr)


def bytes_moved(settings: Settings, by: str) -> Batch:
    """Bytes a second of the largest users, accounts or jobs of each file system, by reading and writing together.

    `what`: read, written (the largest FEW of each file system), all_read, all_written (everything on the file system).
    """
    keys = ", ".join(KEYS[by])
    metrics = WAYS if by == "job" else {"read": LUSTRE_RULES["read_bytes"], "written": LUSTRE_RULES["write_bytes"]}

    def expr(target: Target, grid: Grid, site: str) -> str:
        where = _where(settings, target)
        found = {way: selector(metric, site, *where) for way, metric in metrics.items()}
        if by == "job":
            found = {way: f"rate({one}[{grid.window}s])" for way, one in found.items()}
        told = " or ".join(f'label_replace({one}, "way", "{way}", "", "")' for way, one in found.items())
        both = f"sum by ({keys}) ({told})"
        parts = {way: _largest(f"sum by ({keys}) ({one})", keys, both, grid) for way, one in found.items()}
        return joined(parts | {f"all_{way}": f"sum by (fs) ({one})" for way, one in found.items()})

    return _lustre("bytes", by, tuple(metrics.values()), expr)


def _lustre(kind: str, by: str, names: tuple[str, ...], expr: object) -> Batch:
    raw = by == "job"
    return Batch(
        key=f"top_lustre_{kind}_{by}", exporter=LUSTRE, metrics=names if raw else (), rules=() if raw else names, levels=("what", *KEYS[by]),
        labels=("fs", "jobid") if raw else (), module="top", expr=expr,
    )


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    lustre = (make(settings, by) for by in KEYS for make in (operations, bytes_moved))
    return (recorded(settings), of_jobs(settings, gpus=True), each_job(settings), large_nodes(settings, 0), *lustre)
