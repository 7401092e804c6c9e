"""JobFacts: equal to sacct and seff where accounting speaks, arithmetic by hand where metrics do."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from analysis.facts import JobFacts, job_facts
from core.errors import SourceDown
from core.settings import Settings
from tests.analysis.analysis_runs import GIB, START, frame, make_run

SETTINGS = Settings()
KIB, MIB = 1024, 1024**2

# What sacct printed of a real cluster's jobs: JobIDRaw|ElapsedRaw|NCPUS|TotalCPU|MaxRSS|mem of AllocTRES
SACCT = """\
1|7|4|00:02.472||2G
1.batch|7|4|00:00.038|4250K|2G
1.0|1|4|00:00.008|314K|2G
1.1|6|4|00:02.423|64891K|2G
1.2|0|4|00:00.002|588K|2G
3|6|64|00:02.114||250G
3.batch|6|64|00:00.016|4227K|250G
3.0|6|64|00:02.098|105869K|250G
4|9|6|00:03.472||64G
4.batch|9|6|00:00.015|4261K|64G
4.0|9|6|00:03.456|208357K|64G
7|11|24|00:04.788||500G
7.batch|11|24|00:00.014|4295K|500G
7.0|11|24|00:04.773|310942K|500G
"""


def seconds(text: str) -> float:
    minutes, rest = text.split(":")
    return int(minutes) * 60 + float(rest)


def sacct(job: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    names = ("id", "elapsed", "cpus", "cpu", "rss", "mem")
    rows = [dict(zip(names, line.split("|"), strict=True)) for line in SACCT.splitlines()]
    return next(row for row in rows if row["id"] == job), [row for row in rows if row["id"].startswith(job + ".")]


@pytest.mark.parametrize(
    ("job", "efficiency"),
    # CPU Efficiency as seff computes it, TotalCPU ÷ (elapsed × cores): 2.472/28, 2.114/384, 3.472/54, 4.788/264
    [("1", 0.08829), ("3", 0.00551), ("4", 0.06430), ("7", 0.01814)],
)
def test_cpu_efficiency_is_that_of_sacct(job: str, efficiency: float) -> None:
    row, lines = sacct(job)
    steps = pd.DataFrame({"cpu_total": [seconds(line["cpu"]) for line in lines]})
    run = make_run(
        elapsed=int(row["elapsed"]),
        cores=int(row["cpus"]),
        cores_req=int(row["cpus"]),
        memory=int(row["mem"][:-1]) * GIB,
    )
    facts = job_facts(run, steps, None, SETTINGS)
    # sacct cuts each step to milliseconds before it is printed, the job's sum only once
    assert facts.cpu_used == pytest.approx(seconds(row["cpu"]), abs=0.004)
    assert facts.cpu_efficiency == pytest.approx(efficiency, abs=0.0002)
    assert facts.cpu_source == "accounting"


def test_memory_is_that_of_seff() -> None:
    """The largest step's sum over tasks; without it MaxRSS × tasks. Here step 1.1 had two tasks of 60 MiB."""
    _row, lines = sacct("1")
    rss = [int(line["rss"][:-1]) * KIB for line in lines]
    tasks = [1, 4, 2, 1]
    run = make_run(elapsed=7, cores=4, memory=2 * GIB)
    steps = pd.DataFrame({"cpu_total": 1.0, "max_rss": rss, "tasks": tasks})
    assert job_facts(run, steps, None, SETTINGS).memory_peak == 64891 * KIB * 2
    steps["rss_total"] = [4250 * KIB, 1200 * KIB, 129_000 * KIB, 588 * KIB]
    facts = job_facts(run, steps, None, SETTINGS)
    assert facts.memory_peak == 129_000 * KIB
    assert facts.memory_efficiency == pytest.approx(129_000 / (2 * MIB))
    assert facts.memory_source == "accounting"


def test_a_running_job_is_judged_by_metrics_only() -> None:
    """Steps that are over hold a part of a running job; their sum would look like waste."""
    run = make_run(state="RUNNING", end=None, elapsed=600)
    steps = pd.DataFrame({"cpu_total": [10.0, math.nan], "rss_total": [MIB, None]})
    facts = job_facts(run, steps, None, SETTINGS, START + 600)
    assert (facts.cpu_used, facts.memory_peak, facts.cpu_source) == (None, None, None)
    cores = frame({("c1", str(core)): [0.5] * 11 for core in range(8)}, ("node", "core"))
    facts = job_facts(run, steps, {"cores": cores}, SETTINGS, START + 600)
    # 8 cores half busy for 600 s
    assert facts.cpu_used == pytest.approx(2400)
    assert facts.cpu_efficiency == pytest.approx(0.5)
    assert facts.cpu_source == "metrics"


def test_accounting_lost_with_its_node_gives_way_to_metrics() -> None:
    cores = frame({("c1", "0"): [0.9] * 121}, ("node", "core"))
    for state, source in (("COMPLETED", "accounting"), ("NODE_FAIL", "metrics")):
        facts = job_facts(make_run(state=state), pd.DataFrame({"cpu_total": [3.0]}), {"cores": cores}, SETTINGS)
        assert facts.cpu_source == source


def test_memory_is_rss_and_shared_of_all_nodes_at_one_moment() -> None:
    memory = frame(
        {
            ("slurm_job_memory_rss", "c1"): [1 * GIB, 6 * GIB, None, 2 * GIB] * 30,
            ("slurm_job_memory_mapped_file", "c1"): [0, GIB, None, 0] * 30,
            ("slurm_job_memory_rss", "c2"): [5 * GIB, 1 * GIB, None, 2 * GIB] * 30,
            ("slurm_job_memory_mapped_file", "c2"): [0, 0, None, 0] * 30,
            ("slurm_job_memory_cache", "c2"): [90 * GIB] * 120,
            ("slurm_job_memory_usage", "c2"): [95 * GIB] * 120,
        },
        ("metric", "node"),
    )
    facts = job_facts(make_run(nodes=2), None, {"memory": memory}, SETTINGS)
    # first 1 + 5 = 6, then 7 + 1 = 8; not 7 + 5
    assert facts.memory_peak == 8 * GIB
    assert facts.memory_peak_node == 7 * GIB
    assert facts.memory_efficiency == 0.25


def test_gaps_are_not_zero() -> None:
    """Of two hours one is missing: means are of what was seen, coverage says how much that is."""
    half = [0.8] * 60 + [None] * 61
    facts = job_facts(make_run(), None, {"cores": frame({("c1", "0"): half}, ("node", "core"))}, SETTINGS)
    assert facts.cpu_mean == pytest.approx(0.8)
    # 60 samples of a minute in 120 minutes
    assert facts.coverage == pytest.approx(0.5)


@pytest.mark.parametrize(
    "metrics",
    [None, {}, {"cores": SourceDown("prometheus"), "gpu": None}, {"cores": pd.DataFrame()}],
)
def test_nothing_to_go_by_is_none_not_zero(metrics: dict | None) -> None:
    facts = job_facts(make_run(), None, metrics, SETTINGS)
    assert (facts.cpu_used, facts.cpu_efficiency, facts.memory_peak, facts.gpu_use, facts.energy_kwh) == (None,) * 5
    assert facts.coverage == 0.0


def test_only_nan_is_nothing_as_well() -> None:
    nothing = frame({("c1", "0"): [None] * 5}, ("node", "core"))
    facts = job_facts(make_run(), None, {"cores": nothing}, SETTINGS)
    assert (facts.cpu_mean, facts.coverage) == (None, 0.0)


def gpu_frame(**use: list) -> pd.DataFrame:
    return frame(
        {
            ("slurm_job_utilization_gpu", "g1", number, "NVIDIA A100-SXM4-40GB"): values
            for number, values in use.items()
        },
        ("metric", "node", "gpu", "gpu_type"),
    )


def test_gpu_idle_spans() -> None:
    gpu = gpu_frame(
        a=[100.0] * 20 + [0.0] * 100,  # stops after 20 minutes
        b=[100.0] * 20 + [0.0] * 60 + [100.0] * 40,  # an hour in the middle
        c=[0.0] * 50 + [None] * 10 + [0.0] * 60,  # a gap ends a span: nobody knows what happened there
    )
    run = make_run(gpus=3, state="RUNNING", end=None)
    facts = job_facts(run, None, {"gpu": gpu}, SETTINGS, START + 7200)
    first, second, third = facts.gpu
    assert first.use == pytest.approx(1 / 6)
    assert (first.idle_since, first.idle_from, first.idle_to) == (START + 1200, START + 1200, START + 7200)
    # the last hour: the samples after START + 3600
    assert first.use_last_hour == 0.0
    assert second.use_last_hour == pytest.approx(40 / 59)
    assert (second.idle_since, second.idle_from, second.idle_to) == (None, START + 1200, START + 4800)
    assert (third.idle_from, third.idle_to) == (START + 3600, START + 7200)
    assert facts.gpu_idle_count == 1
    assert facts.gpu_use == pytest.approx((1 / 6 + 0.5 + 0) / 3)


def test_gpu_units_are_plain() -> None:
    key = ("g1", "0", "NVIDIA A100-SXM4-40GB")
    gpu = frame(
        {
            ("slurm_job_utilization_gpu", *key): [50.0] * 120,
            ("slurm_job_power_gpu", *key): [250_000.0] * 120,
            ("slurm_job_memory_usage_gpu", *key): [GIB, 3 * GIB] * 60,
            ("slurm_job_sm_occupancy_gpu", *key): [25.0] * 120,
        },
        ("metric", "node", "gpu", "gpu_type"),
    )
    facts = job_facts(make_run(gpus=1), None, {"gpu": gpu}, SETTINGS)
    only = facts.gpu[0]
    assert (only.use, only.watts, only.memory_peak, only.sm_occupancy, only.tensor) == (0.5, 250.0, 3 * GIB, 0.25, None)
    # the exporter's total is missing: the model's 40 GiB
    assert only.memory_total == 40 * GIB
    assert facts.gpu_hours_wasted == pytest.approx(1.0)


def test_memory_growth_by_hand() -> None:
    """10 MiB a minute from 4 GiB: after 120 minutes 1200 MiB more, and the rest of 32 GiB lasts 2755 minutes."""
    values = [4 * GIB + 10 * MIB * minute for minute in range(121)]
    memory = frame({("slurm_job_memory_rss", "c1"): values}, ("metric", "node"))
    run = make_run(state="RUNNING", end=None)
    facts = job_facts(run, None, {"memory": memory}, SETTINGS, START + 7200)
    assert facts.memory_slope == pytest.approx(10 * MIB / 60)
    assert facts.memory_slope_fit == pytest.approx(1.0)
    assert facts.memory_full_in == pytest.approx((28 * 1024 - 1200) / 10 * 60)


def test_threads_that_are_not_there_are_none_running() -> None:
    """A state without a thread has no series; while others have one, nothing ran."""
    threads = frame({("running", "c1"): [4, None, None], ("sleeping", "c1"): [1, 5, None]}, ("state", "node"))
    assert job_facts(make_run(), None, {"threads": threads}, SETTINGS).threads == 2.0


def test_metadata_is_all_but_reading_and_writing() -> None:
    ops = frame(
        {
            ("open", "scratch"): [300.0, 100.0],
            ("close", "scratch"): [300.0, None],
            ("read_bytes", "scratch"): [1e9, 1e9],
        },
        ("operation", "fs"),
    )
    facts = job_facts(make_run(), None, {"lustre_ops": ops}, SETTINGS)
    assert (facts.metadata_ops, facts.metadata_ops_peak) == (350.0, 600.0)


def test_time_efficiency_knows_no_limit() -> None:
    assert job_facts(make_run(limit=14400.0), None, None, SETTINGS).time_efficiency == 0.5
    assert job_facts(make_run(limit=math.inf), None, None, SETTINGS).time_efficiency is None
    assert job_facts(make_run(limit=None), None, None, SETTINGS).time_efficiency is None
    pending = make_run(state="PENDING", start=None, end=None, elapsed=0)
    assert job_facts(pending, None, None, SETTINGS, START).time_efficiency is None


def test_facts_survive_json() -> None:
    gpu = gpu_frame(a=[1.0] * 120)
    facts = job_facts(make_run(gpus=1), pd.DataFrame({"cpu_total": [9.0]}), {"gpu": gpu}, SETTINGS)
    assert JobFacts.from_dict(json.loads(json.dumps(facts.as_dict()))) == facts
