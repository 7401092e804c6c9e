"""What the pages of one project and of one virtual machine read, as frames by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.cloud_findings import findings, unjudged
from components.records import Frames
from core import subjects
from core.errors import NoData, NotFound, TurtleError, Why
from core.subjects import InstanceSubject, Subject
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.cloud import machines, projects
from datasources.prometheus import cloud_batches
from datasources.prometheus.job_frames import part, with_units
from datasources.sources import Sources
from pages.cloud_cells import path_of

UNITS = {"cores": "cores", "memory": "bytes", "bandwidth": "bytes/s", "operations": "1/s", "network": "bytes/s"}
Query = Callable[[Sources, Viewer, Any, TimeRange], Frames]


def project_subject(params: Mapping[str, str]) -> Subject:
    """The project of an address."""
    return subjects.cloud_project(params["project"])


def instance_subject(params: Mapping[str, str]) -> InstanceSubject:
    """The project and the machine of an address."""
    return subjects.instance(params["project"], params["uuid"])


def place(subject: Subject) -> tuple[str, str]:
    """(project, uuid or "") of a subject."""
    return (subject.project, subject.uuid) if isinstance(subject, InstanceSubject) else (subject.id, "")


def tried(call: Callable[[], Any]) -> Any:
    """What the call answers, or the error that stands for it; what is not there or not the viewer's fails as a whole."""
    try:
        return call()
    except NotFound:
        raise
    except TurtleError as error:
        return error


def listed(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Any:
    """The project's machines, or the error that stands for them."""
    return tried(lambda: machines.instances(sources, viewer=viewer, project=place(subject)[0], when=when))


def summary(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`instances`: the project's machines. `quota`: what it was granted; each may be an error."""
    project = machines.known_project(sources, viewer=viewer, project=place(subject)[0])
    return {"instances": listed(sources, viewer, subject, when), "quota": tried(lambda: projects.granted(sources, viewer=viewer, project=project))}


def one(sources: Sources, viewer: Viewer, subject: InstanceSubject, when: TimeRange) -> Frames:
    """`instances`: the row of this machine alone; raises NotFound for a uuid that is not one of the project's machines."""
    row = tried(lambda: machines.instance(sources, viewer=viewer, project=subject.project, uuid=subject.uuid, when=when))
    return {"instances": row if isinstance(row, TurtleError) else pd.DataFrame([row]).astype(machines.COLUMNS)}


def judged(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`judged`: {"findings": [(row, finding)], "young": labels of machines not judged, "running": how many run}, or an error.

    Of an instance's page: of this machine alone.
    """
    project, uuid = place(subject)
    frame = one(sources, viewer, subject, when)["instances"] if uuid else listed(sources, viewer, subject, when)
    if isinstance(frame, TurtleError):
        return {"judged": frame}
    rows = [row for row in frame.to_dict("records") if row["running"] and (not uuid or row["uuid"] == uuid)]
    if not rows:
        return {"judged": {"findings": [], "young": [], "running": 0}}
    used = machines.judged(sources, viewer=viewer, project=project, when=when)
    if isinstance(used, TurtleError):
        return {"judged": used}
    found = findings(used, rows, sources.settings)
    young = set(unjudged(used, rows, sources.settings))
    pairs = [(row, finding) for row in rows for finding in found.get(row["uuid"], [])]
    pairs.sort(key=lambda pair: ("bad", "warn", "info").index(pair[1].severity))
    return {"judged": {"findings": pairs, "young": [row["label"] for row in rows if row["uuid"] in young], "running": len(rows)}}


def use_of(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange, batch: Any) -> Any:
    """A batch of cloud_batches for the subject, with levels what and one more: names of machines, or parts of the one machine."""
    project, uuid = place(subject)
    frame = tried(lambda: machines.use(sources, viewer=viewer, project=project, batches=(batch,), when=when, uuid=uuid)[batch.key])
    if isinstance(frame, TurtleError):
        return frame
    if uuid:
        level = frame.columns.names[-1]
        names = frame.columns.get_level_values(level) if level != "uuid" else [""] * frame.shape[1]
        return _renamed(frame, list(names), {})
    rows = listed(sources, viewer, subject, when)
    known = {} if isinstance(rows, TurtleError) else dict(zip(rows["uuid"], rows["label"], strict=True))
    names = [known.get(one, one[:8]) for one in frame.columns.get_level_values("uuid")]
    return _renamed(frame, names, {name: path_of(project, one) for one, name in zip(frame.columns.get_level_values("uuid"), names, strict=True)})


def _renamed(frame: pd.DataFrame, names: list[str], paths: dict[str, str]) -> pd.DataFrame:
    found = frame.copy(deep=False)
    what = [str(one) for one in frame.columns.get_level_values("what")]
    found.columns = pd.MultiIndex.from_arrays([what, [str(name) for name in names]], names=["what", "part"])
    found = found.iloc[:, sorted(range(len(names)), key=lambda at: (names[at].zfill(12) if names[at].isdigit() else names[at], at))]
    found.attrs = {**frame.attrs, "paths": paths}
    return found


def _some(frame: Any, what: tuple[str, ...]) -> Any:
    return frame if isinstance(frame, TurtleError) else part(frame, what=what)


def cpu(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`cores`: levels what (used, running), part: the project's machines, or the machine's virtual cores."""
    by = "vcpu" if place(subject)[1] else "uuid"
    return with_units({"cores": use_of(sources, viewer, subject, when, cloud_batches.cpu(sources.settings, by))}, UNITS)


def memory(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`memory`: bytes, levels what (used, running), part; an error where none of the machines tells what is used inside."""
    frame = use_of(sources, viewer, subject, when, cloud_batches.memory(sources.settings))
    if not isinstance(frame, TurtleError) and not part(frame, what="used").notna().any(axis=None):
        frame = NoData(Why.NOT_TOLD)
    return with_units({"memory": frame}, UNITS)


def disk(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`bandwidth` (bytes/s; read_bytes, write_bytes) and `operations` (1/s; reads, writes): levels what, part (machine or device)."""
    frame = use_of(sources, viewer, subject, when, cloud_batches.disk(sources.settings, "device" if place(subject)[1] else "uuid"))
    return with_units({"bandwidth": _some(frame, ("read_bytes", "write_bytes")), "operations": _some(frame, ("reads", "writes"))}, UNITS)


def network(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`network`: bytes/s, levels what (in, out), part (machine or interface)."""
    by = "interface" if place(subject)[1] else "uuid"
    return with_units({"network": use_of(sources, viewer, subject, when, cloud_batches.network(sources.settings, by))}, UNITS)


# column of the table → (batch, what): means over the range
MEANS = {
    "cpu": (cloud_batches.cpu, ("used",)), "memory_mean": (cloud_batches.memory, ("used",)), "disk_rate": (cloud_batches.disk, ("read_bytes", "write_bytes")),
    "network_rate": (cloud_batches.network, ("in", "out")),
}  # fmt: skip


def table(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`instances`: a row a machine with what it used on average over the range: cpu (cores), memory_mean (bytes), disk_rate, network_rate (bytes/s),
    cpu_share, memory_share (0..1 of what it has, NaN: not known). `judged`: see judged(). The batches are those of the charts below."""
    frame = listed(sources, viewer, subject, when)
    if isinstance(frame, TurtleError):
        return {"instances": frame}
    project = place(subject)[0]
    wanted = {column: (make(sources.settings), what) for column, (make, what) in MEANS.items()}
    batches = tuple(batch for batch, _what in wanted.values())
    found = tried(lambda: machines.use(sources, viewer=viewer, project=project, batches=batches, when=when))
    rows = frame.copy()
    for column, (batch, what) in wanted.items():
        means = {} if isinstance(found, TurtleError) else _means(found[batch.key], what)
        rows[column] = [means.get(uuid, np.nan) for uuid in rows["uuid"]]
    sizes = {} if isinstance(found, TurtleError) else {
        "cores": _means(found[wanted["cpu"][0].key], ("running",)), "memory": _means(found[wanted["memory_mean"][0].key], ("running",)),
    }  # fmt: skip
    for used, has in (("cpu", "cores"), ("memory_mean", "memory")):
        # a machine that stopped has no size now: the one it had
        size = rows[has].fillna(pd.Series([sizes.get(has, {}).get(uuid, np.nan) for uuid in rows["uuid"]], index=rows.index))
        rows[has] = size
        rows["cpu_share" if used == "cpu" else "memory_share"] = (rows[used] / size.where(size > 0)).astype("float64")
    rows.attrs = dict(frame.attrs)
    return {"instances": rows, **judged(sources, viewer, subject, when)}


def _means(frame: Any, what: tuple[str, ...]) -> dict[str, float]:
    """{uuid: mean over the known points, added up over `what`}."""
    if isinstance(frame, TurtleError):
        return {}
    found: dict[str, float] = {}
    for place_, column in enumerate(frame.columns):
        key = dict(zip(frame.columns.names, map(str, column), strict=True))
        values = frame.iloc[:, place_].to_numpy(dtype=float)
        if key["what"] in what and np.isfinite(values).any():
            found[key["uuid"]] = found.get(key["uuid"], 0.0) + float(np.nanmean(values))
    return found
