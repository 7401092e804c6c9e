"""What was found in a person's runs that ended lately, out of the portal's own database."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from analysis.facts import job_facts
from analysis.findings import Finding, unstored
from analysis.summarise import row_of
from core.errors import NotFound
from core.settings import Settings
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.portal.db import PortalDb
from datasources.portal.facts import store_facts
from datasources.portal.person_findings import found_since
from tests.analysis.analysis_runs import START, make_run

ALICE = Viewer(name="alice")
SERIAL = Finding(id="serial", severity="bad", numbers={"wasted_core_hours": 3.5})
NOTED = Finding(id="requeue", severity="info")


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.services)])
def sources(request: pytest.FixtureRequest, tmp_path: Path) -> SimpleNamespace:
    """Six runs: four of alice, of which one has nothing to act on and one is old; one of bob; one of Alice."""
    url = f"sqlite:///{tmp_path}/portal.sqlite" if request.param == "sqlite" else request.getfixturevalue("mariadb").create("portal_person")
    settings = Settings.model_validate({"portal": {"url": url}, "site": {"cluster": "turtle"}})
    made = SimpleNamespace(settings=settings, portal=PortalDb(settings), clock=lambda: START + 10_000.0)
    rows = [
        (1, "alice", 5000, [SERIAL]), (2, "alice", 6000, [NOTED]), (3, "alice", 10, [SERIAL]), (4, "bob", 7000, [SERIAL]),
        (5, "Alice", 8000, [SERIAL]), (6, "alice", 9000, [SERIAL, NOTED]),
    ]  # fmt: skip
    store_facts(made, [stored_row(*row) for row in rows])
    yield made
    made.portal.close()


def stored_row(inx: int, user: str, after: int, found: list[Finding]) -> dict[str, object]:
    """A run that ended so many seconds after START, with these findings."""
    run = make_run(job_db_inx=inx, id_job=inx * 10, user=user, account="def", start=START, end=START + after)
    return row_of(run, job_facts(run, None, None, Settings(), run.end), found)


def test_the_newest_first_and_only_what_is_to_act_on(sources: SimpleNamespace) -> None:
    frame = found_since(sources, viewer=ALICE, user="alice", since=START + 1000)
    assert frame["id_job"].tolist() == [60, 10]
    assert frame["end"].tolist() == [START + 9000, START + 5000]
    assert not frame.attrs["cut"]
    first = unstored(frame["findings"].iloc[0], sources.settings)
    assert [(one.id, one.numbers.get("wasted_core_hours")) for one in first] == [("serial", 3.5), ("requeue", None)]


def test_more_than_the_limit_is_said(sources: SimpleNamespace) -> None:
    frame = found_since(sources, viewer=PORTAL, user="alice", since=0, limit=1)
    assert frame["id_job"].tolist() == [60] and frame.attrs["cut"]


@pytest.mark.parametrize("viewer", [PUBLIC, Viewer(name="bob"), Viewer(name="Alice"), Viewer(name="alice ")])
def test_strangers_are_refused(sources: SimpleNamespace, viewer: Viewer) -> None:
    with pytest.raises(NotFound):
        found_since(sources, viewer=viewer, user="alice", since=0)


def test_it_is_read_along_a_key(sources: SimpleNamespace) -> None:
    if sources.portal.url.get_backend_name() == "sqlite":
        question = "explain query plan select id_job from job_facts where cluster='turtle' and \"user\"='alice' and \"end\">=1 and to_act>0 order by \"end\" desc"
        assert "job_facts_user_end" in str(sources.portal.rows(text(question)))
    else:
        question = "explain select id_job from job_facts where cluster='turtle' and user='alice' and end>=1 and to_act>0 order by end desc limit 10"
        assert sources.portal.rows(text(question))[0]["key"] is not None
