"""Staff: who holds cores and GPUs now, what of it is used, and what is wasted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from dash import html

from analysis.waste import CORES, GPUS, GPUS_UNUSED, MEMORY, SOME_GPUS_UNUSED
from components import format as fmt
from components import parts
from components.needs import PLAIN, metrics, needs_of
from components.records import About, Block, Frames, Need, Page, Section
from components.table import Column, table
from components.text import N_, _
from core.narrow import PARAMETERS, view_of
from core.units import GIB
from core.viewer import STAFF
from datasources.prometheus import top_batches
from pages import top_common as common
from pages.top_query import compute_query, gpu_query

SLURM = Need(kind="database", name="slurm")


def _sum(frame: pd.DataFrame, used: str, whole: str) -> tuple[float | None, float]:
    """(used, allocated) of the rows where both are known."""
    both = frame[frame[used].notna() & frame[whole].notna()]
    return (float(both[used].sum()) if len(both) else None), float(both[whole].sum())


def _tile(label: str, frame: pd.DataFrame, used: str, whole: str, note: str, unit: str = "") -> Any:
    value, base = _sum(frame, used, whole)
    if value is None:
        return parts.tile(label, fmt.NONE, note=_("not measured"))
    text, rest = (fmt.bytes_(value), fmt.bytes_(base)) if unit == "B" else (fmt.number(value), fmt.number(base))
    return parts.tile(label, text, base=_("of %(whole)s", whole=rest), share=value / base if base else None, note=note)


def draw_compute_tiles(frames: Frames, about: About) -> Any:
    """Cores and memory used of those allocated, and how many rows are marked."""
    rows = frames["rows"]
    if rows.empty:
        return None
    return parts.tiles(
        _tile(_("Cores used"), rows, "cores_used", "cores", _("of those allocated to these jobs")),
        _tile(_("Peak memory"), rows, "memory_peak", "memory", _("of what is allocated to these jobs"), "B"),
        parts.tile(_("Jobs running"), fmt.number(int(rows["jobs"].sum()), 9), note=common.people(int(rows["user"].nunique()))),
        common.count_tile(_("Wasting"), rows),
    )


HELP_MEMORY_PEAK = N_("The highest so far of each job, added up; the file cache counts, so a program may need less")
USED_CORES = Column(
    key="cores_used", title=N_("Used cores"), kind="bar", draw=lambda row: common.used_cell(row, "cores_used", "cores", "", CORES),
    help=N_("Cores busy over the last minutes, and their share of those allocated"),
)
PEAK_MEMORY = Column(
    key="memory_peak", title=N_("Peak memory"), kind="bar", draw=lambda row: common.used_cell(row, "memory_peak", "memory", "B", MEMORY),
    help=HELP_MEMORY_PEAK,
)
WASTING = Column(key="wasting", title=N_("Wasting"), phone=True, draw=common.wasting_cell, help=N_("What the colours mean is said below the table"))


def compute_columns(about: About) -> tuple[Column, ...]:
    """The columns of the table of cores."""
    return (
        common.person_column(about),
        common.account_column(about),
        Column(key="cores", title=N_("Allocated cores"), kind="number", phone=True, help=N_("Cores of running jobs, from accounting")),
        USED_CORES,
        Column(key="memory", title=N_("Allocated memory"), kind="bytes", help=N_("Memory of running jobs, from accounting")),
        PEAK_MEMORY,
        common.jobs_column(about),
        WASTING,
    )  # fmt: skip


def compute_legend(about: About) -> Any:
    """The limits of the table of cores."""
    settings, top = about.settings, about.settings.top
    memory = _(
        "Judged only where more is allocated than %(size)s for each core, and %(margin)s of margin: then peak memory is %(limits)s of it.",
        size=fmt.bytes_(settings.thresholds.normal_memory_per_core_gib * GIB), margin=fmt.percent(top.margin - 1),
        limits=common.limits(settings, top.memory_bad, top.memory_warn),
    )  # fmt: skip
    return common.legend(
        (_("Cores"), _("Used cores of those allocated: %(limits)s.", limits=common.limits(settings, top.cores_bad, top.cores_warn))),
        (_("Memory"), memory), common.judged_after(settings),
        (_("What is counted"), _("All running jobs, GPU jobs too. A job on several nodes counts whole wherever one of them is asked for.")),
        common.whole_nodes(),
    )  # fmt: skip


def draw_compute(frames: Frames, about: About) -> Any:
    """The table of people and accounts by allocated cores."""
    return _drawn(frames, about, N_("No job runs now."), compute_columns, compute_legend)


def _drawn(frames: Frames, about: About, nobody: str, columns: Callable[[About], Any], legend: Callable[[About], Any]) -> Any:
    if frames["rows"].empty:
        return common.nobody(about.subject, nobody)
    rows, more = common.shown_rows(frames["rows"], about.settings)
    return html.Div([common.trouble(frames), table(rows, columns(about), filtered=True), more, legend(about)])


def draw_gpu_tiles(frames: Frames, about: About) -> Any:
    """GPUs allocated, busy, and as fully used ones; how many rows are marked."""
    rows = frames["rows"]
    if rows.empty:
        return None
    return parts.tiles(
        parts.tile(_("GPUs allocated"), fmt.number(int(rows["gpus"].sum()), 9), note=common.people(int(rows["user"].nunique()))),
        _tile(_("GPUs busy now"), rows, "gpus_busy", "gpus_seen", _("of those measured, that do anything at all")),
        _tile(_("Fully used GPUs"), rows, "gpus_used", "gpus_seen", _("two half used ones count as one")),
        common.count_tile(_("Wasting"), rows),
    )


def gpu_columns(about: About) -> tuple[Column, ...]:
    """The columns of the table of GPUs."""
    busy, used = (GPUS_UNUSED, SOME_GPUS_UNUSED), (GPUS_UNUSED, GPUS)
    return (
        common.person_column(about),
        common.account_column(about),
        Column(key="gpus", title=N_("Allocated GPUs"), kind="number", phone=True, help=N_("GPUs and slices of GPUs of running jobs, from accounting")),
        Column(key="gpus_busy", title=N_("Busy now"), kind="bar", draw=lambda row: common.used_cell(row, "gpus_busy", "gpus_seen", "", *busy),
               help=N_("GPUs that do anything at all, of those measured")),
        Column(key="gpus_used", title=N_("Fully used GPUs"), kind="bar", draw=lambda row: common.used_cell(row, "gpus_used", "gpus_seen", "", *used),
               help=N_("Their utilisation added up: two half used GPUs count as one")),
        Column(key="cores", title=N_("Cores"), kind="number", help=N_("Cores allocated to the GPU jobs")),
        USED_CORES,
        Column(key="memory", title=N_("Memory"), kind="bytes", help=N_("Host memory allocated to the GPU jobs")),
        PEAK_MEMORY,
        common.jobs_column(about),
        WASTING,
    )  # fmt: skip


def gpu_legend(about: About) -> Any:
    """The limits of the table of GPUs."""
    settings, top, limits = about.settings, about.settings.top, about.settings.thresholds
    gpus = _(
        "Totally unused, red: none of them does anything. Some unused, amber: not all do. Else fully used GPUs of those measured: %(limits)s. "
        "A GPU does something above %(idle)s of use.",
        limits=common.limits(settings, top.gpus_bad, top.gpus_warn), idle=fmt.percent(limits.gpu_idle),
    )  # fmt: skip
    cores = _(
        "Judged only above %(count)s cores for each GPU, and %(margin)s of margin: %(limits)s.", count=limits.normal_cores_per_gpu,
        margin=fmt.percent(top.margin - 1), limits=common.limits(settings, top.cores_bad, top.cores_warn),
    )  # fmt: skip
    memory = _(
        "Judged only above %(size)s for each GPU, and %(margin)s of margin: peak memory is %(limits)s of it.",
        size=fmt.bytes_(limits.normal_memory_per_gpu_gib * GIB), margin=fmt.percent(top.margin - 1),
        limits=common.limits(settings, top.memory_bad, top.memory_warn),
    )  # fmt: skip
    return common.legend(
        (_("GPUs"), gpus), (_("Cores"), cores), (_("Memory"), memory), common.judged_after(settings),
        (_("What is counted"), _("Only jobs that hold GPUs: the cores and the memory of jobs without GPUs of the same person are not in these numbers.")),
        common.whole_nodes(),
    )  # fmt: skip


def draw_gpu(frames: Frames, about: About) -> Any:
    """The table of people and accounts by allocated GPUs."""
    return _drawn(frames, about, N_("No job holds a GPU now."), gpu_columns, gpu_legend)


HELP = N_("Running jobs now, added up by person and account. Used: the mean of the last minutes. Below the table it says from where on a value counts as wasting.")
TOP = Page(
    key="top", module="top", path="/top", title=N_("Top users"), icon="bar-chart-line", access=STAFF, order=60, staff_menu=True, subject=view_of,
    filters=PARAMETERS, needs=(SLURM,), description=N_("Who holds cores now, what of them is used, and what is wasted."),
    head=common.head("/top", N_("Top users of cores"), N_("Who holds cores and memory now, and what of them is used. Rows are people by account.")),
    sections=(
        Section(
            key="now", title="", query=compute_query, export=common.exported(compute_query, common.UNITS), access=STAFF, eager=True, in_contents=False,
            needs=needs_of(top_batches.recorded(PLAIN), top_batches.of_jobs(PLAIN)),
            blocks=(
                Block(key="tiles", title="", draw=draw_compute_tiles, bare=True, height=120),
                Block(key="rows", title=N_("By allocated cores"), draw=draw_compute, csv="rows", height=500, help=HELP),
            ),
        ),
    ),
)  # fmt: skip
TOP_GPU = Page(
    key="top_gpu", module="top", path="/top/gpu", title=N_("Top users of GPUs"), icon="gpu-card", access=STAFF, order=61, in_menu=False, staff_menu=True,
    subject=view_of, filters=PARAMETERS, needs=(SLURM,), description=N_("Who holds GPUs now, and which of them idle."),
    head=common.head("/top/gpu", N_("Top users of GPUs"), N_("Who holds GPUs now, and which of them idle. Only jobs with GPUs are counted.")),
    sections=(
        Section(
            key="now", title="", query=gpu_query, export=common.exported(gpu_query, common.UNITS), access=STAFF, eager=True, in_contents=False,
            needs=(*needs_of(top_batches.of_jobs(PLAIN, gpus=True)), *metrics(top_batches.GPU)),
            blocks=(
                Block(key="tiles", title="", draw=draw_gpu_tiles, bare=True, height=120),
                Block(key="rows", title=N_("By allocated GPUs"), draw=draw_gpu, csv="rows", height=500, help=HELP),
            ),
        ),
    ),
)  # fmt: skip
