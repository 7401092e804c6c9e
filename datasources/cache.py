"""The answers' cache: a folder on a local disk, shared by all workers, with one maker at a time for each answer."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pickle
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from core.errors import SettingsError, SourceSlow

T = TypeVar("T")
log = logging.getLogger(__name__)
PATIENCE = 10.0  # seconds one waits for another's answer: a section's whole deadline
_MISSING = object()
_BROKEN = (sqlite3.Error, pickle.PickleError, OSError, EOFError, diskcache.Timeout, ValueError, TypeError, AttributeError, ImportError)


class Cache:
    """Values are pickles, so whoever can write the folder runs code: it must be ours, mode 0700.

    Raises SettingsError if the folder cannot be used.
    """

    def __init__(self, folder: Path | str, mb: int) -> None:
        self.folder = Path(folder)
        try:
            _private(self.folder)
            self._locks = open(self.folder / "locks", "a+b")  # noqa: SIM115 - lives as long as the cache
            self._disk = diskcache.Cache(str(self.folder), size_limit=mb * 1024**2, timeout=2)
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            raise SettingsError(f"server.cache_dir = {self.folder}: cannot be used ({error}); name a folder the portal may write") from None
        self._making: dict[str, Future] = {}
        self._guard = threading.Lock()

    def get_or_make(self, key: tuple, ttl: float, make: Callable[[], T]) -> T:
        """The value kept for `key`, else make() once for all threads and workers that ask meanwhile.

        Kept `ttl` seconds (0: not at all). What make() raises goes to all who wait and is not kept. Treat the value as
        read-only. Raises SourceSlow if another's answer takes longer than ten seconds.
        """
        name = hashlib.sha256(repr(key).encode()).hexdigest()
        found = self._read(name)
        if found is not _MISSING:
            return found
        with self._guard:
            leader = name not in self._making
            future = self._making.setdefault(name, Future())
        if not leader:
            return self._follow(future, key)
        try:
            value = self._lead(name, ttl, make)
        except BaseException as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(value)
            return value
        finally:
            with self._guard:
                del self._making[name]

    def kept(self, key: tuple) -> Any:
        """What is kept for `key` now, None if nothing is: nothing is made and nobody is waited for."""
        found = self._read(hashlib.sha256(repr(key).encode()).hexdigest())
        return None if found is _MISSING else found

    def close(self) -> None:
        """Close the files."""
        self._disk.close()
        self._locks.close()

    def clear(self) -> None:
        """Forget everything."""
        self._disk.clear()

    def _follow(self, future: Future, key: tuple) -> T:
        try:
            return future.result(timeout=PATIENCE)
        except FutureTimeout:
            raise SourceSlow("portal", f"waited {PATIENCE:g} s for {key[:2]}") from None

    def _lead(self, name: str, ttl: float, make: Callable[[], T]) -> T:
        with self._locked(name):
            found = self._read(name)
            if found is not _MISSING:
                return found
            value = make()
            if ttl > 0:
                self._write(name, value, ttl)
            return value

    def _read(self, name: str) -> object:
        try:
            return self._disk.get(name, default=_MISSING)
        except _BROKEN as error:
            log.warning("cache entry unreadable, made anew: %r", error)
            return _MISSING

    def _write(self, name: str, value: object, ttl: float) -> None:
        try:
            self._disk.set(name, value, expire=ttl)
        except _BROKEN as error:
            # a full disk must not take the page down
            log.warning("cache cannot be written: %r", error)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold this key's byte of the lock file. Such locks are between processes (threads wait on a future), belong to a
        key alone, so that one answer may be made of others, and are freed by the kernel when a worker dies."""
        byte = int(name[:15], 16)
        end, pause = time.monotonic() + PATIENCE, 0.002
        while not _try_lock(self._locks.fileno(), byte):
            if time.monotonic() > end:
                raise SourceSlow("portal", "another worker holds this answer for too long")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        try:
            yield
        finally:
            fcntl.lockf(self._locks.fileno(), fcntl.LOCK_UN, 1, byte)


def _try_lock(descriptor: int, byte: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise OSError("it belongs to another user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError("not writable")
