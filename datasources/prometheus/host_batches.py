"""The batches of hosts people use without Slurm: login nodes and data transfer nodes, all of them in one request.

A target names every host of the page. Doubled series (two servers of a highly available pair, two ports of one exporter) are
one series before anything is added up: the largest counts. Nothing of these metrics is of a person: mount points come from a
fixed list, since one such as /users/ada would name somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.settings import Host, Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import joined
from datasources.prometheus.job_batches_node import NODE, NODE_CPU, at
from datasources.prometheus.node_batches import IDLE, SPACE, survives
from datasources.prometheus.promql import any_of, hosts_matcher, matcher, selector

# devices that carry no traffic of their own: loopback, bridges and ends of containers and virtual machines, tunnels
VIRTUAL = (
    "lo|docker.*|veth.*|virbr.*|vnet.*|br-.*|cni.*|cali.*|flannel.*|kube.*|podman.*|lxc.*|lxd.*|tun.*|tap.*|wg.*|dummy.*|ifb.*|"
    "sit.*|gre.*|erspan.*|ip6tnl.*|ip_vti.*|vxlan.*|geneve.*|genev_.*|ovs.*|nerdctl.*|bonding_masters"
)
PHYSICAL = f'device!~"{VIRTUAL}"'
MOUNTS = ("/", "/boot", "/local", "/localscratch", "/opt", "/scratch", "/srv", "/tmp", "/var", "/var/log", "/var/tmp")
# file systems of the host itself; a /tmp in memory fills up like a disk
OWN = 'fstype!~"lustre|nfs.*|gpfs|beegfs|ceph|autofs|overlay|squashfs|rpc_pipefs|fuse.*|devtmpfs|ramfs"'
TRAFFIC = {"in": "node_network_receive_bytes_total", "out": "node_network_transmit_bytes_total"}
SPEED = "node_network_speed_bytes"
BOOTED, LOAD, TOTAL, AVAILABLE = "node_boot_time_seconds", "node_load1", "node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes"
BUSY, NOT_IDLE = 'mode!~"idle|iowait|steal"', 'mode!="idle"'
FREE = tuple(f"node_memory_{kind}_bytes" for kind in ("MemFree", "Buffers", "Cached"))
GAUGES = (LOAD, TOTAL, AVAILABLE)


def target_of(hosts: Iterable[str]) -> Target:
    """The target of these hosts of the settings, in a fixed order, so that pages share answers."""
    return Target(hosts=tuple(sorted(set(hosts))))


def _cores(settings: Settings, target: Target, site: str) -> str:
    host = settings.metrics.host_label
    return f"count by ({host}) (count by ({host}, cpu) ({selector(NODE_CPU, site, at(settings, target), IDLE)}))"


def _available(settings: Settings, target: Target, site: str) -> str:
    """MemAvailable, the kernel's own estimate; free, buffers and file cache where a kernel does not tell it."""
    host = settings.metrics.host_label
    told = f"max by ({host}) ({selector(AVAILABLE, site, at(settings, target))})"
    return f"({told} or ({' + '.join(f'max by ({host}) ({selector(one, site, at(settings, target))})' for one in FREE)}))"


def _detailed(expr: str, label: str) -> str:
    return f'label_replace({expr}, "detail", "$1", "{label}", "(.*)")'


def _space(settings: Settings, target: Target, site: str) -> dict[str, str]:
    host, where = settings.metrics.host_label, matcher("mountpoint", any_of({*MOUNTS, settings.metrics.local_scratch}))
    return {
        what: _detailed(f"max by ({host}, mountpoint) ({selector(metric, site, at(settings, target), where, OWN)})", "mountpoint")
        for what, metric in SPACE.items()
    }


def _devices(settings: Settings, target: Target, hosts: Mapping[str, Host]) -> list[tuple[str, str]]:
    """(matcher of hosts, matcher of devices): the device the settings name, else all that are not virtual."""
    named: dict[str, list[str]] = {}
    for host in target.hosts:
        named.setdefault(hosts[host].network if host in hosts else "", []).append(host)
    at_these = {device: hosts_matcher(settings.metrics.host_label, some, settings.metrics.host_domain) for device, some in named.items()}
    return [(at_these[device], matcher("device", device) if device else PHYSICAL) for device in sorted(named)]


def _traffic(settings: Settings, target: Target, window: int, site: str) -> dict[str, str]:
    by = f"max by ({settings.metrics.host_label}, device)"
    where = _devices(settings, target, {**settings.overview.login_nodes, **settings.overview.transfer_nodes})
    parts = {
        what: " or ".join(f"{by} (rate({selector(metric, site, *one)}[{window}s]))" for one in where) for what, metric in TRAFFIC.items()
    }
    parts["speed"] = " or ".join(f"{by} ({selector(SPEED, site, *one)} > 0)" for one in where)  # negative: unknown
    return {what: _detailed(f"({expr})", "device") for what, expr in parts.items()}


def now(settings: Settings) -> Batch:
    """Every host now, in one request. Instant; levels what, node, detail.

    `what`: up (1 where any exporter of the host answers), cores (hardware threads), busy (threads), load, booted (UTC s), memory,
    available (bytes), in, out, speed (bytes/s; detail: device), size, avail (bytes; detail: mount point of a fixed list).
    """
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        here = at(settings, target)
        busy = f"rate({selector(NODE_CPU, site, here, BUSY)}[{grid.window}s])"
        return joined({
            "up": f"max by ({host}) ({selector('up', site, here)})",
            "cores": _cores(settings, target, site),
            "busy": f"sum by ({host}) (max by ({host}, cpu, mode) ({busy}))",
            "load": f"max by ({host}) ({selector(LOAD, site, here)})",
            "booted": f"max by ({host}) ({selector(BOOTED, site, here)})",
            "memory": f"max by ({host}) ({selector(TOTAL, site, here)})",
            "available": _available(settings, target, site),
            **_traffic(settings, target, grid.window, site),
            **_space(settings, target, site),
        })  # fmt: skip

    return Batch(
        key="hosts_now", exporter=NODE, expr=expr, levels=("what", "node", "detail"), instant=True, merge="max", module="overview",
        metrics=(NODE_CPU, *GAUGES, *SPACE.values(), BOOTED, *TRAFFIC.values(), SPEED), labels=("mode", "cpu", "mountpoint"),
    )


def modes(settings: Settings) -> Batch:
    """Hardware threads of every host by what they did (level mode: user, system, iowait …, and `all`, how many there are)."""
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        busy = f"rate({selector(NODE_CPU, site, at(settings, target), NOT_IDLE)}[{survives(grid)}s])"
        whole = f'label_replace({_cores(settings, target, site)}, "mode", "all", "", "")'
        return f"sum by ({host}, mode) (max by ({host}, cpu, mode) ({busy})) or {whole}"

    return Batch(
        key="hosts_modes", exporter=NODE, expr=expr, levels=("node", "mode"), merge="max", metrics=(NODE_CPU,), labels=("mode", "cpu"),
        module="overview",
    )


def gauges(settings: Settings) -> Batch:
    """What every host holds. Levels what (load; memory, available in bytes), node."""
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        here = at(settings, target)
        return joined({
            "load": f"max by ({host}) ({selector(LOAD, site, here)})",
            "memory": f"max by ({host}) ({selector(TOTAL, site, here)})",
            "available": _available(settings, target, site),
        })  # fmt: skip

    return Batch(
        key="hosts_gauges", exporter=NODE, expr=expr, levels=("what", "node"), merge="max", metrics=GAUGES,
        module="overview",
    )


def network(settings: Settings) -> Batch:
    """Bytes a second of every host's device. Levels what (in, out, speed), node, detail (device)."""
    return Batch(
        key="hosts_network", exporter=NODE, levels=("what", "node", "detail"), merge="max", metrics=(*TRAFFIC.values(), SPEED),
        labels=("device",), module="overview",
        expr=lambda target, grid, site: joined(_traffic(settings, target, survives(grid), site)),
    )


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (now(settings), modes(settings), gauges(settings), network(settings))
