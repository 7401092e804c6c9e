"""On the front page, for somebody signed in: what runs now, what waits, and what the last jobs could do better."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd
from dash import html

from analysis.findings import unstored
from analysis.findings.records import Finding
from components import format as text
from components import parts
from components.links import job_link, link
from components.records import About, Block, Frames, Section
from components.table import Column, table
from components.text import N_, _, error_sentence, ngettext
from components.text_findings import sentence
from core.errors import NoData, TurtleError, Why
from core.settings import Settings
from core.subjects import Subject, parse_job
from core.timerange import TimeRange
from core.units import share
from core.viewer import SIGNED_IN, Viewer
from datasources.portal.facts import stored_facts
from datasources.slurm.cluster import current_use
from datasources.slurm.filters import JobFilter
from datasources.slurm.listing import jobs_page
from datasources.sources import Sources
from pages.job_facts import judged

RUNNING_SHOWN = 8
JUDGED = 3  # running jobs looked at closely
KEPT_SECONDS = 60
LOOKED_AT = 40
FINDINGS_SHOWN = 3
WORST = ("bad", "warn")
log = logging.getLogger(__name__)


def mine_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`use`: slurm.cluster.Use. `running`: jobs_page's frame of running jobs. `facts`: stored_facts of the last finished ones."""
    if sources.slurm is None or viewer.name is None:
        missing = NoData(Why.NOT_CONFIGURED, "slurm")
        return {"use": missing, "running": missing, "facts": missing, "judged": missing}
    name = viewer.name

    def running() -> pd.DataFrame:
        return jobs_page(sources, viewer=viewer, filter=JobFilter(user=name, states=("RUNNING",)), limit=RUNNING_SHOWN).frame

    def facts() -> pd.DataFrame:
        last = jobs_page(sources, viewer=viewer, filter=JobFilter(user=name, fold=False), limit=LOOKED_AT).frame
        return stored_facts(sources, viewer=viewer, job_db_inxs=[int(one) for one in last["job_db_inx"]])

    def now() -> list[tuple[Finding, str]]:
        return sources.cache.get_or_make(("mine_now", name), KEPT_SECONDS, lambda: of_running(sources, viewer, when, running()))

    calls: dict[str, Any] = {"use": lambda: current_use(sources, viewer=viewer, user=name), "running": running, "facts": facts, "judged": now}
    return sources.pool.gather(calls, 9.0, "slurm")


def of_running(sources: Sources, viewer: Viewer, when: TimeRange, frame: pd.DataFrame) -> list[tuple[Finding, str]]:
    """(finding, job id) of the newest running jobs; a job that cannot be judged now is left out."""
    found: list[tuple[Finding, str]] = []
    for job in frame["job_id"].head(JUDGED):
        try:
            known = judged(sources, viewer, parse_job(str(job)), when)
        except TurtleError as error:
            log.info("job %s is not judged: %s", job, error.detail)
            continue
        found += [(finding, str(job)) for finding in known.findings if finding.severity in WORST]
    return found


def draw_use(frames: Frames, about: About) -> Any:
    """What I hold and wait for, as tiles."""
    use = frames["use"]
    if isinstance(use, TurtleError):
        return html.Div(parts.empty(error_sentence(use)), className="tt-card")
    if not (use.running or use.pending):
        more = _list_link(about, _("Your earlier jobs"))
        return html.Div(parts.empty(_("You have no jobs running or waiting."), "inbox", action=more), className="tt-card")
    waiting = _("· %(pending)s waiting", pending=text.number(use.pending))
    memory = parts.tile(_("My memory"), text.bytes_(use.held.memory), note=_("allocated now"))
    return parts.tiles(
        parts.tile(_("My jobs running"), text.number(use.running), base=waiting),
        parts.tile(_("My cores"), text.number(use.held.cores), note=_("allocated now")),
        parts.tile(_("My GPUs"), text.number(use.held.gpu_count), note=_("allocated now")) if use.held.gpu_count else None,
        memory,
    )


def _list_link(about: About, said: str) -> Any:
    """The way to the list of jobs, where there is such a page."""
    return parts.page_link(said, link(about.settings, "/jobs")) if about.settings.module_on("jobstats") else None


def _job(about: About, row: dict[str, Any]) -> Any:
    return job_link(about.settings, row["job_id"])


def draw_running(frames: Frames, about: About) -> Any:
    """My running jobs, the newest first, with how much of their time has gone."""
    frame = frames["running"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame))
    shown = frame.assign(gone=[share(elapsed, limit) for elapsed, limit in zip(frame["elapsed"], frame["limit"], strict=True)])
    columns = (
        Column(key="job_id", title=N_("Job"), phone=True, draw=lambda row: _job(about, row)),
        Column(key="name", title=N_("Name"), phone=True),
        Column(key="partition", title=N_("Partition")),
        Column(key="cores", title=N_("Cores"), kind="number"),
        Column(key="gpus", title=N_("GPUs"), kind="number"),
        Column(key="start", title=N_("Started"), kind="time"),
        Column(key="gone", title=N_("Time used"), kind="bar", help=N_("Run time so far as a share of the time limit")),
    )
    more = _list_link(about, _("All my jobs"))
    return html.Div([table(shown, columns, empty=N_("None of your jobs is running."), filtered=False), html.Div(more, className="tt-foot-link")])


def _latest(frames: Frames, settings: Settings) -> list[tuple[Finding, str, int]]:
    """(finding, its newest job, how many jobs have it): running jobs first, then the worst kinds, then the most frequent."""
    jobs: list[tuple[Finding, str]] = [] if isinstance(frames["judged"], TurtleError) else list(frames["judged"])
    running = {finding.id for finding, _job_id in jobs}
    facts = frames["facts"]
    if not isinstance(facts, TurtleError):
        for row in facts.sort_values("end", ascending=False).to_dict("records"):
            job = str(row["facts"].get("job_id") or row["id_job"])
            jobs += [(finding, job) for finding in unstored(row["findings"] or (), settings) if finding.severity in WORST]
    found: dict[str, tuple[Finding, str, int]] = {}
    for finding, job in jobs:
        first = found.get(finding.id, (finding, job, 0))
        found[finding.id] = (first[0], first[1], first[2] + 1)
    return sorted(found.values(), key=lambda one: (one[0].id not in running, WORST.index(one[0].severity), -one[2]))


def draw_findings(frames: Frames, about: About) -> Any:
    """What my running and last finished jobs could do better, each kind once, with its newest job."""
    found = _latest(frames, about.settings)
    if not found:
        failed = next((frames[key] for key in ("judged", "facts") if isinstance(frames[key], TurtleError)), None)
        if failed is not None:
            return parts.empty(error_sentence(failed))
        return parts.empty(_("Nothing to improve was found in your running and last finished jobs."), "check-circle-fill")
    rows = []
    for finding, job, count in found[:FINDINGS_SHOWN]:
        headline, evidence, advice = sentence(finding)
        more = ngettext("and %(num)s more like it", "and %(num)s more like it", count - 1) if count > 1 else ""
        where = [job_link(about.settings, job, _("Job %(job)s", job=job)), " ", html.Span(more, className="tt-muted")]
        told = [*(evidence if isinstance(evidence, list) else [evidence]), " ", *where]
        rows.append(parts.finding_row(finding.severity, headline, told, advice=advice, request=finding.request, why=finding.docs))
    return html.Div(rows)


HELP_FINDINGS = N_("What your running and last finished jobs could do better. Each kind is listed once, with its newest job.")

MINE = Section(
    key="mine", title=N_("My work"), query=mine_query, access=SIGNED_IN, eager=True,
    blocks=(
        Block(key="use", title="", draw=draw_use, bare=True, height=92),
        Block(key="findings", title=N_("My findings"), draw=draw_findings, height=120, help=HELP_FINDINGS),
        Block(key="running", title=N_("My running jobs"), draw=draw_running, height=180),
    ),
)  # fmt: skip
