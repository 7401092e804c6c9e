"""A Prometheus that answers what it was told to."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler


class Fake:
    """A server whose next answers are given; `seen` holds (method, path, headers, body) of each request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.url = ""

    def say(self, *answers: Callable[[BaseHTTPRequestHandler], None]) -> None:
        """What the next requests get, in order; the last one stays."""
        self.answers = list(answers)


def reply(body: str | bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer with this status and body."""
    data = body.encode() if isinstance(body, str) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer
