"""The demo's two Robinhood databases, in a real MariaDB: column types, key, and a reader who can only read."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from demo import database_robinhood as robinhood
from demo.model import Plan
from demo.plan_people import make_accounts, make_people
from demo.plan_storage import groups
from demo.state import SEED

pytestmark = pytest.mark.services
NOW = 1_795_366_000
PASSWORD = "reader-of-tests"
TYPES = {
    "uid": "int(10) unsigned",
    "type": "enum('symlink','dir','file','chr','blk','fifo','sock')",
    "size": "bigint(20) unsigned",
    "sz1T": "bigint(20) unsigned",
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(
        seed=SEED, begin=NOW, made_at=NOW, horizon=NOW, cluster="turtle", nodes=(), accounts=make_accounts(), people=make_people(),
        runs=(), events=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def port(mariadb: Any, plan: Plan) -> int:
    engine = create_engine(f"mysql+pymysql://root@127.0.0.1:{mariadb.port}/?charset=utf8mb4")
    robinhood.make(engine, PASSWORD)
    robinhood.write(engine, plan, NOW)
    robinhood.write(engine, plan, NOW + 3600)  # a later scan takes the place of the first
    engine.dispose()
    return mariadb.port


def ask(port: int, database: str, query: str) -> list[tuple]:
    engine = create_engine(f"mysql+pymysql://{robinhood.READER}:{PASSWORD}@127.0.0.1:{port}/{database}")
    try:
        with engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


def test_the_columns_are_robinhoods(port: int) -> None:
    for database in robinhood.DATABASES.values():
        told = {row[0]: row for row in ask(port, database, "describe ACCT_STAT")}
        assert {name: told[name][1] for name in TYPES} == TYPES
        assert [name for name, row in told.items() if row[3] == "PRI"] == ["uid", "gid", "type", "lhsm_status"]


def test_every_group_that_was_given_storage_is_there(port: int, plan: Plan) -> None:
    found = {row[0] for row in ask(port, "robinhood_project", "select distinct gid from ACCT_STAT")}
    assert found == {group.gid for group in groups(plan)}
    tape = ask(port, "robinhood_nearline", "select sum(blocks), sum(size) > 0 from ACCT_STAT where lhsm_status='released'")
    assert tape == [(0, 1)]


@pytest.mark.parametrize("statement", ["delete from ACCT_STAT", "update ACCT_STAT set size=0", "create table t (a int)", "select * from mysql.user"])
def test_the_reader_can_only_read(port: int, statement: str) -> None:
    with pytest.raises(OperationalError, match="denied"):
        ask(port, "robinhood_project", statement)
