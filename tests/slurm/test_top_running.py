"""Running jobs with whose they are, over the rows a real Slurm wrote; numbers from squeue (md_production and llm run)."""

from __future__ import annotations

import re

import pytest

from core.errors import NotAllowed
from core.narrow import Narrow
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm.db import recorded
from datasources.slurm.top import running_jobs
from datasources.sources import Sources
from tests.slurm.conftest import Accounting

pytestmark = pytest.mark.services
GIB = 1024**3


def test_what_runs(sources: Sources) -> None:
    frame = running_jobs(sources, viewer=PORTAL).set_index("user")
    assert sorted(frame.index) == ["alice", "bob"]
    assert frame["cores"].to_dict() == {"alice": 32, "bob": 12}
    assert frame["gpus"].to_dict() == {"alice": 0, "bob": 1}
    assert frame["memory"].to_dict() == {"alice": 32 * 3900 * 1024**2, "bob": 120 * GIB}
    assert not frame.attrs["cut"]


def test_one_statement_once_the_small_tables_are_known(sources: Sources) -> None:
    running_jobs(sources, viewer=PORTAL)
    with recorded() as statements:
        running_jobs(sources, viewer=PORTAL, narrow=Narrow(partition="gpu"))
    assert len(statements) == 1


def test_every_name_narrows_exactly(sources: Sources) -> None:
    whole = running_jobs(sources, viewer=PORTAL)
    for row in whole.to_dict("records"):
        for name in ("user", "account", "partition"):
            found = running_jobs(sources, viewer=PORTAL, narrow=Narrow(**{name: row[name]}))
            assert set(found[name]) == {row[name]}
            assert len(found) == (whole[name] == row[name]).sum()
            for strange in (row[name].upper(), row[name] + "_x", f'{row[name]}"', f"{row[name]}|x", "%"):
                assert running_jobs(sources, viewer=PORTAL, narrow=Narrow(**{name: strange})).empty
    hosts = {row["user"]: row["node_list"] for row in whole.to_dict("records")}
    assert running_jobs(sources, viewer=PORTAL, narrow=Narrow(node=hosts["bob"]))["user"].tolist() == ["bob"]
    assert running_jobs(sources, viewer=PORTAL, narrow=Narrow(node="c4")).empty


def test_it_is_read_along_the_key_of_what_has_not_ended(accounting: Accounting, sources: Sources) -> None:
    with recorded() as statements:
        running_jobs(sources, viewer=PORTAL)
    assert "FORCE INDEX (`rollup2`)" in statements[-1]
    # which numbers stand for the parameters does not change the key
    plan = accounting.execute(f"explain {re.sub(r'%[(][a-z_0-9]+[)]s', '1', statements[-1])}")
    assert any("rollup2" in row for row in plan)


@pytest.mark.parametrize("viewer", [PUBLIC, Viewer(name="alice"), Viewer(name="pi", coordinates=frozenset({"def-pi1_cpu"}))])
def test_nobody_but_staff(sources: Sources, viewer: Viewer) -> None:
    with pytest.raises(NotAllowed):
        running_jobs(sources, viewer=viewer)
