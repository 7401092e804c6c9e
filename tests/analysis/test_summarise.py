"""The summariser over rows a real slurmdbd wrote, and over known samples in a real Prometheus."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from analysis.facts import FACTS_READABLE, FACTS_VERSION, JobFacts
from analysis.summarise import interruptible, renew, summarise
from analysis.summary_metrics import groups
from core.errors import SourceDown
from core.settings import Settings
from core.viewer import PORTAL, Viewer
from datasources.connect import connect
from datasources.portal.facts import stored_facts, stored_use, summary_place
from datasources.portal.tables import job_facts as table
from datasources.portal.totals import coverage
from datasources.sources import Sources
from tests.analysis.analysis_runs import make_run

DUMP = Path(__file__).resolve().parents[1] / "data" / "slurm" / "slurm2205_acct.sql.gz"
NOW = 1795364000  # an hour after the last of these jobs
A100 = "NVIDIA A100-SXM4-40GB"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Sources]]:
    """opened(accounting address, Prometheus' address): a portal's sources with a database of its own."""
    made: list[Sources] = []

    def open_(url: str, prometheus: str = "") -> Sources:
        settings = Settings.model_validate(
            {
                "site": {"cluster": "alpha"},
                "slurm": {"url": url},
                "portal": {"url": f"sqlite:///{tmp_path}/portal.sqlite"},
                "server": {"cache_dir": str(tmp_path / "cache")},
                "prometheus": {"url": prometheus},
            }
        )
        made.append(connect(settings, clock=lambda: NOW))
        return made[-1]

    yield open_
    for sources in made:
        sources.close()


@pytest.fixture
def accounting(mariadb: Any) -> Iterator[tuple[str, Callable[[str], list[tuple]]]]:
    """(address, ask) of a database of its own with the real rows."""
    url = mariadb.create("summarise", DUMP)

    def ask(*statements: str) -> list[tuple]:
        place = {"host": "127.0.0.1", "port": mariadb.port, "user": "root", "database": "summarise", "autocommit": True}
        with pymysql.connect(**place) as link, link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    yield url, ask


def everything(sources: Sources) -> dict[int, JobFacts]:
    ids = [row["job_db_inx"] for row in sources.portal.rows(table.select())]
    frame = stored_facts(sources, viewer=PORTAL, job_db_inxs=ids)
    return {facts["id_job"]: JobFacts.from_dict(facts) for facts in frame["facts"]}


@pytest.mark.services
def test_it_stops_between_batches_goes_on_and_catches_up(accounting: tuple, opened: Callable[..., Sources]) -> None:
    url, ask = accounting
    finished = ask("select count(*) from alpha_job_table where time_start > 0 and time_end > 0 and deleted = 0")[0][0]
    sources = opened(url)
    calls = iter([False, False, True])
    first = summarise(sources, batch=5, stop=lambda: next(calls))
    # a batch ends before a second that it would cut in two
    assert 2 <= first < finished
    place = summary_place(sources)
    assert place > (0, 0)
    second = summarise(sources, batch=7)
    assert len(sources.portal.rows(table.select())) == first + second
    assert first + second == finished
    assert summary_place(sources) > place
    assert summarise(sources) == 0


@pytest.mark.services
def test_accounting_alone_gives_what_sacct_says(accounting: tuple, opened: Callable[..., Sources]) -> None:
    sources = opened(accounting[0])
    summarise(sources)
    facts = everything(sources)
    # TotalCPU, ElapsedRaw and NCPUS as sacct printed them
    for job, cpu, elapsed, cores in ((1, 2.472, 7, 4), (3, 2.114, 6, 64), (4, 3.472, 9, 6), (7, 4.788, 11, 24)):
        assert facts[job].cpu_used == pytest.approx(cpu, abs=0.001)
        assert facts[job].cpu_efficiency == pytest.approx(cpu / elapsed / cores, abs=0.0001)
        assert facts[job].coverage == 0.0


def gauge(name: str, job: int, labels: str, values: list[float], start: int) -> str:
    lines = [f"# TYPE {name} gauge"] if start else []
    for number, value in enumerate(values):
        lines.append(f'{name}{{slurmjobid="{job}",instance="g1:9798",{labels}}} {value} {start + 60 * number}')
    return "\n".join(lines)


@pytest.mark.services
def test_metrics_of_several_jobs_in_one_answer_stay_apart(
    accounting: tuple, opened: Callable[..., Sources], prometheus_from: Callable[..., str]
) -> None:
    url, ask = accounting
    begin = NOW - 9000
    ask(f"update alpha_job_table set time_start={begin}, time_end={begin + 7200} where id_job in (4, 6)")
    names = "slurm_job_memory_rss", "slurm_job_utilization_gpu"
    busy, memory = {4: 80.0, 6: 0.0}, {4: 5e9, 6: 7e9}
    text = []
    for name, values in zip(names, (memory, busy), strict=True):
        text.append(f"# TYPE {name} gauge")
        for job, value in values.items():
            labels = f'user="x",account="y",gpu="0",gpu_type="{A100}"' if "gpu" in name else 'user="x",account="y"'
            text.append(gauge(name, job, labels, [value] * 121, begin).split("\n", 1)[1])
    sources = opened(url, prometheus_from("\n".join([*text, "# EOF", ""])))
    summarise(sources)
    facts = everything(sources)
    assert (facts[4].gpu[0].use, facts[6].gpu[0].use) == (pytest.approx(0.8), 0.0)
    assert (facts[4].memory_peak, facts[6].memory_peak) == (5e9, 7e9)
    assert facts[6].gpu_idle_count == 1 and facts[4].gpu_idle_count == 0
    rows = {row["id_job"]: row for row in sources.portal.rows(table.select())}
    assert "gpu_idle" in {finding["id"] for finding in rows[6]["findings"]}
    assert "gpu_idle" not in {finding["id"] for finding in rows[4]["findings"]}
    # a finished job's CPU is accounting's, with metrics or without
    assert facts[4].cpu_used == pytest.approx(3.472, abs=0.001)


@pytest.mark.services
def test_an_outage_stores_nothing(accounting: tuple, opened: Callable[..., Sources]) -> None:
    url, ask = accounting
    ask(f"update alpha_job_table set time_start={NOW - 9000}, time_end={NOW - 1800} where id_job = 4")
    sources = opened(url, "http://127.0.0.1:9")
    with pytest.raises(SourceDown):
        summarise(sources)
    assert 4 not in everything(sources)


def test_a_signal_lets_the_batch_finish() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruptible() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
    assert signal.getsignal(signal.SIGTERM) is before


def test_groups_keep_answers_small_and_ids_apart() -> None:
    run = make_run()
    many = [dataclasses.replace(run, job_db_inx=number, id_job=number) for number in range(100)]
    assert [len(group) for group in groups(many)] == [40, 40, 20]
    wide = [dataclasses.replace(item, nodes=50) for item in many[:5]]
    assert [len(group) for group in groups(wide)] == [2, 2, 1]
    assert [len(group) for group in groups([run, run])] == [1, 1]
    long = dataclasses.replace(run, id_job=7, elapsed=30 * 86400)
    assert [len(group) for group in groups([long, run])] == [1, 1]


@pytest.mark.services
def test_energy_of_a_gpu_job_is_its_share_of_the_node_and_its_own_cards(
    accounting: tuple, opened: Callable[..., Sources], prometheus_from: Callable[..., str]
) -> None:
    url, ask = accounting
    begin = NOW - 9000
    ask(f"update alpha_job_table set time_start={begin}, time_end={begin + 7200}, nodelist='g1' where id_job = 4")
    mine = f'user="x",account="y",slurmjobid="4",instance="g1:9798",gpu="0",gpu_type="{A100}"'
    series = {
        "slurm_job_utilization_gpu": {mine: 80}, "slurm_job_power_gpu": {mine: 300_000},
        "redfish_chassis_power_average_consumed_watts": {'instance="g1-oob"': 1000},
        "nvidia_gpu_power_usage_milliwatts": {'instance="g1:9445",minor_number="0"': 300_000, 'instance="g1:9445",minor_number="1"': 100_000},
    }  # fmt: skip
    text = []
    for name, found in series.items():
        text.append(f"# TYPE {name} gauge")
        text += [f"{name}{{{labels}}} {value} {begin + 60 * n}" for labels, value in found.items() for n in range(121)]
    sources = opened(url, prometheus_from("\n".join([*text, "# EOF", ""])))
    summarise(sources)
    facts = everything(sources)[4]
    # (1000 − 400) W × one of two cards + 300 W of its own, two hours
    assert facts.energy_kwh == pytest.approx(1.2, rel=0.02) and facts.energy_coverage > 0.95


@pytest.mark.services
def test_older_summaries_get_their_nodes_and_keep_their_numbers(accounting: tuple, opened: Callable[..., Sources]) -> None:
    url, ask = accounting
    sources = opened(url)
    done = summarise(sources)
    nodes = dict(ask("select job_db_inx, nodelist from alpha_job_table where time_start > 0 and time_end > 0"))
    fresh = {row["job_db_inx"]: row["nodelist"] for row in sources.portal.rows(table.select())}
    # "None assigned" is how Slurm writes that there were none
    assert fresh == {inx: "" if nodes[inx] == "None assigned" else nodes[inx] for inx in fresh} and any(fresh.values())
    # as an earlier version left them; one with a number that accounting would not give, one that accounting has lost
    odd, gone = sorted(fresh)[:2]
    with sources.portal.transaction() as link:
        link.execute(table.update().values(facts_version=1, nodelist=None))
        link.execute(table.update().where(table.c.job_db_inx == odd).values(cpu_used=123.0))
    ask(f"delete from alpha_job_table where job_db_inx = {gone}")
    # meanwhile they are read as ever
    use = stored_use(sources, viewer=PORTAL, job_db_inxs=list(fresh), version=FACTS_READABLE)
    assert set(use["job_db_inx"]) == set(fresh)
    assert renew(sources, limit=3) == 3  # bounded, and goes on where it stopped
    assert renew(sources, stop=lambda: True) == 0
    assert summarise(sources) == 0
    rows = {row["job_db_inx"]: row for row in sources.portal.rows(table.select())}
    assert len(rows) == done and {row["facts_version"] for row in rows.values()} == {FACTS_VERSION}
    assert {inx: row["nodelist"] for inx, row in rows.items() if inx != gone} == {inx: text for inx, text in fresh.items() if inx != gone}
    assert rows[gone]["nodelist"] is None and rows[gone]["user"]
    assert rows[odd]["cpu_used"] == 123.0
    assert renew(sources) == 0


@pytest.mark.services
def test_coverage_counts_what_has_ended_and_is_not_summarised(accounting: tuple, opened: Callable[..., Sources]) -> None:
    url, ask = accounting
    sources = opened(url)
    first = summarise(sources, limit=5, batch=5)
    begun, ended = "time_start > 0 and time_end > 0", "select count(*) from alpha_job_table"
    finished = ask(f"{ended} where {begun}")[0][0]
    whole = {"since": 0, "until": NOW}
    assert coverage(sources, viewer=PORTAL, **whole) == (first, finished)
    place = summary_place(sources)
    later = ask(f"{ended} where {begun} and time_end > {place[0]}")[0][0]
    assert coverage(sources, viewer=PORTAL, since=place[0] + 1, until=NOW) == (0, later)
    joined = "alpha_job_table j join alpha_assoc_table a using (id_assoc)"
    user, account = ask(f"select a.user, j.account from {joined} where {begun} and a.user != '' order by time_end desc")[0]
    own = ask(f"select count(*) from {joined} where {begun} and a.user = '{user}'")[0][0]
    assert coverage(sources, viewer=Viewer(name=user), **whole)[1] == own
    assert coverage(sources, viewer=Viewer(name=user, accounts=frozenset({account + "_x"})), **whole)[1] == own
    assert coverage(sources, viewer=Viewer(name="nobody-known"), **whole) == (0, 0)
    summarise(sources)
    assert coverage(sources, viewer=PORTAL, **whole) == (finished, finished)
