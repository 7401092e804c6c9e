"""Quotas out of a real Prometheus: one question for all areas, each figure under its own label, the site's filter respected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from core.hooks import Hooks
from core.settings import Area, Exporter, Storage
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import quota_batches, run
from datasources.prometheus.batch import Target
from datasources.prometheus.client import recording
from datasources.sources import Sources
from pages import user_query, user_quota

START, HOUR, DAY = 1_750_000_000 // 86400 * 86400, 3600, 86400
END = START + 2 * DAY
GIB = 1024**3
pytestmark = pytest.mark.services
AREAS = {"home": Area(path="/lustre/home"), "scratch": Area(path="/lustre/scratch"), "project": Area(path="/lustre/project", label="project")}
# cluster, path, label, owner → (KiB at the beginning, KiB at the end, files)
SERIES = {
    ("one", "/lustre/home", "user", "ann"): (10 * 1024**2, 20 * 1024**2, 500),
    ("one", "/lustre/home", "user", "anna"): (1, 1, 1),
    ("one", "/lustre/scratch", "user", "bob"): (7, 7, 7),
    ("one", "/lustre/project", "project", "def-a"): (1024**2, 1024**2, 99),
    ("one", "/lustre/project", "project", "def-a_x"): (5, 5, 5),
    ("one", "/lustre/project", "user", "ann"): (3, 3, 3),
    ("two", "/lustre/home", "user", "ann"): (900 * 1024**2, 900 * 1024**2, 900),
    ("two", "/lustre/scratch", "user", "ann"): (900, 900, 900),
}


def _samples() -> str:
    """Two days every five minutes, growing evenly. A pair of exporters (two instances) reports ann's home."""
    lines = []
    for metric, place in (("lfs_quota_kbytes", 0), ("lfs_quota_inodes", 2)):
        lines.append(f"# TYPE {metric} gauge")
        for (cluster, path, label, owner), values in SERIES.items():
            for instance in ("m1", "m2") if owner == "ann" else ("m1",):
                first, last = (values[0], values[1]) if place == 0 else (values[2], values[2])
                labels = f'cluster="{cluster}",path="{path}",{label}="{owner}",instance="{instance}"'
                lines += [
                    f"{metric}{{{labels}}} {first + (last - first) * at / (END - START)} {START + at}" for at in range(0, END - START + 1, 300)
                ]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture
def sources(prometheus_from: Callable[..., str], sources_of: Callable[..., Sources]) -> Sources:
    made = sources_of(prometheus_from(_samples()), clock=lambda: float(END), filter={"usersummary": 'cluster="one"', "default": 'cluster="two"'})
    metrics = made.settings.metrics.model_copy(update={"exporters": {"lfs_quota": Exporter(scrape_seconds=300)}})
    settings = made.settings.model_copy(update={"storage": Storage(areas=AREAS), "metrics": metrics})
    given = [
        {"name": "ann", "kind": "home", "bytes": 20 * GIB, "files": 520}, {"name": "ann", "kind": "scratch", "bytes": 5, "files": 0},
        {"name": "def-a", "kind": "project", "bytes": GIB - 1, "files": 0},
    ]  # fmt: skip
    return replace(made, settings=settings, hooks=Hooks({"storage_allocations": lambda name: given if name == "ann" else [], "person": lambda name: ""}))


ANN = Viewer(name="ann", accounts=frozenset({"def-a"}))
WHEN = TimeRange(start=END - 30 * DAY, end=END, now=END)


def test_the_figures_now(sources: Sources) -> None:
    batch = quota_batches.now(sources.settings)
    frame = run.fetch(sources, (batch,), Target(users=("ann",), accounts=("def-a",)), WHEN, viewer=ANN)[batch.key]
    assert quota_batches.used(frame) == {
        # twice by a pair of exporters: once, not the sum; and never the other cluster's
        ("bytes", "/lustre/home", "user", "ann"): pytest.approx(20 * GIB),
        ("files", "/lustre/home", "user", "ann"): 500,
        ("bytes", "/lustre/project", "project", "def-a"): GIB,
        ("files", "/lustre/project", "project", "def-a"): 99,
    }
    everywhere = (("/lustre/home", "user"), ("/lustre/scratch", "user"), ("/lustre/project", "project"))
    places = {(kind, path, label) for kind in ("bytes", "files") for path, label in everywhere}
    assert set(quota_batches.known(frame)) == places


def test_the_table_of_a_person_with_two_requests_at_most(sources: Sources) -> None:
    view = user_query.subject_of({"name": "ann"})
    with recording() as sent:
        found = user_quota.quota_query(sources, ANN, view, WHEN)
        home_trend = user_quota.trend_query("home")(sources, ANN, view, WHEN)
        user_quota.trend_query("project")(sources, ANN, view, WHEN)
    assert len(sent) == 2
    home, scratch, project = found["quotas"].to_dict("records")
    # 20 of 20 GiB is full, not over; 500 of 520 files is 96 %
    assert (home["bytes_state"], home["files_state"]) == ("near", "near")
    assert home["files_share"] == pytest.approx(500 / 520)
    # bob is measured in scratch, ann is not: too little to be measured
    assert (scratch["bytes_state"], scratch["files_state"]) == ("small", "small")
    assert (project["owner"], project["bytes_state"], project["files_state"]) == ("def-a", "over", "no_limit")
    trend = home_trend["bytes"]
    assert trend.attrs["from"] == END - 90 * DAY and trend.attrs["to"] == END
    # half of the time, half of the way
    assert trend[("home", "ann")].loc[pd.Timestamp(START + DAY, unit="s", tz="UTC")] == pytest.approx(15 * GIB)
    assert trend[("home", "ann")].dropna().iloc[0] == pytest.approx(10 * GIB)


def test_a_chosen_range_is_kept(sources: Sources) -> None:
    view = user_query.subject_of({"name": "ann", "from": "now-1d", "to": "now"})
    when = TimeRange(start=END - DAY, end=END, now=END)
    trend = user_quota.trend_query("home")(sources, ANN, view, when)["bytes"]
    assert (trend.attrs["from"], trend.attrs["to"]) == (END - DAY, END)
    assert trend.index[0].timestamp() >= END - DAY


@pytest.mark.parametrize("name", ["def-a_x", "def-a|def-a_x", 'def-a"} or vector(1)', ".*", ""])
def test_a_name_opens_only_itself(sources: Sources, name: str) -> None:
    batch = quota_batches.now(sources.settings)
    frame = run.fetch(sources, (batch,), Target(users=("bob",), accounts=tuple(filter(None, [name]))), WHEN, viewer=ANN)[batch.key]
    assert {key[3] for key in quota_batches.used(frame)} <= {"bob", name}


def test_nobody_measured_at_all_is_said(sources: Sources) -> None:
    areas = Storage(areas={"home": Area(path="/elsewhere")})
    other = replace(sources, settings=sources.settings.model_copy(update={"storage": areas}))
    found = user_quota.quota_query(other, ANN, user_query.subject_of({"name": "ann"}), WHEN)["quotas"]
    assert getattr(found, "why", None) == "no_data"
