"""What a browser asks for, read once: page, subject, time range. Nothing of it decides who may see what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from components.records import Page, Section
from core.errors import NotFound
from core.subjects import Subject
from core.timerange import TimeRange, parse
from core.viewer import Viewer
from datasources.sources import Sources

DAY = 86400
MAX_QUERY = 4000
MAX_VALUE = 400


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A page as it was asked for."""

    page: Page
    params: Mapping[str, str]
    subject: Subject
    when: TimeRange


class Registry:
    """The pages that exist in this portal, and their sections by id."""

    def __init__(self, pages: tuple[Page, ...]) -> None:
        self.pages = {page.key: page for page in pages}
        self.sections = {section_id(page, section): (page, section) for page in pages for section in page.sections}

    def find(self, path: str) -> Page | None:
        """The page a path belongs to; pages without variables go first."""
        ordered = sorted(self.pages.values(), key=lambda page: page.path.count("<"))
        return next((page for page in ordered if variables(page.path, path) is not None), None)


def section_id(page: Page, section: Section) -> str:
    """The id of a section among all pages; what the browser sends, looked up here before anything else."""
    return f"{page.key}:{section.key}"


def variables(template: str, path: str) -> dict[str, str] | None:
    """The variables of a path such as /job/<job>, None if it is another path. A variable never holds a slash."""
    pattern = "".join(
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("<") else re.escape(part)
        for part in re.split(r"(<\w+>)", template)
        if part
    )
    match = re.fullmatch(pattern + ("" if template == "/" else "/?"), path)
    return {key: unquote(value) for key, value in match.groupdict().items()} if match else None


def parameters(page: Page, path: str, search: str) -> dict[str, str]:
    """Path variables and the query parameters this page knows; all others are ignored, and none replaces a variable."""
    found = variables(page.path, path)
    if found is None:
        raise NotFound(f"{page.key}: not its path")
    known = {"from", "to", "refresh", "submit", *page.filters}
    query = (
        {
            key: value[:MAX_VALUE]
            for key, value in parse_qsl(
                search.lstrip("?")[:MAX_QUERY], keep_blank_values=False, max_num_fields=60, errors="replace"
            )
            if key in known
        }
        if search and search.count("&") < 60
        else {}
    )
    return query | found


def read(sources: Sources, viewer: Viewer, page: Page, path: str, search: str, width: str = "wide") -> Ask:
    """The subject and time range of a request; raises NotFound, BadInput, NotSignedIn, NotAllowed and source errors."""
    params = parameters(page, path, search)
    subject = page.subject(params)
    page.access.check(viewer, subject)
    now = int(sources.clock())
    default = (now - DAY, now)
    if page.span is not None:
        default = page.span(sources, viewer, subject, now)
    when = parse(params.get("from"), params.get("to"), now=now, default=default, width=width)
    return Ask(page=page, params=params, subject=subject, when=when)
