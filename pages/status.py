"""The front page: the cluster now and over time for everybody, and what is mine for those signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from dash import html

from components import format as text
from components import graph, parts
from components.filterbar import filter_bar
from components.records import About, Block, Figure, Frames, Need, Page, Panel, Section
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import BadInput, NoData, TurtleError, Why
from core.gpus import model_of
from core.narrow import PARAMETERS, ClusterView, view_of
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import share
from core.viewer import ANYONE, PUBLIC, Viewer
from datasources.prometheus.batch import Target
from datasources.prometheus.cluster_batches import CLUSTER, CLUSTER_USED, GAUGES, USED
from datasources.prometheus.run import fetch
from datasources.slurm.cluster import cluster_now
from datasources.sources import Sources
from pages import status_narrow
from pages.status_mine import MINE

DAY = 86400
NOW_SECONDS = 20  # one reading of the accounting database serves all visitors for so long


def read_now(sources: Sources) -> Any:
    """ClusterNow, or the error that stands for it; one reading for all visitors."""
    if sources.slurm is None:
        return NoData(Why.NOT_CONFIGURED, "slurm")
    try:
        return sources.cache.get_or_make(("cluster_now",), NOW_SECONDS, lambda: cluster_now(sources, viewer=PUBLIC))
    except TurtleError as error:
        return error


def _series(sources: Sources, when: TimeRange) -> dict[str, Any]:
    found = fetch(sources, (CLUSTER, CLUSTER_USED), Target(), when, viewer=PUBLIC)
    return {key: value if isinstance(value, TurtleError) else _flat(value) for key, value in found.items()}


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with plain column names; an empty one keeps its index."""
    flat = frame.copy()
    flat.columns = pd.Index([str(column[0]) if isinstance(column, tuple) else str(column) for column in frame.columns], dtype="str")
    return flat


def headline_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`now`: ClusterNow or error. `cluster`, `cluster_used`: the last 24 hours, wide, plain columns (see cluster_batches)."""
    day = replace(when, start=when.now - DAY, end=when.now, points=180)
    calls = {"now": lambda: read_now(sources), "series": lambda: _series(sources, day)}
    found = sources.pool.gather(calls, 9.0)
    series = found["series"]
    if isinstance(series, TurtleError):
        series = {"cluster": series, "cluster_used": series}
    return {"now": found["now"], **series}


def use_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Wide frames over the page's range. `cores` and `gpus`: columns used, allocated, usable, total (cores; GPUs)."""
    found = _series(sources, when)
    return {kind: _levels(found, prefix, kind) for kind, prefix in (("cores", "slurm_cpus"), ("gpus", "slurm_gpus"))}


def _levels(found: Mapping[str, Any], prefix: str, kind: str) -> pd.DataFrame | TurtleError:
    gauges, used = found["cluster"], found["cluster_used"]
    if isinstance(gauges, TurtleError) and isinstance(used, TurtleError):
        return gauges
    parts_: dict[str, pd.Series] = {}
    if not isinstance(used, TurtleError) and kind in used:
        parts_["used"] = used[kind]
    if not isinstance(gauges, TurtleError):
        if f"{prefix}_alloc" in gauges:
            parts_["allocated"] = gauges[f"{prefix}_alloc"]
        if f"{prefix}_alloc" in gauges and f"{prefix}_idle" in gauges:
            parts_["usable"] = gauges[f"{prefix}_alloc"] + gauges[f"{prefix}_idle"]
        if f"{prefix}_total" in gauges:
            parts_["total"] = gauges[f"{prefix}_total"]
    steps = [series.attrs.get("step") for series in parts_.values()]
    if not parts_:
        # the exporter answers, but knows none of these: a cluster without GPUs
        counts_others = not isinstance(gauges, TurtleError) and len(gauges.columns) > 0
        return NoData(Why.METRIC_ABSENT if counts_others else Why.NO_DATA, f"{prefix}_total")
    # the exporters are scraped at different intervals: both on the finer grid
    frame = pd.DataFrame(parts_).ffill(limit=4)
    frame.attrs |= {"unit": _("cores") if kind == "cores" else _("GPUs"), "step": min((step for step in steps if step), default=None)}
    return frame


def _trend(frames: Frames, name: str, role: str, top: float | None = None, frame: str = "cluster") -> Any:
    series = frames.get(frame)
    if not isinstance(series, pd.DataFrame) or name not in series or series[name].notna().sum() < 2:
        return None
    return parts.spark(series[name].to_numpy(), role, _("the last 24 hours"), top)


def _last(frames: Frames, name: str) -> float | None:
    series = frames.get("cluster")
    if not isinstance(series, pd.DataFrame) or name not in series:
        return None
    known = series[name].dropna()
    return float(known.iloc[-1]) if len(known) else None


def _use_tile(label: str, used: float | None, whole: float | None, trend: Any, unit: str) -> Any:
    part = share(used, whole)
    base = _("of %(whole)s", whole=text.number(whole)) if whole is not None else ""
    note = _("%(share)s allocated", share=text.percent(part)) if part is not None else ""
    return parts.tile(label, text.number(used), base=base, share=part, note=note, extra=trend, title=unit)


def draw_tiles(frames: Frames, about: About) -> Any:
    """Cores, GPUs, jobs and nodes now, each with its last day."""
    now = frames.get("now")
    known = now if now is not None and not isinstance(now, Exception) else None
    cores = (known.allocated.cores, known.configured.cores) if known else (_last(frames, "slurm_cpus_alloc"), _last(frames, "slurm_cpus_total"))
    gpus = (known.allocated.gpu_count, known.configured.gpu_count) if known else (_last(frames, "slurm_gpus_alloc"), _last(frames, "slurm_gpus_total"))
    jobs = (known.running, known.pending) if known else (_last(frames, "slurm_queue_running"), _last(frames, "slurm_queue_pending"))
    if cores[1] is None and jobs[0] is None:
        error = now if isinstance(now, TurtleError) else NoData(Why.NO_DATA)
        return html.Div(parts.empty(error_sentence(error), "plug", "warn"), className="tt-card")
    waiting = _("· %(pending)s waiting", pending=text.number(jobs[1]))
    found = [
        _use_tile(_("Cores in use"), *cores, _trend(frames, "slurm_cpus_alloc", "used", cores[1]), _("allocated to jobs")),
        _use_tile(_("GPUs in use"), *gpus, _trend(frames, "slurm_gpus_alloc", "used", gpus[1]), _("allocated to jobs")) if gpus[1] else None,
        parts.tile(_("Jobs running"), text.number(jobs[0]), base=waiting, note=_("array tasks counted one by one"), extra=_trend(frames, "slurm_queue_running", "info")),
        _nodes_tile(known) if known else None,
    ]
    return parts.tiles(*found)


def _nodes_tile(now: Any) -> Any:
    down, drained = len(now.down), len(now.drained)
    whole = now.configured.nodes
    up = max(whole - down - drained, 0)
    pieces = [
        (up, "used", _("%(count)s up", count=text.number(up))),
        (drained, "waste", _("%(count)s drained", count=text.number(drained))),
        (down, "bad", _("%(count)s down", count=text.number(down))),
    ]
    note = " · ".join(piece[2] for piece in pieces)
    return parts.tile(_("Nodes"), text.number(up), base=_("of %(whole)s up", whole=text.number(whole)), note=note, extra=parts.segments(pieces))


def draw_free(frames: Frames, about: About) -> Any:
    """What is free now: cores, and GPUs by model."""
    now = frames.get("now")
    if isinstance(now, TurtleError) or now is None:
        return parts.empty(error_sentence(now if now is not None else NoData(Why.NO_DATA)))
    rows = [{"what": _("CPU cores"), "free": now.free_cores, "whole": now.configured.cores, "use": share(now.allocated.cores, now.configured.cores)}]
    for kind, free in sorted(now.free_gpus().items(), key=lambda one: -now.configured.gpus[one[0]]):
        whole = now.configured.gpus[kind]
        model = model_of(kind, about.settings.gpus)
        name = _("%(profile)s slice", profile=model.name) if model.mig else model.name
        rows.append({"what": name if kind else _("GPU"), "free": free, "whole": whole, "use": share(now.allocated.gpus[kind], whole)})
    columns = (
        Column(key="what", title=N_("What"), phone=True), Column(key="free", title=N_("Free"), kind="number", phone=True),
        Column(key="whole", title=N_("Total"), kind="number"), Column(key="use", title=N_("Allocated"), kind="bar", phone=True),
    )  # fmt: skip
    return table(pd.DataFrame(rows), columns, sortable=False, filtered=False)


def use_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Used below allocated below usable below total."""
    names = {"used": _("used"), "allocated": _("allocated"), "usable": _("usable"), "total": _("total")}
    shapes: dict[str, dict[str, Any]] = {
        "used": {"role": "used", "fill": True}, "allocated": {"series_index": "s3"}, "usable": {"role": "alloc"}, "total": {"role": "limit"},
    }  # fmt: skip
    drawn = [graph.line(frame[key], names[key], **shapes[key]) for key in names if key in frame]
    top = float(frame["total"].max()) if "total" in frame else None
    return graph.figure(drawn, unit=str(frame.attrs.get("unit", "")), about=about, y_max=top)


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
    keys = status_narrow.KEYS if subject.holds(viewer) else ("now", "mine", "use", "free") if viewer.signed_in else ("now", "use", "free")
    if not viewer.is_staff:
        return site.title, above, keys
    return site.title, html.Div([above, filter_bar(sources.settings, subject, "/", viewer=viewer)]), keys


HELP_CORES = N_(
    "Used: cores that programs keep busy. Allocated: cores given to jobs. Usable: cores on nodes that take jobs. "
    "Total: all cores, those of nodes that are down or drained too. Cores of GPU nodes are counted."
)
HELP_GPUS = N_(
    "Used: the sum of the GPUs' utilisation, so two half busy GPUs count as one. Allocated: GPUs given to jobs. "
    "Usable: GPUs on nodes that take jobs. Total: all GPUs."
)



def needs(prefix: str, kind: str) -> tuple[Need, ...]:
    """What a chart of the cluster's use stands on, for `python app.py check`."""
    metrics = tuple(Need(kind="metric", name=metric) for metric in GAUGES if metric.startswith(prefix))
    return (Need(kind="exporter", name="slurm_exporter"), *metrics, Need(kind="rule", name=USED[kind]))


HELP_FREE = N_("Neither allocated to a job nor on a node that is down or drained.")

PAGE = Page(
    key="status",
    module="status",
    path="/",
    title=N_("Cluster status"),
    icon="activity",
    access=ANYONE,
    order=0,
    subject=subject_of,
    filters=PARAMETERS,
    head=head,
    sections=(
        Section(
            key="now", title="", query=headline_query, access=ANYONE, eager=True, in_contents=False,
            blocks=(Block(key="tiles", title="", draw=draw_tiles, bare=True, height=132),),
            needs=(Need(kind="exporter", name="slurm_exporter"), *(Need(kind="metric", name=metric) for metric in GAUGES)),
        ),
        MINE,
        status_narrow.NOW,
        status_narrow.USE,
        Section(
            key="use", title=N_("Use of the cluster"), query=use_query, access=ANYONE, in_contents=False,
            panels=(
                Panel(
                    key="cores", title=N_("Cores"), unit=N_("cores"), help=HELP_CORES, frame="cores", figure=use_figure, scope="cluster",
                    needs=needs("slurm_cpus", "cores"),
                ),
                Panel(
                    key="gpus", title=N_("GPUs"), unit=N_("GPUs"), help=HELP_GPUS, frame="gpus", figure=use_figure, scope="cluster",
                    needs=needs("slurm_gpus", "gpus"),
                ),
            ),
        ),
        Section(
            key="free", title=N_("Free now"), query=lambda sources, viewer, subject, when: {"now": read_now(sources)}, access=ANYONE,
            blocks=(Block(key="free", title=N_("Cores and GPUs"), draw=draw_free, help=HELP_FREE, height=200),),
        ),
    ),
)  # fmt: skip
