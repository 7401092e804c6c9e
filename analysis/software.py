"""From executables to programs: what each used, by which stack it was installed, on or not on CVMFS.

Paths of executables hold people's names and what they work on: what leaves here holds only names of the table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.software_table import MIN_PREFIX, PathRule, Table

UNIDENTIFIED, UNACCOUNTED, PROGRAM = "unidentified", "unaccounted", "program"
STACK, OTHER = "stack", "other"
CVMFS = "/cvmfs/"
NONE = -1
LONGEST = 1024  # characters of a path that are looked at
DELETED = " (deleted)"  # Linux adds it to the path of a program that was replaced while it ran
# endings that say how a program was built, not which one it is
BUILDS = (
    "mpi|openmpi|ompi|impi|intelmpi|mpich|mvapich2?|omp|openmp|smp|psmp|popt|sopt|ssmp|hybrid|serial|seq|parallel|thread(?:s|ed)?|single|double|"
    "gpu|cuda|hip|rocm|sycl|opencl|kokkos|avx[0-9a-z_]*|sse[0-9._]*|gnu|gcc|gfortran|intel|icc|ifort|oneapi|nvhpc|pgi|cray|"
    "debug|opt|static|shared|release|prod|dp|sp|d|x86[-_]64|amd64|linux[0-9]*|64bit|exe|bin|real|x"
)
_ENDING = re.compile(rf"[-_.](?:{BUILDS})$|[-_.]?v?[0-9]+(?:[.][0-9]+)*[a-z]?$")
ENDINGS = 4  # such endings are cut off one after another: lmp_mpi_cuda, python3.11
Known = tuple[int, int, bool]  # program, stack, on CVMFS


def tell(table: Table, path: str) -> Known:
    """(place of the program, place of the stack, on CVMFS) of an executable; NONE for what the table does not know."""
    path = path[:LONGEST].removesuffix(DELETED)
    stack = _first(table.places, path, len(table.stacks))
    return _program(table, path, stack), stack, path.startswith(CVMFS)


def _program(table: Table, path: str, stack: int) -> int:
    base = path.rsplit("/", 1)[-1]
    named = _named(table, base, path, stack)
    # of the rules that fit the name as it is, the first in the table holds
    found = _first(table.paths, path, named if named != NONE else len(table.programs))
    if found != NONE:
        return found
    if named != NONE:
        return named
    return next((place for short in _shorter(base) if (place := _named(table, short, path, stack)) != NONE), NONE)


def _named(table: Table, base: str, path: str, stack: int) -> int:
    found = [table.files[base]] if base in table.files else []
    if base in table.common:
        place = table.common[base]
        # a name that anybody may give a program of their own: installed software, or a folder that names the program
        if stack != NONE or _folder_names(path, table.programs[place].name):
            found.append(place)
    # a whole name says more than the beginning of one
    return min(found or _beginnings(table, base), default=NONE)


def _beginnings(table: Table, base: str) -> list[int]:
    return [table.prefixes[base[:size]] for size in range(MIN_PREFIX, len(base) + 1) if base[:size] in table.prefixes]


def _folder_names(path: str, name: str) -> bool:
    """True if a folder of the path is called as the program, perhaps with a version: fluidity-4.1."""
    wanted = name.casefold()
    folders = path.casefold().split("/")[:-1]
    return any(folder.startswith(wanted) and not folder[len(wanted) : len(wanted) + 1].isalpha() for folder in folders)


def _shorter(base: str) -> Iterator[str]:
    """The name without its last ending of version or build, then without the one before, and so on."""
    for _turn in range(ENDINGS):
        cut = _ENDING.sub("", base)
        if cut == base or not cut:
            return
        base = cut
        yield base


def _first(rules: Sequence[PathRule], path: str, before: int) -> int:
    """The place of the first rule that fits, of those that stand before `before`; a rule whose text is not there is not tried."""
    for rule in rules:
        if rule.index >= before:
            return NONE
        if rule.literal in path and rule.regex.search(path):
            return rule.index
    return NONE


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Values added up: by program and stack (NONE: not known), in all and of programs on CVMFS."""

    programs: dict[int, tuple[float, float]]
    stacks: dict[int, float]

    @property
    def whole(self) -> float:
        """Everything told."""
        return sum(value for value, _cvmfs in self.programs.values())


def sums(table: Table, exes: Sequence[str], values: Sequence[float]) -> Sums:
    """Values by executable added up by program and by stack; values that are no number, or not above 0, are left out."""
    programs: dict[int, tuple[float, float]] = {}
    stacks: dict[int, float] = {}
    for exe, value in zip(exes, values, strict=True):
        if not math.isfinite(value) or value <= 0:
            continue
        program, stack, cvmfs = tell(table, exe)
        whole, there = programs.get(program, (0.0, 0.0))
        programs[program] = (whole + value, there + (value if cvmfs else 0.0))
        stacks[stack] = stacks.get(stack, 0.0) + value
    return Sums(programs=programs, stacks=stacks)


def scale(found: Sums, whole: float) -> float:
    """What to multiply by so that no more is told than was used: a parent's figure may hold what its ended children used, too."""
    told = found.whole
    return whole / told if math.isfinite(whole) and told > whole > 0 else 1.0


def by_program(table: Table, found: Sums, whole: float = math.nan) -> pd.DataFrame:
    """One row a program, the largest first, then what is unidentified and what is unaccounted for.

    Columns: kind (PROGRAM, UNIDENTIFIED, UNACCOUNTED), program (str, "" but for PROGRAM), field (str, see FIELDS), value, cvmfs,
    elsewhere (float64, the unit of the values), share (of everything, 0..1). `whole`: what was used in all, NaN where unknown.
    """
    factor, names = scale(found, whole), {}
    for place, (value, there) in found.programs.items():
        if place != NONE:
            program = table.programs[place]
            before = names.get(program.name, (0.0, 0.0, program.field))
            names[program.name] = (before[0] + value, before[1] + there, before[2])
    rows = [(PROGRAM, name, kind, value, there) for name, (value, there, kind) in names.items()]
    rows.sort(key=lambda row: (-row[3], row[1].casefold()))
    value, there = found.programs.get(NONE, (0.0, 0.0))
    rows += [(UNIDENTIFIED, "", "", value, there)] if value > 0 else []
    rows = [(kind, name, field, value * factor, there * factor) for kind, name, field, value, there in rows]
    rest = whole - found.whole * factor
    rows += [(UNACCOUNTED, "", "", rest, math.nan)] if rest > 1e-6 * whole else []
    frame = pd.DataFrame(rows, columns=["kind", "program", "field", "value", "cvmfs"]).astype({"value": "float64", "cvmfs": "float64"})
    return _shares(frame.assign(elsewhere=frame["value"] - frame["cvmfs"]))


def by_stack(table: Table, found: Sums, whole: float = math.nan) -> pd.DataFrame:
    """One row a stack, the largest first, then other paths and what is unaccounted for.

    Columns: kind (STACK, OTHER, UNACCOUNTED), stack (str, "" but for STACK), value (float64), share (0..1).
    """
    factor = scale(found, whole)
    rows = [(STACK, table.stacks[place], value * factor) for place, value in found.stacks.items() if place != NONE]
    rows.sort(key=lambda row: (-row[2], row[1]))
    rows += [(OTHER, "", found.stacks[NONE] * factor)] if NONE in found.stacks else []
    rest = whole - found.whole * factor
    rows += [(UNACCOUNTED, "", rest)] if rest > 1e-6 * whole else []
    return _shares(pd.DataFrame(rows, columns=["kind", "stack", "value"]).astype({"value": "float64"}))


def _shares(frame: pd.DataFrame) -> pd.DataFrame:
    whole = float(frame["value"].sum())
    return frame.assign(share=frame["value"] / whole if whole > 0 else math.nan)
