"""Who holds what and does not use it: the marks on the tables of the largest users, and who is both heavy and poor.

Every limit is a setting ([top] and [thresholds]); nothing here knows a person's name or writes a sentence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.settings import Settings, Top
from core.units import GIB, share

BAD, WARN = "bad", "warn"
CORES, MEMORY, GPUS = "cores", "memory", "gpus"
GPUS_UNUSED, SOME_GPUS_UNUSED = "gpus_unused", "gpus_some_unused"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What somebody holds now and makes of it; None where nothing says. Memory in bytes.

    cores, memory, gpus: allocated. cores_used: cores busy. memory_peak: highest so far. gpus_seen: GPUs that are measured;
    gpus_busy: those of them that do anything at all; gpus_used: the sum of their utilisation, as fully used GPUs.
    """

    cores: float = 0
    cores_used: float | None = None
    memory: float | None = None
    memory_peak: float | None = None
    gpus: float = 0
    gpus_seen: float | None = None
    gpus_busy: float | None = None
    gpus_used: float | None = None


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One thing that is wasted: what (CORES, MEMORY, GPUS, GPUS_UNUSED, SOME_GPUS_UNUSED), how bad, and the share used."""

    what: str
    tone: str
    share: float


def tone_of(part: float | None, bad: float, warn: float) -> str:
    """BAD below `bad`, WARN below `warn`, "" otherwise and where nothing is known."""
    if part is None or math.isnan(part):
        return ""
    return BAD if part < bad else WARN if part < warn else ""


def _mark(what: str, used: float | None, whole: float | None, bad: float, warn: float) -> tuple[Mark, ...]:
    part = share(used, whole)
    tone = tone_of(part, bad, warn)
    return (Mark(what=what, tone=tone, share=part),) if tone and part is not None else ()


def _cores(held: Held, top: Top) -> tuple[Mark, ...]:
    return _mark(CORES, held.cores_used, held.cores, top.cores_bad, top.cores_warn)


def _memory(held: Held, top: Top) -> tuple[Mark, ...]:
    return _mark(MEMORY, held.memory_peak, held.memory, top.memory_bad, top.memory_warn)


def much_memory(held: Held, settings: Settings, *, by_gpu: bool = False) -> bool:
    """True if more memory is held than comes with the cores (or GPUs) of an ordinary node, times the margin."""
    limits = settings.thresholds
    ordinary = held.gpus * limits.normal_memory_per_gpu_gib if by_gpu else held.cores * limits.normal_memory_per_core_gib
    return held.memory is not None and held.memory > ordinary * GIB * settings.top.margin


def many_cores(held: Held, settings: Settings) -> bool:
    """True if more cores are held than come with the GPUs of an ordinary node, times the margin."""
    return held.cores > held.gpus * settings.thresholds.normal_cores_per_gpu * settings.top.margin


def compute_marks(held: Held, settings: Settings) -> tuple[Mark, ...]:
    """Marks of jobs on cores: cores always, memory only where more was asked for than comes with the cores."""
    memory = _memory(held, settings.top) if much_memory(held, settings) else ()
    return (*_cores(held, settings.top), *memory)


def gpu_marks(held: Held, settings: Settings) -> tuple[Mark, ...]:
    """Marks of jobs on GPUs: idle GPUs first; cores and memory only above what comes with the GPUs of an ordinary node.

    Whether a GPU does anything is judged of those that are measured.
    """
    found: tuple[Mark, ...] = ()
    if held.gpus_seen and held.gpus_busy is not None:
        if held.gpus_busy <= 0:
            found = (Mark(what=GPUS_UNUSED, tone=BAD, share=0.0),)
        else:
            found = _mark(GPUS, held.gpus_used, held.gpus_seen, settings.top.gpus_bad, settings.top.gpus_warn)
            if held.gpus_busy < held.gpus_seen:
                found = (Mark(what=SOME_GPUS_UNUSED, tone=WARN, share=held.gpus_busy / held.gpus_seen), *found)
    cores = _cores(held, settings.top) if many_cores(held, settings) else ()
    memory = _memory(held, settings.top) if much_memory(held, settings, by_gpu=True) else ()
    return (*found, *cores, *memory)


def large_marks(held: Held, settings: Settings) -> tuple[Mark, ...]:
    """Marks of jobs on large memory nodes: memory first, and always."""
    return (*_memory(held, settings.top), *_cores(held, settings.top))


def large_limit(settings: Settings) -> float:
    """Bytes of memory a core from which on (not included) a node is a large memory node."""
    return settings.thresholds.normal_memory_per_core_gib * settings.top.large_memory_factor * GIB


def fits(memory: float | None, cores: float, nodes: int, node_memory: float | None, node_cores: float | None) -> bool | None:
    """True if an even part of the job has room on one ordinary node (memory in bytes); None where that is not known."""
    if memory is None or not nodes or not node_memory or not node_cores:
        return None
    return memory / nodes <= node_memory and cores / nodes <= node_cores


HEAVY_POOR = {
    "cores": ("heavy_core_hours", "poor_cores"),
    "gpus": ("heavy_gpu_hours", "poor_gpus"),
    "memory": ("heavy_tib_hours", "poor_memory"),
}


def heavy_and_poor(kind: str, hours: float, efficiency: float | None, top: Top) -> bool:
    """True if so many hours were allocated that the ratio matters, and the ratio is poor; kind: cores, gpus or memory."""
    heavy, poor = (getattr(top, name) for name in HEAVY_POOR[kind])
    return hours >= heavy and efficiency is not None and not math.isnan(efficiency) and efficiency < poor
