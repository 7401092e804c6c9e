"""The portal with pages made for these tests, and a way to ask it as anybody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient

import app as portal
from core.viewer import PUBLIC, Viewer
from tests.shell import fakes


class Asker:
    """Asks one app as one viewer after another."""

    def __init__(self, dash_app: Dash, viewer: dict[str, Viewer]) -> None:
        self.app = dash_app
        self.viewer = viewer
        self.client: FlaskClient = dash_app.server.test_client()

    def be(self, viewer: Viewer) -> Asker:
        """The next requests are this viewer's."""
        self.viewer["now"] = viewer
        return self

    def section(self, section: str, path: str = "/", search: str = "", **more: Any) -> Any:
        """The answer to the browser asking for a section."""
        output, parts = (
            more.get("output"),
            {"figure": ("panel", "data"), "message": ("panel", "children"), "block": ("block", "children")},
        )
        keys = {"panel": [panel.key for panel in fakes.PANELS], "block": ["people"]}
        outputs: list[Any] = [{"id": {"type": "done", "section": section}, "property": "data"}]
        for kind, (part, prop) in parts.items():
            outputs.append(
                [{"id": {"type": kind, "section": section, part: key}, "property": prop} for key in keys[part]]
            )
        found = next(key for key in self.app.callback_map if '"type":"done"' in key.replace(" ", "") or "done" in key)
        load = {"type": "load", "section": section}
        identity = json.dumps(load, sort_keys=True, separators=(",", ":"))
        body = {
            "output": output or found, "outputs": outputs, "changedPropIds": [f"{identity}.data"],
            "inputs": [{"id": load, "property": "data", "value": {"path": path, "search": search, "n": 1}}],
        }  # fmt: skip
        return self.client.post("/_dash-update-component", json=body)

    def layout(self, path: str, search: str = "") -> Any:
        """The answer of the page router."""
        body = {
            "output": ".._pages_content.children..._pages_store.data..",
            "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
            "inputs": [
                {"id": "_pages_location", "property": "pathname", "value": path}, {"id": "_pages_location", "property": "search", "value": search},
            ],
            "changedPropIds": ["_pages_location.pathname"],
        }  # fmt: skip
        return self.client.post("/_dash-update-component", json=body)


@pytest.fixture
def asker(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asker]:
    """An app of the fake pages."""
    settings = fakes.settings_for(tmp_path)
    sources = fakes.sources_for(settings, prometheus=fakes.FakePrometheus())
    now: dict[str, Viewer] = {"now": PUBLIC}
    monkeypatch.setattr(portal, "all_pages", lambda: fakes.PAGES)
    monkeypatch.setattr("components.viewers.Viewers.of", lambda self, profile: now["now"])
    made = portal.create_app(sources=sources)
    yield Asker(made, now)
    sources.close()


@pytest.fixture
def make_app(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Dash]]:
    """make_app(pages=…, **settings) → an app without servers."""
    opened: list[Any] = []

    def make(pages: Any = fakes.PAGES, slurm: Any = None, **over: Any) -> Dash:
        sources = fakes.sources_for(
            fakes.settings_for(tmp_path, **over), prometheus=fakes.FakePrometheus(), slurm=slurm
        )
        opened.append(sources)
        monkeypatch.setattr(portal, "all_pages", lambda: pages)
        return portal.create_app(sources=sources)

    yield make
    for sources in opened:
        sources.close()
