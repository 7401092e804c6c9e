"""The single runs that wasted most: order, range, exact names, and nobody but staff."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import NotAllowed
from core.narrow import Narrow
from core.settings import Settings
from core.viewer import PUBLIC, Viewer
from datasources.portal.db import PortalDb
from datasources.portal.facts import store_facts
from datasources.portal.worst import worst_runs

ADA, NOW = Viewer(name="ada", is_staff=True), 1_000_000


def row(inx: int, end: int, wasted: float, **changes: object) -> dict[str, object]:
    made = {
        "job_db_inx": inx, "id_job": inx, "user": "alice", "account": "def-a", "partition": "cpu", "name": "x", "script_hash": 0,
        "state": "COMPLETED", "start": end - 3600, "end": end, "elapsed": 3600, "cores": 4, "nodes": 1, "memory": 2**30, "gpus": 0,
        "core_hours_wasted": wasted, "cpu_efficiency": 0.5, "to_act": 0, "facts": {}, "findings": [], "facts_version": 2, "nodelist": "c[1-4]",
    }  # fmt: skip
    return made | changes


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[SimpleNamespace]:
    settings = Settings.model_validate({"portal": {"url": f"sqlite:///{tmp_path}/portal.sqlite"}, "site": {"cluster": "turtle"}})
    made = SimpleNamespace(settings=settings, portal=PortalDb(settings), clock=lambda: float(NOW))
    store_facts(made, [
        row(1, 500, 3.0), row(2, 600, 9.0, user="bob", account="def-a_x"), row(3, 700, 5.0, nodelist="c5"), row(4, 800, 0.0),
        row(5, 1000, 99.0), row(6, 400, 99.0), row(7, 650, None, gpu_hours_wasted=2.0, gpus=1), row(8, 660, 1.0, user="ALICE"),
    ])  # fmt: skip
    yield made
    made.portal.close()


def jobs(sources: SimpleNamespace, what: str = "cores", narrow: Narrow | None = None, limit: int = 20) -> list[int]:
    asked = {"narrow": narrow} if narrow else {}
    return worst_runs(sources, viewer=ADA, since=500, until=1000, what=what, limit=limit, **asked)["id_job"].tolist()


def test_the_worst_of_the_range_come_first(sources: SimpleNamespace) -> None:
    """The range holds its first second and not its last; a run that wasted nothing, or of which nothing is known, is no worst run."""
    assert jobs(sources) == [2, 3, 1, 8]
    assert jobs(sources, limit=2) == [2, 3]
    assert jobs(sources, "gpus") == [7]
    assert jobs(sources, "memory") == []


def test_names_are_exact(sources: SimpleNamespace) -> None:
    assert jobs(sources, narrow=Narrow(account="def-a")) == [3, 1, 8]
    assert jobs(sources, narrow=Narrow(user="alice")) == [3, 1]
    assert jobs(sources, narrow=Narrow(account='def-a"} or 1')) == []
    assert jobs(sources, narrow=Narrow(node="c5")) == [3]
    assert jobs(sources, narrow=Narrow(node="c2")) == [2, 1, 8]


@pytest.mark.parametrize("viewer", [PUBLIC, Viewer(name="alice"), Viewer(name="pi", accounts=frozenset({"def-a"}), coordinates=frozenset({"def-a"}))])
def test_nobody_but_staff(sources: SimpleNamespace, viewer: Viewer) -> None:
    with pytest.raises(NotAllowed):
        worst_runs(sources, viewer=viewer, since=0, until=NOW, what="cores")
