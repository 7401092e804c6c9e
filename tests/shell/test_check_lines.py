"""What `check` says of what is missing, without a server."""

from __future__ import annotations

from components.check_slurm import EMPTIES
from datasources.slurm.columns import GLOBAL_TABLES, TABLES


def test_every_optional_column_says_what_it_empties() -> None:
    for name, (_needed, optional) in {**TABLES, **GLOBAL_TABLES}.items():
        silent = [column for column in optional if (name, column) not in EMPTIES and (name, "") not in EMPTIES]
        assert silent == [], name
