"""An account's charts from known samples: nothing lost in "others", waste by member, exact names, infinity, real GPU limits."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from components.present import present
from components.records import About, Section
from components.section import draw_block, draw_panel
from core.errors import NoData, NotFound
from core.subjects import account
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.sources import Sources
from pages.account_charts import SECTIONS, own_span
from pages.accounts_view import AccountView
from tests.prometheus.known_samples import START

HOUR = 3600
END = START + 2 * HOUR
USERS = [f"user{number:02d}" for number in range(1, 13)]
HELD = {user: 10.0 * number for number, user in enumerate(USERS, 1)}  # 10 … 120, in all 780
USED = {user: HELD[user] / 2 for user in USERS} | {"user12": 150.0}  # the last uses more than is held: 330 + 150
A100, MIG, H100 = "NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "NVIDIA H100 80GB HBM3"
MEMBER = Viewer(name="user03", accounts=frozenset({"def-a"}))
STAFF = Viewer(name="ada", is_staff=True)
pytestmark = pytest.mark.services


def _samples() -> str:
    series: dict[str, dict[str, float]] = {}

    def add(metric: str, value: float, **labels: str) -> None:
        text = ",".join(f'{name}="{text}"' for name, text in labels.items())
        series.setdefault(metric, {})[text] = value

    for user in USERS:
        add("slurm_job:allocated_core:count_user_account", HELD[user], user=user, account="def-a")
        add("slurm_job:used_core:sum_user_account", USED[user], user=user, account="def-a")
    for name in ("def-a_x", "def-", "xdef-a", "def-b"):
        add("slurm_job:allocated_core:count_user_account", 9000, user="stranger", account=name)
        add("slurm_job:used_core:sum_user_account", 9000, user="stranger", account=name)
        add("slurm_account_levelfs", 77, account=name)
    for place in range(12):
        add("slurm_job:process_usage:sum_account", 1.0 + place, account="def-a", bin=f"prog{place:02d}")
    add("slurm_job:allocated_gpu:count_user_account", 10, user="user01", account="def-a")
    for kind, used, watts, count in ((A100, 1.5, 500_000, 2), (MIG, 3.0, 7 * 350_000, 7), (H100, 0.5, 300_000, 1)):
        add("slurm_job:used_gpu:sum_user_account", used, user="user01", account="def-a", gpu_type=kind)
        add("slurm_job:power_gpu:sum_user_account", watts, user="user01", account="def-a", gpu_type=kind)
        for number in range(count):
            add("slurm_job_power_gpu", watts / count, user="user01", account="def-a", gpu_type=kind, gpu=str(number))
    for place, user in enumerate(USERS):
        add("lustre:metadata:rate3m_user", 10.0, user=user, account="def-a", fs="scratch")
        add("lustre:read_bytes:rate3m_user", 1000.0 * (place + 1), user=user, account="def-a", fs="scratch")
        add("lustre:write_bytes:rate3m_user", 500.0, user=user, account="def-a", fs="scratch")
    lines = []
    for metric, found in series.items():
        lines.append(f"# TYPE {metric} gauge")
        if metric == "slurm_account_levelfs":
            # infinite for an hour, then half of its share; two exporters say the same
            for instance in ("a", "b"):
                found |= {f'account="def-a",instance="{instance}"': math.nan}
        for labels, value in found.items():
            for at in range(START, END + 1, 60):
                shown = value if value == value else "+Inf" if at < START + HOUR else 0.5
                lines.append(f"{metric}{{{labels}}} {shown} {at}")
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def address(prometheus_from: Callable[..., str]) -> str:
    return prometheus_from(_samples())


def section(key: str) -> Section:
    return next(one for one in SECTIONS if one.key == key)


def asked(sources: Sources, key: str, viewer: Viewer = STAFF, name: str = "def-a", *, names: str = "names") -> tuple[dict[str, Any], About]:
    """(frames as this viewer may read them, what drawing knows) of a section over the two hours."""
    settings = sources.settings.model_copy(update={"site": sources.settings.site.model_copy(update={"names": names})})
    when = TimeRange(start=START, end=END, now=END, points=120)
    subject = AccountView(id=account(name).id, timed=True)  # the address names this range
    frames = present(section(key).query(sources, viewer, subject, when), viewer, settings, subject)
    return frames, About(viewer=viewer, subject=subject, when=when, settings=settings, frames=frames)


def drawn(key: str, panel: str, frames: dict[str, Any], about: About) -> dict[str, np.ndarray]:
    """{name of trace: its values} of a panel, after plotly has accepted the figure."""
    found = next(one for one in section(key).panels if one.key == panel)
    figure, message = draw_panel(found, frames, about)
    assert figure is not None, message
    go.Figure(figure)
    return {trace["name"]: np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype="<f4") for trace in figure["data"]}


@pytest.fixture
def sources(address: str, sources_of: Callable[..., Sources]) -> Sources:
    return sources_of(address, clock=lambda: END + 0.0)


def test_others_hold_what_the_named_ones_do_not(sources: Sources) -> None:
    frames, about = asked(sources, "cpu")
    traces = drawn("cpu", "cpu_allocated", frames, about)
    assert len(traces) == 8 and "others" in traces
    assert sum(values[-1] for values in traces.values()) == pytest.approx(780)
    # the seven largest by what they hold and waste: 60 … 110 with half of it wasted, and 120 that wastes nothing
    assert set(traces) - {"others"} == {f"user{number:02d}" for number in (6, 7, 8, 9, 10, 11, 12)}
    assert traces["others"][-1] == pytest.approx(10 + 20 + 30 + 40 + 50)
    used = drawn("cpu", "cpu_used", frames, about)
    assert sum(values[-1] for values in used.values()) == pytest.approx(480)


def test_nobodys_surplus_makes_up_for_anothers_waste(sources: Sources) -> None:
    frames, about = asked(sources, "cpu")
    wasted = frames["wasted"]
    assert (wasted.dropna() >= 0).all().all()
    assert wasted[("user12",)].iloc[-1] == 0.0
    traces = drawn("cpu", "cpu_wasted", frames, about)
    # half of 10 … 110; held − used of all together would have been 780 − 480 = 300
    assert sum(values[-1] for values in traces.values()) == pytest.approx(330)
    assert "user12" not in traces


def test_only_the_account_itself_is_read(sources: Sources) -> None:
    frames, _about = asked(sources, "cpu")
    assert "stranger" not in frames["allocated"].columns.get_level_values("user")
    frames, _about = asked(sources, "priority")
    assert frames["levelfs"].iloc[-1].tolist() == [0.5]


@pytest.mark.parametrize("name", ["def-a|def-b", "def-.*", 'def-a"} or vector(1) or x{y="', "DEF-A", "def-a "])
def test_strange_names_find_nothing(sources: Sources, name: str) -> None:
    for key in ("cpu", "programs", "priority", "files"):
        frames, _about = asked(sources, key, name=name)
        assert all(frame.empty for frame in frames.values() if isinstance(frame, pd.DataFrame)), key


@pytest.mark.parametrize("viewer", [Viewer(name=None), Viewer(name="mallory"), Viewer(name="mallory", accounts=frozenset({"def-a_x", "def-"}))])
def test_strangers_get_nothing(sources: Sources, viewer: Viewer) -> None:
    for one in SECTIONS:
        with pytest.raises(NotFound):
            asked(sources, one.key, viewer)


@pytest.mark.parametrize(("names", "shown"), [("names", {"user11", "user12"}), ("hidden", set()), ("initials", set())])
def test_fellow_members_are_named_as_the_site_says(sources: Sources, names: str, shown: set[str]) -> None:
    frames, about = asked(sources, "cpu", MEMBER, names=names)
    traces = drawn("cpu", "cpu_allocated", frames, about)
    assert {name for name in traces if name in USERS and name != MEMBER.name} >= shown
    if not shown:
        assert not {name for name in traces if name in USERS and name != MEMBER.name}
        assert sum(values[-1] for values in traces.values()) == pytest.approx(780)
    coordinator = Viewer(name="lead", coordinates=frozenset({"def-a"}))
    frames, about = asked(sources, "cpu", coordinator, names=names)
    assert "user12" in drawn("cpu", "cpu_allocated", frames, about)


def test_an_infinite_levelfs_is_said_and_not_drawn(sources: Sources) -> None:
    frames, about = asked(sources, "priority")
    traces = drawn("priority", "priority_cores", frames, about)
    line = traces["LevelFS"]
    assert np.isnan(line).any() and set(np.unique(line[~np.isnan(line)])) == {0.5}
    assert not np.isinf(line).any()
    assert traces["used"][-1] == pytest.approx(480) and traces["allocated"][-1] == pytest.approx(780)
    said = str(draw_block(section("priority").blocks[0], frames, about))
    assert "infinite" in said and "used 2 times its share" in said
    # no accounting here: no limit is known, so none is drawn
    assert not any("limit" in name for name in traces)


def test_programs_keep_their_sum(sources: Sources) -> None:
    frames, about = asked(sources, "programs")
    traces = drawn("programs", "programs", frames, about)
    assert sum(values[-1] for values in traces.values()) == pytest.approx(sum(range(1, 13)))
    assert "prog11" in traces and "prog00" not in traces


def test_power_is_in_watts_with_the_limits_of_each_model(sources: Sources) -> None:
    frames, about = asked(sources, "gpu")
    traces = drawn("gpu", "gpu_power", frames, about)
    # each of seven slices is exported with its whole card's 350 W: together they are one card
    assert {name: round(float(traces[name][-1])) for name in ("A100", "1g.5gb", "H100")} == {"A100": 500, "1g.5gb": 350, "H100": 300}
    # 2 × 400 W + 7 × 400 ÷ 7 W + 700 W; idle 2 × 55 + 55 + 70
    assert traces["all at their limit"][-1] == pytest.approx(1900)
    assert traces["all idle"][-1] == pytest.approx(235)
    models = drawn("gpu", "gpu_models", frames, about)
    assert {name: float(values[-1]) for name, values in models.items()} == pytest.approx({"A100": 1.5, "1g.5gb": 3, "H100": 0.5, "allocated": 10})
    wasted = drawn("gpu", "gpu_wasted", frames, about)
    assert wasted["user01"][-1] == pytest.approx(5)


def test_what_is_written_goes_below_zero(sources: Sources) -> None:
    frames, about = asked(sources, "files")
    found = next(one for one in section("files").panels if one.key == "file_bandwidth")
    figure, _message = draw_panel(found, frames, about)
    assert figure is not None
    go.Figure(figure)
    ends = [np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype="<f4")[-1] for trace in figure["data"]]
    unit = 1024 if "KiB/s" in figure["data"][0]["hovertemplate"] else 1
    assert sum(value for value in ends if value > 0) * unit == pytest.approx(sum(range(1, 13)) * 1000, rel=1e-4)
    assert sum(value for value in ends if value < 0) * unit == pytest.approx(-12 * 500, rel=1e-4)
    operations = drawn("files", "file_operations", frames, about)
    assert sum(values[-1] for values in operations.values()) == pytest.approx(120)


def test_an_account_without_gpus_says_so_once(sources: Sources) -> None:
    frames, about = asked(sources, "gpu", name="def-b")
    assert {type(value) for value in frames.values()} == {NoData}
    assert all(draw_panel(panel, frames, about)[0] is None for panel in section("gpu").panels)


def test_one_request_a_section_and_two_for_the_priority(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: dict[str, int] = {}
    ask = sources.prometheus.range
    for one in SECTIONS:
        monkeypatch.setattr(sources.prometheus, "range", lambda *given, key=one.key: counts.update({key: counts.get(key, 0) + 1}) or ask(*given))
        asked(sources, one.key)
    assert counts == {"priority": 2, "cpu": 1, "gpu": 1, "memory": 1, "programs": 1, "files": 1}


def test_priority_goes_back_ninety_days_unless_a_range_is_named() -> None:
    when = TimeRange(start=END - 30 * 86400, end=END, now=END)
    assert own_span(AccountView(id="def-a"), when).span == 90 * 86400
    assert own_span(AccountView(id="def-a", timed=True), when) == when
