"""A Robinhood database that is down, slow, refuses or is not as expected says so, and harms nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from components.check_robinhood import robinhood_lines
from components.routes import ready
from core.errors import NoData, SourceDown, SourceRefused, SourceSlow, Why
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources import quotas
from datasources.robinhood import usage
from datasources.sources import Sources
from tests.robinhood.conftest import NUMBERS, Rbh, held, table_sql
from tests.services import free_port

pytestmark = pytest.mark.services
ANN = Viewer(name="ann", full_name="")
ROW = "INSERT INTO ACCT_STAT (uid, gid, type, size, blocks, count) VALUES (1001, 7001, 'file', 5, 10, 4)"


def ask(sources: Sources) -> object:
    return usage.group_usage(sources, viewer=ANN, area="project", held=[held(7001)])


def lines(sources: Sources) -> dict[str, tuple[str, str]]:
    return {line.what: (line.state, line.found) for line in robinhood_lines(sources, ())}


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


def test_down_and_silent(rbh: Rbh, silent: int) -> None:
    down = rbh.sources(("project", "rbh_fails", False), port=free_port())
    with pytest.raises(SourceDown) as told:
        ask(down)
    assert told.value.source == "robinhood"
    assert ready(down) == {"robinhood.rbh_fails": False}
    slow = rbh.sources(("project", "rbh_fails", False), port=silent, seconds=0.3)
    with pytest.raises((SourceSlow, SourceDown)):
        ask(slow)


def test_slow_is_ended_on_the_server_and_nothing_can_be_written(rbh: Rbh) -> None:
    rbh.make("rbh_slow", table_sql(), ROW)
    sources = rbh.sources(("project", "rbh_slow", False), seconds=0.5, user="root")
    db = sources.robinhood["rbh_slow"]
    with pytest.raises(SourceSlow):
        db.rows(text("select count(*) from seq_1_to_4000000000 where seq % 7 = 8"))
    running = "select count(*) from information_schema.processlist where info like '%seq_1_to_4000000000 where%' and id <> connection_id()"
    assert rbh.server.execute(running).split()[-1] == "0"
    with pytest.raises(SourceRefused):
        db.rows(text("delete from ACCT_STAT"))


def test_refused(rbh: Rbh) -> None:
    rbh.make("rbh_refused", table_sql(), ROW)
    sources = rbh.sources(("project", "rbh_refused", False), user="stranger")
    with pytest.raises(SourceRefused):
        ask(sources)
    assert lines(sources)["ACCT_STAT"][0] == "failed"


@pytest.mark.parametrize(
    ("table", "told"),
    [("CREATE TABLE ENTRIES (id int)", "ACCT_STAT"), (f"CREATE TABLE ACCT_STAT (uid {NUMBERS}, gid {NUMBERS}, type int, size int)", "ACCT_STAT.blocks, ACCT_STAT.count")],
)
def test_table_and_columns_missing_are_named(rbh: Rbh, table: str, told: str) -> None:
    rbh.server.create("rbh_missing")
    rbh.server.execute(table, "rbh_missing")
    sources = rbh.sources(("project", "rbh_missing", False), user="root")
    with pytest.raises(SourceRefused) as refused:
        ask(sources)
    assert f"cannot read {told} (missing, or not granted)" in refused.value.detail
    assert lines(sources)["ACCT_STAT"] == ("failed", refused.value.detail)


def test_check_tells_what_works_and_what_lacks(rbh: Rbh) -> None:
    rbh.make("rbh_check", table_sql(status=False, sizes=False), ROW)
    sources = rbh.sources(("project", "rbh_check", True))
    found = lines(sources)
    assert found["grants"] == ("ok", "read only") and found["lhsm_status"][0] == "missing"
    assert found["ACCT_STAT"][0] == "ok" and "sz0" in found["ACCT_STAT"][1] and "one pass" in found["index of gid"][1]
    assert lines(rbh.sources(("project", "rbh_check", False), user="root"))["grants"][0] == "failed"
    assert ready(sources) == {"robinhood.rbh_check": True}


def test_one_database_that_fails_leaves_the_other(rbh: Rbh) -> None:
    rbh.make("rbh_well", table_sql(), ROW)
    sources = rbh.sources(("project", "rbh_well", False), ("nearline", "rbh_absent", True))
    when = TimeRange(start=0, end=3600, now=3600)
    both = [held(7001), held(7001, area="nearline")]
    found = quotas.measured(sources, viewer=ANN, held=both, when=when)
    assert found.used[both[0].key("bytes")] == 5120 and set(found.errors) == {"nearline"}
    assert isinstance(found.errors["nearline"], SourceRefused)


def test_an_area_without_a_database_is_not_configured(rbh: Rbh) -> None:
    sources = rbh.sources(("project", "rbh_fails", False))
    with pytest.raises(NoData) as told:
        usage.group_usage(sources, viewer=ANN, area="elsewhere", held=[held(7001)])
    assert told.value.why is Why.NOT_CONFIGURED
