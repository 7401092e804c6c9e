"""The page of file systems, without servers: tiles, health, uneven targets, charts, and more file systems than have charts."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.charts import filesystems as charts
from components.records import About, Panel
from components.section import draw_panel
from core.errors import NoData, SourceDown, Why
from core.settings import Settings
from core.subjects import CLUSTER
from core.timerange import TimeRange
from core.viewer import PUBLIC
from datasources.prometheus import fs_batches, fs_frames
from pages import filesystems, filesystems_query
from tests.pages.test_jobs_pages import texts

TIB, NOW, DAY = 1024**4, 1_795_000_000, 86_400
WHEN = TimeRange(start=NOW - DAY, end=NOW, now=NOW)
ABOUT = About(viewer=PUBLIC, subject=CLUSTER, when=WHEN, settings=Settings(), frames={})


def lustre(**systems: dict[str, tuple[float, float, float]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(file systems, targets) of OSTs: name → (TiB, TiB free, healthy); reads 1 TiB/s, as many targets known as there are."""
    rows = []
    for fs, osts in systems.items():
        rows += [("read", fs, "", TIB), ("known", fs, "", len(osts))]
        for target, (size, free, healthy) in osts.items():
            rows += [("size", fs, target, size * TIB), ("avail", fs, target, free * TIB), ("health", fs, target, healthy)]
    frame = pd.DataFrame(rows, columns=["what", "fs", "target", "value"])
    targets = fs_frames.lustre_targets(frame)
    texts_, numbers = ("fs", "kind", "fullest"), fs_frames.NUMBERS
    return pd.DataFrame(fs_frames.lustre_rows(frame, targets), columns=[*texts_, *numbers]), targets


def said(systems: pd.DataFrame, targets: pd.DataFrame) -> str:
    """All the words of the headline."""
    frames = {"systems": systems, "targets": targets}
    return (texts(filesystems.draw_tiles(frames, ABOUT)) + texts(filesystems.draw_targets(frames, ABOUT))).replace("\u00a0", " ")


def test_a_tile_says_how_full_and_how_fast() -> None:
    words = said(*lustre(scratch={"scratch-OST0000": (10, 4, 1), "scratch-OST0001": (10, 2, 1)}))
    assert "70 %" in words
    assert "full · 14 TiB of 20 TiB" in words
    assert "read 1 TiB/s" in words
    assert "All 2 healthy" in words
    assert "uneven" not in words  # 80 % against 70 %
    assert "scratch-OST0001" in words


def test_a_target_much_fuller_than_the_rest_is_told() -> None:
    osts = {f"s-OST000{number}": (10, 6, 1) for number in range(4)} | {"s-OST0004": (10, 0.5, 1)}
    assert "uneven" in said(*lustre(s=osts))


def test_unhealthy_and_silent_targets_are_told() -> None:
    systems, targets = lustre(s={"s-OST0000": (10, 5, 0), "s-OST0001": (10, 5, 1)})
    assert "1 of 2 targets are not healthy" in said(systems, targets)
    systems["known"] = 4.0
    assert "2 of 4 targets do not answer, 1 of 4 targets are not healthy" in said(systems, targets).replace("2 Of", "2 of")


def test_gpfs_has_no_targets_and_may_have_no_rates() -> None:
    answer = pd.DataFrame([("size", "home", 8.0 * TIB), ("avail", "home", 6.0 * TIB)], columns=["what", "fs", "value"])
    systems = pd.DataFrame(fs_frames.gpfs_rows(answer), columns=["fs", "kind", "fullest", *fs_frames.NUMBERS])
    words = said(systems, pd.DataFrame(columns=list(fs_frames.TARGET_COLUMNS)))
    assert "25 %" in words
    assert "read" not in words
    assert "nan" not in words.lower().replace("tenant", "")


def test_of_many_file_systems_those_that_move_most_have_charts() -> None:
    systems, targets = lustre(**{f"fs{number}": {f"fs{number}-OST0000": (1, 0.5, 1)} for number in range(10)})
    systems["read"] = np.arange(10.0)
    assert filesystems_query.chosen(systems) == [("lustre", f"fs{number}") for number in range(9, 1, -1)]
    assert filesystems_query.chosen(systems[:6]) == [("lustre", f"fs{number}") for number in range(6)]
    assert "fs0" in said(systems, targets)


@pytest.mark.parametrize("panel", charts.PANELS, ids=lambda panel: panel.key)
def test_a_section_without_a_file_system_draws_nothing(panel: Panel, caplog: pytest.LogCaptureFixture) -> None:
    """A tab stays open when a file system is taken away: no chart, and no fault of ours either."""
    frames: dict[str, Any] = {"now": None}
    figure, message = draw_panel(panel, frames, replace(ABOUT, frames=frames))
    assert figure is None
    assert "tt-hide" in str(message)
    assert not caplog.records


def test_traffic_nobody_measures_is_said_in_words_and_not_drawn() -> None:
    systems, _targets = lustre(s={"s-OST0000": (10, 5, 1)})
    frames = {"now": systems, "rates": NoData(Why.METRIC_ABSENT, "lustre_read_bytes_total")}
    assert "bandwidth is not measured" in texts(filesystems.draw_head(frames, ABOUT))
    assert [panel.shown(About(**{**vars(ABOUT), "frames": frames})) for panel in charts.PANELS] == [False, False, True, True]


def series(columns: dict[tuple[str, ...], float], names: list[str], gaps: int = 0) -> pd.DataFrame:
    """A wide frame of a day, each column flat; the first `gaps` points unknown."""
    index = pd.date_range(end=pd.Timestamp(NOW, unit="s", tz="UTC"), periods=288, freq="5min", name="time")
    values = np.tile(list(columns.values()), (288, 1)).astype(float)
    values[:gaps] = math.nan
    frame = pd.DataFrame(values, index=index, columns=pd.MultiIndex.from_tuples(list(columns), names=names))
    frame.attrs = {"step": 300, "from": NOW - 30 * DAY, "to": NOW}
    return frame


def valid(figure: dict[str, Any]) -> dict[str, Any]:
    """The figure, held against plotly's schema and the weight of a chart."""
    go.Figure(figure)
    assert len(json.dumps(figure)) < 120_000
    return figure


def test_read_goes_up_and_written_down() -> None:
    frame = series({("read", ""): 40, ("written", ""): 8, ("ops", "open"): 3}, ["what", "operation"])
    up, down = valid(charts.bandwidth(frame, ABOUT))["data"]
    assert (up["name"], down["name"]) == ("read", "written")
    assert down["meta"]["down"] is True


def test_operations_stand_on_each_other_the_largest_first_and_zeros_left_out() -> None:
    operations = {("ops", f"kind{number}"): float(number) for number in range(14)} | {("read", ""): 1.0}
    names = [trace["name"] for trace in valid(charts.metadata(series(operations, ["what", "operation"]), ABOUT))["data"]]
    assert names == [*(f"kind{number}" for number in range(13, 3, -1)), "other"]


def test_a_trend_begins_where_the_metrics_do() -> None:
    frame = series({("used",): 5.0 * TIB, ("size",): 8.0 * TIB}, ["what"], gaps=100)
    figure = valid(charts.space(frame, ABOUT))
    # less than a day is known: a day is shown
    assert figure["layout"]["xaxis"]["range"] == [(NOW - DAY) * 1000, NOW * 1000]
    assert figure["layout"]["yaxis"]["range"][1] == pytest.approx(8 * 1.04)


def test_many_files_are_counted_in_millions() -> None:
    figure = valid(charts.inodes(series({("used",): 90e6, ("size",): 400e6}, ["what"]), ABOUT))
    assert figure["layout"]["yaxis"]["range"][1] == pytest.approx(400 * 1.04)
    assert figure["layout"]["yaxis"]["ticksuffix"] == " M"


def test_a_month_is_shown_of_space_unless_more_is_asked() -> None:
    assert filesystems_query.trend_span(WHEN).span == 30 * DAY
    long = TimeRange(start=NOW - 60 * DAY, end=NOW, now=NOW)
    assert filesystems_query.trend_span(long) == long


def test_what_cannot_be_read_beside_the_others_is_told() -> None:
    """One exporter answers, the other fails; a file system of the settings that nobody measures. One that is not installed is not missed."""
    systems, targets = lustre(s={"s-OST0000": (10, 5, 1)})
    assert "missing" not in said(systems, targets)
    systems.attrs = {"unread": {"gpfs": SourceDown("prometheus")}, "silent": ["project"]}
    words = said(systems, targets)
    assert "GPFS file systems are missing here: The metrics server cannot be reached" in words and "Nothing is measured of project" in words
    batches = fs_batches.lustre_now(Settings()), fs_batches.gpfs_now(Settings())
    answers = {batches[0].key: systems, batches[1].key: SourceDown("prometheus")}
    assert list(fs_frames.unread(answers, *batches)) == ["gpfs"]
    assert fs_frames.unread(answers | {batches[1].key: NoData(Why.NOT_CONFIGURED, "gpfs_exporter")}, *batches) == {}


@pytest.mark.parametrize(
    ("first", "second", "said_"),
    [
        (SourceDown("prometheus"), NoData(Why.NOT_CONFIGURED, "gpfs_exporter"), SourceDown), (NoData(Why.NOT_CONFIGURED, "lustre_exporter"), None, NoData),
        (SourceDown("prometheus"), SourceDown("prometheus"), SourceDown), (SourceDown("prometheus"), None, SourceDown), (None, None, NoData),
    ],
)  # fmt: skip
def test_what_stands_for_both_where_neither_answers(first: Any, second: Any, said_: type[Exception]) -> None:
    settings = Settings()
    batches = fs_batches.lustre_now(settings), fs_batches.gpfs_now(settings)
    nothing = pd.DataFrame(columns=["what", "fs", "value"])
    answers = {batch.key: nothing if one is None else one for batch, one in zip(batches, (first, second), strict=True)}
    with pytest.raises(said_):
        fs_frames.both(answers, *batches)
