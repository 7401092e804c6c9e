"""Tables as plain HTML: sorted and filtered in the browser, with bars, badges and the columns a phone keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from dash import dcc, html

from components import format as text
from components import parts
from components.text import N_, _

RIGHT = frozenset({"number", "bytes", "duration", "percent", "bar", "money", "energy"})
FORMATS: dict[str, Callable[[Any], Any]] = {
    "number": text.number, "bytes": text.bytes_, "duration": text.duration, "percent": text.percent, "time": text.moment,
    "money": text.money, "energy": text.energy, "state": parts.state_badge,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: `key` in the frame, its title, and how it is written.

    kind: text, code, number, bytes, duration (s), percent (0..1), bar (0..1 with a meter), time (UTC s), money, energy (kWh) or state.
    `draw(row)` draws the cell itself (row: a dict); it is still sorted by `key`. `phone` keeps it on a phone. `href`: the head leads
    to this address, where all rows are sorted on the server, instead of sorting those shown; `order`: how they are sorted by it
    here ("ascending", "descending" or ""). `alone`: what it is called where the head of its group is not seen, as on a phone.
    """

    key: str
    title: str
    kind: str = "text"
    help: str = ""
    phone: bool = False
    role: str | Callable[[Any], str] = "used"
    draw: Callable[[dict[str, Any]], Any] | None = None
    href: str = ""
    order: str = ""
    alone: str = ""


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or value is pd.NaT or value is pd.NA


def share_cell(value: float | None, role: str | Callable[[Any], str] = "used", title: str = "") -> Any:
    """A share of 0..1 as percent with a bar; – without one. `title` is said on hover."""
    if _missing(value):
        return html.Span(text.NONE, title=title or None)
    colour = role(value) if callable(role) else role
    return html.Div([text.percent(value), parts.meter(value, colour)], title=title or None)


def picker(ident: str) -> html.Button:
    """A box to tick: this row is one of those to compare (see pick_bar)."""
    return html.Button(
        parts.icon("check2"), type="button", role="checkbox", className="tt-pick", title=_("Compare"),
        **{"aria-checked": "false", "data-pick": ident, "aria-label": _("Compare %(job)s", job=ident)},
    )  # fmt: skip


def pick_bar(href: str, most: int) -> html.A:
    """The button that compares the rows ticked; the browser's script shows it from two rows on, up to `most`."""
    words = [parts.icon("arrow-left-right"), html.Span(_("Compare")), html.Span("", **{"data-picked": "1"})]
    return html.A(words, href=href, className="tt-btn tt-btn-small tt-compare", hidden=True, **{"data-compare": href, "data-most": str(most)})


def _cell(column: Column, row: dict[str, Any]) -> html.Td:
    value = row.get(column.key)
    none = _missing(value)
    if column.draw is not None:
        shown = column.draw(row)
    elif none:
        shown = text.NONE
    elif column.kind == "bar":
        shown = share_cell(value, column.role)
    elif column.kind == "code":
        shown = html.Code(str(value))
    else:
        shown = FORMATS.get(column.kind, str)(value)
    classes = ["num tt-right" if column.kind in RIGHT else "", "" if column.phone else "tt-wide-only"]
    sort = "" if none else f"{value:.10g}".replace("inf", "Infinity") if isinstance(value, float) else str(value)
    clipped = html.Div(shown, className="tt-clip", title=shown) if isinstance(shown, str) and len(shown) > 40 else shown
    # what is sorted by what it says needs not say it twice: a table has thousands of cells
    sorted_by = {} if shown == sort else {"data-sort": sort}
    return html.Td(clipped, className=" ".join(filter(None, classes)) or None, **sorted_by)


def _heading(column: Column, sortable: bool) -> html.Th:
    classes = ["tt-right" if column.kind in RIGHT else "", "" if column.phone else "tt-wide-only"]
    number = column.kind not in ("text", "code", "state")
    sortable = sortable and bool(column.title) and not column.href
    attributes = (
        {"data-col": "number" if number else "text", "tabIndex": "0", "role": "columnheader"} if sortable else {}
    )
    title: Any = _(column.title) if column.title else ""
    # a phone shows the rest of an opened row below it, each with its name: its script takes it from here
    said = column.alone or column.title or column.help
    label = {"data-label": _(said)} if said and not column.phone else {}
    if column.alone:
        title = [html.Span(title, className="tt-wide-only"), html.Span(_(column.alone), className="tt-phone-only")]
    if column.href:
        title, attributes = parts.page_link(title, column.href), {"aria-sort": column.order} if column.order else {}
    return html.Th(
        title,
        title=_(column.help) if column.help else None,
        className=" ".join(filter(None, classes)) or None,
        scope="col",
        **attributes,
        **label,
    )


def table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    empty: str = N_("Nothing to list."),
    sortable: bool = True,
    filtered: bool | None = None,
    tools: Any = None,
    row_class: Callable[[dict[str, Any]], str] | None = None,
    note: str = "",
    groups: Sequence[tuple[str, int]] = (),
    total: dict[str, Any] | None = None,
    most: int | None = None,
    keep: int = 0,
) -> Any:
    """A table of a frame's rows in the frame's order; `empty` is the sentence where there are none.

    Sorting and filtering act on the rows shown; `filtered` None adds the filter from 8 rows on. `tools` (links, pages) stand above
    it, `note` beside them. No column marked `phone`: the first two are kept. `groups` are heads above those of the columns: (title, columns
    it spans), "" for none. `total` is a row that stays last, whatever is sorted or filtered.
    `most`: of more rows only so many are drawn, the first ones and the last `keep`, and a sentence says that the file has all.
    """
    if frame.empty:
        return parts.empty(_(empty))
    if not any(column.phone for column in columns):
        columns = [Column(**{**vars(column), "phone": place < 2}) for place, column in enumerate(columns)]
    cut = ""
    if most is not None and len(frame) > most:
        cut = _("%(most)s of %(rows)s rows; the file that can be downloaded has all.", most=text.number(most, 9), rows=text.number(len(frame), 9))
        frame = pd.concat([frame.iloc[: most - keep], frame.iloc[len(frame) - keep :]])
    rows = [
        html.Tr([_cell(column, row) for column in columns], className=row_class(row) if row_class else None)
        for row in frame.to_dict("records")
    ]
    heads = [html.Tr([_heading(column, sortable) for column in columns])]
    if groups:
        heads.insert(0, html.Tr([html.Th(_(title) if title else "", colSpan=span, scope="colgroup") for title, span in groups], className="tt-groups"))
    body = [html.Thead(heads), html.Tbody(rows)]
    if total is not None:
        body.append(html.Tfoot(html.Tr([_cell(column, total) for column in columns], className="tt-total")))
    above: list[Any] = [tools] if tools is not None else []
    if filtered if filtered is not None else len(rows) >= 8:
        said = _("Filter these rows")
        # Dash's input takes no aria-label: a label around it names it
        box = dcc.Input(type="search", placeholder=said, className="tt-filter")
        above.append(html.Label([html.Span(said, className="visually-hidden"), box]))
        above.append(html.Span("", **{"data-shown": "1"}))
    if cut:
        above.append(html.Span(cut, className="tt-muted tt-small"))
    if note:
        above.append(html.Span(_(note), className="tt-table-note"))
    return html.Div(
        [
            html.Div(above, className="tt-table-tools") if above else None,
            html.Div(html.Table(body, className="tt-table"), className="tt-table-box"),
        ],
        className="tt-table-all",
    )
