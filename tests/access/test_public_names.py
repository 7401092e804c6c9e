"""No answer to the public names anybody: every public page, section, file and error, over real rows of accounting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from dash import Dash, html
from sqlalchemy import create_engine, text

from pages.registry import all_pages
from tests.access import public_sweep
from tests.access.asker import Asker
from tests.access.conftest import standing
from tests.access.public_sweep import Names, public_pages, sweep

pytestmark = pytest.mark.services
# short words that Slurm itself puts into each database
SLURMS_OWN = {"root", ""}


@pytest.fixture(scope="module")
def world(portal: Dash, mariadb: Any) -> dict[str, set[str]]:
    """Every login, account, job name and job id of the database behind the portal."""
    engine = create_engine(f"mysql+pymysql://root@127.0.0.1:{mariadb.port}/slurm_access")
    with engine.connect() as connection:
        def column(statement: str) -> set[Any]:
            return {row[0] for row in connection.execute(text(statement))} - SLURMS_OWN

        found = {
            "users": column("select distinct user from alpha_assoc_table"), "accounts": column("select distinct acct from alpha_assoc_table"),
            "job names": column("select distinct job_name from alpha_job_table"), "paths": column("select distinct work_dir from alpha_job_table"),
            "ids": column("select distinct id_job from alpha_job_table"),
        }  # fmt: skip
    engine.dispose()
    return found


def test_the_public_reads_no_name(ask: Callable[[str | None], Asker], world: dict[str, set[str]]) -> None:
    plain = Names(world["job names"]).found(public_sweep.vocabulary())
    assert len(plain) <= 3, "too many job names are words of the portal: the test would be blind"
    looked_for = Names({*world["users"], *world["accounts"], *world["paths"], *(name for name in world["job names"] if name.lower() not in plain)}, world["ids"])
    heard = [*sweep(ask(None), public_pages()), *public_sweep.others(ask(None))]
    assert {one.what: names for one in heard if (names := looked_for.found(one.text) | looked_for.found(one.headers))} == {}
    assert len(heard) > 10 * len(public_pages())


@pytest.mark.parametrize("login", [None, "bob", "dave"])
def test_narrowing_is_the_staff_s_whatever_the_address_says(ask: Callable[[str | None], Asker], world: dict[str, set[str]], login: str | None) -> None:
    looked_for = Names({"alice", *(world["accounts"] - {"root"})} - {login}, world["ids"])
    front = [page for page in public_pages() if page.key == "status"]
    for query in ("user=alice", "account=def-pi1_cpu&node=c1&partition=batch", "user=alice&from=now-7d&to=now&refresh=30"):
        heard = [one for one in sweep(ask(login), front, ranges=(query,), crawled=0) if ":mine" not in one.what]
        assert {one.what: names for one in heard if (names := looked_for.found(one.text) | looked_for.found(one.headers))} == {}
        closed = {one.what.split()[1]: one.status for one in heard if ":part_" in one.what}
        assert set(closed.values()) == {401 if login is None else 403} and len(closed) == 2


def test_every_public_section_answers_and_all_others_refuse(ask: Callable[[str | None], Asker]) -> None:
    open_keys = {page.key for page in public_pages()}
    statuses: dict[str, set[int]] = {}
    for one in public_sweep.others(ask(None)):
        if one.what.startswith("section "):
            statuses.setdefault(one.what.split()[1], set()).add(one.status)
    for page in all_pages():
        for section in page.sections:
            is_open = page.key in open_keys and section.access.key in ("anyone", "public_status", "public_pages")
            assert statuses[f"{page.key}:{section.key}"] == {200 if is_open else 401}, (page.key, section.key)


def test_the_sweep_would_find_them(ask: Callable[[str | None], Asker], world: dict[str, set[str]]) -> None:
    """The same reader, over what staff get, finds people, accounts, jobs and ids."""
    names = Names({*world["users"], *world["accounts"]}, {*world["ids"]})
    staff = [page for page in all_pages() if page.key in ("top", "accounts")]
    found = set().union(*(names.found(one.text) for one in sweep(ask("ada"), staff, ranges=("",))))
    assert "alice" in found and "rrg-pi1_gpu" in found


@pytest.mark.parametrize(
    "body",
    [
        '{"a": "alice"}', '{"alice": 1}', '[["x", "jobs of Alice"]]', '{"href": "/user/alice"}', '{"href": "/jobs?user=alice&a=b"}', '{"t": "/home/alice/run.sh"}',
        '{"t": "al\\u0069ce"}', '{"t": "a&#108;ice"}', '{"href": "/job?x=%61lice"}', "user,cores\nalice,4\n", "<p>alice</p>", '{"text": "alice,bob"}', '{"t": "(alice)"}',
        '{"t": "alice: 41234"}', '{"id": "41234"}', "job,cores\n#41234,4\n", '{"href": "/job/41234"}', '{"t": "job 41234, done"}',
    ],
)  # fmt: skip
def test_a_planted_name_is_found(body: str) -> None:
    assert Names(["alice"], [41234]).found(body)


@pytest.mark.parametrize(
    "body",
    [
        '{"t": "malice"}', '{"t": "alices"}', '{"x": [41234, 412345]}', '{"bdata": "alice"}', '{"t": "1.41234"}', '{"t": "141234"}', '{"t": "41234.5"}',
        "time,cores\n1,41234\n1,0.41234\n",
    ],
)
def test_other_words_and_figures_are_not_taken_for_names(body: str) -> None:
    assert Names(["alice"], [41234]).found(body) == set()


def _said(word: str) -> Callable[..., Any]:
    return lambda *_anything: html.Span(f"{word} runs here")


def _counted(word: str) -> Callable[..., Any]:
    return lambda *_anything: {"pending_jobs": pd.DataFrame({"partition": [word], "ready": [1.0]}), "waits": pd.DataFrame()}


# where a mistake of ours could put somebody's name: a block, a chart's legend, a file, the head of a page
PLANTED: dict[str, Callable[[Any], Any]] = {
    "block": lambda section: replace(section, blocks=tuple(replace(block, draw=_said("alice")) for block in section.blocks)) if section.key == "now" else section,
    "chart": lambda section: replace(
        section, panels=tuple(replace(panel, figure=lambda *_a: {"data": [{"name": "alice", "x": [1], "y": [2]}], "layout": {}}) for panel in section.panels),
        query=lambda *_anything: {panel.frame: pd.DataFrame({"x": [1.0]}) for panel in section.panels},
    ) if section.key == "resources" else section,
    "file": lambda section: replace(section, query=_counted("alice")) if section.key == "pending" else section,
}  # fmt: skip


@pytest.mark.parametrize("place", [*PLANTED, "head"])
def test_a_name_planted_in_a_public_page_is_found(mariadb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """The whole way: a page with a mistake, behind the kept answers, read by the reader that finds nothing elsewhere."""
    plant = PLANTED.get(place, lambda section: section)
    head = (lambda *_anything: ("Scheduler", html.H1("of Alice"), None)) if place == "head" else None
    pages = [
        replace(page, sections=tuple(plant(section) for section in page.sections), head=head) if page.key == "scheduler" else page for page in all_pages()
    ]  # fmt: skip
    monkeypatch.setattr("app.all_pages", lambda: tuple(pages))
    for made in standing_portal(mariadb, tmp_path, "all"):
        heard = sweep(Asker(made, None), [page for page in pages if page.key == "scheduler"], ranges=("",), crawled=0)
        found = {one.what.split()[0] for one in heard if Names(["alice"]).found(one.text)}
        assert found == {"block": {"section"}, "chart": {"section"}, "file": {"get", "section"}, "head": {"layout"}}[place]


@pytest.mark.parametrize("public", ["all", "status", "none"])
def test_what_the_setting_closes_asks_to_sign_in(mariadb: Any, tmp_path: Path, public: str) -> None:
    for made in standing_portal(mariadb, tmp_path, public):
        nobody, alice = Asker(made, None), Asker(made, "alice")
        open_keys = {page.key for page in public_pages(public)}
        everywhere = {page.key for page in public_pages("all")}
        assert open_keys == {"all": everywhere, "status": {"status"}, "none": set()}[public]
        menu = nobody.get("/_dash-layout").text
        for page in public_pages("all"):
            shown = page.key in open_keys
            assert ("Please sign in" in nobody.page(page.path).text) == (not shown)
            assert (f'"href":"{page.path}"' in menu.replace("\\u002f", "/")) >= shown
            assert "Please sign in" not in alice.page(page.path).text
            for section in page.sections:
                assert nobody.section(page, section, page.path).status_code in ((200, 401) if shown else (401,))
                for part in {*(panel.key for panel in section.panels), *(block.csv for block in section.blocks if block.csv)}:
                    closed = nobody.get(f"/export/{page.key}/{section.key}/{part}?at={page.path}").status_code == 401
                    assert closed == (not shown or section.access.key in ("staff", "signed_in"))
                if section.access.key != "staff":
                    assert alice.section(page, section, page.path).status_code == 200


def standing_portal(mariadb: Any, folder: Path, public: str) -> Iterator[Dash]:
    """A portal with this setting."""
    with standing(mariadb, folder, f"slurm_public_{public}", (), site={"public": public}) as made:
        yield made
