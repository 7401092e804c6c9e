"""The portal's own metrics, on a loopback port when one is set: requests and sections by outcome, and how long they took."""

from __future__ import annotations

import logging
import time

from dash import Dash
from flask import Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from datasources.sources import Sources

log = logging.getLogger(__name__)


def watch(app: Dash, sources: Sources) -> None:
    """Count and time every request; nothing of who asked or for what is kept. Off without server.metrics_port."""
    port = sources.settings.server.metrics_port
    if not port:
        return
    registry = CollectorRegistry()
    seconds = Histogram("turtle_request_seconds", "Time of a request", ("kind",), registry=registry)
    answers = Counter("turtle_answers", "Answers by kind and status", ("kind", "status"), registry=registry)

    @app.server.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.server.after_request
    def end(response: Response) -> Response:
        kind = "callback" if request.path.endswith("/_dash-update-component") else "route"
        seconds.labels(kind).observe(time.monotonic() - getattr(g, "began", time.monotonic()))
        answers.labels(kind, str(response.status_code)).inc()
        return response

    try:
        start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        # with several workers the first one has the port
        log.info("own metrics: port %d: %s", port, error.strerror)
