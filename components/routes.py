"""Plain HTTP routes beside the pages: CSV of what a section shows, the queries behind it (staff), health."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
import pandas as pd
from dash import Dash
from flask import Response, abort, g, request
from sqlalchemy import literal, select

from components import gate
from components.ask import Registry, read, section_id
from components.present import to_csv
from components.records import Page, Section
from components.section import Bug, Turns, collect, failed, refusal
from components.text import _
from core.errors import NotSignedIn, TurtleError
from core.viewer import ANYONE, STAFF
from datasources.mysql import recorded
from datasources.prometheus.client import recording
from datasources.sources import Sources

log = logging.getLogger(__name__)


class Fresh:
    """A cache that keeps nothing: every question is asked again, so that it can be listed."""

    def get_or_make(self, key: tuple, ttl: float, make: Callable[[], Any]) -> Any:
        """What `make` answers."""
        return make()

    def kept(self, key: tuple) -> Any:
        """Nothing."""
        return None


def _plain(status: int, text: str) -> Response:
    return Response(text + "\n", status=status, mimetype="text/plain")


def _asked(registry: Registry, page: str, section: str) -> tuple[Page, Section]:
    found = registry.sections.get(f"{page}:{section}")
    if found is None:
        abort(404)
    return found


def _read(sources: Sources, turns: Turns, page: Page, section: Section) -> Any:
    """The frames of a section for `?at=<path>&…`, an error or a bug; access errors are raised."""
    search = request.query_string.decode("utf-8", "replace")
    ask = read(sources, g.viewer, page, request.args.get("at", page.path)[:300], search)
    return collect(sources, page, section, ask, g.viewer, turns)


def _frame_of(section: Section, key: str) -> str | None:
    panels = {panel.key: panel.frame for panel in section.panels}
    blocks = {block.csv for block in section.blocks if block.csv}
    return panels.get(key) or (key if key in blocks or key in panels.values() else None)


def _cut_line(table: pd.DataFrame) -> str:
    """The last line of a file that does not hold everything; "" for a whole one."""
    cut = table.attrs.get("cut")
    return "" if cut is None else "# " + _("cut after %(rows)s rows: narrow the filters to get the rest", rows=cut) + "\n"


def _status_of(failure: object) -> int:
    if isinstance(failure, Bug):
        return 500
    return refusal(failure) if isinstance(failure, TurtleError) else 503


def register(app: Dash, sources: Sources, registry: Registry, turns: Turns) -> None:
    """Add /export, /queries, /healthz and /readyz below the base path."""
    base = sources.settings.server.base_path

    @gate.requires(ANYONE)  # the section's own rule is checked by collect()
    def export(page: str, section: str, frame: str) -> Response:
        found, part = _asked(registry, page, section)
        name = _frame_of(part, frame)
        if name is None:
            abort(404)
        if part.export is not None and name in {block.csv for block in part.blocks}:
            part = replace(part, query=part.export)
        try:
            if "refused" in g:
                raise g.refused
            frames = _read(sources, turns, found, part)
        except NotSignedIn:
            return _plain(401, failed(NotSignedIn()))
        except TurtleError as error:
            return _plain(refusal(error), failed(error))
        table = frames.get(name) if isinstance(frames, Mapping) else frames
        if not isinstance(table, pd.DataFrame):
            return _plain(_status_of(table), failed(table))
        answer = Response(to_csv(table) + _cut_line(table), mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="{page}-{section}-{frame}.csv"'
        return answer

    @gate.requires(STAFF)
    def queries(page: str, section: str) -> Response:
        found, part = _asked(registry, page, section)
        try:
            with recording() as sent, recorded() as statements:
                _read(replace(sources, cache=Fresh()), turns, found, part)
        except TurtleError as error:
            return _plain(refusal(error), failed(error))
        lines = [
            f"# {section_id(found, part)}",
            "",
            f"# PromQL: {len(sent)}",
        ]
        lines += [
            f"{one.expr}\n#   {one.start:.0f} – {one.end:.0f} step {one.step:g} s · {one.series} series · {one.ms:.0f} ms {one.error}"
            for one in sent
        ]
        lines += ["", f"# SQL: {len(statements)}", *statements]
        return _plain(200, "\n".join(lines))

    app.server.add_url_rule(f"{base}export/<page>/<section>/<frame>", "export", export)
    app.server.add_url_rule(f"{base}queries/<page>/<section>", "queries", queries)
    _register_health(app, sources)


def _register_health(app: Dash, sources: Sources) -> None:
    base = sources.settings.server.base_path

    @gate.requires(ANYONE)
    def healthz() -> Response:
        return _plain(200, "ok")

    @gate.requires(ANYONE)
    def readyz() -> Response:
        # anybody may ask, so those who ask at once share one look (nothing is kept)
        state = sources.cache.get_or_make(("ready",), 0, lambda: ready(sources))
        return Response(orjson.dumps(state), status=200 if all(state.values()) else 503, mimetype="application/json")

    app.server.add_url_rule(f"{base}healthz", "healthz", healthz)
    app.server.add_url_rule(f"{base}readyz", "readyz", readyz)


def ready(sources: Sources) -> dict[str, bool]:
    """Which configured sources answer now."""
    calls: dict[str, Any] = {}
    if sources.prometheus is not None:
        calls["prometheus"] = lambda: sources.prometheus.instant("vector(1)") is not None
    if sources.slurm is not None:
        calls["slurm"] = lambda: bool(sources.slurm.rows(select(literal(1))))
    for name, database in sources.robinhood.items():
        calls[f"robinhood.{name}"] = lambda database=database: bool(database.rows(select(literal(1))))
    answers = sources.pool.gather(calls, 5.0)
    return {name: not isinstance(answer, Exception) for name, answer in answers.items()}
