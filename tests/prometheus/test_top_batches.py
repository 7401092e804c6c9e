"""The largest users in a real Prometheus: sums by person and account, idle GPUs, large nodes, file systems with their rest."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from core.errors import TurtleError
from core.timerange import TimeRange
from core.viewer import PORTAL
from datasources.prometheus import top_batches
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.job_frames import part
from datasources.prometheus.run import fetch
from datasources.sources import Sources
from tests.prometheus.known_samples import START

HOUR, GIB = 3600, 2**30
END = START + HOUR
NOW = TimeRange(start=END - 600, end=END, now=END)
WHOLE = TimeRange(start=START, end=END, now=END, points=60)
pytestmark = pytest.mark.services
# job → user, account, cores busy of how many, memory peak in GiB, GPUs' use in percent
JOBS = {
    7: ("alice", "def-a", (1.0, 0.5), 4, (90.0, 0.0)),
    8: ("alice", "def-a", (1.0,), 2, ()),
    9: ("alice", "def-a_x", (0.25,), 1, (1.0,)),
    10: ("bob", "def-a", (1.0, 1.0, 1.0), 8, (1.5, 50.0)),
}
NODES = {"c1": (16, 64), "c2": (16, 64), "c3": (16, 64), "m1": (32, 1024), "edge": (8, 64)}
RECORDED = (("alice", "def-a", 3), ("alice", "def-a_x", 4), ("alice2", "def-a", 5))
PEOPLE = range(1, 13)  # user k does k operations a second on fs1, reads 1000 k bytes a second and writes 10


def _jobs() -> list[str]:
    lines = {name: [f"# TYPE {name} {kind}"] for name, kind in (
        ("slurm_job_core_usage", "counter"), ("slurm_job_memory_max", "gauge"), ("slurm_job_utilization_gpu", "gauge"),
    )}  # fmt: skip
    for job, (user, account, cores, peak, gpus) in JOBS.items():
        who = f'slurmjobid="{job}",user="{user}",account="{account}",instance="c1:9798"'
        for t in range(0, HOUR + 1, 60):
            for core, busy in enumerate(cores):
                lines["slurm_job_core_usage"].append(f'slurm_job_core_usage_total{{{who},core="{core}"}} {int(busy * t * 1e9)} {START + t}')
            lines["slurm_job_memory_max"].append(f"slurm_job_memory_max{{{who}}} {peak * GIB} {START + t}")
            for gpu, use in enumerate(gpus):
                lines["slurm_job_utilization_gpu"].append(f'slurm_job_utilization_gpu{{{who},gpu="{gpu}"}} {use} {START + t}')
    return [line for block in lines.values() for line in sorted(block, key=lambda text: text.rpartition(" ")[0].rpartition(" ")[0])]


def _nodes() -> list[str]:
    lines = ["# TYPE node_cpu_seconds counter"]
    lines += [f'node_cpu_seconds_total{{instance="{node}:9100",cpu="{cpu}",mode="idle",job="{pair}"}} 1 {END}'
              for node, (cores, _memory) in NODES.items() for cpu in range(cores) for pair in ("one", "two")]  # fmt: skip
    lines.append("# TYPE node_memory_MemTotal_bytes gauge")
    lines += [f'node_memory_MemTotal_bytes{{instance="{node}:9100",job="{pair}"}} {memory * GIB} {END}'
              for node, (_cores, memory) in NODES.items() for pair in ("one", "two")]  # fmt: skip
    return lines


def _lustre() -> list[str]:
    lines = []
    rates = {"metadata": {k: k for k in PEOPLE}, "read_bytes": {k: 1000 * k for k in PEOPLE}, "write_bytes": dict.fromkeys(PEOPLE, 10)}
    for name, rate in rates.items():
        rule = f"lustre:{name}:rate3m_user"
        lines.append(f"# TYPE {rule} gauge")
        for k in PEOPLE:
            lines += [f'{rule}{{user="u{k}",account="def-{k % 2}",fs="fs1"}} {rate[k]} {START + t}' for t in range(0, HOUR + 1, 60)]
        # no person: a login node's own services; and a short burst, large for five minutes only
        lines += [f'{rule}{{fs="fs2"}} 5 {START + t}' for t in range(0, HOUR + 1, 60)]
        lines += [f'{rule}{{user="burst",account="def-0",fs="fs2"}} 120 {START + t}' for t in range(0, 300, 60)]
    return lines


@pytest.fixture(scope="module")
def address(prometheus_from: Callable[..., str]) -> str:
    recorded = [f"# TYPE {rule} gauge\n" + "\n".join(f'{rule}{{user="{user}",account="{account}"}} {value} {END - 60}' for user, account, value in RECORDED)
                for rule in top_batches.RECORDED.values()]  # fmt: skip
    return prometheus_from("\n".join([*_jobs(), *_nodes(), *_lustre(), *recorded, "# EOF", ""]))


@pytest.fixture
def sources(address: str, sources_of: Callable[..., Sources]) -> Sources:
    return sources_of(address, clock=lambda: float(END))


def ask(sources: Sources, batch: Batch, target: Target, when: TimeRange = NOW) -> pd.DataFrame:
    found = fetch(sources, (batch,), target, when, viewer=PORTAL)[batch.key]
    assert not isinstance(found, TurtleError), found
    return found


def values(frame: pd.DataFrame, what: str, *names: str) -> dict[tuple[str, ...], float]:
    rows = frame[frame["what"] == what]
    return {tuple(row[name] for name in names): pytest.approx(row["value"]) for row in rows.to_dict("records")}


def test_chosen_jobs_are_added_up_by_person_and_account(sources: Sources) -> None:
    """Without job 8; accounts whose names begin alike stay apart; a GPU at exactly 1 % does nothing, at 1.5 % something."""
    frame = ask(sources, top_batches.of_jobs(sources.settings, gpus=True), Target(jobs=(7, 9, 10)))
    who = ("user", "account")
    a, ax, b = ("alice", "def-a"), ("alice", "def-a_x"), ("bob", "def-a")
    assert values(frame, "cores_used", *who) == {a: 1.5, ax: 0.25, b: 3.0}
    assert values(frame, "memory_peak", *who) == {a: 4 * GIB, ax: GIB, b: 8 * GIB}
    assert values(frame, "gpus_seen", *who) == {a: 2, ax: 1, b: 2}
    assert values(frame, "gpus_busy", *who) == {a: 1, ax: 0, b: 2}
    assert values(frame, "gpus_used", *who) == {a: 0.9, ax: 0.01, b: 0.515}


def test_each_job_alone_and_none_for_no_jobs(sources: Sources) -> None:
    frame = ask(sources, top_batches.each_job(sources.settings), Target(jobs=(8, 10)))
    assert values(frame, "cores_used", "slurmjobid") == {("8",): 1.0, ("10",): 3.0}
    assert ask(sources, top_batches.each_job(sources.settings), Target()).empty


def test_large_nodes_are_found_by_memory_a_core(sources: Sources) -> None:
    """m1 has 32 GiB a core; 8 GiB a core (edge) is not above the limit; a pair of servers that scrape the same doubles nothing."""
    frame = ask(sources, top_batches.large_nodes(sources.settings, 8 * GIB), Target())
    assert values(frame, "per_core", "node") == {("m1",): 32 * GIB}
    assert values(frame, "memory", "node") == {("m1",): 1024 * GIB}
    assert values(frame, "ordinary_memory", "node") == {("",): 64 * GIB}
    assert values(frame, "ordinary_cores", "node") == {("",): 16}


def test_ten_people_have_a_line_of_their_own_and_the_whole_is_known(sources: Sources) -> None:
    """1 + … + 12 = 78 operations a second on fs1; u1 and u2 are not among the ten largest."""
    frame = ask(sources, top_batches.operations(sources.settings, "user"), Target(), WHOLE)
    own, whole = part(frame, what="operations"), part(frame, what="all")
    first = {user for fs, user in own.columns if fs == "fs1"}
    assert first == {f"u{k}" for k in range(3, 13)}
    assert own[("fs1", "u12")].dropna().unique().tolist() == [12.0]
    assert whole.iloc[-1].to_dict() == {("fs1", ""): 78.0, ("fs2", ""): 5.0}
    assert {user for fs, user in own.columns if fs == "fs2"} == {"", "burst"}


def test_the_ranking_holds_for_the_whole_range(sources: Sources) -> None:
    """A line that is among the largest is there at every point it has, not only where it is the largest just then."""
    frame = ask(sources, top_batches.operations(sources.settings, "user"), Target(), WHOLE)
    assert part(frame, what="operations")[("fs1", "u3")].notna().all()


def test_bytes_have_the_same_lines_both_ways(sources: Sources) -> None:
    frame = ask(sources, top_batches.bytes_moved(sources.settings, "account"), Target(), WHOLE)
    read, written = part(frame, what="read"), part(frame, what="written")
    odd, even = sum(range(1, 13, 2)) * 1000, sum(range(2, 13, 2)) * 1000
    assert read.iloc[-1][[("fs1", "def-0"), ("fs1", "def-1")]].tolist() == [even, odd]
    assert written.iloc[-1][[("fs1", "def-0"), ("fs1", "def-1")]].tolist() == [60, 60]
    assert part(frame, what="all_read").iloc[-1][("fs1", "")] == odd + even


def test_a_person_is_asked_for_exactly(sources: Sources) -> None:
    """u1 is not u10, u11, u12; and a name with signs of PromQL in it is only a name."""
    frame = ask(sources, top_batches.operations(sources.settings, "user"), Target(users=("u1",)), WHOLE)
    assert set(part(frame, what="operations").columns) == {("fs1", "u1")}
    for name in ('u1"} or vector(1) or {x="', "u1|u2", "u.*"):
        assert ask(sources, top_batches.operations(sources.settings, "user"), Target(users=(name,)), WHOLE).columns.empty


def test_recorded_use_is_of_exact_people_and_accounts(sources: Sources) -> None:
    """alice is not alice2, def-a is not def-a_x; without a name everybody is told."""
    batch, who = top_batches.recorded(sources.settings), ("user", "account")
    assert values(ask(sources, batch, Target(users=("alice",), accounts=("def-a",))), "cores_used", *who) == {("alice", "def-a"): 3}
    assert values(ask(sources, batch, Target(users=("alice",))), "memory_peak", *who) == {("alice", "def-a"): 3, ("alice", "def-a_x"): 4}
    assert len(values(ask(sources, batch, Target()), "cores_used", *who)) == 3
