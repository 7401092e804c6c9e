"""Scientific software: which programs the cluster's cores and GPUs are used for, without anybody's name."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from analysis.software import PROGRAM, UNACCOUNTED, UNIDENTIFIED
from components import format as text
from components import parts
from components.charts.software import CORES, FIELD, GPUS
from components.needs import PLAIN, needs_of
from components.records import About, Block, Frames, Need, Page, Section
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import TurtleError
from core.subjects import CLUSTER
from core.viewer import PUBLIC_PAGES
from datasources.prometheus import software_batches
from pages.software_query import HELD, cores_query, gpus_query, said_span, span, table_query

MOST = 200  # rows of the table: the programs with most cores, and what has no name


def _share(frame: pd.DataFrame, *kinds: str) -> float:
    return float(frame.loc[frame["kind"].isin(kinds), "share"].sum())


def draw_tiles(frames: Frames, about: About) -> Any:
    """Cores in use, how much of that has a name, how much comes from CVMFS, and over which time."""
    frame = frames["programs"]
    if isinstance(frame, TurtleError):
        return html.Div(parts.empty(error_sentence(frame), "plug", "warn"), className="tt-card")
    whole, named = float(frame["cores"].sum()), _share(frame, PROGRAM)
    first, cvmfs = frame[frame["kind"] == PROGRAM].iloc[:1], float(frame["cvmfs"].sum())
    told = float(frame.loc[frame["kind"] != UNACCOUNTED, "cores"].sum())
    tiles = parts.tiles(
        parts.tile(_("Cores in use"), text.number(whole), note=_("on average, by all jobs")),
        parts.tile(
            _("Programs with a name"), text.percent(named), share=named, base=_("of the cores"),
            note=_("%(share)s unidentified, %(rest)s unaccounted", share=text.percent(_share(frame, UNIDENTIFIED)), rest=text.percent(_share(frame, UNACCOUNTED))),
        ),
        parts.tile(_("Most used"), first["program"].iloc[0], note=_("%(cores)s cores", cores=text.number(float(first["cores"].iloc[0])))) if len(first) else None,
        parts.tile(_("From CVMFS"), text.percent(cvmfs / told), share=cvmfs / told, note=_("of what programs are known to use")) if cvmfs > 0 else None,
    )  # fmt: skip
    attrs = frame.attrs
    said = [_("Means from"), " ", text.moment(attrs["from"]), " ", _("to"), " ", text.moment(attrs["to"]), ". ", said_span(about.when)]
    return html.Div([tiles, html.P(said, className="tt-narrow-note")])


def draw_table(frames: Frames, about: About) -> Any:
    """All programs with what they hold."""
    frame = frames["table"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame))
    columns = [
        Column(key="program", title=N_("Program"), phone=True),
        Column(key="field", title=N_("Field")),
        Column(key="cores", title=N_("Cores in use"), kind="number", phone=True, help=N_("CPU cores kept busy, on average")),
        Column(key="share", title=N_("Share"), kind="bar", phone=True, help=N_("Of all cores in use")),
        Column(key="cvmfs", title=N_("From CVMFS"), kind="number", help=N_("Cores in use by executables on CVMFS")),
        Column(key="gpus", title=N_("GPUs"), kind="number", help=N_("GPUs allocated, busy or not, on average")),
        Column(key="gpu_cores", title=N_("Cores of GPU jobs"), kind="number", help=N_("CPU cores allocated to jobs with GPUs, on average")),
    ]
    shown = [column for column in columns if column.key not in ("cvmfs", "gpus", "gpu_cores") or bool((frame[column.key] > 0).any())]
    body = table(frame, shown, empty=N_("No program was measured."), most=MOST, keep=frame.attrs.get("unnamed", 0))
    lines = dict.fromkeys(_("What GPU jobs use is missing here: %(why)s", why=error_sentence(error)) for error in frame.attrs.get("unread", {}).values())
    return html.Div([parts.missing(tuple(lines)), body]) if lines else body


NEEDS = (Need(kind="exporter", name=software_batches.JOB), *needs_of(software_batches.cores(PLAIN)))
GPU_NEEDS = (Need(kind="exporter", name=software_batches.JOB), *needs_of(*(software_batches.held(PLAIN, what) for what in HELD)))
HELP_TABLE = N_("One row a program. What has no name in the portal's table of programs is “Unidentified”; see the help of the charts above.")
PAGE = Page(
    key="software", module="overview", path="/software", title=N_("Software"), icon="code-slash", access=PUBLIC_PAGES, order=10,
    subject=lambda params: CLUSTER, span=span,
    description=N_("Which programs the cluster is used for"),
    sections=(
        Section(
            key="cores", title=N_("CPU cores in use"), query=cores_query, access=PUBLIC_PAGES, eager=True, needs=NEEDS, panels=FIELD,
            blocks=(Block(key="tiles", title="", draw=draw_tiles, bare=True, height=150),),
        ),
        Section(key="shares", title=N_("Programs and stacks"), query=cores_query, access=PUBLIC_PAGES, needs=NEEDS, panels=CORES),
        Section(key="gpus", title=N_("Allocated to GPU jobs"), query=gpus_query, access=PUBLIC_PAGES, needs=GPU_NEEDS, panels=GPUS),
        Section(
            key="programs", title=N_("All programs"), query=table_query, access=PUBLIC_PAGES, needs=(*NEEDS, *GPU_NEEDS),
            blocks=(Block(key="programs", title=N_("Programs"), draw=draw_table, csv="table", help=HELP_TABLE, height=420),),
        ),
    ),
)  # fmt: skip
