"""Quantiles from counts in logarithmic buckets, and of weighted values. A value that exists is taken, none between two."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from datasources.slurm.waits import NOTHING, RATIO

WORST = math.sqrt(RATIO) - 1  # how far a bucket's middle may be off a value in it: 4.9 %


def bucket(value: float) -> int:
    """The bucket of a number: [RATIO**b, RATIO**(b+1)), NOTHING below one."""
    return NOTHING if value < 1 else math.floor(math.log(value) / math.log(RATIO) + 1e-9)


def edge(number: int) -> float:
    """Where a bucket begins; 0 for NOTHING."""
    return 0.0 if number < 0 else RATIO**number


def middle(number: int) -> float:
    """The geometric middle of a bucket, which stands for its values; 0 for NOTHING."""
    return 0.0 if number < 0 else RATIO ** (number + 0.5)


def weighted(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0..1) of all weight does not exceed; NaN for no weight. Infinity may be a value."""
    value, weight = np.asarray(values, dtype=float), np.asarray(weights, dtype=float)
    known = ~np.isnan(value) & (weight > 0)
    if not known.any():
        return math.nan
    order = np.argsort(value[known], kind="stable")
    sums = np.cumsum(weight[known][order])
    # the hair keeps 0.9 × 10 at the ninth of ten
    place = int(np.searchsorted(sums, share * sums[-1] * (1 - 1e-12)))
    return float(value[known][order][min(place, len(order) - 1)])


def quantile(buckets: Sequence[int], counts: Sequence[float], share: float) -> float:
    """The quantile of values counted in buckets, within WORST of the true one (0 exactly below one); NaN for no values."""
    return weighted([middle(int(number)) for number in buckets], counts, share)


def share_below(buckets: Sequence[int], counts: Sequence[float], limit: float) -> float:
    """The share of values below a limit (0..1), the bucket around it split on the logarithm; NaN for no values."""
    weight = np.asarray(counts, dtype=float)
    if weight.sum() <= 0:
        return math.nan
    at = math.log(limit) / math.log(RATIO)
    part = [1.0 if number < 0 else min(max(at - number, 0.0), 1.0) for number in buckets]
    return float((np.asarray(part) * weight).sum() / weight.sum())
