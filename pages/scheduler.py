"""The scheduler, for everybody: how much of the cluster is in use, who waits as numbers, and whether Slurm itself keeps up."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as text
from components import parts
from components.charts import cluster as charts
from components.needs import needs_of
from components.records import About, Block, Frames, Need, Page, Panel, Section
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import SourceError, TurtleError
from core.subjects import CLUSTER
from core.units import share
from core.viewer import PUBLIC_PAGES
from datasources.prometheus import cluster_batches as batches
from datasources.slurm.cluster import ClusterNow
from pages.scheduler_query import dbd_query, health_query, jobs_query, now_query, resources_query, waiting_query
from pages.status import CORES, GPUS, MISSING
from pages.status_free import HELP_WAITS, draw_waits

SLOW = 5.0  # seconds of a main cycle above which slurmctld answers late


def _last(frame: Any, name: str) -> float | None:
    known = frame[name].dropna() if isinstance(frame, pd.DataFrame) and name in frame else ()
    return float(known.iloc[-1]) if len(known) else None


def _seconds(frame: Any, name: str) -> float | None:
    found = _last(frame, name)
    return None if found is None else found * charts.MICRO


def draw_tiles(frames: Frames, about: About) -> Any:
    """Jobs, memory, and how long Slurm takes to go through its queue."""
    now, sdiag = frames["now"], frames["sdiag"]
    known = now if isinstance(now, ClusterNow) and now.configured.nodes else None
    main, backfill = _seconds(sdiag, "slurm_scheduler_last_cycle"), _seconds(sdiag, "slurm_scheduler_backfill_last_cycle")
    if known is None and main is None:
        error = next((one for one in (now, sdiag) if isinstance(one, TurtleError)), None)
        return html.Div(parts.empty(error_sentence(error) if error is not None else _("Nothing is known of the scheduler."), "plug", "warn"), className="tt-card")
    shown = []
    if known:
        memory = share(known.allocated.memory, known.configured.memory)
        shown = [
            parts.tile(_("Jobs running"), text.number(known.running), note=_("array tasks counted one by one")),
            parts.tile(_("Jobs waiting"), text.number(known.pending), note=_("those that may not start yet, too")),
            parts.tile(_("Memory allocated"), text.bytes_(known.allocated.memory), base=_("of %(whole)s", whole=text.bytes_(known.configured.memory)), share=memory),
        ]
    if main is not None:
        said = _("slow: commands may answer late") if main >= SLOW else _("a pass over the queue")
        shown.append(parts.tile(_("Scheduling cycle"), text.duration(main), note=said))
    if backfill is not None:
        depth = _last(sdiag, "slurm_scheduler_backfill_last_depth_cycle")
        note = _("%(count)s jobs looked at", count=text.number(depth)) if depth is not None else ""
        shown.append(parts.tile(_("Backfill cycle"), text.duration(backfill), note=note))
    missed = [one for one, drawn in ((now, known), (sdiag, main)) if isinstance(one, TurtleError) and drawn is None]
    notes = [parts.notice(error_sentence(error), "warn" if isinstance(error, SourceError) else "info") for error in missed]
    return html.Div([*notes, parts.tiles(*shown)])


def draw_pending(frames: Frames, about: About) -> Any:
    """Those who wait now, by partition."""
    frame = frames["pending_jobs"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame))
    columns = (
        Column(key="partition", title=N_("Partition"), phone=True, draw=lambda row: row["partition"] or _("others")),
        Column(key="ready", title=N_("Could start"), kind="number", phone=True, help=N_("Wait for cores, memory, GPUs or their turn")),
        Column(key="not_ready", title=N_("Held back"), kind="number", help=N_("On hold, waiting for another job, or for a time to come")),
        Column(key="median", title=N_("Half wait over"), kind="duration", phone=True, help=N_("Half of those that could start have waited for longer")),
        Column(key="p90", title=N_("1 of 10 over"), kind="duration", help=N_("One of ten of those that could start has waited for longer")),
    )
    return table(frame, columns, empty=N_("No job is waiting."), filtered=False)


SLURM = Need(kind="exporter", name=batches.SLURM)
HELP_MEMORY = N_(
    "Used: memory of the programs of all jobs, without the file cache. Allocated: what jobs asked for and were given. "
    "Total: memory of all nodes, as Slurm is told of it."
)
HELP_RUNNING = N_("Jobs that run, each task of an array counted. The partitions with most jobs have a colour of their own.")
HELP_PENDING = N_(
    "Jobs that wait, each task of an array counted. A job submitted to several partitions counts in each of them. Those that wait for another job are counted, too."
)
HELP_STATES = N_(
    "Every node is in one state at a time. Drained: takes no new jobs, though some may still run there. Partly allocated: has free cores. "
    "A node in two partitions counts once."
)
HELP_MEDIAN = N_("Half of the jobs now waiting in a partition have waited longer than this since they were submitted, those on hold too.")
HELP_WAITING = N_(
    "Jobs that wait now; tasks of an array are counted one by one. How long: of those that could start, since the moment they could. "
    "Partitions with fewer than five jobs waiting are added up as others."
)
HELP_CYCLES = N_(
    "How long slurmctld takes for one pass of the main scheduler, which looks at the first of the queue, often. While a pass runs, commands such as "
    "squeue may answer late. Mean: since the counters of sdiag began, usually at midnight UTC."
)
HELP_BACKFILL = N_(
    "How long one pass of the backfill scheduler takes, which looks for jobs that fit into gaps without delaying those before them. "
    "Some seconds are normal; the longer it takes, the later gaps are found. Mean: since the counters of sdiag began, usually at midnight UTC."
)
HELP_QUEUES = N_("Jobs in the queues of the two schedulers, and how many of them one pass looks at. Those behind that depth cannot start in that pass.")
HELP_THREADS = N_(
    "Threads of slurmctld that answer questions (256 at most by default), messages it has yet to send to nodes, and passes of the main scheduler a minute."
)
HELP_RPC = N_("Questions and commands to slurmctld a second, by kind. Scripts that call squeue or sacct in a loop show up here.")
HELP_ROLLUP = N_("How long slurmdbd took to add up the use of the last hour and day. Until it is done, fair share and reports are behind.")
HELP_DBD = N_("Questions and records to slurmdbd a second, by kind.")


def _panel(key: str, title: str, unit: str, help_: str, frame: str, figure: Any, batch: batches.Batch, *, wide: bool = False) -> Panel:
    return Panel(key=key, title=title, unit=unit, help=help_, frame=frame, figure=figure, scope="cluster", wide=wide, needs=needs_of(batch))


MEMORY = Panel(
    key="memory", title=N_("Memory"), unit=N_("memory"), help=HELP_MEMORY, frame="memory", figure=charts.use_figure, scope="cluster", wide=True,
    needs=tuple(Need(kind="rule", name=rule) for rule in batches.MEMORY.values()),
)  # fmt: skip
PAGE = Page(
    key="scheduler", module="overview", path="/scheduler", title=N_("Scheduler"), icon="hourglass-split", access=PUBLIC_PAGES, order=2,
    subject=lambda params: CLUSTER, description=N_("What is in use, what waits, and whether the scheduler keeps up"),
    sections=(
        Section(
            key="now", title="", query=now_query, access=PUBLIC_PAGES, eager=True, in_contents=False, needs=(SLURM,),
            blocks=(Block(key="tiles", title="", draw=draw_tiles, bare=True, height=92),),
        ),
        Section(
            key="resources", title=N_("In use"), query=resources_query, access=PUBLIC_PAGES, eager=True, needs=(SLURM,), blocks=(MISSING,),
            panels=(
                CORES, GPUS,
                MEMORY,
            ),
        ),
        Section(
            key="jobs", title=N_("Jobs and nodes"), query=jobs_query, access=PUBLIC_PAGES, needs=(SLURM,),
            panels=(
                _panel("running", N_("Jobs running"), N_("jobs by partition"), HELP_RUNNING, "running", charts.partitions_figure, batches.PARTITION_JOBS),
                _panel("pending", N_("Jobs waiting"), N_("jobs by partition"), HELP_PENDING, "pending", charts.partitions_figure, batches.PARTITION_JOBS),
                _panel("states", N_("Nodes by state"), N_("nodes"), HELP_STATES, "states", charts.states_figure, batches.NODE_STATES),
                _panel("median", N_("Wait of those waiting"), N_("hours, median"), HELP_MEDIAN, "median", charts.waits_figure, batches.PARTITION_JOBS),
            ),
        ),
        Section(
            key="pending", title=N_("Waiting"), query=waiting_query, access=PUBLIC_PAGES, needs=(Need(kind="database", name="slurm"),),
            blocks=(
                Block(key="pending_jobs", title=N_("Waiting now"), draw=draw_pending, help=HELP_WAITING, csv="pending_jobs", height=200),
                Block(key="waits", title=N_("Started in the last 24 hours"), draw=draw_waits, help=HELP_WAITS, csv="waits", height=200),
            ),
        ),
        Section(
            key="health", title=N_("Health of the scheduler"), query=health_query, access=PUBLIC_PAGES, needs=(SLURM,),
            panels=(
                _panel("cycles", N_("Scheduling cycle"), N_("seconds"), HELP_CYCLES, "cycles", charts.cycles_figure, batches.SDIAG),
                _panel("backfill", N_("Backfill cycle"), N_("seconds"), HELP_BACKFILL, "backfill", charts.cycles_figure, batches.SDIAG),
                _panel("queues", N_("Queues and depth"), N_("jobs"), HELP_QUEUES, "queues", charts.queues_figure, batches.SDIAG),
                _panel("threads", N_("Threads"), N_("count"), HELP_THREADS, "threads", charts.threads_figure, batches.SDIAG),
                _panel("rpc", N_("Questions to slurmctld"), N_("a second"), HELP_RPC, "rpc", charts.rpc_figure, batches.RPCS, wide=True),
            ),
        ),
        Section(
            key="slurmdbd", title=N_("Accounting daemon"), query=dbd_query, access=PUBLIC_PAGES, needs=(SLURM,),
            panels=(
                _panel("rollup", N_("Roll-up"), N_("seconds"), HELP_ROLLUP, "rollup", charts.cycles_figure, batches.DBD),
                _panel("dbd_rpc", N_("Questions to slurmdbd"), N_("a second"), HELP_DBD, "dbd_rpc", charts.rpc_figure, batches.DBD_RPCS),
            ),
        ),
    ),
)  # fmt: skip
