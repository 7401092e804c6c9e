"""Each finding has its sentences and its paragraph in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.findings import RULES, findings
from components.text_findings import TEXTS, plain, sentence, summary
from core.settings import Settings
from tests.analysis.analysis_runs import GIB, make_facts, make_gpu, make_run
from tests.analysis.test_findings import CASES, END, GPU4

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
PARAGRAPHS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=\n#|\Z)", DOCS, flags=re.M | re.S))


def found_by(rule: str) -> list:
    """All findings of a rule's cases that fire."""
    every = []
    for (run_changes, facts_changes, more), _beyond in CASES[rule]:
        run = make_run(**run_changes)
        found = findings(make_facts(run, **facts_changes), run, settings=Settings(), **more)
        every += [finding for finding in found if finding.id == rule]
    return every


def test_each_rule_is_documented_with_its_thresholds() -> None:
    assert set(PARAGRAPHS) == {rule.id for rule in RULES}
    for rule in RULES:
        named = set(re.findall(r"`(\w+)`", PARAGRAPHS[rule.id]))
        assert set(rule.thresholds) <= named, rule.id


def test_thresholds_named_in_the_documentation_exist() -> None:
    known = {*Settings().thresholds.model_dump(), *Settings().prices.model_dump(), *(rule.id for rule in RULES)}
    words = set(re.findall(r"`([a-z]+_[a-z_]+)`", DOCS)) - {"min_run_seconds"}
    assert words <= known | {"gpu_hour"}


@pytest.mark.parametrize("rule", sorted(CASES))
def test_each_finding_can_be_said(rule: str) -> None:
    assert set(TEXTS) == set(CASES)
    for finding in found_by(rule):
        headline, evidence, advice = plain(finding)
        assert headline.endswith(".")
        for text in (headline, evidence, advice):
            assert "%(" not in text and "None" not in text and "\x00" not in text


def test_the_headline_people_remember() -> None:
    run = make_run(**GPU4, end=None, state="RUNNING")
    gpus = (make_gpu(0), *(make_gpu(number, use=0.2, idle_since=END - 3600) for number in (1, 2, 3)))
    found = findings(make_facts(run, gpu=gpus, until=END), run, settings=Settings())
    # 1 700 003 600 s after 1970 is 14 November 2023, 23:13:20 UTC
    assert plain(found[0])[0] == "Three of four GPUs have done nothing since 14 Nov 2023 23:13 UTC."
    parts = sentence(found[0])[0]
    assert parts[0] == "Three of four GPUs have done nothing since " and parts[1].to_plotly_json()["type"] == "Time"


def test_past_runs_are_told_with_the_request() -> None:
    run = make_run(memory=128 * GIB)
    past = [make_facts(run, memory_peak=9 * GIB)] * 13 + [make_facts(run, memory_peak=100 * GIB)]
    facts = make_facts(run, memory_peak=10 * GIB)
    found = [finding for finding in findings(facts, run, None, past, Settings()) if finding.id == "memory_over_asked"]
    # one past run needed 100 GiB: what is suggested fits it too, and is no less than was asked for
    assert found[0].request == ("#SBATCH --mem=120G",)
    assert plain(found[0])[2].endswith("14 of 14 past runs would have fitted.")


def test_summary_counts() -> None:
    run = make_run(constraints="zen3")
    found = findings(make_facts(run, cpu_mean=1.0), run, settings=Settings())
    assert summary(found) == "1 to act on, 1 to know"
    assert summary([]) == "Nothing to improve was found"
