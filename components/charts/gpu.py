"""GPU: compute, pipes, memory, power, and the traffic to and between GPUs."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts.common import gpu_names, many, mirrored, run_of
from components.needs import metrics
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from core.gpus import GpuModel, model_of
from core.units import GIB
from datasources.prometheus.job_frames import part, summed

PIPES = {
    "slurm_job_sm_occupancy_gpu": N_("warps resident"),
    "slurm_job_tensor_gpu": N_("tensor"),
    "slurm_job_fp64_gpu": N_("FP64"),
    "slurm_job_fp32_gpu": N_("FP32"),
    "slurm_job_fp16_gpu": N_("FP16"),
}
WHO = ("node", "gpu", "gpu_type")
FEW_GPUS = 8


def _metric(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """One gauge by node, gpu and gpu_type."""
    found = part(frame, metric=f"slurm_job_{name}")
    return summed(found, *WHO) if not found.columns.empty else found


def _models(frame: pd.DataFrame, about: About) -> list[GpuModel]:
    types = dict.fromkeys(frame.columns.get_level_values("gpu_type"))
    return [model_of(str(text), about.settings.gpus) for text in types]


def compute(frame: pd.DataFrame, about: About) -> Figure:
    """Share of time each GPU was busy."""
    use = _metric(frame, "utilization_gpu") / 100
    use.attrs = dict(frame.attrs)
    names = gpu_names(use, about.settings)
    if FEW_GPUS < len(names) <= 200:  # a row each tells which node's GPUs stand still
        return graph.heat(use, unit="share", about=about, names=names, top=1.0)
    return many(use, about, "share", names, top=1)


def access(frame: pd.DataFrame, about: About) -> Figure:
    """Share of time each GPU's memory was read or written."""
    use = _metric(frame, "utilization_gpu_memory") / 100
    return many(use, about, "share", gpu_names(use, about.settings), top=1)


def pipes(frame: pd.DataFrame, about: About) -> Figure:
    """Use of the GPUs' units: each GPU where there is one, the mean of all of them where there are several."""
    traces = []
    for place, (metric, text) in enumerate(PIPES.items()):
        found = part(frame, metric=metric)
        if not found.columns.empty:
            mean = found.mean(axis=1) / 100
            traces.append(graph.line(mean, _(text), place, step=frame.attrs.get("step")))
    return graph.figure(traces, unit="share", about=about, y_max=1)


def memory(frame: pd.DataFrame, about: About) -> Figure:
    """Memory used on each GPU; its size as limit, from the metrics or from the settings."""
    used, whole = _metric(frame, "memory_usage_gpu"), _metric(frame, "memory_total_gpu")
    size = float(whole.max().max()) if not whole.columns.empty else 0.0
    if not size > 0:
        size = max((model.memory_gib * GIB for model in _models(used, about)), default=0.0)
    return many(used, about, "B", gpu_names(used, about.settings), top=size or None, limit=size or None)


def power(frame: pd.DataFrame, about: About) -> Figure:
    """Watts of each GPU with the model's limit and idle power; a model that is not known has no such lines."""
    watts = _metric(frame, "power_gpu")
    models = _models(watts, about)
    limits = {model.watts for model in models if model.watts}
    idle = {model.idle_watts for model in models if model.idle_watts}
    limit = max(limits) if len(limits) == 1 else None
    figure_traces = graph.lines(watts, gpu_names(watts, about.settings))
    if len(idle) == 1 and figure_traces:
        figure_traces.append(graph.constant(idle.pop(), _("idle"), figure_traces[0], role="muted", width=1.0))
    return graph.figure(figure_traces, unit="W", about=about, y_max=limit, limit=limit)


def _traffic(frame: pd.DataFrame, about: About, metric: str) -> Figure:
    into, out = (summed(part(frame, metric=f"slurm_job_{metric}", direction=way), *WHO) for way in ("RX", "TX"))
    return mirrored(into, out, lambda shown: gpu_names(shown, about.settings), (_("to"), _("from")), about, "B/s")


def pcie(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second over PCIe, seen from the GPU: received up, sent down."""
    return _traffic(frame, about, "pcie_gpu")


def nvlink(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second over NVLink, seen from the GPU: received up, sent down."""
    return _traffic(frame, about, "nvlink_gpu")


def whole_gpus(about: About) -> bool:
    """True unless every GPU of the run is a slice: slices have no PCIe or NVLink figures."""
    types = run_of(about).gpu_types
    return not types or any(not model_of(name, about.settings.gpus).mig for name in types)


def _need(*gauges: str) -> tuple[Need, ...]:
    return metrics(*(f"slurm_job_{gauge}" for gauge in gauges))


PANELS = (
    Panel(
        key="gpu_compute",
        title=N_("Compute"),
        unit=N_("% of time busy, each GPU"),
        frame="utilization_gpu",
        figure=compute,
        needs=_need("utilization_gpu"),
        help=N_(
            "Share of time in which the GPU computed anything at all. A GPU at 0 % is not used by the program; a low or ragged "
            "line is a GPU that waits for data or for the CPU."
        ),
    ),
    Panel(
        key="gpu_power",
        title=N_("GPU power"),
        unit=N_("each GPU"),
        frame="power_gpu",
        figure=power,
        needs=_need("power_gpu"),
        help=N_(
            "How hard the GPUs work: power tells more than the time busy. Near the idle line nothing happens; a well used GPU is "
            "close to its limit."
        ),
    ),
    Panel(
        key="gpu_memory",
        title=N_("GPU memory"),
        unit=N_("each GPU"),
        frame="memory_usage_gpu",
        figure=memory,
        needs=_need("memory_usage_gpu", "memory_total_gpu"),
        help=N_(
            "Memory held on each GPU. If it always stays low, a larger batch, a smaller GPU or a slice of one may do."
        ),
    ),
    Panel(
        key="gpu_pipes",
        title=N_("Compute units"),
        unit=N_("% of time active, mean of the GPUs"),
        frame="pipes",
        figure=pipes,
        needs=metrics(*PIPES),
        help=N_(
            "Which units of the GPU work. Tensor units do mixed precision matrix work; a busy GPU with all of these low runs "
            "small kernels or waits for memory."
        ),
    ),
    Panel(
        key="gpu_access",
        title=N_("GPU memory access"),
        unit=N_("% of time, each GPU"),
        frame="utilization_gpu_memory",
        figure=access,
        needs=_need("utilization_gpu_memory"),
        help=N_(
            "Share of time in which the GPU's memory was read or written. A high share with low compute is limited by memory."
        ),
    ),
    Panel(
        key="gpu_pcie",
        title=N_("PCIe"),
        unit=N_("to the GPU up, from it down"),
        frame="pcie_gpu",
        figure=pcie,
        needs=_need("pcie_gpu"),
        shown=whole_gpus,
        help=N_("Data between the node and its GPUs. Much traffic with low compute: keep data on the GPU longer."),
    ),
    Panel(
        key="gpu_nvlink",
        title=N_("NVLink"),
        unit=N_("to the GPU up, from it down"),
        frame="nvlink_gpu",
        figure=nvlink,
        needs=_need("nvlink_gpu"),
        shown=lambda about: run_of(about).gpus > 1 and whole_gpus(about),
        help=N_(
            "Data between GPUs of a node. Training on several GPUs without any traffic here may run them side by side."
        ),
    ),
)
