"""Reads the portal as a browser does and takes its answers apart: numbers of charts, texts of blocks."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.browser import Visitor

BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def texts(node: Any) -> Iterator[str]:
    """All texts of a layout, in order."""
    if isinstance(node, str | int | float) and not isinstance(node, bool):
        yield str(node)
    elif isinstance(node, list):
        for part in node:
            yield from texts(part)
    elif isinstance(node, dict) and "props" in node:
        yield from texts(node["props"].get("children"))


def components(node: Any) -> Iterator[dict]:
    """All components of a layout."""
    if isinstance(node, list):
        for part in node:
            yield from components(part)
    elif isinstance(node, dict) and "props" in node:
        yield node
        yield from components(node["props"].get("children"))


def text_of(node: Any) -> str:
    """A layout as one line of text."""
    return re.sub(r"[ \n\t]+", " ", "".join(f" {part}" for part in texts(node))).strip()


def unpacked(packed: Any) -> np.ndarray:
    """Numbers out of plotly's typed array."""
    values = np.frombuffer(base64.b64decode(packed["bdata"]), dtype="<" + packed["dtype"]).astype(float)
    shape = packed.get("shape")
    return values.reshape([int(size) for size in shape.split(",")]) if shape else values


@dataclass(frozen=True)
class Line:
    """One trace: its name, its times (UTC seconds) and its values in `unit` as drawn."""

    name: str
    unit: str
    at: np.ndarray
    y: np.ndarray

    def plain(self) -> np.ndarray:
        """The values without a multiple: bytes instead of GiB, watts instead of kW, shares instead of %."""
        unit = self.unit.removesuffix("/s")
        if unit in BINARY:
            return self.y * 1024.0 ** BINARY.index(unit)
        if unit == "%":
            return self.y / 100
        return self.y * {"kW": 1e3, "MW": 1e6}.get(unit, 1.0)


@dataclass(frozen=True)
class Filled:
    """What a section answered: figures by panel, layouts by block, messages (in place of a chart) by panel."""

    figures: dict[str, dict] = field(default_factory=dict)
    blocks: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def text(self, block: str) -> str:
        """A block as one line of text."""
        return text_of(self.blocks[block])

    def lines(self, panel: str) -> dict[str, Line]:
        """The lines of a chart by name, written values positive."""
        found = {}
        for trace in self.figures[panel]["data"]:
            y = unpacked(trace.get("customdata", trace["y"]))
            unit = re.search(r"~f\}\s*(.*?)<extra>", trace.get("hovertemplate", "") + "<extra>")
            at = trace["x0"] / 1000 + trace["dx"] / 1000 * np.arange(len(y))
            found[trace["name"]] = Line(trace["name"], unit[1] if unit else "", at, y)
        return found


class Reader(Visitor):
    """A person at the portal, who opens a section of a page and reads it."""

    def parts(self, path: str) -> dict[str, dict[str, list[str]]]:
        """The sections of a page, each with its panels and blocks."""
        found: dict[str, dict[str, list[str]]] = {}
        for component in components(self.layout(path)["response"]["_pages_content"]["children"]):
            name = component["props"].get("id")
            if isinstance(name, dict) and "section" in name:
                parts = found.setdefault(name["section"], {"panel": [], "block": []})
                if name["type"] in ("figure", "block"):
                    kind = "panel" if name["type"] == "figure" else "block"
                    parts[kind].append(name[kind])
        return found

    def section(self, path: str, section: str) -> Filled:
        """One section of a page, filled."""
        answer = self._load(section, self.parts(path)[section], path)
        answer.raise_for_status()
        filled = Filled()
        for key, props in answer.json()["response"].items():
            if not key.startswith("{"):
                continue
            name = json.loads(key)
            if name["type"] == "figure" and props["data"]:
                filled.figures[name["panel"]] = props["data"]
            elif name["type"] == "message" and props.get("children"):
                filled.messages[name["panel"]] = text_of(props["children"])
            elif name["type"] == "block":
                filled.blocks[name["block"]] = props.get("children")
        return filled
