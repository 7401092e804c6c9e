"""Prometheus failing in every way: a named error within the deadline, the server's words kept for the log."""

from __future__ import annotations

import gzip
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest

from core.errors import SettingsError, SourceBroken, SourceDown, SourceRefused, SourceSlow
from core.settings import Prometheus, Settings
from core.settings_file import load
from datasources.prometheus.client import PrometheusClient, recording
from datasources.prometheus.promql import site_filters
from tests.prometheus.fake_server import Fake, reply


def answer(series: int = 1, **more: object) -> str:
    result = [{"metric": {"n": str(number)}, "values": [[0, "1"], [60, "2"]]} for number in range(series)]
    return orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more}).decode()


def problem(kind: str, text: str) -> str:
    return orjson.dumps({"status": "error", "errorType": kind, "error": text}).decode()


def client_of(fake: Fake, **more: object) -> PrometheusClient:
    return PrometheusClient(Prometheus(url=fake.url, **{"timeout_seconds": 1.0, **more}))


def ask(client: PrometheusClient) -> object:
    return client.range("up", 0, 60, 60)


@pytest.mark.parametrize(
    ("says", "error", "words", "tries"),
    [
        (reply("<html>Sign in</html>", kind="text/html"), SourceBroken, "Sign in", 1),
        (reply(answer()[:-30]), SourceBroken, "", 1),
        (reply(answer()[: answer().index("values") + 14]), SourceBroken, "", 1),
        (reply('{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"x"]]}]}}'), SourceBroken, "", 1),
        (reply("[]"), SourceBroken, "", 1),
        (reply("null"), SourceBroken, "", 1),
        (reply('{"status":"success"}'), SourceBroken, "", 1),
        (reply('{"status":"success","data":{"resultType":"wat","result":5}}'), SourceBroken, "", 1),
        (reply(""), SourceBroken, "", 1),
        (reply(b"\xff\xfe\x00"), SourceBroken, "", 1),
        (reply(problem("bad_data", "parse error at char 7"), 400), SourceRefused, "parse error at char 7", 1),
        (reply(problem("execution", "too many samples"), 422), SourceRefused, "too many samples", 1),
        (reply("no", 401, "text/plain"), SourceRefused, "401", 1),
        (reply("no", 403, "text/plain"), SourceRefused, "403", 1),
        (reply(problem("timeout", "query timed out"), 503), SourceSlow, "query timed out", 1),
        (reply("busy", 429, "text/plain"), SourceSlow, "busy", 1),
        (reply("no backend", 503, "text/plain"), SourceDown, "no backend", 2),
        (reply("bad gateway", 502, "text/html"), SourceDown, "bad gateway", 2),
        (reply("oops", 500, "text/plain"), SourceDown, "oops", 2),
        (reply("late", 504, "text/plain"), SourceSlow, "late", 2),
        (reply("gone", 404, "text/plain"), SourceBroken, "404", 1),
        (reply("", 302, "text/html", Location="https://sso.example.org/"), SourceBroken, "https://sso.example.org/", 1),
    ],
)
def test_answers_that_are_none(fake: Fake, says: Callable, error: type, words: str, tries: int, caplog: pytest.LogCaptureFixture) -> None:
    fake.say(says)
    with caplog.at_level(logging.WARNING), pytest.raises(error) as raised, recording() as requests:
        ask(client_of(fake))
    assert words in raised.value.detail and words in caplog.text and "query: up" in caplog.text
    assert len(fake.seen) == tries and [one.error for one in requests] == [error.__name__]


def test_one_retry_mends_a_passing_failure(fake: Fake) -> None:
    fake.say(reply("restarting", 503, "text/plain"), reply(answer()))
    assert ask(client_of(fake)).iloc[:, 0].tolist() == [1, 2]
    assert len(fake.seen) == 2


def _reset(handler) -> None:
    """Half of an answer, then a reset of the connection."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(answer().encode())
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def _short(handler) -> None:
    """Half of an answer, then a proper end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(answer().encode())
    handler.close_connection = True


def test_a_reset_within_the_body_is_tried_again(fake: Fake) -> None:
    fake.say(_reset, reply(answer()))
    assert ask(client_of(fake)).shape == (2, 1) and len(fake.seen) == 2
    fake.say(_reset)
    with pytest.raises((SourceDown, SourceBroken)):
        ask(client_of(fake))


def test_a_body_that_ends_half_way(fake: Fake) -> None:
    fake.say(_short)
    with pytest.raises(SourceBroken):
        ask(client_of(fake))
    assert len(fake.seen) == 2


def _silent(handler) -> None:
    time.sleep(2.5)


def _dripping(handler) -> None:
    """A byte every 50 ms: each arrives in time, the whole never."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def _slow_failure(handler) -> None:
    time.sleep(0.7)
    reply("bad", 502, "text/plain")(handler)


@pytest.mark.parametrize("says", [_silent, _dripping, _slow_failure])
def test_nothing_outlasts_the_deadline(fake: Fake, says: Callable) -> None:
    fake.say(says)
    began = time.monotonic()
    with pytest.raises((SourceSlow, SourceDown)):
        ask(client_of(fake))
    assert time.monotonic() - began < 1.3


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(SourceDown):
        ask(PrometheusClient(Prometheus(url=f"http://127.0.0.1:{port}")))


def test_too_many_series_are_refused_with_numbers(fake: Fake) -> None:
    fake.say(reply(answer(5001)))
    with pytest.raises(SourceRefused, match="5001 series, at most 5000"):
        ask(client_of(fake))
    fake.say(reply(answer(5000)))
    assert ask(client_of(fake)).shape == (2, 5000)


def test_warnings_are_kept_and_logged(fake: Fake, caplog: pytest.LogCaptureFixture) -> None:
    fake.say(reply(answer(warnings=["store c is away"], infos=["not a counter"])))
    with caplog.at_level(logging.WARNING):
        frame = ask(client_of(fake))
    assert frame.attrs["warnings"] == ("store c is away", "not a counter") and "store c is away" in caplog.text


def test_doubled_series_count_once(fake: Fake) -> None:
    """Two of a pair of servers behind a plain proxy: the same labels twice, the second fills the gaps of the first."""
    result = [{"metric": {"n": "1"}, "values": [[0, "1"]]}, {"metric": {"n": "1"}, "values": [[0, "1"], [60, "2"]]}]
    fake.say(reply(orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})))
    frame = ask(client_of(fake))
    assert frame.columns.tolist() == [("1",)] and frame.iloc[:, 0].tolist() == [1, 2]


def test_other_ways_to_write_json(fake: Fake) -> None:
    """Spaces, series without samples, native histograms beside floats, samples off the grid, odd labels."""
    text = """{"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": {"n": "\\"values\\":[["}, "values": [[0, "1"], [60, "NaN"], [600, "9"]]},
        {"metric": {"n": "h"}, "histograms": [[0, {"count": "1"}]]}]}}"""
    fake.say(reply(text))
    spaced = ask(client_of(fake))
    assert spaced.columns.tolist() == [('"values":[[',)] and spaced.iloc[0, 0] == 1 and np.isnan(spaced.iloc[1, 0])
    fake.say(reply(orjson.dumps(orjson.loads(text))))
    compact = ask(client_of(fake))
    assert compact.equals(spaced)


def test_a_proxy_that_compresses_unasked(fake: Fake) -> None:
    fake.say(reply(gzip.compress(answer().encode()), Content_Encoding="gzip"))
    assert ask(client_of(fake)).shape == (2, 1)
    fake.say(reply(answer(), Content_Encoding="gzip"))
    with pytest.raises(SourceBroken):
        ask(client_of(fake))


def test_what_is_sent(fake: Fake, tmp_path: Path) -> None:
    fake.say(reply(answer()))
    client = client_of(fake, username="ada", password="p:w é", headers={"X-Site": "1"}, tenant="hpc", thanos=True, max_series=10)
    ask(client)
    method, path, headers, body = fake.seen[0]
    assert (method, path) == ("POST", "/api/v1/query_range")
    assert headers["Authorization"] == "Basic YWRhOnA6dyDDqQ=="  # printf 'ada:p:w é' | base64
    assert (headers["X-Site"], headers["X-Scope-OrgID"], headers["Accept-Encoding"]) == ("1", "hpc", "identity")
    sent = dict(part.split("=") for part in body.split("&"))
    assert 0 < float(sent.pop("timeout")) < 1
    assert sent == {"query": "up", "start": "0", "end": "60", "step": "60", "limit": "11", "dedup": "true", "partial_response": "false"}


def test_bearer_and_sub_path(fake: Fake) -> None:
    fake.say(reply(answer()))
    client = PrometheusClient(Prometheus(url=f"{fake.url}/select/0", bearer_token="t0ken"))
    ask(client)
    assert fake.seen[0][1] == "/select/0/api/v1/query_range" and fake.seen[0][2]["Authorization"] == "Bearer t0ken"
    assert "dedup" not in fake.seen[0][3]


def test_connections_are_used_again(fake: Fake) -> None:
    ports = set()

    def answering(handler) -> None:
        ports.add(handler.client_address[1])
        reply(answer())(handler)

    fake.say(answering)
    client = client_of(fake)
    for _ in range(5):
        ask(client)
    assert len(ports) == 1


def test_no_more_requests_at_a_time_than_set(fake: Fake) -> None:
    now, most, lock = [0], [0], threading.Lock()

    def answering(handler) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        reply(answer())(handler)

    fake.say(answering)
    client = client_of(fake, connections=2)
    threads = [threading.Thread(target=ask, args=(client,)) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(fake.seen) == 6 and most[0] <= 2


@pytest.mark.parametrize(
    "settings",
    [{"url": "http://ada:pw@x"}, {"url": "https://x", "ca_file": "/nowhere/ca.pem"}],
)
def test_settings_that_can_never_work(settings: dict) -> None:
    with pytest.raises(SettingsError, match="prometheus"):
        PrometheusClient(Prometheus(**settings))


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://x"])
def test_addresses_that_are_none_stop_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match=r"prometheus\.url.*must begin with http"):
        load(None, {"TURTLE_PROMETHEUS__URL": url})


def test_a_filter_for_no_module_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"prometheus\.filter\.jobstat: no such module; allowed: default, status, overview, jobstats"):
        site_filters(Settings.model_validate({"prometheus": {"filter": {"jobstat": 'cluster="x"'}}}))
