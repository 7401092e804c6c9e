"""Options of a submit line and of a script's #SBATCH lines, read the way Slurm's own commands read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

# Short options that take a value, with their long names
WITH_VALUE = {
    "A": "account", "a": "array", "B": "extra-node-info", "b": "begin", "C": "constraint", "c": "cpus-per-task",
    "D": "chdir", "d": "dependency", "e": "error", "F": "nodefile", "G": "gpus", "g": "gid", "i": "input", "J": "job-name",
    "L": "licenses", "M": "clusters", "m": "distribution", "N": "nodes", "n": "ntasks", "o": "output", "p": "partition",
    "q": "qos", "r": "relative", "S": "core-spec", "T": "threads", "t": "time", "u": "uid", "W": "wait", "w": "nodelist",
    "x": "exclude",
}  # fmt: skip
FLAGS = {
    "E": "preserve-env", "H": "hold", "h": "help", "I": "immediate", "K": "kill-command", "k": "no-kill", "l": "label",
    "O": "overcommit", "Q": "quiet", "R": "no-rotate", "s": "oversubscribe", "v": "verbose", "V": "version", "X": "disable-status",
}  # fmt: skip
# Long options that stand alone; those with an optional value take it only behind "="
LONE = frozenset(
    [
        "contiguous", "disable-status", "exclusive", "get-user-env", "help", "hold", "ignore-pbs", "immediate",
        "interactive", "kill-command", "label", "no-bell", "no-kill", "no-requeue", "no-rotate", "no-shell",
        "nice", "oversubscribe", "share", "overcommit", "overlap", "parsable", "preserve-env", "propagate",
        "pty", "quiet", "reboot", "requeue", "segv-trap", "slurmd-debug", "spread-job", "stepmgr", "test-only",
        "usage", "use-min-nodes", "verbose", "version", "wait", "wait-all-nodes", "whole", "resv-ports",
        "unbuffered", "exact", "external", "allow-zero-gpu", "het-component",
    ]
)
VALUED = frozenset(WITH_VALUE.values()) | frozenset(
    [
        "acctg-freq", "admin-comment", "array", "batch", "bb", "bbf", "bcast", "bell", "burst-buffer",
        "cluster-constraint", "comment", "container", "container-id", "cores-per-socket", "cpu-bind",
        "cpu-freq", "cpus-per-gpu", "deadline", "delay-boot", "epilog", "error", "export", "export-file",
        "extra", "gid", "gpu-bind", "gpu-freq", "gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task",
        "gres", "gres-flags", "hint", "het-group", "kill-on-invalid-dep", "mail-type", "mail-user", "mcs-label",
        "mem", "mem-bind", "mem-per-cpu", "mem-per-gpu", "mincpus", "mpi", "network", "ntasks-per-core",
        "ntasks-per-gpu", "ntasks-per-node", "ntasks-per-socket", "ntasks-per-tres", "open-mode", "output",
        "power", "prefer", "priority", "profile", "prolog", "resv", "reservation", "signal", "sockets-per-node",
        "switches", "task-epilog", "task-prolog", "thread-spec", "threads-per-core", "time-min", "tmp",
        "tres-bind", "tres-per-job", "tres-per-task", "uid", "wckey", "workdir", "wrap",
    ]
)
ALIASES = {"workdir": "chdir", "share": "oversubscribe", "cpu_bind": "cpu-bind", "jobid": "job-id"}
COMMANDS = ("sbatch", "srun", "salloc")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One command line: options by long name for each component (one unless heterogeneous), and what it starts."""

    command: str = ""
    components: tuple[dict[str, str], ...] = ({},)
    program: tuple[str, ...] = ()


def words(text: str) -> list[str]:
    """The words of a command line. Slurm stores lines without the quotes that were typed, so broken ones are expected."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _long_name(name: str) -> str:
    name = ALIASES.get(name, name)
    if name in VALUED or name in LONE:
        return name
    # getopt accepts every abbreviation that fits one option only, which is why --depend=… is common
    fits = {option for option in VALUED | LONE if option.startswith(name)}
    return fits.pop() if len(fits) == 1 else name


def _short(word: str, rest: list[str], found: dict[str, str]) -> None:
    """`-n4`, `-n 4`, `-Hn4`: flags may be bundled before one that takes a value."""
    for place, letter in enumerate(word[1:], start=1):
        if letter in WITH_VALUE:
            value = word[place + 1 :]
            found[WITH_VALUE[letter]] = value.removeprefix("=") if value else (rest.pop(0) if rest else "")
            return
        found[FLAGS.get(letter, letter)] = ""


def _long(word: str, rest: list[str], found: dict[str, str]) -> str:
    name, mark, value = word[2:].partition("=")
    name = _long_name(name)
    if not mark and name in VALUED and rest:
        value = rest.pop(0)
    found[name] = value
    return name


def read_words(parts: Iterable[str], command: str = "sbatch") -> Submission:
    """The options before the script or program; `:` starts the next component of a heterogeneous job."""
    rest = list(parts)
    components: list[dict[str, str]] = [{}]
    while rest:
        word = rest.pop(0)
        if word == ":":
            components.append({})
        elif word == "--" or not word.startswith("-") or word == "-":
            rest = rest if word == "--" else [word, *rest]
            break
        elif word.startswith("--"):
            # What was wrapped is a command of its own, and its quotes are not stored: nothing behind it can be told apart
            if _long(word, rest, components[-1]) == "wrap" and " " not in components[-1]["wrap"]:
                return Submission(command=command, components=tuple(components))
        elif command == "sbatch" and word == "-W":
            # A number of seconds for srun, a flag for sbatch
            components[-1]["wait"] = ""
        else:
            _short(word, rest, components[-1])
    if ":" in rest and any(part.startswith("-") for part in rest[rest.index(":") + 1 :][:1]):
        # srun and salloc name a program for each component; sbatch has one script at the end
        rest = rest[: rest.index(":")]
    return Submission(command=command, components=tuple(components), program=tuple(rest))


def submit_options(line: str) -> Submission:
    """The options of a stored submit line such as `sbatch -n4 --dependency=afterok:1 job.sh`."""
    parts = words(line)
    for place, word in enumerate(parts):
        command = word.rsplit("/", 1)[-1]
        if command in COMMANDS:
            return read_words(parts[place + 1 :], command)
    return Submission()


def script_options(script: str) -> tuple[dict[str, str], ...]:
    """Options of the #SBATCH lines above the first command, one dict for each component."""
    components: list[dict[str, str]] = [{}]
    for line in script.splitlines():
        text = line.strip()
        match = re.match(r"#(?:SBATCH|SLURM)\b(.*)", text)
        if match and re.fullmatch(r"\s*(?:hetjob|packjob)\s*", match[1]):
            components.append({})
        elif match:
            components[-1].update(read_words(_directive(match[1])).components[0])
        elif text and not text.startswith("#"):
            break
    return tuple(components)


def _directive(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.partition(" #")[0].split()


def options(submit_line: str, script: str = "", component: int = 0) -> dict[str, str]:
    """All options of a job by long name; what was typed wins over the script, as it does for sbatch.

    Flags have the value "". `component` picks the part of a heterogeneous job.
    """
    typed = submit_options(submit_line).components
    written = script_options(script) if script else ({},)
    merged = dict(written[component]) if component < len(written) else {}
    merged.update(typed[component] if component < len(typed) else {})
    return merged
