"""Series of the cloud: libvirtd_exporter on each hypervisor, and OpenStack's quotas by project."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from demo.model import Plan, Vm
from demo.plan_cloud import NO_OBJECTS, NO_QUOTA, UNLIMITED
from demo.series import COARSE, DAY, STEP, Block, Hum, raw_begin

EXPORTER = "libvirtd_exporter"
PORT = 9474
KIB = 1024
DISKS = (("vda", ""), ("vdb", ".data"))
FLOWS = (5e6, 4e6, 2e6, 4e6)  # bytes/s received, sent, read and written by a machine that never rests
FIRST_DISK = 0.2  # of what a machine with two reads, writes and holds
COUNTED = [
    "domain_seconds",
    "domain_cpu_time",
    "domain_cpu_user",
    "domain_cpu_system",
    "domain_net_rx_bytes",
    "domain_net_tx_bytes",
    "domain_net_rx_packets",
    "domain_net_tx_packets",
    "domain_block_read_bytes",
    "domain_block_write_bytes",
    "domain_block_read_requests",
    "domain_block_write_requests",
    "domain_block_read_times",
    "domain_block_write_times",
    "domain_block_flush_requests",
    "domain_vcpu_time",
]
SHOWN = [
    "domain_domain_state",
    "domain_balloon_current",
    "domain_balloon_maximum",
    "domain_balloon_usable",
    "domain_balloon_unused",
    "domain_balloon_rss",
    "domain_block_allocation",
    "domain_block_capacity",
    "domain_block_physical",
    "domain_vcpu_state",
]
TYPES = {
    **{f"libvirtd_{name}": "counter" for name in COUNTED},
    **{f"libvirtd_{name}": "gauge" for name in SHOWN},
    "libvirtd_info": "gauge",
}


FIXED = ("domain_domain_state", "domain_balloon_current", "domain_balloon_maximum", *SHOWN[6:])
# what is looked at over weeks
KEPT = (
    "domain_seconds",
    "domain_cpu_time",
    "domain_vcpu_time",
    "domain_net_rx_bytes",
    "domain_net_tx_bytes",
    "domain_block_read_bytes",
    "domain_block_write_bytes",
    "domain_block_read_requests",
    "domain_block_write_requests",
    "domain_balloon_usable",
)
BALLOON = ("domain_balloon_usable", "domain_balloon_unused")


class VmLoad:
    """Every series of one running domain; times in ns, balloon in KiB, block sizes in bytes."""

    def __init__(self, plan: Plan, vm: Vm) -> None:
        self.vm = vm
        self.since = float(raw_begin(plan) - DAY * (vm.seed % 90 + 1) if vm.created is None else vm.created)
        self.cpu = Hum(min(vm.busy, 0.52), vm.seed, 0.5)
        # some serve the world, some only compute
        shares = np.random.default_rng(vm.seed).lognormal(0, 0.9, len(FLOWS)).tolist()
        means = [mean * share * (0.004 + vm.busy) for mean, share in zip(FLOWS, shares, strict=True)]
        self.flows = [Hum(mean, vm.seed + 1 + n) for n, mean in enumerate(means)]
        base = {"uuid": vm.uuid, "instance_type": vm.flavour, "user_name": vm.user}
        self.labels = base | {"project_name": vm.project, "instance_name": vm.name}
        self._last: tuple[object, dict[str, np.ndarray]] = (None, {})

    def named(self, names: Iterable[str]) -> list[dict[str, str]]:
        """Labels of the series of these names, with cores, interface and device."""
        return [{"__name__": f"libvirtd_{name}", **self.labels, **part} for name in names for part in self._parts(name)]

    def _parts(self, name: str) -> list[dict[str, str]]:
        if "_net_" in name:
            return [{"interface": f"tap{self.vm.uuid[:8]}"}]
        if "_block_" in name:
            place = f"/var/lib/nova/instances/{self.vm.uuid}/disk"
            return [{"device": device, "path": place + end} for device, end in DISKS[: self.vm.disks]]
        return [{"vcpu": str(cpu)} for cpu in range(self.vm.vcpus)] if "vcpu" in name else [{}]

    def _rows(self, name: str, row: np.ndarray) -> list[np.ndarray]:
        """A machine's figure as its parts show it: each core the same, the second disk most of the whole."""
        if "_block_" in name:
            first = np.floor(row * (FIRST_DISK if self.vm.disks > 1 else 1))
            return [first, row - first][: self.vm.disks]
        return [row] * (self.vm.vcpus if "vcpu" in name else 1)

    def block(self, names: Iterable[str], every: int, before: int) -> Block:
        """A block of these series; nothing is shown before the domain was made and after it stopped."""
        names = [name for name in names if self.vm.balloon or name not in BALLOON]
        rows_of = self._fixed if set(names) <= set(FIXED) else self._moving

        def values(times: np.ndarray) -> np.ndarray:
            rows = rows_of(times)
            found = np.vstack([part for name in names for part in self._rows(name, rows[name])])
            found[:, (times < self.since) | (times >= self.end)] = np.nan
            return found

        return Block(
            exporter=EXPORTER,
            instance=f"{self.vm.host}:{PORT}",
            labels=self.named(names),
            values=values,
            begin=self.since,
            end=self.end,
            every=every,
            before=before,
        )

    @property
    def end(self) -> float:
        """When it was stopped."""
        return math.inf if self.vm.ended is None else float(self.vm.ended)

    def _moving(self, times: np.ndarray) -> dict[str, np.ndarray]:
        key = (times[0], times[-1], len(times))
        if self._last[0] != key:
            self._last = (key, self._moved(times))
        return self._last[1]

    def _moved(self, times: np.ndarray) -> dict[str, np.ndarray]:
        busy = self.cpu.total(times, self.since) * 1e9
        rx, tx, read, written = (np.floor(flow.total(times, self.since)) for flow in self.flows)
        whole = np.floor(busy * self.vm.vcpus)
        rows = [times - self.since, whole, np.floor(whole * 0.85), np.floor(whole * 0.15), rx, tx, rx // 1100, tx // 1100]
        rows += [read, written, read // 32768, written // 16384, read * 8, written * 12, written // 500000, np.floor(busy)]
        memory = self.vm.memory / KIB
        free = memory * np.maximum(1 - self.vm.held - min(0.6, 2 * self.vm.held) * np.minimum(self.cpu.rate(times), 1), 0.02)
        moving = dict(zip(COUNTED, rows, strict=True))
        usable, unused, rss = np.rint(free), np.rint(free * 0.7), np.rint(memory - free * 0.6)
        return moving | {"domain_balloon_usable": usable, "domain_balloon_unused": unused, "domain_balloon_rss": rss}

    def _fixed(self, times: np.ndarray) -> dict[str, np.ndarray]:
        memory, disk, same = self.vm.memory / KIB, float(self.vm.disk), np.ones(len(times))
        sizes = {"domain_domain_state": 1.0, "domain_balloon_current": memory, "domain_balloon_maximum": memory}
        sizes |= {"domain_block_allocation": np.rint(disk * 0.4), "domain_block_capacity": disk}
        sizes |= {"domain_block_physical": np.rint(disk * 0.42), "domain_vcpu_state": 1.0}
        return {name: size * same for name, size in sizes.items()}


def vm_blocks(plan: Plan, vm: Vm) -> list[Block]:
    """One domain. What is looked at over weeks is kept for 30 days, the rest for some; what never changes is rarer."""
    load = VmLoad(plan, vm)
    lasting = [name for name in FIXED if name not in ("domain_vcpu_state", "domain_block_physical", "domain_balloon_maximum")]
    moving = [name for name in (*COUNTED, *SHOWN) if name not in FIXED]
    blocks = [
        load.block(KEPT, STEP, COARSE),
        load.block([name for name in moving if name not in KEPT], STEP, 0),
        load.block(lasting, COARSE, COARSE),
        load.block([name for name in FIXED if name not in lasting], COARSE, 0),
    ]
    return [replace(block, begin=max(block.begin, plan.begin)) for block in blocks]


def openstack_block(plan: Plan) -> Block:
    """openstack_quota_* by project: cores, MB of memory, GB of volumes, bytes of objects, GB of shared file systems."""
    projects = sorted({*plan.cloud_projects, *(vm.project for vm in plan.vms)} - NO_QUOTA)
    labels, rows = [], []
    for project in projects:
        vms = [vm for vm in plan.vms if vm.project == project]
        cores = max(8, 2 * sum(vm.vcpus for vm in vms))
        disk = sum(vm.disk for vm in vms) / 1e9
        quota = {
            "compute_cores": cores,
            "compute_ram": cores * 4096,
            "compute_instances": 2 * len(vms) + 4,
            "volume_gigabytes": round(2 * disk + 500),
            "sharefs_gigabytes": 1000,
            "sharefs_gigabytes_used": round(disk * 0.2),
        }
        if project in UNLIMITED:
            quota |= dict.fromkeys(("compute_instances", "volume_gigabytes"), -1)
        if project not in NO_OBJECTS:
            quota["object_storage_x_account_meta_quota_bytes"] = 10**12
            quota["object_storage_x_account_bytes_used"] = round(3e8 * disk)
        labels += [{"__name__": f"openstack_quota_{name}", "project_name": project} for name in quota]
        rows += [float(value) for value in quota.values()]
    return _constant("openstack_exporter", "cloud1:9180", labels, rows, plan)


def _constant(exporter: str, instance: str, labels: list[dict[str, str]], numbers: list[float], plan: Plan) -> Block:
    fixed = np.array(numbers)[:, None]
    return Block(
        exporter=exporter,
        instance=instance,
        labels=labels,
        values=lambda times: np.repeat(fixed, len(times), axis=1),
        begin=plan.begin,
        every=COARSE,
        before=COARSE,
    )


def _hypervisors(plan: Plan) -> list[Block]:
    """What each hypervisor says of itself."""
    label = {"__name__": "libvirtd_info", "driver": "QEMU", "hypervisor_version": "8.2.2", "libvirt_version": "10.0.0"}
    hosts = sorted({vm.host for vm in plan.vms})
    return [_constant(EXPORTER, f"{host}:{PORT}", [label], [1.0], plan) for host in hosts]


def cloud_blocks(plan: Plan) -> list[Block]:
    """Every block of the cloud; none where the plan has no machines of it."""
    if not plan.vms and not plan.cloud_projects:
        return []
    return [*(block for vm in plan.vms for block in vm_blocks(plan, vm)), *_hypervisors(plan), openstack_block(plan)]
