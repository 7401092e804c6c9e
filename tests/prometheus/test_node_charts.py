"""One node's figures from a real Prometheus: hosts with and without a port, jobs of others as one sum, counters as rates.

Eight hardware threads of n1, of which 2.5 do programs and 0.5 the system. On n1 alice's job 11 keeps 1.5 cores busy, bob's 21 and 22 keep
2 and 0.25; n10, whose name begins like n1's, is somebody else's. GPU 0 is alice's at 80 %, GPU 1 bob's at 20 %, card 2 idles.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.charts import node as charts
from components.present import present
from components.records import About
from core.errors import Why
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.sources import Sources
from pages import node_query, node_series
from pages.node_query import NodeView
from tests.prometheus.known_samples import START

HOUR = 3600
END = START + 2 * HOUR
GIB = 1024**3
ADA, ALICE, DAVE = Viewer(name="ada", is_staff=True), Viewer(name="alice"), Viewer(name="dave")
WHEN = TimeRange(start=START + HOUR, end=END, now=END, points=60)
N1 = NodeView(id="n1")
pytestmark = pytest.mark.services

HERE, THERE = "n1.cluster.ca:9798", "n10.cluster.ca:9798"
BUSY = {("alice", "11", HERE): 1.5, ("bob", "21", HERE): 2.0, ("bob", "22", HERE): 0.25, ("erin", "31", THERE): 7.0}
CORES = {"11": 2, "21": 2, "22": 1, "31": 8}
RSS = {("alice", "11", HERE): 4, ("bob", "21", HERE): 8, ("bob", "22", HERE): 1, ("erin", "31", THERE): 30}
MODES = {"user": 2.5, "system": 0.5, "idle": 5.0}
KERNEL = {"MemTotal": 64, "MemFree": 30, "Buffers": 1, "Cached": 10, "Slab": 2, "PageTables": 0.5, "SwapCached": 0, "HardwareCorrupted": 0}
# the exporters of one node label it differently: with a port or without
HOSTS = {"node": "n1.cluster.ca:9100", "cards": "n1.cluster.ca", "bmc": "n1-oob.cluster.ca"}


def _job(user: str, ident: str, host: str) -> str:
    return f'instance="{host}",user="{user}",account="def-{user}",slurmjobid="{ident}"'


def _counters(at: range) -> list[str]:
    lines = ["# TYPE slurm_job_core_usage counter"]
    for (user, ident, host), busy in BUSY.items():
        for core in range(CORES[ident]):
            each = busy * 1e9 / CORES[ident]
            lines += [f'slurm_job_core_usage_total{{{_job(user, ident, host)},core="{core}"}} {each * t} {START + t}' for t in at]
    lines.append("# TYPE node_cpu_seconds counter")
    for cpu in range(8):
        for mode, threads in MODES.items():
            lines += [f'node_cpu_seconds_total{{instance="{HOSTS["node"]}",cpu="{cpu}",mode="{mode}"}} {threads / 8 * t} {START + t}' for t in at]
    lines.append("# TYPE node_network_receive_bytes counter")
    # the counter starts anew in the middle, as after a reboot
    lines += [
        f'node_network_receive_bytes_total{{instance="{HOSTS["node"]}",device="eth0"}} {1000 * (t if t < 5400 else t - 5400)} {START + t}' for t in at
    ]
    lines.append("# TYPE node_network_transmit_bytes counter")
    lines += [f'node_network_transmit_bytes_total{{instance="{HOSTS["node"]}",device="eth0"}} {500 * t} {START + t}' for t in at]
    return lines


def _gauges(at: range) -> list[str]:
    lines = []

    def gauge(name: str, series: dict[str, float]) -> None:
        lines.append(f"# TYPE {name} gauge")
        for labels, value in series.items():
            lines.extend(f"{name}{{{labels}}} {value} {START + t}" for t in at)

    gauge("slurm_job_memory_rss", {_job(*who): size * GIB for who, size in RSS.items()})
    gauge("slurm_job_memory_mapped_file", {_job(*who): 0 for who in RSS})
    for kind, size in KERNEL.items():
        gauge(f"node_memory_{kind}_bytes", {f'instance="{HOSTS["node"]}"': size * GIB})
    owners = {"0": _job("alice", "11", HERE), "1": _job("bob", "21", HERE)}
    gauge("slurm_job_utilization_gpu", {f'{owners[gpu]},gpu="{gpu}",gpu_type="NVIDIA A100-SXM4-40GB"': use for gpu, use in (("0", 80), ("1", 20))})
    # carol's GPU is there in the last half hour only
    carol = _job("carol", "41", HERE)
    lines += [f'slurm_job_utilization_gpu{{{carol},gpu="3",gpu_type="NVIDIA A100-SXM4-40GB"}} 60 {START + t}' for t in at if t >= 5400]
    cards = {f'instance="{HOSTS["cards"]}",minor_number="{card}",name="NVIDIA A100-SXM4-40GB"': 1000 * watts for card, watts in (("0", 300), ("1", 120), ("2", 55))}
    gauge("nvidia_gpu_power_usage_milliwatts", cards)
    gauge("redfish_chassis_power_average_consumed_watts", {f'instance="{HOSTS["bmc"]}"': 900})
    sizes = {("/", "xfs"): (100, 60), ("/localscratch", "xfs"): (400, 300), ("/scratch", "lustre"): (9000, 1)}
    for place, name in enumerate(("size", "avail")):
        labels = {f'instance="{HOSTS["node"]}",mountpoint="{mount}",fstype="{kind}"': pair[place] * GIB for (mount, kind), pair in sizes.items()}
        gauge(f"node_filesystem_{name}_bytes", labels)
    return lines


@pytest.fixture(scope="module")
def address(prometheus_from: Callable[..., str]) -> str:
    at = range(0, 2 * HOUR + 1, 60)
    return prometheus_from("\n".join([*_counters(at), *_gauges(at), "# EOF", ""]))


@pytest.fixture
def sources(address: str, sources_of: Callable[..., Sources], monkeypatch: pytest.MonkeyPatch) -> Sources:
    """Who may see the node is accounting's to say: here everybody may, and no job is known to it."""
    monkeypatch.setattr(node_query.nodes, "may_see_node", lambda sources, **_more: None)
    monkeypatch.setattr(node_query, "jobs", lambda *_args: pd.DataFrame({"id_job": [], "job_id": []}))
    return sources_of(address, clock=lambda: float(END))


def last(frame: pd.DataFrame) -> dict[tuple, float]:
    """The last value of every column."""
    return {tuple(column) if isinstance(column, tuple) else (column,): round(float(frame[column].dropna().iloc[-1]), 3) for column in frame.columns}


def shown(frames: Any, viewer: Viewer, sources: Sources) -> About:
    """What a chart may know, after names were hidden."""
    return About(viewer=viewer, subject=N1, when=WHEN, settings=sources.settings, frames=present(frames, viewer, sources.settings, N1))


def test_staff_see_every_job_and_what_jobs_were_given(sources: Sources) -> None:
    found = node_series.cpu(sources, ADA, N1, WHEN)
    assert last(found["cores"]) == {
        ("alice", "def-alice", "11"): 1.5, ("bob", "def-bob", "21"): 2.0, ("bob", "def-bob", "22"): 0.25, ("", "", "allocated"): 5.0,
    }  # fmt: skip
    assert last(found["modes"]) == {("all",): 8.0, ("system",): 0.5, ("user",): 2.5}


def test_others_are_one_sum_before_anything_leaves(sources: Sources) -> None:
    found = node_series.cpu(sources, ALICE, N1, WHEN)
    assert last(found["cores"]) == {("alice", "def-alice", "11"): 1.5, ("", "", "others"): 2.25, ("", "", "allocated"): 5.0}
    memory = node_series.memory(sources, ALICE, N1, WHEN)["memory"]
    assert last(memory) == {("alice", "def-alice", "11"): 4.0 * GIB, ("", "", "others"): 9.0 * GIB}
    for frame in (found["cores"], memory):
        assert not {"bob", "def-bob", "21", "22"} & {part for column in frame.columns for part in column}


def test_a_viewer_without_jobs_gets_only_the_sum(sources: Sources) -> None:
    """As on a node where the person's jobs have ended."""
    assert last(node_series.cpu(sources, DAVE, N1, WHEN)["cores"]) == {("", "", "others"): 3.75, ("", "", "allocated"): 5.0}


def test_memory_by_kind_adds_up_to_what_is_not_free(sources: Sources) -> None:
    frames = node_series.memory(sources, ADA, N1, WHEN)
    about = shown(frames, ADA, sources)
    figure = charts.memory_by_kind(about.frames["kinds"], about)
    go.Figure(figure)
    names = [trace["name"] for trace in figure["data"]]
    tops = {trace["name"]: float(np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype="<f4")[-1]) for trace in figure["data"]}
    # 64 − 30 free − 1 − 10 − 2 − 0.5 = 20.5 GiB are programs; all that is drawn is 34 GiB
    assert names[0] == "programs"
    assert tops["programs"] == pytest.approx(20.5)
    assert sum(tops.values()) == pytest.approx(34.0)


def test_gpus_of_others_are_a_mean_of_several_people_and_idle_cards_are_measured(sources: Sources) -> None:
    mine = node_series.gpu(sources, ALICE, N1, WHEN)
    assert last(mine["gpu_use"]) == {("0", "NVIDIA A100-SXM4-40GB"): 80.0, ("others", "NVIDIA A100-SXM4-40GB"): 40.0}
    rest = mine["gpu_use"].xs("others", axis=1, level="gpu").iloc[:, 0]
    # while bob is the only other one, a mean would be bob's
    assert rest[rest.index < pd.Timestamp(START + 5400, unit="s", tz="UTC")].isna().all()
    assert rest[rest.index > pd.Timestamp(START + 5500, unit="s", tz="UTC")].eq(40.0).all()
    staff = node_series.gpu(sources, ADA, N1, WHEN)
    assert {column[0] for column in last(staff["gpu_use"])} == {"0", "1", "3"}
    assert {column[0]: value for column, value in last(staff["gpu_power"]).items()} == {"0": 300, "1": 120, "2": 55}
    assert staff["gpu_power"].attrs["unit"] == "W"  # what the file's head says is what its numbers are


def test_one_neighbour_s_gpus_are_nobody_else_s_to_see(sources: Sources) -> None:
    early = replace(WHEN, end=START + 5000, now=START + 5000)
    assert set(last(node_series.gpu(sources, ALICE, N1, early)["gpu_use"])) == {("0", "NVIDIA A100-SXM4-40GB")}
    assert set(last(node_series.gpu(sources, Viewer(name="bob"), N1, early)["gpu_use"])) == {("1", "NVIDIA A100-SXM4-40GB")}
    assert set(last(node_series.gpu(sources, DAVE, N1, early)["gpu_use"]).values()) == {50.0}


def test_a_gpu_nobody_knows_is_drawn_without_a_limit(sources: Sources) -> None:
    """The limit and the idle line are those of the model; a model the settings do not list has none, and no error either."""
    power = node_series.gpu(sources, ADA, N1, WHEN)["gpu_power"]
    known = charts.gpu_power(power, shown({"gpu_power": power}, ADA, sources))
    assert {trace["name"] for trace in known["data"]} >= {"idle", "limit"}
    strange = power.rename(columns=lambda kind: "Frobnicator 9000" if "A100" in str(kind) else kind)
    strange.attrs = dict(power.attrs)
    figure = charts.gpu_power(strange, shown({"gpu_power": strange}, ADA, sources))
    go.Figure(figure)
    assert len(figure["data"]) == 3 and "limit" not in {trace["name"] for trace in figure["data"]}
    # a card at 300 W is drawn at 300
    drawn = [np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype="<f4") for trace in figure["data"]]
    assert sorted(float(np.nanmax(values)) for values in drawn) == [55.0, 120.0, 300.0]


def test_only_the_node_s_own_file_systems_are_shown(sources: Sources) -> None:
    found = last(node_series.disk(sources, ADA, N1, WHEN)["space"])
    assert found == {("size", "/"): 100 * GIB, ("avail", "/"): 60 * GIB, ("size", "/localscratch"): 400 * GIB, ("avail", "/localscratch"): 300 * GIB}


def test_a_counter_that_starts_anew_makes_no_spike(sources: Sources) -> None:
    frame = node_series.network(sources, ADA, N1, WHEN)["ethernet"]
    received = frame.loc[:, frame.columns.get_level_values("what") == "eth_in"]
    assert float(received.max().max()) <= 1000.0
    assert last(frame)[("eth_in", "n1", "eth0")] == pytest.approx(1000.0, rel=0.02)
    assert last(frame)[("eth_out", "n1", "eth0")] == pytest.approx(500.0, rel=0.02)


def test_power_comes_from_the_node_s_own_controller(sources: Sources) -> None:
    assert last(node_series.power(sources, ADA, N1, WHEN)["power"]) == {("chassis", "n1"): 900.0, ("gpu", "n1"): 475.0}


def test_the_node_now(sources: Sources) -> None:
    now = node_query.summary(sources, ADA, N1, WHEN)["now"]
    found = {what: node_query.value_of(now, what) for what in ("threads", "busy", "job_busy", "job_cores", "memory", "free_memory", "cards", "chassis", "gpus_busy")}
    assert found == {
        "threads": 8, "busy": pytest.approx(3.0), "job_busy": pytest.approx(3.75), "job_cores": 5, "memory": 64 * GIB, "free_memory": 41 * GIB,
        "cards": 3, "chassis": 900, "gpus_busy": pytest.approx(1.6),
    }  # fmt: skip
    assert node_query.detail_of(now, "cards") == "NVIDIA A100-SXM4-40GB"


def test_a_node_whose_name_begins_alike_is_another_one(sources: Sources) -> None:
    assert last(node_series.cpu(sources, ADA, NodeView(id="n10"), WHEN)["cores"]) == {("erin", "def-erin", "31"): 7.0, ("", "", "allocated"): 8.0}


def test_a_rate_survives_samples_as_far_apart_as_the_steps(sources: Sources) -> None:
    """Sixty seconds between samples, where the settings say thirty: steps of sixty must still hold two samples."""
    narrow = TimeRange(start=END - 1800, end=END, now=END, points=30)
    frame = node_series.cpu(sources, ADA, N1, narrow)["modes"]
    user = frame.loc[:, frame.columns.get_level_values("mode") == "user"].iloc[1:, 0]
    assert user.notna().all()
    assert float(user.iloc[-1]) == pytest.approx(2.5)


def test_a_range_too_short_for_its_samples_says_so(sources: Sources) -> None:
    """Samples are sixty seconds apart: a rate over forty seconds finds none of them to compare, though there are some to count."""
    dense = replace(sources, settings=sources.settings.model_copy(deep=True))
    for exporter in ("node_exporter", "slurm-job-exporter"):
        dense.settings.metrics.exporters[exporter] = dense.settings.exporter(exporter).model_copy(update={"scrape_seconds": 10})
    found = node_series.cpu(dense, ADA, N1, TimeRange(start=END - 200, end=END, now=END, points=60))
    assert [found[name].why for name in ("modes", "cores")] == [Why.SPARSE, Why.SPARSE]


def test_gpu_bars_are_one_s_own(sources: Sources) -> None:
    frame = node_query.gpu_gauges(sources, ALICE, N1, WHEN)
    bars = node_query._gpu_bars(frame, pd.DataFrame({"id_job": []}), ALICE)
    assert bars[["gpu", "user", "id_job", "use"]].to_dict("records") == [{"gpu": "0", "user": "alice", "id_job": 11, "use": pytest.approx(80.0)}]
    assert bars.attrs["cards"] == ["0", "1", "2"]
