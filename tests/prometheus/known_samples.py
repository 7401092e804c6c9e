"""The samples the tests of Prometheus know."""

from __future__ import annotations

from typing import Any

START = 1_794_996_000  # 2026-11-18 10:00:00 UTC, a multiple of 3600
NASTY = 'a"b\\c{d="e"},\n=~.*|\té😀$'


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def samples() -> str:
    """One hour of samples a minute, in OpenMetrics text; the values are formulas a reader can work out.

    cores: value = core + minute / 60, cores 0–11 on c0, c1, c2 (core modulo 3), job 5, cluster narval; the same in cluster
    other + 100. busy_total: a counter of 30 a second, reset at minute 30. gap: minutes 0–9 and 40–59. odd: NaN, +Inf, -Inf.
    """
    lines = ["# TYPE cores gauge"]
    for cluster, more in (("narval", 0), ("other", 100)):
        for core in range(12):
            labels = f'instance="c{core % 3}.cluster.ca:9100",core="{core}",slurmjobid="5",cluster="{cluster}"'
            lines += [f"cores{{{labels}}} {more + core + minute / 60} {START + 60 * minute}" for minute in range(61)]
    lines += ["# TYPE busy counter"]
    lines += [f'busy_total{{instance="c0"}} {1800 * (minute % 30)} {START + 60 * minute}' for minute in range(61)]
    lines += ["# TYPE gap gauge"]
    lines += [f"gap {minute} {START + 60 * minute}" for minute in (*range(10), *range(40, 60))]
    lines += ["# TYPE odd gauge"]
    for kind in ("NaN", "+Inf", "-Inf", "1e-7", "123456789012345678"):
        lines += [f'odd{{kind="{kind}"}} {kind} {START + 60 * minute}' for minute in range(61)]
    lines += ["# TYPE nasty gauge"]
    lines += [f'nasty{{path="{_escaped(NASTY)}"}} 7 {START + 60 * minute}' for minute in range(61)]
    lines += [f'nasty{{path="ab"}} 8 {START + 60 * minute}' for minute in range(61)]
    lines += ["# TYPE power gauge"]
    lines += [f'power{{instance="c1-oob"}} 250 {START + 60 * minute}' for minute in range(61)]
    return "\n".join(lines) + "\n# EOF\n"


class Counted:
    """A client of Prometheus that writes down each question it passes on."""

    def __init__(self, client: Any, sent: list[str]) -> None:
        self.client, self.sent = client, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def range(self, expr: str, *rest: Any, **more: Any) -> Any:
        """A range query."""
        self.sent.append(expr)
        return self.client.range(expr, *rest, **more)

    def instant(self, expr: str, *rest: Any, **more: Any) -> Any:
        """An instant query."""
        self.sent.append(expr)
        return self.client.instant(expr, *rest, **more)
