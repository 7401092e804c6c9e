"""What everybody may read is drawn once for everybody: answers of public pages' sections, heads and files, and the empty frame.

Only requests whose viewer is the public come here; what they get was made for the public. Whoever is signed in is answered
by the ordinary way, and nothing of that is ever kept. docs/public.md has the rules.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import orjson
from dash import Dash
from flask import Response, g, make_response, request

from components import gate, http_cache
from components.ask import Registry, parameters
from components.compress import SMALLEST
from components.kept_answers import Answer, Failed, KeptAnswers
from components.links import below_base, link
from components.records import Page, Section
from components.text import RANGES, language
from core.errors import Busy, SourceSlow, TurtleError
from core.narrow import ClusterView
from core.settings import Settings
from core.viewer import ANYONE, PUBLIC
from datasources.sources import Sources

SECONDS = 30  # of what no exporter's scrape interval says how often it changes
SHORTEST, LONGEST = 15, 300
LAYOUT_SECONDS = 15
FRAME_SECONDS = 60
SAME = ("frame", "callbacks")  # what signing in does not change
OWN = (*SAME, "menu")  # what each process makes for itself: it belongs to the code that runs
USUAL = {value for value, _text in RANGES}
ROUTER = ".._pages_content.children..._pages_store.data.."
_PLACE = "place of the number"
_VISIT = re.compile(rb'"data-visit":"[0-9a-f]{8}"')


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question of the public: the key of its answer, how long that is kept, and whether few ask so."""

    key: tuple
    seconds: int
    rare: bool


def is_public(page: Page, section: Section | None = None) -> bool:
    """True if everybody may read the page (and its section) in this portal."""
    return page.access is ANYONE and (section is None or section.access is ANYONE)


def seconds_of(page: Page, section: Section, settings: Settings) -> int:
    """How long an answer of the section is kept: the shortest scrape interval of the exporters it needs."""
    needs = [*section.needs, *(need for panel in section.panels for need in panel.needs)] or list(page.needs)
    exporters = {need.name for need in needs if need.kind == "exporter"}
    times = [settings.exporter(name).scrape_seconds for name in exporters]
    if not exporters or any(need.kind in ("database", "table") for need in needs):
        times.append(SECONDS)
    return min(max(min(times), SHORTEST), LONGEST)


def asked_of(page: Page, path: str, search: str) -> tuple[tuple, bool] | None:
    """(what an answer depends on, whether few ask so), from the parameters the page knows; None for what is no question to it.

    Usual are the ranges of the menu and the page's own, and filters of which there is a fixed choice. The key holds every
    parameter the page can read, so that nobody can put words into what others are shown.
    """
    try:
        params = parameters(page, path, search)
        subject = page.subject(params)
    except TurtleError:
        return None
    ranged = params.get("from", ""), params.get("to", "")
    when = ("", "") if not any(ranged) else (ranged[0], "") if ranged[0] in USUAL and ranged[1] in ("", "now") else ranged
    filters = {key: value for key, value in params.items() if key not in ("from", "to", "refresh")}
    choice = dict(subject.extra) if isinstance(subject, ClusterView) and not subject.narrow else {}
    free = {key: value for key, value in filters.items() if key not in choice}
    return (when, tuple(sorted(choice.items())), tuple(sorted(free.items()))), bool(free) or when[1] != "" or (when[0] != "" and when[0] not in USUAL)


def _posted(body: Mapping[str, Any]) -> dict[str, Any]:
    inputs = body.get("inputs") or [{}]
    value = inputs[0].get("value")
    return value if isinstance(value, dict) else {}


def _texts(value: Mapping[str, Any], *keys: str) -> list[str]:
    return [value[key] if isinstance(value.get(key), str) else "" for key in keys]


class Public:
    """The answers for everybody of one portal."""

    def __init__(self, sources: Sources, registry: Registry) -> None:
        settings = sources.settings
        self.sources, self.registry = sources, registry
        about = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:16]
        self.kept = KeptAnswers(sources.cache, about)

    def section(self, body: Mapping[str, Any]) -> Asked | None:
        """The question for a public section in a posted callback; None for any other, and for one of another form than our pages send."""
        name = body["outputs"][0]["id"]["section"]
        page, section = self.registry.sections.get(name, (None, None))
        if page is None or section is None or not is_public(page, section):
            return None
        parts = ((1, "panel", section.panels), (2, "panel", section.panels), (3, "block", section.blocks))
        if any(sorted(str(one["id"][kind]) for one in body["outputs"][place]) != sorted(part.key for part in declared) for place, kind, declared in parts):
            return None
        value = _posted(body)
        path, search, width = _texts(value, "path", "search", "width")
        asked = asked_of(page, path, search)
        if asked is None:
            return None
        drawn = tuple(part.key for part in (*section.panels, *section.blocks))  # an upgrade may change them
        key = ("section", name, drawn, "narrow" if width == "narrow" else "wide", language(), *asked[0])
        return Asked(key=key, seconds=seconds_of(page, section, self.sources.settings), rare=asked[1])

    def layout(self, body: Mapping[str, Any]) -> Asked | None:
        """The question for a public page whose head or usual range reads something; the other layouts cost less than keeping them."""
        values = {one.get("property"): one.get("value") for one in body.get("inputs", []) if isinstance(one, dict)}
        pathname, search = _texts(values, "pathname", "search")
        path = below_base(self.sources.settings, pathname)
        page = self.registry.find(path) if path is not None else None
        if page is None or not is_public(page) or (page.head is None and page.span is None):
            return None
        asked = asked_of(page, path or "/", search)
        if asked is None:
            return None
        return Asked(key=("layout", page.key, language(), *asked[0]), seconds=LAYOUT_SECONDS, rare=asked[1])

    def export(self, page: str, section: str, frame: str) -> Asked | None:
        """The question for a file of a public section."""
        found, part = self.registry.sections.get(f"{page}:{section}", (None, None))
        if found is None or part is None or not is_public(found, part):
            return None
        asked = asked_of(found, request.args.get("at", found.path)[:300], request.query_string.decode("utf-8", "replace"))
        if asked is None:
            return None
        key = ("export", page, section, frame, language(), *asked[0])
        return Asked(key=key, seconds=seconds_of(found, part, self.sources.settings), rare=asked[1])

    def answer(self, asked: Asked, view: Callable[[], Response], cut: Callable[[bytes], tuple[bytes, ...]], own: bytes = b"") -> Response:
        """The kept answer, made by `view` where there is none. `cut` takes out what differs between those who ask: `own`."""

        def make() -> Answer:
            made = view()
            if made.status_code != 200:
                raise _Other(made)
            found = Answer(cut(made.get_data()), made.mimetype or "", made.headers.get("Content-Disposition", ""), time.time())
            if g.get("failures"):
                raise Failed(found)
            return found

        try:
            held = self.kept.get(asked.key, asked.seconds, make, rare=asked.rare, shared=asked.key[0] not in OWN)
        except _Other as other:
            return Response(other.body, status=other.status, mimetype=other.mimetype)
        except (Busy, SourceSlow) as error:
            g.refused = error
            return view()
        http_cache.may_keep(asked.seconds, http_cache.SAME_FOR_ALL if asked.key[0] in SAME else http_cache.FOR_THE_PUBLIC)
        zipped = "gzip" in request.accept_encodings and held.answer.size > SMALLEST
        answer = Response(held.gzipped(own) if zipped else held.answer.body(own), mimetype=held.answer.mimetype)
        if zipped:
            answer.headers["Content-Encoding"] = "gzip"
        if held.answer.size > SMALLEST:  # said of the plain form too: a shared cache would hand it to those who take the other
            answer.vary.add("Accept-Encoding")
        if held.answer.name:
            answer.headers["Content-Disposition"] = held.answer.name
        return answer

    def is_open(self, body: Mapping[str, Any]) -> bool:
        """True if a posted callback is for a section that everybody may read, whatever else it says."""
        found = self.registry.sections.get(body["outputs"][0]["id"]["section"])
        return found is not None and is_public(*found)

    def rationed(self, view: Callable[[], Response]) -> Response:
        """The answer to what is no question of our pages, such as one for half a section: not kept, and few of them are made."""
        try:
            with self.kept.ration.take():
                return view()
        except Busy as error:
            g.refused = error
            return view()


class _Other(Exception):
    """Not a whole answer: handed on, and not kept."""

    def __init__(self, made: Response) -> None:
        super().__init__(made.status)
        self.status, self.body, self.mimetype = made.status_code, made.get_data(), made.mimetype


def cut_section(body: bytes) -> tuple[bytes, ...]:
    """A section's answer around the number of its request, which is moved to the end: all before it is the same for everybody."""
    answer = orjson.loads(body)
    parts = answer.pop("response")
    done = next(key for key in parts if orjson.loads(key)["type"] == "done")
    said = parts.pop(done)["data"]
    said.pop("n")
    first, last = orjson.dumps(answer | {"response": parts | {done: {"data": said | {"n": _PLACE}}}}).rsplit(b'"' + _PLACE.encode() + b'"', 1)
    return first, last


def cut_layout(body: bytes) -> tuple[bytes, ...]:
    """A layout around the mark of the visit, by which the browser knows a new page from one it has drawn."""
    mark = _VISIT.search(body)
    return tuple(body.split(mark[0])) if mark is not None else (body,)


def number_of(body: Mapping[str, Any]) -> bytes:
    """The number a browser gave its request for a section, as JSON."""
    number = _posted(body).get("n")
    return str(number).encode() if isinstance(number, int) and not isinstance(number, bool) and abs(number) < 2**53 else b"0"


def register(app: Dash, sources: Sources, registry: Registry) -> None:
    """Put the kept answers before the views that make them."""
    views, base = app.server.view_functions, sources.settings.server.base_path
    public = Public(sources, registry)
    paths = {page.path: page for page in registry.pages.values() if "<" not in page.path}
    fill = next(output for output in app.callback_map if '"figure"' in output and '"done"' in output)

    def callback(view: Callable[[], Response]) -> Response:
        body = request.get_json()
        if body["output"] == fill:
            if (asked := public.section(body)) is not None:
                return public.answer(asked, view, cut_section, number_of(body))
            if public.is_open(body):
                return public.rationed(view)
        if body["output"] == ROUTER and (asked := public.layout(body)) is not None:
            return public.answer(asked, view, cut_layout, b'"data-visit":"' + secrets.token_hex(4).encode() + b'"')
        return view()

    def export(view: Callable[[], Response], page: str, section: str, frame: str) -> Response:
        asked = public.export(page, section, frame)
        return view() if asked is None else public.answer(asked, view, _whole)

    def frame(view: Callable[[], Response], path: str = "") -> Response:
        page = paths.get(f"/{path}")
        if page is None:
            return view()
        if is_public(page):
            http_cache.may_be_found()
        return public.answer(Asked(key=("frame", path), seconds=FRAME_SECONDS, rare=False), view, _whole)

    def menu(view: Callable[[], Response]) -> Response:
        return public.answer(Asked(key=("menu", language()), seconds=FRAME_SECONDS, rare=False), view, _whole)

    def callbacks(view: Callable[[], Response]) -> Response:
        return public.answer(Asked(key=("callbacks",), seconds=FRAME_SECONDS, rare=False), view, _whole)

    for endpoint, kept in (
        (f"{base}_dash-update-component", callback), ("export", export), (f"{base}_dash-layout", menu),
        (f"{base}_dash-dependencies", callbacks), (base, frame), (f"{base}<path:path>", frame),
    ):  # fmt: skip
        views[endpoint] = _for_the_public(views[endpoint], kept)

    @gate.requires(ANYONE)
    def robots() -> Response:
        return Response(_robots(registry, sources.settings), mimetype="text/plain")

    app.server.add_url_rule(f"{base}robots.txt", "robots", robots)


def _robots(registry: Registry, settings: Settings) -> str:
    """robots.txt: the public pages and what they are drawn with, nothing else."""
    shown = [link(settings, page.path) + "$" for page in registry.pages.values() if is_public(page)]
    drawn = [link(settings, path) for path in ("/assets/", "/_dash-")] if shown else []
    return "".join(f"{line}\n" for line in ("User-agent: *", *(f"Allow: {path}" for path in (*shown, *drawn)), f"Disallow: {settings.server.base_path}"))


def _for_the_public(view: Callable[..., Any], kept: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def answer(*args: Any, **named: Any) -> Any:
        # the one place that decides: whoever is signed in, and whoever is staff, never comes near the kept answers
        if g.viewer != PUBLIC or request.method not in ("GET", "HEAD", "POST"):
            return view(*args, **named)
        return kept(lambda: make_response(view(*args, **named)), *args, **named)

    return answer


def _whole(body: bytes) -> tuple[bytes, ...]:
    return (body,)
