"""Runs a section's batches: concurrent, cached, merged to the levels a chart needs. The only way pages read Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from core.errors import NoData, SourceError, TurtleError, Why
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import promql
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.levels import index_of
from datasources.slurm.records import Run
from datasources.sources import Sources

MIN_TTL, MAX_TTL, ENDED_TTL = 15, 600, 3600
SETTLED = 600  # seconds after which no late sample of a scrape or a rule is expected
LOOKBACK = 300  # Prometheus shows a sample for so long
SPARE = 1.0  # seconds the pool waits longer than the client, so that the client's own error arrives
NODE = "node"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A batch as it will be sent, for "show the query": step 0 = asked once, at `end`."""

    key: str
    expr: str
    start: int
    end: int
    step: int


def grid_of(sources: Sources, batch: Batch, when: TimeRange) -> Grid:
    """The grid of a batch: the exporter's scrape interval decides the step and what rate() looks back."""
    scrape = sources.settings.exporter(batch.exporter).scrape_seconds
    start, end, step = when.grid(scrape)
    if batch.instant:
        # an ended run's last moment itself; near now a rounded one, which neighbours share
        end = when.end if when.end < when.now - 2 * scrape else max(when.start, when.end // scrape * scrape)
    return Grid(start=start, end=end, step=step, window=when.window(scrape), scrape=scrape)


def plan(sources: Sources, batches: Iterable[Batch], target: Target, when: TimeRange) -> list[Planned]:
    """What fetch() would send, without sending it."""
    found = []
    for batch in batches:
        grid = grid_of(sources, batch, when)
        expr = batch.expr(target, grid, promql.site_filter(sources.settings, batch.module))
        step = 0 if batch.instant else grid.step
        found.append(Planned(key=batch.key, expr=expr, start=grid.end if batch.instant else grid.start, end=grid.end, step=step))
    return found


def fetch(
    sources: Sources, batches: Iterable[Batch], target: Target, when: TimeRange, *, viewer: Viewer
) -> dict[str, pd.DataFrame | TurtleError]:
    """One request a batch, all at once; answers by batch key, an error in place of a frame that could not be had.

    Wide frames (index `time` UTC, columns MultiIndex of batch.levels, float64 kept to seven digits, NaN = gap; attrs step,
    scrape, warnings),
    tidy frames (levels as str columns + value float64) for instant batches. No series: 0 columns, or 0 rows.
    NoData(NOT_CONFIGURED) where the exporter is not installed or there is no Prometheus.
    The caller has checked that `viewer` may see `target`, which holds only names the server read; that is why
    an answer may be shared between viewers.
    """
    found: dict[str, pd.DataFrame | TurtleError] = {}
    calls = {}
    for batch in batches:
        if sources.prometheus is None:
            found[batch.key] = NoData(Why.NOT_CONFIGURED, "prometheus")
        elif not sources.settings.exporter(batch.exporter).installed:
            found[batch.key] = NoData(Why.NOT_CONFIGURED, batch.exporter)
        elif batch.rules and not batch.metrics and not sources.settings.metrics.recording_rules:
            found[batch.key] = NoData(Why.NOT_CONFIGURED, "recording rules")
        else:
            found[batch.key] = NoData(Why.NO_DATA, batch.key)  # keeps the order of the batches
            calls[batch.key] = partial(_one, sources, batch, target, grid_of(sources, batch, when))
    if calls:
        deadline = sources.settings.prometheus.timeout_seconds + SPARE
        found.update(sources.pool.gather(calls, deadline, source="prometheus"))
    return found


def _one(sources: Sources, batch: Batch, target: Target, grid: Grid) -> pd.DataFrame:
    site = promql.site_filter(sources.settings, batch.module)
    expr = batch.expr(target, grid, site)
    key = ("prometheus", batch.key, expr, grid.start, grid.end, grid.step, batch.levels, batch.merge, batch.instant)
    ask = _ask_instant if batch.instant else _ask_range
    kept = sources.cache.get_or_make(key, _ttl(sources, grid), partial(ask, sources, batch, expr, grid))
    return _frame(batch, grid, *kept)


def _ttl(sources: Sources, grid: Grid) -> float:
    if grid.end < sources.clock() - SETTLED - grid.step:
        return ENDED_TTL
    return min(max(grid.step, MIN_TTL), MAX_TTL)


def _ask_range(sources: Sources, batch: Batch, expr: str, grid: Grid) -> tuple[list[tuple], np.ndarray, tuple[str, ...]]:
    """(keys, float32 matrix (points, series), warnings): what is kept; JSON would be six times as large."""
    raw = sources.prometheus.range(expr, grid.start, grid.end, grid.step)
    labels = raw.columns.to_frame(index=False)
    keys, values = _merged(_keys(sources, batch, labels), raw.to_numpy(), batch.merge)
    return keys, values.astype(np.float32), raw.attrs["warnings"]


def _ask_instant(sources: Sources, batch: Batch, expr: str, grid: Grid) -> tuple[list[tuple], np.ndarray, tuple[str, ...]]:
    raw = sources.prometheus.instant(expr, grid.end, **({"most": batch.most} if batch.most else {}))
    keys, values = _merged(_keys(sources, batch, raw), raw["value"].to_numpy(np.float64).reshape(1, -1), batch.merge)
    return keys, values, raw.attrs.get("warnings", ())


def _frame(batch: Batch, grid: Grid, keys: list[tuple], values: np.ndarray, warnings: tuple[str, ...]) -> pd.DataFrame:
    levels = list(batch.levels) or ["series"]
    if batch.instant:
        frame = pd.DataFrame({level: pd.array([key[place] for key in keys], dtype="str") for place, level in enumerate(levels)})
        frame = frame.assign(value=values[0].astype(np.float64))
    else:
        index = pd.DatetimeIndex(pd.to_datetime(np.arange(grid.start, grid.end + 1, grid.step), unit="s", utc=True), name="time")
        columns = index_of([[key[place] for key in keys] for place in range(len(levels))], levels)
        frame = pd.DataFrame(values.astype(np.float64), index=index, columns=columns)
    frame.attrs.update(step=grid.step, scrape=grid.scrape, warnings=warnings)
    return frame


def _keys(sources: Sources, batch: Batch, labels: pd.DataFrame) -> list[tuple[str, ...]]:
    """The levels of each series; `node` and the host label itself lose port, domain and BMC suffix."""
    settings = sources.settings.metrics
    columns = []
    for level in batch.levels:
        label = settings.host_label if level == NODE and settings.host_label in labels else level
        texts = labels[label].tolist() if label in labels else [""] * len(labels)
        if level in (NODE, settings.host_label):
            texts = [promql.host_name(text, settings.host_domain, settings.bmc_suffix) for text in texts]
        columns.append(texts)
    return list(zip(*columns, strict=True)) if columns else [("",)] * len(labels)


def _merged(keys: list[tuple[str, ...]], values: np.ndarray, merge: str) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Series equal in their levels as one (sum or max; NaN only where all are), in natural order: core 2 before core 10."""
    order = sorted(set(keys), key=_natural)
    place = {key: position for position, key in enumerate(order)}
    into = np.array([place[key] for key in keys], dtype=np.int64)
    if len(order) == len(keys):
        return order, values[:, np.argsort(into)]
    out = np.full((values.shape[0], len(order)), np.nan)
    for position, column in enumerate(into):
        new, old = values[:, position], out[:, column]
        both = old + new if merge == "sum" else np.fmax(old, new)
        out[:, column] = np.where(np.isnan(old), new, np.where(np.isnan(new), old, both))
    return order, out


def _natural(key: tuple[str, ...]) -> tuple:
    return tuple(tuple((0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in re.split(r"([0-9]+)", text)) for text in key)


def explained(sources: Sources, batches: Iterable[Batch], target: Target, when: TimeRange, *, viewer: Viewer) -> dict[str, pd.DataFrame | TurtleError]:
    """As fetch(), with NoData that says why in place of a wide frame without any series."""
    wanted = tuple(batches)
    found = fetch(sources, wanted, target, when, viewer=viewer)
    for batch in wanted:
        frame = found[batch.key]
        if isinstance(frame, pd.DataFrame) and not batch.instant and not frame.shape[1]:
            found[batch.key] = NoData(reason_for_empty(sources, batch, target, when, None), (*batch.metrics, *batch.rules, batch.exporter)[0])
    return found


def reason_for_empty(sources: Sources, batch: Batch, target: Target, when: TimeRange, run: Run | None) -> Why:
    """Why a batch answered nothing; asks Prometheus at most six small questions, each remembered for a minute."""
    if sources.prometheus is None or not sources.settings.exporter(batch.exporter).installed:
        return Why.NOT_CONFIGURED
    if run is not None and not run.started:
        return Why.NOT_STARTED
    start, end = (max(run.start, when.start), min(run.end or when.end, when.end)) if run is not None else (when.start, when.end)
    try:
        oldest = sources.prometheus.oldest()
        if oldest is not None and end < oldest:
            return Why.BEFORE_RETENTION
        if run is not None and _length(run, when) < 2 * sources.settings.exporter(batch.exporter).scrape_seconds:
            return Why.TOO_SHORT
        return _presence(sources, batch, start, end)
    except SourceError:
        return Why.SOURCE_DOWN


def _length(run: Run, when: TimeRange) -> int:
    return (run.end if run.end is not None else when.now) - run.start


def _presence(sources: Sources, batch: Batch, start: int, end: int) -> Why:
    """NO_DATA where anyone had such a metric in that time; else whether it is kept no longer, or was never there."""
    client, site = sources.prometheus, promql.site_filter(sources.settings, batch.module)
    metrics = batch.metrics + batch.rules
    if not metrics:
        return Why.NO_DATA
    middle = (start + end) // 2

    def exist(at: float | None = None) -> bool:
        # where the exporter is there its first metric mostly is; all the others are one question more: one each would be seconds in all
        return client.exists(metrics[0], site, at) or (len(metrics) > 1 and client.exists(promql.names(metrics[1:]), site, at))

    if any(exist(at) for at in {middle, end}):
        return Why.NO_DATA
    if not exist():
        return Why.METRIC_ABSENT
    # it is there now and nobody had it then: raw metrics are often kept for less time than recorded ones
    return Why.BEFORE_RETENTION if end < sources.clock() - 2 * LOOKBACK else Why.NO_DATA
