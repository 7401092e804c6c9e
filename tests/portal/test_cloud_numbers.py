"""The demo's cloud against itself: what the page says of each project is what its machines were planned to be and to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from demo.model import Plan, Vm
from demo.plan_cloud import FLAVOURS, NO_QUOTA
from tests.portal.conftest import Demo
from tests.portal.reader import Reader
from tests.portal.screen import Screen
from tests.portal.test_numbers import table

pytestmark = pytest.mark.browser  # the ring the demo runs in
DAY, GIB = 86400, 1024**3


def machines(plan: Plan, project: str, *, running: bool) -> list[Vm]:
    return [vm for vm in plan.vms if vm.project == project and (vm.ended is None or not running)]


def number(text: str) -> float | None:
    return float(text) if text not in ("", "no limit") else None


def test_projects_have_what_was_granted_runs_and_was_used(demo: Demo, ada: Reader) -> None:
    """Cores used: a machine's mean share of its cores, for the part of the history it was there; the whole month has 30 days."""
    rows = {row["project"]: row for row in table(ada, "cloud/all/projects?at=/cloud")}
    plan = demo.plan
    assert set(rows) == {*plan.cloud_projects, "TOTAL"}
    begin = plan.made_at - 30 * DAY
    for project in plan.cloud_projects:
        row, now = rows[project], machines(plan, project, running=True)
        ever = machines(plan, project, running=False)
        quota = None if project in NO_QUOTA else max(8, 2 * sum(vm.vcpus for vm in ever))
        assert number(row["cores_quota (cores)"]) == quota
        if not now:
            assert not number(row["cores_running (cores)"]) and not number(row["cores_used (cores)"])
            continue
        assert number(row["cores_running (cores)"]) == sum(vm.vcpus for vm in now)
        assert number(row["memory_running (bytes)"]) == sum(vm.memory for vm in now)
        assert number(row["gpus_running (GPUs)"]) == sum(FLAVOURS[vm.flavour].gpus for vm in now)
        assert number(row["block_running (bytes)"]) == pytest.approx(sum(vm.disk for vm in now))
        used = sum(vm.vcpus * vm.busy * ((vm.ended or plan.made_at) - max(vm.created, begin)) / (30 * DAY) for vm in ever)
        assert number(row["cores_used (cores)"]) == pytest.approx(used, rel=0.08, abs=0.02), project


@pytest.mark.parametrize(("person", "project", "said"), [("mira", "def-lovelace-dev", ("dev-idle", "dev-db")), ("hana", "rrg-hopper-db", ("db-replica",))])
def test_a_member_is_told_which_machines_idle_or_are_too_large(
    reader: Callable[[str], Reader], demo: Demo, person: str, project: str, said: tuple[str, ...]
) -> None:
    parts = reader(person).parts(f"/cloud/{project}")
    section = next(name for name, shown in parts.items() if any("finding" in block for block in shown["block"]))
    (block,) = [name for name in parts[section]["block"] if "finding" in name]
    shown = reader(person).section(f"/cloud/{project}", section).text(block)
    others = {vm.name for vm in demo.plan.vms if vm.project == project} - set(said)
    assert all(name in shown for name in said), shown
    assert not any(f"{name}:" in shown for name in others), shown


# as many rows as a large cloud has, scrolled half way: where the first head, the second one and a cell of TOTAL stand in the box
FAR_DOWN = """
const table = document.querySelector('.tt-grand table'), body = table.tBodies[0], box = table.closest('.tt-table-box');
for (let turn = 0; turn < 20; turn++) Array.from(body.rows).slice(0, 6).forEach((row) => body.append(row.cloneNode(true)));
box.scrollTop = box.scrollHeight / 2;
const place = (cell) => cell.getBoundingClientRect(), [top, bottom] = [place(box).top, place(box).bottom];
const heads = Array.from(table.tHead.rows).map((row) => Math.round(place(row.cells[1]).top - top));
return [box.scrollTop > 500, ...heads, Math.round(place(table.tFoot.rows[0].cells[1]).bottom - bottom), place(document.body).width <= innerWidth];
"""
OPENED = "return Array.from(document.querySelectorAll('.tt-grand tfoot .tt-wide-only')).filter((cell) => cell.offsetParent).map((cell) => cell.dataset.label)"


def test_heads_and_total_stay_while_the_table_scrolls(screen: Screen) -> None:
    screen.be("ada").look().open("/cloud").find(".tt-grand tfoot")
    far, first, second, total, fits = screen.js(FAR_DOWN)
    assert far and first == 0 and 20 < second < 50 and abs(total) <= 1 and fits
    assert screen.console() == []


def test_total_opens_on_a_phone(screen: Screen) -> None:
    screen.be("ada").look(width=390).open("/cloud").find(".tt-grand tfoot")
    assert screen.js(OPENED) == []
    screen.click(".tt-grand tfoot tr")
    assert "Memory granted" in screen.js(OPENED) and len(screen.js(OPENED)) == 12
    assert screen.console() == []
