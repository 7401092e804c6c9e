"""The access matrix: every page, section, export, query listing, callback and route, as every kind of viewer.

Who may see what is written down here, by hand; pages come from the registry, so a new one must be added to the table.
"""

from __future__ import annotations

from typing import Any

import pytest
from dash import Dash

from components.records import Page, Section
from pages.registry import all_pages
from tests.access.asker import ROUTER, Asker, walk
from tests.access.conftest import WORD

pytestmark = pytest.mark.services

# login → what they are to alice, whose jobs carry the word
VIEWERS: dict[str, str | None] = {
    "nobody": None,
    "owner": "alice",
    "member of the same account": "bob",
    "stranger": "dave",
    "coordinator of another account": "carol",
    "coordinator of this account": "gina",
    "coordinator of the account above": "hugo",
    "staff": "ada",
    "not in accounting": "zoe",
    "member of the cloud project": "ivy",
}
# page → address about alice's jobs; who reads her word there
PLACES: dict[str, tuple[str, frozenset[str]]] = {
    "status": ("/", frozenset({"owner"})),
    "scheduler": ("/scheduler", frozenset()),  # counts by partition and state
    "software": ("/software", frozenset()),  # programs by name: nothing of a job, whoever looks
    **{page: (f"/{page}", frozenset()) for page in ("filesystems", "logins", "transfers")},  # servers only
    "jobs": ("/jobs?user=alice", frozenset({"owner", "staff"})),
    "job": ("/job/1", frozenset({"owner", "staff"})),
    "compare": ("/jobs/compare?ids=1,30", frozenset({"owner", "staff"})),
    "node": ("/node/h1", frozenset({"owner", "staff"})),
    "nodes": ("/nodes?user=alice", frozenset({"staff"})),  # node names and counts only; others see where their own jobs run
    "user": ("/user/alice", frozenset({"owner", "staff"})),
    "quotas": ("/quotas?user=alice", frozenset({"owner", "staff"})),
    "accounts": ("/accounts", frozenset()),  # holds nothing of a job: rrg-pi1_gpu is alice's and bob's
    "account": ("/account/rrg-pi1_gpu?view=jobs", frozenset({"owner", "staff", "coordinator of this account", "coordinator of the account above"})),
    **{page: (path, frozenset({"staff"})) for page, path in (
        ("top", "/top"), ("top_gpu", "/top/gpu"), ("top_memory", "/top/memory"), ("top_lustre", "/top/lustre"), ("top_waste", "/top/waste"),
    )},
    "scheduling": ("/scheduling", frozenset({"staff"})),
    "cloud": ("/cloud", frozenset({"owner", "member of the cloud project"})),  # alice's project is lab1; staff read of projects what the metrics know
    "cloud_project": ("/cloud/lab1", frozenset({"owner", "staff", "member of the cloud project"})),
    "cloud_instance": ("/cloud/lab1/3afee989-c0fe-5588-bdfa-352f8c1fcfea", frozenset({"owner", "staff", "member of the cloud project"})),
}
# pages whose tables name people and no jobs: what staff read there instead of alice's word
SEEN = {
    "top": "alice", "top_gpu": "bob", "top_memory": "Large memory nodes now", "top_lustre": "Top users of file systems", "top_waste": "Waste over time",
    "quotas": "Quotas", "scheduling": "rrg-pi1_cpu", "nodes": "&node=c3&", "cloud": "lab1", "cloud_project": "lab1", "cloud_instance": "lab1",
}  # fmt: skip
OPEN_PAGES = {"status", "scheduler", "software", "filesystems", "logins", "transfers"}
# who may open a page without reading alice's word there: carol's job ran on the same node, bob is in her account, all have lists of accounts and nodes
NEIGHBOURS = {
    ("node", "coordinator of another account"), ("account", "member of the same account"),
    *((page, viewer) for page in ("accounts", "nodes", "cloud") for viewer in VIEWERS if viewer != "nobody"),
}
PAGES = {page.key: page for page in all_pages()}
SECTIONS = [(page, section) for page in PAGES.values() for section in page.sections]


def text(answer: Any) -> str:
    """The body of an answer."""
    return answer.get_data(as_text=True)


def may(page: str, viewer: str) -> bool:
    """True if the table lets this viewer read alice's word on this page."""
    return viewer in PLACES[page][1]


def test_every_page_is_in_the_table() -> None:
    assert set(PAGES) == set(PLACES)


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("page", PLACES)
def test_page(ask: Any, page: str, viewer: str) -> None:
    answer = ask(VIEWERS[viewer]).page(PLACES[page][0])
    assert answer.status_code == 200
    body = text(answer)
    if not may(page, viewer):
        assert WORD not in body
        assert page in OPEN_PAGES or page == "jobs" or (page, viewer) in NEIGHBOURS or "tt-refused" in body
    if viewer == "nobody" and page not in OPEN_PAGES:
        assert "Please sign in" in body
        assert not any("data-section" in props for props in walk(answer.get_json()))


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize(("page", "section"), SECTIONS, ids=lambda value: getattr(value, "key", ""))
def test_section(ask: Any, page: Page, section: Section, viewer: str) -> None:
    """A section asked for directly, whether or not the page offered it."""
    answer = ask(VIEWERS[viewer]).section(page, section, PLACES[page.key][0])
    assert answer.status_code in (200, 401, 403)
    if viewer == "nobody" and page.key not in OPEN_PAGES:
        assert answer.status_code == 401
    if not may(page.key, viewer):
        assert WORD not in text(answer)
        assert "alice" not in text(answer).replace("user=alice", "")


@pytest.mark.parametrize("page", [key for key in PLACES])
def test_those_who_may_do_see_it(ask: Any, page: str) -> None:
    """Without this, a page that shows nobody anything would pass all the rest."""
    address, allowed = PLACES[page]
    for viewer in allowed:
        person = ask(VIEWERS[viewer])
        seen = text(person.page(address)) + "".join(text(person.section(PAGES[page], section, address)) for section in PAGES[page].sections)
        assert SEEN.get(page, WORD) in seen, viewer


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize(("page", "section"), SECTIONS, ids=lambda value: getattr(value, "key", ""))
def test_exports(ask: Any, page: Page, section: Section, viewer: str) -> None:
    place, _, query = PLACES[page.key][0].partition("?")
    for frame in {*(panel.key for panel in section.panels), *(block.csv for block in section.blocks if block.csv)}:
        answer = ask(VIEWERS[viewer]).get(f"/export/{page.key}/{section.key}/{frame}?at={place}&{query}")
        assert answer.status_code in (200, 400, 401, 403, 404, 503)
        if viewer == "nobody" and page.key not in OPEN_PAGES:
            assert answer.status_code == 401
        if not may(page.key, viewer):
            assert WORD not in text(answer)


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize(("page", "section"), SECTIONS, ids=lambda value: getattr(value, "key", ""))
def test_query_listings_are_for_staff(ask: Any, page: Page, section: Section, viewer: str) -> None:
    place, _, query = PLACES[page.key][0].partition("?")
    answer = ask(VIEWERS[viewer]).get(f"/queries/{page.key}/{section.key}?at={place}&{query}")
    assert answer.status_code == {"nobody": 401, "staff": 200}.get(viewer, 403)


@pytest.mark.parametrize("login", ["bob", "dave", "carol"])
@pytest.mark.parametrize("path", ["/job/{}", "/jobs/compare?ids={}"])
def test_not_yours_and_not_there_answer_the_same(ask: Any, login: str, path: str) -> None:
    yours, absent = (ask(login).page(path.format(number)) for number in (1, 3_999_999))
    assert yours.status_code == absent.status_code
    assert text(yours) == text(absent).replace("3999999", "1")


@pytest.mark.parametrize("viewer", VIEWERS)
def test_every_callback_has_a_rule_and_keeps_it(portal: Dash, ask: Any, viewer: str) -> None:
    for output, known in portal.callback_map.items():
        if output == ROUTER or "callback" not in known:
            continue
        rule = getattr(known["callback"], "access", None)
        assert rule is not None, output
        if rule.key != "anyone" and viewer == "nobody":
            assert ask(None).post({"output": output, "outputs": [], "inputs": [], "changedPropIds": []}).status_code == 401


@pytest.mark.parametrize("output", ["invented.children", "..a.b...c.d..", "", None, 5, ["x"]])
def test_unknown_callbacks_are_refused(ask: Any, output: object) -> None:
    for login in (None, "bob", "ada"):
        assert ask(login).post({"output": output, "outputs": [], "inputs": []}).status_code == 403


def test_every_route_has_a_rule_is_the_empty_frame_or_is_refused(portal: Dash, ask: Any) -> None:
    frame = {"/", "/<path:path>"}
    for rule in portal.server.url_map.iter_rules():
        view = portal.server.view_functions[rule.endpoint]
        dash_own = rule.rule.startswith(("/_dash-", "/_reload-hash", "/_favicon", "/_health", "/assets/"))
        if getattr(view, "access", None) is None and not dash_own and rule.rule not in frame:
            for login in (None, "ada"):
                assert ask(login).get(rule.rule.replace("<path:filename>", "app.css")).status_code == 403, rule.rule


@pytest.mark.parametrize("path", ["/", "/job/1", "/jobs?user=alice", "/_dash-layout", "/_dash-dependencies", "/no/such/page"])
def test_the_empty_frame_names_nobody(ask: Any, path: str) -> None:
    for login in (None, "dave"):
        assert WORD not in text(ask(login).get(path))


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Remote-User": "alice"},
        {"X-Remote-User": "alice", "X-Portal-Secret": "wrong"},
        {"X-Remote-User": "ada, alice", "X-Portal-Secret": "a-shared-secret-of-the-proxy"},
        {"Remote-User": "alice", "X-Portal-Secret": "a-shared-secret-of-the-proxy"},
    ],
    ids=["no secret", "wrong secret", "two names", "other header"],
)
def test_forged_headers_make_nobody_of_you(portal: Dash, headers: dict[str, str]) -> None:
    forger = Asker(portal, None)
    forger.headers = headers
    assert "Please sign in" in text(forger.page("/job/1"))


def test_a_header_from_another_address_is_not_believed(portal: Dash) -> None:
    forger = Asker(portal, "alice")
    forger.client.environ_base["REMOTE_ADDR"] = "10.1.2.3"
    assert "Please sign in" in text(forger.page("/job/1"))
    forger.headers["X-Forwarded-For"] = "127.0.0.1"
    assert "Please sign in" in text(forger.page("/job/1"))
