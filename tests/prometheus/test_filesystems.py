"""File systems in a real Prometheus: targets that are full, unhealthy, gone or seen twice; rules or counters; GPFS beside Lustre."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from core.errors import NoData
from core.settings import Exporter
from core.subjects import CLUSTER
from core.timerange import TimeRange
from core.viewer import PUBLIC
from datasources.prometheus import fs_batches, fs_frames
from datasources.prometheus.batch import Target
from datasources.prometheus.job_frames import part
from datasources.prometheus.run import fetch, plan
from datasources.sources import Sources
from pages import filesystems
from tests.prometheus.known_samples import Counted

pytestmark = pytest.mark.services
START, HOUR = 1_794_996_000, 3600
END = START + HOUR
WHEN = TimeRange(start=START, end=END, now=END, points=60)
KIB = 1024


def _family(kind: str, name: str, rows: dict[str, Callable[[int], float]], ends: dict[str, int]) -> list[str]:
    family = name.removesuffix("_total") if kind == "counter" else name
    lines = [f"{name}{{{labels}}} {value(t)} {START + t}" for labels, value in rows.items() for t in range(0, ends.get(labels, HOUR) + 1, 60)]
    return [f"# TYPE {family} {kind}", *lines]


def _flat(value: float) -> Callable[[int], float]:
    return lambda t: value


def _at(target: str, server: str = "oss1", more: str = "") -> str:
    component = "mdt" if "MDT" in target else "ost"
    return f'target="{target}",component="{component}",instance="{server}:9169"{more}'


GONE = _at("alpha-OST0002")


def _gauges() -> dict[str, dict[str, Callable[[int], float]]]:
    """alpha: OST0000 60 % full, OST0001 90 % full and seen by both servers of a pair, OST0002 gone for 50 minutes; beta-x: one OST."""
    osts = {_at("alpha-OST0000"): (1000, 400, 100), _at("alpha-OST0001"): (1000, 100, 50), _at("alpha-OST0001", "oss2"): (1000, 100, 50)}
    osts |= {GONE: (1000, 500, 70), _at("beta-x-OST0000", "oss3"): (2000, 1500, 9000)}
    mdts = {_at("alpha-MDT0000", "mds1"): (1000, 750), _at("beta-x-MDT0000", "mds1"): (500, 100)}
    files = {labels: (5000, objects) for labels, (_size, _avail, objects) in osts.items()} | mdts
    everything = [*osts, *mdts]
    return {
        "lustre_capacity_kibibytes": {labels: _flat(osts[labels][0] if labels in osts else 77) for labels in everything},
        "lustre_available_kibibytes": {labels: _flat(osts[labels][1] if labels in osts else 7) for labels in everything},
        "lustre_inodes_maximum": {labels: _flat(files[labels][0]) for labels in everything},
        "lustre_inodes_free": {labels: _flat(files[labels][1]) for labels in everything},
        "lustre_health_check": {labels: _flat(0 if "alpha-OST0001" in labels and "oss2" in labels else 1) for labels in everything},
        # recorded twice, by a highly available pair
        "lustre:read_bytes:rate3m": {f'fs="alpha",replica="{copy}"': _flat(40) for copy in "ab"},
        "lustre:write_bytes:rate3m": {'fs="alpha"': _flat(8)},
        "lustre:metadata:rate3m": {f'fs="alpha",operation="{kind}",replica="{copy}"': _flat(rate) for kind, rate in (("open", 5), ("close", 2)) for copy in "ab"},
        "gpfs_fs_size_bytes": {'fs="home",instance="g1"': _flat(1000), 'fs="home",instance="g2"': _flat(1000)},
        "gpfs_fs_free_bytes": {'fs="home",instance="g1"': _flat(250)},
        "gpfs_fs_used_inodes": {'fs="home",instance="g1"': _flat(30)},
        "gpfs_fs_free_inodes": {'fs="home",instance="g1"': _flat(70)},
    }


def _counters() -> dict[str, dict[str, Callable[[int], float]]]:
    """The counter of OST0001 starts anew twice; those of object servers and of jobs must count nowhere."""
    reads = {_at("alpha-OST0000", more=f',replica="{copy}"'): lambda t: 7 + 10 * t for copy in "ab"} | {_at("alpha-OST0001"): lambda t: 30 * ((t + 600) % 1800)}
    stats = {_at("alpha-MDT0000", "mds1", f',operation="{kind}"'): lambda t, rate=rate: rate * t for kind, rate in (("open", 5), ("close", 2))}
    stats |= {_at("alpha-OST0000", more=',operation="punch"'): lambda t: 100 * t}
    gpfs = {f'fs="home",instance="{node}",replica="{copy}"': lambda t, rate=rate: rate * t for node, rate in (("g1", 5), ("g2", 7)) for copy in "ab"}
    return {
        "lustre_read_bytes_total": reads, "lustre_write_bytes_total": {_at("alpha-OST0000"): lambda t: 8 * t}, "lustre_stats_total": stats,
        "lustre_job_read_bytes_total": {_at("alpha-OST0000", more=',user="ada",jobid="5"'): lambda t: 9999 * t}, "gpfs_perf_read_bytes_total": gpfs,
    }  # fmt: skip


def _samples() -> str:
    ends = {GONE: 600}
    lines = [line for name, rows in _gauges().items() for line in _family("gauge", name, rows, ends)]
    lines += [line for name, rows in _counters().items() for line in _family("counter", name, rows, ends)]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def filled(prometheus_from: Callable[..., str]) -> str:
    """A Prometheus that holds the samples above."""
    return prometheus_from(_samples())


@pytest.fixture(params=[True, False], ids=["rules", "counters"])
def sources(request: pytest.FixtureRequest, filled: str, sources_of: Callable[..., Sources]) -> Sources:
    """Over it, at its last sample, with and without recording rules."""
    return _changed(sources_of(filled, clock=lambda: END), recording_rules=request.param)


def _changed(sources: Sources, **metrics: object) -> Sources:
    changed = sources.settings.metrics.model_copy(update=metrics)
    return replace(sources, settings=sources.settings.model_copy(update={"metrics": changed}))


def now(sources: Sources) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(file systems by name, targets by name)."""
    systems, targets = fs_frames.file_systems_now(sources, viewer=PUBLIC, when=WHEN)
    return systems.set_index("fs"), targets.set_index("target")


def test_bandwidth_and_metadata_with_rules_and_without(sources: Sources) -> None:
    row = now(sources)[0].loc["alpha"]
    assert row[["read", "written", "ops"]].tolist() == pytest.approx([40, 8, 7])  # 10 + 30; 8; open 5 + close 2


def test_one_of_the_settings_that_nobody_measures_is_told(sources: Sources) -> None:
    systems = fs_frames.file_systems_now(_changed(sources, lustre_file_systems=("alpha", "gone")), viewer=PUBLIC, when=WHEN)[0]
    assert systems.attrs == {"unread": {}, "silent": ["gone"]}
    assert fs_frames.file_systems_now(sources, viewer=PUBLIC, when=WHEN)[0].attrs == {"unread": {}, "silent": []}


def test_over_time_no_counter_leaps(sources: Sources) -> None:
    batch = fs_batches.lustre_rates(sources.settings)
    frame = fetch(sources, (batch,), Target(), WHEN, viewer=PUBLIC)[batch.key]
    assert isinstance(frame, pd.DataFrame)
    own = fs_frames.of_file_system(frame, "alpha")
    assert part(own, what="read").max().max() <= 40 * 1.01
    last = part(own, what="ops").iloc[-1]
    assert dict(zip(last.index.get_level_values("operation"), last, strict=True)) == pytest.approx({"open": 5, "close": 2})


def test_space_is_of_the_object_targets_each_once(sources: Sources) -> None:
    row = now(sources)[0].loc["alpha"]
    assert (row["size"], row["used"]) == (2000 * KIB, 1500 * KIB)  # 600 + 900 of two that answer
    assert row["share"] == pytest.approx(0.75)
    assert (row["fullest"], row["fullest_share"], row["emptiest_share"]) == ("alpha-OST0001", pytest.approx(0.9), pytest.approx(0.6))


def test_files_end_where_inodes_or_objects_do(sources: Sources) -> None:
    systems = now(sources)[0]
    # alpha: 250 used, 750 inodes free but objects for 150 files only; beta-x: 400 used, 100 inodes free
    assert systems.loc["alpha", ["files_used", "files"]].tolist() == [250, 400]
    assert systems.loc["beta-x", ["files_used", "files"]].tolist() == [400, 500]


def test_targets_that_are_unhealthy_or_gone(sources: Sources) -> None:
    systems, targets = now(sources)
    assert systems.loc["alpha", ["targets", "known", "unhealthy"]].tolist() == [3, 4, 1]
    assert systems.loc["beta-x", ["targets", "known", "unhealthy"]].tolist() == [2, 2, 0]
    assert targets["healthy"].to_dict()["alpha-OST0001"] == 0
    assert "alpha-OST0002" not in targets.index


def test_gpfs_stands_beside_lustre(sources: Sources) -> None:
    systems = now(sources)[0]
    assert systems["kind"].to_dict() == {"alpha": "lustre", "beta-x": "lustre", "home": "gpfs"}
    row = systems.loc["home"]
    assert row["read"] == pytest.approx(12)  # 5 + 7 of two nodes, each counted twice
    assert (row["used"], row["share"]) == (750, pytest.approx(0.75))
    assert (row["files_used"], row["files_share"]) == (30, pytest.approx(0.3))


def test_only_the_file_systems_of_the_settings(sources: Sources) -> None:
    systems, targets = now(_changed(sources, lustre_file_systems=("alpha",)))
    assert set(systems.index) == {"alpha", "home"}
    assert set(targets["fs"]) == {"alpha"}


def test_file_systems_stand_in_the_order_of_the_settings(sources: Sources) -> None:
    found = [list(now(_changed(sources, lustre_file_systems=names))[0].index) for names in ((), ("beta-x", "alpha"), ("alpha", "beta-x"))]
    assert found == [["alpha", "beta-x", "home"], ["beta-x", "alpha", "home"], ["alpha", "beta-x", "home"]]


def test_space_over_time(sources: Sources) -> None:
    batch = fs_batches.lustre_space(sources.settings)
    frame = fetch(sources, (batch,), Target(), WHEN, viewer=PUBLIC)[batch.key]
    assert isinstance(frame, pd.DataFrame)
    space, inodes = fs_frames.space_of(frame, "alpha")
    assert space.iloc[-1].tolist() == [1500 * KIB, 2000 * KIB]
    assert inodes.iloc[-1].tolist() == [250, 1000]


def test_no_query_reads_what_jobs_did(sources: Sources) -> None:
    planned = plan(sources, fs_batches.all_of(sources.settings), Target(), WHEN)
    assert len(planned) == 6
    assert not any("lustre_job" in one.expr or "_user" in one.expr for one in planned)


def test_a_page_of_many_sections_sends_three_requests_an_exporter(sources: Sources) -> None:
    sent: list[str] = []
    counted = replace(sources, prometheus=Counted(sources.prometheus, sent))
    assert filesystems.head(counted, PUBLIC, CLUSTER, WHEN)[2] == ("now", "fs_1", "fs_2", "fs_3")
    shown = [section.query(counted, PUBLIC, CLUSTER, WHEN) for section in filesystems.PAGE.sections[:5]]
    assert [frames["now"]["fs"].item() for frames in shown[1:4]] == ["alpha", "beta-x", "home"]
    assert shown[4] == {"now": None}
    assert len(sent) == 6


def test_one_exporter_alone_and_none(filled: str, sources_of: Callable[..., Sources]) -> None:
    off = {"lustre_exporter": Exporter(installed=False)}
    made = _changed(sources_of(filled, clock=lambda: END), exporters=off)
    assert list(now(made)[0].index) == ["home"]
    made = _changed(made, exporters=off | {"gpfs_exporter": Exporter(installed=False)})
    with pytest.raises(NoData, match="lustre_exporter"):
        now(made)
