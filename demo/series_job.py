"""slurm-job-exporter's series of one run on one node (cgroup, processes, GPUs through DCGM)."""

from __future__ import annotations

import numpy as np

from demo.model import Gpu
from demo.series import Block
from demo.series_node import NodeLoad
from demo.series_share import (
    GPU_FLOWS,
    GPU_LEVELS,
    MEMORY_ROWS,
    WATTS,
    ShareTable,
    account_seen,
    cards,
    gpu_model,
)

EXPORTER = "slurm-job-exporter"
PORT = 9798
EXE_SECONDS = 60  # executables below so many CPU seconds are not shown
PERCENTS = {
    "util": "slurm_job_utilization_gpu",
    "memory_util": "slurm_job_utilization_gpu_memory",
    "sm_occupancy": "slurm_job_sm_occupancy_gpu",
    "tensor": "slurm_job_tensor_gpu",
    "fp64": "slurm_job_fp64_gpu",
    "fp32": "slurm_job_fp32_gpu",
    "fp16": "slurm_job_fp16_gpu",
}
TYPES = {
    **{f"slurm_job_memory_{row}": "gauge" for row in MEMORY_ROWS},
    "slurm_job_core_usage_total": "counter",
    "slurm_job_process_count": "gauge",
    "slurm_job_threads_count": "gauge",
    "slurm_job_process_usage_total": "counter",
    "slurm_job_memory_total_gpu": "gauge",
    "slurm_job_memory_usage_gpu": "gauge",
    "slurm_job_power_gpu": "gauge",
    **{name: "gauge" for name in PERCENTS.values()},
    "slurm_job_pcie_gpu": "gauge",
    "slurm_job_nvlink_gpu": "gauge",
}


def job_block(table: ShareTable, load: NodeLoad) -> Block:
    """All series slurm-job-exporter shows of one share; ns for cores, bytes, percent, milliwatts as the exporter has them.

    A slice has no power meter of its own: each shows its whole card's watts.
    """
    base = {"user": table.run.person, "account": account_seen(table.run), "slurmjobid": str(table.run.id_job)}
    labels = [{"__name__": f"slurm_job_memory_{row}", **base} for row in MEMORY_ROWS]
    labels.append({"__name__": "slurm_job_process_count", **base})
    labels += [{"__name__": "slurm_job_threads_count", **base, "state": state} for state in table.states]
    labels += [{"__name__": "slurm_job_core_usage_total", **base, "core": str(core)} for core in table.share.cores]
    labels += [{"__name__": "slurm_job_process_usage_total", **base, "exe": exe} for exe in table.exe_names]
    gpus = [gpu for gpu in table.node.gpus if gpu.index in table.gpus]
    for gpu in gpus:
        labels += _gpu_labels(base, gpu)
    places = {gpu.index: place for place, card in enumerate(cards(table.node)) for gpu in card}

    def values(times: np.ndarray) -> np.ndarray:
        counts = table.counts.at(times)
        # a state without a thread has no series
        counts[1:][counts[1:] <= 0] = np.nan
        parts = [table.memory.at(times), counts, np.rint(table.core_seconds(times) * 1e9)]
        if table.exes is not None:
            used = table.exes.at(times)
            parts.append(np.where(used > EXE_SECONDS, np.round(used, 2), np.nan))
        watts = load.card_watts(times) if gpus and gpus[0].mig else []
        for gpu in gpus:
            levels = table.gpus[gpu.index].at(times)
            parts.append(_gpu_values(gpu, levels, watts[places[gpu.index]] if gpu.mig else levels[WATTS]))
        shown = np.vstack(parts)
        shown[:, ~table.alive(times)] = np.nan
        return shown

    return Block(
        exporter=EXPORTER,
        instance=f"{table.node.name}:{PORT}",
        labels=labels,
        values=values,
        begin=table.start,
        end=table.end,
    )


def _gpu_labels(base: dict[str, str], gpu: Gpu) -> list[dict[str, str]]:
    device = {**base, "gpu": gpu.uuid if gpu.mig else str(gpu.index), "gpu_type": gpu.gpu_type}
    names = ["slurm_job_memory_total_gpu", "slurm_job_memory_usage_gpu", "slurm_job_power_gpu", *PERCENTS.values()]
    labels = [{"__name__": name, **device} for name in names]
    if gpu.mig:  # a slice has no PCIe or NVLink figures
        return labels
    for name in ("slurm_job_pcie_gpu", "slurm_job_nvlink_gpu"):
        labels += [{"__name__": name, **device, "direction": way} for way in ("TX", "RX")]
    return labels


def _gpu_values(gpu: Gpu, rows: np.ndarray, watts: np.ndarray) -> np.ndarray:
    of = dict(zip(GPU_LEVELS + GPU_FLOWS, rows, strict=True))
    total = np.full(rows.shape[1], gpu_model(gpu).memory_gib * 2**30)
    shown = [total, np.rint(of["memory"]), np.rint(watts * 1000), *(np.round(of[name], 3) for name in PERCENTS)]
    if not gpu.mig:
        shown += [np.rint(of[name]) for name in GPU_FLOWS]
    return np.vstack(shown)
