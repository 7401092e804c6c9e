"""The demo against itself: what the pages say of a job is what the simulator made it do."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import Engine, text

from tests.portal.conftest import Demo
from tests.portal.reader import Line, Reader
from tests.portal.runs import CASES, GPU_CASES, IO_CASES, POWER_CASES, SLICE, address, requeued
from tests.portal.truth import Truth

pytestmark = pytest.mark.browser  # the ring the demo runs in
SCRAPE = {"job": 30, "lustre": 60}  # seconds, as the demo's turtle.toml says; rates look back further than both
# Counters are whole nanoseconds, bytes or operations and charts are float32: nothing else stands between curve and chart.
EXACT = 2e-3
FIRST = 60  # seconds until the first sample of a gauge
# A peak is read off the chart's grid. Memory wavers by 3 % from minute to minute, and that much the grid may miss.
PEAK = 0.035
# A GPU's mean is read off the grid too: a dip of one minute in sixty counts for nothing or for one point in twelve.
GPU_POINTS = 0.025


@pytest.fixture(scope="module")
def truths(demo: Demo) -> Callable[[str], Truth]:
    known: dict[str, Truth] = {}
    return lambda case: known.setdefault(case, Truth(demo.plan, CASES[case](demo.plan)))


def _window(line: Line, exporter: str) -> float:
    """What a rate looks back: a step and a scrape, at least four scrapes."""
    return max(line.at[1] - line.at[0] + SCRAPE[exporter], 4 * SCRAPE[exporter])


def _settled(window: float) -> float:
    """From when on a rate is a plain slope: a sample earlier, rate() takes the counter's birth into account."""
    return window + 60


def _inside(line: Line, truth: Truth, before: float = 0) -> np.ndarray:
    """The chart's points that only look at the run; every one of them must hold a number."""
    inside = (line.at >= truth.start + before) & (line.at < truth.end)
    assert inside.sum() >= 0.8 * truth.seconds / (line.at[1] - line.at[0]) - 6
    assert np.isfinite(line.y[inside]).all()
    return inside


def _same(line: Line, expected: np.ndarray, inside: np.ndarray, *, of: float = 0.0) -> None:
    np.testing.assert_allclose(line.plain()[inside], expected, rtol=EXACT, atol=of * EXACT)


def _number(shown: str) -> float:
    """A number as people write it here."""
    return float(shown.replace("\u202f", "").replace("−", "-"))


def _part(tiles: str, label: str) -> tuple[float, float]:
    """(part, whole) of a tile such as `CPU cores 15.3 of 16`."""
    found = re.search(rf"(?:^| ){label} ([\d.\u202f]+) of ([\d.\u202f]+)", tiles)
    assert found, tiles
    return _number(found[1]), _number(found[2])


def _rounded(value: float) -> float:
    """What three digits may hide."""
    return 0.5 * 10 ** (np.floor(np.log10(abs(value))) - 2) if value else 0.0


@pytest.mark.parametrize("case", CASES)
def test_busy_cores_are_the_curves(case: str, ada: Reader, truths: Callable[[str], Truth]) -> None:
    truth = truths(case)
    lines = ada.section(address(truth.run), "job:cpu").lines("cores")
    used, window = lines["used"], _window(lines["used"], "job")
    inside = _inside(used, truth, _settled(window))
    _same(used, truth.slope(truth.busy, used.at[inside], window), inside, of=truth.run.cores)
    assert set(lines["allocated"].y) == {float(truth.run.cores)}


@pytest.mark.parametrize("case", CASES)
def test_memory_is_the_curves(case: str, ada: Reader, truths: Callable[[str], Truth]) -> None:
    truth = truths(case)
    lines = ada.section(address(truth.run), "job:memory").lines("memory")
    for name, curve in (("program", "rss"), ("shared", "shared"), ("file cache", "cache")):
        line = lines[name]
        inside = _inside(line, truth, FIRST)
        expected = truth.level(sum(getattr(share, curve) for share in truth.shares), line.at[inside])
        _same(line, expected, inside, of=truth.run.memory)
    assert lines["allocated"].plain()[0] == pytest.approx(truth.run.memory, rel=EXACT)


@pytest.mark.parametrize("case", GPU_CASES)
def test_gpus_are_the_curves(case: str, ada: Reader, truths: Callable[[str], Truth]) -> None:
    truth = truths(case)
    found = ada.section(address(truth.run), "job:gpu")
    gpus = truth.shares[0].gpus
    for panel, curve, unit in (("gpu_compute", "util", 100), ("gpu_power", "watts", 1), ("gpu_memory", "memory", 1)):
        lines = {name: line for name, line in found.lines(panel).items() if name not in ("limit", "idle")}
        assert len(lines) == len(gpus)
        for index, gpu in gpus.items():
            line = lines[f"GPU {index}"] if len(gpus) > 1 else next(iter(lines.values()))
            inside = _inside(line, truth, FIRST)
            expected = truth.level(getattr(gpu, curve), line.at[inside]) / unit
            if curve == "watts" and truth.run.gres == SLICE:
                # exporters give a slice the power of its whole card
                assert np.all(line.plain()[inside] > expected)
                continue
            # an exporter rounds percents to a thousandth
            _same(line, expected, inside, of=0.01)


@pytest.mark.parametrize("case", IO_CASES)
def test_lustre_is_the_curves(case: str, ada: Reader, truths: Callable[[str], Truth]) -> None:
    truth = truths(case)
    found = ada.section(address(truth.run), "job:files")
    for word, curve in (("read", "lustre_read"), ("written", "lustre_write")):
        for fs, rates in truth.flow(curve).items():
            line = found.lines("bandwidth")[f"{word} {fs}"]
            window = _window(line, "lustre")
            inside = _inside(line, truth, _settled(window))
            # what is written in spells is 0 between them: of the largest
            _same(line, truth.slope(rates, line.at[inside], window), inside, of=float(rates.max()))
    fs, operations = next(iter(truth.shares[0].lustre_ops.items()))
    line = found.lines("metadata")[f"open {fs}"]
    window = _window(line, "lustre")
    inside = _inside(line, truth, _settled(window))
    # operations are counted whole: a slow one stands still for minutes, then makes a step
    expected = truth.slope(operations["open"], line.at[inside], window)
    np.testing.assert_allclose(line.plain()[inside], expected, rtol=EXACT, atol=2 / window)


@pytest.mark.parametrize("case", POWER_CASES)
def test_the_power_of_a_job_is_its_share_of_the_node(case: str, ada: Reader, truths: Callable[[str], Truth]) -> None:
    truth = truths(case)
    lines = ada.section(address(truth.run), "job:power").lines("power")
    line = next(iter(lines.values()))
    inside = _inside(line, truth, FIRST)
    watts, node = truth.watts(line.at[inside]), truth.node()
    # beneath the jobs the system itself keeps less than 1 % of the cores busy; meters give whole watts
    room = 0.01 * node.cores * node.core_watts + 1
    assert len(lines) == 1
    assert np.all(line.plain()[inside] > watts * (1 - EXACT) - 1)
    assert np.all(line.plain()[inside] < watts * (1 + EXACT) + room)


@pytest.mark.parametrize("case", CASES)
def test_the_tiles_say_what_was_used(case: str, ada: Reader, truths: Callable[[str], Truth]) -> None:
    truth = truths(case)
    run, tiles = truth.run, ada.section(address(truth.run), "job:summary").text("tiles")
    ran = truth.seconds - sum(end - begin for begin, end in run.suspensions)
    cores, of = _part(tiles, "CPU cores")
    mean = truth.cpu_seconds / ran
    assert of == run.cores
    assert cores == pytest.approx(mean, abs=_rounded(mean) + EXACT * mean)
    memory, of = _part(tiles, "Memory")
    unit = 1024 ** (4 if run.memory >= 1 << 40 else 3)
    peak = float(truth.program.max()) / unit
    assert of == pytest.approx(run.memory / unit, abs=_rounded(run.memory / unit))
    assert peak * (1 - PEAK) - _rounded(peak) <= memory <= peak + _rounded(peak)
    if run.gpus:
        percent = re.match(r"GPU (\d+)\s%", tiles)
        assert percent and abs(int(percent[1]) / 100 - truth.gpu_busy()) <= GPU_POINTS + 0.005


@pytest.mark.parametrize("case", CASES)
def test_accounting_agrees_with_the_curves_and_the_page(
    case: str, demo: Demo, ada: Reader, accounting: Engine, truths: Callable[[str], Truth]
) -> None:
    """TotalCPU and MaxRSS as sacct adds them up, straight from the rows."""
    truth, cluster = truths(case), demo.plan.cluster
    sql = (
        "select s.user_sec + s.sys_sec + (s.user_usec + s.sys_usec) / 1e6 as cpu, s.tres_usage_in_max as most from "
        f"{cluster}_step_table s join {cluster}_job_table j using (job_db_inx) where j.id_job = :job and j.time_submit = :submit"
    )
    with accounting.connect() as connection:
        steps = connection.execute(text(sql), {"job": truth.run.id_job, "submit": truth.run.submit}).all()
    total = sum(float(step.cpu) for step in steps)
    assert total == pytest.approx(truth.cpu_seconds, rel=EXACT)
    peaks = [int(dict(pair.split("=") for pair in step.most.split(",") if pair).get("2", 0)) for step in steps]
    fullest = max(float((share.rss + share.shared).max()) for share in truth.shares)
    assert max(peaks) == pytest.approx(fullest, rel=EXACT)
    shown = ada.section(address(truth.run), "job:request").text("use")
    mean = total / (truth.seconds - sum(end - begin for begin, end in truth.run.suspensions))
    used = re.search(r"CPU cores \S+ ([\d.\u202f]+)", shown)
    assert used and _number(used[1]) == pytest.approx(mean, abs=_rounded(mean) + EXACT * mean)


def test_the_failed_run_of_a_requeued_job_is_told_apart(demo: Demo, ada: Reader) -> None:
    """Accounting lost the CPU time of the run whose node died: the metrics still have it."""
    first, second = requeued(demo.plan)
    assert first.id_job == second.id_job
    truth = Truth(demo.plan, first)
    lines = ada.section(address(first), "job:cpu").lines("cores")
    used, window = lines["used"], _window(lines["used"], "job")
    inside = _inside(used, truth, _settled(window))
    _same(used, truth.slope(truth.busy, used.at[inside], window), inside, of=first.cores)
    assert used.at[inside].max() < second.start
    assert "A node failed under the job." in ada.section(address(first), "job:summary").text("findings")
    assert "A node failed" not in ada.section(address(second), "job:summary").text("findings")
