"""The scheduler's statistics: how long runs waited, with which priority they began, how well their time limits fit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dash import html

from components import format as fmt
from components import parts
from components.charts import scheduling as charts
from components.filterbar import Bar, bar, not_known
from components.links import link
from components.needs import PLAIN, needs_of
from components.records import Block, Need, Page, Panel, Section
from components.text import N_, _
from core.errors import TurtleError
from core.narrow import Narrow
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import STAFF, Viewer
from datasources.prometheus.scheduling_batches import levelfs
from datasources.slurm.waits import Choices, choices
from datasources.sources import Sources
from pages import scheduling_query as query
from pages import scheduling_tables as tables
from pages.scheduling_query import SchedulingView

PATH = "/scheduling"


def _unknown(view: SchedulingView, known: Choices) -> str:
    """What the address names and Slurm does not know, in a sentence; "" if all is known. Exact names."""
    if view.narrow.account and view.narrow.account not in known.accounts:
        return _("Slurm knows no account %(name)s.", name=view.narrow.account)
    if view.qos and known.qos and view.qos not in known.qos:
        return _("Slurm knows no QOS %(name)s.", name=view.qos)
    return ""


def _quality(view: SchedulingView, names: Sequence[str]) -> html.Label:
    every = html.Option(_("all"), value="", selected=not view.qos)
    shown = [*names, view.qos] if view.qos and view.qos not in names else names
    return html.Label([_("QOS"), html.Select([every, *[html.Option(name, value=name, selected=name == view.qos) for name in shown]], name="qos")])


def _day(day: int) -> str:
    at = datetime.fromtimestamp(day * DAY, UTC)
    return f"{at.day} {fmt.MONTHS[at.month - 1]} {at.year}"


def _said(view: SchedulingView, when: TimeRange) -> html.P:
    days = query.days_of(view, when)
    text = _(
        "Whole UTC days from %(first)s to %(last)s. Waits and priorities are of runs that began in them, limits of runs that ended in them. "
        "Medians and percentiles come from counts in buckets and are at most 5 %% off.",
        first=_day(days.first), last=_day(days.last),
    )  # fmt: skip
    cut = when.start // DAY < days.first
    more = " " + _("A longer range is cut to its last %(count)s days.", count=query.MOST_DAYS) if cut else ""
    return html.P(text + more, className="tt-head-sub")


def head(sources: Sources, viewer: Viewer, subject: SchedulingView, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """Title, days, filters; no sections where the address names what Slurm does not know."""
    settings, about = sources.settings, subject.narrow
    try:
        known = choices(sources, viewer=viewer)
    except TurtleError:
        known = None  # the sections say what is wrong
    unknown = _unknown(subject, known) if known is not None else ""
    given = {name: value for name, value in (("account", about.account), ("partition", about.partition)) if value}
    other = {name: value for name, value in (("user", about.user), ("node", about.node)) if value}
    kept = other | ({"qos": subject.qos} if subject.qos else {})
    form = bar(settings, Bar(
        path=PATH, given=given, kept=kept, names=("account", "partition"), sent=("qos",), clear=link(settings, PATH, **other),
        extra=(_quality(subject, known.qos if known is not None else ()),), count=int(bool(subject.qos)),
    ))  # fmt: skip
    alone = _("Waits are not counted by person or by node: the numbers are of everybody and of all nodes.")
    above = [
        html.H1(_("Scheduling")), _said(subject, when), form,
        parts.notice(alone, "info") if other else None,
        parts.notice(unknown, "warn") if unknown else not_known(sources, viewer, Narrow(partition=about.partition)),
    ]  # fmt: skip
    return _("Scheduling"), html.Div(above), () if unknown else None


HELP_WAIT = N_(
    "From eligible to start is the queue's own wait. From submission to eligible a run waits for another job, its begin time, a hold, "
    "a limit on the tasks of its array, or two minutes after a requeue. Each run of a requeued job waits anew; array tasks count "
    "one by one, parts of a heterogeneous job as one. Jobs that never began are no waits. "
    "Of days long past, runs that ended more than fourteen days after them may be missing."
)
HELP_SPREAD = N_("Runs by the time from eligible to start, on a logarithmic axis. The bar at 0 is runs that began at once.")
HELP_REACHED = N_(
    "After which time from eligible which share of the runs had begun. A line further left and higher up is a shorter queue. "
    "Sizes with less than ten runs are left out."
)
HELP_DAYS = N_("Runs by the UTC day they began on. Today goes on.")
HELP_HELD = N_("Runs by the time from submission to eligible, those held back for a second or more.")
HELP_LEVEL = N_(
    "LevelFS of a run's account at the full hour before it began: 1 means that the account had used its share, above 1 less, below 1 more. "
    "A median below 1 means that the partition is easy to get, or has resources to spare; far above 1, that only accounts which use little get in."
)
HELP_LIMIT = N_(
    "Run time of the time limit, of runs that completed, without the time they were suspended. Runs without a limit, and those whose limit "
    "accounting does not know, are counted apart. Long limits that are not needed make the scheduler plan badly."
)
HELP_WAITING = N_("Jobs that have not begun, by the partition and QOS they ask for. A job that may go to several partitions is listed under all of their names together.")
ACCOUNTING = (Need(kind="database", name="slurm"),)


def _block(key: str, title: str, draw: Any, csv: str, help_: str = "", height: int = 180) -> Block:
    return Block(key=key, title=title, draw=draw, csv=csv, help=help_, height=height)


def _panel(key: str, title: str, unit: str, help_: str, frame: str, figure: Any, needs: tuple[Need, ...] = ()) -> Panel:
    return Panel(key=key, title=title, unit=unit, help=help_, frame=frame, figure=figure, needs=needs, scope="cluster")


WAITS = Section(
    key="waits", title=N_("Waiting times"), query=query.waits, access=STAFF, needs=ACCOUNTING, refresh=False,
    blocks=(
        _block("by_partition", N_("By partition"), tables.wait_table("by_partition", "partition"), "by_partition", HELP_WAIT),
        _block("by_qos", N_("By QOS"), tables.wait_table("by_qos", "qos"), "by_qos", HELP_WAIT),
        _block("by_size", N_("By size of the job"), tables.wait_table("by_size", "size"), "by_size", HELP_WAIT, 320),
        _block("by_account", N_("By account"), tables.wait_table("by_account", "account"), "by_account", HELP_WAIT, 320),
    ),
    panels=(
        _panel("spread", N_("Time in the queue"), N_("runs, by partition"), HELP_SPREAD, "spread", charts.wait_bars),
        _panel("reached", N_("Had begun after"), N_("share of runs, by size"), HELP_REACHED, "spread", charts.wait_shares),
        _panel("days", N_("Wait over time"), N_("by day of the start"), HELP_DAYS, "by_day", charts.wait_days),
        _panel("held", N_("Time until eligible"), N_("runs held back, by partition"), HELP_HELD, "held", charts.wait_bars),
    ),
)  # fmt: skip
PRIORITY = Section(
    key="priority", title=N_("Priority at the start"), query=query.priority, access=STAFF, needs=needs_of(levelfs(PLAIN)), refresh=False,
    blocks=(
        _block("levels", N_("LevelFS by partition"), tables.level_table("levels", "partition"), "levels", HELP_LEVEL),
        _block("level_accounts", N_("LevelFS by account"), tables.level_table("level_accounts", "account"), "level_accounts", HELP_LEVEL, 320),
    ),
    panels=(_panel("level_spread", N_("LevelFS when runs began"), N_("starts, by partition"), HELP_LEVEL, "level_spread", charts.level_bars, needs_of(levelfs(PLAIN))),),
)  # fmt: skip
LIMITS = Section(
    key="limits", title=N_("Time limits"), query=query.limits, access=STAFF, needs=ACCOUNTING, refresh=False,
    blocks=(
        _block("limit_partitions", N_("By partition"), tables.limit_table("limit_partitions", "partition"), "limit_partitions", HELP_LIMIT),
        _block("limit_accounts", N_("By account"), tables.limit_table("limit_accounts", "account"), "limit_accounts", HELP_LIMIT, 320),
    ),
    panels=(_panel("limit_spread", N_("Run time of the limit"), N_("completed runs, by partition"), HELP_LIMIT, "limit_spread", charts.limit_bars),),
)  # fmt: skip

PAGE = Page(
    key="scheduling", module="scheduling", path=PATH, title=N_("Scheduling"), icon="diagram-3", access=STAFF, order=80, staff_menu=True,
    description=N_("Waiting times, priority and time limits"), filters=query.FILTERS, subject=query.subject_of, span=query.usual, head=head,
    needs=ACCOUNTING,
    sections=(
        Section(
            key="now", title="", query=query.headline, access=STAFF, eager=True, in_contents=False, needs=ACCOUNTING,
            blocks=(Block(key="tiles", title="", draw=tables.tiles, bare=True, height=120),),
        ),
        WAITS,
        Section(
            key="waiting", title=N_("Still waiting"), query=query.still_waiting, access=STAFF, needs=ACCOUNTING,
            blocks=(_block("waiting", N_("By partition and QOS"), tables.waiting_table, "waiting", HELP_WAITING, 320),),
        ),
        PRIORITY,
        LIMITS,
    ),
)  # fmt: skip
