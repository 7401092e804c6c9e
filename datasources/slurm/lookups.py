"""Small lookups remembered in this process: one question at a time for each key, and none waits for another key's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from core.errors import SourceSlow

T = TypeVar("T")
KEPT_AT_MOST = 5000  # people and accounts asked for; the schema is among the first and is cheap to ask again
PATIENCE = 10.0  # seconds one waits for another's answer: a section's whole deadline


class Lookups:
    """Answers by key, each for its own time; bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for the dictionaries only, never while a server is asked
        self._kept: dict[object, tuple[float, Any]] = {}
        self._asked: dict[object, Future] = {}
        self._drops = 0

    def get_or_make(self, key: object, make: Callable[[], T], seconds: float) -> T:
        """The answer kept for `key`, else make() once for all who ask meanwhile, kept `seconds` unless it is empty.

        What make() raises goes to all who wait and is not kept. Raises SourceSlow if another's answer takes too long.
        """
        with self._lock:
            held = self._kept.get(key)
            if held is not None and held[0] >= time.monotonic():
                return held[1]
            future, drops = self._asked.get(key), self._drops
            mine = future is None
            if mine:
                future = self._asked[key] = Future()
        if not mine:
            return _follow(future, key)
        try:
            made = make()
        except BaseException as error:
            self._settle(key, future)
            future.set_exception(error)
            raise
        self._settle(key, future)
        # Somebody's first job or account is wanted at once, not when a remembered "none" has aged
        if made:
            self._keep(key, made, seconds, drops)
        future.set_result(made)
        return made

    def _keep(self, key: object, made: Any, seconds: float, drops: int) -> None:
        with self._lock:
            if drops != self._drops:  # asked before everything was dropped
                return
            if len(self._kept) >= KEPT_AT_MOST:
                now = time.monotonic()
                self._kept = {one: held for one, held in self._kept.items() if held[0] >= now}
                while len(self._kept) >= KEPT_AT_MOST:
                    del self._kept[next(iter(self._kept))]
            self._kept[key] = (time.monotonic() + seconds, made)

    def _settle(self, key: object, future: Future) -> None:
        with self._lock:
            if self._asked.get(key) is future:
                del self._asked[key]

    def clear(self) -> None:
        """Drop everything; an answer that is under way goes to those who wait for it and is not kept."""
        with self._lock:
            self._drops += 1
            self._kept.clear()
            self._asked.clear()


def _follow(future: Future, key: object) -> Any:
    try:
        return future.result(PATIENCE)
    except FutureTimeout:
        if future.done():  # the maker's own error was a TimeoutError
            raise
        raise SourceSlow("slurm", f"waited {PATIENCE:g} s for {key!r}") from None
