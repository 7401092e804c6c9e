"""The front page narrowed by staff to an account, a person, a partition or a node: what that part holds now and over time."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as text
from components import graph, parts
from components.filterbar import TITLES, sentence_of
from components.links import link
from components.needs import PLAIN, needs_of
from components.records import About, Block, Figure, Frames, Panel, Section
from components.text import N_, _, error_sentence, ngettext
from core.errors import NoData, TurtleError, Why
from core.narrow import ClusterView, Narrow
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import STAFF, Viewer, only_staff
from datasources.prometheus import job_frames, narrow_batches
from datasources.prometheus.batch import Target
from datasources.prometheus.run import fetch
from datasources.slurm.narrowed import part_now, unknown
from datasources.sources import Sources

KEYS = ("part_now", "part_use")


def held(viewer: Viewer, subject: ClusterView) -> Narrow:
    """The narrowing; raises NotAllowed unless staff, NoData where nothing is narrowed."""
    only_staff(viewer, "narrowing")
    if not subject.narrow:
        raise NoData(Why.NOT_APPLICABLE, "narrowing")
    return subject.narrow


def now_query(sources: Sources, viewer: Viewer, subject: ClusterView, when: TimeRange) -> Frames:
    """`unknown`: parameters whose names accounting does not know, or an error. `part`: PartNow or an error."""
    narrow = held(viewer, subject)
    return sources.pool.gather(
        {
            "unknown": lambda: unknown(sources, viewer=viewer, narrow=narrow),
            "part": lambda: part_now(sources, viewer=viewer, narrow=narrow),
        },
        9.0,
        "slurm",
    )


def _links(about: About, narrow: Narrow) -> html.Div:
    """Ways on from here with the narrowing: its jobs, and the page of each name."""
    settings: Settings = about.settings
    found: list[Any] = []
    if settings.module_on("jobstats"):
        found.append((_("Jobs"), "/jobs", narrow.query(user=narrow.user or "*")))
    pages = (("usersummary", narrow.user, "/user/"), ("accountstats", narrow.account, "/account/"), ("nodes", narrow.node, "/node/"))
    found += [(name, base + name, {}) for module, name, base in pages if name and settings.module_on(module)]
    return html.Div([parts.page_link(said, link(settings, path, **query), "tt-btn tt-btn-small") for said, path, query in found], className="tt-runs")


def draw_now(frames: Frames, about: About) -> Any:
    """Tiles of what the part holds; a sentence for names nobody has."""
    missing, part = frames["unknown"], frames["part"]
    narrow: Narrow = about.subject.narrow
    if not isinstance(missing, TurtleError) and missing:
        return html.Div(parts.empty(sentence_of(narrow, missing), "signpost"), className="tt-card")
    if isinstance(part, TurtleError):
        return html.Div(parts.empty(error_sentence(part), "plug", "warn"), className="tt-card")
    waiting = _("· %(pending)s waiting", pending=text.number(part.pending)) if part.pending is not None else ""
    note = _("allocated now")
    share = _("this node's part of each job") if narrow.node else note
    tiles = parts.tiles(
        parts.tile(_("Jobs running"), text.number(part.running), base=waiting, note=_("array tasks counted one by one")),
        parts.tile(_("Cores"), text.number(part.cores), note=share),
        parts.tile(_("GPUs"), text.number(part.gpus), note=share) if part.gpus else None,
        parts.tile(_("Memory"), text.bytes_(part.memory), note=share),
        parts.tile(_("People"), text.number(len(part.users)), note=_("with jobs running on it") if narrow.node else _on(len(part.nodes))),
    )
    return html.Div([tiles, _links(about, narrow)])


def _on(nodes: int) -> str:
    return ngettext("with jobs on %(num)s node", "with jobs on %(num)s nodes", nodes)


def use_query(sources: Sources, viewer: Viewer, subject: ClusterView, when: TimeRange) -> Frames:
    """Wide frames cores, memory (bytes), gpus with level `what` (used, allocated; of a partition allocated, usable, total)."""
    narrow = held(viewer, subject)
    missing = unknown(sources, viewer=viewer, narrow=narrow)
    if missing:
        return dict.fromkeys(narrow_batches.KINDS, NoData(Why.NOT_APPLICABLE, "narrowing"))
    told = narrow_batches.told(narrow)
    batch = narrow_batches.recorded(sources.settings)
    if told == ("partition",):
        batch = narrow_batches.partition(sources.settings)
    elif narrow.node:
        batch = narrow_batches.on_nodes(sources.settings)
    # accounting knows these names: unknown() has compared them
    target = Target(
        users=(narrow.user,) if narrow.user else (), accounts=(narrow.account,) if narrow.account else (),
        hosts=(narrow.node,) if narrow.node else (), partitions=(narrow.partition,) if narrow.partition else (),
    )  # fmt: skip
    found = fetch(sources, (batch,), target, when, viewer=viewer)[batch.key]
    if isinstance(found, TurtleError):
        return dict.fromkeys(narrow_batches.KINDS, found)
    return _of_partition(found) if told == ("partition",) else _of_jobs(found)


def _of_jobs(found: pd.DataFrame) -> dict[str, Any]:
    frames = {kind: job_frames.part(found, kind=kind) for kind in narrow_batches.KINDS}
    return {kind: frame if frame.shape[1] else NoData(Why.NO_DATA, kind) for kind, frame in frames.items()}


def _of_partition(found: pd.DataFrame) -> dict[str, Any]:
    flat = {str(column[0]): found.iloc[:, place] for place, column in enumerate(found.columns)}
    frames: dict[str, Any] = {"memory": NoData(Why.NOT_APPLICABLE, "partition")}
    for kind, metrics in narrow_batches.PARTITION.items():
        allocated, idle, total = (flat.get(metric) for metric in metrics)
        if allocated is None or total is None or not float(total.max()) > 0:
            frames[kind] = NoData(Why.METRIC_ABSENT if not flat else Why.NO_DATA, metrics[0])
            continue
        parts_ = {"allocated": allocated, "usable": allocated + idle if idle is not None else None, "total": total}
        frame = pd.DataFrame({name: series for name, series in parts_.items() if series is not None})
        frame.columns = pd.MultiIndex.from_arrays([list(frame.columns)], names=["what"])
        frame.attrs |= dict(found.attrs)
        frames[kind] = frame
    return frames


def draw_note(frames: Frames, about: About) -> Any:
    """Which part of the narrowing the charts below show, where it is not all of it."""
    narrow: Narrow = about.subject.narrow
    shown = narrow_batches.told(narrow)
    left = [name for name in narrow.query() if name not in shown]
    if not left:
        return html.Div()
    kept = ", ".join(f"{_(TITLES[name])} {narrow.query()[name]}" for name in shown)
    said = _("The charts show %(kept)s on all partitions: use over time is not recorded by partition.", kept=kept)
    return html.P(said, className="tt-narrow-note")


def _series(frame: pd.DataFrame, name: str) -> pd.Series | None:
    found = job_frames.part(frame, what=name)
    return None if found.columns.empty else found.sum(axis=1, min_count=1)


def _figure(frame: pd.DataFrame, about: About, unit: str) -> Figure:
    step = frame.attrs.get("step")
    words = {"used": _("used"), "allocated": _("allocated"), "usable": _("usable"), "total": _("total")}
    # of a partition what is allocated is what there is to show, of jobs it is the frame around their use
    whole = _series(frame, "used") is None
    shapes: dict[str, dict[str, Any]] = {
        "used": {"role": "used", "fill": True}, "allocated": {"series_index": "s3"} if whole else {"role": "alloc"},
        "usable": {"role": "alloc"}, "total": {"role": "limit"},
    }  # fmt: skip
    lines = []
    for name, word in words.items():
        series = _series(frame, name)
        if series is not None:
            lines.append(graph.line(series, word, step=step, **shapes[name]))
    return graph.figure(lines, unit=unit, about=about, named_alone=True)


def use_cores(frame: pd.DataFrame, about: About) -> Figure:
    """Cores used below those allocated."""
    return _figure(frame, about, _("cores"))


def use_gpus(frame: pd.DataFrame, about: About) -> Figure:
    """GPUs used below those allocated."""
    return _figure(frame, about, _("GPUs"))


def use_memory(frame: pd.DataFrame, about: About) -> Figure:
    """Memory used below what is allocated."""
    return _figure(frame, about, "B")


def _has_gpus(about: About) -> bool:
    """A part without GPUs has no chart that says so; one whose figures cannot be had says why."""
    gpus = about.frames["gpus"]
    return not isinstance(gpus, NoData) or not isinstance(about.frames["cores"], pd.DataFrame)


def _needs() -> tuple[Any, ...]:
    return needs_of(*narrow_batches.all_of(PLAIN))


HELP = N_("Of a person, an account or a node: what their running jobs hold and use. Of a partition: what is allocated of its nodes, by the Slurm exporter.")
NOW = Section(
    key="part_now", title="", query=now_query, access=STAFF, eager=True, in_contents=False,
    blocks=(Block(key="part_tiles", title="", draw=draw_now, bare=True, height=132),),
)  # fmt: skip
USE = Section(
    key="part_use", title=N_("Use over time"), query=use_query, access=STAFF, in_contents=False, needs=_needs(),
    blocks=(Block(key="part_note", title="", draw=draw_note, bare=True, height=0),),
    panels=(
        Panel(key="part_cores", title=N_("Cores"), unit=N_("cores"), help=HELP, frame="cores", figure=use_cores),
        Panel(
            key="part_memory", title=N_("Memory"), unit=N_("memory"), help=HELP, frame="memory", figure=use_memory,
            shown=lambda about: narrow_batches.told(about.subject.narrow) != ("partition",),
        ),
        Panel(key="part_gpus", title=N_("GPUs"), unit=N_("GPUs"), help=HELP, frame="gpus", figure=use_gpus, shown=_has_gpus),
    ),
)  # fmt: skip
