"""A million rows of ACCT_STAT: what each question examines, counted by the server."""

from __future__ import annotations

import time

import pymysql
import pytest

from core.viewer import Viewer
from datasources.robinhood import usage
from datasources.sources import Sources
from tests.robinhood.conftest import Rbh, held, table_sql

pytestmark = pytest.mark.services
STAFF, ANN = Viewer(name="ada", is_staff=True, full_name=""), Viewer(name="ann", full_name="")
PEOPLE, PER_PERSON = 50_400, 20  # 10 groups × 2 statuses of each person; 2000 groups
ROWS = PEOPLE * PER_PERSON
BUDGET_SECONDS = 5.0  # of one statement: the default deadline
FILL = f"""SET unique_checks = 0; INSERT INTO ACCT_STAT (uid, gid, type, lhsm_status, size, blocks, count, sz1M)
SELECT 1000 + seq DIV {PER_PERSON}, 7000 + (seq DIV {PER_PERSON} * 10 + seq DIV 2 % 10) % 2000, 'file', IF(seq % 2, 'released', ''), 1000, IF(seq % 2, 0, 2), 1, 1
FROM seq_0_to_{ROWS - 1}"""


def examined(rbh: Rbh, database: str, statement: str) -> tuple[int, str]:
    """(rows the server read for a statement, the key it took)."""
    link = pymysql.connect(host="127.0.0.1", port=rbh.server.port, user="root", database=database, autocommit=True)
    with link, link.cursor() as cursor:
        cursor.execute("FLUSH STATUS")
        cursor.execute(statement)
        cursor.fetchall()
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        rows = sum(int(value) for name, value in cursor.fetchall() if name != "Handler_read_rnd_deleted")
        cursor.execute(f"EXPLAIN {statement}")
        return rows, str(cursor.fetchone()[5])


def sent(sources: Sources, ask) -> tuple[str, float]:
    """(the statement a call sends, its values in it; seconds). None at all: ""."""
    from sqlalchemy import event

    found: list[str] = []
    engine = sources.robinhood["rbh_large"].engine
    note = lambda _c, cursor, statement, values, *_rest: found.append(cursor.mogrify(statement, values))  # noqa: E731
    event.listen(engine, "before_cursor_execute", note)
    begin = time.monotonic()
    ask()
    event.remove(engine, "before_cursor_execute", note)
    return (found[-1] if found else ""), time.monotonic() - begin


def test_what_a_million_rows_cost(rbh: Rbh) -> None:
    rbh.make("rbh_large", table_sql(), FILL)
    sources = rbh.sources(("nearline", "rbh_large", True))
    group, me = held(7005, area="nearline"), held(1007, owner="ann", area="nearline", label="user")
    statement, seconds = sent(sources, lambda: usage.of_holding(sources, viewer=ANN, holding=me))
    assert examined(rbh, "rbh_large", statement) == (pytest.approx(PER_PERSON, abs=5), "PRIMARY") and seconds < 1
    # groups stand second in the key: one pass over the table, within the deadline; then nothing for ten minutes
    statement, seconds = sent(sources, lambda: usage.group_usage(sources, viewer=ANN, area="nearline", held=[group]))
    assert ROWS <= examined(rbh, "rbh_large", statement)[0] <= ROWS * 1.01 and seconds < BUDGET_SECONDS
    frame = usage.group_usage(sources, viewer=ANN, area="nearline", held=[group])
    # 504,000 pairs of person and group, evenly in 2000 groups; a block pair and a released file of 1000 bytes in each
    assert len(frame) == 252 and set(frame["bytes"]) == {2 * 512 + 1000}
    assert sent(sources, lambda: usage.histogram(sources, viewer=ANN, area="nearline", held=[group]))[0] == ""
    statement, seconds = sent(sources, lambda: usage.top_owners(sources, viewer=STAFF, area="nearline"))
    assert examined(rbh, "rbh_large", statement)[0] <= ROWS + 3 * PEOPLE and seconds < BUDGET_SECONDS
    # the day's reading of all groups is one pass, too
    begin = time.monotonic()
    everybody = usage.of_everybody(sources, viewer=STAFF, area="nearline")
    assert time.monotonic() - begin < BUDGET_SECONDS and len(everybody) == 2000 and set(everybody["bytes"]) == {252.0 * (2 * 512 + 1000)}
    # with an index of the groups, a group's own rows
    rbh.server.execute("CREATE INDEX by_group ON ACCT_STAT (gid)", "rbh_large")
    again = rbh.sources(("nearline", "rbh_large", True))
    assert again.robinhood["rbh_large"].layout.by_group and not sources.robinhood["rbh_large"].layout.by_group
    statement, seconds = sent(again, lambda: usage.group_usage(again, viewer=ANN, area="nearline", held=[group]))
    rows, key = examined(rbh, "rbh_large", statement)
    assert key == "by_group" and rows <= 5 * 504 and seconds < 1
    rbh.server.execute("DROP DATABASE rbh_large")
