"""A line of the table `check` prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from components.records import Need, Page

OK, OFF, MISSING, FAILED = "ok", "off", "missing", "failed"
BAD = (MISSING, FAILED)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the table: which source, what of it, ok/off/missing/failed, what was found, what it empties, how to mend it."""

    source: str
    what: str
    state: str
    found: str = ""
    empties: str = ""
    mend: str = ""


def what_needs(pages: Iterable[Page], need: Need) -> str:
    """Pages and panels that show nothing without this, such as `job: cpu.cores, cpu.nodes`; "" if none says so."""
    found = []
    for page in pages:
        whole = need in page.needs
        parts = [panel.key for section in page.sections for panel in section.panels if need in panel.needs]
        parts += [section.key for section in page.sections if need in section.needs]
        if whole or parts:
            found.append(page.key + (": " + ", ".join(dict.fromkeys(parts)) if parts and not whole else ""))
    return "; ".join(found)
