"""Other Slurm versions, odd names, empty clusters, and what happens where something is missing or not granted."""

from __future__ import annotations

import socket
import threading

import pytest
from sqlalchemy import text

from core.errors import NoData, NotFound, SourceDown, SourceRefused, SourceSlow, Why
from core.settings import Settings
from core.subjects import parse_job
from core.viewer import PORTAL, Viewer
from datasources.slurm import cluster, detail, jobs, people
from datasources.slurm.db import SlurmDb, recorded
from datasources.slurm.personas import bears_mark
from tests.slurm.conftest import DATA, Accounting, sources_of
from tests.slurm.test_lookup import run

pytestmark = pytest.mark.services
TABLES = ("assoc", "event", "job", "job_script", "resv", "step", "suspend")


def test_slurm_21_08_keeps_scripts_in_the_job_table(changed: Accounting) -> None:
    """batch_script in the job's row, no script table, kill_requid -1 for nobody."""
    changed.execute(
        "alter table alpha_job_table add batch_script longtext",
        "update alpha_job_table j join alpha_job_script_table s on s.hash_inx = j.script_hash_inx set j.batch_script = s.batch_script",
        "alter table alpha_job_table drop script_hash_inx, drop env_hash_inx, modify kill_requid int default -1",
        "update alpha_job_table set kill_requid = -1 where kill_requid is null",
        "drop table alpha_job_script_table, alpha_job_env_table",
    )
    sources = changed.sources()
    assert "tâche n°" in detail.script(sources, viewer=PORTAL, run=run(sources, "8_3"))
    assert run(sources, "1").cancelled_by is None
    assert run(sources, "30").cancelled_by == 24001
    with pytest.raises(NoData) as none:
        detail.script(sources, viewer=PORTAL, run=run(sources, "19"))
    assert none.value.why is Why.NO_DATA
    found = detail.dependencies(sources, viewer=PORTAL, run=run(sources, "35"))
    assert found.job.tolist() == ["36", "37", "38"]


def test_older_than_submit_lines(changed: Accounting) -> None:
    """Without optional columns pages still work, with fewer facts."""
    changed.execute(
        "alter table alpha_job_table drop submit_line, drop system_comment, drop constraints, drop script_hash_inx, drop container",
        "alter table alpha_step_table drop submit_line, drop tres_usage_in_max_nodeid",
    )
    sources = changed.sources()
    found = run(sources, "1")
    assert (found.submit_line, found.constraints, found.script_hash, found.name) == ("", "", 0, "relax")
    assert detail.steps(sources, viewer=PORTAL, run=found).submit_line.tolist() == [""] * 4
    assert detail.dependencies(sources, viewer=PORTAL, run=found).empty
    assert len(jobs.jobs_page(sources, viewer=PORTAL).frame) > 40


def test_coordinators_go_down_the_tree_in_every_layout(changed: Accounting) -> None:
    """physics holds four accounts; a coordinator of physics coordinates them too, with or without lft and rgt."""
    changed.execute("insert into acct_coord_table (creation_time, acct, user) values (1, 'physics', 'bob'), (1, 'elsewhere', 'bob')")
    tree = {"physics", "def-pi1_cpu", "def-pi1_gpu", "rrg-pi1_cpu", "rrg-pi1_gpu"}
    assert people.viewer_facts(changed.sources(), "bob").coordinates == tree
    changed.script((DATA / "newer-columns.sql").read_text())
    assert people.viewer_facts(changed.sources(), "bob").coordinates == tree
    changed.execute("update acct_coord_table set deleted = 1 where user = 'bob'")
    assert people.viewer_facts(changed.sources(), "bob").coordinates == frozenset()


def test_people(accounting: Accounting) -> None:
    """As sacctmgr lists them; removed people have no accounts; names are compared exactly."""
    sources = accounting.sources()
    facts = people.viewer_facts(sources, "carol")
    assert facts.accounts == {"def-pi2_cpu", "def-pi2_gpu", "def-pi1_gpu"}
    assert people.viewer_facts(sources, "frank").accounts == frozenset() == people.viewer_facts(sources, "Carol").accounts
    assert people.viewer_facts(sources, "erin").admin_level == "operator"
    assert people.viewer_facts(sources, "root").admin_level == "administrator"
    assert people.uid_names(sources, viewer=PORTAL, uids=[24001, 24003, 0, 999999]) == {24001: "alice", 24003: "carol"}
    assert people.uid_names(sources, viewer=Viewer(name="alice"), uids=[24001, 24003]) == {24001: "alice"}


def test_empty_cluster(accounting: Accounting) -> None:
    """beta never ran anything."""
    sources = accounting.sources("beta")
    with pytest.raises(NotFound):
        jobs.runs(sources, viewer=PORTAL, subject=parse_job("1"))
    page = jobs.jobs_page(sources, viewer=PORTAL)
    assert (len(page.frame), page.next, page.previous, page.complete) == (0, None, None, True)
    assert list(jobs.jobs_page(sources, viewer=Viewer(name="alice")).frame.columns) == list(page.frame.columns)
    now = cluster.cluster_now(sources, viewer=PORTAL)
    assert (now.configured.cores, now.running, now.pending) == (0, 0, 0)
    assert cluster.finished_after(sources, viewer=PORTAL) == []
    assert cluster.current_use(sources, viewer=PORTAL, user="alice").running == 0


def test_cluster_name_that_needs_quotes(changed: Accounting) -> None:
    """A dash and a dot in every table's name."""
    changed.execute(*(f"rename table alpha_{name}_table to `my-cluster.x_{name}_table`" for name in TABLES))
    sources = changed.sources("my-cluster.x")
    found = run(sources, "8_3")
    assert len(detail.steps(sources, viewer=PORTAL, run=found)) == 1
    assert "tâche" in detail.script(sources, viewer=PORTAL, run=found)
    assert len(jobs.jobs_page(sources, viewer=Viewer(name="bob"), order="end").frame) > 10
    assert cluster.cluster_now(sources, viewer=PORTAL).configured.nodes == 7
    assert detail.node_events(sources, viewer=PORTAL, run=run(sources, "55")).node.tolist() == ["c2"]


def test_cluster_that_is_not_there(accounting: Accounting) -> None:
    """The log names what cannot be read; the people see a sentence."""
    with pytest.raises(SourceRefused, match="job_table"):
        jobs.jobs_page(accounting.sources("gamma"), viewer=PORTAL)


@pytest.mark.parametrize("change", ["drop table alpha_step_table", "alter table alpha_job_table drop tres_alloc"])
def test_needed_parts_missing(changed: Accounting, change: str) -> None:
    """Refused with the name of what is missing."""
    changed.execute(change)
    with pytest.raises(SourceRefused, match="step_table|tres_alloc"):
        run(changed.sources(), "1")


def test_optional_tables_missing(changed: Accounting) -> None:
    """No QOS, reservations, suspensions, scripts: pages go on without."""
    changed.execute("drop table qos_table, alpha_resv_table, alpha_suspend_table, alpha_job_script_table, user_table, acct_coord_table, acct_table")
    sources = changed.sources()
    found = run(sources, "54")
    assert (found.qos, found.reservation, found.suspended) == ("", "", 4)
    assert detail.suspensions(sources, viewer=PORTAL, run=found).empty
    assert detail.reservation(sources, viewer=PORTAL, run=run(sources, "18")) == {}
    with pytest.raises(NoData) as none:
        detail.script(sources, viewer=PORTAL, run=found)
    assert none.value.why is Why.NOT_CONFIGURED
    assert people.viewer_facts(sources, "alice").admin_level == "none"


def test_upgrade_below_a_running_portal(changed: Accounting) -> None:
    """A column that goes away is one refused answer; the next one knows the new layout."""
    sources = changed.sources()
    assert run(sources, "1").constraints == ""
    changed.execute("alter table alpha_job_table drop constraints")
    with pytest.raises(SourceRefused, match="constraints"):
        run(sources, "1")
    assert run(sources, "1").name == "relax"


def grant(changed: Accounting, user: str, *tables: str) -> None:
    """An account that may read these tables only."""
    changed.execute(f"create or replace user {user}@'127.0.0.1'", *(f"grant select on `{changed.name}`.`{table}` to {user}@'127.0.0.1'" for table in tables))


def test_narrow_grants_are_enough(changed: Accounting) -> None:
    """Without the environments and the scripts: nothing else is lost."""
    grant(changed, "reader", *(f"alpha_{name}_table" for name in TABLES if name != "job_script"), "tres_table", "qos_table", "user_table", "acct_coord_table")
    sources = changed.sources(user="reader")
    found = run(sources, "1")
    assert found.qos == "normal"
    assert len(detail.steps(sources, viewer=PORTAL, run=found)) == 4
    with pytest.raises(NoData) as none:
        detail.script(sources, viewer=PORTAL, run=found)
    assert none.value.why is Why.NOT_CONFIGURED


def test_too_narrow_grants(changed: Accounting) -> None:
    """The missing table is named."""
    grant(changed, "narrow", "alpha_job_table")
    with pytest.raises(SourceRefused, match="assoc_table"):
        run(changed.sources(user="narrow"), "1")


def test_wrong_login(accounting: Accounting) -> None:
    """Refused, not down."""
    with pytest.raises(SourceRefused, match="Access denied"):
        run(accounting.sources(user="nobody"), "1")


def test_nothing_can_be_written(accounting: Accounting) -> None:
    """Not even by a login that may."""
    with pytest.raises(SourceRefused, match="(?i)read.only"):
        accounting.sources().slurm.rows(text("delete from alpha_job_table"))


def test_slow_statement(accounting: Accounting) -> None:
    """The server itself ends it at the deadline."""
    with pytest.raises(SourceSlow):
        accounting.sources(timeout_seconds=0.2).slurm.rows(text("select sleep(3) from alpha_job_table"))


def test_no_free_connection(accounting: Accounting) -> None:
    """Slow as well."""
    db = accounting.sources(timeout_seconds=0.3, connections=1).slurm
    with db.engine.connect(), pytest.raises(SourceSlow):
        db.rows(text("select 1"))


def database_at(port: int) -> SlurmDb:
    """A client of whatever listens there."""
    return SlurmDb(Settings.model_validate({"slurm": {"url": f"mysql+pymysql://root@127.0.0.1:{port}/x", "timeout_seconds": 1}}))


def test_database_down() -> None:
    """Nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    db = database_at(port)
    with pytest.raises(SourceDown):
        jobs.runs(sources_of(Settings(), db), viewer=PORTAL, subject=parse_job("1"))
    db.close()


def test_something_else_listens() -> None:
    """A server that takes the connection and hangs up."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        db = database_at(server.getsockname()[1])
        with pytest.raises(SourceDown):
            db.rows(text("select 1"))
        thread.join()
        db.close()


def test_statements_are_recorded(accounting: Accounting) -> None:
    """Text and number, only within the block."""
    sources = accounting.sources()
    with recorded() as statements:
        run(sources, "1")
    run(sources, "2")
    assert [statement.split()[0].lstrip("(") for statement in statements] == ["SELECT"] * 3, "tables, TRES names, the job"
    assert "information_schema" in statements[0]


def test_demo_mark(changed: Accounting) -> None:
    """Only the demo's database has it."""
    assert not bears_mark(changed.sources().slurm)
    changed.execute("create table turtle_demo_mark (login varchar(64))")
    assert not bears_mark(changed.sources().slurm), "an empty mark names nobody"
    changed.execute("insert into turtle_demo_mark values ('mira')")
    assert bears_mark(changed.sources().slurm)
