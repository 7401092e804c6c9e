"""What a page is about. A subject is parsed from the URL once, and checked before anything is read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import BadInput

MAX_JOB_ID = 2**32 - 1  # Slurm's job ids are 32 bits
MAX_JOBS_COMPARED = 60
_NAME = re.compile(r"[^\x00-\x1f/]{1,128}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """kind: cluster, user, job, jobs, account, node, cloud_project, instance. id: the exact name or the canonical text of the id(s)."""

    kind: str
    id: str


@dataclass(frozen=True, kw_only=True)
class JobSubject(Subject):
    """One job as it was asked for: 123, 8_7 (array task), 10+1 (het component). `submit` picks an older job with that id."""

    kind: str = "job"
    job: int
    task: int | None = None
    component: int | None = None
    submit: int | None = None


@dataclass(frozen=True, kw_only=True)
class JobsSubject(Subject):
    """Several jobs to compare, in the order they were asked for."""

    kind: str = "jobs"
    jobs: tuple[JobSubject, ...]


@dataclass(frozen=True, kw_only=True)
class InstanceSubject(Subject):
    """One virtual machine of a cloud project."""

    kind: str = "instance"
    project: str
    uuid: str


CLUSTER = Subject(kind="cluster", id="")


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 0 < int(text) <= MAX_JOB_ID:
        raise BadInput("job_id", text=text[:40])
    return int(text)


def parse_job(text: str, submit: str | None = None) -> JobSubject:
    """Read `123`, `8_7` or `10+1`; raises BadInput for everything else."""
    text = text.strip()
    match = re.fullmatch(r"([0-9]{1,10})(?:([_+])([0-9]{1,10}))?", text)
    if not match:
        raise BadInput("job_id", text=text[:40])
    job, mark = _number(match[1]), match[2]
    extra = int(match[3]) if match[3] else None
    at = int(submit) if submit and re.fullmatch(r"[0-9]{1,12}", submit) else None
    return JobSubject(
        id=f"{job}{mark or ''}{extra if extra is not None else ''}",
        job=job,
        task=extra if mark == "_" else None,
        component=extra if mark == "+" else None,
        submit=at,
    )


def parse_jobs(text: str) -> JobsSubject:
    """Read `100-105,107,8_7`; raises BadInput for no id, a bad one, a reversed range or more than 60 jobs."""
    jobs: list[JobSubject] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        if "-" in part:
            first, _, last = part.partition("-")
            low, high = _number(first.strip()), _number(last.strip())
            if high < low:
                raise BadInput("job_range", text=part[:40])
            if high - low >= MAX_JOBS_COMPARED:
                raise BadInput("too_many_jobs", limit=MAX_JOBS_COMPARED)
            jobs += [parse_job(str(number)) for number in range(low, high + 1)]
        else:
            jobs.append(parse_job(part))
    unique = tuple(dict.fromkeys(jobs))
    if not unique:
        raise BadInput("no_jobs")
    if len(unique) > MAX_JOBS_COMPARED:
        raise BadInput("too_many_jobs", limit=MAX_JOBS_COMPARED)
    return JobsSubject(id=",".join(job.id for job in unique), jobs=unique)


def user(name: str) -> Subject:
    """A person by login; raises BadInput for control characters, slashes or more than 128 characters."""
    if not _NAME.fullmatch(name):
        raise BadInput("name")
    return Subject(kind="user", id=name)


def account(name: str) -> Subject:
    """An account by its exact name in Slurm; raises BadInput for control characters, slashes or more than 128 characters."""
    if not _NAME.fullmatch(name):
        raise BadInput("name")
    return Subject(kind="account", id=name)


def node(name: str) -> Subject:
    """A node by its name in Slurm; raises BadInput for what cannot be one."""
    if not _NODE.fullmatch(name):
        raise BadInput("name")
    return Subject(kind="node", id=name)


def cloud_project(name: str) -> Subject:
    """A cloud project by its exact name; raises BadInput for control characters, slashes or more than 128 characters."""
    if not _NAME.fullmatch(name):
        raise BadInput("name")
    return Subject(kind="cloud_project", id=name)


def instance(project: str, uuid: str) -> InstanceSubject:
    """A virtual machine by its project's exact name and its uuid as OpenStack writes it; raises BadInput for what cannot be one."""
    if not _NAME.fullmatch(project) or not _UUID.fullmatch(uuid):
        raise BadInput("name")
    return InstanceSubject(id=f"{project}/{uuid}", project=project, uuid=uuid)
