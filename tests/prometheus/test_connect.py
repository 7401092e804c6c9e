"""Opening the sources the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import Portal, Prometheus, Server, Settings
from datasources.connect import connect


def settings_of(tmp_path: Path, **prometheus: object) -> Settings:
    return Settings(
        server=Server(cache_dir=tmp_path / "cache"),
        portal=Portal(url=f"sqlite:///{tmp_path}/portal.sqlite"),
        prometheus=Prometheus(**prometheus),
    )


def test_only_what_is_named(tmp_path: Path) -> None:
    sources = connect(settings_of(tmp_path), clock=lambda: 5.0)
    try:
        assert sources.prometheus is None and sources.slurm is None and sources.clock() == 5.0
        assert sources.hooks.person("ada") == "" and sources.cache.folder == tmp_path / "cache"
    finally:
        sources.close()


def test_a_source_that_is_down_does_not_stop_the_start(tmp_path: Path) -> None:
    sources = connect(settings_of(tmp_path, url="http://127.0.0.1:9"))
    assert sources.prometheus is not None
    sources.close()


def test_a_bad_site_filter_does(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"prometheus\.filter\.default"):
        connect(settings_of(tmp_path, url="http://127.0.0.1:9", filter={"default": "cluster=x"}))
