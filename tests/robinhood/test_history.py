"""Robinhood keeps no history: a reading a day is kept by the portal, and what becomes of it is told from the days on which it was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
from sqlalchemy import event

import app
from analysis.storage_history import keep_storage
from components.charts import quota as charts
from core.errors import NoData, NotAllowed, NotFound, SourceDown, Why
from core.hooks import Hooks
from core.settings import Portal, Settings
from core.timerange import TimeRange
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.portal.db import PortalDb
from datasources.portal.storage import is_kept, keep_reading, readings
from datasources.quotas import trend
from datasources.robinhood import usage
from datasources.sources import Sources
from pages import quota_frames, quotas_query, quotas_view
from pages.quotas_query import QuotasView
from tests.pages.test_quotas_page import about, said
from tests.robinhood.conftest import NAMES, Rbh, held, table_sql

pytestmark = pytest.mark.services
DAY, MIB = 86400, 1024**2
FIRST = 20_000  # days since 1970
ANN, EVE, ADA = Viewer(name="ann"), Viewer(name="eve"), Viewer(name="ada", is_staff=True)
GIVEN = [{"name": "def-a", "kind": "nearline", "id": 7001, "bytes": 100 * MIB}]
# 512-byte blocks on disk and sizes on tape: 10 MiB and 20 MiB of def-a, 3 files each; another group, and one with two entries
ROWS = f"""INSERT INTO ACCT_STAT (uid, gid, type, lhsm_status, size, blocks, count) VALUES
 (1001, 7001, 'file', 'synchro', 5, {10 * MIB // 512}, 3), (1002, 7001, 'file', 'released', {20 * MIB}, 0, 3),
 (1001, 7002, 'file', 'synchro', 5, 2, 9), (1001, 7003, 'file', '', 5, 2, 2)"""


@pytest.fixture(params=["sqlite", "mariadb"])
def opened(request: pytest.FixtureRequest, rbh: Rbh) -> Callable[[int], Sources]:
    """opened(time): a portal of that moment; all have one database."""
    rbh.make("rbh_days", table_sql(), ROWS)
    made = rbh.sources(("nearline", "rbh_days", True))
    if request.param == "mariadb":
        made = replace(made, portal=PortalDb(Settings(portal=Portal(url=rbh.server.create("storage_portal")), site=made.settings.site)))
        rbh.closing.callback(made.portal.close)
    hooks = Hooks({"storage_allocations": lambda name: GIVEN if name == "ann" else [], "person": lambda name: ""})
    return lambda at: replace(made, hooks=hooks, clock=lambda: float(at))


def grow(rbh: Rbh, size: int) -> None:
    """What is on tape now, MiB."""
    rbh.server.execute(f"UPDATE ACCT_STAT SET size = {size * MIB} WHERE lhsm_status = 'released'", "rbh_days")


def at(day: int, second: int = 300) -> int:
    return (FIRST + day) * DAY + second


def span(day: int, back: int = 30) -> TimeRange:
    return TimeRange(start=at(day) - back * DAY, end=at(day) + 3600, now=at(day) + 3600)


def kept(sources: Sources, viewer: Viewer = ANN, number: int = 7001, owner: str = "def-a", first: int = FIRST) -> Any:
    one = held(number, area="nearline", owner=owner)
    return readings(sources, viewer=viewer, held=[one], first=first, last=FIRST + 1000).get(("nearline", owner))


def test_a_reading_a_day_and_the_outlook_from_it(opened: Callable[[int], Sources], rbh: Rbh) -> None:
    for day, size in enumerate((20, 22, 24, 26, 28)):
        grow(rbh, size)
        portal = opened(at(day, 300 + 60 * day))
        assert keep_storage(portal) == 1
        grow(rbh, 70)  # of the same day: the first reading stays
        assert keep_storage(opened(at(day, 9000))) == 0
        grow(rbh, size)
        portal.cache.clear()
        if day == 0:
            # one reading is no line
            assert quota_frames.over_time(portal, ANN, "ann", "nearline", span(day))["bytes"].why is Why.COUNTED_ONCE
            frames = quotas_query.summary(portal, ANN, QuotasView(id=""), span(day))
            words = said(quotas_view.draw_table(frames, about(ANN, portal.settings)))
            assert "read once a day since 4 Oct 2024 00:05 UTC: too little to say yet" in words
    found = kept(portal)
    assert found["bytes"].tolist() == [(10 + size) * MIB for size in (20, 22, 24, 26, 28)] and found["files"].tolist() == [6.0] * 5
    assert [int(time.timestamp()) for time in found.index] == [at(day, 300 + 60 * day) for day in range(5)]
    frames = quotas_query.summary(portal, ANN, QuotasView(id=""), span(4))
    outlook = frames["outlooks"][("bytes", "nearline", "def-a")]
    # 2 MiB a day, and a minute; 62 of 100 MiB are left
    assert frames["quotas"]["bytes_used"].tolist() == [38 * MIB]
    assert outlook.kind == "full_in" and outlook.low == pytest.approx(31, rel=0.01) and outlook.high == pytest.approx(31, rel=0.01)
    assert "full in about 31 days at the pace of the last 5 days" in said(quotas_view.draw_table(frames, about(ANN, portal.settings)))
    assert frames["trend_errors"] == {} and quotas_query.trend_keys(portal.settings) == ("over_nearline",)


def test_a_day_that_was_missed_is_a_gap(opened: Callable[[int], Sources]) -> None:
    for day in (0, 1, 3):
        keep_storage(opened(at(day)))
    found = quota_frames.over_time(opened(at(3)), ANN, "ann", "nearline", span(3))["bytes"]
    # every day of the range has its place
    assert [int(time.timestamp()) for time in found.index] == [(FIRST + day) * DAY for day in range(-27, 4)] and found.attrs["step"] == DAY
    assert found.iloc[-5:, 0].isna().tolist() == [True, False, False, True, False] and found.iloc[:-4, 0].isna().all() and found.iloc[-1, 0] == 30 * MIB
    drawn = charts.space(found, about(ANN, opened(at(3)).settings))
    assert go.Figure(drawn).data[0].dx == DAY * 1000
    short = quota_frames.over_time(opened(at(3, 7200)), ANN, "ann", "nearline", TimeRange(start=at(3, 6000), end=at(3, 7200), now=at(3, 7200)))
    assert isinstance(short["bytes"], NoData) and short["bytes"].why is Why.NO_DATA


def test_what_is_old_goes_and_none_is_kept_where_the_settings_say_so(opened: Callable[[int], Sources]) -> None:
    def days(count: int, at_: int) -> Sources:
        made = opened(at_)
        storage = made.settings.storage.model_copy(update={"history_days": count})
        return replace(made, settings=made.settings.model_copy(update={"storage": storage}))

    for day in range(4):
        keep_storage(days(2, at(day)))
    assert len(kept(opened(at(3)))) == 2 and not is_kept(opened(at(3)), area="nearline", first=0, last=FIRST + 1)
    none = days(0, at(4))
    assert keep_storage(none) == 0 and not is_kept(none, area="nearline", first=FIRST + 4, last=FIRST + 4)
    assert quotas_query.trend_keys(none.settings) == ()
    assert quotas_query.summary(none, ANN, QuotasView(id=""), span(4))["trend_errors"] == {}


def test_the_timers_command_reads_storage_even_where_jobs_cannot_be(rbh: Rbh, tmp_path: Path) -> None:
    rbh.make("rbh_days", table_sql(), ROWS)
    made = rbh.sources(("nearline", "rbh_days", True))
    file = tmp_path / "turtle.toml"
    file.write_text(f"""
site.cluster = "alpha"
server.cache_dir = "{tmp_path}/cache"
portal.url = "{made.portal.url}"
storage.areas.nearline = {{source = "robinhood", label = "group", robinhood = "main", tape = true}}
robinhood.main.url = "{made.settings.robinhood["rbh_days"].url}"
""")
    # this site has no accounting: that is what the command ends with
    assert app.main(["summarise", "--config", str(file)]) == 1
    one = held(7001, area="nearline")
    assert readings(made, viewer=ANN, held=[one], first=0, last=10**6)["nearline", "def-a"]["bytes"].tolist() == [30 * MIB]


def test_before_the_first_reading_the_page_says_so(opened: Callable[[int], Sources]) -> None:
    portal = opened(at(0))
    frames = quotas_query.summary(portal, ANN, QuotasView(id=""), span(0))
    assert "“app.py summarise”" in said(quotas_view.draw_table(frames, about(ANN, portal.settings)))
    assert quota_frames.over_time(portal, ANN, "ann", "nearline", span(0))["bytes"].why is Why.NOT_COUNTED
    keep_storage(portal)
    # who has nothing has no reading, which is not the same
    nothing = held(7999, area="nearline", owner="def-n")
    assert trend(portal, viewer=ANN, held=[nothing], when=span(0)) == trend(portal, viewer=ANN, held=[], when=span(0))


def test_nobody_reads_what_is_not_theirs(opened: Callable[[int], Sources]) -> None:
    portal = opened(at(0))
    keep_storage(portal)
    for viewer in (EVE, PUBLIC):
        with pytest.raises(NotFound):
            kept(portal, viewer)
        with pytest.raises(NotAllowed):
            usage.of_everybody(portal, viewer=viewer, area="nearline")
    assert kept(portal, ADA)["bytes"].tolist() == [30 * MIB] and kept(portal, number=7002, owner="def-b")["files"].tolist() == [9.0]
    # a group that is called like another's number is not that group, nor is one whose name differs in case, or who left two entries
    assert kept(portal, number=1, owner="7001") is None and kept(portal, number=7003) is None
    assert sorted(usage.of_everybody(portal, viewer=PORTAL, area="nearline")["ident"]) == ["7001", "7002"]


def test_two_that_read_at_once_and_a_robinhood_that_is_down(opened: Callable[[int], Sources], rbh: Rbh, caplog: pytest.LogCaptureFixture) -> None:
    portal = opened(at(0))
    found = pd.DataFrame({"ident": ["7001"], "bytes": [5.0], "files": [6.0]})
    for size in (5.0, 7.0):
        keep_reading(portal, area="nearline", who="gid", day=FIRST, counted_at=at(0), found=found.assign(bytes=size))
    assert kept(portal)["bytes"].tolist() == [5.0]
    away = replace(rbh.sources(("nearline", "rbh_days", True), port=1), portal=portal.portal, clock=lambda: float(at(1)))
    assert keep_storage(away) == 0 and "today's reading of nearline is not kept" in caplog.text
    # what was kept is read without it
    assert kept(away)["bytes"].tolist() == [5.0]
    broken = replace(portal, portal=PortalDb(Settings(portal=Portal(url="mysql+pymysql://nobody@127.0.0.1:1/none"))))
    with pytest.raises(SourceDown):
        keep_storage(broken)


def test_groups_that_are_names_are_kept_by_name(rbh: Rbh) -> None:
    rbh.make("rbh_named", table_sql(NAMES), "INSERT INTO ACCT_STAT (uid, gid, blocks, count) VALUES ('ann', 'def-a', 4, 3), ('ann', 'def-B', 6, 3)")
    portal = replace(rbh.sources(("nearline", "rbh_named", True)), clock=lambda: float(at(0)))
    assert keep_storage(portal) == 1
    assert kept(portal)["bytes"].tolist() == [2048] and kept(portal, number=1, owner="def-b") is None and kept(portal, owner="def-B") is not None


def test_reading_is_on_the_key(opened: Callable[[int], Sources]) -> None:
    """Of the readings of two thousand groups a person's groups cost their own, in MariaDB and in SQLite."""
    portal, sent = opened(at(0)), []
    many = pd.DataFrame({"ident": [str(gid) for gid in range(7000, 9000)], "bytes": 1.0, "files": 3.0})
    for day in range(3):
        keep_reading(portal, area="nearline", who="gid", day=FIRST + day, counted_at=at(day), found=many)
    event.listen(portal.portal.engine, "before_cursor_execute", lambda *told: sent.append(told[2:4]))
    two = [held(gid, area="nearline", owner=owner) for gid, owner in ((7001, "def-a"), (8002, "def-b"))]
    assert all(len(found) == 3 for found in readings(portal, viewer=ANN, held=two, first=FIRST, last=FIRST + 9).values())
    statement, values = next(one for one in sent if "FROM storage_days" in one[0])
    lite = portal.portal.url.get_backend_name() == "sqlite"
    with portal.portal.transaction() as connection:
        if not lite:
            connection.exec_driver_sql("ANALYZE TABLE storage_days")
        plan = connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if lite else "EXPLAIN ") + statement, values).mappings().all()
    if lite:
        assert all("SCAN" not in row["detail"] for row in plan), plan
    else:
        assert [row["type"] for row in plan] == ["range"] and int(plan[0]["rows"]) < 50, plan
