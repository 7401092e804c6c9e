"""Rules about GPUs: idle, idle since, low, tiny kernels, and a slice would do."""

from __future__ import annotations

import math

from analysis import rightsize
from analysis.findings.records import Case, Hit, Rule
from analysis.gpu_facts import GpuFacts
from core.gpus import GpuModel, model_of
from core.units import GIB

LONG_SPAN_SHARE = 0.25  # an idle span in the middle of a run matters from this share of it on
MOST_NAMED = 4  # nodes named in a sentence
SPARE = 1.2  # so much more than was used is asked for
CPU_BUSY = 0.5  # cores busy above this: the program runs, but not on the GPU


def _known(case: Case) -> list[GpuFacts]:
    return [gpu for gpu in case.facts.gpu if gpu.use is not None] if case.gpu_judged else []


def _idle(case: Case) -> list[GpuFacts]:
    return [gpu for gpu in _known(case) if gpu.use < case.limits.gpu_idle]


def _stopped(case: Case) -> list[GpuFacts]:
    """GPUs that worked once and have been idle ever since, for long enough."""
    span = case.limits.gpu_idle_span_seconds
    idle = {(gpu.node, gpu.gpu) for gpu in _idle(case)}
    return [
        gpu
        for gpu in _known(case)
        if (gpu.node, gpu.gpu) not in idle and gpu.idle_since is not None and case.facts.until - gpu.idle_since >= span
    ]


def _ranges(numbers: list[int]) -> str:
    """`0, 2–5` of 0, 2, 3, 4, 5."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ", ".join(f"{span[0]}–{span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans)


def _names(gpus: list[GpuFacts], case: Case) -> str:
    """`1–3`; with several nodes `g1: 0–3; g2: 1`. Of slices the start of their ids."""
    by_node: dict[str, list[str]] = {}
    for gpu in gpus:
        by_node.setdefault(gpu.node, []).append(gpu.gpu)
    texts = {
        node: _ranges([int(name) for name in names])
        if all(name.isdigit() for name in names)
        else ", ".join(name.removeprefix("MIG-")[:8] for name in names)
        for node, names in by_node.items()
    }
    if case.run.nodes == 1:
        return "; ".join(texts.values())
    shown = [f"{node}: {text}" for node, text in list(texts.items())[:MOST_NAMED]]
    return "; ".join(shown) + ("; …" if len(texts) > MOST_NAMED else "")


def _numbers(gpus: list[GpuFacts], case: Case) -> dict[str, object]:
    total = case.run.gpus or len(case.facts.gpu)
    cpu = case.facts.cpu_mean
    chosen = {(gpu.node, gpu.gpu) for gpu in gpus}
    others = [gpu for gpu in _known(case) if (gpu.node, gpu.gpu) not in chosen]
    return {
        "count": len(gpus),
        "total": total,
        "names": _names(gpus, case),
        "gpu_hours": len(gpus) * case.facts.elapsed / 3600,
        "used": cpu,
        "cores": case.run.cores,
        "cpu_busy": None if cpu is None else cpu >= CPU_BUSY,
        "running": case.run.running,
        "others": _names(others, case),
        "others_share": _mean(others, "use"),
        "left": 0,
    }


def _request(case: Case, count: int) -> tuple[str, ...]:
    return rightsize.fewer_gpus(case.facts, case.run, count, case.settings, case.history, case.options)


def _gpu_idle(case: Case) -> Hit | None:
    idle = _idle(case)
    if not idle:
        return None
    total = max(case.run.gpus, len(case.facts.gpu))
    left = total - len(idle)
    request = _request(case, left) if left else rightsize.no_gpus(case.facts, case.run, case.settings, case.history, case.options)
    begin = min((gpu.idle_from for gpu in idle if gpu.idle_from is not None), default=case.facts.start)
    return Hit(numbers=_numbers(idle, case) | {"since_at": begin, "left": left, "off": bool(request and not left)}, request=request)


def _gpu_idle_since(case: Case) -> Hit | None:
    gpus = _stopped(case)
    if not gpus:
        return None
    since = max(gpu.idle_since for gpu in gpus)
    seconds = case.facts.until - since
    left = max(case.run.gpus, len(case.facts.gpu)) - len(gpus)
    mostly = seconds >= 0.5 * case.facts.elapsed
    # the others did the greater part of the work: so many would have done
    request = _request(case, left) if left and mostly else ()
    return Hit(
        numbers=_numbers(gpus, case)
        | {"since_at": since, "idle_seconds": seconds, "gpu_hours": len(gpus) * seconds / 3600}
        | {"left": left if request else 0},
        severity="bad" if case.run.running or mostly else "",
        request=request,
    )


def _gpu_idle_span(case: Case) -> Hit | None:
    """A long idle span that ended: at the start (data copied, caches built) or in the middle."""
    limits = case.limits
    others = {(gpu.node, gpu.gpu) for gpu in (*_idle(case), *_stopped(case))}
    least = max(limits.gpu_idle_span_seconds, LONG_SPAN_SHARE * case.facts.elapsed)
    gpus = [gpu for gpu in _known(case) if gpu.idle_seconds >= least and (gpu.node, gpu.gpu) not in others]
    if not gpus:
        return None
    longest = max(gpus, key=lambda gpu: gpu.idle_seconds)
    return Hit(
        numbers=_numbers(gpus, case)
        | {"from_at": longest.idle_from, "to_at": longest.idle_to, "idle_seconds": longest.idle_seconds}
    )


def _mean(gpus: list[GpuFacts], name: str) -> float | None:
    known = [getattr(gpu, name) for gpu in gpus if getattr(gpu, name) is not None]
    return sum(known) / len(known) if known else None


def _gpu_low(case: Case) -> Hit | None:
    """Low use of the GPUs that did work at all and did not stop: each cause has its own finding."""
    stopped = {(gpu.node, gpu.gpu) for gpu in (*_idle(case), *_stopped(case))}
    gpus = [gpu for gpu in _known(case) if (gpu.node, gpu.gpu) not in stopped]
    use = _mean(gpus, "use")
    if use is None or use >= case.limits.gpu_low or _mig(case):
        return None
    # together they do the work of so many, with a fifth to spare; only said where every GPU of the run is judged
    left = math.ceil(use * len(gpus) * SPARE)
    fewer = left < len(gpus) and len(gpus) == case.run.gpus and _fits(gpus, left)
    return Hit(
        numbers=_numbers(gpus, case)
        | {"use_share": use, "last_hour_share": _mean(gpus, "use_last_hour"), "gpu_hours": case.facts.gpu_hours_wasted}
        | {"left": left if fewer else 0},
        request=_request(case, left) if fewer else (),
    )


def _fits(gpus: list[GpuFacts], count: int) -> bool:
    """True if what all of them hold in memory fits on `count` of them."""
    sizes = [gpu.memory_total for gpu in gpus if gpu.memory_total]
    held = [gpu.memory_peak for gpu in gpus if gpu.memory_peak is not None]
    return len(sizes) == len(held) == len(gpus) and sum(held) <= count * min(sizes)


def _sm_low(case: Case) -> Hit | None:
    """The GPU is busy and nearly empty. Tensor work rightly runs at low occupancy, so it must be low as well."""
    limits = case.limits
    gpus = [gpu for gpu in _known(case) if gpu.use >= limits.gpu_low and gpu.sm_occupancy is not None]
    occupancy, tensor = _mean(gpus, "sm_occupancy"), _mean(gpus, "tensor")
    if occupancy is None or occupancy >= limits.sm_active_low or (tensor or 0) >= limits.sm_active_low:
        return None
    numbers = {"use_share": _mean(gpus, "use"), "sm_share": occupancy, "tensor_share": tensor}
    return Hit(numbers=_numbers(gpus, case) | numbers)


def _slice_line(case: Case, fits: tuple[str, GpuModel]) -> tuple[str, ...]:
    key, model = fits
    name = model.match[0] if model.match else key
    if case.options.get("gpus_per_node"):
        return (f"#SBATCH --gpus-per-node={name}:1",)
    return (f"#SBATCH --gpus={name}:1",) if case.options.get("gpus") else (f"#SBATCH --gres=gpu:{name}:1",)


def _mig(case: Case) -> Hit | None:
    facts, limits, gpus = case.facts, case.limits, _known(case)
    if len(gpus) != 1 or case.run.gpus > 1 or _idle(case) or _stopped(case):
        return None
    gpu = gpus[0]
    kinds = (*case.run.gpu_types, gpu.gpu_type)
    if any(model_of(kind, case.settings.gpus).mig for kind in kinds) or gpu.gpu.startswith("MIG-"):
        return None
    memory, cpu = gpu.memory_peak, facts.cpu_mean
    small = (
        gpu.use <= limits.mig_use
        and memory is not None
        and memory <= limits.mig_gpu_memory_gib * GIB
        and (facts.memory_peak or 0) <= limits.mig_host_memory_gib * GIB
        and (cpu is None or cpu <= limits.mig_cores)
    )
    fits = rightsize.mig_profile(memory, case.settings) if small else None
    if fits is None:
        return None
    return Hit(
        numbers={
            "use_share": gpu.use,
            "gpu_memory_bytes": memory,
            "total_bytes": gpu.memory_total,
            "slice": fits[1].name,
            "peak_bytes": facts.memory_peak,
            "cores_used": cpu,
        },
        request=_slice_line(case, fits),
    )


_USE = ("facts.gpu", "run.gpus")
_TIMES = ("min_run_seconds", "min_gpu_run_seconds", "gpu_idle")

RULES = (
    Rule(id="gpu_idle", severity="bad", section="gpu", judge=_gpu_idle, inputs=_USE, thresholds=_TIMES),
    Rule(
        id="gpu_idle_since",
        severity="warn",
        section="gpu",
        judge=_gpu_idle_since,
        inputs=_USE,
        thresholds=(*_TIMES, "gpu_idle_span_seconds"),
    ),
    Rule(
        id="gpu_idle_span",
        severity="warn",
        section="gpu",
        judge=_gpu_idle_span,
        inputs=_USE,
        thresholds=(*_TIMES, "gpu_idle_span_seconds"),
    ),
    Rule(id="gpu_low", severity="warn", section="gpu", judge=_gpu_low, inputs=_USE, thresholds=(*_TIMES, "gpu_low")),
    Rule(
        id="sm_low",
        severity="warn",
        section="gpu",
        judge=_sm_low,
        inputs=_USE,
        thresholds=(*_TIMES, "gpu_low", "sm_active_low"),
        confidence="medium",
    ),
    Rule(
        id="mig_would_do",
        severity="warn",
        section="gpu",
        judge=_mig,
        inputs=(*_USE, "facts.memory_peak", "facts.cpu_mean"),
        thresholds=(*_TIMES, "mig_gpu_memory_gib", "mig_host_memory_gib", "mig_cores", "mig_use", "memory_headroom"),
        confidence="medium",
    ),
)
