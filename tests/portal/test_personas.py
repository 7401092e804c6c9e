"""Every persona finds on the page of the job that runs now what that job is there to show, and what to ask for instead."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from demo.model import PlannedRun
from tests.portal.conftest import Demo
from tests.portal.reader import Filled, Reader, components
from tests.portal.runs import DAY, address, behaves, ended, raw, running

pytestmark = pytest.mark.browser
# person → (what the first finding says, the request to paste)
RUNNING = {
    "mira": (r"Three of four GPUs have done nothing since .*UTC", "#SBATCH --gpus-per-node=a100:1"),
    "tomas": (r"The GPU has done nothing since the job began\.", ""),
    "samir": (r"The GPU looks busy and is nearly empty\.", ""),
    "jonas": (r"A slice of a GPU \(1g\.5gb\) would do\.", "#SBATCH --gpus-per-node=a100_1g.5gb:1"),
    # the peak of 4.2 GiB with a fifth more, rounded up
    "ines": (r"The job uses 4\.[12]\d? GiB of the 56.GiB it asked for\.", "#SBATCH --mem=6G"),
    "bruno": (r"The program uses one core of 16\.", "#SBATCH --ntasks=1 #SBATCH --cpus-per-task=1"),
    "yuki": (r"More threads run than there are cores\. On average 6\d threads wanted to run on 16 cores", ""),
    "oleg": (r"The job opens, looks up or deletes [56].\d{3} files a second\.", ""),
    "fatima": (r"One of eight nodes did nothing\.", ""),
    "lena": (r"Memory grows and will run out in", ""),
    "nils": (r"The job is scattered over 8 nodes; 1 would do\.", "#SBATCH --nodes=1"),
}
ENDED = {
    "gpu_idle_after_burst": r"Three of four GPUs did nothing after",
    "gpu_idle": r"The GPU did nothing\.",
    "memory_growth": r"The job ran out of memory and was killed\. It had asked for 30.GiB",
    "dead_node_of_eight": r"One of eight nodes did nothing\.",
    "memory_over_asked": r"The job uses 4\.[12]\d? GiB of the 56.GiB it asked for\.",
}
NOTHING_TO_ACT_ON = r"^(Nothing stands out|[1-9] to know|0 to act on)"
OLD = "This is older than the metrics kept; figures from accounting are still shown."
SHORT = "The job was shorter than the time between two measurements, so nothing was measured."


def _findings(reader: Reader, run: PlannedRun) -> Filled:
    return reader.section(address(run), "job:summary")


def _spaces(text: str) -> str:
    return re.sub(r"\s", " ", text)


@pytest.mark.parametrize("person", RUNNING)
def test_a_running_job_shows_what_it_is_there_for(person: str, demo: Demo, reader: Callable[[str], Reader]) -> None:
    sentence, request = RUNNING[person]
    run = min(running(demo.plan, person), key=lambda run: run.start)
    filled = _findings(reader(person), run)
    shown = _spaces(filled.text("findings"))
    assert re.search(sentence, shown), shown
    assert request in shown
    marks = [one["props"].get("className", "") for one in components(filled.blocks["findings"])]
    assert any("tt-mark-" in str(mark) for mark in marks)


@pytest.mark.parametrize("behaviour", ENDED)
def test_an_ended_job_shows_it_too(behaviour: str, demo: Demo, reader: Callable[[str], Reader]) -> None:
    shown = _spaces(_findings(reader("ada"), behaves(behaviour)(demo.plan)).text("findings"))
    assert re.search(ENDED[behaviour], shown), shown


@pytest.mark.parametrize("person", ["chen", "hana"])
def test_who_works_well_has_nothing_to_act_on(person: str, demo: Demo, reader: Callable[[str], Reader]) -> None:
    found = running(demo.plan, person)
    assert found
    for run in found:
        shown = _findings(reader(person), run).text("findings")
        assert re.search(NOTHING_TO_ACT_ON, shown), f"job {run.id_job}: {shown}"


def test_thirty_two_nodes_used_well_are_only_told_of(demo: Demo, reader: Callable[[str], Reader]) -> None:
    shown = _findings(reader("greta"), behaves("mpi_32")(demo.plan)).text("findings")
    assert shown.startswith("1 to know") and "The job runs on 32 nodes." in shown


def test_a_tiny_job_is_told_to_bundle(demo: Demo, reader: Callable[[str], Reader]) -> None:
    run = ended(demo.plan, lambda run: run.behaviour == "tiny_jobs" and run.end_state == 3 and run.end - run.start < 100, hours=0)
    shown = _findings(reader("pavel"), run).text("findings")
    assert f"The job took only {run.end - run.start}" in shown if run.end - run.start < 60 else "The job took only 1" in shown


def _charts(reader: Reader, run: PlannedRun) -> dict[str, str]:
    """What stands in place of each chart of a job; a chart that is there fails."""
    found: dict[str, str] = {}
    for section in reader.parts(address(run)):
        filled = reader.section(address(run), section)
        assert not filled.figures, section
        found |= {f"{section} {panel}": text for panel, text in filled.messages.items() if text}
    return found


def test_before_retention_accounting_speaks(demo: Demo, reader: Callable[[str], Reader]) -> None:
    run = max(
        (run for run in demo.plan.runs if run.start and run.end and run.gpus and run.end < raw(demo.plan) - 2 * DAY and run.end_state == 3),
        key=lambda run: run.end,
    )
    charts = _charts(reader("ada"), run)
    assert len(charts) >= 8
    assert set(charts.values()) == {OLD}
    summary = _findings(reader("ada"), run)
    assert "from accounting" in summary.text("tiles") and "measured" not in summary.text("tiles").replace("not measured", "")
    assert "no waste that is worth acting on" not in summary.text("findings"), "nobody knows: its GPUs were not measured"


def test_a_job_shorter_than_a_scrape_says_so(demo: Demo, reader: Callable[[str], Reader]) -> None:
    # charts of a short time have a point each half minute, at the very end of a run too: this one lies between two
    run = ended(demo.plan, lambda run: -(-run.start // 30) * 30 > run.end, hours=0)
    charts = _charts(reader("ada"), run)
    assert len(charts) >= 6
    assert set(charts.values()) == {SHORT}
