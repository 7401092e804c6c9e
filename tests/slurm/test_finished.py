"""CPU time and efficiency of many jobs at once, against what Slurm's sacct printed of each."""

from __future__ import annotations

import pytest

from analysis.accounting import accounting
from core.errors import NotFound
from core.subjects import parse_job
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import jobs
from datasources.slurm.finished import step_totals
from datasources.slurm.members import array_members, member_runs
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.jobs_use import STEPS, by_accounting
from tests.slurm import golden
from tests.slurm.conftest import Accounting
from tests.slurm.test_listing import reads

pytestmark = pytest.mark.services
ALICE, BOB, CAROL = (Viewer(name=name) for name in ("alice", "bob", "carol"))


def ended() -> list[dict[str, str]]:
    """sacct's rows of jobs that ran and ended."""
    return [row for row in golden.jobs() if golden.moment(row["Start"]) and golden.moment(row["End"]) and int(row["ElapsedRaw"])]


def run_of(sources: Sources, row: dict[str, str], viewer: Viewer) -> Run:
    """The run a row of sacct is about."""
    found = jobs.runs(sources, viewer=viewer, subject=parse_job(row["JobIDRaw"]))
    return next(run for run in found if run.submit == golden.moment(row["Submit"]))


def test_efficiency_is_total_cpu_of_elapsed_times_cores(sources: Sources) -> None:
    """All of a person's jobs in one go; TotalCPU, ElapsedRaw and NCPUS are sacct's own."""
    for viewer in (ALICE, BOB):
        rows = {run_of(sources, row, viewer).job_db_inx: (row, run_of(sources, row, viewer)) for row in ended() if row["User"] == viewer.name}
        steps = step_totals(sources, viewer=viewer, job_db_inxs=list(rows))
        assert len(rows) >= 5
        for inx, (row, run) in rows.items():
            mine = steps[steps["job_db_inx"] == inx]
            total = golden.seconds(row["TotalCPU"])
            if accounting(mine)[0] is None:  # no step of it ended in good order
                assert total == 0
                continue
            assert accounting(mine)[0] == pytest.approx(total, abs=0.002)
            known = by_accounting(run, mine, sources.settings)
            assert known["cpu_efficiency"] == pytest.approx(total / (int(row["ElapsedRaw"]) * int(row["NCPUS"])), abs=0.002)


def test_steps_are_the_owners(sources: Sources) -> None:
    """Others' runs are simply not there, whatever the database thinks of case; staff get the same rows."""
    run = jobs.runs(sources, viewer=PORTAL, subject=parse_job("1"))[-1]
    mine = step_totals(sources, viewer=ALICE, job_db_inxs=[run.job_db_inx])
    assert len(mine) and mine.equals(step_totals(sources, viewer=PORTAL, job_db_inxs=[run.job_db_inx]))
    for stranger in (BOB, PUBLIC, Viewer(name="Alice"), Viewer(name="alicé"), Viewer(name="")):
        assert step_totals(sources, viewer=stranger, job_db_inxs=[run.job_db_inx]).empty
        with pytest.raises(NotFound):
            jobs.runs(sources, viewer=stranger, subject=parse_job("1"))


def test_a_run_that_may_have_more_steps_is_left_out(sources: Sources) -> None:
    """Half of a run's steps would be half of its CPU time."""
    ids = [run_of(sources, row, ALICE).job_db_inx for row in ended() if row["User"] == "alice"]
    whole = step_totals(sources, viewer=ALICE, job_db_inxs=ids)
    some = step_totals(sources, viewer=ALICE, job_db_inxs=ids, limit=len(whole) // 2)
    assert 0 < len(some) < len(whole) // 2 + 1
    for inx, rows in some.groupby("job_db_inx"):
        assert len(rows) == (whole["job_db_inx"] == inx).sum()


def test_members_of_an_array_are_the_owners(sources: Sources) -> None:
    """As many tasks as sacct lists of array 8, with sacct's states and run times; nothing for strangers."""
    rows = {row["JobID"]: row for row in golden.jobs() if row["JobID"].startswith("8_")}
    owner = Viewer(name=next(iter(rows.values()))["User"])
    found = array_members(sources, viewer=owner, array_job=8)
    assert {f"8_{task}" for task in found["task"]} == set(rows)
    for task in found.to_dict("records"):
        row = rows[f"8_{task['task']}"]
        assert task["state"] == row["State"].split()[0]
        assert task["elapsed"] == (int(row["ElapsedRaw"]) if golden.moment(row["End"]) and golden.moment(row["Start"]) else None)
    for stranger in (CAROL, PUBLIC, Viewer(name=owner.name.upper())):
        assert array_members(sources, viewer=stranger, array_job=8).empty
        assert member_runs(sources, viewer=stranger, job_db_inxs=found["job_db_inx"].tolist()) == []
    order = found["job_db_inx"].tolist()[::-1]
    assert [run.job_db_inx for run in member_runs(sources, viewer=owner, job_db_inxs=order)] == order


def test_steps_of_a_page_are_read_within_a_budget(changed: Accounting) -> None:
    """A run with 30 000 steps beside others: the limit holds for what the server reads, too."""
    some = "job_db_inx in (select job_db_inx from alpha_job_table where id_job = 1) limit 1"
    listed = "select column_name from information_schema.columns where table_schema = database() and table_name = 'alpha_step_table'"
    columns = [name for (name,) in changed.execute(listed)]
    made = ", ".join("100 + seq" if name == "id_step" else f"s.{name}" for name in columns)
    changed.execute(
        f"create temporary table one as select * from alpha_step_table where {some}",
        f"insert into alpha_step_table ({', '.join(columns)}) select {made} from one s, seq_1_to_30000",
    )
    limited = changed.sources(connections=1)
    ids = [run.job_db_inx for text in ("1", "49") for run in jobs.runs(limited, viewer=PORTAL, subject=parse_job(text))]
    step_totals(limited, viewer=ALICE, job_db_inxs=ids[:1], limit=1)
    before = reads(limited.slurm)
    step_totals(limited, viewer=ALICE, job_db_inxs=ids, limit=STEPS)
    assert reads(limited.slurm) - before <= STEPS + 100
