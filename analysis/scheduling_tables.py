"""The tables of the scheduler's statistics, made of counts by bucket."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.quantiles import bucket, quantile, share_below, weighted
from core.units import HOUR
from datasources.slurm.waits import (
    ENDED_OTHERWISE,
    HELD,
    NO_LIMIT_KNOWN,
    PER_MILLE,
    QUEUED,
    STARTS,
    TIMED_OUT,
    UNLIMITED,
)

HELD_FROM = 60  # seconds from submission to eligible from which a run counts as held back
CODES = (TIMED_OUT, ENDED_OTHERWISE, UNLIMITED, NO_LIMIT_KNOWN)
TENTHS_BELOW = 600  # seconds; rounding to whole ones must not add to how far a bucket is off
PLACES = 4  # of shares that come from buckets
FILL_HOURS = 2  # a gap in the metrics up to this is bridged with the value before it
WAIT_COLUMNS = ("runs", "queue_median_s", "queue_p90_s", "within_hour", "held_share", "held_median_s", "held_p90_s")
LIMIT_COLUMNS = (
    "completed", "judged", "used_median", "used_p90", "below_tenth", "unlimited", "no_limit_known", "timeouts", "timeout_ratio", "other",
)  # fmt: skip
LEVEL_COLUMNS = ("starts", "known", "level_min", "level_p10", "level_median", "level_p90", "level_max", "above_one")


def _seconds(counts: pd.DataFrame, share: float) -> float:
    """A quantile of times counted in buckets, in whole seconds, below ten minutes in tenths; NaN for no runs."""
    value = quantile(counts["bucket"], counts["jobs"], share)
    return float(np.round(value, 0 if value >= TENTHS_BELOW else 1))


def waits_by(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Waits by one column of a count of QUEUED and HELD, most runs first; also of all, with `name` None of no column.

    Columns: name, runs, queue_median_s, queue_p90_s (eligible → start), within_hour (share that began within an hour of
    being eligible), held_share (share held back for a minute or more), held_median_s, held_p90_s (submit → eligible, of those).
    Whole seconds, tenths below ten minutes: what comes from buckets is not known better.
    """
    rows = []
    for key, group in frame.groupby(name) if name else [("", frame)]:
        queue, held = group[group["measure"] == QUEUED], group[group["measure"] == HELD]
        back = held[held["bucket"] >= bucket(HELD_FROM)]
        rows.append(
            {
                name or "all": key,
                "runs": int(queue["jobs"].sum()),
                "queue_median_s": _seconds(queue, 0.5),
                "queue_p90_s": _seconds(queue, 0.9),
                "within_hour": round(share_below(queue["bucket"], queue["jobs"], HOUR), PLACES),
                "held_share": back["jobs"].sum() / held["jobs"].sum() if held["jobs"].sum() else np.nan,
                "held_median_s": _seconds(back, 0.5),
                "held_p90_s": _seconds(back, 0.9),
            }
        )
    return _sorted(rows, name or "all", WAIT_COLUMNS, "runs")


def limits_by(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Ends by one column of a count of LIMITS, most runs first; groups with timeouts and no completed run are there, too.

    Columns: name, completed, judged (of them with a known limit), used_median, used_p90 (run time / limit of the judged, 0..1),
    below_tenth (share of the judged that took less than a tenth), unlimited, no_limit_known (completed, left out), timeouts,
    timeout_ratio (timeouts / (completed + timeouts), NaN for none of either), other (ended otherwise).
    """
    rows = []
    for key, group in frame.groupby(name) if name else [("", frame)]:
        codes = group[group["bucket"].isin(CODES)].groupby("bucket")["jobs"].sum()
        judged = group[~group["bucket"].isin(CODES)]
        count = {code: int(codes.get(code, 0)) for code in CODES}
        completed = int(judged["jobs"].sum()) + count[UNLIMITED] + count[NO_LIMIT_KNOWN]
        both = completed + count[TIMED_OUT]
        rows.append(
            {
                name or "all": key, "completed": completed, "judged": int(judged["jobs"].sum()),
                "used_median": round(quantile(judged["bucket"], judged["jobs"], 0.5) / PER_MILLE, PLACES),
                "used_p90": round(quantile(judged["bucket"], judged["jobs"], 0.9) / PER_MILLE, PLACES),
                "below_tenth": round(share_below(judged["bucket"], judged["jobs"], PER_MILLE / 10), PLACES),
                "unlimited": count[UNLIMITED], "no_limit_known": count[NO_LIMIT_KNOWN], "timeouts": count[TIMED_OUT],
                "timeout_ratio": count[TIMED_OUT] / both if both else np.nan, "other": count[ENDED_OTHERWISE],
            }
        )  # fmt: skip
    return _sorted(rows, name or "all", LIMIT_COLUMNS, "completed")


def _sorted(rows: list[dict], name: str, columns: tuple[str, ...], by: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[name, *columns])
    return frame.sort_values([by, name], ascending=[False, True], ignore_index=True)


def levels_at_start(starts: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """Starts with the LevelFS their account had at the full hour before them.

    starts: a count of STARTS by partition and account (bucket: hours since 1970). levels: wide, one column an account, hourly.
    Columns: partition, account, jobs, level (NaN where the metrics do not know it, inf for an account that used nothing).
    """
    found = starts.loc[starts["measure"] == STARTS, ["partition", "account", "bucket", "jobs"]].reset_index(drop=True)
    if levels.columns.empty or found.empty:
        return found.drop(columns="bucket").assign(level=np.nan)
    known = levels.ffill(limit=FILL_HOURS)
    hours = pd.DatetimeIndex(known.index).as_unit("s").asi8 // HOUR
    accounts = {str(name): place for place, name in enumerate(known.columns.get_level_values("account"))}
    row = pd.Index(hours).get_indexer(found["bucket"])
    column = found["account"].map(accounts)
    there = (row >= 0) & column.notna().to_numpy()
    level = np.full(len(found), np.nan)
    level[there] = known.to_numpy()[row[there], column[there].astype(int)]
    return found.drop(columns="bucket").assign(level=level)


def levels_by(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """LevelFS at the start by one column of levels_at_start, most starts first; every start counts once.

    Columns: name, starts, known (of them with a LevelFS), level_min, level_p10, level_median, level_p90, level_max, above_one
    (share of the known with LevelFS of 1 or more).
    """
    rows = []
    for key, group in frame.groupby(name):
        known = group[group["level"].notna()]
        total = known["jobs"].sum()
        quantiles = {f"level_{word}": weighted(known["level"], known["jobs"], share) for word, share in (("p10", 0.1), ("median", 0.5), ("p90", 0.9))}
        rows.append(
            {
                name: key, "starts": int(group["jobs"].sum()), "known": int(total), **quantiles,
                "level_min": known["level"].min(), "level_max": known["level"].max(),
                "above_one": known.loc[known["level"] >= 1, "jobs"].sum() / total if total else np.nan,
            }
        )  # fmt: skip
    return _sorted(rows, name, LEVEL_COLUMNS, "starts")
