"""Quantiles of counted buckets against numpy's of the values themselves."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from analysis.quantiles import WORST, bucket, edge, middle, quantile, share_below, weighted
from datasources.slurm.waits import NOTHING, RATIO

RNG = np.random.default_rng(7)
SAMPLES = {
    "lognormal": np.floor(RNG.lognormal(7, 2.5, 20_000)),
    "uniform": np.floor(RNG.uniform(0, 7 * 86400, 5_000)),
    "many at once": np.where(RNG.random(5_000) < 0.6, 0, np.floor(RNG.exponential(3600, 5_000))),
    "one": np.array([41.0]),
    "two": np.array([3.0, 86400.0]),
    "all the same": np.full(100, 3600.0),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_quantiles_are_within_the_bound_of_the_true_ones(name: str, share: float) -> None:
    values = SAMPLES[name]
    counts = Counter(bucket(value) for value in values)
    found = quantile(list(counts), list(counts.values()), share)
    true = float(np.quantile(values, share, method="inverted_cdf"))
    assert WORST <= 0.1
    assert found == 0 if true < 1 else abs(found / true - 1) <= WORST + 1e-9


def test_buckets_hold_what_lies_between_their_edges() -> None:
    for value in [1, 1.05, 1.1, 2, 59, 60, 3600, 86400, 2_592_000, *RNG.uniform(1, 1e7, 500)]:
        number = bucket(value)
        assert edge(number) * (1 - 1e-8) <= value < edge(number + 1) * (1 + 1e-8)
        assert edge(number) < middle(number) < edge(number + 1)
    assert [bucket(RATIO**number) for number in range(200)] == list(range(200))
    assert {bucket(0), bucket(0.99)} == {NOTHING}
    assert edge(NOTHING) == middle(NOTHING) == 0


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 1.0])
def test_weighted_quantiles_are_those_of_the_values_repeated(share: float) -> None:
    values, weights = RNG.normal(1, 3, 300), RNG.integers(0, 9, 300)
    repeated = np.repeat(values, weights)
    assert weighted(values, weights, share) == np.quantile(repeated, share, method="inverted_cdf")


def test_infinity_is_a_value_and_nothing_is_none() -> None:
    assert weighted([1.0, math.inf], [9, 1], 0.9) == 1.0
    assert weighted([1.0, math.inf], [8, 2], 0.9) == math.inf
    assert weighted([math.nan, 2.0], [100, 1], 0.5) == 2.0
    assert math.isnan(weighted([], [], 0.5))
    assert math.isnan(quantile([], [], 0.5))
    assert math.isnan(share_below([], [], 60))


def test_the_share_below_an_hour_is_near_the_true_one() -> None:
    values = SAMPLES["lognormal"]
    counts = Counter(bucket(value) for value in values)
    assert share_below(list(counts), list(counts.values()), 3600) == pytest.approx((values < 3600).mean(), abs=0.005)
    assert share_below([NOTHING], [5], 3600) == 1
