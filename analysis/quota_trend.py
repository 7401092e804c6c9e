"""How fast a quota fills, and when it would be full if that went on, with how sure that is. Numbers and words, no sentences.

The pace is Theil and Sen's: the median of the slopes between all pairs of points, which one odd day does not move; its interval is Sen's
(Journal of the American Statistical Association 63, 1968, 1379), from the variance of Kendall's score. Points of one day depend on
each other, so the slope is taken from a median for each stretch of time, not from each point. What was deleted at once is no pace:
only what came after the last great drop counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.units import DAY

FULL_IN, OVER, FULL, NOT_FILLING, UNEVEN, SHORT, NO_LIMIT = "full_in", "over", "full", "not_filling", "uneven", "short", "no_limit"
STRETCHES = 7  # medians a slope is made of; a day each for the usual seven days
FEWEST = 4  # medians below which nothing is said
Z90 = 1.6449  # of the normal distribution: nine tenths lie between -z and z
FAR_DAYS = 365.0  # what takes longer than a year is not filling
WIDEST = 6.0  # latest day / earliest day above which the answer says nothing
DROP_SHARE = 0.5  # a fall by half of all that moved in the time ...
DROP_FACTOR = 3.0  # ... and by so many times the usual move is a deletion, not the pace


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """When a quota would be full. `low` and `high`: days from the last point, for FULL_IN; nine times of ten between them.

    `pace`, `pace_low`, `pace_high`: units a day. `days`: length of time the pace was taken from; `cut`: since the last great drop.
    `since`: of what is read once a day and too seldom yet, when it was first read (UTC s); NaN for all else.
    """

    kind: str
    low: float = math.nan
    high: float = math.nan
    pace: float = math.nan
    pace_low: float = math.nan
    pace_high: float = math.nan
    days: float = math.nan
    cut: bool = False
    since: float = math.nan


def theil_sen(times: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """(slope, lower, upper end of its interval that holds nine times of ten), per unit of time; from at least two points."""
    first, second = np.triu_indices(len(times), 1)
    slopes = np.sort((values[second] - values[first]) / (times[second] - times[first]))
    count, points = len(slopes), len(times)
    reach = Z90 * math.sqrt(points * (points - 1) * (2 * points + 5) / 18)
    # places counted from 1 are (N - C)/2 and (N + C)/2 + 1; between two places the outer one, so that the interval is never too narrow
    low = max(math.floor((count - reach) / 2), 1)
    high = min(math.ceil((count + reach) / 2) + 1, count)
    return float(np.median(slopes)), float(slopes[low - 1]), float(slopes[high - 1])


def medians(series: pd.Series, days: float) -> tuple[np.ndarray, np.ndarray]:
    """(days before the last point, median) of each stretch of the last `days` in which something is known."""
    known = series.dropna()
    if known.empty:
        return np.array([]), np.array([])
    end = known.index[-1]
    at = -np.asarray((end - known.index).total_seconds(), dtype=float) / DAY
    inside = at > -days
    at, values = at[inside], known.to_numpy(dtype=float)[inside]
    place = np.minimum((-at / days * STRETCHES).astype(int), STRETCHES - 1)
    used = sorted(set(place.tolist()), reverse=True)
    return np.array([at[place == one].mean() for one in used]), np.array([np.median(values[place == one]) for one in used])


def _after_drop(at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """What came after the last great drop."""
    moves = np.diff(values)
    span = float(values.max() - values.min()) if len(values) else 0.0
    usual = float(np.median(np.abs(moves))) if len(moves) else 0.0
    drops = np.flatnonzero((-moves >= DROP_SHARE * span) & (-moves > DROP_FACTOR * usual)) if span > 0 else np.array([], int)
    if not len(drops):
        return at, values, False
    return at[drops[-1] + 1 :], values[drops[-1] + 1 :], True


def outlook(series: pd.Series, now: float, limit: float, days: float) -> Outlook:
    """When `limit` is reached if the pace of the last `days` goes on. `series`: used, by time (UTC); `now`: used now.

    kind: full_in (low to high days), over or full (it is already), not_filling (falling, still, or not within a year), uneven (the pace
    is too uncertain to name a day), short (too little is known), no_limit. `now` and `limit` are in the series' unit.
    """
    if not math.isfinite(limit) or limit <= 0:
        return Outlook(kind=NO_LIMIT)
    if math.isfinite(now) and now >= limit:
        return Outlook(kind=OVER if now > limit else FULL)
    at, values, cut = _after_drop(*medians(series, days))
    if len(at) < FEWEST or not math.isfinite(now):
        return Outlook(kind=UNEVEN if cut else SHORT, cut=cut)
    pace, slow, fast = theil_sen(at, values)
    base = {"pace": pace, "pace_low": slow, "pace_high": fast, "days": min(days, -float(at[0]) + days / STRETCHES / 2), "cut": cut}
    left = limit - now
    low, high = (left / rate if rate > 0 else math.inf for rate in (fast, slow))
    if low > FAR_DAYS or pace <= 0 and slow <= 0 and left / max(fast, 1e-300) > days:
        return Outlook(kind=NOT_FILLING, **base)
    if high > WIDEST * low or low == math.inf:
        return Outlook(kind=UNEVEN, **base)
    return Outlook(kind=FULL_IN, low=low, high=high, **base)
