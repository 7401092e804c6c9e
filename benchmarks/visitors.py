"""What visitors without an account do, for Locust: open tabs that refresh, and people who come for the first time.

Run by `benchmarks.load`; it needs Locust and nothing of the portal. Settings come from the environment: TABS, VISITORS_A_SECOND,
REFRESH_SECONDS, PAGES (addresses, separated by spaces), FAILURES (a file that is told what failed and why, one JSON object a line).
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
from typing import Any

import gevent
from gevent.pool import Pool
from locust import FastHttpUser, constant_pacing, events, task

TABS = int(os.environ.get("TABS", "100"))
A_SECOND = float(os.environ.get("VISITORS_A_SECOND", "5"))
REFRESH = float(os.environ.get("REFRESH_SECONDS", "30"))
PAGES = os.environ.get("PAGES", "/").split()
VISIT = 5.0  # seconds a first visit may take before its visitor comes again as somebody else
AT_ONCE = 6  # connections a browser opens
ROUTER = ".._pages_content.children..._pages_store.data.."
# what the scripts fetch besides what the frame names
LATER = ("/_dash-component-suites/dash/dcc/async-graph.js", "/_dash-component-suites/plotly/package_data/plotly.min.js")
SENTENCE = re.compile(r'tt-empty-warn|tt-refused')
TEXT = re.compile(r'"children":"([^"]{3,})"')
SAID = 200  # letters of an answer that are told
turn = itertools.count()


def said(text: str) -> str:
    """The sentence a failed answer shows, else how it begins."""
    found = SENTENCE.search(text)
    if found is None:
        return text[:SAID]
    # the sentence stands beside the name of its style: before or after it, as the component's properties are ordered
    near = TEXT.findall(text[max(0, found.start() - 600) : found.start() + 300])
    return " ".join(near)[-SAID:]


@events.request.add_listener
def note(name: str, exception: BaseException | None, response_time: float, response: Any = None, **_rest: Any) -> None:
    """Write down what failed: status and text of the answer, or what went wrong before there was one."""
    if exception is None or not (place := os.environ.get("FAILURES")):
        return
    text = said(getattr(response, "text", None) or "")
    told = {"name": name, "status": getattr(response, "status_code", 0), "why": repr(exception)[:SAID], "text": text, "ms": round(response_time)}
    with open(place, "a") as file:
        file.write(json.dumps(told) + "\n")


def walk(node: Any) -> Any:
    """Every component's properties in a layout."""
    if isinstance(node, dict):
        if isinstance(node.get("props"), dict):
            yield node["props"]
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


class Browser(FastHttpUser):
    """What tabs and visitors have in common: how a page and its sections are asked for."""

    abstract = True
    concurrency = AT_ONCE
    connection_timeout = network_timeout = 30.0

    def on_start(self) -> None:
        """Which page this one looks at."""
        self.page = PAGES[next(turn) % len(PAGES)]
        self.number = 0

    def post(self, body: dict, name: str) -> Any:
        """One callback."""
        with self.client.post("/_dash-update-component", json=body, name=name, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}" if answer.status_code else repr(getattr(answer, "error", None)))
                return None
            if SENTENCE.search(answer.text):
                answer.failure("a source failed, or the portal was busy")
            return answer.json()

    def layout(self) -> dict[str, dict[str, list[str]]]:
        """Sections of the page → their parts, as the router lays them out."""
        place = {"pathname": self.page, "search": ""}
        answer = self.post(
            {
                "output": ROUTER,
                "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
                "inputs": [{"id": "_pages_location", "property": key, "value": value} for key, value in place.items()],
                "changedPropIds": ["_pages_location.pathname"],
            },
            f"layout {self.page}",
        )
        found: dict[str, dict[str, list[str]]] = {}
        for props in walk(answer or {}):
            name = props.get("id")
            if isinstance(name, dict) and "section" in name:
                parts = found.setdefault(name["section"], {"panel": [], "block": []})
                if name["type"] in ("figure", "block"):
                    parts["panel" if name["type"] == "figure" else "block"].append(name["panel" if name["type"] == "figure" else "block"])
        return found

    def section(self, output: str, name: str, parts: dict[str, list[str]]) -> None:
        """One section."""
        self.number += 1
        outputs: list[Any] = [{"id": {"type": "done", "section": name}, "property": "data"}]
        outputs += [
            [{"id": {"type": kind, "section": name, part: key}, "property": prop} for key in parts[part]]
            for kind, part, prop in (("figure", "panel", "data"), ("message", "panel", "children"), ("block", "block", "children"))
        ]
        load = {"section": name, "type": "load"}
        value = {"n": self.number, "path": self.page, "search": "", "width": "wide"}
        changed = json.dumps(load, separators=(",", ":")) + ".data"
        self.post(
            {"output": output, "outputs": outputs, "inputs": [{"id": load, "property": "data", "value": value}], "changedPropIds": [changed]},
            f"section {name}",
        )

    def output(self) -> str:
        """The output of the callback that fills sections."""
        known = self.client.get("/_dash-dependencies").json()
        return next(one["output"] for one in known if '"figure"' in one["output"] and '"load"' in str(one["inputs"]))


class Tab(Browser):
    """An open tab: it asks for all sections of its page again and again."""

    fixed_count = TABS
    wait_time = constant_pacing(REFRESH)

    def on_start(self) -> None:
        """Opened some time ago: tabs are spread over the time between two refreshes."""
        super().on_start()
        gevent.sleep(random.uniform(0, REFRESH - 1))
        self.fill, self.parts = self.output(), self.layout()

    @task
    def refresh(self) -> None:
        """The refresh timer: all sections, as many at once as a browser opens connections."""
        pool = Pool(AT_ONCE)
        for name, parts in self.parts.items():
            pool.spawn(self.section, self.fill, name, parts)
        pool.join()


class Visitor(Browser):
    """Somebody who was never here: the frame, its scripts and styles, then the page."""

    fixed_count = max(1, round(A_SECOND * VISIT))
    wait_time = constant_pacing(VISIT)

    def on_start(self) -> None:
        """They do not all come in the same moment."""
        super().on_start()
        gevent.sleep(random.uniform(0, VISIT))

    @task
    def visit(self) -> None:
        """A first visit, with nothing kept."""
        frame = self.client.get(self.page, name="frame").text
        pool = Pool(AT_ONCE)
        for path in (*dict.fromkeys(re.findall(r'(?:src|href)="(/[^"]+)"', frame)), *LATER):
            pool.spawn(self.client.get, path, name="scripts and styles", headers={"Accept-Encoding": "br"})
        pool.join()
        self.client.get("/_dash-layout", name="menu")
        output, sections = self.output(), self.layout()
        for name, parts in sections.items():
            pool.spawn(self.section, output, name, parts)
        pool.join()
