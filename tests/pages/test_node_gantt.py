"""The bars of a node's jobs: times worked out by hand, rows, the cap, and the range that was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.charts import gantt
from components.records import About
from core.settings import Settings
from core.timerange import TimeRange, parse
from core.viewer import Viewer
from datasources.prometheus.node_frames import counted
from pages import node, node_query
from pages.node_query import NodeView

NOW = 1_795_000_000
HOUR = 3600
ADA, MIRA = Viewer(name="ada", is_staff=True), Viewer(name="mira")


def job(number: int, user: str, start: float, end: float | None, cores: int = 4, nodes: int = 1, **more: Any) -> dict[str, Any]:
    """A job's row as datasources.slurm.nodes.jobs_on_node gives it."""
    nothing = float("nan")
    return {
        "kind": "job", "id_job": number, "job_id": str(number), "user": user, "account": "def-a", "name": f"work{number}", "state": "COMPLETED",
        "start": start, "end": nothing if end is None else end, "cores": cores, "nodes": nodes, "gpus": 0, **more,
    }  # fmt: skip


def about(viewer: Viewer = ADA, start: int = NOW - 24 * HOUR, end: int = NOW, **frames: Any) -> About:
    """What a chart of node c1 may know; the last day unless told."""
    when = TimeRange(start=start, end=end, now=NOW)
    return About(viewer=viewer, subject=NodeView(id="c1"), when=when, settings=Settings(), frames=frames)


def frame(rows: list[dict[str, Any]], cores: float | None = 16) -> pd.DataFrame:
    """The frame `bars` of these rows on a node of 16 cores."""
    made = pd.DataFrame(rows)
    made.attrs["cores"] = cores
    return made


def drawn(figure: dict[str, Any]) -> list[dict[str, Any]]:
    """The figure's traces after plotly's own check."""
    go.Figure(figure)
    return figure["data"]


def test_bars_begin_and_last_as_the_jobs_did() -> None:
    rows = [job(7, "bruno", NOW - 5 * HOUR, NOW - 2 * HOUR, cores=4), job(9, "chen", NOW - HOUR, None, cores=32, nodes=4)]
    (bars,) = drawn(gantt.by_person(frame(rows), about()))
    assert bars["base"] == [(NOW - 5 * HOUR) * 1000, (NOW - HOUR) * 1000]
    assert bars["x"] == [3 * HOUR * 1000, HOUR * 1000], "the second still runs"
    # 4 of 16 cores, and 32 cores on 4 nodes are 8 of 16
    assert bars["marker"]["color"] == [25.0, 50.0]
    assert bars["y"] == [0, 1]
    assert "running for" in bars["hovertext"][1]
    assert "ran" in bars["hovertext"][0]


def test_a_click_leads_to_the_job() -> None:
    spell = {"kind": "event", "state": "DOWN", "start": NOW - 9 * HOUR, "end": NOW - 8 * HOUR, "reason": ""}  # has no job's id
    _spells, bars = drawn(gantt.by_person(frame([spell, job(7, "bruno", NOW - HOUR, NOW - 60)]), about()))
    assert bars["meta"]["href"] == {"base": "/job/", "names": ["7"]}
    assert bars["y"] == [1], "row 0 is the node's own"


def test_a_job_of_one_sample_is_still_seen() -> None:
    (bars,) = drawn(gantt.by_person(frame([job(7, "bruno", NOW - HOUR, NOW - HOUR + 2)]), about()))
    assert bars["x"] == [24 * HOUR * 1000 / gantt.THINNEST]


def test_the_node_s_own_row_shows_when_it_was_out_of_service() -> None:
    spells = [
        {"kind": "event", "state": "IDLE+DRAIN", "start": NOW - 3 * HOUR, "end": None, "reason": "<b>fan</b>"},
        {"kind": "event", "state": "DOWN", "start": NOW - 9 * HOUR, "end": NOW - 8 * HOUR, "reason": "Not responding"},
        {"kind": "reservation", "state": "RESERVED", "start": NOW - 6 * HOUR, "end": NOW - 5 * HOUR, "reservation": "course"},
    ]
    (bars,) = drawn(gantt.by_person(frame(spells), about()))
    assert bars["y"] == [0, 0, 0]
    assert bars["meta"]["color"] == ["waste", "bad", "info"]
    assert bars["x"] == [3 * HOUR * 1000, HOUR * 1000, HOUR * 1000]
    assert "&lt;b&gt;fan" in bars["hovertext"][0], "a reason is text, never markup"
    assert "course" in bars["hovertext"][2]


def test_jobs_share_a_row_only_where_they_do_not_overlap() -> None:
    first, second, third = (job(number, "bruno", NOW - start, NOW - end) for number, start, end in ((1, 900, 600), (2, 800, 500), (3, 600, 100)))
    packed = gantt.lanes([third, first, second], NOW)
    assert [[one["id_job"] for one in row] for row in packed] == [[1, 3], [2]]


def test_few_jobs_have_a_row_each_and_many_share_those_of_their_person() -> None:
    few = [job(number, "bruno", NOW - 7200 + number * 60, NOW - 7200 + number * 60 + 30) for number in range(5)]
    figure = gantt.by_person(frame(few), about())
    assert figure["layout"]["yaxis"]["ticktext"] == [f"bruno {number}" for number in range(5)]
    many = [job(number, "bruno", NOW - 7200 + number * 60, NOW - 7200 + number * 60 + 30) for number in range(100)]
    figure = gantt.by_person(frame(many), about())
    assert figure["layout"]["yaxis"]["ticktext"] == ["bruno"], "one after another they need one row"


def test_hundreds_of_short_jobs_are_capped_and_said() -> None:
    long = [job(number, "pavel", NOW - 20 * HOUR + number * 120, NOW - 20 * HOUR + number * 120 + 100) for number in range(gantt.MOST_BARS)]
    short = [job(1000 + number, "pavel", NOW - HOUR + number * 10, NOW - HOUR + number * 10 + 5) for number in range(40)]
    bars = frame([*long, *short])
    jobs, together = drawn(gantt.by_person(bars, about(bars=bars)))
    assert len(jobs["base"]) == gantt.MOST_BARS
    assert not set(jobs["meta"]["href"]["names"]) & {str(1000 + number) for number in range(40)}, "the shortest ones are not drawn alone"
    # gaps of 5 s are below the chart's 24 h / 500: all forty are one bar from the first's start to the last's end
    assert together["base"] == [(NOW - HOUR) * 1000]
    assert together["hovertext"] == ["40 short jobs"]
    said = str(node.notes({"bars": bars}, about()))
    assert "540 jobs" in said
    assert "40 shortest" in said


def test_the_figure_of_very_many_jobs_stays_small() -> None:
    bars = frame([job(50_000 + number, "pavel", NOW - 23 * HOUR + number * 30, NOW - 23 * HOUR + number * 30 + 20) for number in range(2000)])
    assert len(orjson.dumps(gantt.by_person(bars, about()))) < 120_000


def test_a_person_s_own_rows_need_no_name() -> None:
    figure = gantt.by_person(frame([job(7, "mira", NOW - HOUR, None)]), about(MIRA))
    assert figure["layout"]["yaxis"]["ticktext"] == ["7"]


def test_gpus_without_jobs_keep_their_row() -> None:
    rows = pd.DataFrame([job(7, "tomas", NOW - HOUR, None, gpu="2", gpu_type="NVIDIA A100-SXM4-40GB", use=37.5)])
    rows.attrs["cards"] = ["0", "1", "2", "3"]
    figure = gantt.by_gpu(rows, about())
    (bars,) = drawn(figure)
    assert figure["layout"]["yaxis"]["ticktext"] == ["GPU 0", "GPU 1", "GPU 2", "GPU 3"]
    assert bars["y"] == [2]
    assert bars["marker"]["color"] == [37.5]
    assert "GPU busy 38" in bars["hovertext"][0]


@pytest.mark.parametrize(("text", "hours"), [("now-2h", 2), ("now-7d", 168), ("now-30d", 720)])
def test_the_range_is_the_one_in_the_address(text: str, hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one taken when the module was loaded: jobs, spells and axis all follow what was asked."""
    when = parse(text, "now", now=NOW, default=(NOW - 60, NOW))
    asked: list[tuple[int, int]] = []

    def jobs_on_node(sources: Any, *, viewer: Viewer, node: str, since: int, until: int) -> pd.DataFrame:
        asked.append((since, until))
        return pd.DataFrame(columns=["id_job"])

    monkeypatch.setattr(node_query.nodes, "jobs_on_node", jobs_on_node)

    class Straight:
        def get_or_make(self, key: Any, ttl: float, make: Any) -> Any:
            return make()

    class Bare:
        cache = Straight()

    node_query.jobs(Bare(), ADA, NodeView(id="c1"), when)
    ((since, until),) = asked
    assert 0 <= NOW - hours * HOUR - since < 60
    assert 0 <= until - NOW < 60
    figure = gantt.by_person(frame([job(7, "bruno", NOW - HOUR, None)]), about(start=when.start, end=when.end))
    assert figure["layout"]["xaxis"]["range"] == [(NOW - hours * HOUR) * 1000, NOW * 1000]


def test_without_an_address_the_last_day_is_shown() -> None:
    assert node.span(None, ADA, NodeView(id="c1"), NOW) == (NOW - 24 * HOUR, NOW)
    assert node.span(None, ADA, NodeView(id="c1"), NOW + 5) == (NOW + 5 - 24 * HOUR, NOW + 5)


def test_other_people_s_jobs_are_counted_by_time() -> None:
    index = pd.to_datetime([100, 200, 300, 400], unit="s", utc=True)
    spans = [(100.0, 300.0), (150.0, float("inf")), (350.0, 390.0)]
    np.testing.assert_array_equal(counted(spans, pd.DatetimeIndex(index)), [1, 2, 1, 1])
