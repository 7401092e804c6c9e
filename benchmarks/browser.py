"""What a browser asks of the portal for one page, without the drawing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.util.retry import Retry

ROUTER = ".._pages_content.children..._pages_store.data.."
AT_ONCE = 6  # connections a browser opens over HTTP/1.1


@dataclass
class Loaded:
    """One load of a page: its sections, bytes of the answers (uncompressed), tiles, figures' JSON, seconds from first to last answer."""

    sections: list[str]
    seconds: float
    bytes: int
    tiles: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def _walk(node: Any) -> Iterator[dict]:
    if isinstance(node, dict):
        if "props" in node:
            yield node["props"]
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _tiles(answer: bytes) -> int:
    """The headline numbers in an answer."""
    return answer.count(b'"tt-tile tt-card')


class Visitor:
    """A browser: signs in as a persona (as nobody for the login ""), opens pages, loads their sections."""

    def __init__(self, url: str, login: str) -> None:
        self.url = url.rstrip("/")
        self.http = requests.Session()
        # a portal that is reloaded meanwhile drops connections
        again = Retry(total=4, backoff_factor=1, allowed_methods=None)
        self.http.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=AT_ONCE, max_retries=again))
        if login:
            self._sign_in(login)
        self.output = next(
            one["output"] for one in self.http.get(f"{self.url}/_dash-dependencies").json() if '"figure"' in one["output"] and '"load"' in str(one["inputs"])
        )

    def _sign_in(self, login: str) -> None:
        token = re.search(r'name="token"[^>]*value="([^"]+)"', self.http.get(f"{self.url}/signin").text)
        answer = self.http.post(f"{self.url}/signin", data={"login": login, "token": token[1] if token else "", "next": "/"})
        answer.raise_for_status()

    def _post(self, body: dict) -> requests.Response:
        return self.http.post(f"{self.url}/_dash-update-component", data=orjson.dumps(body), headers={"Content-Type": "application/json"})

    def layout(self, path: str) -> Any:
        """The layout of a page, as the router answers it."""
        parts = urlsplit(path)
        place = {"pathname": parts.path, "search": f"?{parts.query}" if parts.query else ""}
        answer = self._post(
            {
                "output": ROUTER,
                "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
                "inputs": [{"id": "_pages_location", "property": key, "value": value} for key, value in place.items()],
                "changedPropIds": ["_pages_location.pathname"],
            }
        )
        answer.raise_for_status()
        return answer.json()

    def _load(self, section: str, parts: dict[str, list[str]], path: str) -> requests.Response:
        place = urlsplit(path)
        outputs: list[Any] = [{"id": {"type": "done", "section": section}, "property": "data"}]
        outputs += [
            [{"id": {"type": kind, "section": section, part: key}, "property": prop} for key in parts[part]]
            for kind, part, prop in (("figure", "panel", "data"), ("message", "panel", "children"), ("block", "block", "children"))
        ]
        load = {"type": "load", "section": section}
        value = {"n": 1, "path": place.path, "search": f"?{place.query}" if place.query else "", "width": "wide"}
        name = orjson.dumps(load, option=orjson.OPT_SORT_KEYS).decode() + ".data"
        return self._post(
            {"output": self.output, "outputs": outputs, "inputs": [{"id": load, "property": "data", "value": value}], "changedPropIds": [name]}
        )

    def open(self, path: str, only_first: bool = False) -> Loaded:
        """Load a page: the router, then its sections, six at a time; `only_first`: just those that load at once."""
        begin = time.perf_counter()
        layout = self.layout(path)
        found: dict[str, dict[str, list[str]]] = {}
        first: list[str] = []
        for props in _walk(layout):
            name = props.get("id")
            if isinstance(name, dict) and "section" in name:
                parts = found.setdefault(name["section"], {"panel": [], "block": []})
                if name["type"] == "figure":
                    parts["panel"].append(name["panel"])
                elif name["type"] == "block":
                    parts["block"].append(name["block"])
            if props.get("data-section") and props.get("data-eager"):
                first.append(props["data-section"])
        wanted = [name for name in found if not only_first or name in first]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda name: (name, self._load(name, found[name], path)), wanted))
        loaded = Loaded(sections=wanted, seconds=time.perf_counter() - begin, bytes=len(orjson.dumps(layout)), tiles=_tiles(orjson.dumps(layout)))
        for name, answer in answers:
            loaded.bytes += len(answer.content)
            loaded.tiles += _tiles(answer.content)
            if answer.status_code != 200:
                loaded.failed.append(f"{name}: {answer.status_code}")
                continue
            for key, props in answer.json()["response"].items():
                if '"figure"' in key and props.get("data"):
                    loaded.figures[key] = len(orjson.dumps(props["data"]))
        return loaded

    def queries(self, section: str, path: str) -> str:
        """The queries a section sends, as staff may see them."""
        place = urlsplit(path)
        page, _, key = section.partition(":")
        answer = self.http.get(f"{self.url}/queries/{page}/{key}?{place.query}", params={"at": place.path})
        answer.raise_for_status()
        return answer.text
