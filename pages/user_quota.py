"""A person's storage: how full each quota is, and how it came to be so."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
from dash import html

from analysis import quota
from analysis.quota import KINDS, Holding
from components import format as fmt
from components import parts
from components.charts.quota import PANELS
from components.links import account_link
from components.needs import metrics
from components.records import About, Block, Frames, Need, Section
from components.table import Column, table
from components.text import N_, _, error_sentence
from core.errors import NoData, TurtleError, Why
from core.settings import Settings
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import SELF_OR_STAFF, Viewer
from datasources.prometheus import quota_batches
from datasources.prometheus.batch import Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm.person import check, person
from datasources.sources import Sources
from pages.user_query import PersonView

TREND_DAYS = 90
KINDS_OF_AREA = ("home", "scratch", "project", "nearline")
AREAS = {"home": N_("Home"), "scratch": N_("Scratch"), "project": N_("Project"), "nearline": N_("Nearline")}
BADGES = {
    quota.OVER: (N_("Over quota"), "bad"), quota.NEAR: (N_("Nearly full"), "warn"), quota.SMALL: (N_("Too small to measure"), "muted"),
    quota.UNKNOWN: (N_("Not measured"), "muted"),
}  # fmt: skip
ROLES = {quota.OVER: "bad", quota.NEAR: "waste"}


def area_name(area: str) -> str:
    """What an area is called; one of the site's own by its name in the settings."""
    return _(AREAS[area]) if area in AREAS else area.capitalize()


def trend_span(subject: PersonView, when: TimeRange) -> TimeRange:
    """The last 90 days, unless the address names a range."""
    return when if subject.timed else replace(when, start=when.now - TREND_DAYS * DAY, end=when.now)


def _accounts(sources: Sources, viewer: Viewer, name: str) -> tuple[str, ...]:
    """The person's accounts: the viewer's own as the hooks made them, of others as Slurm has them. None without accounting."""
    if name == viewer.name:
        return tuple(sorted(viewer.accounts))
    if sources.slurm is None:
        return ()
    return tuple(sorted(person(sources, viewer=viewer, name=name).facts.accounts))


def held_by(sources: Sources, viewer: Viewer, name: str) -> tuple[tuple[Holding, ...], dict[tuple[str, str], dict[str, float]]]:
    """(a person's quotas, their limits). Raises NotFound unless the viewer is that person or staff, NoData where no area is set."""
    check(viewer, name)
    areas = sources.settings.storage.areas
    if not areas:
        raise NoData(Why.NOT_CONFIGURED, "storage.areas")
    given = sources.hooks.storage_allocations(name)
    return quota.holdings(areas, name, _accounts(sources, viewer, name), given), quota.limits(given)


def _target(held: tuple[Holding, ...]) -> Target:
    users = dict.fromkeys(one.owner for one in held if one.label == "user")
    return Target(users=tuple(users), accounts=tuple(dict.fromkeys(one.owner for one in held if one.label != "user")))


def quota_query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
    """Frame quotas (see analysis.quota.quotas) and object trends ({(bytes or files, area, owner): Series} over 90 days).
    Two requests for all."""
    held, allowed = held_by(sources, viewer, subject.id)
    settings, target = sources.settings, _target(held)
    moment = replace(when, start=when.now - 3600, end=when.now)
    batch = quota_batches.now(settings)
    calls = {
        "now": lambda: fetch(sources, (batch,), target, moment, viewer=viewer)[batch.key],
        "trend": lambda: _trend(sources, viewer, target, trend_span(replace(subject, timed=False), when)),
    }
    found = sources.pool.gather(calls, settings.prometheus.timeout_seconds + 1, "prometheus")
    now, trend = found["now"], found["trend"]
    if isinstance(now, TurtleError):
        return {"quotas": now, "trends": {}}
    if now.empty:
        return {"quotas": NoData(reason_for_empty(sources, batch, target, moment, None), batch.exporter), "trends": {}}
    frame = quota.quotas(held, allowed, quota_batches.used(now), quota_batches.known(now), settings.storage.near_share)
    return {"quotas": frame, "trends": {} if isinstance(trend, TurtleError) else _by_holding(held, trend)}


def _trend(sources: Sources, viewer: Viewer, target: Target, span: TimeRange) -> pd.DataFrame | TurtleError:
    batch = quota_batches.trend(sources.settings)
    return fetch(sources, (batch,), target, span, viewer=viewer)[batch.key]


def _by_holding(held: tuple[Holding, ...], frame: pd.DataFrame) -> dict[tuple[str, str, str], pd.Series]:
    found = {}
    for place, column in enumerate(frame.columns):
        levels = dict(zip(frame.columns.names, column, strict=True))
        key = (levels["what"], levels["path"], *quota_batches.owner(levels))
        for one in held:
            if one.key(levels["what"]) == key:
                found[(levels["what"], one.area, one.owner)] = frame.iloc[:, place]
    return found


def trend_query(area: str) -> Any:
    """The query of a section of one area ("" for those with other names): frames bytes and files, one column (levels area, owner) a
    quota; attrs limits {column: limit or NaN}, from and to (UTC s)."""

    def query(sources: Sources, viewer: Viewer, subject: PersonView, when: TimeRange) -> Frames:
        held, allowed = held_by(sources, viewer, subject.id)
        span = trend_span(subject, when)
        answer = _trend(sources, viewer, _target(held), span)
        if isinstance(answer, TurtleError):
            return {kind: answer for kind in KINDS}
        series = _by_holding(held, answer)
        mine = [one for one in held if one.area == area or (not area and one.area not in KINDS_OF_AREA)]
        return {kind: _wide(answer, kind, mine, series, allowed, span) for kind in KINDS}

    return query


def _wide(
    answer: pd.DataFrame, kind: str, mine: list[Holding], series: dict[tuple[str, str, str], pd.Series], allowed: dict[Any, Any], span: TimeRange
) -> pd.DataFrame | NoData:
    found = {(one.area, one.owner): series[(kind, one.area, one.owner)] for one in mine if (kind, one.area, one.owner) in series}
    if not found:
        return NoData(Why.NO_DATA, quota_batches.METRICS[kind])
    frame = pd.DataFrame(list(found.values())).T
    frame.columns = pd.MultiIndex.from_tuples(list(found), names=["area", "owner"])
    frame.index = answer.index
    limits = {column: allowed.get(column, {}).get(kind, math.nan) for column in found}
    frame.attrs = {"step": answer.attrs["step"], "unit": "bytes" if kind == "bytes" else "files", "limits": limits, "from": span.start, "to": span.end}
    return frame


def _figure(row: dict[str, Any], kind: str) -> Any:
    used, limit, state = (row[f"{kind}_{part}"] for part in ("used", "limit", "state"))
    write = fmt.bytes_ if kind == "bytes" else lambda value: fmt.number(value, 3)
    badge = parts.badge(_(BADGES[state][0]), BADGES[state][1]) if state in BADGES else None
    if math.isnan(used):
        # the limit is worth knowing even where nothing is measured
        base = html.Span(_("of %(limit)s", limit=write(limit)), className="tt-muted") if not math.isnan(limit) else None
        return html.Div([badge, " ", base])
    if math.isnan(limit):
        return html.Div([write(used), " ", html.Span(_("no limit known"), className="tt-muted tt-small")])
    share = used / limit
    said = fmt.of(used, limit, "B") if kind == "bytes" else _("%(part)s of %(whole)s", part=write(used), whole=write(limit))
    head = html.Div([html.Span(said, className="num"), html.Span(fmt.percent(share), className="tt-muted num"), badge], className="tt-quota-head")
    return html.Div([head, parts.meter(share, ROLES.get(state, "used"), f"{said}, {fmt.percent(share)}")], className="tt-quota")


def _spark(row: dict[str, Any], kind: str, trends: dict[Any, pd.Series]) -> Any:
    series = trends.get((kind, row["area"], row["owner"]))
    if series is None or series.notna().sum() < 2:
        return ""
    limit = row[f"{kind}_limit"]
    values = series.to_numpy(dtype=float)
    return parts.spark(values, ROLES.get(row[f"{kind}_state"], "used"), _("the last %(days)s days", days=TREND_DAYS), None if math.isnan(limit) else limit)


def _where(row: dict[str, Any], settings: Settings) -> Any:
    name = html.B(area_name(row["area"]))
    owner = html.Div(account_link(settings, row["owner"]), className="tt-small") if row["label"] != "user" else None
    # a phone has no column of files: what is wrong with them must be seen all the same
    state = row["files_state"]
    said = _("Files: %(share)s", share=fmt.percent(row["files_share"]))
    files = html.Div(parts.badge(said, BADGES[state][1]), className="tt-phone-only") if state in ROLES else None
    return html.Div([name, owner, files])


def draw_quotas(frames: Frames, about: About) -> Any:
    """One row a quota: how much of its space and of its files is used, each with its trend."""
    frame = frames["quotas"]
    if isinstance(frame, TurtleError):
        return parts.empty(error_sentence(frame))
    trends = frames["trends"]
    # "time": sorted as numbers and aligned to the left, where bars begin
    columns = (
        Column(key="area", title=N_("Where"), phone=True, draw=lambda row: _where(row, about.settings)),
        Column(key="bytes_share", title=N_("Space"), kind="time", phone=True, draw=lambda row: _figure(row, "bytes"), help=N_("Bytes used of the quota")),
        Column(key="bytes_used", title=N_("90 days"), kind="time", draw=lambda row: _spark(row, "bytes", trends), help=N_("Space used; the full height is the quota")),
        Column(key="files_share", title=N_("Files"), kind="time", draw=lambda row: _figure(row, "files"), help=N_("Files and folders of the quota")),
        Column(key="files_used", title=N_("90 days"), kind="time", draw=lambda row: _spark(row, "files", trends), help=N_("Files; the full height is the quota")),
    )
    return table(frame, columns, sortable=len(frame) > 3, empty=N_("No storage of yours is known."))


def shown_keys(settings: Settings) -> tuple[str, ...]:
    """Keys of the sections of storage this site has something to show in."""
    areas = settings.storage.areas
    if not areas:
        return ()
    own = tuple(f"storage_{area}" for area in KINDS_OF_AREA if area in areas)
    return ("storage", *own, *(("storage_other",) if set(areas) - set(KINDS_OF_AREA) else ()))


HELP = N_(
    "What your files take of what you may store. At the limit nothing more can be written, and running jobs fail. A project's "
    "quota is shared by everybody in its account. Many small files use up the number of files long before the space."
)
NEEDS = (Need(kind="exporter", name=quota_batches.EXPORTER), *metrics(*quota_batches.METRICS.values()))
STORAGE = Section(
    key="storage", title=N_("Storage"), query=quota_query, access=SELF_OR_STAFF, eager=True, needs=NEEDS,
    blocks=(Block(key="quotas", title=N_("Quotas"), draw=draw_quotas, csv="quotas", height=190, help=HELP),),
)  # fmt: skip
TITLES = {
    "home": N_("Home over time"), "scratch": N_("Scratch over time"), "project": N_("Project over time"),
    "nearline": N_("Nearline over time"), "": N_("Other storage over time"),
}  # fmt: skip
TRENDS = tuple(
    Section(key=f"storage_{area or 'other'}", title=title, query=trend_query(area), access=SELF_OR_STAFF, panels=PANELS, needs=NEEDS)
    for area, title in TITLES.items()
)
