"""The demo against itself: what the public pages say is what the plan holds and what the metrics server was given.

The portal answers visitors from what it read up to some minutes ago, and the cluster lives on: an answer has to be right for
one moment of those minutes.
"""

from __future__ import annotations

import calendar
import math
import re
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import requests
from sqlalchemy import Engine, text

from demo.model import Node, Plan, PlannedRun
from demo.series import run_end
from demo.series_cluster import QueueView
from demo.series_quota import MOVED
from tests.portal.conftest import Demo
from tests.portal.reader import Reader
from tests.portal.test_numbers import table

pytestmark = pytest.mark.browser  # the ring the demo runs in
DAY, GIB = 86400, 1024**3
BEHIND = 420  # seconds an answer may be old: the demo's writing, the portal's reading, the answer kept
WAITS_BEHIND = 600  # the same of waits, which are kept for five minutes
FEWEST = 5
TITLES = {"Login 1": "login1", "Login 2": "login2", "Data transfer 1": "dtn1", "Data transfer 2": "dtn2"}


class Visitor(Reader):
    """Somebody who has not signed in."""

    def __init__(self, url: str) -> None:
        self.url, self.http = url, requests.Session()
        callbacks = self.http.get(f"{url}/_dash-dependencies", timeout=60).json()
        self.output = next(one["output"] for one in callbacks if '"figure"' in one["output"] and '"load"' in str(one["inputs"]))


@pytest.fixture(scope="module")
def visitor(demo: Demo) -> Visitor:
    return Visitor(demo.url)


@pytest.fixture(scope="module")
def ask(demo: Demo) -> Callable[..., dict[tuple[str, ...], float]]:
    """ask(PromQL, at=None, by=labels) → {values of the labels: value}, from the demo's own Prometheus."""
    address = tomllib.loads((demo.folder / "turtle.toml").read_text())["prometheus"]["url"]

    def value(query: str, *by: str, at: float | None = None) -> dict[tuple[str, ...], float]:
        answer = requests.post(f"{address}/api/v1/query", {"query": query, **({"time": at} if at else {})}, timeout=30)
        answer.raise_for_status()
        return {tuple(one["metric"].get(label, "") for label in by): float(one["value"][1]) for one in answer.json()["data"]["result"]}

    return value


def compute(plan: Plan) -> list[Node]:
    return [node for node in plan.nodes if node.partitions]


def lately(edges: Iterable[float], seconds: int = BEHIND) -> list[float]:
    """The moments an answer may be about: the end of the last minutes and each moment in them at which something changed."""
    end = time.time() + 1
    return sorted({end - seconds, end, *(edge + 0.5 for edge in edges if end - seconds < edge < end)})


def alive(plan: Plan) -> list[PlannedRun]:
    """Runs that began and did not end long ago."""
    old = time.time() - 2 * BEHIND
    return [run for run in plan.runs if run.start is not None and run_end(run.end, plan) > old]


def edges(runs: Iterable[PlannedRun]) -> list[float]:
    return [float(edge) for run in runs for edge in (run.start or 0, run.end or 0, *(at for spell in run.suspensions for at in spell))]


def held(plan: Plan, runs: list[PlannedRun], at: float) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Cores by node, GPUs by node and GRES type, of the runs that run at a moment."""
    kinds = {(node.name, gpu.index): gpu.gres for node in plan.nodes for gpu in node.gpus}
    cores, gpus = Counter[str](), Counter[tuple[str, str]]()
    for run in runs:
        if not (run.start or 0) <= at < run_end(run.end, plan) or any(begin <= at < end for begin, end in run.suspensions):
            continue
        for share in run.shares:
            cores[share.node] += len(share.cores)
            gpus.update((share.node, kinds[share.node, index]) for index in share.gpus)
    return cores, gpus


def out_of_service(plan: Plan, at: float) -> set[str]:
    return {event.node for event in plan.events if event.start <= at < (event.end or plan.horizon)}


def reserved(plan: Plan, at: float) -> set[str]:
    """Nodes of reservations that run: those of the demo keep whole nodes."""
    return {node for one in plan.reservations if one.start <= at < one.end for node in one.nodes} - out_of_service(plan, at)


def changes(plan: Plan) -> list[float]:
    """When nodes go out of service and come back, and reservations begin and end."""
    of_nodes = [float(at) for event in plan.events for at in (event.start, event.end or 0)]
    return of_nodes + [float(at) for one in plan.reservations for at in (one.start, one.end)]


def numbers(said: str) -> list[float]:
    """The numbers of a sentence; groups of digits are set apart by narrow spaces."""
    return [float(re.sub(r"\s", "", one)) for one in re.findall(r"\d[\d\u202f\u00a0\u2009]*(?:\.\d+)?", said)]


def test_the_tiles_are_what_the_plan_holds(visitor: Visitor, demo: Demo) -> None:
    """Cores, GPUs, jobs and nodes of the front page's head, for somebody who has not signed in."""
    filled, plan = visitor.section("/", "status:now"), demo.plan
    said = re.split(r"Cores in use|GPUs in use|Jobs running|Nodes", filled.text("tiles"))[1:]
    cores, gpus, jobs, nodes = (numbers(part) for part in said)
    runs, everything = alive(plan), compute(plan)
    queue = QueueView(plan, plan.runs)
    moments = lately([*edges(runs), *queue.pending.moments])
    at = [held(plan, runs, moment) for moment in moments]
    assert cores[1] == sum(node.cores for node in everything)
    assert cores[0] in {sum(found.values()) for found, _gpus in at}
    assert gpus[1] == sum(len(node.gpus) for node in everything)
    assert gpus[0] in {sum(found.values()) for _cores, found in at}
    stopped = queue.suspended.at(np.array(moments))
    assert jobs[0] in set(queue.running.at(np.array(moments)) - stopped)
    assert jobs[1] in set(queue.pending.at(np.array(moments)))
    # a node or a reservation may have come or gone in these minutes, too
    states = {(len(out_of_service(plan, moment)), len(reserved(plan, moment))) for moment in lately([*changes(plan)])}
    told = set(re.findall(r"\d+ (?:drained|reserved)", filled.text("tiles")))
    assert nodes[1] == len(everything) and any(nodes[0] == len(everything) - away for away, _kept in states)
    assert any({f"{away} drained", f"{kept} reserved"} <= told for away, kept in states), (told, states)
    words = filled.text("verdict")
    assert words.startswith("Running well The cluster is running normally")
    assert numbers(words)[:2] == nodes[:2]
    assert numbers(words)[2] == pytest.approx(100 * cores[0] / cores[1], abs=0.51)


def kind_of(node: Node) -> tuple[int, int, str]:
    return node.cores, round(node.memory / GIB), node.gpus[0].gpu_type if node.gpus else ""


def row_of(what: str, kinds: Iterable[tuple[int, int, str]]) -> tuple[int, int, str]:
    """The kind of node a row of the table is about."""
    [found] = [
        one for one in kinds
        if what.startswith(f"{one[0]} cores · {one[1]} GiB") and (f"× {model(one[2])}" in what if one[2] else "×" not in what)
    ]
    return found


def model(gpu_type: str) -> str:
    return "H100" if "H100" in gpu_type else "A100"


def test_free_now_is_what_nobody_holds_and_everybody_may_have(visitor: Visitor, demo: Demo) -> None:
    """Configured, less what running jobs hold, less nodes that are drained or reserved: cores by type of node, GPUs by model."""
    plan, rows = demo.plan, table(visitor, "status/free/free?at=/")
    kinds: dict[tuple[int, int, str], list[Node]] = defaultdict(list)
    for node in compute(plan):
        kinds[kind_of(node)].append(node)
    runs = alive(plan)
    at = [(held(plan, runs, moment), out_of_service(plan, moment) | reserved(plan, moment)) for moment in lately([*edges(runs), *changes(plan)])]
    of_nodes = [row for row in rows if " cores · " in row["what"]]
    assert len(of_nodes) == len(kinds)
    for row in of_nodes:
        nodes = kinds[row_of(row["what"], kinds)]
        assert float(row["whole"]) == sum(node.cores for node in nodes)
        idle = [({node.name: node.cores - cores[node.name] for node in nodes}, away) for (cores, _gpus), away in at]
        expected = {(sum(left[node] for node in left if node not in away), sum(left[node] for node in left if node in away)) for left, away in idle}
        assert (float(row["free"]), float(row["away"])) in expected, row
        assert float(row["use"]) == pytest.approx(1 - (float(row["free"]) + float(row["away"])) / float(row["whole"]))
    types = {gpu.gres: "1g.5gb slice" if gpu.mig else model(gpu.gpu_type) for node in compute(plan) for gpu in node.gpus}
    of_gpus = {row["what"]: row for row in rows if " cores · " not in row["what"]}
    assert set(of_gpus) == set(types.values())
    for gres, name in types.items():
        whole = Counter({node.name: sum(gpu.gres == gres for gpu in node.gpus) for node in compute(plan)})
        idle = [({node: count - gpus[node, gres] for node, count in whole.items()}, away) for (_cores, gpus), away in at]
        expected = {(sum(left[node] for node in left if node not in away), sum(left[node] for node in left if node in away)) for left, away in idle}
        row = of_gpus[name]
        assert float(row["whole"]) == whole.total()
        assert (float(row["free"]), float(row["away"])) in expected, row


def test_waits_are_those_of_the_last_day(visitor: Visitor, accounting: Engine) -> None:
    """Median and nine of ten by partition, with numpy over every row, at some moment of the last minutes."""
    rows = {row["partition"]: row for row in table(visitor, "status/free/waits?at=/")}
    end = time.time()
    statement = text(
        "select `partition`, time_start, greatest(time_start - greatest(time_eligible, time_submit), 0) from turtle_job_table "
        "where time_start >= :low and time_start >= time_submit and tres_alloc <> '' and (het_job_id = 0 or het_job_offset = 0)"
    )
    begun: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with accounting.connect() as connection:
        for partition, start, wait in connection.execute(statement, {"low": int(end - DAY - WAITS_BEHIND)}):
            begun[partition].append((int(start), int(wait)))
    moments = np.arange(end - WAITS_BEHIND, end + 1, 5)
    compared = 0
    for partition, found in begun.items():
        start, wait = np.array(found).T
        seen = [wait[(start >= moment - DAY) & (start <= moment)] for moment in moments]
        counts = [len(one) for one in seen]
        row = rows.get(partition)
        if min(counts) < FEWEST:
            assert row is None or not row["jobs"] or float(row["jobs"]) <= max(counts)
            continue
        assert min(counts) <= float(row["jobs"]) <= max(counts), partition
        for column, part in (("median", 0.5), ("p90", 0.9)):
            exact = [float(np.quantile(one, part, method="inverted_cdf")) for one in seen]
            # counted in steps of 10 %
            assert 0.94 * min(exact) - 1 <= float(row[column]) <= 1.06 * max(exact) + 1, (partition, column)
        compared += 1
    assert compared >= 2


def test_those_who_wait_are_those_of_the_plan(visitor: Visitor, demo: Demo) -> None:
    """Jobs pending by partition add up to all that wait."""
    rows = table(visitor, "scheduler/pending/pending_jobs?at=/scheduler")
    pending = QueueView(demo.plan, demo.plan.runs).pending
    assert sum(float(row["ready"]) + float(row["not_ready"]) for row in rows) in set(pending.at(np.array(lately(pending.moments))))


def test_use_over_time_is_what_slurm_counts(visitor: Visitor, demo: Demo, ask: Callable[..., dict]) -> None:
    """The charts of cores and memory at some moments of the last day: lines of the Slurm exporter and of the rules."""
    rows = table(visitor, "scheduler/resources/cores?at=/scheduler")
    lines = {"allocated": "max(slurm_cpus_alloc)", "total": "max(slurm_cpus_total)", "usable": "max(slurm_cpus_alloc) + max(slurm_cpus_idle)"}
    lines["used"] = "sum(slurm_job:used_core:sum)"
    # not the last ones: what of their time comes late was not there when the portal asked
    for row in rows[len(rows) // 4 : -3 : len(rows) // 4]:
        at = calendar.timegm(time.strptime(row["time (UTC)"], "%Y-%m-%dT%H:%M:%SZ"))
        for name, query in lines.items():
            assert float(row[name]) == pytest.approx(ask(query, at=at)[()], rel=1e-3), (name, row)
    memory = table(visitor, "scheduler/resources/memory?at=/scheduler")
    assert float(memory[-1]["total"]) == pytest.approx(sum(node.memory for node in compute(demo.plan)), rel=1e-3)
    assert 0 < float(memory[-1]["used"]) <= float(memory[-1]["allocated"]) <= float(memory[-1]["total"])


def test_file_systems_are_what_their_servers_say(visitor: Visitor, ask: Callable[..., dict]) -> None:
    """Bandwidth between the least and the most of the last minutes, space and size target by target; in the order of the settings."""
    rows = table(visitor, "status/glance/systems?at=/")
    assert [row["fs"] for row in rows] == ["scratch", "project", "home"]
    for row in rows[:2]:
        own = f'component="ost",target=~"{row["fs"]}-OST.*"'
        assert float(row["size"]) == sum(ask(f"max by (target) (lustre_capacity_kibibytes{{{own}}})", "target").values()) * 1024
        free = sum(ask(f"max by (target) (lustre_available_kibibytes{{{own}}})", "target").values()) * 1024
        assert float(row["used"]) == pytest.approx(float(row["size"]) - free, rel=1e-3)
        for what, rule in (("read", "lustre:read_bytes:rate3m"), ("written", "lustre:write_bytes:rate3m")):
            [low], [high] = (ask(f'{how}_over_time({rule}{{fs="{row["fs"]}"}}[15m])').values() for how in ("min", "max"))
            assert low <= float(row[what]) * 1.001 and float(row[what]) <= high * 1.001, (row["fs"], what)
    [size], [free] = (ask(f'max(gpfs_fs_{what}_bytes{{fs="home"}})').values() for what in ("size", "free"))
    assert (float(rows[2]["size"]), float(rows[2]["used"])) == (size, pytest.approx(size - free, rel=1e-3))
    # the plan moves so much a second on average, half of it at midnight and half as much again at noon; counters are read every few minutes
    part = 1 - math.cos(2 * math.pi * time.time() / DAY) / 2
    assert [float(rows[2]["read"]), float(rows[2]["written"])] == pytest.approx([part * MOVED[f"gpfs_perf_{what}_bytes_total"] for what in ("read", "write")], rel=0.15)


def test_hosts_are_what_their_exporters_say(visitor: Visitor, demo: Demo, ask: Callable[..., dict]) -> None:
    """Every login and transfer node of the settings, on the front page and on their own."""
    rows = table(visitor, "status/glance/hosts?at=/")
    assert {row["title"]: row["host"] for row in rows} == TITLES
    own = {row["host"]: row for page in ("logins", "transfers") for row in table(visitor, f"{page}/now/hosts?at=/{page}")}
    for row in rows:
        here = f'instance=~"{row["host"]}(:.*)?"'
        node = next(node for node in demo.plan.nodes if node.name == row["host"])
        assert float(row["cores"]) == node.cores == float(own[row["host"]]["cores"])
        assert float(row["memory"]) == ask(f"max(node_memory_MemTotal_bytes{{{here}}})")[()]
        assert float(row["booted"]) == ask(f"max(node_boot_time_seconds{{{here}}})")[()]
        low, high = (ask(f"{how}({how}_over_time(node_load1{{{here}}}[10m]))")[()] for how in ("min", "max"))
        assert low / node.cores - 1e-9 <= float(row["load_per_core"]) <= high / node.cores + 1e-9


def _lately(ask: Callable[..., dict], expr: str, window: str) -> tuple[float, float]:
    """The least and the most that a mean over six hours was in the last 24 minutes: the page ends on a step of 10 minutes, and is kept for as long."""
    found = [ask(f"avg_over_time(({expr})[6h:{window}] offset {minutes}m)")[()] for minutes in (1, 5, 9, 13, 17, 21, 24)]
    return min(found), max(found)


def test_software_adds_up_to_what_jobs_used(visitor: Visitor, ask: Callable[..., dict]) -> None:
    """All rows together are the busy cores of six hours; GROMACS is what its executables counted."""
    rows = {row["program"]: row for row in table(visitor, "software/programs/table?at=/software")}
    low, high = _lately(ask, "sum(slurm_job:used_core:sum)", "1m")
    assert low * 0.98 <= sum(float(row["cores"] or 0) for row in rows.values()) <= high * 1.02
    assert sum(float(row["share"] or 0) for row in rows.values()) == pytest.approx(1, abs=1e-6)
    gromacs = 'slurm_job_process_usage_total{exe=~".*/gmx[^/]*"}'
    low, high = _lately(ask, f"sum(clamp_min(deriv({gromacs}[2m]), 0))", "2m")
    assert low * 0.95 <= float(rows["GROMACS"]["cores"]) <= high * 1.05
    assert float(rows["GROMACS"]["cvmfs"]) == pytest.approx(float(rows["GROMACS"]["cores"]))
    low, high = _lately(ask, "count(max by (instance, slurmjobid, gpu) (slurm_job_utilization_gpu))", "2m")
    assert low * 0.95 <= sum(float(row["gpus"] or 0) for row in rows.values()) <= high * 1.05
