"""Waits, starts and limits as the database counts them: against sacct's listing, and over rows made for what it lacks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event, text

from core.errors import NotAllowed
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import waits
from datasources.slurm.waits import (
    ENDED_OTHERWISE,
    HELD,
    LIMITS,
    NO_LIMIT_KNOWN,
    NOTHING,
    QUEUED,
    STARTS,
    TIMED_OUT,
    UNLIMITED,
)
from tests.slurm import golden
from tests.slurm.conftest import ASKED_AT, Accounting
from tests.slurm.test_listing import explained

pytestmark = pytest.mark.services
DAY = 86400
TODAY = ASKED_AT // DAY
NO_VALUE = 4294967294
PERSON = Viewer(name="alice", coordinates=frozenset({"def-pi1_cpu"}))


def bucket(value: float) -> int:
    """The greatest n with 1.1^n at or below the value, found by multiplying."""
    number, reached = NOTHING, 1.0
    while reached <= value * (1 + 1e-8):
        number, reached = number + 1, reached * 1.1
    return number


def size(row: dict[str, str]) -> int:
    """The class of a row by sacct's AllocTRES."""
    held = golden.tres(row["AllocTRES"])
    gpus, cores = held.get("gres/gpu", 0), held["cpu"]
    if gpus:
        return 10 if gpus == 1 else 11 if gpus <= 4 else 12
    return 0 if cores == 1 else 1 if cores <= 16 else 2 if cores <= 64 else 3 if cores <= 256 else 4


def listed(ended: bool) -> Counter[tuple]:
    """What sacct's listing comes to: {(measure, partition, qos, account, size, started, bucket): runs}."""
    found: Counter[tuple] = Counter()
    for row in golden.jobs():
        submit, eligible, start, end = (golden.moment(row[name]) for name in ("Submit", "Eligible", "Start", "End"))
        part_of_another = "+" in row["JobID"] and not row["JobID"].endswith("+0")
        if start is None or not row["AllocTRES"] or part_of_another or (end is not None) != ended:
            continue
        group = (row["Partition"], row["QOS"], row["Account"])
        if start >= submit:
            found[QUEUED, *group, size(row), start // DAY, bucket(start - eligible)] += 1
            found[HELD, *group, size(row), start // DAY, bucket(eligible - submit)] += 1
            found[STARTS, *group, -1, start // DAY, start // 3600] += 1
        if ended and row["State"] != "RESIZING":
            found[LIMITS, *group, size(row), 0, _limit(row)] += 1
    return found


def _limit(row: dict[str, str]) -> int:
    if row["State"] == "TIMEOUT":
        return TIMED_OUT
    if row["State"] != "COMPLETED":
        return ENDED_OTHERWISE
    return bucket(1000 * int(row["ElapsedRaw"]) / (60 * int(row["TimelimitRaw"])))


def counter(frame: Any) -> Counter[tuple]:
    """A frame of counts as listed() has them."""
    found = Counter({tuple(row[:-1]): row[-1] for row in frame.itertuples(index=False, name=None)})
    assert len(found) == len(frame)
    return found


def test_ended_runs_are_counted_as_sacct_lists_them(sources: Any) -> None:
    """Array tasks one by one, a heterogeneous job once, each run of a requeued job, a resized job's wait once."""
    expected = listed(ended=True)
    assert sum(number for key, number in expected.items() if key[0] == QUEUED) > 30
    assert counter(waits.ended_counts(sources, viewer=PORTAL, day=TODAY)) == expected
    assert waits.ended_counts(sources, viewer=PORTAL, day=TODAY - 1).empty
    assert waits.first_day(sources, viewer=PORTAL) == TODAY


def test_running_ones_have_waited_too(sources: Any) -> None:
    expected = listed(ended=False)
    assert sum(expected.values()) == 6  # jobs 49 and 50 in three measures
    assert counter(waits.running_counts(sources, viewer=PORTAL)) == expected


def test_who_waits_is_counted_apart(sources: Any) -> None:
    """squeue: 43, 44, 45, 46 and 48 may start; 37 (dependency), 40 (begin time), 41 and the 500 tasks of 47 (held) may not."""
    rows = [line.split("|") for line in (golden.DATA / "slurm2205_acct.squeue.txt").read_text(encoding="utf-8").splitlines()]
    back = {"BeginTime", "DependencyNeverSatisfied", "JobHeldUser"}
    later = [row for row in rows if row[5] == "PENDING" and row[6] in back]
    ready = [row for row in rows if row[5] == "PENDING" and row[6] not in back]
    frame = waits.waiting(sources, viewer=PORTAL)
    assert frame["ready"].sum() == len(ready) == 5
    assert frame["not_ready"].sum() == len(later) - 1 + 500 == 503
    assert set(frame[frame["ready"] > 0]["partition"]) == {row[7] for row in ready} == {"cpu", "gpu", "gone", "short"}
    # 43 to 48 were submitted within the same second; none was ready before
    assert set(frame["oldest"].dropna()) == {golden.moment("2026-11-22T15:08:16")}


@pytest.mark.parametrize("viewer", [PUBLIC, PERSON])
def test_only_staff_may_ask(sources: Any, viewer: Viewer) -> None:
    for ask in (waits.running_counts, waits.first_day, waits.choices, waits.waiting):
        with pytest.raises(NotAllowed):
            ask(sources, viewer=viewer)
    with pytest.raises(NotAllowed):
        waits.ended_counts(sources, viewer=viewer, day=TODAY)


def test_what_may_be_chosen(sources: Any) -> None:
    found = waits.choices(sources, viewer=PORTAL)
    assert {"normal", "high", "gpulimit"} <= set(found.qos)
    assert {"def-pi1_cpu", "rrg-pi1_gpu"} <= found.accounts
    assert "def-pi1" not in found.accounts


def add(made: Accounting, **values: Any) -> None:
    """One job row: a completed run of an hour on one core, limit two hours, that began a minute after it was submitted."""
    base = (TODAY - 3) * DAY
    number = made.execute("select max(job_db_inx) from alpha_job_table")[0][0] + 1
    row = {
        "account": "def-pi1_cpu", "cpus_req": 1, "job_name": "made", "id_assoc": 1, "id_array_job": 0, "id_array_task": NO_VALUE, "id_job": 100_000 + number,
        "id_qos": 1, "id_resv": 0, "id_wckey": 0, "id_user": 24001, "id_group": 1, "het_job_id": 0, "het_job_offset": NO_VALUE, "state_reason_prev": 0,
        "nodelist": "c1", "nodes_alloc": 1, "partition": "cpu", "priority": 1, "state": 3, "timelimit": 120, "time_submit": base, "time_eligible": base,
        "time_start": base + 60, "time_end": base + 3660, "tres_alloc": "1=1,2=1024,4=1", "tres_req": "1=1", **values,
    }  # fmt: skip
    texts = ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in row.values())
    made.execute(f"insert into alpha_job_table ({', '.join(f'`{name}`' for name in row)}) values ({texts})")


def made_day(made: Accounting, measure: str) -> Counter[tuple]:
    """Counts of the day add() writes into, without the measure."""
    frame = waits.ended_counts(made.sources(), viewer=PORTAL, day=TODAY - 3)
    return counter(frame[frame["measure"] == measure].drop(columns=["measure", "qos", "account", "size", "started"]))


def test_limits_of_all_kinds(changed: Accounting) -> None:
    """B27, B28: 0, UNLIMITED and a limit never recorded divide nothing; a partition of timeouts alone is there."""
    for limit in (0, NO_VALUE):
        add(changed, timelimit=limit)
    add(changed, timelimit=NO_VALUE + 1)
    add(changed, partition="hopeless", state=6)
    add(changed, partition="hopeless", state=6)
    add(changed, state=5)
    add(changed, time_suspended=1800)
    add(changed, time_end=(TODAY - 3) * DAY + 60)
    add(changed, state=3 | 1 << 15)  # still completing
    hour = bucket(1000 * 3600 / 7200)
    assert made_day(changed, LIMITS) == Counter(
        {("cpu", NO_LIMIT_KNOWN): 2, ("cpu", UNLIMITED): 1, ("hopeless", TIMED_OUT): 2, ("cpu", ENDED_OTHERWISE): 1,
         ("cpu", bucket(250)): 1, ("cpu", NOTHING): 1, ("cpu", hour): 1}
    )  # fmt: skip


def test_waits_of_all_kinds(changed: Accounting) -> None:
    """Dependency and queue apart; eligible never recorded, before the submission or after the start; never begun is no wait."""
    base = (TODAY - 3) * DAY
    add(changed, time_submit=base - 7200, time_eligible=base)  # two hours for another job, one minute in the queue
    add(changed, time_eligible=0)
    add(changed, time_eligible=base - 999)
    add(changed, time_eligible=base + 600)  # after the start: all of it was before
    add(changed, time_start=0, state=4, tres_alloc="")
    add(changed, state=5, tres_alloc="")  # failed before it was given a node, with a start in its row
    add(changed, time_submit=base + 100)  # resized: submitted after its own start
    add(changed, het_job_id=9, het_job_offset=0)
    add(changed, het_job_id=9, het_job_offset=1)
    assert made_day(changed, QUEUED) == Counter({("cpu", bucket(60)): 4, ("cpu", NOTHING): 1})
    assert made_day(changed, HELD) == Counter({("cpu", bucket(7200)): 1, ("cpu", NOTHING): 3, ("cpu", bucket(60)): 1})


def test_size_classes(changed: Accounting) -> None:
    """Edges of the classes; GPUs by the untyped entry, or by the typed ones where it is missing."""
    typed = {row[1]: row[0] for row in changed.execute("select id, concat(type, '/', name) from tres_table")}
    gpu, a100 = typed["gres/gpu"], typed["gres/gpu:a100"]
    for cores in (1, 2, 16, 17, 64, 65, 256, 257):
        add(changed, tres_alloc=f"1={cores},2=1,4=1")
    for text_ in (f"1=4,{gpu}=1,{a100}=1", f"1=4,{a100}=2", f"1=4,{gpu}=4", f"1=400,{gpu}=5"):
        add(changed, tres_alloc=text_)
    frame = waits.ended_counts(changed.sources(), viewer=PORTAL, day=TODAY - 3)
    sizes = frame[frame["measure"] == QUEUED].groupby("size")["jobs"].sum().to_dict()
    assert sizes == {0: 1, 1: 2, 2: 2, 3: 2, 4: 1, 10: 1, 11: 2, 12: 1}


def test_names_that_differ_in_case_only_are_two(changed: Accounting) -> None:
    for name in ("def-a", "DEF-A", "def-a", "def-a_x"):
        add(changed, account=name)
    frame = waits.ended_counts(changed.sources(), viewer=PORTAL, day=TODAY - 3)
    found = frame[frame["measure"] == QUEUED].groupby("account")["jobs"].sum().to_dict()
    assert found == {"def-a": 2, "DEF-A": 1, "def-a_x": 1}


def test_every_statement_is_on_a_key_and_reads_its_own_day_only(changed: Accounting) -> None:
    """30 000 rows on ten days: a day's one statement examines the day's rows."""
    columns = "account, cpus_req, job_name, id_assoc, id_job, id_qos, id_resv, id_wckey, id_user, id_group, het_job_id, het_job_offset, state_reason_prev, "
    columns += "nodes_alloc, `partition`, priority, state, timelimit, time_submit, time_eligible, time_start, time_end, tres_alloc"
    row = f"'def-pi1_cpu', 1, 'long', 1, 1000 + seq, 1, 0, 0, 24001, 1, 0, {NO_VALUE}, 0, 1, 'cpu', 1, 3, 60, "
    row += ", ".join(f"{(TODAY - 30) * DAY} + seq * 28 + {more}" for more in (0, 0, 5, 20)) + ", '1=1'"
    changed.execute(f"insert into alpha_job_table ({columns}) select {row} from seq_1_to_30000", "analyze table alpha_job_table")
    sources, sent = changed.sources(connections=1), []
    db = sources.slurm
    waits.choices(sources, viewer=PORTAL)
    db.tres_names()

    def reads() -> int:
        return sum(int(one["Value"]) for one in db.rows(text("show session status like 'Handler\\_read%'")))

    event.listen(db.engine, "before_cursor_execute", lambda _c, _u, statement, parameters, *_rest: sent.append((statement, parameters)))
    before = reads()
    assert int(waits.ended_counts(sources, viewer=PORTAL, day=TODAY - 28)["jobs"].sum()) == 4 * 3086  # 86 400 / 28, rounded up
    # each row is found on the key once; the rest is the table its groups are made in
    assert reads() - before < 3086 * 5
    waits.running_counts(sources, viewer=PORTAL)
    waits.waiting(sources, viewer=PORTAL)
    waits.first_day(sources, viewer=PORTAL)
    plans = [(statement, step) for statement, parameters in sent if "job_table" in statement for step in explained(db, statement, parameters)]
    assert len(plans) >= 4
    assert {step["key"] for _statement, step in plans if step["table"] == "alpha_job_table"} == {"rollup2"}
