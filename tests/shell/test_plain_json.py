"""What leaves as plain dicts is what Dash itself would have written."""

from __future__ import annotations

import numpy as np
import orjson
from dash import dcc, html
from dash._utils import to_json

from components.plain_json import as_plain

TREE = [
    html.Div([html.B("ä <b>"), None, 3, dcc.Link("x", href="/y")], id={"type": "t", "n": 1}, className="c", hidden=True, **{"data-utc": 7, "aria-label": "l"}),
    html.Details([html.Summary(html.Span(1.5)), html.Table([html.Tr([html.Td(["a", html.I()])])])], open=True, style={"width": "3px"}),
    dcc.Store(id="s", data={"a": [html.P("in a dict"), {"b": (1, 2)}]}), dcc.Input(type="hidden", name="n", value=""), html.Br(), "text", None, 4,
]  # fmt: skip


def test_components_are_written_as_dash_writes_them() -> None:
    assert orjson.loads(orjson.dumps(as_plain(TREE))) == orjson.loads(to_json(TREE))


def test_everything_else_is_left_as_it_is() -> None:
    figure = {"data": [{"y": np.arange(3)}]}
    assert as_plain(figure)["data"][0]["y"] is figure["data"][0]["y"] and as_plain("x") == "x" and as_plain(None) is None
