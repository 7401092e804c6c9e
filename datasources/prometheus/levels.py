"""Column levels as plain lists and back: pandas' own way takes half a millisecond an index, and a job page makes a hundred and fifty."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd


@lru_cache(maxsize=4096)
def _level(values: tuple[str, ...]) -> pd.Index:
    """A sorted level; the same nodes, jobs and metrics come again in every frame of a page."""
    return pd.Index(values, dtype="str")


def index_of(arrays: Sequence[Sequence[object]], names: Sequence[object]) -> pd.MultiIndex:
    """What pd.MultiIndex.from_arrays answers for texts: one array a level, all of one length; other values go pandas' way."""
    levels, codes = [], []
    for array in arrays:
        unique = set(array)
        if not unique or not all(type(one) is str for one in unique):
            return pd.MultiIndex.from_arrays([list(one) for one in arrays], names=names)
        place = {text: number for number, text in enumerate(sorted(unique))}
        levels.append(_level(tuple(place)))
        codes.append(np.fromiter((place[text] for text in array), dtype=np.int64, count=len(array)))
    return pd.MultiIndex(levels=levels, codes=codes, names=names, verify_integrity=False)


def values_of(columns: pd.MultiIndex, level: object) -> list:
    """The values of one level, column by column; raises KeyError for a level that is not there."""
    if not isinstance(columns, pd.MultiIndex):
        return columns.get_level_values(level).tolist()
    number = list(columns.names).index(level) if level in columns.names else -1
    if number < 0:
        raise KeyError(level)
    values = columns.levels[number].tolist()
    return [values[code] if code >= 0 else None for code in columns.codes[number].tolist()]
