"""Compressed answers: scripts and styles once and kept on disk, everything else quickly on the way out."""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import threading
from pathlib import Path

import brotli
from dash import Dash
from flask import Response, request

from components import http_cache
from components.links import below_base
from core.settings import Settings

SUITES = "/_dash-component-suites/"
STATIC = (SUITES, "/assets/")
READY = 400  # addresses of scripts that are answered from memory
SMALLEST = 1400  # one packet: not worth compressing
TEXTS = ("text/", "application/json", "application/javascript", "image/svg+xml")
QUICK = 1  # answers are compressed while somebody waits: figures shrink to a third at once, and little more with patience
log = logging.getLogger(__name__)


class Kept:
    """Compressed copies of static files, in memory and in the cache folder, so that each is compressed once per installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "static"
        self._memory: dict[str, bytes] = {}
        self._ready: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = {}
        self._lock = threading.Lock()

    def get(self, body: bytes, coding: str) -> bytes:
        """The compressed form of a body."""
        key = f"{hashlib.sha256(body).hexdigest()[:32]}.{coding}"
        found = self._memory.get(key)
        if found is None:
            with self._lock:  # threads that want the same bundle wait for the first
                found = self._memory.get(key) or self._load(key, body, coding)
                self._memory[key] = found
        return found

    def note(self, path: str, coding: str, response: Response) -> None:
        """Keep the answer for a script of Dash and its components, which do not change while the portal runs: reading the largest
        and finding its compressed copy takes 20 ms. All addresses of one file share its bytes."""
        if path.startswith(SUITES) and not request.args and len(self._ready) < READY:
            headers = {name: response.headers[name] for name in ("Content-Type", "Cache-Control", "ETag") if name in response.headers}
            self._ready[path, coding] = (response.response[0], headers)

    def ready(self, path: str, coding: str) -> Response | None:
        """The answer noted for an address; None without one."""
        found = self._ready.get((path, coding))
        if found is None or request.method != "GET":
            return None
        answer = Response(found[0], headers=found[1])
        answer.headers["Content-Encoding"] = coding
        answer.vary.add("Accept-Encoding")
        return answer.make_conditional(request)

    def _load(self, key: str, body: bytes, coding: str) -> bytes:
        path = self.folder / key
        try:
            return path.read_bytes()
        except OSError:
            made = brotli.compress(body, quality=9) if coding == "br" else gzip.compress(body, 9, mtime=0)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_bytes(made)
            part.replace(path)
        except OSError as error:
            log.warning("compressed copies are not kept on disk: %s", error)
        return made


def _coding() -> str:
    accepted = request.accept_encodings
    return next((name for name in ("br", "gzip") if name in accepted), "")


def install(app: Dash, settings: Settings) -> None:
    """Compress answers and let browsers keep the static ones."""
    kept = Kept(settings.server.cache_dir)

    @app.server.after_request
    def compress(response: Response) -> Response:
        path = below_base(settings, request.path) or "/"
        static = path.startswith(STATIC)
        if static:
            http_cache.static(response)
        kind = response.mimetype or ""
        coding = _coding()
        if (
            not coding
            or response.status_code != 200
            or not kind.startswith(TEXTS)
            or "Content-Encoding" in response.headers
        ):
            return response
        response.direct_passthrough = False
        body = response.get_data()
        if len(body) < SMALLEST:
            return response
        if static:
            # set_data() would copy it
            response.response = [kept.get(body, coding)]
            response.content_length = len(response.response[0])
        else:
            response.set_data(brotli.compress(body, quality=QUICK) if coding == "br" else gzip.compress(body, QUICK))
        response.headers["Content-Encoding"] = coding
        response.vary.add("Accept-Encoding")
        if tag := response.get_etag()[0]:
            response.set_etag(tag, weak=True)  # the same content in another form
        if static:
            kept.note(path, coding, response)
        return response

    @app.server.before_request
    def at_hand() -> Response | None:
        path = below_base(settings, request.path) or "/"
        return kept.ready(path, _coding()) if path.startswith(SUITES) else None
