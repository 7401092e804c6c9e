"""Asks a portal in process as one person would, or as a forger would: pages, sections, exports, queries, callbacks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import dash
import orjson
from dash import Dash

from app import create_app
from core.settings import Settings
from datasources.sources import Sources

ROUTER = ".._pages_content.children..._pages_store.data.."
SECRET = "a-shared-secret-of-the-proxy"


# Dash keeps one list of pages for the process: each portal of these tests is given its own back before it is asked
PAGES_OF: WeakKeyDictionary[Dash, OrderedDict] = WeakKeyDictionary()


def portal_of(settings: Settings, sources: Sources) -> Dash:
    """A portal that may stand beside others in this process."""
    app = create_app(settings, sources)
    PAGES_OF[app] = OrderedDict(dash.page_registry)
    return app


def walk(node: Any) -> Iterator[dict]:
    """Every component's properties in a layout."""
    if isinstance(node, dict):
        if isinstance(node.get("props"), dict):
            yield node["props"]
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


class Asker:
    """One person (None: nobody) before the portal; the trusted proxy's headers say who it is."""

    def __init__(self, app: Dash, login: str | None) -> None:
        self.app, self.client = app, app.server.test_client()
        self.headers = {"X-Remote-User": login, "X-Portal-Secret": SECRET} if login else {}
        self.fill = next(output for output in app.callback_map if '"figure"' in output and '"done"' in output)

    def get(self, path: str) -> Any:
        """GET a path."""
        return self.client.get(path, headers=self.headers)

    def post(self, body: Any) -> Any:
        """POST to the one address of all callbacks."""
        return self.client.post("/_dash-update-component", json=body, headers=self.headers)

    def page(self, path: str) -> Any:
        """The router's answer for an address."""
        place = urlsplit(path)
        if (own := PAGES_OF.get(self.app)) is not None:
            dash.page_registry.clear()
            dash.page_registry.update(own)
        values = {"pathname": place.path, "search": f"?{place.query}" if place.query else ""}
        return self.post(
            {
                "output": ROUTER,
                "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
                "inputs": [{"id": "_pages_location", "property": key, "value": value} for key, value in values.items()],
                "changedPropIds": ["_pages_location.pathname"],
            }
        )

    def section(self, page: Any, section: Any, path: str) -> Any:
        """Ask for a section whether or not a page ever offered it, as a forger can."""
        sid = f"{page.key}:{section.key}"
        place = urlsplit(path)
        outputs: list[Any] = [
            {"id": {"type": "done", "section": sid}, "property": "data"},
            [{"id": {"type": "figure", "section": sid, "panel": panel.key}, "property": "data"} for panel in section.panels],
            [{"id": {"type": "message", "section": sid, "panel": panel.key}, "property": "children"} for panel in section.panels],
            [{"id": {"type": "block", "section": sid, "block": block.key}, "property": "children"} for block in section.blocks],
        ]
        load = {"section": sid, "type": "load"}
        value = {"n": 1, "path": place.path, "search": f"?{place.query}" if place.query else "", "width": "wide"}
        name = orjson.dumps(load, option=orjson.OPT_SORT_KEYS).decode() + ".data"
        return self.post({"output": self.fill, "outputs": outputs, "inputs": [{"id": load, "property": "data", "value": value}], "changedPropIds": [name]})
