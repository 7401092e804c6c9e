"""One job: the answer first, then its charts, then the facts. An array's own id shows the array instead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from dash import html

from components import parts
from components.charts import counters, cpu, disk, gpu, lustre, memory, network, power, processes
from components.links import link
from components.needs import metrics
from components.present import Names, plain_text
from components.records import About, Block, Figure, Frames, Need, Page, Panel, Section
from components.text import N_, _
from core.errors import TurtleError
from core.settings import Settings
from core.subjects import JobSubject
from core.timerange import TimeRange
from core.viewer import JOB_OWNER_OR_STAFF, Viewer
from datasources.prometheus.job_batches import MAX_SERIES
from datasources.prometheus.job_metrics import in_life, on_v2
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages import job_array, job_head, job_query
from pages.job_facts import judged_today
from pages.job_related import COMPONENTS, DEPENDENCIES, RECORDS, SIBLINGS
from pages.job_request import REQUEST
from pages.job_script import SCRIPT

MANY_NODES = 60  # links to nodes beyond this are of no use


def summary(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Objects: run, judged (facts and findings, or the error that prevents them)."""
    run = job_query.the_run(sources, viewer, subject)
    try:
        return {"run": run, "judged": judged_today(sources, viewer, subject, when)}
    except TurtleError as error:
        return {"run": run, "judged": error}


def findings(frames: Frames, about: About) -> Any:
    """The findings card; what a finding shows is a section this run has."""
    return job_head.findings(frames, about, keys_of(frames["run"], about.settings))


def shared_note(frames: Frames, about: About) -> Any:
    """Says what charts of whole nodes include; nothing for a job that had its nodes to itself."""
    run = frames.get("run")
    if run is None or run.whole_node or not measured(frames):
        return None
    return _line_note(_("Other jobs may have run on the same nodes. Charts marked “node” include them."))


def _line_note(text: str) -> html.Div:
    return html.Div([parts.icon("info-circle-fill"), html.Span(text)], className="tt-line-note")


def node_links(frames: Frames, about: About) -> Any:
    """A list of the nodes of a job too large to show each core, to look at the cores of one; and what cgroup v2 hides."""
    run: Run = frames["run"]
    rows: list[Any] = []
    if not measured(frames) and not getattr(about.subject, "node", ""):
        return None
    hidden = on_v2(run, about.settings)
    if hidden:
        names = ", ".join(hidden[:8]) + ("…" if len(hidden) > 8 else "")
        note = _("No figures by core on %(nodes)s: the kernel there counts CPU time for the job as a whole.", nodes=names)
        rows.append(_line_note(note))
    open_ = tuple(host for host in run.hosts[:MANY_NODES] if host not in hidden)
    if run.cores > MAX_SERIES and len(run.hosts) > 1 and open_:
        rows.append(_node_list(run, open_, about))
    return html.Div(rows) if rows else None


def _node_list(run: Run, hosts: tuple[str, ...], about: About) -> html.Details:
    job, chosen = job_head.plain_id(run), getattr(about.subject, "node", "")
    everything = [parts.page_link(_("All nodes"), link(about.settings, f"/job/{job}"), f"tt-choice{'' if chosen else ' on'}")]
    links = [
        parts.page_link(host, link(about.settings, f"/job/{job}", node=host), f"tt-choice{' on' if host == chosen else ''}")
        for host in hosts
    ]
    text = _("Cores of %(node)s", node=chosen) if chosen in hosts else _("Cores of one node")
    summary_ = html.Summary([html.Span(text), parts.icon("chevron-down")], className="tt-btn tt-btn-small")
    return html.Details([summary_, html.Div([*everything, *links], className="tt-pop tt-node-list")], className="tt-drop tt-node-drop")


def measured(frames: Frames) -> bool:
    """True if any frame of a section holds figures."""
    return any(isinstance(frame, pd.DataFrame) and frame.shape[0] and frame.shape[1] for frame in frames.values())


def _on_life(panel: Panel) -> Panel:
    """The same chart with its time axis inside the run: an address may ask for ten years of a job of an hour."""

    def figure(frame: Any, about: About) -> Figure:
        return panel.figure(frame, replace(about, when=in_life(about.frames["run"], about.when)))

    return replace(panel, figure=figure)


def _chart(key: str, title: str, query: Any, panels: tuple[Panel, ...], blocks: tuple[Block, ...] = (), exporter: str = "") -> Section:
    needs = (Need(kind="exporter", name=exporter),) if exporter else ()
    return Section(key=key, title=title, query=query, access=JOB_OWNER_OR_STAFF, panels=tuple(map(_on_life, panels)), blocks=blocks, needs=needs)


SHARED = Block(key="shared", title="", draw=shared_note, bare=True, height=0)
SUMMARY = Section(
    key="summary", title="", query=summary, access=JOB_OWNER_OR_STAFF, eager=True, in_contents=False,
    needs=metrics("slurm_job_memory_limit"),  # the share of the memory allocated; what else it reads has charts of its own
    blocks=(
        Block(key="tiles", title="", draw=job_head.tiles, bare=True, height=130),
        Block(key="findings", title=N_("Findings"), draw=lambda frames, about: findings(frames, about), height=160),
    ),
)
CHARTS = (
    _chart("cpu", N_("CPU"), job_query.cpu, cpu.PANELS, (Block(key="nodes", title="", draw=node_links, bare=True, height=0),)),
    _chart("memory", N_("Memory"), job_query.memory, memory.PANELS),
    _chart("processes", N_("Processes"), job_query.processes, processes.PANELS),
    _chart("files", N_("File system"), job_query.files, lustre.PANELS, exporter="lustre_exporter"),
    _chart("gpu", N_("GPU"), job_query.gpu, gpu.PANELS),
    _chart("network", N_("Network"), job_query.network, network.PANELS, (SHARED,), exporter="node_exporter"),
    _chart("disk", N_("Local disk"), job_query.disk, disk.PANELS, (SHARED,), exporter="node_exporter"),
    _chart("counters", N_("Hardware counters"), job_query.counters, counters.PANELS, (SHARED,), exporter="pcm-sensor-server"),
    _chart("power", N_("Power"), job_query.power, power.PANELS, (SHARED,), exporter="redfish_exporter"),
)
FACTS = (REQUEST, SCRIPT, DEPENDENCIES, SIBLINGS, COMPONENTS, RECORDS)
SECTIONS = (SUMMARY, *CHARTS, *FACTS, *job_array.SECTIONS)


def keys_of(run: Run, settings: Settings) -> tuple[str, ...]:
    """The sections a run can have: no charts before the start, no GPU charts without GPUs, none of exporters not installed."""
    found = ["summary"]
    if run.started:
        # the GPUs are what a GPU job is about: first
        for section in sorted(CHARTS, key=lambda section: section.key != "gpu"):
            installed = all(settings.exporter(need.name).installed for need in section.needs if need.kind == "exporter")
            if installed and (section.key != "gpu" or run.gpus):
                found.append(section.key)
    found += ["request", "script", "dependencies"]
    found += ["siblings"] if run.array_job else []
    found += ["components"] if run.het_job else []
    return (*found, "records") if run.started else tuple(found)


def head(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> tuple[str, Any, tuple[str, ...] | None]:
    """(title, what stands above the sections, keys of the sections shown); raises NotFound."""
    found = job_query.the_runs(sources, viewer, subject)
    shown = job_query.the_run(sources, viewer, subject)
    person = "" if shown.user == viewer.name else str(Names(viewer, sources.settings).person(shown.user))
    title = str(plain_text(shown.name))
    if job_query.is_array(sources, viewer, subject):
        return title, job_array.head(shown, subject, viewer, sources.settings, when, person), job_array.KEYS
    return title, job_head.head(found, shown, viewer, sources.settings, when, person), keys_of(shown, sources.settings)


def span(sources: Sources, viewer: Viewer, subject: JobSubject, now: int) -> tuple[int, int]:
    """The run's life, up to now while it runs; of an array from its submission on."""
    run = job_query.the_run(sources, viewer, subject)
    if job_query.is_array(sources, viewer, subject):
        return run.submit, max(now, run.submit + 1)
    return run.life(now)


JOB = Page(
    key="job", module="jobstats", path="/job/<job>", title=N_("Job"), icon="list-task", access=JOB_OWNER_OR_STAFF,
    sections=SECTIONS, subject=job_query.subject_of, head=head, span=span, in_menu=False, filters=("submit", "node", "after", "state"),
    needs=(Need(kind="database", name="slurm"),), description=N_("One job: what it asked for, what it used, what to change."),
    crumbs=lambda subject: ((N_("Jobs"), "/jobs"), (subject.id, "")),
)
