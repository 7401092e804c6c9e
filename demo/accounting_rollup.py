"""The usage tables slurmdbd rolls up at each full hour, day and month: what sreport reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from demo.accounting_static import GPU, GRES_ID, MIB, Table, associations, compute_nodes, tres_of
from demo.model import NodeEvent, Plan, PlannedRun

HOUR, DAY = 3600, 86400
ASSOC = ("creation_time", "mod_time", "deleted", "id", "id_tres", "time_start", "alloc_secs")
CLUSTER = ("creation_time", "mod_time", "deleted", "id_tres", "time_start", "count", "alloc_secs", "down_secs", "idle_secs")
Sums = dict[tuple[int, int, int], int]  # (association, TRES, begin of the hour) → seconds times amount


def rolled_up(plan: Plan, since: int, upto: int) -> list[Table]:
    """Rows of the hours, days and months that ended in (since, upto]; a day and a month are written when they are over."""
    first, last = max(plan.begin, since) // HOUR * HOUR, upto // HOUR * HOUR
    if last <= first:
        return []
    spans = {"hour": (first, last), "day": (first // DAY * DAY, last // DAY * DAY), "month": (_month(first), _month(last))}
    over = {name: span for name, span in spans.items() if span[0] < span[1]}
    begin = min(low for low, _high in over.values())
    hours, down = _hours(plan, begin, last), _down(plan, begin, last)
    tables = [table for name, (low, high) in over.items() for table in _tables(plan, name, hours, down, low, high)]
    return [table for table in tables if table.rows]


def _month(moment: int) -> int:
    there = datetime.fromtimestamp(moment, UTC)
    return int(datetime(there.year, there.month, 1, tzinfo=UTC).timestamp())


def _period(name: str, hour: int) -> int:
    return {"hour": hour, "day": hour // DAY * DAY}.get(name) if name != "month" else _month(hour)


def _amounts(run: PlannedRun) -> dict[int, int]:
    found = {1: run.cores, 2: run.memory // MIB, 4: run.nodes, 5: run.cores}
    return found | ({GPU: run.gpus, GRES_ID[run.gres]: run.gpus} if run.gpus else {})


def _held(run: PlannedRun, upto: int) -> Iterator[tuple[int, int]]:
    """The spells a run held its resources: not while it was suspended."""
    begin, end = run.start, min(run.end if run.end is not None else upto, upto)
    for pause, resume in run.suspensions:
        if begin < min(pause, end):
            yield begin, min(pause, end)
        begin = max(begin, resume)
    if begin < end:
        yield begin, end


def _pieces(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """(begin of the hour, seconds in it)."""
    hour = begin // HOUR * HOUR
    while hour < end:
        yield hour, min(end, hour + HOUR) - max(begin, hour)
        hour += HOUR


def _hours(plan: Plan, begin: int, end: int) -> Sums:
    ids, sums = associations(plan), defaultdict(int)
    for run in plan.runs:
        if run.start is None or run.start >= end or (run.end is not None and run.end <= begin):
            continue
        assoc, amounts = ids[run.account, run.person], _amounts(run)
        for low, high in _held(run, end):
            for hour, seconds in _pieces(max(low, begin), high):
                for tres, amount in amounts.items():
                    sums[assoc, tres, hour] += amount * seconds
    return sums


def _down(plan: Plan, begin: int, end: int) -> Sums:
    """Seconds that nodes out of service took from each TRES, by hour (association 0)."""
    nodes, sums = {node.name: node for node in compute_nodes(plan)}, defaultdict(int)

    def spell(event: NodeEvent) -> tuple[int, int]:
        return max(event.start, begin), min(event.end if event.end is not None else end, end)

    for event in plan.events:
        low, high = spell(event)
        if low < high:
            for tres, amount in _counts(tres_of([nodes[event.node]])).items():
                for hour, seconds in _pieces(low, high):
                    sums[0, tres, hour] += amount * seconds
    return sums


def _counts(text: str) -> dict[int, int]:
    return {int(number): int(amount) for number, _, amount in (part.partition("=") for part in text.split(","))}


def _tables(plan: Plan, name: str, hours: Sums, down: Sums, begin: int, end: int) -> list[Table]:
    by_assoc, by_tres, lost = defaultdict(int), defaultdict(int), defaultdict(int)
    for (assoc, tres, hour), seconds in hours.items():
        if begin <= hour < end:
            by_assoc[assoc, tres, _period(name, hour)] += seconds
            by_tres[tres, _period(name, hour)] += seconds
    for (_none, tres, hour), seconds in down.items():
        if begin <= hour < end:
            lost[tres, _period(name, hour)] += seconds
    whole = _counts(tres_of(compute_nodes(plan), whole_cluster=True))
    periods = sorted({_period(name, hour) for hour in range(begin, end, HOUR)})
    following = dict(zip(periods, [*periods[1:], end], strict=True))
    rows = []
    for tres in sorted({tres for tres, _period_ in by_tres} | {1, 2, GPU}):
        for period in periods:
            used, gone, count = by_tres[tres, period], lost[tres, period], whole.get(tres, 0)
            idle = max(count * (following[period] - max(period, begin)) - used - gone, 0)
            rows.append((end, end, 0, tres, period, count, used, gone, idle))
    members = [(end, end, 0, *key, seconds) for key, seconds in sorted(by_assoc.items())]
    return [Table(f"{plan.cluster}_assoc_usage_{name}_table", ASSOC, members), Table(f"{plan.cluster}_usage_{name}_table", CLUSTER, rows)]
