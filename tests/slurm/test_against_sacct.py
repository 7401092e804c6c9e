"""The dump read by this project and by Slurm's own sacct: field by field the same."""

from __future__ import annotations

import pytest

from core.subjects import parse_job
from core.viewer import PORTAL
from datasources.slurm import detail, jobs
from datasources.slurm.decode import scheduling
from datasources.slurm.records import Run
from datasources.sources import Sources
from tests.slurm import golden
from tests.slurm.conftest import DATA, Accounting

pytestmark = pytest.mark.services

ROWS = golden.jobs()


def run_of(sources: Sources, row: dict[str, str]) -> Run:
    """The run sacct's row is about."""
    found = jobs.runs(sources, viewer=PORTAL, subject=parse_job(row["JobIDRaw"]))
    return next(run for run in found if run.submit == golden.moment(row["Submit"]) and (run.start == golden.moment(row["Start"])))


def state_of(run: Run) -> str:
    """The state as sacct writes it, canceller included."""
    by = run.cancelled_by
    return f"{run.state} by {by}" if run.state == "CANCELLED" and by is not None else run.state


def check_identity(run: Run, row: dict[str, str]) -> None:
    """Names and texts."""
    # sacct names a waiting array by its plain id in one of its two listings
    assert row["JobID"] in (run.job_id, str(run.array_job))
    assert (run.user, run.account, run.partition, run.qos) == (row["User"], row["Account"], row["Partition"], row["QOS"])
    assert (run.name, run.wckey, run.reservation) == (row["JobName"], row["WCKey"], row["Reservation"])
    assert (run.comment, run.admin_comment) == (row["Comment"], row["AdminComment"])
    assert (run.submit_line, run.work_dir) == (row["SubmitLine"], row["WorkDir"])
    assert run.priority == int(row["Priority"])


def check_life(run: Run, row: dict[str, str]) -> None:
    """State, exit codes and times."""
    assert state_of(run) == row["State"]
    assert (run.exit_code, run.derived_exit_code) == (row["ExitCode"], row["DerivedExitCode"])
    assert [run.submit, run.start, run.end] == [golden.moment(row[name]) for name in ("Submit", "Start", "End")]
    assert run.eligible == golden.moment(row["Eligible"])
    assert run.suspended == golden.seconds(row["Suspended"])
    assert run.limit == 60 * int(row["TimelimitRaw"])


def check_resources(run: Run, row: dict[str, str]) -> None:
    """What was asked for and what was given."""
    assert (run.cores, run.nodes, run.cores_req) == (int(row["NCPUS"]), int(row["NNodes"]), int(row["ReqCPUS"]))
    assert run.memory_req == golden.amount(row["ReqMem"])
    given, asked = golden.tres(row["AllocTRES"]), golden.tres(row["ReqTRES"])
    assert run.tres == (given or asked)
    assert run.gpus == (given or asked).get("gres/gpu", 0)
    assert run.memory == (given or asked)["mem"] * 1024**2
    assert run.node_list == row["NodeList"].replace("None assigned", "")


def check(run: Run, row: dict[str, str]) -> None:
    """Every field sacct printed, except the elapsed time of what still runs, which depends on the second it was asked in."""
    check_identity(run, row)
    check_life(run, row)
    check_resources(run, row)
    if row["State"] != "PENDING":
        assert run.reason == row["Reason"]
    assert run.elapsed == pytest.approx(int(row["ElapsedRaw"]), abs=1 if row["State"] == "RUNNING" else 0)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['JobID']}-{row['State'].split()[0]}")
def test_job_says_what_sacct_says(sources: Sources, row: dict[str, str]) -> None:
    """Each job row of the golden files."""
    check(run_of(sources, row), row)


@pytest.mark.parametrize("row", list(golden.steps()), ids=lambda row: row["JobID"])
def test_step_says_what_sacct_says(sources: Sources, row: dict[str, str]) -> None:
    """Each step row: state, exit code, times, CPU time, largest memory."""
    run = run_of(sources, next(job for job in ROWS if (job["JobIDRaw"], job["Submit"]) == (row["job"], row["job_submit"])))
    frame = detail.steps(sources, viewer=PORTAL, run=run)
    step = frame[frame.step_id == row["JobID"]].iloc[0]
    assert (step["name"], step.state, step.exit_code) == (row["JobName"], row["State"], row["ExitCode"] or step.exit_code)
    assert (step.start, step.end) == (golden.moment(row["Start"]), golden.moment(row["End"]))
    assert (step.cores, step.nodes, step.node_list) == (int(row["NCPUS"]), int(row["NNodes"]), row["NodeList"])
    assert step.submit_line == row["SubmitLine"]
    assert step.memory == golden.tres(row["AllocTRES"])["mem"] * 1024**2
    if step.end is None:
        assert step.cpu_total != step.cpu_total, "a running step has no CPU time yet"
    else:
        assert step.cpu_total == pytest.approx(golden.seconds(row["TotalCPU"]), abs=0.001)
    if row["MaxRSS"]:
        assert step.max_rss == pytest.approx(golden.amount(row["MaxRSS"]), abs=1024)


def test_every_row_of_the_table_is_compared(accounting: Accounting) -> None:
    """61 rows, of which sacct leaves out those that waited without being eligible."""
    stored = {(str(job), submit) for job, submit in accounting.execute("select id_job, time_submit from alpha_job_table")}
    told = {(row["JobIDRaw"], golden.moment(row["Submit"])) for row in ROWS}
    left_out = accounting.execute("select id_job, time_submit from alpha_job_table where time_eligible = 0")
    assert told <= stored
    assert stored - told <= {(str(job), submit) for job, submit in left_out}


def test_waiting_jobs_have_the_ids_squeue_shows(sources: Sources) -> None:
    """The jobs sacct left out are in squeue's list, the pending array with its bitmap as text."""
    for line in golden.DATA.joinpath("slurm2205_acct.squeue.txt").read_text().splitlines():
        name, raw, _array, user, account, state, _reason, partition, job_name = line.split("|")
        run = jobs.runs(sources, viewer=PORTAL, subject=parse_job(raw))[-1]
        assert (run.job_id, run.user, run.account, run.state, run.partition, run.name) == (name, user, account, state, partition, job_name)


def test_flags_are_named(accounting: Accounting) -> None:
    """Flags as sacct lists them (its misspelling of Received aside)."""
    stored = {(str(job), submit): flags for job, submit, flags in accounting.execute("select id_job, time_submit, flags from alpha_job_table")}
    for row in ROWS:
        names = {name for name in row["Flags"].replace("Recieved", "Received").split(",") if name}
        assert set(scheduling(stored[row["JobIDRaw"], golden.moment(row["Submit"])])) == names


def test_newer_layouts_say_the_same(changed: Accounting) -> None:
    """The columns of 23.02 to 26.x: lft and rgt gone, many more there."""
    changed.script((DATA / "newer-columns.sql").read_text())
    sources = changed.sources()
    for row in ROWS:
        check(run_of(sources, row), row)
