"""A small cloud whose numbers can be worked out by hand: nine days, a sample every five minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

START, HOUR, DAY = 1_750_000_000 // 86400 * 86400, 3600, 86400
END, EVERY = START + 9 * DAY, 300
RESTART, STOPPED, PEAK = START + 4 * DAY, END - 2 * DAY, START + 5 * DAY
KIB_GIB, GIB = 1024**2, 1024**3
NASTY = 'lab"} or vector(1) or {project_name="labyx'
A, B, C, G, D, E, F = (f"{digit}0000000-0000-4000-8000-000000000000" for digit in "abc1def")


@dataclass(frozen=True, kw_only=True)
class Vm:
    """rates: busy share of each virtual core; given and used in GiB, used None: its system does not tell."""

    uuid: str
    name: str
    project: str
    flavour: str
    user: str
    rates: tuple[float, ...]
    given: float = 4
    used: float | None = 1
    until: int = END
    hosts: tuple[str, ...] = ("hv1",)
    disks: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)  # read, written bytes/s, reads, writes /s
    nets: dict[str, tuple[float, float]] = field(default_factory=dict)


VMS = (
    # two disks, two interfaces; in the last hour it is on two hypervisors at once
    Vm(
        uuid=A, name="web", project="lab", flavour="c4", user="ann", rates=(0.5, 0.25, 0, 0), given=8, used=2, hosts=("hv1", "hv2"),
        disks={"vda": (1000, 3000, 1, 3), "vdb": (500, 0, 2, 0)}, nets={"t0": (1500, 60), "t1": (500, 40)},
    ),
    Vm(uuid=B, name="web", project="lab", flavour="c2", user="bob", rates=(0.001, 0.001), used=0.5),
    Vm(uuid=C, name="old", project="lab", flavour="c1", user="bob", rates=(0.1,), until=STOPPED),
    Vm(uuid=G, name="cards", project="lab", flavour="g2", user="ann", rates=(0.0, 0.0)),
    Vm(uuid=D, name="look-alike", project="labyx", flavour="c1", user="dan", rates=(0.9,)),
    Vm(uuid=E, name="dotted", project="lab.x", flavour="c1", user="eve", rates=(0.3,), used=None),
    Vm(uuid=F, name="nasty", project=NASTY, flavour="c1", user="fay", rates=(0.2,)),
)  # fmt: skip
QUOTAS = {
    "openstack_quota_compute_cores": {"lab": 20, "only-quota": 10}, "openstack_quota_compute_ram": {"lab": 40960, "only-quota": -1},
    "openstack_quota_volume_gigabytes": {"lab": 100}, "openstack_quota_object_storage_x_account_bytes_used": {"lab": 2e11},
    "openstack_quota_sharefs_gigabytes": {"lab": 50}, "openstack_quota_sharefs_gigabytes_used": {"lab": 20},
}  # fmt: skip


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _lines(metric: str, labels: dict[str, str], value: Callable[[int], float], since: int = START, until: int = END) -> Iterator[str]:
    text = ",".join(f"{name}={_quoted(found)}" for name, found in labels.items())
    for at in range(since, until + 1, EVERY):
        yield f"{metric}{{{text}}} {value(at)!r} {at}"


def _counter(rate: float, begun: int) -> Callable[[int], float]:
    """Grows evenly; begins anew at RESTART, as a machine's counters do."""
    return lambda at: float(round(rate * (at - (RESTART if at >= RESTART and begun < RESTART else begun))))


def _of(vm: Vm) -> dict[str, list[tuple[dict[str, str], Callable[[int], Callable[[int], float]]]]]:
    """metric → [(more labels, begun → value)]."""
    def constant(number: float) -> Callable[[int], Callable[[int], float]]:
        return lambda begun: lambda at: number

    def counter(rate: float) -> Callable[[int], Callable[[int], float]]:
        return lambda begun: _counter(rate, begun)

    usable = (vm.given - (vm.used or 0)) * KIB_GIB
    found = {
        "domain_state": [({}, constant(1.0))],
        "seconds": [({}, lambda begun: lambda at: float(at - START + 10 * DAY))],
        "vcpu_time": [({"vcpu": str(number)}, counter(rate * 1e9)) for number, rate in enumerate(vm.rates)],
        "cpu_time": [({}, counter((sum(vm.rates) + 0.05 * bool(vm.disks)) * 1e9))],
        "balloon_current": [({}, constant(vm.given * KIB_GIB))],
        # at one moment a GiB more is in use
        "balloon_usable": [({}, lambda begun: lambda at: usable - (KIB_GIB if at == PEAK and vm.uuid == A else 0))],
        "block_capacity": [({"device": name, "path": f"/{name}"}, constant(20.0 * GIB if name == "vda" else 10.0 * GIB)) for name in vm.disks],
        "block_allocation": [({"device": name, "path": f"/{name}"}, constant(5.0 * GIB if name == "vda" else 1.0 * GIB)) for name in vm.disks],
    }
    if vm.used is None:
        del found["balloon_usable"]
    for place, metric in enumerate(("read_bytes", "write_bytes", "read_requests", "write_requests")):
        found[f"block_{metric}"] = [({"device": name, "path": f"/{name}"}, counter(flow[place])) for name, flow in vm.disks.items()]
    for place, metric in enumerate(("rx_bytes", "tx_bytes")):
        found[f"net_{metric}"] = [({"interface": name}, counter(flow[place])) for name, flow in vm.nets.items()]
    return found


def _machines() -> Iterator[tuple[str, list[str]]]:
    by_metric: dict[str, list[str]] = {}
    for vm in VMS:
        who = {"uuid": vm.uuid, "instance_type": vm.flavour, "user_name": vm.user, "project_name": vm.project, "instance_name": vm.name, "cluster": "one"}
        for number, host in enumerate(vm.hosts):
            since = START if number == 0 else END - HOUR
            for metric, series in _of(vm).items():
                for more, value in series:
                    labels = {**who, **more, "instance": f"{host}.cluster.ca:9474"}
                    by_metric.setdefault(f"libvirtd_domain_{metric}", []).extend(_lines(f"libvirtd_domain_{metric}", labels, value(since), since, vm.until))
    yield from by_metric.items()


def samples() -> str:
    """OpenMetrics text of the machines, the quotas, and three hosts of which two are hypervisors."""
    lines: list[str] = []
    for metric, found in _machines():
        lines += [f"# TYPE {metric} gauge", *found]
    for metric, values in QUOTAS.items():
        lines.append(f"# TYPE {metric} gauge")
        for project, number in values.items():
            lines += _lines(metric, {"project_name": project, "cluster": "one"}, lambda at, number=number: float(number))
    for metric in ("node_cpu_seconds_total", "node_memory_MemTotal_bytes"):
        lines.append(f"# TYPE {metric.removesuffix('_total')} {'counter' if 'cpu' in metric else 'gauge'}")
        for host, cores, size in (("hv1", 4, 64), ("hv2", 2, 32), ("c1", 100, 512)):
            labels = {"instance": f"{host}.cluster.ca:9100", "cluster": "one"}
            if "memory" in metric:
                lines += _lines(metric, labels, lambda at, size=size: float(size * GIB), END - HOUR)
                continue
            for core in range(cores):
                lines += _lines(metric, {**labels, "cpu": str(core), "mode": "idle"}, lambda at: float(at - END + HOUR), END - HOUR)
    return "\n".join([*lines, "# EOF", ""])
