"""What the pages of the cloud share: links, cells, states in words, notes about sources that are missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dash import html

from components import format as fmt
from components import parts
from components.links import link
from components.text import N_, _, error_sentence
from core.errors import TurtleError
from core.settings import Settings

# libvirt's numbers of states
STATES = {
    1: N_("running"), 2: N_("blocked"), 3: N_("paused"), 4: N_("shutting down"), 5: N_("shut off"), 6: N_("crashed"), 7: N_("suspended"),
}  # fmt: skip
TONES = {1: "good", 2: "good", 6: "bad"}


def path_of(project: str, uuid: str = "") -> str:
    """The path of a project's page, or of one of its machines'."""
    return f"/cloud/{project}/{uuid}" if uuid else f"/cloud/{project}"


def project_link(settings: Settings, project: str, **query: str) -> Any:
    """A project's name as the way to its page."""
    return parts.page_link(project, link(settings, path_of(project), **query))


def state_badge(row: dict[str, Any]) -> html.Span:
    """A machine's state; one that no hypervisor runs has stopped."""
    state = row["state"]
    if not row["running"]:
        return parts.badge(_("stopped"), "muted")
    if state != state:
        return parts.badge(_("unknown"), "warn")
    return parts.badge(_(STATES[int(state)]) if int(state) in STATES else _("unknown"), TONES.get(int(state), "warn"))


def amount(value: float, unit: str = "") -> str:
    """A number or bytes in words; "no limit" for one without."""
    if value == math.inf:
        return _("no limit")
    return fmt.bytes_(value) if unit == "B" else fmt.number(value)


def known(*values: float) -> float:
    """The first of the values that is known."""
    return next((value for value in values if value == value), math.nan)


def held(row: dict[str, Any], kind: str, unit: str = "") -> Any:
    """What is used, what runs and what may run, as words above a bar: `2.5 used · 14 of 28`."""
    used, running, quota = (float(row.get(f"{kind}_{what}", math.nan)) for what in ("used", "running", "quota"))
    if not any(value == value for value in (used, running, quota)):
        return html.Span(fmt.NONE, title=_("not known"))
    base = "" if quota != quota else _("· no limit") if quota == math.inf else _("of %(quota)s", quota=amount(quota, unit))
    here = known(running, used)
    words = [amount(here, unit) if here == here else fmt.NONE, base]
    if used == used and running == running:
        words.insert(0, _("%(used)s used ·", used=amount(used, unit)))
    return html.Div([html.Span(" ".join(filter(None, words)), className="num"), bar(used, running, quota, unit)], className="tt-held")


def bar(used: float, running: float, quota: float, unit: str = "") -> Any:
    """A bar of what is used, runs unused, and is free in the quota; none where there is nothing to compare with: it would look full."""
    if not (math.isfinite(quota) or (used == used and running == running)):
        return None
    busy = used if used == used else 0.0
    idle = max(running - busy, 0.0) if running == running else 0.0
    free = max(quota - busy - idle, 0.0) if quota == quota and quota != math.inf else 0.0
    pieces = [
        (busy, "used", _("%(amount)s used", amount=amount(busy, unit))), (idle, "alloc", _("%(amount)s running, not used", amount=amount(idle, unit))),
        (free, "border", _("%(amount)s free in the quota", amount=amount(free, unit))),
    ]  # fmt: skip
    return parts.segments(pieces) if busy + idle + free > 0 else None


# what each question of the cloud's tables tells
TOLD = {"quota": N_("Quotas and storage"), "running": N_("Machines that run"), "month": N_("What was used in the last month")}


def troubles(errors: Any, missing: Mapping[str, TurtleError] | None = None) -> list[Any]:
    """A line for each source that did not answer; each said once. `missing`: {key of TOLD: error} where the rest is shown beside it."""
    by_sentence: dict[str, list[str]] = {}
    for what, error in (missing or {}).items():
        by_sentence.setdefault(error_sentence(error), []).append(_(TOLD[what]))
    if by_sentence:
        return [parts.notice(f"{', '.join(named)}: {sentence}", "warn") for sentence, named in by_sentence.items()]
    return [parts.notice(sentence, "warn") for sentence in dict.fromkeys(error_sentence(error) for error in errors)]
