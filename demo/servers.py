"""The real servers of the demo: where MariaDB and Prometheus are found and how they are run, on loopback only."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from demo.unpack import UnpackError, unpack

RETENTION = "100d"


@dataclass(frozen=True)
class Programs:
    """The servers' programs; `base` holds share/mysql; `env` is what they need on top of the environment."""

    mariadbd: Path
    prometheus: Path
    base: Path
    env: dict[str, str] = field(default_factory=dict)


def find_programs(cache: Path, say: Callable[[str], None]) -> Programs:
    """The servers from PATH (and /usr/sbin), else unpacked into `cache`; raises UnpackError that says what to install.

    DEMO_UNPACK=1 in the environment leaves installed ones aside.
    """
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    mariadbd, prometheus = shutil.which("mariadbd", path=path), shutil.which("prometheus", path=path)
    if mariadbd and prometheus and os.environ.get("DEMO_UNPACK") != "1":
        return Programs(Path(mariadbd), Path(prometheus), Path(mariadbd).resolve().parent.parent)
    root = unpack(cache, say)
    library = root / "usr/lib" / f"{platform.machine()}-linux-gnu"
    libraries = f"{library}:{root / 'lib' / library.name}"
    programs = Programs(
        root / "usr/sbin/mariadbd", root / "usr/bin/prometheus", root / "usr", {"LD_LIBRARY_PATH": libraries}
    )
    _try_out(programs)
    return programs


def _try_out(programs: Programs) -> None:
    env = os.environ | programs.env
    for program, flag in ((programs.mariadbd, "--version"), (programs.prometheus, "--version")):
        done = subprocess.run([program, flag], env=env, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            words = (done.stderr or done.stdout).strip()[-500:]
            raise UnpackError(f"The unpacked {program.name} does not run: {words}")


def _mariadb_flags(programs: Programs, place: Path) -> list[str]:
    # as root mariadbd insists on being told so
    user = ["--user=root"] if os.geteuid() == 0 else []
    share = programs.base / "share" / "mysql"
    # a private tmpdir: a starting mariadbd deletes every #sql* file there, also those of another server
    own = [f"--tmpdir={place}/tmp", f"--datadir={place}/data", f"--basedir={programs.base}"]
    words = [f"--lc-messages-dir={share}", f"--character-sets-dir={share}/charsets"]
    return ["--no-defaults", *user, *own, *words, f"--plugin-dir={place}/plugin", "--innodb-log-file-size=48M"]


def make_mariadb(programs: Programs, place: Path) -> None:
    """Make an empty data folder; root may come in by the socket only."""
    for name in ("tmp", "data", "plugin"):
        (place / name).mkdir(parents=True, exist_ok=True)
    share = programs.base / "share" / "mysql"
    names = ("system_tables", "performance_tables", "system_tables_data")
    sql = "create database mysql;\nuse mysql;\nset @auth_root_socket='root';\n"
    sql += "\n".join((share / f"mysql_{name}.sql").read_text(encoding="utf-8") for name in names)
    command = [str(programs.mariadbd), *_mariadb_flags(programs, place), "--bootstrap", "--max-allowed-packet=8M"]
    done = subprocess.run(command, input=sql.encode(), env=os.environ | programs.env, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"MariaDB's data folder could not be made:\n{done.stderr.decode(errors='replace')[-2000:]}")


def mariadb_command(programs: Programs, place: Path, port: int, owner: str, password: str) -> list[str]:
    """The command that runs MariaDB; the user `owner` may do everything, with the password, from this machine."""
    start = place / "start.sql"
    start.touch(mode=0o600)
    start.write_text(
        f"create or replace user '{owner}'@'127.0.0.1' identified by '{password}';\n"
        f"grant all on *.* to '{owner}'@'127.0.0.1' with grant option;\n"
    )
    # a socket named within the data folder: a full path may be longer than a socket's may be
    flags = ["--socket=server.sock", f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={place}/server.pid"]
    flags += [f"--log-error={place}/error.log", f"--init-file={start}", "--skip-name-resolve", "--skip-log-bin"]
    # with --no-defaults the server is latin1, which loses letters
    flags += ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]
    flags += ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=256M", "--max-connections=100"]
    return [str(programs.mariadbd), *_mariadb_flags(programs, place), *flags]


def prometheus_command(programs: Programs, place: Path, config: Path, port: int) -> list[str]:
    """The command that runs Prometheus, open for the history that is written into it."""
    storage = [f"--storage.tsdb.path={place}/data", f"--storage.tsdb.retention.time={RETENTION}"]
    # long blocks: the history comes in order, and fewer blocks are quicker to ask
    storage += ["--storage.tsdb.min-block-duration=8h", "--storage.tsdb.max-block-duration=8h"]
    web = [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--log.level=warn"]
    return [str(programs.prometheus), f"--config.file={config}", *storage, *web]


def new_password() -> str:
    """A password without a character that SQL or an address would have to quote."""
    return secrets.token_urlsafe(24)
