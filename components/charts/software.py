"""Charts of software: which programs hold the cluster's cores and GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from analysis.software import OTHER, PROGRAM, UNACCOUNTED, UNIDENTIFIED
from components import graph_shares
from components.graph_shares import Part
from components.records import About, Figure, Panel
from components.text import N_, _, ngettext

NAMED = 7  # slices with a colour of their own; the rest is one slice
TILES = 60  # areas of a treemap; the rest is one
ROLES = {UNIDENTIFIED: "alloc", OTHER: "alloc", UNACCOUNTED: "muted"}
WORDS = {UNIDENTIFIED: N_("Unidentified"), UNACCOUNTED: N_("Unaccounted"), OTHER: N_("Other path")}
FIELDS = {
    "dynamics": N_("Molecular dynamics"), "chemistry": N_("Quantum chemistry"), "materials": N_("Materials"), "life": N_("Life sciences"),
    "fluids": N_("Fluid dynamics"), "climate": N_("Earth and climate"), "physics": N_("Physics and astronomy"), "engineering": N_("Engineering"),
    "imaging": N_("Imaging"), "learning": N_("Machine learning"), "maths": N_("Mathematics and statistics"), "languages": N_("Languages"),
    "data": N_("Data and files"), "tools": N_("Tools"),
}  # fmt: skip


def word(kind: str, name: str) -> str:
    """What a row is called: a name of the table, or the word for what has none."""
    return _(WORDS[kind]) if kind in WORDS else name


def field_word(field: str) -> str:
    """What a field of science is called."""
    return _(FIELDS[field]) if field in FIELDS else ""


def _slices(rows: Sequence[tuple[str, str, float]], order: Sequence[str]) -> list[Part]:
    """The largest rows (kind, name, value), the others as one, then what has no name; `order`: who has which colour."""
    named = sorted((row for row in rows if row[0] not in WORDS and row[2] > 0), key=lambda row: -row[2])
    shown, rest = named[:NAMED], named[NAMED:]
    parts = [Part(name=name, value=value, role=role) for (_kind, name, value), role in zip(shown, _roles([row[1] for row in shown], order), strict=True)]
    if rest:
        parts.append(Part(name=_others(len(rest)), value=sum(row[2] for row in rest), role="s8"))
    nameless = [row for row in rows if row[0] in WORDS and row[2] > 0]
    return parts + [Part(name=word(kind, name), value=value, role=ROLES[kind], hatched=kind == UNACCOUNTED) for kind, name, value in nameless]


def _roles(names: Sequence[str], order: Sequence[str]) -> list[str]:
    """A colour for each name: of those in `order` always the same, of the others what is left."""
    places = {name: place for place, name in enumerate((order or names)[:NAMED])}
    # the colour of the smallest of them first: the largest is the one a reader remembers
    free = iter(place for place in reversed(range(NAMED)) if place not in {places.get(name) for name in names})
    return [f"s{(places[name] if name in places else next(free)) + 1}" for name in names]


def _others(count: int) -> str:
    return ngettext("%(num)s other", "%(num)s others", count)


def ring(frame: pd.DataFrame, about: About, *, value: str, unit: str, name: str = "program") -> Figure:
    """A ring of a column of programs or stacks."""
    rows = list(zip(frame["kind"], frame[name], frame[value].fillna(0.0), strict=True))
    return graph_shares.pie(_slices(rows, frame.attrs.get("order", ())), unit=_(unit))


def fields(frame: pd.DataFrame, about: About) -> Figure:
    """Programs as areas inside their fields of science, the largest field first."""
    programs = frame[frame["kind"] == PROGRAM]
    shown, rest = programs.iloc[:TILES], programs.iloc[TILES:]
    order = shown.groupby("field")["cores"].sum().sort_values(ascending=False).index
    parts = []
    for place, field in enumerate(order):
        role, title = f"s{place % 8 + 1}", field_word(field)
        parts.append(Part(name=title, value=0.0, role=role))
        own = shown[shown["field"] == field]
        parts += [Part(name=one, value=value, role=role, inside=title) for one, value in zip(own["program"], own["cores"], strict=True)]
    if len(rest):
        parts.append(Part(name=_others(len(rest)), value=float(rest["cores"].sum()), role="s8"))
    for kind, value in zip(frame["kind"], frame["cores"], strict=True):
        if kind != PROGRAM:
            parts.append(Part(name=word(kind, ""), value=value, role=ROLES[kind], hatched=kind == UNACCOUNTED))
    return graph_shares.treemap(parts, unit=_("cores"), whole=_("All cores in use"))


def _cvmfs(about: About) -> bool:
    """A site without CVMFS is not asked about it."""
    frame = about.frames.get("programs")
    return isinstance(frame, pd.DataFrame) and "cvmfs" in frame and bool((frame["cvmfs"] > 0).any())


HELP = N_(
    "Cores kept busy, on average over the time shown, by which program. A program is told from the name and place of its executable "
    "file alone. Executables the portal has no name for are one part, “Unidentified”: their names are shown to nobody. “Unaccounted” "
    "is what jobs used beyond that: programs of less than a minute of CPU time, or which ended between two measurements."
)
HELP_STACK = N_("The same cores by where the executable is installed. Folders of people and all places the portal has no name for are one part, “Other path”.")
HELP_CVMFS = N_("Programs whose executable is on CVMFS, the file system that brings the same software to many clusters.")
HELP_ELSEWHERE = N_("Programs whose executable is not on CVMFS: installed on this cluster, in people's own folders, or part of the operating system.")
HELP_GPUS = N_(
    "GPUs allocated, busy or not, on average over the time shown. Where a job runs several programs on a node, its GPUs there are shared among "
    "them by their CPU time. “Unaccounted” are GPUs of jobs in which no program has had a minute of CPU time yet. A slice of a GPU counts as one."
)
HELP_GPU_CORES = N_("CPU cores allocated to jobs with GPUs, busy or not, shared among programs like the GPUs.")
FIELD = (
    Panel(key="fields", title=N_("CPU cores by field and program"), unit=N_("cores in use"), help=HELP, frame="programs", figure=fields, scope="cluster", wide=True),
)  # fmt: skip
CORES = (
    Panel(
        key="programs", title=N_("CPU cores by program"), unit=N_("cores in use"), help=HELP, frame="programs", scope="cluster",
        figure=partial(ring, value="cores", unit=N_("cores")),
    ),
    Panel(
        key="stacks", title=N_("CPU cores by stack"), unit=N_("cores in use"), help=HELP_STACK, frame="stacks", scope="cluster",
        figure=partial(ring, value="cores", unit=N_("cores"), name="stack"),
    ),
    Panel(
        key="cvmfs", title=N_("On CVMFS"), unit=N_("cores in use"), help=HELP_CVMFS, frame="programs", scope="cluster", shown=_cvmfs,
        figure=partial(ring, value="cvmfs", unit=N_("cores")),
    ),
    Panel(
        key="elsewhere", title=N_("Not on CVMFS"), unit=N_("cores in use"), help=HELP_ELSEWHERE, frame="programs", scope="cluster", shown=_cvmfs,
        figure=partial(ring, value="elsewhere", unit=N_("cores")),
    ),
)  # fmt: skip
GPUS = (
    Panel(
        key="gpus", title=N_("GPUs allocated by program"), unit=N_("GPUs"), help=HELP_GPUS, frame="gpus", scope="cluster",
        figure=partial(ring, value="gpus", unit=N_("GPUs")),
    ),
    Panel(
        key="gpu_cores", title=N_("CPU cores allocated to GPU jobs"), unit=N_("cores"), help=HELP_GPU_CORES, frame="gpu_cores", scope="cluster",
        figure=partial(ring, value="cores", unit=N_("cores")),
    ),
)  # fmt: skip
