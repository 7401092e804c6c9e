"""The front page: the cluster now and over time for everybody, and what is mine for those signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from dash import html

from components import parts
from components.charts.cluster import use_figure
from components.filterbar import filter_bar
from components.needs import needs_of
from components.records import About, Block, Frames, Need, Page, Panel, Section
from components.text import N_, _, error_sentence
from core.errors import BadInput, NoData, TurtleError, Why
from core.narrow import PARAMETERS, ClusterView, view_of
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import PUBLIC, PUBLIC_STATUS, Viewer
from datasources.prometheus.batch import Target
from datasources.prometheus.cluster_batches import ACTIVE_GPUS, CLUSTER, CLUSTER_USED, GAUGES, HEARD, HELD_GPUS, USED
from datasources.prometheus.run import explained
from datasources.slurm.cluster import ClusterNow
from datasources.sources import Sources
from pages import status_narrow
from pages.status_free import FREE
from pages.status_glance import GLANCE, shown
from pages.status_mine import MINE
from pages.status_now import draw_tiles, draw_verdict, flat, headline_query, read_now

OF_JOBS = {"used": "gpus", "active": "gpus_active", "held": "gpus_held"}
COLUMNS = ("used", "active", "allocated", "usable", "total")


def _flattened(found: Any) -> Any:
    return found if isinstance(found, TurtleError) else flat(found)


def use_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Wide frames over the page's range. `cores` and `gpus`: columns used, active (GPUs only), allocated, usable, total (cores; GPUs).
    `missing`: {what is not in them: error} where one of the two questions failed."""
    asked = (CLUSTER, CLUSTER_USED)
    calls = {"series": lambda: explained(sources, asked, Target(), when, viewer=PUBLIC), "now": lambda: read_now(sources)}
    found = sources.pool.gather(calls, 9.0)
    series = found["series"]
    if isinstance(series, TurtleError):
        return {"cores": series, "gpus": series, "missing": {}}
    gauges, used = (_flattened(series[batch.key]) for batch in asked)
    shown = {"cores": _cores(gauges, used), "gpus": _gpus(gauges, used, found["now"])}
    drawn = any(isinstance(one, pd.DataFrame) for one in shown.values())
    return {**shown, "missing": {what: one for what, one in (("used", used), ("given", gauges)) if drawn and _told(one)}}


def _told(found: Any) -> bool:
    """False for frames, and for what the site does not collect or nothing happened of: charts without it are whole."""
    return isinstance(found, TurtleError) and getattr(found, "why", Why.METRIC_ABSENT) is Why.METRIC_ABSENT


def draw_missing(frames: Frames, about: About) -> Any:
    """Which lines are missing in the charts, and why."""
    words = {
        "used": N_("What programs use is missing in these charts: %(why)s"),
        "given": N_("What is allocated, usable and there at all may be missing in these charts: %(why)s"),
    }  # fmt: skip
    return parts.missing([_(words[what], why=error_sentence(error)) for what, error in frames["missing"].items()])


MISSING = Block(key="missing", title="", draw=draw_missing, bare=True, height=0)


def _gauge(gauges: Any, name: str) -> pd.Series | None:
    return None if isinstance(gauges, TurtleError) or name not in gauges else gauges[name]


def _levels(gauges: Any, prefix: str) -> dict[str, pd.Series]:
    allocated, idle, total = (_gauge(gauges, f"{prefix}_{kind}") for kind in ("alloc", "idle", "total"))
    usable = None if allocated is None or idle is None else allocated + idle
    return {name: one for name, one in (("allocated", allocated), ("usable", usable), ("total", total)) if one is not None}


def _together(series: Mapping[str, pd.Series], gauges: Any, prefix: str, unit: str) -> pd.DataFrame | TurtleError:
    if not series:
        if isinstance(gauges, TurtleError):
            return gauges
        # the exporter answers, but knows none of these: a cluster without GPUs
        return NoData(Why.METRIC_ABSENT if len(gauges.columns) else Why.NO_DATA, f"{prefix}_total")
    steps = [one.attrs.get("step") for one in series.values()]
    # the exporters are scraped at different intervals: both on the finer grid
    frame = pd.DataFrame({name: series[name] for name in COLUMNS if name in series}).ffill(limit=4)
    frame.attrs |= {"unit": unit, "step": min((step for step in steps if step), default=None)}
    return frame


def _cores(gauges: Any, used: Any) -> pd.DataFrame | TurtleError:
    series = _levels(gauges, "slurm_cpus")
    if not isinstance(used, TurtleError) and "cores" in used:
        series["used"] = used["cores"]
    return _together(series, gauges, "slurm_cpus", _("cores"))


def _gpus(gauges: Any, jobs: Any, now: Any) -> pd.DataFrame | TurtleError:
    series = _levels(gauges, "slurm_gpus")
    of_jobs = {} if isinstance(jobs, TurtleError) else {name: jobs[column] for name, column in OF_JOBS.items() if column in jobs}
    held = of_jobs.pop("held", None)
    told = series.get("total")
    known = now.configured.gpu_count if isinstance(now, ClusterNow) else 0
    if known and (told is None or not told.notna().any() or float(told.dropna().iloc[-1]) != known):
        # the exporter counts one type of a node only, where it has several: accounting knows how many there are, jobs which they hold
        base = held if held is not None else told
        series = {} if base is None else {"total": pd.Series(float(known), index=base.index)}
        if base is not None:
            series["total"].attrs = dict(base.attrs)
        if held is not None:
            series["allocated"] = held
    if known == 0 and isinstance(now, ClusterNow) and now.configured.nodes and not of_jobs:
        return NoData(Why.NOT_APPLICABLE, "slurm_gpus_total")
    return _together({**series, **of_jobs} if series else {}, gauges, "slurm_gpus", _("GPUs"))


def subject_of(params: Mapping[str, str]) -> ClusterView:
    """The cluster, or the part staff narrow it to; names that cannot be are no narrowing: the page is open to everybody."""
    try:
        return view_of(params)
    except BadInput:
        return ClusterView()


def head(sources: Sources, viewer: Viewer, subject: ClusterView, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """The cluster's name and what the site says of it; anonymous visitors get no personal section, staff may narrow it."""
    site = sources.settings.site
    above = html.Div([html.H1(site.title), html.P(site.intro, className="tt-head-sub") if site.intro else None], className="tt-hero")
    around = ("glance",) if shown(sources.settings) else ()
    whole = ("now", *(("mine",) if viewer.signed_in else ()), "use", "free", *around)
    keys = status_narrow.KEYS if subject.holds(viewer) else whole
    if not viewer.is_staff:
        return site.title, above, keys
    return site.title, html.Div([above, filter_bar(sources.settings, subject, "/", viewer=viewer)]), keys


HELP_CORES = N_(
    "Used: cores that programs keep busy. Allocated: cores given to jobs. Usable: cores on nodes that take jobs. "
    "Total: all cores, those of nodes that are down or drained too. Cores of GPU nodes are counted."
)
HELP_GPUS = N_(
    "Used: the sum of the GPUs' utilisation, so two half busy GPUs count as one. Active: GPUs that show any use at all. Allocated: GPUs given to jobs. "
    "Usable: GPUs on nodes that take jobs. Total: all GPUs."
)


def needs(prefix: str) -> tuple[Need, ...]:
    """What a chart of the cluster's use stands on, for `python app.py check`."""
    metrics = tuple(Need(kind="metric", name=metric) for metric in GAUGES if metric.startswith(prefix))
    return (Need(kind="exporter", name="slurm_exporter"), *metrics)


CORES = Panel(
    key="cores", title=N_("Cores"), unit=N_("cores"), help=HELP_CORES, frame="cores", figure=use_figure, scope="cluster",
    needs=(*needs("slurm_cpus"), Need(kind="rule", name=USED["cores"])),
)  # fmt: skip
GPUS = Panel(
    key="gpus", title=N_("GPUs"), unit=N_("GPUs"), help=HELP_GPUS, frame="gpus", figure=use_figure, scope="cluster",
    needs=(*needs("slurm_gpus"), *(Need(kind="rule", name=rule) for rule in (USED["gpus"], HELD_GPUS, ACTIVE_GPUS))),
)  # fmt: skip
PAGE = Page(
    key="status",
    module="status",
    path="/",
    title=N_("Cluster status"),
    icon="activity",
    access=PUBLIC_STATUS,
    order=0,
    subject=subject_of,
    filters=PARAMETERS,
    head=head,
    sections=(
        Section(
            key="now", title="", query=headline_query, access=PUBLIC_STATUS, eager=True, in_contents=False,
            blocks=(
                Block(key="verdict", title="", draw=draw_verdict, bare=True, height=44),
                Block(key="tiles", title="", draw=draw_tiles, bare=True, height=132),
            ),
            needs=(Need(kind="exporter", name="slurm_exporter"), *needs_of(CLUSTER, HEARD)),
        ),
        MINE,
        status_narrow.NOW,
        status_narrow.USE,
        Section(key="use", title=N_("Use of the cluster"), query=use_query, access=PUBLIC_STATUS, in_contents=False, blocks=(MISSING,), panels=(CORES, GPUS)),
        FREE,
        GLANCE,
    ),
)  # fmt: skip
