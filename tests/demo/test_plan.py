"""The plan of the simulated cluster: nothing over-allocated, everything promised is there."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from demo.behaviour import profile, used_cpu_seconds
from demo.behaviour_kinds import STYLES
from demo.model import BUCKET, Plan, PlannedRun
from demo.plan import load_plan, make_plan, save_plan

NOW = 1_795_366_000  # a Sunday afternoon
DAY = 86400
RAW = 2.5 * DAY
MUST_RUN = (
    "gpu_idle_after_burst",
    "gpu_idle",
    "memory_over_asked",
    "serial_on_many_cores",
    "threads_oversubscribed",
    "metadata_storm",
    "dead_node_of_eight",
    "efficient",
    "gpu_efficient",
    "low_sm",
    "mig_candidate",
    "fragmented",
    "memory_growth",
)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(20261122, NOW)


def runs_by(plan: Plan, behaviour: str) -> list[PlannedRun]:
    return [r for r in plan.runs if r.behaviour == behaviour]


def is_running(run: PlannedRun, at: int = NOW) -> bool:
    return run.start is not None and run.start <= at and (run.end is None or run.end > at)


def test_no_node_is_over_allocated(plan: Plan) -> None:
    nodes = {n.name: n for n in plan.nodes}
    changes = defaultdict(list)
    for run in plan.runs:
        for share in run.shares:
            end = run.end if run.end is not None else plan.horizon
            changes[share.node] += [(run.start, 1, share), (end, 0, share)]
    for name, steps in changes.items():
        cores, gpus, memory = set(), set(), 0
        for _, begins, share in sorted(steps, key=lambda s: s[:2]):
            if not begins:
                cores -= set(share.cores)
                gpus -= set(share.gpus)
                memory -= share.memory
                continue
            assert not cores & set(share.cores) and not gpus & set(share.gpus), name
            cores |= set(share.cores)
            gpus |= set(share.gpus)
            memory += share.memory
            assert memory <= nodes[name].memory, name
            assert max(cores) < nodes[name].cores, name
            assert gpus <= {g.index for g in nodes[name].gpus}, name


def test_nothing_runs_on_a_node_that_is_down(plan: Plan) -> None:
    for event in plan.events:
        for run in plan.runs:
            if any(share.node == event.node for share in run.shares):
                end = run.end if run.end is not None else plan.horizon
                assert end <= event.start or run.start >= event.end, (event, run.id_job)


def test_reasons_are_set_by_root_or_by_somebody_accounting_knows(plan: Plan) -> None:
    # accounting tells the login of a uid by its jobs
    uids = {p.uid: p.name for p in plan.people if any(r.person == p.name and r.start is not None and r.start < NOW for r in plan.runs)}
    assert {uids.get(e.uid, "root") for e in plan.events if e.state == 514} == {"ken"}
    assert all(e.uid == 0 or e.uid in uids for e in plan.events)


def test_it_is_as_big_as_promised(plan: Plan) -> None:
    kinds = Counter(n.kind for n in plan.nodes)
    assert (
        kinds["cpu"] >= 34 and kinds["large"] >= 2 and kinds["login"] and kinds["transfer"] and kinds["hypervisor"] >= 3
    )
    assert {g.gres for n in plan.nodes for g in n.gpus} >= {"a100", "h100", "a100_1g.5gb"}
    assert 0 < sum(n.cgroup == 2 for n in plan.nodes) < len(plan.nodes) / 2
    assert len(plan.people) >= 25 and len({a for p in plan.people for a in p.accounts}) >= 8
    assert any(len(p.accounts) > 1 for p in plan.people) and sum(p.staff for p in plan.people) == 2
    past = [r for r in plan.runs if r.submit <= NOW and r.behaviour != "tiny_jobs"]
    assert len(past) >= 4000
    assert len(plan.file_systems) == 2 and len({vm.project for vm in plan.vms}) == 5


def test_the_cluster_is_busy_but_not_full(plan: Plan) -> None:
    names = {n.name for n in plan.nodes if n.kind == "cpu"}
    size = sum(n.cores for n in plan.nodes if n.kind == "cpu")
    used = sum(
        len(s.cores) * max(0, min(r.end or plan.horizon, NOW) - max(r.start, plan.begin))
        for r in plan.runs
        if r.start is not None
        for s in r.shares
        if s.node in names
    )
    assert 0.65 < used / size / (NOW - plan.begin) < 0.9


def test_the_same_seed_gives_the_same_plan(plan: Plan, tmp_path) -> None:
    again = make_plan(20261122, NOW)
    assert again.runs == plan.runs and again.events == plan.events
    save_plan(plan, tmp_path / "plan.gz")
    assert load_plan(tmp_path / "plan.gz").runs == plan.runs


def test_each_persona_has_finished_and_running_jobs(plan: Plan) -> None:
    for person in plan.people:
        if not person.behaviour:
            continue
        mine = [r for r in runs_by(plan, person.behaviour) if r.person == person.name]
        assert any(r.start is not None and r.end is not None and NOW - RAW < r.end <= NOW for r in mine), person.name
        if person.behaviour in MUST_RUN:
            assert any(is_running(r) for r in mine), person.name
    assert {p.behaviour for p in plan.people} - {""} <= set(STYLES)


def test_something_starts_or_ends_every_few_minutes(plan: Plan) -> None:
    edges = sorted(e for r in plan.runs for e in (r.start, r.end) if e is not None and NOW - 7200 < e < NOW + 7200)
    assert max(np.diff(edges)) < 900 and len(edges) > 120


def test_life_with_all_its_accidents(plan: Plan) -> None:
    past = [r for r in plan.runs if r.submit <= NOW]
    assert {r.end_state for r in past if r.end is not None and r.end <= NOW} >= {3, 4, 5, 6, 7, 8, 10, 11, 1024}
    waiting = [r for r in past if r.start is None and r.end is None]
    assert {r.reason for r in waiting} >= {1, 2, 3, 5, 6, 9, 15, 16, 39, 57, 149}
    assert any(is_running(r) and any(a <= NOW < b for a, b in r.suspensions) for r in past)
    long = [r for r in past if r.start is not None and (min(r.end or NOW, NOW) - r.start) > 23 * DAY]
    assert any(is_running(r) for r in long) and any(r.end is not None and r.end <= NOW for r in long)
    assert any(r.limit is None for r in past)
    assert any(r.nodes == 32 and r.end is not None and NOW - 2 * DAY < r.end <= NOW for r in past)
    assert any(r.exclusive for r in past)
    het = defaultdict(list)
    for run in past:
        if run.het_job:
            het[run.het_job].append(run.het_offset)
    assert het and all(sorted(offsets) == [0, 1] for offsets in het.values())
    ids = Counter(r.id_job for r in past)
    assert {r.end_state for r in past if ids[r.id_job] == 2} >= {7, 8, 1024}
    names = {r.name for r in past}
    assert {"<b>bold</b>", "<a href=x>click</a>", "=1+1"} <= names and any('"' in n for n in names)
    bitmap = next(r for r in waiting if r.array_text)
    assert bin(int(bitmap.array_text, 16)).count("1") == bitmap.array_pending == 500


def test_ids_and_times_are_in_order(plan: Plan) -> None:
    keys = Counter((r.id_job, r.submit) for r in plan.runs)
    assert max(keys.values()) == 1
    for run in plan.runs:
        if run.start is not None:
            assert run.submit <= run.start and run.eligible <= run.start and (run.end is None or run.end > run.start)
            assert run.cores == sum(len(s.cores) for s in run.shares) and run.nodes == len(run.shares)
            assert run.gpus == sum(len(s.gpus) for s in run.shares)


def test_dependencies_name_earlier_jobs_and_are_kept(plan: Plan) -> None:
    ends = {r.id_job: r.end for r in plan.runs}
    chained = [r for r in plan.runs if "afterok:" in r.submit_line and r.start is not None]
    assert chained
    for run in chained:
        parent = int(run.submit_line.split("afterok:")[1].split(",")[0].split("?")[0].split()[0])
        assert parent < run.id_job and ends[parent] <= run.start


def test_a_profile_stays_within_what_was_given(plan: Plan) -> None:
    seen = Counter()
    for run in plan.runs:
        if run.start is None or seen[run.behaviour] >= 6:
            continue
        seen[run.behaviour] += 1
        seconds = (run.end or plan.horizon) - run.start
        for index, share in enumerate(run.shares):
            it = profile(plan, run, share, index)
            buckets = -(-seconds // BUCKET)
            assert it.cpu.shape == (len(share.cores), buckets) and it.cpu.min() >= 0 and it.cpu.max() <= 1
            assert (it.rss + it.shared + it.cache).max() <= share.memory
            assert set(it.gpus) == set(share.gpus)
            assert all(len(gpu.util) == buckets and gpu.util.max() <= 100 for gpu in it.gpus.values())
            np.testing.assert_array_equal(it.cpu, profile(plan, run, share, index).cpu)


def test_cpu_seconds_are_the_integral_of_the_curves(plan: Plan) -> None:
    for behaviour in ("ordinary", "dead_node_of_eight", "tiny_jobs", "memory_growth"):
        run = next(r for r in runs_by(plan, behaviour) if r.end is not None and r.start is not None)
        total = 0.0
        for index, share in enumerate(run.shares):
            curve = profile(plan, run, share, index).cpu.astype(float).sum(axis=0)
            for bucket, busy in enumerate(curve):
                total += busy * min(BUCKET, run.end - run.start - bucket * BUCKET)
        assert used_cpu_seconds(plan, run) == pytest.approx(total, rel=1e-5)


def test_behaviours_look_like_their_names(plan: Plan) -> None:
    def of(behaviour: str, index: int = 0):
        run = next(r for r in runs_by(plan, behaviour) if is_running(r))
        return run, profile(plan, run, run.shares[index], index)

    run, it = of("gpu_idle_after_burst")
    late = [gpu.util[60:].mean() for gpu in it.gpus.values()]
    assert (
        run.person == "mira" and len(late) == 4 and sum(u > 80 for u in late) == 1 and sum(u < 0.5 for u in late) == 3
    )
    assert all(gpu.util[5:28].mean() > 80 for gpu in it.gpus.values())
    assert of("gpu_idle")[1].gpus[of("gpu_idle")[0].shares[0].gpus[0]].util.max() == 0
    run, it = of("serial_on_many_cores")
    assert len(it.cpu) == 16 and it.cpu.mean(axis=1)[0] > 0.95 and it.cpu.mean(axis=1)[1:].max() < 0.01
    run, it = of("memory_over_asked")
    assert (it.rss + it.shared).max() < run.shares[0].memory / 10
    assert of("dead_node_of_eight", 5)[1].cpu.mean() < 0.01 < 0.9 < of("dead_node_of_eight", 4)[1].cpu.mean()
    run, it = of("threads_oversubscribed")
    assert it.threads["running"][10:].mean() > 3.5 * run.cores
    assert (
        of("metadata_storm")[1].lustre_ops
        and max(ops["open"].mean() for ops in of("metadata_storm")[1].lustre_ops.values()) > 500
    )


def test_a_requeued_job_is_submitted_again_the_moment_it_ended(plan: Plan) -> None:
    """As Slurm does it: else nobody could tell a second run from another job that was given the same id."""
    runs = defaultdict(list)
    for run in plan.runs:
        runs[run.id_job].append(run)
    again = [sorted(of, key=lambda run: run.submit) for of in runs.values() if len(of) > 1]
    assert {of[0].end_state & 0xFF for of in again} >= {7, 8}
    for first, second in again:
        assert 0 < second.submit - first.end <= 60 and second.start > first.end


def test_what_waits_for_a_job_waits_for_one_that_runs(plan: Plan) -> None:
    waiting = next(run for run in plan.runs if run.name == "after_monte_carlo")
    number = int(waiting.submit_line.split("afterok:")[1].split()[0])
    parent = next(run for run in plan.runs if run.id_job == number)
    assert parent.person == waiting.person and parent.submit < waiting.submit and parent.start <= NOW < parent.end
