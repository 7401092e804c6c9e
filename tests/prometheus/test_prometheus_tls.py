"""A Prometheus behind https with a certificate authority of the site's own."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import SourceDown
from core.settings import Prometheus
from datasources.prometheus.client import PrometheusClient

BODY = b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[0,"4"]}]}}'


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, certificate) of an https server whose certificate only its own file vouches for."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.handle_error = lambda *_: None  # a client that hangs up is what one test is about
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}", cert
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_the_sites_authority_is_trusted(secure: tuple[str, Path]) -> None:
    url, cert = secure
    assert PrometheusClient(Prometheus(url=url, ca_file=cert)).instant("up")["value"].tolist() == [4]


def test_and_no_other(secure: tuple[str, Path]) -> None:
    with pytest.raises(SourceDown) as error:
        PrometheusClient(Prometheus(url=secure[0])).instant("up")
    assert "CERTIFICATE_VERIFY_FAILED" in error.value.detail
