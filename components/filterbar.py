"""The filter bar of the pages of the cluster: staff narrow them to an account, a person, a partition or a node.

Everything is in the address: the bar is a form that says it, with one chip for each name that holds now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dash import dcc, html

from components import parts
from components.links import link
from components.text import N_, _
from core.errors import TurtleError
from core.narrow import PARAMETERS, ClusterView, Narrow
from core.settings import Settings
from core.viewer import Viewer
from datasources.slurm.narrowed import unknown
from datasources.sources import Sources

TITLES = {"account": N_("Account"), "user": N_("Person"), "partition": N_("Partition"), "node": N_("Node")}
HINTS = {"account": "", "user": N_("login"), "partition": "", "node": ""}


def filter_bar(
    settings: Settings,
    view: ClusterView,
    path: str,
    *,
    viewer: Viewer | None = None,
    params: Mapping[str, str] | None = None,
    extra: Sequence[Any] = (),
    sources: Sources | None = None,
) -> Any:
    """The bar of a page at `path`; None for people other than staff, who cannot narrow.

    `params`: further parameters that stay when the narrowing changes (default: the view's own that are set). `extra`: more fields of
    the page's own, put into the same form; their names must not be in `params`. The range and the refresh stay: the browser adds them.
    `sources`: the bar also says which names accounting does not know; else the page has to.
    """
    if viewer is None or not viewer.is_staff:
        return None
    kept = {name: value for name, value in (params if params is not None else dict(view.extra)).items() if value and name not in PARAMETERS}
    drawn = bar(settings, Bar(path=path, given=view.narrow.query(), kept=kept, extra=extra))
    return html.Div([drawn, not_known(sources, viewer, view.narrow)]) if sources is not None else drawn


def not_known(sources: Sources, viewer: Viewer, narrow: Narrow) -> Any:
    """A notice for names of the narrowing that nobody has; None where all are known or accounting cannot say."""
    try:
        missing = unknown(sources, viewer=viewer, narrow=narrow) if narrow else ()
    except TurtleError:
        return None  # the page's sections say that accounting does not answer
    return parts.notice(sentence_of(narrow, missing), "warn") if missing else None


def sentence_of(narrow: Narrow, missing: Sequence[str]) -> str:
    """What is said of parameters whose names accounting does not know."""
    given = narrow.query()
    return " ".join(_("Accounting knows no %(kind)s “%(name)s”.", kind=_(TITLES[key]).lower(), name=given[key]) for key in missing)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar's parts. `given`: names that hold. `kept`: what else stays in the address; `sent` of it are fields of `extra`.

    `words` are shown in place of values, `off` is what a name becomes when its chip is taken away, `clear` where "Clear" leads, `below`
    what stands under the form. `count`: how many of the fields in `extra` narrow, told on a phone, where they are folded away.
    """

    path: str
    given: Mapping[str, str]
    kept: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = PARAMETERS
    extra: Sequence[Any] = ()
    sent: Sequence[str] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    off: Mapping[str, str] = field(default_factory=dict)
    clear: str = ""
    below: Any = None
    count: int = 0


def bar(settings: Settings, one: Bar) -> html.Div:
    """The bar of its parts; on a phone all but the chips is behind a button."""
    hidden = [html.Div(dcc.Input(type="hidden", name=name, value=value), hidden=True) for name, value in one.kept.items() if name not in one.sent]
    narrowed = one.count or any(one.given.get(name) for name in one.names if name not in one.words)
    buttons = [
        html.Button([parts.icon("filter"), html.Span(_("Filter"))], type="submit", className="tt-btn tt-btn-primary"),
        parts.page_link(_("Clear"), one.clear or link(settings, one.path, **dict(one.kept)), "tt-btn") if narrowed else None,
    ]
    form = html.Form(
        [*(_field(settings, one, name) for name in one.names), *one.extra, *hidden, html.Div(buttons, className="tt-form-buttons")],
        action=link(settings, one.path), method="get", className="tt-form tt-form-row", **{"aria-label": _("Narrow to")},
    )  # fmt: skip
    pill = html.Span(str(one.count), className="tt-pill tt-info") if one.count else None
    opener = html.Button(
        [parts.icon("filter"), html.Span(_("Filter")), pill], type="button", className="tt-btn tt-phone-only",
        **{"data-filters": "1", "aria-expanded": "false"},
    )  # fmt: skip
    return html.Div([opener, html.Div([form, one.below], className="tt-filter-body")], className="tt-filters tt-narrow")


def _field(settings: Settings, one: Bar, name: str) -> html.Div:
    """One name: a chip with its way out while it holds, and the field to type it in."""
    value, title = one.given.get(name, ""), _(TITLES[name])
    box = dcc.Input(
        type="text", name=name, value=value, placeholder=_(HINTS[name]) if HINTS[name] else "", className="tt-input", list=f"tt-names-{name}",
        autoComplete="off", spellCheck="false", maxLength=128,
    )  # fmt: skip
    label = html.Label([title, box], className="tt-chip-field")
    if not value:
        return html.Div(label, className="tt-name")
    without = {key: text for key, text in (dict(one.kept) | dict(one.given) | {name: one.off.get(name, "")}).items() if text}
    said = [html.Span(f"{title}: "), html.B(one.words.get(name, value))]
    away = dcc.Link(parts.icon("x-lg", _("Remove")), href=link(settings, one.path, **without), title=_("Remove"))
    chip = html.Div([html.Button(said, type="button", title=_("Change"), **{"data-chip": name}), away], className="tt-chip")
    return html.Div([label, chip], className="tt-name tt-has")
