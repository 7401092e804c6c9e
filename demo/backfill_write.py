"""Prometheus' remote write: samples to protobuf with numpy, snappy, and one thread that sends while the next window is made."""

from __future__ import annotations

import functools
import http.client
import queue
import threading
from types import TracebackType
from urllib.parse import urlsplit

import cramjam
import numpy as np

# a NaN with this pattern tells Prometheus that the series has ended
STALE = np.array([0x7FF0000000000002], np.uint64).view(np.float64)[0]
SAMPLE = 18  # bytes of one Sample message until the year 2109
FULL = 1 << 22  # bytes of a request before compression
HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


class WriteRefused(RuntimeError):
    """Prometheus did not take the samples; the text says what it answered."""


@functools.lru_cache(maxsize=4096)
def varint(number: int) -> bytes:
    """Protobuf's variable-length integer."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(body: bytes) -> bytes:
    return b"\x0a" + varint(len(body)) + body


def head(labels: dict[str, str]) -> bytes:
    """A series' labels as protobuf, sorted by name; empty values are left out, as Prometheus does."""
    return b"".join(_pair(name, value) for name, value in sorted(labels.items()) if value)


@functools.lru_cache(maxsize=1 << 16)
def _pair(name: str, value: str) -> bytes:
    return _field(_field(name.encode()) + b"\x12" + varint(len(value.encode())) + value.encode())


def template(times: np.ndarray) -> np.ndarray:
    """[times × 18] bytes: Sample messages without their values, for UTC epoch seconds."""
    stamps = times.astype(np.uint64) * np.uint64(1000)
    form = np.zeros((len(times), SAMPLE), np.uint8)
    form[:, 0], form[:, 1], form[:, 2], form[:, 11] = 0x12, 16, 9, 0x10
    for place in range(6):
        part = (stamps >> np.uint64(7 * place)) & np.uint64(127)
        form[:, 12 + place] = part.astype(np.uint8) | (128 if place < 5 else 0)
    return form


def mark_ends(values: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put staleness markers where series stop; gives which samples to send and which series are shown at the last time.

    `before`: whether each series was shown one sample earlier.
    """
    shown = ~np.isnan(values)
    past = np.hstack([before[:, None], shown[:, :-1]])
    ends = past & ~shown
    values[ends] = STALE
    return shown | ends, shown[:, -1]


def encode(heads: list[bytes], values: np.ndarray, sent: np.ndarray, form: np.ndarray) -> list[bytes]:
    """TimeSeries messages of the rows that have anything to send."""
    rows, count = values.shape
    data = np.empty((rows, count, SAMPLE), np.uint8)
    data[:] = form
    data[:, :, 3:11] = np.ascontiguousarray(values).view(np.uint8).reshape(rows, count, 8)
    whole, amounts = data.tobytes(), sent.sum(axis=1).tolist()
    size, out = count * SAMPLE, []
    for row, amount in enumerate(amounts):
        if amount == count:
            body = whole[row * size : (row + 1) * size]
        elif amount:
            body = data[row][sent[row]].tobytes()
        else:
            continue
        label = heads[row]
        out.append(b"\x0a" + varint(len(label) + len(body)) + label + body)
    return out


class Sender:
    """Sends what it is given, in order, from a thread of its own. Use as a context; errors come up in put() or at the end."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path.rstrip("/") + "/api/v1/write"
        self._connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=120)
        self._queue: queue.Queue[list[bytes] | None] = queue.Queue(maxsize=6)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="backfill-sender", daemon=True)
        self._waiting: list[bytes] = []
        self._size = 0
        self.samples = 0

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        self._queue.put(None)
        self._thread.join()
        self._connection.close()
        if self._error and value is None:
            raise self._error

    def put(self, messages: list[bytes], samples: int) -> None:
        """Queue TimeSeries messages; raises WriteRefused when an earlier request failed."""
        if self._error:
            raise self._error
        self._waiting += messages
        self._size += sum(map(len, messages))
        self.samples += samples
        if self._size > FULL:
            self.flush()

    def flush(self) -> None:
        """Send what waits: a window must not be mixed with the next one."""
        if self._waiting:
            self._queue.put(self._waiting)
        self._waiting, self._size = [], 0

    def _run(self) -> None:
        while (messages := self._queue.get()) is not None:
            if self._error:
                continue
            try:
                self._post(b"".join(messages))
            except (OSError, http.client.HTTPException, WriteRefused) as error:
                self._error = error

    def _post(self, body: bytes) -> None:
        self._connection.request("POST", self._path, bytes(cramjam.snappy.compress_raw(body)), HEADERS)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status // 100 != 2:
            raise WriteRefused(f"Prometheus refused the history: {answer.status} {text[:300].decode(errors='replace')}")
