"""The first screen of a node: its name and state, the numbers of now, what it is made of."""

from __future__ import annotations

from typing import Any

from dash import html

from components import format as fmt
from components import parts
from components.links import link
from components.records import About, Frames
from components.text import N_, _, error_sentence, ngettext
from core.errors import NoData, TurtleError, Why
from core.gpus import model_of
from core.settings import Settings
from core.units import share
from core.viewer import Viewer
from datasources.slurm.hosts import hosts
from pages.node_query import NodeView, detail_of, value_of

TONES = (("DOWN", "bad"), ("FAIL", "bad"), ("NOT_RESPONDING", "bad"), ("DRAIN", "warn"))
STATES = {"IDLE+DRAIN": N_("drained"), "DOWN": N_("down"), "ALLOCATED+DRAIN": N_("draining"), "MIXED+DRAIN": N_("draining")}


def state_word(event: str) -> str:
    """A node's state as people say it."""
    return _(STATES[event]) if event in STATES else event.lower().replace("+", ", ").replace("_", " ")


def state_badge(event: str) -> html.Span:
    """The badge of a spell out of service; green in service."""
    if not event:
        return parts.badge(_("in service"), "good")
    return parts.badge(state_word(event), next((tone for word, tone in TONES if word in event), "warn"))


def head(subject: NodeView, row: dict[str, Any], order: list[str], viewer: Viewer, settings: Settings) -> html.Div:
    """Name, state with its reason, and the ways to the neighbours and back to the list."""
    event = str(row.get("event") or "")
    title = html.H1(subject.id, className="tt-job-name")
    words = [title, state_badge(event)]
    since = row.get("since")
    if event and since == since and since is not None:
        words.append(html.Span([_("since"), " ", fmt.moment(int(since))], className="tt-muted"))
    said = " · ".join(str(text) for text in (row.get("reason"), row.get("who")) if text)
    if event and said:
        words.append(html.Span(said))
    return html.Div(
        [html.Div(words, className="tt-title"), html.Div(_ways(subject, order, viewer, settings), className="tt-title-tools")], className="tt-title-row"
    )


def _ways(subject: NodeView, order: list[str], viewer: Viewer, settings: Settings) -> list[Any]:
    carried = subject.narrow.query()
    ways = []
    if subject.id in order:
        place = order.index(subject.id)
        for there, words, text in ((place - 1, "‹ {}", N_("Previous node")), (place + 1, "{} ›", N_("Next node"))):
            if 0 <= there < len(order):
                name = order[there]
                way = parts.page_link(words.format(name), link(settings, f"/node/{name}", **carried), "tt-btn tt-btn-small")
                ways.append(html.Span(way, title=_(text)))
    text = _("All nodes") if viewer.is_staff else _("Nodes of my jobs")
    ways.append(parts.page_link([parts.icon("hdd-network"), html.Span(text)], link(settings, "/nodes", **carried), "tt-btn tt-btn-small"))
    return ways


def _held(frames: Frames, what: str) -> float | None:
    row = frames.get("held")
    value = row.get(what) if isinstance(row, dict) else None
    return float(value) if value is not None and value == value else None


def _given(count: float | None, words: str) -> str:
    return "" if count is None else _("%(count)s given to jobs", count=words)


def tiles(frames: Frames, about: About) -> Any:
    """Cores with the load, memory, GPUs, power and local disk of the node now."""
    now = frames.get("now")
    cores, jobs = _held(frames, "cores_alloc"), _held(frames, "jobs")
    if isinstance(now, TurtleError) or now is None:
        return html.Div(parts.empty(error_sentence(now if now is not None else NoData(Why.NO_DATA)), "plug", "warn"), className="tt-card")
    threads, busy = value_of(now, "threads"), value_of(now, "job_busy")
    busy = busy if busy is not None else value_of(now, "busy")
    whole, free = value_of(now, "memory"), value_of(now, "free_memory")
    used = whole - free if whole is not None and free is not None else None
    running = ngettext("%(num)s job", "%(num)s jobs", int(jobs)) if jobs is not None else ""
    load = value_of(now, "load")
    waiting = _("load %(load)s", load=fmt.number(load)) if load is not None else ""
    notes = [part for part in (_given(cores, fmt.number(cores)), running, waiting) if part] if jobs else [_("no job"), waiting] if jobs == 0 else [waiting]
    found = [
        parts.tile(_("Cores busy"), fmt.number(busy), base=_of(fmt.number(threads), threads), share=share(busy, threads), note=" · ".join(notes)),
        parts.tile(
            _("Memory used"), fmt.bytes_(used), base=_of(fmt.bytes_(whole), whole), share=share(used, whole),
            note=_given(_held(frames, "memory_alloc"), fmt.bytes_(_held(frames, "memory_alloc"))) if jobs else "",
        ),
        _gpus(frames, now), _power(now), _disk(now),
    ]  # fmt: skip
    return parts.tiles(*found)


def _of(text: str, value: float | None) -> str:
    return _("of %(whole)s", whole=text) if value is not None else ""


def _gpus(frames: Frames, now: Any) -> Any:
    cards, busy = value_of(now, "cards"), value_of(now, "gpus_busy")
    given = _held(frames, "gpus_alloc")
    if not cards and not given:
        return None
    note = _given(given, fmt.number(given))
    if cards and given and given > cards:  # slices: more than there are cards
        return parts.tile(_("GPU slices busy"), fmt.number(busy or 0), base=_of(fmt.number(given), given), share=share(busy or 0, given), note=note)
    return parts.tile(_("GPUs busy"), fmt.number(busy or 0), base=_of(fmt.number(cards), cards), share=share(busy or 0, cards), note=note)


def _power(now: Any) -> Any:
    watts, cards = value_of(now, "chassis"), value_of(now, "card_power")
    if watts is None and cards is None:
        return None
    note = _("%(power)s by its GPUs", power=fmt.power(cards)) if cards is not None and watts is not None else ""
    return parts.tile(_("Power"), fmt.power(watts if watts is not None else cards), note=note)


def _disk(now: Any) -> Any:
    whole, free = value_of(now, "space"), value_of(now, "free_space")
    if whole is None or free is None:
        return None
    return parts.tile(_("Local disk used"), fmt.bytes_(whole - free), base=_of(fmt.bytes_(whole), whole), share=share(whole - free, whole))


def partitions_of(node: str, row: dict[str, Any], settings: Settings) -> tuple[str, ...]:
    """The partitions the settings list the node in; without such a list those of the jobs on it."""
    listed = tuple(name for name, text in settings.slurm.partitions.items() if node in hosts(text))
    return listed or tuple(row.get("partitions") or ())


def facts(frames: Frames, about: About) -> Any:
    """What the node is: state, partitions, features, hardware, kernel, since when it is up."""
    now, row = frames.get("now"), frames.get("held")
    row = row if isinstance(row, dict) else {}
    booted = value_of(now, "booted")
    up = html.Span([fmt.duration(about.when.now - booted), " ", html.Span([_("since"), " ", fmt.moment(int(booted))], className="tt-muted")]) if booted else ""
    listed = partitions_of(about.subject.id, row, about.settings)
    staff = about.viewer.is_staff  # others list the nodes of their own jobs, whatever partition
    names = [part for name in listed for part in (parts.page_link(name, link(about.settings, "/nodes", partition=name)) if staff else name, ", ")][:-1]
    threads, memory, space = (value_of(now, what) for what in ("threads", "memory", "space"))
    rows = [
        (_("State by Slurm"), detail_of(now, "state").lower().replace("+", ", ")),
        (_("Partitions"), html.Span(names) if names else ""),
        (_("Features"), detail_of(now, "features").replace(",", ", ")),
        (_("Hardware threads"), fmt.number(threads) if threads else ""),
        (_("Memory"), fmt.bytes_(memory) if memory else ""),
        (_("GPUs"), gpus_text(now, about.settings)),
        (_("Local disk"), fmt.bytes_(space) if space else ""),
        (_("Kernel"), detail_of(now, "kernel")),
        (_("Up for"), up),
    ]
    return parts.facts(rows)


def gpus_text(now: Any, settings: Settings) -> str:
    """`4 × A100`; "" without GPUs."""
    cards, kind = value_of(now, "cards"), detail_of(now, "cards")
    if not cards:
        return ""
    return f"{fmt.number(cards)} × {model_of(kind, settings.gpus).name if kind else 'GPU'}"


