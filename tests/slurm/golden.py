"""What Slurm's own sacct said of the dump, as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data" / "slurm"
UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def lines(name: str) -> list[dict[str, str]]:
    """The rows of a golden file by column name."""
    head, *rows = (DATA / f"slurm2205_acct.{name}.txt").read_text(encoding="utf-8").splitlines()
    return [dict(zip(head.split("|"), row.split("|"), strict=True)) for row in rows]


def jobs() -> list[dict[str, str]]:
    """Every job row once, from both golden files."""
    found = {}
    for row in [*lines("sacct-pending"), *lines("sacct")]:
        if "." not in row["JobIDRaw"]:
            found[row["JobIDRaw"], row["Submit"]] = row
    return list(found.values())


def steps() -> Iterator[dict[str, str]]:
    """Step rows, each with the `job` row above it."""
    job: dict[str, str] = {}
    for row in lines("sacct"):
        if "." in row["JobIDRaw"]:
            yield {**row, "job": job["JobIDRaw"], "job_submit": job["Submit"]}
        else:
            job = row


def moment(text: str) -> int | None:
    """UTC seconds of sacct's time; None for Unknown and None."""
    return None if text in ("Unknown", "None", "") else int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def amount(text: str) -> float | None:
    """Bytes of 2G, 124800M, 14.50K, 65545."""
    if not text:
        return None
    return float(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else float(text)


def seconds(text: str) -> float:
    """Seconds of 00:02.472, 00:00:04, 1-02:03:04."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total + 86400 * int(days or 0)


def tres(text: str) -> dict[str, int]:
    """{name: count}, memory in MB."""
    parts = (item.split("=", 1) for item in text.split(",") if item)
    return {name: round(amount(value) / UNITS["M"]) if name == "mem" else int(value) for name, value in parts}
