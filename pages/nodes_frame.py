"""One row a node out of what accounting and the exporters say; what one of them does not know is a gap, never a zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.gpus import model_of
from core.settings import Settings
from datasources.slurm.hosts import hosts

GIB = 1024**3
UP, UNKNOWN = "up", "unknown"
# groups of states; each word Slurm and its exporters use for one
GROUPS: dict[str, tuple[str, ...]] = {
    "allocated": ("allocated", "alloc", "completing", "comp"),
    "mixed": ("mixed", "mix"),
    "idle": ("idle", "planned", "plnd"),
    "reserved": ("reserved", "resv", "maint"),
    "drained": ("drained", "draining", "drain", "drng", "fail", "failing", "failg"),
    "down": ("down", "error", "err", "powered_down", "power_down", "powering_down", "powerdown", "no_respond", "reboot", "future"),
}
IN_SERVICE = ("allocated", "mixed", "idle", "reserved")
STATES = (UP, *GROUPS, "other", UNKNOWN)
GROUP_OF = {word: group for group, words in GROUPS.items() for word in words}
RANK = {group: place for place, group in enumerate(("idle", "mixed", "allocated", "reserved", "other", "drained", "down"))}
MEASURED = ("cores", "idle", "memory", "memory_free", "disk", "disk_free", "load", "cards", "gpus_used", "gpus_held", "power")
SHARES = ("cores_share", "memory_share", "gpus_share", "disk_share", "load_share", "alloc_share", "memory_alloc_share")


def group_of(state: str) -> str:
    """The group of a state as an exporter writes it, `idle*` or `IDLE+DRAIN`; the worst of several words; "other" for new ones."""
    words = [word.rstrip("*~#!%$@^-").strip() for word in state.lower().replace("&", "+").split("+")]
    return max((GROUP_OF.get(word, "other") for word in words if word), key=RANK.__getitem__, default=UNKNOWN)


def nominal(size: float) -> int:
    """Installed memory in GiB by what the system reports: some of it is the kernel's own, so 62.6 GiB are 64, 187 are 192."""
    gib = size / GIB
    if not gib > 0:
        return 0
    step = 2.0 ** (math.floor(math.log2(gib)) - (3 if gib > 16 else 2))
    return max(1, round(round(gib / step) * step))


def _wide(tidy: pd.DataFrame | None) -> pd.DataFrame:
    """Rows by node, a column for each of MEASURED; NaN where an exporter has nothing."""
    if tidy is None or tidy.empty:
        return pd.DataFrame(columns=list(MEASURED), dtype="float64")
    host = next(column for column in tidy.columns if column not in ("what", "name", "value"))
    table = tidy.pivot_table(index=host, columns="what", values="value", aggfunc="sum")
    return table.reindex(columns=list(MEASURED)).astype("float64")


def _models(tidy: pd.DataFrame | None, settings: Settings) -> dict[str, str]:
    """{node: GPUs in words: "4× A100"}."""
    if tidy is None or tidy.empty:
        return {}
    host = next(column for column in tidy.columns if column not in ("what", "name", "value"))
    found: dict[str, list[str]] = {}
    for row in tidy[tidy["what"] == "cards"].to_dict("records"):
        found.setdefault(row[host], []).append(f"{int(row['value'])}× {model_of(row['name'], settings.gpus).name}")
    return {node: ", ".join(sorted(texts)) for node, texts in found.items()}


def _told(states: pd.DataFrame | None, metric: str, label: str) -> dict[str, str]:
    """{node: state or features} as the Slurm exporter tells them; of several states that overlap the worst."""
    if states is None or states.empty:
        return {}
    found: dict[str, str] = {}
    for row in states[states["__name__"] == metric].to_dict("records"):
        node, text = row["node"], row[label]
        if node not in found or (label == "state" and RANK.get(group_of(text), 0) > RANK.get(group_of(found[node]), 0)):
            found[node] = text
    return found


def partitions_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """{node: its partitions} where the settings list them, {} where they do not."""
    found: dict[str, list[str]] = {}
    for name, nodes in settings.slurm.partitions.items():
        for node in hosts(nodes):
            found.setdefault(node, []).append(name)
    return {node: tuple(names) for node, names in found.items()}


def kind_of(cores: float, memory: float, gpus: str) -> str:
    """What a node is: "16 cores · 64 GiB · 4× A100"; "" where it is not measured."""
    if cores != cores and memory != memory:
        return ""
    texts = [f"{int(cores)} cores" if cores == cores else "", f"{nominal(memory)} GiB" if memory == memory else "", gpus]
    return " · ".join(filter(None, texts))


def assemble(now: pd.DataFrame, measured: pd.DataFrame | None, states: pd.DataFrame | None, settings: Settings) -> pd.DataFrame:
    """All nodes of `now` (see slurm.nodes.nodes_now) with what is measured (nodes_batches) and Slurm's own word for their state.

    Columns beside those of `now`: state (str as told, "" unknown), group (one of STATES but "up"), features, kind, gpu_model (str),
    cores, cores_used, load, cards, gpus, gpus_used, power (W), memory, memory_used, disk, disk_used (bytes) and the SHARES (0..1, of what
    the node has); NaN where nobody knows. None for a source that could not be asked: states then go by accounting.
    """
    frame = now.reset_index(drop=True).copy()
    nodes = frame["node"].tolist()
    table = _wide(measured).reindex(nodes).reset_index(drop=True)
    for name in ("cores", "memory", "disk", "load", "power", "cards", "gpus_used"):
        frame[name] = table[name].to_numpy("float64")
    frame["cores_used"] = (table["cores"] - table["idle"]).clip(lower=0).to_numpy("float64")
    frame["memory_used"] = (table["memory"] - table["memory_free"]).to_numpy("float64")
    frame["disk_used"] = (table["disk"] - table["disk_free"]).to_numpy("float64")
    _gpus(frame, table)
    _shares(frame)
    models, listed = _models(measured, settings), partitions_of(settings)
    frame["gpu_model"] = [models.get(node, "") for node in nodes]
    frame["kind"] = [kind_of(*one) for one in zip(frame["cores"], frame["memory"], frame["gpu_model"], strict=True)]
    if listed:
        frame["partitions"] = pd.Series([listed.get(node, ()) for node in nodes], index=frame.index, dtype="object")
    features = _told(states, "slurm_node_features_info", "features")
    frame["features"] = [features.get(node, "") for node in nodes]
    _states(frame, None if states is None else _told(states, "slurm_node_state_info", "state"))
    return frame


def _gpus(frame: pd.DataFrame, table: pd.DataFrame) -> None:
    # A sliced card has more devices than cards: what jobs hold is then the larger base
    held = table["gpus_held"].to_numpy("float64")
    frame["gpus"] = np.fmax(np.fmax(frame["cards"], held), np.where(frame["gpus_alloc"] > 0, frame["gpus_alloc"], np.nan))
    idle = (frame["cards"] > 0) & frame["gpus_used"].isna() & (frame["gpus_alloc"] == 0)
    frame.loc[idle, "gpus_used"] = 0.0  # no job holds a GPU there


def _shares(frame: pd.DataFrame) -> None:
    pairs = {
        "cores_share": ("cores_used", "cores"), "memory_share": ("memory_used", "memory"), "gpus_share": ("gpus_used", "gpus"),
        "disk_share": ("disk_used", "disk"), "load_share": ("load", "cores"), "alloc_share": ("cores_alloc", "cores"),
        "memory_alloc_share": ("memory_alloc", "memory"),
    }  # fmt: skip
    for name, (part, whole) in pairs.items():
        base = frame[whole].where(frame[whole] > 0)
        frame[name] = (frame[part] / base).astype("float64")


def _by_accounting(row: Mapping[str, Any]) -> str:
    """The state accounting gives away: its open spell, else by what jobs hold."""
    if row["event"]:
        return str(row["event"]).lower()
    if row["cores_alloc"] <= 0:
        return "idle"
    return "allocated" if row["cores_alloc"] >= row["cores"] else "mixed"


def _states(frame: pd.DataFrame, told: dict[str, str] | None) -> None:
    states, groups = [], []
    for row in frame.to_dict("records"):
        # a node the exporter does not name is not idle: only what accounting says outright is taken
        state = _by_accounting(row) if told is None else told.get(row["node"], str(row["event"]).lower())
        states.append(state)
        groups.append(group_of(state) if state else UNKNOWN)
    frame["state"], frame["group"] = pd.Series(states, dtype="object"), pd.Series(groups, dtype="object")
