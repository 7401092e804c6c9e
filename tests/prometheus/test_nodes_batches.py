"""All nodes in a real Prometheus: host labels with and without a port, doubled exporters, nodes that one exporter lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from core.settings import Exporter, Settings
from core.timerange import TimeRange
from core.viewer import PORTAL
from datasources.prometheus import nodes_batches
from datasources.prometheus.batch import Grid, Target
from datasources.prometheus.promql import hosts_matcher
from datasources.prometheus.run import fetch
from datasources.sources import Sources

pytestmark = pytest.mark.services
START, HOUR, GIB = 1_794_996_000, 3600, 2**30
END = START + HOUR
WHEN = TimeRange(start=START, end=END, now=END, points=60)
# host label → cores; each has half of them busy. With a port, without one, with a domain, and one whose name begins like another's
HOSTS = {"c1:9100": 4, "c2": 4, "c3.cluster.ca:9100": 8, "c10:9100": 2}
STATES = {"c1": "mixed", "c2": "down", "c10": "idle", "c7": "drained"}


def _gauge(name: str, rows: dict[str, float]) -> list[str]:
    return [f"# TYPE {name} gauge", *(f"{name}{{{labels}}} {value} {START + t}" for labels, value in rows.items() for t in range(0, HOUR + 1, 30))]


def _samples() -> str:
    lines = ["# TYPE node_cpu_seconds counter"]
    for host, cores in HOSTS.items():
        for core in range(cores):
            idle = 1 if core % 2 else 0
            for mode, rate in (("idle", idle), ("user", 1 - idle)):
                labels = f'instance="{host}",cpu="{core}",mode="{mode}"'
                lines += [f"node_cpu_seconds_total{{{labels}}} {rate * t} {START + t}" for t in range(0, HOUR + 1, 30)]
    at = {host: f'instance="{host}"' for host in HOSTS}
    lines += _gauge("node_memory_MemTotal_bytes", {at[host]: 64 * GIB for host in HOSTS})
    lines += _gauge("node_memory_MemAvailable_bytes", {at[host]: 48 * GIB for host in HOSTS})
    lines += _gauge("node_filesystem_size_bytes", {f'{at["c1:9100"]},mountpoint="/localscratch"': 100 * GIB, f'{at["c1:9100"]},mountpoint="/"': 7 * GIB})
    lines += _gauge("node_filesystem_avail_bytes", {f'{at["c1:9100"]},mountpoint="/localscratch"': 90 * GIB, f'{at["c1:9100"]},mountpoint="/"': GIB})
    lines += _gauge("node_load1", {at[host]: 3 for host in HOSTS})
    # two cards, and two copies of the exporter at different ports
    cards = {f'instance="c2:9445",uuid="{card}",name="NVIDIA H200"': 90_000 for card in "ab"}
    lines += _gauge("nvidia_gpu_power_usage_milliwatts", cards)
    lines += _gauge("slurm_job_utilization_gpu", {f'instance="c2:9798",slurmjobid="5",gpu="{gpu}"': use for gpu, use in (("0", 50), ("1", 25))})
    lines += _gauge("redfish_chassis_power_average_consumed_watts", {'instance="c1-oob",chassis_id="1"': 240, 'instance="c3-oob.cluster.ca",chassis_id="1"': 300})
    states = {f'instance="sched{copy}:8080",node="{node}",state="{state}"': 1 for node, state in STATES.items() for copy in (1, 2)}
    lines += _gauge("slurm_node_state_info", states | {'instance="sched1:8080",node="c1",state="idle"': 0})
    lines += _gauge("slurm_node_features_info", {'instance="sched1:8080",node="c1",features="zen3,cpu"': 1})
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def filled(prometheus_from: Callable[..., str]) -> str:
    """A Prometheus that holds the samples above."""
    return prometheus_from(_samples())


@pytest.fixture
def sources(filled: str, sources_of: Callable[..., Sources]) -> Sources:
    """Over it, a minute after the last sample."""
    return sources_of(filled, clock=lambda: END)


def ask(sources: Sources, make: Callable[[Settings], Any], *hosts: str) -> pd.DataFrame:
    """The answer of a batch."""
    batch = make(sources.settings)
    answer = fetch(sources, (batch,), Target(hosts=hosts), WHEN, viewer=PORTAL)[batch.key]
    assert isinstance(answer, pd.DataFrame), answer
    return answer


def values(frame: pd.DataFrame, what: str) -> dict[str, float]:
    """{host: value}."""
    part = frame[frame["what"] == what]
    return dict(zip(part["instance"], part["value"], strict=True))


def test_hosts_with_a_port_without_one_and_with_a_domain_are_nodes(sources: Sources) -> None:
    frame = ask(sources, nodes_batches.measured)
    assert values(frame, "cores") == {"c1": 4, "c2": 4, "c3": 8, "c10": 2}
    assert values(frame, "idle") == pytest.approx({"c1": 2, "c2": 2, "c3": 4, "c10": 1})
    assert values(frame, "memory") == dict.fromkeys(("c1", "c2", "c3", "c10"), 64 * GIB)
    assert values(frame, "disk") == {"c1": 100 * GIB}
    assert values(frame, "disk_free") == {"c1": 90 * GIB}
    assert values(frame, "power") == {"c1": 240, "c3": 300}
    assert values(frame, "cards") == {"c2": 2}
    assert values(frame, "gpus_used") == {"c2": 0.75}


@pytest.mark.parametrize("hosts", [("c1",), ("c2",), ("c1", "c2")])
def test_only_the_nodes_asked_for(sources: Sources, hosts: tuple[str, ...]) -> None:
    """c1 is not c10, and a label needs no port."""
    matched = hosts_matcher("instance", hosts)
    found = sources.prometheus.instant(f"count by (instance) (node_load1{{{matched}}})", END)
    assert {name.partition(":")[0] for name in found["instance"]} == set(hosts)


def _grid() -> Grid:
    return Grid(start=START, end=END, step=60, window=120, scrape=30)


def test_states_of_a_doubled_exporter_are_one_and_past_ones_none(sources: Sources) -> None:
    frame = ask(sources, nodes_batches.state)
    states = frame[frame["__name__"] == "slurm_node_state_info"]
    assert dict(zip(states["node"], states["state"], strict=True)) == STATES
    assert len(states) == len(STATES)
    assert frame[frame["__name__"] == "slurm_node_features_info"]["features"].tolist() == ["zen3,cpu"]


def test_the_lines_of_a_page_are_one_request(sources: Sources) -> None:
    domain = ask(sources, nodes_batches.trend, "c3")
    assert domain["cores", "c3"].dropna().iloc[-1] == pytest.approx(4)
    assert domain["memory", "c3"].dropna().unique().tolist() == [16 * GIB]


def test_an_exporter_that_is_not_installed_is_not_asked(sources: Sources) -> None:
    exporters = sources.settings.metrics.exporters | {"node_exporter": Exporter(installed=False), "redfish_exporter": Exporter(installed=False)}
    settings = sources.settings.model_copy(update={"metrics": sources.settings.metrics.model_copy(update={"exporters": exporters})})
    batch = nodes_batches.measured(settings)
    text = batch.expr(Target(), _grid(), "")
    assert batch.exporter == "nvidia_gpu_exporter"
    assert not any(name in text for name in ("node_cpu", "redfish"))


def test_the_site_filter_is_in_every_selector() -> None:
    text = " ".join(batch.expr(Target(hosts=("c1",)), _grid(), 'cluster="x"') for batch in nodes_batches.all_of(Settings()))
    assert text.count("{") == text.count('cluster="x"')


def test_more_numbers_than_series_are_allowed_for_charts(filled: str, sources_of: Callable[..., Sources]) -> None:
    """Eight numbers a node are more series than a chart may have; they are one sample each."""
    sources = sources_of(filled, clock=lambda: END, max_series=10)
    assert len(ask(sources, nodes_batches.measured)) > 10
