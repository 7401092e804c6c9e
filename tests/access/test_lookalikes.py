"""Names that look like an account, a person or a node that one may see: none of them opens anything or reaches PromQL."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote

import pytest

from pages.registry import all_pages
from tests.access.asker import Asker
from tests.access.conftest import MARK_ALICE, WORD, people, standing
from tests.access.test_matrix import text

pytestmark = pytest.mark.services

# of the account def-pi1_cpu, whose members are alice and bob
ACCOUNTS = (
    "def-pi1", "def-pi1_", "def-pi1_cpu_x", "def-pi1_cp", "DEF-PI1_CPU", "def-pi1_cpu ", " def-pi1_cpu", "def-pi1_cpu|rrg-pi1_cpu",
    "def-pi1_cpu|.*", ".*", "def-pi%", "%", "_", 'def-pi1_cpu"} or vector(1) or x{a="', "def-pi1_cpu'; drop table x; --", "def-pi1_cpu\\",
    "def\u2010pi1_cpu", "de\u0301f-pi1_cpu", "physics", "root",
)  # fmt: skip
PEOPLE = ("Alice", "ALICE", "alice ", " alice", "alic", "alice%", "a_ice", ".*", "alice|bob", 'alice"} or vector(1)', "al\u00edce", "alice\\")
NODES = ("C1", "c1 ", "c[1-4]", "c1,c2", "c.", ".*", "c1|c2", 'c1"} or vector(1)', "c%", "c01")
# of the cloud project lab1, whose members are alice and ivy; lab10 is dave's, Lab1 is bob's
PROJECTS = (
    "Lab1", "LAB1", "lab10", "lab", "lab1 ", " lab1", "lab1\u200b", "l\u0430b1", "lab\uff11", "lab1|lab10", "lab.*", ".*", "lab%", "lab1\\",
    'lab1"} or vector(1)', 'lab1",project_name=~".*', "lab1\n", "lab1\x00",
)  # fmt: skip
UUID = "3afee989-c0fe-5588-bdfa-352f8c1fcfea"
UUIDS = (
    UUID.upper(), f"{{{UUID}}}", f"urn:uuid:{UUID}", UUID.replace("-", ""),
    f" {UUID}", f"{UUID} ", f"{UUID}\n", f"{UUID}|.*", ".*", UUID[:8], f'{UUID}"}} or vector(1)',
)  # fmt: skip
# page → its address for a name, names that are nobody's; who may see the real one and looks at the others
PLACES = {
    "account": ("/account/{}", ACCOUNTS, ("alice", "bob", "ada")),
    "user": ("/user/{}", PEOPLE, ("alice", "bob", "ada")),
    "node": ("/node/{}", NODES, ("alice", "dave", "ada")),
    "cloud_project": ("/cloud/{}", PROJECTS, ("alice",)),
    "cloud_instance": ("/cloud/lab1/{}", UUIDS, ("alice", "ada")),
}
PAGES = {page.key: page for page in all_pages()}


class Listener:
    """A Prometheus with nothing in it that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                listener.asked += body.get("query", []) + body.get("match[]", [])
                kind = "matrix" if self.path.endswith("query_range") else "vector"
                self._say({"resultType": kind, "result": []})

            def do_GET(self) -> None:
                self._say([])

            def _say(self, data: object) -> None:
                answer = json.dumps({"status": "success", "data": data}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def heard() -> Iterator[Listener]:
    """The Prometheus all queries go to."""
    listener = Listener()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


@pytest.fixture(scope="module")
def ask_with(mariadb: Any, heard: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str | None], Asker]]:
    """ask_with(login) → somebody before a portal that has metrics to ask for."""
    with standing(mariadb, tmp_path_factory.mktemp("lookalikes"), "slurm_lookalikes", (MARK_ALICE,), prometheus={"url": heard.url}) as portal:
        yield people(portal)


# real accounts, which staff may open; alice and bob are no members of them
REAL = {"physics", "root"}
CASES = [
    (page, login, name)
    for page, (_path, names, logins) in PLACES.items()
    for login in logins
    for name in names
    if not (login == "ada" and name in REAL)
]


@pytest.mark.parametrize(("page", "login", "name"), CASES, ids=lambda value: ascii(value)[:40])
def test_a_name_that_looks_alike_opens_nothing(ask_with: Any, heard: Listener, page: str, login: str, name: str) -> None:
    path = PLACES[page][0].format(quote(name, safe=""))
    person = ask_with(login)
    heard.asked.clear()
    shown = text(person.page(path))
    assert "tt-refused" in shown
    assert '"data-section"' not in shown
    for section in PAGES[page].sections:
        answer = text(person.section(PAGES[page], section, path))
        assert WORD not in answer
        assert "tt-plot" not in answer
    assert [query for query in heard.asked if name.strip() and name in query] == []


def test_the_real_account_is_asked_for_by_equality(ask_with: Any, heard: Listener) -> None:
    """And so a look-alike would be noticed: the real one does reach PromQL."""
    heard.asked.clear()
    person = ask_with("alice")
    for section in PAGES["account"].sections:
        person.section(PAGES["account"], section, "/account/def-pi1_cpu")
    assert any('account="def-pi1_cpu"' in query for query in heard.asked)
    assert not any("account=~" in query and "rrg-pi1_cpu" in query for query in heard.asked)


@pytest.mark.parametrize("name", PROJECTS)
def test_staff_find_no_project_by_a_look_alike(ask_with: Any, heard: Listener, name: str) -> None:
    """Staff may ask for any name: what the metrics do not know is not found, and is no part of a query."""
    path = f"/cloud/{quote(name, safe='')}"
    heard.asked.clear()
    for section in PAGES["cloud_project"].sections:
        assert "tt-plot" not in text(ask_with("ada").section(PAGES["cloud_project"], section, path))
    assert [query for query in heard.asked if name.strip() and name in query.replace(".*", "") and "project_name" in query] == []


def test_a_member_s_project_is_asked_for_by_equality(ask_with: Any, heard: Listener) -> None:
    heard.asked.clear()
    for section in PAGES["cloud_project"].sections:
        ask_with("alice").section(PAGES["cloud_project"], section, "/cloud/lab1")
    own = [query for query in heard.asked if "project_name" in query]
    assert own and all('project_name="lab1"' in query and "project_name=~" not in query and "lab10" not in query for query in own)


@pytest.mark.parametrize("login", [None, "bob", "dave", "carol", "zoe"])
@pytest.mark.parametrize(("page", "path"), [("cloud_project", "/cloud/lab1"), ("cloud_instance", f"/cloud/lab1/{UUID}")])
def test_strangers_to_a_project_ask_nothing(ask_with: Any, heard: Listener, login: str | None, page: str, path: str) -> None:
    heard.asked.clear()
    for section in PAGES[page].sections:
        assert "tt-plot" not in text(ask_with(login).section(PAGES[page], section, path))
        for part in {*(panel.key for panel in section.panels), *(block.csv for block in section.blocks if block.csv)}:
            assert ask_with(login).get(f"/export/{page}/{section.key}/{part}?at={path}").status_code in (401, 404)
    assert heard.asked == []


@pytest.mark.parametrize("login", [None, "carol", "dave", "zoe"])
def test_strangers_ask_nothing(ask_with: Any, heard: Listener, login: str | None) -> None:
    heard.asked.clear()
    person = ask_with(login)
    for section in PAGES["account"].sections:
        assert WORD not in text(person.section(PAGES["account"], section, "/account/def-pi1_cpu"))
    assert heard.asked == []
