"""Energy and cost against arithmetic by hand."""

from __future__ import annotations

import pytest

from analysis.cost import cost
from analysis.energy import energy, integrate, job_power
from analysis.facts import job_facts
from analysis.gpu_facts import POWER
from core.settings import Settings
from tests.analysis.analysis_runs import START, frame, make_run

HOUR = 3600
A100 = "NVIDIA A100-SXM4-40GB"


def watts(**nodes: list) -> object:
    return frame({(node,): values for node, values in nodes.items()}, ("node",))


def test_a_trapezoid_between_neighbours() -> None:
    power = watts(c1=[100, 200, 300]).iloc[:, 0]
    # (100+200)/2 × 60 + (200+300)/2 × 60 = 24 000 J
    assert integrate(power, 60) == (24_000.0, 120.0)


def test_gaps_are_left_out_and_said() -> None:
    """Ten minutes at 600 W, an hour missing, 50 minutes at 600 W: half of two hours is measured."""
    values = [600] * 11 + [None] * 59 + [600] * 51
    result = energy(watts(c1=values), START, START + 2 * HOUR, 1)
    assert result.measured_kwh == pytest.approx(0.6)
    assert result.coverage == pytest.approx(0.5)
    assert result.kwh == pytest.approx(1.2)
    assert result.watts == pytest.approx(600)


def test_a_missing_node_lowers_the_coverage() -> None:
    result = energy(watts(c1=[500] * 61), START, START + HOUR, 2)
    assert (result.coverage, result.kwh) == (pytest.approx(0.5), pytest.approx(1.0))
    assert energy(watts(c1=[500]), START, START + HOUR, 1) is None


def test_cpu_job_pays_its_share_of_cores() -> None:
    power = job_power({"power": watts(c1=[640] * 61)}, {"c1": 8}, {"c1": 64}, {}, {})
    assert energy(power, START, START + HOUR, 1).kwh == pytest.approx(0.08)
    assert job_power({"power": watts(c1=[640] * 61)}, {"c1": 8}, {}, {}, {}).empty
    whole = job_power({"power": watts(c1=[640] * 61)}, {"c1": 8}, {}, {}, {}, True)
    assert energy(whole, START, START + HOUR, 1).kwh == pytest.approx(0.64)


def test_gpu_job_pays_its_gpus_and_its_share_of_the_rest() -> None:
    """Node 1500 W, its four GPUs 900 W, the job has one at 300 W: (1500 − 900) × 1/4 + 300 = 450 W."""
    own = frame({(POWER, "g1", "0", A100): [300_000] * 61}, ("metric", "node", "gpu", "gpu_type"))
    metrics = {"power": watts(g1=[1500] * 61), "node_gpu_power": watts(g1=[900] * 61), "gpu": own}
    power = job_power(metrics, {"g1": 12}, {"g1": 48}, {"g1": 1}, {"g1": 4})
    assert energy(power, START, START + HOUR, 1).kwh == pytest.approx(0.45)


def test_a_slice_pays_its_part_of_the_card() -> None:
    """Its exporter shows the whole card's 210 W; two slices of seven are 60 W, and 2/7 of one of four GPUs' share of the rest."""
    kind = "NVIDIA A100-SXM4-40GB MIG 2g.10gb"
    own = frame({(POWER, "g1", "MIG-7", kind): [210_000] * 61}, ("metric", "node", "gpu", "gpu_type"))
    metrics = {"power": watts(g1=[1540] * 61), "node_gpu_power": watts(g1=[840] * 61), "gpu": own}
    facts = job_facts(make_run(gpus=1, elapsed=HOUR), None, metrics, Settings(), node_gpus={"g1": 4})
    # (1540 − 840) × (2/7 ÷ 4) + 60 = 50 + 60 W
    assert facts.energy_kwh == pytest.approx(0.11)


def test_facts_carry_energy_and_cost() -> None:
    prices = {
        "core_hour": 0.01,
        "gpu_hour": 1.0,
        "electricity_kwh": 0.1,
        "cooling_share": 0.25,
        "co2_kg_per_kwh": 0.5,
        "car_km_per_kwh": 6.0,
        "cloud_core_hour": 0.05,
    }
    settings = Settings.model_validate({"prices": prices})
    facts = job_facts(make_run(), None, {"power": watts(c1=[800] * 121)}, settings, node_cores={"c1": 64})
    # 800 W × 8/64 for two hours = 0.2 kWh
    assert facts.energy_kwh == pytest.approx(0.2)
    assert facts.energy_coverage == pytest.approx(1.0)
    # 16 core-hours at 0.01; 0.2 kWh at 0.1, a quarter more for cooling; 0.1 kg; 1.2 km; 16 × 0.05 in a cloud
    assert facts.cost.hardware == pytest.approx(0.16)
    assert facts.cost.electricity == pytest.approx(0.02)
    assert facts.cost.cooling == pytest.approx(0.005)
    assert facts.cost.total == pytest.approx(0.185)
    assert facts.cost.co2_kg == pytest.approx(0.1)
    assert facts.cost.car_km == pytest.approx(1.2)
    assert facts.cost.cloud == pytest.approx(0.8)


def test_prices_go_by_model_and_zero_hides() -> None:
    gpus = {A100: {"name": "A100", "match": ["a100"], "gpu_hour": 2.0}}
    settings = Settings.model_validate({"prices": {"gpu_hour": 1.0, "core_hour": 0.5}, "gpus": gpus})
    spent = cost(elapsed=HOUR, cores=4, gpus=3, gpu_types={"a100": 2}, kwh=5.0, settings=settings)
    # two A100 at 2.0, one of unknown model at 1.0, four cores at 0.5
    assert spent.hardware == pytest.approx(7.0)
    assert (spent.electricity, spent.cooling, spent.co2_kg, spent.car_km, spent.cloud) == (None,) * 5
    assert cost(elapsed=HOUR, cores=4, gpus=0, gpu_types={}, kwh=None, settings=Settings()).total is None


def test_the_hooks_prices_come_before_those_of_the_settings() -> None:
    gpus = {A100: {"name": "A100", "match": ["a100"], "gpu_hour": 2.0}}
    settings = Settings.model_validate({"prices": {"gpu_hour": 1.0, "core_hour": 0.5}, "gpus": gpus})
    prices = {("gpu", "A100", "rrg-a"): 3.0, ("core", "", "rrg-a"): 0.0}

    def price_of(resource: str, model: str, account: str) -> float | None:
        return prices.get((resource, model, account))

    asked = {"elapsed": HOUR, "cores": 4, "gpus": 3, "gpu_types": {"a100": 2}, "kwh": None, "settings": settings, "price_of": price_of}
    # two A100 at 3.0, one of unknown model at the settings' 1.0, cores free of charge
    assert cost(account="rrg-a", **asked).hardware == pytest.approx(7.0)
    # another account pays the settings' prices: 2 × 2.0 + 1 + 4 × 0.5
    assert cost(account="rrg-b", **asked).hardware == pytest.approx(7.0)
    # and by way of a run, whose account is asked for
    run = make_run()
    facts = job_facts(run, None, None, settings, price_of=lambda resource, model, account: 0.25 if account == run.account else None)
    # two hours on 8 cores
    assert facts.cost.hardware == pytest.approx(4.0)
