"""The filter bar of the pages of the cluster: staff narrow them to an account, a person, a partition or a node.

Everything is in the address: the bar is a form that says it, with one chip for each name that holds now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from components import parts
from components.links import link
from components.text import N_, _
from core.narrow import PARAMETERS, ClusterView
from core.settings import Settings
from core.viewer import Viewer

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
) -> Any:
    """The bar of a page at `path`; None for people other than staff, who cannot narrow.

    `params`: further parameters that stay when the narrowing changes (default: the view's own that are set). `extra`: more fields of
    the page's own, put into the same form; their names must not be in `params`. The range and the refresh stay: the browser adds them.
    """
    if viewer is None or not viewer.is_staff:
        return None
    kept = {name: value for name, value in (params if params is not None else dict(view.extra)).items() if value and name not in PARAMETERS}
    return bar(settings, path, view.narrow.query(), kept=kept, extra=extra)


def bar(
    settings: Settings,
    path: str,
    given: Mapping[str, str],
    *,
    kept: Mapping[str, str],
    extra: Sequence[Any] = (),
    names: Sequence[str] = PARAMETERS,
    words: Mapping[str, str] | None = None,
    clear: str | None = None,
    below: Any = None,
) -> html.Div:
    """A bar from its parts: `given` names that hold, `kept` parameters that stay, `words` shown in place of values,
    `clear` where "Clear" leads (default: this page with `kept` only), `below` a line under the form."""
    hidden = [html.Div(dcc.Input(type="hidden", name=name, value=value), hidden=True) for name, value in kept.items()]
    fields = [_field(settings, path, name, given, kept, (words or {}).get(name, "")) for name in names]
    count = sum(bool(given.get(name)) for name in names)
    away = clear if clear is not None else link(settings, path, **kept) if count else ""
    buttons = [
        html.Button([parts.icon("filter"), html.Span(_("Filter"))], type="submit", className="tt-btn tt-btn-primary"),
        parts.page_link(_("Clear"), away, "tt-btn") if away else None,
    ]
    form = html.Form(
        [*fields, *extra, *hidden, html.Div(buttons, className="tt-form-buttons")],
        action=link(settings, path), method="get", className="tt-form tt-form-row", role="search", **{"aria-label": _("Narrow to")},
    )  # fmt: skip
    opener = html.Button(
        [parts.icon("filter"), html.Span(_("Filter"))], type="button", className="tt-btn tt-phone-only",
        **{"data-filters": "1", "aria-expanded": "false"},
    )  # fmt: skip
    return html.Div([opener, html.Div([form, below], className="tt-filter-body")], className="tt-filters tt-narrow")


def _field(settings: Settings, path: str, name: str, given: Mapping[str, str], kept: Mapping[str, str], word: str) -> html.Div:
    """One name: a chip with its way out while it holds, and the field to type it in."""
    value = given.get(name, "")
    title = _(TITLES[name])
    box = dcc.Input(
        type="text", name=name, value=value, placeholder=_(HINTS[name]) if HINTS[name] else "", className="tt-input", list=f"tt-names-{name}",
        autoComplete="off", spellCheck="false", maxLength=128,
    )  # fmt: skip
    inside: list[Any] = [html.Label([title, box], className="tt-chip-field")]
    if value:
        without = {key: text for key, text in given.items() if key != name}
        label = [html.Span(f"{title}: "), html.B(word or value)]
        inside.append(
            html.Div(
                [
                    html.Button(label, type="button", title=_("Change"), **{"data-chip": name}),
                    dcc.Link(parts.icon("x-lg", _("Remove")), href=link(settings, path, **(dict(kept) | without)), title=_("Remove")),
                ],
                className="tt-chip",
            )
        )
    return html.Div(inside, className="tt-name tt-has" if value else "tt-name")
