"""The demo's cloud: each machine docs/demo.md sends a reader to is there, with the figures that make it worth a look."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from core.settings import Cloud
from demo.model import Plan
from demo.plan_cloud import CLOUD_PROJECTS, FLAVOURS, NO_OBJECTS, NO_QUOTA, make_vms
from demo.series_cloud import cloud_blocks

NOW = 1_795_366_000
DAY = 86400
DEMO = Path(__file__).parents[2] / "docs" / "demo.md"
OVERSIZED = {"dev-db", "db-replica"}
IDLE = {"dev-idle"}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(
        seed=20, begin=NOW - 30 * DAY, made_at=NOW, horizon=NOW, cluster="turtle", nodes=(), accounts=(), people=(), runs=(),
        events=(), vms=make_vms(20, NOW), cloud_projects=CLOUD_PROJECTS,
    )  # fmt: skip


def read(plan: Plan, times: np.ndarray) -> dict[str, dict[str, list[np.ndarray]]]:
    """{uuid: {metric: its series}} of every machine."""
    found: dict[str, dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    for block in cloud_blocks(plan):
        if "uuid" in block.labels[0]:
            for labels, row in zip(block.labels, block.values(times), strict=True):
                found[labels["uuid"]][labels["__name__"].removeprefix("libvirtd_domain_")].append(row)
    return found


@pytest.fixture(scope="module")
def weeks(plan: Plan) -> dict[str, dict[str, list[np.ndarray]]]:
    return read(plan, np.arange(NOW - 14 * DAY, NOW + 1, 3600.0))


def busy(vm: dict[str, list[np.ndarray]]) -> np.ndarray:
    """Share of the virtual cores that was busy, hour by hour."""
    return np.mean([np.diff(core) / 3600e9 for core in vm["vcpu_time"]], axis=0)


def full(vm: dict[str, list[np.ndarray]]) -> np.ndarray:
    """Share of the memory in use."""
    return 1 - vm["balloon_usable"][0] / vm["balloon_current"][0]


def test_the_machines_worth_a_look_and_no_others(plan: Plan, weeks: dict) -> None:
    limits, idle, large = Cloud(), set(), set()
    for vm in plan.vms:
        if not vm.balloon or vm.ended is not None or NOW - vm.created < 14 * DAY:
            continue
        cpu, memory = busy(weeks[vm.uuid]), full(weeks[vm.uuid])
        if cpu.max() < limits.idle_share:
            idle.add(vm.name)
        elif np.quantile(cpu, 0.9) < limits.low_share and memory.max() < limits.low_memory:
            large.add(vm.name)
    assert (idle, large) == (IDLE, OVERSIZED)


def test_each_oversized_one_fits_a_smaller_flavour(plan: Plan, weeks: dict) -> None:
    for vm in plan.vms:
        if vm.name in OVERSIZED:
            cores, gib = busy(weeks[vm.uuid]).max() * vm.vcpus, full(weeks[vm.uuid]).max() * vm.memory / 2**30
            assert any(2 * cores < one.cores < vm.vcpus and 1.3 * gib < one.gib < vm.memory / 2**30 for one in FLAVOURS.values())


def test_a_stopped_machine_shows_nothing_since(plan: Plan) -> None:
    (stopped,) = [vm for vm in plan.vms if vm.ended is not None]
    assert stopped.ended == NOW - 2 * DAY
    rows = read(plan, np.array([stopped.ended - 60.0, stopped.ended, NOW]))[stopped.uuid]
    assert all(not np.isnan(row[0]) and np.isnan(row[1:]).all() for metric in rows.values() for row in metric)


def test_counters_never_fall_and_the_balloon_may_be_missing(plan: Plan, weeks: dict) -> None:
    for vm in plan.vms:
        for name in ("vcpu_time", "block_read_bytes", "net_rx_bytes", "seconds"):
            assert all((np.diff(row[~np.isnan(row)]) >= 0).all() for row in weeks[vm.uuid][name]), (vm.name, name)
        assert len(weeks[vm.uuid]["vcpu_time"]) == vm.vcpus
        assert ("balloon_usable" in weeks[vm.uuid]) == vm.balloon
    assert [vm.name for vm in plan.vms if not vm.balloon] == ["web-windows"]


def test_a_machine_with_two_disks_tells_of_each(plan: Plan, weeks: dict) -> None:
    found = {vm.name: [row[-1] / 1e9 for row in weeks[vm.uuid]["block_capacity"]] for vm in plan.vms if vm.disks > 1}
    gib = 2**30 / 1e9
    assert found == {"db-main": pytest.approx([64 * gib, 256 * gib]), "mon-metrics": pytest.approx([32 * gib, 128 * gib])}


def test_what_is_kept_for_a_month_is_enough_for_the_findings(plan: Plan) -> None:
    kept = {labels["__name__"] for block in cloud_blocks(plan) if block.before for labels in block.labels}
    wanted = ("vcpu_time", "cpu_time", "seconds", "balloon_current", "balloon_usable", "block_capacity", "block_allocation", "domain_state")
    assert kept >= {f"libvirtd_domain_{name}" for name in wanted} | {"libvirtd_info", "openstack_quota_compute_cores"}


def test_projects_without_machines_quota_or_a_metric(plan: Plan) -> None:
    named = defaultdict(set)
    for block in cloud_blocks(plan):
        for labels in block.labels:
            if labels["__name__"].startswith("openstack"):
                named[labels["__name__"]].add(labels["project_name"])
    projects, running = set(CLOUD_PROJECTS), {vm.project for vm in plan.vms}
    assert projects - running == {"def-curie-portal"}
    assert projects - named["openstack_quota_compute_cores"] == NO_QUOTA == {"legacy-archive"}
    assert projects - named["openstack_quota_object_storage_x_account_bytes_used"] == NO_OBJECTS | NO_QUOTA
    assert len({vm.uuid for vm in plan.vms}) == len(plan.vms) > len({vm.name for vm in plan.vms})


def test_the_page_about_the_demo_names_them(plan: Plan) -> None:
    text = DEMO.read_text(encoding="utf-8")
    names = OVERSIZED | IDLE | {"web-staging", "web-windows", "mon-new", "db-train-large", "def-curie-portal", "legacy-archive"}
    assert all(f"`{name}`" in text for name in names)
