"""What is read of login and transfer nodes: one row a host now, and each host's part of what is over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import host_batches
from datasources.prometheus.job_frames import part
from datasources.prometheus.run import fetch
from datasources.sources import Sources

QUIET, IN_USE, BUSY, SILENT = "quiet", "in_use", "busy", "no_answer"
# from these shares on a host is in use, and busy: of its threads computing, of its memory, of its link, and programs for each thread
LIMITS = {"cpu": (0.5, 0.8), "memory_share": (0.7, 0.9), "load_per_core": (0.7, 1.0), "network_share": (0.5, 0.8)}
MOMENT = 900
COLUMNS = (
    "up", "cores", "busy", "load", "booted", "memory", "available", "in", "out", "speed", "cpu", "load_per_core", "memory_used",
    "memory_share", "network_share", "disk_share",
)  # fmt: skip


def moment(when: TimeRange) -> TimeRange:
    """The last quarter of an hour: what "now" is measured over."""
    return replace(when, start=when.now - MOMENT, end=when.now, points=180)


def hosts_now(sources: Sources, *, viewer: Viewer, hosts: Iterable[str], when: TimeRange) -> pd.DataFrame:
    """One row for each of the hosts of the settings, in their order; one request for all of them.

    host, state (quiet, in_use, busy, no_answer), device, disk (mount point) str; cores (hardware threads), busy (threads), load,
    booted (UTC s), memory, available, memory_used (bytes), in, out, speed (bytes/s) and the shares cpu, load_per_core, memory_share,
    network_share (the larger direction of the link's speed), disk_share (the fullest of the host's own disks) float64, NaN unknown.
    attrs disks: {host: {mount point: share used}}.
    Raises the error that stands for it where nothing could be read. Open to everybody: hosts are a setting, nothing is of a person.
    """
    named = list(dict.fromkeys(hosts))
    batch = host_batches.now(sources.settings)
    found = fetch(sources, (batch,), host_batches.target_of(named), moment(when), viewer=viewer)[batch.key]
    if isinstance(found, Exception):
        raise found
    return summary(found, named)


def summary(found: pd.DataFrame, hosts: Iterable[str]) -> pd.DataFrame:
    """The rows of hosts_now from the answer of host_batches.now."""
    by_host = {str(host): rows for host, rows in found.groupby("node")} if len(found) else {}
    rows = [_row(host, by_host.get(host, found.iloc[:0])) for host in hosts]
    texts = ("host", "state", "device", "disk")
    frame = pd.DataFrame(rows, columns=["host", "state", "device", "disk", *COLUMNS])
    frame = frame.astype({**dict.fromkeys(texts, "str"), **dict.fromkeys(COLUMNS, "float64")})
    frame.attrs["disks"] = {host: _disks(rows).to_dict() for host, rows in by_host.items()}
    return frame


def _row(host: str, rows: pd.DataFrame) -> dict[str, object]:
    plain = rows[rows["detail"] == ""].groupby("what")["value"].max()
    row: dict[str, object] = {"host": host, "device": "", "disk": "", **dict.fromkeys(COLUMNS, np.nan)}
    row |= {what: float(plain[what]) for what in ("up", "cores", "busy", "load", "booted", "memory", "available") if what in plain}
    cores = row["cores"] or np.nan
    row |= {"cpu": row["busy"] / cores, "load_per_core": row["load"] / cores, "memory_used": row["memory"] - row["available"]}
    row["memory_share"] = row["memory_used"] / (row["memory"] or np.nan)
    row |= _device(rows) | _disk(rows)
    row["state"] = state_of(row)
    return row


def _details(rows: pd.DataFrame, *what: str) -> pd.DataFrame:
    """One row a detail (device, mount point), one column each of `what`."""
    wanted = rows[rows["what"].isin(what) & (rows["detail"] != "")]
    return wanted.pivot_table(index="detail", columns="what", values="value", aggfunc="max").reindex(columns=list(what))


def _device(rows: pd.DataFrame) -> dict[str, object]:
    """The busiest device and its traffic; the fastest of those equally busy."""
    found = _details(rows, "in", "out", "speed").dropna(how="all", subset=["in", "out"])
    if found.empty:
        return {}
    traffic = found[["in", "out"]].sum(axis=1)
    name = max(found.index, key=lambda device: (traffic[device], found["speed"].fillna(0)[device], device))
    into, out, speed = (float(found.at[name, what]) for what in ("in", "out", "speed"))
    return {"device": str(name), "in": into, "out": out, "speed": speed, "network_share": float(np.fmax(into, out)) / speed}


def _disks(rows: pd.DataFrame) -> pd.Series:
    """Share used of each of the host's own disks."""
    found = _details(rows, "size", "avail")
    return (1 - found["avail"] / found["size"].where(found["size"] > 0)).dropna()


def _disk(rows: pd.DataFrame) -> dict[str, object]:
    """The fullest of them."""
    shares = _disks(rows)
    return {"disk": str(shares.idxmax()), "disk_share": float(shares.max())} if len(shares) else {}


def state_of(row: dict[str, object]) -> str:
    """quiet, in_use or busy by the largest of its shares; no_answer where its exporter is down or gone."""
    if row["up"] == 0 or np.isnan(row["load"]) and np.isnan(row["busy"]):
        return SILENT
    return (QUIET, IN_USE, BUSY)[max(int(row[what] >= low) + int(row[what] >= high) for what, (low, high) in LIMITS.items())]


def freest(frame: pd.DataFrame) -> str:
    """The host with most to spare by its scarcest part; "" where none answers or only one does."""
    shares = frame.loc[frame["state"] != SILENT].set_index("host")[list(LIMITS)].max(axis=1).dropna()
    return str(shares.idxmin()) if len(shares) > 1 else ""


def busiest(frame: pd.DataFrame, count: int, key: str = "cpu") -> list[str]:
    """The `count` hosts with most of `key`, those that do not answer last; all in their own order where they are no more."""
    if len(frame) <= count:
        return list(frame["host"])
    return list(frame.sort_values(key, ascending=False, na_position="last", kind="stable")["host"][:count])


def of_host(frame: pd.DataFrame, host: str) -> pd.DataFrame:
    """One host's columns; level node dropped."""
    return part(frame, node=host)


def one_device(frame: pd.DataFrame, host: str) -> pd.DataFrame:
    """in, out and speed (level what) of the host's busiest device over the range; attrs device."""
    own = part(frame, node=host)
    if own.columns.empty:
        return own
    devices = list(dict.fromkeys(own.columns.get_level_values("detail")))
    means = {
        device: (
            float(part(own, detail=device, what=("in", "out")).mean().sum()), float(part(own, detail=device, what=("speed",)).max().sum()), device,
        )
        for device in devices
    }  # fmt: skip
    chosen = max(devices, key=lambda device: means[device])
    found = part(own, detail=chosen)
    found.attrs = {**frame.attrs, "device": chosen}
    return found
