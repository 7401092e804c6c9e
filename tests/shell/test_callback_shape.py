"""A posted callback whose parts disagree is refused: it could put the answer to one question in the place of another's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from components.callback_shape import well_formed

OUTPUT = '..{"section":["MATCH"],"type":"done"}.data...{"panel":["ALL"],"section":["MATCH"],"type":"figure"}.data..'
CALLBACK = {"inputs": [{"id": '{"section":["MATCH"],"type":"load"}', "property": "data"}], "state": []}
ROUTER = "..content.children...store.data.."
ROUTES = {"inputs": [{"id": "location", "property": "pathname"}, {"id": "location", "property": "search"}]}


def body() -> dict[str, Any]:
    """What a browser posts for a section."""
    figure = {"id": {"type": "figure", "section": "a:x", "panel": "p"}, "property": "data"}
    return {
        "output": OUTPUT, "outputs": [{"id": {"type": "done", "section": "a:x"}, "property": "data"}, [figure]],
        "inputs": [{"id": {"type": "load", "section": "a:x"}, "property": "data", "value": {}}], "changedPropIds": ['{"section":"a:x","type":"load"}.data'],
    }  # fmt: skip


FORGED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an input of another section": lambda one: one["inputs"][0]["id"].update(section="b:x"),
    "a chart of another section": lambda one: one["outputs"][1][0]["id"].update(section="b:x"),
    "an output of another kind": lambda one: one["outputs"][1][0]["id"].update(type="done"),
    "an output's other property": lambda one: one["outputs"][0].update(property="children"),
    "an input's other property": lambda one: one["inputs"][0].update(property="value"),
    "a truth for a name": lambda one: one["outputs"][1][0]["id"].update(panel=True),
    "a key too many": lambda one: one["inputs"][0]["id"].update(more="x"),
    "a state nobody declared": lambda one: one.update(state=[{"id": "x", "property": "y"}]),
    "no list of what changed": lambda one: one.update(changedPropIds="x"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_callback_that_disagrees_with_itself_is_refused(what: str) -> None:
    assert well_formed(body(), OUTPUT, CALLBACK)
    forged = copy.deepcopy(body())
    FORGED[what](forged)
    assert not well_formed(forged, OUTPUT, CALLBACK)


@pytest.mark.parametrize(("first", "second", "good"), [("pathname", "search", True), ("search", "pathname", False), ("x", "search", False)])
def test_the_router_s_inputs_are_what_they_are_called(first: str, second: str, good: bool) -> None:
    posted = {
        "outputs": [{"id": "content", "property": "children"}, {"id": "store", "property": "data"}],
        "inputs": [{"id": "location", "property": first, "value": "/"}, {"id": "location", "property": second, "value": ""}],
    }
    assert well_formed(posted, ROUTER, ROUTES) == good
    posted["inputs"][0]["id"] = "another"
    assert not well_formed(posted, ROUTER, ROUTES)
