"""No answer of the demo to the public names one of its people, accounts, jobs or job ids; what Prometheus and accounting hold is full of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, text

from analysis.software_table import load_table
from pages.registry import all_pages
from tests.access import public_sweep
from tests.access.asker import Asker
from tests.access.public_sweep import Heard, Names, public_pages, sweep
from tests.portal.conftest import Demo
from tests.portal.reader import Reader

pytestmark = pytest.mark.browser  # the ring the demo runs in
# jobs of the demo that are called as a script of the frame, as a property or a kind of component in every layout, or as a program
# is in the site's own table of software ("Turtle FEM")
PARTS_OF_PAGES = {"bootstrap", "embed", "modal", "fem"}
RECENT = "order by job_db_inx desc limit 8000"  # jobs: the demo makes some 2 000 a day


class Remote(Asker):
    """Somebody before a portal that runs elsewhere; `http` has a session, or none."""

    def __init__(self, url: str, http: requests.Session) -> None:
        self.url, self.http, self.app = url, http, self  # type: ignore[assignment]
        self.fill = next(one["output"] for one in self.get("/_dash-dependencies").json() if '"figure"' in one["output"] and '"load"' in str(one["inputs"]))

    def get(self, path: str) -> Any:
        """GET a path."""
        return self.http.get(self.url + path, timeout=60)

    def post(self, body: Any) -> Any:
        """POST to the one address of all callbacks."""
        return self.http.post(f"{self.url}/_dash-update-component", json=body, timeout=60)


@pytest.fixture(scope="module")
def world(accounting: Engine, demo: Demo) -> dict[str, set[Any]]:
    """Logins, full names and surnames, accounts, recent jobs' names and ids, reservations, reasons, virtual machines, projects; the site's programs."""
    with accounting.connect() as connection:
        def column(statement: str) -> set[Any]:
            return {row[0] for row in connection.execute(text(statement)) if row[0]} - {"root"}

        found = {
            "users": column("select distinct user from turtle_assoc_table"), "accounts": column("select distinct acct from turtle_assoc_table"),
            "job names": column(f"select job_name from turtle_job_table {RECENT}"), "ids": column(f"select id_job from turtle_job_table {RECENT}"),
        }  # fmt: skip
        found["reservations"] = column("select distinct resv_name from turtle_resv_table")
        found["reasons"] = column("select distinct reason from turtle_event_table where node_name <> ''")
    found["machines"] = {text for vm in demo.plan.vms for text in (vm.name, vm.uuid)}
    found["programs"] = {program.name for program in load_table(demo.folder / "software.toml").programs}
    found["projects"] = set(demo.plan.cloud_projects)
    people = [person for person in demo.plan.people if person.name != "root"]
    found["full names"] = {person.full_name for person in people} | {part for person in people for part in person.full_name.split() if len(part) > 4}
    return found


@pytest.fixture(scope="module")
def heard(demo: Demo) -> list[Heard]:
    """Every answer to the public."""
    public = Remote(demo.url, requests.Session())
    found = [*sweep(public, public_pages(), ranges=("", "from=now-7d&to=now")), *public_sweep.others(public)]
    assert "turtle" not in public.http.cookies, "the public has no session"
    return found


def names_of(world: dict[str, set[Any]]) -> Names:
    """All names of the demo, without what the portal's own sentences call by the same word: a few job names, and an account nobody is in.

    Nor what programs of the site's table are called: they are shown to everybody.
    """
    programs = {word for name in world["programs"] for word in re.findall(r"\w+", name.lower())}
    people = {*world["users"], *world["full names"]}  # a path holds a login, which is found in it
    others = set().union(*(world[kind] for kind in ("accounts", "job names", "machines", "projects", "reservations", "reasons")))
    plain = Names(others).found(public_sweep.vocabulary()) | programs
    assert plain <= {"operations", "slices", *(name.lower() for name in world["job names"]), *programs} and len(plain - programs) <= 12, sorted(plain - programs)
    return Names({*people, *(name for name in others if name.lower() not in plain | PARTS_OF_PAGES)}, world["ids"])


def test_the_world_is_the_whole_demo(world: dict[str, set[Any]]) -> None:
    assert {"mira", "chen", "ada", "wlovelace"} <= world["users"] and len(world["users"]) >= 33
    assert {"def-lovelace_cpu", "rrg-hopper_gpu"} <= world["accounts"]
    assert {"Mira Okafor", "Okafor", "Lovelace"} <= world["full names"]
    assert len(world["job names"]) > 100 and len(world["ids"]) > 5000
    assert len(world["machines"]) > 20 and len(world["projects"]) > 4 and len(world["reservations"]) >= 3 and len(world["reasons"]) > 3


def test_no_answer_to_the_public_names_anybody(heard: list[Heard], world: dict[str, set[Any]]) -> None:
    looked_for = names_of(world)
    assert {one.what: sorted(names) for one in heard if (names := looked_for.found(one.text) | looked_for.found(one.headers))} == {}


def test_no_answer_to_the_public_links_to_a_person_an_account_or_a_job(heard: list[Heard]) -> None:
    """An id drawn as a number would be led by its link or its column."""
    for one in heard:
        for link in ('/job/', '/user/', '/account/', '/jobs?', 'user=', 'account='):
            assert f'"href":"{link}' not in one.text.replace("\\u002f", "/"), one.what
        if one.what.startswith("get /export/") and one.status == 200:
            header = {cell.strip() for cell in one.text.partition("\n")[0].lower().split(",")}
            modes = {"user"} if "iowait" in header else set()  # what a processor does for programs
            assert not {"user", "account", "job", "id_job", "jobid", "job_name", "work_dir", "exe"} & (header - modes), one.what


def test_what_was_read_holds_data(heard: list[Heard]) -> None:
    """A portal that shows nothing names nobody: each public page has charts or rows, and files that are no errors."""
    for page in public_pages():
        mine = [one for one in heard if one.what.startswith(f"section {page.key}:")]
        assert any('"bdata"' in one.text or "<svg" in one.text or "tt-table" in one.text or "tt-tile" in one.text for one in mine), page.key
    files = [one for one in heard if one.what.startswith("get /export/") and one.status == 200 and one.text.count("\n") > 1]
    assert len(files) >= len(public_pages())


def test_the_same_reader_finds_them_where_they_are(demo: Demo, reader: Any, world: dict[str, set[Any]]) -> None:
    """Staff's page of the largest users, and a person's own part of the front page, hold names of each kind."""
    looked_for, got = names_of(world), set()
    for login, key in (("ada", "top"), ("chen", "jobs"), ("ada", "cloud")):
        person: Reader = reader(login)
        pages = [page for page in all_pages() if page.key == key]
        heard = sweep(Remote(demo.url, person.http), pages, ranges=("",), crawled=0)
        got |= set().union(*(looked_for.found(one.text) for one in heard))
    for kind in ("users", "accounts", "job names", "ids", "projects"):
        assert got & {str(one).lower() for one in world[kind]}, kind
