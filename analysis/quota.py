"""Storage quotas: whose there are, what is used of them, and how close each is to its limit. No sentences, only numbers and words.

A limit of 0 (Lustre's way of saying "none") or one that is not known is no limit: the figure is shown, not judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from datasources.quota_holdings import Holding, holdings

__all__ = ["Holding", "holdings", "limit_of", "limits", "quotas", "state", "worst"]
OVER, NEAR, OK, NO_LIMIT, SMALL, UNKNOWN = "over", "near", "ok", "no_limit", "small", "unknown"
WORST_FIRST = (OVER, NEAR, OK, NO_LIMIT, SMALL, UNKNOWN)
KINDS = ("bytes", "files")
COLUMNS = (
    "area", "label", "owner", "bytes_used", "bytes_limit", "bytes_share", "bytes_state", "files_used", "files_limit", "files_share",
    "files_state", "state",
)  # fmt: skip


def limit_of(value: Any) -> float:
    """A limit as a number; NaN for none: 0, negative, not a number, or missing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        return math.nan
    return float(value)


def limits(allocations: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, float]]:
    """{(area, name): {"bytes": limit, "files": limit}} of what the hook storage_allocations answers, NaN for no limit.

    Two entries of one name in one area are two parts of one quota: their limits are added.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for one in allocations:
        have = found.setdefault((one["kind"], one["name"]), dict.fromkeys(KINDS, math.nan))
        for kind in KINDS:
            more = limit_of(one.get(kind))
            have[kind] = more if math.isnan(have[kind]) else have[kind] if math.isnan(more) else have[kind] + more
    return found


def state(used: float | None, limit: float | None, near_share: float, *, others_known: bool = True) -> str:
    """over (used above the limit), near (from `near_share` of it on), ok, no_limit; without a figure small or unknown.

    Exporters leave tiny values out: where others in the same place are measured (`others_known`), nothing measured is small.
    """
    if used is None or math.isnan(used):
        return SMALL if others_known else UNKNOWN
    if limit is None or math.isnan(limit_of(limit)):
        return NO_LIMIT
    if used > limit:
        return OVER
    return NEAR if used >= near_share * limit else OK


def worst(states: Iterable[str]) -> str:
    """The state most worth a look; "unknown" for none at all."""
    return min(states, key=WORST_FIRST.index, default=UNKNOWN)


def quotas(
    held: Sequence[Holding],
    allowed: Mapping[tuple[str, str], Mapping[str, float]],
    used: Mapping[tuple[str, str, str, str], float],
    known: Mapping[tuple[str, str, str], bool],
    near_share: float,
) -> pd.DataFrame:
    """One row a quota, in the order given.

    `used`: {Holding.key(kind): bytes or files}. `known`: {(kind, path, label): somebody is measured there}. Columns: area, label, owner
    (str), bytes_used, bytes_limit (bytes), files_used, files_limit (files), bytes_share, files_share (used / limit, may exceed 1),
    bytes_state, files_state, state (the worse of the two). A quota of an account that is neither measured nor given a limit is left
    out where another of that area is: not every account has storage of its own.
    """
    rows = []
    for one in held:
        limit = allowed.get((one.area, one.owner), {})
        row: dict[str, Any] = {"area": one.area, "label": one.label, "owner": one.owner}
        for kind in KINDS:
            figure, most = used.get(one.key(kind), math.nan), limit.get(kind, math.nan)
            row |= {
                f"{kind}_used": figure, f"{kind}_limit": most, f"{kind}_share": figure / most,
                f"{kind}_state": state(figure, most, near_share, others_known=known.get((kind, one.path, one.label), False)),
            }  # fmt: skip
        rows.append(row | {"state": worst([row["bytes_state"], row["files_state"]])})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return _told(frame)


def _told(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = ["bytes_used", "bytes_limit", "files_used", "files_limit"]
    something = frame[numbers].notna().any(axis=1)
    elsewhere = something.groupby(frame["area"]).transform("any")
    return frame[(frame["label"] == "user") | something | ~elsewhere.astype(bool)].reset_index(drop=True)
