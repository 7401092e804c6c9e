"""Collects every text a person reads into locales/messages.pot: `python -m tools.messages [--check]`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "locales" / "messages.pot"
FOLDERS = ("components", "pages", "analysis")
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}


def collect() -> Catalog:
    """The catalogue of all marked texts, with the files they stand in (no line numbers: they change with every edit)."""
    catalog = Catalog(project="Trailblazing Turtle", charset="utf-8")
    for folder in FOLDERS:
        for name, _line, message, comments, context in extract_from_dir(
            str(ROOT / folder), [("**.py", "python")], keywords=KEYWORDS, comment_tags=("translators:",)
        ):
            catalog.add(message, locations=[(f"{folder}/{name}", None)], auto_comments=comments, context=context)
    return catalog


def texts(catalog: Catalog) -> set[object]:
    """The texts of a catalogue, plural forms as tuples."""
    return {message.id if isinstance(message.id, str) else tuple(message.id) for message in catalog if message.id}


def main() -> int:
    """Write the catalogue, or with --check say whether it holds what the code says (exit status 1 if not)."""
    found = collect()
    if "--check" in sys.argv:
        with PLACE.open("rb") as file:
            return 0 if texts(read_po(file)) == texts(found) else 1
    out = io.BytesIO()
    write_po(out, found, omit_header=True, sort_output=True, width=0)
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_bytes(b'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n' + out.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
