"""GPU models by the names Slurm and the exporters use."""

from __future__ import annotations

import pytest

from core.gpus import DEFAULT_GPUS, GpuModel, model_of


@pytest.mark.parametrize(
    ("label", "name", "memory", "watts"),
    [
        ("NVIDIA H100 80GB HBM3", "H100", 80, 700),
        ("a100", "A100", 40, 400),
        ("A100", "A100", 40, 400),
        ("v100l", "V100 32GB", 32, 250),
        ("NVIDIA A100-SXM4-40GB MIG 3g.20gb", "3g.20gb", 20, 400),
        ("3g.20gb", "3g.20gb", 20, 400),
        ("NVIDIA B300", "NVIDIA B300", 0, 0),
        ("", "GPU", 0, 0),
    ],
)
def test_models(label: str, name: str, memory: float, watts: float) -> None:
    model = model_of(label, DEFAULT_GPUS)
    assert (model.name, model.memory_gib, model.watts) == (name, memory, watts)
    assert model.mig == ("g." in name)


def test_a_new_model_is_a_line_in_the_settings() -> None:
    models = DEFAULT_GPUS | {"NVIDIA B200": GpuModel(name="B200", memory_gib=180, watts=1000, match=("b200",))}
    assert model_of("b200", models).watts == 1000
