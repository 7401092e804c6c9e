"""The page of quotas while one of its Robinhood databases fails: its areas are named with why, every other back end is shown."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.text import error_sentence
from core.errors import SourceDown, SourceRefused, SourceSlow
from tests.access.asker import Asker
from tests.failures.conftest import World
from tests.failures.sweep import machinery
from tests.failures.taps import DatabaseTap
from tests.failures.test_new_pages import answering
from tests.failures.world import PASSWORD, ask, page_text, said
from tests.prometheus.fake_server import reply
from tests.robinhood.conftest import table_sql

pytestmark = pytest.mark.services
READER = "failures_robinhood"
TIB = 2**40
HOME = '{"metric":{"what":"files","path":"/lustre/home","user":"alice"},"value":[0,"12345"]}'
GIVEN = (
    "people: {default: {home: {size: 50 GiB, files: 500000}}}\n"
    "groups: {pi1: {id: 7001, accounts: [rrg-pi1_cpu], project: {size: 10 TiB}, nearline: {size: 40 TiB}}}\n"
)
ROWS = "insert into ACCT_STAT (uid, gid, type, size, blocks, count, sz1G) values (1001, 7001, 'file', {size}, {size} div 512, 77, 77)"
DOWN, SLOW, REFUSED = (error_sentence(kind("robinhood")) for kind in (SourceDown, SourceSlow, SourceRefused))
SLOW = SLOW.split(".")[0]
SECONDS = 6.0  # its deadline is 0.6 s, and a server that keeps silent is asked once; generous for a busy machine


@dataclasses.dataclass(frozen=True)
class Storage:
    """Two databases, the one of projects behind a tap; `root` runs SQL in that one; `person` asks a new portal."""

    tap: DatabaseTap
    root: Callable[[str], str]
    person: Callable[[str], Asker]


@pytest.fixture(scope="module")
def databases(mariadb: Any) -> Iterator[DatabaseTap]:
    """Databases of 3 TiB in projects and 5 TiB on nearline, of one person each."""
    mariadb.execute(f"create or replace user {READER}@'127.0.0.1' identified by '{PASSWORD}'")
    for name, size in (("rbh_projects", 3 * TIB), ("rbh_nearline", 5 * TIB)):
        mariadb.create(name)
        mariadb.execute(";\n".join([table_sql(), ROWS.format(size=size)]), name)
        mariadb.execute(f"grant select on {name}.ACCT_STAT to {READER}@'127.0.0.1'")
    tap = DatabaseTap(mariadb.port)
    yield tap
    tap.down()


@pytest.fixture
def storage(world: World, databases: DatabaseTap, mariadb: Any, portal_of: Callable[..., Asker], tmp_path: Path) -> Iterator[Storage]:
    """Home measured by lfs_quota, project and nearline by a database each."""
    databases.up()
    answering(world, {"lfs_quota": reply(f'{{"status":"success","data":{{"resultType":"vector","result":[{HOME}]}}}}')})
    file = tmp_path / "given.yaml"
    file.write_text(GIVEN)
    areas = {"home": {"path": "/lustre/home"}} | {name: {"source": "robinhood", "label": "group", "robinhood": name} for name in ("project", "nearline")}
    address = f"mysql+pymysql://{READER}@127.0.0.1"
    known = {"project": f"{address}:{databases.port}/rbh_projects", "nearline": f"{address}:{mariadb.port}/rbh_nearline"}
    robinhood = {name: {"url": url, "password": PASSWORD, "timeout_seconds": 0.6} for name, url in known.items()}

    def person(login: str) -> Asker:
        return portal_of(login, storage={"areas": areas, "allocations_file": file}, robinhood=robinhood, server={"cache_dir": tmp_path / f"cache-{login}"})

    yield Storage(databases, lambda sql: mariadb.execute(sql, "rbh_projects"), person)
    databases.up()


def down(storage: Storage) -> None:
    storage.tap.down()


def silent(storage: Storage) -> None:
    storage.tap.freeze()
    storage.tap.cut()


def refusing(storage: Storage) -> None:
    storage.root(f"revoke select on rbh_projects.ACCT_STAT from {READER}@'127.0.0.1'")


def without_table(storage: Storage) -> None:
    storage.root("rename table ACCT_STAT to ACCT_STAT_OLD")


def without_column(storage: Storage) -> None:
    storage.root("alter table ACCT_STAT rename column blocks to blocks_old")


def locked(storage: Storage) -> None:
    """A statement that would run for longer than its deadline: the table is a view that never ends."""
    endless = "select 1 uid, 7001 gid, 'file' type, count(*) size, 1 blocks, 1 `count`, 1 sz1G from seq_1_to_4000000000 where seq % 7 = 8"
    storage.root(f"rename table ACCT_STAT to ACCT_STAT_OLD; create view ACCT_STAT as {endless}")


MENDED = {
    refusing: f"grant select on rbh_projects.ACCT_STAT to {READER}@'127.0.0.1'", without_table: "rename table ACCT_STAT_OLD to ACCT_STAT",
    without_column: "alter table ACCT_STAT rename column blocks_old to blocks", locked: "drop view ACCT_STAT; rename table ACCT_STAT_OLD to ACCT_STAT",
}  # fmt: skip
PLACES = ("quotas:quotas", "quotas:members", "quotas:sizes", "quotas:owners", "quotas:full")


def shown(person: Asker, *places: str) -> dict[str, str]:
    """Place → what it says in one line; nothing of the machinery, and in time."""
    found = {}
    for place in places:
        began = time.monotonic()
        answer = ask(person, place, "/quotas?user=alice")
        assert time.monotonic() - began < SECONDS, place
        assert machinery(answer) == [] and "ACCT_STAT" not in answer.get_data(as_text=True), place
        found[place] = " ".join(said(answer).values()).replace("\xa0", " ").replace("\u202f", " ").replace("  ", " ")
    return found


@pytest.mark.parametrize(
    ("breaks", "sentence"),
    [(down, DOWN), (silent, SLOW), (refusing, REFUSED), (without_table, REFUSED), (without_column, REFUSED), (locked, SLOW)],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_one_database_fails_and_the_rest_is_shown(storage: Storage, breaks: Callable[[Storage], None], sentence: str) -> None:
    breaks(storage)
    try:
        found = shown(storage.person("ada"), *PLACES)
    finally:
        storage.tap.up()
        if breaks in MENDED:
            storage.root(MENDED[breaks])
    for place in PLACES:
        assert f"Project: {sentence}" in found[place], (place, found[place])
    assert "12 345" in found["quotas:quotas"] and "5 of 40 TiB" in found["quotas:quotas"]
    assert "5 TiB" in found["quotas:members"] and "5 TiB" in found["quotas:owners"]
    assert "chart" in found["quotas:sizes"]


def test_without_a_failure_nothing_is_missing_and_after_one_neither(storage: Storage) -> None:
    """Without this the test above could not fail; and what failed is asked again by the next who looks."""
    person = storage.person("alice")
    storage.tap.down()
    assert DOWN in shown(person, "quotas:quotas")["quotas:quotas"]
    storage.tap.up()
    found = shown(person, "quotas:quotas", "quotas:members", "quotas:sizes")
    for text in found.values():
        assert "Robinhood" not in text and "Project:" not in text
    assert "3 of 10 TiB" in found["quotas:quotas"] and "3 TiB" in found["quotas:members"]


def test_both_away_is_a_sentence_and_no_empty_table(storage: Storage, mariadb: Any) -> None:
    storage.tap.down()
    mariadb.execute(f"revoke select on rbh_nearline.ACCT_STAT from {READER}@'127.0.0.1'")
    try:
        person = storage.person("alice")
        assert page_text(person.page("/quotas"))
        found = shown(person, "quotas:quotas", "quotas:members", "quotas:sizes")
    finally:
        mariadb.execute(f"grant select on rbh_nearline.ACCT_STAT to {READER}@'127.0.0.1'")
    assert DOWN in found["quotas:quotas"] and f"Nearline: {REFUSED}" in found["quotas:quotas"] and "12 345" in found["quotas:quotas"]
    for place in ("quotas:members", "quotas:sizes"):
        assert DOWN in found[place] and "No group" not in found[place] and "chart" not in found[place], found[place]
