"""The connection to Slurm's accounting database: read-only, with deadlines, and with what the tables of this version hold."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.engine import Engine, RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql import Executable

from core.errors import SourceDown, SourceError, SourceRefused, SourceSlow
from core.settings import Settings
from datasources.slurm.columns import GLOBAL_TABLES, TABLES, Schema, schema_query
from datasources.slurm.lookups import Lookups

T = TypeVar("T")
log = logging.getLogger("turtle.slurm")
LOOKUP_SECONDS = 600.0
SPARE_SECONDS = 1.0  # longer than the server's own deadline, so that its text says what happened
QUIET_SECONDS = 3.0  # a server that kept silent is not asked again for so long: else each question of a page would wait
OUT_OF_TIME = {1969, 3024, 1317}  # max_statement_time (MariaDB), max_execution_time (MySQL), interrupted
REFUSED = {1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1370, 1698}
CHANGED = {1054, 1146}  # a column or table went away: Slurm was upgraded below us

_recorder: ContextVar[list[str] | None] = ContextVar("slurm_statements", default=None)


@contextmanager
def recorded(into: list[str] | None = None) -> Iterator[list[str]]:
    """Collects the text of every statement sent in this context (copy the context into threads): `len()` is their number."""
    statements: list[str] = [] if into is None else into
    token = _recorder.set(statements)
    try:
        yield statements
    finally:
        _recorder.reset(token)


def _address(settings: Settings) -> URL:
    url = make_url(settings.slurm.url)
    if url.drivername in ("mysql", "mariadb"):
        url = url.set(drivername=f"{url.drivername}+pymysql")
    password = settings.slurm.password.get_secret_value()
    if password:
        url = url.set(password=password)
    return url.update_query_dict({"charset": "utf8mb4"})


def prepare(seconds: float) -> Callable[..., None]:
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


class SlurmDb:
    """Reads the accounting database of one cluster. Raises SourceDown, SourceSlow or SourceRefused; never returns half an answer."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet: the first statement connects."""
        self.cluster = settings.site.cluster
        seconds = settings.slurm.timeout_seconds
        self.engine: Engine = create_engine(
            _address(settings),
            pool_size=settings.slurm.connections,
            max_overflow=0,
            pool_timeout=seconds,
            pool_recycle=1800,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": max(1, round(seconds)), "read_timeout": seconds + 2, "write_timeout": seconds + 2},
        )
        # A dead connection may cost a timeout of its own before a new one is tried: only a thread can be left waiting
        self._threads = ThreadPoolExecutor(settings.slurm.connections, thread_name_prefix="slurm")
        self._limit = seconds + SPARE_SECONDS
        self._silent_until = 0.0
        event.listen(self.engine, "connect", prepare(seconds))
        event.listen(self.engine, "before_cursor_execute", _record)
        self._lookups = Lookups()
        self.logins: dict[int, str] = {}  # uid → login, as far as asked

    def rows(self, statement: Executable) -> Sequence[RowMapping]:
        """All rows of a select within the deadline; raises SourceDown, SourceSlow or SourceRefused."""
        if time.monotonic() < self._silent_until:
            raise SourceSlow("slurm", "kept silent a moment ago")
        future = self._threads.submit(copy_context().run, self._read, statement)
        try:
            return future.result(self._limit)
        except TimeoutError:
            future.cancel()
            self._silent_until = time.monotonic() + QUIET_SECONDS
            log.warning("accounting database: no answer within %.1f s", self._limit)
            raise SourceSlow("slurm", f"no answer within {self._limit:.1f} s") from None

    def _read(self, statement: Executable) -> Sequence[RowMapping]:
        try:
            with self.engine.connect() as connection:
                return connection.execute(statement).mappings().all()
        except PoolTimeout as error:
            log.warning("no free connection: %s", error)
            raise SourceSlow("slurm", "no free connection") from error
        except DBAPIError as error:
            raise self._translated(error) from error

    def _translated(self, error: DBAPIError) -> SourceError:
        cause = error.orig
        code = cause.args[0] if cause is not None and cause.args and isinstance(cause.args[0], int) else 0
        text = str(cause)
        log.warning("accounting database: %s", text)
        if code in OUT_OF_TIME or (code == 2013 and "timed out" in text):
            return SourceSlow("slurm", text)
        if code in CHANGED:
            self.forget()
        if code in REFUSED or 1000 <= code < 2000 and code not in (1040, 1053, 1152, 1159, 1161, 1203):
            return SourceRefused("slurm", text)
        return SourceDown("slurm", text)

    def kept(self, key: object, make: Callable[[], T], seconds: float = LOOKUP_SECONDS) -> T:
        """A small lookup remembered in this process; made anew after `seconds`. Errors and empty answers are not remembered.

        One thread asks for a key and the others wait for its answer; other keys are not held up.
        """
        return self._lookups.get_or_make(key, make, seconds)

    def forget(self) -> None:
        """Drops every remembered lookup, the schema included."""
        self._lookups.clear()

    @property
    def schema(self) -> Schema:
        """The columns this version's tables have, asked once; raises SourceRefused if a needed table or column is missing."""
        return self.kept("schema", self._discover)

    def _discover(self) -> Schema:
        found: dict[str, set[str]] = {}
        names = {f"{self.cluster}_{name}": name for name in TABLES} | {name: name for name in GLOBAL_TABLES}
        keys = set()
        for row in self.rows(schema_query(tuple(names))):
            name = names[row["table_name"]]
            found.setdefault(name, set()).add(row["column_name"])
            if name == "job_table":
                keys.add(row["key_name"])
        missing = [
            f"{name}.{column}" if name in found else name
            for name, (needed, _optional) in {**TABLES, **GLOBAL_TABLES}.items()
            for column in sorted(needed - found.get(name, set()))[:1]
        ]
        if missing:
            text = f"cluster {self.cluster!r}: cannot read {', '.join(missing)} (missing, or not granted)"
            log.error("accounting database: %s", text)
            raise SourceRefused("slurm", text)
        return Schema(cluster=self.cluster, columns={name: frozenset(columns) for name, columns in found.items()}, keys=frozenset(keys))

    def tres_names(self) -> dict[int, str]:
        """{id: name} of tres_table, such as {1: "cpu", 1002: "gres/gpu:a100"}."""

        def read() -> dict[int, str]:
            rows = self.rows(self.schema.select("tres_table", "id", "type", "name"))
            return {int(row["id"]): f"{row['type']}/{row['name']}" if row["name"] else row["type"] for row in rows}

        return self.kept("tres", read)

    def close(self) -> None:
        """Ends all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()


def _record(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
    into = _recorder.get()
    if into is not None:
        into.append(statement)
