"""Counts taken at the servers: Prometheus' own metrics and MariaDB's statistics of the portal's accounts (of accounting and of Robinhood)."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests
from sqlalchemy import Engine, bindparam, create_engine, make_url, text

from core.settings import Settings

PROMETHEUS_AT_ONCE = 16
SUMS = "select coalesce(sum(select_commands), 0), coalesce(sum(rows_read), 0) from information_schema.user_statistics where user in :names"
ASKED = re.compile(r'^prometheus_http_requests_total\{code="\d+",handler="/api/v1/(?:query|query_range)"\} (\d+)', re.M)
SENT = re.compile(r"^(.+)\n#   (\d+) – (\d+) step (\d+) s", re.M)


@dataclass(frozen=True)
class Counts:
    """Since the servers started: requests with PromQL, statements and rows read by the portal's accounts."""

    prometheus: int
    statements: int
    rows: int

    def since(self, before: Counts) -> Counts:
        """What came on top of `before`."""
        return Counts(self.prometheus - before.prometheus, self.statements - before.statements, self.rows - before.rows)


STATE = Path(__file__).resolve().parents[1] / ".cache" / "demo"


def demo_database(settings: Settings) -> Engine:
    """The demo's accounting database as its owner, who may read the servers' statistics."""
    password = json.loads((STATE / "state.json").read_text())["password"]
    return create_engine(make_url(settings.slurm.url).set(username="demo_owner", password=password))


class Servers:
    """The demo's servers, seen from the side."""

    def __init__(self, prometheus: str, database: Engine, *accounts: str) -> None:
        self.prometheus, self.database, self.accounts = prometheus.rstrip("/"), database, accounts
        with database.begin() as connection:
            connection.execute(text("set global userstat = 1"))

    def counts(self) -> Counts:
        """The counts now. MariaDB adds a connection's counts when its statement ends, so a moment is waited for."""
        time.sleep(0.2)
        asked = sum(int(number) for number in ASKED.findall(requests.get(f"{self.prometheus}/metrics", timeout=10).text))
        with self.database.begin() as connection:
            row = connection.execute(
                text(SUMS).bindparams(bindparam("names", expanding=True)), {"names": self.accounts}
            ).first()
        return Counts(asked, int(row[0]) if row else 0, int(row[1]) if row else 0)

    def bare_seconds(self, listings: list[str]) -> tuple[int, float]:
        """(requests, seconds) for the PromQL of these listings, sent straight to Prometheus, as many at once as the portal may."""
        # sections of a page share answers through the cache; listed one by one, each names them again
        asks = list({(match[0], match[3]): match for listing in listings for match in SENT.findall(listing)}.values())

        def send(ask: tuple[str, str, str, str]) -> None:
            expr, start, end, step = ask
            if int(step):
                form = {"query": expr, "start": start, "end": end, "step": step}
                requests.post(f"{self.prometheus}/api/v1/query_range", data=form, timeout=30).raise_for_status()
            else:
                requests.post(f"{self.prometheus}/api/v1/query", data={"query": expr, "time": end}, timeout=30).raise_for_status()

        begin = time.perf_counter()
        with ThreadPoolExecutor(PROMETHEUS_AT_ONCE) as pool:
            list(pool.map(send, asks))
        return len(asks), time.perf_counter() - begin
