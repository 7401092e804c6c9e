"""What people, robots and forgers type: always a page with a sentence, never a server error, nothing of the machinery."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import dash
import pytest

from components.text import BAD_INPUT, TIME_NOTES
from tests.access.asker import Asker
from tests.failures.conftest import World
from tests.failures.world import PAGES, ask, leaks, note_of, page_text, said, section_of

pytestmark = pytest.mark.services

NO_JOB_IDS = (
    "abc", "1-99999999", "-5", "0", str(2**32), str(2**63), "8_", "_8", "8_-1", "1+", "1;drop table users", "１２", "٣", "8" * 10_000, "1\x00",
    "'", '"', "1.batch", "8_[1-3]", "8_99999999999", "😀", "1e3", "0x10", "1 2",
)  # fmt: skip
NASTY = (
    '"', "\\", "{", '"}[1h]) or vector(1) #', "\n", "' or 1=1 -- ", "%", "_", "\x00", "😀", "a" * 129, "../etc", "<script>alert(1)</script>", "[", "(",
    "$(id)", "\u202e", "-1", "9" * 30, "PENDING,,RUNNING", "AAAA", "eyJhIjoxfQ==", "\ud800".encode("utf-8", "replace").decode(),
)  # fmt: skip
SECONDS = 5.0  # nothing of this may take longer, on a busy machine too


def names(value: str) -> str:
    """A short name of a test's case."""
    return ascii(value)[:24]


@pytest.fixture
def world(served_world: World) -> Iterator[World]:
    """The world as others of this file left it: nothing is broken here, so what is remembered may stay."""
    dash.page_registry.clear()
    dash.page_registry.update(served_world.registry)
    served_world.metrics.up()
    served_world.database.up()
    yield served_world


@pytest.fixture(autouse=True)
def no_incident(caplog: pytest.LogCaptureFixture) -> Any:
    """No fault of our own may hide behind a sentence."""
    with caplog.at_level(logging.ERROR):
        yield
    assert "Traceback" not in caplog.text and "incident" not in caplog.text


def sound(answer: Any, *, statuses: tuple[int, ...] = (200,)) -> str:
    """The body, after what holds for every answer."""
    body = answer.get_data(as_text=True)
    assert answer.status_code in statuses, body[:300]
    assert leaks(answer) == []
    assert "could not be drawn" not in body
    return body


@pytest.mark.parametrize("text", NO_JOB_IDS, ids=names)
def test_what_is_no_job_id(alice: Asker, text: str) -> None:
    path = f"/job/{quote(text, safe='')}"
    answer = alice.page(path)
    sound(answer)
    assert BAD_INPUT["job_id"] in page_text(answer)
    for section in ("job:summary", "job:cpu", "job:script"):
        answer = ask(alice, section, path)
        sound(answer)
        # a section that failed as a whole says so once
        assert [one for one in said(answer).values() if one] == [BAD_INPUT["job_id"]]
    # the address of an export is cut at 300 characters
    export = alice.get(f"/export/job/cpu/cores?at={quote(path[:300], safe='')}")
    assert sound(export, statuses=(400,)).strip() == BAD_INPUT["job_id"]


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ("abc", "job_id"), ("1,abc", "job_id"), ("", "no_jobs"), (",,", "no_jobs"), ("105-100", "job_range"), ("1-100", "too_many_jobs"),
        ("1-99999999", "too_many_jobs"), ("-", "job_id"), ("1-", "job_id"), ("-5", "job_id"), (f"1-{2**63}", "job_id"),
        (",".join(map(str, range(1, 62))), "too_many_jobs"), ("１-３", "job_id"), ("1;drop", "job_id"),
    ],
)  # fmt: skip
def test_lists_of_jobs_that_are_none(alice: Asker, ids: str, code: str) -> None:
    sentence = BAD_INPUT[code].replace("%(limit)s", "60")
    path = f"/jobs/compare?ids={quote(ids)}"
    answer = alice.page(path)
    sound(answer)
    assert sentence in page_text(answer)
    for section in ("compare:table", "compare:overlay"):
        assert list(filter(None, said(ask(alice, section, path)).values())) == [sentence]
    export = alice.get(f"/export/compare/table/jobs?at=/jobs/compare&ids={quote(ids)}")
    assert sound(export, statuses=(400,)).strip() == sentence


@pytest.mark.parametrize("value", NASTY, ids=names)
def test_submit_and_other_parameters_of_a_job(alice: Asker, value: str) -> None:
    """What cannot be used is ignored: the job's last run is shown."""
    text = quote(value)
    path = f"/job/1?submit={text}&node={text}&after={text}&{text}={text}"
    page = alice.page(path)
    sound(page)
    assert "relax" in page_text(page)
    for section in PAGES["job"].sections:
        if section.key in ("cpu", "tasks", "counts"):
            answer = alice.section(PAGES["job"], section, path)
            sound(answer)
    assert said(ask(alice, "job:cpu", path))["cores"] == "chart"


# what the time range says, and the note the reader gets
TIMES = [
    ("from=now-1h&to=now-2h", "time_reversed"), ("from=2099-01-01&to=2099-02-01", "time_future"), ("from=now-1h&to=2099-01-01", "time_future"),
    ("from=now-999999w", "time_long"), ("from=1026-01-01", "time_long"), ("from=0001-01-01", "time_long"), ("from=now-3651d", ""),
    ("from=now-10w&to=now-9w", ""), ("from=1000000000&to=1000000001", ""), ("from=abc&to=def", "time_bad"), ("from=-1", "time_bad"),
    ("from=1e9", "time_bad"), ("from=NaN", "time_bad"), ("from=%00", "time_bad"), ("from=" + "9" * 3000, "time_bad"), ("from=now%2B1h", "time_bad"),
    ("from=2026-11-22T10:00:00%2B99:00", "time_bad"), ("from=9999-12-31T23:59:59&to=9999-12-31", "time_future"), ("from=now-6h'--", "time_bad"),
]  # fmt: skip
TIMED = {"/job/1": ("job:cpu", "job:summary"), "/jobs": ("jobs:list", "jobs:history"), "/": ("status:use", "status:now")}


@pytest.mark.parametrize("place", TIMED)
@pytest.mark.parametrize(("query", "code"), TIMES, ids=lambda value: names(str(value)))
def test_times(alice: Asker, place: str, query: str, code: str) -> None:
    path = f"{place}?{query}"
    began = time.monotonic()
    answer = alice.page(path)
    sound(answer)
    if code:
        assert TIME_NOTES[code] in page_text(answer)
    for section in TIMED[place]:
        answer = ask(alice, section, path)
        sound(answer)
        assert note_of(answer) == TIME_NOTES.get(code, "")
        assert all(said(answer).values())
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("query", ["from=now-999999w", "from=now-90d", "from=1000000000&to=now"])
def test_a_range_beyond_all_samples_asks_for_a_bounded_answer(world: World, query: str) -> None:
    """Ten years of the cluster: at most as many points as a chart shows."""
    answer = ask(world.person(None), "status:use", f"/?{query}")
    sound(answer)
    figure = next(value["data"] for name, value in answer.get_json()["response"].items() if '"panel":"cores"' in name and '"figure"' in name)
    if figure is not None:
        assert all(trace["dx"] >= 90 * 86400 * 1000 / 11_000 for trace in figure["data"])


def test_before_the_samples_begin_the_chart_says_so(alice: Asker) -> None:
    answer = ask(alice, "jobs:history", "/jobs?from=now-10w&to=now-9w")
    assert "older than the metrics kept" in said(answer)["use_cores"]


FILTERS = ("user", "state", "partition", "account", "name", "id", "node", "waste", "order", "asc", "cursor")


@pytest.mark.parametrize("value", NASTY, ids=names)
def test_filters_of_the_list(world: World, value: str) -> None:
    """A user alone and staff, each filter by itself."""
    for place, name in enumerate(FILTERS):
        person = world.person("ada" if place % 2 or name == "user" else "alice")
        path = f"/jobs?{name}={quote(value)}"
        if name in ("user", "id", "cursor"):
            sound(person.page(path))
        answer = ask(person, "jobs:list", path)
        sound(answer)
        assert said(answer)["jobs"]
        if name in ("user", "name", "node"):
            sound(person.get(f"/export/jobs/list/jobs?at=/jobs&{name}={quote(value)}"), statuses=(200, 400, 404))


@pytest.mark.parametrize("name", ["Alice", "ALICE", "alice ", " alice", "alıce", "al%69ce", "alice\u200b", "alice%", "alic_", "bob", "*", "alice,bob", '"', "a\\"])
def test_look_alikes_are_other_people(alice: Asker, name: str) -> None:
    """Neither spaces nor letters that look or collate alike make somebody else's list mine, or mine somebody else's."""
    path = f"/jobs?user={quote(name)}"
    assert "relax" not in page_text(alice.page(path))
    answer = ask(alice, "jobs:list", path)
    shown = sound(answer)
    assert "There is no such thing" in said(answer)["jobs"]
    assert "md_production" not in shown and "mpi_run" not in shown
    assert alice.get(f"/export/jobs/list/jobs?at=/jobs&user={quote(name)}").status_code == 404


@pytest.mark.parametrize("name", ["Bob", "bob ", "BOB", "bo_", "bo%", "nobody-is-called-this"])
def test_staff_asking_for_a_look_alike_get_nobody(world: World, name: str) -> None:
    answer = ask(world.person("ada"), "jobs:list", f"/jobs?user={quote(name)}")
    assert "mpi_run" not in sound(answer) and "No job fits" in said(answer)["jobs"]


@pytest.mark.parametrize(
    "query",
    ["user=bob&user=alice", "user=alice&user=bob", "x=1&" * 200, "viewer=ada&is_staff=1", "&&&===&=&", "job=7&page=status&subject=bob", "%zz=%&a=%ff%fe"],
    ids=names,
)
def test_unknown_and_doubled_parameters(alice: Asker, query: str) -> None:
    """At worst somebody is refused; nobody sees more."""
    page, answer = alice.page(f"/jobs?{query}"), ask(alice, "jobs:list", f"/jobs?{query}")
    sound(page)
    assert "mpi_run" not in sound(answer)
    if "bob" not in query or query.startswith("job="):
        assert "md_production" in said(answer)["jobs"]


FORGED: list[Any] = [
    None, 5, "x", [], ["a", ["b"]], {}, {"path": 5, "search": ["x"], "width": {}}, {"path": None}, {"path": "/job/1" * 5000},
    {"path": "/job/1", "search": "?" + "a=b&" * 5000}, {"path": "//job/1"}, {"path": "/job/1\x00"}, {"path": "/job/1/../../jobs"}, {"path": "https://evil.example/job/1"},
    {"n": {"$gt": 0}, "path": "/job/1"}, {"n": [[[[[[1]]]]]], "path": "/job/1"}, {"path": "/job/1", "viewer": {"is_staff": True}},
]  # fmt: skip


@pytest.mark.parametrize("data", FORGED, ids=lambda value: names(str(value)))
@pytest.mark.parametrize("login", ["alice", None])
def test_forged_section_data(world: World, login: str | None, data: Any) -> None:
    person = world.person(login)
    for place in ("job:cpu", "status:use", "jobs:list"):
        answer = forged(person, place, data)
        sound(answer, statuses=(200, 401))
        if login is None and place != "status:use":
            assert answer.status_code == 401 or "There is no such thing" in str(said(answer)) or BAD_INPUT["job_id"] in str(said(answer))


def forged(person: Asker, place: str, data: Any) -> Any:
    """Ask for a section with this in place of what the browser sends."""
    page, section = section_of(*place.split(":"))
    sent: dict = {}
    whole, person.post = person.post, lambda body: sent.update(body)  # type: ignore[method-assign]
    try:
        person.section(page, section, page.path)
    finally:
        person.post = whole  # type: ignore[method-assign]
    sent["inputs"][0]["value"] = data
    return person.post(sent)


def test_deeply_nested_and_huge_bodies(alice: Asker) -> None:
    deep: Any = "x"
    for _level in range(200):
        deep = [deep]
    for data in (deep, {"path": "/job/1", "search": "a" * 3_000_000}, {str(number): number for number in range(20_000)}):
        sound(forged(alice, "job:cpu", data), statuses=(200, 400, 413))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"output":', b"\xff\xfe", b'"x"', b"[" * 100_000], ids=names)
def test_bodies_that_are_no_callback(alice: Asker, body: bytes) -> None:
    answer = alice.client.post("/_dash-update-component", data=body, content_type="application/json", headers=alice.headers)
    sound(answer, statuses=(400, 403))


WRONG_PARTS: list[Any] = [
    None, 5, "x", [], [None], {"id": 5}, [[]], [{"id": "x", "property": "y"}], [{"id": {"type": "done"}, "property": "data"}],
]  # fmt: skip


@pytest.mark.parametrize("change", ["outputs", "inputs", "changedPropIds"])
@pytest.mark.parametrize("value", WRONG_PARTS, ids=lambda value: names(str(value)))
def test_a_callback_of_the_right_name_and_wrong_parts(alice: Asker, change: str, value: Any) -> None:
    page, section = section_of("job", "cpu")
    sent: dict = {}
    whole, alice.post = alice.post, lambda body: sent.update(body)  # type: ignore[method-assign]
    alice.section(page, section, "/job/1")
    alice.post = whole  # type: ignore[method-assign]
    answer = alice.post(sent | {change: value})
    # the outputs say which section it is, so that nothing is said to have changed does no harm
    sound(answer, statuses=(200,) if change == "changedPropIds" and value == [] else (400,))


@pytest.mark.parametrize(
    "path",
    [
        "/export/x/y/z", "/export/job/cpu/x", "/export/job/x/cores", "/export/job/cpu/cores%00", "/export/%2e%2e/%2e%2e/etc", "/export/job/cpu/",
        "/no/such", "/job/1/2",
    ],
)  # fmt: skip
def test_addresses_that_are_none(alice: Asker, path: str) -> None:
    answer = alice.get(path)
    sound(answer, statuses=(200, 404))
    if path.startswith("/export"):
        assert answer.status_code == 404 or "<html" in answer.get_data(as_text=True)


@pytest.mark.parametrize("at", ["", "/", "/jobs", "//", "/job/1/../2", "https://evil.example/", "/job/%00", "x" * 5000, "/job/1?submit=5"])
def test_exports_of_wrong_addresses(alice: Asker, at: str) -> None:
    sound(alice.get(f"/export/job/cpu/cores?at={quote(at, safe='')}"), statuses=(200, 400, 404))
