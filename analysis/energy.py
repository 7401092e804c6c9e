"""Energy of a run: the integral of the power that is its own, gaps left out, coverage stated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import series
from analysis.gpu_facts import POWER

JOULES_PER_KWH = 3.6e6
SLICES = 7  # compute slices of a GPU that is cut (MIG)


@dataclass(frozen=True, kw_only=True)
class Energy:
    """kWh over the covered part, the same stretched over the whole run, the covered share (0..1) and mean W."""

    measured_kwh: float
    kwh: float
    coverage: float
    watts: float


def integrate(power: pd.Series, step: float) -> tuple[float, float]:
    """(joules, seconds covered) by the trapezoid rule between samples no further apart than three steps."""
    known = power.dropna()
    if len(known) < 2:
        return 0.0, 0.0
    times = series.seconds_of(known.index)
    values = known.to_numpy(dtype=float)
    seconds = np.diff(times)
    near = seconds <= series.GAP_STEPS * step
    means = (values[1:] + values[:-1]) / 2
    return float((means * seconds)[near].sum()), float(seconds[near].sum())


def gpu_share(gpu: str, gpu_type: str) -> float:
    """How much of a card a device is: 1, or a MIG device's slices of seven (one of seven where its profile is not named).

    Exporters give each slice the power of the whole card, so it is counted by this share.
    """
    profile = re.search(r"\b([1-7])g\.[0-9]+gb", gpu_type.lower())
    if profile:
        return int(profile[1]) / SLICES
    return 1 / SLICES if gpu.startswith("MIG-") else 1.0


def _own_watts(frame: pd.DataFrame) -> pd.Series:
    """W of a job's devices on one node, from their milliwatts."""
    pairs = zip(frame.columns.get_level_values("gpu"), frame.columns.get_level_values("gpu_type"), strict=True)
    return series.total(frame * [gpu_share(str(gpu), str(kind)) for gpu, kind in pairs]) / 1000


def job_power(
    metrics: Mapping[str, object],
    cores: Mapping[str, float],
    node_cores: Mapping[str, int],
    gpus: Mapping[str, float],
    node_gpus: Mapping[str, int],
    whole_node: bool = False,
) -> pd.DataFrame:
    """W that are the job's own, one column per node.

    CPU job: node W × (its cores ÷ the node's cores). GPU job: (node W − W of all GPUs of the node) × (its GPUs ÷ the
    node's GPUs) + W of its own GPUs. A node whose cores or GPUs are not known is left out, unless the job had the
    node to itself. `metrics`: "power" (levels node, W), "node_gpu_power" (levels node, W), "gpu" (levels metric,
    node, gpu, gpu_type).
    """
    power = series.usable(metrics.get("power"))
    gpu = series.usable(metrics.get("gpu"))
    if power is None:
        return pd.DataFrame()
    own = series.by_level(series.pick(gpu, metric=POWER), "node") if gpu is not None else {}
    node_gpu = series.usable(metrics.get("node_gpu_power"))
    all_gpus = series.by_level(node_gpu, "node") if node_gpu is not None else {}
    parts = {}
    for node, frame in series.by_level(power, "node").items():
        watts = series.total(frame)
        if gpus.get(node):
            part = _gpu_power(
                watts, own.get(node), all_gpus.get(node), _part(gpus[node], node_gpus.get(node), whole_node)
            )
        else:
            share = _part(cores.get(node, 0), node_cores.get(node), whole_node)
            part = None if share is None else watts * share
        if part is not None:
            parts[node] = part
    return pd.DataFrame(parts)


def _part(own: float, whole: int | None, whole_node: bool) -> float | None:
    if whole_node:
        return 1.0
    return min(1.0, own / whole) if whole else None


def _gpu_power(
    watts: pd.Series, own: pd.DataFrame | None, all_gpus: pd.DataFrame | None, share: float | None
) -> pd.Series | None:
    if own is None or share is None:
        return None
    mine = _on(_own_watts(own), watts.index)
    # a node's own meter is missing: only right if the job had every GPU, then its GPUs are all GPUs
    others = _on(series.total(all_gpus), watts.index) if all_gpus is not None else mine / share
    return (watts - others).clip(lower=0) * share + mine


def _on(values: pd.Series, index: pd.Index) -> pd.Series:
    """Values brought onto another grid of times by the nearest sample no further than 90 s away."""
    if values.index.equals(index):
        return values
    return values.dropna().reindex(index, method="nearest", tolerance=pd.Timedelta(seconds=90))


def energy(power: pd.DataFrame, start: int, end: int, nodes: int) -> Energy | None:
    """Energy of a run from its own power by node; None without two samples in a row.

    The integral covers what was sampled; `kwh` stretches it over the run's node-time, so a run half sampled shows
    twice the measured energy and a coverage of 0.5.
    """
    power = series.usable(power)
    if power is None or end <= start:
        return None
    inside = power.loc[(series.seconds_of(power.index) >= start) & (series.seconds_of(power.index) <= end)]
    step = series.step_of(power)
    sums = [integrate(inside[node], step) for node in inside.columns]
    joules, covered = sum(part[0] for part in sums), sum(part[1] for part in sums)
    if covered <= 0:
        return None
    node_time = (end - start) * max(nodes, 1)
    share = min(1.0, covered / node_time)
    kwh = joules / JOULES_PER_KWH
    return Energy(measured_kwh=kwh, kwh=kwh / share, coverage=share, watts=joules / covered * max(nodes, 1))
