"""The connection to a Robinhood database: read-only, with deadlines."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.engine import Engine, RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql import Executable

from core.errors import SourceDown, SourceError, SourceRefused, SourceSlow
from core.settings import Robinhood
from datasources.slurm.db import OUT_OF_TIME, QUIET_SECONDS, REFUSED, SPARE_SECONDS, prepare

SOURCE = "robinhood"
log = logging.getLogger("turtle.robinhood")


class RobinhoodDb:
    """Reads one Robinhood database. Raises SourceDown, SourceSlow or SourceRefused; never returns half an answer."""

    def __init__(self, name: str, settings: Robinhood) -> None:
        """Opens nothing yet: the first statement connects. `name`: its name in the settings."""
        self.name = name
        url = make_url(str(settings.url))
        if url.drivername in ("mysql", "mariadb"):
            url = url.set(drivername=f"{url.drivername}+pymysql")
        password = settings.password.get_secret_value()
        url = (url.set(password=password) if password else url).update_query_dict({"charset": "utf8mb4"})
        seconds = settings.timeout_seconds
        self.engine: Engine = create_engine(
            url, pool_size=settings.connections, max_overflow=0, pool_timeout=seconds, pool_recycle=1800, pool_pre_ping=True, isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": max(1, round(seconds)), "read_timeout": seconds + 2, "write_timeout": seconds + 2},
        )  # fmt: skip
        event.listen(self.engine, "connect", prepare(seconds))
        self._threads = ThreadPoolExecutor(settings.connections, thread_name_prefix=f"rbh-{name}")
        self._limit = seconds + SPARE_SECONDS
        self._silent_until = 0.0

    def rows(self, statement: Executable) -> Sequence[RowMapping]:
        """All rows of a select within the deadline; raises SourceDown, SourceSlow or SourceRefused."""
        if time.monotonic() < self._silent_until:
            raise SourceSlow(SOURCE, "kept silent a moment ago")
        future = self._threads.submit(copy_context().run, self._read, statement)
        try:
            return future.result(self._limit)
        except TimeoutError:
            future.cancel()
            self._silent_until = time.monotonic() + QUIET_SECONDS
            log.warning("%s: no answer within %.1f s", self.name, self._limit)
            raise SourceSlow(SOURCE, f"{self.name}: no answer within {self._limit:.1f} s") from None

    def _read(self, statement: Executable) -> Sequence[RowMapping]:
        try:
            with self.engine.connect() as connection:
                return connection.execute(statement).mappings().all()
        except PoolTimeout as error:
            raise SourceSlow(SOURCE, f"{self.name}: no free connection") from error
        except DBAPIError as error:
            raise self._translated(error) from error

    def _translated(self, error: DBAPIError) -> SourceError:
        cause = error.orig
        code = cause.args[0] if cause is not None and cause.args and isinstance(cause.args[0], int) else 0
        text = f"{self.name}: {cause}"
        log.warning("%s", text)
        if code in OUT_OF_TIME or (code == 2013 and "timed out" in text):
            return SourceSlow(SOURCE, text)
        return SourceRefused(SOURCE, text) if code in REFUSED else SourceDown(SOURCE, text)

    def close(self) -> None:
        """Ends all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()
