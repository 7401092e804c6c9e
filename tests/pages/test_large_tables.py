"""Tables of very many rows: what they weigh, which rows stay, and that the file is said to have all."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pandas as pd

from components.records import About
from components.table import Column, table
from core.settings import Settings
from core.subjects import CLUSTER
from core.timerange import TimeRange
from core.viewer import Viewer
from pages import quotas_staff, software
from tests.pages.test_cloud_many import MOST, walk, words

WHEN = TimeRange(start=1_794_900_000, end=1_795_000_000, now=1_795_000_000)
ABOUT = About(viewer=Viewer(name="ada", is_staff=True), subject=CLUSTER, when=WHEN, settings=Settings(), frames={})


def weight(drawn: Any) -> int:
    return len(orjson.dumps(drawn, default=lambda one: one.to_plotly_json()))


def rows_of(drawn: Any, column: int = 0) -> list[str]:
    found = next(part for part in walk(drawn) if type(part).__name__ == "Table")
    return [words(row.children[column]).strip() for row in found.children[1].children]


def test_of_many_programs_the_most_used_stay_and_what_has_no_name() -> None:
    rows = [
        {"program": f"Program {place:03}", "field": "Molecular dynamics", "cores": 1000.123456789 - place, "share": 0.001234567, "cvmfs": 3.14159265,
         "gpus": 2.71828182, "gpu_cores": 1.41421356} for place in range(500)
    ]  # fmt: skip
    frame = pd.DataFrame([*rows, {**rows[0], "program": "Unidentified", "field": ""}, {**rows[0], "program": "Unaccounted", "field": ""}])
    frame.attrs = {"unnamed": 2}
    drawn = software.draw_table({"table": frame}, ABOUT)
    assert rows_of(drawn) == [*(f"Program {place:03}" for place in range(198)), "Unidentified", "Unaccounted"]
    assert "200 of 502 rows; the file that can be downloaded has all." in words(drawn).replace("\u202f", " ")
    assert weight(drawn) < MOST


def test_of_many_near_their_quota_the_fullest_are_drawn() -> None:
    unknown = {f"{kind}_{what}": math.nan for kind in ("bytes", "files") for what in ("hard", "doubt")}
    rows = [
        {"area": "home", "owner": f"user{place:03}", "label": "user", "is_account": False, "bytes_used": 1e12 + place, "bytes_limit": 1e12, "files_used": 5e5,
         "files_limit": 1e6, **unknown} for place in range(600)
    ]  # fmt: skip
    drawn = quotas_staff.draw_full({"full": quotas_staff.judged(pd.DataFrame(rows), 0.9), "errors": {}}, ABOUT)
    assert rows_of(drawn, 1) == [f"user{place:03}" for place in range(599, 499, -1)]
    assert "100 of 600 rows" in words(drawn)
    assert weight(drawn) < MOST


def test_cells_say_only_what_differs() -> None:
    """What a phone calls a cell stands in the column's head; what is sorted by its own words says them once."""
    frame = pd.DataFrame([{"name": "a", "state": "up", "size": 1024.0**3 / 3}, {"name": "b", "state": "", "size": math.nan}])
    columns = [Column(key="name", title="Name", phone=True), Column(key="state", title="State"), Column(key="size", title="Size", kind="bytes", alone="Size of it")]
    drawn = table(frame, columns)
    heads = [getattr(part, "data-label", None) for part in walk(drawn) if type(part).__name__ == "Th"]
    assert heads == [None, "State", "Size of it"]
    cells = [part for part in walk(drawn) if type(part).__name__ == "Td"]
    assert [getattr(cell, "data-sort", None) for cell in cells] == [None, None, "357913941.3", None, None, ""]
    assert not any(getattr(cell, "data-label", None) for cell in cells)
