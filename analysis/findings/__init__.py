"""Findings: declared rules over JobFacts, the accounting record, the script and the history. Sentences are written elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis import script as scripts_of
from analysis.facts import JobFacts
from analysis.findings import gpus, host, outcome, scripts, submit
from analysis.findings.records import SEVERITIES, Case, Finding, Hit, Rule
from analysis.rightsize import History
from analysis.script import Script
from core.settings import Settings
from datasources.slurm import dependencies
from datasources.slurm.records import Run

__all__ = ["RULES", "SEVERITIES", "Case", "Finding", "Hit", "Rule", "awaited", "count", "findings", "stored", "unstored"]

# The order within a severity: what costs most first.
RULES: tuple[Rule, ...] = (*gpus.RULES, *host.RULES, *outcome.RULES, *scripts.RULES, *submit.RULES)


# One cause, one finding: left is not told where one of the right is.
QUIET = {"multi_node": {"idle_nodes", "fragmented"}}


def _finding(rule: Rule, hit: Hit, settings: Settings) -> Finding:
    return Finding(
        id=rule.id,
        severity=hit.severity or rule.severity,
        numbers=hit.numbers,
        section=rule.section,
        request=hit.request,
        line=hit.line,
        docs=settings.site.docs.get(rule.id, ""),
        confidence=hit.confidence or rule.confidence,
        thresholds={key: getattr(settings.thresholds, key) for key in rule.thresholds},
    )


def judge(case: Case) -> list[Finding]:
    """All findings of a case, bad before warn before info, within one by the rules' order."""
    found: list[Finding] = []
    for rule in RULES:
        hits = rule.judge(case)
        for hit in [hits] if isinstance(hits, Hit) else hits or []:
            found.append(_finding(rule, hit, case.settings))
    told = {finding.id for finding in found}
    found = [finding for finding in found if not QUIET.get(finding.id, set()) & told]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def findings(
    facts: JobFacts,
    run: Run,
    script: Script | str | None = None,
    history: History | Sequence[JobFacts] | None = None,
    settings: Settings | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    depends_on: int = 0,
    dependents: int = 0,
    earlier_runs: int = 0,
    node_cores: Mapping[str, int] | None = None,
    node_gpus: Mapping[str, int] | None = None,
) -> list[Finding]:
    """What is worth telling about one run, worst first; [] if all is well.

    `script`: the stored job script. `history`: facts of earlier finished runs of the same script or name. `options`:
    what the submit line and the #SBATCH lines asked for, by long option name ("-" or "_"), flags as True.
    `depends_on`, `dependents`: how many jobs this one waits for, and how many wait for it. `earlier_runs`: runs
    before this one (requeues). `node_cores`, `node_gpus`: what each node has in all.
    """
    asked = {key.lstrip("-").replace("-", "_"): value for key, value in (options or {}).items()}
    case = Case(
        facts=facts,
        run=run,
        settings=settings or Settings(),
        script=scripts_of.parse(script) if isinstance(script, str) else script,
        options=asked,
        history=history if isinstance(history, History) or history is None else History(facts=tuple(history)),
        depends_on=depends_on or _waited_for(str(asked.get("dependency") or "")),
        dependents=dependents,
        earlier_runs=earlier_runs,
        node_cores=node_cores or {},
        node_gpus=node_gpus or {},
    )
    return judge(case)


def awaited(found: Sequence[Finding], dependents: int, settings: Settings, *, over: bool = False) -> list[Finding]:
    """Findings with how many other jobs wait for this one, or waited (`over`): these may come long after the rest was judged."""
    if not dependents:
        return list(found)
    rule = next(rule for rule in RULES if rule.id == "dependents")
    more = _finding(rule, Hit(numbers={"count": dependents, "over": over}), settings)
    return [*(finding for finding in found if finding.id != rule.id), more]


def _waited_for(dependency: str) -> int:
    return len({item.job for item in dependencies.parse(dependency) if item.job})


def count(found: Sequence[Finding]) -> tuple[int, int]:
    """(to act on, to know): "bad" and "warn" are to act on, "info" is to know."""
    act = sum(finding.severity != "info" for finding in found)
    return act, len(found) - act


def stored(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Plain values, as stored with a finished run's facts."""
    return [
        {
            "id": finding.id,
            "severity": finding.severity,
            "numbers": dict(finding.numbers),
            "section": finding.section,
            "request": list(finding.request),
            "line": finding.line,
            "confidence": finding.confidence,
        }
        for finding in found
    ]


def unstored(data: Sequence[Mapping[str, Any]], settings: Settings) -> list[Finding]:
    """Findings out of stored(); links and thresholds come from the settings of today. Unknown ids are left out."""
    rules = {rule.id: rule for rule in RULES}
    found = []
    for item in data:
        rule = rules.get(item["id"])
        if rule is not None:
            found.append(_finding(rule, _hit(item), settings))
    return found


def _hit(item: Mapping[str, Any]) -> Hit:
    return Hit(
        numbers=item["numbers"],
        severity=item["severity"],
        request=tuple(item["request"]),
        line=item["line"],
        confidence=item["confidence"],
    )
