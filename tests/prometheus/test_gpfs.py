"""GPFS quotas out of a real Prometheus: people by uid, groups by gid, filesets; a pair of exporters, another cluster, and gaps."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from core.settings import Area, Exporter, Storage
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import gpfs_batches, run
from datasources.prometheus.batch import Target
from datasources.prometheus.client import recording
from datasources.sources import Sources

START, HOUR = 1_750_000_000 // 86400 * 86400, 3600
END = START + 6 * HOUR
pytestmark = pytest.mark.services
ANN = Viewer(name="ann")
WHEN = TimeRange(start=START, end=END, now=END)
AREAS = {
    "home": Area(source="gpfs", fs="home", fileset="home"), "project": Area(source="gpfs", fs="project", label="group"),
    "data": Area(source="gpfs", fs="project", label="fileset"),
}  # fmt: skip
USER, GROUP = 'user="1001",fs="home",fileset="home"', 'group="7001",fs="project",fileset="root"'
# (metric, labels, instance): first and last figure
FIGURES = {
    ("gpfs_user_used_bytes", USER, "m1"): (100, 700), ("gpfs_user_used_bytes", USER, "m2"): (100, 700),
    ("gpfs_user_quota_bytes", USER, "m1"): (0, 0), ("gpfs_user_limit_bytes", USER, "m1"): (900, 900),
    ("gpfs_user_in_doubt_bytes", USER, "m1"): (5, 5), ("gpfs_user_used_files", USER, "m1"): (7, 7),
    ("gpfs_user_used_bytes", USER.replace("1001", "10010"), "m1"): (1, 1),
    ("gpfs_user_used_bytes", USER.replace('fileset="home"', 'fileset="root"'), "m1"): (3, 3),
    ("gpfs_group_used_bytes", GROUP, "m1"): (40, 40), ("gpfs_group_quota_bytes", GROUP, "m1"): (80, 80),
    ("gpfs_fileset_used_bytes", 'fileset="lab",fs="project"', "m1"): (60, 60),
    ("gpfs_fileset_quota_files", 'fileset="lab",fs="project"', "m1"): (11, 11),
}  # fmt: skip


def _samples() -> str:
    lines: list[str] = []
    for metric in dict.fromkeys(name for name, _labels, _instance in FIGURES):
        lines.append(f"# TYPE {metric} gauge")
        for (name, labels, instance), (first, last) in FIGURES.items():
            for cluster, factor in (("one", 1), ("two", 1000)) if name == metric else ():
                lines += [
                    f'{metric}{{{labels},instance="{instance}",cluster="{cluster}"}} {factor * (first + (last - first) * at / (END - START))} {START + at}'
                    for at in range(0, END - START + 1, 300)
                ]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture
def sources(prometheus_from: Callable[..., str], sources_of: Callable[..., Sources]) -> Sources:
    made = sources_of(prometheus_from(_samples()), clock=lambda: float(END), filter={"usersummary": 'cluster="one"', "default": 'cluster="two"'})
    metrics = made.settings.metrics.model_copy(update={"exporters": {"gpfs_exporter": Exporter(scrape_seconds=300)}})
    settings = made.settings.model_copy(update={"storage": Storage(areas=AREAS), "metrics": metrics})
    object.__setattr__(made, "settings", settings)
    return made


def fetched(sources: Sources, batch, target: Target) -> tuple[pd.DataFrame, int]:
    with recording() as sent:
        frame = run.fetch(sources, (batch,), target, WHEN, viewer=ANN)[batch.key]
    return frame, len(sent)


EVERYBODY = Target(users=("1001",), accounts=("7001",), projects=("lab",))


def test_all_areas_now_are_one_request_and_what_is_missing_is_a_gap(sources: Sources) -> None:
    frame, requests = fetched(sources, gpfs_batches.now(sources.settings), EVERYBODY)
    found = {(row["who"], row["id"], row["what"]): row["value"] for row in frame.to_dict("records")}
    assert requests == 1 and found == {
        # of the fileset named only; a pair of exporters counts once; the soft limit 0 is as GPFS tells it
        ("user", "1001", "bytes"): 700, ("user", "1001", "bytes_limit"): 0, ("user", "1001", "bytes_hard"): 900, ("user", "1001", "bytes_doubt"): 5,
        ("user", "1001", "files"): 7, ("group", "7001", "bytes"): 40, ("group", "7001", "bytes_limit"): 80,
        ("fileset", "lab", "bytes"): 60, ("fileset", "lab", "files_limit"): 11,
    }  # fmt: skip


def test_the_trend_of_all_areas_is_one_request(sources: Sources) -> None:
    frame, requests = fetched(sources, gpfs_batches.trend(sources.settings), EVERYBODY)
    levels = frame.columns.to_frame(index=False)
    at = levels[(levels["what"] == "bytes") & (levels["who"] == "user")].index
    assert requests == 1 and len(at) == 1 and len(levels) == 4
    series = frame.iloc[:, at[0]]
    assert series[pd.Timestamp(START + 3 * HOUR, unit="s", tz="UTC")] == pytest.approx(400) and series.iloc[-1] == pytest.approx(700)


def test_nobody_asked_for_is_nobody_answered(sources: Sources) -> None:
    assert fetched(sources, gpfs_batches.now(sources.settings), Target())[0].empty
    other, _requests = fetched(sources, gpfs_batches.now(sources.settings), Target(users=('1001"} or vector(1) or {a="',)))
    assert other.empty
    assert fetched(sources, gpfs_batches.now(sources.settings), Target(users=("100.",)))[0].empty
