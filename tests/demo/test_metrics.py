"""The simulated cluster's metrics, in a real Prometheus, against arithmetic on the profiles by hand."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from demo import backfill
from demo.exporters import Exporters, server
from demo.model import Account, Gpu, GpuProfile, Node, NodeEvent, Person, Plan, PlannedRun, Profile, Share, Vm
from demo.prometheus_config import write_config
from tests.services import QUIET, answers, folder, free_port, program, stop, wait_for

pytestmark = pytest.mark.services
RULES = Path(__file__).parents[2] / "deploy" / "recording_rules.yml"
GIB = 2**30
NOW = 1_790_000_100  # on a multiple of 300
SERIAL_START, SERIAL_END = NOW - 7200, NOW - 3600
GPU_START = NOW - 5400
CARD = Gpu(index=0, gres="a100", gpu_type="NVIDIA A100-SXM4-40GB", uuid="GPU-1")


def node(name: str, **more: object) -> Node:
    kind = {"kind": "cpu", "cores": 4, "memory": 16 * GIB, "partitions": ("cpu",), "scratch": 100 * GIB, **more}
    return Node(name=name, **kind)


def run(id_job: int, start: int, end: int | None, shares: tuple[Share, ...], **more: object) -> PlannedRun:
    cores = sum(len(share.cores) for share in shares)
    facts = dict(person="ada", account="def-ada", partition="cpu", qos="normal", name="job", behaviour="", seed=id_job)
    facts |= dict(submit=start - 60, eligible=start - 60, limit=600, end_state=3, cores=cores, cores_req=cores, nodes=1)
    facts |= dict(memory=2 * GIB, mem_req=2048, shares=shares)
    return PlannedRun(id_job=id_job, start=start, end=end, **{**facts, **more})


@pytest.fixture(scope="module")
def plan() -> Plan:
    runs = (
        run(101, SERIAL_START, SERIAL_END, (Share(node="c001", cores=(0, 1), memory=2 * GIB),)),
        run(102, GPU_START, None, (Share(node="g001", cores=(2, 3), memory=4 * GIB, gpus=(0,)),), person="bob", gpus=1),
        run(103, NOW - 3000, None, (Share(node="c002", cores=(0, 1, 2, 3), memory=4 * GIB),)),
    )
    return Plan(
        seed=1,
        begin=NOW - 30 * 86400,
        made_at=NOW,
        horizon=NOW + 86400,
        cluster="turtle",
        nodes=(
            node("c001"),
            node("c002", cgroup=2),
            node("g001", kind="gpu", gpus=(CARD,), counters=True),
            node("h1", kind="hypervisor"),
        ),
        accounts=(Account(name="def-ada", parent="root", description="", organisation="", shares=1),),
        people=(Person(name="ada", uid=1001, full_name="Ada", accounts=("def-ada",)),),
        runs=runs,
        events=(NodeEvent(node="c001", start=NOW - 1800, end=NOW - 900, state=1, reason="power", uid=0),),
        vms=(
            Vm(
                uuid="aaaaaaaa-1",
                name="web",
                project="p1",
                flavour="f1",
                user="ada",
                host="h1",
                vcpus=2,
                memory=GIB,
                disk=GIB,
                busy=0.3,
                seed=5,
            ),
        ),
        cloud_projects={"p1": ("ada",)},
    )


def profile_of(plan: Plan, run: PlannedRun, share: Share, index: int) -> Profile:
    """Plain numbers: half a core each, memory that rises by 1 MiB a minute, a GPU that alternates 20 and 60 %."""
    size = ((run.end or plan.horizon) - run.start) // 60
    minutes = np.arange(size, dtype=float)
    cpu = np.full((len(share.cores), size), 0.5)
    cpu[0] = 0.25
    of = {name: np.full(size, 10.0) for name in GpuProfile.__dataclass_fields__}
    of |= {
        "util": np.where(minutes % 2 == 0, 20.0, 60.0),
        "watts": np.full(size, 250.0),
        "memory": np.full(size, 8.0 * GIB),
    }
    flat = {name: np.full(size, value) for name, value in FLAT.items()}
    return Profile(
        cpu=cpu,
        user_share=0.8,
        rss=100 * 2**20 + minutes * 2**20,
        shared=np.full(size, 50.0 * 2**20),
        threads={"running": np.where(minutes % 2 == 0, 2.0, 0.0), "sleeping": np.full(size, 3.0)},
        exes={"/opt/app/bin/solver": cpu.sum(axis=0)},
        gpus={index: GpuProfile(**of) for index in share.gpus},
        lustre_read={"scratch": np.where(minutes < 5, 6e6, 0.0)},
        lustre_write={},
        lustre_ops={"scratch": {"open": np.full(size, 4.0)}},
        **flat,
    )


FLAT = {
    "cache": 30.0 * 2**20, "processes": 4.0, "eth_rx": 1e5, "eth_tx": 1e5, "ib_rx": 1e7, "ib_tx": 1e7, "disk_read": 1e6,
    "disk_write": 2e6, "disk_used": 5e9, "memory_read": 1e9, "memory_write": 5e8, "ipc": 1.5, "l2_hit": 0.75, "l3_hit": 0.5,
}  # fmt: skip


@contextlib.contextmanager
def prometheus() -> Iterator[tuple[str, subprocess.Popen, Path]]:
    """An empty Prometheus that takes remote writes: address, process, configuration file."""
    with folder("metrics") as place:
        config, port = place / "p.yml", free_port()
        config.write_text("global: {}\n")
        options = [
            f"--config.file={config}",
            f"--storage.tsdb.path={place}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        options += ["--storage.tsdb.min-block-duration=8h", "--storage.tsdb.max-block-duration=8h"]
        options += ["--storage.tsdb.retention.time=100y", "--web.enable-remote-write-receiver", "--log.level=error"]
        process = subprocess.Popen([program("prometheus"), *options], **QUIET)
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), process, "Prometheus", place / "log")
            yield f"http://127.0.0.1:{port}", process, config
        finally:
            stop(process)


@pytest.fixture(scope="module")
def filled(plan: Plan) -> Iterator[str]:
    with prometheus() as (url, _, _):
        assert backfill.fill(url, plan, NOW - 4 * 3600, NOW, profile_of=profile_of) > 0
        yield url


def ask(url: str, expression: str, at: float = NOW - 60) -> list[tuple[dict[str, str], float]]:
    query = urllib.parse.urlencode({"query": expression, "time": at})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=20) as answer:
        found = json.load(answer)["data"]["result"]
    return [(one["metric"], float(one["value"][1])) for one in found]


def value(url: str, expression: str, at: float = NOW - 60) -> float:
    found = ask(url, expression, at)
    assert len(found) == 1, (expression, found)
    return found[0][1]


def test_core_seconds_of_a_job_are_what_its_profile_says(filled: str) -> None:
    # 30 minutes at 0.25 and 0.5 cores
    seconds = value(filled, 'sum(slurm_job_core_usage_total{slurmjobid="101"})', SERIAL_START + 1800) / 1e9
    assert seconds == pytest.approx(1800 * 0.75)
    assert value(
        filled, 'sum(rate(slurm_job_core_usage_total{slurmjobid="101"}[2m])) / 1e9', SERIAL_START + 1800
    ) == pytest.approx(0.75)


def test_memory_of_a_job_peaks_at_its_last_minute(filled: str) -> None:
    # 60 minutes: rss 100 + 59 MiB, 50 shared, 30 page cache
    peak = value(filled, 'max_over_time(slurm_job_memory_max{slurmjobid="101"}[2h])', SERIAL_END)
    assert peak == (100 + 59 + 50 + 30) * 2**20
    rss = value(filled, 'slurm_job_memory_rss{slurmjobid="101"}', SERIAL_START + 600)
    assert rss == 110 * 2**20


def test_a_jobs_series_are_gone_at_once_when_it_ends(filled: str) -> None:
    assert ask(filled, 'slurm_job_memory_usage{slurmjobid="101"}', SERIAL_END - 60)
    assert not ask(filled, '{slurmjobid="101"}', SERIAL_END)


def test_a_thread_state_without_threads_has_no_series(filled: str) -> None:
    states = [
        {one["state"] for one, _ in ask(filled, 'slurm_job_threads_count{slurmjobid="101"}', SERIAL_START + at)}
        for at in (120, 180)
    ]
    assert states == [{"running", "sleeping"}, {"sleeping"}]


def test_executables_show_after_sixty_seconds_of_cpu(filled: str) -> None:
    # 0.75 cores: 45 s after a minute, 90 s after two
    assert not ask(filled, 'slurm_job_process_usage_total{slurmjobid="101"}', SERIAL_START + 60)
    assert value(filled, 'slurm_job_process_usage_total{slurmjobid="101"}', SERIAL_START + 120) == 90


def test_cgroup_v2_gives_each_core_the_mean(filled: str) -> None:
    found = ask(filled, 'slurm_job_core_usage_total{slurmjobid="103"}', NOW - 1200)
    # 1800 s at 0.25, 0.5, 0.5, 0.5
    assert [seconds / 1e9 for _, seconds in found] == pytest.approx([1800 * 1.75 / 4] * 4)


def test_gpu_figures_have_the_exporters_units(filled: str) -> None:
    one = '{slurmjobid="102", gpu="0", gpu_type="NVIDIA A100-SXM4-40GB", user="bob"}'
    assert value(filled, f"avg_over_time(slurm_job_utilization_gpu{one}[59m])") == pytest.approx(40)
    assert value(filled, f"slurm_job_power_gpu{one}") == 250_000
    assert value(filled, f"slurm_job_memory_usage_gpu{one}") == 8 * GIB
    assert value(filled, f"slurm_job_memory_total_gpu{one}") == 40 * GIB
    assert value(filled, 'nvidia_gpu_power_usage_milliwatts{instance="g001:9445"}') == 250_000


def test_node_counters_hold_the_jobs_on_the_node(filled: str) -> None:
    user = 'sum(increase(node_cpu_seconds_total{instance="g001:9100", mode="user"}[30m]))'
    # 0.75 cores of which 80 % user; a hundredth for the machine itself
    assert value(filled, user, NOW - 300) / 1800 == pytest.approx(0.6, abs=0.05)
    traffic = 'increase(node_infiniband_port_data_received_bytes_total{instance="g001:9100"}[30m]) / 1800'
    assert value(filled, traffic) == pytest.approx(1e7, rel=0.01)
    ipc = 'sum(rate(Instructions_Retired_Any{instance="g001:9738", core="0", socket="1"}[10m])) / sum(rate(Clock_Unhalted_Ref{core="0", socket="1"}[10m]))'
    assert value(filled, ipc) == pytest.approx(1.5, rel=0.02)
    assert value(filled, 'rate(DRAM_Reads{aggregate="system"}[10m])') == pytest.approx(1e9, rel=0.1)


def test_a_reboot_silences_the_node_and_resets_its_counters(filled: str) -> None:
    counter = 'node_network_receive_bytes_total{instance="c001:9100", device="eth0"}'
    before, after = value(filled, counter, NOW - 1860), value(filled, counter, NOW - 840)
    assert not ask(filled, '{instance="c001:9100"}', NOW - 1200)
    assert value(filled, 'redfish_system_power_state{instance="c001-oob"}', NOW - 1200) == 2
    assert after < before
    assert value(filled, 'node_boot_time_seconds{instance="c001:9100"}') == NOW - 900


def test_idle_lustre_statistics_vanish_after_ten_minutes(filled: str) -> None:
    read = 'sum(lustre_job_read_bytes_total{jobid="101", user="ada", account="def-ada", fs="scratch"})'
    # five minutes at 6 MB/s, then nothing: shown for ten minutes more
    assert value(filled, read, SERIAL_START + 840) == pytest.approx(5 * 60 * 6e6, abs=5)
    assert not ask(filled, read, SERIAL_START + 300 + 600)
    # metadata went on to the end, so it is shown for ten minutes after it
    opens = 'lustre_job_stats_total{jobid="101", operation="open", component="mdt"}'
    assert value(filled, opens, SERIAL_END + 540) == 3600 * 4
    assert not ask(filled, opens, SERIAL_END + 600)


def test_every_metric_has_the_cluster_label_and_a_job(filled: str) -> None:
    assert not ask(filled, '{__name__=~".+", cluster!="turtle"}')
    assert not ask(filled, '{__name__=~"[^:]+", job=""}')


def test_scheduler_quota_and_cloud_figures(filled: str) -> None:
    assert value(filled, "slurm_cpus_alloc") == 6
    assert value(filled, "slurm_queue_running") == 2
    assert value(filled, 'slurm_node_state_info{node="c002", state="allocated"}') == 1
    assert value(filled, "slurm_account_levelfs") == 1
    assert {one["path"] for one, _ in ask(filled, "lfs_quota_kbytes")} == {
        "/lustre/scratch",
        "/lustre/project",
    }
    assert value(filled, 'count(libvirtd_domain_vcpu_time{project_name="p1", instance_name="web"})') == 2
    assert ask(filled, "openstack_quota_compute_cores")
    assert value(filled, 'gpfs_user_quota_bytes{user="1001", fs="home", fileset="home"}') == 50 * GIB
    assert value(filled, 'libvirtd_info{instance="h1:9474"}') == 1


def test_the_rules_are_valid() -> None:
    done = subprocess.run(
        [program("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def rules() -> list[tuple[str, str]]:
    shown = subprocess.run(
        [program("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True, check=True
    )
    assert "23 rules found" in shown.stdout
    found, lines = [], RULES.read_text().splitlines()
    for place, line in enumerate(lines):
        if line.strip().startswith("- record:"):
            text = lines[place + 1].split("expr:", 1)[1].strip()
            if text == ">-":
                body = [part.strip() for part in lines[place + 2 :]]
                text = " ".join(body[: body.index(")") + 1])
            found.append((line.split("record:", 1)[1].strip(), text))
    return found


@pytest.mark.parametrize(("name", "expression"), rules() if RULES.exists() else [])
def test_backfilled_rules_equal_what_prometheus_makes_of_the_raw_samples(
    filled: str, name: str, expression: str
) -> None:
    at = NOW - 2700  # two jobs run, one of them reads
    recorded = {tuple(sorted((k, v) for k, v in one.items() if k != "__name__")): x for one, x in ask(filled, name, at)}
    computed = {tuple(sorted(one.items())): x for one, x in ask(filled, expression, at)}
    assert computed
    assert recorded.keys() == computed.keys()
    for key, number in computed.items():
        assert recorded[key] == pytest.approx(number, rel=0.002, abs=1e-6), key


def test_live_scrapes_continue_the_counters_without_a_jump(plan: Plan) -> None:
    clock = int(time.time()) // 60 * 60
    shifted = _shift(plan, clock - NOW)
    with prometheus() as (url, process, config):
        backfill.fill(url, shifted, clock - 3600, clock - 600, profile_of=profile_of)
        backfill.catch_up(url, shifted, clock - 660, int(time.time()), profile_of=profile_of)
        exporters = Exporters(shifted, profile_of)
        exporters.warm(time.time())
        web = server(exporters, 0)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        try:
            write_config(config, shifted, web.server_address[1], RULES)
            config.write_text(
                config.read_text().replace('"30s"', '"2s"').replace('"60s"', '"2s"').replace('"10s"', '"2s"')
            )
            os.kill(process.pid, signal.SIGHUP)
            counter = 'slurm_job_core_usage_total{slurmjobid="102"}'
            wait_for(lambda: _fresh(url, counter), process, "live samples", config, 30)
            now = time.time()
            assert not ask(url, f"resets({counter}[30m]) > 0", now)
            # 0.25 + 0.5 cores throughout
            assert value(url, f"sum(rate({counter}[20m])) / 1e9", now) == pytest.approx(0.75, rel=0.01)
            moved = 'rate(node_network_receive_bytes_total{instance="g001:9100", device="eth0"}[20m])'
            assert value(url, moved, now) == pytest.approx(1e5, rel=0.1)
            for name in (
                "node_cpu_seconds_total",
                "node_disk_written_bytes_total",
                "lustre_read_bytes_total",
                "libvirtd_domain_vcpu_time",
            ):
                assert not ask(url, f"resets({name}[12m]) > 0", now), name
        finally:
            web.shutdown()
            web.server_close()


def _fresh(url: str, counter: str) -> bool:
    newest = max((x for _, x in ask(url, f"timestamp({counter})", time.time())), default=0)
    return newest % 60 > 0 and newest > time.time() - 10 and _up(url) == 3


def _up(url: str) -> int:
    return len(ask(url, 'up{job="slurm-job-exporter"} == 1', time.time()))


def _shift(plan: Plan, seconds: int) -> Plan:
    """The same plan later."""
    from dataclasses import replace

    runs = tuple(
        replace(
            one,
            submit=one.submit + seconds,
            eligible=one.eligible + seconds,
            start=one.start + seconds,
            end=one.end and one.end + seconds,
        )
        for one in plan.runs
    )
    events = tuple(replace(one, start=one.start + seconds, end=one.end + seconds) for one in plan.events)
    moments = {"begin": plan.begin + seconds, "made_at": plan.made_at + seconds, "horizon": plan.horizon + seconds}
    return replace(plan, runs=runs, events=events, **moments)
