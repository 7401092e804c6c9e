"""What the pages of the largest users share: head with tabs and filters, cells with marks, the legend with its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from dash import html

from analysis.waste import CORES, GPUS, GPUS_UNUSED, MEMORY, SOME_GPUS_UNUSED
from components import format as fmt
from components import parts
from components.filterbar import filter_bar
from components.links import account_link, link, user_link
from components.records import About, Frames
from components.table import Column
from components.text import N_, _, error_sentence, ngettext
from core.errors import TurtleError
from core.narrow import ClusterView
from core.settings import Settings
from core.timerange import TimeRange
from core.units import share
from core.viewer import Viewer
from datasources.sources import Sources

TABS = (
    ("/top", N_("Compute now")), ("/top/gpu", N_("GPUs now")), ("/top/memory", N_("Large memory now")), ("/top/lustre", N_("File systems")),
    ("/top/waste", N_("Waste")),
)  # fmt: skip
MARKS = {
    CORES: N_("Cores"), MEMORY: N_("Memory"), GPUS: N_("GPUs"), GPUS_UNUSED: N_("GPUs totally unused"),
    SOME_GPUS_UNUSED: N_("Some GPUs unused"),
}  # fmt: skip
Query = Callable[[Sources, Viewer, Any, TimeRange], Frames]
# what the columns of the files are counted in
UNITS = {
    "cores_used": "cores", "memory": "bytes", "memory_peak": "bytes", "per_core": "bytes", "node_per_core": "bytes", "gpus_used": "fully used GPUs",
    "since": "UTC", "start": "UTC",
}  # fmt: skip
Head = Callable[[Sources, Viewer, ClusterView, TimeRange], tuple[str, Any, None]]


def span_of(when: TimeRange) -> dict[str, str]:
    """The range as an address writes it; nothing for a page's usual one, so that each page keeps its own."""
    if when.relative:
        return {"from": f"now-{when.span}s", "to": "now"}
    return {} if when.end >= when.now else {"from": str(when.start), "to": str(when.end)}


def head(path: str, title: str, intro: str) -> Head:
    """The head of one of the pages: its title, the way to the others with range and narrowing kept, the filter bar."""

    def draw(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> tuple[str, Any, None]:
        kept = view.narrow.query() | span_of(when)
        tabs = [
            parts.choice(_(text), link(sources.settings, target, **kept), target == path)
            for target, text in TABS
        ]
        above = [
            html.H1(_(title)), html.P(_(intro), className="tt-head-sub"),
            html.Nav(tabs, className="tt-runs", **{"aria-label": _("Tables of the largest users")}),
            filter_bar(sources.settings, view, path, viewer=viewer, sources=sources),
        ]  # fmt: skip
        return _(title), html.Div(above), None

    return draw


def marks(wasting: str) -> list[tuple[str, str]]:
    """[(what, tone)] of a row's `wasting`."""
    found = [word.partition(":") for word in wasting.split() if ":" in word]
    return [(what, tone) for what, _colon, tone in found]


def wasting_cell(row: dict[str, Any]) -> Any:
    """A badge for each mark; a green one for none; a word where nothing can be said."""
    text = str(row["wasting"])
    if text == "new":
        return html.Span(_("just started"), className="tt-muted")
    if text == "unknown":
        return html.Span(_("not measured"), className="tt-muted")
    found = marks(text)
    if not found:
        return parts.badge(_("OK"), "good")
    return html.Div([parts.badge(_(MARKS[what]), tone) for what, tone in found], className="tt-counts")


def _tone(row: dict[str, Any], *names: str) -> str:
    """The colour of a bar: that of the row's mark on it, so that a bar and its badge never disagree."""
    tones = [tone for what, tone in marks(str(row["wasting"])) if what in names]
    return "bad" if "bad" in tones else "waste" if tones else "used"


def used_cell(row: dict[str, Any], used: str, whole: str, unit: str, *names: str) -> Any:
    """`10.4 of 16` with a bar; what is not measured is a gap, not a zero."""
    value, base = row[used], row[whole]
    if value is None or value != value:
        return html.Span(fmt.NONE, title=_("not measured"))
    part = share(value, base)
    words = fmt.of(value, base, unit) if unit == "B" else _("%(part)s of %(whole)s", part=fmt.number(value), whole=fmt.number(base))
    title = _("%(words)s: %(share)s", words=words, share=fmt.percent(part))
    text = fmt.bytes_(value) if unit == "B" else fmt.number(value)
    number = html.Div([text, html.Span(f" · {fmt.percent(part)}", className="tt-muted") if part is not None else None])
    return html.Div([number, parts.meter(part, _tone(row, *names), words)], title=title)


def _kept(about: About) -> dict[str, str]:
    return span_of(about.when)


def person_column(about: About) -> Column:
    """The person, as the way to the summary."""
    return Column(
        key="user", title=N_("Person"), phone=True, draw=lambda row: user_link(about.settings, str(row["user"] or ""), row["user"] or _("unknown"), **_kept(about))
    )


def account_column(about: About) -> Column:
    """The account, as the way to its page."""
    return Column(key="account", title=N_("Account"), draw=lambda row: account_link(about.settings, str(row["account"] or ""), **_kept(about)))


def jobs_column(about: About, *, states: str = "RUNNING") -> Column:
    """How many jobs, as the way to their list, narrowed as this page is."""

    def cell(row: dict[str, Any]) -> Any:
        narrow = about.subject.narrow.query(user=str(row["user"] or "*"), account=str(row["account"] or ""))
        text = fmt.number(row["jobs"], 9)
        return parts.page_link(text, link(about.settings, "/jobs", **narrow, state=states)) if about.settings.module_on("jobstats") else text

    return Column(key="jobs", title=N_("Jobs"), kind="number", draw=cell, help=N_("Running now; opens their list"))


def shown_rows(frame: pd.DataFrame, settings: Settings) -> tuple[pd.DataFrame, Any]:
    """(the first rows, a sentence where there are more): the file to download holds all."""
    most = settings.top.rows
    if len(frame) <= most:
        return frame, None
    words = _("The first %(shown)s of %(all)s rows are shown. The file holds all of them.", shown=fmt.number(most, 9), all=fmt.number(len(frame), 9))
    return frame.head(most), html.P(words, className="tt-muted tt-small")


def trouble(frames: Frames) -> Any:
    """A line above the table where what is used could not be had, or not all jobs were read."""
    notes: list[Any] = []
    if isinstance(frames.get("measured"), TurtleError):
        notes.append(parts.notice([_("What is used is missing:"), " ", error_sentence(frames["measured"])], "warn"))
    jobs = frames.get("jobs")
    if isinstance(jobs, pd.DataFrame) and jobs.attrs.get("cut"):
        notes.append(parts.notice(_("More than 20 000 jobs run: the table counts the first 20 000. Narrow it to see all of a part."), "warn"))
    return html.Div(notes) if notes else None


def exported(query: Query, units: Mapping[str, str]) -> Query:
    """The same frames for a file: the head of each column of `units` names its unit, and times (unit "UTC") are written out."""

    def made(sources: Sources, viewer: Viewer, view: ClusterView, when: TimeRange) -> Frames:
        found = query(sources, viewer, view, when)
        return {key: _with_units(value, units) if isinstance(value, pd.DataFrame) else value for key, value in found.items()}

    return made


def _with_units(frame: pd.DataFrame, units: Mapping[str, str]) -> pd.DataFrame:
    if isinstance(frame.columns, pd.MultiIndex):
        return frame
    shown = frame.copy()
    for name in (name for name, unit in units.items() if unit == "UTC" and name in shown):
        times = pd.to_datetime(pd.to_numeric(shown[name], errors="coerce"), unit="s", utc=True)
        shown[name] = pd.Series(times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), index=shown.index, dtype="object")
    return shown.rename(columns={name: f"{name} ({unit})" for name, unit in units.items()})


def people(count: int) -> str:
    """`of 1 person`, `of 28 people`."""
    return ngettext("of %(num)s person", "of %(num)s people", count)


def nobody(view: ClusterView, what: str) -> Any:
    """What stands in place of an empty table."""
    return parts.empty(_("Nothing that fits the filters runs now.") if view.narrow else _(what))


def legend(*rows: tuple[str, str]) -> html.Details:
    """The limits behind the colours, with the numbers of this portal; closed until asked for."""
    items = [(title, html.Span(text)) for title, text in rows]
    return html.Details([html.Summary(_("What the colours mean"), className="tt-link"), parts.facts(items)], className="tt-limits")


def limits(settings: Settings, bad: float, warn: float) -> str:
    """`red below 75 %, amber below 90 %`."""
    return _("red below %(bad)s, amber below %(warn)s", bad=fmt.percent(bad), warn=fmt.percent(warn))


def judged_after(settings: Settings) -> tuple[str, str]:
    """The row of the legend about jobs that have only begun."""
    text = _("Rows whose jobs all began less than %(time)s ago are not judged.", time=fmt.duration(settings.thresholds.min_run_seconds))
    return _("Just started"), text


def whole_nodes() -> tuple[str, str]:
    """The row of the legend about jobs that were given whole nodes."""
    text = _("A job that was given whole nodes holds all of their cores and often all of their memory, whatever it asked for: look at the job first.")
    return _("Whole nodes"), text


def count_tile(label: str, frame: pd.DataFrame, note: str = "") -> Any:
    """How many rows are marked."""
    wasting = frame["wasting"].astype(str)
    if len(frame) and (wasting == "unknown").all():
        return parts.tile(label, fmt.NONE, note=_("not measured"))
    bad = int(wasting.str.contains(":bad", regex=False).sum())
    amber = int((wasting.str.contains(":", regex=False)).sum()) - bad
    pieces = [(bad, "bad", ngettext("%(num)s red", "%(num)s red", bad)), (amber, "waste", _("%(num)s amber", num=amber)), (len(frame) - bad - amber, "used", _("others"))]
    return parts.tile(
        label, fmt.number(bad + amber, 9), base=_("of %(whole)s", whole=fmt.number(len(frame), 9)),
        note=note or _("%(bad)s red, %(amber)s amber", bad=bad, amber=amber), extra=parts.segments(pieces) if len(frame) else None,
    )  # fmt: skip
