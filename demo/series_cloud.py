"""Series of the cloud: libvirtd_exporter on each hypervisor, and OpenStack's quotas by project."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from demo.model import Plan, Vm
from demo.series import COARSE, Block, Hum, raw_begin

EXPORTER = "libvirtd_exporter"
PORT = 9474
KIB = 1024
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
TYPES = {**{f"libvirtd_{name}": "counter" for name in COUNTED}, **{f"libvirtd_{name}": "gauge" for name in SHOWN}}


FIXED = ("domain_domain_state", "domain_balloon_current", "domain_balloon_maximum", *SHOWN[6:])


def vm_blocks(plan: Plan, vm: Vm) -> list[Block]:
    """One running domain; times in ns, balloon in KiB, block sizes in bytes. What never changes is rarer in the history."""
    base = {
        "uuid": vm.uuid,
        "instance_type": vm.flavour,
        "user_name": vm.user,
        "project_name": vm.project,
        "instance_name": vm.name,
    }
    net = {"interface": f"tap{vm.uuid[:8]}"}
    block = {"device": "vda", "path": f"/var/lib/nova/instances/{vm.uuid}/disk"}

    def named(names: Iterable[str]) -> list[dict[str, str]]:
        more = ((name, net if "_net_" in name else block if "_block_" in name else {}) for name in names)
        return [
            {"__name__": f"libvirtd_{name}", **base, **extra, **cpu}
            for name, extra in more
            for cpu in ([{"vcpu": str(cpu)} for cpu in range(vm.vcpus)] if "vcpu" in name else [{}])
        ]

    since = raw_begin(plan) - 86400.0 * (vm.seed % 90 + 1)
    cpu = Hum(min(vm.busy, 0.52), vm.seed, 0.5)
    flows = [Hum(mean * (0.2 + vm.busy), vm.seed + 1 + n) for n, mean in enumerate((4e6, 3e6, 1e6, 3e6))]

    memory, disk = vm.memory / KIB, float(vm.disk)

    def values(times: np.ndarray) -> np.ndarray:
        busy = cpu.total(times, since) * 1e9
        rx, tx, read, written = (np.floor(flow.total(times, since)) for flow in flows)
        whole = np.floor(busy * vm.vcpus)
        rows = [times - since, whole, np.floor(whole * 0.85), np.floor(whole * 0.15), rx, tx, rx // 1100, tx // 1100]
        rows += [read, written, read // 32768, written // 16384, read * 8, written * 12, written // 500000]
        free = memory * (0.75 - 0.6 * np.minimum(cpu.rate(times), 1))
        rows += [np.floor(busy)] * vm.vcpus
        rows += [np.rint(free), np.rint(free * 0.7), np.rint(memory - free * 0.6)]
        return np.vstack(rows)

    sizes = [1.0, memory, memory, np.rint(disk * 0.4), disk, np.rint(disk * 0.42), *[1.0] * vm.vcpus]
    column = np.array(sizes)[:, None]
    moving = [name for name in (*COUNTED, *SHOWN) if name not in FIXED]
    common = {"exporter": EXPORTER, "instance": f"{vm.host}:{PORT}"}
    return [
        Block(**common, labels=named(moving), values=values),
        Block(**common, labels=named(FIXED), values=lambda t: np.repeat(column, len(t), axis=1), every=COARSE),
    ]


def openstack_block(plan: Plan) -> Block:
    """openstack_quota_* by project: cores, MB of memory, GB of volumes, bytes of objects, GB of shared file systems."""
    projects = sorted({*plan.cloud_projects, *(vm.project for vm in plan.vms)})
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
            "object_storage_x_account_meta_quota_bytes": 1e12,
            "object_storage_x_account_bytes_used": round(1e9 * disk * 0.3),
            "sharefs_gigabytes": 1000,
            "sharefs_gigabytes_used": round(disk * 0.2),
        }
        labels += [{"__name__": f"openstack_quota_{name}", "project_name": project} for name in quota]
        rows += [float(value) for value in quota.values()]
    fixed = np.array(rows)[:, None]
    return Block(
        exporter="openstack_exporter",
        instance="cloud1:9180",
        labels=labels,
        values=lambda times: np.repeat(fixed, len(times), axis=1),
        every=COARSE,
    )


def cloud_blocks(plan: Plan) -> list[Block]:
    """Every block of the cloud; none where the plan has no machines of it."""
    if not plan.vms and not plan.cloud_projects:
        return []
    return [*(block for vm in plan.vms for block in vm_blocks(plan, vm)), openstack_block(plan)]
