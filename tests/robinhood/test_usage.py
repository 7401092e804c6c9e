"""Who uses what, out of Robinhood's real column types: worked out by hand, whole to the byte, and nothing for strangers."""

from __future__ import annotations

import pytest

from core.errors import NoData, NotAllowed, NotFound, Why
from core.viewer import Viewer
from datasources.mysql import recorded
from datasources.robinhood import usage
from datasources.sources import Sources
from tests.robinhood.conftest import NAMES, Rbh, held, table_sql

pytestmark = pytest.mark.services
STAFF, ANN, EVE = Viewer(name="ada", is_staff=True, full_name=""), Viewer(name="ann", full_name=""), Viewer(name="eve", full_name="")
COLUMNS = "uid, gid, type, lhsm_status, size, blocks, count, sz0, sz1K, sz1T"
ROWS = f"""INSERT INTO ACCT_STAT ({COLUMNS}) VALUES
 (0, 7001, 'dir', '', 4096, 8, 1, 0, 0, 0),
 (1001, 7001, 'file', '', 1000, 16, 3, 1, 2, 0),
 (1001, 7001, 'dir', '', 4096, 8, 2, 1, 1, 0),
 (1001, 7001, 'file', 'new', 500, 8, 1, 0, 1, 0),
 (1001, 7001, 'file', 'synchro', 3000, 24, 2, 0, 2, 0),
 (1001, 7001, 'file', 'released', 18446744073709551615, 0, 1, 0, 0, 1),
 (1002, 7001, 'file', 'released', 70000, 0, 5, 0, 5, 0),
 (1003, 7001, 'file', '', 99, 99, 2, 0, 2, 0),
 (1001, 7002, 'file', '', 77, 1, 9, 9, 0, 0)"""


@pytest.fixture
def hsm(rbh: Rbh) -> Sources:
    """A database for nothing but nearline: every row is its."""
    rbh.make("rbh_hsm", table_sql(), ROWS)
    return rbh.sources(("nearline", "rbh_hsm", True))


@pytest.fixture
def both(rbh: Rbh) -> Sources:
    """Project and nearline in one file system, told apart by status."""
    rbh.make("rbh_both", table_sql(), ROWS)
    return rbh.sources(("project", "rbh_both", False), ("nearline", "rbh_both", True))


def near(number: int | None, person: str = "ann", owner: str = "def-a", label: str = "group"):
    return held(number, person=person, owner=owner, area="nearline", label=label)


def by_uid(sources: Sources, area: str) -> dict[int, tuple[float, ...]]:
    frame = usage.group_usage(sources, viewer=ANN, area=area, held=[held(7001, area=area)])
    assert frame["bytes"].dtype == "float64" and frame["uid"].dtype == "int64"
    names = ["disk_files", "disk_bytes", "tape_files", "tape_bytes", "files", "bytes"]
    return {int(row["uid"]): tuple(row[name] for name in names) for row in frame.to_dict("records")}


def test_blocks_count_on_disk_and_sizes_on_tape(hsm: Sources) -> None:
    found = by_uid(hsm, "nearline")
    assert found[0] == (1, 8 * 512, 0, 0, 1, 4096)
    # disk: 16 + 8 + 8 + 24 blocks of 512; tape: the largest size the column holds
    assert found[1001] == (8, 56 * 512, 1, float(2**64 - 1), 9, float(2**64 - 1 + 56 * 512))
    assert found[1002] == (0, 0, 5, 70000, 5, 70000)
    assert set(found) == {0, 1001, 1002, 1003}


def test_status_tells_project_from_nearline_where_both_are_in_one_file_system(both: Sources) -> None:
    project, nearline = by_uid(both, "project"), by_uid(both, "nearline")
    assert project[1001] == (6, 32 * 512, 0, 0, 6, 32 * 512)  # '' and new
    assert nearline[1001][:3] == (2, 24 * 512, 1)  # synchro on disk, released on tape
    assert 1002 not in project and 0 not in nearline


def test_root_and_who_left_two_entries_are_not_listed_as_members(hsm: Sources) -> None:
    shown = usage.shown(usage.group_usage(hsm, viewer=ANN, area="nearline", held=[near(7001)]))
    assert shown["uid"].tolist() == [1001, 1002]  # not 0, not 1003 with two files


def test_sizes_are_of_files_only(hsm: Sources) -> None:
    frame = usage.histogram(hsm, viewer=ANN, area="nearline", held=[near(7001)])
    sizes = dict(zip(frame["size_class"], frame["files"], strict=True))
    assert sizes == dict.fromkeys(sizes, 0.0) | {"sz0": 1, "sz1K": 12, "sz1T": 1} and len(sizes) == 10  # 2+1+2+5+2; not the folder's


def test_members_totals_and_sizes_of_all_groups_are_one_statement(hsm: Sources) -> None:
    groups = [near(7001), near(7002, owner="def-b")]
    hsm.robinhood["rbh_hsm"].layout  # noqa: B018 - asked beforehand
    with recorded() as statements:
        usage.group_usage(hsm, viewer=ANN, area="nearline", held=groups)
        sums = usage.of_holdings(hsm, viewer=ANN, area="nearline", held=groups[::-1])
        usage.histogram(hsm, viewer=ANN, area="nearline", held=groups)
    assert len(statements) == 1 and "ACCT_STAT" in statements[0]
    assert sums[groups[1]]["files"] == 9 and sums[groups[1]]["bytes"] == 512
    assert sums[groups[0]]["files"] == 1 + 9 + 5 + 2


def test_a_persons_own_use_is_read_on_the_key(hsm: Sources) -> None:
    mine = near(1001, owner="ann", label="user")
    assert usage.of_holding(hsm, viewer=ANN, holding=mine)["disk_bytes"] == 57 * 512  # in both groups
    nobody = near(4711, owner="ann", label="user")
    assert usage.of_holding(hsm, viewer=ANN, holding=nobody) == dict.fromkeys(usage.AMOUNTS, 0.0)
    with pytest.raises(NoData):
        usage.of_holding(hsm, viewer=ANN, holding=near(None, owner="ann", label="user"))


def test_top_owners_and_totals_are_the_staffs(hsm: Sources) -> None:
    owners = usage.top_owners(hsm, viewer=STAFF, area="nearline", n=2)
    assert owners["uid"].tolist() == [1001, 1002]  # 2^64 bytes, 70000; then 99 blocks
    assert dict(zip(*usage.totals(hsm, viewer=STAFF, area="nearline")[["gid", "files"]].T.to_numpy(), strict=True)) == {7001: 17, 7002: 9}
    for ask in (usage.top_owners, usage.totals):
        with pytest.raises(NotAllowed):
            ask(hsm, viewer=ANN, area="nearline")


def test_strangers_get_nothing(hsm: Sources) -> None:
    with recorded() as statements:
        for ask in (usage.group_usage, usage.histogram, usage.of_holdings):
            with pytest.raises(NotFound):
                ask(hsm, viewer=EVE, area="nearline", held=[near(7001)])
        with pytest.raises(NotFound):
            usage.of_holding(hsm, viewer=EVE, holding=near(7001))
    assert statements == []
    assert len(usage.group_usage(hsm, viewer=STAFF, area="nearline", held=[near(7001)])) == 4


def test_names_in_place_of_numbers(rbh: Rbh) -> None:
    rows = "INSERT INTO ACCT_STAT (uid, gid, type, size, blocks, count) VALUES ('root','def-a','dir',1,1,1), ('ann','def-a','file',5,10,4), " \
           "('ann','Def-A','file',5,1000,400), ('bob','def-a_x','file',5,1000,400)"  # fmt: skip
    for ids in (NAMES, "VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"):
        rbh.make("rbh_names", table_sql(ids), rows)
        sources = rbh.sources(("project", "rbh_names", False))
        frame = usage.group_usage(sources, viewer=ANN, area="project", held=[held(7001)])
        assert set(zip(frame["gid"], frame["user"], frame["bytes"], strict=True)) == {(7001, "root", 512.0), (7001, "ann", 5120.0)}
        assert usage.shown(frame)["user"].tolist() == ["ann"]
        assert usage.top_owners(sources, viewer=STAFF, area="project")["user"].tolist() == ["ann", "bob"]
        assert usage.of_holding(sources, viewer=ANN, holding=held(1001, owner="ann", label="user"))["files"] == 404


def test_without_hsm_everything_is_on_disk_and_without_sizes_there_is_no_histogram(rbh: Rbh) -> None:
    rows = "INSERT INTO ACCT_STAT (uid, gid, type, size, blocks, count) VALUES (1001, 7001, 'file', 5, 10, 4)"
    rbh.make("rbh_plain", table_sql(status=False, sizes=False), rows)
    sources = rbh.sources(("project", "rbh_plain", False), ("nearline", "rbh_plain", True))
    assert by_uid(sources, "project") == {1001: (4, 5120, 0, 0, 4, 5120)}
    assert by_uid(sources, "nearline") == {}
    with pytest.raises(NoData) as told:
        usage.histogram(sources, viewer=ANN, area="project", held=[held(7001)])
    assert told.value.why is Why.METRIC_ABSENT
