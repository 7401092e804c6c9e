"""CPU time and efficiency of many jobs at once, against what Slurm's sacct printed of each."""

from __future__ import annotations

import pytest

from analysis.accounting import accounting
from core.errors import NotFound
from core.subjects import parse_job
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import jobs
from datasources.slurm.finished import step_totals
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.jobs_use import by_accounting
from tests.slurm import golden

pytestmark = pytest.mark.services
ALICE, BOB = Viewer(name="alice"), Viewer(name="bob")


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
