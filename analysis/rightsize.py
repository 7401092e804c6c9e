"""What to ask for instead: request lines to paste, and whether past runs would have fitted in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.facts import JobFacts
from core.gpus import GpuModel
from core.settings import Settings
from core.units import DAY, GIB, HOUR, MIB, MINUTE
from datasources.slurm.records import Run

SMALLEST_GIB = 1
CORE_SLACK = 0.1  # of a core: noise beside a whole one
GROWN_HEADROOM = 1.1
GPU_OPTIONS = ("gpus_per_node", "gpus", "gpus_per_task", "gpus_per_socket")
MOST_GROWN = 4  # a leak is no reason to ask for more than so many times the memory


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
    return None if facts.cpu_mean is None else max(1, math.ceil(facts.cpu_mean - CORE_SLACK))


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


def _gpu_kind(text: str) -> str:
    """`a100:` of what was typed, such as a100:4 or gpu:a100:4; "" of a bare number, of several models and of a variable."""
    parts = text.removeprefix("gpu:").split(":")
    return parts[0] + ":" if len(parts) == 2 and "," not in text and parts[0] else ""


def _gpu_gres(text: str, gpus: str) -> str:
    """A --gres with another number of GPUs; what else was asked for there stays."""
    others = [part for part in text.split(",") if part and part.split(":")[0] != "gpu"]
    return ",".join([f"gpu:{gpus}", *others])


def gpu_request(run: Run, count: int, options: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The lines that ask for `count` GPUs in all, by the option they were asked by (--gres where that is not known).

    () without a GPU left.
    """
    if count < 1:
        return ()
    options = options or {}
    nodes = max(1, math.ceil(count * run.nodes / max(run.gpus, 1))) if run.nodes > 1 else 1
    lines = (f"#SBATCH --nodes={nodes}",) if run.nodes > 1 else ()
    each = math.ceil(count / nodes)
    typed = {name: str(options[name]) for name in ("gpus_per_node", "gpus", "gres") if options.get(name)}
    known = next(iter(run.gpu_types)) + ":" if len(run.gpu_types) == 1 else ""
    if "gpus_per_node" in typed:
        return (*lines, f"#SBATCH --gpus-per-node={_gpu_kind(typed['gpus_per_node'])}{each}")
    if "gpus" in typed:
        return (*lines, f"#SBATCH --gpus={_gpu_kind(typed['gpus'])}{count}")
    kind = next((_gpu_kind(part) for part in typed.get("gres", "").split(",") if part.startswith("gpu")), known)
    return (*lines, f"#SBATCH --gres={_gpu_gres(typed.get('gres', ''), f'{kind}{each}')}")


def fewer_gpus(
    facts: JobFacts, run: Run, count: int, settings: Settings, history: History | None, options: Mapping[str, Any]
) -> tuple[str, ...]:
    """The lines for `count` GPUs, with the cores and memory that go with so many where what was used fits into these."""
    lines = gpu_request(run, count, options)
    if not lines or run.nodes > 1 or run.whole_node or not run.gpus:
        return lines
    cores = run.cores * count // run.gpus
    tasks = _whole(options.get("ntasks")) or 1
    if facts.cpu_mean is not None and 0 < cores < run.cores and facts.cpu_mean <= cores and "cpus_per_gpu" not in options:
        if tasks == 1 and "ntasks_per_node" not in options:
            lines += (f"#SBATCH --cpus-per-task={cores}",)
        elif tasks * count % run.gpus == 0 and tasks > 1:
            lines += (f"#SBATCH --ntasks={tasks * count // run.gpus}",)
    need = memory_needed(facts, run, settings, history)
    fits = need is not None and run.memory is not None and need <= run.memory * count / run.gpus
    if fits and run.memory_per != "cpu" and not {"mem_per_gpu", "mem_per_cpu"} & set(options):
        lines += (f"#SBATCH --mem={round_up(need / GIB)}G",)
    return lines


def no_gpus(
    facts: JobFacts, run: Run, settings: Settings, history: History | None, options: Mapping[str, Any]
) -> tuple[str, ...]:
    """The lines of a job that needs no GPU: those that asked for GPUs and for their partition put out (##), less memory if less does.

    () where the GPUs were asked for in a way these lines cannot undo.
    """
    typed = {name: str(options[name]) for name in GPU_OPTIONS if options.get(name)}
    gres = str(options.get("gres") or "")
    if "gpu" in [part.split(":")[0] for part in gres.split(",")]:
        typed["gres"] = gres
    if not typed:
        return ()
    if options.get("partition"):
        typed["partition"] = str(options["partition"])
    lines = tuple(f"##SBATCH --{name.replace('_', '-')}={value}" for name, value in typed.items())
    others = ",".join(part for part in gres.split(",") if part and part.split(":")[0] != "gpu")
    if others:
        lines += (f"#SBATCH --gres={others}",)
    if {"mem_per_gpu", "mem_per_cpu"} & set(options) or run.memory_per == "cpu":
        return lines
    return lines + memory_request(facts, run, settings, history, options)


def more_memory(run: Run, size: float, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The line that asks for `size` bytes in all, in the way memory was asked for."""
    if "mem_per_gpu" in options and run.gpus:
        return (f"#SBATCH --mem-per-gpu={round_up(size / run.gpus / GIB)}G",)
    if run.memory_per == "cpu":
        return (f"#SBATCH --mem-per-cpu={round_up(size / max(run.cores, 1) / GIB)}G",)
    part = run.nodes if run.memory_per == "node" else 1
    return (f"#SBATCH --mem={round_up(size / max(part, 1) / GIB)}G",)


def grown_memory(facts: JobFacts, run: Run, left: float, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The line for what memory would reach in `left` seconds at its slope; () without an end, or out of all proportion."""
    if math.isinf(left) or facts.memory_peak is None or facts.memory_slope is None or run.memory is None:
        return ()
    need = (facts.memory_peak + facts.memory_slope * left) * GROWN_HEADROOM
    return more_memory(run, need, options) if need <= MOST_GROWN * run.memory else ()


def nodes_request(run: Run, nodes: int, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines for fewer nodes of the same kind: tasks asked for in all become fewer, too."""
    lines = (f"#SBATCH --nodes={nodes}",)
    tasks = _whole(options.get("ntasks"))
    if tasks and tasks > 1:
        lines += (f"#SBATCH --ntasks={max(1, tasks * nodes // run.nodes)}",)
    return lines


def packed_request(run: Run, nodes: int, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines for the same cores and GPUs on fewer nodes."""
    lines = (f"#SBATCH --nodes={nodes}",)
    each = _whole(options.get("ntasks_per_node"))
    if each:
        lines += (f"#SBATCH --ntasks-per-node={math.ceil(each * run.nodes / nodes)}",)
    if run.gpus and "gpus" not in options:
        # gpu_request() counts nodes by the GPUs each had, here each gets more
        lines += gpu_request(replace(run, nodes=1), math.ceil(run.gpus / nodes), options)
    if run.memory and run.memory_per == "node":
        lines += (f"#SBATCH --mem={round_up(run.memory / nodes / GIB)}G",)
    return lines


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
