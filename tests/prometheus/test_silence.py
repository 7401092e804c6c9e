"""A Prometheus that takes questions and says nothing: after a few of them one at a time tries it, and all go on when it is back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from core.errors import SourceDown, SourceSlow
from core.settings import Prometheus
from datasources.prometheus import transport
from datasources.prometheus.client import PrometheusClient
from datasources.prometheus.transport import SILENT_AFTER, Silence
from tests.prometheus.fake_server import Fake, reply
from tests.prometheus.test_prometheus_failures import answer, ask

DEADLINE = 0.4


def silent_for_now(fake: Fake) -> threading.Event:
    """The server says nothing until the event is set."""
    back = threading.Event()

    def hold(handler: BaseHTTPRequestHandler) -> None:
        back.wait(10)
        reply(answer())(handler)

    fake.say(hold)
    return back


def outcome(client: PrometheusClient) -> type[Exception] | None:
    try:
        ask(client)
    except SourceSlow as error:
        return type(error)
    return None


def test_those_who_ask_a_silent_server_do_not_each_wait_for_it(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE", 0.05)
    back = silent_for_now(fake)
    client = PrometheusClient(Prometheus(url=fake.url, timeout_seconds=DEADLINE))
    assert [outcome(client) for _each in range(SILENT_AFTER)] == [SourceSlow] * SILENT_AFTER
    asked = len(fake.seen)
    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(lambda _each: outcome(client), range(20))) == [SourceSlow] * 20
    # one at a time tries; without that all twenty would be at the server at once
    assert len(fake.seen) - asked < 20
    back.set()
    fake.say(reply(answer()))
    with ThreadPoolExecutor(20) as threads:
        monkeypatch.setattr(transport, "PATIENCE", 5.0)
        assert list(threads.map(lambda _each: outcome(client), range(20))) == [None] * 20, "all go on with the first answer"


def test_a_slow_question_between_others_is_no_silence() -> None:
    silence = Silence()
    for _each in range(10):
        silence.kept(SourceSlow)
        silence.kept(SourceSlow)
        silence.answered()
        assert silence.begin() is False


def test_one_tries_and_the_others_are_told_what_it_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE", 0.02)
    silence = Silence()
    for _each in range(SILENT_AFTER):
        silence.kept(SourceDown)
    assert silence.begin() is True
    began = time.monotonic()
    with pytest.raises(SourceDown):
        silence.begin()
    assert time.monotonic() - began < 2
    silence.end()
    assert silence.begin() is True
    silence.answered()
    silence.end()
    assert silence.begin() is False
