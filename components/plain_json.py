"""Dash components as plain dicts, so that an answer is written as JSON in one go.

Dash's own writer meets a component, begins anew and copies the whole answer piece by piece, the charts in it too.
"""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component

_PROPERTIES: dict[type[Component], frozenset[str]] = {}  # of each kind of component; an instance also holds what is no property


def as_plain(node: Any) -> Any:
    """What Component.to_plotly_json answers, for everything in it too; anything but components, lists and dicts is unchanged."""
    if isinstance(node, Component):
        known = _PROPERTIES.get(type(node)) or _PROPERTIES.setdefault(type(node), frozenset(node._prop_names))
        props = {name: as_plain(value) for name, value in vars(node).items() if name in known or name.startswith(("data-", "aria-"))}
        return {"props": props, "type": node._type, "namespace": node._namespace}
    if isinstance(node, (list, tuple)):
        return [as_plain(one) for one in node]
    if isinstance(node, dict):
        return {key: as_plain(value) for key, value in node.items()}
    return node
