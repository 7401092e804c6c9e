"""The cluster and its people now; numbers from slurm.conf's nodes and from squeue."""

from __future__ import annotations

import pytest

from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import cluster
from datasources.slurm.jobs import jobs_page
from datasources.sources import Sources
from tests.slurm.conftest import Accounting

pytestmark = pytest.mark.services
GIB = 1024**3


def test_cluster_now(sources: Sources) -> None:
    """Four nodes of 64 cores, two of 48 with four a100, one of 96 with four h100; md_production and llm run; c4 is drained."""
    now = cluster.cluster_now(sources, viewer=PUBLIC)
    assert now.hosts == ("c1", "c2", "c3", "c4", "g1", "g2", "h1")
    assert (now.configured.nodes, now.configured.cores, dict(now.configured.gpus)) == (7, 448, {"a100": 8, "h100": 4})
    assert (now.allocated.cores, dict(now.allocated.gpus)) == (32 + 12, {"a100": 1})
    assert now.allocated.memory == 32 * 3900 * 1024**2 + 120 * GIB
    assert (now.down, now.drained, now.out.cores) == ((), ("c4",), 64)
    assert (now.running, now.suspended, now.pending) == (2, 0, 8 + 500)
    assert now.free_gpus() == {"a100": 7, "h100": 4}
    # the reservation `course` keeps 16 of the 64 cores of c3, where md_production runs on 32 outside of it; maint_c4 has not begun
    assert (now.reserved_nodes, now.reserved.cores, dict(now.reserved_cores), now.out_held.cores) == ((), 16, {"c3": 16}, 0)
    assert now.free_cores == 448 - 44 - 64 - 16


def test_current_use(sources: Sources) -> None:
    """alice runs 32 cores and waits with two jobs; carol waits with two jobs and an array of 500."""
    alice = cluster.current_use(sources, viewer=Viewer(name="alice"), user="alice")
    assert (alice.running, alice.pending, alice.held.cores, alice.held.gpu_count) == (1, 2, 32, 0)
    carol = cluster.current_use(sources, viewer=PORTAL, user="carol")
    assert (carol.running, carol.pending, carol.held.cores) == (0, 502, 0)
    bob = cluster.current_use(sources, viewer=PORTAL, user="bob")
    assert (bob.running, bob.held.cores, dict(bob.held.gpus), bob.held.memory) == (1, 12, {"a100": 1}, 120 * GIB)
    assert cluster.current_use(sources, viewer=PORTAL, user="nobody").running == 0


def test_first_job_is_seen_at_once(changed: Accounting) -> None:
    """Somebody who had no association a moment ago."""
    sources, grace = changed.sources(), Viewer(name="grace")
    assert jobs_page(sources, viewer=grace, order="start").frame.empty
    changed.execute(
        "insert into alpha_assoc_table (creation_time, id_assoc, user, acct, lft, rgt) values (1, 900, 'grace', 'def-pi2_cpu', 0, 0)",
        "update alpha_job_table set id_assoc = 900, id_user = 24900 where id_job = 49",
    )
    assert jobs_page(sources, viewer=grace, order="start").frame.job_id.tolist() == ["49"]
    assert cluster.current_use(sources, viewer=grace, user="grace").held.cores == 32


def test_a_suspended_job_holds_no_cores_anywhere(changed: Accounting) -> None:
    """md_production (32 cores of c3) stops: what is held node by node is what the cluster as a whole has allocated."""
    before = cluster.cores_held(changed.sources(), viewer=PUBLIC)
    assert sum(before.values()) == cluster.cluster_now(changed.sources(), viewer=PUBLIC).allocated.cores == 44
    changed.execute("update alpha_job_table set state = 2 where time_end = 0 and state = 1 and nodelist = 'c3' and tres_alloc like '1=32,%'")
    after = cluster.cores_held(changed.sources(), viewer=PUBLIC)
    assert after.get("c3", 0) == before["c3"] - 32
    assert sum(after.values()) == cluster.cluster_now(changed.sources(), viewer=PUBLIC).allocated.cores == 12
