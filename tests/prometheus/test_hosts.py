"""Login nodes in a real Prometheus: doubled series, ports and domains, counters that start anew, hosts that fell silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from core.errors import NoData
from core.settings import Exporter, Host, Overview
from core.subjects import CLUSTER
from core.timerange import TimeRange
from core.viewer import PUBLIC
from datasources.prometheus import host_batches, host_frames
from datasources.prometheus.job_frames import part
from datasources.prometheus.run import fetch, plan
from datasources.sources import Sources
from pages import logins
from tests.prometheus.known_samples import Counted

pytestmark = pytest.mark.services
START, HOUR, GIB = 1_794_996_000, 3600, 2**30
END = START + HOUR
WHEN = TimeRange(start=START, end=END, now=END, points=60)
LOGINS = {"login1": Host(title="First"), "login2": Host(network="bond0"), "login3": Host(), "login4": Host()}
ONE, TWO, THREE = 'instance="login1.cluster.ca:9100"', 'instance="login2.cluster.ca"', 'instance="login3.cluster.ca:9100"'


def _series(kind: str, name: str, rows: dict[str, Callable[[int], float]], end: int = HOUR) -> list[str]:
    family = name.removesuffix("_total") if kind == "counter" else name
    lines = [f"{name}{{{labels}}} {value(t)} {START + t}" for labels, value in rows.items() for t in range(0, end + 1, 30)]
    return [f"# TYPE {family} {kind}", *lines]


def _flat(value: float) -> Callable[[int], float]:
    return lambda t: value


def _pace(rate: float) -> Callable[[int], float]:
    return lambda t: 5 + rate * t


def _anew(rate: float) -> Callable[[int], float]:
    """A counter that starts anew twice in the hour."""
    return lambda t: rate * ((t + 600) % 1800)


def _doubled(labels: str) -> list[str]:
    return [f'{labels},replica="{copy}"' for copy in "ab"]


def _cpus() -> dict[str, Callable[[int], float]]:
    """login1: a thread computes, one works half its time for the system and waits for disks the other half, two are idle; login2: both compute."""
    first = {("0", "user"): 1, ("0", "idle"): 0, ("1", "system"): 0.5, ("1", "iowait"): 0.5, ("1", "idle"): 0, ("2", "idle"): 1, ("3", "idle"): 1}
    rows = {one: _pace(rate) for (cpu, mode), rate in first.items() for one in _doubled(f'{ONE},cpu="{cpu}",mode="{mode}"')}
    for cpu in "01":
        rows |= {f'{TWO},cpu="{cpu}",mode="user"': _anew(0.95), f'{TWO},cpu="{cpu}",mode="idle"': _anew(0.05)}
    # another host, whose name begins like the first one's
    return rows | {'instance="login10.cluster.ca:9100",cpu="0",mode="user"': _pace(1), 'instance="login10.cluster.ca:9100",cpu="0",mode="idle"': _pace(0)}


def _traffic(way: str) -> dict[str, Callable[[int], float]]:
    more = 1 if way == "receive" else 0.5
    first = {"eth0": 1000, "eth1": 10, "docker0": 90_000, "veth1a2b": 90_000, "lo": 90_000, "br-12ab": 90_000}
    rows = {one: _pace(rate * more) for device, rate in first.items() for one in _doubled(f'{ONE},device="{device}"')}
    return rows | {f'{TWO},device="bond0"': _anew(300 * more), f'{TWO},device="eth0"': _pace(7000)}


def _samples() -> str:
    gauges: dict[str, dict[str, Callable[[int], float]]] = {
        "up": {**{one: _flat(1) for one in _doubled(ONE)}, TWO: _flat(1), THREE: lambda t: float(t <= 1800)},
        "node_load1": {**{one: _flat(2) for one in _doubled(ONE)}, TWO: _flat(1.5)},
        "node_boot_time_seconds": {ONE: _flat(START - 864_000)},
        "node_memory_MemTotal_bytes": {ONE: _flat(64 * GIB), TWO: _flat(32 * GIB)},
        "node_memory_MemAvailable_bytes": {ONE: _flat(48 * GIB)},
        "node_memory_MemFree_bytes": {ONE: _flat(GIB), TWO: _flat(10 * GIB)},
        "node_memory_Buffers_bytes": {ONE: _flat(GIB), TWO: _flat(2 * GIB)},
        "node_memory_Cached_bytes": {ONE: _flat(GIB), TWO: _flat(4 * GIB)},
        "node_network_speed_bytes": {f'{ONE},device="eth0"': _flat(125_000), f'{ONE},device="eth1"': _flat(-125_000)},
    }
    disks = {("/", "xfs"): (100, 40), ("/users/ada", "xfs"): (100, 1), ("/tmp", "tmpfs"): (8, 2), ("/scratch", "lustre"): (9, 1)}
    for place, name in enumerate(("node_filesystem_size_bytes", "node_filesystem_avail_bytes")):
        gauges[name] = {f'{ONE},mountpoint="{mount}",fstype="{kind}"': _flat(sizes[place] * GIB) for (mount, kind), sizes in disks.items()}
    lines = [line for name, rows in gauges.items() for line in _series("gauge", name, rows)]
    lines += _series("counter", "node_cpu_seconds_total", _cpus())
    for way in ("receive", "transmit"):
        lines += _series("counter", f"node_network_{way}_bytes_total", _traffic(way))
    text = "\n".join([*lines, "# EOF", ""])
    # the third fell silent half an hour ago: its last load is of then
    extra = [f"node_load1{{{THREE}}} 1 {START + t}" for t in range(0, 1801, 30)]
    return text.replace("# TYPE node_boot_time_seconds", "\n".join([*extra, "# TYPE node_boot_time_seconds"]))


@pytest.fixture(scope="module")
def filled(prometheus_from: Callable[..., str]) -> str:
    """A Prometheus that holds the samples above."""
    return prometheus_from(_samples())


@pytest.fixture
def sources(filled: str, sources_of: Callable[..., Sources]) -> Sources:
    """Over it, at its last sample, with four login nodes in the settings."""
    made = sources_of(filled, clock=lambda: END)
    return replace(made, settings=made.settings.model_copy(update={"overview": Overview(login_nodes=LOGINS)}))


def now(sources: Sources) -> pd.DataFrame:
    """hosts_now by host."""
    return host_frames.hosts_now(sources, viewer=PUBLIC, hosts=LOGINS, when=WHEN).set_index("host")


def wide(sources: Sources, make: Callable[..., object]) -> pd.DataFrame:
    """A batch over the hour."""
    batch = make(sources.settings)
    answer = fetch(sources, (batch,), host_batches.target_of(LOGINS), WHEN, viewer=PUBLIC)[batch.key]
    assert isinstance(answer, pd.DataFrame), answer
    return answer


def test_each_host_in_the_settings_has_a_row_and_no_other(sources: Sources) -> None:
    assert list(now(sources).index) == ["login1", "login2", "login3", "login4"]


def test_doubled_series_count_once(sources: Sources) -> None:
    row = now(sources).loc["login1"]
    assert row["cores"] == 4
    assert row["busy"] == pytest.approx(1.5)  # 1 + 0.5; waiting for disks is not computing
    assert row["cpu"] == pytest.approx(0.375)
    assert row["load_per_core"] == pytest.approx(0.5)
    assert row["state"] == "quiet"
    assert row["booted"] == START - 864_000


def test_memory_is_what_the_kernel_says_and_else_what_is_free_or_cache(sources: Sources) -> None:
    rows = now(sources)
    assert rows.at["login1", "memory_used"] == 16 * GIB  # 64 - 48
    assert rows.at["login2", "memory_used"] == 16 * GIB  # 32 - (10 + 2 + 4)
    assert rows.at["login2", "memory_share"] == pytest.approx(0.5)


def test_a_counter_that_starts_anew_does_not_leap(sources: Sources) -> None:
    row = now(sources).loc["login2"]
    assert row["cpu"] == pytest.approx(0.95)
    assert row["state"] == "busy"
    modes = part(host_frames.of_host(wide(sources, host_batches.modes), "login2"), mode="user").dropna()
    assert modes.max().max() <= 2.0  # never more than its two threads
    network = host_frames.one_device(wide(sources, host_batches.network), "login2")
    assert part(network, what="in").max().max() <= 300 * 1.01


def test_the_device_is_the_settings_or_the_busiest_that_is_not_virtual(sources: Sources) -> None:
    rows = now(sources)
    assert (rows.at["login1", "device"], rows.at["login2", "device"]) == ("eth0", "bond0")
    assert rows.at["login1", "in"] == pytest.approx(1000)
    assert rows.at["login1", "out"] == pytest.approx(500)
    assert rows.at["login1", "network_share"] == pytest.approx(1000 / 125_000)
    assert rows.at["login2", "in"] == pytest.approx(300)
    assert rows["speed"].isna().tolist() == [False, True, True, True]
    assert host_frames.one_device(wide(sources, host_batches.network), "login1").attrs["device"] == "eth0"


def test_hosts_that_fell_silent_or_never_spoke_do_not_answer(sources: Sources) -> None:
    rows = now(sources)
    assert rows.at["login3", "state"] == rows.at["login4", "state"] == "no_answer"
    assert rows.at["login3", "up"] == 0
    assert host_frames.freest(rows.reset_index()) == "login1"


def test_only_disks_of_the_list_are_told(sources: Sources) -> None:
    found = host_frames.hosts_now(sources, viewer=PUBLIC, hosts=LOGINS, when=WHEN)
    assert found.attrs["disks"]["login1"] == pytest.approx({"/": 0.6, "/tmp": 0.75})
    assert found.loc[0, ["disk", "disk_share"]].tolist() == ["/tmp", pytest.approx(0.75)]
    assert "ada" not in found.to_csv() + str(found.attrs)


def test_threads_by_mode_over_time(sources: Sources) -> None:
    modes = host_frames.of_host(wide(sources, host_batches.modes), "login1").iloc[-1]
    found = dict(zip(modes.index.get_level_values("mode"), modes, strict=True))
    assert found == pytest.approx({"all": 4, "iowait": 0.5, "system": 0.5, "user": 1})


def test_one_request_for_all_hosts(sources: Sources) -> None:
    planned = plan(sources, host_batches.all_of(sources.settings), host_batches.target_of(LOGINS), WHEN)
    assert len(planned) == 4
    assert all(host in one.expr for one in planned for host in LOGINS)
    assert not any("slurm_job" in one.expr for one in planned)


def test_a_page_of_many_sections_sends_four_requests(sources: Sources) -> None:
    sent: list[str] = []
    client = sources.prometheus
    assert client is not None
    counted = replace(sources, prometheus=Counted(client, sent))
    for section in logins.PAGE.sections[:6]:  # now, all, and the four hosts
        assert section.query(counted, PUBLIC, CLUSTER, WHEN)
    assert len(sent) == 4
    with pytest.raises(NoData):
        logins.PAGE.sections[6].query(counted, PUBLIC, CLUSTER, WHEN)


def test_without_the_exporter_it_says_so(filled: str, sources_of: Callable[..., Sources]) -> None:
    made = sources_of(filled, clock=lambda: END)
    off = made.settings.metrics.model_copy(update={"exporters": {"node_exporter": Exporter(installed=False)}})
    made = replace(made, settings=made.settings.model_copy(update={"metrics": off}))
    with pytest.raises(NoData, match="node_exporter"):
        host_frames.hosts_now(made, viewer=PUBLIC, hosts=LOGINS, when=WHEN)
