"""The files the demo's site keeps: storage allocations, members of cloud projects, messages to people, its own software."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import yaml

from demo.model import Plan
from demo.plan_storage import GIB, HOME, OWN_HOMES, SCRATCH, TIB, UNLIMITED, Quota, groups, quotas

HOUR, DAY = 3600, 86400
HEAD = "# Written by the demo at each start\n"
# the site's own stacks, and a program people build themselves
SOFTWARE = r"""
[stacks]
"Turtle 2023, AVX-512" = '^/cvmfs/soft\.turtle/easybuild/software/2023/x86-64-v4/'
"Turtle 2023, core" = '^/cvmfs/soft\.turtle/easybuild/software/2023/x86-64-v3/Core/'
"Turtle 2023, AVX2" = '^/cvmfs/soft\.turtle/easybuild/software/2023/x86-64-v3/'
"Turtle 2020" = '^/cvmfs/soft\.turtle/easybuild/software/2020/'
"Turtle, restricted" = '^/cvmfs/restricted\.turtle/'
"Turtle, Gentoo" = '^/cvmfs/soft\.turtle/gentoo/'

[programs.engineering]
"Turtle FEM" = { paths = '/fem/solver$' }
"""


def write_yaml(path: Path, data: dict[str, object]) -> Path:
    """Write a file of the site; returns its path."""
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    path.write_text(HEAD + text, encoding="utf-8")
    return path


def size_text(size: float) -> str:
    """Bytes as people write them: 10 TiB, 50 GiB."""
    return f"{size / TIB:g} TiB" if size >= TIB else f"{size / GIB:g} GiB"


def allocations(plan: Plan) -> dict[str, object]:
    """allocations.yaml: what everybody has, who has something else, and what each group has."""
    default = {
        "home": {"size": size_text(HOME[0]), "files": HOME[1]},
        "scratch": {"size": size_text(SCRATCH[0]), "files": SCRATCH[1]},
    }
    people: dict[str, object] = {"default": default}
    for person in plan.people:
        entry: dict[str, object] = {"id": person.uid}
        if person.name in OWN_HOMES:
            entry["home"] = {"size": size_text(OWN_HOMES[person.name]), "files": HOME[1]}
        entry |= {area: {} for area, name in UNLIMITED if name == person.name}
        people[person.name] = entry
    held: dict[str, list[Quota]] = {}
    for quota in quotas(plan):
        held.setdefault(quota.owner, []).append(quota)
    shared: dict[str, object] = {}
    for group in groups(plan):
        whose = {"members": list(group.members), "personal": True} if group.personal else {"accounts": list(group.accounts)}
        limits = {one.area: _limit(one) for one in held[group.name] if one.area in ("project", "nearline")}
        limits |= {one.area: {} for one in held[group.name] if one.area == "work"}  # GPFS knows its limits itself
        shared[group.name] = {"id": group.gid, **whose, **limits}
    return {"people": people, "groups": shared}


def _limit(quota: Quota) -> dict[str, object]:
    return {"size": size_text(quota.size)} | ({"files": round(quota.files)} if quota.files else {})


def projects(plan: Plan) -> dict[str, object]:
    """cloud.yaml: who is in which project of the cloud."""
    return {"projects": {name: {"members": list(members)} for name, members in plan.cloud_projects.items()}}


def messages(now: int) -> dict[str, object]:
    """notices.yaml: one that holds now, one that is over, one to come."""
    start = now // HOUR * HOUR + 3 * DAY
    upgrade = {
        "level": "warn",
        "text": {
            "en": f"Maintenance of c019–c022 on {_day(start)}, {_clock(start)}–{_clock(start + 8 * HOUR)} UTC:"
            " jobs that would still run then wait until it is over.",
            "fr": f"Maintenance de c019 à c022 le {_day(start)}, de {_clock(start)} à {_clock(start + 8 * HOUR)} UTC :"
            " les tâches qui dureraient jusque-là attendent la fin.",
        },
        "until": _moment(start + 8 * HOUR),
    }
    over = {
        "level": "bad",
        "text": {"en": "The scratch file system is slow.", "fr": "Le système de fichiers scratch est lent."},
        "from": _moment(now - 9 * DAY),
        "until": _moment(now - 8 * DAY),
    }
    coming = {
        "level": "info",
        "text": {"en": "A new course on GPUs begins tomorrow.", "fr": "Un nouveau cours sur les GPU commence demain."},
        "from": _moment(start + 14 * DAY),
        "until": _moment(start + 15 * DAY),
    }
    return {"notices": [upgrade, over, coming]}


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def _clock(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def write_site_files(folder: Path, plan: Plan) -> dict[str, Path]:
    """Write all four; returns their paths by name."""
    software = folder / "software.toml"
    software.write_text(HEAD + SOFTWARE, encoding="utf-8")
    return {
        "software": software,
        "allocations": write_yaml(folder / "allocations.yaml", allocations(plan)),
        "cloud": write_yaml(folder / "cloud.yaml", projects(plan)),
        "notices": write_yaml(folder / "notices.yaml", messages(plan.made_at)),
    }
