"""How long jobs waited, as the public reads it: against sacct's listing, and within its budget of rows on a busy day."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import event, text

from core.viewer import PUBLIC
from datasources.slurm import recent_waits
from datasources.slurm.waits import OUT
from datasources.sources import Sources
from tests.slurm import golden
from tests.slurm.conftest import ASKED_AT, Accounting
from tests.slurm.test_listing import explained
from tests.slurm.test_scheduling_counts import bucket

pytestmark = pytest.mark.services
DAY = 86400
NO_VALUE = 4294967294


def listed() -> Counter[tuple[str, int]]:
    """{(partition, bucket): runs} of sacct's listing that began within 24 hours."""
    found: Counter[tuple[str, int]] = Counter()
    for row in golden.jobs():
        submit, eligible, start = (golden.moment(row[name]) for name in ("Submit", "Eligible", "Start"))
        part_of_another = "+" in row["JobID"] and not row["JobID"].endswith("+0")
        if start is not None and row["AllocTRES"] and not part_of_another and start >= ASKED_AT - DAY and start >= submit:
            found[row["Partition"], bucket(start - eligible)] += 1
    return found


def test_waits_are_those_of_sacct(sources: Sources) -> None:
    frame = recent_waits.recent_waits(sources, viewer=PUBLIC)
    assert list(frame.columns) == ["partition", "bucket", "jobs"]  # nobody's name, no job
    assert frame.attrs["since"] is None, "all of the day's are counted"
    assert {(row.partition, row.bucket): row.jobs for row in frame.itertuples()} == dict(listed())


def test_those_who_wait_now_are_those_of_squeue(sources: Sources) -> None:
    """508 wait, tasks of the array of 500 one by one, as test_cluster has them from squeue."""
    frame = recent_waits.pending_now(sources, viewer=PUBLIC)
    assert list(frame.columns) == ["partition", "bucket", "ready", "not_ready"]
    assert int(frame["ready"].sum() + frame["not_ready"].sum()) == 508
    assert (frame.loc[frame["bucket"] == OUT, "ready"] == 0).all()


def test_partitions_that_differ_in_case_only_are_two(changed: Accounting) -> None:
    for number, name in enumerate(("cpu", "CPU", "cpu")):
        changed.execute(
            "insert into alpha_job_table (cpus_req, job_name, id_assoc, id_job, id_qos, id_resv, id_wckey, id_user, id_group, het_job_id, het_job_offset, "
            "state_reason_prev, nodes_alloc, `partition`, priority, state, timelimit, time_submit, time_eligible, time_start, time_end, tres_alloc) "
            f"values (1, 'x', 1, {9000 + number}, 1, 0, 0, 24001, 1, 0, {NO_VALUE}, 0, 1, '{name}', 1, 3, 60, {ASKED_AT - 90}, {ASKED_AT - 90}, "
            f"{ASKED_AT - 80}, {ASKED_AT - 10}, '1=1')"
        )
    frame = recent_waits.recent_waits(changed.sources(), viewer=PUBLIC)
    # ten seconds are in the bucket that begins at 1.1^24 = 9.85
    assert sorted(frame.loc[frame["bucket"] == 24, "jobs"])[:2] == [1, 2 + listed()["cpu", 24]]


def test_a_busy_day_costs_fewer_than_20_000_rows(changed: Accounting) -> None:
    """60 000 runs ended within the last day: the newest are counted, on the key of their end, and no plan walks the table."""
    columns = "account, cpus_req, job_name, id_assoc, id_job, id_qos, id_resv, id_wckey, id_user, id_group, het_job_id, het_job_offset, state_reason_prev, "
    columns += "nodes_alloc, `partition`, priority, state, timelimit, time_submit, time_eligible, time_start, time_end, tres_alloc"
    row = f"'def-pi1_cpu', 1, 'busy', 1, 100000 + seq, 1, 0, 0, 24001, 1, 0, {NO_VALUE}, 0, 1, 'cpu', 1, 3, 60, "
    row += ", ".join(f"{ASKED_AT} - seq - {less}" for less in (500, 500, 400, 1)) + ", '1=1'"
    changed.execute(f"insert into alpha_job_table ({columns}) select {row} from seq_1_to_60000", "analyze table alpha_job_table")
    sources, sent = changed.sources(connections=1), []
    db = sources.slurm
    assert db.schema.has("job_table", "time_end")

    def reads() -> int:
        # rows read along a key, and those read again from a temporary table
        names = {f"Handler_read_{way}" for way in ("first", "last", "next", "prev", "rnd", "rnd_next", "key")}
        return sum(int(one["Value"]) for one in db.rows(text("show session status like 'Handler\\_read%'")) if one["Variable_name"] in names)

    event.listen(db.engine, "before_cursor_execute", lambda _c, _u, statement, parameters, *_rest: sent.append((statement, parameters)))
    before = reads()
    frame = recent_waits.recent_waits(sources, viewer=PUBLIC)
    assert reads() - before < 20_000
    # 100 s are in the bucket that begins at 1.1^48 = 97.0
    assert int(frame.loc[frame["bucket"] == 48, "jobs"].sum()) > 10_000
    # those one second apart that are counted, the dump's own few among them
    assert ASKED_AT - recent_waits.MOST_ENDED - 1 <= frame.attrs["since"] < ASKED_AT - 10_000
    recent_waits.pending_now(sources, viewer=PUBLIC)
    plans = [step for statement, parameters in sent if "job_table" in statement for step in explained(db, statement, parameters)]
    assert {step["key"] for step in plans if str(step["table"]) == "alpha_job_table"} == {"rollup2"}
