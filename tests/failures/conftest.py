"""One portal over real servers with a tap before each; every test begins with both open and nothing remembered."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import dash
import pytest
from dash import Dash

from app import create_app
from core.settings import Settings
from datasources.connect import connect
from datasources.sources import Sources
from tests.access.asker import Asker
from tests.failures.taps import DatabaseTap, MetricsTap
from tests.failures.world import DUMP, PASSWORD, Clock, forget, moved, samples, settings_of

READER = "failures_reader"
BASE = "slurm_failures"
# What docs/install.md grants: table by table, without the job environment table
GRANTED = (
    *(f"alpha_{name}" for name in ("job_table", "step_table", "assoc_table", "job_script_table", "event_table", "suspend_table", "resv_table")),
    "qos_table", "tres_table", "user_table", "acct_coord_table",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """A portal, who asks it, and what a test may break."""

    app: Dash
    sources: Sources
    settings: dict
    clock: Clock
    metrics: MetricsTap
    database: DatabaseTap
    root: Callable[[str], str]  # runs SQL as root
    registry: dict

    def person(self, login: str | None) -> Asker:
        """Somebody before the portal."""
        return Asker(self.app, login)


@pytest.fixture(scope="session")
def served_world(mariadb: Any, prometheus_from: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world, made once."""
    clock, folder = Clock(), tmp_path_factory.mktemp("failures")
    mariadb.create(BASE, DUMP)
    mariadb.execute(f"create or replace user {READER}@'127.0.0.1' identified by '{PASSWORD}'")
    for table in GRANTED:
        mariadb.execute(f"grant select on {BASE}.{table} to {READER}@'127.0.0.1'")
    mariadb.execute(moved(clock.now), BASE)
    metrics, database = MetricsTap(prometheus_from(samples(clock.now))), DatabaseTap(mariadb.port)
    told = settings_of(folder, f"mysql+pymysql://{READER}@127.0.0.1:{database.port}/{BASE}", metrics.url)
    settings = Settings.model_validate(told)
    sources = connect(settings, clock=clock)
    app = create_app(settings, sources)
    yield World(
        app=app, sources=sources, settings=told, clock=clock, metrics=metrics, database=database,
        root=lambda sql: mariadb.execute(sql, BASE), registry=dict(dash.page_registry),
    )  # fmt: skip
    sources.close()
    metrics.down()
    database.down()


@pytest.fixture
def world(served_world: World) -> Iterator[World]:
    """The world with everything up and nothing remembered; Dash's registry of pages is global, so it is put back."""
    dash.page_registry.clear()
    dash.page_registry.update(served_world.registry)
    served_world.metrics.up()
    served_world.database.up()
    # also what is remembered about people
    served_world.clock.forward(61)
    forget(served_world.sources)
    yield served_world
    served_world.metrics.up()
    served_world.database.up()


@pytest.fixture
def alice(world: World) -> Asker:
    """A user."""
    return world.person("alice")


@pytest.fixture
def portal_of(world: World) -> Iterator[Callable[..., Asker]]:
    """portal_of(login, **settings) → somebody before another portal over the same servers, with these settings."""
    opened: list[Sources] = []

    def make(login: str | None, **more: Any) -> Asker:
        told = {key: dict(value) if isinstance(value, dict) else value for key, value in world.settings.items()}
        for key, value in more.items():
            told[key] = told.get(key, {}) | value if isinstance(value, dict) else value
        settings = Settings.model_validate(told)
        opened.append(connect(settings, clock=world.clock))
        return Asker(create_app(settings, opened[-1]), login)

    yield make
    for sources in opened:
        sources.close()
