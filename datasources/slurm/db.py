"""The connection to Slurm's accounting database: what the tables of this version hold."""

from __future__ import annotations

import logging

from core.errors import SourceRefused
from core.settings import Settings
from datasources.mysql import Mysql, recorded
from datasources.slurm.columns import GLOBAL_TABLES, TABLES, Schema, schema_query

__all__ = ["SlurmDb", "recorded"]
log = logging.getLogger("turtle.slurm")


class SlurmDb(Mysql):
    """Reads the accounting database of one cluster. Raises SourceDown, SourceSlow or SourceRefused; never returns half an answer."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet: the first statement connects."""
        one = settings.slurm
        super().__init__("slurm", "accounting database", one.url, one.password, one.timeout_seconds, one.connections)
        self.cluster = settings.site.cluster
        self.logins: dict[int, str] = {}  # uid → login, as far as asked

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
