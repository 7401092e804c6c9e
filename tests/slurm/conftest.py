"""The real dump in a real MariaDB, and a portal's sources over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from core.settings import Settings
from datasources.slurm.db import SlurmDb
from datasources.sources import Sources

DATA = Path(__file__).resolve().parents[1] / "data" / "slurm"
DUMP = DATA / "slurm2205_acct.sql.gz"
ASKED_AT = 1795360236  # 2026-11-22 15:10:36 UTC: when sacct was asked


def sources_of(settings: Settings, db: SlurmDb, clock: Callable[[], float] = lambda: ASKED_AT) -> Sources:
    """Sources with nothing but accounting."""
    rest: Any = None
    return Sources(settings=settings, hooks=rest, prometheus=None, slurm=db, portal=rest, cache=rest, pool=rest, clock=clock)


class Accounting:
    """A database of its own made from the dump; `execute` changes it as root, `sources` opens the portal's side."""

    def __init__(self, server: Any, name: str) -> None:
        self.server, self.name = server, name
        server.create(name, DUMP)
        self.opened: list[SlurmDb] = []

    def execute(self, *statements: str) -> list[tuple]:
        """The rows of the last statement."""
        link = pymysql.connect(host="127.0.0.1", port=self.server.port, user="root", database=self.name, charset="utf8mb4", autocommit=True)
        with link, link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def script(self, text: str) -> None:
        """Runs the statements of a file."""
        lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        self.execute(*(statement for statement in lines.split(";\n") if statement.strip(" ;\n")))

    def sources(self, cluster: str = "alpha", user: str = "root", **slurm: Any) -> Sources:
        """Sources of a portal for this cluster."""
        url = f"mysql+pymysql://{user}@127.0.0.1:{self.server.port}/{self.name}"
        settings = Settings.model_validate({"site": {"cluster": cluster}, "slurm": {"url": url, **slurm}})
        db = SlurmDb(settings)
        self.opened.append(db)
        return sources_of(settings, db)

    def close(self) -> None:
        """Ends connections and drops the database."""
        for db in self.opened:
            db.close()
        self.execute(f"drop database `{self.name}`")


@pytest.fixture(scope="session")
def accounting(mariadb: Any) -> Iterator[Accounting]:
    """The dump as it is; nobody changes it."""
    made = Accounting(mariadb, "slurm_as_dumped")
    yield made
    made.close()


@pytest.fixture
def changed(mariadb: Any) -> Iterator[Accounting]:
    """A copy of the dump a test may change."""
    made = Accounting(mariadb, "slurm_changed")
    yield made
    made.close()


@pytest.fixture(scope="session")
def sources(accounting: Accounting) -> Sources:
    """Sources over the unchanged dump, cluster alpha."""
    return accounting.sources()
