"""Marks on what somebody holds: one case on each side of each limit, worked out by hand from the settings' defaults."""

from __future__ import annotations

import pytest

from analysis.waste import (
    Held,
    Mark,
    compute_marks,
    fits,
    gpu_marks,
    heavy_and_poor,
    large_limit,
    large_marks,
    many_cores,
    much_memory,
    tone_of,
)
from core.settings import Settings, Top

GIB = 1024**3
SETTINGS = Settings()


def words(marks: tuple[Mark, ...]) -> list[str]:
    return [f"{mark.what}:{mark.tone}" for mark in marks]


@pytest.mark.parametrize(
    ("used", "wanted"), [(7.49, ["cores:bad"]), (7.5, ["cores:warn"]), (8.99, ["cores:warn"]), (9.0, []), (10.4, []), (0.0, ["cores:bad"]), (None, [])]
)
def test_cores_are_red_below_three_quarters_and_amber_below_nine_tenths(used: float | None, wanted: list[str]) -> None:
    assert words(compute_marks(Held(cores=10, cores_used=used), SETTINGS)) == wanted


@pytest.mark.parametrize(
    ("memory", "peak", "wanted"),
    [
        # 10 cores come with 40 GiB; with a tenth of margin 44 GiB are ordinary, whatever is used of them
        (44 * GIB, 0, []),
        (44 * GIB + 1, 0, ["memory:bad"]),
        (100 * GIB, 10 * GIB - 1, ["memory:bad"]),
        (100 * GIB, 10 * GIB, ["memory:warn"]),
        (100 * GIB, 50 * GIB - 1, ["memory:warn"]),
        (100 * GIB, 50 * GIB, []),
        (100 * GIB, None, []),
        (None, 1, []),
    ],
)
def test_memory_is_judged_above_the_ordinary_share_only(memory: float | None, peak: float | None, wanted: list[str]) -> None:
    assert words(compute_marks(Held(cores=10, cores_used=10, memory=memory, memory_peak=peak), SETTINGS)) == wanted


@pytest.mark.parametrize(
    ("busy", "used", "wanted"),
    [
        (0, 0, ["gpus_unused:bad"]),
        (3, 3.0, ["gpus_some_unused:warn"]),
        (4, 4.0, []),
        (4, 0.399, ["gpus:bad"]),
        (4, 0.4, ["gpus:warn"]),
        (4, 0.799, ["gpus:warn"]),
        (4, 0.8, []),
        (1, 0.3, ["gpus_some_unused:warn", "gpus:bad"]),
    ],
)
def test_idle_gpus_are_said_and_not_the_other_way_round(busy: float, used: float, wanted: list[str]) -> None:
    assert words(gpu_marks(Held(gpus=4, gpus_seen=4, gpus_busy=busy, gpus_used=used), SETTINGS)) == wanted


def test_gpus_that_are_not_measured_are_not_called_idle() -> None:
    """Four allocated, two measured, both busy: nothing is known of the others."""
    assert gpu_marks(Held(gpus=4, gpus_seen=2, gpus_busy=2, gpus_used=2), SETTINGS) == ()
    assert gpu_marks(Held(gpus=4), SETTINGS) == ()


def test_cores_of_gpu_jobs_are_judged_above_what_comes_with_the_gpus() -> None:
    """Two GPUs come with 24 cores; 26.4 with the margin."""
    assert not many_cores(Held(cores=26, gpus=2), SETTINGS)
    assert many_cores(Held(cores=27, gpus=2), SETTINGS)
    busy = {"gpus": 2, "gpus_seen": 2, "gpus_busy": 2, "gpus_used": 2, "cores_used": 1}
    assert words(gpu_marks(Held(cores=26, **busy), SETTINGS)) == []
    assert words(gpu_marks(Held(cores=27, **busy), SETTINGS)) == ["cores:bad"]


def test_memory_of_gpu_jobs_is_judged_by_gpu() -> None:
    """One GPU comes with 128 GiB, 140.8 with the margin."""
    edge = 128 * GIB * 1.1
    assert not much_memory(Held(gpus=1, memory=edge), SETTINGS, by_gpu=True)
    assert much_memory(Held(gpus=1, memory=edge + 1), SETTINGS, by_gpu=True)
    busy = {"gpus": 1, "gpus_seen": 1, "gpus_busy": 1, "gpus_used": 1}
    assert words(gpu_marks(Held(memory=160 * GIB, memory_peak=16 * GIB, **busy), SETTINGS)) == ["memory:warn"]
    assert words(gpu_marks(Held(memory=160 * GIB, memory_peak=15 * GIB, **busy), SETTINGS)) == ["memory:bad"]


def test_large_memory_is_always_judged_and_memory_comes_first() -> None:
    assert words(large_marks(Held(cores=10, cores_used=5, memory=GIB, memory_peak=0.05 * GIB), SETTINGS)) == ["memory:bad", "cores:bad"]
    assert words(large_marks(Held(cores=10, cores_used=9, memory=GIB, memory_peak=0.5 * GIB), SETTINGS)) == []
    assert large_limit(SETTINGS) == 8 * GIB


def test_a_job_fits_by_its_part_on_each_node() -> None:
    """An ordinary node has 64 GiB and 16 cores."""
    assert fits(64 * GIB, 16, 1, 64 * GIB, 16) is True
    assert fits(64 * GIB + 1, 16, 1, 64 * GIB, 16) is False
    assert fits(64 * GIB, 17, 1, 64 * GIB, 16) is False
    assert fits(128 * GIB, 32, 2, 64 * GIB, 16) is True
    assert fits(None, 1, 1, 64 * GIB, 16) is None
    assert fits(GIB, 1, 1, None, 16) is None
    assert fits(GIB, 1, 0, 64 * GIB, 16) is None


@pytest.mark.parametrize(
    ("kind", "hours", "efficiency", "wanted"),
    [
        ("cores", 100.0, 0.59, True), ("cores", 99.9, 0.59, False), ("cores", 100.0, 0.6, False), ("cores", 1e6, None, False),
        ("cores", 1e6, float("nan"), False), ("gpus", 24.0, 0.249, True), ("gpus", 23.9, 0.249, False), ("gpus", 24.0, 0.25, False),
        ("memory", 1.0, 0.349, True), ("memory", 0.99, 0.349, False), ("memory", 1.0, 0.35, False),
    ],
)  # fmt: skip
def test_heavy_and_poor_needs_both(kind: str, hours: float, efficiency: float | None, wanted: bool) -> None:
    assert heavy_and_poor(kind, hours, efficiency, Top()) is wanted


def test_limits_are_the_settings() -> None:
    strict = Settings.model_validate({"top": {"cores_bad": 0.1, "cores_warn": 0.2}})
    assert words(compute_marks(Held(cores=10, cores_used=2), strict)) == []
    assert tone_of(float("nan"), 0.5, 0.6) == ""
