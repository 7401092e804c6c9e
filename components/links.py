"""Addresses inside the portal, below its base path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from dash import dcc, html

if TYPE_CHECKING:
    from core.settings import Settings


def link(settings: Settings, path: str, **query: str) -> str:
    """The address of a path such as `/job/123` of this portal, with a query string if given."""
    base = settings.server.base_path.rstrip("/")
    return base + quote(path, safe="/+,_-:@") + (f"?{urlencode(query)}" if query else "")


def asset(settings: Settings, name: str) -> str:
    """The address of a file in assets/."""
    return link(settings, f"/assets/{name}")


def below_base(settings: Settings, pathname: str) -> str | None:
    """The path inside the portal of a browser's pathname, or None for one outside."""
    base = settings.server.base_path
    if pathname == base.rstrip("/"):
        return "/"
    return "/" + pathname.removeprefix(base) if pathname.startswith(base) else None


def _to(settings: Settings, module: str, path: str, text: Any, query: dict[str, str]) -> Any:
    """A link into a page of a module; its text alone where that module is switched off or there is nothing to name."""
    if not path or not settings.module_on(module):
        return html.Span(text)
    return dcc.Link(text, href=link(settings, path, **{key: value for key, value in query.items() if value}), className="tt-link")


def user_link(settings: Settings, name: str, text: Any = None, **query: str) -> Any:
    """A person's name as the way to their summary."""
    return _to(settings, "usersummary", f"/user/{name}" if name else "", name if text is None else text, query)


def account_link(settings: Settings, name: str, text: Any = None, **query: str) -> Any:
    """An account's name as the way to its page."""
    return _to(settings, "accountstats", f"/account/{name}" if name else "", name if text is None else text, query)


def node_link(settings: Settings, name: str, text: Any = None, **query: str) -> Any:
    """A node's name as the way to its page."""
    return _to(settings, "nodes", f"/node/{name}" if name else "", name if text is None else text, query)


def job_link(settings: Settings, job: object, text: Any = None, **query: str) -> Any:
    """A job's id (also 8_7, 10+1) as the way to its page."""
    return _to(settings, "jobstats", f"/job/{job}" if job else "", str(job) if text is None else text, query)


def points(settings: Settings, base: str, names: Sequence[Any]) -> dict[str, Any]:
    """The compact form of a trace's `meta["href"]`: where a click on each point leads, below one address such as /node/.

    `names` by point; of a heat map by row, or a list for each row with a name for each of its cells.
    """
    return {"base": link(settings, base), "names": list(names)}
