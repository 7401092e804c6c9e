"""What each GPU of a run did, from the gauges of its exporter."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis import series
from core.settings import Settings
from core.units import GIB, HOUR

USE = "slurm_job_utilization_gpu"
OCCUPANCY = "slurm_job_sm_occupancy_gpu"
TENSOR = "slurm_job_tensor_gpu"
MEMORY_USE = "slurm_job_utilization_gpu_memory"
MEMORY = "slurm_job_memory_usage_gpu"
MEMORY_TOTAL = "slurm_job_memory_total_gpu"
POWER = "slurm_job_power_gpu"  # milliwatts


@dataclass(frozen=True, kw_only=True)
class GpuFacts:
    """One GPU over one run. Shares are 0..1, memory is bytes, times are UTC seconds; None where no sample says."""

    node: str
    gpu: str
    gpu_type: str
    use: float | None = None  # duty cycle (NVML) or SM active (DCGM), mean over the samples
    use_last_hour: float | None = None
    sm_occupancy: float | None = None
    tensor: float | None = None
    memory_use: float | None = None  # share of time memory was read or written
    memory_peak: float | None = None
    memory_total: float | None = None
    watts: float | None = None
    idle_from: int | None = None  # longest idle span
    idle_to: int | None = None
    idle_since: int | None = None  # start of the idle span that reaches the end of the run, or now
    seconds: float = 0.0  # seconds of the run with samples

    @property
    def idle_seconds(self) -> int:
        """Length of the longest idle span."""
        return 0 if self.idle_from is None or self.idle_to is None else self.idle_to - self.idle_from


def _share(frame: pd.DataFrame, metric: str) -> float | None:
    value = series.mean(series.total(series.pick(frame, metric=metric)))
    return None if value is None else value / 100


def _idle(use: pd.Series, settings: Settings, end: int, step: float) -> dict[str, int | None]:
    spans = series.idle_spans(use, settings.thresholds.gpu_idle * 100, step)
    if not spans:
        return {}
    longest = max(spans, key=lambda span: span[1] - span[0])
    last = use.last_valid_index()
    reaches = last is not None and spans[-1][1] >= series.seconds_of(pd.DatetimeIndex([last]))[0]
    fresh = spans[-1][1] >= end - series.GAP_STEPS * step
    return {
        "idle_from": longest[0],
        "idle_to": min(longest[1], end),
        "idle_since": spans[-1][0] if reaches and fresh else None,
    }


def _one(
    frame: pd.DataFrame, names: tuple[str, str, str], settings: Settings, life: tuple[int, int], step: float
) -> GpuFacts:
    use = series.total(series.pick(frame, metric=USE))
    recent = use[series.seconds_of(use.index) > life[1] - HOUR]
    last_hour = series.mean(recent)
    power = series.mean(series.total(series.pick(frame, metric=POWER)))
    model = settings.gpus.get(names[2])
    size = series.peak(series.total(series.pick(frame, metric=MEMORY_TOTAL)))
    return GpuFacts(
        node=names[0],
        gpu=names[1],
        gpu_type=names[2],
        use=_share(frame, USE),
        use_last_hour=None if last_hour is None else last_hour / 100,
        sm_occupancy=_share(frame, OCCUPANCY),
        tensor=_share(frame, TENSOR),
        memory_use=_share(frame, MEMORY_USE),
        memory_peak=series.peak(series.total(series.pick(frame, metric=MEMORY))),
        memory_total=size if size else (model.memory_gib * GIB if model and model.memory_gib else None),
        watts=None if power is None else power / 1000,
        seconds=series.coverage(use, life[0], life[1], step) * (life[1] - life[0]),
        **_idle(use, settings, life[1], step),
    )


def gpu_facts(frame: pd.DataFrame | None, life: tuple[int, int], settings: Settings) -> tuple[GpuFacts, ...]:
    """One record per GPU seen, by node and index.

    `frame`: levels metric, node, gpu, gpu_type; the gauges as exported (percent, bytes, milliwatts). `life` is
    (start, end or now) of the run in UTC seconds. Columns equal in all levels are summed, so doubled series must be
    merged before.
    """
    frame = series.usable(frame)
    if frame is None:
        return ()
    step = series.step_of(frame)
    keys = list(
        dict.fromkeys(
            zip(*(frame.columns.get_level_values(level) for level in ("node", "gpu", "gpu_type")), strict=True)
        )
    )
    found = []
    for node, gpu, gpu_type in sorted(keys, key=lambda key: tuple(map(str, key))):
        own = series.pick(frame, node=node, gpu=gpu, gpu_type=gpu_type)
        found.append(_one(own, (str(node), str(gpu), str(gpu_type)), settings, life, step))
    return tuple(found)
