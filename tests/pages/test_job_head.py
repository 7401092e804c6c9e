"""What a job's page shows, in which order, and what it says where there is little to show."""

from __future__ import annotations

from typing import Any

import pytest
from dash import html

from analysis.findings import Finding
from components import parts
from components.format import GAP
from components.section import one_line
from core.settings import Settings
from pages import job_query, job_request
from pages.job import keys_of, node_links, shared_note
from pages.job_head import target_of
from tests.pages.job_runs import a_run, about, wide

WHO = ("metric", "node", "gpu", "gpu_type")


def texts(node: Any) -> str:
    """All texts of a component tree, one after the other."""
    if node is None:
        return ""
    if isinstance(node, (list, tuple)):
        return " ".join(filter(None, map(texts, node)))
    return texts(node.children) if hasattr(node, "children") else str(node)


def test_gpu_jobs_show_their_gpus_first_and_others_none() -> None:
    keys = keys_of(a_run(gpus=4), Settings())
    assert keys[:3] == ("summary", "gpu", "cpu")
    assert "gpu" not in keys_of(a_run(), Settings())


@pytest.mark.parametrize(
    ("rule", "section", "target"),
    [
        ("multi_node", "submit", "section-cpu"), ("reservation", "submit", "section-request"), ("requeued", "state", ""),
        ("depends", "submit", "section-dependencies"), ("gpu_idle", "gpu", ""), ("sleep", "script", "section-script"),
    ],
)
def test_show_leads_to_a_section_the_page_has_or_nowhere(rule: str, section: str, target: str) -> None:
    finding = Finding(id=rule, severity="info", section=section)
    assert target_of(finding, keys_of(a_run(), Settings())) == target
    waiting = a_run(state="PENDING", start=None, end=None, elapsed=0)
    assert target_of(Finding(id="multi_node", severity="info", section="submit"), keys_of(waiting, Settings())) == ""


def test_one_reason_for_all_charts_is_said_once_and_different_ones_each() -> None:
    hidden, old, none = html.Span(className="tt-hide"), parts.empty("Older than the metrics kept."), parts.empty("No data.")
    drawn = one_line([(None, hidden), (None, old), (None, parts.empty("Older than the metrics kept."))])
    assert [message.className for _figure, message in drawn] == ["tt-hide", "tt-slim", "tt-hide"]
    assert "Older than the metrics kept." in texts(drawn[1][1])
    for kept in ([(None, old), (None, none)], [(None, old), ({"data": []}, None)], [(None, hidden)]):
        assert one_line(kept) == kept


def test_notes_about_charts_are_left_out_where_there_are_none() -> None:
    run = a_run()
    assert shared_note({"run": run}, about(run)) is None
    assert "Other jobs" in texts(shared_note({"run": run, "ethernet": wide(("what", "node"), [("eth_in", "c1")])}, about(run)))


def test_the_nodes_of_a_large_job_are_one_list() -> None:
    run = a_run(nodes=32, cores=512, hosts=tuple(f"c{n}" for n in range(32)))
    cores = wide(("job", "node"), [("77", "c0"), ("77", "c1")])
    drawn = node_links({"run": run, "cores": cores}, about(run))
    assert node_links({"run": run}, about(run)) is None  # nothing was measured: nothing to choose
    assert [type(part).__name__ for part in drawn.children] == ["Details"]
    assert "Cores of c7" in texts(node_links({"run": run}, about(run, params={"node": "c7"})))
    assert node_links({"run": a_run()}, about(a_run())) is None


def test_a_slice_has_its_sevenths_of_the_power_of_its_node() -> None:
    kind = "NVIDIA A100-SXM4-40GB MIG 3g.20gb"
    found = {
        "power": wide(("node",), [("g1",)], 1000), "node_gpu_power": wide(("node",), [("g1",)], 400),
        "gpu": wide(WHO, [("slurm_job_power_gpu", "g1", "MIG-abc", kind)], 280_000), "cores": wide(("job", "node"), [("77", "g1")]),
        "node_cores": {"g1": 32}, "node_gpus": {"g1": 4},
    }
    watts = job_query.own_power(a_run(gpus=1, hosts=("g1",)), found)
    # 3 of 7 slices of one of four GPUs: (1000 − 400) × 3/28, and 3/7 of the card's 280 W
    assert watts.iloc[0, 0] == pytest.approx(600 * 3 / 28 + 280 * 3 / 7)


def test_a_job_that_waits_shows_what_it_asks_for() -> None:
    run = a_run(state="PENDING", start=None, end=None, elapsed=0, nodes=2, cores=8, gpus=2, gpu_types={"a100": 2})
    said = texts(job_request.asked(run, Settings()))
    # 16 GiB on two nodes
    for part in ("2 × A100", f"16{GAP}GiB, 8{GAP}GiB per node"):
        assert part in said
