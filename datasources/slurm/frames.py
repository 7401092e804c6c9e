"""Frames of rows in which None stays None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], **kinds: str) -> pd.DataFrame:
    """A frame of dtype object (what is unset is None, never NaN); `kinds` gives columns that are always set their dtype."""
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype="object") for name in columns})
    return frame.astype(dict(kinds)) if kinds else frame
