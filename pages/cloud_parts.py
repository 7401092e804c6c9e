"""Tiles, findings and tables of a project's and a virtual machine's page."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from dash import html

from analysis.cloud_findings import LEAST_KNOWN
from components import format as fmt
from components import parts
from components.links import link, user_link
from components.present import plain_text
from components.records import About, Frames
from components.table import Column, table
from components.text import N_, _, error_sentence, ngettext
from components.text_findings import sentence
from core.errors import TurtleError
from core.settings import Settings
from core.units import DAY, share
from pages.cloud_cells import amount, path_of, state_badge
from pages.cloud_query import place

# only where one has stopped: of those that run it would say "now"
LAST = Column(key="last", title=N_("Last seen"), kind="time", draw=lambda row: _("now") if row["running"] else fmt.moment(row["last"], "near"))
IDLE = {"vm_idle": N_("idle"), "vm_oversized": N_("larger than needed")}


def _sum(frame: pd.DataFrame, column: str) -> float:
    return float(frame[column].sum(min_count=1)) if len(frame) else math.nan


def _quota(quota: Any, what: str, unit: str = "") -> str:
    if isinstance(quota, TurtleError) or what not in quota:
        return ""
    return _("quota: %(amount)s", amount=amount(quota[what], unit))


def project_tiles(frames: Frames, about: About) -> Any:
    """What runs now and is used of it, beside the quota."""
    frame, quota = frames["instances"], frames["quota"]
    missed = [one for one in (frame, quota) if isinstance(one, TurtleError) and not not_seen(one)]
    tone = "warn" if any(hasattr(one, "source") for one in missed) else "info"
    notes = [parts.notice(said, tone) for said in dict.fromkeys(map(error_sentence, missed))]
    rows = frame[frame["running"]] if isinstance(frame, pd.DataFrame) else None
    found = []
    if rows is None and not_seen(frame):
        found += [parts.tile(label, "0", note=_quota(quota, what)) for what, label in (("instances", _("Machines running")), ("cores", _("Cores running")))]
    if rows is not None:
        stopped = int((~frame["running"]).sum())
        note = [_quota(quota, "instances"), ngettext("%(num)s stopped lately", "%(num)s stopped lately", stopped) if stopped else ""]
        found.append(parts.tile(_("Machines running"), fmt.number(len(rows), 9), note=" · ".join(filter(None, note))))
        found += [_used(rows, quota, kind, label, unit) for kind, label, unit in (("cores", _("Cores used"), ""), ("memory", _("Memory used"), "B"))]
        gpus = _gpus(rows, about.settings)
        found.append(parts.tile(_("GPUs running"), fmt.number(gpus), note=_("by the flavours of the machines")) if gpus else None)
        size = _sum(rows, "capacity")
        if size == size:
            allowed = math.nan if isinstance(quota, TurtleError) else quota.get("block", math.nan)
            base = _limit(allowed)
            written = _("%(amount)s of it written", amount=fmt.bytes_(_sum(rows, "allocation")))
            found.append(parts.tile(_("Disks of machines"), amount(size, "B"), base=base, share=share(size, allowed) if allowed != math.inf else None, note=written))
    found += _stores(quota)
    return html.Div([*notes, parts.tiles(*found) if any(found) else None])


def _used(rows: pd.DataFrame, quota: Any, kind: str, label: str, unit: str) -> Any:
    """A tile of what machines use of what they have; the bar compares only those that tell, and how many do not is said."""
    used, running = _sum(rows, f"{kind}_used"), _sum(rows, kind)
    base = _("of %(amount)s running", amount=amount(running, unit)) if running == running else ""
    told = rows[rows[f"{kind}_used"].notna()]
    silent = int((rows[f"{kind}_used"].isna() & rows[kind].notna()).sum())
    notes = [ngettext("%(num)s machine does not tell", "%(num)s machines do not tell", silent) if silent else "", _quota(quota, kind, unit)]
    return parts.tile(label, amount(used, unit), base=base, share=share(used, _sum(told, kind)), note=" · ".join(filter(None, notes)))


def _limit(allowed: float) -> str:
    """What may be held, after what is."""
    return "" if allowed != allowed else _("· no limit") if allowed == math.inf else _("of %(amount)s", amount=amount(allowed, "B"))


def _gpus(rows: pd.DataFrame, settings: Settings) -> int:
    flavours = settings.cloud.flavours
    return sum(flavours[name].gpus for name in rows["flavour"] if name in flavours)


def _stores(quota: Any) -> list[Any]:
    """Object storage and shared file systems, where OpenStack counts them."""
    found = []
    for key, label in (("object", _("Object storage")), ("shared", _("Shared file systems"))):
        used = math.nan if isinstance(quota, TurtleError) else quota.get(f"{key}_used", math.nan)
        if used != used:
            continue
        allowed = quota.get(key, math.nan)
        found.append(parts.tile(label, amount(used, "B"), base=_limit(allowed), share=share(used, allowed) if allowed != math.inf else None))
    return found


def draw_findings(frames: Frames, about: About) -> Any:
    """What machines waste, each with what to do; what could not be judged is said."""
    judged = frames["judged"]
    if isinstance(judged, TurtleError):
        return parts.empty(_("No machine runs now.") if not_seen(judged) else error_sentence(judged))
    project, own = place(about.subject)
    rows = []
    for row, finding in judged["findings"]:
        headline, evidence, advice = sentence(finding)
        name = [] if own else [parts.page_link(plain_text(row["label"]), link(about.settings, path_of(project, row["uuid"]))), ": "]
        rows.append(parts.finding_row(finding.severity, [*name, headline], evidence, advice=advice, why=finding.docs))
    days = about.settings.cloud.finding_days
    young = judged["young"]
    if not rows and judged["running"] == 0:
        return parts.empty(_("It does not run now: machines are judged while they run.") if own else _("No machine runs now."))
    if not rows and len(young) == judged["running"]:
        half = fmt.duration(LEAST_KNOWN * days * DAY)
        said = (
            _("It is judged once %(half)s of the last %(days)s days are known of it: not yet.", half=half, days=days)
            if own
            else _("A machine is judged once %(half)s of the last %(days)s days are known of it: none is yet.", half=half, days=days)
        )
        return parts.empty(said, "hourglass-split")
    if not rows:
        rows.append(parts.empty(_("It is neither idle nor larger than it needs to be.") if own else _("No machine is idle or larger than it needs to be."), "check2"))
    if young and not own:
        said = ngettext(
            "%(num)s machine is too young to be judged: %(names)s.", "%(num)s machines are too young to be judged: %(names)s.", len(young),
            names=", ".join(map(plain_text, young[:6])) + (" …" if len(young) > 6 else ""),
        )  # fmt: skip
        rows.append(html.P(said, className="tt-muted tt-small"))
    return html.Div(rows)


def _share_cell(row: dict[str, Any], used: str, whole: str, part: str, unit: str) -> Any:
    value, has = row[used], row[whole]
    if value != value:
        return html.Span(fmt.NONE, title=_("not measured"))
    words = _("%(used)s of %(whole)s", used=amount(value, unit), whole=amount(has, unit)) if has == has else amount(value, unit)
    return html.Div([html.Span(words, className="num"), parts.meter(row[part], "used", fmt.percent(row[part])) if has == has else None], className="tt-held")


def _state(row: dict[str, Any], found: dict[str, list[Any]]) -> Any:
    badges = [parts.badge(_(IDLE[one.id]), "warn" if one.severity != "info" else "info") for one in found.get(row["uuid"], [])]
    return html.Div([state_badge(row), *badges], className="tt-counts")


def instance_columns(about: About, found: dict[str, list[Any]]) -> tuple[Column, ...]:
    """The columns of the table of machines."""
    project = place(about.subject)[0]

    def name(row: dict[str, Any]) -> Any:
        return parts.page_link(row["label"], link(about.settings, path_of(project, row["uuid"])))

    def creator(row: dict[str, Any]) -> Any:
        who = str(row["creator"] or "")
        return user_link(about.settings, who) if about.viewer.is_staff else html.Span(who or fmt.NONE)

    return (
        Column(key="label", title=N_("Name"), phone=True, draw=name),
        Column(key="state", title=N_("State"), phone=True, draw=lambda row: _state(row, found)),
        Column(key="flavour", title=N_("Flavour"), help=N_("What OpenStack calls its size")),
        Column(key="cores", title=N_("Cores"), kind="number", help=N_("Virtual cores")),
        Column(key="memory", title=N_("Memory"), kind="bytes", help=N_("What it was given")),
        Column(
            key="cpu_share", title=N_("CPU use"), kind="time", draw=lambda row: _share_cell(row, "cpu", "cores", "cpu_share", ""),
            help=N_("Busy cores, mean over the range"),
        ),
        Column(
            key="memory_share", title=N_("Memory use"), kind="time", draw=lambda row: _share_cell(row, "memory_mean", "memory", "memory_share", "B"),
            help=N_("In use inside it, mean over the range; a dash: its system does not tell"),
        ),
        Column(key="disk_rate", title=N_("Disk"), kind="bytes", draw=lambda row: fmt.rate(row["disk_rate"]), help=N_("Read and written, mean over the range")),
        Column(key="network_rate", title=N_("Network"), kind="bytes", draw=lambda row: fmt.rate(row["network_rate"]), help=N_("In and out, mean over the range")),
        Column(key="creator", title=N_("Created by"), draw=creator, help=N_("Who created it in OpenStack")),
        Column(key="created", title=N_("Created"), kind="time", draw=lambda row: fmt.moment(row["created"], "day")),
    )  # fmt: skip


def draw_instances(frames: Frames, about: About) -> Any:
    """The machines, or why there are none."""
    frame = frames["instances"]
    if isinstance(frame, TurtleError):
        if hasattr(frame, "source"):
            return parts.empty(error_sentence(frame), "exclamation-triangle-fill", "warn")
        return parts.empty(_("No virtual machine of this project was seen in the last 14 days.") if not_seen(frame) else error_sentence(frame))
    judged = frames.get("judged")
    found: dict[str, list[Any]] = {}
    if isinstance(judged, dict):
        for row, finding in judged["findings"]:
            found.setdefault(row["uuid"], []).append(finding)
    columns = [*instance_columns(about, found)]
    if not frame["running"].all():
        columns.append(LAST)
    return table(frame, columns, sortable=len(frame) > 1)


def not_seen(error: TurtleError) -> bool:
    """True if everything answers, and there is no such machine."""
    return str(getattr(error, "why", "")) == "no_data"


def instance_tiles(frames: Frames, about: About) -> Any:
    """One machine now."""
    frame = frames["instances"]
    if isinstance(frame, TurtleError):
        return html.Div(parts.empty(error_sentence(frame), "plug", "warn"), className="tt-card")
    row = next((row for row in frame.to_dict("records") if row["uuid"] == place(about.subject)[1]), None)
    if row is None:
        return None
    if not row["running"]:
        said = [_("It has stopped: the exporter tells of running machines only. Last seen"), " ", fmt.moment(row["last"], "minute")]
        return parts.notice(said, "info")
    found = []
    for kind, label, unit in (("cores", _("Cores used"), ""), ("memory", _("Memory used"), "B")):
        used, has = row[f"{kind}_used"], row[kind]
        note = "" if used == used else _("its system does not tell")
        found.append(parts.tile(label, amount(used, unit), base=_("of %(amount)s", amount=amount(has, unit)) if has == has else "", share=share(used, has), note=note))
    size, written = row["capacity"], row["allocation"]
    if size == size:
        found.append(parts.tile(_("Disks"), amount(size, "B"), share=share(written, size), note=_("%(amount)s of it written", amount=amount(written, "B"))))
    if row["created"] == row["created"]:
        found.append(parts.tile(_("Age"), fmt.duration(about.when.end - row["created"])))
    return parts.tiles(*found)
