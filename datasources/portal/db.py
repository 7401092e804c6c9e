"""The portal's own database: opened when first used, brought up to date by itself."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.engine import Engine, RowMapping
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.sql import Executable

from core.errors import SourceDown, SourceRefused
from core.settings import Settings

log = logging.getLogger("turtle.portal")
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
SOURCE = "portal"
WAIT_SECONDS = 10  # how long a writer waits for another one on SQLite


class PortalDb:
    """Reads and writes the portal's own database (SQLite, MariaDB or PostgreSQL). Raises SourceDown or SourceRefused."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet; the first use makes the file's folder and the tables."""
        self.cluster = settings.site.cluster
        self.url = make_url(settings.portal.url)
        self.engine: Engine = create_engine(self.url, pool_pre_ping=True, **self._options())
        if self.url.get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _for_many_readers)
        self._lock = threading.Lock()
        self._ready = False

    def _options(self) -> dict[str, object]:
        if self.url.get_backend_name() == "sqlite":
            return {"connect_args": {"timeout": WAIT_SECONDS}}
        return {"pool_recycle": 1800, "pool_size": 4}

    def upgrade(self) -> None:
        """Bring the tables to the newest layout; of several processes that start together one does it, the others wait."""
        file = self.url.database if self.url.get_backend_name() == "sqlite" else None
        if file and file != ":memory:":
            Path(file).expanduser().parent.mkdir(parents=True, exist_ok=True)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with _only_one(self.url.render_as_string(hide_password=True)), self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _prepare(self) -> None:
        with self._lock:
            if not self._ready:
                self.upgrade()
                self._ready = True

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection that commits at the end, or takes everything back; database errors become SourceDown or SourceRefused."""
        try:
            self._prepare()
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            log.warning("portal database: %s", error.orig)
            kind = SourceDown if _away(error) else SourceRefused
            raise kind(SOURCE, str(error.orig)) from error
        except (SQLAlchemyError, OSError) as error:
            log.warning("portal database: %s", error)
            raise SourceDown(SOURCE, str(error)) from error

    def rows(self, statement: Executable) -> Sequence[RowMapping]:
        """All rows of a select."""
        with self.transaction() as connection:
            return connection.execute(statement).mappings().all()

    def close(self) -> None:
        """Ends all connections."""
        self.engine.dispose()


def _away(error: DBAPIError) -> bool:
    """Whether the database did not answer, rather than say no: MySQL's clients number their own errors from 2000 on."""
    code = error.orig.args[0] if error.orig is not None and error.orig.args else 0
    return error.connection_invalidated or "unable to open" in str(error.orig) or (isinstance(code, int) and code >= 2000)


def _for_many_readers(connection: object, _record: object) -> None:
    """Readers and the one writer do not block each other in this mode."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


@contextmanager
def _only_one(name: str) -> Iterator[None]:
    """A lock between the processes of this machine, let go by the system even if its holder dies."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    with open(Path(tempfile.gettempdir()) / f"turtle-migrate-{digest}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
