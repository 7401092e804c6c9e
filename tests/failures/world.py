"""A portal over real servers that a test can break: the rows of a real slurmdbd moved to the present, and known samples."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from components.records import Page
from pages.registry import all_pages
from tests.access.asker import SECRET, Asker

DUMP = Path(__file__).resolve().parents[1] / "data" / "slurm" / "slurm2205_acct.sql.gz"
PASSWORD = "pw-of-the-reader-4711"
TOKEN = "token-of-the-metrics-4712"
PAGES = {page.key: page for page in all_pages()}
HOUR = 3600
LONG_AGO = 20 * 365 * 24 * HOUR  # before everything else in the dump, whenever the tests run
# Alice's jobs in the dump, moved to where each meets one reason: job id → (start, end) before now, in seconds
MEASURED, UNMEASURED, SHORT, OLD, PENDING = 1, 33, 24, 20, 40
MOVED = {
    MEASURED: (2 * HOUR, HOUR),
    UNMEASURED: (2 * HOUR, HOUR),
    SHORT: (HOUR, HOUR - 8),
    OLD: (LONG_AGO, LONG_AGO - HOUR),
}
KEPT_SECONDS = 3 * HOUR  # how far back the samples go


class Clock:
    """The portal's clock: stands still unless moved."""

    def __init__(self) -> None:
        self.start = self.now = int(time.time()) // 60 * 60

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: int) -> None:
        """Move on."""
        self.now += seconds


def moved(now: int) -> str:
    """SQL that moves alice's jobs and a running job of hers to the present."""
    found = []
    for job, (start, end) in MOVED.items():
        times = f"time_submit={now - start}, time_eligible={now - start}, time_start={now - start}, time_end={now - end}"
        found.append(f"update alpha_job_table set {times} where id_job={job}")
    found.append(f"update alpha_job_table set time_start={now - HOUR} where id_job=49")
    return "; ".join(found)


def samples(now: int) -> str:
    """Samples a minute over the last three hours and the next half: the cluster's gauges, and job 1 on c3.

    100 of 200 cores allocated, 50 idle. Job 1: four cores, each busy half of the time, while it ran; 1 GiB used, 2 GiB limit.
    """
    moments = range(now - KEPT_SECONDS, now + HOUR // 2, 60)
    lines = []
    gauges = {"alloc": 100, "idle": 50, "total": 200}
    for kind, value in gauges.items():
        lines += [f"# TYPE slurm_cpus_{kind} gauge", *(f"slurm_cpus_{kind} {value} {at}" for at in moments)]
    start, end = (now - seconds for seconds in MOVED[MEASURED])
    ran = [at for at in moments if start <= at < end]
    job = 'slurmjobid="1",instance="c3:9100",user="alice",account="rrg-pi1_cpu"'
    lines.append("# TYPE slurm_job_core_usage counter")
    for core in range(4):
        lines += [f'slurm_job_core_usage_total{{{job},core="{core}"}} {0.5e9 * (at - start)} {at}' for at in ran]
    for part, value in {"usage": 2**30, "max": 2**30, "rss": 2**30, "limit": 2**31, "cache": 0}.items():
        lines += [f"# TYPE slurm_job_memory_{part} gauge"]
        lines += [f"slurm_job_memory_{part}{{{job}}} {value} {at}" for at in ran]
    # somebody else's job, all the time: so the exporter is there
    other = 'slurmjobid="999",instance="c1:9100",user="bob",account="def-pi1_cpu"'
    lines += ["# TYPE slurm_job_threads_count gauge"]
    lines += [f'slurm_job_threads_count{{{other},state="running"}} 3 {at}' for at in moments]
    lines += ["# TYPE slurm_job_process_count gauge", *(f"slurm_job_process_count{{{other}}} 3 {at}" for at in moments)]
    return "\n".join(lines) + "\n# EOF\n"


def settings_of(folder: Path, database: str, prometheus: str, **more: Any) -> dict:
    """The settings of a portal with short deadlines."""
    found: dict = {
        "site": {"cluster": "alpha", "title": "Alpha"},
        "server": {"cache_dir": str(folder / "cache"), "secret_key": "k" * 40, "secure_cookie": False},
        "sign_in": {"method": "header", "secret": SECRET, "trusted_peers": ["127.0.0.1"], "staff": ["ada"]},
        "slurm": {"url": database, "password": PASSWORD, "timeout_seconds": 1.0} if database else {},
        "prometheus": {"url": prometheus, "bearer_token": TOKEN, "timeout_seconds": 1.0} if prometheus else {},
        "portal": {"url": f"sqlite:///{folder / 'portal.sqlite'}"},
    }
    for key, value in more.items():
        found[key] = found.get(key, {}) | value if isinstance(value, dict) else value
    return found


def forget(sources: Any) -> None:
    """Drop every remembered answer, so that the next question goes to the servers."""
    sources.cache.clear()
    if sources.prometheus is not None:
        sources.prometheus._kept.clear()
    if sources.slurm is not None:
        sources.slurm.forget()
        sources.slurm._silent_until = 0.0
    with sources.portal.transaction() as connection:
        # finished days too: which day is finished depends on when the tests run
        for table in ("job_facts", "scheduling_counts", "scheduling_days"):
            connection.execute(text(f"delete from {table}"))


def section_of(page: str, section: str) -> tuple[Page, Any]:
    """A section by its keys."""
    found = PAGES[page]
    return found, next(one for one in found.sections if one.key == section)


def ask(person: Asker, place: str, path: str) -> Any:
    """The answer of a section such as "job:cpu"."""
    return person.section(*section_of(*place.split(":")), path)


def texts(node: Any) -> str:
    """What a person reads in a layout, in one line."""
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return " ".join(found for one in node if (found := texts(one).strip()))
    if isinstance(node, dict) and isinstance(node.get("props"), dict):
        return texts(node["props"].get("children"))
    return ""


def page_text(answer: Any) -> str:
    """What a page says."""
    assert answer.status_code == 200, answer.get_data(as_text=True)[:300]
    return texts(answer.get_json()["response"]["_pages_content"]["children"])


def said(answer: Any) -> dict[str, str]:
    """Panel or block → what a section says there; "chart" where it drew one."""
    assert answer.status_code == 200, answer.get_data(as_text=True)[:300]
    found: dict[str, str] = {}
    for name, value in answer.get_json()["response"].items():
        part = orjson.loads(name)
        key = str(part.get("panel") or part.get("block"))
        if part["type"] == "figure" and value["data"] is not None:
            found[key] = "chart"
        elif part["type"] in ("message", "block") and (words := texts(value["children"])):
            found[key] = words
    return found


def note_of(answer: Any) -> str:
    """The note on the time range of a section's answer."""
    return next(value["data"]["note"] for name, value in answer.get_json()["response"].items() if '"done"' in name)


# what of the machinery no reader may meet: stack traces, SQL, PromQL, names of metrics, rules and tables, addresses, secrets
LEAKS = re.compile(
    r"Traceback|File \\?\"/|\bSELECT |select \S+ from |\b(?:alpha_\w+|qos|tres|user|acct)_table\b|slurm_(?:job|cpus|gpus|queue)[_:]\w+|rate\(|label_replace|"
    r"pymysql|OperationalError|sqlalchemy|urllib3|ConnectionPool|127\.0\.0\.1|" + re.escape(PASSWORD) + "|" + re.escape(TOKEN)
)


def leaks(answer: Any) -> list[str]:
    """What of the machinery an answer shows."""
    return LEAKS.findall(answer.get_data(as_text=True))

