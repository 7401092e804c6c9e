"""Nodes over the rows a real Slurm wrote: which there are, who sees them, what holds them; numbers from sacct."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from core.errors import NotAllowed, NotFound
from core.narrow import Narrow
from core.settings import Settings
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import nodes
from datasources.slurm.db import recorded
from datasources.slurm.nodes_jobs import on
from datasources.sources import Sources
from tests.slurm import golden
from tests.slurm.conftest import ASKED_AT, Accounting, sources_of
from tests.slurm.test_listing import explained, reads

pytestmark = pytest.mark.services
ALICE, BOB, CAROL, DAVE = (Viewer(name=name) for name in ("alice", "bob", "carol", "dave"))
SINCE, DAY, MIB = ASKED_AT - 3600, 86400, 1024**2
ALL = ("c1", "c2", "c3", "c4", "g1", "g2", "h1")
KERNEL = 1795360136  # 2026-11-22 15:08:56 UTC: c4 was drained


def by_sacct(node: str, user: str = "") -> list[str]:
    """Raw ids of the jobs sacct lists on a node (lists of this dump are short: c[1-2], c[1-3], g[1-2])."""
    lists = {"c[1-2]": ("c1", "c2"), "c[1-3]": ("c1", "c2", "c3"), "g[1-2]": ("g1", "g2")}
    rows = [row for row in golden.jobs() if node in lists.get(row["NodeList"], (row["NodeList"],))]
    return sorted(row["JobIDRaw"] for row in rows if not user or row["User"] == user)


def test_the_configured_nodes(sources: Sources) -> None:
    assert nodes.node_names(sources, viewer=PORTAL) == ALL
    for viewer in (ALICE, PUBLIC):
        with pytest.raises(NotAllowed):
            nodes.node_names(sources, viewer=viewer)


def test_what_runs_where_and_what_is_out(sources: Sources) -> None:
    """squeue: md_production on c3 with 32 cores, llm on g1 with 12 cores and one A100; c4 is drained."""
    frame = nodes.nodes_now(sources, viewer=PORTAL).set_index("node")
    assert tuple(frame.index) == ALL
    assert frame["jobs"].to_dict() == dict.fromkeys(ALL, 0) | {"c3": 1, "g1": 1}
    assert frame["cores_alloc"].to_dict() == dict.fromkeys(ALL, 0.0) | {"c3": 32.0, "g1": 12.0}
    assert frame["gpus_alloc"].to_dict() == dict.fromkeys(ALL, 0.0) | {"g1": 1.0}
    assert frame.loc["c3", "memory_alloc"] == 124_800 * MIB
    assert frame.loc["c3", "accounts"] == ("rrg-pi1_cpu",)
    assert frame.loc["c4", ["event", "reason", "since", "who"]].tolist() == ["IDLE+DRAIN", "kernel upgrade", float(KERNEL), "root"]
    assert (frame.drop("c4")["event"] == "").all(), "spells that have ended are not told"


@pytest.mark.parametrize(("viewer", "seen"), [(ALICE, ["c3"]), (BOB, ["g1"]), (CAROL, []), (DAVE, []), (PUBLIC, [])])
def test_a_person_sees_the_nodes_of_own_running_jobs(sources: Sources, viewer: Viewer, seen: list[str]) -> None:
    frame = nodes.nodes_now(sources, viewer=viewer)
    assert frame["node"].tolist() == seen
    assert frame.attrs["own"] == dict.fromkeys(seen, 1)
    assert all(accounts == () for accounts in frame["accounts"])
    narrowed = nodes.nodes_now(sources, viewer=viewer, narrow=Narrow(user="alice" if viewer is not ALICE else "bob"))
    assert narrowed.empty, "nobody narrows to somebody else"


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        (Narrow(user="alice"), ["c3"]), (Narrow(user="ALICE"), []), (Narrow(account="rrg-pi1_gpu"), ["g1"]), (Narrow(account="rrg-pi1"), []),
        (Narrow(partition="gpu"), ["g1"]), (Narrow(node="c[2-3]"), ["c2", "c3"]), (Narrow(node="g"), ["g1", "g2"]), (Narrow(node="c3'--"), []),
    ],
)  # fmt: skip
def test_staff_narrow_exactly(sources: Sources, narrow: Narrow, expected: list[str]) -> None:
    assert nodes.nodes_now(sources, viewer=PORTAL, narrow=narrow)["node"].tolist() == expected


def test_partitions_of_the_settings_hold_idle_nodes_too(accounting: Accounting) -> None:
    sources = accounting.sources(partitions={"gpu": "g[1-2],h1"})
    assert nodes.nodes_now(sources, viewer=PORTAL, narrow=Narrow(partition="gpu"))["node"].tolist() == ["g1", "g2", "h1"]


@pytest.mark.parametrize(("policy", "staff", "person"), [("all", True, True), ("staff", True, False), ("none", False, False)])
def test_who_reads_reasons(accounting: Accounting, policy: str, staff: bool, person: bool) -> None:
    plain = accounting.sources()
    settings = Settings.model_validate(plain.settings.model_dump() | {"site": {"cluster": "alpha", "node_reasons": policy}})
    sources = sources_of(settings, plain.slurm)
    for viewer, readable in ((PORTAL, staff), (ALICE, person)):
        found = nodes.node_events(sources, viewer=viewer, node="c4", since=SINCE, until=ASKED_AT)
        assert ("reason" in found) == readable
        assert found["start"].tolist() == [1795360078, KERNEL]
        assert "who" not in found or set(found["who"]) <= ({""} if viewer is ALICE else {"root", "64030", "slurm"})


@pytest.mark.parametrize("node", ALL)
def test_staff_see_every_run_of_a_node(sources: Sources, node: str) -> None:
    frame = nodes.jobs_on_node(sources, viewer=PORTAL, node=node, since=SINCE, until=ASKED_AT)
    assert sorted(map(str, frame["id_job"])) == by_sacct(node)
    assert frame.attrs["others"] == 0
    assert frame.attrs["complete"]


def test_a_person_gets_own_runs_and_a_number(sources: Sources) -> None:
    for viewer in (ALICE, CAROL):
        frame = nodes.jobs_on_node(sources, viewer=viewer, node="h1", since=SINCE, until=ASKED_AT)
        assert sorted(map(str, frame["id_job"])) == by_sacct("h1", viewer.name or "")
        assert set(frame["user"]) == {viewer.name}
        assert frame.attrs["others"] == len(by_sacct("h1")) - len(frame)


def test_a_running_job_has_no_end(sources: Sources) -> None:
    frame = nodes.jobs_on_node(sources, viewer=ALICE, node="c3", since=ASKED_AT - 1, until=ASKED_AT).set_index("name")
    row = frame.loc["md_production"]
    assert (row["end"] != row["end"], row["cores"], row["memory"], row["nodes"]) == (True, 32, 124_800 * MIB, 1)


def test_jobs_before_the_range_and_ids_seen_by_metrics(sources: Sources) -> None:
    late = nodes.jobs_on_node(sources, viewer=PORTAL, node="c3", since=ASKED_AT + DAY, until=ASKED_AT + 2 * DAY)
    assert late["name"].tolist() == ["md_production"]
    more = nodes.jobs_on_node(sources, viewer=PORTAL, node="c3", since=SINCE, until=ASKED_AT, ids=(1, 50, 999_999))
    assert sorted(map(str, more["id_job"])) == by_sacct("c3"), "50 ran on g1, 999999 is no job, 1 is found once"


@pytest.mark.parametrize("viewer", [ALICE, BOB, CAROL, DAVE, PUBLIC])
@pytest.mark.parametrize("node", [*ALL, "c9", "C3", "c", "c3'", "%"])
def test_who_sees_a_node(sources: Sources, viewer: Viewer, node: str) -> None:
    """Exactly those whose jobs sacct lists there; to others it is as absent as a node that is not."""
    if viewer.name and by_sacct(node, viewer.name):
        nodes.may_see_node(sources, viewer=viewer, node=node, now=ASKED_AT)
        return
    for call in (
        lambda: nodes.may_see_node(sources, viewer=viewer, node=node, now=ASKED_AT),
        lambda: nodes.jobs_on_node(sources, viewer=viewer, node=node, since=SINCE, until=ASKED_AT),
        lambda: nodes.node_events(sources, viewer=viewer, node=node, since=SINCE, until=ASKED_AT),
    ):
        with pytest.raises(NotFound):
            call()


def test_staff_see_nodes_that_are_or_were(sources: Sources, changed: Accounting) -> None:
    for node in ALL:
        nodes.may_see_node(sources, viewer=PORTAL, node=node, now=ASKED_AT)
    for node in ("c9", "C1", ""):
        with pytest.raises(NotFound):
            nodes.may_see_node(sources, viewer=PORTAL, node=node, now=ASKED_AT)
    columns = "time_start, time_end, node_name, cluster_nodes, reason, reason_uid, state, tres"
    changed.execute(f"insert into alpha_event_table ({columns}) values (5, 9, 'old7', '', 'x', 0, 1, '')")
    nodes.may_see_node(changed.sources(), viewer=PORTAL, node="old7", now=ASKED_AT)


def test_a_node_is_seen_for_thirty_days(accounting: Accounting) -> None:
    nodes.may_see_node(accounting.sources(), viewer=DAVE, node="g1", now=ASKED_AT + 29 * DAY)
    with pytest.raises(NotFound):
        nodes.may_see_node(accounting.sources(), viewer=DAVE, node="g1", now=ASKED_AT + 31 * DAY)


def test_those_who_may_open_an_account_see_its_nodes(accounting: Accounting) -> None:
    """Only then: a coordinator without that right sees own nodes."""
    opens = Viewer(name="zoe", coordinates=frozenset({"rrg-pi1_cpu"}), opens=frozenset({"rrg-pi1_cpu"}))
    frame = nodes.jobs_on_node(accounting.sources(), viewer=opens, node="c3", since=SINCE, until=ASKED_AT)
    assert set(frame["account"]) == {"rrg-pi1_cpu"}
    with pytest.raises(NotFound):
        nodes.may_see_node(accounting.sources(), viewer=Viewer(name="zoe", coordinates=frozenset({"rrg-pi1_cpu"})), node="c3", now=ASKED_AT)


@pytest.mark.parametrize(("hosts", "node", "there"), [
    ("c1", "c1", True), ("c10", "c1", False), ("c[1-3]", "c2", True), ("c[10-30]", "c1", False), ("xc1", "c1", False), ("g[1-2],c4", "c4", True),
    ("None assigned", "c1", False), (None, "c1", False), ("n01-ib", "n01", False),
])  # fmt: skip
def test_a_host_list_is_read_exactly(hosts: str | None, node: str, there: bool) -> None:
    assert on(hosts, node) is there


@pytest.fixture(scope="module")
def busy(mariadb: Any) -> Iterator[Accounting]:
    """The dump and 30 000 short jobs of bob on c1, all within a day."""
    made = Accounting(mariadb, "slurm_nodes_busy")
    (assoc,) = made.execute("select id_assoc from alpha_assoc_table where acct = 'def-pi1_cpu' and user = 'bob'")
    columns = "account, cpus_req, job_name, id_assoc, id_array_job, id_array_task, id_job, id_qos, id_resv, id_wckey, id_user, id_group, het_job_id, het_job_offset, "
    columns += "state_reason_prev, nodelist, nodes_alloc, `partition`, priority, state, timelimit, "
    columns += "time_submit, time_eligible, time_start, time_end, tres_alloc, tres_req, submit_line"
    row = f"'def-pi1_cpu', 1, 'short', {assoc[0]}, 0, 4294967294, 1000 + seq, 1, 0, 0, 24002, 1, 0, 4294967294, 0, if(seq % 2, 'c1', 'c2'), 1, 'cpu', 1, 3, 60, "
    row += "1795000000 + seq, 1795000000 + seq, 1795000010 + seq, 1795000020 + seq, '1=1,2=1024', '1=1,2=1024', 'sbatch job.sh'"
    made.execute(f"insert into alpha_job_table ({columns}) select {row} from seq_1_to_30000", "analyze table alpha_job_table")
    yield made
    made.close()


@pytest.mark.parametrize("viewer", [PORTAL, BOB])
def test_a_long_span_is_searched_within_the_budget_and_says_so(busy: Accounting, viewer: Viewer) -> None:
    sources = busy.sources(connections=1)
    nodes.may_see_node(sources, viewer=viewer, node="c1", now=ASKED_AT)
    before = reads(sources.slurm)
    frame = nodes.jobs_on_node(sources, viewer=viewer, node="c1", since=1795000000, until=ASKED_AT, most=500)
    assert reads(sources.slurm) - before < 20_000
    assert not frame.attrs["complete"]
    assert 0 < len(frame) <= 500
    short = nodes.jobs_on_node(sources, viewer=PORTAL, node="c1", since=1795029000, until=ASKED_AT)
    assert short.attrs["complete"]
    assert (short["name"] == "short").sum() == 510, "odd numbers from 28981 (ended at 1795029001) to 29999"


def test_every_statement_is_on_a_key(busy: Accounting) -> None:
    """What the server says it would do for each statement of the page of nodes: no job table is read from end to end."""
    sources = busy.sources()
    sent: list[tuple[str, Any]] = []
    event.listen(sources.slurm.engine, "before_cursor_execute", lambda _c, _u, statement, parameters, *_rest: sent.append((statement, parameters)))
    nodes.nodes_now(sources, viewer=PORTAL)
    nodes.jobs_on_node(sources, viewer=BOB, node="c1", since=1795000000, until=ASKED_AT, ids=(1001, 1003))
    jobs = [(statement, parameters) for statement, parameters in sent if "alpha_job_table" in statement and "information_schema" not in statement]
    assert len(jobs) >= 4
    for statement, parameters in jobs:
        for step in explained(sources.slurm, statement, parameters):
            assert not (step["type"] == "ALL" and step["table"] == "alpha_job_table"), (statement, step)


def test_what_staff_read_carries_nothing_for_each_node(sources: Sources) -> None:
    """pandas copies attrs at every step: an entry for each of 2 000 nodes made a page take seconds."""
    assert sum(len(value) for value in nodes.nodes_now(sources, viewer=PORTAL).attrs.values()) == 0
    assert set(nodes.nodes_now(sources, viewer=ALICE).attrs) == {"own"}


def test_the_page_of_nodes_costs_three_statements(sources: Sources) -> None:
    nodes.nodes_now(sources, viewer=PORTAL)
    sources.slurm.forget()
    sources.slurm.schema, sources.slurm.tres_names()
    with recorded() as statements:
        nodes.nodes_now(sources, viewer=ALICE)
    assert len(statements) == 3


def test_whether_a_node_is_somebodys_is_found_out_within_the_budget(busy: Accounting) -> None:
    """The worst case: no job of theirs was there, so own jobs and those of an account they may open are looked through."""
    sources = busy.sources(connections=1)
    viewer = Viewer(name="bob", accounts=frozenset({"def-pi1_cpu"}), opens=frozenset({"def-pi1_cpu"}))
    before = reads(sources.slurm)
    with pytest.raises(NotFound):
        nodes.may_see_node(sources, viewer=viewer, node="c999", now=ASKED_AT)
    assert reads(sources.slurm) - before < 10_000, "beside them there is room for as many that have not ended"
