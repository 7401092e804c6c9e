"""Rules about cores, threads, memory and file systems: what a run used of the machines it had."""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis import rightsize
from analysis.findings.records import Case, Hit, Rule
from core.units import GIB, HOUR

SERIAL = (0.5, 1.05)  # cores busy: below it the run mostly waits, above it is not serial
ORDINARY = 1.1  # within this factor of a core's or GPU's ordinary share, nothing was taken from others
GROWTH_FIT = 0.8  # R² of the line above which growth is called steady
GROWTH_NEAR = 0.5  # ... once this share of the limit is in use
GROWTH_AFTER = 2 * HOUR  # ... of a run this old: every program fills its memory at first
LEAST_SAVED = 2  # cores: one fewer of many is not worth a change
MOST_NAMED = 8  # nodes named in a sentence
THREADS_LINE = "export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}"
FRAGMENT = 0.5  # less than this share of each node's cores is scattered


def _cores_matter(case: Case) -> bool:
    """CPU use is judged on CPU jobs, and on GPU jobs only with more cores than the GPUs come with."""
    limit = ORDINARY * case.limits.normal_cores_per_gpu * case.run.gpus
    return case.judged and case.run.cores > 1 and not case.cores_given and (not case.run.gpus or case.run.cores > limit)


def _cpu_waste(case: Case) -> float:
    wasted = case.facts.core_hours_wasted
    return wasted if wasted is not None and wasted >= case.limits.cpu_waste_core_hours else 0.0


def _is_serial(case: Case) -> bool:
    mean = case.facts.cpu_mean
    return (
        _cores_matter(case)
        and mean is not None
        and case.run.nodes == 1
        and SERIAL[0] <= mean <= SERIAL[1]
        and _cpu_waste(case) > 0
    )


def _cpu_numbers(case: Case) -> dict[str, object]:
    facts = case.facts
    need = rightsize.cores_needed(facts)
    past = rightsize.history_numbers(case.history, "cpu_mean", (need or 0) + rightsize.CORE_SLACK)
    return {
        "cores": case.run.cores,
        "used": facts.cpu_mean,
        "efficiency_share": facts.cpu_efficiency,
        "wasted_core_hours": facts.core_hours_wasted,
        "need": need,
        **past,
    }


def _serial(case: Case) -> Hit | None:
    if not _is_serial(case):
        return None
    return Hit(numbers=_cpu_numbers(case), request=rightsize.cores_request(case.facts, case.run, case.options))


def _cores_over_asked(case: Case) -> Hit | None:
    share = case.facts.cpu_efficiency
    if (
        not _cores_matter(case)
        or _is_serial(case)
        or share is None
        or share >= case.limits.cpu_low
        or not _cpu_waste(case)
    ):
        return None
    if _dead_nodes(case):  # the idle nodes are the finding, the others may be busy
        return None
    return Hit(
        numbers=_cpu_numbers(case),
        severity="bad" if share < case.limits.cpu_low / 2 else "",
        request=rightsize.cores_request(case.facts, case.run, case.options),
    )


def _dead_nodes(case: Case) -> tuple[str, ...]:
    """Nodes of several whose CPU did nothing. Only nodes with samples count: no samples is not no use."""
    nodes = case.facts.cpu_by_node
    if not case.judged or case.run.nodes < 2 or len(nodes) < 2:
        return ()
    own = case.run.cores / case.run.nodes
    cores = case.facts.cores_by_node
    return tuple(node for node, used in nodes.items() if used < case.limits.idle_node_share * cores.get(node, own))


def _idle_nodes(case: Case) -> Hit | None:
    dead = _dead_nodes(case)
    if not dead:
        return None
    seen = len(case.facts.cpu_by_node)
    if len(dead) == seen and case.run.gpus:
        return None
    request = rightsize.nodes_request(case.run, case.run.nodes - len(dead), case.options) if len(dead) < seen else ()
    names = ", ".join(sorted(dead)[:MOST_NAMED]) + (" …" if len(dead) > MOST_NAMED else "")
    lost = sum(case.facts.cores_by_node.get(node, case.run.cores / case.run.nodes) for node in dead) * case.facts.elapsed / HOUR
    numbers = {"count": len(dead), "nodes": case.run.nodes, "names": names, "seen": seen, "wasted_core_hours": lost}
    return Hit(numbers=numbers, request=request)


def _fragmented(case: Case) -> Hit | None:
    """Spread over more nodes than needed: by GPUs where there are some, else by cores. Needs to know the nodes' size."""
    run = case.run
    if not case.judged or run.nodes < 2 or run.whole_node:
        return None
    sizes: Mapping[str, int] = case.node_gpus if run.gpus else case.node_cores
    known = [sizes[host] for host in run.hosts if sizes.get(host)]
    have = run.gpus or run.cores
    if not known or have / run.nodes >= FRAGMENT * min(known):
        return None
    better = math.ceil(have / min(known))
    if better >= run.nodes:
        return None
    request = rightsize.packed_request(run, better, case.options)
    return Hit(numbers={"nodes": run.nodes, "better": better, "cores": run.cores, "gpus": run.gpus}, request=request)


def _threads(case: Case) -> float | None:
    return case.facts.threads if case.judged and case.run.cores else None


def _threads_many(case: Case) -> Hit | None:
    mean = _threads(case)
    if mean is None or mean <= case.limits.threads_high * case.run.cores:
        return None
    return Hit(numbers={"threads": mean, "cores": case.run.cores}, request=(THREADS_LINE,))


def _threads_few(case: Case) -> Hit | None:
    """Left to the CPU rules where these speak: one cause, one finding."""
    mean = _threads(case)
    if mean is None or mean >= case.limits.threads_low * case.run.cores or not _cores_matter(case):
        return None
    if _serial(case) or _cores_over_asked(case) or _dead_nodes(case) or not _cpu_waste(case):
        return None
    busy = case.facts.cpu_efficiency
    if busy is not None and busy >= case.limits.threads_low:  # counted now and then, threads are missed; CPU time is not
        return None
    need = rightsize.cores_needed(case.facts)
    saves = need is not None and case.run.cores - need >= LEAST_SAVED
    request = rightsize.cores_request(case.facts, case.run, case.options) if saves else ()
    return Hit(numbers={"threads": mean, "cores": case.run.cores}, request=request)


def ordinary_memory(case: Case) -> float:
    """Bytes that come with the cores or GPUs of a job anyway: taking them takes nothing from others."""
    limits = case.limits
    by_cores = limits.normal_memory_per_core_gib * case.run.cores
    return max(by_cores, limits.normal_memory_per_gpu_gib * case.run.gpus) * GIB * ORDINARY


def _memory_over_asked(case: Case) -> Hit | None:
    facts, run, limits = case.facts, case.run, case.limits
    share, wasted = facts.memory_efficiency, facts.memory_gib_hours_wasted
    if not case.judged or run.whole_node or run.state == "OUT_OF_MEMORY" or share is None or wasted is None:
        return None
    if share >= limits.memory_low or wasted < limits.memory_waste_gib_hours:
        return None
    very = share < limits.memory_very_low
    if run.memory <= ordinary_memory(case):
        if not very:
            return None
        severity = "info"
    else:
        severity = "bad" if very else "warn"
    past = case.history.largest("memory_peak") if case.history else None
    need = max(facts.memory_peak, past or 0) * limits.memory_headroom
    numbers = {
        "asked_bytes": run.memory,
        "peak_bytes": facts.memory_peak,
        "used_share": share,
        "wasted_gib_hours": wasted,
        "times": run.memory / facts.memory_peak if facts.memory_peak else None,
        **rightsize.history_numbers(case.history, "memory_peak", need),
    }
    request = rightsize.memory_request(facts, run, case.settings, case.history, case.options)
    if severity == "info" and not request:  # a GiB of which little is used: there is nothing to ask for less
        return None
    return Hit(numbers=numbers, severity=severity, request=request, confidence="medium" if run.running else "")


def _memory_growth(case: Case) -> Hit | None:
    """Steady growth that reaches the limit before the time limit does, of a running job."""
    facts, run = case.facts, case.run
    if not case.judged or not run.running or facts.memory_full_in is None or run.memory is None:
        return None
    left = run.limit - facts.elapsed if run.limit is not None else math.inf
    if (facts.memory_slope_fit or 0) < GROWTH_FIT or facts.memory_full_in >= left or facts.elapsed < GROWTH_AFTER:
        return None
    if facts.memory_peak is None or facts.memory_peak < GROWTH_NEAR * run.memory:
        return None
    return Hit(
        numbers={
            "full_in_seconds": facts.memory_full_in,
            "per_hour_bytes": facts.memory_slope * 3600,
            "peak_bytes": facts.memory_peak,
            "asked_bytes": run.memory,
        },
        request=rightsize.grown_memory(facts, run, left, case.options),
    )


def _metadata_storm(case: Case) -> Hit | None:
    rate = case.facts.metadata_ops
    if not case.judged or rate is None or rate <= case.limits.metadata_ops_per_second:
        return None
    return Hit(
        numbers={"rate": rate, "peak": case.facts.metadata_ops_peak, "usual": case.limits.metadata_ops_per_second}
    )


_CPU = ("facts.cpu_mean", "facts.cpu_efficiency", "run.cores")
_CPU_LIMITS = ("min_run_seconds", "cpu_waste_core_hours", "normal_cores_per_gpu")

RULES = (
    Rule(id="serial", severity="bad", section="cpu", judge=_serial, inputs=_CPU, thresholds=_CPU_LIMITS),
    Rule(
        id="cores_over_asked",
        severity="warn",
        section="cpu",
        judge=_cores_over_asked,
        inputs=_CPU,
        thresholds=("cpu_low", *_CPU_LIMITS),
    ),
    Rule(
        id="idle_nodes",
        severity="bad",
        section="cpu",
        judge=_idle_nodes,
        inputs=("facts.cpu_by_node", "run.nodes"),
        thresholds=("min_run_seconds", "idle_node_share"),
    ),
    Rule(
        id="fragmented",
        severity="info",
        section="cpu",
        judge=_fragmented,
        inputs=("run.nodes", "run.cores", "run.gpus", "node_cores", "node_gpus"),
        thresholds=("min_run_seconds",),
    ),
    Rule(
        id="threads_oversubscribed",
        severity="warn",
        section="threads",
        judge=_threads_many,
        inputs=("facts.threads", "run.cores"),
        thresholds=("min_run_seconds", "threads_high"),
    ),
    Rule(
        id="threads_underused",
        severity="warn",
        section="threads",
        judge=_threads_few,
        inputs=("facts.threads", "run.cores"),
        thresholds=("min_run_seconds", "threads_low", "cpu_waste_core_hours"),
        confidence="medium",
    ),
    Rule(
        id="memory_over_asked",
        severity="warn",
        section="memory",
        judge=_memory_over_asked,
        inputs=("facts.memory_peak", "run.memory"),
        thresholds=(
            "min_run_seconds",
            "memory_low",
            "memory_very_low",
            "memory_waste_gib_hours",
            "memory_headroom",
            "normal_memory_per_core_gib",
            "normal_memory_per_gpu_gib",
        ),
    ),
    Rule(
        id="memory_growth",
        severity="bad",
        section="memory",
        judge=_memory_growth,
        inputs=("facts.memory_slope", "facts.memory_full_in", "run.limit"),
        thresholds=("min_run_seconds",),
        confidence="medium",
    ),
    Rule(
        id="metadata_storm",
        severity="bad",
        section="files",
        judge=_metadata_storm,
        inputs=("facts.metadata_ops",),
        thresholds=("min_run_seconds", "metadata_ops_per_second"),
    ),
)
