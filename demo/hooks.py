"""The demo site's hooks file: full names, written beside turtle.toml. What else a site knows stands in its YAML files."""

from __future__ import annotations

import json
from pathlib import Path

from demo.model import Plan

HOOKS = '''"""The demo's hooks: what a site would ask its directory."""

import json
from pathlib import Path

_NAMES = json.loads(Path(__file__).with_name("people.json").read_text(encoding="utf-8"))


def person(name):
    return _NAMES.get(name, "")
'''


def write_hooks(folder: Path, plan: Plan) -> Path:
    """Write hooks.py and the people.json it reads; returns its path."""
    names = {person.name: person.full_name for person in plan.people}
    (folder / "people.json").write_text(json.dumps(names, ensure_ascii=False, indent=1), encoding="utf-8")
    path = folder / "hooks.py"
    path.write_text(HOOKS, encoding="utf-8")
    return path
