"""The parallel file systems, for everybody: how fast, how full, how healthy, and whether their targets share the load."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as text
from components import parts
from components.charts.filesystems import EXPORTER, PANELS
from components.needs import PLAIN, needs_of
from components.records import About, Block, Frames, Page, Section
from components.section_layout import anchor
from components.table import Column, share_cell, table
from components.text import N_, _, error_sentence
from core.errors import NoData, TurtleError
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import PUBLIC_PAGES, Viewer
from datasources.prometheus import fs_batches
from datasources.sources import Sources
from pages.filesystems_query import SHOWN, chosen, fs_query, how_many, now_query
from pages.hosts_view import cluster

FULL, NEARLY = 0.95, 0.9
SPREAD = 0.15  # a fullest target so much above the mean is worth a look
KINDS = {"lustre": "Lustre", "gpfs": "GPFS"}


def role_of(share: float) -> str:
    """The colour of how full something is."""
    return "bad" if share >= FULL else "waste" if share >= NEARLY else "used"


def moves(row: dict[str, Any]) -> str:
    """What a file system does now, in a line: read, written, operations."""
    said = [
        _("read %(rate)s", rate=text.rate(row["read"])) if row["read"] == row["read"] else "",
        _("written %(rate)s", rate=text.rate(row["written"])) if row["written"] == row["written"] else "",
        _("%(count)s file operations/s", count=text.number(round(row["ops"]))) if row["ops"] == row["ops"] else "",
    ]
    return " · ".join(part for part in said if part)


def files(count: float) -> str:
    """A number of files: 400 million."""
    return _("%(count)s million", count=text.number(count / 1e6)) if count >= 1e7 else text.number(count)


def health(row: dict[str, Any]) -> tuple[str, str]:
    """(tone, sentence) of a file system's targets; ("", "") where nothing is known of them."""
    if row["targets"] != row["targets"] or not row["targets"] + (row["known"] if row["known"] == row["known"] else 0):
        return "", ""
    known = max(row["known"], row["targets"]) if row["known"] == row["known"] else row["targets"]
    silent = known - row["targets"]
    said = []
    if silent:
        said.append(_("%(count)s of %(all)s targets do not answer", count=text.number(silent), all=text.number(known)))
    if row["unhealthy"]:
        said.append(_("%(count)s of %(all)s targets are not healthy", count=text.number(row["unhealthy"]), all=text.number(known)))
    return ("bad", ", ".join(said)) if said else ("good", _("all %(all)s healthy", all=text.number(known)))


def _tile(row: dict[str, Any], key: str) -> Any:
    tone, said = health(row)
    note = html.Div([
        html.Div(moves(row)) if moves(row) else None,
        html.Div(_("files: %(share)s of %(all)s", share=text.percent(row["files_share"]), all=files(row["files"])))
        if row["files_share"] == row["files_share"] else None,
        html.Div(said[:1].upper() + said[1:], className="tt-bad-text") if tone == "bad" else None,
    ])  # fmt: skip
    label = html.A([row["fs"], " ", html.Span(KINDS[row["kind"]], className="tt-muted tt-small")], href=f"#{anchor(key)}", className="tt-link") if key else row["fs"]
    used = text.percent(row["share"])
    base = _("full · %(used)s of %(size)s", used=text.bytes_(row["used"]), size=text.bytes_(row["size"])) if row["size"] == row["size"] else ""
    return parts.tile(label, used, base=base, share=row["share"], role=role_of(row["share"]), note=note)


def missing(systems: pd.DataFrame) -> list[Any]:
    """A sentence for file systems that cannot be shown beside the others, and why."""
    said = [_("%(kind)s file systems are missing here: %(why)s", kind=KINDS[kind], why=error_sentence(error)) for kind, error in systems.attrs.get("unread", {}).items()]
    if silent := systems.attrs.get("silent"):
        said.append(_("Nothing is measured of %(names)s at the moment.", names=", ".join(silent)))
    return [parts.notice(sentence, "warn") for sentence in said]


def draw_tiles(frames: Frames, about: About) -> Any:
    """A tile a file system: how full it is and what it does now."""
    systems = frames["systems"]
    places = {name: f"fs_{place + 1}" for place, name in enumerate(chosen(systems))}
    return html.Div([*missing(systems), parts.tiles(*(_tile(row, places.get((row["kind"], row["fs"]), "")) for row in systems.to_dict("records")))])


def _targets(row: dict[str, Any]) -> Any:
    tone, said = health(row)
    return parts.badge(said[:1].upper() + said[1:], tone) if tone else text.NONE


def _fullest(row: dict[str, Any]) -> Any:
    if not row["fullest"]:
        return text.NONE
    uneven = row["fullest_share"] - row["share"] >= SPREAD
    hint = html.Div(parts.badge(_("uneven"), "warn")) if uneven else None
    return html.Div([share_cell(row["fullest_share"], role_of, row["fullest"]), html.Div([row["fullest"], hint], className="tt-muted tt-small")])


def _strip(row: dict[str, Any], targets: pd.DataFrame) -> Any:
    """How full each object storage target is, as a row of small bars."""
    own = targets[(targets["fs"] == row["fs"]) & (targets["kind"] == "ost") & targets["share"].notna()]
    if row["kind"] != "lustre" or own.empty:
        return text.NONE
    bars = [
        html.I(
            title=f"{one['target']}: {text.percent(one['share'])}",
            style={"height": f"{max(one['share'], 0.02) * 100:.0f}%", "background": f"var(--tt-{role_of(one['share'])})"},
        )
        for one in own.to_dict("records")
    ]  # fmt: skip
    said = _("%(low)s to %(high)s full", low=text.percent(row["emptiest_share"]), high=text.percent(row["fullest_share"]))
    return html.Div(bars, className="tt-fs-strip", role="img", **{"aria-label": said})


def draw_targets(frames: Frames, about: About) -> Any:
    """The targets of each file system: their health, and how evenly they are filled."""
    systems, targets = frames["systems"], frames["targets"]
    columns = (
        Column(key="fs", title=N_("File system"), phone=True),
        Column(key="targets", title=N_("Targets"), phone=True, draw=_targets, help=N_("Storage targets that answer now, of those that did within six hours")),
        Column(key="share", title=N_("Full"), kind="bar", role=role_of),
        Column(key="fullest_share", title=N_("Fullest target"), kind="bar", draw=_fullest, phone=True),
        Column(key="emptiest_share", title=N_("Emptiest"), kind="bar", role=role_of),
        Column(key="known", title=N_("Each target"), draw=lambda row: _strip(row, targets), help=N_("How full each object storage target is")),
    )
    return table(systems, columns, sortable=len(systems) > 2)


def draw_head(frames: Frames, about: About) -> Any:
    """The head of one file system's section."""
    now = frames["now"]
    if now is None:
        return html.Span(className="tt-hide")
    if isinstance(now, TurtleError):
        return parts.empty(error_sentence(now))
    row = now.to_dict("records")[0]
    tone, said = health(row)
    full = text.of(row["used"], row["size"], "B") if row["size"] == row["size"] else ""
    unknown = _("bandwidth is not measured") if isinstance(frames["rates"], NoData) else ""
    line = html.Span(" · ".join(part for part in (KINDS[row["kind"]], full, moves(row), unknown) if part), className="tt-muted num")
    title, badge = html.H2(row["fs"], className="tt-host-title"), parts.badge(said[:1].upper() + said[1:], tone) if tone else None
    return html.Div([title, badge, line], className="tt-host-head")


def head(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """The title, and as many sections as there are file systems."""
    title = _("File systems")
    return title, html.Div(html.H1(title), className="tt-hero"), ("now", *(f"fs_{place + 1}" for place in range(how_many(sources, viewer, when))))


HELP = N_(
    "A Lustre file system spreads its files over object storage targets. One that is much fuller than the others, or full, slows writing down for those "
    "whose files are on it. A target that is not healthy or does not answer holds files that cannot be read until it is back."
)
NEEDS = (EXPORTER, *needs_of(*fs_batches.all_of(PLAIN)))
PAGE = Page(
    key="filesystems", module="overview", path="/filesystems", title=N_("File systems"), icon="hdd-stack", access=PUBLIC_PAGES, order=4, subject=cluster,
    head=head,
    sections=(
        Section(
            key="now", title="", query=now_query, access=PUBLIC_PAGES, eager=True, in_contents=False, needs=NEEDS,
            blocks=(
                Block(key="tiles", title="", draw=draw_tiles, bare=True, height=132),
                Block(key="targets", title=N_("Storage targets"), draw=draw_targets, csv="targets", help=HELP, height=180),
            ),
        ),
        *(
            Section(
                key=f"fs_{place + 1}", title="", query=fs_query(place), access=PUBLIC_PAGES, in_contents=False, panels=PANELS,
                blocks=(Block(key="head", title="", draw=draw_head, bare=True, height=40),),
            )
            for place in range(SHOWN)
        ),
    ),
)  # fmt: skip
