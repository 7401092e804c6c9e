"""The cluster as a whole in a real Prometheus: every series told twice by a highly available pair, users' series added up, partitions, rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from components.charts import cluster as charts
from components.records import About
from components.text import WHY, error_sentence
from core.errors import NoData, TurtleError, Why
from core.narrow import ClusterView
from core.settings import Exporter, Host, Overview
from core.subjects import CLUSTER
from core.timerange import TimeRange
from core.viewer import PUBLIC
from datasources.prometheus import cluster_batches as batches
from datasources.prometheus.batch import Target
from datasources.prometheus.run import fetch
from datasources.sources import Sources
from pages import scheduler, scheduler_query, status, status_free, status_now
from tests.prometheus.known_samples import Counted

pytestmark = pytest.mark.services
START, HOUR, GIB = 1_794_996_000, 3600, 2**30
END = START + HOUR
WHEN = TimeRange(start=START, end=END, now=END, points=60)
Rows = dict[str, float | Callable[[int], float]]


def _twice(rows: Rows, late: float = 0.0) -> Rows:
    """The same by both servers of a pair, of which one lags behind."""
    return {",".join(filter(None, (labels, f'replica="{copy}"'))): one if copy == "a" or callable(one) else one - late for labels, one in rows.items() for copy in "ab"}


class Recorded(Counted):
    """A client that writes down what it asks, of which time, and which labels came back."""

    def __init__(self, client: Any, sent: list[Any]) -> None:
        super().__init__(client, sent)
        self.labels: set[str] = set()

    def range(self, expr: str, *rest: Any, **more: Any) -> Any:
        """A range query."""
        self.sent.append((expr, *rest))
        found = self.client.range(expr, *rest, **more)
        self.labels |= {name for name in found.columns.names for value in found.columns.get_level_values(name) if value}
        return found

    def instant(self, expr: str, *rest: Any, **more: Any) -> Any:
        """An instant query."""
        self.sent.append((expr, *rest))
        found = self.client.instant(expr, *rest, **more)
        self.labels |= set(found.columns)
        return found


def _partition(name: str) -> str:
    return f'partition="{name}"'


GAUGES: dict[str, Rows] = {
    "slurm_cpus_alloc": {"": 60}, "slurm_cpus_idle": {"": 20}, "slurm_cpus_total": {"": 96}, "slurm_gpus_alloc": {"": 3}, "slurm_gpus_idle": {"": 1},
    "slurm_gpus_total": {"": 6}, "slurm_queue_running": {"": 9}, "slurm_queue_pending": {"": 4}, "slurm_nodes_alloc": {"": 2}, "slurm_nodes_comp": {"": 1},
    "slurm_nodes_mix": {"": 1}, "slurm_nodes_drain": {"": 1}, "slurm_nodes_idle": {"": 0},
    "slurm_partition_jobs_running": {_partition("cpu"): 7, _partition("gpu"): 2}, "slurm_partition_jobs_pending": {_partition("cpu"): 4, _partition("gpu"): 0},
    "slurm_partition_jobs_median_wait_time_seconds": {_partition("cpu"): 5400},
    "slurm_scheduler_last_cycle": {"": 30_000}, "slurm_scheduler_backfill_last_cycle": {"": 2_500_000}, "slurm_scheduler_last_queue_length": {"": 4},
    "slurm_scheduler_threads": {"": 3}, "slurm_dbd_cluster_rollup_hour_last_cycle": {'exported_cluster="alpha"': 1_200_000, 'exported_cluster="beta"': 2_900_000},
    "slurm_dbd_cluster_rollup_day_last_cycle": {'exported_cluster="alpha"': 7_000_000},
    "slurm_job:used_core:sum": {"": 41.5}, "slurm_job:used_gpu:sum": {"": 1.25}, "slurm_job:allocated_gpu:count": {"": 3},
    "slurm_job:rss_memory:sum": {"": 12 * GIB}, "slurm_job:allocated_memory:sum": {"": 40 * GIB},
    # one's two kinds of GPU, and another's
    "slurm_job:non_idle_gpu:sum_user_account": {
        f'user="{user}",account="def-x",gpu_type="{kind}"': count for user, kind, count in (("ann", "a100", 1), ("ann", "h100", 1), ("bo", "a100", 1))
    },
    "node_memory_MemTotal_bytes": {'instance="c1.cluster.ca:9100"': 64 * GIB, 'instance="g1.cluster.ca:9100"': 512 * GIB},
    "slurm_job_power_gpu": {}, "nvidia_gpu_power_usage_milliwatts": {},
}  # fmt: skip
COUNTERS: dict[str, Rows] = {
    "slurm_rpc_stats_count": {'operation="REQUEST_JOB_INFO"': lambda t: 9 + 2 * t, 'operation="REQUEST_PING"': lambda t: 0.5 * t},
    "slurm_user_rpc_stats": {'user="ann"': lambda t: 50 * t},
    "slurm_dbd_rpc_stats_count": {'operation="DBD_JOB_START"': lambda t: 0.25 * t},
    "node_cpu_seconds_total": {
        f'instance="{host}.cluster.ca:9100",cpu="{cpu}",mode="idle"': lambda t: 1.0 * t for host, cpus in (("c1", 4), ("g1", 8)) for cpu in range(cpus)
    },
}  # fmt: skip


def _samples() -> str:
    lines = []
    for kind, families in (("gauge", GAUGES), ("counter", COUNTERS)):
        for name, rows in families.items():
            plain = kind == "gauge" or not name.endswith("_total")
            lines += [f"# TYPE {name if plain else name.removesuffix('_total')} {'gauge' if plain else 'counter'}"]
            # another cluster in the same Prometheus, a hundred times as large
            for site, times in (("alpha", 1), ("beta", 100)):
                for labels, one in _twice(rows).items():
                    held = f'cluster="{site}",{labels}'
                    lines += [f"{name}{{{held}}} {times * (one(t) if callable(one) else one)} {START + t}" for t in range(0, HOUR + 1, 60)]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def filled(prometheus_from: Callable[..., str]) -> str:
    """A Prometheus that holds the samples above."""
    return prometheus_from(_samples())


@pytest.fixture
def sources(filled: str, sources_of: Callable[..., Sources]) -> Sources:
    """Over it at its last sample; the settings name login and transfer nodes."""
    made = sources_of(filled, clock=lambda: END, filter={"default": 'cluster="alpha"'})
    hosts = Overview(login_nodes={"l1": Host()}, transfer_nodes={"t1": Host()})
    site = made.settings.site.model_copy(update={"cluster": "alpha"})
    return replace(made, settings=made.settings.model_copy(update={"overview": hosts, "site": site}))


def last(frame: Any) -> dict[str, float]:
    """{last level of a column: its last value}."""
    assert isinstance(frame, pd.DataFrame), frame
    return {str(column[-1] if isinstance(column, tuple) else column): float(frame[column].dropna().iloc[-1]) for column in frame}


def one(sources: Sources, batch: batches.Batch) -> pd.DataFrame:
    """A batch's frame."""
    return fetch(sources, (batch,), Target(), WHEN, viewer=PUBLIC)[batch.key]


def test_what_is_told_twice_counts_once(sources: Sources) -> None:
    assert last(one(sources, batches.CLUSTER)) == {name: rows[""] for name, rows in GAUGES.items() if name in batches.GAUGES}
    assert last(one(sources, batches.NODE_STATES))["slurm_nodes_comp"] == 1
    used = last(one(sources, batches.CLUSTER_USED))
    assert used == {"cores": 41.5, "gpus": 1.25, "gpus_held": 3, "gpus_active": 3, "memory": 12 * GIB, "memory_held": 40 * GIB}


def test_use_over_time(sources: Sources) -> None:
    """Usable is what is allocated and idle: 96 − 16 on nodes out of service."""
    found = scheduler_query.resources_query(sources, PUBLIC, CLUSTER, WHEN)
    assert last(found["cores"]) == {"used": 41.5, "allocated": 60, "usable": 80, "total": 96}
    assert last(found["gpus"]) == {"used": 1.25, "active": 3, "allocated": 3, "usable": 4, "total": 6}
    assert last(found["memory"]) == {"used": 12 * GIB, "allocated": 40 * GIB}


def test_jobs_and_waits_by_partition(sources: Sources) -> None:
    found = scheduler_query.jobs_query(sources, PUBLIC, CLUSTER, WHEN)
    assert last(found["running"]) == {"cpu": 7, "gpu": 2}
    assert last(found["pending"]) == {"cpu": 4, "gpu": 0}
    assert last(found["median"]) == {"cpu": 5400}


def test_questions_a_second_by_kind_and_roll_ups(sources: Sources) -> None:
    health, dbd = (ask(sources, PUBLIC, CLUSTER, WHEN) for ask in (scheduler_query.health_query, scheduler_query.dbd_query))
    assert last(health["rpc"]) == pytest.approx({"REQUEST_JOB_INFO": 2, "REQUEST_PING": 0.5})
    assert last(dbd["dbd_rpc"]) == pytest.approx({"DBD_JOB_START": 0.25})
    # one slurmdbd of two clusters: this one's, though the other's takes longer
    assert last(dbd["rollup"]) == {"slurm_dbd_cluster_rollup_hour_last_cycle": 1_200_000, "slurm_dbd_cluster_rollup_day_last_cycle": 7_000_000}


def test_of_clusters_that_go_by_other_names_the_slowest_roll_up_tells(sources: Sources) -> None:
    """So it is where slurmdbd's name of the cluster is not the one in the settings: nothing is hidden."""
    other = replace(sources, settings=sources.settings.model_copy(update={"site": sources.settings.site.model_copy(update={"cluster": "gamma"})}))
    found = scheduler_query.dbd_query(other, PUBLIC, CLUSTER, WHEN)
    assert last(found["rollup"]) == {"slurm_dbd_cluster_rollup_hour_last_cycle": 2_900_000, "slurm_dbd_cluster_rollup_day_last_cycle": 7_000_000}


def test_nodes_are_measured_once(sources: Sources) -> None:
    found = status_free.sizes(sources, WHEN).set_index("node")
    assert {node: (row["cores"], row["memory"]) for node, row in found.iterrows()} == {"c1": (4, 64 * GIB), "g1": (8, 512 * GIB)}


def test_the_exporter_was_heard_at_its_last_sample(sources: Sources) -> None:
    assert status_now.headline_query(sources, PUBLIC, CLUSTER, WHEN)["heard"] == END
    later = replace(WHEN, start=END, end=END + HOUR, now=END + HOUR)
    frames = status_now.headline_query(replace(sources, clock=lambda: END + HOUR), PUBLIC, CLUSTER, later)
    assert frames["heard"] == END
    assert status_now.verdict(frames, later).tone == "bad"


def test_a_metric_that_is_not_there_takes_nothing_along(filled: str, sources: Sources) -> None:
    """A site whose exporter tells no waits: the chart of waits says so, jobs are drawn."""
    sent: list[str] = []

    class Without(Counted):
        def range(self, expr: str, *rest: Any, **more: Any) -> Any:
            return self.client.range(expr.replace(f"|{batches.WAIT}", ""), *rest, **more)

        def exists(self, metric: str, *rest: Any) -> bool:
            return metric != batches.WAIT and self.client.exists(metric, *rest)

    found = scheduler_query.jobs_query(replace(sources, prometheus=Without(sources.prometheus, sent)), PUBLIC, CLUSTER, WHEN)
    assert last(found["running"]) == {"cpu": 7, "gpu": 2}
    assert isinstance(found["median"], NoData) and found["median"].why is Why.METRIC_ABSENT


def test_that_nobody_waits_is_no_lack_of_figures(sources: Sources) -> None:
    """Of partitions in which nobody waits some exporters tell no wait at all: that is neither absent nor a period too short."""

    class Quiet(Counted):
        def range(self, expr: str, *rest: Any, **more: Any) -> Any:
            found = self.client.range(expr.replace(f"|{batches.WAIT}", ""), *rest, **more)
            found.loc[:, found.columns.get_level_values("__name__") == "slurm_partition_jobs_pending"] = 0.0
            return found

    found = scheduler_query.jobs_query(replace(sources, prometheus=Quiet(sources.prometheus, [])), PUBLIC, CLUSTER, WHEN)
    assert last(found["running"]) == {"cpu": 7, "gpu": 2}
    assert {kind: error_sentence(found[kind]) for kind in ("pending", "median")} == dict.fromkeys(("pending", "median"), WHY[Why.NO_JOBS])


def _without_backfill(expr: str) -> str:
    return expr.replace("slurm_scheduler_backfill_last_cycle|slurm_scheduler_backfill_mean_cycle|", "")


def test_a_site_without_backfill_is_told_so(sources: Sources) -> None:
    """sched/builtin: its other figures are drawn."""

    class Builtin(Counted):
        def range(self, expr: str, *rest: Any, **more: Any) -> Any:
            return self.client.range(_without_backfill(expr), *rest, **more)

    found = scheduler_query.health_query(replace(sources, prometheus=Builtin(sources.prometheus, [])), PUBLIC, CLUSTER, WHEN)
    assert last(found["cycles"]) == {"slurm_scheduler_last_cycle": 30_000}
    assert error_sentence(found["backfill"]) == WHY[Why.METRIC_ABSENT]


@pytest.mark.parametrize("missing", ["not installed", "tells nothing"])
def test_without_the_exporter_every_chart_says_why(sources: Sources, sources_of: Callable[..., Sources], missing: str) -> None:
    """Only what jobs use, which another exporter measures, is left."""
    if missing == "not installed":
        metrics = sources.settings.metrics.model_copy(update={"exporters": {batches.SLURM: Exporter(installed=False)}})
        lacking, why = replace(sources, settings=sources.settings.model_copy(update={"metrics": metrics})), Why.NOT_CONFIGURED
    else:  # an exporter of no cluster of this name
        settings = sources.settings.prometheus.model_copy(update={"filter": {"default": 'cluster="gamma"'}})
        lacking, why = replace(sources, settings=sources.settings.model_copy(update={"prometheus": settings})), Why.METRIC_ABSENT
    told = {
        panel.key: section.query(lacking, PUBLIC, CLUSTER, WHEN)[panel.frame]
        for section in scheduler.PAGE.sections
        if section.key in ("jobs", "health", "slurmdbd")
        for panel in section.panels
    }
    assert len(told) == 11
    assert {key: error_sentence(frame) for key, frame in told.items()} == dict.fromkeys(told, WHY[why])


@pytest.mark.parametrize(("page", "subject", "most"), [(status.PAGE, ClusterView(), 8), (scheduler.PAGE, CLUSTER, 9)], ids=["status", "scheduler"])
def test_requests_of_the_whole_page(sources: Sources, page: Any, subject: Any, most: int) -> None:
    """No more than sections and tiles; what only people signed in see is not counted."""
    sent: list[Any] = []
    client = Recorded(sources.prometheus, sent)
    counted, told = replace(sources, prometheus=client), 0
    for section in page.sections:
        if section.key not in ("mine", "part_now", "part_use"):
            told += 1
            section.query(counted, PUBLIC, subject, WHEN)
    questions = [asked for asked in sent if not asked[0].startswith("count(")]  # of what is absent: why
    assert 0 < len(questions) <= most <= told + 4
    assert len(set(questions)) == len(questions), "the same of the same time is asked once"
    # whose use it is stays in Prometheus
    assert client.labels and not client.labels & {"user", "account", "slurmjobid", "jobid", "job_name"}


def test_every_figure_of_the_scheduler_is_one(sources: Sources) -> None:
    drawn = 0
    for section in scheduler.PAGE.sections:
        frames = section.query(sources, PUBLIC, CLUSTER, WHEN) if section.panels else {}
        about = About(viewer=PUBLIC, subject=CLUSTER, when=WHEN, settings=sources.settings, frames=frames)
        for panel in section.panels:
            frame = frames[panel.frame]
            assert not isinstance(frame, TurtleError), (panel.key, frame)
            figure = panel.figure(frame, about)
            assert go.Figure(figure).data, panel.key
            drawn += 1
    assert drawn == 14


def test_before_anything_was_measured_there_is_no_zero(sources: Sources) -> None:
    """Six hours of which the last one is known: areas on each other begin with it."""
    when = replace(WHEN, start=END - 6 * HOUR)
    frames = scheduler_query.jobs_query(sources, PUBLIC, CLUSTER, when)
    about = About(viewer=PUBLIC, subject=CLUSTER, when=when, settings=sources.settings, frames=frames)
    for name, draw in (("running", charts.partitions_figure), ("states", charts.states_figure)):
        traces = draw(frames[name], about)["data"]
        assert traces and all(START - trace["dx"] / 1000 <= trace["x0"] / 1000 <= START + trace["dx"] / 1000 for trace in traces)


def test_of_no_answer_names_of_people(sources: Sources) -> None:
    """Neither levels nor columns hold a user, an account or a job."""
    for batch in batches.all_of(sources.settings):
        assert not {"user", "account", "slurmjobid", "jobid"} & set(batch.levels)
        frame = one(sources, batch)
        if isinstance(frame, pd.DataFrame):
            assert "ann" not in str(list(frame.columns)) + str(frame.to_dict() if batch.instant else "")
