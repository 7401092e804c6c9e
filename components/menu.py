"""Which pages are in a viewer's menu, and where its entries lead."""

from __future__ import annotations

from components.ask import Registry
from components.links import link
from components.records import Page
from core.errors import NotFound, TurtleError
from core.settings import Settings
from core.viewer import Viewer


def _visible(page: Page, viewer: Viewer) -> bool:
    """A page is in the menu of those its rule lets in; a rule that needs a subject counts as its weakest case."""
    if not page.in_menu or (page.staff_menu and not viewer.is_staff):
        return False
    try:
        page.access.check(viewer, None)
    except TurtleError as error:
        return viewer.signed_in and isinstance(error, NotFound)
    return True


def menu(registry: Registry, settings: Settings, viewer: Viewer) -> tuple[tuple[Page, str], ...]:
    """(page, address) of each entry, in the menu's order."""
    shown = sorted((page for page in registry.pages.values() if _visible(page, viewer)), key=lambda page: page.order)
    return tuple((page, link(settings, page.menu_path(viewer) if page.menu_path else page.path)) for page in shown)
