"""Addresses inside the portal, below its base path."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

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
