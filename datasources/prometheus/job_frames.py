"""From raw wide frames to the ones charts and conclusions read: plain level names, node names, ratios, edges of a run.

Levels afterwards: `metric` (was `__name__`), `node` (was the site's host label, without port, domain or BMC suffix), `job`
(was slurmjobid or jobid); the others keep their names.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.settings import Settings
from datasources.prometheus.levels import index_of, values_of
from datasources.prometheus.promql import host_name

RENAMED = {"__name__": "metric", "slurmjobid": "job", "jobid": "job"}


def node_name(text: str, settings: Settings) -> str:
    """The node a host label names: `g1.example.org:9100` and its BMC `g1-oob` are both `g1`."""
    return host_name(str(text), settings.metrics.host_domain, settings.metrics.bmc_suffix)


def named(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The same values with plain level names and node names; `attrs` are kept."""
    host = settings.metrics.host_label
    levels = list(frame.columns.names)
    renamed = ["node" if level == host else RENAMED.get(str(level), level) for level in levels]
    if frame.columns.empty:
        columns = pd.MultiIndex.from_tuples([], names=renamed) if renamed else frame.columns
    else:
        parts = [
            [node_name(value, settings) if renamed[number] == "node" else str(value) for value in values_of(frame.columns, level)]
            for number, level in enumerate(levels)
        ]
        columns = index_of(parts, renamed)
    return _with(pd.DataFrame(frame.to_numpy(dtype=float), index=frame.index, columns=columns), frame)


def _with(new: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    new.attrs = dict(old.attrs)
    return new


def with_units(frames: dict[str, object], units: Mapping[str, str]) -> dict[str, object]:
    """The same frames, each knowing its unit (attrs["unit"], which the head of a CSV file says); errors are as they were."""
    for name, unit in units.items():
        frame = frames.get(name)
        if isinstance(frame, pd.DataFrame):
            frame.attrs = {**frame.attrs, "unit": unit}
    return frames


def part(frame: pd.DataFrame, **wanted: str | tuple[str, ...]) -> pd.DataFrame:
    """The columns whose levels have these values; a level with one wanted value is dropped, several are kept."""
    mask = np.ones(len(frame.columns), dtype=bool)
    for level, value in wanted.items():
        if level not in frame.columns.names:
            mask[:] = False
            continue
        some = {value} if isinstance(value, str) else set(value)
        mask &= np.fromiter((str(one) in some for one in values_of(frame.columns, level)), dtype=bool, count=len(mask))
    single = [level for level, value in wanted.items() if isinstance(value, str) and level in frame.columns.names]
    keep = [level for level in frame.columns.names if level not in single]
    if not keep:
        keep, single = single[:1], single[1:]
    arrays = [[one for one, chosen in zip(values_of(frame.columns, level), mask, strict=True) if chosen] for level in keep]
    columns = index_of(arrays, keep)
    return _with(pd.DataFrame(frame.to_numpy(dtype=float)[:, mask], index=frame.index, columns=columns), frame)


def summed(frame: pd.DataFrame, *levels: str) -> pd.DataFrame:
    """Columns equal in `levels` added up; NaN only where all of them are."""
    if frame.columns.empty:
        return _with(pd.DataFrame(index=frame.index, columns=pd.MultiIndex.from_arrays([[]] * len(levels), names=levels)), frame)
    places: dict[tuple, list[int]] = {}  # in the order in which they first come
    for place, key in enumerate(zip(*(values_of(frame.columns, level) for level in levels), strict=True)):
        places.setdefault(key, []).append(place)
    values = frame.to_numpy(dtype=float)
    columns = index_of(list(zip(*places, strict=True)), levels)
    return _with(pd.DataFrame(np.column_stack([_sum(values[:, some]) for some in places.values()]), index=frame.index, columns=columns), frame)


def _sum(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    return np.where(known.any(axis=1), np.where(known, values, 0).sum(axis=1), np.nan)


def scaled(frame: pd.DataFrame, factor: float) -> pd.DataFrame:
    """The same series in another unit."""
    return _with(frame * factor, frame)


def ratio(top: pd.DataFrame, bottom: pd.DataFrame) -> pd.DataFrame:
    """top ÷ bottom by column and time; 0 ÷ 0 and what lacks a partner are NaN."""
    bottom = bottom.reindex(index=top.index, columns=top.columns)
    over, under = top.to_numpy(dtype=float), bottom.to_numpy(dtype=float)
    values = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
    return _with(pd.DataFrame(values, index=top.index, columns=top.columns), top)


def within(frame: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """Only the samples inside a run: a rate looks back over its end and would still show work that is over."""
    seconds = frame.index.as_unit("s").asi8
    return _with(frame.loc[(seconds >= start) & (seconds <= end)], frame)


def first_window(frame: pd.DataFrame, start: int, window: int, scrape: int) -> pd.DataFrame:
    """Mend a rate's first window of a run: rate() divides by its whole window though the counter began inside it.

    There the value is scaled by window ÷ time since the start, with at least two scrapes of time; earlier samples are gaps.
    `attrs["mended_until"]` is the end of that first window (UTC seconds).
    """
    since = frame.index.as_unit("s").asi8 - start
    factor = np.where(since < window, window / np.maximum(since, 1), 1.0)
    factor = np.where(since < 2 * scrape, np.nan, factor)
    mended = _with(frame * factor[:, None], frame)
    mended.attrs["mended_until"] = start + window
    return mended


def os_cores(tidy: pd.DataFrame, settings: Settings) -> dict[tuple[str, str, str, str], str]:
    """(node, socket, core, thread) → the system's core number, from the OS_ID answer."""
    host = settings.metrics.host_label
    if tidy.empty or not {host, "socket", "core", "thread"} <= set(tidy.columns):
        return {}
    return {
        (node_name(row[host], settings), str(row["socket"]), str(row["core"]), str(row["thread"])): str(int(row["value"]))
        for row in tidy.to_dict("records")
        if row["value"] == row["value"]
    }


def by_os_core(
    frame: pd.DataFrame, numbers: dict[tuple[str, str, str, str], str], cores: set[tuple[str, str]]
) -> pd.DataFrame:
    """Hardware-thread counters as levels what, node, core (the system's numbers), only those of `cores` {(node, core)}.

    A thread the map does not name is left out; `attrs["unmapped"]` counts them.
    """
    names = frame.columns.names
    threads = [tuple(str(column[names.index(level)]) for level in ("node", "socket", "core", "thread")) for column in frame.columns]
    found = [numbers.get(thread) for thread in threads]
    keep = [place for place, core in enumerate(found) if core is not None and (threads[place][0], core) in cores]
    what = frame.columns.get_level_values("what") if "what" in names else [""] * len(threads)
    columns = pd.MultiIndex.from_tuples(
        [(what[place], threads[place][0], found[place]) for place in keep], names=["what", "node", "core"]
    )
    picked = _with(pd.DataFrame(frame.to_numpy(dtype=float)[:, keep], index=frame.index, columns=columns), frame)
    picked.attrs["unmapped"] = found.count(None)
    return picked
