"""Pieces of PromQL: the one place where a name becomes part of a query.

Label values are escaped here, `=` is preferred to `=~`, and a regular expression is only ever made of names the
server itself read. Nothing a browser sent reaches these functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.errors import SettingsError
from core.settings import MODULES, Settings

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\\n]|\\["\\abfnrtv])*")\s*')
NOTHING = r"[^\x00-\x{10FFFF}]"  # RE2 for "no character at all": matches no label value


class Regex(str):
    """A regular expression made by this module; `selector` writes `=~` for it."""

    __slots__ = ()


def quote(value: str) -> str:
    """The value as a PromQL string literal, with its double quotes: any text is allowed in it."""
    text = str(value).encode("utf-8", "replace").decode("utf-8")  # a lone surrogate has no UTF-8
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char >= " " and char != "\x7f" else f"\\x{ord(char):02x}" for char in text) + '"'


def any_of(values: Iterable[object]) -> Regex:
    """A regex for exactly one of these values (names or numbers the server read); no values: matches nothing."""
    texts = sorted({str(value) for value in values} - {""})
    if not texts:
        return Regex(NOTHING)
    return Regex("|".join(_SPECIAL.sub(lambda found: "\\" + found[0], text) for text in texts))


def names(metrics: Iterable[str]) -> Regex:
    """An enumerated regex for `__name__`, for selector(); raises ValueError for what is no metric name."""
    wanted = tuple(metrics)
    for metric in wanted:
        if not _METRIC.fullmatch(metric):
            raise ValueError(f"not a metric name: {metric!r}")
    return Regex("|".join(dict.fromkeys(wanted)))


def matcher(label: str, value: object) -> str:
    """One label matcher: `=` for a text or number, `=~` for a Regex and for several values.

    Raises ValueError for an empty value: it would match every series that lacks the label.
    """
    if not _LABEL.fullmatch(label):
        raise ValueError(f"not a label name: {label!r}")
    if isinstance(value, (tuple, list, set, frozenset)):
        value = next(iter(value)) if len(value) == 1 else any_of(value)
    if isinstance(value, Regex):
        return f"{label}=~{quote(value)}"
    if str(value) == "":
        raise ValueError(f"empty value for label {label}")
    return f"{label}={quote(str(value))}"


def selector(metric_or_regex: str, site: str, *more: str, **matchers: object) -> str:
    """`metric{label="value",…,site filter}`; several metrics come as names((…)).

    `more` are matchers already written (matcher(), hosts_matcher(), constants such as 'mode!="idle"').
    `matchers`: label=value; a tuple of values or any_of(…) is matched as a regex.
    """
    parts = [matcher(label, value) for label, value in matchers.items()]
    parts += [text for text in (*more, site) if text]
    if isinstance(metric_or_regex, Regex) and "|" in metric_or_regex:
        return "{" + ",".join([f"__name__=~{quote(metric_or_regex)}", *parts]) + "}"
    if not _METRIC.fullmatch(metric_or_regex):
        raise ValueError(f"not a metric name: {metric_or_regex!r}")
    return f"{metric_or_regex}{{{','.join(parts)}}}" if parts else str(metric_or_regex)


def hosts_matcher(label: str, hosts: Iterable[str], domain: str = "", suffix: str = "") -> str:
    """A matcher for these hosts: host name, then `suffix` (a BMC's "-oob"), then the site's domain, then maybe a :port."""
    group = any_of(hosts)
    ending = _SPECIAL.sub(lambda found: "\\" + found[0], suffix + domain)
    return f"{label}=~{quote(f'(?:{group}){ending}(?::[0-9]+)?')}"


def host_name(value: str, domain: str = "", suffix: str = "") -> str:
    """The node's name in a host label: port, domain and BMC suffix cut off."""
    host = re.sub(r":[0-9]+$", "", value)
    return host.removesuffix(domain).removesuffix(suffix) if domain else host.removesuffix(suffix)


def parse_matchers(text: str, where: str) -> str:
    """Label matchers from the settings in a canonical form; raises SettingsError for anything else."""
    found, position = [], 0
    text = text.strip()
    while position < len(text):
        match = _MATCHER.match(text, position)
        if not match or (match.end() < len(text) and text[match.end()] != ","):
            raise SettingsError(f'{where}: not label matchers: {text!r}; allowed: label="value", also !=, =~, !~, separated by commas')
        found.append(f"{match[1]}{match[2]}{match[3]}")
        position = match.end() + 1
    return ",".join(found)


def site_filters(settings: Settings) -> dict[str, str]:
    """The site filters by module, checked; raises SettingsError that names the key."""
    for module in settings.prometheus.filter:
        if module not in (*MODULES, "default"):
            raise SettingsError(f"prometheus.filter.{module}: no such module; allowed: default, {', '.join(MODULES)}")
    return {module: parse_matchers(text, f"prometheus.filter.{module}") for module, text in settings.prometheus.filter.items()}


def site_filter(settings: Settings, module: str = "default") -> str:
    """The filter of a module, else the one called "default", else none."""
    texts = settings.prometheus.filter
    key = module if module in texts else "default"
    return parse_matchers(texts.get(key, ""), f"prometheus.filter.{key}")
