"""Projects of the cloud as wholes: what each was granted, what runs, what was used; for staff all of them, else one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.errors import NoData, TurtleError, Why
from core.hooks import projects_told
from core.timerange import TimeRange
from core.units import DAY, HOUR
from core.viewer import Viewer, only_project, only_staff
from datasources.cloud.machines import known_project
from datasources.prometheus import cloud_project_batches as batches
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.sources import Sources

COLUMNS = (
    "cores_quota", "cores_running", "cores_used", "memory_quota", "memory_running", "memory_used", "gpus_running", "block_quota", "block_running",
    "block_used", "object_quota", "object_used", "shared_quota", "shared_used", "instances_quota", "instances",
)  # fmt: skip
# column → what of cloud_project_batches.quota and running
GRANTED = {"cores_quota": "cores", "memory_quota": "memory", "block_quota": "block", "object_quota": "object", "shared_quota": "shared",
           "shared_used": "shared_used", "instances_quota": "instances"}  # fmt: skip
RUNNING = {"cores_running": "cores", "memory_running": "memory", "block_running": "block", "instances": "instances"}
NO_LIMIT = np.inf
LEAST_POINTS, MOST_POINTS = 48, 120  # of a chart of all projects
DAYS_READ, LEAST_DAYS = 6_000, 1  # machines times days of the table of all projects: a month of 193 machines, two days of 3 000
MOST_READ = 150_000  # machines times points of such a chart: 50 points of 3 000 machines


def _now(sources: Sources) -> TimeRange:
    now = int(sources.clock())
    return TimeRange(start=now - HOUR, end=now, now=now)


def _ask(sources: Sources, viewer: Viewer, wanted: tuple[Batch, ...], target: Target, when: TimeRange) -> dict[str, Any]:
    """Frames by batch key; an error in place of one without series over time, and of an empty one of now whose exporter tells of nothing at all.

    Why there is nothing is asked only where there is nothing.
    """
    found = fetch(sources, wanted, target, when, viewer=viewer)
    for batch in wanted:
        frame = found[batch.key]
        if isinstance(frame, pd.DataFrame) and frame.empty:
            why = reason_for_empty(sources, batch, target, when, None)
            if why is Why.METRIC_ABSENT or not batch.instant:
                found[batch.key] = NoData(why, batch.exporter)
    return found


def _by_project(frame: Any, what: str = "") -> dict[str, float]:
    """{project: number} of a tidy frame, added up over the other levels; {} for an error."""
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        return {}
    rows = frame[frame["what"] == what] if what else frame
    found: dict[str, float] = {}
    for name, value in zip(rows["project_name"], rows["value"], strict=True):
        found[str(name)] = found.get(str(name), 0.0) + float(value)
    return found


def gpus(frame: Any, sources: Sources) -> dict[str, float]:
    """GPUs that run in each project: its machines by flavour times what the settings say of the flavour; {} where they list none with GPUs."""
    flavours = sources.settings.cloud.flavours
    if not isinstance(frame, pd.DataFrame) or frame.empty or not any(one.gpus for one in flavours.values()):
        return {}
    found: dict[str, float] = {}
    for row in frame[frame["what"] == "flavour"].to_dict("records"):
        count = flavours[row["instance_type"]].gpus if row["instance_type"] in flavours else 0
        found[row["project_name"]] = found.get(row["project_name"], 0.0) + count * row["value"]
    return found


def _table(columns: dict[str, dict[str, float]], names: list[str]) -> pd.DataFrame:
    """A row a project; NaN where a source says nothing of it, NO_LIMIT for a quota of -1."""
    frame = pd.DataFrame({"project": pd.Series(names, dtype="object")})
    for column in COLUMNS:
        values = [columns.get(column, {}).get(name, np.nan) for name in names]
        if column.endswith("_quota"):
            values = [NO_LIMIT if value < 0 else value for value in values]
        frame[column] = pd.Series(values, dtype="float64")
    return frame


def _troubles(found: dict[str, Any]) -> list[TurtleError]:
    return [one for one in found.values() if isinstance(one, TurtleError)]


def _missing(found: dict[str, Any]) -> dict[str, TurtleError]:
    """What failed while something else was read; nothing where all failed: then there is no rest it would be missing beside."""
    errors = {name: one for name, one in found.items() if isinstance(one, TurtleError)}
    return errors if len(errors) < len(found) else {}


def own(sources: Sources, *, viewer: Viewer) -> pd.DataFrame:
    """The viewer's own projects, by name: project and COLUMNS, all of now (cores, GPUs, bytes); NaN where nothing is known, inf for no limit.

    A project without machines has gaps (NaN) where machines count. attrs troubles: errors of sources;
    missing: the same by what they are of (quota, running), where the other was read.
    """
    names = sorted(viewer.cloud_projects)
    if viewer.name is not None and not names and not projects_told(sources.hooks, viewer.name):
        raise NoData(Why.MEMBERS_UNKNOWN)
    if viewer.name is None or not names:
        return _table({}, [])
    # staff are shown all projects below: what is asked for those answers this as well
    granted, ran = batches.quota(sources.settings, month=viewer.is_staff), batches.running(sources.settings)
    target = Target() if viewer.is_staff else Target(projects=tuple(names))
    found = _ask(sources, viewer, (granted, ran), target, _now(sources))
    columns = _columns(found[granted.key], found[ran.key], sources)
    columns |= {"cores_used": _by_project(found[ran.key], "cores_used"), "memory_used": _by_project(found[ran.key], "memory_used")}
    columns["object_used"] = _by_project(found[granted.key], "object_used")
    frame = _table(columns, names)
    frame.attrs |= {"troubles": _troubles(found), "missing": _missing({"quota": found[granted.key], "running": found[ran.key]})}
    return frame


def _columns(granted: Any, ran: Any, sources: Sources) -> dict[str, dict[str, float]]:
    found = {column: _by_project(granted, what) for column, what in GRANTED.items()}
    return found | {column: _by_project(ran, what) for column, what in RUNNING.items()} | {"gpus_running": gpus(ran, sources)}


def everything(sources: Sources, *, viewer: Viewer) -> pd.DataFrame:
    """All projects, by name, for staff: project and COLUMNS; quota and running are of now, used is the mean of the last month.

    A project that a source does not know has a gap there (NaN). attrs: days (how far the mean goes back), short (as too many machines run for a
    month of them to be read), troubles (errors of sources), missing (the same by quota, running, month, unless all failed).
    Raises NotAllowed for others.
    """
    only_staff(viewer, "cloud projects")
    settings, now = sources.settings, _now(sources)
    wanted = (batches.quota(settings, month=True), batches.running(settings))
    found = _ask(sources, viewer, wanted, Target(), now)
    granted, ran = (found[batch.key] for batch in wanted)
    days = days_read(ran, sources)
    last = batches.month(settings, days)
    month = _ask(sources, viewer, (last,), Target(), now)[last.key]
    moments = _by_project(month, "moments").get("", 0.0)
    columns = _columns(granted, ran, sources)
    for what in ("cores", "memory", "block"):
        # at a moment without machines of a project it used nothing
        columns[f"{what}_used"] = {name: value / moments for name, value in _by_project(month, what).items()} if moments else {}
    columns["object_used"] = _by_project(granted, "object_month")
    names = sorted({name for column in columns.values() for name in column} - {""})
    frame = _table(columns, names)
    told = moments * batches.moment(settings, days) / DAY
    frame.attrs |= {"days": told, "short": days < batches.MONTH_DAYS}
    parts = {"quota": granted, "running": ran, "month": month}
    frame.attrs |= {"troubles": _troubles(parts), "missing": _missing(parts)}
    return frame


def days_read(frame: Any, sources: Sources) -> int:
    """How many days of machines the table of all projects reads, by how many machines run now: a month from recording rules and of few machines."""
    if sources.settings.cloud.recording_rules:
        return batches.MONTH_DAYS
    if isinstance(frame, TurtleError):
        return LEAST_DAYS
    machines = sum(_by_project(frame, "instances").values())
    return int(min(batches.MONTH_DAYS, max(LEAST_DAYS, DAYS_READ // max(machines, 1.0))))


def total(frame: pd.DataFrame) -> dict[str, Any]:
    """The sum of each column of everything(): what is known; NaN where nothing is, inf where one project has no limit."""
    return {column: float(frame[column].sum(min_count=1)) for column in COLUMNS}


def over_time(sources: Sources, *, viewer: Viewer, when: TimeRange) -> dict[str, Any]:
    """What all projects use over the range: {"cores": …, "memory": … (bytes)}, each a wide frame, levels what and project, or an error; for staff.

    `what`: used (by project), running (all of them, project ""; for cores machines by flavour times what one of it has, see sizes()).
    """
    only_staff(viewer, "cloud projects")
    settings = sources.settings
    running, cores, memory = batches.running(settings), batches.cores(settings), batches.memory(settings)
    # the table of all projects asks the same
    now = _ask(sources, viewer, (running,), Target(), _now(sources))[running.key]
    when = replace(when, points=min(when.points, MOST_POINTS if settings.cloud.recording_rules else points(now)))
    found = _ask(sources, viewer, (cores, memory), Target(), when)
    return {"cores": _with_cores(found[cores.key], sizes(now, sources)), "memory": _with_levels(found[memory.key], "running")}


def points(frame: Any) -> int:
    """How many points a chart of all projects has, by how many machines run now: each point is read from all of them."""
    if isinstance(frame, TurtleError):
        return LEAST_POINTS
    machines = sum(_by_project(frame, "instances").values())
    return int(min(MOST_POINTS, max(LEAST_POINTS, MOST_READ // max(machines, 1.0))))


def sizes(frame: Any, sources: Sources) -> dict[str, float]:
    """{flavour: virtual cores of one machine}: as its machines have now, else as the settings say. OpenStack never changes those of a flavour."""
    known = {name: float(one.cores) for name, one in sources.settings.cloud.flavours.items()}
    if isinstance(frame, TurtleError) or frame.empty:
        return known
    counts = frame.groupby(["what", "instance_type"])["value"].sum()
    cores, machines = (counts.get(what, pd.Series(dtype=float)) for what in ("cores", "flavour"))
    return known | (cores / machines).dropna().to_dict()


def _with_levels(frame: Any, *more: str) -> Any:
    """The columns used, and those of `more`, with levels what and project."""
    if isinstance(frame, TurtleError):
        return frame
    found = frame.loc[:, frame.columns.get_level_values("what").isin(("used", *more))]
    found.columns = pd.MultiIndex.from_arrays([found.columns.get_level_values(level) for level in ("what", "project_name")], names=["what", "project"])
    found.attrs = dict(frame.attrs)
    return found


def _with_cores(frame: Any, sizes: dict[str, float]) -> Any:
    """With the virtual cores that run; at a moment with a machine of a flavour nobody knows, and at one without any machine, there is a gap."""
    found = _with_levels(frame, "running")
    if isinstance(found, TurtleError) or "running" in found.columns.get_level_values("what"):
        return found
    counts = frame.loc[:, frame.columns.get_level_values("what") == "machines"]
    cores = counts * [sizes.get(str(name), np.nan) for name in counts.columns.get_level_values("instance_type")]
    running = cores.fillna(0.0).sum(axis=1).where(counts.notna().any(axis=1) & (cores.notna() | counts.isna()).all(axis=1))
    if running.notna().any():
        found[("running", "")] = running
    return found


def physical(sources: Sources, *, viewer: Viewer) -> dict[str, float] | TurtleError:
    """What the hypervisors have: {"known": hosts that run machines, "hosts": those node_exporter knows, "cores", "memory" (bytes)}; for staff."""
    only_staff(viewer, "hypervisors")
    batch, sizes = batches.hypervisors(sources.settings), batches.physical(sources.settings)
    frame = _ask(sources, viewer, (batch,), Target(), _now(sources))[batch.key]
    if isinstance(frame, TurtleError):
        return frame
    names = tuple(sorted(set(frame.iloc[:, 0]) - {""}))
    if not names:
        return NoData(Why.NO_DATA, batch.exporter)
    found = _ask(sources, viewer, (sizes,), Target(hosts=names), _now(sources))[sizes.key]
    measured = {} if isinstance(found, TurtleError) else dict(zip(found["what"], found["value"], strict=True))
    return {"known": float(len(names)), **{what: float(value) for what, value in measured.items()}}


def granted(sources: Sources, *, viewer: Viewer, project: str) -> dict[str, float] | TurtleError:
    """One project's quota now: {what of cloud_project_batches.quota: number}, inf for no limit, nothing where OpenStack does not say."""
    only_project(viewer, project)
    name = known_project(sources, viewer=viewer, project=project)
    batch = batches.quota(sources.settings)
    frame = _ask(sources, viewer, (batch,), Target(projects=(name,)), _now(sources))[batch.key]
    if isinstance(frame, TurtleError):
        return frame
    limits = {str(what): float(value) for what, value in zip(frame["what"], frame["value"], strict=True)}
    return {what: NO_LIMIT if value < 0 else value for what, value in limits.items()}
