"""The Prometheus client: prometheus_pandas' interface on our own transport and parser, plus regular frames for pages."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import orjson
import pandas as pd
import prometheus_pandas.query as upstream

from core.errors import SourceBroken, SourceError
from core.settings import Prometheus as Settings
from datasources.prometheus import promql
from datasources.prometheus.parse import Answer, columns, matrix, parse, without_doubles
from datasources.prometheus.transport import Transport, session

log = logging.getLogger(__name__)
EXISTS_SECONDS = 60
OLDEST_SECONDS = 600
DURATION = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request that was sent: what, over which time (UTC s; step 0 = instant), how long it took, how much came."""

    expr: str
    start: float
    end: float
    step: float
    ms: float
    series: int
    bytes: int
    error: str = ""


_RECORDER: ContextVar[list[Request] | None] = ContextVar("prometheus_requests", default=None)


@contextmanager
def recording() -> Iterator[list[Request]]:
    """The requests sent inside the `with`, threads of the pool included: for the benchmark, tests and "show the query"."""
    found: list[Request] = []
    token = _RECORDER.set(found)
    try:
        yield found
    finally:
        _RECORDER.reset(token)


class PrometheusClient(upstream.Prometheus):
    """Reads Prometheus, Thanos, Mimir or VictoriaMetrics; safe to share between threads.

    Every call raises SourceDown, SourceSlow, SourceRefused or SourceBroken and ends within settings.timeout_seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings.url, http=session(settings))
        self.settings = settings
        self.clock = clock
        self.transport = Transport(settings, self.http)
        self.listener: Callable[[Request], None] | None = None  # told of every request (our own metrics)
        self._kept: dict[object, tuple[float, object]] = {}
        self._lock = threading.Lock()

    # What pages use

    def range(self, expr: str, start: int, end: int, step: int) -> pd.DataFrame:
        """Samples of `expr` from start to end (UTC s) every `step` s.

        Wide frame: index `time` DatetimeIndex UTC on the regular grid, columns MultiIndex of all labels ("" where a
        series lacks one), float64, NaN = no sample. attrs: step, warnings.
        """
        start, end, step = int(start), int(end), int(step)
        answer = self._ask("api/v1/query_range", {"query": expr, "start": start, "end": end, "step": step})
        labels, values = without_doubles(answer.labels, matrix(answer, start, end, step))
        index = pd.DatetimeIndex(pd.to_datetime(np.arange(start, end + 1, step), unit="s", utc=True), name="time")
        frame = pd.DataFrame(values, index=index, columns=columns(labels))
        frame.attrs.update(step=step, warnings=answer.warnings)
        return frame

    def instant(self, expr: str, at: float | None = None, *, most: int = 0) -> pd.DataFrame:
        """`expr` at one moment (default: now): a row a series, its labels as str columns ("" where missing), `value` float64.

        A scalar is one row without labels; a string is one row with the column `text`. `most`: series read where that is more than
        the setting allows, for answers of one number a node.
        """
        params: dict[str, object] = {"query": expr}
        if at is not None:
            params["time"] = at
        answer = self._ask("api/v1/query", params, most)
        if answer.kind == "string":
            return pd.DataFrame({"text": [answer.text], "value": [np.nan]})
        labels, values = answer.labels, answer.values.reshape(1, -1)
        if answer.kind == "vector":
            labels, values = without_doubles(labels, values)
        found = columns(labels).to_frame(index=False) if labels else pd.DataFrame(index=range(values.size))
        if not any("__name__" in one for one in labels):
            found = found.drop(columns="__name__", errors="ignore")
        frame = found.assign(value=values[0])
        frame.attrs.update(warnings=answer.warnings)
        return frame

    def exists(self, metric: str, site: str = "", at: float | None = None) -> bool:
        """True if any series of the metric has a sample now, or just before `at`; remembered for a minute."""
        expr = f"count({promql.selector(metric, site)})"
        moment = None if at is None else int(at) // 60 * 60
        return bool(self._remember((expr, moment), EXISTS_SECONDS, lambda: len(self.instant(expr, moment)) > 0))

    def oldest(self) -> float | None:
        """UTC s before which nothing is kept, None if nobody can tell; remembered for ten minutes.

        From the setting retention_days, else the lowest timestamp Prometheus reports of its storage, else its retention time.
        """
        if self.settings.retention_days:
            return self.clock() - self.settings.retention_days * 86400
        return self._remember("oldest", OLDEST_SECONDS, self._oldest)

    # What `check` uses

    def get(self, path: str, **params: object) -> object:
        """`data` of one of Prometheus' GET interfaces, such as api/v1/rules."""
        body = self.transport.send(path, params, get=True)
        try:
            return orjson.loads(body)["data"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise SourceBroken("prometheus", f"{path}: begins {body[:80]!r}") from error

    def labels_of(self, metric: str, site: str = "") -> tuple[str, ...]:
        """The label names series of this metric have now; () if there is none."""
        frame = self.instant(f"topk(20, {promql.selector(metric, site)})")
        return tuple(name for name in frame.columns if name not in ("value", "__name__"))

    def rules(self) -> tuple[str, ...]:
        """Names of the recording rules Prometheus evaluates."""
        groups = self.get("api/v1/rules", type="record")["groups"]
        return tuple(sorted({rule["name"] for group in groups for rule in group["rules"] if rule.get("type") == "recording"}))

    def version(self) -> str:
        """Version of the server, "" where it does not tell."""
        found = self.get("api/v1/status/buildinfo")
        return str(found.get("version", "")) if isinstance(found, dict) else ""

    # prometheus_pandas' own interface, with equal answers

    def query(self, query: str, time: upstream.Timestamp | None = None, timeout: upstream.Duration | None = None) -> object:
        """As prometheus_pandas, except that a scalar is its value and a string its text."""
        params = {"query": query} if time is None else {"query": query, "time": upstream._timestamp(time)}
        answer = self._ask("api/v1/query", params)
        if answer.kind == "scalar":
            return np.float64(answer.values[0])
        if answer.kind == "string":
            return answer.text
        if answer.kind == "matrix":
            return _as_upstream(answer)
        dtype = np.float64 if answer.labels else object
        return pd.Series(answer.values, index=[upstream.metric_name(one) for one in answer.labels], dtype=dtype)

    def query_range(
        self, query: str, start: upstream.Timestamp, end: upstream.Timestamp, step: upstream.Duration | float, timeout: upstream.Duration | None = None
    ) -> pd.DataFrame:
        """As prometheus_pandas: one column a series, named as PromQL writes it, an index of the moments that have samples."""
        span = {"start": upstream._timestamp(start), "end": upstream._timestamp(end), "step": upstream._duration(step)}
        return _as_upstream(self._ask("api/v1/query_range", {"query": query, **span}))

    def _do_query(self, path: str, params: dict) -> dict:
        return orjson.loads(self.transport.send(path, params))["data"]

    # Inside

    def _ask(self, path: str, params: dict[str, object], most: int = 0) -> Answer:
        most = max(most, self.settings.max_series)
        params = {**params, "limit": most + 1}
        if self.settings.thanos:
            params |= {"dedup": "true", "partial_response": "false"}
        began, body, answer, problem = time.monotonic(), b"", None, ""
        try:
            body = self.transport.send(path, params)
            answer = parse(body, most)
        except SourceError as error:
            problem = type(error).__name__
            log.warning("prometheus: %s: %s; query: %s", problem, error.detail, params["query"])
            raise
        finally:
            self._record(params, (time.monotonic() - began) * 1000, len(answer.labels) if answer else 0, len(body), problem)
        for note in answer.warnings:
            log.warning("prometheus warns: %s; query: %s", note, params["query"])
        return answer

    def _record(self, params: dict[str, object], ms: float, series: int, size: int, problem: str) -> None:
        at = params.get("time", 0)
        request = Request(
            expr=str(params["query"]), start=params.get("start", at), end=params.get("end", at), step=params.get("step", 0),
            ms=ms, series=series, bytes=size, error=problem,
        )
        found = _RECORDER.get()
        if found is not None:
            found.append(request)
        if self.listener is not None:
            self.listener(request)

    def _remember(self, key: object, seconds: float, make: Callable[[], object]) -> object:
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept[0] > time.monotonic():
                return kept[1]
            if len(self._kept) > 1000:
                self._kept.clear()
        value = make()
        with self._lock:
            self._kept[key] = (time.monotonic() + seconds, value)
        return value

    def _oldest(self) -> float | None:
        try:
            page = self.transport.send("metrics", {}, get=True)
            match = re.search(rb"^prometheus_tsdb_lowest_timestamp_seconds ([0-9.e+]+)$", page, re.MULTILINE)
            if match:
                return float(match[1])
            info = self.get("api/v1/status/runtimeinfo")
        except SourceError as error:
            log.info("prometheus does not tell how far back it goes: %s", error.detail)
            return None
        text = str(info.get("storageRetention", "")) if isinstance(info, dict) else ""
        parts = re.findall(r"([0-9]+)(ms|[smhdwy])", text.split(" or ")[0])
        return self.clock() - sum(int(number) * DURATION[unit] for number, unit in parts) if parts else None


def _as_upstream(answer: Answer) -> pd.DataFrame:
    if not answer.labels:
        return pd.DataFrame({})
    moments, row = np.unique(answer.times, return_inverse=True)
    values = np.full((len(moments), len(answer.labels)), np.nan)
    values[row, np.repeat(np.arange(len(answer.labels)), answer.counts)] = answer.values
    return pd.DataFrame(values, index=pd.to_datetime(moments, unit="s"), columns=[upstream.metric_name(one) for one in answer.labels])
