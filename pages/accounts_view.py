"""What the pages of accounts are about, as the address describes it, and the words both use."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from components import format as fmt
from components.links import link
from components.text import _
from core.errors import BadInput
from core.settings import Settings
from core.subjects import Subject, account
from pages.jobs_query import ORDERS, STATES

VIEWS = ("", "jobs", "report")
NEAR = 0.05  # this close to 1 a LevelFS is "about its share"


@dataclass(frozen=True, kw_only=True)
class AccountView(Subject):
    """One account and what of it is shown; `month` is YYYY-MM or "" (the last whole month)."""

    kind: str = "account"
    view: str = ""
    states: tuple[str, ...] = ()
    user: str = ""
    order: str = "submit"
    ascending: bool = False
    cursor: str = ""
    month: str = ""
    timed: bool = False
    span: tuple[tuple[str, str], ...] = ()

    def query(self, **changes: str) -> dict[str, str]:
        """The query of this view's address, with changes; "" leaves a parameter out, and a list starts at its first page."""
        have = {
            "view": self.view, "state": ",".join(self.states), "user": self.user, "order": "" if self.order == "submit" else self.order,
            "asc": "1" if self.ascending else "", "month": self.month,
        } | dict(self.span)  # fmt: skip
        return {key: value for key, value in (have | changes).items() if value}

    def address(self, settings: Settings, **changes: str) -> str:
        """This page's address with changes."""
        return link(settings, f"/account/{self.id}", **self.query(**changes))


FILTERS = ("view", "state", "user", "order", "asc", "cursor", "month")


def subject_of(params: Mapping[str, str]) -> AccountView:
    """The subject of /account/<name>; raises BadInput for names and months that cannot be."""
    name = account(params.get("account", "")).id
    month = params.get("month", "")
    if month:
        month_of(month)
    view = params.get("view", "")
    order = params.get("order", "submit")
    return AccountView(
        id=name, view="report" if month else view if view in VIEWS else "", user=params.get("user", "").strip()[:128],
        states=tuple(word for word in params.get("state", "").upper().split(",") if word in STATES),
        order=order if order in ORDERS else "submit", ascending=params.get("asc") == "1", cursor=params.get("cursor", ""), month=month,
        timed=bool(params.get("from") or params.get("to")), span=tuple((name, params[name]) for name in ("from", "to") if params.get(name)),
    )  # fmt: skip


def month_of(text: str) -> tuple[int, int]:
    """(first second, first second of the next month) of YYYY-MM, UTC seconds; raises BadInput for anything else."""
    match = re.fullmatch(r"(20[0-9]{2})-(0[1-9]|1[0-2])", text)
    if not match:
        raise BadInput("month", text=text[:40])
    year, month = int(match[1]), int(match[2])
    after = (year + month // 12, month % 12 + 1)
    return _midnight(year, month), _midnight(*after)


def _midnight(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())


def month_text(moment: int) -> str:
    """The month a UTC second lies in, as YYYY-MM."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m")


def last_month(now: int) -> str:
    """The last month that is over, as YYYY-MM."""
    return month_text(month_of(month_text(now))[0] - 1)


def month_words(text: str) -> str:
    """`Oct 2026`."""
    year, _mark, month = text.partition("-")
    return f"{fmt.MONTHS[int(month) - 1]} {year}"


def standing(levelfs: float | None) -> tuple[str, str]:
    """(tone, sentence) on what a LevelFS means for the jobs that wait; tone "" where it is not known."""
    if levelfs is None or math.isnan(levelfs):
        return "", _("Its LevelFS is not known: the metrics tell it of some accounts only.")
    if math.isinf(levelfs):
        return "good", _("Nothing was used lately: its jobs go first among the accounts of its level.")
    if levelfs > 1 + NEAR:
        return "good", _("It used less than its share lately: its jobs rank above those of accounts that used more.")
    if levelfs >= 1 - NEAR:
        return "info", _("It used about its share lately.")
    if levelfs <= 0:
        return "warn", _("It has no share left, or never had one: its jobs go last.")
    return "warn", _("It used %(times)s times its share lately: its jobs rank below those of accounts that used less.", times=fmt.number(1 / levelfs, 2))


def standing_word(levelfs: float | None) -> str:
    """The same in a word or two, for a table."""
    if levelfs is None or math.isnan(levelfs):
        return ""
    if math.isinf(levelfs):
        return _("unused")
    return _("under its share") if levelfs > 1 + NEAR else _("about its share") if levelfs >= 1 - NEAR else _("over its share")


def value_of(value: float, unit: str, resource: str = "") -> str:
    """An amount of a limit with its unit."""
    if unit == "B":
        return fmt.bytes_(value)
    if unit == "s":
        return fmt.duration(value)
    if unit == "min":
        return fmt.with_unit(value / 60, _("%(what)s hours", what=resource_name(resource)))
    return fmt.number(value, 9)


def resource_name(resource: str) -> str:
    """A TRES as people call it."""
    known = {"cpu": _("core"), "mem": _("MB of memory"), "node": _("node"), "billing": _("billing unit"), "gres/gpu": _("GPU")}
    return known.get(resource, resource.removeprefix("gres/").removeprefix("license/"))


def tail(values: Any) -> float:
    """The last number of a series; NaN where there is none."""
    known = [float(value) for value in values if value == value]
    return known[-1] if known else math.nan
