"""Staff: who loads the parallel file systems, over any range: operations and bandwidth by person, account or job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from dash import html

from components import parts
from components.charts import top as charts
from components.links import account_link, job_link, link, user_link
from components.needs import PLAIN, needs_of
from components.records import About, Block, Figure, Frames, Page, Panel, Section
from components.table import Column, table
from components.text import N_, _
from core.errors import NoData, NotFound, TurtleError, Why
from core.narrow import PARAMETERS, ClusterView, view_of
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import STAFF, Viewer
from datasources.prometheus import top_batches
from datasources.prometheus.batch import Target
from datasources.prometheus.job_frames import part
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm.people import associations_in, associations_of
from datasources.sources import Sources
from pages import top_common as common

BY = ("user", "account", "job")
BY_WORDS = {"user": N_("By person"), "account": N_("By account"), "job": N_("By job")}
MOST_NAME = 64
UNITS = {
    "operations": "1/s", "peak": "1/s", "peak_at": "UTC", "read": "bytes/s", "written": "bytes/s", "read_total": "bytes", "written_total": "bytes",
    "share": "of 1",
}  # fmt: skip


def subject_of(params: Mapping[str, str]) -> ClusterView:
    """The narrowing, what a line is (`by`), and one file system (`fs`) or all."""
    view = view_of(params, by=BY)
    name = params.get("fs", "").strip()
    return replace(view, extra=(*view.extra, ("fs", name))) if name and len(name) <= MOST_NAME and name.isprintable() else view


def _target(sources: Sources, view: ClusterView) -> Target:
    """The person and account of the narrowing, if Slurm knows them: only such names become part of a query. Raises NotFound, NoData."""
    narrow = view.narrow
    if not (narrow.user or narrow.account):
        return Target()
    if sources.slurm is None:
        raise NoData(Why.NOT_CONFIGURED, "slurm")
    known = (not narrow.user or associations_of(sources.slurm, narrow.user)) and (not narrow.account or associations_in(sources.slurm, narrow.account))
    if not known:
        raise NotFound("no such person or account")
    return Target(users=(narrow.user,) if narrow.user else (), accounts=(narrow.account,) if narrow.account else ())


def _of(frame: pd.DataFrame, fs: str, **wanted: str) -> pd.DataFrame:
    """The columns of one kind, of one file system if one is chosen; every level but `what` is kept."""
    found = part(frame, **wanted)
    if fs:
        found = found.loc[:, found.columns.get_level_values("fs") == fs]
    found.attrs = dict(frame.attrs)
    return found


# a name that Slurm does not know, as the bar of filters says: nothing is asked, and the choices stay
UNKNOWN: Frames = {"systems": [], **dict.fromkeys(("operations", "read", "written", "heaviest"), NoData(Why.NO_DATA, "name"))}


def query(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
    """Wide frames, levels fs and those that name a line (user; account; jobid, user, account, application): `operations` (a second),
    `read`, `written` (B/s), of the largest of each file system, or the error that stands for them; `all_…` the whole, level fs.
    `heaviest`: table by line and file system, see heaviest(). `systems`: names of all file systems."""
    by, fs = view.get("by", BY[0]), view.get("fs")
    batches = [make(sources.settings, by) for make in (top_batches.operations, top_batches.bytes_moved)]
    try:
        target = _target(sources, view)
    except NotFound:
        return UNKNOWN
    answers = fetch(sources, batches, target, when, viewer=viewer)
    found: dict[str, Any] = {}
    for batch, kinds in zip(batches, (("operations",), ("read", "written")), strict=True):
        answer = answers[batch.key]
        if not isinstance(answer, TurtleError) and answer.columns.empty:
            answer = NoData(reason_for_empty(sources, batch, target, when, None), batch.exporter)
        for kind in kinds:
            whole = "all" if kind == "operations" else f"all_{kind}"
            found[kind] = answer if isinstance(answer, TurtleError) else _of(answer, fs, what=kind)
            found[f"all_{kind}"] = answer if isinstance(answer, TurtleError) else charts.whole_of(_of(answer, fs, what=whole))
            if not isinstance(answer, TurtleError):
                found.setdefault("systems", set()).update(answer.columns.get_level_values("fs"))
                found[kind].attrs["unit"] = "1/s" if kind == "operations" else "B/s"
    found["systems"] = sorted(found.get("systems", ()))
    tables = [found[kind] for kind in ("operations", "read", "written")]
    errors = [frame for frame in tables if isinstance(frame, TurtleError)]
    found["heaviest"] = errors[0] if len(errors) == len(tables) else heaviest(*(None if isinstance(frame, TurtleError) else frame for frame in tables))
    return found


def heaviest(operations: pd.DataFrame | None, read: pd.DataFrame | None, written: pd.DataFrame | None) -> pd.DataFrame:
    """One row a line of the charts and file system, most operations first: the levels, operations (a second, mean of the range),
    peak (a second), peak_at (UTC s), share (of all operations listed), read, written (B/s, mean), read_total, written_total (bytes).

    The mean is over the whole range: an hour of a storm in a day counts a twenty-fourth.
    """
    levels = next(list(frame.columns.names) for frame in (operations, read, written) if frame is not None)
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name, frame in (("operations", operations), ("read", read), ("written", written)):
        if frame is None:
            continue
        values, at = frame.to_numpy(dtype=float), frame.index.as_unit("s").asi8
        for place, column in enumerate(frame.columns):
            key = column if isinstance(column, tuple) else (column,)
            row = rows.setdefault(key, dict(zip(levels, key, strict=True)))
            mean = float(np.nansum(values[:, place]) / max(len(values), 1))
            row[name] = mean
            if name == "operations" and np.isfinite(values[:, place]).any():
                top = int(np.nanargmax(values[:, place]))
                row |= {"peak": float(values[top, place]), "peak_at": int(at[top])}
            elif name != "operations":
                row[f"{name}_total"] = mean * len(values) * float(frame.attrs.get("step") or 0)
    numbers = ("operations", "peak", "peak_at", "read", "written", "read_total", "written_total")
    made = pd.DataFrame(list(rows.values()), columns=[*levels, *numbers])
    made["share"] = made["operations"] / made["operations"].sum() if made["operations"].sum() > 0 else float("nan")
    return made.sort_values(["operations", "read"], ascending=False, kind="stable", na_position="last").reset_index(drop=True)


def name_of(levels: Mapping[str, str]) -> str:
    """A line's name: the person, the account, or job and person; what runs outside of jobs by its application."""
    if "jobid" in levels:
        job = levels["application"] or levels["jobid"]
        return f"{job} · {levels['user']}" if levels["user"] else str(job)
    if "account" in levels:
        return levels["account"] or _("outside of jobs")
    return levels["user"] or _("nobody named")


def _href(levels: Mapping[str, str], about: About) -> str:
    """Where a click leads: from an account to its people, from a person to the jobs, from a job to its page."""
    settings, narrow = about.settings, about.subject.narrow
    if "jobid" in levels:
        return link(settings, f"/job/{levels['jobid']}") if levels["jobid"].isdigit() and settings.module_on("jobstats") else ""
    extra = {"fs": fs} if (fs := about.subject.get("fs")) else {}
    if "account" in levels:
        return link(settings, "/top/lustre", **narrow.query(account=levels["account"]), **extra, by="user") if levels["account"] else ""
    return link(settings, "/top/lustre", **narrow.query(user=levels["user"]), **extra, by="job") if levels["user"] else ""


def _merged(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """The frame with one column a line (file systems added up), and each line's levels."""
    levels = [level for level in frame.columns.names if level != "fs"]
    keys = list(zip(*(frame.columns.get_level_values(level).astype(str) for level in levels), strict=True))
    unique = list(dict.fromkeys(keys))
    values = frame.to_numpy(dtype=float)
    made = [pd.DataFrame(values[:, [place for place, one in enumerate(keys) if one == key]]).sum(axis=1, min_count=1).to_numpy() for key in unique]
    columns = pd.MultiIndex.from_tuples(unique, names=levels) if unique else pd.MultiIndex.from_arrays([[]] * len(levels), names=levels)
    merged = pd.DataFrame(np.column_stack(made) if made else np.zeros((len(frame), 0)), index=frame.index, columns=columns)
    merged.attrs = dict(frame.attrs)
    return merged, [dict(zip(levels, key, strict=True)) for key in unique]


def operations_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Operations a second of the largest, on each other, and of the others."""
    merged, lines = _merged(frame)
    hrefs = [_href(one, about) for one in lines]
    return charts.stacked(merged, about.frames["all_operations"], [name_of(one) for one in lines], hrefs, about, "/s")


def bandwidth_figure(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second read (up) and written (down) by the largest, and by the others."""
    columns = frame.columns.union(about.frames["written"].columns, sort=False)
    read, lines = _merged(_like(frame, columns))
    written, _lines = _merged(_like(about.frames["written"], columns))
    whole = (about.frames["all_read"], about.frames["all_written"])
    return charts.mirrored(read, written, whole, [name_of(one) for one in lines], [_href(one, about) for one in lines], about)


def _like(frame: pd.DataFrame, columns: pd.Index) -> pd.DataFrame:
    made = frame.reindex(columns=columns)
    made.attrs = dict(frame.attrs)
    return made


def draw_choices(frames: Frames, about: About) -> Any:
    """What a line is, and which file system; and what does not narrow here."""
    settings, view = about.settings, about.subject
    here = view.narrow.query() | common.span_of(about.when)
    by, fs = view.get("by", BY[0]), view.get("fs")

    def choice(text: str, on: bool, **query: str) -> Any:
        address = link(settings, "/top/lustre", **here, **{key: value for key, value in query.items() if value})
        return parts.choice(text, address, on)

    one = [choice(_(BY_WORDS[name]), name == by, by=name, fs=fs) for name in BY]
    two = [choice(_("All file systems"), not fs, by=by), *(choice(name, name == fs, by=by, fs=name) for name in frames["systems"])]
    notes = []
    if view.narrow.partition or view.narrow.node:
        notes.append(parts.notice(_("File systems know people, accounts and jobs, but no partitions or nodes: these two do not narrow this page."), "info"))
    return html.Div([html.Div([*one, html.Span(className="tt-bar"), *two], className="tt-runs"), *notes])


def _who_columns(about: About, by: str) -> tuple[Column, ...]:
    kept = common.span_of(about.when)
    person = Column(key="user", title=N_("Person"), phone=True, draw=lambda row: user_link(about.settings, row["user"], row["user"] or _("nobody named"), **kept))
    account = Column(
        key="account", title=N_("Account"), phone=by == "account",
        draw=lambda row: account_link(about.settings, row["account"], row["account"] or _("outside of jobs"), **kept),
    )  # fmt: skip
    if by == "user":
        return (person,)
    if by == "account":
        return (account,)
    job = Column(key="jobid", title=N_("Job"), phone=True, draw=lambda row: _job_cell(row, about.settings))
    return (job, person, account)


def _job_cell(row: Mapping[str, Any], settings: Settings) -> Any:
    if row["jobid"].isdigit():
        return job_link(settings, row["jobid"])
    return html.Span(row["application"] or row["jobid"] or _("unknown"), title=_("not a job: on a login or service node"))


def _jobs_then(row: Mapping[str, Any], about: About) -> Any:
    """From a person or account to the jobs that did it then; a job has its own page."""
    levels = {key: str(row[key]) for key in ("user", "account") if key in row}
    href = _href(levels, about)
    if not href:
        return ""
    return parts.page_link(_("people") if "account" in levels else _("jobs"), href + "&" + _span_text(about.when))


def _span_text(when: TimeRange) -> str:
    found = common.span_of(when) or {"from": str(when.start), "to": str(when.end)}
    return "&".join(f"{key}={value}" for key, value in found.items())


def draw_heaviest(frames: Frames, about: About) -> Any:
    """The heaviest of each file system."""
    frame, by = frames["heaviest"], about.subject.get("by", BY[0])
    if isinstance(frame, TurtleError):
        raise frame
    columns = [
        *_who_columns(about, by),
        Column(key="fs", title=N_("File system")),
        Column(key="operations", title=N_("Operations/s"), kind="number", phone=True, help=N_("Metadata operations, mean over the whole range")),
        Column(key="share", title=N_("Of those listed"), kind="bar", role="waste", help=N_("Share of the operations of all rows")),
        Column(key="peak", title=N_("Highest/s"), kind="number", help=N_("Highest of the points drawn, a second")),
        Column(key="peak_at", title=N_("Highest at"), kind="time"),
        Column(key="read", title=N_("Read/s"), kind="bytes", help=N_("Mean over the whole range")),
        Column(key="written", title=N_("Written/s"), kind="bytes", help=N_("Mean over the whole range")),
        Column(key="read_total", title=N_("Read in all"), kind="bytes", help=N_("Mean times the length of the range")),
        Column(key="written_total", title=N_("Written in all"), kind="bytes", help=N_("Mean times the length of the range")),
    ]  # fmt: skip
    if by != "job":
        said = N_("Those that did it then: the same range, one step closer")
        columns.append(Column(key="then", title=N_("Who did it"), draw=lambda row: _jobs_then(row, about), help=said))
    return table(frame, columns, filtered=True, empty=N_("Nobody used the file systems in this range."))


HELP_OPERATIONS = N_(
    "Opening, closing, looking up and deleting files, of the ten largest of each file system and of the others together. Root and the "
    "system's own services are among them. Click an area to come closer: from an account to its people, from a person to the jobs."
)
HELP_HEAVIEST = N_(
    "The ten largest of each file system by operations, and the ten largest by bytes. A gap means: not among the ten largest by that. "
    "An operation mean counts the whole range, so an hour of a storm in a day counts a twenty-fourth."
)
TOP_LUSTRE = Page(
    key="top_lustre", module="top", path="/top/lustre", title=N_("Top users of file systems"), icon="hdd-network", access=STAFF, order=63,
    in_menu=False, staff_menu=True, subject=subject_of, filters=(*PARAMETERS, "by", "fs"),
    description=N_("Who loads the parallel file systems, over any range."),
    head=common.head("/top/lustre", N_("Top users of file systems"), N_("File operations and bandwidth by person, account or job, over the chosen time range.")),
    sections=(
        Section(
            key="load", title="", query=query, access=STAFF, eager=True, in_contents=False,
            needs=needs_of(*(make(PLAIN, by) for by in BY for make in (top_batches.operations, top_batches.bytes_moved))),
            blocks=(Block(key="choices", title="", draw=draw_choices, bare=True, height=40),),
            panels=(
                Panel(key="operations", title=N_("File operations"), unit=N_("a second"), frame="operations", figure=operations_figure,
                      help=HELP_OPERATIONS, wide=True, needs=needs_of(top_batches.operations(PLAIN, "user"))),
                Panel(key="bandwidth", title=N_("Bandwidth"), unit=N_("read up, written down"), frame="read", figure=bandwidth_figure,
                      help=N_("What was read from and written to the file systems. Files that nodes keep in memory do not show."), wide=True,
                      needs=needs_of(top_batches.bytes_moved(PLAIN, "user"))),
            ),
        ),
        # the same questions once more, which the cache answers
        Section(
            key="heaviest", title=N_("The heaviest"), query=query, export=common.exported(query, UNITS), access=STAFF, eager=True, in_contents=False,
            blocks=(Block(key="heaviest", title=N_("Most operations first"), draw=draw_heaviest, csv="heaviest", height=400, help=HELP_HEAVIEST),),
        ),
    ),
)  # fmt: skip
