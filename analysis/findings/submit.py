"""Rules about what was asked for: from Slurm's own fields where there is one, else from the parsed options. Pending jobs too."""

from __future__ import annotations

from analysis.findings.records import Case, Hit, Rule


def _option(case: Case, name: str) -> str:
    value = case.options.get(name)
    return "" if value is None or value is False else "" if value is True else str(value)


def _singleton(case: Case) -> Hit | None:
    return Hit() if "singleton" in _option(case, "dependency").lower() else None


def _depends(case: Case) -> Hit | None:
    return Hit(numbers={"count": case.depends_on, "over": _over(case)}) if case.depends_on else None


def _over(case: Case) -> bool:
    """True if the job waits no more: it began, or it ended without."""
    return case.run.started or case.run.finished


def _dependents(case: Case) -> Hit | None:
    return Hit(numbers={"count": case.dependents}) if case.dependents else None


def _exclusive(case: Case) -> Hit | None:
    return Hit(numbers={"cores": case.run.cores, "nodes": case.run.nodes}) if "exclusive" in case.options else None


def _licences(case: Case) -> Hit | None:
    names = ", ".join(f"{name} × {count}" for name, count in sorted(case.run.licenses.items())) or _option(
        case, "licenses"
    )
    return Hit(numbers={"names": names}) if names else None


def _named(option: str):
    def judge(case: Case) -> Hit | None:
        text = _option(case, option)
        return Hit(numbers={"value": text}) if text else None

    return judge


def _flag(option: str):
    return lambda case: Hit() if option in case.options and case.options[option] is not False else None


def _reservation(case: Case) -> Hit | None:
    # Slurm writes a reservation down when the job begins
    text = case.run.reservation or _option(case, "reservation")
    return Hit(numbers={"value": text, "pending": not _over(case)}) if text else None


def _constraint(case: Case) -> Hit | None:
    return Hit(numbers={"value": case.run.constraints}) if case.run.constraints else None


def _multi_node(case: Case) -> Hit | None:
    if case.run.nodes < 2 or (case.run.finished and not case.run.started):
        return None
    return Hit(numbers={"nodes": case.run.nodes, "cores": case.run.cores, "pending": not case.run.started})


def _requeued(case: Case) -> Hit | None:
    return Hit(numbers={"count": case.earlier_runs}) if case.earlier_runs else None


def _whole_node(case: Case) -> Hit | None:
    """The whole node was given: its memory and cores are nobody's fault, so what was used is said, not blamed."""
    if not case.judged or not case.run.whole_node:
        return None
    facts, limits = case.facts, case.limits
    cores = case.cores_given and (facts.cpu_efficiency is not None and facts.cpu_efficiency < limits.cpu_low)
    memory = facts.memory_efficiency is not None and facts.memory_efficiency < limits.memory_low
    if not cores and not memory:
        return None
    return Hit(
        numbers={
            "cores": case.run.cores,
            "used": facts.cpu_mean,
            "memory_bytes": case.run.memory,
            "peak_bytes": facts.memory_peak,
        }
    )


RULES = (
    Rule(id="singleton", severity="info", section="submit", judge=_singleton, inputs=("options.dependency",)),
    Rule(id="depends", severity="info", section="submit", judge=_depends, inputs=("depends_on",)),
    Rule(id="dependents", severity="info", section="submit", judge=_dependents, inputs=("dependents",)),
    Rule(id="exclusive", severity="info", section="submit", judge=_exclusive, inputs=("options.exclusive",)),
    Rule(
        id="licences", severity="info", section="submit", judge=_licences, inputs=("run.licenses", "options.licenses")
    ),
    Rule(id="nodelist", severity="info", section="submit", judge=_named("nodelist"), inputs=("options.nodelist",)),
    Rule(id="exclude", severity="warn", section="submit", judge=_named("exclude"), inputs=("options.exclude",)),
    Rule(id="requeue", severity="info", section="submit", judge=_flag("requeue"), inputs=("options.requeue",)),
    Rule(id="no_requeue", severity="info", section="submit", judge=_flag("no_requeue"), inputs=("options.no_requeue",)),
    Rule(id="reservation", severity="info", section="submit", judge=_reservation, inputs=("run.reservation", "options.reservation")),
    Rule(id="switches", severity="info", section="submit", judge=_named("switches"), inputs=("options.switches",)),
    Rule(id="constraint", severity="info", section="submit", judge=_constraint, inputs=("run.constraints",)),
    Rule(id="multi_node", severity="info", section="submit", judge=_multi_node, inputs=("run.nodes",)),
    Rule(id="requeued", severity="info", section="state", judge=_requeued, inputs=("earlier_runs",)),
    Rule(
        id="whole_node",
        severity="info",
        section="cpu",
        judge=_whole_node,
        inputs=("run.whole_node", "facts.cpu_efficiency", "facts.memory_efficiency"),
        thresholds=("min_run_seconds", "cpu_low", "memory_low"),
    ),
)
