"""The record of clients a portal reads from; passed as an argument, never global."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.settings import Settings

if TYPE_CHECKING:
    from core.hooks import Hooks
    from datasources.cache import Cache
    from datasources.pool import Pool
    from datasources.portal.db import PortalDb
    from datasources.prometheus.client import PrometheusClient
    from datasources.robinhood.db import RobinhoodDb
    from datasources.slurm.db import SlurmDb


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Clients of one portal; None where the settings name no such source. `clock` gives UTC seconds."""

    settings: Settings
    hooks: Hooks
    prometheus: PrometheusClient | None
    slurm: SlurmDb | None
    portal: PortalDb
    cache: Cache
    pool: Pool
    clock: Callable[[], float]
    robinhood: Mapping[str, RobinhoodDb] = field(default_factory=dict)  # by their names in the settings
    close: Callable[[], None] = field(default=lambda: None)
