"""The metrics server fails in every way: its charts say so in words, accounting stays, nothing outlasts the deadlines."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from components.text import error_sentence
from core.errors import SourceBroken, SourceDown, SourceRefused, SourceSlow
from tests.access.asker import Asker
from tests.failures.conftest import World
from tests.failures.world import MEASURED, PAGES, ask, forget, leaks, page_text, said
from tests.prometheus.fake_server import reply

pytestmark = pytest.mark.services

DOWN = "The metrics server cannot be reached. The rest of the page is not affected; reload in a minute."
SLOW = "The metrics server took too long to answer. Choose a shorter time range, or reload in a minute."
REFUSED = "The metrics server refused the question. Choose a shorter time range; if that does not help, tell support."
BROKEN = "The metrics server gave an answer that cannot be read. Reload in a minute; if it stays, tell support."
JOB = f"/job/{MEASURED}"
# the deadline is 1 s, a section may ask twice in a row; generous for a busy machine, far below ten seconds
SECONDS = 5.0


def _matrix(series: int) -> str:
    result = [{"metric": {"slurmjobid": "1", "core": str(number)}, "values": [[0, "1"]]} for number in range(series)]
    return orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).decode()


def _problem(kind: str, words: str) -> str:
    return orjson.dumps({"status": "error", "errorType": kind, "error": words}).decode()


def _late(handler: Any) -> None:
    time.sleep(1.6)


def _dripping(handler: Any) -> None:
    """A byte now and then: each arrives in time, the whole never."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    for _byte in range(40):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


# what the server answers → the sentence, and what the log must hold of its cause
FAILURES: dict[str, tuple[Callable[[Any], None], str, str]] = {
    "400": (reply(_problem("bad_data", "parse error at char 7 of slurm_job_x"), 400), REFUSED, "parse error at char 7"),
    "401": (reply("who are you", 401, "text/plain"), REFUSED, "401"),
    "422": (reply(_problem("execution", "query processing would load too many samples"), 422), REFUSED, "too many samples"),
    "503 timeout": (reply(_problem("timeout", "query timed out in expression evaluation"), 503), SLOW, "query timed out"),
    "503": (reply("no healthy upstream", 503, "text/plain"), DOWN, "no healthy upstream"),
    "429": (reply("too many requests", 429, "text/plain"), SLOW, "too many requests"),
    "html": (reply("<html><title>Sign in</title></html>", kind="text/html"), BROKEN, "Sign in"),
    "truncated": (reply(_matrix(1)[:-20]), BROKEN, "SourceBroken"),
    "empty body": (reply(""), BROKEN, "SourceBroken"),
    "redirect": (reply("", 302, "text/html", Location="https://sso.example.org/"), BROKEN, "sso.example.org"),
    "5001 series": (reply(_matrix(5001)), REFUSED, "5001 series"),
    "late": (_late, SLOW, "Read timed out"),
    "dripping": (_dripping, SLOW, "SourceSlow"),
}  # fmt: skip


def accounting_stands(person: Asker) -> None:
    """What accounting alone knows is still shown, and rightly: sacct says job 1 is `relax`, completed, batch peak 4250K."""
    page = page_text(person.page(JOB))
    assert "relax" in page and "Completed" in page
    facts = said(ask(person, "job:request", JOB))
    assert "rrg-pi1_cpu" in facts["scheduler"] and "from accounting" in facts["use"]
    assert "srun" in said(ask(person, "job:script", JOB))["script"]
    assert "4.15" in said(ask(person, "job:records", JOB))["steps"]
    listed = said(ask(person, "jobs:list", "/jobs"))["jobs"]
    assert "relax" in listed and "md_production" in listed
    assert "Cores in use" in said(ask(person, "status:now", "/"))["tiles"]


@pytest.mark.parametrize("kind", FAILURES)
def test_charts_say_what_happened_and_the_log_why(world: World, alice: Asker, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    answer, sentence, cause = FAILURES[kind]
    world.metrics.answer = answer
    with caplog.at_level(logging.INFO):
        for place, path in (("job:cpu", JOB), ("jobs:history", "/jobs"), ("status:use", "/")):
            began = time.monotonic()
            found = ask(alice, place, path)
            assert time.monotonic() - began < SECONDS, place
            assert leaks(found) == []
            assert all(words == sentence for key, words in said(found).items() if key != "nodes"), (place, said(found))
            assert said(found)
    assert cause in caplog.text
    assert "query: " in caplog.text  # which question it was


def test_nobody_listens_and_then_somebody_does(world: World, alice: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """Accounting stays, and no failure is remembered: the very next question is answered."""
    world.metrics.down()
    with caplog.at_level(logging.WARNING):
        assert said(ask(alice, "job:cpu", JOB))["cores"] == DOWN
        accounting_stands(alice)
    assert "SourceDown" in caplog.text or "refused" in caplog.text
    world.metrics.up()
    assert said(ask(alice, "job:cpu", JOB))["cores"] == "chart"
    assert said(ask(alice, "status:use", "/"))["cores"] == "chart"


@pytest.mark.parametrize("kind", ["late", "html", "422", "5001 series", "503"])
def test_accounting_stays_and_the_next_answer_counts(world: World, alice: Asker, kind: str) -> None:
    world.metrics.answer = FAILURES[kind][0]
    began = time.monotonic()
    accounting_stands(alice)
    assert time.monotonic() - began < 3 * SECONDS
    assert said(ask(alice, "job:cpu", JOB))["cores"] == FAILURES[kind][1]
    world.metrics.up()
    assert said(ask(alice, "job:cpu", JOB))["cores"] == "chart"


def test_every_section_of_a_job_answers_within_its_deadline(world: World) -> None:
    """All at once, as a browser asks for them."""
    world.metrics.answer = _late

    def look(key: str) -> tuple[str, float, Any]:
        section = next(one for one in PAGES["job"].sections if one.key == key)
        began = time.monotonic()
        found = world.person("alice").section(PAGES["job"], section, JOB)
        return key, time.monotonic() - began, found

    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(look, ("summary", "gpu", "counters", "power", "request")))
    for key, seconds, found in answers:
        assert seconds < SECONDS, key
        assert leaks(found) == [] and found.status_code == 200
        for part, words in said(found).items():
            assert "could not be drawn" not in words, part


def test_exports_say_it_too(world: World, alice: Asker) -> None:
    """A CSV of nothing would pass for a result."""
    for kind, status in (("html", 503), ("422", 503), ("late", 503)):
        world.metrics.answer = FAILURES[kind][0]
        forget(world.sources)
        answer = alice.get(f"/export/job/cpu/cores?at={JOB}")
        assert answer.status_code == status and answer.get_data(as_text=True).strip() == FAILURES[kind][1]
    world.metrics.up()
    answer = alice.get(f"/export/job/cpu/cores?at={JOB}")
    assert answer.status_code == 200 and answer.get_data(as_text=True).startswith("time (UTC)")


def test_numbers_are_not_made_of_nothing(world: World, alice: Asker) -> None:
    """Without metrics the job's peak memory is accounting's own (64891K, as sacct says), and is called so."""
    world.metrics.down()
    words = said(ask(alice, "job:summary", JOB))["tiles"]
    assert "measured" not in words
    assert "from accounting" in words
    world.metrics.up()
    forget(world.sources)
    assert "measured" in said(ask(alice, "job:summary", JOB))["tiles"]


def test_half_of_the_questions_fail(world: World, alice: Asker) -> None:
    """One chart of a section fails, its neighbour is drawn."""

    number = itertools.count()

    def half(handler: Any) -> None:
        if next(number) % 2:
            reply("<html>", kind="text/html")(handler)
        else:
            reply(_matrix(0))(handler)

    world.metrics.answer = half
    words = set(said(ask(alice, "jobs:history", "/jobs")).values())
    assert BROKEN in words and len(words) > 1


def test_a_storm_of_visitors_waits_no_longer_than_one(world: World) -> None:
    """Twelve people look while the server keeps silent: everybody hears of it in time."""
    world.metrics.answer = _late
    took: list[float] = []

    def look(login: str) -> None:
        began = time.monotonic()
        ask(world.person(login), "status:use", "/")
        took.append(time.monotonic() - began)

    threads = [threading.Thread(target=look, args=(f"u{number}",)) for number in range(12)]
    [thread.start() for thread in threads]
    [thread.join(20) for thread in threads]
    assert len(took) == 12 and max(took) < 2 * SECONDS


def test_warnings_of_the_server_are_logged_and_the_chart_is_drawn(world: World, alice: Asker, caplog: pytest.LogCaptureFixture) -> None:
    def warned(handler: Any) -> None:
        world.metrics.hand_on_with(handler, {"warnings": ["PromQL warning: store c is away"]})

    world.metrics.answer = warned
    with caplog.at_level(logging.WARNING):
        answer = ask(alice, "job:cpu", JOB)
    assert said(answer)["cores"] == "chart"
    assert "store c is away" in caplog.text and "store c" not in answer.get_data(as_text=True)


def test_readiness_tells_and_health_does_not_care(world: World, alice: Asker) -> None:
    assert alice.get("/readyz").status_code == 200
    world.metrics.down()
    answer = alice.get("/readyz")
    assert answer.status_code == 503 and answer.get_json() == {"prometheus": False, "slurm": True}
    assert alice.get("/healthz").status_code == 200


def test_staff_see_the_queries_with_their_errors(world: World) -> None:
    world.metrics.answer = FAILURES["422"][0]
    text = world.person("ada").get(f"/queries/job/cpu?at={JOB}").get_data(as_text=True)
    assert "slurm_job_core_usage_total" in text and "SourceRefused" in text


def test_the_errors_are_told_apart() -> None:
    """The four sentences above are those of four different errors."""
    found = [error_sentence(kind("prometheus", "x")) for kind in (SourceDown, SourceSlow, SourceRefused, SourceBroken)]
    assert found == [DOWN, SLOW, REFUSED, BROKEN]
