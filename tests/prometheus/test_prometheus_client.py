"""The client against a real Prometheus: values worked out by hand, and equal to prometheus_pandas' own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import prometheus_pandas.query as upstream
import pytest

from core.settings import Prometheus
from datasources.prometheus import promql
from datasources.prometheus.client import PrometheusClient, recording
from tests.prometheus.known_samples import NASTY, START

END = START + 3600


@pytest.fixture(scope="module")
def client(known: str) -> PrometheusClient:
    return PrometheusClient(Prometheus(url=known))


EXPRESSIONS = (
    'cores{cluster="narval"}', "sum by (instance) (cores)", "rate(busy_total[5m])", "gap", "odd", "nasty", "sum(cores)", "absent_metric",
    "scalar(sum(cores))", "1 / (gap - gap)", 'count_values("value", round(cores))',
)


@pytest.mark.parametrize("expr", EXPRESSIONS)
@pytest.mark.parametrize("step", [15, 60, 77])
def test_ranges_equal_prometheus_pandas(client: PrometheusClient, known: str, expr: str, step: int) -> None:
    theirs = upstream.Prometheus(known).query_range(expr, START - 600, END + 600, step)
    ours = client.query_range(expr, START - 600, END + 600, step)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True, check_index_type=False, check_column_type=False, check_freq=False)


@pytest.mark.parametrize("expr", [*EXPRESSIONS[:8], "cores[2m]"])
def test_instants_equal_prometheus_pandas(client: PrometheusClient, known: str, expr: str) -> None:
    theirs = upstream.Prometheus(known).query(expr, START + 1800)
    ours = client.query(expr, START + 1800)
    if isinstance(theirs, pd.DataFrame):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True, check_index_type=False, check_column_type=False, check_freq=False)
    else:
        pd.testing.assert_series_equal(ours, theirs, check_exact=True, check_index_type=False)


def test_scalars_and_strings_are_what_they_say(client: PrometheusClient) -> None:
    assert client.query("scalar(vector(3)) * 2", START) == 6.0
    assert client.query('"turtle"', START) == "turtle"
    assert client.instant("scalar(vector(3))", START)["value"].tolist() == [3.0]
    assert client.instant('"turtle"', START)["text"].tolist() == ["turtle"]


def test_a_regular_grid_with_gaps(client: PrometheusClient) -> None:
    """The gap lasts from the last sample of minute 9 + five minutes of look-back to minute 40."""
    frame = client.range("gap", START, END, 60)
    assert frame.index[0] == pd.Timestamp(START, unit="s", tz="UTC") and len(frame) == 61 and str(frame.index.tz) == "UTC"
    assert frame.columns.names == ["__name__"] and frame.attrs["step"] == 60 and frame.dtypes.tolist() == [np.float64]
    values = frame["gap"].squeeze("columns") if isinstance(frame["gap"], pd.DataFrame) else frame["gap"]
    assert values.iloc[:10].tolist() == list(range(10))
    assert values.iloc[10:14].tolist() == [9] * 4
    assert values.iloc[15:40].isna().all()
    assert values.iloc[40:60].tolist() == list(range(40, 60))


def test_odd_values(client: PrometheusClient) -> None:
    frame = client.range("odd", START, START + 120, 60).droplevel("__name__", axis=1)
    assert np.isnan(frame["NaN"]).all() and (frame["+Inf"] == np.inf).all() and (frame["-Inf"] == -np.inf).all()
    assert frame["1e-7"].tolist() == [1e-7] * 3 and frame["123456789012345678"].tolist() == [123456789012345678.0] * 3


def test_a_counter_with_a_reset(client: PrometheusClient) -> None:
    """30 a second; a reset hides the step over it (1800 of 7200 in a window of four minutes), never goes below zero."""
    frame = client.range("rate(busy_total[4m])", START + 600, END, 60)
    assert np.allclose(frame.iloc[:20, 0], 30) and (frame.iloc[:, 0] >= 0).all()


def test_nothing_is_an_empty_frame_with_its_index(client: PrometheusClient) -> None:
    frame = client.range("absent_metric", START, END, 60)
    assert frame.shape == (61, 0) and isinstance(frame.columns, pd.MultiIndex)
    assert list(client.instant("absent_metric", START).columns) == ["value"]


def test_no_labels_at_all(client: PrometheusClient) -> None:
    frame = client.range("sum(gap)", START, START + 60, 60)
    assert frame.columns.tolist() == [("",)] and frame.iloc[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize("value", [NASTY, "ab"])
def test_any_label_value_finds_exactly_itself(client: PrometheusClient, value: str) -> None:
    for one in (promql.selector("nasty", "", path=value), promql.selector("nasty", "", path=promql.any_of([value]))):
        frame = client.instant(one, START)
        assert frame["path"].tolist() == [value], one
    both = client.instant(promql.selector("nasty", "", path=(NASTY, "ab")), START)
    assert sorted(both["value"]) == [7, 8]


@pytest.mark.parametrize("value", ['x"} or cores{core!="', "\\", '"', "}", "{", "\n", "\x00", "é\ud800", ".*", "a|b", "$", "\u2028", "#", "'", "`"])
def test_hostile_values_match_nothing_and_break_nothing(client: PrometheusClient, value: str) -> None:
    assert client.instant(promql.selector("nasty", "", path=value), START).empty
    assert client.instant(promql.selector("nasty", "", path=promql.any_of([value])), START).empty
    assert client.instant(f"nasty{{{promql.hosts_matcher('path', [value], value)}}}", START).empty


def test_no_values_match_nothing(client: PrometheusClient) -> None:
    assert client.instant(promql.selector("nasty", "", path=()), START).empty
    assert client.instant(promql.selector("cores", "", user=promql.any_of([])), START).empty


def test_hosts_with_domain_and_port(client: PrometheusClient) -> None:
    frame = client.instant(promql.selector("cores", 'cluster="narval"', promql.hosts_matcher("instance", ["c0", "c2"], ".cluster.ca")), START)
    assert set(frame["instance"]) == {"c0.cluster.ca:9100", "c2.cluster.ca:9100"}
    assert client.instant(promql.selector("cores", "", promql.hosts_matcher("instance", ["c"], ".cluster.ca")), START).empty
    assert client.instant(promql.selector("cores", "", promql.hosts_matcher("instance", ["c0"], "")), START).empty


def test_a_family_by_one_regex(client: PrometheusClient) -> None:
    frame = client.instant(promql.selector(promql.names(("gap", "power", "busy_total")), ""), START)
    assert set(frame["__name__"]) == {"gap", "power", "busy_total"}


def test_what_check_asks(client: PrometheusClient, known: str) -> None:
    assert client.version().startswith("2.")
    assert client.rules() == ()
    assert client.exists("cores", at=START + 60) and not client.exists("cores")
    assert client.oldest() == START
    kept = PrometheusClient(Prometheus(url=known, retention_days=3), clock=lambda: 1e9)
    assert kept.oldest() == 1e9 - 3 * 86400


def test_the_recorder_sees_each_request(client: PrometheusClient) -> None:
    with recording() as outer:
        client.range("gap", START, END, 60)
        with recording() as inner:
            client.instant("cores", START)
    assert [(one.expr, one.start, one.end, one.step, one.series) for one in outer] == [("gap", START, END, 60, 1)]
    assert [(one.expr, one.end, one.step, one.series) for one in inner] == [("cores", START, 0, 24)]
    assert outer[0].bytes > 500 and outer[0].ms > 0


def test_recording_rules_by_name(prometheus_from: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("rules") / "rules.yml"
    path.write_text("groups: [{name: g, rules: [{record: 'slurm_job:used_core:sum', expr: '1'}, {alert: Down, expr: 'up == 0'}]}]\n")
    assert PrometheusClient(Prometheus(url=prometheus_from(rules=path))).rules() == ("slurm_job:used_core:sum",)
