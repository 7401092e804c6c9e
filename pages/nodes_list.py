"""The table of nodes: state and why, what each has, what is used and given to jobs, with short lines of the range."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import account_link, link, node_link
from components.parts import choice
from components.records import About, Frames
from components.table import Column, table
from components.text import N_, _, ngettext
from pages.nodes_query import ORDERS, TEXTS, address

TONES = {"allocated": "info", "mixed": "info", "idle": "good", "reserved": "muted", "drained": "warn", "down": "bad", "other": "muted", "unknown": "muted"}
WORDS = {
    "up": N_("In service"), "allocated": N_("Allocated"), "mixed": N_("Mixed"), "idle": N_("Idle"), "reserved": N_("Reserved"),
    "drained": N_("Drained"), "down": N_("Down"), "other": N_("Other"), "unknown": N_("Not known"),
}  # fmt: skip
ORDER_WORDS = {
    "name": N_("name"), "state": N_("state"), "kind": N_("kind"), "partition": N_("partition"), "features": N_("features"), "cores": N_("cores"),
    "memory": N_("memory"), "gpus": N_("GPUs"), "disk": N_("disk"), "power": N_("power"), "load": N_("load"), "allocated": N_("allocated"),
    "jobs": N_("jobs"), "since": N_("out since"),
}  # fmt: skip
DRAINING = ("drain", "drng")


def state_badge(row: dict[str, Any]) -> Any:
    """The state as Slurm words it, with its group's tone."""
    group, told = row["group"], str(row["state"]).lower().rstrip("*~#!%$@^-")
    word = _(WORDS[group])
    if group == "drained" and told.startswith("draining"):
        word = _("Draining")
    hint = _("Slurm's exporter says nothing of this node.") if group == "unknown" else str(row["state"])
    return html.Span(parts.badge(word, TONES[group]), title=hint)


def state_cell(row: dict[str, Any]) -> Any:
    """The state; of nodes out of service since when, why, and who said so."""
    said: list[Any] = []
    if row["since"] == row["since"] and (row["group"] in ("drained", "down", "unknown")):
        said = [_("since"), " ", fmt.moment(row["since"], "near")]
    why = str(row["reason"]) if said else ""
    by = f" ({row['who']})" if why and row["who"] else ""
    return html.Div(
        [state_badge(row), html.Div(said, className="tt-muted tt-small") if said else None, html.Div(why + by, className="tt-small tt-why") if why else None]
    )


def _split(used: float, given: float, whole: float, words: str) -> Any:
    """One bar: used, given to jobs beyond that, free."""
    busy = min(max(used, 0.0), whole) if used == used else 0.0
    held = max(min(given, whole) - busy, 0.0) if given == given else 0.0
    pieces = [(busy, "used", _("used")), (held, "alloc", _("allocated, not used")), (max(whole - busy - held, 0.0), "border", _("free"))]
    bar = parts.segments(pieces)
    bar.title = words
    return bar


def use_cell(row: dict[str, Any], used: str, whole: str, given: str, unit: str, line: Any) -> Any:
    """Used of what is there, what jobs were given, and the line of the range; – where nothing is known."""
    has, uses, gave = row[whole], row[used], row[given] if given else float("nan")
    if not has > 0:
        return html.Span(fmt.NONE, title=_("not measured") if has != has else "")
    # each in its own unit: a little of a large disk is no 0.04 TiB
    text = _("%(part)s of %(whole)s", part=fmt.bytes_(uses), whole=fmt.bytes_(has)) if unit == "B" else fmt.of(uses, has, unit)
    amount = fmt.bytes_(gave) if unit == "B" else fmt.number(gave)
    words = _("%(amount)s given to jobs", amount=amount) if gave == gave else text
    cell = html.Div([html.Span(text), _split(uses, gave, has, words)], className="tt-use-now tt-use-bytes" if unit == "B" else "tt-use-now", title=words)
    return html.Div([cell, line], className="tt-use")


def _lines(frames: Frames) -> dict[tuple[str, str], Any]:
    """{(what, node): series}."""
    trend = frames["trend"]
    if not isinstance(trend, pd.DataFrame) or trend.empty:
        return {}
    return {(str(column[0]), str(column[1])): trend.iloc[:, place].to_numpy() for place, column in enumerate(trend.columns)}


def _line(lines: dict[tuple[str, str], Any], what: str, node: str, top: float) -> Any:
    values = lines.get((what, node))
    return parts.spark(values, "used", _("over the range"), top if top == top else None) if values is not None else html.Div(className="tt-spark")


def _jobs_cell(row: dict[str, Any], about: About, own: dict[str, int]) -> Any:
    if row["jobs"] != row["jobs"]:
        return fmt.NONE
    if about.viewer.is_staff:
        text = fmt.number(row["jobs"], 9)
        target = link(about.settings, "/jobs", user="*", node=str(row["node"]), state="RUNNING")
        return parts.page_link(text, target) if row["jobs"] and about.settings.module_on("jobstats") else text
    mine = own.get(row["node"], 0)
    others = int(row["jobs"]) - mine
    said = ngettext("%(num)s of yours", "%(num)s of yours", mine)
    return html.Div([said, html.Div(ngettext("%(num)s of others", "%(num)s of others", others), className="tt-muted tt-small") if others else None])


def columns(about: About, frames: Frames) -> tuple[Column, ...]:
    """The columns of the table; GPUs, load and power only where some node has them."""
    frame, lines = frames["nodes"], _lines(frames)
    settings, own = about.settings, frames["own"]

    def measured(key: str, title: str, used: str, whole: str, given: str, unit: str, what: str, said: str, phone: bool = False) -> Column:
        def draw(row: dict[str, Any]) -> Any:
            return use_cell(row, used, whole, given, unit, _line(lines, what, str(row["node"]), row[whole]) if what else None)

        return Column(key=key, title=title, kind="bar", help=said, phone=phone, draw=draw)

    found = [
        Column(key="node", title=N_("Node"), phone=True, draw=lambda row: node_link(settings, str(row["node"]))),
        Column(key="group", title=N_("State"), phone=True, draw=state_cell, help=N_("As Slurm's exporter tells it; reason and time from accounting")),
        measured("cores_share", N_("Cores"), "cores_used", "cores", "cores_alloc", "", "cores",
                 N_("Busy cores of all; grey: given to jobs, not busy. A job on several nodes counts evenly on each")),
        measured("memory_share", N_("Memory"), "memory_used", "memory", "memory_alloc", "B", "memory",
                 N_("Memory not available any more, without caches; grey: given to jobs, not in use")),
    ]  # fmt: skip
    if (frame["gpus"] > 0).any():
        found.append(
            measured("gpus_share", N_("GPUs"), "gpus_used", "gpus", "gpus_alloc", "", "gpus",
                     N_("Fully busy GPUs of all; grey: given to jobs, not busy. Sliced cards count by their slices"))
        )  # fmt: skip
    found.append(measured("disk_share", N_("Local disk"), "disk_used", "disk", "", "B", "", N_("Use of the node's own scratch disk")))
    if frame["load"].notna().any():
        found.append(Column(key="load", title=N_("Load"), kind="number", help=N_("Mean over one minute; above the cores, processes wait")))
    if frame["power"].notna().any():
        found.append(Column(key="power", title=N_("Power"), kind="number", draw=lambda row: fmt.power(row["power"]), help=N_("Of the whole node")))
    found.append(Column(key="jobs", title=N_("Jobs"), kind="number", draw=lambda row: _jobs_cell(row, about, own), help=N_("Running now")))
    if about.viewer.is_staff and about.subject.narrow.node:
        found.append(Column(key="accounts", title=N_("Accounts"), draw=lambda row: _accounts(row, about)))
    listed = bool(settings.slurm.partitions)
    said = (
        N_("As the settings list them; below them the features")
        if listed
        else N_("Of the jobs that run there: the settings list no partitions; below them the features")
    )
    found.append(Column(key="partitions", title=N_("Partitions"), help=said, draw=_partitions))
    return tuple(found)


def _partitions(row: dict[str, Any]) -> Any:
    """Partitions, and below them the node's features."""
    features = row["features"].replace(",", ", ")
    return html.Div([", ".join(row["partitions"]), html.Div(features, className="tt-muted tt-small", title=_("Features")) if features else None])


def _accounts(row: dict[str, Any], about: About) -> Any:
    names = row["accounts"]
    return html.Span([part for name in names for part in (account_link(about.settings, name), " ")])


# columns whose heads sort all nodes → what by
HEADS = {
    "node": "name", "group": "state", "cores_share": "cores", "memory_share": "memory", "gpus_share": "gpus", "disk_share": "disk", "load": "load",
    "power": "power", "jobs": "jobs", "partitions": "partition",
}  # fmt: skip


def order_of(about: About, order: str) -> tuple[str, str]:
    """(the address that sorts all nodes by this, how they are sorted by it now: "ascending", "descending" or ""); again turns it round."""
    view = about.subject
    chosen, turned = view.get("order", "name") == order, view.get("asc") == "1"
    down = (order not in TEXTS) != (chosen and turned)
    href = address(about.settings, view, order=order, asc="1" if chosen and not turned else "")
    return href, ("descending" if down else "ascending") if chosen else ""


def with_orders(about: About, found: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns with heads that sort all nodes, not just those of this page."""
    heads = {column.key: order_of(about, HEADS[column.key]) for column in found if column.key in HEADS}
    return tuple(replace(column, href=heads[column.key][0], order=heads[column.key][1]) if column.key in heads else column for column in found)


def orders(about: About, found: tuple[Column, ...]) -> html.Div:
    """What else all nodes are sorted by: what has no head of its own; a phone, which shows few heads, has them all here."""
    here = {HEADS[column.key] for column in found if column.key in HEADS}
    shown: list[Any] = [html.Span(_("Sort all by a column's head, or by"), className="tt-muted tt-small")]
    for order in ORDERS:
        if order in HEADS.values() and order not in here:
            continue
        href, how = order_of(about, order)
        mark = parts.icon("sort-down" if how == "descending" else "sort-up") if how else None
        one = choice([_(ORDER_WORDS[order]), mark], href, bool(how))
        shown.append(html.Span(one, className="tt-more") if order in here else one)
    return html.Div(shown, className="tt-runs")


def pager(frames: Frames, about: About) -> html.Div | None:
    """Which nodes these are, and the pages before and after."""
    page, pages, rows = frames["page"], frames["pages"], frames["rows"]
    if pages == 1:
        return None
    first = (page - 1) * 100 + 1
    said = _("%(first)s to %(last)s of %(rows)s nodes", first=fmt.number(first, 9), last=fmt.number(first + len(frames["nodes"]) - 1, 9), rows=fmt.number(rows, 9))
    links = [
        parts.page_link(text, address(about.settings, about.subject, page=str(number)), "tt-btn")
        for text, number in ((_("Before"), page - 1), (_("Next"), page + 1))
        if 1 <= number <= pages
    ]
    return html.Div([html.Span(said, className="tt-muted tt-small"), *links], className="tt-pager")


def draw_list(frames: Frames, about: About) -> Any:
    """The order, the rows of this page, the ways to the others."""
    frame = frames["nodes"]
    if frame.empty:
        return parts.empty(_("No node fits these filters.") if about.viewer.is_staff else _("None of your jobs runs now."))
    found, several = columns(about, frames), frames["rows"] > 1
    rows = table(frame, with_orders(about, found) if several else found, sortable=False)
    return html.Div([orders(about, found) if several else None, rows, pager(frames, about)])
