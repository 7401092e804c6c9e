"""What the jobs of a list used: stored facts, else their steps in accounting, else (while they run) the last samples."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import pandas as pd

from analysis.facts import FACTS_READABLE, job_facts
from analysis.findings import count, findings
from analysis.findings.records import Finding
from core.errors import SourceError, TurtleError
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.portal.facts import stored_use
from datasources.prometheus import job_batches_user
from datasources.prometheus.batch import Target
from datasources.prometheus.run import fetch
from datasources.slurm.finished import step_totals
from datasources.slurm.records import Run
from datasources.sources import Sources

log = logging.getLogger(__name__)
SHARES = ("cpu_efficiency", "memory_efficiency", "gpu_use")
USED = ("cpu_used", "memory_peak")
STEPS = 3_000  # steps read for one page: with the list itself at most 20 000 rows are looked at
RUN_FIELDS = tuple(Run.__dataclass_fields__)
MINE_NOW = "mine_now"  # what the front page found about a person's running jobs, for as long as it keeps it


def with_use(sources: Sources, viewer: Viewer, frame: pd.DataFrame, when: TimeRange, *, steps: int = STEPS) -> pd.DataFrame:
    """A list of jobs (columns of jobs_page) with what each used.

    Adds cpu_efficiency, memory_efficiency, gpu_use, time_share (shares 0..1), cpu_used (core-seconds), memory_peak (bytes),
    to_act (findings to act on; of an array the tasks that have any; NaN where nothing is known) and judged (tasks of an array
    the shares are of, NaN on other rows).
    """
    shown = frame.reset_index(drop=True)
    for name in (*SHARES, *USED, "time_share", "to_act", "judged"):
        shown[name] = float("nan")
    if "array_runs" not in shown:
        shown["array_runs"] = [()] * len(shown)
    if shown.empty:
        return shown
    limits, elapsed = (pd.to_numeric(shown[name], errors="coerce") for name in ("limit", "elapsed"))
    share = elapsed / limits.where((limits > 0) & (limits != math.inf))
    shown["time_share"] = share.where(shown["start"].notna() & shown["array_counts"].isna()).astype(float)
    _add_stored(sources, viewer, shown)
    _add_accounting(sources, viewer, shown, steps)
    _add_running(sources, viewer, shown, when)
    _add_running_findings(sources, viewer, shown)
    return shown


def _add_stored(sources: Sources, viewer: Viewer, shown: pd.DataFrame) -> None:
    single = shown["array_counts"].isna()
    ids = [int(number) for number in shown.loc[single & shown["end"].notna(), "job_db_inx"]]
    members = [number for runs in shown.loc[~single, "array_runs"] for number in runs]
    if not ids and not members:
        return
    try:
        facts = stored_use(sources, viewer=viewer, job_db_inxs=[*ids, *members], version=FACTS_READABLE)
    except SourceError as error:
        log.warning("stored facts: %s", error.detail)  # accounting is asked instead
        return
    facts = facts.drop_duplicates("job_db_inx").set_index("job_db_inx").drop(columns=["user", "account"])
    facts = facts.apply(pd.to_numeric, errors="coerce").astype(float)
    for name in (*SHARES, *USED, "to_act"):
        shown.loc[single, name] = shown.loc[single, "job_db_inx"].map(facts[name])
    for place in shown.index[~single]:
        for name, value in whole_array(facts[facts.index.isin(shown.at[place, "array_runs"])]).items():
            shown.at[place, name] = value


def whole_array(facts: pd.DataFrame) -> dict[str, float]:
    """Shares of an array out of its tasks' facts (columns USE of stored_use), weighted by what each task held and how long.

    Cores: core-seconds used of those allocated. Memory and GPUs: peak and use, weighted by byte-seconds and GPU-seconds.
    """
    found = {"judged": float(len(facts)), "to_act": float((facts["to_act"] > 0).sum())}
    if facts.empty:
        return {"judged": 0.0}
    for name, held in (("cpu_efficiency", "cores"), ("memory_efficiency", "memory"), ("gpu_use", "gpus")):
        known = facts[facts[name].notna() & facts[held].notna()]
        weight = known[held] * known["elapsed"]
        if weight.sum() > 0:
            found[name] = float((known[name] * weight).sum() / weight.sum())
    return found


def _add_accounting(sources: Sources, viewer: Viewer, shown: pd.DataFrame, limit: int) -> None:
    """Finished jobs of which nothing is stored: judged by their steps alone, as seff does."""
    missing = shown[shown["array_counts"].isna() & shown["end"].notna() & shown["start"].notna() & shown["to_act"].isna()]
    if missing.empty:
        return
    ids = [int(number) for number in missing["job_db_inx"]]
    steps = step_totals(sources, viewer=viewer, job_db_inxs=ids, limit=limit)
    by_run = dict(iter(steps.groupby("job_db_inx")))
    for place, row in missing.iterrows():
        rows = by_run.get(int(row["job_db_inx"]))
        if rows is not None:
            run = Run(**{name: row[name] for name in RUN_FIELDS})
            for name, value in by_accounting(run, rows, sources.settings).items():
                shown.at[place, name] = value


def by_accounting(run: Run, steps: pd.DataFrame, settings: Settings) -> dict[str, float]:
    """Shares, amounts and findings of a finished run that its steps (see analysis.accounting) tell by themselves."""
    facts = job_facts(run, steps, None, settings)
    numbers = {name: getattr(facts, name) for name in ("cpu_efficiency", "memory_efficiency", *USED)}
    numbers["to_act"] = count(findings(facts, run, None, None, settings))[0]
    return {name: float(value) for name, value in numbers.items() if value is not None}


def task_use(sources: Sources, viewer: Viewer, runs: list[Run], when: TimeRange, *, steps: int = STEPS) -> pd.DataFrame:
    """with_use() of runs at hand, in their order; columns: the fields of Run and what with_use adds."""
    rows = [{name: getattr(run, name) for name in RUN_FIELDS} | {"array_counts": None} for run in runs]
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype="object") for name in (*RUN_FIELDS, "array_counts")})
    return with_use(sources, viewer, frame, when, steps=steps)


def _add_running(sources: Sources, viewer: Viewer, shown: pd.DataFrame, when: TimeRange) -> None:
    now = shown[(shown["state"] == "RUNNING") & shown["array_counts"].isna()]
    if now.empty:
        return
    batch = job_batches_user.running(sources.settings)
    moment = replace(when, start=when.now - 3600, end=when.now)
    target = Target(jobs=tuple(int(number) for number in now["id_job"]))
    answer = fetch(sources, (batch,), target, moment, viewer=viewer)[batch.key]
    if isinstance(answer, TurtleError) or answer.empty:
        return
    values = {(row["what"], row["slurmjobid"]): row["value"] for row in answer.to_dict("records")}
    for place, row in now.iterrows():
        for what, base, name in (("cores", "cores", SHARES[0]), ("memory", "memory", SHARES[1]), ("gpus", "gpus", SHARES[2])):
            value, whole = values.get((what, str(row["id_job"]))), row[base]
            if value is not None and whole:
                shown.loc[place, name] = float(value) / float(whole)


def _add_running_findings(sources: Sources, viewer: Viewer, shown: pd.DataFrame) -> None:
    """Findings of running jobs, where the front page has just looked for them; nothing is read for this."""
    running = shown["end"].isna() & shown["start"].notna()
    if not running.any():
        return
    counts: dict[str, int] = {}
    for _finding, job in kept_findings(sources, viewer):
        counts[job] = counts.get(job, 0) + 1
    known = shown["job_id"].map(counts).astype(float)
    shown["to_act"] = shown["to_act"].where(~running, known)


def kept_findings(sources: Sources, viewer: Viewer) -> list[tuple[Finding, str]]:
    """(finding, job id) of a person's running jobs as the front page keeps them; [] where it has none."""
    return sources.cache.kept((MINE_NOW, viewer.name)) or []
