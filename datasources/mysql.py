"""A MySQL or MariaDB that others own: read-only, every statement with a deadline on both sides, never half an answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.engine import Engine, RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql import Executable

from core.errors import SourceDown, SourceError, SourceRefused, SourceSlow
from datasources.slurm.lookups import Lookups

T = TypeVar("T")
LOOKUP_SECONDS = 600.0
SPARE_SECONDS = 1.0  # longer than the server's own deadline, so that its text says what happened
QUIET_SECONDS = 3.0  # a server that kept silent is not asked again for so long: else each question of a page would wait
OUT_OF_TIME = {1969, 3024, 1317}  # max_statement_time (MariaDB), max_execution_time (MySQL), interrupted
REFUSED = {1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1370, 1698}
PASSING = {1040, 1053, 1152, 1159, 1161, 1203}  # too many connections, shutting down, network: tomorrow it works
CHANGED = {1054, 1146}  # a column or table went away: its owner was upgraded below us

_recorder: ContextVar[list[str] | None] = ContextVar("sql_statements", default=None)


@contextmanager
def recorded(into: list[str] | None = None) -> Iterator[list[str]]:
    """Collects the text of every statement sent in this context, to whichever database (copy the context into threads): `len()` is their number."""
    statements: list[str] = [] if into is None else into
    token = _recorder.set(statements)
    try:
        yield statements
    finally:
        _recorder.reset(token)


def _record(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
    into = _recorder.get()
    if into is not None:
        into.append(statement)


def _address(text: str, password: SecretStr) -> URL:
    url = make_url(text)
    if url.drivername in ("mysql", "mariadb"):
        url = url.set(drivername=f"{url.drivername}+pymysql")
    if password.get_secret_value():
        url = url.set(password=password.get_secret_value())
    return url.update_query_dict({"charset": "utf8mb4"})


def _prepare(seconds: float) -> Callable[..., None]:
    """What each new connection is told: nothing may be written, and no statement may run longer than the deadline."""

    def connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        if "mariadb" in str(connection.get_server_info()).lower():
            cursor.execute(f"SET SESSION max_statement_time={seconds:.3f}, SESSION tx_read_only=1, SESSION time_zone='+00:00'")
        else:
            cursor.execute(
                f"SET SESSION max_execution_time={int(seconds * 1000)}, SESSION transaction_read_only=1, SESSION time_zone='+00:00'"
            )
        cursor.close()

    return connect


class Mysql:
    """Reads one database. Raises SourceDown, SourceSlow or SourceRefused of `source`; never returns half an answer."""

    def __init__(self, source: str, title: str, url: str, password: SecretStr, seconds: float, connections: int) -> None:
        """Opens nothing yet: the first statement connects. `title`: what the log calls it."""
        self.source, self.title = source, title
        self.engine: Engine = create_engine(
            _address(url, password),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=seconds,
            pool_recycle=1800,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": max(1, round(seconds)), "read_timeout": seconds + 2, "write_timeout": seconds + 2},
        )
        # A dead connection may cost a timeout of its own before a new one is tried: only a thread can be left waiting
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix=source)
        self._log = logging.getLogger(f"turtle.{source}")
        self._limit = seconds + SPARE_SECONDS
        self._silent_until = 0.0
        event.listen(self.engine, "connect", _prepare(seconds))
        event.listen(self.engine, "before_cursor_execute", _record)
        self._lookups = Lookups()

    def rows(self, statement: Executable) -> Sequence[RowMapping]:
        """All rows of a select within the deadline; raises SourceDown, SourceSlow or SourceRefused."""
        if time.monotonic() < self._silent_until:
            raise SourceSlow(self.source, "kept silent a moment ago")
        future = self._threads.submit(copy_context().run, self._read, statement)
        try:
            return future.result(self._limit)
        except TimeoutError:
            future.cancel()
            self._silent_until = time.monotonic() + QUIET_SECONDS
            self._log.warning("%s: no answer within %.1f s", self.title, self._limit)
            raise SourceSlow(self.source, f"no answer within {self._limit:.1f} s") from None

    def _read(self, statement: Executable) -> Sequence[RowMapping]:
        try:
            with self.engine.connect() as connection:
                return connection.execute(statement).mappings().all()
        except PoolTimeout as error:
            self._log.warning("%s: no free connection: %s", self.title, error)
            raise SourceSlow(self.source, "no free connection") from error
        except DBAPIError as error:
            raise self._translated(error) from error

    def _translated(self, error: DBAPIError) -> SourceError:
        cause = error.orig
        code = cause.args[0] if cause is not None and cause.args and isinstance(cause.args[0], int) else 0
        text = str(cause)
        self._log.warning("%s: %s", self.title, text)
        if code in OUT_OF_TIME or (code == 2013 and "timed out" in text):
            return SourceSlow(self.source, text)
        if code in CHANGED:
            self.forget()
        if code in REFUSED or 1000 <= code < 2000 and code not in PASSING:
            return SourceRefused(self.source, text)
        return SourceDown(self.source, text)

    def kept(self, key: object, make: Callable[[], T], seconds: float = LOOKUP_SECONDS) -> T:
        """A small lookup remembered in this process; made anew after `seconds`. Errors and empty answers are not remembered.

        One thread asks for a key and the others wait for its answer; other keys are not held up.
        """
        return self._lookups.get_or_make(key, make, seconds)

    def forget(self) -> None:
        """Drops every remembered lookup, what is known of the tables included."""
        self._lookups.clear()

    def close(self) -> None:
        """Ends all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()
