"""Real servers for tests, each in a temporary folder on a free loopback port, each ended by its context manager."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ROOM = 512 << 20  # bytes /dev/shm must have free to hold the servers' files
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PACKAGES = {
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
    "mariadb": "mariadb-client",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}


class Missing(RuntimeError):
    """A program the tests need is not installed; the text names the Debian package."""


def program(name: str) -> str:
    """The full path of a program, also from /usr/sbin; raises Missing that names the package to install."""
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if not found:
        package = PACKAGES[name]
        raise Missing(f"{name} is not installed: sudo apt-get install --no-install-recommends {package}")
    return found


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """A temporary folder, in memory when there is room: InnoDB flushes on every CREATE TABLE, 7 s on a busy disk."""
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > ROOM
    path = Path(tempfile.mkdtemp(prefix=f"turtle-{prefix}-", dir=shm if roomy else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def wait_for(ready: Callable[[], bool], process: subprocess.Popen, what: str, log: Path, limit: float = 60) -> None:
    """Return once ready() is true; raises RuntimeError with the log's end when the process ended or time is up."""
    end = time.monotonic() + limit
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise RuntimeError(f"{what} did not come up (exit status {process.poll()}):\n{tail}")
        time.sleep(0.02)


def stop(process: subprocess.Popen, limit: float = 20) -> None:
    """End a process we started: SIGTERM, then SIGKILL after `limit` seconds."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    """True if the address answers 200 within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return response.status == 200
    except OSError:
        return False


@dataclass(frozen=True)
class MariaDb:
    """A running MariaDB; user root, no password."""

    port: int
    socket: Path

    @property
    def url(self) -> str:
        """SQLAlchemy address of the server without a database."""
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/?charset=utf8mb4"

    def url_of(self, database: str, user: str = "root", password: str = "") -> str:
        """SQLAlchemy address of one database for one user."""
        secret = f":{password}" if password else ""
        return f"mysql+pymysql://{user}{secret}@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

    def execute(self, sql: str | bytes, database: str = "") -> str:
        """Run statements as root and return the tab-separated output; raises RuntimeError with the server's words."""
        client = [program("mariadb"), "--no-defaults", "--default-character-set=utf8mb4", "--batch"]
        client += [f"--socket={self.socket}", "-uroot", *([database] if database else [])]
        text = sql.encode() if isinstance(sql, str) else sql
        done = subprocess.run(client, input=text, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace"))
        return done.stdout.decode("utf-8", "replace")

    def create(self, database: str, dump_path: Path | str | None = None) -> str:
        """Make the database anew, load a .sql or .sql.gz dump when given, and return its address."""
        self.execute(f"drop database if exists `{database}`; create database `{database}`")
        if dump_path is not None:
            raw = Path(dump_path).read_bytes()
            self.execute(gzip.decompress(raw) if str(dump_path).endswith(".gz") else raw, database)
        return self.url_of(database)


@contextlib.contextmanager
def start_mariadb() -> Iterator[MariaDb]:
    """A MariaDB of its own, up and empty."""
    server, install = program("mariadbd"), program("mariadb-install-db")
    # as root mariadbd insists on being told so
    user = ["--user=root"] if os.geteuid() == 0 else []
    with folder("maria") as place:
        # a private tmpdir: a starting mariadbd deletes every #sql* file there, so two that share one crash each other
        (place / "tmp").mkdir()
        common = [
            "--no-defaults",
            *user,
            f"--tmpdir={place}/tmp",
            f"--datadir={place}/data",
            "--innodb-log-file-size=8M",
        ]
        made = subprocess.run(
            [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            capture_output=True,
            check=False,
        )
        if made.returncode:
            raise RuntimeError(f"mariadb-install-db failed:\n{made.stderr.decode(errors='replace')[-2000:]}")
        database = MariaDb(port=free_port(), socket=place / "m.sock")
        flags = [f"--socket={database.socket}", f"--port={database.port}", "--bind-address=127.0.0.1"]
        flags += [f"--pid-file={place}/pid", f"--log-error={place}/err.log", "--skip-name-resolve", "--skip-log-bin"]
        # with --no-defaults the server is latin1, which loses letters
        flags += ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]
        flags += ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]
        process = subprocess.Popen([server, *common, *flags], **QUIET)
        try:
            wait_for(lambda: _accepts(database), process, "mariadbd", place / "err.log")
            yield database
        finally:
            stop(process)


def _accepts(database: MariaDb) -> bool:
    try:
        database.execute("select 1")
    except RuntimeError:
        return False
    return True


@contextlib.contextmanager
def start_prometheus(
    openmetrics: str | None = None, *, remote_write: bool = False, rules: Path | None = None
) -> Iterator[str]:
    """A Prometheus of its own; yields its address. `openmetrics`: text with times in seconds that ends in '# EOF'."""
    server = program("prometheus")
    with folder("prom") as place:
        config = "global: {scrape_interval: 60s, evaluation_interval: 15s}\n"
        (place / "prometheus.yml").write_text(config + (f"rule_files: ['{rules}']\n" if rules else ""))
        if openmetrics is not None:
            _make_blocks(place, openmetrics)
        url = f"http://127.0.0.1:{free_port()}"
        flags = [f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/data"]
        # without a long retention old blocks are deleted at the start
        flags += [
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={url.removeprefix('http://')}",
            "--log.level=warn",
        ]
        flags += ["--web.enable-remote-write-receiver"] if remote_write else []
        with (place / "log").open("wb") as log:
            process = subprocess.Popen([server, *flags], stdout=log, stderr=log)
            try:
                wait_for(lambda: answers(f"{url}/-/ready"), process, "prometheus", place / "log")
                yield url
            finally:
                stop(process)


def _make_blocks(place: Path, openmetrics: str) -> None:
    text = place / "samples.txt"
    text.write_text(openmetrics, encoding="utf-8")
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=720h"]
    made = subprocess.run([*command, str(text), str(place / "data")], capture_output=True, check=False)
    if made.returncode:
        raise RuntimeError(
            f"promtool refused the samples:\n{(made.stderr + made.stdout).decode(errors='replace')[-2000:]}"
        )


@dataclass(frozen=True)
class OidcProvider:
    """A running OpenID Connect provider."""

    issuer: str

    def add(self, sub: str, claims: dict) -> None:
        """Make a user known with these claims; sign in by POSTing {'sub': sub} to the authorization address."""

        body = json.dumps(claims).encode()
        head = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.issuer}/users/{quote(sub)}", data=body, method="PUT", headers=head)
        urllib.request.urlopen(request, timeout=5).close()


@contextlib.contextmanager
def start_oidc() -> Iterator[OidcProvider]:
    """An OpenID Connect provider in a thread."""
    import oidc_provider_mock

    with oidc_provider_mock.run_server_in_thread() as server:
        yield OidcProvider(f"http://localhost:{server.server_port}")
