"""Which machines are idle or too large, and what would hold them; worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.cloud_findings import RULES, Machine, findings, judge, machines, smaller, unjudged
from components.text_cloud import TEXTS
from components.text_findings import plain
from core.settings import Cloud, Flavour, Settings

GIB, HALF_HOUR, DAY = 1024**3, 1800, 86400
FLAVOURS = {
    "c1-2": Flavour(cores=1, memory_gib=2), "c2-4": Flavour(cores=2, memory_gib=4), "c2-8": Flavour(cores=2, memory_gib=8),
    "c4-8": Flavour(cores=4, memory_gib=8), "c8-32": Flavour(cores=8, memory_gib=32), "g2": Flavour(cores=2, memory_gib=4, gpus=1),
}  # fmt: skip
SETTINGS = Settings(cloud=Cloud(flavours=FLAVOURS))
BUSY = Machine(
    uuid="u", flavour="c8-32", cores=8, memory=32 * GIB, gpus=0, known=14 * DAY, cores_mean=6, cores_90=7, cores_95=7.5, cores_99=8, memory_peak=30 * GIB
)


def with_cores(mean: float, most: float, **more: object) -> Machine:
    return replace(BUSY, cores_mean=mean, cores_90=most, cores_95=most, cores_99=most, **more)


def told(machine: Machine, settings: Settings = SETTINGS) -> list[str]:
    return [finding.id for finding in judge(machine, settings)]


def test_a_busy_machine_has_no_finding() -> None:
    assert told(BUSY) == []


@pytest.mark.parametrize(("most", "ids"), [(0.159, ["vm_idle"]), (0.161, [])])
def test_idle_is_below_two_percent_of_the_cores(most: float, ids: list[str]) -> None:
    # 2 % of 8 cores are 0.16; above it the cores are too many, but nothing smaller holds its 30 GiB
    assert told(with_cores(0.05, most)) == ids


@pytest.mark.parametrize(("days", "ids"), [(6.9, []), (7, ["vm_idle"])])
def test_young_machines_are_not_judged(days: float, ids: list[str]) -> None:
    assert told(with_cores(0.01, 0.01, known=days * DAY)) == ids
    assert told(with_cores(1, 1, known=6.9 * DAY)) == []


@pytest.mark.parametrize(
    ("most", "peak", "what", "flavour"),
    [
        (1.9, 30, "cores", ""),  # below 2 of 8 cores, but no smaller flavour holds 30 GiB
        (2.1, 7.9, "memory", "c4-8"),  # 2.6 cores, 9.9 GiB: nothing with so much memory is smaller
        (1.5, 6.0, "both", "c2-8"),  # 1.9 cores and 7.5 GiB
        (1.7, 6.0, "both", "c4-8"),  # 2.1 cores
        (0.7, 1.5, "both", "c1-2"),  # 0.9 cores and 1.9 GiB
        (2.5, 5.0, "memory", "c4-8"),  # 3.1 cores, 6.3 GiB
    ],
)
def test_too_large(most: float, peak: float, what: str, flavour: str) -> None:
    found = judge(with_cores(most / 2, most, memory_peak=peak * GIB), SETTINGS)
    held = 1.25 * peak <= 8
    if not flavour or not held:
        assert found == []
        return
    assert [(one.id, one.severity, one.numbers["what"], one.numbers["smaller"]) for one in found] == [("vm_oversized", "info", what, flavour)]


def test_without_flavours_in_the_settings_the_numbers_are_told() -> None:
    found = judge(with_cores(0.5, 1, memory_peak=4 * GIB), Settings())
    assert found[0].numbers["smaller"] == "" and "quarter" in plain(found[0])[2]


def test_memory_that_is_not_measured_stays() -> None:
    machine = with_cores(0.5, 1, memory_peak=float("nan"), cores=8, memory=8 * GIB)
    assert smaller(machine, FLAVOURS) == "c2-8"
    found = judge(machine, SETTINGS)[0]
    assert (found.confidence, found.numbers["what"]) == ("medium", "cores") and "not measured" in plain(found)[1]


def test_a_single_core_is_never_too_many() -> None:
    assert told(with_cores(0.05, 0.1, cores=1, memory=2 * GIB, memory_peak=1.5 * GIB)) == []


def test_gpu_flavours_are_judged_with_care() -> None:
    idle = with_cores(0.001, 0.01, cores=2, gpus=1, memory=4 * GIB, memory_peak=GIB)
    found = judge(idle, SETTINGS)
    assert [(one.id, one.severity, one.confidence) for one in found] == [("vm_idle", "info", "low")] and "nvidia-smi" in plain(found[0])[2]
    assert told(replace(idle, cores_99=0.3, cores_95=0.3, cores_90=0.3)) == []  # few cores used, but the GPU comes with them
    assert smaller(replace(idle, gpus=0), {"g2": FLAVOURS["g2"], "gsmall": Flavour(cores=1, memory_gib=2, gpus=1)}) == ""


def frame_of(days: float, used: np.ndarray | float, cores: np.ndarray | float, peak: float = 1.0, memory: float = 8.0) -> pd.DataFrame:
    count = int(days * DAY / HALF_HOUR)
    index = pd.DatetimeIndex(pd.to_datetime(np.arange(count) * HALF_HOUR, unit="s", utc=True), name="time")
    values = {"cores_used": used, "cores": cores, "memory_peak": peak * GIB, "memory": memory * GIB}
    table = np.column_stack([np.broadcast_to(np.asarray(one, dtype=float), count) for one in values.values()])
    frame = pd.DataFrame(table, index=index, columns=pd.MultiIndex.from_tuples([(what, "u") for what in values], names=["what", "uuid"]))
    frame.attrs["step"] = HALF_HOUR
    return frame


def test_what_a_frame_says_of_a_machine() -> None:
    used = np.tile([0.0, 1.0, 2.0, 3.0], 14 * 12)
    machine = machines(frame_of(14, used, 4), {"u": "c4-8"}, SETTINGS)["u"]
    assert (machine.cores, machine.known, machine.cores_mean, machine.cores_90) == (4, 14 * DAY, 1.5, 3)
    assert (machine.memory, machine.memory_peak, machine.gpus) == (8 * GIB, GIB, 0)


def test_gaps_are_not_known_time() -> None:
    used = np.where(np.arange(14 * 48) < 8 * 48, np.nan, 0.001)
    frame, rows = frame_of(14, used, 4), [{"uuid": "u", "flavour": "c4-8"}]
    assert machines(frame, {"u": "c4-8"}, SETTINGS)["u"].known == 6 * DAY
    assert findings(frame, rows, SETTINGS) == {} and unjudged(frame, rows, SETTINGS) == ["u"]


def test_another_size_begins_anew() -> None:
    half = np.arange(14 * 48) < 4 * 48
    machine = machines(frame_of(14, np.where(half, 7.0, 0.01), np.where(half, 8.0, 4.0)), {"u": "c4-8"}, SETTINGS)["u"]
    assert (machine.known, machine.cores, machine.cores_99) == (10 * DAY, 4, pytest.approx(0.01))


def test_each_rule_can_be_said_with_its_numbers() -> None:
    assert {rule.id for rule in RULES} == set(TEXTS)
    cases = [with_cores(0.01, 0.01), with_cores(0.01, 0.01, gpus=1), with_cores(0.5, 1.5, memory_peak=6 * GIB), with_cores(2, 2.5, memory_peak=5 * GIB)]
    for machine in cases:
        for finding in judge(machine, SETTINGS):
            for text in plain(finding):
                assert text.endswith(".") and "%(" not in text and "%%" not in text and "None" not in text and "nan" not in text
    gap = "\u00a0"
    assert plain(judge(cases[2], SETTINGS)[0]) == (
        "It needs fewer cores and less memory.",
        f"1.5 of 8 cores were enough for 95 % of the time, the peak of memory was 6{gap}GiB of 32{gap}GiB. 14{gap}d of the last 14 days are known.",
        f"c2-8 would hold it: 2 cores and 8{gap}GiB, a quarter more than it used. Resize it when it may be restarted.",
    )
