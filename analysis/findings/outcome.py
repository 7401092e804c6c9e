"""Rules about how a run ended and how long it took against what was asked."""

from __future__ import annotations

from analysis import rightsize
from analysis.facts import JobFacts
from analysis.findings.host import GROWTH_AFTER, GROWTH_FIT
from analysis.findings.records import Case, Hit, Rule
from core.units import HOUR

JUDGED_TIMES = 3  # a time limit is judged on runs this many times the shortest judged
MANY = 10  # so many short runs of one script are worth bundling
OOM_GROWTH = 1.5  # after running out of memory, ask for this many times as much


def _oom(case: Case) -> Hit | None:
    run = case.run
    if run.state != "OUT_OF_MEMORY":
        return None
    request: tuple[str, ...] = ()
    if run.memory and not run.whole_node:
        request = rightsize.more_memory(run, run.memory * OOM_GROWTH, case.options)
    numbers = {"asked_bytes": run.memory, "peak_bytes": case.facts.memory_peak}
    if _grew(case.facts):
        numbers["per_hour_bytes"] = case.facts.memory_slope * HOUR
    return Hit(numbers=numbers, request=request)


def _grew(facts: JobFacts) -> bool:
    """True if memory rose steadily up to the end: what leaks needs more time to fill more, not less."""
    rising = facts.memory_slope is not None and facts.memory_slope > 0
    return rising and facts.elapsed >= GROWTH_AFTER and (facts.memory_slope_fit or 0) >= GROWTH_FIT


def _node_fail(case: Case) -> Hit | None:
    numbers = {"names": ", ".join(case.run.hosts), "again": "requeue" in case.options}
    return Hit(numbers=numbers) if case.run.state == "NODE_FAIL" else None


def _timeout(case: Case) -> Hit | None:
    run = case.run
    if run.state != "TIMEOUT":
        return None
    longer = None if run.limit is None or run.unlimited else rightsize.time_needed(case.facts, case.history)
    request = (f"#SBATCH --time={rightsize.time_text(longer)}",) if longer and longer > run.limit else ()
    return Hit(numbers={"limit_seconds": run.limit}, request=request)


def _short(case: Case) -> Hit | None:
    """A short job alone is fine; many of them cost the scheduler and their owner more than they compute."""
    run, least = case.run, case.limits.short_job_seconds
    if run.state != "COMPLETED" or case.facts.elapsed >= least:
        return None
    past = case.history.completed if case.history else ()
    many = sum(item.elapsed < least for item in past) + 1
    bundle = many > MANY or run.array_job is not None
    numbers = {"elapsed_seconds": case.facts.elapsed, "count": many, "array": run.array_job is not None}
    return Hit(numbers=numbers, severity="warn" if bundle else "info")


def _time_over_asked(case: Case) -> Hit | None:
    facts, run, limits = case.facts, case.run, case.limits
    if run.state != "COMPLETED" or facts.time_efficiency is None:
        return None
    if facts.elapsed < JUDGED_TIMES * limits.min_run_seconds or facts.time_efficiency >= limits.time_low:
        return None
    unused = run.limit - facts.elapsed
    if unused < limits.time_waste_seconds:
        return None
    need = rightsize.time_needed(facts, case.history)
    numbers = {
        "limit_seconds": run.limit,
        "elapsed_seconds": facts.elapsed,
        "used_share": facts.time_efficiency,
        **rightsize.history_numbers(case.history, "elapsed", need),
    }
    return Hit(numbers=numbers, request=rightsize.time_request(facts, case.history))


RULES = (
    Rule(id="oom", severity="bad", section="memory", judge=_oom, inputs=("run.state", "run.memory", "facts.memory_slope")),
    Rule(id="node_fail", severity="bad", section="state", judge=_node_fail, inputs=("run.state", "run.hosts", "options.requeue")),
    Rule(id="timeout", severity="bad", section="time", judge=_timeout, inputs=("run.state", "run.limit")),
    Rule(
        id="short_job",
        severity="info",
        section="time",
        judge=_short,
        inputs=("run.state", "facts.elapsed", "history"),
        thresholds=("short_job_seconds",),
    ),
    Rule(
        id="time_over_asked",
        severity="warn",
        section="time",
        judge=_time_over_asked,
        inputs=("facts.elapsed", "run.limit", "run.state"),
        thresholds=("min_run_seconds", "time_low", "time_waste_seconds"),
    ),
)
