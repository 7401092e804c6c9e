"""The command line and the start: what is wrong is told in one line, and the log keeps to one line an event."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

import app


def _run(tmp_path: Path, text: str, command: str = "check") -> int:
    (tmp_path / "t.toml").write_text(f"[server]\ncache_dir = '{tmp_path}/cache'\n{text}")
    return app.main([command, "--config", str(tmp_path / "t.toml")])


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("metrics_port = 'x'\n", "server.metrics_port"),
        ("[sign_in]\nmethod = 'header'\ntrusted_peers = ['10.0.0.1']\n", "sign_in.secret"),
        ("[sign_in]\nmethod = 'personas'\n", "server.secret_key"),
        ("[metrics]\ncgroup_v2_nodes = 'c[1-'\n", "metrics.cgroup_v2_nodes"),
        ("[prometheus.filter]\ndefault = 'x{'\n", "prometheus.filter.default"),
    ],
)
def test_settings_that_cannot_work_stop_every_command(tmp_path: Path, capsys, command: str, text: str, told: str) -> None:
    assert _run(tmp_path, text, command) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hook", "told"),
    [("def is_staf(name):\n    return True\n", "did you mean is_staff"), ("def is_staff(nam):\n    return True\n", "unknown argument nam")],
)
def test_a_misspelt_hook_stops_the_start(tmp_path: Path, capsys, hook: str, told: str) -> None:
    (tmp_path / "own.py").write_text(hook)
    (tmp_path / "t.toml").write_text(f"hooks_file = '{tmp_path}/own.py'\n[server]\ncache_dir = '{tmp_path}/cache'\n")
    assert app.main(["serve", "--config", str(tmp_path / "t.toml")]) == 2
    assert told in capsys.readouterr().err


def test_the_commands_are_listed(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        app.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("serve", "check", "summarise", "demo"))


def test_what_a_browser_sent_writes_no_line_of_its_own() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(app.LOG_LINE)
    record = logging.LogRecord("turtle", logging.INFO, "", 1, "page %s", ("a\nroot CRITICAL forged\x1b[2J\r",), None)
    handler.handle(record)
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()
