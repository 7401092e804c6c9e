"""Prometheus' JSON answers as arrays: the samples are cut out of the text and read by numpy in one go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import orjson
import pandas as pd

from core.errors import SourceBroken, SourceRefused
from datasources.prometheus.levels import index_of

_OPEN = b'"values":[['
_NO_LABEL = "__name__"
SERIES = 200  # read at a time: as lists of Python floats the samples take four times their room


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. `labels`: a dict a series; `counts`: samples of each; `times` (UTC s) and `values` of all, one after another."""

    kind: str  # matrix, vector, scalar, string
    labels: list[dict[str, str]]
    counts: np.ndarray
    times: np.ndarray
    values: np.ndarray
    text: str = ""
    warnings: tuple[str, ...] = ()


def parse(body: bytes, max_series: int) -> Answer:
    """Read a 200 answer; raises SourceBroken if it cannot be read, SourceRefused above `max_series` series."""
    series = body.count(b'"metric":{')
    if series > max_series:
        raise SourceRefused("prometheus", f"{series} series, at most {max_series} are read")
    frame, flat, counts = _cut(body)
    try:
        answer = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise SourceBroken("prometheus", f"not JSON: {error}; begins {body[:80]!r}") from error
    if not isinstance(answer, dict) or answer.get("status") != "success" or not isinstance(answer.get("data"), dict):
        raise SourceBroken("prometheus", f"no answer of Prometheus; begins {body[:80]!r}")
    notes = tuple(str(note) for key in ("warnings", "infos") for note in answer.get(key) or ())
    try:
        return _answer(answer["data"], flat, counts, notes)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise SourceBroken("prometheus", f"unexpected answer: {error!r}; begins {body[:80]!r}") from error


def _cut(body: bytes) -> tuple[bytes, np.ndarray, list[int]]:
    """(the JSON without its samples, all numbers "time, value" in order, samples of each series).

    A quote inside a JSON string has a backslash before it, so the mark cannot be part of a label's value.
    """
    parts = body.split(_OPEN)
    if len(parts) == 1:
        return body, np.empty(0), []
    frame, numbers, counts = [parts[0]], [], []
    for part in parts[1:]:
        end = part.find(b"]]")
        if end < 0:
            raise SourceBroken("prometheus", "the answer ended half-way")
        frame.append(b'"values":[]' + part[end + 2 :])
        numbers.append(part[:end])
        counts.append(part.count(b"],[", 0, end) + 1)
    flat = np.concatenate([_read(numbers[place : place + SERIES]) for place in range(0, len(numbers), SERIES)])
    if flat.size != 2 * sum(counts):
        raise SourceBroken("prometheus", "unreadable samples")
    return b"".join(frame), flat, counts


def _read(numbers: list[bytes]) -> np.ndarray:
    """The numbers of some series. As a flat JSON list they are read three times as fast as numpy reads text; NaN and Inf are no JSON."""
    text = b",".join(numbers).translate(None, b'"[]')
    try:
        return np.array(orjson.loads(b"[" + text + b"]"), dtype=np.float64)
    except (orjson.JSONDecodeError, ValueError, TypeError):
        pass
    try:
        return np.fromstring(text, dtype=np.float64, sep=",")
    except (ValueError, DeprecationWarning) as error:
        raise SourceBroken("prometheus", f"unreadable samples: {error}") from error


def _answer(data: dict, flat: np.ndarray, counts: list[int], notes: tuple[str, ...]) -> Answer:
    kind, result = data["resultType"], data["result"]
    if kind in ("scalar", "string"):
        text = str(result[1])
        value = float(text) if kind == "scalar" else np.nan
        return Answer(
            kind=kind, labels=[], counts=np.array([1]), times=np.array([float(result[0])]), values=np.array([value]), text=text, warnings=notes
        )
    # native histograms have no "values": nothing here draws them
    key = "value" if kind == "vector" else "values"
    found = [one for one in result if key in one]
    if kind == "vector":
        flat = np.array([float(number) for one in found for number in one["value"]])
        counts = [1] * len(found)
    elif any(one["values"] for one in found) or len(found) != len(counts):
        # spaces in the JSON: some proxies write them; the samples are still in it
        flat = np.array([float(number) for one in found for pair in one["values"] for number in pair])
        counts = [len(one["values"]) for one in found]
    pairs = flat.reshape(-1, 2)
    if len(pairs) != sum(counts):
        raise ValueError("samples and series do not agree")
    return Answer(
        kind=kind,
        labels=[{str(name): str(value) for name, value in one["metric"].items()} for one in found],
        counts=np.array(counts, dtype=np.int64),
        times=pairs[:, 0],
        values=pairs[:, 1],
        warnings=notes,
    )


def columns(labels: list[dict[str, str]]) -> pd.MultiIndex:
    """A MultiIndex of all labels (`__name__` first, then by name); a label a series lacks is "", as in Prometheus."""
    found = sorted({name for one in labels for name in one} - {_NO_LABEL})
    order = [_NO_LABEL, *found] if not found or any(_NO_LABEL in one for one in labels) else found
    return index_of([[one.get(name, "") for one in labels] for name in order], order)


def matrix(answer: Answer, start: int, end: int, step: int) -> np.ndarray:
    """float64 array (points, series) on the grid start, start + step, …, end; NaN where there is no sample."""
    points = (end - start) // step + 1
    out = np.full((points, len(answer.labels)), np.nan)
    row = np.rint((answer.times - start) / step).astype(np.int64)
    column = np.repeat(np.arange(len(answer.labels)), answer.counts)
    inside = (row >= 0) & (row < points)
    out[row[inside], column[inside]] = answer.values[inside]
    return out


def without_doubles(labels: list[dict[str, str]], values: np.ndarray) -> tuple[list[dict[str, str]], np.ndarray]:
    """Series with the very same labels, as a proxy before two Prometheus sends them, become one: the first that has a sample."""
    keys = [tuple(sorted(one.items())) for one in labels]
    if len(set(keys)) == len(keys):
        return labels, values
    first: dict[tuple, int] = {}
    for position, key in enumerate(keys):
        kept = first.setdefault(key, position)
        if kept != position:
            values[:, kept] = np.where(np.isnan(values[:, kept]), values[:, position], values[:, kept])
    chosen = list(first.values())
    return [labels[position] for position in chosen], values[:, chosen]
