"""How a quota is written: used of its limit with a bar, its trend, when it would be full, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from dash import html

from analysis import quota, quota_trend
from analysis.quota_trend import Outlook
from components import format as fmt
from components import parts
from components.links import account_link
from components.records import Frames
from components.text import N_, _, error_sentence, ngettext
from core.errors import NoData, TurtleError, Why
from core.settings import Settings

AREAS = {"home": N_("Home"), "scratch": N_("Scratch"), "project": N_("Project"), "nearline": N_("Nearline")}
BADGES = {
    quota.OVER: (N_("Over quota"), "bad"), quota.NEAR: (N_("Nearly full"), "warn"), quota.SMALL: (N_("Too small to measure"), "muted"),
    quota.UNKNOWN: (N_("Not measured"), "muted"),
}  # fmt: skip
ROLES = {quota.OVER: "bad", quota.NEAR: "waste"}
LITTLE = 0.001  # a smaller share is written as such
SOON_DAYS = 60.0  # what is full within so many days is worth a finding


def area_name(area: str, settings: Settings | None = None) -> str:
    """What an area is called: its title in the settings, else a word of ours, else its name."""
    known = settings.storage.areas.get(area) if settings is not None else None
    if known is not None and known.title:
        return known.title
    return _(AREAS[area]) if area in AREAS else area.capitalize()


def amount(value: float, kind: str) -> str:
    """Bytes or a number of files for people."""
    return fmt.bytes_(value) if kind == "bytes" else fmt.number(value, 3)


def said_of(used: float, limit: float, kind: str) -> str:
    """`41 of 50 GiB`, `500 of 5 000`; what is far below the limit in a unit of its own: `66 KiB of 1 TiB`."""
    if kind == "bytes" and not 0 < used < LITTLE * limit:
        return fmt.of(used, limit, "B")
    return _("%(part)s of %(whole)s", part=amount(used, kind), whole=amount(limit, kind))


def share_of(share: float) -> str:
    """A share of a quota; digits far behind the point help nobody."""
    return f"< {fmt.percent(LITTLE)}" if 0 < share < LITTLE else fmt.percent(share)


def figure(row: Mapping[str, Any], kind: str, bar: Any = None) -> Any:
    """What is used of a quota: words, share, badge, bar (one of its own if given), and GPFS's hard limit and doubt where there are any."""
    used, limit, state = (row[f"{kind}_{part}"] for part in ("used", "limit", "state"))
    badge = parts.badge(_(BADGES[state][0]), BADGES[state][1]) if state in BADGES else None
    if math.isnan(used):
        # the limit is worth knowing even where nothing is measured
        base = html.Span(_("of %(limit)s", limit=amount(limit, kind)), className="tt-muted") if not math.isnan(limit) else None
        return html.Div([badge, " ", base])
    if math.isnan(limit):
        return html.Div([amount(used, kind), " ", html.Span(no_limit(row), className="tt-muted tt-small"), bar, _rest(row, kind)])
    share = used / limit
    said = said_of(used, limit, kind)
    head = html.Div([html.Span(said, className="num"), html.Span(share_of(share), className="tt-muted num"), badge], className="tt-quota-head")
    bar = parts.meter(share, ROLES.get(state, "used"), f"{said}, {share_of(share)}") if bar is None else bar
    return html.Div([head, bar, _rest(row, kind)], className="tt-quota")


def no_limit(row: Mapping[str, Any]) -> str:
    """Why there is no limit: none was given, or it could not be asked for."""
    return _("no limit known") if row.get("limits_known", True) else _("its limit cannot be read")


def unread(frames: Frames) -> list[Any]:
    """A sentence where the hook that tells limits failed."""
    return [] if frames.get("limits_known", True) else [parts.notice(error_sentence(NoData(Why.LIMITS_UNKNOWN)), "warn")]


def _rest(row: Mapping[str, Any], kind: str) -> Any:
    hard, doubt = row.get(f"{kind}_hard", math.nan), row.get(f"{kind}_doubt", math.nan)
    words = []
    if hard == hard:
        words.append(_("hard limit %(limit)s", limit=amount(hard, kind)))
    if doubt == doubt and doubt > 0:
        words.append(_("%(amount)s in doubt", amount=amount(doubt, kind)))
    title = _("GPFS: above the quota files can still be written for some days, up to the hard limit. In doubt: given to nodes that have not confirmed it yet.")
    return html.Div(" · ".join(words), className="tt-muted tt-small", title=title) if words else None


def spark(row: Mapping[str, Any], kind: str, trends: Mapping[Any, pd.Series], days: int) -> Any:
    """The last days as a small line; the full height is the quota."""
    series = trends.get((kind, row["area"], row["owner"]))
    if series is None or series.notna().sum() < 2:
        return ""
    limit = row[f"{kind}_limit"]
    values = series.to_numpy(dtype=float)
    return parts.spark(values, ROLES.get(row[f"{kind}_state"], "used"), _("the last %(days)s days", days=days), None if math.isnan(limit) else limit)


def where(row: Mapping[str, Any], settings: Settings) -> Any:
    """The area, whose it is, and what a phone has no column for."""
    name = html.B(area_name(row["area"], settings))
    shown = row.get("title") or None
    named = shown or row["owner"]
    # a group is seldom an account: only one of that very name has a page
    whose = account_link(settings, row["owner"], named) if row.get("is_account", True) is True else named
    owner = html.Div(whose, className="tt-small") if row["label"] != "user" else None
    state = row["files_state"]
    said = _("Files: %(share)s", share=fmt.percent(row["files_share"]))
    files = html.Div(parts.badge(said, BADGES[state][1]), className="tt-phone-only") if state in ROLES else None
    note = html.Div(settings.storage.personal_note, className="tt-muted tt-small") if row.get("personal") is True else None
    return html.Div([name, owner, files, note])


def name_of(row: Mapping[str, Any], settings: Settings) -> str:
    """`Home`, `Project def-a`."""
    area = area_name(row["area"], settings)
    return area if row["label"] == "user" else f"{area} {row.get('title') or row['owner']}"


def _days(days: float) -> str:
    if days < 1:
        return _("less than 1 day")
    whole = round(days) if days < 90 else int(round(days, -1))
    return ngettext("%(num)s day", "%(num)s days", whole)


def when_full(found: Outlook) -> str:
    """When it would be full and at which pace that is, such as `full in 8 to 14 days at the pace of the last 7 days`; "" where nothing is to say."""
    if found.kind in (quota_trend.OVER, quota_trend.FULL, quota_trend.NO_LIMIT):
        return ""
    if found.since == found.since:
        return _("read once a day since %(when)s: too little to say yet", when=fmt.moment_text(found.since))
    if found.kind == quota_trend.SHORT:
        return _("too little is measured to say")
    said = _base(found)
    if found.kind == quota_trend.NOT_FILLING:
        return _("not filling %(base)s", base=said)
    if found.kind == quota_trend.UNEVEN:
        return _("too uneven to say %(base)s", base=said) if said else _("too little since the last great deletion to say")
    first, last = _days(found.low), _days(found.high)
    if found.high < 1:
        return _("full in less than 1 day %(base)s", base=said)
    if first == last:
        return _("full in about %(days)s %(base)s", days=first, base=said)
    if found.low >= 1:
        first = fmt.number(round(found.low) if found.low < 90 else int(round(found.low, -1)), 9)
    return _("full in %(first)s to %(last)s %(base)s", first=first, last=last, base=said)


def _base(found: Outlook) -> str:
    if found.days != found.days:
        return ""
    days = ngettext("%(num)s day", "%(num)s days", max(round(found.days), 1))
    if found.cut:
        return _("at the pace since the last great deletion, %(days)s", days=days)
    return _("at the pace of the last %(days)s", days=days)


def outlook_cell(row: Mapping[str, Any], outlooks: Mapping[Any, Outlook]) -> Any:
    """When space and files would be full, each in a line, the pace on hover."""
    lines = []
    for kind, named in (("bytes", _("Space")), ("files", _("Files"))):
        found = outlooks.get((kind, row["area"], row["owner"]))
        if found is None:
            continue
        said = _("full now") if found.kind in (quota_trend.OVER, quota_trend.FULL) else when_full(found)
        if said:
            lines.append(html.Div([html.B(f"{named} "), said], title=pace_words(found, kind), className="tt-small"))
    return html.Div(lines) if lines else html.Span(fmt.NONE, title=_("no limit known, or not measured over time"))


def pace_words(found: Outlook, kind: str) -> str:
    """`+12 GiB a day (nine times of ten between 9 and 15 GiB)`, for hover."""
    if found.pace != found.pace:
        return ""
    pace, low, high = (f"{'+' if value > 0 else ''}{amount(value, kind)}" for value in (found.pace, found.pace_low, found.pace_high))
    if low == high:
        return _("%(pace)s a day", pace=pace)
    return _("%(pace)s a day; nine times of ten between %(low)s and %(high)s", pace=pace, low=low, high=high)


def failures(errors: Mapping[str, TurtleError], settings: Settings) -> list[Any]:
    """A sentence for each back end that did not answer, with the areas that are missing."""
    by_sentence: dict[str, list[str]] = {}
    for area, error in errors.items():
        by_sentence.setdefault(error_sentence(error), []).append(area_name(area, settings))
    return [parts.notice(f"{', '.join(areas)}: {said}", "warn") for said, areas in by_sentence.items()]
