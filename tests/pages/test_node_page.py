"""The words of a node's page: its state and reason, the numbers of now, what runs there, when it was out of service."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from components.records import About
from components.section import draw_panel
from core.errors import BadInput, NoData, SourceDown, Why
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import Viewer
from pages import node, node_head, node_query, node_tables
from pages.node_query import NodeView, subject_of

NOW = 1_795_000_000
GIB = 1024**3
ADA, MIRA = Viewer(name="ada", is_staff=True), Viewer(name="mira")


def texts(part: object) -> str:
    """All the text of some components."""
    if isinstance(part, str | int | float):
        return str(part)
    if isinstance(part, list | tuple):
        return " ".join(filter(None, map(texts, part)))
    return texts(part.children) if getattr(part, "children", None) is not None else ""


def plain(part: object) -> str:
    """The same with ordinary spaces."""
    return " ".join(texts(part).replace("\u2009", " ").split())


def about(viewer: Viewer, **settings: Any) -> About:
    """What drawing may know of node c1 over the last day."""
    when = TimeRange(start=NOW - 86400, end=NOW, now=NOW)
    return About(viewer=viewer, subject=NodeView(id="c1"), when=when, settings=Settings.model_validate(settings), frames={})


def now_frame(**values: float) -> pd.DataFrame:
    """node_batches.now with these numbers, and the texts of a GPU node."""
    rows = [{"what": what, "detail": "", "value": float(value)} for what, value in values.items()]
    rows += [{"what": "kernel", "detail": "5.14.0", "value": 1.0}, {"what": "state", "detail": "MIXED", "value": 1.0}]
    return pd.DataFrame(rows)


def held(**more: Any) -> dict[str, Any]:
    """A node's row with two jobs."""
    nothing = {"event": "", "since": float("nan"), "reason": "", "who": "", "partitions": ()}
    return nothing | {"jobs": 2, "cores_alloc": 6.0, "memory_alloc": 12.0 * GIB, "gpus_alloc": 0.0} | more


def running_jobs() -> pd.DataFrame:
    """One job of mira's: 8 cores and 32 GiB over two nodes."""
    return pd.DataFrame([{
        "job_id": "8_7", "id_job": 15, "user": "mira", "account": "def-a", "name": "train", "start": NOW - 3600.0, "end": float("nan"), "nodes": 2,
        "cores": 8, "memory": 32.0 * GIB, "gpus": 0, "cores_used": 1.0, "memory_used": 12.0 * GIB, "gpus_used": float("nan"),
    }])  # fmt: skip


def test_tiles_say_used_of_all_and_given() -> None:
    now = now_frame(threads=16, job_busy=5, memory=64 * GIB, free_memory=48 * GIB, load=5.1, chassis=144, space=480 * GIB, free_space=455 * GIB)
    said = plain(node_head.tiles({"now": now, "held": held()}, about(MIRA)))
    for words in ("5 of 16", "6 given to jobs", "2 jobs", "load 5.1", "16 GiB of 64 GiB", "12 GiB given to jobs", "144 W", "25 GiB of 480 GiB"):
        assert words in said, said
    assert "GPU" not in said


def test_slices_are_counted_where_more_are_given_than_there_are_cards() -> None:
    said = plain(node_head.tiles({"now": now_frame(threads=32, cards=2, gpus_busy=4.5), "held": held(gpus_alloc=7.0)}, about(ADA)))
    assert "GPU slices busy" in said
    assert "4.5 of 7" in said


def test_partitions_come_from_the_settings() -> None:
    settings = Settings.model_validate({"slurm": {"partitions": {"cpu": "c[1-3]", "gpu": "g1"}}})
    assert node_head.partitions_of("c2", {"partitions": ("short",)}, settings) == ("cpu",)
    assert node_head.partitions_of("x9", {"partitions": ("short",)}, settings) == ("short",)


@pytest.mark.parametrize(("event", "words"), [("IDLE+DRAIN", "drained"), ("DOWN", "down"), ("", "in service"), ("ALLOCATED+DRAIN", "draining")])
def test_the_head_says_the_state(event: str, words: str) -> None:
    row = held(event=event, since=float(NOW - 60), reason="fan failure", who="ken")
    head = plain(node_head.head(NodeView(id="c1"), row, ["c0", "c1", "c2"], ADA, Settings()))
    assert words in head
    assert ("fan failure · ken" in head) == bool(event)
    assert "c0" in head and "c2" in head


def test_a_person_reads_own_jobs_and_how_many_others() -> None:
    found = plain(node_tables.running({"running": running_jobs(), "held": held(jobs=4)}, about(MIRA)))
    assert "8_7" in found and "train" in found
    assert "and 3 jobs of other people" in found
    # half of 8 cores and of 32 GiB are on this node
    assert "1 of 4" in found and "12 GiB of 16 GiB" in found
    empty = plain(node_tables.running({"running": running_jobs().iloc[:0], "held": held(jobs=2)}, about(MIRA)))
    assert empty.strip() == "No job of yours runs here now, but 2 of other people."


def test_a_suspended_job_is_said_to_be_one() -> None:
    assert "suspended" in plain(node_tables.running({"running": running_jobs().assign(state="SUSPENDED"), "held": held(jobs=1)}, about(ADA)))
    assert "suspended" not in plain(node_tables.running({"running": running_jobs().assign(state="RUNNING"), "held": held(jobs=1)}, about(ADA)))


def test_staff_read_whose_jobs_they_are() -> None:
    assert "mira" in plain(node_tables.running({"running": running_jobs(), "held": held(jobs=1)}, about(ADA)))


def events_frame() -> pd.DataFrame:
    """A drain that lasts, and an older reservation."""
    return pd.DataFrame([
        {"kind": "event", "state": "IDLE+DRAIN", "start": NOW - 7200, "end": None, "reason": "fan failure", "who": "ken", "reservation": None, "lasted": 7200.0},
        {"kind": "reservation", "state": "RESERVED", "start": NOW - 9000, "end": NOW - 8000, "reason": None, "who": None, "reservation": "course", "lasted": 1000.0},
    ])  # fmt: skip


def test_spells_say_why_and_whether_they_last() -> None:
    said = plain(node_tables.events({"events": events_frame()}, about(ADA)))
    for words in ("drained", "still", "2 h", "fan failure", "ken", "reserved", "course"):
        assert words in said


def test_without_leave_no_reason_is_drawn() -> None:
    frame = events_frame().drop(columns=["reason", "who"])
    said = plain(node_tables.events({"events": frame}, about(MIRA)))
    assert "drained" in said and "fan" not in said and "ken" not in said


def test_a_source_that_is_down_is_said_and_a_node_without_gpus_is_not() -> None:
    panel = next(panel for panel in node.TIMELINE if panel.key == "gpu_jobs")
    for error, shown in ((NoData(Why.NOT_APPLICABLE, "gpu"), False), (SourceDown("prometheus"), True)):
        frames = {"gpu_bars": error}
        what = About(**{**vars(about(ADA)), "frames": frames})
        figure, message = draw_panel(panel, frames, what)
        assert figure is None
        assert bool(texts(message)) is shown


@pytest.mark.parametrize("name", ["", "c1|c2", "../c1", "c1;", "c[1-4]", 'c1"} or vector(1)', "x" * 200])
def test_what_cannot_be_a_node_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        subject_of({"name": name})


def test_the_narrowing_one_came_with_is_kept() -> None:
    view = subject_of({"name": "c1", "account": "def-a", "partition": "cpu"})
    assert view.id == "c1"
    assert view.narrow.query() == {"account": "def-a", "partition": "cpu"}


def test_numbers_of_now_are_none_where_nothing_answered() -> None:
    assert node_query.value_of(NoData(Why.NO_DATA, "x"), "threads") is None
    assert node_query.detail_of(now_frame(), "state") == "MIXED"
    assert "reach" in plain(node_head.tiles({"now": SourceDown("prometheus"), "held": held()}, about(ADA)))
