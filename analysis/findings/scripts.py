"""Rules about the stored job script. Commands are judged, not words: a comment or an echo that says "sleep" is neither."""

from __future__ import annotations

from collections.abc import Callable

from analysis.findings.records import Case, Hit, Rule
from analysis.script import Command, program

GMX_SERIAL = frozenset({"gmx", "gmx_d"})
GMX = GMX_SERIAL | {"gmx_mpi", "gmx_mpi_d", "gmx_d_mpi"}
MDRUN_MPI = frozenset({"mdrun_mpi", "mdrun_mpi_d"})
LMP = frozenset({"lmp", "lmp_mpi", "lmp_serial", "lmp_gpu", "lmp_icc_openmpi", "lmp_gcc_openmpi"})
PMEMD = frozenset({"pmemd", "pmemd.MPI", "pmemd.cuda", "pmemd.cuda.MPI", "pmemd.cuda_SPFP", "pmemd.cuda_DPFP"})
SLEEP_SECONDS = 60  # shorter pauses between two steps are harmless


def _each(case: Case, test: Callable[[Case, Command], dict | None]) -> list[Hit]:
    if case.script is None:
        return []
    hits = []
    for command in case.script.commands:
        numbers = test(case, command)
        if numbers is not None:
            hits.append(Hit(numbers=numbers | {"line": command.line}, line=command.line))
    return hits


def _seconds(words: tuple[str, ...]) -> float:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    total = 0.0
    for word in words:
        unit = units.get(word[-1:], 1)
        number = word[:-1] if word[-1:] in units else word
        try:
            total += float(number) * unit
        except ValueError:  # a variable: its value is not known here, and a long sleep is what people hide in one
            return float(SLEEP_SECONDS)
    return total


def _sleep(case: Case, command: Command) -> dict | None:
    asleep = command.name == "sleep" and _seconds(command.words[1:]) >= SLEEP_SECONDS
    return {"sleep_seconds": _seconds(command.words[1:])} if asleep else None


def _conda(case: Case, command: Command) -> dict | None:
    return {} if command.words[:2] in (("conda", "activate"), ("source", "activate")) else None


def _gromacs(case: Case, command: Command) -> tuple[str, tuple[str, ...]] | None:
    """(binary, words behind mdrun) of a line that runs mdrun with GROMACS loaded."""
    if case.script is None or not any(module.name.startswith("gromacs") for module in case.script.modules):
        return None
    found = program(command, GMX | MDRUN_MPI)
    if found is None:
        return None
    name, rest = found
    return found if name in MDRUN_MPI or (rest and rest[0] == "mdrun") else None


def _gromacs_launch(case: Case, command: Command) -> dict | None:
    found = _gromacs(case, command)
    return (
        {"program": found[0], "cores": case.run.cores}
        if found and case.run.cores > 1 and not command.launcher
        else None
    )


def _gromacs_threads(case: Case, command: Command) -> dict | None:
    if _gromacs(case, command) is None:
        return None
    asked = command.after("-nt")
    wrong = asked is not None and asked.isdigit() and int(asked) != case.run.cores
    return {"threads": int(asked), "cores": case.run.cores} if wrong else None


def _gromacs_nodes(case: Case, command: Command) -> dict | None:
    found = _gromacs(case, command)
    return (
        {"program": found[0], "nodes": case.run.nodes}
        if found and found[0] in GMX_SERIAL and case.run.nodes > 1
        else None
    )


def _grompp(case: Case, command: Command) -> dict | None:
    if case.script is None or not any(module.name.startswith("gromacs") for module in case.script.modules):
        return None
    found = program(command, GMX)
    return {"program": found[0]} if found and found[1][:1] == ("grompp",) else None


def _amber(case: Case, command: Command) -> str | None:
    if case.script is None or not any(module.name.startswith("amber") for module in case.script.modules):
        return None
    found = program(command, PMEMD)
    return found[0] if found else None


def _amber_cpu(case: Case, command: Command) -> dict | None:
    return {"gpus": case.run.gpus} if _amber(case, command) == "pmemd.MPI" and case.run.gpus else None


def _amber_gpu(case: Case, command: Command) -> dict | None:
    name = _amber(case, command) or ""
    return {"program": name} if name.startswith("pmemd.cuda") and not case.run.gpus else None


def _amber_launch(case: Case, command: Command) -> dict | None:
    name = _amber(case, command)
    return {"program": name, "nodes": case.run.nodes} if name and case.run.nodes > 1 and not command.launcher else None


def _lammps(case: Case, command: Command) -> dict | None:
    if case.script is None or not any(module.name.startswith("lammps") for module in case.script.modules):
        return None
    found = program(command, LMP)
    return (
        {"program": found[0], "cores": case.run.cores}
        if found and case.run.cores > 1 and not command.launcher
        else None
    )


def _rule(id: str, severity: str, test: Callable[[Case, Command], dict | None], *inputs: str) -> Rule:
    return Rule(
        id=id, severity=severity, section="script", judge=lambda case: _each(case, test), inputs=("script", *inputs)
    )


RULES = (
    _rule("sleep", "bad", _sleep),
    _rule("conda", "bad", _conda),
    _rule("gromacs_launch", "warn", _gromacs_launch, "run.cores"),
    _rule("gromacs_threads", "bad", _gromacs_threads, "run.cores"),
    _rule("gromacs_nodes", "bad", _gromacs_nodes, "run.nodes"),
    _rule("gromacs_prepare", "warn", _grompp),
    _rule("amber_cpu_on_gpu", "bad", _amber_cpu, "run.gpus"),
    _rule("amber_gpu_on_cpu", "bad", _amber_gpu, "run.gpus"),
    _rule("amber_launch", "bad", _amber_launch, "run.nodes"),
    _rule("lammps_launch", "bad", _lammps, "run.cores"),
)
