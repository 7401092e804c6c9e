"""Which projects a page of the table of all projects shows: of many, a hundred at a time, sorted and narrowed on the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from dash import dcc, html

from components import format as fmt
from components import parts
from components.links import link
from components.table import Column
from components.text import _
from core.errors import BadInput
from core.settings import Settings
from core.subjects import Subject

ROWS = 100  # more than these are shown a page at a time
NAME = "project"
USUAL = "cores_running"
FILTERS = ("order", "asc", "page", "name")
MOST = 128  # letters of a name


@dataclass(frozen=True, kw_only=True)
class CloudView(Subject):
    """How all projects are listed: by which column, smallest first or not, which page, only names that contain `name`."""

    kind: str = "cluster"
    id: str = ""
    order: str = USUAL
    asc: bool = False
    page: int = 1
    name: str = ""


def view_of(params: Mapping[str, str], orders: Sequence[str]) -> CloudView:
    """The subject of /cloud; raises BadInput for a column there is not."""
    order, page = params.get("order", USUAL), params.get("page", "")
    if order not in (NAME, *orders):
        raise BadInput("name")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    return CloudView(order=order, asc=params.get("asc") == "1", page=max(number, 1), name=params.get("name", "").strip()[:MOST])


def address(settings: Settings, view: CloudView, **changes: Any) -> str:
    """The page with changes; a change of what is listed begins with the first page again."""
    have = replace(view, **({} if "page" in changes else {"page": 1}) | changes)
    found = {"order": have.order if have.order != USUAL else "", "asc": "1" if have.asc else "", "page": str(have.page) if have.page > 1 else "", "name": have.name}
    return link(settings, "/cloud", **{key: value for key, value in found.items() if value})


def listed(frame: pd.DataFrame, view: CloudView) -> tuple[pd.DataFrame, int]:
    """(the rows of the view's page, of how many that fit its name); what is not known comes last, and a page after the last is the last."""
    fits = frame[frame["project"].str.contains(view.name, case=False, regex=False)] if view.name else frame
    fits = fits.sort_values("project", kind="stable", key=lambda names: names.str.lower())
    ascending = view.asc != (view.order == NAME)
    fits = fits.sort_values(view.order, ascending=ascending, kind="stable", na_position="last", key=lambda one: one.str.lower() if view.order == NAME else one)
    last = max(1, -(-len(fits) // ROWS))
    first = (min(view.page, last) - 1) * ROWS
    return fits.iloc[first : first + ROWS].reset_index(drop=True), len(fits)


def with_orders(settings: Settings, view: CloudView, columns: Sequence[Column]) -> list[Column]:
    """The columns with heads that sort all projects; a second time turns the order round."""

    def one(column: Column) -> Column:
        chosen = column.key == view.order
        href = address(settings, view, order=column.key, asc=chosen and not view.asc)
        up = view.asc != (column.key == NAME)
        return replace(column, href=href, order=("ascending" if up else "descending") if chosen else "")

    return [one(column) for column in columns]


def tools(settings: Settings, view: CloudView, shown: int, rows: int) -> html.Div:
    """The box for a part of the name, which rows these are, and the ways to the pages before and after."""
    hidden = [
        html.Div(dcc.Input(type="hidden", name=key, value=value), hidden=True)
        for key, value in (("order", view.order if view.order != USUAL else ""), ("asc", "1" if view.asc else "")) if value
    ]  # fmt: skip
    box = html.Label([_("Project"), dcc.Input(type="text", name="name", value=view.name, placeholder=_("part of the name"), className="tt-input", debounce=True)])
    buttons = [
        html.Button([parts.icon("filter"), html.Span(_("Filter"))], type="submit", className="tt-btn tt-btn-primary"),
        parts.page_link(_("Clear"), address(settings, view, name=""), "tt-btn") if view.name else None,
    ]
    form = html.Form(
        [box, *hidden, html.Div(buttons, className="tt-form-buttons")], action=link(settings, "/cloud"), method="get", className="tt-form", role="search"
    )  # fmt: skip
    last = max(1, -(-rows // ROWS))
    page = min(view.page, last)
    first = (page - 1) * ROWS
    said = _(
        "%(first)s to %(last)s of %(rows)s projects", first=fmt.number(min(first + 1, rows), 9), last=fmt.number(first + shown, 9), rows=fmt.number(rows, 9)
    )  # fmt: skip
    links = [
        parts.page_link(words, address(settings, view, page=number), "tt-btn")
        for words, number in ((_("Before"), page - 1), (_("Next"), page + 1)) if 1 <= number <= last
    ]  # fmt: skip
    return html.Div([html.Div(form, className="tt-filters"), html.Div([html.Span(said, className="tt-muted tt-small"), *links], className="tt-pager")])
