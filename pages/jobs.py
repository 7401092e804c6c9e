"""A person's jobs: what they hold and use now, their use over time, and the list with what each job used."""

from __future__ import annotations

from typing import Any

from dash import html

from components import format as fmt
from components import parts
from components.charts import user as charts
from components.filterbar import not_known
from components.links import link
from components.needs import PLAIN, needs_of
from components.records import About, Block, Frames, Need, Page, Section
from components.text import N_, _, error_sentence
from core.errors import TurtleError
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import SIGNED_IN, Viewer
from datasources.prometheus.job_batches_user import now_used
from datasources.sources import Sources
from pages import jobs_query
from pages.job_head import role_of
from pages.jobs_export import exported
from pages.jobs_list import draw_list
from pages.jobs_query import JobsView


def draw_use(frames: Frames, about: About) -> Any:
    """Allocated and used now: cores, memory, GPUs; jobs running and waiting."""
    used = frames["used"]
    note = parts.notice(error_sentence(used), "warn") if isinstance(used, TurtleError) and frames["use"].held.cores else None
    return html.Div([parts.tiles(*use_tiles(frames)), note])


def use_tiles(frames: Frames) -> list[Any]:
    """The tiles of jobs_query.use_now's objects; None for one that does not apply."""
    use, used = frames["use"], frames["used"]
    values = used if isinstance(used, dict) else {}
    held = use.held
    return [
        _use_tile(_("CPU cores"), values.get("cores"), held.cores, "", _("mean of the last hour")),
        _use_tile(_("Memory"), values.get("memory"), held.memory, "B", _("highest of the last hour")),
        _use_tile(_("GPUs"), values.get("gpus"), held.gpu_count, "", _("highest of the last hour")) if held.gpu_count else None,
        parts.tile(_("Running jobs"), fmt.number(use.running, 9), note=_("%(number)s suspended", number=use.suspended) if use.suspended else ""),
        parts.tile(_("Waiting jobs"), fmt.number(use.pending, 9)),
    ]


def _use_tile(label: str, used: float | None, held: float, unit: str, note: str) -> Any:
    if not held:
        return parts.tile(label, fmt.NONE, note=_("nothing is allocated"))
    if used is None:
        return parts.tile(label, fmt.bytes_(held) if unit == "B" else fmt.number(held), note=_("allocated; not measured"))
    value, _gap, base = fmt.of(used, held, unit).partition(" ")
    return parts.tile(label, value, base=base, share=used / held, role=role_of(used / held), note=note)


def head(sources: Sources, viewer: Viewer, subject: JobsView, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """Title and which sections are shown; raises NotFound for somebody else's jobs."""
    name = jobs_query.whose(viewer, subject)
    if name is None:
        title = _everybodys(subject)
        return title, html.Div([html.H1(title), *_staffs(sources, viewer, subject)]), ("list",)
    title = _("My jobs") if name == viewer.name else _("Jobs of %(name)s", name=name)
    return title, html.Div([html.H1(title), *_staffs(sources, viewer, subject)]), None


def _staffs(sources: Sources, viewer: Viewer, subject: JobsView) -> list[Any]:
    """What only staff are told: names nobody has, and that a list narrowed without a person is of their own jobs."""
    narrow = jobs_query.narrow_of(subject)
    if not viewer.is_staff or not narrow:
        return []
    said = [not_known(sources, viewer, narrow)]
    if not subject.user:
        every = link(sources.settings, "/jobs", **subject.query(user=jobs_query.EVERYBODY), **dict(subject.span))
        said.append(html.P([_("These are your own jobs."), " ", parts.page_link(_("Everybody's that fit"), every)], className="tt-head-sub"))
    return said


def _everybodys(subject: JobsView) -> str:
    """The title of a list of everybody's jobs; narrowed to one account or node it names that."""
    if subject.account and not (subject.node or subject.partition):
        return _("Jobs of %(name)s", name=subject.account)
    if subject.node and not (subject.account or subject.partition):
        return _("Jobs on %(name)s", name=subject.node)
    return _("Everybody's jobs")


HELP = N_(
    "Shares are of what was allocated. A job array is one row, with the shares of its ended tasks together. The file that can be "
    "downloaded holds every job that fits the filters, each task on a line of its own."
)
JOBS = Page(
    key="jobs", module="jobstats", path="/jobs", title=N_("My jobs"), icon="list-task", access=SIGNED_IN, order=20,
    subject=jobs_query.subject_of, head=head, span=lambda sources, viewer, subject, now: (now - 7 * DAY, now),
    filters=jobs_query.FILTERS, needs=(Need(kind="database", name="slurm"),),
    description=N_("Your jobs: what they hold, what they use, and which of them waste."),
    sections=(
        Section(
            key="use", title=N_("Now"), query=jobs_query.use_now, access=SIGNED_IN, eager=True, needs=needs_of(now_used(PLAIN)),
            blocks=(Block(key="use", title="", draw=draw_use, bare=True, height=120),),
        ),
        Section(
            key="list", title=N_("Jobs"), query=jobs_query.listed, export=exported, access=SIGNED_IN, eager=True,
            blocks=(Block(key="jobs", title=N_("Job list"), draw=draw_list, csv="jobs", height=600, help=HELP),),
        ),
        Section(
            key="history", title=N_("Use over time"), query=jobs_query.over_time, access=SIGNED_IN,
            panels=(*charts.PANELS, *charts.GPU_PANELS),
        ),
        Section(key="files", title=N_("File systems"), query=jobs_query.files, access=SIGNED_IN, panels=charts.FILE_PANELS),
    ),
)
