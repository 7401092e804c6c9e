"""Reservations that run, and what is free beside nodes out of service and reserved; sizes from slurm.conf, jobs from squeue."""

from __future__ import annotations

import pytest

from core.errors import SourceRefused
from core.viewer import PUBLIC, Viewer
from datasources.slurm import cluster
from datasources.slurm.cluster import ClusterNow, _placed, cluster_now, held_on
from datasources.slurm.reserved import reservations_now
from datasources.sources import Sources
from tests.slurm.conftest import ASKED_AT, Accounting

pytestmark = pytest.mark.services
STAFF = Viewer(name="ada", is_staff=True)


def test_only_those_that_run_now_and_names_for_staff_only(sources: Sources) -> None:
    """maint_c4 begins an hour later; `course` keeps 16 cores of c3."""
    [found] = reservations_now(sources, viewer=STAFF)
    assert (found.name, found.nodes, dict(found.tres)) == ("course", ("c3",), {"cpu": 16})
    for viewer in (PUBLIC, Viewer(name="alice")):
        [found] = reservations_now(sources, viewer=viewer)
        assert (found.name, found.nodes) == ("", ("c3",))


def test_a_draining_node_counts_once(changed: Accounting) -> None:
    """c3 drains while md_production holds 32 of its 64 cores; what the reservation keeps there is not counted a second time."""
    changed.execute(
        "insert into alpha_event_table (time_start, time_end, node_name, cluster_nodes, reason, reason_uid, state, tres) "
        f"values ({ASKED_AT - 60}, 0, 'c3', '', 'drains', 0, 514, '1=64,2=256000,5=64')"
    )
    now = cluster_now(changed.sources(), viewer=PUBLIC)
    assert (now.drained, now.out.cores, now.out_held.cores, now.reserved.cores) == (("c3", "c4"), 128, 32, 0)
    assert now.free_cores == 448 - 44 - (128 - 32)


def test_whole_nodes_take_their_gpus_along(changed: Accounting) -> None:
    """h1 (96 cores, four h100) is reserved whole; a job inside a reservation of a part counts against that part."""
    changed.execute(
        "insert into alpha_resv_table (id_resv, resv_name, nodelist, node_inx, time_start, time_end, tres, assoclist, flags) "
        f"values (9, 'whole', 'h1', '6', {ASKED_AT - 60}, {ASKED_AT + 60}, '1=96', '7', 0)",
        "update alpha_job_table set id_resv = 2, tres_alloc = '1=10,2=1000,4=1' where id_job = 49",
    )
    now = cluster_now(changed.sources(), viewer=PUBLIC)
    assert now.reserved_nodes == ("h1",)
    assert now.reserved_cores == {"c3": 6, "h1": 96}  # 16 − 10
    assert (now.free_gpus()["h100"], now.away_gpus("h100")) == (0, 4)
    assert now.free_cores == 448 - (10 + 12) - 64 - 96 - 6


def reserve(changed: Accounting, node: str, cores: int, *more: str) -> ClusterNow:
    """The cluster with this node reserved whole, by a reservation that names its cores only."""
    changed.execute(
        "insert into alpha_resv_table (id_resv, resv_name, nodelist, node_inx, time_start, time_end, tres, assoclist, flags) "
        f"values (9, 'whole', '{node}', '6', {ASKED_AT - 60}, {ASKED_AT + 60}, '1={cores}', '7', 0)",
        *more,
    )
    return cluster_now(changed.sources(), viewer=PUBLIC)


def test_a_node_that_never_had_an_event_counts_like_its_family(changed: Accounting) -> None:
    """g2 (48 cores, four a100) is known by g1, a job of which holds one of the eight."""
    now = reserve(changed, "g2", 48, "delete from alpha_event_table where node_name = 'g2'")
    assert now.reserved_nodes == ("g2",) and now.reserved_unsized == ()
    on_g2 = held_on([row for row in _placed(changed.sources().slurm) if row["nodelist"] == "g2"], {"g2"}, changed.sources().slurm.tres_names())
    assert (now.away_gpus("a100"), now.reserved_cores["g2"]) == (4 - on_g2.gpus["a100"], 48 - on_g2.cores)
    assert now.free_gpus()["a100"] == 8 - 1 - (4 - on_g2.gpus["a100"])


def test_a_node_alone_of_its_family_is_what_the_others_leave(changed: Accounting) -> None:
    """Nothing was ever written of h1: configured are 448 cores, of which the others have 4 × 64 + 2 × 48."""
    now = reserve(changed, "h1", 96, "delete from alpha_event_table where node_name = 'h1'")
    assert (now.free_gpus()["h100"], now.away_gpus("h100"), now.reserved_cores["h1"]) == (0, 4, 448 - 4 * 64 - 2 * 48)
    assert now.reserved_unsized == ()


def test_a_node_nobody_tells_the_size_of_is_said_so(changed: Accounting) -> None:
    now = reserve(changed, "h1", 96, "delete from alpha_event_table where node_name like 'h%' or node_name like 'g%'")
    assert now.reserved_unsized == ("h1",) and now.reserved_cores["h1"] == 96
    assert now.free_gpus()["h100"] == 4


def test_without_the_table_nothing_is_reserved(changed: Accounting) -> None:
    changed.execute("drop table alpha_resv_table")
    now = cluster_now(changed.sources(), viewer=PUBLIC)
    assert (now.reserved.cores, now.free_cores) == (0, 448 - 44 - 64)
    assert now.reservations_known is False, "what nobody can read is not nothing"


def test_with_the_table_what_is_reserved_is_known(changed: Accounting) -> None:
    assert cluster_now(changed.sources(), viewer=PUBLIC).reservations_known is True


def test_a_table_that_is_refused_takes_the_cluster_not_along(changed: Accounting, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object, **_named: object) -> None:
        raise SourceRefused("slurm", "SELECT command denied")

    monkeypatch.setattr(cluster, "reservations_now", refused)
    now = cluster_now(changed.sources(), viewer=PUBLIC)
    assert now.configured.cores == 448 and now.reservations_known is False
