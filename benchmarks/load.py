"""`make bench-load`: a hundred open tabs and five new visitors a second on a running demo's public pages.

It passes if nothing failed and Prometheus was asked no more than once a section and scrape interval, however many looked.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import make_url

from benchmarks.browser import Visitor
from benchmarks.counters import STATE, Servers, demo_database
from components.ask import section_id
from components.public import seconds_of
from components.records import Page
from core.settings import Settings
from core.settings_file import load
from core.viewer import as_set
from pages.registry import all_pages

VISITORS = Path(__file__).with_name("visitors.py")
QUIET = 10  # seconds in which only others ask Prometheus
REASONS = 20  # of failures that are told
ASKED = ("num_requests", "num_failures")


@dataclass(frozen=True)
class Fetch:
    """A public section: what one fetch of it asks of Prometheus, and how many seconds its answer is kept."""

    section: str
    requests: int
    seconds: int

    def most(self, seconds: float) -> int:
        """Requests in so many seconds: one fetch in each interval, and one more where the time begins within one."""
        return self.requests * (math.ceil(seconds / self.seconds) + 1)


def public_pages(settings: Settings) -> list[Page]:
    """The pages that everybody may open on this portal."""
    found = [page for page in all_pages() if settings.module_on(page.module) and as_set(page.access, settings.site.public).key == "anyone"]
    return [page for page in found if "<" not in page.path]


def fetches(pages: list[Page], url: str, settings: Settings) -> list[Fetch]:
    """What each public section asks, as the portal itself lists it to staff."""
    staff, found = Visitor(url, settings.sign_in.staff[0]), []
    for page in pages:
        for section in page.sections:
            if as_set(section.access, settings.site.public).key == "anyone":
                asked = staff.queries(section_id(page, section), page.path)
                count = next(int(line.rpartition(" ")[2]) for line in asked.splitlines() if line.startswith("# PromQL:"))
                found.append(Fetch(section_id(page, section), count, seconds_of(page, section, settings)))
    return found


def processor_seconds(port: int) -> float:
    """What the portal's processes have used since they started."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"127.0.0.1:{port}\0".encode() in (entry / "cmdline").read_bytes():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue  # it ended while we looked
    return total


def crowd(options: argparse.Namespace, pages: list[Page], url: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(Locust's row for each kind of request, what failed: name, status (0: no answer), why, text, ms)."""
    with tempfile.TemporaryDirectory() as folder:
        failures = Path(folder) / "failures"
        rows = _locust(options, pages, url, failures)
        return rows, [json.loads(line) for line in failures.read_text().splitlines()] if failures.exists() else []


def _locust(options: argparse.Namespace, pages: list[Page], url: str, failures: Path) -> list[dict[str, Any]]:
    wanted = {
        "TABS": str(options.tabs), "VISITORS_A_SECOND": str(options.visitors), "PAGES": " ".join(page.path for page in pages), "FAILURES": str(failures)
    }  # fmt: skip
    people = options.tabs + max(1, round(options.visitors * 5))
    command = [options.locust, "-f", str(VISITORS), "--headless", "--host", url, "-u", str(people), "-r", "100"]
    done = subprocess.run(
        [*command, "-t", f"{options.seconds}s", "--json", "--only-summary", "--loglevel", "ERROR"], env={**os.environ, **wanted}, capture_output=True, text=True
    )
    if not done.stdout.strip():
        raise SystemExit(f"Locust failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def at_share(row: dict[str, Any], share: float) -> float:
    """The time, in ms, within which this share of the answers came."""
    left = share * sum(row["response_times"].values())
    for time_, count in sorted((float(key), count) for key, count in row["response_times"].items()):
        left -= count
        if left <= 0:
            return time_
    return 0.0


def table(rows: list[dict[str, Any]]) -> str:
    """One line for each kind of request."""
    lines = [f"{'request':32}{'number':>8}{'failed':>8}{'p50 ms':>8}{'p95 ms':>8}{'max ms':>8}"]
    for row in sorted(rows, key=lambda one: one["name"]):
        times = (at_share(row, 0.5), at_share(row, 0.95), row["max_response_time"] or 0)
        lines.append(f"{row['name']:32}{row['num_requests']:8}{row['num_failures']:8}" + "".join(f"{time_:8.0f}" for time_ in times))
    return "\n".join(lines)


def reasons(failures: list[dict[str, Any]]) -> str:
    """A line for each reason: how often, what was asked, status and text of the answer; "" where nothing failed."""
    found = Counter((one["name"], one["status"], one["text"], one["why"]) for one in failures)
    lines = [
        f"  {count} × {name}: {f'status {status}' if status else 'no answer'}; {why}" + (f"; it says: {text}" if text else "")
        for (name, status, text, why), count in found.most_common(REASONS)
    ]
    return "\n".join(["failed:", *lines]) if lines else ""


def measure(options: argparse.Namespace, settings: Settings) -> int:
    """Let the crowd in, and say what it cost; 1 if something failed or Prometheus was asked too often."""
    url = f"http://127.0.0.1:{options.port}"
    requests.get(f"{url}/healthz", timeout=10).raise_for_status()
    pages = [page for page in public_pages(settings) if options.page in ("", page.path)]
    known = fetches(pages, url, settings)
    database = demo_database(settings)
    servers = Servers(settings.prometheus.url, database, make_url(settings.slurm.url).username or "")
    before = servers.counts()
    time.sleep(QUIET)
    others = servers.counts().since(before).prometheus / QUIET
    before, used, begin = servers.counts(), processor_seconds(options.port), time.monotonic()
    rows, failures = crowd(options, pages, url)
    passed = time.monotonic() - begin
    counted, used = servers.counts().since(before), processor_seconds(options.port) - used
    database.dispose()
    theirs = min(others * passed, counted.prometheus)
    asked = round(counted.prometheus - theirs)
    most = sum(fetch.most(passed) for fetch in known)
    number, failed = (sum(row[key] for row in rows) for key in ASKED)
    print(table(rows))
    print(f"\n{options.tabs} tabs and {options.visitors:g} new visitors a second for {passed:.0f} s on {' '.join(page.path for page in pages)}")
    print(f"{number} requests ({number / passed:.0f} a second), {failed} failed; the portal used {used / passed:.2f} processors")
    if failures:
        print(reasons(failures))
    print(
        f"Prometheus was asked {counted.prometheus} times, {theirs:.0f} of them by others at their rate of before; "
        f"for {len(known)} sections at most {most} may be (one fetch a section and interval)"
    )
    if loud := others * passed > most:
        print("others asked so much that the portal's share cannot be told: stop what else reads this Prometheus, and try again")
    print(f"the accounting database: {counted.statements} statements, {counted.rows} rows read")
    return 1 if failed or asked > most or loud or not number else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=__doc__)
    parser.add_argument("--port", type=int, default=8050, help="port of the portal")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--tabs", type=int, default=100)
    parser.add_argument("--visitors", type=float, default=5, help="new ones a second")
    parser.add_argument("--page", default="", help="one page only, such as /; empty: all public pages in turn")
    parser.add_argument("--locust", default=".venv-bench/bin/locust", help="the program")
    options = parser.parse_args()
    if not (STATE / "turtle.toml").exists():
        print("No demo found: run `make demo` in another terminal first.", file=sys.stderr)
        return 2
    return measure(options, load(STATE / "turtle.toml", {}))


if __name__ == "__main__":
    sys.exit(main())
