"""The batches of whole projects of the cloud: what they have now, what they used in the last month, over time, and the hypervisors.

All of it is added up in Prometheus: three thousand machines are some hundred numbers here. Core time of all projects is that of whole
machines (one series a machine, not one a virtual core).
"""

from __future__ import annotations

from collections.abc import Callable

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
# deploy/cloud_rules.yml: what → rule, by project
RULES = {
    "cores": "libvirtd_domain:used_core:sum_project", "cores_running": "libvirtd_domain:allocated_core:count_project",
    "memory": "libvirtd_domain:used_memory:sum_project", "memory_running": "libvirtd_domain:allocated_memory:sum_project",
    "block": "libvirtd_domain:block_allocation:sum_project",
}  # fmt: skip
RULES_SECONDS = 120
MONTH_DAYS = 31
MONTH, MOMENT = MONTH_DAYS * DAY, 7 * HOUR  # 7 hours: every hour of the day comes within a week
KNOWN_DAYS = 31
MOST = 50_000  # numbers an answer by project may have: a few a project, and one a flavour
PROJECT = "project_name"
Expr = Callable[[Target, Grid, str], str]


def _gauge(metric: str, by: str, target: Target, site: str) -> str:
    return f"max by ({PROJECT}, {by}) ({selector(metric, site, *where(target))})"


def _used_memory(target: Target, site: str) -> str:
    return f"sum by ({PROJECT}) ({used_memory(f'{PROJECT}, uuid', target, site)}) * 1024"


def _used_cores(target: Target, site: str, seconds: int) -> str:
    return f"sum by ({PROJECT}) (max by ({PROJECT}, uuid) (rate({selector(CPU, site, *where(target))}[{seconds}s]))) / 1e9"


def _instant(key: str, exporter: str, metrics: tuple[str, ...], expr: Expr, levels: tuple[str, ...], rules: tuple[str, ...] = ()) -> Batch:
    return Batch(
        key=key, exporter=exporter, metrics=metrics, expr=expr, levels=levels, merge="max", instant=True, most=MOST, labels=(PROJECT,), module=MODULE,
        rules=rules,
    )  # fmt: skip


def _over_time(key: str, metrics: tuple[str, ...], expr: Expr, levels: tuple[str, ...], rules: tuple[str, ...]) -> Batch:
    return Batch(key=key, exporter=LIBVIRT, metrics=metrics, expr=expr, levels=levels, merge="max", labels=(PROJECT,), module=MODULE, rules=rules)


def known(settings: Settings) -> Batch:
    """The names of all projects that have machines now, or a quota. Instant, level project_name."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        there = (selector(STATE, site), f"last_over_time({selector(QUOTA['cores'][0], site)}[{3 * LOOKBACK}s])")
        return " or ".join(f"group by ({PROJECT}) ({one})" for one in there)

    return _instant("cloud_known", LIBVIRT, (STATE, QUOTA["cores"][0]), expr, (PROJECT,))


def known_lately(settings: Settings) -> Batch:
    """The names of all projects that had machines in the last month. Instant, level project_name. Reads a month of every machine: the last resort."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        return f"group by ({PROJECT}) (max_over_time((group by ({PROJECT}) ({selector(STATE, site)}))[{KNOWN_DAYS}d:1h]))"

    return _instant("cloud_known_lately", LIBVIRT, (STATE,), expr, (PROJECT,))


def running(settings: Settings) -> Batch:
    """What the machines of each project have and use now. Instant; levels what, project_name, instance_type.

    `what`: instances, cores_used, memory, memory_used, block (bytes of virtual disks); by instance_type too: cores, flavour (machines).
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        one = _gauge(STATE, "uuid, instance_type", target, site)
        return joined({
            "flavour": f"count by ({PROJECT}, instance_type) ({one})",
            "instances": f"count by ({PROJECT}) ({_gauge(STATE, 'uuid', target, site)})",
            "cores": f"count by ({PROJECT}, instance_type) ({_gauge(VCPU, 'uuid, vcpu, instance_type', target, site)})",
            "cores_used": _used_cores(target, site, back(grid)),
            "memory": f"sum by ({PROJECT}) ({_gauge(CURRENT, 'uuid', target, site)}) * 1024",
            "memory_used": _used_memory(target, site),
            "block": f"sum by ({PROJECT}) ({_gauge(CAPACITY, 'uuid, device', target, site)})",
        })  # fmt: skip

    return _instant("cloud_running", LIBVIRT, (STATE, VCPU, CPU, CURRENT, USABLE, CAPACITY), expr, ("what", PROJECT, "instance_type"))


def quota(settings: Settings, *, month: bool = False) -> Batch:
    """What OpenStack grants each project, and what it counts itself. Instant; levels what, project_name.

    `what`: cores, instances; memory, block, object, object_used, shared, shared_used (bytes; OpenStack's MB and GB are binary). -1: no limit.
    `month`: and object_month, the mean of object_used at the moments of month().
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        def told(metric: str) -> str:
            return f"max by ({PROJECT}) (last_over_time({selector(metric, site, *where(target))}[{3 * grid.scrape}s]))"

        stored = f"avg_over_time(({told(QUOTA['object_used'][0])})[{MONTH}s:{MOMENT}s])"
        found = {what: told(metric) + (f" * {unit}" if unit > 1 else "") for what, (metric, unit) in QUOTA.items()}
        return joined(found | ({"object_month": stored} if month else {}))

    metrics = tuple(metric for metric, _unit in QUOTA.values())
    return _instant("cloud_quota_month" if month else "cloud_quota", OPENSTACK, metrics, expr, ("what", PROJECT))


def moment(settings: Settings, days: int) -> int:
    """Seconds between the moments of month(): seven hours, three where days are few, one where a moment costs little."""
    return HOUR if settings.cloud.recording_rules else 3 * HOUR if days < 7 else MOMENT


def month(settings: Settings, days: int = MONTH_DAYS) -> Batch:
    """What each project used in the last month, or in fewer `days`: sums over moments (moment()). Instant; levels what, project_name.

    `what`: cores, memory, block (bytes allocated of virtual disks); moments (project_name ""): at how many of them any machine was known.
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        over = f"[{days * DAY}s:{moment(settings, days)}s]"
        if settings.cloud.recording_rules:
            found = {what: _recorded(what, target, site) for what in ("cores", "memory", "block")}
            any_machine = f"count({_recorded('cores_running', target, site)})"
        else:
            block = f"sum by ({PROJECT}) ({_gauge(ALLOCATION, 'uuid, device', target, site)})"
            found = {"cores": _used_cores(target, site, HOUR), "memory": _used_memory(target, site), "block": block}
            any_machine = f"count({selector(STATE, site)})"
        sums = {what: f"sum_over_time(({one}){over})" for what, one in found.items()}
        return joined(sums | {"moments": f"count_over_time(({any_machine}){over})"})

    return _instant("cloud_month", LIBVIRT, (CPU, CURRENT, USABLE, ALLOCATION, STATE), expr, ("what", PROJECT), _rules(settings, *RULES))


def _recorded(what: str, target: Target, site: str) -> str:
    """A rule by project, twice as far back as it is worked out: a pair of Prometheus tells everything twice."""
    return f"max by ({PROJECT}) (last_over_time({selector(RULES[what], site, *where(target))}[{2 * RULES_SECONDS}s]))"


def _rules(settings: Settings, *what: str) -> tuple[str, ...]:
    return tuple(RULES[one] for one in what) if settings.cloud.recording_rules else ()


def cores(settings: Settings) -> Batch:
    """All projects' cores over the range; levels what, project_name, instance_type.

    `what`: used (busy cores, by project_name), and running (project_name "") from a rule, else machines (how many run, by instance_type).
    Virtual cores are many times as many series as machines, and reading them over a range costs more than all else of it: without the rule what a
    machine of a flavour has is asked once, of now (running()).
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        if settings.cloud.recording_rules:
            return joined({"used": _recorded("cores", target, site), "running": f"sum({_recorded('cores_running', target, site)})"})
        machines = f"group by (uuid, instance_type) ({selector(STATE, site, *where(target))})"
        return joined({"used": _used_cores(target, site, back(grid)), "machines": f"count by (instance_type) ({machines})"})

    return _over_time("cloud_cores_over_time", (CPU, STATE), expr, ("what", PROJECT, "instance_type"), _rules(settings, "cores", "cores_running"))


def memory(settings: Settings) -> Batch:
    """All projects' memory over the range (bytes): `what` is used (by project_name) or running (project_name ""); levels what, project_name."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        if settings.cloud.recording_rules:
            return joined({"used": _recorded("memory", target, site), "running": f"sum({_recorded('memory_running', target, site)})"})
        return joined({"used": _used_memory(target, site), "running": f"sum({_gauge(CURRENT, 'uuid', target, site)}) * 1024"})

    return _over_time("cloud_memory_over_time", (CURRENT, USABLE), expr, ("what", PROJECT), _rules(settings, "memory", "memory_running"))


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
    libvirt = (known(settings), known_lately(settings), running(settings), month(settings), cores(settings), memory(settings), hypervisors(settings))
    return (*libvirt, quota(settings, month=True), physical(settings))
