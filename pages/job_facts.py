"""Facts and findings of one run: stored ones of a finished run, else made from its steps and metrics, and then stored."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from analysis.facts import FACTS_READABLE, JobFacts, job_facts
from analysis.findings import Finding, awaited, findings, unstored
from analysis.rightsize import History
from analysis.summarise import row_of
from core.errors import NoData, SourceError, TurtleError
from core.subjects import JobSubject
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.portal.facts import history, store_facts, stored_facts
from datasources.prometheus import job_metrics
from datasources.slurm.dependencies import dependencies
from datasources.slurm.options import options
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.job_query import script_of, shared, steps_of, the_run, the_runs

log = logging.getLogger(__name__)
SETTLED = 900  # seconds after the end in which late samples may still arrive


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A run's facts and findings, and the error of a source whose figures are missing in them."""

    facts: JobFacts
    findings: tuple[Finding, ...]
    missing: TurtleError | None = None


class _Incomplete(Exception):
    """Carries what was made without a source that failed past the cache: the next request tries that source again."""

    def __init__(self, found: Judged) -> None:
        super().__init__("judged without some of its figures")
        self.found = found


def life_of(run: Run, when: TimeRange) -> TimeRange:
    """The whole life of the run: facts are never about a part that was zoomed into."""
    start, end = run.life(when.now)
    return replace(when, start=start, end=end)


def judged(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Judged:
    """Facts and findings of the run shown; raises NotFound, and errors of the accounting database."""
    run = the_run(sources, viewer, subject)
    kept = _kept(sources, viewer, run)
    if kept is not None:
        return kept

    def make() -> Judged:
        found = _made(sources, viewer, subject, run, life_of(run, when))
        if found.missing is not None:
            raise _Incomplete(found)
        return found

    try:
        # three sections of a page ask; a third of the page's work was making the same facts again
        return shared(sources, viewer, subject, f"judged {run.job_db_inx} {when.points}", make)
    except _Incomplete as incomplete:
        return incomplete.found


def judged_today(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Judged:
    """judged(), and which jobs wait for this one: that may change long after the end. For the job's own page."""
    found, run = judged(sources, viewer, subject, when), the_run(sources, viewer, subject)
    count, over = _dependents(sources, viewer, subject, run)
    return replace(found, findings=tuple(awaited(found.findings, count, sources.settings, over=over)))


def dependencies_of(sources: Sources, viewer: Viewer, subject: JobSubject, run: Run) -> pd.DataFrame:
    """The run's dependencies both ways (columns as in datasources.slurm.dependencies), read once a page."""

    def read() -> pd.DataFrame:
        script = script_of(sources, viewer, subject, run) or ""
        return dependencies(sources, viewer=viewer, run=run, script=script)

    return shared(sources, viewer, subject, f"dependencies {run.job_db_inx}", read)


def _dependents(sources: Sources, viewer: Viewer, subject: JobSubject, run: Run) -> tuple[int, bool]:
    """(how many jobs wait or waited for this one, none of them does any more)."""
    try:
        found = dependencies_of(sources, viewer, subject, run)
    except SourceError as error:
        log.warning("dependencies: %s", error.detail)
        return 0, False
    others = found[found["direction"] == "needed_by"].drop_duplicates("job")
    return len(others), not (others["state"] == "PENDING").any()


def _kept(sources: Sources, viewer: Viewer, run: Run) -> Judged | None:
    if not run.finished:
        return None
    try:
        found = stored_facts(sources, viewer=viewer, job_db_inxs=[run.job_db_inx], version=FACTS_READABLE)
    except SourceError as error:
        log.warning("stored facts: %s", error.detail)
        return None
    if found.empty:
        return None
    row = found.iloc[0]
    return Judged(facts=JobFacts.from_dict(row["facts"]), findings=tuple(unstored(row["findings"], sources.settings)))


def _earlier(sources: Sources, viewer: Viewer, run: Run) -> History | None:
    try:
        rows = history(
            sources, viewer=viewer, user=run.user, script_hash=run.script_hash, name=run.name, before=run.end or run.start
        )
    except SourceError as error:
        log.warning("history: %s", error.detail)
        return None
    return History(facts=tuple(JobFacts.from_dict(facts) for facts in rows["facts"])) if len(rows) else None


def _steps(sources: Sources, viewer: Viewer, subject: JobSubject, run: Run) -> pd.DataFrame | None:
    return steps_of(sources, viewer, subject, run) if run.started else None


def _made(sources: Sources, viewer: Viewer, subject: JobSubject, run: Run, when: TimeRange) -> Judged:
    metrics: dict[str, Any] = job_metrics.for_facts(sources, run, when, viewer=viewer) if run.started else {}
    missing = next((value for value in metrics.values() if isinstance(value, TurtleError) and not isinstance(value, NoData)), None)
    sizes = {"node_cores": metrics.pop("node_cores", {}), "node_gpus": metrics.pop("node_gpus", {})}
    facts = job_facts(run, _steps(sources, viewer, subject, run), metrics, sources.settings, when.now, price_of=sources.hooks.price_of, **sizes)
    script = script_of(sources, viewer, subject, run) or ""
    found = findings(
        facts, run, script or None, _earlier(sources, viewer, run), sources.settings, **sizes,
        options=options(run.submit_line, script, run.het_offset or 0), earlier_runs=_before(sources, viewer, subject, run),
    )
    if run.finished and missing is None and when.now - run.end > SETTLED:
        _store(sources, run, facts, found)
    return Judged(facts=facts, findings=tuple(found), missing=missing)


def _before(sources: Sources, viewer: Viewer, subject: JobSubject, run: Run) -> int:
    return sum(other.submit < run.submit for other in the_runs(sources, viewer, subject))


def _store(sources: Sources, run: Run, facts: JobFacts, found: list[Finding]) -> None:
    try:
        store_facts(sources, [row_of(run, facts, found)])
    except SourceError as error:
        log.warning("facts of job %s were not stored: %s", run.job_id, error.detail)
