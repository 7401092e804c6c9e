"""Whether a posted callback has the parts its callback needs: what a forger sends must not reach code that trusts the browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def _is_property(value: object, keys: frozenset[str] | None) -> bool:
    """True for {"id": …, "property": text}; `keys`: those of an id that is a pattern, None for a plain id."""
    if not isinstance(value, dict) or not isinstance(value.get("property"), str):
        return False
    found = value.get("id")
    if keys is None:
        return isinstance(found, str)
    return isinstance(found, dict) and found.keys() == keys and all(isinstance(one, (str, int)) for one in found.values())


def _fits(value: object, declared: str) -> bool:
    """True if `value` is the property a declared id means, or the list of them where the id has a wildcard for many."""
    if not declared.startswith("{"):
        return _is_property(value, None)
    pattern = json.loads(declared)
    keys = frozenset(pattern)
    if ["ALL"] in pattern.values() or ["ALLSMALLER"] in pattern.values():
        return isinstance(value, list) and all(_is_property(one, keys) for one in value)
    return _is_property(value, keys)


def _all_fit(values: object, declared: list[str]) -> bool:
    return isinstance(values, list) and len(values) == len(declared) and all(map(_fits, values, declared))


def well_formed(body: Mapping[str, Any], output: str, callback: Mapping[str, Any]) -> bool:
    """True if outputs, inputs, state and what changed have the number and the form that the callback of `output` declares."""
    several = output.startswith("..")
    wanted = [one.rpartition(".")[0] for one in output.strip(".").split("...")] if several else [output.rpartition(".")[0]]
    outputs = body.get("outputs")
    changed = body.get("changedPropIds", [])
    return (
        _all_fit(outputs if several else [outputs], wanted)
        and all(_all_fit(body.get(kind, []), [str(one["id"]) for one in callback.get(kind, [])]) for kind in ("inputs", "state"))
        and isinstance(changed, list)
        and all(isinstance(one, str) for one in changed)
    )
