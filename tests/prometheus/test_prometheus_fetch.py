"""fetch(): one request a batch, merged, shared, filtered; and why an answer is empty."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from core.errors import NoData, SourceRefused, SourceSlow, Why
from core.timerange import TimeRange
from core.viewer import PORTAL
from datasources.prometheus import promql, run
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.client import recording
from datasources.slurm.records import Run
from datasources.sources import Sources
from tests.prometheus.fake_server import Fake, reply
from tests.prometheus.known_samples import START

END = START + 3600
WHEN = TimeRange(start=START, end=END, now=END + 3600, points=60)
TARGET = Target(jobs=(5,), hosts=("c0", "c2"))


def _cores(target: Target, grid: Grid, site: str) -> str:
    return promql.selector("cores", site, promql.hosts_matcher("instance", target.hosts, ".cluster.ca"), slurmjobid=target.jobs)


def batch(key: str = "cores", **more: object) -> Batch:
    return dataclasses.replace(Batch(key=key, exporter="slurm-job-exporter", metrics=("cores",), expr=_cores, levels=("node",)), **more)


def fetch(sources: Sources, *batches: Batch, when: TimeRange = WHEN) -> dict:
    return run.fetch(sources, batches, TARGET, when, viewer=PORTAL)


@pytest.fixture
def sources(known: str, sources_of: Callable[..., Sources]) -> Sources:
    return sources_of(known, clock=lambda: END + 3600.0, filter={"default": 'cluster="narval"', "status": 'cluster="other"'})


def test_series_equal_in_the_levels_are_summed(sources: Sources) -> None:
    """c0 has cores 0, 3, 6, 9, c2 has 2, 5, 8, 11; each is its number + minute / 60."""
    frame = fetch(sources, batch())["cores"]
    assert frame.columns.tolist() == [("c0",), ("c2",)] and frame.columns.names == ["node"]
    assert frame.index.name == "time" and len(frame) == 61 and frame.attrs["step"] == 60 and frame.attrs["scrape"] == 60
    for minute in (0, 17, 60):
        assert frame.iloc[minute].tolist() == pytest.approx([18 + 4 * minute / 60, 26 + 4 * minute / 60], rel=1e-6)
    assert frame.dtypes.unique().tolist() == [np.float64]


def test_or_the_largest_of_a_pair(sources: Sources) -> None:
    frame = fetch(sources, batch(merge="max"))["cores"]
    assert frame.iloc[0].tolist() == [9, 11]


def test_several_levels_in_natural_order(sources: Sources) -> None:
    frame = fetch(sources, batch(levels=("core", "node", "absent")))["cores"]
    assert [key[0] for key in frame.columns] == ["0", "2", "3", "5", "6", "8", "9", "11"]
    assert set(frame.columns.get_level_values("absent")) == {""}


def test_each_module_sees_its_own_site(sources: Sources) -> None:
    found = fetch(sources, batch("a"), batch("b", module="status"), batch("c", module="never named"))
    assert [found[key].iloc[0, 0] for key in "abc"] == [18, 418, 18]


def test_an_instant_batch_is_a_tidy_frame(sources: Sources) -> None:
    frame = fetch(sources, batch(instant=True, levels=("node", "core")))["cores"]
    assert list(frame.columns) == ["node", "core", "value"]
    assert frame[frame["node"] == "c0"]["value"].tolist() == [1, 4, 7, 10]


def test_a_bmc_is_its_node(sources: Sources) -> None:
    power = batch("power", expr=lambda target, grid, site: "power", metrics=("power",))
    assert fetch(sources, power)["power"].columns.tolist() == [("c1",)]


def test_gaps_stay_gaps_even_when_merged(sources: Sources) -> None:
    one = batch("gap", expr=lambda target, grid, site: 'gap or label_replace(cores{core="0",cluster="narval"}, "x", "1", "", "")', levels=())
    frame = fetch(sources, one)["gap"]
    assert not frame.isna().any().any()
    frame = fetch(sources, batch("gap2", expr=lambda target, grid, site: "gap", levels=()))["gap2"]
    assert frame.iloc[15:40, 0].isna().all() and frame.iloc[40, 0] == 40


def test_a_second_look_sends_nothing(sources: Sources) -> None:
    batches = (batch("a"), batch("b", instant=True), batch("c", levels=("core",)))
    with recording() as first:
        before = fetch(sources, *batches)
    with recording() as again:
        after = fetch(sources, *batches)
    assert len(first) == 3 and again == []
    for key in "abc":
        pd.testing.assert_frame_equal(before[key], after[key])
        assert before[key].attrs == after[key].attrs
    after["a"].iloc[:] = 0  # what one page does to its frame is not seen by another
    assert fetch(sources, *batches)["a"].iloc[0, 0] == 18


def test_other_questions_are_other_entries(sources: Sources) -> None:
    fetch(sources, batch())
    with recording() as more:
        run.fetch(sources, [batch()], Target(jobs=(6,), hosts=("c0", "c2")), WHEN, viewer=PORTAL)
        fetch(sources, batch(), when=dataclasses.replace(WHEN, end=END - 600))
        fetch(sources, batch(merge="max"))
    assert len(more) == 3


@pytest.mark.parametrize(("end", "seconds"), [(END, 3600), (END + 3600, 60), (END + 3300, 60)])
def test_how_long_an_answer_is_kept(sources: Sources, end: int, seconds: float) -> None:
    grid = Grid(start=START, end=end, step=60, window=240, scrape=60)
    assert run._ttl(sources, grid) == seconds


def test_an_exporter_that_is_not_there(sources: Sources, sources_of: Callable[..., Sources]) -> None:
    found = fetch(sources, batch("a", exporter="absent_exporter"), batch("b"))
    assert isinstance(found["a"], NoData) and found["a"].why is Why.NOT_CONFIGURED and found["a"].what == "absent_exporter"
    assert isinstance(found["b"], pd.DataFrame) and list(found) == ["a", "b"]
    assert fetch(sources_of(""), batch())["cores"].why is Why.NOT_CONFIGURED


def test_one_bad_query_does_not_harm_the_others(sources: Sources) -> None:
    found = fetch(sources, batch("bad", expr=lambda target, grid, site: "rate(cores)"), batch("good"))
    assert isinstance(found["bad"], SourceRefused) and "expected type range vector" in found["bad"].detail
    assert isinstance(found["good"], pd.DataFrame)


def test_errors_are_not_kept(fake: Fake, sources_of: Callable[..., Sources]) -> None:
    sources = sources_of(fake.url, timeout_seconds=1)
    fake.say(reply("slow down", 429, "text/plain"), reply('{"status":"success","data":{"resultType":"matrix","result":[]}}'))
    assert isinstance(fetch(sources, batch())["cores"], SourceSlow)
    assert fetch(sources, batch())["cores"].shape == (61, 0)


def test_the_plan_is_what_is_sent(sources: Sources) -> None:
    batches = (batch("a"), batch("b", instant=True))
    with recording() as sent:
        fetch(sources, *batches)
    planned = run.plan(sources, batches, TARGET, WHEN)
    assert {(one.expr, one.end, one.step) for one in planned} == {(one.expr, one.end, one.step) for one in sent}


BLANKS = {"str": "", "int": 0, "float | None": None, "int | None": None, "bool": False, "tuple[str, ...]": (), "dict[str, int]": {}}


def job(**more: object) -> Run:
    """A run of no interest but for what is given."""
    values = {field.name: BLANKS[typing.cast(str, field.type)] for field in dataclasses.fields(Run)}
    return Run(**{**values, "submit": START - 60, "start": START, "end": END, "limit": math.inf, **more})


@pytest.mark.parametrize(
    ("metric", "run_of", "when", "why"),
    [
        ("cores", {"start": None, "end": None}, WHEN, Why.NOT_STARTED),
        ("cores", {"end": START + 100}, WHEN, Why.TOO_SHORT),
        ("cores", {}, WHEN, Why.NO_DATA),
        ("never_there", {}, WHEN, Why.METRIC_ABSENT),
        ("cores", {"start": START - 9000, "end": START - 7000, "submit": START - 9000}, dataclasses.replace(WHEN, start=START - 9000), Why.BEFORE_RETENTION),
    ],
)
def test_why_there_is_nothing(sources: Sources, metric: str, run_of: dict, when: TimeRange, why: Why) -> None:
    found = run.reason_for_empty(sources, batch(metrics=(metric,)), TARGET, when, job(**run_of))
    assert found is why


def test_why_there_is_nothing_without_a_run(sources: Sources, sources_of: Callable[..., Sources]) -> None:
    assert run.reason_for_empty(sources, batch(exporter="absent_exporter"), TARGET, WHEN, None) is Why.NOT_CONFIGURED
    assert run.reason_for_empty(sources_of(""), batch(), TARGET, WHEN, None) is Why.NOT_CONFIGURED
    assert run.reason_for_empty(sources, batch(), TARGET, WHEN, None) is Why.NO_DATA
    down = sources_of("http://127.0.0.1:9", timeout_seconds=1)
    assert run.reason_for_empty(down, batch(), TARGET, WHEN, None) is Why.SOURCE_DOWN


def test_rules_a_site_has_not_installed_are_said_to_be_missing(sources: Sources) -> None:
    metrics = sources.settings.metrics.model_copy(update={"recording_rules": False})
    without = dataclasses.replace(sources, settings=sources.settings.model_copy(update={"metrics": metrics}))
    found = fetch(without, batch("recorded", metrics=(), rules=("cores",)))["recorded"]
    assert isinstance(found, NoData) and found.why == Why.NOT_CONFIGURED
