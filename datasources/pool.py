"""Threads for reading several sources at once, under one deadline."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from core.errors import SourceBroken, SourceSlow, TurtleError

T = TypeVar("T")
log = logging.getLogger(__name__)


class Pool:
    """Two layers of `size` threads, so that a call in the pool may gather once more without waiting for itself."""

    def __init__(self, size: int) -> None:
        self._layers = [ThreadPoolExecutor(size, thread_name_prefix=f"read{layer}") for layer in range(2)]
        self._here = threading.local()

    def gather(self, calls: dict[str, Callable[[], T]], deadline: float, source: str = "portal") -> dict[str, T | TurtleError]:
        """Run all calls at once; answers in the order of `calls`, an error in place of what failed.

        `deadline`: seconds from now; what is late becomes SourceSlow(source). The context (recorder, language) goes along.
        """
        layer = getattr(self._here, "layer", 0)
        if layer >= len(self._layers):
            return self._one_by_one(calls, deadline, source)
        futures = {key: self._layers[layer].submit(copy_context().run, self._run, layer + 1, key, call) for key, call in calls.items()}
        wait(futures.values(), timeout=deadline)
        return {key: self._outcome(key, future, deadline, source) for key, future in futures.items()}

    def close(self) -> None:
        """Start nothing more; threads end when what they wait for has answered or timed out."""
        for layer in self._layers:
            layer.shutdown(wait=False, cancel_futures=True)

    def _run(self, layer: int, key: str, call: Callable[[], T]) -> T | TurtleError:
        self._here.layer = layer
        return _safely(key, call)

    @staticmethod
    def _outcome(key: str, future: Future, deadline: float, source: str) -> object:
        if future.done() and not future.cancelled():
            return future.result()
        future.cancel()
        log.warning("%s: no answer within %.1f s", key, deadline)
        return SourceSlow(source, f"{key}: no answer within {deadline:.1f} s")

    @staticmethod
    def _one_by_one(calls: dict[str, Callable[[], T]], deadline: float, source: str) -> dict[str, T | TurtleError]:
        end = time.monotonic() + deadline
        late = SourceSlow(source, f"no answer within {deadline:.1f} s")
        return {key: _safely(key, call) if time.monotonic() < end else late for key, call in calls.items()}


def _safely(key: str, call: Callable[[], T]) -> T | TurtleError:
    """The answer or the error; a fault of our own is logged whole and takes down only this one answer."""
    try:
        return call()
    except TurtleError as error:
        return error
    except Exception as error:
        log.exception("%s failed", key)
        return SourceBroken("portal", f"{key}: {error!r}")
