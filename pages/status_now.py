"""The head of the front page: is the cluster well, in one sentence, and its numbers now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from dash import html

from components import format as text
from components import parts
from components.records import About, Frames
from components.text import _, error_sentence, ngettext
from core.errors import NoData, TurtleError, Why
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import share
from core.viewer import PUBLIC, Viewer
from datasources.prometheus.batch import Target
from datasources.prometheus.cluster_batches import CLUSTER, HEARD
from datasources.prometheus.run import fetch
from datasources.slurm.cluster import ClusterNow, cluster_now
from datasources.sources import Sources

DAY = 86400
NOW_SECONDS = 20  # one reading of the accounting database serves all visitors for so long
SILENT = 600  # seconds without a word of the scheduler's exporter after which it is worth saying
MANY_DOWN = 0.1  # this share of the nodes out of service is trouble, less is worth saying


def read_now(sources: Sources) -> Any:
    """ClusterNow, or the error that stands for it; one reading for all visitors."""
    if sources.slurm is None:
        return NoData(Why.NOT_CONFIGURED, "slurm")
    try:
        return sources.cache.get_or_make(("cluster_now", "reserved"), NOW_SECONDS, lambda: cluster_now(sources, viewer=PUBLIC))
    except TurtleError as error:
        return error


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with plain column names; an empty one keeps its index."""
    found = frame.copy()
    found.columns = pd.Index([str(column[0]) if isinstance(column, tuple) else str(column) for column in frame.columns], dtype="str")
    return found


def headline_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`now`: ClusterNow or error. `cluster`: the last 24 hours, wide, plain columns (see cluster_batches). `heard`: when the scheduler's
    exporter was last read (UTC s), None where it was not for hours, or an error."""
    day = replace(when, start=when.now - DAY, end=when.now)  # as fine as the charts of the usual range, so that both ask once
    calls = {"now": lambda: read_now(sources), "series": lambda: fetch(sources, (CLUSTER, HEARD), Target(), day, viewer=PUBLIC)}
    found = sources.pool.gather(calls, 9.0)
    series = found["series"]
    if isinstance(series, TurtleError):
        series = {CLUSTER.key: series, HEARD.key: series}
    cluster, heard = series[CLUSTER.key], series[HEARD.key]
    if isinstance(heard, pd.DataFrame):
        heard = float(heard["value"].max()) if len(heard) else None
    return {"now": found["now"], "cluster": cluster if isinstance(cluster, TurtleError) else flat(cluster), "heard": heard}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How the cluster is: `tone` good, warn, bad or muted, a word for it, and the sentence."""

    tone: str
    word: str
    sentence: str


def _known(frames: Frames) -> ClusterNow | None:
    now = frames.get("now")
    return now if isinstance(now, ClusterNow) and now.configured.nodes else None


def _last(frames: Frames, name: str) -> float | None:
    series = frames.get("cluster")
    if not isinstance(series, pd.DataFrame) or name not in series:
        return None
    known = series[name].dropna()
    return float(known.iloc[-1]) if len(known) else None


def _cores(frames: Frames) -> tuple[float | None, float | None]:
    now = _known(frames)
    return (now.allocated.cores, now.configured.cores) if now else (_last(frames, "slurm_cpus_alloc"), _last(frames, "slurm_cpus_total"))


def _use_sentence(frames: Frames) -> str:
    part = share(*_cores(frames))
    return _("%(share)s of the cores are in use", share=text.percent(part)) if part is not None else ""


def silence(frames: Frames, when: TimeRange) -> str:
    """What to say of a scheduler whose exporter is not heard from; "" while it is, or where no exporter tells."""
    heard, series = frames.get("heard"), frames.get("cluster")
    if isinstance(heard, float) and when.now - heard > SILENT:
        return _("The scheduler has not been heard from for %(time)s", time=text.duration(when.now - heard))
    if heard is None and isinstance(series, pd.DataFrame) and series.notna().to_numpy().any():
        return _("The scheduler has not been heard from for hours")
    return ""


def verdict(frames: Frames, when: TimeRange) -> Verdict:
    """The cluster in a sentence: the worst first, each with what it is out of."""
    quiet, now, use = silence(frames, when), _known(frames), _use_sentence(frames)
    if quiet:
        return Verdict(tone="bad", word=_("No news"), sentence=_("%(said)s: what is shown here may be old.", said=quiet))
    if now is None:
        if not use:
            failed = next((one for one in (frames.get("now"), frames.get("cluster")) if isinstance(one, TurtleError)), NoData(Why.NO_DATA))
            return Verdict(tone="muted", word=_("Not known"), sentence=error_sentence(failed))
        return Verdict(tone="muted", word=_("Partly known"), sentence=_("%(use)s. Which nodes are up cannot be read at the moment.", use=use))
    return _of_nodes(now, use)


def _of_nodes(now: ClusterNow, use: str) -> Verdict:
    whole, down, drained = now.configured.nodes, len(now.down), len(now.drained)
    up = max(whole - down - drained, 0)
    bad = (down + drained) / whole >= MANY_DOWN
    if down:
        tone, word = ("bad", _("Trouble")) if bad else ("warn", _("Some nodes down"))
        sentence = ngettext("%(num)s of %(whole)s nodes is down; %(use)s.", "%(num)s of %(whole)s nodes are down; %(use)s.", down, whole=text.number(whole), use=use)
        return Verdict(tone=tone, word=word, sentence=sentence)
    if bad:
        said = ngettext(
            "%(num)s of %(whole)s nodes is drained and takes no new jobs; %(use)s.", "%(num)s of %(whole)s nodes are drained and take no new jobs; %(use)s.",
            drained, whole=text.number(whole), use=use,
        )  # fmt: skip
        return Verdict(tone="warn", word=_("Reduced"), sentence=said)
    nodes = _("%(up)s of %(whole)s nodes are up", up=text.number(up), whole=text.number(whole))
    return Verdict(tone="good", word=_("Running well"), sentence=_("The cluster is running normally: %(nodes)s, %(use)s.", nodes=nodes, use=use))


def draw_verdict(frames: Frames, about: About) -> Any:
    """The sentence, with its badge."""
    found = verdict(frames, about.when)
    return html.Div([parts.badge(found.word, found.tone), html.Span(found.sentence)], className=f"tt-verdict tt-verdict-{found.tone}", role="status")


def _trend(frames: Frames, name: str, role: str, top: float | None = None) -> Any:
    series = frames.get("cluster")
    if not isinstance(series, pd.DataFrame) or name not in series or series[name].notna().sum() < 2:
        return None
    return parts.spark(series[name].to_numpy(), role, _("the last 24 hours"), top)


def _use_tile(label: str, used: float | None, whole: float | None, trend: Any) -> Any:
    part = share(used, whole)
    base = _("of %(whole)s", whole=text.number(whole)) if whole is not None else ""
    note = _("%(share)s allocated to jobs", share=text.percent(part)) if part is not None else ""
    return parts.tile(label, text.number(used), base=base, share=part, note=note, extra=trend, title=_("allocated to jobs"))


def draw_tiles(frames: Frames, about: About) -> Any:
    """Cores, GPUs, jobs and nodes now, each with its last day."""
    known, cores = _known(frames), _cores(frames)
    gpus = (known.allocated.gpu_count, known.configured.gpu_count) if known else (_last(frames, "slurm_gpus_alloc"), _last(frames, "slurm_gpus_total"))
    jobs = (known.running, known.pending) if known else (_last(frames, "slurm_queue_running"), _last(frames, "slurm_queue_pending"))
    if cores[1] is None and jobs[0] is None:
        now = frames.get("now")
        error = now if isinstance(now, TurtleError) else NoData(Why.NO_DATA)
        return html.Div(parts.empty(error_sentence(error), "plug", "warn"), className="tt-card")
    waiting = _("· %(pending)s waiting", pending=text.number(jobs[1]))
    return parts.tiles(
        _use_tile(_("Cores in use"), *cores, _trend(frames, "slurm_cpus_alloc", "used", cores[1])),
        _use_tile(_("GPUs in use"), *gpus, _trend(frames, "slurm_gpus_alloc", "used", gpus[1])) if gpus[1] else None,
        parts.tile(_("Jobs running"), text.number(jobs[0]), base=waiting, note=_("array tasks counted one by one"), extra=_trend(frames, "slurm_queue_running", "info")),
        _nodes_tile(known) if known else None,
    )


def _nodes_tile(now: ClusterNow) -> Any:
    down, drained, reserved = len(now.down), len(now.drained), len(now.reserved_nodes)
    whole = now.configured.nodes
    up = max(whole - down - drained, 0)
    pieces = [
        (up - reserved, "used", _("%(count)s in service", count=text.number(up - reserved))),
        (reserved, "info", _("%(count)s reserved", count=text.number(reserved))),
        (drained, "waste", _("%(count)s drained", count=text.number(drained))),
        (down, "bad", _("%(count)s down", count=text.number(down))),
    ]
    unknown = [] if now.reservations_known else [_("reserved: not known")]
    note = " · ".join([*(said for count, _role, said in pieces if count), *unknown])
    return parts.tile(_("Nodes"), text.number(up), base=_("of %(whole)s up", whole=text.number(whole)), note=note, extra=parts.segments(pieces))
