"""Arithmetic on wide frames: what a mean, a peak, a gap and an idle span are, in one place."""

from __future__ import annotations

import numpy as np
import pandas as pd

GAP_STEPS = 3  # samples further apart than this many steps have a gap between them
FIT_SAMPLES = 10  # a slope needs at least so many samples


def step_of(frame: pd.DataFrame) -> float:
    """Seconds between samples: what the frame says of itself, else the median distance; 60 for fewer than two samples."""
    if frame.attrs.get("step"):
        return float(frame.attrs["step"])
    if len(frame.index) < 2:
        return 60.0
    return float(np.median(np.diff(seconds_of(frame.index))))


def seconds_of(index: pd.Index) -> np.ndarray:
    """UTC epoch seconds of a DatetimeIndex, whatever its unit."""
    return pd.DatetimeIndex(index).as_unit("s").asi8.astype(float)


def usable(frame: object) -> pd.DataFrame | None:
    """The frame if it is one with at least a row and a column, else None (absent, an error, or empty)."""
    if not isinstance(frame, pd.DataFrame) or frame.columns.empty or frame.index.empty:
        return None
    return frame


def pick(frame: pd.DataFrame, **levels: str) -> pd.DataFrame:
    """The columns whose levels have these values; no column if a level is missing."""
    mask = np.ones(len(frame.columns), dtype=bool)
    for name, value in levels.items():
        if name not in frame.columns.names:
            return frame.iloc[:, :0]
        mask &= _has(frame.columns, name, value)
    return frame.loc[:, mask]


def _has(columns: pd.Index, name: str, value: str) -> np.ndarray:
    """Which columns have this value in a level. By its place in the level: comparing texts column by column makes pick() five times as slow."""
    if not isinstance(columns, pd.MultiIndex):
        return np.asarray(columns.get_level_values(name) == value)
    number = columns.names.index(name)
    try:
        place = columns.levels[number].get_loc(value)
    except KeyError:
        return np.zeros(len(columns), dtype=bool)
    return np.asarray(columns.codes[number]) == place


def total(frame: pd.DataFrame) -> pd.Series:
    """The sum of all columns by time; NaN only where every column is."""
    return frame.sum(axis=1, min_count=1)


def by_level(frame: pd.DataFrame, level: str) -> dict[str, pd.DataFrame]:
    """The columns grouped by one level's values, in order of first appearance."""
    if level not in frame.columns.names:
        return {}
    values = frame.columns.get_level_values(level)
    return {str(value): frame.loc[:, _has(frame.columns, level, value)] for value in dict.fromkeys(values)}


def mean(series: pd.Series) -> float | None:
    """Mean over the samples there are; None without any."""
    value = series.mean()
    return None if pd.isna(value) else float(value)


def peak(series: pd.Series) -> float | None:
    """Largest sample; None without any."""
    value = series.max()
    return None if pd.isna(value) else float(value)


def coverage(series: pd.Series, start: float, end: float, step: float) -> float:
    """Share (0..1) of [start, end] with samples: each stands for one step."""
    inside = series.dropna()
    times = seconds_of(inside.index)
    count = int(((times >= start - step) & (times <= end + step)).sum())
    return min(1.0, count * step / max(end - start, step))


def idle_spans(series: pd.Series, below: float, step: float) -> list[tuple[int, int]]:
    """Spans (UTC seconds) in which every sample is below a limit; a gap of more than three steps ends a span."""
    known = series.dropna()
    if known.empty:
        return []
    times = seconds_of(known.index)
    idle = known.to_numpy() < below
    breaks = np.flatnonzero((np.diff(idle.astype(int)) != 0) | (np.diff(times) > GAP_STEPS * step)) + 1
    spans = []
    for part in np.split(np.arange(len(times)), breaks):
        if idle[part[0]]:
            spans.append((int(times[part[0]]), int(times[part[-1]] + step)))
    return spans


def slope(series: pd.Series) -> tuple[float, float] | None:
    """(units per second, R²) of a straight line through the samples; None with fewer than ten."""
    known = series.dropna()
    if len(known) < FIT_SAMPLES:
        return None
    times = seconds_of(known.index)
    values = known.to_numpy(dtype=float)
    spread = float(((values - values.mean()) ** 2).sum())
    if spread == 0:
        return 0.0, 0.0
    times = times - times.mean()
    rate = float((times * values).sum() / (times**2).sum())
    rest = float(((values - values.mean() - rate * times) ** 2).sum())
    return rate, 1 - rest / spread
