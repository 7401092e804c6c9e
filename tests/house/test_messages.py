"""Every text a person reads is in the catalogue translators work on."""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.pofile import read_po

from tools import messages

ROOT = Path(__file__).resolve().parents[2]


def test_the_catalogue_is_what_the_code_says() -> None:
    """After a change of words: `make docs`."""
    with messages.PLACE.open("rb") as file:
        kept = read_po(file)
    assert messages.texts(kept) == messages.texts(messages.collect())


def test_no_text_is_built_before_it_is_translated() -> None:
    """`_(f"…")` and `_("…" + x)` can never be found in a catalogue."""
    built = re.compile(r"\b(?:_|N_|ngettext)\(\s*(?:f[\"']|[\"'][^\"']*[\"']\s*(?:\+|%|\.format))")
    files = [path for folder in messages.FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert [str(path.relative_to(ROOT)) for path in files if built.search(path.read_text(encoding="utf-8"))] == []
