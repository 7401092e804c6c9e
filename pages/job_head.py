"""The first screen of a job: title, status, life line; then tiles and findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from analysis.facts import JobFacts
from analysis.findings import Finding
from components import format as fmt
from components import parts
from components.links import link
from components.present import plain_text
from components.records import About, Frames
from components.section_layout import anchor
from components.text import N_, _, error_sentence, ngettext
from components.text_findings import sentence
from components.text_findings import summary as findings_summary
from core.settings import Settings
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.slurm.records import Run
from pages.job_facts import Judged
from pages.job_ways import about_line, gpu_text

# which section of the page shows what a finding is about: by its id, else by its subject
SECTION_OF = {
    "multi_node": "cpu", "fragmented": "request", "node_fail": "records", "oom": "memory", "timeout": "request",
    "reservation": "request", "constraint": "request", "licences": "request", "singleton": "dependencies",
    "depends": "dependencies", "dependents": "dependencies", "requeued": "", "requeue": "script", "no_requeue": "script",
}
SECTIONS = {
    "cpu": "cpu", "memory": "memory", "gpu": "gpu", "threads": "processes", "files": "files", "time": "request",
    "state": "request", "submit": "script", "script": "script", "energy": "power",
}
WORDS_FIT = 0.12  # share of the life line from which a part holds its words
ROLES = ((0.7, "good"), (0.4, "used"), (0.2, "waste"), (0.0, "bad"))
SOURCE_WORDS = {"accounting": N_("from accounting"), "metrics": N_("measured")}


def title_row(run: Run, viewer: Viewer, settings: Settings, now: int, person: str = "") -> html.Div:
    """Name, status, whose it is (for others), what it runs on, and where to go from here."""
    about = about_line(run, viewer, settings, now, person)
    compare = parts.page_link(
        [parts.icon("arrow-left-right"), html.Span(_("Compare"))],
        link(settings, "/jobs/compare", ids=plain_id(run)), "tt-btn",
    )
    title = html.H1(plain_text(run.name) or _("(no name)"), className="tt-job-name")
    return html.Div(
        [
            html.Div([title, parts.state_badge(run.state), html.Span(about, className="tt-muted")], className="tt-title"),
            html.Div([compare], className="tt-title-tools"),
        ],
        className="tt-title-row",
    )


def plain_id(run: Run) -> str:
    """The id an address can hold: of an array's pending part the array's, of a task 8_7, of a component 10+1."""
    return run.job_id if "[" not in run.job_id else str(run.array_job)


def life(run: Run, now: int) -> Any:
    """The life line: waiting for dependency or begin time · queued · ran · left; with its moments as caption."""
    begun = run.start if run.start is not None else (run.end or now)
    ready = min(max(run.eligible or begun, run.submit), begun)
    waited, queued = ready - run.submit, begun - ready
    bars: list[tuple[float, str, str]] = [
        (waited, "wait", _("waited %(time)s to be eligible", time=fmt.duration(waited))),
        (queued, "queued", _("queued %(time)s", time=fmt.duration(queued))),
    ]
    if run.start is not None:
        ran = (run.end or now) - run.start
        text = _("ran %(time)s", time=fmt.duration(ran)) if run.finished else _("ran %(time)s so far", time=fmt.duration(ran))
        bars.append((ran, "ran", text))
        if run.running and run.limit is not None and not run.unlimited:
            left = max(run.limit + run.suspended - ran, 0)
            words = _("%(left)s left of %(limit)s", left=fmt.duration(left), limit=fmt.duration(run.limit))
            bars.append((left, "left", words))
    return parts.life_line(_balanced(bars), [*_moments(run), *_small(bars)])


def _balanced(bars: list[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """No part that exists is thinner than a fiftieth of the line; a part too thin for its words has none."""
    whole = sum(part[0] for part in bars) or 1
    return [
        (max(seconds, whole / 50) if seconds > 0 else 0, kind, text if seconds > whole * WORDS_FIT else "")
        for seconds, kind, text in bars
    ]


def _small(bars: list[tuple[float, str, str]]) -> list[str]:
    """The words of the parts too thin to hold them."""
    whole = sum(part[0] for part in bars) or 1
    return [f" · {text}" for seconds, _kind, text in bars if 0 < seconds <= whole * WORDS_FIT]


def _moments(run: Run) -> list[Any]:
    pairs = [(_("submitted"), run.submit), (_("eligible"), run.eligible), (_("started"), run.start), (_("ended"), run.end)]
    if run.running and run.start is not None and run.limit is not None and not run.unlimited:
        pairs.append((_("would end"), int(run.start + run.limit + run.suspended)))
    shown: list[Any] = []
    for text, moment in pairs:
        if moment is not None:
            shown += [" · " if shown else "", f"{text} ", fmt.moment(moment)]
    return shown


def runs_row(found: list[Run], shown: Run, settings: Settings) -> Any:
    """The runs of a requeued job, to choose from; None for a job that ran once."""
    if len(found) < 2:
        return None
    choices = []
    for number, run in enumerate(found, 1):
        text = [_("Run %(number)s", number=number), " ", parts.state_badge(run.state)]
        address = link(settings, f"/job/{plain_id(run)}", submit=str(run.submit))
        choices.append(parts.choice(text, address, run is shown))
    return html.Div([html.Span(_("This job ran more than once:"), className="tt-muted"), *choices], className="tt-runs")


def head(found: list[Run], shown: Run, viewer: Viewer, settings: Settings, when: TimeRange, person: str = "") -> html.Div:
    """What stands above the sections of a job's page."""
    return html.Div([title_row(shown, viewer, settings, when.now, person), life(shown, when.now), runs_row(found, shown, settings)], className="tt-job-head")


def role_of(share: float | None) -> str:
    """The colour of an efficiency: good, used, waste or bad."""
    return "used" if share is None else next((role for limit, role in ROLES if share >= limit), "bad")


def _source(facts: JobFacts, name: str) -> str:
    source = facts.sources.get(name)
    return _(SOURCE_WORDS[source]) if source in SOURCE_WORDS else ""


def _gpu_note(facts: JobFacts) -> str:
    if facts.gpu_use is None:
        return _("not measured")
    if facts.gpus == 1:
        return _("it did nothing") if facts.gpu_idle_count else _("of the time busy")
    note = _("%(busy)s of %(all)s GPUs busy", busy=fmt.number(facts.gpu_use * facts.gpus), all=facts.gpus)
    if facts.gpu_idle_count:
        note += " · " + ngettext("%(num)s did nothing", "%(num)s did nothing", facts.gpu_idle_count)
    return note


def _gpu_tiles(facts: JobFacts) -> list[Any]:
    if not facts.gpus:
        return []
    note = _gpu_note(facts)
    totals = [gpu.memory_total for gpu in facts.gpu if gpu.memory_total]
    peaks = [gpu.memory_peak for gpu in facts.gpu if gpu.memory_peak is not None]
    used, whole = (sum(peaks) if peaks else None), (sum(totals) if totals else None)
    largest = (
        _("largest on one GPU: %(used)s", used=fmt.of(facts.gpu_memory_peak, max(totals, default=None), "B"))
        if facts.gpu_memory_peak is not None else _("not measured")
    )
    if facts.gpus == 1 and peaks:
        largest = _("peak")
    share = used / whole if used is not None and whole else None
    first = parts.tile(_("GPU"), fmt.percent(facts.gpu_use), share=facts.gpu_use, role=role_of(facts.gpu_use), note=note)
    return [first, _of_tile(_("GPU memory"), used, whole, "B", share, largest)]


def _of_tile(label: str, part: float | None, whole: float | None, unit: str, share: float | None, note: str) -> Any:
    """A tile `41 of 120 GiB` whose base is muted."""
    if part is None or not whole:
        return parts.tile(label, fmt.NONE, note=note)
    text = fmt.of(part, whole, unit)
    value, _gap, base = text.partition(" ")
    return parts.tile(label, value, base=base, share=share, role=role_of(share), note=note)


def _cpu_tile(facts: JobFacts) -> Any:
    percent = fmt.percent(facts.cpu_efficiency)
    note = _("%(percent)s busy on average", percent=percent) if facts.cpu_mean is not None else _("not measured")
    text = " · ".join(part for part in (note, _source(facts, "cpu_used")) if part)
    return _of_tile(_("CPU cores"), facts.cpu_mean, facts.cores, "", facts.cpu_efficiency, text)


def _memory_tile(facts: JobFacts) -> Any:
    note = _("peak") if facts.memory_peak is not None else _("not measured")
    text = " · ".join(part for part in (note, _source(facts, "memory_peak")) if part)
    return _of_tile(_("Memory"), facts.memory_peak, facts.memory, "B", facts.memory_efficiency, text)


def _time_tile(facts: JobFacts, run: Run) -> Any:
    if run.unlimited or facts.limit is None:
        return parts.tile(_("Time"), fmt.duration(facts.elapsed), note=_("no time limit") if run.unlimited else "")
    note = _("of %(limit)s asked for", limit=fmt.duration(facts.limit))
    return parts.tile(_("Time"), fmt.duration(facts.elapsed), share=facts.time_efficiency, role="used", note=note)


def _energy_tile(facts: JobFacts, settings: Settings) -> Any:
    cost, texts = facts.cost, []
    if cost.co2_kg is not None:
        texts.append(_("%(mass)s CO₂", mass=fmt.mass(cost.co2_kg)))
    if cost.total is not None:
        texts.append(fmt.money(cost.total, settings.prices.currency))
    texts.append(_("coverage %(share)s", share=fmt.percent(facts.energy_coverage)))
    return parts.tile(_("Energy"), fmt.energy(facts.energy_kwh), share=facts.energy_coverage, role="alloc", note=" · ".join(texts))


def tiles(frames: Frames, about: About) -> Any:
    """The headline: GPU, GPU memory, cores, memory, energy (time where no energy is known)."""
    judged, run = frames["judged"], frames["run"]
    if isinstance(judged, Exception):
        raise judged
    facts: JobFacts = judged.facts
    if not run.started:
        return asked_tiles(run, about.settings)
    last = [_energy_tile(facts, about.settings)] if facts.energy_kwh is not None else []
    if len(last) == 0 or not facts.gpus:
        last = [_time_tile(facts, run), *last]
    return parts.tiles(*_gpu_tiles(facts), _cpu_tile(facts), _memory_tile(facts), *last)


def asked_tiles(run: Run, settings: Settings) -> Any:
    """What a job that has not started asks for."""
    memory = run.memory or run.memory_req
    return parts.tiles(
        parts.tile(_("GPUs"), gpu_text(run, settings), note=_("asked for")) if run.gpus else None,
        parts.tile(_("CPU cores"), fmt.number(run.cores), note=_("asked for")),
        parts.tile(_("Memory"), fmt.bytes_(memory), note=_("asked for")) if memory else None,
        parts.tile(_("Nodes"), fmt.number(run.nodes), note=_("asked for")),
        parts.tile(_("Time limit"), fmt.duration(run.limit), note=_("asked for")),
    )


def target_of(finding: Finding, keys: Sequence[str]) -> str:
    """The anchor of the section that shows what a finding is about; "" where the page has none."""
    key = SECTION_OF.get(finding.id, SECTIONS.get(finding.section, ""))
    return anchor(key) if key in keys else ""


def findings(frames: Frames, about: About, keys: Sequence[str]) -> Any:
    """What is worth telling, worst first, with evidence and lines to paste; `keys` are the page's sections."""
    judged, run = frames["judged"], frames["run"]
    if isinstance(judged, Exception):
        raise judged
    rows = [
        parts.finding_row(
            finding.severity, headline, evidence, advice=advice, request=finding.request, why=finding.docs,
            target=target_of(finding, keys),
        )
        for finding in judged.findings
        for headline, evidence, advice in [sentence(finding)]
    ]
    notes = []
    if judged.missing is not None:
        notes.append(parts.notice([_("Judged without some of its figures."), " ", error_sentence(judged.missing)], "warn"))
    if not rows:
        return html.Div([*notes, parts.empty(_quiet(judged, run, about), "check-circle-fill" if run.started else "clock")])
    return html.Div([*notes, html.Div(findings_summary(judged.findings), className="tt-muted tt-small tt-findings-count"), *rows], className="tt-findings")


def _quiet(judged: Judged, run: Run, about: About) -> str:
    if run.finished and not run.started:
        return _("The job never ran, so there is nothing to judge.")
    if not run.started:
        return _("The job has not run, so there is nothing to judge yet.")
    if judged.facts.elapsed < about.settings.thresholds.min_run_seconds:
        return _("The job ran too short to be judged.")
    if not judged.facts.coverage:
        return _("Nothing stands out in what accounting recorded; nothing else was measured.")
    return _("Nothing stands out: no waste that is worth acting on.")


