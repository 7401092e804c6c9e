"""Staff's table of many projects of the cloud: pages, orders and names on the server, and what its answer weighs."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import orjson
import pandas as pd
import pytest

from components.records import About
from core.errors import BadInput, NoData, SourceSlow, Why
from core.settings import Cloud, Flavour, Settings
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.cloud import projects
from datasources.cloud.projects import COLUMNS
from datasources.prometheus import cloud_project_batches as batches
from datasources.prometheus.batch import Target
from pages import cloud, cloud_rows, cloud_table

WHEN = TimeRange(start=1_794_900_000, end=1_795_000_000, now=1_795_000_000)
GIB = 1024**3
MOST = 300_000  # bytes of an answer


def walk(node: Any) -> Any:
    if isinstance(node, (list, tuple)):
        for one in node:
            yield from walk(one)
    elif hasattr(node, "to_plotly_json"):
        yield node
        yield from walk(getattr(node, "children", None))


def words(node: Any) -> str:
    if isinstance(node, (list, tuple)):
        return " ".join(words(one) for one in node)
    return words(getattr(node, "children", None)) if hasattr(node, "to_plotly_json") else str(node or "")


def many(count: int) -> pd.DataFrame:
    """Projects p000 …: cores granted 10, running as the number says, unlike numbers elsewhere; the memory of every tenth is not known."""
    rows = [
        {
            "project": f"p{number:03}", **{column: 1.234567891 * GIB * (number + 1) for column in COLUMNS}, "cores_quota": 10.0, "cores_running": float(number),
            "memory_used": math.nan if number % 10 == 0 else number * 1.1 * GIB, "object_quota": math.inf,
        }
        for number in range(count)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["project", *COLUMNS])
    frame.attrs |= {"days": 12.0, "troubles": []}
    return frame


def drawn(count: int, **params: str) -> Any:
    """The table as it is drawn for these parameters of the address."""
    about = About(viewer=Viewer(name="ada", is_staff=True), subject=cloud.CLOUD.subject(params), when=WHEN, settings=Settings(), frames={})
    return cloud_table.draw({"projects": many(count)}, about)


def rows_of(found: Any) -> list[str]:
    table = next(part for part in walk(found) if type(part).__name__ == "Table")
    return [words(row.children[0]).strip() for row in table.children[1].children]


def total_of(found: Any) -> list[str]:
    table = next(part for part in walk(found) if type(part).__name__ == "Table")
    return [words(cell).strip() for cell in table.children[2].children.children]


def test_the_largest_hundred_of_many_weigh_little_and_total_is_of_all() -> None:
    found = drawn(250)
    assert rows_of(found) == [f"p{number:03}" for number in range(249, 149, -1)]
    assert len(orjson.dumps(found, default=lambda one: one.to_plotly_json())) < MOST
    assert total_of(found)[:3] == ["TOTAL", "2\u202f500", "31\u202f125"]  # 250 × 10; 0 + … + 249
    assert "1 to 100 of 250 projects" in words(found)


def test_a_small_cloud_stays_whole_and_is_sorted_in_the_browser() -> None:
    found = drawn(100)
    assert len(rows_of(found)) == 100
    assert len(orjson.dumps(found, default=lambda one: one.to_plotly_json())) < MOST
    assert any(getattr(part, "data-col", None) for part in walk(found) if type(part).__name__ == "Th")


def test_pages_orders_and_names() -> None:
    assert rows_of(drawn(250, page="3")) == [f"p{number:03}" for number in range(49, -1, -1)]
    assert rows_of(drawn(250, page="99")) == rows_of(drawn(250, page="3"))
    assert rows_of(drawn(250, order="project"))[:2] == ["p000", "p001"]
    assert rows_of(drawn(250, order="project", asc="1"))[:2] == ["p249", "p248"]
    assert rows_of(drawn(250, order="cores_running", asc="1"))[:2] == ["p000", "p001"]
    assert rows_of(drawn(250, order="memory_used", asc="1", page="3"))[-1].endswith("0")  # not known is last, whichever way
    named = drawn(250, name="P24")
    assert rows_of(named) == [f"p{number}" for number in range(249, 239, -1)]
    assert total_of(named)[1] == "2\u202f500"
    assert "No project has this" in words(drawn(250, name="p.*"))


def test_a_head_sorts_all_and_a_second_time_the_other_way() -> None:
    heads = {words(part): part for part in walk(drawn(250, name="p", page="2")) if type(part).__name__ == "Th"}
    project = next(part for part in walk(heads["Project"]) if getattr(part, "href", None))
    assert project.href == "/cloud?order=project&name=p"
    again = {words(part): part for part in walk(drawn(250, order="project")) if type(part).__name__ == "Th"}["Project"]
    assert getattr(again, "aria-sort") == "ascending"
    assert next(part for part in walk(again) if getattr(part, "href", None)).href == "/cloud?order=project&asc=1"


@pytest.mark.parametrize("order", ["nobody", "uuid", "cores_used; drop"])
def test_orders_there_are_not(order: str) -> None:
    with pytest.raises(BadInput):
        cloud_rows.view_of({"order": order}, tuple(cloud_table.UNITS))


@pytest.mark.parametrize(("staff", "asked"), [(True, ()), (False, ("p001", "p002"))])
def test_staff_ask_for_their_own_projects_with_all_others(monkeypatch: pytest.MonkeyPatch, staff: bool, asked: tuple[str, ...]) -> None:
    """One question answers both of their tables; a member's names nothing but the member's own."""
    seen: list[Target] = []

    def ask(sources: Any, viewer: Viewer, wanted: Any, target: Target, when: Any) -> dict[str, Any]:
        seen.append(target)
        return {batch.key: NoData(Why.NO_DATA) for batch in wanted}

    monkeypatch.setattr(projects, "_ask", ask)
    viewer = Viewer(name="ada", is_staff=staff, cloud_projects=frozenset({"p001", "p002"}))
    frame = projects.own(SimpleNamespace(settings=Settings(), clock=lambda: WHEN.now), viewer=viewer)
    assert [target.projects for target in seen] == [asked]
    assert list(frame["project"]) == ["p001", "p002"]


def test_charts_of_many_machines_have_fewer_points() -> None:
    """A point is read from all machines: twice as many machines are no twice as long a wait."""
    def ran(machines: int) -> pd.DataFrame:
        return pd.DataFrame({"what": "instances", "project_name": ["a", "b"], "instance_type": "", "value": [machines / 2] * 2})

    assert [projects.points(ran(machines)) for machines in (20, 1250, 2000, 3000, 10_000)] == [120, 120, 75, 50, 48]
    assert all(machines * projects.points(ran(machines)) <= 150_000 for machines in (1250, 2000, 3000))
    assert projects.points(SourceSlow("prometheus")) == 48


def test_of_many_machines_fewer_days_are_read_and_that_is_said() -> None:
    """A month of thousands of machines takes longer than anybody waits: a few days, or rules that were worked out as time went by."""
    raw, ruled = (SimpleNamespace(settings=Settings(cloud=Cloud(recording_rules=one))) for one in (False, True))

    def ran(machines: int) -> pd.DataFrame:
        return pd.DataFrame({"what": ["instances"], "project_name": ["a"], "instance_type": "", "value": [machines]})

    assert [projects.days_read(ran(machines), raw) for machines in (0, 20, 193, 1000, 3000, 90_000)] == [31, 31, 31, 6, 2, 1]
    assert projects.days_read(SourceSlow("prometheus"), raw) == 1 and projects.days_read(ran(90_000), ruled) == 31
    # few days have no moments to spare
    assert [batches.moment(raw.settings, days) for days in (31, 7, 3)] == [7 * 3600, 7 * 3600, 3 * 3600] and batches.moment(ruled.settings, 31) == 3600
    assert "last 3 days: of so many machines" in cloud_table.told(3.0, short=True) and "go no further back" in cloud_table.told(3.0)


def test_the_cores_of_a_flavour_are_those_of_its_machines_now_else_of_the_settings() -> None:
    """5 machines of c2 have 10 cores in two projects; c9 is in the settings only, and nobody knows gone."""
    rows = [("flavour", "a", "c2", 3), ("flavour", "b", "c2", 2), ("cores", "a", "c2", 6), ("cores", "b", "c2", 4), ("instances", "a", "", 3)]
    now = pd.DataFrame(rows, columns=["what", "project_name", "instance_type", "value"])
    sources = SimpleNamespace(settings=Settings(cloud=Cloud(flavours={"c9": Flavour(cores=9, memory_gib=1), "c2": Flavour(cores=7, memory_gib=1)})))
    assert projects.sizes(now, sources) == {"c2": 2, "c9": 9}
    assert projects.sizes(NoData(Why.NO_DATA), sources) == projects.sizes(now.iloc[:0], sources) == {"c2": 7, "c9": 9}


def test_a_machine_of_a_flavour_nobody_knows_is_a_gap_in_what_runs() -> None:
    keys = [("used", "a", ""), ("machines", "", "c2"), ("machines", "", "c9"), ("machines", "", "gone")]
    index = pd.DatetimeIndex(pd.to_datetime([0, 60, 120, 180], unit="s", utc=True), name="time")
    nan = math.nan
    values = [[1, 3, nan, nan], [1, 3, 1, nan], [1, 3, 1, 1], [nan, nan, nan, nan]]
    frame = pd.DataFrame(values, index=index, columns=pd.MultiIndex.from_tuples(keys, names=["what", "project_name", "instance_type"]))
    found = projects._with_cores(frame, {"c2": 2, "c9": 9})
    assert found.columns.tolist() == [("used", "a"), ("running", "")] and found.columns.names == ["what", "project"]
    running = found[("running", "")]
    assert running.iloc[:2].tolist() == [6, 15] and running.iloc[2:].isna().all()
    # a line of gaps alone is not drawn
    assert projects._with_cores(frame, {}).columns.tolist() == [("used", "a")]
