"""Which rows are one job, and who may see it."""

from __future__ import annotations

import pytest

from core.errors import NoData, NotAllowed, NotFound, Why
from core.subjects import parse_job, parse_jobs
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import cluster, detail, jobs
from datasources.sources import Sources
from tests.slurm.conftest import Accounting

pytestmark = pytest.mark.services
ALICE, BOB, CAROL, FRANK = (Viewer(name=name) for name in ("alice", "bob", "carol", "frank"))


def run(sources: Sources, text: str, viewer: Viewer = PORTAL):
    """The last run."""
    return jobs.runs(sources, viewer=viewer, subject=parse_job(text))[-1]


@pytest.mark.parametrize("text", ["1", "49", "10", "10+1", "11"])
@pytest.mark.parametrize("viewer", [BOB, PUBLIC, Viewer(name="Alice"), Viewer(name="alicé"), Viewer(name="alice "), Viewer(name="")])
def test_strangers_find_nothing(sources: Sources, text: str, viewer: Viewer) -> None:
    """Somebody else's job is answered like one that is not there; MariaDB would take Alice, alicé and 'alice ' for alice."""
    with pytest.raises(NotFound):
        jobs.runs(sources, viewer=viewer, subject=parse_job(text))
    assert run(sources, text, ALICE).user == "alice"


def test_details_are_the_owners_too(sources: Sources) -> None:
    """Each detail checks the viewer again."""
    mine = run(sources, "56")
    for ask in (detail.steps, detail.script, detail.node_events, detail.het_components, detail.suspensions, detail.reservation, detail.dependencies):
        with pytest.raises(NotFound):
            ask(sources, viewer=ALICE, run=mine)
    assert detail.array_counts(sources, viewer=ALICE, array_job=8) == {}
    assert detail.array_rows(sources, viewer=ALICE, array_job=8) == []
    with pytest.raises(NotFound):
        cluster.current_use(sources, viewer=ALICE, user="bob")
    with pytest.raises(NotFound):
        cluster.current_use(sources, viewer=PUBLIC, user="bob")
    with pytest.raises(NotAllowed):
        cluster.finished_after(sources, viewer=ALICE)


def test_deleted_association_still_owns(sources: Sources) -> None:
    """frank was removed from Slurm after his job."""
    assert run(sources, "17", FRANK).name == "last_job"


def test_system_jobs_are_nobodys(changed: Accounting) -> None:
    """A login whose jobs ran under a system uid owns nothing."""
    changed.execute("update alpha_job_table set id_user = 0 where id_job = 1")
    with pytest.raises(NotFound):
        jobs.runs(changed.sources(), viewer=ALICE, subject=parse_job("1"))


def test_requeued_and_resized_rows_are_one_job(sources: Sources) -> None:
    """Both rows, oldest first."""
    assert [one.state for one in jobs.runs(sources, viewer=BOB, subject=parse_job("53"))] == ["REQUEUED", "COMPLETED"]
    assert [one.nodes for one in jobs.runs(sources, viewer=BOB, subject=parse_job("56"))] == [2, 1]
    assert [one.state for one in jobs.runs(sources, viewer=CAROL, subject=parse_job("57"))] == ["PREEMPTED", "CANCELLED"]


def copy_row(accounting: Accounting, job: int, submit_change: int, **values: object) -> None:
    """A second row of a job, moved in time."""
    names = [name for (name,) in accounting.execute("select column_name from information_schema.columns where table_schema=database() and table_name='alpha_job_table'")]
    moved = {name: f"{name} + {submit_change}" for name in ("time_submit", "time_eligible", "time_start", "time_end")}
    picked = [str(values.get(name, moved.get(name, f"`{name}`"))) for name in names if name != "job_db_inx"]
    listed = ", ".join(f"`{name}`" for name in names if name != "job_db_inx")
    accounting.execute(f"insert into alpha_job_table ({listed}) select {', '.join(picked)} from alpha_job_table where id_job = {job} limit 1")


def test_ids_come_back(changed: Accounting) -> None:
    """The same id a year earlier is another job; ?submit= picks it."""
    year = 365 * 86400
    copy_row(changed, 1, -year, job_name="'older'")
    sources = changed.sources()
    assert [one.name for one in jobs.runs(sources, viewer=ALICE, subject=parse_job("1"))] == ["relax"]
    older = jobs.runs(sources, viewer=ALICE, subject=parse_job("1", str(1795360091 - year)))
    assert [one.name for one in older] == ["older"]
    with pytest.raises(NotFound):
        jobs.runs(sources, viewer=ALICE, subject=parse_job("1", "5"))


def test_same_id_of_somebody_else(changed: Accounting) -> None:
    """An id that came back to another person: each sees their own, staff the newest."""
    changed.execute("update alpha_job_table set id_job = 1, time_submit = time_submit + 60 where id_job = 2")
    sources = changed.sources()
    assert run(sources, "1", ALICE).name == "relax"
    assert run(sources, "1", BOB).name == "mpi_run"
    assert [one.name for one in jobs.runs(sources, viewer=PORTAL, subject=parse_job("1"))] == ["mpi_run"]


def test_tasks_and_components(sources: Sources) -> None:
    """8_7 carries the array's own raw id; 14 is the raw id of 8_0; a waiting task is found in its array's row."""
    assert (run(sources, "8_7").id_job, run(sources, "14").job_id, run(sources, "10+1").id_job) == (8, "8_0", 11)
    assert run(sources, "47_5").job_id == "47_[1-500%10]"
    for missing in ("8_8", "47_501", "47_0", "10+2", "999", "8+1"):
        with pytest.raises(NotFound):
            run(sources, missing)
    assert jobs.is_array(sources, viewer=BOB, job=8)
    assert not jobs.is_array(sources, viewer=ALICE, job=8)
    assert not jobs.is_array(sources, viewer=BOB, job=2)
    rows = jobs.runs(sources, viewer=BOB, subject=parse_job("8"))
    assert jobs.array_of(rows, parse_job("8")) == 8
    assert jobs.array_of(rows, parse_job("8_7")) is None


def test_several_jobs(sources: Sources) -> None:
    """In the order asked for, the last run of each; what is not the viewer's is left out."""
    found = jobs.runs_of(sources, viewer=BOB, subject=parse_jobs("53,8_3,1,2"))
    assert [(one.job_id, one.state) for one in found] == [("53", "COMPLETED"), ("8_3", "COMPLETED"), ("2", "COMPLETED")]
    with pytest.raises(NotFound):
        jobs.runs_of(sources, viewer=BOB, subject=parse_jobs("1,4"))


def test_gpus_memory_and_whole_nodes(sources: Sources) -> None:
    """Allocated, not requested: --exclusive asked for one core and got 64; --gpus=1 got an a100."""
    whole, infer, gpu = run(sources, "3"), run(sources, "6"), run(sources, "5")
    assert (whole.cores, whole.cores_req, whole.whole_node, whole.memory) == (64, 1, True, 250 * 1024**3)
    assert (infer.gpus, infer.gpu_types) == (1, {"a100": 1})
    assert (gpu.gpus, gpu.nodes, gpu.hosts, gpu.memory_per) == (2, 2, ("g1", "g2"), "job")
    assert run(sources, "2").licenses == {"matlab": 1}
    assert not run(sources, "1").whole_node


def test_memory_without_a_tres(changed: Accounting) -> None:
    """512 MB for each of 4 cores, where the TRES strings lack memory."""
    changed.execute("update alpha_job_table set tres_alloc = '1=4,4=1', tres_req = '1=4,4=1' where id_job = 1")
    found = run(changed.sources(), "1")
    assert (found.memory, found.memory_req, found.memory_per) == (2 * 1024**3, 2 * 1024**3, "cpu")


def test_unlimited(changed: Accounting) -> None:
    """2^32-1 minutes is no number of minutes."""
    changed.execute("update alpha_job_table set timelimit = 4294967295 where id_job = 1")
    assert run(changed.sources(), "1").unlimited


def test_running_job_without_an_end(sources: Sources) -> None:
    """139 s at the moment sacct was asked."""
    found = run(sources, "49")
    assert (found.running, found.end, found.elapsed, found.suspended) == (True, None, 139, 0)


def test_script_is_whole(sources: Sources) -> None:
    """With its accents and other scripts; waiting jobs have theirs, salloc's has none."""
    assert "tâche n° $SLURM_ARRAY_TASK_ID — unicode in the script" in detail.script(sources, viewer=BOB, run=run(sources, "8_3"))
    assert run(sources, "8_3").name == "sweep_é_数"
    assert detail.script(sources, viewer=ALICE, run=run(sources, "40")).startswith("#!/bin/bash")
    with pytest.raises(NoData) as none:
        detail.script(sources, viewer=PORTAL, run=run(sources, "19"))
    assert none.value.why is Why.NO_DATA


def test_arrays(sources: Sources) -> None:
    """Seven of eight tasks went well (task 5 exits 1); 500 tasks wait in one row."""
    assert detail.array_counts(sources, viewer=BOB, array_job=8) == {"COMPLETED": 7, "FAILED": 1}
    assert detail.array_counts(sources, viewer=CAROL, array_job=47) == {"PENDING": 500}
    rows = detail.array_rows(sources, viewer=BOB, array_job=8)
    assert sorted(one.array_task for one in rows) == list(range(8))


def test_other_details(sources: Sources) -> None:
    """Components, suspension, reservation, events: numbers from workload and sacct."""
    assert [one.job_id for one in detail.het_components(sources, viewer=ALICE, run=run(sources, "10"))] == ["10+0", "10+1"]
    spells = detail.suspensions(sources, viewer=ALICE, run=run(sources, "54"))
    assert (spells.end - spells.start).tolist() == [4]
    assert detail.suspensions(sources, viewer=PORTAL, run=run(sources, "1")).empty
    booked = detail.reservation(sources, viewer=CAROL, run=run(sources, "18"))
    assert (booked["name"], booked["end"] - booked["start"], booked["hosts"]) == ("course", 4 * 3600, ("c3",))
    assert detail.reservation(sources, viewer=PORTAL, run=run(sources, "1")) == {}
    events = detail.node_events(sources, viewer=BOB, run=run(sources, "55"))
    assert [(row.node, row.state, row.reason) for row in events.itertuples()] == [("c2", "DOWN", "PSU failure, ticket 4711")]
    assert detail.node_events(sources, viewer=BOB, run=run(sources, "41")).empty


def test_dependencies_both_ways(sources: Sources) -> None:
    """35 fails: 36 waits for that, 37 never starts, 38 was removed."""
    failed = detail.dependencies(sources, viewer=ALICE, run=run(sources, "35"))
    assert [(row.direction, row.kind, row.job, row.state) for row in failed.itertuples()] == [
        ("needed_by", "afternotok", "36", "COMPLETED"),
        ("needed_by", "afterok", "37", "PENDING"),
        ("needed_by", "afterok", "38", "CANCELLED"),
    ]
    waits = detail.dependencies(sources, viewer=ALICE, run=run(sources, "37"))
    assert [(row.direction, row.kind, row.job, row.state, row.link) for row in waits.itertuples()] == [("needs", "afterok", "35", "FAILED", True)]
    single = detail.dependencies(sources, viewer=ALICE, run=run(sources, "39"))
    assert [(row.kind, row.job, row.link) for row in single.itertuples()] == [("singleton", "", False)]


def test_foreign_dependency_stays_plain(changed: Accounting) -> None:
    """A job that names somebody else's id gets no link, not even for staff; nor does that job list the stranger's."""
    changed.execute("update alpha_job_table set submit_line = 'sbatch --dependency=afterok:2:8_3 x.sh' where id_job = 34")
    sources = changed.sources()
    for viewer in (ALICE, PORTAL):
        found = detail.dependencies(sources, viewer=viewer, run=run(sources, "34"))
        assert [(row.job, row.link, row.name) for row in found.itertuples()] == [("2", False, ""), ("8_3", False, "")]
    assert detail.dependencies(sources, viewer=PORTAL, run=run(sources, "2")).empty


def test_dependency_in_the_script_and_on_tasks(changed: Accounting) -> None:
    """Job 43 waits for task 3 by its script, job 46 for the whole array by its submit line."""
    changed.execute(
        "insert into alpha_job_script_table (hash_inx, script_hash, batch_script) values (900, '2:x', '#!/bin/bash\\n#SBATCH -d afterok:8_3\\ntrue')",
        "update alpha_job_table set script_hash_inx = 900 where id_job = 43",
        "update alpha_job_table set submit_line = 'sbatch -dafterany:8 x.sh' where id_job = 46",
        "update alpha_job_table set time_submit = 1795360095 where id_job in (43, 46)",
    )
    sources = changed.sources()
    task = detail.dependencies(sources, viewer=BOB, run=run(sources, "8_3"))
    assert [(row.direction, row.kind, row.job) for row in task.itertuples()] == [("needed_by", "afterok", "43"), ("needed_by", "afterany", "46")]
    waiting = run(sources, "43")
    found = detail.dependencies(sources, viewer=BOB, run=waiting, script=detail.script(sources, viewer=BOB, run=waiting))
    assert [(row.job, row.state, row.link) for row in found.itertuples()] == [("8_3", "COMPLETED", True)]
