"""Days to full: each pace and interval worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.quota_trend import medians, outlook, theil_sen

NAN = math.nan


def daily(*values: float) -> pd.Series:
    """One value a day, the last one now."""
    return pd.Series(values, index=pd.date_range("2026-11-01", periods=len(values), freq="D", tz="UTC"), dtype="float64")


def test_an_even_pace_has_one_answer() -> None:
    # 10 a day, 40 left: in 4 days, whatever pair of days is taken
    found = outlook(daily(100, 110, 120, 130, 140, 150, 160), 160, 200, 7)
    assert (found.kind, found.low, found.high) == ("full_in", pytest.approx(4), pytest.approx(4))
    assert found.pace == pytest.approx(10)
    assert 6 <= found.days <= 7 and not found.cut


def test_the_interval_by_hand() -> None:
    # days 0 to 3, values 0 1 4 5. Slopes of the six pairs: 1, 2, 5/3, 3, 2, 1 → sorted 1 1 5/3 2 2 3, median (5/3 + 2)/2 = 11/6.
    # Kendall's variance 4·3·13/18 = 26/3; C = 1.6449·√(26/3) = 4.842; places (6 - 4.842)/2 = 0.58 → the first, 5.42 + 1 → the sixth
    slope, low, high = theil_sen(np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 4, 5]))
    assert slope == pytest.approx(11 / 6) and low == 1 and high == 3


def test_seven_days_by_hand() -> None:
    # values 0 10 20 30 40 50 90: the last day jumped by 40. The fifteen pairs before it have slope 10; those with the last day
    # 90/6 = 15, 80/5 = 16, 70/4 = 17.5, 60/3 = 20, 50/2 = 25, 40. Median of 21 is the eleventh: 10.
    # Variance 7·6·19/18 = 133/3; C = 1.6449·6.658 = 10.95; places 5.02 → 5th = 10 and 15.98 + 1 → 17th = the second after the 15 tens = 16
    slope, low, high = theil_sen(np.arange(7.0), np.array([0.0, 10, 20, 30, 40, 50, 90]))
    assert (slope, low, high) == (10, 10, 16)
    found = outlook(daily(0, 10, 20, 30, 40, 50, 90), 90, 250, 7)
    # 160 left: at 16 a day ten days, at 10 a day sixteen
    assert (found.kind, found.low, found.high) == ("full_in", pytest.approx(10), pytest.approx(16))


def test_what_falls_or_stands_still_is_not_filling() -> None:
    assert outlook(daily(70, 69, 68, 67, 66, 65, 64), 64, 100, 7).kind == "not_filling"
    assert outlook(daily(*[50] * 7), 50, 100, 7).kind == "not_filling"
    # 0.01 a day with 50 left: 5000 days
    assert outlook(daily(*[50 + 0.01 * day for day in range(7)]), 50.06, 100, 7).kind == "not_filling"
    # a little up and down, far from the limit
    assert outlook(daily(50, 50.1, 49.9, 50.05, 49.95, 50.1, 50), 50, 100, 7).kind == "not_filling"


def test_ups_and_downs_near_the_limit_are_too_uneven_to_say() -> None:
    assert outlook(daily(40, 80, 50, 90, 45, 95, 60), 60, 100, 7).kind == "uneven"


def test_a_data_set_copied_once_is_no_pace() -> None:
    # still at 10, one copy of 60, still at 70: no day can be named
    assert outlook(daily(10, 10, 10, 70, 70, 70, 70), 70, 100, 7).kind in ("uneven", "not_filling")


def test_what_was_deleted_starts_anew() -> None:
    # 5 a day; 80 deleted before day 3, then 5 a day again from 10: 30 at the end, 70 left → 14 days
    found = outlook(daily(80, 85, 90, 10, 15, 20, 25, 30)[1:], 30, 100, 7)
    assert found.cut and found.kind == "full_in"
    assert found.low == pytest.approx(14) and found.high == pytest.approx(14)


def test_deleted_just_now_says_nothing_yet() -> None:
    found = outlook(daily(50, 60, 70, 80, 90, 10, 12), 12, 100, 7)
    assert found.kind == "uneven" and found.cut


@pytest.mark.parametrize(
    ("now", "limit", "wanted"),
    [(101.0, 100.0, "over"), (100.0, 100.0, "full"), (50.0, NAN, "no_limit"), (50.0, 0.0, "no_limit"), (50.0, math.inf, "no_limit")],
)
def test_no_day_where_there_is_none(now: float, limit: float, wanted: str) -> None:
    found = outlook(daily(1, 2, 3, 4, 5, 6, 7), now, limit, 7)
    assert found.kind == wanted and math.isnan(found.low)


def test_too_little_is_known() -> None:
    assert outlook(daily(1, 2, 3), 3, 10, 7).kind == "short"
    assert outlook(daily(), 3, 10, 7).kind == "short"
    assert outlook(daily(1, 2, 3, 4, 5, 6, 7), NAN, 10, 7).kind == "short"
    assert outlook(daily(NAN, NAN, NAN, NAN, 5, 6, 7), 7, 10, 7).kind == "short"


def test_only_the_last_days_count() -> None:
    # a steep month before: only the last seven days, of 1 a day, are the pace; 14 left
    before = [float(value) for value in range(0, 300, 10)]
    found = outlook(daily(*before, *[300.0 + day for day in range(7)]), 306, 320, 7)
    assert found.kind == "full_in" and found.low == pytest.approx(14) and found.high == pytest.approx(14)


def test_many_points_a_day_are_one_median_a_day() -> None:
    # every six hours: 0 1 2 3 on the first day and so on; medians are 4 apart a day
    series = pd.Series(np.arange(28.0), index=pd.date_range("2026-11-01", periods=28, freq="6h", tz="UTC"))
    at, values = medians(series, 7)
    assert len(at) == 7 and np.diff(values).tolist() == [4.0] * 6 and np.diff(at) == pytest.approx(1.0)
    found = outlook(series, 27, 35, 7)
    assert found.low == pytest.approx(2) and found.high == pytest.approx(2)


def test_gaps_do_not_bend_the_pace() -> None:
    found = outlook(daily(100, NAN, 120, 130, NAN, 150, 160), 160, 200, 7)
    assert found.kind == "full_in" and found.low == pytest.approx(4) and found.high == pytest.approx(4)
