"""Series of storage quotas: lfs_quota for scratch and project, gpfs_exporter's mmrepquota for the homes and a fileset of groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.model import Plan
from demo.plan_storage import HARD, Group, Quota, groups, measured, member_parts, used
from demo.series import COARSE, SPARSE, Block

GPFS = "gpfs_exporter"
GPFS_INSTANCE = "gpfs1:9303"
FS, WORK = "home", "work"  # the file system and its fileset of the homes, its fileset of groups
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
# what mmpmon counts, a second on average: bytes, and operations by kind
MOVED = {"gpfs_perf_read_bytes_total": 180e6, "gpfs_perf_write_bytes_total": 65e6}
OPERATIONS = {"opens": 420.0, "closes": 415.0, "reads": 2600.0, "writes": 900.0, "read_dir": 60.0, "inode_updates": 310.0}
TYPES |= dict.fromkeys((*MOVED, "gpfs_perf_operations_total"), "counter")
COUNTED_FROM = 1_760_000_000  # UTC s when the file system was mounted last
DAY = 86400
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
        _work(plan),
        _whole(plan, held),
        _counters(),
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


def _work(plan: Plan) -> Block:
    """What groups have of their fileset, with their limits, and what each member uses there, of all groups together."""
    held, known = measured(plan, WORK), {group.name: group for group in groups(plan)}
    parts = _parts(plan, [known[one.owner] for one in held])
    names = [_labels("used", what, one.number, WORK, "group") for what in ("bytes", "files") for one in held]
    names += [_labels("used", what, uid, WORK) for what in ("bytes", "files") for uid in parts]
    fixed = [(_labels(kind, what, one.number, WORK, "group"), value) for one in held for kind, what, value in _limits(one)]
    fixed += [(_labels("in_doubt", what, one.number, WORK, "group"), 0.0) for one in held for what in ("bytes", "files")]
    limits, shares = _same([value for _labels, value in fixed]), np.array(list(parts.values()), float).reshape(len(parts), len(held))

    def values(times: np.ndarray) -> np.ndarray:
        filled, counted = used(held, plan.made_at, times)
        return np.vstack([filled, counted, np.rint(shares @ filled), np.rint(shares @ counted), limits(times)])

    return _block([*names, *(labels for labels, _value in fixed)], values, SPARSE)


def _parts(plan: Plan, shared: list[Group]) -> dict[int, list[float]]:
    """{uid: which part of each group's work is theirs}."""
    uids = {person.name: person.uid for person in plan.people}
    found: dict[int, list[float]] = {}
    for place, group in enumerate(shared):
        for name, part in zip(group.members, member_parts(plan, group, WORK, len(group.members)), strict=True):
            found.setdefault(uids[name], [0.0] * len(shared))[place] = part
    return found


def _whole(plan: Plan, held: list[Quota]) -> Block:
    """The filesets and the file system itself."""
    filesets = [_labels(kind, what, name, name, "fileset") for name in (FS, "root", WORK) for kind in KINDS for what in ("bytes", "files")]
    names = ("gpfs_fs_size_bytes", "gpfs_fs_free_bytes", "gpfs_fs_used_inodes", "gpfs_fs_free_inodes")
    own = [{"__name__": f"gpfs_exporter_collect_{what}", "collector": "mmrepquota"} for what in ("error", "timeout")]

    work = measured(plan, WORK)

    def values(times: np.ndarray) -> np.ndarray:
        filled, counted = (rows.sum(axis=0) + more for rows, more in zip(used(held, plan.made_at, times), (2 << 20, 40), strict=True))
        worked = [rows.sum(axis=0) for rows in used(work, plan.made_at, times)]
        none, same = np.zeros(len(times)), np.ones(len(times))
        rows = [filled, counted, *[none] * 6, (9 << 30) * same, 81_000 * same, *[none] * 6, *worked, *[none] * 6]
        filled, counted = filled + worked[0] + (9 << 30), counted + worked[1] + 81_000
        rows += [FS_SIZE * same, FS_SIZE - filled, counted, FS_FILES - counted]
        return np.vstack([*rows, none, none])

    return _block([*filesets, *({"__name__": name, "fs": FS} for name in names), *own], values, SPARSE)


def _counters() -> Block:
    """Bytes and operations since the file system was mounted: half as much again at noon, half as much at midnight."""
    labels = [{"__name__": name, "fs": FS} for name in MOVED]
    labels += [{"__name__": "gpfs_perf_operations_total", "fs": FS, "operation": operation} for operation in OPERATIONS]
    means = np.array([*MOVED.values(), *OPERATIONS.values()]).reshape(-1, 1)

    def values(times: np.ndarray) -> np.ndarray:
        # the integral of 1 - cos(2 pi t / day) / 2: least at midnight, most at noon
        ran = times - COUNTED_FROM
        return np.rint(means * (ran - DAY / (4 * np.pi) * (np.sin(2 * np.pi * times / DAY) - np.sin(2 * np.pi * COUNTED_FROM / DAY))))

    return _block(labels, values, SPARSE)
