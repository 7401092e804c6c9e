"""The pages of login and transfer nodes, without servers: words, states, twenty hosts, and hosts that do not answer."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.charts import hosts as charts
from components.records import About, Figure
from core.errors import SourceDown
from core.settings import Host, Overview, Settings
from core.subjects import CLUSTER
from core.timerange import TimeRange
from core.viewer import PUBLIC
from datasources.prometheus import host_frames
from pages import hosts_query, hosts_view, logins, transfers
from tests.pages.test_jobs_pages import texts

GIB, NOW = 1024**3, 1_795_000_000
WHEN = TimeRange(start=NOW - 86_400, end=NOW, now=NOW)
QUIET = {"up": 1, "cores": 16, "busy": 1, "load": 1, "booted": NOW - 90_000, "memory": 64 * GIB, "available": 60 * GIB}


def answer(hosts: dict[str, dict[str, float]], **more: tuple[str, dict[str, float]]) -> pd.DataFrame:
    """The answer of host_batches.now; `more`: what → (host, {device or mount point: value})."""
    rows = [{"what": what, "node": host, "detail": "", "value": float(value)} for host, values in hosts.items() for what, value in values.items()]
    rows += [
        {"what": what, "node": host, "detail": detail, "value": float(value)} for what, (host, values) in more.items() for detail, value in values.items()
    ]
    return pd.DataFrame(rows, columns=["what", "node", "detail", "value"])


def settings(*hosts: str) -> Settings:
    """Settings with these login nodes."""
    return Settings(overview=Overview(login_nodes={host: Host(title=host.upper()) for host in hosts}))


def about(*hosts: str, **frames: Any) -> About:
    """What a figure may know."""
    return About(viewer=PUBLIC, subject=CLUSTER, when=WHEN, settings=settings(*hosts), frames=frames)


def valid(figure: Figure) -> Figure:
    """The figure, held against plotly's schema."""
    go.Figure(figure)
    return figure


def series(names: list[str], columns: dict[tuple[str, ...], float]) -> pd.DataFrame:
    """A wide frame of a day, each column flat."""
    index = pd.date_range(end=pd.Timestamp(NOW, unit="s", tz="UTC"), periods=288, freq="5min", name="time")
    frame = pd.DataFrame(np.tile(list(columns.values()), (288, 1)), index=index, columns=pd.MultiIndex.from_tuples(list(columns), names=names))
    frame.attrs = {"step": 300}
    return frame


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "quiet"), ({"busy": 8}, "in_use"), ({"busy": 12.8}, "busy"), ({"available": 6 * GIB}, "busy"), ({"available": 19 * GIB}, "in_use"),
        ({"load": 16}, "busy"), ({"load": 12}, "in_use"), ({"up": 0}, "no_answer"), ({"load": math.nan, "busy": math.nan}, "no_answer"),
    ],
)  # fmt: skip
def test_states(more: dict[str, float], state: str) -> None:
    assert host_frames.summary(answer({"a": QUIET | more}), ["a"])["state"].tolist() == [state]


def test_a_full_link_is_busy_and_a_device_without_speed_has_no_share() -> None:
    rows = host_frames.summary(answer({"a": QUIET, "b": QUIET}, speed=("a", {"bond0": 1000}), out=("a", {"bond0": 850})), ["a", "b"]).set_index("host")
    assert (rows.at["a", "network_share"], rows.at["a", "state"]) == (0.85, "busy")
    assert math.isnan(rows.at["b", "network_share"])


def test_the_freest_is_told_by_its_scarcest_part() -> None:
    # a computes less, but its memory is nearly gone
    rows = host_frames.summary(answer({"a": QUIET | {"available": 8 * GIB}, "b": QUIET | {"busy": 6}, "c": {"up": 0}}), ["a", "b", "c"])
    assert host_frames.freest(rows) == "b"
    assert host_frames.freest(rows[rows["host"] == "a"]) == ""  # one alone is no choice


def test_the_table_says_who_is_free_and_who_does_not_answer() -> None:
    rows = host_frames.summary(answer({"a": QUIET, "b": QUIET | {"busy": 15}}), ["a", "b", "c"])
    said = texts(hosts_view.draw_hosts("login_nodes")({"hosts": rows}, about("a", "b", "c"))).replace("\u00a0", " ")
    assert "A   has most to spare now." in said
    assert "No answer from C" in said
    assert all(word in said for word in ("Quiet", "Busy", "No answer", "1 d 1 h"))


def test_nothing_read_says_so() -> None:
    assert texts(hosts_view.draw_hosts("login_nodes")({"hosts": SourceDown("prometheus")}, about("a"))).strip()
    assert texts(hosts_view.draw_host({"title": "A", "now": SourceDown("prometheus")}, about("a"))) == "A"


def test_the_head_of_a_silent_host_says_it_and_shows_no_numbers() -> None:
    rows = host_frames.summary(answer({}), ["a"])
    said = texts(hosts_view.draw_host({"title": "A", "now": rows}, about("a")))
    assert "does not report its figures" in said
    assert "–" not in said


def test_of_twenty_hosts_the_busiest_eight_have_charts() -> None:
    hosts = {f"login{number}": QUIET | {"busy": number / 2} for number in range(1, 20)}
    rows = host_frames.summary(answer(hosts), [*hosts, "login20"])
    assert host_frames.busiest(rows, 8) == [f"login{number}" for number in range(19, 11, -1)]
    drawn = hosts_view.draw_hosts("login_nodes")({"hosts": rows}, about(*hosts, "login20"))
    assert "the 8 busiest" in texts(drawn)
    assert "LOGIN20" in texts(drawn)
    assert host_frames.busiest(rows[:8], 8) == [f"login{number}" for number in range(1, 9)]  # few hosts keep their order


class _Sources:
    def __init__(self, *hosts: str) -> None:
        self.settings = settings(*hosts)


@pytest.mark.parametrize(("count", "sections"), [(0, 0), (1, 2), (2, 4), (20, 10)])
def test_as_many_sections_as_hosts(count: int, sections: int) -> None:
    assert logins.PAGE.head is not None
    _title, above, keys = logins.PAGE.head(_Sources(*(f"l{n}" for n in range(count))), PUBLIC, CLUSTER, WHEN)
    assert len(keys) == sections
    assert set(keys) <= {section.key for section in logins.PAGE.sections}
    assert ("No login node is named" in texts(above)) == (count == 0)


def test_transfer_nodes_put_the_network_first() -> None:
    section = next(section for section in transfers.PAGE.sections if section.key == "host_1")
    assert [panel.key for panel in section.panels] == ["network", "cpu", "load", "memory"]


def test_charts_of_a_host_are_drawn_against_what_it_has() -> None:
    modes = series(["mode"], {("all",): 16, ("user",): 3, ("iowait",): 1, ("irq",): 0})
    cpu = valid(charts.cpu(modes, about("a")))
    assert [trace["name"] for trace in cpu["data"]] == ["programs", "waiting for disks"]
    assert cpu["layout"]["yaxis"]["range"][1] == pytest.approx(16 * 1.04)
    gauges = series(["what"], {("load",): 3, ("memory",): 64 * GIB, ("available",): 48 * GIB})
    assert valid(charts.memory(gauges, about("a")))["layout"]["yaxis"]["range"][1] == pytest.approx(64 * 1.04)
    assert [trace["name"] for trace in valid(charts.load(gauges, about("a", modes=modes)))["data"]] == ["load", "hardware threads"]


@pytest.mark.parametrize(("traffic", "lines"), [(100, 2), (300, 4)])
def test_the_links_speed_is_drawn_where_traffic_comes_near_it(traffic: float, lines: int) -> None:
    frame = series(["what"], {("in",): traffic, ("out",): 5, ("speed",): 1000})
    assert len(valid(charts.network(frame, about("a")))["data"]) == lines


def test_twenty_hosts_side_by_side_stay_light() -> None:
    hosts = [f"login{number}" for number in range(20)]
    frame = series(["node"], {(host,): 0.5 for host in hosts})
    both = series(["what", "node"], {(way, host): 5.0 for way in ("in", "out") for host in hosts})
    for figure in (charts.cpu_all(frame, about(*hosts)), charts.load_all(frame, about(*hosts)), charts.network_all(both, about(*hosts))):
        assert len(json.dumps(valid(figure))) < 120_000


def test_shares_of_all_hosts_are_of_their_threads() -> None:
    modes = series(["node", "mode"], {("a", "all"): 16, ("a", "user"): 3, ("a", "system"): 1, ("a", "iowait"): 9, ("b", "all"): 4, ("b", "user"): 4})
    gauges = series(["what", "node"], {("load", "a"): 8, ("load", "b"): 2, ("memory", "a"): 1})
    assert hosts_query._cpu(modes).iloc[-1].tolist() == [0.25, 1.0]
    assert hosts_query._load(gauges, modes).iloc[-1].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("rate", "said"), [(math.nan, "–"), (0, "0 b/s"), (125, "1 kb/s"), (3_125_000_000, "25 Gb/s")])
def test_bits(rate: float, said: str) -> None:
    assert hosts_view.bits(rate).replace("\u00a0", " ") == said
