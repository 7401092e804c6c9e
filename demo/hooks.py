"""The demo site's hooks file: full names, storage allocations and cloud projects, written beside turtle.toml."""

from __future__ import annotations

import json
from pathlib import Path

from demo.model import Plan
from demo.series_cluster import quota_owners

TB, GB = 10**12, 10**9
PROJECT_SIZES = (2, 5, 10, 20, 40, 80, 160)  # TB a project may be given
HOOKS = '''"""The demo's hooks: what a site would ask its directory."""

import json
from pathlib import Path

_KNOWN = json.loads(Path(__file__).with_name("people.json").read_text(encoding="utf-8"))


def person(name):
    return _KNOWN["names"].get(name, "")


def storage_allocations(name):
    return _KNOWN["storage"].get(name, [])


def cloud_projects(name):
    return [project for project, members in _KNOWN["cloud"].items() if name in members]
'''


def write_hooks(folder: Path, plan: Plan) -> Path:
    """Write hooks.py and the people.json it reads; returns its path."""
    known = {
        "names": {person.name: person.full_name for person in plan.people},
        "storage": storage(plan),
        "cloud": {project: list(members) for project, members in plan.cloud_projects.items()},
    }
    (folder / "people.json").write_text(json.dumps(known, ensure_ascii=False, indent=1), encoding="utf-8")
    path = folder / "hooks.py"
    path.write_text(HOOKS, encoding="utf-8")
    return path


def storage(plan: Plan) -> dict[str, list[dict[str, object]]]:
    """What each person was given: 50 GB at home, 20 TB of scratch, and the projects of their accounts.

    A project gets the smallest size above nine tenths of what it holds, so some are over it and some near.
    """
    held = {(kind, who): kilobytes for _path, kind, who, kilobytes in quota_owners(plan)}
    found: dict[str, list[dict[str, object]]] = {}
    for person in plan.people:
        rows: list[dict[str, object]] = [
            {"name": person.name, "kind": "home", "bytes": 50 * GB, "files": 250_000},
            {"name": person.name, "kind": "scratch", "bytes": 20 * TB, "files": 10_000_000},
        ]
        for account in person.accounts:
            used = held.get(("project", account), 0.0) * 1024 / TB
            size = next((size for size in PROJECT_SIZES if size > 0.9 * used), PROJECT_SIZES[-1])
            rows.append({"name": account, "kind": "project", "bytes": size * TB, "files": size * 1_500_000})
        found[person.name] = rows
    return found
