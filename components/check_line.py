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


def what_needs(pages: Iterable[Page], *needs: Need) -> str:
    """Pages and panels that show less without one of these, such as `job: cpu.cores, cpu.nodes`; "" if none says so."""
    found = []
    for page in pages:
        whole = any(need in page.needs for need in needs)
        parts = [panel.key for section in page.sections for panel in section.panels if any(need in panel.needs for need in needs)]
        parts += [section.key for section in page.sections if any(need in section.needs for need in needs)]
        if whole or parts:
            found.append(page.key + (": " + ", ".join(dict.fromkeys(parts)) if parts and not whole else ""))
    return "; ".join(found)
