"""The front page, without servers: its sentence in each state of the cluster, its tiles, and what is free by type of node."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.records import About
from core.errors import NoData, SourceDown, Why
from core.settings import Settings
from core.subjects import CLUSTER
from core.timerange import TimeRange
from core.viewer import PUBLIC
from datasources.slurm.cluster import Amount, ClusterNow
from pages import scheduler, status_free, status_glance, status_now
from tests.pages.test_jobs_pages import texts

GIB, NOW, DAY = 1024**3, 1_795_000_000, 86_400
WHEN = TimeRange(start=NOW - DAY, end=NOW, now=NOW)
ABOUT = About(viewer=PUBLIC, subject=CLUSTER, when=WHEN, settings=Settings(), frames={})
HOSTS = tuple(f"c{place:02}" for place in range(1, 21))


def cluster(**changed: Any) -> ClusterNow:
    """20 nodes of 16 cores, 240 cores held, four of six A100 held."""
    known = {
        "configured": Amount(nodes=20, cores=320, gpus=Counter(a100=6)), "allocated": Amount(cores=240, gpus=Counter(a100=4)), "out": Amount(),
        "hosts": HOSTS, "down": (), "drained": (), "running": 30, "suspended": 0, "pending": 12,
    }  # fmt: skip
    return ClusterNow(**{**known, **changed})


def series(**last: float) -> pd.DataFrame:
    """What the Slurm exporter counted in an hour, always the same."""
    return pd.DataFrame({name: np.full(60, value) for name, value in last.items()}, index=pd.date_range("2026-11-18", periods=60, freq="min", tz="UTC"))


SERIES = series(slurm_cpus_alloc=160.0, slurm_cpus_total=320.0, slurm_queue_running=7.0, slurm_queue_pending=3.0)
DOWN = SourceDown("slurm")


@pytest.mark.parametrize(
    ("frames", "tone", "sentence"),
    [
        ({}, "good", "The cluster is running normally: 20 of 20 nodes are up, 75 % of the cores are in use."),
        ({"now": cluster(drained=("c01",))}, "good", "The cluster is running normally: 19 of 20 nodes are up, 75 % of the cores are in use."),
        ({"now": cluster(down=("c01",))}, "warn", "1 of 20 nodes is down; 75 % of the cores are in use."),
        ({"now": cluster(down=("c01", "c02"))}, "bad", "2 of 20 nodes are down; 75 % of the cores are in use."),
        ({"now": cluster(drained=("c01", "c02"))}, "warn", "2 of 20 nodes are drained and take no new jobs; 75 % of the cores are in use."),
        ({"heard": float(NOW - 1200)}, "bad", "The scheduler has not been heard from for 20 min: what is shown here may be old."),
        ({"heard": None}, "bad", "The scheduler has not been heard from for hours: what is shown here may be old."),
        ({"now": DOWN}, "muted", "50 % of the cores are in use. Which nodes are up cannot be read at the moment."),
        ({"cluster": SourceDown("prometheus"), "heard": SourceDown("prometheus")}, "good", "20 of 20 nodes are up, 75 %"),
    ],
)  # fmt: skip
def test_the_sentence_says_the_worst_first(frames: dict[str, Any], tone: str, sentence: str) -> None:
    found = status_now.verdict({"now": cluster(), "cluster": SERIES, "heard": float(NOW - 60), **frames}, WHEN)
    assert found.tone == tone
    assert sentence in found.sentence.replace("\u00a0", " ").replace("\u202f", " ")


def test_with_nothing_read_the_sentence_says_why() -> None:
    down = SourceDown("prometheus")
    frames = {"now": DOWN, "cluster": down, "heard": down}
    assert status_now.verdict(frames, WHEN).tone == "muted"
    assert status_now.verdict(frames, WHEN).sentence
    assert status_now.verdict(frames, WHEN).sentence in texts(status_now.draw_tiles(frames, ABOUT))


def test_without_accounting_the_tiles_are_the_exporters() -> None:
    said = texts(status_now.draw_tiles({"now": DOWN, "cluster": SERIES, "heard": float(NOW)}, ABOUT)).replace("\u00a0", " ")
    assert "160" in said and "of 320" in said and "7" in said and "3 waiting" in said
    assert "Nodes" not in said


def test_free_by_type_of_node() -> None:
    """Eighteen nodes of one type, two larger ones; one is drained with a job on it, one reserved, one tells nothing of itself."""
    sizes = pd.DataFrame([(host, 16.0, 64 * GIB, "") for host in HOSTS[:18]] + [("c19", 16.0, 512 * GIB, "2× A100")], columns=["node", "cores", "memory", "gpus"])
    now = cluster(drained=("c01",), reserved_nodes=("c02",), reserved_cores={"c02": 16.0, "c19": 4.0})
    found = status_free.by_kind(now, {"c01": 10.0, "c03": 16.0, "c19": 6.0}, sizes).set_index("kind")
    small, large = found.iloc[0], found.iloc[1]
    # c20 counts with those of its name, of which most are small
    assert (small["nodes"], small["cores"], small["away"], small["free"]) == (19, 304, 6 + 16, 304 - 26 - 22)
    assert (large["nodes"], large["cores"], large["away"], large["free"]) == (1, 16, 4, 6)
    rows = status_free.free_rows(now, found.reset_index(), Settings())
    assert [(row["unit"], row["free"], row["whole"]) for row in rows] == [("cores", 256, 304), ("cores", 6, 16), ("GPUs", 2, 6)]


def free(**frames: Any) -> str:
    """What the card of free nodes says."""
    now = frames.get("now", cluster())
    kinds = frames.get("kinds", pd.DataFrame(columns=list(status_free.KIND_COLUMNS)))
    rows = pd.DataFrame(status_free.free_rows(now, kinds, Settings()))
    return texts(status_free.draw_free({"now": now, "kinds": kinds, "free": rows, "reserved": ()}, ABOUT))


@pytest.mark.parametrize("failed", [SourceDown("prometheus"), NoData(Why.NOT_CONFIGURED, "node_exporter")])
def test_why_types_of_nodes_are_not_told_apart(failed: Exception) -> None:
    said = free(kinds=failed)
    assert "All nodes" in said and "cannot be told apart" in said
    assert ("cannot be reached" if isinstance(failed, SourceDown) else "does not collect") in said
    assert "told apart" not in free()


def test_what_may_not_be_read_of_reservations_is_not_called_nothing() -> None:
    unknown = cluster(reservations_known=False)
    assert "Reservations cannot be read" in free(now=unknown) and "Reservations" not in free()
    tiles = {"cluster": SERIES, "heard": float(NOW)}
    assert "reserved: not known" in texts(status_now.draw_tiles({"now": unknown, **tiles}, ABOUT))
    assert "not known" not in texts(status_now.draw_tiles({"now": cluster(), **tiles}, ABOUT))


def test_the_scheduler_s_tiles_say_why_some_are_missing() -> None:
    cycles = series(slurm_scheduler_last_cycle=30_000.0)
    for frames, words in (
        ({"now": DOWN, "sdiag": cycles}, "cannot be reached"), ({"now": cluster(), "sdiag": NoData(Why.NOT_CONFIGURED, "slurm_exporter")}, "does not collect"),
    ):  # fmt: skip
        said = texts(scheduler.draw_tiles(frames, ABOUT))
        assert words in said and ("Jobs running" in said or "Scheduling cycle" in said)
    assert "cannot" not in texts(scheduler.draw_tiles({"now": cluster(), "sdiag": cycles}, ABOUT))


def test_of_few_jobs_no_wait_is_told() -> None:
    counts = pd.DataFrame([("cpu", 3, 5), ("gpu", 3, 4)], columns=["partition", "bucket", "jobs"])
    found = status_free.waits_table(counts).set_index("partition")
    assert found.loc["cpu", "jobs"] == 5 and found.loc["cpu", "median"] > 0
    assert found.loc["gpu"].isna().all()


def test_since_when_waits_are_counted_is_said() -> None:
    """Only where more jobs end in a day than are looked at: here since 2026-11-18 00:00 UTC, ten hours before 1 794 996 000."""
    counts = pd.DataFrame([("cpu", 48, 11_000)], columns=["partition", "bucket", "jobs"])
    counts.attrs["since"] = None
    assert "ended since" not in texts(status_free.draw_waits({"waits": status_free.waits_table(counts)}, ABOUT))
    counts.attrs["since"] = 1_794_960_000
    said = texts(status_free.draw_waits({"waits": status_free.waits_table(counts)}, ABOUT))
    assert "the newest stand for all: those that ended since" in said and "18 Nov 2026 00:00 UTC" in said


@pytest.mark.parametrize("failed", [SourceDown("prometheus"), NoData(Why.NOT_CONFIGURED, "node_exporter")])
def test_at_a_glance_says_why_there_is_nothing(failed: Exception) -> None:
    frames = {"systems": failed, "hosts": failed}
    assert texts(status_glance.draw_systems(frames, ABOUT)) and texts(status_glance.draw_hosts(frames, ABOUT))
    assert "name no login or transfer nodes" in texts(status_glance.draw_hosts({"hosts": pd.DataFrame()}, ABOUT))
