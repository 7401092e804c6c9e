"""The live exporters: one HTTP server that shows every target's series as they are now, at /<exporter>/<target>/metrics.

python -m demo.exporters --plan FILE --port PORT --totals FILE
"""

from __future__ import annotations

import argparse
import math
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from demo.behaviour import profile
from demo.model import Plan
from demo.plan import load_plan
from demo.series import Block
from demo.series_catalog import TYPES, Catalog
from demo.series_share import ProfileOf

KEEP_EVERY = 600  # seconds between two savings of what counters have added up
AHEAD = 120  # seconds jobs are looked for ahead of the clock, so that the list of blocks is made seldom
UNTYPED = "untyped"


class Layout:
    """The lines of one target: names and labels are written once, only values change."""

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        lines = [(labels["__name__"], _labels(labels)) for block in blocks for labels in block.labels]
        order = sorted(range(len(lines)), key=lambda place: lines[place][0])
        self.order = np.array(order, int)
        self.lines = []
        before = ""
        for place in order:
            name, labels = lines[place]
            # a gauge or counter is declared once, before its first series
            declared = (
                f"# TYPE {name} {TYPES.get(name, _kind(name))}\n" if name != before and _kind(name) != UNTYPED else ""
            )
            self.lines.append((declared, f"{name}{labels} "))
            before = name

    def text(self, now: float) -> str:
        """The exposition at this moment."""
        if not self.blocks:
            return ""
        times = np.array([now])
        values = np.concatenate([block.values(times)[:, 0] for block in self.blocks])[self.order].tolist()
        out, declared = [], ""
        for (declaration, line), value in zip(self.lines, values, strict=True):
            declared = declaration or declared
            if not math.isnan(value):
                # a declaration waits for the first series that is really shown
                out.append(f"{declared}{line}{value!r}\n")
                declared = ""
        return "".join(out)


def _kind(name: str) -> str:
    """The type of a metric no table names: pcm-sensor-server's mixed-case words have none."""
    return "gauge" if name.islower() else UNTYPED


def _labels(labels: dict[str, str]) -> str:
    pairs = [f'{name}="{_escape(value)}"' for name, value in labels.items() if name != "__name__" and value]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Exporters:
    """What every target shows now. One lock: answers are short, and tables must not be made twice."""

    def __init__(self, plan: Plan, profile_of: ProfileOf = profile) -> None:
        self._catalog = Catalog(plan, profile_of)
        self._lock = threading.Lock()
        self._layouts: dict[tuple[str, str], tuple[tuple[int, ...], Layout]] = {}
        self._standing: dict[tuple[str, str], list[Block]] = {}
        for block in self._catalog.standing:
            self._standing.setdefault((block.exporter, block.instance), []).append(block)
        self._passing: dict[tuple[str, str], list[Block]] = {}
        self._until = -math.inf
        self._from = math.inf
        self._totals: Path | None = None
        self._kept_at = time.monotonic()
        self.targets = set(targets_of(self._catalog))

    def warm(self, now: float, totals: Path | None = None) -> None:
        """Add up the past, so that the first scrape is answered in time; what was added up is then kept in `totals`."""
        with self._lock:
            if totals:
                self._catalog.load(totals, now)
            self._catalog.warm(now)
            self._renew(now)
            self._totals = totals
            self._keep()

    def _keep(self) -> None:
        self._kept_at = time.monotonic()
        if self._totals:
            self._catalog.save(self._totals)

    def text(self, exporter: str, instance: str, now: float) -> str | None:
        """The target's exposition; None for a target that is not there or a node that is down."""
        target = (exporter, instance)
        with self._lock:
            if target not in self.targets or self._down(exporter, instance, now):
                return None
            if not self._from <= now < self._until:
                self._renew(now)
            standing, passing = self._standing.get(target, []), self._passing.get(target, [])
            blocks = [*standing, *(block for block in passing if block.begin <= now < block.end)]
            key = tuple(id(block) for block in blocks)
            known = self._layouts.get(target)
            if known is None or known[0] != key:
                known = self._layouts[target] = (key, Layout(blocks))
            return known[1].text(now)

    def _renew(self, now: float) -> None:
        self._passing = {}
        for block in self._catalog.passing(now, now + AHEAD):
            self._passing.setdefault((block.exporter, block.instance), []).append(block)
        self._from, self._until = now, now + AHEAD
        self._catalog.forget(now)
        if time.monotonic() - self._kept_at > KEEP_EVERY:
            self._keep()

    def _down(self, exporter: str, instance: str, now: float) -> bool:
        load = self._catalog.loads.get(instance.split(":")[0])
        return load is not None and exporter != "redfish_exporter" and bool(load.boots.down(np.array([now]))[0])


def targets_of(catalog: Catalog) -> list[tuple[str, str]]:
    """(exporter, instance) of every target, those that show jobs only among them."""
    found = {(block.exporter, block.instance) for block in catalog.standing}
    found |= {("slurm-job-exporter", f"{node.name}:9798") for node in catalog.plan.nodes if node.partitions}
    return sorted(found)


def server(exporters: Exporters, port: int) -> ThreadingHTTPServer:
    """A server on loopback; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = [unquote(part) for part in self.path.split("?")[0].strip("/").split("/")]
            if parts == ["healthz"]:
                self._answer(200, "ok\n")
                return
            text = (
                exporters.text(parts[0], parts[1], time.time()) if len(parts) == 3 and parts[2] == "metrics" else None
            )
            self._answer(503, "no such target, or it is down\n") if text is None else self._answer(200, text)

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not worth a line each."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256  # a whole cluster's scrapes may arrive together

    return Server(("127.0.0.1", port), Handler)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="The live exporters of the simulated cluster")
    parser.add_argument("--plan", type=Path, required=True, help="the plan's file")
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    parser.add_argument("--totals", type=Path, help="file that keeps what counters have added up")
    options = parser.parse_args()
    exporters = Exporters(load_plan(options.plan))
    exporters.warm(time.time(), options.totals)
    web = server(exporters, options.port)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: threading.Thread(target=web.shutdown).start())
    try:
        web.serve_forever()
    finally:
        web.server_close()


if __name__ == "__main__":
    main()
