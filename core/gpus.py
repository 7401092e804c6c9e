"""GPU models as data: a new one is a line in the settings, never a code change."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class GpuModel(BaseModel):
    """What is known of a GPU model; `match` are texts that name it in Slurm (gres/gpu:<type>) or in metrics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Short name shown to people")
    memory_gib: float = Field(0, ge=0, description="Memory; 0: taken from the metrics")
    watts: float = Field(0, ge=0, description="Power limit; 0: not known, no limit line")
    idle_watts: float = Field(0, ge=0, description="Power of an idle GPU")
    gpu_hour: float = Field(0, ge=0, description="Price of an hour; 0: the general price")
    match: tuple[str, ...] = Field((), description="Names in Slurm's GRES for this model, such as a100")
    mig: bool = Field(False, description="A slice of a GPU: no PCIe or NVLink, power of the whole card")


def _mig(name: str, memory: float) -> GpuModel:
    return GpuModel(name=name, memory_gib=memory, watts=400, idle_watts=55, mig=True, match=(name,))


DEFAULT_GPUS: dict[str, GpuModel] = {
    "Tesla V100-SXM2-16GB": GpuModel(name="V100", memory_gib=16, watts=300, idle_watts=55, match=("v100",)),
    "Tesla V100-PCIE-32GB": GpuModel(name="V100 32GB", memory_gib=32, watts=250, idle_watts=55, match=("v100l",)),
    "NVIDIA A100-SXM4-40GB": GpuModel(name="A100", memory_gib=40, watts=400, idle_watts=55, match=("a100",)),
    "NVIDIA A100 80GB PCIe": GpuModel(name="A100 80GB", memory_gib=80, watts=300, idle_watts=55, match=("a100_80g", "a100-80gb")),
    "NVIDIA H100 80GB HBM3": GpuModel(name="H100", memory_gib=80, watts=700, idle_watts=70, match=("h100",)),
    "NVIDIA H100 NVL": GpuModel(name="H100 NVL", memory_gib=95, watts=400, idle_watts=66, match=("h100nvl",)),
    "NVIDIA H200": GpuModel(name="H200", memory_gib=140, watts=700, idle_watts=75, match=("h200",)),
    "NVIDIA L40": GpuModel(name="L40", memory_gib=45, watts=300, idle_watts=55, match=("l40",)),
    "NVIDIA L40S": GpuModel(name="L40S", memory_gib=48, watts=400, idle_watts=45, match=("l40s",)),
    "NVIDIA A30": GpuModel(name="A30", memory_gib=24, watts=165, idle_watts=32, match=("a30",)),
    "Quadro RTX 6000": GpuModel(name="RTX 6000", memory_gib=24, watts=265, idle_watts=50, match=("rtx6000",)),
    **{
        name: _mig(name, memory)
        for name, memory in {
            "1g.5gb": 5, "1g.10gb": 10, "2g.10gb": 10, "2g.20gb": 20, "3g.20gb": 20,
            "3g.40gb": 40, "4g.20gb": 20, "4g.40gb": 40, "7g.40gb": 40, "7g.80gb": 80,
        }.items()
    },
}


def model_of(label: str, models: dict[str, GpuModel]) -> GpuModel:
    """The model a metric's gpu_type or a GRES type names, by exact name, then by `match`; unknown models get a fallback.

    The fallback has the label as name, no power limit, no memory: charts then draw without those lines.
    """
    if label in models:
        return models[label]
    text = label.lower()
    for model in models.values():
        if text in model.match:
            return model
    # MIG devices report the card's name with the slice's profile behind it
    for key, model in models.items():
        if model.mig and key in text:
            return model
    return GpuModel(name=label or "GPU")
