"""The connection to a Robinhood database: read-only, with deadlines, and what its table ACCT_STAT holds."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import text

from core.errors import SourceRefused
from core.settings import Robinhood
from datasources.mysql import Mysql

SOURCE = "robinhood"
TABLE = "ACCT_STAT"
NEEDED = ("uid", "gid", "type", "size", "blocks", "count")
STATUS = "lhsm_status"  # only where Robinhood looks after tapes
SIZES = ("sz0", "sz1", "sz32", "sz1K", "sz32K", "sz1M", "sz32M", "sz1G", "sz32G", "sz1T")
WHOLE_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
# Lower-cased aliases: MySQL 8 answers in capitals what MariaDB answers in small letters
COLUMNS = text(
    "SELECT COLUMN_NAME AS column_name, DATA_TYPE AS data_type FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :name"
).bindparams(name=TABLE)
INDEXES = text(
    "SELECT COLUMN_NAME AS column_name FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :name AND SEQ_IN_INDEX = 1"
).bindparams(name=TABLE)
log = logging.getLogger("turtle.robinhood")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How this version keeps ACCT_STAT: its columns, whether people and groups are names there and not numbers, an index of groups."""

    columns: frozenset[str]
    names: bool
    by_group: bool

    @property
    def status(self) -> bool:
        """Whether it knows what is on tape."""
        return STATUS in self.columns

    @property
    def sizes(self) -> tuple[str, ...]:
        """The classes of file sizes it counts."""
        return tuple(name for name in SIZES if name in self.columns)


class RobinhoodDb(Mysql):
    """Reads one Robinhood database. Raises SourceDown, SourceSlow or SourceRefused; never returns half an answer."""

    def __init__(self, name: str, settings: Robinhood) -> None:
        """Opens nothing yet: the first statement connects. `name`: its name in the settings."""
        super().__init__(SOURCE, f"Robinhood {name}", str(settings.url), settings.password, settings.timeout_seconds, settings.connections)
        self.name = name

    @property
    def layout(self) -> Layout:
        """What ACCT_STAT looks like here, asked once; raises SourceRefused where it, or a needed column, is missing."""
        return self.kept("layout", self._discover)

    def _discover(self) -> Layout:
        types = {str(row["column_name"]): str(row["data_type"]).lower() for row in self.rows(COLUMNS)}
        missing = [f"{TABLE}.{column}" for column in NEEDED if column not in types] if types else [TABLE]
        if missing:
            told = f"{self.name}: cannot read {', '.join(missing)} (missing, or not granted)"
            log.error("Robinhood %s", told)
            raise SourceRefused(SOURCE, told)
        first = {str(row["column_name"]) for row in self.rows(INDEXES)}
        return Layout(columns=frozenset(types), names=types["uid"] not in WHOLE_NUMBERS, by_group="gid" in first)
