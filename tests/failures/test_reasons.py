"""An empty chart says why: not started, too short, before retention, not collected, nothing measured. Each job meets one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.text import NO_ACCOUNTING, WHY
from core.errors import Why
from tests.access.asker import Asker
from tests.failures.conftest import World
from tests.failures.world import MEASURED, OLD, PAGES, PENDING, SHORT, UNMEASURED, ask, leaks, page_text, said

pytestmark = pytest.mark.services

TOO_SHORT = "The job was shorter than the time between two measurements, so nothing was measured."
NOT_STARTED = "The job has not started yet; this fills once it runs."
BEFORE = "This is older than the metrics kept; figures from accounting are still shown."
NOT_COLLECTED = "This cluster does not collect these measurements."
NO_DATA = "Nothing was measured in this period. Try a longer time range."
NOT_HERE = "Nothing of this was measured for this job or on its nodes."
ABSENT = "These measurements are set up, but the metrics server has none at all."
CHARTS = ("cpu", "memory", "processes", "files", "network", "disk", "counters", "power")
BLOCKS = ("shared", "nodes")


def charts(person: Asker, job: int, keys: tuple[str, ...] = CHARTS) -> dict[str, str]:
    """Panel → what it says, of the sections with charts."""
    found: dict[str, str] = {}
    for key in keys:
        answer = ask(person, f"job:{key}", f"/job/{job}")
        assert leaks(answer) == []
        found |= {panel: words for panel, words in said(answer).items() if panel not in BLOCKS}
    return found


@pytest.mark.parametrize(("job", "sentence"), [(SHORT, TOO_SHORT), (OLD, BEFORE), (PENDING, NOT_STARTED)])
def test_each_section_says_exactly_why(alice: Asker, job: int, sentence: str) -> None:
    """In every section, and no panel draws an empty chart."""
    for key in CHARTS:
        assert set(charts(alice, job, (key,)).values()) == {sentence}, key


def test_the_job_nobody_measured(alice: Asker) -> None:
    """Its exporter works for others at that time: nothing was measured. Exporters of which nothing is there say that."""
    found = charts(alice, UNMEASURED)
    assert found["memory"] == found["threads"] == NOT_HERE
    assert found["power"] == found["metadata"] == ABSENT


def test_the_measured_job_has_its_charts(alice: Asker) -> None:
    """Without this a portal that never draws would pass."""
    found = charts(alice, MEASURED, ("cpu", "memory"))
    assert found["cores"] == "chart" and found["memory"] == "chart"


def test_what_accounting_knows_is_shown_all_the_same(alice: Asker) -> None:
    """sacct: job 20 `direct_srun` and job 24 `bad_exit` ended; job 40 waits."""
    for job, name, state in ((OLD, "direct_srun", "Completed"), (SHORT, "bad_exit", "Failed"), (PENDING, "tomorrow", "Pending")):
        page = page_text(alice.page(f"/job/{job}"))
        assert name in page and state in page
        assert "Account" in said(ask(alice, "job:request", f"/job/{job}"))["scheduler"]


def test_a_pending_job_offers_no_charts_and_invents_no_numbers(alice: Asker) -> None:
    body = alice.page(f"/job/{PENDING}").get_data(as_text=True)
    for key in CHARTS:
        assert f'"job:{key}"' not in body
    assert '"job:summary"' in body
    tiles = said(ask(alice, "job:summary", f"/job/{PENDING}"))["tiles"]
    assert "measured" not in tiles.replace("not measured", "")


@pytest.mark.parametrize(
    ("exporter", "sections"),
    [
        ("lustre_exporter", ("files",)), ("node_exporter", ("network", "disk")), ("pcm-sensor-server", ("counters",)),
        ("redfish_exporter", ("power",)), ("slurm-job-exporter", ("cpu", "memory", "processes")),
    ],
)  # fmt: skip
def test_what_the_site_does_not_collect(portal_of: Callable[..., Asker], exporter: str, sections: tuple[str, ...]) -> None:
    person = portal_of("alice", metrics={"exporters": {exporter: {"installed": False}}})
    found = charts(person, MEASURED, sections)
    assert set(found.values()) == {NOT_COLLECTED}
    # a section of its own is not offered at all
    body = person.page(f"/job/{MEASURED}").get_data(as_text=True)
    if exporter != "slurm-job-exporter":
        assert all(f'"job:{key}"' not in body for key in sections)
        assert said(ask(person, "job:cpu", f"/job/{MEASURED}"))["cores"] == "chart"


def test_without_metrics_at_all(portal_of: Callable[..., Asker]) -> None:
    person = portal_of("alice", prometheus={"url": ""})
    assert set(charts(person, MEASURED).values()) == {NOT_COLLECTED}
    assert "from accounting" in said(ask(person, "job:request", f"/job/{MEASURED}"))["use"]
    assert set(said(ask(person, "status:use", "/")).values()) == {NOT_COLLECTED}
    assert "Cores in use" in said(ask(person, "status:now", "/"))["tiles"]


def test_without_accounting_at_all(portal_of: Callable[..., Asker]) -> None:
    person = portal_of("alice", slurm={"url": ""})
    page = person.page(f"/job/{MEASURED}")
    assert leaks(page) == [] and NO_ACCOUNTING in page_text(page)
    assert said(ask(person, "status:use", "/"))["cores"] == "chart"
    for place in ("use", "list"):
        assert set(said(ask(person, f"jobs:{place}", "/jobs")).values()) == {NO_ACCOUNTING}
    for section in PAGES["jobs"].sections:
        answer = person.section(PAGES["jobs"], section, "/jobs")
        assert answer.status_code == 200 and "could not be drawn" not in answer.get_data(as_text=True), section.key
    for place in ("job:summary", "job:cpu"):
        assert set(said(ask(person, place, f"/job/{MEASURED}")).values()) == {NO_ACCOUNTING}


def test_names_of_exporters_are_for_staff(world: World, alice: Asker) -> None:
    assert said(ask(alice, "job:power", f"/job/{MEASURED}"))["power"] == ABSENT
    assert said(ask(world.person("ada"), "job:power", f"/job/{MEASURED}"))["power"] == f"{ABSENT} (redfish_exporter)"


def test_the_sentences_are_those_of_the_reasons() -> None:
    reasons = (Why.TOO_SHORT, Why.NOT_STARTED, Why.BEFORE_RETENTION, Why.NOT_CONFIGURED, Why.NO_DATA, Why.METRIC_ABSENT, Why.NOT_HERE)
    assert [WHY[why] for why in reasons] == [TOO_SHORT, NOT_STARTED, BEFORE, NOT_COLLECTED, NO_DATA, ABSENT, NOT_HERE]
