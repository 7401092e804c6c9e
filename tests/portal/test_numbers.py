"""The demo against itself: what the pages of accounts, top, nodes and scheduling add up is what the plan and its rows add up to."""

from __future__ import annotations

import csv
import io
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Engine, text

from demo.model import Plan, PlannedRun
from tests.portal.conftest import Demo
from tests.portal.reader import Reader
from tests.portal.truth import Truth

pytestmark = pytest.mark.browser  # the ring the demo runs in
DAY, HOUR, TIB = 86400, 3600, 1024**4
FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def table(person: Reader, address: str) -> list[dict[str, str]]:
    """The rows of a CSV file of the portal."""
    answer = person.http.get(f"{person.url}/export/{address}")
    assert answer.status_code == 200, answer.text[:300]
    return list(csv.DictReader(line for line in io.StringIO(answer.text) if not line.startswith("# ")))


def span(low: int, high: int) -> str:
    """The part of an address that names a range."""
    return "&".join(f"{name}={datetime.fromtimestamp(at, UTC).strftime(FORMAT)}" for name, at in (("from", low), ("to", high)))


def held(run: PlannedRun, low: int, high: int) -> int:
    """Seconds in [low, high) that a run held its resources: not while it was suspended."""
    def inside(begin: int, end: int) -> int:
        return max(min(end, high) - max(begin, low), 0)

    end = run.end if run.end is not None else high
    return inside(run.start, end) - sum(inside(begin, min(stop, end)) for begin, stop in run.suspensions)


def quiet(plan: Plan) -> tuple[int, int]:
    """Three whole days soon after the plan begins: everything in them has ended and is summarised first."""
    first = (plan.begin // DAY + 2) * DAY
    return first, first + 3 * DAY


def test_members_are_what_their_jobs_held_and_used(
    demo: Demo, reader: Callable[[str], Reader], summarised: Callable[[int], None]
) -> None:
    """A member's hours by the plan's own curves, read by the PI, who is no staff."""
    account, (low, high) = "def-curie_cpu", quiet(demo.plan)
    runs = [run for run in demo.plan.runs if run.account == account and run.start and run.end and low <= run.end < high]
    expected: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for run in runs:
        seconds = held(run, run.start, run.end)
        for place, value in enumerate((1, run.cores * seconds / HOUR, Truth(demo.plan, run).cpu_seconds / HOUR, run.memory / TIB * seconds / HOUR)):
            expected[run.person][place] += value
    assert len(expected) > 3
    summarised(high)
    rows = table(reader("ada"), f"account/members/members?at=/account/{account}&{span(low, high)}")
    found = {row["user"]: row for row in rows}
    assert set(found) >= set(expected)
    for person, (jobs, core_hours, used, tib_hours) in expected.items():
        row = found[person]
        assert float(row["jobs ended"]) == jobs
        assert float(row["core-hours allocated"]) == pytest.approx(core_hours, rel=1e-3, abs=2e-3)
        assert float(row["core-hours used"]) == pytest.approx(used, rel=2e-3, abs=2e-3)
        assert float(row["core-hours wasted"]) >= 0
        assert float(row["TiB-hours allocated"]) == pytest.approx(tib_hours, rel=1e-2, abs=2e-3)
    # the PI reads the same sums, of people by their initials
    mine = table(reader("mcurie"), f"account/members/members?at=/account/{account}&{span(low, high)}")
    assert sorted(row["core-hours allocated"] for row in mine) == sorted(row["core-hours allocated"] for row in rows)
    assert {row["user"] for row in mine} & (set(expected) - {"mcurie"}) == set()


def test_what_slurm_charged_in_a_month_is_what_jobs_held(demo: Demo, ada: Reader) -> None:
    """The last month that is over, from the usage tables, against the plan."""
    plan, account = demo.plan, "rrg-franklin_cpu"
    first = datetime.fromtimestamp(plan.made_at, UTC).replace(day=1, hour=0, minute=0, second=0)
    high = int(first.timestamp())
    before = datetime.fromtimestamp(high - DAY, UTC)
    low = int(before.replace(day=1).timestamp())
    expected: dict[str, float] = defaultdict(float)
    for run in plan.runs:
        if run.account == account and run.start and run.start < high:
            expected[run.person] += run.cores * held(run, max(low, plan.begin), high) / HOUR
    rows = table(ada, f"account/report/report?at=/account/{account}&view=report&month={before:%Y-%m}")
    found = {row["user"]: float(row["core-hours Slurm charged"] or 0) for row in rows}
    assert sum(expected.values()) > 100
    assert {person: found.get(person, 0.0) for person in expected} == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_top_lists_what_running_jobs_hold(ada: Reader, accounting: Engine) -> None:
    """Cores by person and account, against the rows of the job table at the same moment."""
    statement = text(
        "select a.user, a.acct, sum(cast(substring_index(substring_index(concat(',', j.tres_alloc), ',1=', -1), ',', 1) as unsigned)) "
        "from turtle_job_table j join turtle_assoc_table a using (id_assoc) where j.time_end = 0 and j.state = 1 group by 1, 2"
    )

    def rows() -> dict[tuple[str, str], float]:
        with accounting.connect() as connection:
            return {(row[0], row[1]): float(row[2]) for row in connection.execute(statement)}

    for _turn in range(5):
        before = rows()
        found = {(row["user"], row["account"]): float(row["cores"]) for row in table(ada, "top/now/rows?at=/top&refresh=30")}
        after = rows()
        if found in (before, after):
            return
    assert found == after


def test_nodes_show_what_is_allocated_on_them(demo: Demo, ada: Reader) -> None:
    """Cores held on each node where nothing came or went in the last minutes."""
    asked = int(time.time())
    rows = {row["node"]: row for row in table(ada, "nodes/list/nodes?at=/nodes")}
    nodes = [node for node in demo.plan.nodes if node.partitions]
    assert set(rows) == {node.name for node in nodes}
    compared = 0
    for node in nodes:
        here = [(run, share) for run in demo.plan.runs if run.start for share in run.shares if share.node == node.name and run.start < asked + 60]
        if any(asked - 300 < edge < asked + 60 for run, _share in here for edge in (run.start, run.end or 0)) or any(run.suspensions for run, _share in here):
            continue
        cores = sum(len(share.cores) for run, share in here if run.end is None or run.end > asked)
        assert float(rows[node.name]["cores"]) == node.cores
        if rows[node.name]["state"] not in ("down",):
            assert float(rows[node.name]["cores allocated"] or 0) == cores, node.name
            compared += 1
    # a large job that has just begun leaves few of them
    assert compared >= 5


def test_waits_are_those_of_the_rows(demo: Demo, ada: Reader, accounting: Engine) -> None:
    """Median and nine of ten by partition, with numpy over every row; the page promises 10 %."""
    low, high = quiet(demo.plan)
    statement = text(
        "select `partition`, time_start - time_eligible from turtle_job_table where time_start >= :low and time_start < :high "
        "and time_eligible > 0 and time_eligible <= time_start"
    )
    waits: dict[str, list[int]] = defaultdict(list)
    with accounting.connect() as connection:
        for partition, seconds in connection.execute(statement, {"low": low, "high": high}):
            waits[partition].append(int(seconds))
    rows = {row["partition"]: row for row in table(ada, f"scheduling/waits/by_partition?at=/scheduling&{span(low, high)}")}
    assert set(rows) == set(waits)
    assert sum(len(found) for found in waits.values()) > 500
    for partition, seconds in waits.items():
        assert float(rows[partition]["runs"]) == len(seconds)
        for column, share in (("queue_median_s", 0.5), ("queue_p90_s", 0.9)):
            exact = float(np.quantile(seconds, share, method="inverted_cdf"))
            assert float(rows[partition][column]) == pytest.approx(exact, rel=0.1, abs=1), (partition, column)


def test_search_finds_what_is_there(reader: Callable[[str], Reader], demo: Demo) -> None:
    """A person by a part of the full name, for staff; nobody else's for others."""
    def found(login: str, words: str) -> str:
        person = reader(login)
        answer = person.http.get(f"{person.url}/search", params={"q": words})
        assert answer.status_code == 200
        return answer.text

    assert "/user/bruno" in found("ada", "Keller")
    assert "/user/bruno" not in found("mira", "Keller")
    assert "/account/def-turing_cpu" in found("ada", "def-tur")
    assert "/account/def-turing_cpu" not in found("mira", "def-tur")
    assert "/account/def-lovelace_gpu" in found("mira", "def-love")
