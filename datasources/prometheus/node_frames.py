"""What the jobs of a node used, folded for one viewer: a person's own jobs apart, everybody else's as one sum.

Folding happens here, on the server, so that no id, name or figure of a single co-tenant ever leaves for the browser.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.viewer import Viewer

MOST_JOBS = 12  # series with a name of their own: with the rest and what is allocated a legend still holds them
CROWD = 2  # people whose GPUs a mean must hold before others than staff see it
OTHERS = "others"  # stands in the level `job` for what is not told apart
OWNER = ("user", "account", "job")
NOBODY = ("", "", OTHERS)


def is_own(frame: pd.DataFrame, viewer: Viewer) -> np.ndarray:
    """Which columns (levels user, account) are of jobs this viewer may open; all for staff. Exact names."""
    levels = (frame.columns.get_level_values(name) for name in ("user", "account"))
    return np.array([viewer.owns(str(user), str(account)) for user, account in zip(*levels, strict=True)], dtype=bool)


def _like(values: list[np.ndarray], keys: list[tuple], names: tuple[str, ...], frame: pd.DataFrame) -> pd.DataFrame:
    columns = pd.MultiIndex.from_tuples(keys, names=names) if keys else pd.MultiIndex.from_arrays([[]] * len(names), names=names)
    made = pd.DataFrame(np.column_stack(values) if values else np.empty((len(frame), 0)), index=frame.index, columns=columns)
    made.attrs = dict(frame.attrs)
    return made


def _mean(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    return np.divide(np.where(known, values, 0).sum(axis=1), count, out=np.full(len(values), np.nan), where=count > 0)


def _sum(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    return np.where(known.any(axis=1), np.where(known, values, 0).sum(axis=1), np.nan)


def folded(frame: pd.DataFrame, viewer: Viewer, most: int = MOST_JOBS) -> pd.DataFrame:
    """A frame of levels user, account, job: the `most` largest that the viewer may see, then all others added up.

    The sum has user "", account "" and job OTHERS; attrs["others"] is how many series are in it. Values add up to what they were.
    """
    values, columns = frame.to_numpy(dtype=float), [tuple(map(str, column)) for column in frame.columns]
    mine = is_own(frame, viewer)
    weight = np.nansum(np.where(np.isnan(values), 0, values), axis=0) if len(values) else np.zeros(len(columns))
    shown = sorted((place for place in range(len(columns)) if mine[place]), key=lambda place: -weight[place])[:most]
    shown.sort(key=lambda place: columns[place])
    rest = [place for place in range(len(columns)) if place not in set(shown)]
    parts, keys = [values[:, place] for place in shown], [columns[place] for place in shown]
    if rest:
        parts.append(_sum(values[:, rest]))
        keys.append(NOBODY)
    found = _like(parts, keys, OWNER, frame)
    found.attrs["others"] = len(rest)
    return found


def gpus_of(frame: pd.DataFrame, viewer: Viewer) -> pd.DataFrame:
    """One GPU gauge (levels user, account, job, gpu, gpu_type) as levels gpu, gpu_type: each GPU, whichever job held it.

    For others than staff the GPUs of their own jobs, and the mean of the rest under gpu OTHERS: only at times when at least
    CROWD other people held GPUs, since the mean of one person's GPUs would be that person's.
    """
    levels = [list(map(str, frame.columns.get_level_values(name))) for name in ("gpu", "gpu_type")]
    values, mine = frame.to_numpy(dtype=float), is_own(frame, viewer)
    groups: dict[tuple[str, str], list[int]] = {}
    for place, key in enumerate(zip(*levels, strict=True)):
        if mine[place]:
            groups.setdefault(key, []).append(place)
    keys = sorted(groups, key=lambda key: (len(key[0]), key))
    parts = [_mean(values[:, groups[key]]) for key in keys]
    rest = np.flatnonzero(~mine)
    if len(rest):
        mean = np.where(_people(frame, rest) >= CROWD, _mean(values[:, rest]), np.nan)
        if np.isfinite(mean).any():
            parts.append(mean)
            keys.append((OTHERS, levels[1][rest[0]]))
    return _like(parts, keys, ("gpu", "gpu_type"), frame)


def _people(frame: pd.DataFrame, places: np.ndarray) -> np.ndarray:
    """How many people have a value in these columns, at each moment."""
    users = np.array([str(user) for user in frame.columns.get_level_values("user")])[places]
    known = np.isfinite(frame.to_numpy(dtype=float)[:, places])
    return sum((known[:, users == user].any(axis=1).astype(int) for user in dict.fromkeys(users)), np.zeros(len(frame), dtype=int))


def holders(frame: pd.DataFrame, viewer: Viewer) -> list[dict[str, object]]:
    """Which job was seen on which GPU: gpu, gpu_type, user, account, id_job, first, last (UTC s), use (mean, as measured); one's own, all for staff.

    A job that was seen once has first == last.
    """
    seconds = frame.index.as_unit("s").asi8
    rows = []
    for place, mine in enumerate(is_own(frame, viewer)):
        values = frame.iloc[:, place].to_numpy(dtype=float)
        seen = np.flatnonzero(np.isfinite(values))
        if mine and len(seen):
            row = dict(zip(frame.columns.names, map(str, frame.columns[place]), strict=True))
            rows.append({
                "gpu": row["gpu"], "gpu_type": row["gpu_type"], "user": row["user"], "account": row["account"], "id_job": int(row["job"]),
                "first": int(seconds[seen[0]]), "last": int(seconds[seen[-1]]), "use": float(values[seen].mean()),
            })  # fmt: skip
    return rows


def counted(spans: list[tuple[float, float]], index: pd.DatetimeIndex) -> np.ndarray:
    """How many of the spans [start, end) hold each moment."""
    at = index.as_unit("s").asi8
    starts, ends = (np.sort(np.array([span[side] for span in spans], dtype=float)) for side in (0, 1))
    return (np.searchsorted(starts, at, side="right") - np.searchsorted(ends, at, side="right")).astype(float)
