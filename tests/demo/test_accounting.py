"""The simulated accounting database, in a real MariaDB: encodings, sums and the way it follows time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from demo.accounting import follow, write_all
from demo.behaviour import profile
from demo.model import BUCKET, Plan
from demo.plan import make_plan

pytestmark = pytest.mark.services
NOW = 1_795_366_000
LATER = NOW + 1800
NO_VALUE = 4294967294


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(5, NOW)


@pytest.fixture(scope="module")
def engine(plan: Plan, mariadb: Any) -> Iterator[Engine]:
    mariadb.create("turtle_acct")
    engine = create_engine(f"mysql+pymysql://root@127.0.0.1:{mariadb.port}/turtle_acct?charset=utf8mb4")
    write_all(engine, plan, NOW)
    yield engine
    engine.dispose()


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.exec_driver_sql(query).mappings()]


def counts(text: str) -> dict[int, int]:
    return {int(key): int(value) for key, value in (part.split("=") for part in text.split(",") if part)}


def test_steps_add_up_to_the_curves(plan: Plan, engine: Engine) -> None:
    """Of each behaviour a few jobs: CPU time of all steps against the sum of the profile's buckets, memory against its peak."""
    seen: dict[str, int] = {}
    for number, run in enumerate(plan.runs, start=1):
        if run.end is None or run.start is None or run.end > NOW or seen.get(run.behaviour, 0) >= 3:
            continue
        seen[run.behaviour] = seen.get(run.behaviour, 0) + 1
        seconds, peaks = 0.0, []
        for index, share in enumerate(run.shares):
            it = profile(plan, run, share, index)
            for bucket, busy in enumerate(it.cpu.astype(float).sum(axis=0)):
                seconds += busy * min(BUCKET, run.end - run.start - BUCKET * bucket)
            peaks.append((it.rss + it.shared).max())
        steps = rows(engine, f"select * from turtle_step_table where job_db_inx={number}")
        used = sum(s["user_sec"] + s["sys_sec"] + (s["user_usec"] + s["sys_usec"]) / 1e6 for s in steps)
        assert used == pytest.approx(seconds, rel=1e-5, abs=1e-3), run.id_job
        assert sum(counts(s["tres_usage_in_tot"])[1] for s in steps) == pytest.approx(seconds * 1000, rel=1e-4, abs=50)
        assert max(counts(s["tres_usage_in_max"])[2] for s in steps) == pytest.approx(max(peaks), abs=2)
    assert len(seen) > 12


def test_running_jobs_have_open_rows_without_usage(plan: Plan, engine: Engine) -> None:
    running = rows(engine, "select * from turtle_job_table where state=1")
    assert len(running) > 20 and all(r["time_end"] == 0 and r["time_start"] <= NOW for r in running)
    steps = rows(
        engine, "select s.* from turtle_step_table s join turtle_job_table j using (job_db_inx) where j.state=1"
    )
    assert steps and {(s["state"], s["time_end"], s["tres_usage_in_max"], s["user_sec"]) for s in steps} == {
        (1, 0, "", 0)
    }


def test_rows_are_encoded_as_slurmdbd_does(plan: Plan, engine: Engine) -> None:
    for row in rows(engine, "select * from turtle_job_table"):
        asked = counts(row["tres_req"])
        if row["mem_req"] >> 63:
            cores = asked[1]
            assert (row["mem_req"] & 0x7FFFFFFFFFFFFFFF) * cores == pytest.approx(asked[2], rel=0.001)
        elif row["mem_req"]:
            assert row["mem_req"] * asked[4] == asked[2]
        if row["time_start"]:
            given = counts(row["tres_alloc"])
            assert given[4] == row["nodes_alloc"] and given[1] >= asked[1] and given[3] == 2**64 - 2
            assert given.get(1001, 0) == sum(given.get(kind, 0) for kind in (1002, 1003, 1004))
        else:
            assert row["tres_alloc"] == "" and row["nodelist"] == "None assigned" and row["node_inx"] is None
        if row["state"] in (0, 1, 2):
            assert row["time_end"] == 0 and row["exit_code"] == 0 and row["kill_requid"] is None


def test_special_states(plan: Plan, engine: Engine) -> None:
    killed = rows(engine, "select * from turtle_job_table where state=11")
    assert killed and {r["exit_code"] for r in killed} == {253}  # sacct shows 0:125
    assert {r["exit_code"] for r in rows(engine, "select * from turtle_job_table where state=10")} == {256}
    (bitmap,) = rows(engine, "select * from turtle_job_table where job_name='grid_500'")
    assert (bitmap["id_array_task"], bitmap["array_task_pending"], bitmap["array_max_tasks"]) == (NO_VALUE, 500, 10)
    assert int(bitmap["array_task_str"], 16) == 2**501 - 2
    assert rows(engine, "select * from turtle_job_table where timelimit=4294967295")
    (asleep,) = rows(engine, "select * from turtle_job_table where state=2")
    spells = rows(engine, f"select * from turtle_suspend_table where job_db_inx={asleep['job_db_inx']}")
    assert asleep["time_suspended"] == spells[0]["time_start"] and spells[0]["time_end"] == 0
    (paused,) = rows(engine, "select * from turtle_job_table where job_name='fem_paused'")
    assert paused["time_suspended"] == 3600
    held = rows(engine, "select * from turtle_job_table where job_name in ('held_by_me', 'after_monte_carlo')")
    assert {r["time_eligible"] for r in held} == {0}
    twice = rows(
        engine, "select id_job, min(state) first, count(*) n from turtle_job_table group by id_job having n > 1"
    )
    assert len(twice) == 3 and all(r["n"] == 2 for r in twice)
    assert rows(engine, "select * from turtle_job_table where kill_requid=0 and state=4")


def test_arrays_have_rows_only_for_what_has_started(plan: Plan, engine: Engine) -> None:
    by_array: dict[int, list] = {}
    for run in plan.runs:
        if run.array_job and not run.array_text and run.submit <= NOW:
            by_array.setdefault(run.array_job, []).append(run)
    for array, tasks in by_array.items():
        stored = rows(engine, f"select * from turtle_job_table where id_array_job={array}")
        started = {r.array_task for r in tasks if r.start is not None and r.start <= NOW}
        waiting = {r.array_task for r in tasks} - started
        assert {r["id_array_task"] for r in stored} == started | ({NO_VALUE} if waiting else set())
        for row in stored:
            if row["id_array_task"] == NO_VALUE:
                bits = int(row["array_task_str"], 16)
                assert {i for i in range(bits.bit_length()) if bits >> i & 1} == waiting and row["id_job"] == array


def test_associations_events_and_scripts(plan: Plan, engine: Engine) -> None:
    owners = rows(
        engine,
        "select j.id_user, a.user, j.account, a.acct from turtle_job_table j join turtle_assoc_table a using (id_assoc)",
    )
    uid = {p.name: p.uid for p in plan.people}
    assert len(owners) == rows(engine, "select count(*) n from turtle_job_table")[0]["n"]
    assert all(o["account"] == o["acct"] and uid[o["user"]] == o["id_user"] for o in owners)
    assert [a["user"] for a in rows(engine, "select user from turtle_assoc_table where deleted=1")] == ["frank"]
    (cluster,) = rows(engine, "select * from turtle_event_table where node_name=''")
    total = counts(cluster["tres"])
    compute = [n for n in plan.nodes if n.partitions]
    assert total[1] == sum(n.cores for n in compute) and total[4] == len(compute) and total[1001] == 8 + 4 + 14
    assert cluster["time_end"] == 0
    (drained,) = rows(engine, "select * from turtle_event_table where node_name<>'' and time_end=0")
    assert (drained["node_name"], drained["state"]) == ("c030", 514)
    scripts = rows(engine, "select count(*) n, count(distinct script_hash) d from turtle_job_script_table")[0]
    used = rows(engine, "select count(*) n from turtle_job_table where script_hash_inx>0")[0]["n"]
    assert 20 < scripts["n"] == scripts["d"] < used / 5
    orphans = "select count(*) n from turtle_job_table left join turtle_job_script_table on hash_inx=script_hash_inx"
    assert rows(engine, f"{orphans} where script_hash_inx>0 and hash_inx is null")[0]["n"] == 0
    assert rows(engine, "select * from turtle_demo_mark")


def test_following_time_ends_where_writing_afresh_does(plan: Plan, engine: Engine, mariadb: Any) -> None:
    mariadb.create("turtle_fresh")
    fresh = create_engine(f"mysql+pymysql://root@127.0.0.1:{mariadb.port}/turtle_fresh?charset=utf8mb4")
    write_all(fresh, plan, LATER)
    assert follow(engine, plan, NOW, NOW + 700) > 0
    follow(engine, plan, NOW + 700, LATER)
    follow(engine, plan, NOW, LATER)
    for table in ("job", "step", "suspend", "event", "resv"):
        query = f"select * from turtle_{table}_table order by 1, 2, 3, 4"
        assert rows(engine, query) == rows(fresh, query), table
    fresh.dispose()


def test_the_usage_tables_hold_what_the_jobs_held(engine: Engine) -> None:
    """Core-seconds of each association until the last full hour, against the job table's own rows.

    An array's row shows no start while tasks wait, and a suspended job's shows no spells: their associations are left out.
    """
    until = NOW // 3600 * 3600
    expected: dict[int, int] = {}
    unclear = {row["id_assoc"] for row in rows(engine, "select distinct id_assoc from turtle_job_table where array_task_pending > 0")}
    suspended = set()
    for row in rows(engine, "select id_assoc, time_start, time_end, time_suspended, tres_alloc from turtle_job_table where time_start > 0"):
        if row["time_suspended"]:
            suspended.add(row["id_assoc"])
        end = min(row["time_end"] or until, until)
        seconds = max(end - row["time_start"], 0)
        expected[row["id_assoc"]] = expected.get(row["id_assoc"], 0) + counts(row["tres_alloc"]).get(1, 0) * seconds
    found = {
        row["id"]: int(row["seconds"])
        for row in rows(engine, f"select id, sum(alloc_secs) seconds from turtle_assoc_usage_hour_table where id_tres = 1 and time_start < {until} group by id")
    }
    suspended -= unclear
    compared = {assoc for assoc in expected if assoc not in suspended | unclear and expected[assoc]}
    assert len(compared) > 20
    assert {assoc: found[assoc] for assoc in compared} == {assoc: expected[assoc] for assoc in compared}
    assert all(found[assoc] <= expected[assoc] for assoc in suspended)


def test_days_and_months_are_sums_of_hours(engine: Engine) -> None:
    for name, first in (("day", "date(from_unixtime(time_start))"), ("month", "date_format(from_unixtime(time_start), '%%Y-%%m')")):
        longer = rows(engine, f"select {first} period, id_tres, sum(alloc_secs) seconds from turtle_assoc_usage_{name}_table group by 1, 2")
        hourly = rows(engine, f"select {first} period, id_tres, sum(alloc_secs) seconds from turtle_assoc_usage_hour_table group by 1, 2")
        by_hour = {(row["period"], row["id_tres"]): row["seconds"] for row in hourly}
        assert longer
        assert all(by_hour[row["period"], row["id_tres"]] == row["seconds"] for row in longer)


def test_allocated_down_and_idle_are_the_whole_cluster(engine: Engine) -> None:
    """Of each hour after the first, cores times 3600 s."""
    table = rows(engine, "select * from turtle_usage_hour_table where id_tres = 1 order by time_start")
    assert len(table) > 600
    assert all(row["alloc_secs"] + row["down_secs"] + row["idle_secs"] == row["count"] * 3600 for row in table[1:] if row["idle_secs"])
