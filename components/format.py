"""The one place where numbers, bytes, durations, dates and money become text for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from dash import html

from components.text import _

THIN = "\u202f"  # narrow no-break space: between thousands
GAP = "\u00a0"  # no-break space: between a number and its unit
NONE = "–"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def _missing(x: float | None) -> bool:
    return x is None or x != x


def number(x: float | None, digits: int = 3) -> str:
    """At most `digits` significant digits, whole part never cut, thousands by a thin space: 0.123, 10.4, 58 204; – for none."""
    if _missing(x):
        return NONE
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    size = abs(float(x))
    whole = 0 if size < 1 else int(math.log10(size)) + 1
    decimals = digits - 1 - math.floor(math.log10(size)) if 0 < size < 1 else max(0, digits - max(whole, 1))
    text = f"{size:,.{min(decimals, 12)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    sign = "−" if x < 0 and text.strip("0.,") else ""
    return sign + text.replace(",", THIN)


def with_unit(x: float | None, unit: str, digits: int = 3) -> str:
    """A number and its unit, held together: `10.4 cores`; – for none."""
    return NONE if _missing(x) else f"{number(x, digits)}{GAP}{unit}" if unit else number(x, digits)


def percent(share: float | None, digits: int = 3) -> str:
    """A share of 0..1 as percent: 0.87 → 87 %. Below 10 % two digits are kept."""
    if _missing(share):
        return NONE
    value = share * 100
    return with_unit(round(value) if value >= 10 else value, "%", min(digits, 2))


def scale_of(size: float | None) -> int:
    """Which power of 1024 a number of bytes is written in."""
    if _missing(size) or math.isinf(size) or abs(size) < 1024:
        return 0
    return min(int(math.log(abs(size), 1024) + 1e-9), len(BINARY) - 1)


def bytes_(x: float | None, digits: int = 3) -> str:
    """Bytes in binary multiples: 41 GiB."""
    return NONE if _missing(x) else with_unit(x / 1024 ** scale_of(x), BINARY[scale_of(x)], digits)


def rate(x: float | None) -> str:
    """Bytes a second in binary multiples: 512 MiB/s."""
    return NONE if _missing(x) else bytes_(x) + "/s"


def of(x: float | None, y: float | None, unit: str = "") -> str:
    """A part and its base in one unit: `41 of 120 GiB` (unit "B" picks the multiple), `10.4 of 12 cores`."""
    if _missing(y):
        return bytes_(x) if unit == "B" else with_unit(x, unit)
    if unit == "B":
        scale = scale_of(y)
        part = None if _missing(x) else x / 1024**scale
        return _("%(part)s of %(whole)s", part=number(part), whole=bytes_(y))
    return _("%(part)s of %(whole)s", part=number(x), whole=with_unit(y, unit))


def duration(seconds: float | None) -> str:
    """Two largest parts: 35 s, 41 min, 8 h 28 min, 2 d 6 h; ∞ is "no limit"."""
    if _missing(seconds):
        return NONE
    if math.isinf(seconds):
        return _("no limit")
    if seconds < 60:
        return f"{number(max(seconds, 0), 2)}{GAP}s"
    left = round(seconds)
    if left < 3600:
        return f"{left // 60}{GAP}min" + (f" {left % 60}{GAP}s" if left < 600 and left % 60 else "")
    if left < 86400:
        return f"{left // 3600}{GAP}h" + (f" {left % 3600 // 60}{GAP}min" if left % 3600 // 60 else "")
    days, hours = left // 86400, left % 86400 // 3600
    return f"{number(days)}{GAP}d" + (f" {hours}{GAP}h" if hours and days < 100 else "")


def moment_text(t: float | None, *, year: bool = True) -> str:
    """A UTC time as text, for e-mails, CSV names and before the browser puts it into the reader's zone."""
    if _missing(t):
        return NONE
    at = datetime.fromtimestamp(int(t), UTC)
    return f"{at.day} {MONTHS[at.month - 1]}{f' {at.year}' if year else ''} {at:%H:%M} UTC"


def moment(t: float | None, style: str = "minute") -> Any:
    """A time element the browser rewrites in the reader's zone; `style`: minute, near (no date today), second, day or ago. – for none."""
    if _missing(t):
        return html.Span(NONE)
    iso = datetime.fromtimestamp(int(t), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return html.Time(moment_text(t), dateTime=iso, className="num", **{"data-utc": str(int(t)), "data-style": style})


def money(x: float | None, currency: str = "$") -> str:
    """An amount: $0.30, $12, $1 234."""
    if _missing(x):
        return NONE
    return f"{currency}{x:.2f}" if abs(x) < 100 else f"{currency}{number(round(x))}"


def energy(kwh: float | None) -> str:
    """Energy given in kWh, written as Wh, kWh or MWh."""
    if _missing(kwh):
        return NONE
    if abs(kwh) < 1:
        return with_unit(kwh * 1000, "Wh")
    return with_unit(kwh, "kWh") if abs(kwh) < 1000 else with_unit(kwh / 1000, "MWh")


def power(watts: float | None) -> str:
    """Watts, from 10 000 on as kW."""
    if _missing(watts):
        return NONE
    return with_unit(watts, "W") if abs(watts) < 10_000 else with_unit(watts / 1000, "kW")


def mass(kg: float | None) -> str:
    """A mass given in kg, written as g, kg or t."""
    if _missing(kg):
        return NONE
    if abs(kg) < 1:
        return with_unit(kg * 1000, "g")
    return with_unit(kg, "kg") if abs(kg) < 1000 else with_unit(kg / 1000, "t")
