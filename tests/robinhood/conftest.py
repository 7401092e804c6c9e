"""Robinhood databases with its own column types in a real MariaDB, and a portal's sources over them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from datasources.connect import connect
from datasources.quota_holdings import Holding
from datasources.robinhood.db import SIZES
from datasources.sources import Sources

READER = "robinhood_tests"
STATUS = "lhsm_status ENUM('','new','modified','retrieving','archiving','synchro','released','release_pending','restore_pending') NOT NULL DEFAULT ''"
TYPE = "type ENUM('symlink','dir','file','chr','blk','fifo','sock') NOT NULL DEFAULT 'file'"
NUMBERS = "INT UNSIGNED NOT NULL DEFAULT 0"
NAMES = "VARBINARY(127) NOT NULL DEFAULT 'unknown'"
COUNTS = "BIGINT UNSIGNED DEFAULT 0"


def table_sql(ids: str = NUMBERS, *, status: bool = True, sizes: bool = True) -> str:
    """ACCT_STAT as Robinhood makes it: ids as numbers or as names, with or without HSM and size classes."""
    columns = [f"uid {ids}", f"gid {ids}", TYPE, *([STATUS] if status else [])]
    columns += [f"`{name}` {COUNTS}" for name in ("size", "blocks", "count", *(SIZES if sizes else ()))]
    key = "uid, gid, type" + (", lhsm_status" if status else "")
    return f"CREATE TABLE ACCT_STAT ({', '.join(columns)}, PRIMARY KEY ({key})) ENGINE=InnoDB"


def held(number: int | None, *, person: str = "ann", owner: str = "def-a", area: str = "project", label: str = "group") -> Holding:
    """Somebody's holding of a group."""
    return Holding(area=area, path=f"robinhood:{area}", label=label, owner=owner, number=number, source="robinhood", person=person)


class Rbh:
    """One MariaDB; `make` fills a database of its own, `sources` opens the portal's side, its reader may read ACCT_STAT alone."""

    def __init__(self, server: Any, folder: Path, closing: contextlib.ExitStack) -> None:
        self.server, self.folder, self.closing, self.opened = server, folder, closing, 0

    def make(self, name: str, table: str, *statements: str) -> str:
        """A database made anew."""
        self.server.create(name)
        self.server.execute(";\n".join([table, *statements]), name)
        self.server.execute(f"CREATE OR REPLACE USER '{READER}'@'127.0.0.1'; GRANT SELECT ON `{name}`.ACCT_STAT TO '{READER}'@'127.0.0.1'")
        return name

    def sources(self, *areas: tuple[str, str, bool], port: int = 0, user: str = READER, seconds: float = 5.0) -> Sources:
        """Sources with the areas (name, database, tape)."""
        self.opened += 1
        given = {
            "site": {"cluster": "alpha"}, "server": {"cache_dir": str(self.folder / f"cache{self.opened}")},
            "portal": {"url": f"sqlite:///{self.folder}/portal{self.opened}.db"},
            "storage": {"areas": {name: {"source": "robinhood", "label": "group", "robinhood": database, "tape": tape} for name, database, tape in areas}},
            "robinhood": {
                database: {"url": f"mysql+pymysql://{user}@127.0.0.1:{port or self.server.port}/{database}", "timeout_seconds": seconds}
                for _name, database, _tape in areas
            },
        }  # fmt: skip
        made = connect(Settings.model_validate(given))
        self.closing.callback(made.close)
        return made


@pytest.fixture
def rbh(mariadb: Any, tmp_path: Path) -> Iterator[Rbh]:
    """A server to make Robinhood databases in."""
    with contextlib.ExitStack() as closing:
        yield Rbh(mariadb, tmp_path, closing)


Make = Callable[..., Sources]
