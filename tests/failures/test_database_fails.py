"""The accounting database fails in every way: the page stays and says so, charts of the cluster stay, it comes back by itself."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

import pymysql
import pytest

from tests.access.asker import Asker
from tests.failures.conftest import BASE, READER, World
from tests.failures.world import MEASURED, PASSWORD, ask, forget, leaks, page_text, said

pytestmark = pytest.mark.services

DOWN = "The accounting database cannot be reached. The rest of the page is not affected; reload in a minute."
SLOW = "The accounting database took too long to answer. Choose a shorter time range, or reload in a minute."
REFUSED = "The accounting database refused the question. If it stays so, tell support."
HEADLINE = "A source of this page does not answer"
JOB = f"/job/{MEASURED}"
# the deadline is 1 s; generous for a busy machine, far below a section's ten seconds
SECONDS = 6.0


@contextlib.contextmanager
def within(seconds: float = SECONDS) -> Iterator[None]:
    """Fails if what is inside outlasts the deadlines."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def everything_says(person: Asker, sentence: str) -> None:
    """The pages that need accounting say so; what does not need it is shown."""
    with within():
        page = person.page(JOB)
    assert leaks(page) == []
    # a page that stands on accounting has no rest of which it could say that it is not affected
    whole = sentence.removesuffix(" The rest of the page is not affected; reload in a minute.")
    assert HEADLINE in page_text(page) and whole in page_text(page)
    for place, path in (("job:cpu", JOB), ("job:script", JOB), ("jobs:list", "/jobs"), ("jobs:use", "/jobs"), ("status:free", "/")):
        with within():
            answer = ask(person, place, path)
        assert leaks(answer) == []
        assert set(said(answer).values()) == {sentence}, place
    with within():
        front = person.page("/")
    assert "Alpha" in page_text(front)
    cluster_stands(person)


def cluster_stands(person: Asker) -> None:
    """From the metrics alone: 100 of 200 cores."""
    with within():
        assert said(ask(person, "status:use", "/"))["cores"] == "chart"
    with within():
        tiles = said(ask(person, "status:now", "/"))["tiles"]
    assert "100" in tiles and "of 200" in tiles


def all_is_well(person: Asker) -> None:
    """Everything is shown again."""
    assert "relax" in page_text(person.page(JOB))
    assert said(ask(person, "job:cpu", JOB))["cores"] == "chart"
    assert "relax" in said(ask(person, "jobs:list", "/jobs"))["jobs"]
    assert "Cores in use" in said(ask(person, "status:now", "/"))["tiles"] and "448" in said(ask(person, "status:now", "/"))["tiles"]


def test_down_and_up_again(world: World, alice: Asker, caplog: pytest.LogCaptureFixture) -> None:
    all_is_well(alice)
    world.database.down()
    forget(world.sources)
    with caplog.at_level(logging.WARNING):
        everything_says(alice, DOWN)
    assert "accounting database" in caplog.text and PASSWORD not in caplog.text
    world.database.up()
    # the cluster's numbers of a failure are not remembered either
    all_is_well(alice)


def test_connections_cut_below_an_idle_portal(world: World, alice: Asker) -> None:
    """As after a restart of the server: the connections of the pool are dead, and nobody notices."""
    all_is_well(alice)
    world.database.cut()
    forget(world.sources)
    all_is_well(alice)


def test_a_server_that_keeps_silent(world: World, alice: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """The whole page needs no longer than one deadline, though each of its questions would wait for it."""
    world.database.freeze()
    with caplog.at_level(logging.WARNING):
        with within(SECONDS):
            page = alice.page(JOB)
            again = alice.page(JOB)
            listed = ask(alice, "jobs:list", "/jobs")
        assert SLOW in page_text(page) and SLOW in page_text(again) and set(said(listed).values()) == {SLOW}
        cluster_stands(alice)
    assert "no answer within" in caplog.text
    world.database.up()
    world.database.cut()
    forget(world.sources)
    all_is_well(alice)


def test_a_silent_server_is_asked_again_after_a_few_seconds(world: World, alice: Asker) -> None:
    world.database.freeze()
    assert set(said(ask(alice, "jobs:list", "/jobs")).values()) == {SLOW}
    world.database.up()
    world.database.cut()
    deadline = time.monotonic() + 15
    while "relax" not in (shown := said(ask(alice, "jobs:list", "/jobs"))["jobs"]):
        assert time.monotonic() < deadline, shown
        time.sleep(0.2)


@contextlib.contextmanager
def locked(world: World, table: str) -> Iterator[None]:
    """Somebody holds the table, as a long conversion by slurmdbd does."""
    holder = pymysql.connect(host="127.0.0.1", port=world.database.real, user="root", database=BASE, autocommit=True)
    with holder, holder.cursor() as cursor:
        cursor.execute(f"lock tables {table} write")
        yield


def test_a_locked_table_ends_at_the_servers_own_deadline(world: World, alice: Asker, caplog: pytest.LogCaptureFixture) -> None:
    all_is_well(alice)
    forget(world.sources)
    world.clock.forward(61)
    with locked(world, "alpha_job_table"), caplog.at_level(logging.WARNING):
        everything_says(alice, SLOW)
    # the server's words, not ours: it was told the deadline, so it does not work on for nobody
    assert "max_statement_time" in caplog.text
    all_is_well(alice)


def test_a_locked_side_table_takes_only_its_own_block(world: World, alice: Asker) -> None:
    all_is_well(alice)
    forget(world.sources)
    with locked(world, "alpha_step_table"):
        assert "relax" in page_text(alice.page(JOB))
        with within():
            assert SLOW in said(ask(alice, "job:records", JOB)).values()
        assert said(ask(alice, "job:cpu", JOB))["cores"] == "chart"
        assert "srun" in said(ask(alice, "job:script", JOB))["script"]
    assert "4.15" in said(ask(alice, "job:records", JOB))["steps"]


@pytest.mark.parametrize("moment", ["at the start", "while running"])
def test_a_needed_column_is_gone(world: World, alice: Asker, moment: str, caplog: pytest.LogCaptureFixture) -> None:
    """Slurm was upgraded below the portal, or the dump is a strange one."""
    if moment == "while running":
        all_is_well(alice)
        world.sources.cache.clear()
    world.root("alter table alpha_job_table rename column nodelist to nodelist_of_old")
    try:
        with caplog.at_level(logging.WARNING):
            everything_says(alice, REFUSED)
        assert "nodelist" in caplog.text
    finally:
        world.root("alter table alpha_job_table rename column nodelist_of_old to nodelist")
    all_is_well(alice)


def test_an_optional_column_is_gone(world: World, alice: Asker) -> None:
    """Other versions have other columns: nothing is said, the rest is shown."""
    world.root("alter table alpha_job_table rename column submit_line to submit_line_of_old")
    try:
        assert "relax" in page_text(alice.page(JOB))
        assert "relax" in said(ask(alice, "jobs:list", "/jobs"))["jobs"]
        answer = ask(alice, "job:script", JOB)
        assert "srun" in said(answer)["script"] and leaks(answer) == []
    finally:
        world.root("alter table alpha_job_table rename column submit_line_of_old to submit_line")


@pytest.mark.parametrize("table", ["alpha_job_table", "alpha_assoc_table", "tres_table"])
def test_a_grant_is_missing(world: World, alice: Asker, table: str, caplog: pytest.LogCaptureFixture) -> None:
    world.root(f"revoke select on {BASE}.{table} from {READER}@'127.0.0.1'")
    try:
        with caplog.at_level(logging.WARNING):
            everything_says(alice, REFUSED)
        assert table.removeprefix("alpha_") in caplog.text
    finally:
        world.root(f"grant select on {BASE}.{table} to {READER}@'127.0.0.1'")
    all_is_well(alice)


def test_a_wrong_password_is_told_and_never_shown(world: World, portal_of, caplog: pytest.LogCaptureFixture) -> None:
    person = portal_of("alice", slurm={"password": "not-the-word-0815"})
    with caplog.at_level(logging.DEBUG):
        page = person.page(JOB)
        listed = ask(person, "jobs:list", "/jobs")
    assert REFUSED in page_text(page) and set(said(listed).values()) == {REFUSED}
    assert "Access denied" in caplog.text
    for text in (caplog.text, page.get_data(as_text=True), listed.get_data(as_text=True)):
        assert "not-the-word-0815" not in text and PASSWORD not in text


def test_all_connections_are_busy(world: World, portal_of) -> None:
    """More people than connections, on a slow database: all hear something in time."""
    person = portal_of("alice", slurm={"connections": 1})
    took: list[float] = []

    def look() -> None:
        began = time.monotonic()
        ask(person, "jobs:list", "/jobs")
        took.append(time.monotonic() - began)

    with locked(world, "alpha_job_table"):
        threads = [threading.Thread(target=look) for _number in range(5)]
        [thread.start() for thread in threads]
        [thread.join(25) for thread in threads]
    assert len(took) == 5 and max(took) < 2 * SECONDS


def test_the_portals_own_database_is_gone(world: World, portal_of, caplog: pytest.LogCaptureFixture, tmp_path) -> None:
    """Stored summaries are a convenience: without them the job's page and the list stand."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    person = portal_of("alice", portal={"url": f"sqlite:///{blocked}/portal.sqlite"})
    with caplog.at_level(logging.WARNING):
        assert "relax" in page_text(person.page(JOB))
        assert "relax" in said(ask(person, "jobs:list", "/jobs"))["jobs"]
        assert said(ask(person, "job:cpu", JOB))["cores"] == "chart"
        summary = ask(person, "job:summary", JOB)
    assert "CPU cores" in said(summary)["tiles"] and "could not be drawn" not in str(said(summary))
    assert "portal database" in caplog.text
