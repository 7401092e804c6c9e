"""Keeping up with finished jobs: read in batches, conclude, store, go on where it stopped."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from analysis.facts import FACTS_VERSION, JobFacts, job_facts
from analysis.findings import Finding, count, findings, stored
from analysis.rightsize import History
from analysis.scheduling import keep_days
from analysis.summary_metrics import metrics_of
from core.viewer import PORTAL
from datasources.portal.facts import history, older_than, store_facts, store_nodes, summary_place
from datasources.portal.tables import NUMBERS
from datasources.slurm.cluster import finished_after
from datasources.slurm.finished import earlier_runs, node_lists, scripts, step_totals
from datasources.slurm.options import options
from datasources.slurm.records import Run
from datasources.sources import Sources

log = logging.getLogger("turtle.summarise")
# Findings that say more with earlier runs of the same script: only for these the history is read.
WITH_HISTORY = frozenset({"memory_over_asked", "cores_over_asked", "serial", "time_over_asked", "short_job"})
MOST_RENEWED = 20_000  # rows of an older version brought up in one call; the next one goes on
RENEWED_TOGETHER = 500
SETTLE_SECONDS = 120  # accounting and the last scrape arrive a little after a job's end


def row_of(run: Run, facts: JobFacts, found: Sequence[Finding]) -> dict[str, Any]:
    """A run's facts and findings as datasources.portal.facts.store_facts takes them; `run` has ended."""
    return {
        "job_db_inx": run.job_db_inx,
        "id_job": run.id_job,
        "user": run.user,
        "account": run.account,
        "partition": run.partition,
        "name": run.name,
        "script_hash": run.script_hash,
        "state": run.state,
        "start": run.start,
        "end": run.end,
        "elapsed": facts.elapsed,
        "cores": run.cores,
        "nodes": run.nodes,
        "memory": run.memory,
        "gpus": facts.gpus,
        **{name: getattr(facts, name) for name in NUMBERS},
        "to_act": count(found)[0],
        "facts": facts.as_dict(),
        "findings": stored(found),
        "facts_version": FACTS_VERSION,
        "nodelist": run.node_list,
    }


def _conclude(
    sources: Sources, run: Run, steps: pd.DataFrame | None, metrics: Mapping[str, object], script: str, earlier: int
) -> dict[str, Any]:
    """The row of one finished run."""
    facts = job_facts(run, steps, metrics, sources.settings, run.end, price_of=sources.hooks.price_of)

    def judged(past: History | None) -> list[Finding]:
        return findings(
            facts,
            run,
            script or None,
            past,
            sources.settings,
            options=options(run.submit_line, script, run.het_offset or 0),
            earlier_runs=earlier,
            node_cores=metrics.get("node_cores"),
            node_gpus=metrics.get("node_gpus"),
        )

    found = judged(None)
    if any(finding.id in WITH_HISTORY for finding in found):
        found = judged(_past(sources, run))
    return row_of(run, facts, found)


def _past(sources: Sources, run: Run) -> History | None:
    rows = history(
        sources, viewer=PORTAL, user=run.user, script_hash=run.script_hash, name=run.name, before=run.end or run.start
    )
    return History(facts=tuple(JobFacts.from_dict(facts) for facts in rows["facts"])) if len(rows) else None


def _batch(sources: Sources, runs: Sequence[Run]) -> list[dict[str, Any]]:
    steps = step_totals(sources, viewer=PORTAL, job_db_inxs=[run.job_db_inx for run in runs])
    by_run = dict(iter(steps.groupby("job_db_inx")))
    texts = scripts(sources, viewer=PORTAL, runs=runs)
    earlier = earlier_runs(sources, viewer=PORTAL, runs=runs)
    metrics = metrics_of(sources, runs, viewer=PORTAL)
    return [
        _conclude(
            sources,
            run,
            by_run.get(run.job_db_inx),
            metrics.get(run.job_db_inx, {}),
            texts.get(run.script_hash, ""),
            earlier.get(run.job_db_inx, 0),
        )
        for run in runs
    ]


def _never() -> bool:
    return False


def summarise(
    sources: Sources, *, limit: int | None = None, batch: int = 200, stop: Callable[[], bool] = _never
) -> int:
    """Summarise finished runs not summarised yet, oldest first; returns how many.

    Each batch is stored in one transaction with the place reached, so that it may be interrupted at any moment: the next
    call goes on there. Ends when it has caught up, after `limit` runs, or before the next batch once `stop()` is true.
    Then summaries of an older version are brought up, see renew(), and without a limit finished days are counted for the
    scheduler's statistics, see keep_days(). Raises SourceError when accounting, Prometheus or the
    portal's database is down; what was stored stays.
    """
    done = 0
    newest = int(sources.clock()) - SETTLE_SECONDS
    while limit is None or done < limit:
        if stop():
            return done
        size = batch if limit is None else min(batch, limit - done)
        runs = finished_after(sources, viewer=PORTAL, after=summary_place(sources), limit=size)
        ready = [run for run in runs if run.end is not None and run.end <= newest]
        if not ready:
            break
        store_facts(sources, _batch(sources, ready), cursor=(ready[-1].end, ready[-1].job_db_inx))
        done += len(ready)
        log.info("%d runs summarised", done)
    renew(sources, stop=stop)
    if limit is None and sources.settings.module_on("scheduling") and not stop():
        keep_days(sources, stop=stop)
    return done


def renew(sources: Sources, *, limit: int = MOST_RENEWED, stop: Callable[[], bool] = _never) -> int:
    """Bring stored summaries of older versions up, newest runs first; returns how many.

    Version 1 has the same numbers and lacks the nodes, which accounting says; so nothing that metrics told is lost where they
    are gone by now. A run that accounting no longer has keeps what it has. May be interrupted between batches.
    """
    done = 0
    while not stop() and done < limit:
        ids = older_than(sources, FACTS_VERSION, min(RENEWED_TOGETHER, limit - done))
        if not ids:
            break
        known = node_lists(sources, viewer=PORTAL, job_db_inxs=ids)
        store_nodes(sources, {inx: known.get(inx) for inx in ids}, FACTS_VERSION)
        done += len(ids)
        log.info("%d summaries brought to version %d", done, FACTS_VERSION)
    return done


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """`stop` for summarise(): SIGINT and SIGTERM let the present batch finish. For a command's main thread only."""
    asked: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: asked.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
