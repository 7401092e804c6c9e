"""The demo's servers, processes and state: started for real, ended for real, and nothing else touched."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from core.settings_file import load
from datasources.slurm.columns import GLOBAL_TABLES, TABLES
from demo import database, servers, state
from demo.processes import ChildEnded, Children, end_leftovers, started_at

ROOT = Path(__file__).resolve().parents[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_the_grants_of_the_demo_are_those_the_documentation_tells() -> None:
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    told = set(re.findall(r"GRANT SELECT ON `slurm_acct_db`\.`(\w+)`", page))
    assert told == set(database.granted_tables("turtle"))
    assert told == set(GLOBAL_TABLES) | {f"turtle_{name}" for name in TABLES}
    assert "turtle_job_env_table" not in told


def test_the_example_settings_are_valid(tmp_path: Path) -> None:
    example = (ROOT / "deploy/turtle.example.toml").read_text(encoding="utf-8")
    for name in ("secret_key", "proxy_secret", "slurm_password"):
        (tmp_path / name).write_text("x" * 40)
        example = example.replace(f"/etc/turtle/{name}", str(tmp_path / name))
    (tmp_path / "turtle.toml").write_text(example)
    settings = load(tmp_path / "turtle.toml", {})
    assert settings.site.cluster == "turtle"
    assert settings.slurm.password.get_secret_value() == "x" * 40


@pytest.mark.services
def test_mariadb_runs_and_lets_only_its_owner_in(tmp_path: Path) -> None:
    programs = servers.find_programs(tmp_path / "servers", print)
    servers.make_mariadb(programs, tmp_path / "mariadb")
    port, children = state.free_port(), Children(tmp_path)
    try:
        command = servers.mariadb_command(programs, tmp_path / "mariadb", port, database.OWNER, "secret")
        children.start("mariadb", command, programs.env).log = tmp_path / "mariadb/error.log"
        children.wait_until(lambda: _open(port), "MariaDB")
        engine = database.make_database(port, "secret")
        with engine.begin() as connection:
            connection.execute(text("create table t (name text)"))
            connection.execute(text("insert into t values ('é 数')"))
            assert connection.execute(text("select name from t")).scalar_one() == "é 数"
        engine.dispose()
        stranger = create_engine(database.address(port, "root", ""))
        with pytest.raises(OperationalError, match="Access denied"):
            stranger.connect()
        stranger.dispose()
    finally:
        children.stop()
    assert not _open(port)


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_stop_ends_the_children_and_nothing_else(tmp_path: Path) -> None:
    bystander = subprocess.Popen(SLEEP, start_new_session=True)
    children = Children(tmp_path)
    child = children.start("sleeper", SLEEP)
    children.check()
    children.stop()
    assert child.process.returncode == -signal.SIGTERM
    assert bystander.poll() is None
    assert not (tmp_path / "processes.json").exists()
    bystander.kill()
    bystander.wait()


def test_a_child_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    children = Children(tmp_path)
    child = children.start("talker", [sys.executable, "-c", "import sys; sys.exit('the disk is gone')"])
    child.process.wait()
    with pytest.raises(ChildEnded, match="talker ended.*\n.*the disk is gone"):
        children.check()
    children.stop()


def test_a_passing_child_may_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    children = Children(tmp_path)
    for status in (0, 3):
        children.start("errand", [sys.executable, "-c", f"raise SystemExit({status})"], passing=True).process.wait()
        assert not children.runs("errand")
        children.check()
    assert capsys.readouterr().out.count("errand failed (exit status 3)") == 1
    children.stop()


def test_what_a_killed_demo_left_is_ended_and_a_reused_number_is_not(tmp_path: Path) -> None:
    left = subprocess.Popen(SLEEP, start_new_session=True)
    other = subprocess.Popen(SLEEP, start_new_session=True)
    entries = (
        f'[{{"pid": {left.pid}, "started": "{started_at(left.pid)}"}}, {{"pid": {other.pid}, "started": "boot:1"}}]'
    )
    (tmp_path / "processes.json").write_text(entries)
    assert end_leftovers(tmp_path) == 1
    assert left.wait(5) == -signal.SIGTERM
    assert other.poll() is None
    other.kill()
    other.wait()


def test_children_end_when_the_demo_is_killed(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from demo.processes import Children; import time\n"
    code += f"c = Children(Path({str(tmp_path)!r})).start('sleeper', {SLEEP!r}); print(c.process.pid, flush=True); time.sleep(60)"
    demo = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    pid = int(demo.stdout.readline())
    assert started_at(pid)
    demo.kill()
    demo.wait()
    demo.stdout.close()
    end = time.monotonic() + 5
    while started_at(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not started_at(pid)


def test_a_busy_port_is_named_with_the_way_out() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(state.DemoError, match=rf"Port {port} .*make demo PORT={port + 1}"):
            state.check_port(port)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "ROOM", 1 << 62)
    with pytest.raises(state.DemoError, match="needs 3 GB of disk space"):
        state.check_room(tmp_path)


def test_a_second_demo_is_refused(tmp_path: Path) -> None:
    with state.take_lock(tmp_path), pytest.raises(state.DemoError, match=f"process {os.getpid()}"):
        state.take_lock(tmp_path)


def test_when_the_cluster_is_built_anew(tmp_path: Path) -> None:
    now = 1_800_000_000
    assert "first time" in state.why_rebuild(tmp_path, now)
    kept = state.State(state.version(), state.SEED, now, False, "secret")
    state.write_state(tmp_path, kept)
    assert "did not finish" in state.why_rebuild(tmp_path, now)
    kept.complete = True
    state.write_state(tmp_path, kept)
    assert state.why_rebuild(tmp_path, now + 2 * 86400) == ""
    assert "three days" in state.why_rebuild(tmp_path, now + 3 * 86400 + 1)
    assert "three days" in state.why_rebuild(tmp_path, now - 1)
    kept.version = "another"
    state.write_state(tmp_path, kept)
    assert "code has changed" in state.why_rebuild(tmp_path, now)
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0
    state.clear(tmp_path)
    assert "first time" in state.why_rebuild(tmp_path, now)


def test_the_environment_of_the_demo_serves_no_test_before_the_lock_is_installed(tmp_path: Path) -> None:
    """Fingerprints differ between the two kinds, so a demo's environment is completed before the tests run."""
    from tools import environment

    assert environment.fingerprint("demo") != environment.fingerprint("test")
    assert environment.missing() == []
