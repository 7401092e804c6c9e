"""File operations of a person: by kind in a short span, as recorded in a long one and where only that is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.timerange import TimeRange
from core.viewer import PORTAL
from datasources.prometheus import job_batches_user, run
from datasources.prometheus.batch import Target
from datasources.sources import Sources
from tests.prometheus.known_samples import START

HOUR = 3600
pytestmark = pytest.mark.services


def _samples() -> str:
    """Ten hours: 5 opens and 2 closes a second of alice's two jobs (raw in the last three hours only), recorded as 7 a second."""
    raw = {("open", 7): 3, ("open", 8): 2, ("close", 7): 2}
    lines = ["# TYPE lustre_job_stats counter"]
    for (operation, job), rate in raw.items():
        labels = f'component="mdt",target="fs1-MDT0000",fs="fs1",jobid="{job}",user="alice",operation="{operation}"'
        lines += [f"lustre_job_stats_total{{{labels}}} {rate * t} {START + t}" for t in range(7 * HOUR, 10 * HOUR + 1, 60)]
    lines.append("# TYPE lustre:metadata:rate3m_user gauge")
    lines += [f'lustre:metadata:rate3m_user{{user="alice",account="a",fs="fs1"}} 7 {START + t}' for t in range(0, 10 * HOUR + 1, 60)]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def address(prometheus_from: Callable[..., str]) -> str:
    return prometheus_from(_samples())


def _rates(sources: Sources, begin: int, end: int) -> dict[tuple[str, str], float]:
    when = TimeRange(start=START + begin, end=START + end, now=START + 10 * HOUR, points=200)
    batch = job_batches_user.lustre(sources.settings)
    frame = run.fetch(sources, (batch,), Target(users=("alice",)), when, viewer=PORTAL)[batch.key]
    return {column: pytest.approx(frame[column].dropna().iloc[-1]) for column in frame.columns}


@pytest.mark.parametrize(
    ("begin", "end", "wanted"),
    [
        (8 * HOUR, 10 * HOUR, {("fs1", "open"): 5.0, ("fs1", "close"): 2.0}),
        (3 * HOUR, 10 * HOUR, {("fs1", "operations"): 7.0}),
        (HOUR, 3 * HOUR, {("fs1", "operations"): 7.0}),
    ],
    ids=["by kind", "a long span", "raw samples are gone"],
)
def test_kinds_are_told_apart_in_a_short_span(address: str, sources_of: Callable[..., Sources], begin: int, end: int, wanted: dict) -> None:
    sources = sources_of(address, clock=lambda: START + 10.0 * HOUR)
    assert _rates(sources, begin, end) == wanted
