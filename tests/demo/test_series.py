"""What the simulated exporters show, against arithmetic on the plan and its curves; no server is needed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from core.settings import Settings
from datasources.prometheus import cluster_batches
from demo.behaviour import profile
from demo.model import BUCKET, Plan
from demo.plan import make_plan
from demo.series import Gusts, Hum, raw_begin, run_end
from demo.series_catalog import Catalog

NOW = 1_795_366_000
IDLE = 600  # seconds Lustre keeps the statistics of an idle job


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(20261122, NOW)


@pytest.fixture(scope="module")
def catalog(plan: Plan) -> Catalog:
    return Catalog(plan, profile)


def test_a_slice_shows_the_power_of_its_whole_card(plan: Plan, catalog: Catalog) -> None:
    on_node = [
        (run, place)
        for run in plan.runs
        if run.start is not None and run.start <= NOW < (run.end or plan.horizon)
        for place, share in enumerate(run.shares)
        if share.node == "gm01"
    ]
    cards = {0: 58.0, 1: 58.0}  # an idle A100 draws 58 W; seven slices to a card
    for run, place in on_node:
        for index, gpu in profile(plan, run, run.shares[place], place).gpus.items():
            cards[index // 7] += gpu.watts[(NOW - run.start) // BUCKET]
    shown = {}
    for block in catalog.passing(NOW, NOW + 1):
        if block.instance != "gm01:9798":
            continue
        for labels, value in zip(block.labels, block.values(np.array([float(NOW)]))[:, 0], strict=True):
            if labels["__name__"] == "slurm_job_power_gpu":
                assert labels["gpu_type"] == "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
                shown[labels["gpu"]] = value
    uuids = {gpu.uuid: gpu.index for node in plan.nodes if node.name == "gm01" for gpu in node.gpus}
    assert len(shown) >= 4
    for uuid, milliwatts in shown.items():
        assert milliwatts == pytest.approx(cards[uuids[uuid] // 7] * 1000, abs=1)


def test_no_series_is_shown_twice_at_once(plan: Plan, catalog: Catalog) -> None:
    """A requeued job has the id it had; its first run must be forgotten by the file servers when it runs again."""
    runs = defaultdict(list)
    for run in plan.runs:
        if run.start is not None:
            runs[run.id_job].append(run)
    again = [sorted(of, key=lambda run: run.start) for of in runs.values() if len(of) > 1]
    assert again
    for of in again:
        assert all(after.start >= before.end + IDLE + 60 for before, after in zip(of, of[1:], strict=False))
    seen = [
        (block.instance, tuple(sorted(one.items()))) for block in catalog.passing(NOW, NOW + 1) for one in block.labels
    ]
    seen += [(block.instance, tuple(sorted(one.items()))) for block in catalog.standing for one in block.labels]
    assert len(seen) == len(set(seen))


def test_programs_outside_jobs_have_no_account(plan: Plan, catalog: Catalog) -> None:
    uid = {person.name: person.uid for person in plan.people}
    blocks = [block for block in catalog.standing if "application" in block.labels[0]]
    assert {labels["fs"] for block in blocks for labels in block.labels} == {"scratch", "project"}
    for labels in (labels for block in blocks for labels in block.labels):
        assert labels["jobid"] == f"{labels['application']}.{uid[labels['user']]}" and "account" not in labels
    # a day of a program's life: it works, is kept ten minutes longer, is gone, and begins anew at 0
    day = np.arange(NOW // 86400 * 86400, NOW // 86400 * 86400 + 2 * 86400, 60.0)
    moved = next(b for b in blocks if b.labels[0]["application"] == "rsync").values(day)[0]
    assert np.isnan(moved).any()
    starts = np.flatnonzero(np.isnan(moved[:-1]) & ~np.isnan(moved[1:])) + 1
    assert len(starts) == 2 and (moved[starts] < 9e6 * 120).all()
    first = moved[starts[0] : starts[1]]
    first = first[~np.isnan(first)]
    assert len(first) == (5.5 * 3600 + IDLE) / 60 and (np.diff(first) >= 0).all()
    assert first[-1] == pytest.approx(9e6 * 5.5 * 3600, rel=0.05)


def test_an_interactive_shell_names_no_account(plan: Plan, catalog: Catalog) -> None:
    run = next(run for run in plan.runs if run.submit_line.startswith("salloc ") and run.start is not None)
    number = catalog.tables.of_run[id(run)][0]
    block = next(b for b in catalog._of_share(number) if b.exporter == "slurm-job-exporter")
    assert {(one["user"], one["account"]) for one in block.labels} == {(run.person, "error")}


def test_counters_go_on_from_what_was_kept(plan: Plan, tmp_path: Path) -> None:
    first, times = Catalog(plan, profile), np.array([NOW + 3600.0, NOW + 3660.0])
    for moment in np.arange(raw_begin(plan), NOW, 6 * 3600.0):
        first.loads["c002"].counters(np.array([moment]))
        first.file_systems[1].counters(np.array([moment]))
    first.save(tmp_path / "totals")
    second, fresh = Catalog(plan, profile), Catalog(plan, profile)
    second.load(tmp_path / "totals", NOW)
    assert second.loads["c002"].totals()[3].any()
    np.testing.assert_allclose(
        second.loads["c002"].counters(times), fresh.loads["c002"].counters(times), rtol=1e-9, atol=1e-3
    )
    np.testing.assert_allclose(
        second.file_systems[1].counters(times), first.file_systems[1].counters(times), rtol=1e-9, atol=2
    )
    (tmp_path / "totals").write_bytes(b"torn")
    Catalog(plan, profile).load(tmp_path / "totals", NOW)


def test_gusts_add_up_to_their_counter_wherever_one_begins_to_ask() -> None:
    gusts, calm = Gusts(0.1, 12345, 0.4, 0.2), Hum(0.1, 12345, 0.4)
    first = NOW // 60 * 60
    times = np.arange(first, first + 2 * 86400, 60.0)
    begin = NOW - 3 * 86400.0
    total, more = gusts.total(times, begin), gusts.rate(times) - calm.rate(times)
    # spells begin and end on whole minutes: each minute's growth beyond the hum's is the height at its beginning
    np.testing.assert_allclose(np.diff(total - calm.total(times, begin)) / 60, more[:-1], atol=1e-8)
    np.testing.assert_allclose(total[700:], gusts.total(times[700:], begin))
    assert abs(more.min()) < 1e-12 and 0.1 < more.max() < 0.4 and 0.2 < (more > 1e-9).mean() < 0.7


def test_the_wait_of_those_pending_is_that_of_the_plan(plan: Plan, catalog: Catalog) -> None:
    """Of each partition at its grid's last moment; nothing is told of one in which nobody waits."""
    blocks = {
        (labels["partition"], kind): (block, place)
        for block in catalog.standing
        for place, labels in enumerate(block.labels)
        for kind in ("median", "average")
        if labels["__name__"] == f"slurm_partition_jobs_{kind}_wait_time_seconds"
    }
    at, told = NOW // 300 * 300, 0
    for name in {name for name, _kind in blocks}:
        ages = [
            at - run.submit
            for run in plan.runs
            if name in run.partition.split(",") and run.submit <= at and (run_end(run.end, plan) if run.start is None else run.start) > at
            for _task in range(max(run.array_pending, 1) if run.start is None else 1)
        ]
        median, mean = (block.values(np.array([NOW + 7.0]))[place, 0] for block, place in (blocks[name, "median"], blocks[name, "average"]))
        assert bool(ages) == (not np.isnan(median))
        if ages:
            told += 1
            assert (median, mean) == (pytest.approx(np.median(ages)), pytest.approx(np.mean(ages)))
    assert told


def test_what_the_pages_read_of_the_scheduler_is_in_the_history(catalog: Catalog) -> None:
    """What only the live exporter tells would begin when the demo was started."""
    kept = {labels["__name__"]: block.every for block in catalog.standing if block.exporter == "slurm_exporter" for labels in block.labels}
    read = {metric for batch in cluster_batches.all_of(Settings()) if batch.exporter == cluster_batches.SLURM for metric in batch.metrics}
    assert read <= set(kept) and all(kept[metric] for metric in read)
    assert kept["slurm_rpc_stats_avg_time"] == 0
