"""The demo's settings file is one a site could have written."""

from __future__ import annotations

from pathlib import Path

from core.settings_file import load
from demo import site
from demo.model import Node, Person, Plan


def small_plan() -> Plan:
    """Two nodes and two people, nothing happens."""
    nodes = (
        Node(name="c001", kind="cpu", cores=2, memory=1 << 30),
        Node(name="c002", kind="cpu", cores=2, memory=1 << 30, cgroup=2),
    )
    people = (
        Person(name="ada", uid=3001, full_name="Ada Nwosu", accounts=(), staff=True, role="operator"),
        Person(name="bob", uid=3002, full_name="Bob", accounts=()),
    )
    return Plan(
        seed=1,
        begin=0,
        made_at=10,
        horizon=20,
        cluster="turtle",
        nodes=nodes,
        accounts=(),
        people=people,
        runs=(),
        events=(),
    )


def test_the_settings_written_are_valid_and_hold_no_secret(tmp_path: Path) -> None:
    site.write_secret(tmp_path / "reader_password", "quiet")
    path = site.write_settings(tmp_path, small_plan(), 9090, 3306)
    settings = load(path, {})
    assert settings.sign_in.method == "personas"
    assert settings.sign_in.staff == ("ada",)
    assert settings.metrics.cgroup_v2_nodes == "c002"
    assert settings.prometheus.url == "http://127.0.0.1:9090"
    assert settings.slurm.password.get_secret_value() == "quiet"
    assert len(settings.server.secret_key.get_secret_value()) >= 32
    assert "quiet" not in path.read_text()
    assert (tmp_path / "reader_password").stat().st_mode & 0o077 == 0


def test_intervals_reach_the_settings(tmp_path: Path) -> None:
    site.write_secret(tmp_path / "reader_password", "quiet")
    settings = load(site.write_settings(tmp_path, small_plan(), 9090, 3306), {})
    assert settings.exporter("lfs_quota").scrape_seconds == 300
    assert settings.exporter("slurm-job-exporter").scrape_seconds == 30
