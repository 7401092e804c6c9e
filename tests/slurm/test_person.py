"""Who a login is, out of a real slurmdbd's rows: frank's association was deleted, erin is an operator, carol coordinates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import NoData, NotFound
from core.viewer import PUBLIC, Viewer
from datasources.slurm.db import recorded
from datasources.slurm.person import person
from datasources.sources import Sources

STAFF = Viewer(name="ada", is_staff=True)
pytestmark = pytest.mark.services


def test_somebody_known(sources: Sources) -> None:
    found = person(sources, viewer=STAFF, name="carol")
    assert found.known
    assert found.facts.accounts == {"def-pi2_gpu", "def-pi1_gpu", "def-pi2_cpu"}
    assert found.facts.coordinates == {"def-pi2_cpu"}
    assert person(sources, viewer=STAFF, name="erin").facts.admin_level == "operator"


def test_a_deleted_association_is_still_somebody(sources: Sources) -> None:
    found = person(sources, viewer=STAFF, name="frank")
    assert found.known and found.facts.accounts == frozenset()


@pytest.mark.parametrize("name", ["nobody-such", "Carol", "carol ", "carol%", "c_rol", "", "carol' or '1'='1"])
def test_the_name_is_exact(sources: Sources, name: str) -> None:
    with pytest.raises(NotFound):
        person(sources, viewer=STAFF, name=name)


def test_oneself_without_an_association(sources: Sources) -> None:
    assert not person(sources, viewer=Viewer(name="zoe"), name="zoe").known
    # a login that differs in case only is somebody else, without an association
    assert not person(sources, viewer=Viewer(name="Carol"), name="Carol").known


@pytest.mark.parametrize("viewer", [PUBLIC, Viewer(name="bob"), Viewer(name="Carol"), Viewer(name="carol ")])
def test_strangers_find_nobody_and_nothing_is_read_for_them(sources: Sources, viewer: Viewer) -> None:
    with recorded() as statements, pytest.raises(NotFound):
        person(sources, viewer=viewer, name="carol")
    assert statements == []


def test_without_accounting_nobody_can_tell(sources: Sources) -> None:
    with pytest.raises(NoData):
        person(replace(sources, slurm=None), viewer=STAFF, name="carol")
