"""On the front page: file systems, login nodes and transfer nodes at a glance, each leading to its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from dash import html

from components import format as text
from components import parts
from components.links import link
from components.records import About, Block, Frames, Need, Section
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import TurtleError
from core.settings import Host, Settings
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import PUBLIC, PUBLIC_STATUS, Viewer
from datasources.prometheus.fs_frames import file_systems_now
from datasources.prometheus.host_frames import BUSY, IN_USE, QUIET, SILENT, hosts_now
from datasources.sources import Sources
from pages.filesystems import health, missing, role_of

WORDS = {QUIET: (N_("quiet"), "good"), IN_USE: (N_("in use"), "info"), BUSY: (N_("busy"), "warn"), SILENT: (N_("no answer"), "bad")}


def _systems(sources: Sources, when: TimeRange) -> Any:
    try:
        return file_systems_now(sources, viewer=PUBLIC, when=when)[0]
    except TurtleError as error:
        return error


def _hosts(sources: Sources, named: Mapping[str, Host], when: TimeRange) -> Any:
    try:
        return hosts_now(sources, viewer=PUBLIC, hosts=named, when=when) if named else pd.DataFrame()
    except TurtleError as error:
        return error


def glance_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`systems`: file_systems_now's first frame. `hosts`: hosts_now's of login and transfer nodes, asked for together, with title and kind (words);
    empty where the settings name none. Or errors."""
    places = sources.settings.overview
    found = sources.pool.gather(
        {
            "systems": lambda: _systems(sources, when),
            "hosts": lambda: _hosts(sources, {**places.login_nodes, **places.transfer_nodes}, when),
        },
        9.0,
        "prometheus",
    )
    hosts = found["hosts"]
    if not isinstance(hosts, TurtleError):
        both = ((places.login_nodes, _("login")), (places.transfer_nodes, _("transfer")))
        hosts = pd.DataFrame([row for named, kind in both for row in _host_rows(hosts, named, kind)])
    return {"systems": found["systems"], "hosts": hosts}


def shown(settings: Settings) -> bool:
    """False where the pages of these are switched off."""
    return settings.module_on("overview")


def _more(about: About, said: str, path: str) -> Any:
    """The way to the page, for those who may open it."""
    if about.settings.site.public != "all" and not about.viewer.signed_in:
        return None
    return html.Div(parts.page_link(said, link(about.settings, path)), className="tt-foot-link")


def _health(row: dict[str, Any]) -> Any:
    tone, said = health(row)
    return parts.badge(_("healthy") if tone == "good" else said, tone) if tone else text.NONE


def _rate(key: str) -> Any:
    return lambda row: text.rate(row[key])


def draw_systems(frames: Frames, about: About) -> Any:
    """One row a file system: what it moves now, how full and how healthy it is."""
    frame = frames["systems"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame))
    columns = (
        Column(key="fs", title=N_("File system"), phone=True),
        Column(key="read", title=N_("Read"), kind="bytes", draw=_rate("read")),
        Column(key="written", title=N_("Written"), kind="bytes", draw=_rate("written")),
        Column(key="share", title=N_("Full"), kind="bar", role=role_of, phone=True),
        Column(key="unhealthy", title=N_("Targets"), draw=_health, help=N_("Whether its storage targets are well")),
    )
    body = table(frame, columns, empty=N_("No file system is measured."), filtered=False)
    return html.Div([*missing(frame), body, _more(about, _("All of the file systems"), "/filesystems")])


def _host_rows(frame: pd.DataFrame, named: Mapping[str, Host], kind: str) -> list[dict[str, Any]]:
    return [{**row, "title": named[row["host"]].title or row["host"], "kind": kind} for row in frame.to_dict("records") if row["host"] in named]


def _state(row: dict[str, Any]) -> Any:
    word, tone = WORDS[row["state"]]
    return parts.badge(_(word), tone)


HELP_LOAD = N_("Programs that want to run for each core: above 1 they wait for each other")


def draw_hosts(frames: Frames, about: About) -> Any:
    """One row a login or transfer node: whether it answers, and how busy it is."""
    places = about.settings.overview
    frame = frames["hosts"]
    if isinstance(frame, TurtleError) or frame.empty:
        return parts.empty(error_sentence(frame) if isinstance(frame, TurtleError) else _("This portal's settings name no login or transfer nodes."))
    columns = (
        Column(key="title", title=N_("Node"), phone=True),
        Column(key="kind", title=N_("For")),
        Column(key="state", title=N_("State"), draw=_state, phone=True),
        Column(key="load_per_core", title=N_("Load per core"), kind="number", draw=lambda row: text.number(row["load_per_core"], 2), help=HELP_LOAD),
        Column(key="memory_share", title=N_("Memory"), kind="bar"),
    )
    pages = ((_("Login nodes"), "/logins", places.login_nodes), (_("Transfer nodes"), "/transfers", places.transfer_nodes))
    ways = [_more(about, said, path) for said, path, have in pages if have]
    return html.Div([table(frame, columns, filtered=len(frame) > 12), html.Div(ways, className="tt-ways")])


HELP_SYSTEMS = N_("Bytes read and written a second over the last minutes, and how full each is.")
HELP_HOSTS = N_("Machines people use without Slurm: to sign in, and to copy data.")
GLANCE = Section(
    key="glance", title=N_("File systems, login and transfer nodes"), query=glance_query, access=PUBLIC_STATUS, in_contents=False,
    blocks=(
        Block(key="systems", title=N_("File systems"), draw=draw_systems, csv="systems", height=220, help=HELP_SYSTEMS),
        Block(key="hosts", title=N_("Login and transfer nodes"), draw=draw_hosts, csv="hosts", height=220, help=HELP_HOSTS),
    ),
    needs=(Need(kind="exporter", name="lustre_exporter"), Need(kind="exporter", name="node_exporter")),
)  # fmt: skip
