"""Everything the public can get from a portal, and a reader that looks for names in it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from components.records import Page
from core.viewer import as_set
from pages.registry import all_pages
from tests.access.asker import walk

ROOT = Path(__file__).resolve().parents[2]
RANGES = ("", "from=now-1h&to=now", "from=now-7d&to=now")
# addresses that are no page's: errors, the frame and its parts, search, and whatever else a portal serves
OTHERS = (
    "/_dash-layout", "/_dash-dependencies", "/healthz", "/readyz", "/robots.txt", "/no/such/address", "/search?q=a", "/search?q=", "/names",
    "/export/status/use/nothing", "/export/no/such/thing", "/queries/status/use", "/job/1", "/favicon.ico", "/_reload-hash",
)  # fmt: skip
# what stands for a variable of an address, and what a page needs besides
SAMPLES = {"uuid": "6f1c2f34-0d5e-4a51-9f3e-2b7f4c1d9a10"}
SUBJECTS = {"compare": "?ids=1"}
# headers that are not the same for every answer
TOLD = ("Location", "Content-Disposition", "Set-Cookie", "ETag", "Link", "WWW-Authenticate", "Content-Language")
CRAWLED = 12  # further addresses that links of public pages lead to


@dataclass(frozen=True)
class Heard:
    """One answer: what was asked, the status and the body."""

    what: str
    status: int
    text: str
    headers: str = ""  # those that may hold words of an answer


def public_pages(public: str = "all") -> list[Page]:
    """The pages that everybody may open."""
    return [page for page in all_pages() if as_set(page.access, public).key == "anyone"]


def sweep(asker: Any, pages: Iterable[Page], ranges: Iterable[str] = RANGES, crawled: int = CRAWLED) -> Iterator[Heard]:
    """Every layout, section and file of these pages, over several ranges, and of the addresses they link to.

    `asker` has get(path), page(path) and section(page, section, path).
    """
    pages, asked = list(pages), set()
    waiting = [page.path + (f"?{query}" if query else "") for page in pages for query in ranges]
    while waiting and len(asked) < len(pages) * len(tuple(ranges)) + crawled:
        address = waiting.pop(0)
        if address in asked:
            continue
        asked.add(address)
        page = next(one for one in pages if one.path == urlsplit(address).path)
        for heard in _page(asker, page, address):
            yield heard
            waiting += [link for link in _links(heard.text) if link not in asked and urlsplit(link).path in {one.path for one in pages}]


def _page(asker: Any, page: Page, address: str) -> Iterator[Heard]:
    answer = asker.page(address)
    yield Heard(f"layout {address}", answer.status_code, answer.text)
    yield _got(asker, address)
    query = urlsplit(address).query
    for section in page.sections:
        answer = asker.section(page, section, address)
        yield Heard(f"section {page.key}:{section.key} {address}", answer.status_code, answer.text)
        parts = {*(panel.key for panel in section.panels), *(panel.frame for panel in section.panels), *(block.csv for block in section.blocks if block.csv)}
        for part in sorted(parts):
            yield _got(asker, f"/export/{page.key}/{section.key}/{part}?at={page.path}&{query}")


def _got(asker: Any, path: str) -> Heard:
    answer = asker.get(path)
    told = [f"{name}: {answer.headers[name]}" for name in TOLD if name in answer.headers]
    # a file's headers on lines of their own; JSON and HTML stay as they are
    return Heard(f"get {path}", answer.status_code, answer.text, "\n".join(told))


def others(asker: Any) -> Iterator[Heard]:
    """Answers that belong to no public page, and the pages that are closed to the public."""
    for path in OTHERS:
        yield _got(asker, path)
    for page in all_pages():
        address = re.sub(r"<(\w+)>", lambda match: SAMPLES.get(match[1], "1"), page.path) + SUBJECTS.get(page.key, "")
        answer = asker.page(address)
        yield Heard(f"layout {address}", answer.status_code, answer.text)
        yield _got(asker, address)
        for section in page.sections:
            answer = asker.section(page, section, address)
            yield Heard(f"section {page.key}:{section.key} {address}", answer.status_code, answer.text)


def _links(text: str) -> list[str]:
    """Addresses inside the portal that an answer links to."""
    try:
        answer = json.loads(text)
    except ValueError:
        return []
    found = [props["href"] for props in walk(answer) if isinstance(props.get("href"), str)]
    return list(dict.fromkeys(href.partition("#")[0] for href in found if href.startswith("/")))


def _texts(node: Any, key: str = "") -> Iterator[str]:
    """All texts of JSON, keys too. Numbers packed for plotly are left out: they hold no letters."""
    if isinstance(node, str):
        if key != "bdata":
            yield node
    elif isinstance(node, list):
        for one in node:
            yield from _texts(one, key)
    elif isinstance(node, dict):
        for name, one in node.items():
            yield name
            yield from _texts(one, name)


def texts(body: str) -> list[str]:
    """The texts of an answer, however they were wrapped: JSON, HTML, CSV, addresses."""
    try:
        found = list(_texts(json.loads(body)))
    except ValueError:
        # CSV and HTML: cells and words; a number alone in a cell is a figure
        found = [cell for line in body.splitlines() for cell in line.split(",") if not re.fullmatch(r"\s*-?[0-9.]+(e[+-]?[0-9]+)?\s*", cell)]
    return [*found, *{unescape(unquote(one)) for one in found if "%" in one or "&" in one}]


def vocabulary() -> str:
    """Every sentence the portal's code may say, as JSON: what is translated, and the titles of its records."""
    found = []
    for path in sorted(one for folder in ("components", "pages", "analysis") for one in (ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("_", "N_", "ngettext"):
                found += [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return json.dumps(found)


class Names:
    """Finds whole names in texts, whatever case they are in, and ids of five digits and more that stand in texts alone.

    Part of a longer word is another name, part of a longer number is another number. A shorter id could be any count.
    """

    def __init__(self, names: Iterable[str], ids: Iterable[int] = ()) -> None:
        wanted = {name.strip().lower() for name in names if name and name.strip()}
        self.words = {name for name in wanted if re.fullmatch(r"\w+", name)}
        self.phrases = {name: re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for name in wanted - self.words}
        self.ids = {str(one) for one in ids if one >= 10_000}

    def found(self, body: str) -> set[str]:
        """The names in an answer."""
        text = "\n".join(texts(body)).lower()
        numbers = set(re.findall(r"(?<![\w.,+-])[0-9]{5,}(?!\w|[.,][0-9])", text)) & self.ids
        phrases = {name for name, pattern in self.phrases.items() if name in text and pattern.search(text)}
        return numbers | phrases | (set(re.findall(r"\w+", text)) & self.words)
