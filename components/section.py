"""Sections: laid out empty, then filled by one callback that looks up, checks, reads, presents and draws."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from dash import ALL, MATCH, Dash, Input, Output, ctx, html, no_update
from flask import abort, g

from components import gate, parts
from components.ask import Ask, Registry, read
from components.plain_json import as_plain
from components.present import present
from components.records import About, Block, Page, Panel, Section
from components.text import bug_sentence, error_sentence, time_note, why_sentence
from core.errors import (
    BadInput,
    Busy,
    NotAllowed,
    NotFound,
    NotSignedIn,
    SettingsError,
    SourceError,
    SourceSlow,
    TurtleError,
    Why,
)
from core.viewer import ANYONE, Viewer
from datasources.sources import Sources

DEADLINE = 10.0  # seconds for all a section reads
AT_ONCE = 6  # sections of one person in one process
AT_ONCE_PUBLIC = 24
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bug:
    """Something of ours failed; `incident` is what the reader is told and the log has."""

    incident: str


@dataclass
class Turns:
    """How many sections of one viewer are read at a time."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    by_scope: dict[str, threading.BoundedSemaphore] = field(default_factory=dict)

    @contextmanager
    def take(self, viewer: Viewer) -> Iterator[None]:
        """Wait for a turn; raises SourceSlow if none comes within the deadline."""
        key = f"user:{viewer.name}" if viewer.signed_in else "public"
        with self.lock:
            size = AT_ONCE if viewer.signed_in else AT_ONCE_PUBLIC
            turn = self.by_scope.setdefault(key, threading.BoundedSemaphore(size))
        if not turn.acquire(timeout=DEADLINE):
            raise SourceSlow("any", f"{key}: {size} sections busy")
        try:
            yield
        finally:
            turn.release()


def incident(what: str) -> Bug:
    """Log the present exception with a new incident id."""
    found = Bug(secrets.token_hex(4))
    log.exception("incident %s: %s", found.incident, what)
    return found


def failed(error: TurtleError | Bug | object) -> str:
    """The sentence for an error, a bug or anything else that stands where data should be."""
    if isinstance(error, Bug):
        return bug_sentence(error.incident)
    return error_sentence(error if isinstance(error, TurtleError) else TurtleError())


def collect(
    sources: Sources, page: Page, section: Section, ask: Ask, viewer: Viewer, turns: Turns
) -> Mapping[str, Any] | TurtleError | Bug:
    """What a section reads, as the viewer may see it; checks access first. One error for all where nothing could be read."""
    section.access.check(viewer, ask.subject)

    def call() -> Any:
        try:
            return section.query(sources, viewer, ask.subject, ask.when)
        except TurtleError:
            raise
        except Exception:
            return incident(f"reading {page.key}:{section.key}")

    try:
        with turns.take(viewer):
            frames = sources.pool.gather({"section": call}, DEADLINE, "any")["section"]
        if isinstance(frames, TurtleError):
            # only what an operator can mend is worth a warning: a mistyped job id is not
            level = logging.WARNING if isinstance(frames, SourceError | SettingsError) else logging.INFO
            log.log(level, "%s:%s: %s: %s", page.key, section.key, type(frames).__name__, frames.detail)
            return frames
        return frames if isinstance(frames, Bug) else present(frames, viewer, sources.settings, ask.subject)
    except TurtleError as error:
        return error
    except Exception:
        return incident(f"presenting {page.key}:{section.key}")


def _why_empty(frame: pd.DataFrame) -> str:
    why = frame.attrs.get("why", Why.NO_DATA)
    return why_sentence(*why) if isinstance(why, tuple) else why_sentence(why)


def draw_panel(panel: Panel, frames: Mapping[str, Any] | TurtleError | Bug, about: About | None) -> tuple[Any, Any]:
    """(figure or None, message or None) of one panel; never raises."""
    tone = "warn"
    try:
        if about is None or not isinstance(frames, Mapping):
            return None, parts.empty(failed(frames), "exclamation-triangle-fill", tone)
        if not panel.shown(about):
            return None, html.Span(className="tt-hide")
        frame = frames.get(panel.frame)
        if isinstance(frame, TurtleError):
            log.info("panel %s: %s: %s", panel.key, type(frame).__name__, frame.detail)
            quiet = not hasattr(frame, "source")
            return None, parts.empty(
                error_sentence(frame), "inbox" if quiet else "exclamation-triangle-fill", "muted" if quiet else tone
            )
        if isinstance(frame, pd.DataFrame) and (frame.shape[1] == 0 or frame.shape[0] == 0):
            return None, parts.empty(_why_empty(frame))
        return panel.figure(frame, about), None
    except TurtleError as error:
        return None, parts.empty(error_sentence(error))
    except Exception:
        return None, parts.empty(failed(incident(f"drawing {panel.key}")), "exclamation-octagon-fill", "bad")


def draw_block(block: Block, frames: Mapping[str, Any] | TurtleError | Bug, about: About | None) -> Any:
    """The components of one block, or a sentence; never raises."""
    try:
        if about is None or not isinstance(frames, Mapping):
            return parts.empty(failed(frames), "exclamation-triangle-fill", "warn")
        return block.draw(frames, about)
    except TurtleError as error:
        return parts.empty(error_sentence(error))
    except Exception:
        return parts.empty(failed(incident(f"drawing {block.key}")), "exclamation-octagon-fill", "bad")


def _posted(data: object) -> tuple[str, str, str]:
    found = data if isinstance(data, dict) else {}
    path, search, width = (found.get(key) for key in ("path", "search", "width"))
    return (
        path if isinstance(path, str) else "/",
        search if isinstance(search, str) else "",
        "narrow" if width == "narrow" else "wide",
    )


def fill(
    sources: Sources, turns: Turns, page: Page, section: Section, viewer: Viewer, data: object
) -> tuple[Any, About | None, str]:
    """(frames or error, what drawing may know, note on the time range) for a posted request; raises access errors."""
    try:
        ask = read(sources, viewer, page, *_posted(data))
        frames = collect(sources, page, section, ask, viewer, turns)
    except (NotSignedIn, NotAllowed):
        raise
    except TurtleError as error:
        return error, None, ""
    if not isinstance(frames, Mapping):
        return frames, None, time_note(ask.when.note)
    about = About(viewer=viewer, subject=ask.subject, when=ask.when, settings=sources.settings, frames=frames)
    return frames, about, time_note(ask.when.note)


def _keys(outputs: Any, part: str) -> list[str]:
    return [str(output["id"].get(part)) for output in outputs]


def _said_once(filled: list[Any], drawn: list[tuple[Any, Any]]) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """Where a whole section failed, its first place says so and the others are left out."""
    hidden = html.Span(className="tt-hide")
    if filled:
        return [filled[0], *[hidden for _rest in filled[1:]]], [(None, hidden) for _rest in drawn]
    return filled, [*drawn[:1], *[(None, hidden) for _rest in drawn[1:]]]


def _reason(drawn: tuple[Any, Any]) -> str | None:
    """The sentence that stands in place of a chart; None for a chart, "" for one that is left out."""
    figure, message = drawn
    if figure is not None or message is None:
        return None
    if isinstance(message, html.Span):
        return ""
    return next((str(part.children) for part in message.children if isinstance(part, html.Span) and part.children), None)


def one_line(drawn: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Where all charts of a section are empty for the same reason, one slim line says it for all of them."""
    reasons = [_reason(one) for one in drawn]
    said = {reason for reason in reasons if reason != ""}
    if len(said) != 1 or None in said:
        return drawn
    hidden = html.Span(className="tt-hide")
    first = next(place for place, reason in enumerate(reasons) if reason)
    slim = html.Div(drawn[first][1].children, className="tt-slim", role="status")
    return [(None, slim if place == first else hidden) for place in range(len(drawn))]


def register(app: Dash, sources: Sources, registry: Registry, turns: Turns) -> None:
    """Add the one callback of all sections to the app."""

    def part(kind: str, key: str) -> dict[str, Any]:
        return {"type": kind, "section": MATCH, key: ALL}

    @app.callback(
        # first: the renderer finds the section by the first output, and a section may have no charts
        Output({"type": "done", "section": MATCH}, "data"),
        Output(part("figure", "panel"), "data"),
        Output(part("message", "panel"), "children"),
        Output(part("block", "block"), "children"),
        Input({"type": "load", "section": MATCH}, "data"),
        prevent_initial_call=True,
    )
    @gate.requires(ANYONE)  # the section's own rule is checked below: which section it is, is only known here
    def fill_section(data: object) -> tuple[Any, ...]:
        # of the outputs, as for those who keep the answer: what the browser says has changed decides nothing
        asked = str(ctx.outputs_list[0]["id"]["section"])
        known = registry.sections.get(asked)
        if known is None:
            abort(403)
        page, section = known
        try:
            frames, about, note = (g.refused, None, "") if "refused" in g else fill(sources, turns, page, section, g.viewer, data)
        except NotSignedIn:
            gate.session_ended()
        except NotAllowed:
            abort(403)
        g.failures = failures(frames)
        panels = {panel.key: panel for panel in section.panels}
        blocks = {block.key: block for block in section.blocks}
        wanted, shown = _keys(ctx.outputs_list[1], "panel"), _keys(ctx.outputs_list[3], "block")
        filled = [draw_block(blocks[key], frames, about) if key in blocks else no_update for key in shown]
        drawn = [draw_panel(panels[key], frames, about) if key in panels else (no_update, no_update) for key in wanted]
        if about is None or not isinstance(frames, Mapping):
            filled, drawn = _said_once(filled, drawn)
        drawn = one_line(drawn)
        done = {
            "n": data.get("n") if isinstance(data, dict) else 0,
            "at": int(sources.clock()),
            "note": note,
            "section": asked,
        }
        if about is not None:
            done |= {"from": about.when.start, "to": about.when.end}
        return done, [figure for figure, _message in drawn], [as_plain(message) for _figure, message in drawn], as_plain(filled)


def failures(frames: Any) -> bool:
    """True if something could not be read that may be there in a moment, in whole or in part (attrs "unread" of a frame, or a table of
    errors); an answer of that kind is not kept for others."""
    if isinstance(frames, SourceError | SettingsError | Busy | Bug):
        return True
    if isinstance(frames, pd.DataFrame):
        return failures(frames.attrs.get("unread", {}))
    return isinstance(frames, Mapping) and any(failures(one) for one in frames.values())


def refusal(error: TurtleError) -> int:
    """The HTTP status of an error."""
    codes = {BadInput: 400, NotSignedIn: 401, NotAllowed: 403, NotFound: 404}
    return next((code for kind, code in codes.items() if isinstance(error, kind)), 503)
