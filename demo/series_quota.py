"""Series of storage quotas: lfs_quota for scratch and project, gpfs_exporter's mmrepquota for the homes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import Plan
from demo.plan_storage import HARD, Quota, groups, measured, used
from demo.series import COARSE, SPARSE, Block

GPFS = "gpfs_exporter"
GPFS_INSTANCE = "gpfs1:9303"
FS = "home"
FS_SIZE, FS_FILES = 40 << 40, 400_000_000
IN_DOUBT = {"mira": (3 << 30, 1200), "oleg": (64 << 20, 4100)}  # bytes and files granted to clients, not yet confirmed
KINDS = ("used", "quota", "limit", "in_doubt")
TYPES = {
    f"gpfs_{who}_{kind}_{what}": "gauge" for who in ("user", "group", "fileset") for kind in KINDS for what in ("bytes", "files")
} | dict.fromkeys(
    (
        "gpfs_fs_size_bytes",
        "gpfs_fs_free_bytes",
        "gpfs_fs_used_inodes",
        "gpfs_fs_free_inodes",
        "gpfs_exporter_collect_error",
        "gpfs_exporter_collect_timeout",
    ),
    "gauge",
)
Rows = Callable[[np.ndarray], np.ndarray]


def quota_blocks(plan: Plan) -> list[Block]:
    """Every quota that an exporter shows; used and limits are kept from long before raw history begins."""
    return [_lfs_block(plan), *_gpfs_blocks(plan)]


def _lfs_block(plan: Plan) -> Block:
    """lfs_quota_kbytes and lfs_quota_inodes: used, by user on scratch, by group on project."""
    held = [*measured(plan, "scratch"), *measured(plan, "project")]
    labels = [
        {"__name__": name, "path": f"/lustre/{one.area}", "project" if one.area == "project" else "user": one.owner}
        for name in ("lfs_quota_kbytes", "lfs_quota_inodes")
        for one in held
    ]

    def values(times: np.ndarray) -> np.ndarray:
        filled, counted = used(held, plan.made_at, times)
        return np.vstack([filled / 1024, counted])

    return Block(exporter="lfs_quota", instance="mgmt1:9170", labels=labels, values=values, every=COARSE, before=SPARSE)


def _labels(kind: str, what: str, uid: object, fileset: str = FS, who: str = "user") -> dict[str, str]:
    return {"__name__": f"gpfs_{who}_{kind}_{what}", who: str(uid), "fs": FS, "fileset": fileset}


def _gpfs_blocks(plan: Plan) -> list[Block]:
    held = measured(plan, "home")

    def values(times: np.ndarray) -> np.ndarray:
        return np.vstack(used(held, plan.made_at, times))

    shown = [_labels("used", what, one.number) for what in ("bytes", "files") for one in held]
    fixed = [(_labels(kind, what, one.number), value) for one in held for kind, what, value in _limits(one)]
    quiet = [(_labels("in_doubt", what, one.number), value) for one in held for what, value in _doubt(one)]
    quiet += _others(plan)
    return [
        _block(shown, values, SPARSE),
        _block([labels for labels, _ in fixed], _same([value for _, value in fixed]), SPARSE),
        _block([labels for labels, _ in quiet], _same([value for _, value in quiet]), 0),
        _whole(plan, held),
    ]


def _block(labels: list[dict[str, str]], values: Rows, before: int) -> Block:
    return Block(exporter=GPFS, instance=GPFS_INSTANCE, labels=labels, values=values, every=COARSE, before=before)


def _same(numbers: list[float]) -> Rows:
    column = np.array(numbers, float).reshape(-1, 1)
    return lambda times: np.repeat(column, len(times), axis=1)


def _limits(one: Quota) -> list[tuple[str, str, float]]:
    """Soft and hard limits of a home; 0 is none."""
    size, files = (one.size, one.files) if one.limited else (0.0, 0.0)
    return [
        ("quota", "bytes", size),
        ("limit", "bytes", np.rint(HARD * size)),
        ("quota", "files", files),
        ("limit", "files", np.rint(HARD * files)),
    ]


def _doubt(one: Quota) -> list[tuple[str, float]]:
    size, files = IN_DOUBT.get(one.owner, (0, 0))
    return [("bytes", float(size)), ("files", float(files))]


def _others(plan: Plan) -> list[tuple[dict[str, str], float]]:
    """root in both filesets, what a person left outside the homes, and groups, none of which has a quota."""
    uids = {person.name: person.uid for person in plan.people}
    found = [("user", 0, "root", 9 << 30, 81_000), ("user", 0, FS, 2 << 20, 40)]
    found += [("user", uids["mira"], "root", 5 << 20, 12)] if "mira" in uids else []
    found += [("group", group.gid, FS, 3 << 30, 9_000) for group in groups(plan)]
    return [
        (_labels(kind, what, number, fileset, who), float(value if kind == "used" else 0))
        for who, number, fileset, size, files in found
        for kind in KINDS
        for what, value in (("bytes", size), ("files", files))
    ]


def _whole(plan: Plan, held: list[Quota]) -> Block:
    """The filesets and the file system itself."""
    filesets = [_labels(kind, what, name, name, "fileset") for name in (FS, "root") for kind in KINDS for what in ("bytes", "files")]
    names = ("gpfs_fs_size_bytes", "gpfs_fs_free_bytes", "gpfs_fs_used_inodes", "gpfs_fs_free_inodes")
    own = [{"__name__": f"gpfs_exporter_collect_{what}", "collector": "mmrepquota"} for what in ("error", "timeout")]

    def values(times: np.ndarray) -> np.ndarray:
        filled, counted = (rows.sum(axis=0) + more for rows, more in zip(used(held, plan.made_at, times), (2 << 20, 40), strict=True))
        none, same = np.zeros(len(times)), np.ones(len(times))
        rows = [filled, counted, *[none] * 6, (9 << 30) * same, 81_000 * same, *[none] * 6]
        rows += [FS_SIZE * same, FS_SIZE - filled - (9 << 30), counted + 81_000, FS_FILES - counted - 81_000]
        return np.vstack([*rows, none, none])

    return _block([*filesets, *({"__name__": name, "fs": FS} for name in names), *own], values, SPARSE)
