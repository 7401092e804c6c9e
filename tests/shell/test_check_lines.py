"""What `check` says of what is missing, without a server."""

from __future__ import annotations

from components.check_line import what_needs
from components.check_slurm import EMPTIES
from components.records import Need
from core.settings import Settings
from datasources.prometheus.all_batches import all_batches
from datasources.slurm.columns import GLOBAL_TABLES, TABLES
from pages.registry import all_pages


def test_every_optional_column_says_what_it_empties() -> None:
    for name, (_needed, optional) in {**TABLES, **GLOBAL_TABLES}.items():
        silent = [column for column in optional if (name, column) not in EMPTIES and (name, "") not in EMPTIES]
        assert silent == [], name


def test_every_metric_and_rule_that_is_read_names_what_is_empty_without_it() -> None:
    settings = Settings()
    wanted = [Need(kind=kind, name=name) for batch in all_batches(settings) for kind, names in (("metric", batch.metrics), ("rule", batch.rules)) for name in names]
    assert len(wanted) > 60
    assert [need.name for need in wanted if not what_needs(all_pages(), need)] == []


def test_what_is_declared_is_read() -> None:
    """A need that no batch reads would be told of nothing."""
    gpfs = {label: {"source": "gpfs", "fs": "fs1", "label": label} for label in ("user", "group", "fileset")}
    # quotas are asked for where there are areas, hosts where some are named
    storing = Settings.model_validate({"storage": {"areas": {"home": {"path": "/home"}, **gpfs}}, "overview": {"login_nodes": {"login1": {}}}})
    read = {name for batch in all_batches(storing) for name in (*batch.metrics, *batch.rules)}
    holders = [holder for page in all_pages() for section in page.sections for holder in (section, *section.panels)]
    declared = {need.name for holder in holders for need in holder.needs if need.kind in ("metric", "rule")}
    assert declared - read == set()
