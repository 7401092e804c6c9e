"""`make bench`: measures the pages of a running demo and holds them to their budgets. JSON=1 prints one object a page on a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import diskcache
from sqlalchemy import make_url

from benchmarks.browser import Loaded, Visitor
from benchmarks.cases import Case, cases
from benchmarks.counters import STATE, Servers, demo_database
from core.settings_file import load

# heading → what of a page's row stands below it
SHOWN = {
    "requests": "prometheus_requests", "sections+tiles": "sections_and_tiles", "first": "first_screen_requests", "warm": "warm_requests",
    "statements": "sql_statements", "rows read": "rows_examined", "server ms": "server_ms", "bare ms": "bare_ms", "first ms": "first_screen_ms",
    "warm ms": "warm_ms", "figures": "figure_bytes", "largest": "largest_figure",
}  # fmt: skip
ROUNDS = 3
MAX_ROWS, MAX_PAGE, MAX_PANEL = 20_000, 700_000, 120_000


def _round(case: Case, visitor: Visitor, servers: Servers, kept: diskcache.Cache) -> tuple[dict[str, int], Loaded]:
    """One look at a page: its first screen, the whole page cold, and again warm; counts at the servers, times in ms."""
    found: dict[str, int] = {}
    for name, only_first in (("first_screen", True), ("cold", False), ("warm", False)):
        if name != "warm":
            kept.clear()
        before = servers.counts()
        loaded = visitor.open(case.path, only_first=only_first)
        counted = servers.counts().since(before)
        found |= {f"{name}_requests": counted.prometheus, f"{name}_ms": round(loaded.seconds * 1000)}
        if name == "cold":
            whole = loaded
            found |= {"sql_statements": counted.statements, "rows_examined": counted.rows}
    return found, whole


def measure(case: Case, url: str, servers: Servers, cache: Path, staff: str) -> dict[str, object]:
    """One page, the least of several rounds: the demo itself lives, and what it asks meanwhile is counted too."""
    visitor, watcher = Visitor(url, case.login), Visitor(url, staff)
    kept = diskcache.Cache(str(cache))
    visitor.open(case.path)  # finished jobs' facts are stored when first seen; what is measured is an ordinary visit
    rounds = [_round(case, visitor, servers, kept) for _turn in range(ROUNDS)]
    least = {key: min(found[key] for found, _loaded in rounds) for key in rounds[0][0]}
    cold = rounds[-1][1]
    kept.clear()
    listings = [watcher.queries(section, case.path + (f"?user={case.login}" if case.path == "/jobs" else "")) for section in cold.sections]
    bare = [servers.bare_seconds(listings) for _turn in range(ROUNDS)]
    kept.close()
    return {
        "page": case.name,
        "prometheus_requests": least["cold_requests"],
        "sections_and_tiles": len(cold.sections) + cold.tiles,
        "sql_statements": least["sql_statements"],
        "server_ms": least["cold_ms"],
        "bare_ms": round(min(seconds for _count, seconds in bare) * 1000),
        "rows_examined": least["rows_examined"],
        "bytes": cold.bytes,
        "first_screen_requests": least["first_screen_requests"],
        "first_screen_ms": least["first_screen_ms"],
        "warm_requests": least["warm_requests"],
        "warm_ms": least["warm_ms"],
        "bare_requests": bare[0][0],
        "figure_bytes": sum(cold.figures.values()),
        "largest_figure": max(cold.figures.values(), default=0),
        "failed": cold.failed,
    }


def over_budget(case: Case, row: dict) -> list[str]:
    """What of the counts is above its budget, as sentences; times are reported, and judged only against the same queries sent bare."""
    limits = {
        "prometheus_requests": row["sections_and_tiles"] + case.more if case.by_size else case.requests, "sql_statements": case.statements, "rows_examined": MAX_ROWS,
        "warm_requests": 0 if case.requests or case.by_size else None,
        "first_screen_requests": 4 if case.requests else None, "figure_bytes": MAX_PAGE, "largest_figure": MAX_PANEL,
    }  # fmt: skip
    if case.requests:
        limits["server_ms"] = round(1.5 * row["bare_ms"] + 100)
    found = [f"{case.name}: {key} {row[key]} > {limit}" for key, limit in limits.items() if limit is not None and row[key] > limit]
    return found + [f"{case.name}: {one}" for one in row["failed"]]


def main(port: int, as_json: bool, only: str = "") -> int:
    """Measure and print; exit status 1 if a count is over its budget."""
    if not (STATE / "turtle.toml").exists():
        print("No demo found: run `make demo` in another terminal first.", file=sys.stderr)
        return 2
    settings = load(STATE / "turtle.toml", {})
    database = demo_database(settings)
    urls = dict.fromkeys([settings.slurm.url, *(one.url for one in settings.robinhood.values())])
    servers = Servers(settings.prometheus.url, database, *dict.fromkeys(make_url(str(url)).username or "" for url in urls))
    staff = settings.sign_in.staff[0]
    url = f"http://127.0.0.1:{port}"
    problems: list[str] = []
    rows = []
    for case in (one for one in cases(settings, database, staff) if only in one.name):
        row = measure(case, url, servers, settings.server.cache_dir, staff)
        problems += over_budget(case, row)
        rows.append(row)
        if as_json:
            print(json.dumps(row), flush=True)
    if not as_json:
        print("page".ljust(14) + "".join(title.rjust(len(title) + 2) for title in SHOWN))
        for row in rows:
            print(str(row["page"]).ljust(14) + "".join(str(row[key]).rjust(len(title) + 2) for title, key in SHOWN.items()))
    print("\n".join(problems) or "all counts within their budgets", file=sys.stderr)
    return 1 if problems else 0

