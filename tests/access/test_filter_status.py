"""The narrowed front page over the rows of a real Slurm: staff narrow it, for everybody else the parameters do nothing.

`squeue` showed then (tests/data/slurm/slurm2205_acct.squeue.txt) two running jobs: 49 (alice, rrg-pi1_cpu, partition cpu, c3) and 50
(bob, rrg-pi1_gpu, partition gpu, g1). There waited in def-pi1_cpu 37 and 40 (alice), 41, 43, 46 and 48 (bob), in def-pi2_cpu 44 and the
500 tasks of 47, in def-pi2_gpu 45 (all carol); all in partition cpu but 43 (gone), 45 (gpu) and 48 (short).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from core.errors import NotAllowed
from core.narrow import Narrow
from core.viewer import PUBLIC, Viewer
from datasources.slurm import narrowed
from pages.registry import all_pages
from tests.access.asker import walk

pytestmark = pytest.mark.services
STATUS = next(page for page in all_pages() if page.key == "status")
SECTIONS = {section.key: section for section in STATUS.sections}
NARROWED = "/?account=def-pi1_cpu&user=alice&partition=cpu&node=c3"


def steady(answer: Any) -> str:
    """A page without what differs from visit to visit."""
    return re.sub(r'"data-(visit|from|to)":"[^"]*"', "", answer.get_data(as_text=True))


@pytest.mark.parametrize("login", [None, "alice", "bob", "carol", "dave", "zoe"])
@pytest.mark.parametrize("address", [NARROWED, "/?account=" + "x" * 300, "/?node=%00%01", "/?user=*", '/?account=def-pi1_cpu"} or vector(1)'])
def test_for_others_the_parameters_do_nothing(ask: Any, login: str | None, address: str) -> None:
    person = ask(login)
    assert steady(person.page(address)) == steady(person.page("/"))
    for key in ("now", "use", "free"):
        plain, narrow = (person.section(STATUS, SECTIONS[key], path).get_json() for path in ("/", address))
        assert plain["response"].keys() == narrow["response"].keys()


@pytest.mark.parametrize("login", [None, "alice", "bob", "carol"])
@pytest.mark.parametrize("key", ["part_now", "part_use"])
def test_others_get_no_part(ask: Any, login: str | None, key: str) -> None:
    assert ask(login).section(STATUS, SECTIONS[key], NARROWED).status_code == (401 if login is None else 403)


@pytest.mark.parametrize("viewer", [PUBLIC, Viewer(name="alice"), Viewer(name="carol", coordinates=frozenset({"def-pi2_cpu"}))])
def test_the_data_functions_refuse_others(viewer: Viewer) -> None:
    for function in (narrowed.part_now, narrowed.unknown):
        with pytest.raises(NotAllowed):
            function(None, viewer=viewer, narrow=Narrow(account="def-pi2_cpu"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "running", "waiting", "people"),
    [
        ("account=rrg-pi1_gpu", 1, 0, 1), ("account=def-pi1_cpu", 0, 6, 0), ("user=bob", 1, 4, 1), ("user=alice", 1, 2, 1), ("user=carol", 0, 502, 0),
        ("partition=cpu", 1, 505, 1), ("partition=gpu&user=carol", 0, 1, 0), ("partition=short", 0, 1, 0), ("partition=cpu&user=bob", 0, 2, 0),
        ("user=bob&account=rrg-pi1_cpu", 0, 0, 0), ("user=alice&account=rrg-pi1_cpu", 1, 0, 1), ("node=g1", 1, None, 1), ("node=c3&user=bob", 0, None, 0),
    ],
)  # fmt: skip
def test_tiles_are_of_the_part(ask: Any, query: str, running: int, waiting: int | None, people: int) -> None:
    body = ask("ada").section(STATUS, SECTIONS["part_now"], f"/?{query}").get_data(as_text=True)
    found = dict(_tiles(body))
    assert found["Jobs running"][0] == str(running)
    assert found["Jobs running"][1] == ("" if waiting is None else f"· {waiting} waiting")
    assert found["People"][0] == str(people)


def _tiles(body: str) -> list[tuple[str, tuple[str, str]]]:
    found: list[tuple[str, tuple[str, str]]] = []
    for part in walk(json.loads(body)):
        if "tt-tile " in str(part.get("className", "")):
            label, value = part["children"][0]["props"], part["children"][1]["props"]["children"]
            base = value[-1]["props"]["children"] if len(value) > 1 else ""
            found.append((label["children"], (str(value[0]), base)))
    return found


@pytest.mark.parametrize("name", ["DEF-PI1_CPU", "def-pi1", "def-pi1_cpu_x", "def-pi1_cpu|def-pi2_cpu", 'def-pi1_cpu"} or vector(1)', "def-pi%"])
def test_a_name_that_only_looks_like_one_is_nobodys(ask: Any, name: str) -> None:
    body = ask("ada").section(STATUS, SECTIONS["part_now"], f"/?account={name}").get_data(as_text=True)
    assert "Accounting knows no account" in body
    assert "Jobs running" not in body
