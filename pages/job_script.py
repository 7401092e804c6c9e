"""The job script with highlighting, its modules, and how the job was submitted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from dash import html
from pygments import lex
from pygments.lexers.shell import BashLexer
from pygments.token import STANDARD_TYPES, Token

from analysis import script as scripts
from components import parts
from components.present import plain_text
from components.records import About, Block, Frames, Section
from components.text import N_, _
from core.errors import TurtleError
from core.subjects import JobSubject
from core.timerange import TimeRange
from core.viewer import JOB_OWNER_OR_STAFF, Viewer
from datasources.sources import Sources
from pages.job_facts import judged
from pages.job_query import script_of, the_run

MAX_LINES = 3000
_SBATCH = re.compile(r"#SBATCH\b")


def query(sources: Sources, viewer: Viewer, subject: JobSubject, when: TimeRange) -> Frames:
    """Objects: run, text (str or None), marked (line → severity of findings there)."""
    run = the_run(sources, viewer, subject)
    try:
        text: Any = script_of(sources, viewer, subject, run)
    except TurtleError as error:
        text = error
    marked: dict[int, str] = {}
    try:
        for finding in judged(sources, viewer, subject, when).findings:
            if finding.line:
                marked.setdefault(finding.line, finding.severity)
    except TurtleError:
        marked = {}  # the headline says what is wrong; the script is readable without marks
    return {"run": run, "text": text, "marked": marked}


def highlighted(text: str) -> list[list[Any]]:
    """The lines of a bash script, each a list of texts and spans with Pygments' short classes."""
    lines: list[list[Any]] = [[]]
    for kind, value in lex(text, BashLexer(stripnl=False, ensurenl=False)):
        name = "tt-sbatch" if kind in Token.Comment and _SBATCH.match(value) else _class(kind)
        for place, piece in enumerate(value.split("\n")):
            if place:
                lines.append([])
            if piece:
                lines[-1].append(html.Span(piece, className=name) if name else piece)
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _class(kind: Any) -> str:
    while kind not in STANDARD_TYPES and kind.parent is not None:
        kind = kind.parent
    short = STANDARD_TYPES.get(kind, "")
    return f"hl-{short}" if short and short not in ("w",) else ""


def code(text: str, marked: dict[int, str]) -> html.Div:
    """The script with line numbers; lines that findings are about are marked."""
    rows = []
    for number, line in enumerate(highlighted(str(plain_text(text)))[:MAX_LINES], 1):
        mark = f" tt-line-{marked[number]}" if number in marked else ""
        rows.append(
            html.Div(
                [html.Span(str(number), className="tt-line-number num", **{"aria-hidden": "true"}), html.Code(line or " ")],
                className=f"tt-line{mark}", id=f"line-{number}",
            )
        )
    return html.Div(rows, className="tt-code", tabIndex="0", role="region", **{"aria-label": _("Job script")})


def modules(loaded: Iterable[scripts.Module]) -> Any:
    """Loaded modules as badges, in the order of loading, each once."""
    names = dict.fromkeys(f"{module.name}/{module.version}" if module.version else module.name for module in loaded)
    if not names:
        return None
    return html.Div([html.Span(_("Modules"), className="tt-muted"), *[parts.badge(name) for name in names]], className="tt-modules")


def draw_submit(frames: Frames, about: About) -> Any:
    """How and from where the job was submitted."""
    run = frames["run"]
    line, folder = str(plain_text(run.submit_line)), str(plain_text(run.work_dir))
    rows: list[Any] = []
    for name, text in ((_("Submitted with"), line), (_("Work directory"), folder)):
        shown = html.Code(text, className="tt-wrap") if text else html.Div(_("not recorded"), className="tt-muted")
        rows += [html.Span(name), shown, parts.copy_button(text) if text else html.Div()]
    return html.Div(rows, className="tt-submit")


def draw_script(frames: Frames, about: About) -> Any:
    """Modules and the script; a sentence where none is stored."""
    text = frames["text"]
    if isinstance(text, Exception):
        raise text
    if text is None:
        return parts.empty(_("No script is stored for this job: it was started by a command, or the site keeps no scripts."))
    parsed = scripts.parse(text)
    return html.Div([html.Div([modules(parsed.modules) or html.Div(), parts.copy_button(text)], className="tt-right-row"), code(text, dict(frames["marked"]))])


SCRIPT = Section(
    key="script", title=N_("Script"), query=query, access=JOB_OWNER_OR_STAFF, refresh=False,
    blocks=(
        Block(key="submit", title=N_("How it was submitted"), draw=draw_submit, height=80),
        Block(key="script", title=N_("Job script"), draw=draw_script, height=240),
    ),
)
