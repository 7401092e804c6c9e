"""Findings about virtual machines: declared rules over what each used in the last days. Sentences are written elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.findings.records import SEVERITIES, Finding, Hit
from core.settings import Cloud, Flavour, Settings
from core.units import DAY, GIB

HEADROOM = 1.25  # a smaller flavour must hold so many times what was used
MOST_OF_TIME, NEARLY_ALWAYS, ALWAYS = 0.90, 0.95, 0.99
LEAST_KNOWN = 0.5  # of the days looked at: a younger machine is not judged


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is known of one machine: its size now, and what it used of it in the time it had this size.

    cores; memory, memory_peak (bytes; NaN: its system does not tell); cores_90, cores_95, cores_99: below it for that share of the
    half hours looked at; cores_mean; known (seconds looked at). gpus: what the settings say of its flavour.
    """

    uuid: str
    flavour: str
    cores: float
    memory: float
    gpus: int
    known: float
    cores_mean: float
    cores_90: float
    cores_95: float
    cores_99: float
    memory_peak: float


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: `judge(machine, settings)` returns None or a Hit. `thresholds` are the fields of [cloud] it reads."""

    id: str
    severity: str
    section: str
    judge: Callable[[Machine, Cloud], Hit | None]
    thresholds: tuple[str, ...] = ()
    confidence: str = "high"


def machines(frame: pd.DataFrame, flavours: Mapping[str, str], settings: Settings) -> dict[str, Machine]:
    """{uuid: Machine} of a frame of levels what (cores_used, cores, memory_peak, memory), uuid; `flavours`: the flavour of each by uuid.

    A machine that was given another size is judged by the time since.
    """
    step = float(frame.attrs["step"])
    found = {}
    for uuid in dict.fromkeys(str(uuid) for uuid in frame.columns.get_level_values("uuid")):
        series = {what: _values(frame, what, uuid) for what in ("cores_used", "cores", "memory_peak", "memory")}
        used, has = series["cores_used"], series["cores"]
        cores, memory = _last(has), _last(series["memory"])
        if np.isnan(cores):
            continue
        same = (has == cores) & _alike(series["memory"], memory)
        begins = len(same) - int(np.argmin(same[::-1] | np.isnan(has[::-1]))) if not (same | np.isnan(has)).all() else 0
        busy = used[begins:][np.isfinite(used[begins:])]
        peak = series["memory_peak"][begins:]
        if not len(busy):
            continue
        name = flavours.get(uuid, "")
        mean, *shares = float(busy.mean()), *(float(np.quantile(busy, share)) for share in (MOST_OF_TIME, NEARLY_ALWAYS, ALWAYS))
        found[uuid] = Machine(
            uuid=uuid, flavour=name, cores=cores, memory=memory, gpus=settings.cloud.flavours[name].gpus if name in settings.cloud.flavours else 0,
            known=len(busy) * step, cores_mean=mean, cores_90=shares[0], cores_95=shares[1], cores_99=shares[2],
            memory_peak=float(np.nanmax(peak)) if np.isfinite(peak).any() else float("nan"),
        )  # fmt: skip
    return found


def _values(frame: pd.DataFrame, what: str, uuid: str) -> np.ndarray:
    column = (what, uuid)
    return frame[column].to_numpy(dtype=float) if column in frame.columns else np.full(len(frame), np.nan)


def _last(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else float("nan")


def _alike(values: np.ndarray, last: float) -> np.ndarray:
    """A balloon moves a little: a tenth more or less is the same size."""
    return np.isnan(values) | (np.abs(values - last) <= 0.1 * last) if last == last else np.ones(len(values), dtype=bool)


def known_enough(machine: Machine, limits: Cloud) -> bool:
    """True if it was looked at for long enough to be judged."""
    return machine.known >= LEAST_KNOWN * limits.finding_days * DAY


def smaller(machine: Machine, flavours: Mapping[str, Flavour]) -> str:
    """The smallest flavour without GPUs that holds what the machine used, with HEADROOM; "" where there is none smaller than its own.

    Cores hold 95 % of the half hours, memory the peak; where memory is not known, no flavour with less of it fits.
    """
    memory = machine.memory_peak * HEADROOM if machine.memory_peak == machine.memory_peak else machine.memory
    fits = {
        name: one for name, one in flavours.items()
        if not one.gpus and one.cores >= machine.cores_95 * HEADROOM and one.memory_gib * GIB >= memory
        and one.cores <= machine.cores and one.memory_gib * GIB <= machine.memory * 1.02
        and (one.cores < machine.cores or one.memory_gib * GIB < machine.memory * 0.98)
    }  # fmt: skip
    return min(fits, key=lambda name: (fits[name].cores / machine.cores + fits[name].memory_gib * GIB / machine.memory, name), default="")


def _numbers(machine: Machine, limits: Cloud) -> dict[str, Any]:
    return {
        "cores": machine.cores, "flavour": machine.flavour, "known_seconds": machine.known, "days": limits.finding_days, "mean_share": machine.cores_mean / machine.cores,
        "used_cores": machine.cores_95, "peak_bytes": machine.memory_peak, "memory_bytes": machine.memory, "gpus": machine.gpus,
    }  # fmt: skip


def _idle(machine: Machine, limits: Cloud) -> Hit | None:
    if not known_enough(machine, limits) or machine.cores_99 >= limits.idle_share * machine.cores:
        return None
    numbers = _numbers(machine, limits) | {"limit_share": limits.idle_share}
    # what a GPU does is not seen from outside: a hint only
    return Hit(numbers=numbers, severity="info", confidence="low") if machine.gpus else Hit(numbers=numbers)


def _oversized(machine: Machine, limits: Cloud) -> Hit | None:
    """Too many cores, too much memory, or both, and a smaller flavour to name if the settings list flavours. Flavours with GPUs come as they are."""
    if machine.gpus or not known_enough(machine, limits) or _idle(machine, limits):
        return None
    few_cores = machine.cores > 1 and machine.cores_90 < limits.low_share * machine.cores
    little_memory = machine.memory_peak < limits.low_memory * machine.memory  # False where it is not known
    if not few_cores and not little_memory:
        return None
    name = smaller(machine, limits.flavours)
    if limits.flavours and not name:
        return None
    what = "both" if few_cores and little_memory else "cores" if few_cores else "memory"
    better = limits.flavours.get(name)
    numbers = _numbers(machine, limits) | {
        "what": what, "smaller": name, "smaller_cores": better.cores if better else None, "smaller_bytes": better.memory_gib * GIB if better else None,
    }  # fmt: skip
    return Hit(numbers=numbers, confidence="medium" if machine.memory_peak != machine.memory_peak else "")


RULES: tuple[Rule, ...] = (
    Rule(id="vm_idle", severity="warn", section="cpu", judge=_idle, thresholds=("idle_share", "finding_days")),
    Rule(id="vm_oversized", severity="info", section="cpu", judge=_oversized, thresholds=("low_share", "low_memory", "finding_days")),
)


def judge(machine: Machine, settings: Settings) -> list[Finding]:
    """All findings of one machine, worst first."""
    found = []
    for rule in RULES:
        hit = rule.judge(machine, settings.cloud)
        if hit is not None:
            found.append(_finding(rule, hit, settings))
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _finding(rule: Rule, hit: Hit, settings: Settings) -> Finding:
    return Finding(
        id=rule.id, severity=hit.severity or rule.severity, numbers=hit.numbers, section=rule.section, docs=settings.site.docs.get(rule.id, ""),
        confidence=hit.confidence or rule.confidence, thresholds={key: getattr(settings.cloud, key) for key in rule.thresholds},
    )  # fmt: skip


def findings(frame: pd.DataFrame, running: Sequence[Mapping[str, Any]], settings: Settings) -> dict[str, list[Finding]]:
    """{uuid: findings} of the machines in `running` (rows with uuid and flavour) that are worth a word."""
    known = machines(frame, {str(row["uuid"]): str(row["flavour"]) for row in running}, settings)
    found = {str(row["uuid"]): judge(known[row["uuid"]], settings) for row in running if row["uuid"] in known}
    return {uuid: some for uuid, some in found.items() if some}


def unjudged(frame: pd.DataFrame, running: Sequence[Mapping[str, Any]], settings: Settings) -> list[str]:
    """The machines in `running` that were not looked at for long enough."""
    known = machines(frame, {str(row["uuid"]): str(row["flavour"]) for row in running}, settings)
    return [row["uuid"] for row in running if row["uuid"] not in known or not known_enough(known[row["uuid"]], settings.cloud)]
