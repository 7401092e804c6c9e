"""The batches of whole projects of the cloud: what they have now, what they used in the last month, over time, and the hypervisors.

All of it is added up in Prometheus: three thousand machines are some hundred numbers here. Core time of all projects is that of whole
machines (one series a machine, not one a virtual core).
"""

from __future__ import annotations

from core.settings import Settings
from core.units import DAY, GIB, HOUR, MIB
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.cloud_batches import (
    ALLOCATION,
    CAPACITY,
    CPU,
    CURRENT,
    LIBVIRT,
    LOOKBACK,
    MODULE,
    STATE,
    USABLE,
    VCPU,
    back,
    used_memory,
    where,
)
from datasources.prometheus.job_batches import joined
from datasources.prometheus.job_batches_node import NODE, NODE_CPU
from datasources.prometheus.promql import hosts_matcher, names, selector

OPENSTACK = "openstack_exporter"
QUOTA = {  # what → (metric, its unit in ours)
    "cores": ("openstack_quota_compute_cores", 1), "memory": ("openstack_quota_compute_ram", MIB),
    "instances": ("openstack_quota_compute_instances", 1), "block": ("openstack_quota_volume_gigabytes", GIB),
    "object": ("openstack_quota_object_storage_x_account_meta_quota_bytes", 1),
    "object_used": ("openstack_quota_object_storage_x_account_bytes_used", 1),
    "shared": ("openstack_quota_sharefs_gigabytes", GIB), "shared_used": ("openstack_quota_sharefs_gigabytes_used", GIB),
}  # fmt: skip
INFO = "libvirtd_info"
TOTAL = "node_memory_MemTotal_bytes"
MONTH, MOMENT = 31 * DAY, 7 * HOUR  # 7 hours: every hour of the day comes within a week
KNOWN_DAYS = 31
SELDOM = 4
MOST = 50_000  # numbers an answer by project may have: a few a project, and one a flavour
PROJECT = "project_name"


def _gauge(metric: str, by: str, target: Target, site: str) -> str:
    return f"max by ({PROJECT}, {by}) ({selector(metric, site, *where(target))})"


def _used_memory(target: Target, site: str) -> str:
    return f"sum by ({PROJECT}) ({used_memory(f'{PROJECT}, uuid', target, site)}) * 1024"


def _used_cores(target: Target, site: str, seconds: int) -> str:
    return f"sum by ({PROJECT}) (max by ({PROJECT}, uuid) (rate({selector(CPU, site, *where(target))}[{seconds}s]))) / 1e9"


def known(settings: Settings) -> Batch:
    """The names of all projects that had machines in the last month, or have a quota. Instant, level project_name."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        ran = f"group by ({PROJECT}) (max_over_time((group by ({PROJECT}) ({selector(STATE, site)}))[{KNOWN_DAYS}d:1h]))"
        there = [selector(STATE, site), f"last_over_time({selector(QUOTA['cores'][0], site)}[{3 * LOOKBACK}s])"]
        return " or ".join((*(f"group by ({PROJECT}) ({one})" for one in there), ran))

    return Batch(
        key="cloud_known", exporter=LIBVIRT, metrics=(STATE, QUOTA["cores"][0]), expr=expr, levels=(PROJECT,), merge="max", instant=True, most=MOST,
        labels=(PROJECT,), module=MODULE,
    )  # fmt: skip


def running(settings: Settings) -> Batch:
    """What the machines of each project have and use now. Instant; levels what, project_name, instance_type.

    `what`: instances, cores, cores_used, memory, memory_used, block (bytes of virtual disks), flavour (machines by instance_type).
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        one = _gauge(STATE, "uuid, instance_type", target, site)
        return joined({
            "flavour": f"count by ({PROJECT}, instance_type) ({one})",
            "instances": f"count by ({PROJECT}) ({_gauge(STATE, 'uuid', target, site)})",
            "cores": f"count by ({PROJECT}) ({_gauge(VCPU, 'uuid, vcpu', target, site)})",
            "cores_used": _used_cores(target, site, back(grid)),
            "memory": f"sum by ({PROJECT}) ({_gauge(CURRENT, 'uuid', target, site)}) * 1024",
            "memory_used": _used_memory(target, site),
            "block": f"sum by ({PROJECT}) ({_gauge(CAPACITY, 'uuid, device', target, site)})",
        })  # fmt: skip

    return Batch(
        key="cloud_running", exporter=LIBVIRT, metrics=(STATE, VCPU, CPU, CURRENT, USABLE, CAPACITY), expr=expr,
        levels=("what", PROJECT, "instance_type"), merge="max", instant=True, most=MOST, labels=(PROJECT,), module=MODULE,
    )  # fmt: skip


def quota(settings: Settings) -> Batch:
    """What OpenStack grants each project, and what it counts itself. Instant; levels what, project_name.

    `what`: cores, instances; memory, block, object, object_used, shared, shared_used (bytes; OpenStack's MB and GB are binary). -1: no limit.
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        return joined({
            what: f"max by ({PROJECT}) (last_over_time({selector(metric, site, *where(target))}[{3 * grid.scrape}s]))" + (f" * {unit}" if unit > 1 else "")
            for what, (metric, unit) in QUOTA.items()
        })  # fmt: skip

    return Batch(
        key="cloud_quota", exporter=OPENSTACK, metrics=tuple(metric for metric, _unit in QUOTA.values()), expr=expr, levels=("what", PROJECT), merge="max",
        instant=True, most=MOST, labels=(PROJECT,), module=MODULE,
    )  # fmt: skip


def month(settings: Settings) -> Batch:
    """What each project used in the last month: sums over moments seven hours apart. Instant; levels what, project_name.

    `what`: cores, memory, block (bytes allocated of virtual disks); moments (project_name ""): at how many of them any machine was known.
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        over = f"[{MONTH}s:{MOMENT}s]"
        block = f"sum by ({PROJECT}) ({_gauge(ALLOCATION, 'uuid, device', target, site)})"
        return joined({
            "cores": f"sum_over_time(({_used_cores(target, site, HOUR)}){over})",
            "memory": f"sum_over_time(({_used_memory(target, site)}){over})",
            "block": f"sum_over_time(({block}){over})",
            "moments": f"count_over_time((count({selector(STATE, site)})){over})",
        })  # fmt: skip

    return Batch(
        key="cloud_month", exporter=LIBVIRT, metrics=(CPU, CURRENT, USABLE, ALLOCATION, STATE), expr=expr, levels=("what", PROJECT), merge="max", instant=True,
        most=MOST, labels=(PROJECT,), module=MODULE,
    )  # fmt: skip


def month_object(settings: Settings) -> Batch:
    """Bytes of objects each project had, the mean of the same moments. Instant; level project_name."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        stored = f"max by ({PROJECT}) (last_over_time({selector(QUOTA['object_used'][0], site, *where(target))}[{3 * grid.scrape}s]))"
        return f"avg_over_time(({stored})[{MONTH}s:{MOMENT}s])"

    return Batch(
        key="cloud_month_object", exporter=OPENSTACK, metrics=(QUOTA["object_used"][0],), expr=expr, levels=(PROJECT,), merge="max", instant=True, most=MOST,
        labels=(PROJECT,), module=MODULE,
    )  # fmt: skip


def over_time(settings: Settings) -> Batch:
    """All projects over the range: `what` is cores, memory (bytes; by project) or cores_running, memory_running (project_name ""); levels what, project_name.

    Virtual cores are too many to be counted at each point, and change seldom: they are counted at every fourth.
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        seldom = SELDOM * grid.step
        counted = f"count(group by (uuid, vcpu) ({selector(VCPU, site, *where(target))}))"
        return joined({
            "cores": _used_cores(target, site, back(grid)),
            "memory": _used_memory(target, site),
            "cores_running": f"last_over_time(({counted})[{seldom}s:{seldom}s])",
            "memory_running": f"sum({_gauge(CURRENT, 'uuid', target, site)}) * 1024",
        })  # fmt: skip

    return Batch(
        key="cloud_over_time", exporter=LIBVIRT, metrics=(CPU, VCPU, CURRENT, USABLE), expr=expr, levels=("what", PROJECT), merge="max", labels=(PROJECT,),
        module=MODULE,
    )  # fmt: skip


def hypervisors(settings: Settings) -> Batch:
    """The hosts that run machines, or could: those the exporter ran on in the last hour. Instant, level the host label."""
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        return f"group by ({host}) (last_over_time({selector(names((INFO, STATE)), site)}[1h]))"

    return Batch(
        key="cloud_hypervisors", exporter=LIBVIRT, metrics=(STATE,), expr=expr, levels=(host,), merge="max", instant=True, labels=(host,), module=MODULE,
    )  # fmt: skip


def physical(settings: Settings) -> Batch:
    """What the target's hosts have: `what` is hosts, cores (hardware threads) or memory (bytes). Instant."""
    host = settings.metrics.host_label

    def expr(target: Target, grid: Grid, site: str) -> str:
        at = hosts_matcher(host, target.hosts, settings.metrics.host_domain)
        sizes = f"max by ({host}) ({selector(TOTAL, site, at)})"
        idle = 'mode="idle"'
        return joined({
            "hosts": f"count({sizes})", "cores": f"count(max by ({host}, cpu) ({selector(NODE_CPU, site, at, idle)}))", "memory": f"sum({sizes})",
        })  # fmt: skip

    return Batch(
        key="cloud_physical", exporter=NODE, metrics=(NODE_CPU, TOTAL), expr=expr, levels=("what",), merge="max", instant=True, labels=(host,), module=MODULE,
    )  # fmt: skip


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    libvirt = (known(settings), running(settings), month(settings), over_time(settings), hypervisors(settings))
    return (*libvirt, quota(settings), month_object(settings), physical(settings))
