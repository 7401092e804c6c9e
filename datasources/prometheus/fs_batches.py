"""The batches of the parallel file systems as their servers count them: Lustre's and GPFS's exporters.

Only servers and targets: what jobs and people did is counted elsewhere and never asked here. Doubled series (a highly available
pair of Prometheus, a target seen by both servers of a failover pair) are one target before anything is added up.
"""

from __future__ import annotations

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import LUSTRE, joined
from datasources.prometheus.promql import Regex, any_of, matcher, selector

GPFS = "gpfs_exporter"
TARGET = "(.+)-(?:OST|MDT).+"  # scratch-OST0003 is a target of scratch
DATA = {"read": "lustre_read_bytes_total", "written": "lustre_write_bytes_total"}
META = "lustre_stats_total"
SIZE, AVAIL, FILES, FILES_FREE, HEALTH = (
    "lustre_capacity_kibibytes", "lustre_available_kibibytes", "lustre_inodes_maximum", "lustre_inodes_free", "lustre_health_check",
)  # fmt: skip
RULES = {"read": "lustre:read_bytes:rate3m", "written": "lustre:write_bytes:rate3m", "ops": "lustre:metadata:rate3m"}
RULE_WINDOW = 180  # seconds those rules look back
KNOWN = "6h"  # a target that answered in this time and does not now is missed
GPFS_SPACE = {"size": "gpfs_fs_size_bytes", "avail": "gpfs_fs_free_bytes", "files_used": "gpfs_fs_used_inodes", "files_free": "gpfs_fs_free_inodes"}
GPFS_DATA = {"read": "gpfs_perf_read_bytes_total", "written": "gpfs_perf_write_bytes_total"}
GPFS_META = "gpfs_perf_operations_total"
OST, MDT = 'component="ost"', 'component="mdt"'


def _of(settings: Settings) -> str:
    """The matcher of the targets of the file systems the settings name; "" for all."""
    names = settings.metrics.lustre_file_systems
    return matcher("target", Regex(f"(?:{any_of(names)})-(?:OST|MDT).+")) if names else ""


def _rule(settings: Settings, what: str, grid: Grid, site: str) -> str:
    names = settings.metrics.lustre_file_systems
    found = selector(RULES[what], site, *((matcher("fs", names),) if names else ()))
    # points further apart than the rule looks back would miss what happened between them
    return f"avg_over_time({found}[{grid.step}s])" if grid.step > RULE_WINDOW and grid.end > grid.start else found


def _by_fs(expr: str, how: str = "sum", *, also: str = "") -> str:
    return f'{how} by (fs{also}) (label_replace({expr}, "fs", "$1", "target", "{TARGET}"))'


def _rates(settings: Settings, grid: Grid, site: str, *, operations: bool) -> dict[str, str]:
    """read, written and ops of each Lustre file system: recorded by rules, else from the counters of the targets."""
    extra = ", operation" if operations else ""
    if settings.metrics.recording_rules:
        parts = {what: f"max by (fs) ({_rule(settings, what, grid, site)})" for what in DATA}
        ops = f"max by (fs, operation) ({_rule(settings, 'ops', grid, site)})"
        return {**parts, "ops": f"sum by (fs{extra}) ({ops})"}
    window = max(grid.window, 2 * grid.step)
    parts = {
        what: _by_fs(f"max by (target) (rate({selector(metric, site, OST, _of(settings))}[{window}s]))") for what, metric in DATA.items()
    }
    ops = f"max by (target, operation) (rate({selector(META, site, MDT, _of(settings))}[{window}s]))"
    return {**parts, "ops": _by_fs(ops, also=extra)}


def _target(metric: str, site: str, *more: str, how: str = "max", factor: str = "") -> str:
    """A gauge of each target, with its file system."""
    return f'label_replace({how} by (target) ({selector(metric, site, *more)}){factor}, "fs", "$1", "target", "{TARGET}")'


def lustre_now(settings: Settings) -> Batch:
    """Every Lustre file system and target now, in one request. Instant; levels what, fs, target.

    `what`: read, written (bytes/s), ops (metadata operations/s) of a file system; size, avail (bytes of an object storage target),
    files, files_free (inodes of a metadata target), objects_free (objects an OST can still make), health (1 healthy) of each target;
    known (targets that answered within six hours) of a file system. A health that names no target has fs "" and its server in target.
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        of = _of(settings)
        return joined({
            **_rates(settings, grid, site, operations=False),
            "size": _target(SIZE, site, OST, of, factor=" * 1024"),
            "avail": _target(AVAIL, site, OST, of, factor=" * 1024"),
            "files": _target(FILES, site, MDT, of),
            "files_free": _target(FILES_FREE, site, MDT, of),
            "objects_free": _by_fs(f"max by (target) ({selector(FILES_FREE, site, OST, of)})"),
            "health": _target(HEALTH, site, of, how="min"),
            "known": _by_fs(f"max by (target) (last_over_time({selector(SIZE, site, of)}[{KNOWN}]))", "count"),
        })  # fmt: skip

    return Batch(
        key="lustre_now", exporter=LUSTRE, expr=expr, levels=("what", "fs", "target"), instant=True, merge="max", module="overview",
        metrics=(SIZE, AVAIL, FILES, FILES_FREE, HEALTH, *(() if settings.metrics.recording_rules else (*DATA.values(), META))),
        rules=tuple(RULES.values()) if settings.metrics.recording_rules else (), labels=("target", "component"),
    )


def lustre_rates(settings: Settings) -> Batch:
    """Bytes and metadata operations a second. Levels what (read, written, ops), fs, operation ("" but for ops)."""
    ruled = settings.metrics.recording_rules
    return Batch(
        key="lustre_rates", exporter=LUSTRE, levels=("what", "fs", "operation"), merge="max", module="overview",
        metrics=() if ruled else (*DATA.values(), META), rules=tuple(RULES.values()) if ruled else (),
        expr=lambda target, grid, site: joined(_rates(settings, grid, site, operations=True)),
    )


def lustre_space(settings: Settings) -> Batch:
    """Space and inodes over time. Levels what (size, avail: bytes of the OSTs; files, files_free: inodes of the MDTs), fs."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        wanted = {"size": (SIZE, OST), "avail": (AVAIL, OST), "files": (FILES, MDT), "files_free": (FILES_FREE, MDT)}
        return joined({
            what: _by_fs(f"max by (target) ({selector(metric, site, kind, _of(settings))})") + (" * 1024" if kind == OST else "")
            for what, (metric, kind) in wanted.items()
        })  # fmt: skip

    return Batch(
        key="lustre_space", exporter=LUSTRE, levels=("what", "fs"), merge="max", module="overview", metrics=(SIZE, AVAIL, FILES, FILES_FREE),
        labels=("target", "component"), expr=expr,
    )


def _gpfs_rates(settings: Settings, grid: Grid, site: str, *, operations: bool) -> dict[str, str]:
    """read, written and ops of each GPFS file system: every node counts what went through it."""
    window, host, extra = max(grid.window, 2 * grid.step), settings.metrics.host_label, ", operation" if operations else ""
    parts = {
        what: f"sum by (fs) (max by (fs, {host}) (rate({selector(metric, site)}[{window}s])))" for what, metric in GPFS_DATA.items()
    }
    return {**parts, "ops": f"sum by (fs{extra}) (max by (fs, {host}, operation) (rate({selector(GPFS_META, site)}[{window}s])))"}


def gpfs_now(settings: Settings) -> Batch:
    """Every GPFS file system now. Instant; levels what, fs: read, written (bytes/s), ops (operations/s), size, avail (bytes),
    files_used, files_free (inodes)."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        space = {what: f"max by (fs) ({selector(metric, site)})" for what, metric in GPFS_SPACE.items()}
        return joined({**_gpfs_rates(settings, grid, site, operations=False), **space})

    return Batch(
        key="gpfs_fs_now", exporter=GPFS, expr=expr, levels=("what", "fs"), instant=True, merge="max", module="overview",
        metrics=(*GPFS_SPACE.values(), *GPFS_DATA.values(), GPFS_META), labels=("fs",),
    )


def gpfs_rates(settings: Settings) -> Batch:
    """Bytes and operations a second. Levels what (read, written, ops), fs, operation ("" but for ops)."""
    return Batch(
        key="gpfs_fs_rates", exporter=GPFS, levels=("what", "fs", "operation"), merge="max", module="overview",
        metrics=(*GPFS_DATA.values(), GPFS_META), labels=("fs",),
        expr=lambda target, grid, site: joined(_gpfs_rates(settings, grid, site, operations=True)),
    )


def gpfs_space(settings: Settings) -> Batch:
    """Space and inodes over time. Levels what (size, avail, files_used, files_free), fs."""
    return Batch(
        key="gpfs_fs_space", exporter=GPFS, levels=("what", "fs"), merge="max", module="overview", metrics=tuple(GPFS_SPACE.values()),
        labels=("fs",),
        expr=lambda target, grid, site: joined({what: f"max by (fs) ({selector(metric, site)})" for what, metric in GPFS_SPACE.items()}),
    )


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (
        lustre_now(settings), lustre_rates(settings), lustre_space(settings), gpfs_now(settings), gpfs_rates(settings), gpfs_space(settings),
    )  # fmt: skip
