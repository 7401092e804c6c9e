"""HTTP to Prometheus: one pooled session, hard deadlines, one retry, and errors sorted into ours."""

from __future__ import annotations

import gzip
import http.client
import logging
import threading
import time
import zlib
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from core.errors import SettingsError, SourceBroken, SourceDown, SourceError, SourceRefused, SourceSlow
from core.settings import Prometheus as Settings

CONNECT_SECONDS = 3.0
MAX_BYTES = 256 * 1024**2  # more than a chart can ever use, and what one worker can hold
CHUNK = 1 << 18
SILENT_AFTER = 3  # questions in a row without a word after which the server counts as silent
PATIENCE = 1.0  # seconds a question waits for the one that tries a silent server
NAME = "prometheus"
log = logging.getLogger(__name__)


class _Again(Exception):
    """Failed in a way that another try may mend; `error` is what it means if it does not."""

    def __init__(self, error: SourceError) -> None:
        super().__init__(str(error))
        self.error = error


def session(settings: Settings) -> requests.Session:
    """A pooled session with the site's headers, credentials, tenant and CA; proxies and .netrc of the environment are not used."""
    made = requests.Session()
    made.trust_env = False
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=settings.connections, pool_block=False)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    # gzip doubles the time of an answer on a local network
    made.headers.update({"Accept-Encoding": "identity", "Accept": "application/json"})
    made.headers.update({name: value.get_secret_value() for name, value in settings.headers.items()})
    if settings.tenant:
        made.headers["X-Scope-OrgID"] = settings.tenant
    if settings.bearer_token.get_secret_value():
        made.headers["Authorization"] = f"Bearer {settings.bearer_token.get_secret_value()}"
    elif settings.username:
        # bytes, because requests would encode text as Latin-1 and fail on other letters
        made.auth = (settings.username.encode(), settings.password.get_secret_value().encode())
    if settings.ca_file is not None:
        if not settings.ca_file.is_file():
            raise SettingsError(f"prometheus.ca_file = {settings.ca_file}: no such file")
        made.verify = str(settings.ca_file)
    return made


class Silence:
    """Whether the server keeps silent. While it does one question at a time tries it, the others fail within a second: a server that
    takes questions and never answers would otherwise hold every thread of the portal."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._unanswered, self._trying, self._said = 0, False, SourceSlow

    def begin(self) -> bool:
        """True if this question tries a silent server, False if the server answers; raises what the last questions met."""
        with self._lock:
            if self._unanswered < SILENT_AFTER:
                return False
            if not self._trying:
                self._trying = True
                return True
            self._lock.wait_for(lambda: not self._trying or self._unanswered < SILENT_AFTER, PATIENCE)
            if self._unanswered >= SILENT_AFTER:
                raise self._said(NAME, "silent at the last questions")
            return False

    def answered(self) -> None:
        """The server said something."""
        if self._unanswered:
            with self._lock:
                self._unanswered = 0
                self._lock.notify_all()

    def kept(self, error: type[SourceError]) -> None:
        """It said nothing before the deadline, or did not even take the question."""
        with self._lock:
            self._unanswered, self._said = self._unanswered + 1, error

    def end(self) -> None:
        """The question that tried is over."""
        with self._lock:
            self._trying = False
            self._lock.notify_all()


class Transport:
    """Sends one request, tries a second time after a 5xx or a broken connection, never beyond the deadline."""

    def __init__(self, settings: Settings, http: requests.Session) -> None:
        parts = urlsplit(settings.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"prometheus.url = {settings.url!r}: must be http://host:port or https://…")
        if parts.username or parts.password:
            raise SettingsError("prometheus.url: put the user into prometheus.username and the password into password_file")
        self.base = settings.url.rstrip("/") + "/"
        self.http = http
        self.seconds = settings.timeout_seconds
        self._slots = threading.BoundedSemaphore(settings.connections)
        self._silence = Silence()

    def send(self, path: str, params: dict[str, object], *, get: bool = False) -> bytes:
        """The body of a 200 answer; raises SourceDown, SourceSlow, SourceRefused or SourceBroken."""
        tries = self._silence.begin()
        try:
            return self._in_turn(path, params, get)
        finally:
            if tries:
                self._silence.end()

    def _in_turn(self, path: str, params: dict[str, object], get: bool) -> bytes:
        deadline = time.monotonic() + self.seconds
        if not self._slots.acquire(timeout=self.seconds):
            raise SourceSlow(NAME, f"{path}: all connections are busy")
        try:
            return self._twice(path, params, get, deadline)
        finally:
            self._slots.release()

    def _twice(self, path: str, params: dict[str, object], get: bool, deadline: float) -> bytes:
        try:
            return self._once(path, params, get, deadline)
        except _Again as failed:
            log.info("prometheus: %s; trying once more", failed)
        try:
            return self._once(path, params, get, deadline)
        except _Again as failed:
            raise failed.error from failed

    def _once(self, path: str, params: dict[str, object], get: bool, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0.01:
            raise SourceSlow(NAME, f"no time left for {path}")
        if not get:
            # a little less than ours, so that the server's own words arrive
            params = {**params, "timeout": f"{left * 0.95:.3f}"}
        try:
            response = self.http.request(
                "GET" if get else "POST",
                urljoin(self.base, path),
                params=params if get else None,
                data=None if get else params,
                timeout=(min(CONNECT_SECONDS, left), left),
                allow_redirects=False,
                stream=True,
            )
            self._silence.answered()
            with response:
                body = _body(response, deadline)
        except requests.Timeout as error:
            said = SourceDown if isinstance(error, requests.ConnectTimeout) else SourceSlow
            self._silence.kept(said)
            raise said(NAME, f"{path}: {error}") from error
        except (TimeoutError, ReadTimeoutError) as error:
            raise SourceSlow(NAME, f"{path}: no answer within {self.seconds:g} s") from error
        except (requests.RequestException, http.client.HTTPException, HTTPError, OSError) as error:
            raise _connection(path, error) from error
        if response.status_code == 200:
            return body
        raise _refusal(response, body)


def _connection(path: str, error: Exception) -> Exception:
    if isinstance(error, http.client.IncompleteRead):
        return _Again(SourceBroken(NAME, f"{path}: the answer ended half-way"))
    cause = getattr(error.args[0], "reason", None) if error.args else None
    final = isinstance(cause, NewConnectionError) or isinstance(error, (requests.exceptions.SSLError, ValueError))
    return SourceDown(NAME, f"{path}: {error}") if final else _Again(SourceDown(NAME, f"{path}: {error}"))


def _body(response: requests.Response, deadline: float) -> bytes:
    """The whole body. requests' read timeout starts anew with every packet; here the deadline holds over all of them."""
    reader = response.raw._fp  # http.client's response: its read1() gives what has come, urllib3's read() waits for more
    socket = getattr(getattr(reader.fp, "raw", None), "_sock", None)
    parts, size = [], 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        if socket is not None:
            socket.settimeout(left)
        part = reader.read1(CHUNK)
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise SourceRefused(NAME, f"the answer is larger than {MAX_BYTES // 1024**2} MiB")
    expected = response.headers.get("Content-Length")
    if expected and expected.isdigit() and size < int(expected):
        raise http.client.IncompleteRead(b"", int(expected) - size)
    response.raw.release_conn()
    return _decoded(b"".join(parts), response.headers.get("Content-Encoding", "identity").lower())


def _decoded(body: bytes, encoding: str) -> bytes:
    """A proxy may compress although nobody asked for it."""
    try:
        if encoding == "gzip":
            return gzip.decompress(body)
        if encoding == "deflate":
            return zlib.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceBroken(NAME, f"unreadable {encoding}: {error}") from error
    if encoding not in ("identity", ""):
        raise SourceBroken(NAME, f"unknown encoding {encoding}")
    return body


def error_text(body: bytes) -> tuple[str, str]:
    """(errorType, error) of Prometheus' own error answer; ("", start of the text) for anything else."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = None
    if isinstance(data, dict) and data.get("status") == "error":
        return str(data.get("errorType", "")), str(data.get("error", ""))
    return "", body[:200].decode("utf-8", "replace")


def _refusal(response: requests.Response, body: bytes) -> Exception:
    """What a status other than 200 means; 5xx is worth a second try, except when Prometheus itself ran out of time."""
    status = response.status_code
    kind, text = error_text(body)
    detail = f"HTTP {status} {kind}: {text}"
    if kind in ("timeout", "canceled") or status in (408, 429):
        return SourceSlow(NAME, detail)
    if status in (400, 422) or (status in (401, 403)):
        return SourceRefused(NAME, detail)
    if status >= 500:
        return _Again((SourceSlow if status == 504 else SourceDown)(NAME, detail))
    return SourceBroken(NAME, f"{detail} {response.headers.get('Location', '')}".rstrip())
