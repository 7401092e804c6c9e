"""Known samples in a real Prometheus, and a server that misbehaves on demand."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.hooks import load_hooks
from core.settings import Exporter, Metrics, Prometheus, Settings
from datasources.cache import Cache
from datasources.pool import Pool
from datasources.prometheus.client import PrometheusClient
from datasources.sources import Sources
from tests.prometheus.fake_server import Fake
from tests.prometheus.known_samples import samples


@pytest.fixture(scope="session")
def known(prometheus_from: Callable[..., str]) -> str:
    """Address of a Prometheus that holds samples()."""
    return prometheus_from(samples())


@pytest.fixture
def sources_of(tmp_path: Path) -> Iterator[Callable[..., Sources]]:
    """sources_of(url, clock=…, **prometheus settings) → Sources with only Prometheus."""
    with contextlib.ExitStack() as stack:

        def make(url: str, clock: Callable[[], float] = time.time, **more: object) -> Sources:
            exporters = {"slurm-job-exporter": Exporter(scrape_seconds=60), "absent_exporter": Exporter(installed=False)}
            settings = Settings(prometheus=Prometheus(url=url, **more), metrics=Metrics(host_domain=".cluster.ca", exporters=exporters))
            client = PrometheusClient(settings.prometheus, clock) if url else None
            pool, cache = Pool(8), Cache(tmp_path / f"cache{time.monotonic_ns()}", 64)
            stack.callback(pool.close)
            stack.callback(cache.close)
            return Sources(
                settings=settings, hooks=load_hooks(), prometheus=client, slurm=None, portal=None, cache=cache, pool=pool, clock=clock
            )

        yield make


class Server(ThreadingHTTPServer):
    """Takes as many connections at once as anybody here makes."""

    request_queue_size = 128


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A server that does as told."""
    made = Fake()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            made.seen.append((self.command, self.path, dict(self.headers), body))
            answer = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                answer(self)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
