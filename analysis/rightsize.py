"""What to ask for instead: request lines to paste, and whether past runs would have fitted in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.facts import JobFacts
from core.gpus import GpuModel
from core.settings import Settings
from core.units import DAY, GIB, HOUR, MIB, MINUTE
from datasources.slurm.records import Run

SMALLEST_GIB = 1


@dataclass(frozen=True, kw_only=True)
class History:
    """Facts of earlier finished runs of the same script (or, without one, the same name), newest first."""

    facts: tuple[JobFacts, ...] = ()

    @property
    def completed(self) -> tuple[JobFacts, ...]:
        """Those that ended well: what a failed one used says nothing of what is needed."""
        return tuple(item for item in self.facts if item.state == "COMPLETED")

    def fitting(self, name: str, limit: float) -> tuple[int, int]:
        """(how many of the completed runs stayed within a limit of a number of theirs, how many have that number)."""
        values = [getattr(item, name) for item in self.completed]
        known = [value for value in values if value is not None]
        return sum(value <= limit for value in known), len(known)

    def largest(self, name: str) -> float | None:
        """The largest value among completed runs."""
        known = [getattr(item, name) for item in self.completed if getattr(item, name) is not None]
        return max(known, default=None)


def round_up(gib: float) -> int:
    """GiB rounded up to what a person would write: whole numbers up to 16, then steps of 2, 8, 16 and 64."""
    for below, step in ((16, 1), (64, 2), (256, 8), (1024, 16)):
        if gib <= below:
            return max(SMALLEST_GIB, math.ceil(gib / step) * step)
    return math.ceil(gib / 64) * 64


def memory_needed(facts: JobFacts, run: Run, settings: Settings, history: History | None) -> float | None:
    """Bytes to ask for in the unit the job asked in (per node, per CPU or in all): peak × headroom.

    The peak is the largest of this run's and of the history's completed runs; on several nodes that of the fullest
    node.
    """
    peaks = [facts.memory_peak, history.largest("memory_peak") if history else None]
    known = [peak for peak in peaks if peak is not None]
    if not known:
        return None
    peak = max(known)
    if run.memory_per == "cpu":
        part = peak / max(run.cores, 1)
    elif run.memory_per == "node" and run.nodes > 1:
        part = facts.memory_peak_node or peak / run.nodes
    else:
        part = peak
    return part * settings.thresholds.memory_headroom


def memory_request(
    facts: JobFacts, run: Run, settings: Settings, history: History | None, options: Mapping[str, Any]
) -> tuple[str, ...]:
    """`#SBATCH --mem=…G`, or per CPU or per GPU if it was asked so; () if nothing is known or it would not be less."""
    need = memory_needed(facts, run, settings, history)
    if need is None or run.memory is None:
        return ()
    if "mem_per_gpu" in options and run.gpus:
        whole = need * (run.cores if run.memory_per == "cpu" else run.nodes if run.memory_per == "node" else 1)
        return (f"#SBATCH --mem-per-gpu={round_up(whole / run.gpus / GIB)}G",)
    if run.memory_per == "cpu":
        if need >= run.memory / max(run.cores, 1):
            return ()
        steps = max(math.ceil(need / MIB / 256), 1)  # a core needs less than a GiB as often as not: quarters of one
        return (f"#SBATCH --mem-per-cpu={steps // 4}G" if steps % 4 == 0 else f"#SBATCH --mem-per-cpu={steps * 256}M",)
    size = round_up(need / GIB)
    asked = run.memory / max(run.nodes, 1) if run.memory_per == "node" else run.memory
    return (f"#SBATCH --mem={size}G",) if size * GIB < asked else ()


def cores_needed(facts: JobFacts) -> int | None:
    """Whole cores that would have done: the mean, rounded up, with a tenth of a core of slack for noise."""
    return None if facts.cpu_mean is None else max(1, math.ceil(facts.cpu_mean - 0.1))


def cores_request(facts: JobFacts, run: Run, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The cores lines to paste: cores per task where that was asked for, else tasks; () if it would not be less."""
    need = cores_needed(facts)
    if need is None or need >= run.cores:
        return ()
    tasks = _whole(options.get("ntasks"))
    if tasks and tasks > 1 and not options.get("cpus_per_task"):
        return (f"#SBATCH --ntasks={need}",)
    tasks = max(tasks or 1, 1)
    return (f"#SBATCH --ntasks={min(tasks, need)}", f"#SBATCH --cpus-per-task={max(1, math.ceil(need / tasks))}")


def gpu_request(run: Run, count: int) -> tuple[str, ...]:
    """`#SBATCH --gres=gpu:<type>:<count>` per node; () without a GPU left."""
    if count < 1:
        return ()
    kind = next(iter(run.gpu_types)) + ":" if len(run.gpu_types) == 1 else ""
    nodes = max(1, math.ceil(count * run.nodes / max(run.gpus, 1))) if run.nodes > 1 else 1
    lines = (f"#SBATCH --nodes={nodes}",) if run.nodes > 1 else ()
    return (*lines, f"#SBATCH --gres=gpu:{kind}{math.ceil(count / nodes)}")


def mig_profile(memory: float, settings: Settings) -> tuple[str, GpuModel] | None:
    """(key, model) of the smallest MIG slice of the settings that holds this many bytes of GPU memory."""
    need = memory * settings.thresholds.memory_headroom / GIB
    slices = [(key, model) for key, model in settings.gpus.items() if model.mig and model.memory_gib >= need]
    return min(slices, key=lambda item: item[1].memory_gib, default=None)


def time_needed(facts: JobFacts, history: History | None) -> int:
    """Seconds to ask for: the longest completed run × 1.5, rounded up to a quarter of an hour, an hour or six."""
    longest = max(facts.elapsed, (history.largest("elapsed") if history else None) or 0) * 1.5
    grain = 15 * MINUTE if longest <= 4 * HOUR else HOUR if longest <= DAY else 6 * HOUR
    return max(grain, math.ceil(longest / grain) * grain)


def time_text(seconds: int) -> str:
    """Seconds as sbatch takes a time: [D-]HH:MM:SS."""
    days, rest = divmod(int(seconds), DAY)
    hours, rest = divmod(rest, HOUR)
    text = f"{hours:02d}:{rest // MINUTE:02d}:{rest % MINUTE:02d}"
    return f"{days}-{text}" if days else text


def time_request(facts: JobFacts, history: History | None) -> tuple[str, ...]:
    """`#SBATCH --time=…`; () if it would not be less than the limit."""
    need = time_needed(facts, history)
    return (f"#SBATCH --time={time_text(need)}",) if facts.limit and need < facts.limit else ()


def _whole(value: Any) -> int | None:
    text = str(value) if value is not None else ""
    return int(text) if text.isdigit() else None


def history_numbers(history: History | None, name: str, limit: float) -> dict[str, int]:
    """{"fitted": n, "past": m} of completed past runs within the limit; {} with none."""
    if history is None:
        return {}
    fitted, past = history.fitting(name, limit)
    return {"fitted": fitted, "past": past} if past else {}


def newest(facts: Sequence[JobFacts], most: int = 20) -> History:
    """A History of the newest runs."""
    ordered = sorted(facts, key=lambda item: item.end or 0, reverse=True)
    return History(facts=tuple(ordered[:most]))
