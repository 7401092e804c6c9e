"""How the pages of login and transfer nodes look: all hosts in a line each, then the charts of each host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from dash import html

from components import format as text
from components import parts
from components.charts import hosts as charts
from components.needs import PLAIN, needs_of
from components.records import About, Block, Frames, Need, Section
from components.section_layout import anchor
from components.table import Column, share_cell, table
from components.text import N_, _, error_sentence
from core.errors import TurtleError
from core.subjects import CLUSTER, Subject
from core.timerange import TimeRange
from core.viewer import PUBLIC_PAGES, Viewer
from datasources.prometheus import host_batches
from datasources.prometheus.host_frames import BUSY, IN_USE, LIMITS, QUIET, SILENT, busiest, freest
from datasources.sources import Sources
from pages import hosts_query
from pages.hosts_query import KEYS, LOGINS, SHOWN, hosts_of

STATES = {QUIET: (N_("Quiet"), "good"), IN_USE: (N_("In use"), "info"), BUSY: (N_("Busy"), "warn"), SILENT: (N_("No answer"), "bad")}
NEEDS = (Need(kind="exporter", name="node_exporter"), *needs_of(host_batches.now(PLAIN)))
HELP = N_(
    "Busy: four fifths of the processors or of the network link, or nine tenths of the memory are in use, or programs wait for each other. "
    "In use: half of the processors or of the link, or seven tenths of the memory. No answer: the node does not report its figures. "
    "It may be down, or only its monitoring is."
)


def role_of(what: str) -> Callable[[float], str]:
    """The colour of a share: amber from where the host counts as busy."""
    return lambda share: "waste" if share >= LIMITS[what][1] else "used"


def bits(rate: float) -> str:
    """Bytes a second as bits a second: 3.2 Gb/s."""
    if rate != rate:
        return text.NONE
    for factor, unit in ((1e9, "Gb/s"), (1e6, "Mb/s"), (1e3, "kb/s")):
        if rate * 8 >= factor:
            return text.with_unit(rate * 8 / factor, unit)
    return text.with_unit(round(rate * 8), "b/s")


def state_badge(state: str) -> html.Span:
    """Quiet, In use, Busy or No answer."""
    return parts.badge(_(STATES[state][0]), STATES[state][1])


def _name(row: dict[str, Any]) -> Any:
    name = html.B(row["title"])
    return html.A(name, href=f"#{anchor(row['section'])}", className="tt-link") if row["section"] else name


def _memory(row: dict[str, Any]) -> Any:
    return share_cell(row["memory_share"], role_of("memory_share"), text.of(row["memory_used"], row["memory"], "B"))


def _traffic(row: dict[str, Any]) -> Any:
    return html.Span([html.Span(["↓ ", bits(row["in"])]), "  ", html.Span(["↑ ", bits(row["out"])])], className="num", title=row["device"])


def _link(row: dict[str, Any]) -> Any:
    said = _("of %(speed)s", speed=bits(row["speed"])) if row["speed"] == row["speed"] else ""
    return share_cell(row["network_share"], role_of("network_share"), said)


def _disk(row: dict[str, Any]) -> Any:
    return share_cell(row["disk_share"], lambda share: "waste" if share >= 0.9 else "used", row["disk"])


def columns_of(which: str) -> tuple[Column, ...]:
    """The columns of the table of hosts; of transfer nodes the network comes first."""
    cpu = Column(key="cpu", title=N_("CPU"), kind="bar", phone=which == LOGINS, role=role_of("cpu"), help=N_("Share of the hardware threads that compute now"))
    memory = Column(key="memory_share", title=N_("Memory"), kind="bar", draw=_memory, help=N_("Used, of all; file cache counts as free"))
    load = Column(key="load_per_core", title=N_("Load"), kind="number", help=N_("Programs running or waiting for each hardware thread; above 1 they wait for each other"))
    # "percent": sorted by its number
    traffic = Column(key="in", title=N_("Network"), kind="number", draw=_traffic, phone=which != LOGINS, help=N_("Received and sent now"))
    link = Column(key="network_share", title=N_("Of the link"), kind="bar", draw=_link, help=N_("The larger direction, of the speed of the link"))
    rest = (
        Column(key="disk_share", title=N_("Local disk"), kind="bar", draw=_disk, help=N_("The fullest of the node's own disks; which one is told on hover")),
        Column(key="uptime", title=N_("Up for"), kind="duration"),
    )
    first = (
        Column(key="title", title=N_("Node"), phone=True, draw=_name),
        Column(key="state", title=N_("Now"), phone=True, draw=lambda row: state_badge(row["state"])),
    )
    middle = (cpu, load, memory, traffic) if which == LOGINS else (traffic, link, cpu, memory)
    return (*first, *middle, *rest)


def _sentence(frame: pd.DataFrame, about: About, which: str) -> Any:
    """The freest node in words, and what does not answer."""
    silent = [hosts_query.title_of(about.settings, host) for host in frame.loc[frame["state"] == SILENT, "host"]]
    free = freest(frame)
    said = []
    if free:
        states = frame.set_index("host")["state"]
        name = html.B(hosts_query.title_of(about.settings, free))
        words = _("has most to spare now.") if states[free] != BUSY else _("is the least busy; all are busy now.")
        said.append(html.Div([parts.icon("check-circle-fill"), name, " ", words], className="tt-host-line tt-host-free"))
    if silent:
        words = _("No answer from %(hosts)s: down, or its monitoring is.", hosts=", ".join(silent))
        said.append(html.Div([parts.icon("exclamation-octagon-fill"), words], className="tt-host-line tt-host-silent"))
    return html.Div(said, className="tt-host-lines") if said else None


def draw_hosts(which: str) -> Callable[[Frames, About], Any]:
    """The block of all hosts: which is freest, then a line each."""

    def draw(frames: Frames, about: About) -> Any:
        frame = frames["hosts"]
        if isinstance(frame, TurtleError):
            return parts.empty(error_sentence(frame), "plug", "warn")
        charted = {host: f"host_{place + 1}" for place, host in enumerate(busiest(frame, SHOWN, KEYS[which]))}
        shown = frame.assign(
            title=[hosts_query.title_of(about.settings, host) for host in frame["host"]], uptime=about.when.now - frame["booted"],
            section=[charted.get(host, "") for host in frame["host"]],
        )  # fmt: skip
        note = _("Charts below: the %(count)s busiest.", count=SHOWN) if len(frame) > SHOWN else ""
        return html.Div([_sentence(frame, about, which), table(shown, columns_of(which), note=note, sortable=len(frame) > 2)])

    return draw


def draw_host(frames: Frames, about: About) -> Any:
    """The head of one host's section: its name and state, and in a line what does not change by the minute."""
    now = frames["now"]
    title = html.H2(frames["title"], className="tt-host-title")
    if isinstance(now, TurtleError):
        return html.Div([title], className="tt-host-head")
    row = now.to_dict("records")[0]
    disks = now.attrs.get("disks", {}).get(row["host"], {})
    uptime = about.when.now - row["booted"]
    said = [
        _("up for %(time)s", time=text.duration(uptime)) if uptime == uptime else "",
        _("%(count)s hardware threads", count=text.number(row["cores"])) if row["cores"] == row["cores"] else "",
        _("%(memory)s of memory", memory=text.bytes_(row["memory"])) if row["memory"] == row["memory"] else "",
        f"{row['device']} {bits(row['speed'])}" if row["speed"] == row["speed"] else row["device"],
        *(_("%(mount)s %(share)s full", mount=mount, share=text.percent(share)) for mount, share in sorted(disks.items())),
    ]
    line = " · ".join(part for part in said if part)
    if row["state"] == SILENT:
        line = _("This node does not report its figures now: it is down, or its monitoring is.")
    return html.Div([title, state_badge(row["state"]), html.Span(line, className="tt-muted num")], className="tt-host-head")


def head_of(which: str, title: str, none: str) -> Callable[..., Any]:
    """The head of a page of hosts: its title, and as many sections as hosts; a sentence where the settings name none."""

    def head(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
        count = len(hosts_of(sources.settings, which))
        above = html.Div(html.H1(_(title)), className="tt-hero")
        if not count:
            return _(title), html.Div([above, html.Div(parts.empty(_(none), "plug"), className="tt-card")]), ()
        own = tuple(f"host_{place + 1}" for place in range(min(count, SHOWN)))
        return _(title), above, ("now", *(("all",) if count > 1 else ()), *own)

    return head


def sections_of(which: str) -> tuple[Section, ...]:
    """All hosts now, all over time, and a section for each of the first eight."""
    first = "cpu" if which == LOGINS else "network"
    together = (charts.CPU_ALL, charts.LOAD_ALL) if which == LOGINS else (charts.NETWORK_ALL, charts.CPU_ALL)
    return (
        Section(
            key="now", title="", query=hosts_query.now_query(which), access=PUBLIC_PAGES, eager=True, in_contents=False, needs=NEEDS,
            blocks=(Block(key="hosts", title=N_("Now"), draw=draw_hosts(which), csv="hosts", help=HELP, height=200),),
        ),
        Section(key="all", title=N_("All nodes"), query=hosts_query.all_query(which), access=PUBLIC_PAGES, panels=together, in_contents=False),
        *(
            Section(
                key=f"host_{place + 1}", title="", query=hosts_query.host_query(which, place), access=PUBLIC_PAGES, in_contents=False,
                blocks=(Block(key="head", title="", draw=draw_host, bare=True, height=40),), panels=tuple(charts.ordered(first)),
            )
            for place in range(SHOWN)
        ),
    )  # fmt: skip


def cluster(params: Any) -> Subject:
    """These pages are about the cluster."""
    return CLUSTER
