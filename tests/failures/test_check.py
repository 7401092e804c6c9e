"""`python app.py check` and its neighbours: what is missing, what that empties, how to mend it; and secrets stay secret."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app import main
from components.check import run
from core.settings import Settings
from datasources.connect import connect
from datasources.prometheus.all_batches import all_batches
from pages.registry import all_pages
from tests.failures.conftest import BASE, READER, World
from tests.failures.world import PASSWORD, TOKEN

pytestmark = pytest.mark.services
NO_METRICS = {"url": ""}  # where only accounting matters
ROOT = Path(__file__).resolve().parents[2]


def checked(world: World, **more: Any) -> tuple[int, dict[tuple[str, str], list[str]], str]:
    """(exit status, (source, what) → [state, found, then what it empties and how to mend it], the whole text)."""
    told = {key: dict(value) if isinstance(value, dict) else value for key, value in world.settings.items()}
    for key, value in more.items():
        told[key] = told.get(key, {}) | value
    settings, out = Settings.model_validate(told), io.StringIO()
    status = run(settings, connect(settings, clock=world.clock), all_pages(), all_batches(settings), out)
    lines: dict[tuple[str, str], list[str]] = {}
    for line in out.getvalue().splitlines()[:-1]:
        if line and not line.startswith(" "):
            source, what, *rest = [part.strip() for part in line.split("  ") if part.strip()]
            last = lines.setdefault((source, what), rest)
        elif line.strip():
            last.append(line.strip())
    return status, lines, out.getvalue()


def test_what_works_and_what_is_missing(world: World) -> None:
    """The servers hold three of the Slurm exporter's gauges, threads of one job, no rule, and a reader's grants."""
    status, lines, shown = checked(world)
    assert status == 1 and "lines need attention" in shown
    assert lines["prometheus", "server"][0] == "ok" and lines["slurm", "server"][0] == "ok"
    assert lines["slurm", "tables of alpha"][0] == "ok" and lines["slurm", "grants"] == ["ok", "read only"]
    assert ("slurm", "job_env_table") not in lines
    assert "slurm_cpus_alloc" not in shown and lines["slurm_exporter", "slurm_gpus_total"][:2] == ["missing", "no sample now"]
    power = lines["redfish_exporter", "metrics"]
    assert power[0] == "missing" and any("job: power, chassis; node: power" in line for line in power)
    assert "mend: scrape redfish_exporter, or set metrics.exporters.redfish_exporter.installed = false" in power
    rule = lines["prometheus", "slurm_job:used_core:sum_user_account"]
    assert rule[:2] == ["missing", "not recorded"] and any("jobs: use_cores; top: now; account: priority_cores" in line for line in rule)
    assert "mend: add deploy/recording_rules.yml to rule_files of Prometheus" in rule
    assert any("job: gpu_memory" in line for line in lines["slurm-job-exporter", "slurm_job_memory_usage_gpu"])
    # of the pages of nodes, people and accounts too: what is empty without the file servers, the nodes
    for exporter, place in (("node_exporter", "nodes: "), ("lustre_exporter", "top_lustre: ")):
        assert any(line.startswith("empties: ") and place in line for line in lines[exporter, "metrics"]), exporter
    assert lines["portal", "own database"][0] == "ok"


def test_exporters_that_are_not_installed_are_not_missing(world: World) -> None:
    none = {name: {"installed": False} for name in ("redfish_exporter", "lustre_exporter", "node_exporter", "pcm-sensor-server")}
    _status, lines, _shown = checked(world, metrics={"exporters": none})
    for name in none:
        assert lines[name, "metrics"] == ["off", "not installed, says the settings"]


def test_a_switched_off_module_needs_nothing(world: World) -> None:
    _status, lines, shown = checked(world, modules={"jobstats": False})
    assert "slurm_job_memory" not in shown and ("redfish_exporter", "metrics") not in lines
    assert ("slurm_exporter", "metrics") in lines


@pytest.mark.parametrize("table", ["alpha_job_table", "tres_table"])
def test_a_missing_grant_is_named(world: World, table: str) -> None:
    world.root(f"revoke select on {BASE}.{table} from {READER}@'127.0.0.1'")
    try:
        status, lines, _shown = checked(world, prometheus=NO_METRICS)
    finally:
        world.root(f"grant select on {BASE}.{table} to {READER}@'127.0.0.1'")
    found = lines["slurm", "accounting"]
    assert status == 1 and found[0] == "failed" and table.removeprefix("alpha_") in found[1]
    assert any(line.startswith("empties: ") and "job" in line for line in found)
    assert any(line.startswith("mend: ") and "GRANT" in line for line in found)


def test_a_missing_column_is_named(world: World) -> None:
    world.root("alter table alpha_job_table rename column nodelist to nodelist_of_old")
    try:
        _status, lines, _shown = checked(world, prometheus=NO_METRICS)
    finally:
        world.root("alter table alpha_job_table rename column nodelist_of_old to nodelist")
    assert lines["slurm", "accounting"][0] == "failed" and "job_table.nodelist" in lines["slurm", "accounting"][1]


def test_a_missing_optional_column_says_what_it_empties(world: World) -> None:
    """22.05 keeps scripts in a table of their own, so a job table without them lacks nothing."""
    world.root("alter table alpha_job_table rename column submit_line to submit_line_of_old")
    try:
        _status, lines, _shown = checked(world, prometheus=NO_METRICS)
    finally:
        world.root("alter table alpha_job_table rename column submit_line_of_old to submit_line")
    found = lines["slurm", "job_table"]
    assert found[:2] == ["ok", "without submit_line (other Slurm version, or not granted)"]
    assert "empties: submit lines; dependencies are known from scripts only" in found
    assert ("slurm", "job_table") not in checked(world, prometheus=NO_METRICS)[1]


def test_another_clusters_name_is_told(world: World) -> None:
    status, lines, _shown = checked(world, site={"cluster": "gamma"}, prometheus=NO_METRICS)
    assert status == 1 and "'gamma'" in lines["slurm", "accounting"][1]
    assert any("site.cluster" in line for line in lines["slurm", "accounting"])


def test_too_many_rights_are_told(world: World) -> None:
    """One who may write, or read the environment of people's jobs, is told to give that up."""
    user = "failures_writer"
    world.root(f"create or replace user {user}@'127.0.0.1' identified by '{PASSWORD}'")
    world.root(f"grant select, delete on {BASE}.* to {user}@'127.0.0.1'")
    address = f"mysql+pymysql://{user}@127.0.0.1:{world.database.port}/{BASE}"
    status, lines, shown = checked(world, slurm={"url": address}, prometheus=NO_METRICS)
    world.root(f"drop user {user}@'127.0.0.1'")
    assert status == 1 and lines["slurm", "grants"][0] == "failed" and "may write" in lines["slurm", "grants"][1]
    assert lines["slurm", "job_env_table"][0] == "failed"
    assert PASSWORD not in shown


def test_everything_down_is_a_table_too(world: World) -> None:
    world.metrics.down()
    world.database.down()
    began = time.monotonic()
    status, lines, shown = checked(world)
    assert time.monotonic() - began < 15
    assert status == 1 and lines["prometheus", "server"][0] == "failed" and lines["slurm", "accounting"][0] == "failed"
    assert "empties: all charts" in lines["prometheus", "server"]
    assert PASSWORD not in shown and TOKEN not in shown and "Traceback" not in shown


# The command line


def environment(world: World) -> dict[str, str]:
    """The world's settings as a site gives them: secrets from the environment."""
    told = world.settings
    values = {
        "SITE__CLUSTER": "alpha", "SERVER__CACHE_DIR": told["server"]["cache_dir"], "PORTAL__URL": told["portal"]["url"],
        "SLURM__URL": told["slurm"]["url"], "SLURM__PASSWORD": PASSWORD, "PROMETHEUS__URL": told["prometheus"]["url"],
        "PROMETHEUS__BEARER_TOKEN": TOKEN,
    }  # fmt: skip
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TURTLE_")}
    return clean | {f"TURTLE_{key}": value for key, value in values.items()}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """command(word, …, env={…}) → (exit status, stdout, stderr) of app.py, in this process: starting Python takes seconds."""

    def ask(*words: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
        for name in [name for name in os.environ if name.startswith("TURTLE_")]:
            monkeypatch.delenv(name)
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            status = main(words)
        except SystemExit as end:
            status = int(end.code or 0)
        return (status, *capsys.readouterr())

    return ask


def test_the_command_checks_and_keeps_secrets(world: World) -> None:
    """As a site starts it."""
    done = subprocess.run(
        [sys.executable, "app.py", "check"], cwd=ROOT, env=environment(world), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "tables of alpha" in done.stdout and "mend: scrape redfish_exporter" in done.stdout
    for secret in (PASSWORD, TOKEN):
        assert secret not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_portal_without_sources_is_not_well(command: Callable, tmp_path: Path) -> None:
    env = {"TURTLE_SERVER__CACHE_DIR": str(tmp_path / "c"), "TURTLE_PORTAL__URL": f"sqlite:///{tmp_path}/p.sqlite"}
    status, out, _err = command("check", env=env)
    assert status == 1 and "Neither Prometheus nor Slurm is configured" in out and "all is well" not in out


def test_a_wrong_setting_names_file_key_and_what_is_allowed(command: Callable, tmp_path: Path) -> None:
    file = tmp_path / "turtle.toml"
    file.write_text('[slurm]\nurl = "mysql://reader@db/slurm"\npasword = "hidden-0816"\n')
    for name in ("check", "summarise", "serve"):
        status, out, err = command(name, "--config", str(file))
        assert status == 2
        assert str(file) in err and "slurm.pasword" in err and "timeout_seconds" in err
        assert "hidden-0816" not in err + out and "Traceback" not in err


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"TURTLE_PROMETHEUS__TIMEOUT_SECONDS": "0"}, ("TURTLE_PROMETHEUS__TIMEOUT_SECONDS", "greater than 0")),
        ({"TURTLE_SIGN_IN__METHOD": "magic"}, ("TURTLE_SIGN_IN__METHOD", "'header'")),
        ({"TURTLE_MODULES__JOBSTAT": "true"}, ("jobstat", "jobstats")),
        ({"TURTLE_SLURM__PASSWORD_FILE": "/nowhere/secret"}, ("/nowhere/secret", "No such file")),
    ],
)
def test_bad_values_stop_the_start(command: Callable, env: dict[str, str], words: tuple[str, ...]) -> None:
    status, _out, err = command("check", env=env)
    assert status == 2 and all(word in err for word in words), err


def test_help_lists_the_commands(command: Callable) -> None:
    status, out, _err = command("--help")
    assert status == 0 and all(f"    {name}" in out for name in ("serve", "check", "summarise", "demo"))
    assert command("chekc")[0] == 2 and command()[0] == 2 and command("check", "--confg", "x")[0] == 2


def test_summarise_keeps_up(world: World, command: Callable, caplog: pytest.LogCaptureFixture) -> None:
    """The job that ended first, then all others, then none: sacct's list of the dump has more than 30 that started and ended."""
    env = environment(world)
    assert [command("summarise", "--limit", "1", env=env)[:2], command("summarise", env=env)[0]] == [(0, "1 job summarised\n"), 0]
    assert command("summarise", env=env)[1] == "0 jobs summarised\n"
    with world.sources.portal.transaction() as connection:
        stored = connection.execute(text("select count(*) from job_facts")).scalar_one()
        connection.execute(text("delete from summary_cursor"))
    assert stored > 30
    assert PASSWORD not in caplog.text and TOKEN not in caplog.text


def test_summarise_says_what_is_down(world: World, command: Callable) -> None:
    world.database.down()
    status, _out, err = command("summarise", env=environment(world))
    assert status == 1 and "SourceDown" in err and PASSWORD not in err and "Traceback" not in err


def test_summarise_ends_in_order_on_sigterm(world: World) -> None:
    """The signal arrives in the midst of a batch; what was stored stays, and the next call goes on there."""
    world.metrics.answer = lambda handler: (time.sleep(0.5), world.metrics.hand_on(handler, handler.body))
    process = subprocess.Popen(
        [sys.executable, "app.py", "summarise"], cwd=ROOT, env=environment(world), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    asked, deadline = world.metrics.asked, time.monotonic() + 60
    while world.metrics.asked == asked and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.endswith("jobs summarised\n") and "Traceback" not in err
