"""What stands between the portal and its real servers in tests, to be cut, frozen or made to lie."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import orjson

Answer = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # of five, connections of a whole page would wait a second to be tried again


class MetricsTap:
    """A server before a real Prometheus: hands on what it is asked, or gives `answer` in its place; `down()` closes its port."""

    def __init__(self, real: str) -> None:
        self.real = urlsplit(real).netloc
        self.answer: Answer | None = None
        self.asked = 0
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self.up()

    @property
    def url(self) -> str:
        """Its address, the same after down() and up()."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen and hand everything on."""
        self.answer = None
        if self._server is None:
            tap = self

            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms for the first to be acknowledged

                def do_POST(self) -> None:
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                    tap.asked += 1
                    self.body = body
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        if tap.answer is None:
                            tap.hand_on(self, body)
                        else:
                            tap.answer(self)

                do_GET = do_POST

                def log_message(self, *_: object) -> None:
                    """Stay quiet."""

            self._server = _Server(("127.0.0.1", self.port), Handler)
            self._server.daemon_threads = True
            self.port = self._server.server_port
            threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Listen no more: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        # connections that were kept open end with the next question
        self.answer = _hang_up

    def hand_on_with(self, handler: BaseHTTPRequestHandler, more: dict) -> None:
        """The real server's answer with more in its JSON."""
        self.hand_on(handler, handler.body, more)

    def hand_on(self, handler: BaseHTTPRequestHandler, body: bytes, more: dict | None = None) -> None:
        """The real server's answer."""
        link = http.client.HTTPConnection(self.real, timeout=20)
        kind = {"Content-Type": handler.headers.get("Content-Type", "text/plain")}
        link.request(handler.command, handler.path, body or None, kind)
        answer = link.getresponse()
        data = answer.read()
        if more:
            data = orjson.dumps(orjson.loads(data) | more)
        link.close()
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.close()


class DatabaseTap:
    """A port before a real MariaDB: hands bytes on, or is cut (`down`), or keeps silent (`freeze`)."""

    def __init__(self, port: int) -> None:
        self.real = port
        self.port = 0
        self.frozen = threading.Event()
        self._listener: socket.socket | None = None
        self._links: list[socket.socket] = []
        self.up()

    def up(self) -> None:
        """Listen and hand everything on."""
        self.frozen.clear()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Cut every connection and take no new one."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """End every connection there is."""
        while self._links:
            link = self._links.pop()
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def freeze(self) -> None:
        """Take everything and hand nothing on, as behind a firewall that swallows packets."""
        self.frozen.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _address = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.real))
            self._links += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._hand_on, args=(source, target), daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.frozen.is_set():
                    target.sendall(data)
        for link in (source, target):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
