"""The batches of the cloud: what virtual machines have and use, by project, machine, virtual core, disk and interface.

The exporter counts core time in ns and memory in KiB; counters begin anew with a machine, which rate() bears. A machine that
moves is told by two hypervisors for a moment, and a pair of Prometheus doubles everything: the largest of one machine holds, not the sum.
A machine that was given another size or name keeps its uuid: series are told apart by uuid alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import joined
from datasources.prometheus.promql import matcher, selector

LIBVIRT = "libvirtd_exporter"
MODULE = "cloudstats"
STATE, AGE = "libvirtd_domain_domain_state", "libvirtd_domain_seconds"
VCPU, CPU = "libvirtd_domain_vcpu_time", "libvirtd_domain_cpu_time"
CURRENT, USABLE = "libvirtd_domain_balloon_current", "libvirtd_domain_balloon_usable"
CAPACITY, ALLOCATION = "libvirtd_domain_block_capacity", "libvirtd_domain_block_allocation"
DISK = {
    "read_bytes": "libvirtd_domain_block_read_bytes", "write_bytes": "libvirtd_domain_block_write_bytes",
    "reads": "libvirtd_domain_block_read_requests", "writes": "libvirtd_domain_block_write_requests",
}  # fmt: skip
NETWORK = {"in": "libvirtd_domain_net_rx_bytes", "out": "libvirtd_domain_net_tx_bytes"}
WHO = ("uuid", "instance_name", "instance_type", "user_name")
LOOKBACK = 300  # Prometheus shows a sample for so long


def where(target: Target) -> tuple[str, ...]:
    """Matchers of the target's projects and machines; none: everything, which only staff ask for."""
    names = (("project_name", target.projects), ("uuid", target.uuids))
    return tuple(matcher(label, found) for label, found in names if found)


def back(grid: Grid) -> int:
    """Seconds a rate looks back: two steps, so that samples as far apart as the steps still make one."""
    return max(grid.window, 2 * grid.step)


def _gauge(metric: str, by: str, target: Target, site: str) -> str:
    return f"max by ({by}) ({selector(metric, site, *where(target))})"


def _rate(metric: str, by: str, target: Target, grid: Grid, site: str) -> str:
    return f"max by ({by}) (rate({selector(metric, site, *where(target))}[{back(grid)}s]))"


def used_memory(by: str, target: Target, site: str) -> str:
    """KiB in use: series by series, as both come from one exporter, which costs a third of subtracting what was grouped."""
    return f"max by ({by}) ({selector(CURRENT, site, *where(target))} - {selector(USABLE, site, *where(target))})"


def _batch(key: str, metrics: Sequence[str], expr: object, levels: tuple[str, ...], **more: object) -> Batch:
    labels = ("project_name", "uuid")
    return Batch(key=key, exporter=LIBVIRT, metrics=tuple(metrics), expr=expr, levels=levels, merge="max", module=MODULE, labels=labels, **more)


def seen(settings: Settings) -> Batch:
    """Which machines a project had, and when: `what` is state (libvirt's number) or age (seconds since it was created); levels what and WHO."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        over = f"[{max(grid.step, LOOKBACK)}s]"
        who = ", ".join(WHO)
        return joined({
            what: f"max by ({who}) (last_over_time({selector(metric, site, *where(target))}{over}))" for what, metric in (("state", STATE), ("age", AGE))
        })  # fmt: skip

    return _batch("cloud_seen", (STATE, AGE), expr, ("what", *WHO))


def now(settings: Settings) -> Batch:
    """The machines of a project now. Instant; levels what and WHO (the last three with state and age only).

    `what`: state (libvirt's number), age (s), cores, cores_used, memory, memory_used, capacity, allocation (bytes).
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        blocks = {what: f"sum by (uuid) ({_gauge(metric, 'uuid, device', target, site)})" for what, metric in (("capacity", CAPACITY), ("allocation", ALLOCATION))}
        return joined({
            "state": _gauge(STATE, ", ".join(WHO), target, site),
            "age": _gauge(AGE, ", ".join(WHO), target, site),
            "cores": f"count by (uuid) ({_gauge(VCPU, 'uuid, vcpu', target, site)})",
            "cores_used": f"sum by (uuid) ({_rate(VCPU, 'uuid, vcpu', target, grid, site)}) / 1e9",
            "memory": f"{_gauge(CURRENT, 'uuid', target, site)} * 1024",
            "memory_used": f"{used_memory('uuid', target, site)} * 1024",
            **blocks,
        })  # fmt: skip

    return _batch("cloud_now", (STATE, AGE, VCPU, CURRENT, USABLE, CAPACITY, ALLOCATION), expr, ("what", *WHO), instant=True)


def cpu(settings: Settings, by: str = "uuid") -> Batch:
    """Cores: `what` is used (by `by`: uuid or vcpu) or running (by uuid); levels what, uuid, vcpu."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        return joined({
            "used": f"sum by ({by}) ({_rate(VCPU, 'uuid, vcpu', target, grid, site)}) / 1e9",
            "running": f"count by (uuid) ({_gauge(VCPU, 'uuid, vcpu', target, site)})",
        })  # fmt: skip

    return _batch(f"cloud_cpu_{by}", (VCPU,), expr, ("what", "uuid", "vcpu"))


def memory(settings: Settings) -> Batch:
    """Bytes: `what` is used (given and not usable any more) or running (given now); levels what, uuid."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        return joined({"used": f"{used_memory('uuid', target, site)} * 1024", "running": f"{_gauge(CURRENT, 'uuid', target, site)} * 1024"})

    return _batch("cloud_memory", (CURRENT, USABLE), expr, ("what", "uuid"))


def _flows(key: str, metrics: dict[str, str], by: str, part: str) -> Batch:
    def expr(target: Target, grid: Grid, site: str) -> str:
        return joined({what: f"sum by ({by}) ({_rate(metric, f'uuid, {part}', target, grid, site)})" for what, metric in metrics.items()})

    return _batch(f"{key}_{by}", tuple(metrics.values()), expr, ("what", "uuid", part))


def disk(settings: Settings, by: str = "uuid") -> Batch:
    """`what`: read_bytes, write_bytes (bytes/s), reads, writes (1/s), by uuid or device; levels what, uuid, device."""
    return _flows("cloud_disk", DISK, by, "device")


def network(settings: Settings, by: str = "uuid") -> Batch:
    """`what`: in, out (bytes/s), by uuid or interface; levels what, uuid, interface."""
    return _flows("cloud_network", NETWORK, by, "interface")


def judged(settings: Settings) -> Batch:
    """What the findings are made of, over settings.cloud.finding_days; levels what, uuid.

    `what`: cores_used and cores, memory_peak and memory (bytes): means over a step, and the most memory in one.
    """

    def expr(target: Target, grid: Grid, site: str) -> str:
        rate = f"max by (uuid, vcpu) (rate({selector(VCPU, site, *where(target))}[{grid.window}s]))"
        least = f"max by (uuid) (min_over_time({selector(USABLE, site, *where(target))}[{grid.step}s]))"
        given = _gauge(CURRENT, "uuid", target, site)
        return joined({
            "cores_used": f"sum by (uuid) ({rate}) / 1e9",
            "cores": f"count by (uuid) ({_gauge(VCPU, 'uuid, vcpu', target, site)})",
            "memory_peak": f"({given} - {least}) * 1024",
            "memory": f"{given} * 1024",
        })  # fmt: skip

    return _batch("cloud_judged", (VCPU, CURRENT, USABLE), expr, ("what", "uuid"))


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    by_machine = (seen(settings), now(settings), cpu(settings), memory(settings), disk(settings), network(settings), judged(settings))
    return (*by_machine, cpu(settings, "vcpu"), disk(settings, "device"), network(settings, "interface"))
