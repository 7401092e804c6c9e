"""What is read of file systems: one row each now, their targets, and one shape over time whatever counts them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from core.errors import NoData, TurtleError, Why
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import fs_batches
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.job_frames import part
from datasources.prometheus.run import fetch
from datasources.sources import Sources

LUSTRE, GPFS = "lustre", "gpfs"
MOMENT = 900
NUMBERS = (
    "read", "written", "ops", "size", "avail", "used", "share", "files", "files_used", "files_share", "targets", "known", "unhealthy",
    "fullest_share", "emptiest_share",
)  # fmt: skip
TARGET_COLUMNS = ("fs", "target", "kind", "size", "used", "share", "healthy")


def moment(when: TimeRange) -> TimeRange:
    """The last quarter of an hour: what "now" is measured over."""
    return replace(when, start=when.now - MOMENT, end=when.now, points=180)


def both(found: dict[str, pd.DataFrame | TurtleError], lustre: Batch, gpfs: Batch) -> list[tuple[str, pd.DataFrame]]:
    """(kind, frame) of each that answered with something; raises the error that stands for all where none did."""
    frames = [(LUSTRE, found[lustre.key]), (GPFS, found[gpfs.key])]
    there = [(kind, frame) for kind, frame in frames if isinstance(frame, pd.DataFrame) and (len(frame) if "value" in frame else len(frame.columns))]
    if there:
        return there
    errors = [frame for _kind, frame in frames if isinstance(frame, TurtleError)]
    # an exporter that is not installed says less than one that is and cannot be read, or tells nothing
    errors.sort(key=lambda error: isinstance(error, NoData))
    raise errors[0] if errors and (len(errors) == 2 or not isinstance(errors[0], NoData)) else NoData(Why.METRIC_ABSENT, "file systems")


def unread(found: dict[str, pd.DataFrame | TurtleError], lustre: Batch, gpfs: Batch) -> dict[str, TurtleError]:
    """{kind: error} of an exporter that could not be read; one that is not installed is not missed."""
    answers = {LUSTRE: found[lustre.key], GPFS: found[gpfs.key]}
    return {kind: answer for kind, answer in answers.items() if isinstance(answer, TurtleError) and not isinstance(answer, NoData)}


def file_systems_now(sources: Sources, *, viewer: Viewer, when: TimeRange) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(file systems, targets) now, in a request for each exporter.

    File systems, one row each (Lustre first; in the order of the settings, else by name): fs, kind (lustre, gpfs), fullest (target)
    str; read, written (bytes/s), ops (metadata operations/s; GPFS: operations/s), size, avail, used (bytes), files, files_used
    (inodes), targets (that answer), known (that answered within six hours), unhealthy, and the shares share, files_share,
    fullest_share, emptiest_share float64, NaN unknown. attrs unread: see unread(); silent: those the settings name of which nothing is told.
    Targets: fs, target, kind (ost, mdt) str; size, used (bytes of an OST, inodes of an MDT), share, healthy (1, 0) float64.
    Raises the error that stands for them where neither exporter gave anything. Open to everybody: only servers are asked.
    """
    lustre, gpfs = fs_batches.lustre_now(sources.settings), fs_batches.gpfs_now(sources.settings)
    found = fetch(sources, (lustre, gpfs), Target(), moment(when), viewer=viewer)
    rows, targets = [], pd.DataFrame(columns=list(TARGET_COLUMNS))
    for kind, frame in both(found, lustre, gpfs):
        if kind == LUSTRE:
            targets = lustre_targets(frame)
            rows += lustre_rows(frame, targets)
        else:
            rows += gpfs_rows(frame)
    texts = ("fs", "kind", "fullest")
    # in the order of the settings, where they name them
    places = {name: place for place, name in enumerate(sources.settings.metrics.lustre_file_systems)}
    rows.sort(key=lambda row: (row["kind"] != LUSTRE, places.get(row["fs"], len(places)), row["fs"]))
    frame = pd.DataFrame(rows, columns=[*texts, *NUMBERS]).astype({**dict.fromkeys(texts, "str"), **dict.fromkeys(NUMBERS, "float64")})
    missing = unread(found, lustre, gpfs)
    told = set(frame["fs"][frame["kind"] == LUSTRE])
    asked = LUSTRE not in missing and sources.settings.exporter(lustre.exporter).installed
    frame.attrs = {"unread": missing, "silent": [name for name in places if name not in told] if asked else []}
    return frame, targets


def lustre_targets(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a target of the answer of fs_batches.lustre_now."""
    wide = frame[frame["target"] != ""].pivot_table(index=["fs", "target"], columns="what", values="value", aggfunc="max")
    wide = wide.reindex(columns=["size", "avail", "files", "files_free", "health"]).reset_index()
    ost = wide["size"].notna()
    size, free = wide["size"].fillna(wide["files"]), wide["avail"].where(ost, wide["files_free"])
    table = pd.DataFrame({"fs": wide["fs"].astype("str"), "target": wide["target"].astype("str"), "kind": np.where(ost, "ost", "mdt")})
    table = table.assign(size=size, used=size - free, share=(size - free) / size.where(size > 0), healthy=wide["health"])
    return table.sort_values(["fs", "kind", "target"], ascending=[True, False, True], ignore_index=True)


def lustre_rows(frame: pd.DataFrame, targets: pd.DataFrame) -> list[dict[str, object]]:
    """A row of each Lustre file system."""
    whole = frame[frame["target"] == ""].pivot_table(index="fs", columns="what", values="value", aggfunc="max")
    names = sorted({*whole.index, *targets["fs"]} - {""})
    return [_lustre_row(name, whole.loc[name] if name in whole.index else pd.Series(dtype=float), targets[targets["fs"] == name]) for name in names]


def _lustre_row(name: str, whole: pd.Series, own: pd.DataFrame) -> dict[str, object]:
    ost, mdt = own[own["kind"] == "ost"].dropna(subset=["share"]), own[own["kind"] == "mdt"]
    size, used = ost["size"].sum(min_count=1), ost["used"].sum(min_count=1)
    files_used, free = mdt["used"].sum(min_count=1), (mdt["size"] - mdt["used"]).sum(min_count=1)
    # each file needs an object, too: where those run out first, they are what is left (as `lfs df -i` says)
    free = np.fmin(free, whole.get("objects_free", np.nan)) if free == free else free
    row = {what: float(whole.get(what, np.nan)) for what in ("read", "written", "ops", "known")}
    full = ost.loc[ost["share"].idxmax()] if len(ost) else None
    return {
        **row, "fs": name, "kind": LUSTRE, "size": size, "used": used, "avail": size - used, "share": used / size, "files": files_used + free,
        "files_used": files_used, "files_share": files_used / (files_used + free), "targets": len(own), "unhealthy": (own["healthy"] < 1).sum(),
        "fullest": "" if full is None else str(full["target"]), "fullest_share": np.nan if full is None else full["share"],
        "emptiest_share": ost["share"].min() if len(ost) else np.nan,
    }  # fmt: skip


def gpfs_rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    """A row of each GPFS file system."""
    wide = frame.pivot_table(index="fs", columns="what", values="value", aggfunc="max")
    wide = wide.reindex(columns=["read", "written", "ops", "size", "avail", "files_used", "files_free"])
    rows = []
    for name, row in wide.iterrows():
        used, files = row["size"] - row["avail"], row["files_used"] + row["files_free"]
        rows.append({
            **dict.fromkeys(NUMBERS, np.nan), **row[["read", "written", "ops", "size", "avail", "files_used"]].to_dict(), "fs": str(name),
            "kind": GPFS, "fullest": "", "used": used, "share": used / (row["size"] or np.nan), "files": files,
            "files_share": row["files_used"] / (files or np.nan),
        })  # fmt: skip
    return rows


def of_file_system(frame: pd.DataFrame, fs: str) -> pd.DataFrame:
    """One file system's columns; level fs dropped."""
    return part(frame, fs=fs)


def space_of(frame: pd.DataFrame, fs: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(bytes, inodes) of a file system over time, each with the columns used and size (level what); columns missing where unknown."""
    own = part(frame, fs=fs)

    def one(what: str) -> pd.Series | None:
        found = part(own, what=what)
        return None if found.columns.empty else found.iloc[:, 0]

    size, avail, files, free, used = (one(what) for what in ("size", "avail", "files", "files_free", "files_used"))
    space = {} if size is None or avail is None else {"used": size - avail, "size": size}
    if files is not None and free is not None:
        inodes = {"used": files - free, "size": files}
    else:
        inodes = {} if used is None or free is None else {"used": used, "size": used + free}
    return _wide(space, frame), _wide(inodes, frame)


def _wide(series: dict[str, pd.Series], like: pd.DataFrame) -> pd.DataFrame:
    columns = pd.MultiIndex.from_arrays([list(series)], names=["what"])
    values = np.column_stack([one.to_numpy() for one in series.values()]) if series else np.empty((len(like), 0))
    found = pd.DataFrame(values, index=like.index, columns=columns)
    found.attrs = dict(like.attrs)
    return found
