"""Texts that people choose, full of markup, formulas and signs that turn the writing: on the pages of accounts, nodes, people and in search."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from pages.registry import all_pages
from tests.access.asker import Asker, walk
from tests.access.conftest import people, standing
from tests.access.test_matrix import text

pytestmark = pytest.mark.services
PAGES = {page.key: page for page in all_pages()}
TURN = "\u202e"
NAME = f'=HYPERLINK("//evil")<img src=x onerror=alert(1)><a href="javascript:alert(1)">%{{customdata}}{{{{7*7}}}}{TURN}gpj'
REASON = f"@SUM(1)<script>alert(2)</script>{TURN}<a href='//evil'>"
ACCOUNT = '=1+1"><img src=x onerror=alert(3)>%0d%0aX: y'
SET = (
    "update alpha_job_table j join alpha_assoc_table a using (id_assoc) set j.job_name = :name where a.user = 'alice'",
    "update alpha_event_table set reason = :reason where node_name <> ''",
    "update alpha_assoc_table set acct = :account where acct = 'rrg-pi1_gpu'",
    "update alpha_job_table set account = :account where account = 'rrg-pi1_gpu'",
)
PLACES = {
    "account": (f"/account/{quote(ACCOUNT, safe='')}?view=jobs", f"/account/{quote(ACCOUNT, safe='')}"), "node": ("/node/h1", "/node/c1?from=now-30d&to=now"),
    "user": ("/user/alice",), "accounts": ("/accounts",), "jobs": ("/jobs?user=alice",), "job": ("/job/4",), "nodes": ("/nodes",), "status": ("/",),
    "top": ("/top",), "scheduling": ("/scheduling",),
}  # fmt: skip


def _quoted(sql: str) -> str:
    for key, value in (("name", NAME), ("reason", REASON), ("account", ACCOUNT)):
        sql = sql.replace(f":{key}", "convert(0x" + value.encode().hex() + " using utf8mb4)")
    return sql


@pytest.fixture(scope="module")
def marked(mariadb: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str | None], Asker]]:
    """marked(login) → somebody before a portal that shows all names and reasons."""
    site = {"names": "names", "node_reasons": "all"}
    with standing(mariadb, tmp_path_factory.mktemp("markup"), "slurm_markup", map(_quoted, SET), site=site) as portal:
        yield people(portal)


def strings(node: Any) -> Iterator[str]:
    """Every text in a figure."""
    if isinstance(node, str):
        yield node
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from strings(one)


def answers(person: Asker, page: str, path: str) -> Iterator[tuple[str, Any]]:
    """(what, answer as JSON) of a page and its sections."""
    yield path, person.page(path).get_json()
    for section in PAGES[page].sections:
        yield f"{section.key} of {path}", person.section(PAGES[page], section, path).get_json()


CASES = [(login, page, path) for login in ("alice", "bob", "ada") for page, paths in PLACES.items() for path in paths]


@pytest.mark.parametrize(("login", "page", "path"), CASES)
def test_what_people_write_stays_text(marked: Any, login: str, page: str, path: str) -> None:
    for what, found in answers(marked(login), page, path):
        body = orjson.dumps(found).decode()
        assert TURN not in body, what
        assert "incident" not in body, what
        for props in walk(found):
            for key in ("href", "action", "src"):
                address = props.get(key) or ""
                assert not str(address).lower().lstrip().startswith(("javascript:", "data:", "//")), (what, address)
                assert "\r" not in str(address) and "\n" not in str(address)
        for key, props in (found or {}).get("response", {}).items():
            if '"figure"' in key:
                for one in strings(props.get("data")):
                    assert "<img" not in one and "<a " not in one and "<script" not in one, (what, one)


@pytest.mark.parametrize(("login", "page", "path"), CASES)
def test_no_cell_of_a_file_is_a_formula(marked: Any, login: str, page: str, path: str) -> None:
    person, (place, _mark, query) = marked(login), path.partition("?")
    for section in PAGES[page].sections:
        for frame in {*(panel.key for panel in section.panels), *(block.csv for block in section.blocks if block.csv)}:
            answer = person.get(f"/export/{page}/{section.key}/{frame}?at={quote(place, safe='/')}&{query}")
            if answer.status_code != 200:
                continue
            assert all(TURN not in value for value in answer.headers.values())
            for row in csv.reader(io.StringIO(text(answer))):
                for cell in row:
                    assert TURN not in cell
                    assert not cell.startswith(("=", "@", "\t")), (section.key, cell)


def test_it_does_reach_those_who_may_read_it(marked: Any) -> None:
    """Without this, the rest would pass on empty pages."""
    for login, page, path in (("alice", "user", "/user/alice"), ("bob", "account", PLACES["account"][0]), ("ada", "node", "/node/h1")):
        seen = "".join(orjson.dumps(found).decode() for _what, found in answers(marked(login), page, path))
        assert "onerror=alert(1)" in seen, (login, page)


@pytest.mark.parametrize("typed", ["=HYPERLINK", "=1+1", "<img", "al"])
def test_search_answers_texts_and_addresses_of_this_portal(marked: Any, typed: str) -> None:
    for login in ("alice", "ada"):
        for group in marked(login).get(f"/search?q={quote(typed)}").get_json()["groups"]:
            for row in group["rows"]:
                assert row["href"].startswith("/") and not row["href"].startswith("//")
                assert "<" not in row["href"] and "\n" not in row["href"]
                assert TURN not in row["text"] + row["detail"]
