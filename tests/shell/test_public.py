"""Answers for the public: made once for all, never of or for anybody who is signed in, and rationed beyond the menus' ranges."""

from __future__ import annotations

import gzip
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pandas as pd
import pytest

import app as portal
from components import kept_answers, public
from components.kept_answers import Answer, Failed, KeptAnswers, Ration
from components.records import Need
from components.section import failures
from core.errors import Busy, NoData, SourceDown, SourceSlow, Why
from core.viewer import ANYONE, PUBLIC, Viewer
from datasources.cache import Cache
from tests.shell import fakes
from tests.shell.conftest import Asker


class Counted:
    """A section's query that says which viewer and range it was asked for, and how often."""

    def __init__(self) -> None:
        self.asked: list[tuple[Viewer, Any]] = []
        self.fails = False
        self.seconds = 0.0

    def __call__(self, sources: Any, viewer: Viewer, subject: Any, when: Any) -> dict[str, Any]:
        self.asked.append((viewer, when))
        time.sleep(self.seconds)
        if self.fails:
            raise SourceDown("prometheus", "gone")
        frames = fakes._frames(sources, viewer, subject, when)
        return {key: frames[key] for key in ("good", "many", "empty", "unset", "people")} | {"down": frames["good"]}


@pytest.fixture
def query() -> Counted:
    return Counted()


@pytest.fixture
def asker(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, query: Counted) -> Iterator[Asker]:
    """A portal with one public page whose only section counts."""
    sources = fakes.sources_for(fakes.settings_for(tmp_path), prometheus=fakes.FakePrometheus())
    now: dict[str, Viewer] = {"now": PUBLIC}
    page = fakes._page("open", "/", ANYONE, (fakes._section("all", ANYONE, query, fakes.PANELS),))
    monkeypatch.setattr(portal, "all_pages", lambda: (page, *fakes.PAGES[1:]))
    monkeypatch.setattr("components.viewers.Viewers.of", lambda self, profile: now["now"])
    yield Asker(portal.create_app(sources=sources), now)
    sources.close()


def test_however_many_ask_it_is_read_once(asker: Asker, query: Counted) -> None:
    answers = {asker.section("open:all").data for _turn in range(5)}
    assert len(answers) == 1 and b"bdata" in answers.pop()
    assert len(query.asked) == 1


def test_those_who_ask_while_it_is_read_wait_for_it(asker: Asker, query: Counted) -> None:
    query.seconds = 0.3
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda _turn: Asker(asker.app, asker.viewer).section("open:all").status_code, range(8)))
    assert done == [200] * 8
    assert len(query.asked) == 1


def test_the_answer_is_that_of_the_ordinary_way(asker: Asker, query: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> Any:
        # a broken chart's incident has a number of its own
        return orjson.loads(re.sub(r"the number [0-9a-f]{8}", "the number", asker.section("open:all").text))

    kept = asked()
    monkeypatch.setattr(public.Public, "section", lambda self, body: None)
    plain = asked()
    for answer in (kept, plain):
        for part in answer["response"].values():
            if "data" in part and "at" in (part["data"] or {}):
                for key in ("at", "from", "to"):
                    part["data"].pop(key)
    assert kept == plain


def test_each_gets_the_number_of_its_own_request(asker: Asker) -> None:
    output = next(key for key in asker.app.callback_map if "done" in key)
    for number, told in ((1, 1), (12345, 12345), (True, 0), ("</script>", 0), (10**30, 0), (None, 0), ([1], 0), (-3, -3)):
        body = _body(output, number)
        for coding in ("identity", "gzip"):
            answer = asker.client.post("/_dash-update-component", json=body, headers={"Accept-Encoding": coding})
            assert answer.headers.get("Content-Encoding") == ("gzip" if coding == "gzip" else None)
            text = gzip.decompress(answer.data) if coding == "gzip" else answer.data
            (done,) = [part["data"] for key, part in orjson.loads(text)["response"].items() if '"done"' in key]
            assert done["n"] == told


def _body(output: str, number: Any, **over: Any) -> dict[str, Any]:
    keys = {"panel": [panel.key for panel in fakes.PANELS], "block": ["people"]}
    kinds = (("figure", "panel", "data"), ("message", "panel", "children"), ("block", "block", "children"))
    return {
        "output": output, "changedPropIds": ['{"section":"open:all","type":"load"}.data'],
        "outputs": [
            {"id": {"type": "done", "section": "open:all"}, "property": "data"},
            *([{"id": {"type": kind, "section": "open:all", part: key}, "property": prop} for key in keys[part]] for kind, part, prop in kinds),
        ],
        "inputs": [{"id": {"type": "load", "section": "open:all"}, "property": "data", "value": {"path": "/", "search": "", "n": number, **over}}],
    }  # fmt: skip


def test_whoever_is_signed_in_is_never_answered_from_it_nor_put_into_it(asker: Asker, query: Counted) -> None:
    for viewer in (fakes.USER, fakes.STAFFER, Viewer(name=None, is_staff=True)):
        asker.be(viewer).section("open:all")
    assert [viewer for viewer, _when in query.asked] == [fakes.USER, fakes.STAFFER, Viewer(name=None, is_staff=True)]
    asker.be(PUBLIC).section("open:all")
    assert query.asked[-1][0] == PUBLIC
    asker.be(fakes.USER).section("open:all")
    assert query.asked[-1][0] == fakes.USER and len(query.asked) == 5
    for _turn in range(2):
        asker.be(PUBLIC).section("open:all")
    assert len(query.asked) == 5


@pytest.mark.parametrize("search", ["", "?from=now-24h&to=now", "?from=now-24h", "?utm_source=x", "?viewer=ada&from=now-24h"])
def test_usual_ranges_are_not_rationed(asker: Asker, query: Counted, search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ration, "take", lambda self: pytest.fail("rationed"))
    assert b"bdata" in asker.section("open:all", search=search).data


def test_one_range_written_in_many_ways_is_read_once(asker: Asker, query: Counted) -> None:
    for search in ("?from=now-24h&to=now", "?from=now-24h", "?to=now&from=now-24h", "?from=now-24h&foo=1", "?from=now-24h&refresh=30"):
        asker.section("open:all", search=search)
    assert len(query.asked) == 1


def test_other_ranges_filters_and_widths_have_answers_of_their_own(asker: Asker, query: Counted) -> None:
    """Nobody may find another's range, or another's words, in their own answer."""
    searches = ("", "?from=now-1h", "?from=now-6h", "?from=2026-11-01&to=2026-11-02", "?from=2026-11-01&to=2026-11-03", "?q=a", "?q=b")
    for search in searches:
        asker.section("open:all", search=search)
    assert len(query.asked) == len(searches)
    asker.client.post("/_dash-update-component", json=_body(asker_output(asker), 1, width="narrow"))
    assert len(query.asked) == len(searches) + 1
    assert query.asked[-1][1].points == 180


def asker_output(asker: Asker) -> str:
    """The output of the one callback of sections."""
    return next(key for key in asker.app.callback_map if "done" in key)


def test_a_flood_of_odd_ranges_reads_no_more_than_its_ration(asker: Asker, query: Counted) -> None:
    count = 3 * int(kept_answers.RARE_BURST)
    begin = time.monotonic()
    for day in range(count):
        last = asker.section("open:all", search=f"?from={1_700_000_000 + day}&to={1_700_100_000 + day}")
        assert last.status_code == 200
    passed = time.monotonic() - begin
    assert len(query.asked) <= kept_answers.RARE_BURST + passed * kept_answers.RARE_PER_SECOND + 1 < count
    assert "Too many different time ranges" in last.text
    before = len(query.asked)
    assert b"bdata" in asker.section("open:all").data, "the usual range is not touched by the flood"
    assert len(query.asked) == before + 1


def test_files_are_kept_and_rationed_likewise(asker: Asker, query: Counted) -> None:
    for _turn in range(3):
        assert asker.client.get("/export/open/all/people?at=/").status_code == 200
    assert len(query.asked) == 1
    statuses = [asker.client.get(f"/export/open/all/people?at=/&from={1_700_000_000 + turn}&to=1700100000").status_code for turn in range(100)]
    assert set(statuses) == {200, 503}
    assert len(query.asked) < 60


def test_a_request_of_another_form_gets_the_ordinary_answer(asker: Asker, query: Counted) -> None:
    body = _body(asker_output(asker), 1)
    body["outputs"][1] = body["outputs"][1][:1]
    body["outputs"][2] = body["outputs"][2][:1]
    for _turn in range(2):
        answer = asker.client.post("/_dash-update-component", json=body)
    assert len(query.asked) == 2
    assert sum('"figure"' in key for key in answer.get_json()["response"]) == 1


def test_half_a_section_is_rationed_as_what_few_ask_for_is(asker: Asker, query: Counted) -> None:
    """It is not kept, so without the ration one visitor could make the portal ask as often as a machine can post."""
    for number in range(60):
        body = _body(asker_output(asker), 1, search=f"?from={1_700_000_000 + number}&to=1700100000")
        body["outputs"][1], body["outputs"][2] = body["outputs"][1][:1], body["outputs"][2][:1]
        assert asker.client.post("/_dash-update-component", json=body).status_code == 200
    assert len(query.asked) < 50


def test_the_ration_does_not_hide_that_a_session_has_ended(asker: Asker) -> None:
    for _turn in range(40):
        assert asker.section("staff:all", "/staff").status_code == 401


def test_one_question_s_answer_is_never_kept_for_another(asker: Asker, query: Counted) -> None:
    """What the browser says has changed, and ids of another section in the same body, decide nothing."""
    body = _body(asker_output(asker), 1)
    body["changedPropIds"] = ['{"section":"staff:all","type":"load"}.data']
    asker.client.post("/_dash-update-component", json=body)
    assert b"bdata" in asker.section("open:all").data
    body["inputs"][0]["id"]["section"] = "staff:all"
    assert asker.client.post("/_dash-update-component", json=body).status_code == 400


def test_the_router_is_asked_for_one_page_only(asker: Asker) -> None:
    """Dash takes the address by its place, the page by its name: where they differ, one page would be kept as another."""
    body = {
        "output": public.ROUTER, "changedPropIds": [],
        "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
        "inputs": [{"id": "_pages_location", "property": "search", "value": "/staff"}, {"id": "_pages_location", "property": "pathname", "value": "/"}],
    }  # fmt: skip
    assert asker.client.post("/_dash-update-component", json=body).status_code == 400


def test_the_frame_repeats_nothing_of_the_request_that_made_it(asker: Asker) -> None:
    """It is kept for everybody: the first visitor's host and query would be every other visitor's."""
    first = asker.client.get("/?user=alice", headers={"Host": "evil.example"}).text
    assert "alice" not in first and "evil" not in first and 'name="viewport"' in first and "UTF-8" in first
    assert asker.client.get("/").text == first


def test_a_failure_is_kept_for_a_few_seconds_only(asker: Asker, query: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    query.fails = True
    for _turn in range(3):
        assert "cannot be reached" in asker.section("open:all").text
    assert len(query.asked) == 1, "a source that is down is not asked by each who looks"
    query.fails = False
    begin = time.monotonic()
    monkeypatch.setattr(kept_answers.time, "monotonic", lambda: begin + kept_answers.FAILED_SECONDS + 0.1)
    assert b"bdata" in asker.section("open:all").data


def test_how_long_an_answer_is_kept_is_the_shortest_scrape_interval(tmp_path: Any) -> None:
    settings = fakes.settings_for(tmp_path, metrics={"exporters": {"slurm_exporter": {"scrape_seconds": 60}, "node_exporter": {"scrape_seconds": 10}}})
    page = fakes.PAGES[0]
    for names, seconds in (((), 30), (("slurm_exporter",), 60), (("slurm_exporter", "node_exporter"), 15)):
        section = fakes._section("x", ANYONE)
        object.__setattr__(section, "needs", tuple(Need(kind="exporter", name=name) for name in names))
        assert public.seconds_of(page, section, settings) == seconds
    object.__setattr__(section, "needs", (Need(kind="exporter", name="slurm_exporter"), Need(kind="table", name="job_table")))
    assert public.seconds_of(page, section, settings) == 30


@pytest.fixture
def kept(tmp_path: Any) -> Iterator[KeptAnswers]:
    cache = Cache(tmp_path, 16)
    yield KeptAnswers(cache, "x")
    cache.close()


def test_workers_share_what_one_made(tmp_path: Any) -> None:
    cache, made = Cache(tmp_path, 16), []
    for _worker in range(3):
        held = KeptAnswers(cache, "x").get(("k",), 30, lambda: made.append(1) or Answer((b"a", b"b")))
        assert held.answer.body(b"-") == b"a-b"
    assert len(made) == 1
    assert KeptAnswers(cache, "other settings").get(("k",), 30, lambda: Answer((b"c",))).answer.body(b"") == b"c"
    cache.close()


def test_the_old_answer_is_handed_out_while_a_new_one_is_made(kept: KeptAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.get(("k",), 30, lambda: Answer((b"old",)))
    kept.shared.clear()
    later = time.monotonic() + 31
    monkeypatch.setattr(kept_answers.time, "monotonic", lambda: later)
    begun, go = threading.Event(), threading.Event()

    def slow() -> Answer:
        begun.set()
        go.wait(5)
        return Answer((b"new",))

    with ThreadPoolExecutor(1) as threads:
        maker = threads.submit(kept.get, ("k",), 30, slow)
        assert begun.wait(5)
        assert kept.get(("k",), 30, lambda: pytest.fail("made twice")).answer.parts == (b"old",)
        go.set()
        assert maker.result().answer.parts == (b"new",)
    assert kept.get(("k",), 30, lambda: pytest.fail("made twice")).answer.parts == (b"new",)


def test_what_few_ask_for_is_busy_for_them_unless_there_is_an_old_answer(kept: KeptAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.get(("k",), 30, lambda: Answer((b"old",)), rare=True)
    kept.shared.clear()
    kept.ration.left, kept.ration.clock = 0, lambda: kept.ration.at
    with pytest.raises(Busy):
        kept.get(("l",), 30, lambda: Answer((b"",)), rare=True)
    later = time.monotonic() + 31
    monkeypatch.setattr(kept_answers.time, "monotonic", lambda: later)
    assert kept.get(("k",), 30, lambda: Answer((b"new",)), rare=True).answer.parts == (b"old",)


def test_a_ration_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    ration = Ration(lambda: now[0])

    def took() -> int:
        count = 0
        try:
            while True:
                with ration.take():
                    count += 1
        except Busy:
            return count

    assert took() == 30
    now[0] += 2
    assert took() == 8
    now[0] += 3600
    assert took() == 30


def test_memory_is_bounded(kept: KeptAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "MEMORY", 10_000)
    for number in range(100):
        kept.get((number,), 30, lambda: Answer((b"x" * 1000,)), shared=False)
    assert len(kept._held) == 10 and kept._bytes == 10_000
    assert [key[0] for key in kept._held] == list(range(90, 100))


def test_while_a_source_that_fails_is_tried_anew_the_others_do_not_wait(kept: KeptAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> Answer:
        raise Failed(Answer((b"bad",)))

    kept.get(("k",), 30, failing)
    later = time.monotonic() + kept_answers.FAILED_SECONDS + 0.1
    monkeypatch.setattr(kept_answers.time, "monotonic", lambda: later)
    begun, go = threading.Event(), threading.Event()

    def slow() -> Answer:
        begun.set()
        go.wait(5)
        return Answer((b"good",))

    with ThreadPoolExecutor(1) as threads:
        maker = threads.submit(kept.get, ("k",), 30, slow)
        assert begun.wait(5)
        assert kept.get(("k",), 30, lambda: pytest.fail("asked twice")).answer.parts == (b"bad",)
        go.set()
        assert maker.result().answer.parts == (b"good",)
    assert kept.get(("k",), 30, lambda: pytest.fail("made again")).answer.parts == (b"good",)


@pytest.mark.parametrize(
    ("frames", "failed"),
    [
        (SourceDown("prometheus"), True), ({"a": SourceDown("slurm"), "b": 1}, True), ({"errors": {"home": SourceDown("robinhood")}}, True),
        ({"a": NoData(Why.NOT_CONFIGURED, "gpfs_exporter")}, False), ({"a": {"b": [1]}}, False), (NoData(Why.NO_DATA), False),
    ],
)  # fmt: skip
def test_what_failed_in_part_is_not_kept_either(frames: Any, failed: bool) -> None:
    assert failures(frames) is failed


def test_a_table_of_which_a_part_could_not_be_read_is_not_kept() -> None:
    frame = pd.DataFrame({"fs": ["home"]})
    assert not failures({"systems": frame})
    frame.attrs["unread"] = {"lustre": SourceSlow("prometheus")}
    assert failures({"systems": frame})


def test_an_answer_with_failures_is_not_shared(kept: KeptAnswers) -> None:
    def failing() -> Answer:
        raise Failed(Answer((b"bad",)))

    assert kept.get(("k",), 30, failing).answer.parts == (b"bad",)
    assert kept.shared.kept(("answer", "x", "k")) is None
