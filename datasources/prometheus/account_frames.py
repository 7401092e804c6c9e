"""Arithmetic of an account's wide frames: what each member wasted, and who counts most."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from datasources.prometheus.job_frames import part, scaled
from datasources.prometheus.levels import index_of, values_of


def wasted(allocated: pd.DataFrame, used: pd.DataFrame) -> pd.DataFrame:
    """allocated − used by column and time, never below 0: who uses more than is held does not make up for anybody else.

    NaN where either is not known, and for whom only one of them is.
    """
    other = used.reindex(index=allocated.index, columns=allocated.columns)
    values = np.maximum(allocated.to_numpy(dtype=float) - other.to_numpy(dtype=float), 0.0)
    found = pd.DataFrame(values, index=allocated.index, columns=allocated.columns)
    found.attrs = dict(allocated.attrs)
    return found


def by_member(frame: pd.DataFrame, unit: str) -> dict[str, pd.DataFrame]:
    """{allocated, used, wasted}: wide frames of level `user` out of a frame of levels what, user (…)."""
    allocated, used = (_users(part(frame, what=what)) for what in ("allocated", "used"))
    found = {"allocated": allocated, "used": used, "wasted": wasted(allocated, used)}
    for one in found.values():
        one.attrs = {**frame.attrs, "unit": unit}
    return found


def _users(frame: pd.DataFrame) -> pd.DataFrame:
    keep = ["user"]
    columns = index_of([values_of(frame.columns, level) for level in keep], keep)
    found = scaled(frame, 1.0)
    found.columns = columns
    return found


def ranked(frames: Iterable[object]) -> list[str]:
    """First level values of all frames, those with the largest means first; what is always 0 is left out."""
    sums: dict[str, float] = {}
    for frame in frames:
        if not isinstance(frame, pd.DataFrame) or frame.columns.empty or not len(frame):
            continue
        means = np.nan_to_num(frame.to_numpy(dtype=float)).mean(axis=0)
        for name, mean in zip(frame.columns.get_level_values(0), means, strict=True):
            sums[str(name)] = sums.get(str(name), 0.0) + float(mean)
    return sorted((name for name, value in sums.items() if value > 0), key=lambda name: (-sums[name], name))


def top_and_others(frame: pd.DataFrame, names: list[str]) -> tuple[dict[str, pd.Series], pd.Series | None]:
    """(series of these names where there are any, the sum of all others or None); nothing is lost: they add up to the frame."""
    levels = [str(name) for name in frame.columns.get_level_values(0)]
    chosen: dict[str, pd.Series] = {}
    for name in names:
        places = [place for place, level in enumerate(levels) if level == name]
        if places:
            chosen[name] = frame.iloc[:, places].sum(axis=1, min_count=1)
    rest = [place for place, level in enumerate(levels) if level not in chosen]
    others = frame.iloc[:, rest].sum(axis=1, min_count=1) if rest else None
    return chosen, others
