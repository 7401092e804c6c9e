"""What is free now, by type of node and by model of GPU, and how long those had waited whose jobs began lately."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pandas as pd
from dash import html

from analysis.quantiles import quantile
from components import format as text
from components import parts
from components.records import About, Block, Frames, Section
from components.table import Column, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import NoData, TurtleError, Why
from core.gpus import model_of
from core.settings import Settings
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import share
from core.viewer import PUBLIC, PUBLIC_STATUS, Viewer
from datasources.prometheus.batch import Target
from datasources.prometheus.cluster_batches import node_sizes
from datasources.prometheus.run import fetch
from datasources.slurm.cluster import ClusterNow, cores_held
from datasources.slurm.recent_waits import recent_waits
from datasources.slurm.reserved import reservations_now
from datasources.sources import Sources
from pages.nodes_frame import kind_of
from pages.status_now import read_now

SIZES_SECONDS = 600  # nodes do not grow from one minute to the next
HELD_SECONDS = 20
WAITS_SECONDS = 300
SINCE = "{since}"  # where the time goes, which the browser writes in the reader's zone
FEWEST = 5  # of fewer jobs no wait is told: it could be one person's
KIND_COLUMNS = ("kind", "nodes", "cores", "free", "away", "use")


def sizes(sources: Sources, when: TimeRange) -> pd.DataFrame:
    """One row a node: node, cores (hardware threads), memory (bytes) float64 and gpus (text); kept for ten minutes. Raises TurtleError."""
    batch = node_sizes(sources.settings)

    def read() -> pd.DataFrame:
        found = fetch(sources, (batch,), Target(), replace(when, start=when.now - 900, end=when.now), viewer=PUBLIC)[batch.key]
        if isinstance(found, TurtleError):
            raise found
        return _by_node(found, sources.settings)

    return sources.cache.get_or_make(("node_sizes",), SIZES_SECONDS, read)


def _by_node(found: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    host = settings.metrics.host_label
    plain = found[found["what"] != "cards"].pivot_table(index=host, columns="what", values="value", aggfunc="max").reindex(columns=["cores", "memory"])
    cards: dict[str, list[str]] = {}
    for row in found[found["what"] == "cards"].to_dict("records"):
        cards.setdefault(row[host], []).append(f"{int(row['value'])}× {model_of(row['name'], settings.gpus).name}")
    table_ = pd.DataFrame({"node": plain.index.astype("str"), "cores": plain["cores"].to_numpy(), "memory": plain["memory"].to_numpy()})
    return table_.assign(gpus=[", ".join(sorted(cards.get(node, ()))) for node in table_["node"]])


def by_kind(now: ClusterNow, held: dict[str, float], measured: pd.DataFrame) -> pd.DataFrame:
    """KIND_COLUMNS: type of node, nodes, cores, free (neither held, nor out of service, nor reserved), away (not held and not to be had),
    use (share held); the largest first. A node that tells nothing (down) counts as others of its family of names."""
    known = {row["node"]: row for row in measured.to_dict("records") if row["node"] in set(now.hosts) and row["cores"] > 0}
    if not known:
        return pd.DataFrame(columns=list(KIND_COLUMNS))
    # hardware threads where Slurm counts cores: then all of them are told twice
    threads = sum(row["cores"] for row in known.values()) / max(now.configured.cores, 1)
    per_core = max(1, round(threads)) if len(known) == len(now.hosts) else 1
    families: dict[str, Counter[tuple[str, float]]] = {}
    for node, row in known.items():
        one = kind_of(row["cores"] / per_core, row["memory"], row["gpus"]), row["cores"] / per_core
        families.setdefault(node.rstrip("0123456789"), Counter())[one] += 1
    away, rows = {*now.down, *now.drained, *now.reserved_nodes}, []
    for node in now.hosts:
        family = families.get(node.rstrip("0123456789"))
        row = known.get(node)
        if row:
            kind, cores = kind_of(row["cores"] / per_core, row["memory"], row["gpus"]), row["cores"] / per_core
        else:
            kind, cores = family.most_common(1)[0][0] if family else ("", 0.0)
        taken = min(held.get(node, 0.0), cores)
        rest = cores - taken
        gone = rest if node in away else min(rest, now.reserved_cores.get(node, 0.0))
        rows.append({"kind": kind, "nodes": 1, "cores": cores, "free": rest - gone, "away": gone, "held": taken})
    found = pd.DataFrame(rows).groupby("kind", as_index=False).sum().sort_values("cores", ascending=False, ignore_index=True)
    return found.assign(use=found["held"] / found["cores"].where(found["cores"] > 0))[list(KIND_COLUMNS)]


def _or_error(call: Any) -> Any:
    try:
        return call()
    except TurtleError as error:
        return error


def kept(sources: Sources, key: str, seconds: int, make: Any) -> Any:
    """What `make` reads of accounting, one reading for all visitors, or the error that stands for it."""
    if sources.slurm is None:
        return NoData(Why.NOT_CONFIGURED, "slurm")
    return _or_error(lambda: sources.cache.get_or_make((key,), seconds, make))


def free_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`now`: ClusterNow. `kinds`: by_kind's frame. `free`: free_rows. `waits`: waits_table's frame. `reserved`: reservations, named for staff. Or errors."""
    calls = {
        "now": lambda: read_now(sources),
        "held": lambda: kept(sources, "cores_held", HELD_SECONDS, lambda: cores_held(sources, viewer=PUBLIC)),
        "sizes": lambda: _or_error(lambda: sizes(sources, when)),
        "waits": lambda: kept(sources, "recent_waits", WAITS_SECONDS, lambda: recent_waits(sources, viewer=PUBLIC)),
        "reserved": lambda: _or_error(lambda: reservations_now(sources, viewer=viewer)) if sources.slurm is not None else (),
    }
    found = sources.pool.gather(calls, 9.0)
    now, held, measured, waits = (found[name] for name in ("now", "held", "sizes", "waits"))
    failed = next((one for one in (now, held, measured) if isinstance(one, TurtleError)), None)
    kinds = failed if failed is not None else by_kind(now, held, measured)
    return {
        "now": now, "kinds": kinds, "free": now if isinstance(now, TurtleError) else pd.DataFrame(free_rows(now, kinds, sources.settings)),
        "waits": waits if isinstance(waits, TurtleError) else waits_table(waits), "reserved": found["reserved"],
    }  # fmt: skip


def waits_table(counts: pd.DataFrame) -> pd.DataFrame:
    """One row a partition, most jobs first: partition, jobs, median, p90 (s). Of fewer than FEWEST jobs neither number nor wait is told (NaN).
    attrs since: see recent_waits."""
    rows = []
    for name, own in counts.groupby("partition"):
        jobs = int(own["jobs"].sum())
        few = jobs < FEWEST
        values = [float("nan")] * 2 if few else [quantile(own["bucket"].tolist(), own["jobs"].tolist(), part) for part in (0.5, 0.9)]
        rows.append({"partition": str(name), "jobs": float("nan") if few else float(jobs), "median": values[0], "p90": values[1]})
    found = pd.DataFrame(rows, columns=["partition", "jobs", "median", "p90"]).astype({"partition": "str"})
    found = found.sort_values(["jobs", "partition"], ascending=[False, True], na_position="last", ignore_index=True)
    found.attrs["since"] = counts.attrs.get("since")
    return found


def _gpu_name(kind: str, settings: Settings) -> str:
    model = model_of(kind, settings.gpus)
    return (_("%(profile)s slice", profile=model.name) if model.mig else model.name) if kind else _("GPU")


def free_rows(now: ClusterNow, kinds: Any, settings: Settings) -> list[dict[str, Any]]:
    """Rows of the table: types of nodes in cores (one row for all where the types are not known), then models of GPUs."""
    rows: list[dict[str, Any]] = []
    if isinstance(kinds, pd.DataFrame) and len(kinds):
        for row in kinds.to_dict("records"):
            what = ngettext("%(kind)s (%(num)s node)", "%(kind)s (%(num)s nodes)", int(row["nodes"]), kind=row["kind"] or _("other"))
            numbers = {name: round(row[column]) for name, column in (("free", "free"), ("whole", "cores"), ("away", "away"))}
            rows.append({"what": what, "unit": _("cores"), "use": row["use"], **numbers})
    else:
        use = share(now.allocated.cores, now.configured.cores)
        rows.append({"what": _("All nodes"), "unit": _("cores"), "free": now.free_cores, "whole": now.configured.cores, "away": now.away_cores, "use": use})
    free = now.free_gpus()
    for kind in sorted(free, key=lambda one: -now.configured.gpus[one]):
        whole = now.configured.gpus[kind]
        unit = _("slices") if model_of(kind, settings.gpus).mig else _("GPUs")
        use = share(now.allocated.gpus[kind], whole)
        rows.append({"what": _gpu_name(kind, settings), "unit": unit, "free": free[kind], "whole": whole, "away": now.away_gpus(kind), "use": use})
    return rows


def _free_cell(row: dict[str, Any]) -> Any:
    return html.Span([html.B(text.number(row["free"])), " ", html.Span(row["unit"], className="tt-muted")])


def _reserved_note(frames: Frames, now: ClusterNow, about: About) -> Any:
    if not now.reservations_known:
        return html.P(_("Reservations cannot be read: some of what is free here may be reserved."), className="tt-narrow-note")
    count = len(now.reserved_cores)
    if not count:
        return None
    unsized = len(now.reserved_unsized)
    one, many = N_("%(num)s node is reserved now, in whole or in part."), N_("%(num)s nodes are reserved now, in whole or in part.")
    said: list[Any] = [ngettext(one, many, count)]
    found = frames["reserved"]
    if about.viewer.is_staff and not isinstance(found, TurtleError):
        for one in found:
            nodes = ", ".join(one.nodes[:4]) + (" …" if len(one.nodes) > 4 else "")
            said += [" ", _("%(name)s (%(nodes)s) until", name=one.name, nodes=nodes), " ", text.moment(one.end) if one.end else _("it is ended"), "."]
    if unsized:
        one, many = N_("What %(num)s of them holds is not known: its GPUs count as free."), N_("What %(num)s of them hold is not known: their GPUs count as free.")
        said += [" ", ngettext(one, many, unsized)]
    return html.P(said, className="tt-narrow-note")


def draw_free(frames: Frames, about: About) -> Any:
    """What is free now: cores by type of node, GPUs by model."""
    now = frames["now"]
    if isinstance(now, TurtleError) or not now.configured.nodes:
        return parts.empty(error_sentence(now if isinstance(now, TurtleError) else NoData(Why.NO_DATA)))
    frame = frames["free"]
    columns = [
        Column(key="what", title=N_("Type"), phone=True),
        Column(key="free", title=N_("Free"), kind="number", phone=True, draw=_free_cell),
        Column(key="whole", title=N_("of"), kind="number"),
        Column(key="away", title=N_("Unavailable"), kind="number", help=N_("Held by nobody, on nodes that are down, drained or reserved")),
        Column(key="use", title=N_("In use"), kind="bar", help=N_("Allocated to jobs"), role=lambda value: "bad" if value >= 0.995 else "used"),
    ]
    shown = [column for column in columns if column.key != "away" or frame["away"].sum() > 0]
    kinds = frames["kinds"]
    untold = html.P(_("Types of nodes cannot be told apart: %(why)s", why=error_sentence(kinds)), className="tt-narrow-note") if isinstance(kinds, TurtleError) else None
    return html.Div([table(frame, shown, filtered=False), untold, _reserved_note(frames, now, about)])


def _jobs(row: dict[str, Any]) -> Any:
    return text.number(row["jobs"]) if row["jobs"] == row["jobs"] else html.Span(_("fewer than %(count)s", count=FEWEST), className="tt-muted")


def draw_waits(frames: Frames, about: About) -> Any:
    """How long jobs that began within a day had waited, by partition."""
    frame = frames["waits"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame))
    columns = (
        Column(key="partition", title=N_("Partition"), phone=True),
        Column(key="jobs", title=N_("Jobs"), kind="number", draw=_jobs),
        Column(key="median", title=N_("Half waited less than"), kind="duration", phone=True, alone=N_("Half")),
        Column(key="p90", title=N_("9 of 10 less than"), kind="duration", phone=True, alone=N_("9 of 10")),
    )
    found = table(frame, columns, empty=N_("No job began within the last 24 hours."), filtered=False)
    since = frame.attrs.get("since")
    if since is None:
        return found
    said = _("So many jobs end here that the newest stand for all: those that ended since %(time)s, and those that have not ended.", time=SINCE)
    before, _mark, after = said.partition(SINCE)
    return html.Div([found, html.P([before, text.moment(since), after], className="tt-narrow-note")])


HELP_FREE = N_(
    "Free: neither allocated to a job, nor on a node that is down or drained, nor reserved. A job may still wait while cores are free: "
    "they can be spread over nodes that lack memory, or kept for a larger job that is about to start. Types of nodes are told in cores, models of GPUs in GPUs."
)
HELP_WAITS = N_(
    "Of the jobs that began within the last 24 hours, from the moment they could have run to their start; time on hold or behind another job does not count. "
    "Counted in steps of 10 %, so a wait is at most 5 % off. Of fewer than five jobs nothing is told."
)
FREE = Section(
    key="free", title=N_("Free now and waiting times"), query=free_query, access=PUBLIC_STATUS, in_contents=False,
    blocks=(
        Block(key="free", title=N_("Free now"), draw=draw_free, help=HELP_FREE, csv="free", height=260),
        Block(key="waits", title=N_("How long jobs waited"), draw=draw_waits, help=HELP_WAITS, csv="waits", height=260),
    ),
)  # fmt: skip
