"""Why a run lacks some of its exporter's figures: nobody has them, or only this run has none; and what unit a file names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from components.present import to_csv
from core.errors import NoData, Why
from core.settings import Settings
from core.timerange import TimeRange
from core.units import HOUR
from datasources.prometheus import job_batches_node, job_frames, job_metrics
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import reason_for_empty
from tests.pages.job_runs import START, a_run, wide


def sources(there: set[str]) -> Any:
    """A metrics server that knows only the names of metrics; `asked` are those it was asked for."""
    asked: list[str] = []

    def exists(metric: str, _site: str, _at: float | None = None) -> bool:
        asked.append(metric)
        return bool(set(metric.split("|")) & there)

    client = SimpleNamespace(exists=exists, oldest=lambda: None)
    return SimpleNamespace(settings=Settings(), prometheus=client, clock=lambda: START + 3 * HOUR, asked=asked)


WHEN = TimeRange(start=START, end=START + 2 * HOUR, now=START + 3 * HOUR)


@pytest.mark.parametrize(("others", "why"), [({"slurm_job_nvlink_gpu"}, Why.NOT_HERE), (set(), Why.METRIC_ABSENT)])
def test_what_nobody_has_is_told_from_what_this_job_lacks(others: set[str], why: Why) -> None:
    known = sources(others)
    frame = wide(("metric", "node"), [("slurm_job_power_gpu", "g1")])
    told = job_metrics.absent(known, a_run(), WHEN)
    assert not isinstance(job_metrics.apart(frame, told, metric="slurm_job_power_gpu"), NoData)
    assert known.asked == [], "nothing is asked where there are figures"
    found = job_metrics.apart(frame, told, metric="slurm_job_nvlink_gpu")
    assert isinstance(found, NoData) and (found.why, found.what) == (why, "slurm_job_nvlink_gpu")


def test_counters_are_asked_for_by_the_names_of_their_metrics() -> None:
    known = sources({"node_infiniband_port_data_received_bytes_total"})
    frame = wide(("what", "node"), [("eth_in", "c1")])
    told = job_metrics.absent(known, a_run(), WHEN, job_batches_node.NODE)
    metrics = tuple(job_batches_node.METRIC_OF[what] for what in ("ib_in", "ib_out"))
    found = job_metrics.apart(frame, told, metrics, what=("ib_in", "ib_out"))
    assert isinstance(found, NoData) and found.why is Why.NOT_HERE
    assert set(known.asked) <= set(metrics)


def test_nothing_is_asked_where_no_one_can_answer() -> None:
    found = job_metrics.apart(wide(("what", "node"), [("gpu", "g1")]), what="chassis")
    assert isinstance(found, NoData) and found.why is Why.NOT_HERE


@pytest.mark.parametrize("there", [set(), {"metric_19"}])
def test_why_a_batch_is_empty_costs_few_questions_however_many_metrics_it_has(there: set[str]) -> None:
    """One after another: with one for each metric, visitors would wait for seconds where an exporter is missing."""
    known = sources(there)
    names = tuple(f"metric_{number}" for number in range(20))
    batch = Batch(key="many", exporter="node_exporter", expr=lambda *_: "", levels=(), metrics=names)
    assert reason_for_empty(known, batch, Target(), WHEN, None) is (Why.NO_DATA if there else Why.METRIC_ABSENT)
    assert len(known.asked) <= 6


def test_files_say_units_in_their_heads() -> None:
    frames = job_frames.with_units({"cores": wide(("node",), [("c1",)]), "run": 1, "memory": NoData(Why.NO_DATA)}, {"cores": "cores", "memory": "bytes"})
    assert to_csv(frames["cores"]).splitlines()[0] == "time (UTC),c1 (cores)"
