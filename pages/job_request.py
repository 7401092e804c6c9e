"""Request and use: what was allocated and used, what the scheduler recorded, what it cost."""

from __future__ import annotations

import signal
from typing import Any

from dash import html

from analysis.facts import JobFacts
from components import format as fmt
from components import parts
from components.needs import PLAIN, needs_of
from components.present import Names, plain_text
from components.records import About, Block, Frames, Section
from components.text import N_, _
from core.errors import TurtleError
from core.settings import Settings
from core.subjects import JobSubject
from core.timerange import TimeRange
from core.viewer import JOB_OWNER_OR_STAFF, Viewer
from datasources.prometheus.job_batches import levelfs
from datasources.prometheus.job_metrics import level_fs
from datasources.slurm import detail
from datasources.slurm.people import uid_names
from datasources.slurm.records import Run
from datasources.sources import Sources
from pages.job_facts import judged
from pages.job_head import SOURCE_WORDS, role_of
from pages.job_query import the_run
from pages.job_ways import MOST_NODES, gpu_text, ways

EXITS = {
    0: N_("ended without an error"), 1: N_("the program reported an error"), 2: N_("wrong use of a command"),
    126: N_("a command could not be executed"), 127: N_("a command was not found"), 130: N_("interrupted from the keyboard"),
}
# Slurm writes exit code 0:0 for a job whose end was not its own doing
ENDS = {
    "TIMEOUT": N_("ended at its time limit"), "CANCELLED": N_("it was cancelled"), "PREEMPTED": N_("made way for another job"),
    "NODE_FAIL": N_("its node failed"), "REQUEUED": N_("ended to be queued again"), "DEADLINE": N_("ended at its deadline"),
    "BOOT_FAIL": N_("its node did not start"), "OUT_OF_MEMORY": N_("killed because its memory ran out"),
}
OUT_OF_MEMORY = "125"  # the signal Slurm records where the kernel killed a process for memory
SIGNALS = {
    "SIGKILL": N_("killed"), "SIGTERM": N_("asked to end"), "SIGSEGV": N_("touched memory that is not its own"),
    "SIGABRT": N_("gave up by itself"), "SIGBUS": N_("bus error"), "SIGFPE": N_("arithmetic error"), "SIGINT": N_("interrupted"),
    "SIGILL": N_("illegal instruction"), "SIGXCPU": N_("CPU time limit reached"), "SIGPIPE": N_("wrote to a closed pipe"),
}


def query(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Objects: run, judged (or an error), level_fs (float or None), reservation (dict), cancelled_by (login or "")."""
    run = the_run(sources, viewer, subject)
    found: dict[str, Any] = {"run": run}
    calls = {
        "judged": lambda: judged(sources, viewer, subject, when),
        "level_fs": lambda: level_fs(sources, run, when, viewer=viewer),
        "reservation": lambda: detail.reservation(sources, viewer=viewer, run=run),
        "cancelled_by": lambda: _canceller(sources, viewer, run),
    }
    for name, call in calls.items():
        try:
            found[name] = call()
        except TurtleError as error:
            found[name] = error
    return found


def _canceller(sources: Sources, viewer: Viewer, run: Run) -> str:
    if run.cancelled_by is None:
        return ""
    if run.cancelled_by in (0, run.uid):
        return run.user if run.cancelled_by else "root"
    return uid_names(sources, viewer=viewer, uids=[run.cancelled_by]).get(run.cancelled_by, str(run.cancelled_by))


def signal_name(number: int) -> str:
    """`SIGKILL` for 9; the number itself for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def exit_words(code: str) -> str:
    """An exit code such as `1:0` or `0:9` in words."""
    status, _mark, by = code.partition(":")
    if by == OUT_OF_MEMORY:
        return _("killed because its memory ran out")
    if by.isdigit() and int(by):
        name = signal_name(int(by))
        return _("ended by signal %(name)s: %(words)s", name=name, words=_(SIGNALS[name])) if name in SIGNALS else _("ended by signal %(name)s", name=name)
    number = int(status) if status.isdigit() else -1
    if number > 128 and number - 128 < 65 and number not in EXITS:
        return _("a command was ended by signal %(name)s", name=signal_name(number - 128))
    return _(EXITS[number]) if number in EXITS else _("the program reported error %(number)s", number=number)


def _row(name: str, allocated: Any, used: Any, share: float | None, source: str, role: str = "used") -> html.Tr:
    bar = [html.Span(fmt.percent(share), className="num"), parts.meter(share, role)] if share is not None else fmt.NONE
    word = _(SOURCE_WORDS[source]) if source in SOURCE_WORDS else ""
    return html.Tr(
        [html.Th(name, scope="row"), html.Td(allocated, className="num"), html.Td(used, className="num"), html.Td(bar), html.Td(word, className="tt-muted")]
    )


def use_rows(run: Run, facts: JobFacts, settings: Settings) -> list[html.Tr]:
    """Allocated, used, efficiency and its source, by kind."""
    sources = facts.sources
    rows = [
        _row(_("Time"), fmt.duration(run.limit), fmt.duration(facts.elapsed), facts.time_efficiency, "accounting"),
        _row(_("Nodes"), fmt.number(run.nodes), fmt.number(len(facts.cpu_by_node)) if facts.cpu_by_node else fmt.NONE, None, ""),
        _row(_("CPU cores"), fmt.number(run.cores), fmt.number(facts.cpu_mean), facts.cpu_efficiency, sources.get("cpu_used", ""), role_of(facts.cpu_efficiency)),
        _row(_("Memory"), fmt.bytes_(run.memory), _memory_used(facts), facts.memory_efficiency, sources.get("memory_peak", ""), role_of(facts.memory_efficiency)),
    ]
    if run.gpus:
        used = None if facts.gpu_use is None else facts.gpu_use * facts.gpus
        rows.append(_row(_("GPUs"), gpu_text(run, settings), fmt.number(used), facts.gpu_use, "metrics" if used is not None else "", role_of(facts.gpu_use)))
    return rows


def _memory_asked(run: Run) -> str | None:
    """`1.06 TiB, 32 GiB per node`; the part is left out where it is the whole."""
    memory = run.memory or run.memory_req
    if not memory:
        return None
    number, words = {"cpu": (run.cores, _("per core")), "node": (run.nodes, _("per node"))}.get(run.memory_per, (1, ""))
    return fmt.bytes_(memory) if number < 2 else f"{fmt.bytes_(memory)}, {fmt.bytes_(memory / number)} {words}"


def asked(run: Run, settings: Settings) -> html.Div:
    """What a job that has not started asks for."""
    rows = [
        (_("Time"), fmt.duration(run.limit)), (_("Nodes"), fmt.number(run.nodes)), (_("CPU cores"), fmt.number(run.cores)),
        (_("Memory"), _memory_asked(run)),
        (_("GPUs"), gpu_text(run, settings) or None),
    ]
    text = _("The job never started; this is what it asked for.") if run.finished else _("Nothing is allocated until the job starts; this is what it asks for.")
    return html.Div([parts.facts(rows), html.P(text, className="tt-muted tt-small tt-after")])


def draw_use(frames: Frames, about: About) -> Any:
    """The table of allocated and used."""
    found, run = frames["judged"], frames["run"]
    if isinstance(found, Exception):
        raise found
    if not run.started:
        return asked(run, about.settings)
    heads = (_("Resource"), _("Allocated"), _("Used"), _("Efficiency"), _("Source"))
    head = html.Thead(html.Tr([html.Th(text, scope="col") for text in heads]))
    table = html.Table([head, html.Tbody(use_rows(run, found.facts, about.settings))], className="tt-table tt-use")
    extra = [part for part in (_cores_by_node(found.facts), _memory_note(found.facts)) if part]
    return html.Div([html.Div(table, className="tt-scroll"), *[html.P(text, className="tt-muted tt-small") for text in extra]])


def _memory_used(facts: JobFacts) -> str:
    """The peak in the unit of what was allocated, so that the two can be compared."""
    known = facts.memory_peak is not None and facts.memory
    return fmt.of(facts.memory_peak, facts.memory, "B") if known else fmt.bytes_(facts.memory_peak)


def _cores_by_node(facts: JobFacts) -> str:
    if len(facts.cores_by_node) < 2:
        return ""
    shown = [f"{node} {count}" for node, count in list(facts.cores_by_node.items())[:16]]
    return _("Cores by node: %(list)s", list=", ".join(shown) + (" …" if len(facts.cores_by_node) > 16 else ""))


def _memory_note(facts: JobFacts) -> str:
    booked = facts.memory_peak_accounting
    if booked is None or facts.memory_source != "metrics":
        return ""
    return _("Accounting recorded a peak of %(bytes)s for the largest step.", bytes=fmt.bytes_(booked))


def reason_text(run: Run) -> Any:
    """The last recorded reason, called what it is, and how to ask for the live one."""
    if run.reason in ("", "None"):
        return None
    if run.finished:
        return plain_text(run.reason)
    hint = html.Code(f"squeue -j {run.id_job} -o %r")
    return html.Span([f"{plain_text(run.reason)} ", html.Span([_("(last recorded; the present one: "), hint, ")"], className="tt-muted")])


def _exit(run: Run) -> str | None:
    if not run.finished:
        return None
    if not run.started:
        return run.exit_code
    words = _(ENDS[run.state]) if run.exit_code == "0:0" and run.state in ENDS else exit_words(run.exit_code)
    return f"{run.exit_code} · {words}"


def scheduler_rows(frames: Frames, about: About) -> list[tuple[str, Any]]:
    """Names and values of what the scheduler recorded."""
    run: Run = frames["run"]
    names = Names(about.viewer, about.settings, about.subject)
    shown = names.person(run.user) if about.viewer.is_staff or run.user != about.viewer.name else ""
    led = ways(run, about.viewer, about.settings, about.when.now, shown)
    level, canceller = frames["level_fs"], frames["cancelled_by"]
    at_start = _("LevelFS at start") if run.started else _("LevelFS now")
    flags = ", ".join(flag for flag in run.state_flags if flag != run.state)
    return [
        (_("State"), [parts.state_badge(run.state), f" {flags}" if flags else ""]),
        (_("Exit code"), _exit(run)),
        (_("Derived exit code"), run.derived_exit_code if run.derived_exit_code not in ("", "0:0", run.exit_code) else None),
        (_("Cancelled by"), names.person(canceller) if isinstance(canceller, str) and canceller else None),
        (_("Reason"), None if run.started else reason_text(run)),
        (_("Person"), led["person"] or None), (_("Account"), led["account"]), (_("Partition"), run.partition), (_("QOS"), run.qos),
        (_("Reservation"), _reservation(frames)), (_("Constraints"), plain_text(run.constraints)),
        (_("Priority"), fmt.number(run.priority, 10) if run.priority else None),
        (at_start, fmt.number(level) if isinstance(level, float) else None),
        (_("Nodes"), led["nodes"] if 0 < len(run.hosts) <= MOST_NODES else plain_text(run.node_list)), (_("Whole nodes"), _("yes") if run.whole_node else None),
        (_("Licences"), ", ".join(f"{name} × {count}" for name, count in run.licenses.items())),
        (_("Suspended"), fmt.duration(run.suspended) if run.suspended else None),
        (_("Comment"), plain_text(run.comment)),
        (_("Note of the staff"), plain_text(run.admin_comment)),
        (_("Note of the system"), plain_text(run.system_comment)),
        (_("WCKey"), plain_text(run.wckey)),
    ]


def _reservation(frames: Frames) -> Any:
    found, run = frames["reservation"], frames["run"]
    if not isinstance(found, dict) or not found:
        return plain_text(run.reservation)
    return [found["name"], " (", fmt.moment(found["start"]), " – ", fmt.moment(found["end"]), ")"]


def draw_scheduler(frames: Frames, about: About) -> Any:
    """What the scheduler recorded."""
    return parts.facts(scheduler_rows(frames, about))


def draw_cost(frames: Frames, about: About) -> Any:
    """Energy with its coverage, CO₂, and money, where prices are set."""
    found, run = frames["judged"], frames["run"]
    if isinstance(found, Exception):
        raise found
    if not run.started:
        return html.Span(className="tt-hide")
    facts: JobFacts = found.facts
    cost, sign = facts.cost, about.settings.prices.currency

    def amount(value: float | None) -> str | None:
        return None if value is None else fmt.money(value, sign)

    rows = [
        (_("Energy"), _energy(facts)),
        (_("Mean power"), fmt.power(facts.watts) if facts.watts is not None else None),
        (_("CO₂"), fmt.mass(cost.co2_kg) if cost.co2_kg is not None else None),
        (_("An electric car goes"), f"{fmt.number(cost.car_km)} km" if cost.car_km is not None else None),
        (_("Electricity"), amount(cost.electricity)), (_("Cooling"), amount(cost.cooling)), (_("Hardware"), amount(cost.hardware)),
        (_("Total"), amount(cost.total)), (_("At a cloud provider"), amount(cost.cloud)),
    ]
    if all(value is None for _name, value in rows):
        return parts.empty(_("No energy was measured and no prices are set."), "lightning-charge")
    return parts.facts(rows)


def _energy(facts: JobFacts) -> str | None:
    if facts.energy_kwh is None:
        return None
    share = fmt.percent(facts.energy_coverage)
    return _("%(energy)s (measured over %(share)s of the run)", energy=fmt.energy(facts.energy_kwh), share=share)


REQUEST = Section(
    key="request", title=N_("Request and use"), query=query, access=JOB_OWNER_OR_STAFF, needs=needs_of(levelfs(PLAIN)),
    blocks=(
        Block(key="use", title=N_("Asked for and used"), draw=draw_use, height=220,
              help=N_("Used is the mean for cores and GPUs and the peak for memory.")),
        Block(key="scheduler", title=N_("Scheduler"), draw=draw_scheduler, height=200),
        Block(key="cost", title=N_("Energy and cost"), draw=draw_cost, height=120,
              help=N_("The job's own share of its nodes' power, over time. Where some of it was not measured, the rest is stretched.")),
    ),
)
