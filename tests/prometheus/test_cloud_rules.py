"""A cloud out of its recording rules, worked out by Prometheus itself from the raw samples: the same numbers, no machine read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from core.settings import Cloud, Prometheus
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.cloud import projects
from datasources.prometheus import cloud_project_batches as batches
from datasources.prometheus.client import PrometheusClient, recording
from datasources.prometheus.promql import quote
from datasources.sources import Sources
from tests.prometheus.cloud_samples import DAY, END, HOUR, NASTY, START, STOPPED, samples

pytestmark = pytest.mark.services
STAFF, WHEN = Viewer(name="ada", is_staff=True), TimeRange(start=END - 4 * DAY, end=END, now=END)
FILE = Path(__file__).parents[2] / "deploy" / "cloud_rules.yml"
(GROUP,) = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
EVERY = 300  # the samples' own; rules are worked out more often
RULES = {rule["record"]: rule["expr"].replace("[5m]", "[15m]") for rule in GROUP["rules"]}


def recorded(raw: PrometheusClient) -> str:
    """What the rules of the file make of the raw samples, as OpenMetrics."""
    lines = []
    for name, expr in RULES.items():
        lines.append(f"# TYPE {name} gauge")
        frame = raw.range(expr, START, END, EVERY)
        for place, column in enumerate(frame.columns):
            labels = dict(zip(frame.columns.names, column, strict=True))
            text = ",".join(f"{key}={quote(labels[key])}" for key in ("cluster", "project_name"))
            values = frame.iloc[:, place].to_numpy()
            lines += [f"{name}{{{text}}} {float(values[row])!r} {START + row * EVERY}" for row in np.flatnonzero(np.isfinite(values))]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def address(prometheus_from: Callable[..., str]) -> str:
    raw = samples()
    rules = recorded(PrometheusClient(Prometheus(url=prometheus_from(raw))))
    return prometheus_from(raw.removesuffix("# EOF\n") + rules + "# EOF\n")


@pytest.fixture
def sources(address: str, sources_of: Callable[..., Sources]) -> Callable[[bool], Sources]:
    """sources(ruled) → over both; the rules' samples are five minutes apart here."""

    def made(ruled: bool) -> Sources:
        found = sources_of(address, clock=lambda: float(END), filter={"cloudstats": 'cluster="one"'})
        return replace(found, settings=found.settings.model_copy(update={"cloud": Cloud(recording_rules=ruled)}))

    return made


def test_the_file_records_what_the_batches_read() -> None:
    assert sorted(RULES) == sorted(batches.RULES.values()) and GROUP["interval"] == f"{batches.RULES_SECONDS}s"
    assert all("(cluster, project_name" in expr for expr in RULES.values())


def test_all_projects_are_the_same_out_of_rules(sources: Callable[[bool], Sources]) -> None:
    raw, ruled = (projects.everything(sources(one), viewer=STAFF).set_index("project") for one in (False, True))
    assert ruled.attrs["days"] == pytest.approx(9, abs=0.1) and not ruled.attrs["short"] and ruled.attrs["troubles"] == []
    assert sorted(ruled.index) == sorted(raw.index)
    # the machine that stopped ran for seven of the nine days
    assert ruled.loc["lab", "cores_used"] == pytest.approx(0.8 + 0.002 + 0.1 * (STOPPED - START) / (END - START), rel=0.02)
    for column in ("cores_used", "memory_used", "block_used"):
        pd.testing.assert_series_equal(ruled[column], raw[column], rtol=0.04, check_exact=False)


def test_charts_are_the_same_out_of_rules(sources: Callable[[bool], Sources]) -> None:
    raw, ruled = (projects.over_time(sources(one), viewer=STAFF, when=WHEN) for one in (False, True))
    for kind in ("cores", "memory"):
        assert sorted(raw[kind].columns) == sorted(ruled[kind].columns)
        for column in (("used", "lab"), ("used", NASTY), ("running", "")):
            calm = raw[kind].index > pd.Timestamp(STOPPED + 3 * HOUR, unit="s", tz="UTC")
            np.testing.assert_allclose(ruled[kind].loc[calm, column], raw[kind].loc[calm, column], rtol=0.02)


def test_no_machine_is_read_for_a_month_or_a_chart(sources: Callable[[bool], Sources]) -> None:
    with recording() as sent:
        projects.everything(sources(True), viewer=STAFF)
        projects.over_time(sources(True), viewer=STAFF, when=WHEN)
    (month,) = [request.expr for request in sent if "moments" in request.expr]
    charts = [request.expr for request in sent if request.step]
    assert len(charts) == 2 and all("libvirtd_domain:" in expr and "libvirtd_domain_" not in expr for expr in (month, *charts))
