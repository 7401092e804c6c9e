"""The demo's settings file is one a site could have written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from analysis.software_table import check_software
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
    site.write_secret(tmp_path / "robinhood_password", "silent")
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
    assert {one.password.get_secret_value() for one in settings.robinhood.values()} == {"silent"}
    assert "silent" not in path.read_text()


def test_places_nodes_and_flavours_reach_the_settings(tmp_path: Path) -> None:
    for name in ("reader_password", "robinhood_password"):
        site.write_secret(tmp_path / name, "quiet")
    nodes = tuple(Node(name=f"{kind}{n}", kind=kind, cores=2, memory=1 << 30) for kind in ("login", "transfer") for n in (1, 2))
    settings = load(site.write_settings(tmp_path, replace(small_plan(), nodes=nodes), 9090, 3306), {})
    areas = settings.storage.areas
    assert {name: area.source for name, area in areas.items()} == {
        "home": "gpfs", "scratch": "lfs_quota", "project": "lfs_quota", "nearline": "robinhood", "work": "gpfs",
    }  # fmt: skip
    assert all(area.robinhood in settings.robinhood for area in areas.values() if area.robinhood)
    assert [name for name, area in areas.items() if area.tape] == ["nearline"]
    assert [(name, area.label) for name, area in areas.items() if area.source == "gpfs"] == [("home", "user"), ("work", "group")]
    overview = settings.overview
    assert (list(overview.login_nodes), list(overview.transfer_nodes)) == (["login1", "login2"], ["transfer1", "transfer2"])
    files = (settings.storage.allocations_file, settings.cloud.projects_file, overview.notices_file, overview.software_file)
    assert all(path is not None and path.is_file() for path in files)
    assert check_software(overview.software_file) == 7
    gpus = {name: flavour.gpus for name, flavour in settings.cloud.flavours.items() if flavour.gpus}
    assert gpus == {"g8-60gb-a100": 1, "g16-120gb-a100x2": 2}


def test_intervals_reach_the_settings(tmp_path: Path) -> None:
    for name in ("reader_password", "robinhood_password"):
        site.write_secret(tmp_path / name, "quiet")
    settings = load(site.write_settings(tmp_path, small_plan(), 9090, 3306), {})
    assert settings.exporter("lfs_quota").scrape_seconds == 300
    assert settings.exporter("slurm-job-exporter").scrape_seconds == 30
