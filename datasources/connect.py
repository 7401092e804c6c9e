"""Opens what the settings name."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.errors import SettingsError
from core.hooks import Hooks, load_hooks
from core.settings import Settings
from datasources.cache import Cache
from datasources.pool import Pool
from datasources.prometheus import promql
from datasources.prometheus.client import PrometheusClient
from datasources.slurm.hosts import hosts
from datasources.sources import Sources


def connect(settings: Settings, hooks: Hooks | None = None, clock: Callable[[], float] = time.time) -> Sources:
    """The clients of all configured sources; nothing is asked of them yet, so one that is down does not stop the start.

    Raises SettingsError for settings that can never work. `clock` gives UTC seconds.
    """
    from datasources.portal.db import PortalDb
    from datasources.robinhood.db import RobinhoodDb
    from datasources.slurm.db import SlurmDb

    promql.site_filters(settings)
    v2 = settings.metrics.cgroup_v2_nodes
    if v2.strip() and not hosts(v2):
        raise SettingsError(f"metrics.cgroup_v2_nodes: {v2!r} is no host list; allowed: such as c[1-4],g1")
    hooks = hooks if hooks is not None else load_hooks(settings)
    prometheus = PrometheusClient(settings.prometheus, clock) if settings.prometheus.url else None
    slurm = SlurmDb(settings) if settings.slurm.url else None
    robinhood = {name: RobinhoodDb(name, one) for name, one in settings.robinhood.items()}
    portal = PortalDb(settings)
    cache = Cache(settings.server.cache_dir, settings.server.cache_mb)
    pool = Pool(settings.prometheus.connections)

    def close() -> None:
        pool.close()
        for client in (slurm, *robinhood.values(), portal, cache):
            if client is not None and hasattr(client, "close"):
                client.close()
        if prometheus is not None:
            prometheus.http.close()

    return Sources(
        settings=settings, hooks=hooks, prometheus=prometheus, slurm=slurm, portal=portal, cache=cache, pool=pool, clock=clock,
        robinhood=robinhood, close=close,
    )  # fmt: skip
