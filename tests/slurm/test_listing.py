"""Pages of jobs: order, folding, filters, and how many rows of a long table are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event, text

from core.errors import BadInput, NotFound
from core.subjects import parse_job, parse_jobs
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import cluster, detail, jobs
from datasources.slurm.db import SlurmDb, recorded
from datasources.slurm.jobs import JobFilter
from datasources.slurm.listing import COLUMNS
from datasources.sources import Sources
from tests.slurm.conftest import Accounting

pytestmark = pytest.mark.services
ALICE, BOB, CAROL = (Viewer(name=name) for name in ("alice", "bob", "carol"))
BUDGET = 20_000


def walk(sources: Sources, viewer: Viewer, limit: int = 4, **how: object) -> tuple[list[int], list[int]]:
    """job_db_inx of all pages forwards, and of all pages but the last backwards."""
    there: list[int] = []
    cursor: str | None = None
    while True:
        page = jobs.jobs_page(sources, viewer=viewer, cursor=cursor, limit=limit, **how)
        there += page.frame.job_db_inx.tolist()
        if page.next is None:
            break
        cursor = page.next
    back: list[int] = []
    while page.previous is not None:
        page = jobs.jobs_page(sources, viewer=viewer, cursor=page.previous, limit=limit, **how)
        back = page.frame.job_db_inx.tolist() + back
    return there, back


ORDER_BY = {"submit": "job_db_inx", "id": "job_db_inx", "start": "time_start, time_end, job_db_inx", "end": "time_end, time_eligible, job_db_inx"}


@pytest.mark.parametrize("order", ["submit", "id", "start", "end"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_hold_every_job_once(sources: Sources, accounting: Accounting, order: str, descending: bool) -> None:
    """In the order a plain ORDER BY gives, forwards and backwards."""
    columns = ", ".join(f"{name} {'desc' if descending else 'asc'}" for name in ORDER_BY[order].split(", "))
    rows = accounting.execute(f"select job_db_inx from alpha_job_table where id_user = 24002 order by {columns}")
    there, back = walk(sources, BOB, order=order, descending=descending, filter=JobFilter(fold=False))
    assert there == [inx for (inx,) in rows]
    assert back == there[: len(back)]
    assert len(back) >= len(there) - 4


def test_frame_is_made_of_runs(sources: Sources) -> None:
    """Same fields, same values as the run itself."""
    frame = jobs.jobs_page(sources, viewer=ALICE).frame
    assert tuple(frame.columns) == COLUMNS
    row = frame[frame.job_id == "4"].iloc[0]
    found = jobs.runs(sources, viewer=ALICE, subject=parse_job("4"))[-1]
    assert all(row[name] == getattr(found, name) for name in COLUMNS[:-3] if getattr(found, name) is not None)
    assert frame[frame.job_id == "40"].iloc[0].start is None


def test_arrays_are_one_row(sources: Sources) -> None:
    """Eight tasks and 500 waiting ones take a row each array."""
    frame = jobs.jobs_page(sources, viewer=PORTAL, limit=200).frame.set_index("job_id")
    assert frame.loc["8"].array_counts == {"COMPLETED": 7, "FAILED": 1}
    assert frame.loc["47"].array_counts == {"PENDING": 500}
    assert frame.array_complete.all()
    assert frame.loc["1"].array_counts is None
    plain = jobs.jobs_page(sources, viewer=PORTAL, limit=200, filter=JobFilter(fold=False)).frame
    assert len(plain) == 61
    assert {"8_0", "8_7", "47_[1-500%10]"} <= set(plain.job_id)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (JobFilter(states=("FAILED",)), {"8", "24", "25", "27", "35", "42"}),
        (JobFilter(states=("OUT_OF_MEMORY",)), {"28"}),
        (JobFilter(states=("REQUEUED", "RESIZING")), {"53", "56"}),
        (JobFilter(states=("RUNNING",)), {"49", "50"}),
        (JobFilter(states=("PENDING",), user="carol"), {"44", "45", "47"}),
        (JobFilter(account="def-pi2_gpu"), {"5", "42", "45"}),
        (JobFilter(account="def-pi2_gpu", user="alice"), set()),
        (JobFilter(partition="short"), {"12", "13", "48"}),
        (JobFilter(qos="high"), {"46", "58"}),
        (JobFilter(name="gpu"), {"5", "42"}),
        (JobFilter(name="gpu", name_prefix=True), set()),
        (JobFilter(name="%"), set()),
        (JobFilter(node="h1"), {"7", "57", "58"}),
        (JobFilter(node="c1"), {"2", "56"}),
        (JobFilter(ids=parse_jobs("1-2,8_3,10+1,999")), {"1", "2", "8_3", "10+1"}),
        (JobFilter(ids=parse_jobs("8,14")), {"8", "8_0"}),
        (JobFilter(ids=parse_jobs("8"), fold=False), {f"8_{task}" for task in range(8)}),
        (JobFilter(user="frank"), {"17"}),
    ],
)
def test_filters(sources: Sources, wanted: JobFilter, ids: set[str]) -> None:
    """Expected ids read off sacct's listing."""
    for order in ("submit", "start", "end"):
        page = jobs.jobs_page(sources, viewer=PORTAL, filter=wanted, order=order)
        assert set(page.frame.job_id) == ids
        assert page.complete


def test_range_is_overlap(sources: Sources) -> None:
    """15:09:00 to 15:10:00: what ran or waited then; the timeout ran from 15:08:15 to 15:09:28."""
    when = JobFilter(since=1795360140, until=1795360200)
    found = set(jobs.jobs_page(sources, viewer=PORTAL, filter=when).frame.job_id)
    assert found == {"29", "49", "50", "37", "40", "41", "43", "44", "45", "46", "47", "48"}
    assert found == set(jobs.jobs_page(sources, viewer=PORTAL, filter=when, order="end").frame.job_id)


def test_people_see_their_own(sources: Sources) -> None:
    """Whatever they ask for; the public sees nothing."""
    assert set(jobs.jobs_page(sources, viewer=ALICE, limit=200).frame.user) == {"alice"}
    assert set(jobs.jobs_page(sources, viewer=ALICE, filter=JobFilter(ids=parse_jobs("1-20"))).frame.user) == {"alice"}
    assert jobs.jobs_page(sources, viewer=Viewer(name="Alice")).frame.empty
    for viewer in (ALICE, PUBLIC):
        with pytest.raises(NotFound):
            jobs.jobs_page(sources, viewer=viewer, filter=JobFilter(user="bob"))
    with pytest.raises(NotFound):
        jobs.jobs_page(sources, viewer=PUBLIC)


@pytest.mark.parametrize("cursor", ["x", "a", "a1.2", "a1; drop table", "a" + "9" * 40, "b-1"])
def test_bad_cursors(sources: Sources, cursor: str) -> None:
    """A cursor of another list or nobody's."""
    with pytest.raises(BadInput):
        jobs.jobs_page(sources, viewer=ALICE, cursor=cursor)


def test_bad_words(sources: Sources) -> None:
    """Unknown order and state."""
    with pytest.raises(BadInput):
        jobs.jobs_page(sources, viewer=ALICE, order="owner")
    with pytest.raises(BadInput):
        jobs.jobs_page(sources, viewer=ALICE, filter=JobFilter(states=("OOM",)))


# --- a long table: 60 000 more rows, half of them bob's, an array of 6 000 tasks among them


@pytest.fixture(scope="module")
def long(mariadb) -> Iterator[Accounting]:
    """The dump and 60 000 finished jobs."""
    made = Accounting(mariadb, "slurm_long")
    columns = "account, cpus_req, job_name, id_assoc, id_array_job, id_array_task, id_job, id_qos, id_resv, id_wckey, id_user, id_group, het_job_id, het_job_offset, "
    columns += "state_reason_prev, nodelist, nodes_alloc, `partition`, priority, state, timelimit, "
    columns += "time_submit, time_eligible, time_start, time_end, tres_alloc, tres_req, submit_line"
    row = "'def-pi1_cpu', 1, concat('long', seq), if(seq % 2, {bob}, {alice}), {array}, {task}, {job}, 1, 0, 0, if(seq % 2, 24002, 24001), 1, 0, 4294967294, "
    row += "0, 'c1', 1, 'cpu', 1, 3, 60, 1795000000 + seq, 1795000000 + seq, 1795000010 + seq, 1795000020 + seq, '1=1,2=1024', '1=1,2=1024', 'sbatch job.sh'"
    assoc = dict(made.execute("select user, id_assoc from alpha_assoc_table where acct = 'def-pi1_cpu' and user in ('bob', 'alice')"))
    plain = row.format(**assoc, array=0, task=4294967294, job="1000 + seq")
    array = row.format(bob=assoc["bob"], alice=assoc["bob"], array=500000, task="seq", job="if(seq = 6000, 500000, 500000 + seq)")
    array = array.replace("if(seq % 2, 24002, 24001)", "24002")
    made.execute(
        f"insert into alpha_job_table ({columns}) select {plain} from seq_1_to_54000",
        f"insert into alpha_job_table ({columns}) select {array} from seq_1_to_6000",
        "analyze table alpha_job_table",
    )
    yield made
    made.close()


def reads(db: SlurmDb) -> int:
    """Rows this connection has read from tables so far."""
    return sum(int(row["Value"]) for row in db.rows(text("show session status like 'Handler\\_read%'")))


LISTS = [
    (BOB, JobFilter(), "submit"),
    (BOB, JobFilter(fold=False), "start"),
    (BOB, JobFilter(), "end"),
    (BOB, JobFilter(states=("FAILED",)), "submit"),
    (BOB, JobFilter(states=("RUNNING", "PENDING")), "submit"),
    (BOB, JobFilter(states=("RUNNING", "PENDING")), "start"),
    (BOB, JobFilter(name="nothing is called this"), "end"),
    (BOB, JobFilter(account="rrg-pi1_gpu"), "start"),
    (PORTAL, JobFilter(), "submit"),
    (PORTAL, JobFilter(), "start"),
    (PORTAL, JobFilter(), "end"),
    (PORTAL, JobFilter(states=("PENDING",)), "submit"),
    (PORTAL, JobFilter(account="rrg-pi1_gpu"), "end"),
    (PORTAL, JobFilter(name="nothing is called this"), "submit"),
    (PORTAL, JobFilter(node="c2"), "end"),
    (PORTAL, JobFilter(ids=parse_jobs("500000,1001")), "submit"),
    (PORTAL, JobFilter(since=1795020000, until=1795020100), "end"),
]


@pytest.mark.parametrize(("viewer", "wanted", "order"), LISTS, ids=lambda value: str(getattr(value, "name", None) or value)[:60])
def test_no_list_looks_at_more_than_its_budget(long: Accounting, viewer: Viewer, wanted: JobFilter, order: str) -> None:
    """Rows read as the server counts them, and at most six statements once the small lookups are known."""
    sources = long.sources(connections=1)
    jobs.jobs_page(sources, viewer=viewer, filter=JobFilter(ids=parse_jobs("1")))
    before = reads(sources.slurm)
    with recorded() as statements:
        page = jobs.jobs_page(sources, viewer=viewer, filter=wanted, order=order)
    assert reads(sources.slurm) - before - 50 <= BUDGET
    assert len(statements) <= 8
    assert page.complete or page.next


def test_long_array_is_a_row_of_the_first_page(long: Accounting) -> None:
    """Its 5 999 other tasks are passed over, and all of them are counted."""
    page = jobs.jobs_page(long.sources(), viewer=BOB, limit=5)
    assert page.frame.job_id.tolist()[0] == "500000"
    assert page.frame.array_counts[0] == {"COMPLETED": 6000}


def test_search_goes_on_where_it_stopped(long: Accounting) -> None:
    """A rare name is found although each page looks at a part only."""
    sources, cursor, found, pages = long.sources(), None, [], 0
    while pages < 20:
        page = jobs.jobs_page(sources, viewer=PORTAL, filter=JobFilter(name="relax"), cursor=cursor)
        found += page.frame.job_id.tolist()
        pages, cursor = pages + 1, page.next
        if cursor is None:
            break
    assert found == ["39", "1"]
    assert pages > 3


def explained(db: SlurmDb, statement: str, parameters: object) -> list[dict]:
    """The plan of a recorded statement."""
    with db.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        with raw.cursor() as cursor:
            cursor.execute("explain " + statement, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_every_statement_is_on_a_key(long: Accounting) -> None:
    """No plan walks the job or step table from end to end."""
    sources = long.sources()
    db, sent = sources.slurm, []
    event.listen(db.engine, "before_cursor_execute", lambda _c, _u, statement, parameters, *_rest: sent.append((statement, parameters)))
    for viewer, wanted, order in LISTS:
        jobs.jobs_page(sources, viewer=viewer, filter=wanted, order=order)
    for name in ("1", "8_3", "10+1", "53", "500000_17"):
        found = jobs.runs(sources, viewer=PORTAL, subject=parse_job(name))[-1]
        for ask in (detail.steps, detail.node_events, detail.dependencies, detail.het_components, detail.suspensions, detail.reservation):
            ask(sources, viewer=PORTAL, run=found)
    detail.array_counts(sources, viewer=BOB, array_job=8)
    cluster.cluster_now(sources, viewer=PORTAL)
    cluster.current_use(sources, viewer=BOB, user="bob")
    cluster.finished_after(sources, viewer=PORTAL, after=(1795010000, 0))
    assert len(sent) > 60
    for statement, parameters in sent:
        if "information_schema" not in statement:
            for step in explained(db, statement, parameters):
                whole = step["type"] == "ALL" or (step["type"] == "index" and int(step["rows"] or 0) > BUDGET)
                assert not (whole and step["table"] in ("alpha_job_table", "alpha_step_table")), (statement, parameters, step)


def test_job_page_takes_at_most_nine_statements(long: Accounting) -> None:
    """Everything a page on a job shows, in a process that knows nothing yet but the tables."""
    for name in ("1", "8", "10+1", "54", "18", "53"):
        sources = long.sources(connections=1)
        schema = sources.slurm.schema
        assert schema.cluster == "alpha"
        before = reads(sources.slurm)
        with recorded() as statements:
            found = jobs.runs(sources, viewer=PORTAL, subject=parse_job(name))
            last = found[-1]
            detail.steps(sources, viewer=PORTAL, run=last)
            written = detail.script(sources, viewer=PORTAL, run=last)
            detail.node_events(sources, viewer=PORTAL, run=last)
            detail.suspensions(sources, viewer=PORTAL, run=last)
            detail.het_components(sources, viewer=PORTAL, run=last)
            detail.reservation(sources, viewer=PORTAL, run=last)
            detail.dependencies(sources, viewer=PORTAL, run=last, script=written, first=found[0])
            if last.array_job:
                detail.array_counts(sources, viewer=PORTAL, array_job=last.array_job)
        assert len(statements) <= 9
        assert reads(sources.slurm) - before <= BUDGET


def test_summaries_see_each_run_once(long: Accounting) -> None:
    """In pieces of 1 000, also where 2 000 end in one second."""
    long.execute("update alpha_job_table set time_end = 1795054000 where time_end between 1795054001 and 1795056000")
    sources, cursor, seen = long.sources(), (1795053000, 0), []
    while found := cluster.finished_after(sources, viewer=PORTAL, after=cursor, limit=1000):
        seen += [run.job_db_inx for run in found]
        cursor = (found[-1].end, found[-1].job_db_inx)
    later = "select count(*) from alpha_job_table where time_end >= 1795053000 and time_start > 0"
    assert len(seen) == len(set(seen)) == long.execute(later)[0][0]
