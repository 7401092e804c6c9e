"""Finds the pages: every Page record a module of this folder declares."""

from __future__ import annotations

import importlib
import pkgutil

import pages
from components.records import Page


def all_pages() -> tuple[Page, ...]:
    """All Page records of pages/, in the order of the menu; raises ValueError for two of one key or path."""
    found: dict[str, Page] = {}
    for module in sorted(one.name for one in pkgutil.iter_modules(pages.__path__)):
        for value in vars(importlib.import_module(f"pages.{module}")).values():
            if isinstance(value, Page) and found.setdefault(value.key, value) is not value:
                raise ValueError(f"two pages are called {value.key}")
    paths = [page.path for page in found.values()]
    if len(paths) != len(set(paths)):
        raise ValueError(f"two pages have one path: {sorted(paths)}")
    return tuple(sorted(found.values(), key=lambda page: (page.order, page.key)))
