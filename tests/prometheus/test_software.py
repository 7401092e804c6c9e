"""The page of software over a real Prometheus: cores and GPUs by program, worked out by hand from samples written here."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.charts import software as charts
from components.present import present, to_csv
from components.records import About
from core.errors import NoData, SourceError, TurtleError, Why
from core.subjects import CLUSTER
from core.timerange import TimeRange
from core.viewer import PUBLIC
from datasources.prometheus.client import recording
from datasources.sources import Sources
from pages import software as page
from pages import software_query as query
from tests.prometheus.fake_server import Fake, reply

pytestmark = pytest.mark.services
START, HOUR = 1_794_996_000, 3600
END = START + 2 * HOUR
WHEN = TimeRange(start=START, end=END, now=END)
# 36 moments of two hours: every 300 s from the first to the last second; 12 moments: every 600 s
MOMENTS = [START + 300 * n for n in range(25)]
GPU_MOMENTS = [START + 600 * n for n in range(13)]
TIMES = range(START - 600, END + 1, 60)
SECRETS = ("alice", "bob", "secret", "/home", "/project", "thesis", "def-lab", "77001")


def worker(t: int) -> float:
    """A job that starts a process every 25 minutes which uses one core and ends: what is shown falls back each time."""
    return 100_000 + (t - START + 700) % 1500


def _samples() -> str:
    def rows(name: str, labels: str, value: Callable[[int], float], times: range = TIMES) -> list[str]:
        return [f"{name}{{{labels}}} {value(t)} {t}" for t in times]

    def job(number: int, node: str, exe: str, cluster: str = "a", user: str = "alice") -> str:
        return f'instance="{node}:9798",slurmjobid="{number}",user="{user}",account="def-lab",exe="{exe}",cluster="{cluster}"'

    process, lines = "slurm_job_process_usage_total", ["# TYPE slurm_job_process_usage counter"]
    lines += rows(process, job(77001, "c1", "/cvmfs/soft.example/bin/gmx_mpi"), lambda t: 10.0 * (t - START) + 90_000)
    lines += rows(process, job(77001, "c2", "/cvmfs/soft.example/bin/gmx_mpi"), lambda t: 2.0 * (t - START) + 90_000)
    lines += rows(process, job(77002, "c2", "/home/alice/lammps/lmp", user="bob"), lambda t: 4.0 * (t - START) + 90_000)
    lines += rows(process, job(77003, "c3", "/home/alice/secret_thesis/train"), lambda t: 2.0 * (t - START) + 90_000)
    lines += rows(process, job(77004, "c4", "/usr/bin/python3.11"), worker)
    # a GPU job of two programs, by their CPU seconds three to one; and one that ended after 3000 s
    lines += rows(process, job(77010, "g1", "/home/alice/venv/bin/python3"), lambda t: 3000.0)
    lines += rows(process, job(77010, "g1", "/project/secret/run"), lambda t: 1000.0)
    lines += rows(process, job(77012, "g2", "/opt/amber22/bin/pmemd.cuda"), lambda t: 500.0, range(START - 600, START + 3001, 60))
    # another cluster in the same Prometheus: a parent's figure holds its children's, so 10 are told of 5
    lines += rows(process, job(77001, "x1", "/usr/bin/python3", "b"), lambda t: 6.0 * (t - START) + 90_000)
    lines += rows(process, job(77001, "x1", "/home/alice/own", "b"), lambda t: 4.0 * (t - START) + 90_000)
    lines += ["# TYPE slurm_job_core_usage counter"]
    for number, node, cores, times in ((77010, "g1", 16, TIMES), (77011, "g1", 8, TIMES), (77012, "g2", 4, range(START - 600, START + 3001, 60))):
        for core in range(cores):
            labels = f'instance="{node}:9798",slurmjobid="{number}",user="alice",core="{number}{core}",cluster="a"'
            lines += rows("slurm_job_core_usage_total", labels, lambda t: 0.0, times)
    lines += ["# TYPE slurm_job_utilization_gpu gauge"]
    for number, node, cards, times in ((77010, "g1", 4, TIMES), (77011, "g1", 2, TIMES), (77012, "g2", 1, range(START - 600, START + 3001, 60))):
        for card in range(cards):
            labels = f'instance="{node}:9798",slurmjobid="{number}",user="alice",gpu="{number}{card}",gpu_type="NVIDIA A100",cluster="a"'
            lines += rows("slurm_job_utilization_gpu", labels, lambda t: 50.0, times)
    lines += ["# TYPE slurm_job:used_core:sum gauge"]
    lines += rows("slurm_job:used_core:sum", 'cluster="a"', lambda t: 22.0 if t < START + HOUR else 24.0)
    lines += rows("slurm_job:used_core:sum", 'cluster="b"', lambda t: 5.0)
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def filled(prometheus_from: Callable[..., str]) -> str:
    """A Prometheus that holds the samples above."""
    return prometheus_from(_samples())


@pytest.fixture
def sources(filled: str, sources_of: Callable[..., Sources]) -> Sources:
    """Cluster a, at the time of the last sample."""
    return sources_of(filled, clock=lambda: END, filter={"default": 'cluster="a"'})


def by(frame: pd.DataFrame, value: str, name: str = "program") -> dict[str, float]:
    """{name or kind: value}."""
    return {row[name] or row["kind"]: row[value] for row in frame.to_dict("records")}


def slope_of_worker() -> float:
    """The mean over all moments of the least squares slope over four samples, where it is above 0: numpy's, not Prometheus'."""
    found = []
    for moment in MOMENTS:
        at = [moment - 180, moment - 120, moment - 60, moment]
        found.append(max(np.polyfit(np.array(at) - moment, [worker(t) for t in at], 1)[0], 0))
    return float(np.mean(found))


def test_cores_by_program_and_what_is_left(sources: Sources) -> None:
    with recording() as sent:
        frames = query.cores_query(sources, PUBLIC, CLUSTER, WHEN)
    assert len(sent) == 1
    python = slope_of_worker()
    assert 0.5 < python < 1.0  # one core is used; rate() would tell hundreds, as it takes each fall for a reset
    # the rule is 22 at 12 moments and 24 at 13
    used = (12 * 22 + 13 * 24) / 25
    assert by(frames["programs"], "cores") == pytest.approx(
        {"GROMACS": 12, "LAMMPS": 4, "Python": python, "unidentified": 2, "unaccounted": used - 18 - python}, rel=1e-6
    )
    assert by(frames["programs"].iloc[:4], "cvmfs") == pytest.approx({"GROMACS": 12, "LAMMPS": 0, "Python": 0, "unidentified": 0}, abs=1e-6)
    assert frames["programs"]["share"].sum() == pytest.approx(1)
    assert by(frames["stacks"], "cores", "stack") == pytest.approx(
        {"CVMFS, other repositories": 12, "Operating system": python, "other": 6, "unaccounted": used - 18 - python}, rel=1e-6
    )
    assert (frames["programs"].attrs["from"], frames["programs"].attrs["to"]) == (START, END)


def test_no_more_is_told_than_was_used(filled: str, sources_of: Callable[..., Sources]) -> None:
    sources = sources_of(filled, clock=lambda: END, filter={"overview": 'cluster="b"'})
    frames = query.cores_query(sources, PUBLIC, CLUSTER, WHEN)
    assert by(frames["programs"], "cores") == pytest.approx({"Python": 3, "unidentified": 2})


def test_gpus_are_shared_among_the_programs_of_a_job(sources: Sources) -> None:
    frames = query.gpus_query(sources, PUBLIC, CLUSTER, WHEN)
    part = len([t for t in GPU_MOMENTS if t <= START + 3000]) / len(GPU_MOMENTS)  # how long job 77012 was there
    assert by(frames["gpus"], "gpus") == pytest.approx({"Python": 3, "Amber": part, "unidentified": 1, "unaccounted": 2}, rel=1e-6)
    assert by(frames["gpu_cores"], "cores") == pytest.approx({"Python": 12, "Amber": 4 * part, "unidentified": 4, "unaccounted": 8}, rel=1e-6)


def test_the_whole_page_asks_three_times_and_the_next_visitor_not_at_all(sources: Sources) -> None:
    with recording() as sent:
        for section in page.PAGE.sections:
            section.query(sources, PUBLIC, CLUSTER, WHEN)
    assert len(sent) == 3
    with recording() as sent:
        for later in range(0, 60, 20):  # others, a little later: the same whole steps
            for section in page.PAGE.sections:
                section.query(sources, PUBLIC, CLUSTER, replace(WHEN, start=START + later, end=END + later, now=END + later))
    assert sent == []


def test_the_table_has_both_and_no_row_twice(sources: Sources) -> None:
    frame = query.table_query(sources, PUBLIC, CLUSTER, WHEN)["table"]
    assert frame["program"].tolist() == ["GROMACS", "LAMMPS", "Python", "Amber", "Unidentified", "Unaccounted"]
    assert frame["field"].tolist() == ["Molecular dynamics", "Molecular dynamics", "Languages", "Molecular dynamics", "", ""]
    python = frame[frame["program"] == "Python"].iloc[0]
    assert (python["gpus"], python["gpu_cores"]) == pytest.approx((3, 12))


def test_nothing_of_anybody_leaves(sources: Sources) -> None:
    """Frames, charts, tiles, table, files: programs by the table's names, no path, person, account or job."""
    said = []
    for section in page.PAGE.sections:
        frames = present(section.query(sources, PUBLIC, CLUSTER, WHEN), PUBLIC, sources.settings, CLUSTER)
        about = About(viewer=PUBLIC, subject=CLUSTER, when=WHEN, settings=sources.settings, frames=frames)
        said += [to_csv(frame) + str(frame.attrs) for frame in frames.values()]
        for panel in section.panels:
            figure = panel.figure(frames[panel.frame], about)
            go.Figure(figure)
            said.append(str(figure))
        said += [str(block.draw(frames, about)) for block in section.blocks]
    text = "\n".join(said)
    assert "GROMACS" in text and "Unidentified" in text
    assert [secret for secret in SECRETS if secret in text] == []


def test_a_long_range_reads_its_last_day(sources: Sources) -> None:
    week = replace(WHEN, start=END - 7 * 24 * HOUR)
    seen = query.looked_at(sources.settings, week)
    assert seen.end - seen.start <= 24 * HOUR and END - seen.end < HOUR
    assert query.said_span(week) and not query.said_span(WHEN)
    frames = query.cores_query(sources, PUBLIC, CLUSTER, week)
    assert by(frames["programs"], "cores")["LAMMPS"] == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("seconds", [1, 60, 300, 900, HOUR, 6 * HOUR, 24 * HOUR, 400 * 24 * HOUR])
def test_few_moments_whatever_the_range(sources: Sources, seconds: int) -> None:
    seen = query.looked_at(sources.settings, replace(WHEN, start=END - seconds))
    step = seen.step(60)
    assert seen.start < seen.end <= END and 1 <= (seen.end - seen.start) // step <= 36
    assert seen.end % step == 0 and seen.start % step == 0


def test_before_anything_was_measured(sources: Sources) -> None:
    past = replace(WHEN, start=START - 10 * HOUR, end=START - 5 * HOUR)
    for section in page.PAGE.sections:
        for frame in section.query(sources, PUBLIC, CLUSTER, past).values():
            assert isinstance(frame, NoData) and frame.why in (Why.NO_DATA, Why.BEFORE_RETENTION)


def test_without_the_recording_rules_the_cores_themselves_are_asked(filled: str, sources_of: Callable[..., Sources]) -> None:
    sources = sources_of(filled, clock=lambda: END, filter={"default": 'cluster="b"'})
    bare = sources.settings.model_copy(update={"metrics": sources.settings.metrics.model_copy(update={"recording_rules": False})})
    frames = query.cores_query(replace(sources, settings=bare), PUBLIC, CLUSTER, WHEN)
    # cluster b has no core series: nothing is known of the whole, so nothing is cut and nothing unaccounted
    assert by(frames["programs"], "cores") == pytest.approx({"Python": 6, "unidentified": 4})


def test_prometheus_down_is_a_sentence_everywhere(sources_of: Callable[..., Sources]) -> None:
    sources = sources_of("http://127.0.0.1:9", clock=lambda: END)
    for section in page.PAGE.sections:
        frames: dict[str, Any] = section.query(sources, PUBLIC, CLUSTER, WHEN)
        assert frames and all(isinstance(frame, SourceError) for frame in frames.values())
        about = About(viewer=PUBLIC, subject=CLUSTER, when=WHEN, settings=sources.settings, frames=frames)
        assert all("cannot be reached" in str(block.draw(frames, about)) for block in section.blocks)


def test_without_gpus_the_rest_stays(filled: str, sources_of: Callable[..., Sources]) -> None:
    sources = sources_of(filled, clock=lambda: END, filter={"default": 'cluster="b"'})
    assert all(isinstance(frame, TurtleError) for frame in query.gpus_query(sources, PUBLIC, CLUSTER, WHEN).values())
    frame = query.table_query(sources, PUBLIC, CLUSTER, WHEN)["table"]
    assert frame["gpus"].isna().all() and frame["cores"].notna().all()
    about = About(viewer=PUBLIC, subject=CLUSTER, when=WHEN, settings=sources.settings, frames={"table": frame})
    assert "Cores of GPU jobs" not in str(page.draw_table({"table": frame}, about))


def test_ten_thousand_executables_are_one_small_answer(fake: Fake, sources_of: Callable[..., Sources]) -> None:
    """More series than a chart may have: they are added up by program before anything is kept for a page."""
    exes = [f"/home/bob{n}/run{n}/x{n % 50}/gmx{n}" if n % 2 else f"/home/bob{n}/own{n}" for n in range(10_000)]
    series = [{"metric": {"what": "cores", "exe": exe}, "value": [END, "25"]} for exe in exes]
    series += [{"metric": {"what": what}, "value": [END, value]} for what, value in (("used", "20000"), ("used_at", "25"), ("seen_at", "25"))]
    fake.say(reply(orjson.dumps({"status": "success", "data": {"resultType": "vector", "result": series}})))
    frames = query.cores_query(sources_of(fake.url, clock=lambda: END), PUBLIC, CLUSTER, WHEN)
    assert by(frames["programs"], "cores") == pytest.approx({"GROMACS": 5000, "unidentified": 5000, "unaccounted": 10_000})
    assert len(pickle.dumps(frames)) < 20_000
    assert len(fake.seen) == 1


def test_many_programs_are_few_slices_and_the_sum_stays() -> None:
    names = [f"P{number}" for number in range(500)]
    frame = pd.DataFrame({
        "kind": "program", "program": names, "field": "life", "cores": np.arange(500, 0, -1.0), "cvmfs": 0.0, "elsewhere": 0.0, "share": 0.0,
    })  # fmt: skip
    about = About(viewer=PUBLIC, subject=CLUSTER, when=WHEN, settings=None, frames={"programs": frame})
    ring = charts.ring(frame, about, value="cores", unit="cores")["data"][0]
    assert (len(ring["labels"]), sum(ring["values"])) == (8, pytest.approx(500 * 501 / 2))
    tree = charts.fields(frame, about)
    go.Figure(tree)
    assert len(tree["data"][0]["labels"]) == 1 + 1 + charts.TILES + 1
    assert sum(tree["data"][0]["values"]) == pytest.approx(500 * 501 / 2)
