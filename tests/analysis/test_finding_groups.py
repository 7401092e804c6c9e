"""Findings of many runs by kind: counted, added up and put in order by hand."""

from __future__ import annotations

from analysis.finding_groups import grouped
from analysis.findings.records import Finding


def of(id: str, severity: str, **numbers: float | None) -> Finding:
    """A finding with these numbers."""
    return Finding(id=id, severity=severity, numbers=numbers)


def test_counts_hours_and_order() -> None:
    found = [
        (of("serial", "bad", wasted_core_hours=10.0), "9", True),
        (of("memory_over_asked", "warn", wasted_gib_hours=4000.0), "8", False),
        (of("serial", "bad", wasted_core_hours=30.5), "7", False),
        (of("gpu_idle", "bad", gpu_hours=5.0), "6", False),
        (of("requeue", "info"), "6", False),
        (of("conda", "bad"), "6", False),
        (of("conda", "bad"), "6", False),
        (of("serial", "bad", wasted_core_hours=None), "5", False),
    ]
    groups = grouped(found, 12)
    # 5 GPU-hours with 12 cores each are 60 core-hours, more than 40.5; memory is only a warning; what is good to know is left out
    assert [group.newest.id for group in groups] == ["gpu_idle", "serial", "conda", "memory_over_asked"]
    serial = groups[1]
    assert (serial.job, serial.jobs, serial.running, serial.lost) == ("9", 3, 1, {"core_hours": 40.5})
    assert groups[2].jobs == 1  # twice in one job
    assert groups[3].weight(12) == 1000.0


def test_nothing_found() -> None:
    assert grouped([], 12) == []
