"""What a rule is and what it finds: ids and numbers only, sentences are written elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.facts import JobFacts
from analysis.rightsize import History
from analysis.script import Script
from core.settings import Settings, Thresholds
from datasources.slurm.records import Run

SEVERITIES = ("bad", "warn", "info")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A conclusion about one run. `numbers` fill the sentence: keys ending in _bytes, _seconds, _share, _at say their unit.

    severity: "bad", "warn" (both: to act on) or "info" (to know). section: which card or section it is about ("cpu",
    "memory", "gpu", "time", "threads", "files", "script", "state", "submit", "energy"). request: #SBATCH lines to
    paste. line: line number in the job script, from 1. docs: address of the site's own explanation, "" without one.
    confidence: "high", "medium" or "low". thresholds: the settings it was judged by, with their values.
    """

    id: str
    severity: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    section: str = ""
    request: tuple[str, ...] = ()
    line: int | None = None
    docs: str = ""
    confidence: str = "high"
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    """All a rule may look at. `script` None: no script stored; `options`: what the submit line and #SBATCH lines asked for."""

    facts: JobFacts
    run: Run
    settings: Settings
    script: Script | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    history: History | None = None
    depends_on: int = 0
    dependents: int = 0
    earlier_runs: int = 0  # runs of the same job before this one
    node_cores: Mapping[str, int] = field(default_factory=dict)
    node_gpus: Mapping[str, int] = field(default_factory=dict)

    @property
    def limits(self) -> Thresholds:
        """The settings' thresholds."""
        return self.settings.thresholds

    @property
    def judged(self) -> bool:
        """True if the run is long enough to be judged by what it used."""
        return self.run.started and self.facts.elapsed >= self.limits.min_run_seconds

    @property
    def gpu_judged(self) -> bool:
        """True if the GPUs were watched long enough to be judged."""
        watched = max((gpu.seconds for gpu in self.facts.gpu), default=0)
        return self.judged and watched >= self.limits.min_gpu_run_seconds

    @property
    def cores_given(self) -> bool:
        """True if the cores came with the whole node rather than being asked for one by one."""
        return self.run.whole_node and ("exclusive" in self.options or self.run.cores_req < self.run.cores)


@dataclass(frozen=True, kw_only=True)
class Hit:
    """What a rule's judge returns: the numbers, and what differs from the rule's record."""

    numbers: Mapping[str, Any] = field(default_factory=dict)
    severity: str = ""
    request: tuple[str, ...] = ()
    line: int | None = None
    confidence: str = ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: `judge(case)` returns None, a Hit or several. `inputs` are the fields it reads, `thresholds` its settings."""

    id: str
    severity: str
    section: str
    judge: Callable[[Case], Hit | list[Hit] | None]
    inputs: tuple[str, ...]
    thresholds: tuple[str, ...] = ()
    confidence: str = "high"
