"""The portal's own database: made by its migrations, read by owner, replaced and never doubled."""

from __future__ import annotations

import math
import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, inspect

from analysis import findings as rules
from analysis.facts import FACTS_VERSION, JobFacts, job_facts
from analysis.summarise import row_of
from core.errors import SourceDown
from core.settings import Settings
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.portal.db import PortalDb
from datasources.portal.facts import history, store_facts, stored_facts, summary_place
from datasources.portal.tables import metadata
from tests.analysis.analysis_runs import GIB, START, make_run

ALICE, BOB = Viewer(name="alice"), Viewer(name="bob")


def portal(url: str) -> SimpleNamespace:
    """As much of Sources as the portal's functions use."""
    settings = Settings.model_validate({"portal": {"url": url}, "site": {"cluster": "turtle"}})
    return SimpleNamespace(settings=settings, portal=PortalDb(settings), clock=lambda: START + 10_000.0)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.services)])
def sources(request: pytest.FixtureRequest, tmp_path: Path) -> SimpleNamespace:
    if request.param == "sqlite":
        made = portal(f"sqlite:///{tmp_path}/deep/portal.sqlite")
    else:
        server = request.getfixturevalue("mariadb")
        made = portal(server.create("portal_facts"))
    yield made
    made.portal.close()


def row(inx: int, user: str = "alice", **changes: object) -> dict[str, object]:
    run = make_run(job_db_inx=inx, id_job=inx, user=user, name="train", account="def", partition="cpu", **changes)
    facts = job_facts(run, None, None, Settings(), run.end)
    return row_of(run, facts, rules.findings(facts, run, settings=Settings()))


def test_facts_come_back_as_they_were(sources: SimpleNamespace) -> None:
    run = make_run(limit=math.inf, user="alice")
    facts = job_facts(run, None, None, Settings(), run.end)
    store_facts(sources, [row_of(run, facts, [])])
    frame = stored_facts(sources, viewer=ALICE, job_db_inxs=[run.job_db_inx, 99])
    assert list(frame["job_db_inx"]) == [run.job_db_inx]
    assert JobFacts.from_dict(frame["facts"].iloc[0]) == facts
    assert frame["facts_version"].iloc[0] == FACTS_VERSION


def test_only_owner_and_staff_read_them(sources: SimpleNamespace) -> None:
    store_facts(sources, [row(1), row(2, user="bob"), row(3, user="Alice")])
    seen = {
        viewer.name or viewer.full_name: set(stored_facts(sources, viewer=viewer, job_db_inxs=[1, 2, 3])["job_db_inx"])
        for viewer in (ALICE, BOB, PUBLIC, PORTAL)
    }
    assert seen == {"alice": {1}, "bob": {2}, "": set(), "portal": {1, 2, 3}}
    assert history(sources, viewer=BOB, user="alice", name="train").empty
    assert set(history(sources, viewer=ALICE, user="alice", name="train")["job_db_inx"]) == {1}


def test_history_is_newest_first_and_of_the_same_script(sources: SimpleNamespace) -> None:
    store_facts(
        sources,
        [
            row(1, script_hash=7, elapsed=100),
            row(2, script_hash=7, elapsed=300),
            row(3, script_hash=8, elapsed=200),
            row(4, script_hash=7, elapsed=900),
        ],
    )
    found = history(sources, viewer=ALICE, user="alice", script_hash=7, before=START + 900)
    assert list(found["job_db_inx"]) == [2, 1]
    assert len(history(sources, viewer=ALICE, user="alice", name="train", limit=3)) == 3


def test_storing_again_replaces_and_moves_the_cursor(sources: SimpleNamespace) -> None:
    assert summary_place(sources) == (0, 0)
    store_facts(sources, [row(1)], cursor=(START, 1))
    store_facts(sources, [row(1, memory=64 * GIB)], cursor=(START, 1))
    store_facts(sources, [], cursor=(START + 5, 2))
    frame = stored_facts(sources, viewer=PORTAL, job_db_inxs=[1])
    assert list(frame["memory"]) == [64 * GIB]
    assert summary_place(sources) == (START + 5, 2)


def test_a_failed_batch_leaves_nothing(sources: SimpleNamespace) -> None:
    with pytest.raises(TypeError):
        store_facts(sources, [row(1), row(2) | {"facts": {"x": object()}}], cursor=(START, 2))
    assert stored_facts(sources, viewer=PORTAL, job_db_inxs=[1, 2]).empty
    assert summary_place(sources) == (0, 0)


def test_migrations_make_the_tables_the_code_names(sources: SimpleNamespace) -> None:
    summary_place(sources)
    seen = inspect(sources.portal.engine)
    for table in metadata.sorted_tables:
        assert {column["name"]: column["nullable"] for column in seen.get_columns(table.name)} == {
            column.name: column.nullable for column in table.c
        }
        assert {index["name"] for index in seen.get_indexes(table.name)} == {index.name for index in table.indexes}


def test_an_unreachable_database_is_source_down(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    made = portal(f"sqlite:///{blocked}/portal.sqlite")
    with pytest.raises(SourceDown):
        summary_place(made)


def _open(url: str) -> tuple[int, int]:
    made = portal(url)
    place = summary_place(made)
    made.portal.close()
    return place


def test_processes_that_start_together_upgrade_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/portal.sqlite"
    with multiprocessing.get_context("spawn").Pool(3) as workers:
        assert workers.map(_open, [url] * 3) == [(0, 0)] * 3
    engine = create_engine(url)
    assert "job_facts" in inspect(engine).get_table_names()
    engine.dispose()
