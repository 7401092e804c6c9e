"""What the pages of login and transfer nodes read: all hosts of a page at once, whichever of them a section draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from components.records import Frames
from core.errors import NoData, TurtleError, Why
from core.settings import Host, Settings
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import host_batches, host_frames
from datasources.prometheus.job_frames import part
from datasources.prometheus.run import explained
from datasources.sources import Sources

SHOWN = 8  # hosts with charts of their own; of more the busiest
LOGINS, TRANSFERS = "login_nodes", "transfer_nodes"
KEYS = {LOGINS: "cpu", TRANSFERS: "network_share"}  # what the busiest are told by


def hosts_of(settings: Settings, which: str) -> Mapping[str, Host]:
    """The login or the transfer nodes of the settings."""
    return settings.overview.login_nodes if which == LOGINS else settings.overview.transfer_nodes


def title_of(settings: Settings, host: str) -> str:
    """What people call a host."""
    known = {**settings.overview.login_nodes, **settings.overview.transfer_nodes}
    return known[host].title or host if host in known else host


def now_query(which: str) -> Callable[..., Frames]:
    """The query of all hosts now: frame hosts (see host_frames.hosts_now)."""

    def query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
        return {"hosts": host_frames.hosts_now(sources, viewer=viewer, hosts=hosts_of(sources.settings, which), when=when)}

    return query


def _now(sources: Sources, viewer: Viewer, which: str, when: TimeRange) -> pd.DataFrame | TurtleError:
    try:
        return host_frames.hosts_now(sources, viewer=viewer, hosts=hosts_of(sources.settings, which), when=when)
    except TurtleError as error:
        return error


def _chosen(now: pd.DataFrame | TurtleError, hosts: Mapping[str, Host], which: str) -> list[str]:
    """Hosts with charts of their own, in their order; the settings' first ones where nothing is known of now."""
    return list(hosts)[:SHOWN] if isinstance(now, TurtleError) else host_frames.busiest(now, SHOWN, KEYS[which])


def host_query(which: str, place: int) -> Callable[..., Frames]:
    """The query of the section of the n-th host: now (its row of hosts_now, attrs disks), modes, gauges, network. The requests are
    those of every other host's section, so that they are sent once for all."""

    def query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
        hosts, settings = hosts_of(sources.settings, which), sources.settings
        batches = (host_batches.modes(settings), host_batches.gauges(settings), host_batches.network(settings))
        calls: dict[str, Any] = {
            "now": lambda: _now(sources, viewer, which, when),
            "series": lambda: explained(sources, batches, host_batches.target_of(hosts), when, viewer=viewer),
        }
        found = sources.pool.gather(calls, settings.prometheus.timeout_seconds + 1, "prometheus")
        now, series = found["now"], found["series"]
        chosen = _chosen(now, hosts, which)
        if place >= len(chosen):
            raise NoData(Why.NOT_CONFIGURED, f"overview.{which}")
        return _of(now, series, batches, chosen[place], settings)

    return query


def _of(now: Any, series: Any, batches: tuple[Any, ...], host: str, settings: Settings) -> Frames:
    if isinstance(series, TurtleError):
        series = {batch.key: series for batch in batches}
    own: dict[str, Any] = {"title": title_of(settings, host)}
    own["now"] = now if isinstance(now, TurtleError) else now[now["host"] == host].reset_index(drop=True)
    for name, batch in zip(("modes", "gauges", "network"), batches, strict=True):
        frame = series[batch.key]
        take = host_frames.one_device if name == "network" else host_frames.of_host
        own[name] = frame if isinstance(frame, TurtleError) else take(frame, host)
    return own


def all_query(which: str) -> Callable[..., Frames]:
    """The query of all hosts side by side: frames cpu (share of threads), load (a thread), level node; network (bytes/s), levels
    what, node: the device of each. The requests are those of the hosts' own sections."""

    def query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
        hosts, settings = hosts_of(sources.settings, which), sources.settings
        batches = (host_batches.modes(settings), host_batches.gauges(settings), host_batches.network(settings))
        modes, gauges, network = explained(sources, batches, host_batches.target_of(hosts), when, viewer=viewer).values()
        return {"cpu": _cpu(modes), "load": _load(gauges, modes), "network": _network(network, list(hosts))}

    return query


def _per_core(value: pd.DataFrame, modes: pd.DataFrame) -> pd.DataFrame:
    cores = part(modes, mode="all").reindex(columns=value.columns)
    shares = value / cores.where(cores > 0).max()
    shares.attrs = dict(modes.attrs)
    return shares


def _cpu(modes: pd.DataFrame | TurtleError) -> pd.DataFrame | TurtleError:
    if isinstance(modes, TurtleError):
        return modes
    computing = modes.loc[:, ~modes.columns.get_level_values("mode").isin(["all", "iowait", "steal"])]
    busy = computing.T.groupby(level="node", sort=False).sum(min_count=1).T
    busy.columns = pd.MultiIndex.from_arrays([busy.columns], names=["node"])
    return _per_core(busy, modes)


def _load(gauges: pd.DataFrame | TurtleError, modes: pd.DataFrame | TurtleError) -> pd.DataFrame | TurtleError:
    if isinstance(gauges, TurtleError) or isinstance(modes, TurtleError):
        return gauges if isinstance(gauges, TurtleError) else modes
    return _per_core(part(gauges, what="load"), modes)


def _network(network: pd.DataFrame | TurtleError, hosts: list[str]) -> pd.DataFrame | TurtleError:
    if isinstance(network, TurtleError):
        return network
    found = {host: host_frames.one_device(network, host) for host in hosts}
    series = {
        (what, host): one.iloc[:, 0]
        for host, frame in found.items() for what in ("in", "out") if not (one := part(frame, what=what)).columns.empty
    }  # fmt: skip
    wide = pd.DataFrame(series, index=network.index)
    wide.columns = pd.MultiIndex.from_tuples(list(series), names=["what", "node"]) if series else pd.MultiIndex.from_arrays([[], []], names=["what", "node"])
    wide.attrs = dict(network.attrs)
    return wide
