"""JobFacts: one record per run of a job, computed in one place; every number says where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import pandas as pd

from analysis.accounting import accounting
from analysis.cost import Cost, PriceOf, cost
from analysis.energy import energy, gpu_share, job_power
from analysis.gpu_facts import GpuFacts, gpu_facts
from analysis.usage import Usage, usage
from core.settings import Settings
from core.units import share
from datasources.slurm.records import Run

FACTS_VERSION = 2  # of the stored row: 2 has the nodes of the run; the summariser brings older rows up
FACTS_READABLE = 1  # the oldest version whose numbers mean the same; what is older is made anew
ACCOUNTING, METRICS = "accounting", "metrics"
# Metrics that cover less of a run than this do not overrule accounting.
ENOUGH = 0.5


@dataclass(frozen=True, kw_only=True)
class JobFacts:
    """One run: seconds, bytes over all nodes, cores, shares 0..1, UTC seconds; None where nothing says.

    `sources` names for each number it was taken from ("accounting" or "metrics"). `coverage` is the share of the run
    that metric samples cover (0 without metrics); `energy_coverage` the same for power.
    """

    job_db_inx: int
    id_job: int
    state: str
    start: int | None
    end: int | None  # None while it runs
    until: int  # end, or now
    elapsed: int
    limit: float | None
    cores: int
    nodes: int
    memory: int | None
    gpus: int
    coverage: float = 0.0
    cpu_used: float | None = None  # core-seconds
    cpu_mean: float | None = None  # cores busy
    cpu_efficiency: float | None = None  # cpu_used / (elapsed × cores), as seff
    cpu_by_node: Mapping[str, float] = field(default_factory=dict)  # cores busy, mean
    cores_by_node: Mapping[str, int] = field(default_factory=dict)  # cores of the job seen on each node
    memory_peak: float | None = None
    memory_efficiency: float | None = None  # memory_peak / allocated
    memory_peak_accounting: float | None = None  # as seff: largest step's sum of its tasks' peaks
    memory_peak_node: float | None = None  # on the fullest node
    memory_slope: float | None = None  # bytes/s over the last hour, or the last half of a shorter run
    memory_slope_fit: float | None = None  # R² of it
    memory_full_in: float | None = None  # seconds until the limit at that slope
    threads: float | None = None  # running threads, mean
    metadata_ops: float | None = None  # Lustre metadata operations a second, mean
    metadata_ops_peak: float | None = None
    time_efficiency: float | None = None  # elapsed / limit; None for UNLIMITED
    gpu: tuple[GpuFacts, ...] = ()
    gpu_use: float | None = None  # mean over the GPUs seen
    gpu_memory_peak: float | None = None  # of the fullest GPU
    gpu_idle_count: int = 0  # GPUs that did nothing
    watts: float | None = None  # the run's own power, mean
    energy_kwh: float | None = None  # stretched over the whole run
    energy_coverage: float = 0.0
    cost: Cost = field(default_factory=Cost)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def cpu_source(self) -> str | None:
        """Where CPU time is from."""
        return self.sources.get("cpu_used")

    @property
    def memory_source(self) -> str | None:
        """Where the memory peak is from."""
        return self.sources.get("memory_peak")

    @property
    def running(self) -> bool:
        """True between start and end."""
        return self.start is not None and self.end is None

    @property
    def core_hours_wasted(self) -> float | None:
        """Core-hours allocated and not used."""
        return None if self.cpu_used is None else max(self.elapsed * self.cores - self.cpu_used, 0) / 3600

    @property
    def memory_gib_hours_wasted(self) -> float | None:
        """GiB-hours of memory allocated and never touched."""
        if self.memory_peak is None or self.memory is None:
            return None
        return max(self.memory - self.memory_peak, 0) / 1024**3 * self.elapsed / 3600

    @property
    def gpu_hours_wasted(self) -> float | None:
        """GPU-hours in which no kernel ran."""
        return None if self.gpu_use is None else (1 - min(self.gpu_use, 1)) * self.gpus * self.elapsed / 3600

    def as_dict(self) -> dict[str, Any]:
        """Plain values only, as stored in the portal's database; from_dict() reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> JobFacts:
        """Facts out of as_dict(); keys no longer known are left out."""
        known = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        known["gpu"] = tuple(GpuFacts(**item) for item in known.get("gpu", ()))
        known["cost"] = Cost(**known.get("cost", {}))
        return cls(**known)


def _cpu(run: Run, elapsed: int, booked: float | None, used: Usage) -> tuple[float | None, str]:
    """(core-seconds, source). Accounting where it has the run's steps, except where a dead node or a kill lost their time."""
    measured = None if used.cpu_mean is None else used.cpu_mean * elapsed
    lost = run.state == "NODE_FAIL" or booked == 0
    if booked is not None and (measured is None or not lost):
        return booked, ACCOUNTING
    return measured, METRICS


def _memory(booked: float | None, used: Usage) -> tuple[float | None, str]:
    """(bytes, source). Metrics where they cover enough of the run, else whichever is larger."""
    if used.memory_peak is not None and (booked is None or used.coverage >= ENOUGH or used.memory_peak >= booked):
        return used.memory_peak, METRICS
    return booked, ACCOUNTING


def _core_numbers(run: Run, elapsed: int, booked: tuple[float | None, float | None], used: Usage) -> dict[str, Any]:
    cpu, cpu_source = _cpu(run, elapsed, booked[0], used)
    memory, memory_source = _memory(booked[1], used)
    sources = {
        "cpu_used": cpu_source if cpu is not None else None,
        "memory_peak": memory_source if memory is not None else None,
    }
    return {
        "cpu_used": cpu,
        "cpu_mean": share(cpu, elapsed),
        "cpu_efficiency": share(cpu, elapsed * run.cores),
        "memory_peak": memory,
        "memory_peak_accounting": booked[1],
        "memory_efficiency": share(memory, run.memory),
        "sources": {name: source for name, source in sources.items() if source},
    }


def _gpu_numbers(run: Run, gpu: tuple[GpuFacts, ...], settings: Settings) -> dict[str, Any]:
    known = [item.use for item in gpu if item.use is not None]
    peaks = [item.memory_peak for item in gpu if item.memory_peak is not None]
    return {
        "gpu": gpu,
        "gpus": run.gpus or len(gpu),
        "gpu_use": sum(known) / len(known) if known else None,
        "gpu_memory_peak": max(peaks, default=None),
        "gpu_idle_count": sum(value < settings.thresholds.gpu_idle for value in known),
    }


def _energy_numbers(
    run: Run,
    elapsed: int,
    life: tuple[int, int],
    metrics: Mapping[str, object],
    seen: tuple[Mapping[str, int], tuple[GpuFacts, ...]],
    sizes: tuple[Mapping[str, int], Mapping[str, int]],
    settings: Settings,
    price_of: PriceOf | None,
) -> dict[str, Any]:
    cores, gpu = seen
    gpus: dict[str, float] = {}
    for item in gpu:
        gpus[item.node] = gpus.get(item.node, 0) + gpu_share(item.gpu, item.gpu_type)
    hosts = run.hosts or tuple(cores)
    spread = {host: cores.get(host, run.cores / max(len(hosts), 1)) for host in hosts}
    result = energy(job_power(metrics, spread, sizes[0], gpus, sizes[1], run.whole_node), *life, run.nodes)
    kwh = None if result is None else result.kwh
    return {
        "watts": None if result is None else result.watts,
        "energy_kwh": kwh,
        "energy_coverage": 0.0 if result is None else result.coverage,
        "cost": cost(
            elapsed=elapsed, cores=run.cores, gpus=run.gpus, gpu_types=run.gpu_types, kwh=kwh, settings=settings, account=run.account,
            **({} if price_of is None else {"price_of": price_of}),
        ),
    }


def job_facts(
    run: Run,
    steps: pd.DataFrame | None,
    metrics: Mapping[str, object] | None,
    settings: Settings,
    now: float | None = None,
    *,
    node_cores: Mapping[str, int] | None = None,
    node_gpus: Mapping[str, int] | None = None,
    price_of: PriceOf | None = None,
) -> JobFacts:
    """The facts of one run, from its step rows and its wide frames; whatever is missing leaves its numbers None.

    `steps`: see analysis.accounting. `metrics` (a value may be absent, empty or an error): "cores" (levels node,
    core; cores busy), "memory" (levels metric, node; bytes), "gpu" (levels metric, node, gpu, gpu_type; percent,
    bytes, milliwatts), "threads" (levels state, node), "lustre_ops" (levels operation, fs; 1/s), "power" (levels
    node; W of the whole node), "node_gpu_power" (levels node; W of all its GPUs). `node_cores`, `node_gpus` (or the
    mappings of that name among the metrics): what each node has in all, for the share of its power. `now`: UTC
    seconds, for a run that has not ended. `price_of`: the hook of that name; without it prices are those of the settings.
    """
    metrics = metrics or {}
    moment = int(now) if now is not None else int(run.end or run.submit)
    life = run.life(moment)
    elapsed = run.elapsed if run.started else 0
    used = usage(run, metrics, life)
    gpu = gpu_facts(metrics.get("gpu"), life, settings) if run.started else ()
    sizes = tuple(
        given if given is not None else seen if isinstance(seen := metrics.get(name), Mapping) else {}
        for name, given in (("node_cores", node_cores), ("node_gpus", node_gpus))
    )
    numbers = {
        # until the run has ended its steps hold a part only
        **_core_numbers(run, elapsed, accounting(steps) if run.finished else (None, None), used),
        **used.numbers(),
        **_gpu_numbers(run, gpu, settings),
        **_energy_numbers(run, elapsed, life, metrics, (used.cores_by_node, gpu), sizes, settings, price_of),
    }
    return JobFacts(
        job_db_inx=run.job_db_inx,
        id_job=run.id_job,
        state=run.state,
        start=run.start,
        end=run.end,
        until=life[1],
        elapsed=elapsed,
        limit=run.limit,
        cores=run.cores,
        nodes=run.nodes,
        memory=run.memory,
        time_efficiency=None if run.unlimited or not run.started else share(elapsed, run.limit),
        **numbers,
    )
