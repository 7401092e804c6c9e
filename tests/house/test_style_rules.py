"""Rules of style that a browser can keep up with while charts are drawn."""

from __future__ import annotations

import re
from pathlib import Path

STYLES = sorted((Path(__file__).resolve().parents[2] / "assets" / "turtle").glob("*.css"))
# what stands around charts, asked for anything however far below it: judged anew for each label plotly puts there to measure it
AROUND = re.compile(r"(?:^|[\s>+~,}({])(?:body|[^\s,{}>+~:]*\.tt-(?:page|panel|section|grid|main))(?::not\()?:has\(\s*(?:>\s*[^\s(){}>]+\s+)?[.a-z]")


def test_what_stands_around_charts_is_not_asked_what_is_anywhere_below() -> None:
    assert len(STYLES) > 10
    assert {style.name: found for style in STYLES if (found := AROUND.findall(style.read_text()))} == {}


def test_the_rule_finds_them() -> None:
    for bad in (".tt-panel:has(.tt-hide){", "body:has(.tt-refused) p{", ".tt-grid>.tt-panel:not(:has(.x)){", ".a+.tt-section:has(>.tt-grid .tt-slim){"):
        assert AROUND.search(bad), bad
    for good in (".tt-panel:has(>.tt-message:not(:empty))>.tt-plot{", ".tt-block:has(>div>.tt-hide){", ".tt-section:has(>h2){"):
        assert not AROUND.search(good), good


def test_a_table_of_a_job_stays_one() -> None:
    """Cells of the nodes' list are called like the table of what a job used: theirs are rows of boxes."""
    assert not any(re.search(r"(?:^|[},])\.tt-use\{display:flex", style.read_text(), re.M) for style in STYLES)
