"""Whether a posted callback is the one its output names: what a forger sends must not reach code that trusts the browser.

Code that keeps answers finds the question in one part of the body, Dash in another; a body whose parts disagree would put the answer to
one question in the place of another's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MANY = (["ALL"], ["ALLSMALLER"])


def _same(value: object, told: object) -> bool:
    """True if one key's value of an id fits what is declared of it: a wildcard, or exactly this."""
    return isinstance(value, (str, int)) and not isinstance(value, bool) and (isinstance(told, list) or value == told)


def _is_property(value: object, pattern: Any, name: str) -> bool:
    """True for {"id": …, "property": `name`}; `pattern`: the declared id, a dict for one with wildcards, else a text."""
    if not isinstance(value, dict) or value.get("property") != name:
        return False
    found = value.get("id")
    if not isinstance(pattern, dict):
        return found == pattern
    return isinstance(found, dict) and found.keys() == pattern.keys() and all(_same(found[key], told) for key, told in pattern.items())


def _fits(value: object, declared: tuple[str, str]) -> bool:
    """True if `value` is the property a declared id means, or the list of them where the id has a wildcard for many."""
    pattern, name = _pattern(declared[0]), declared[1]
    if isinstance(pattern, dict) and any(told in MANY for told in pattern.values()):
        return isinstance(value, list) and all(_is_property(one, pattern, name) for one in value)
    return _is_property(value, pattern, name)


def _pattern(declared: str) -> Any:
    return json.loads(declared) if declared.startswith("{") else declared


def _all_fit(values: object, declared: list[tuple[str, str]]) -> bool:
    return isinstance(values, list) and len(values) == len(declared) and all(map(_fits, values, declared))


def _matched(values: list[Any], declared: list[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    """(key, value) of each wildcard that must be the same in the whole callback."""
    for value, (text, _name) in zip(values, declared, strict=True):
        pattern = _pattern(text)
        keys = [key for key, told in pattern.items() if told == ["MATCH"]] if isinstance(pattern, dict) else []
        for one in value if isinstance(value, list) else [value]:
            yield from ((key, one["id"][key]) for key in keys)


def well_formed(body: Mapping[str, Any], output: str, callback: Mapping[str, Any]) -> bool:
    """True if outputs, inputs and state are those that the callback of `output` declares, all of one section where it has sections."""
    several = output.startswith("..")
    wanted = [_parted(one) for one in (output.strip(".").split("...") if several else [output])]
    outputs = body.get("outputs")
    places = [(outputs if several else [outputs], wanted)]
    places += [(body.get(kind, []), [(str(one["id"]), str(one["property"])) for one in callback.get(kind, [])]) for kind in ("inputs", "state")]
    changed = body.get("changedPropIds", [])
    if not all(_all_fit(*place) for place in places) or not isinstance(changed, list) or not all(isinstance(one, str) for one in changed):
        return False
    matched = {pair for values, declared in places for pair in _matched(values, declared)}
    return len(matched) == len({key for key, _value in matched})


def _parted(output: str) -> tuple[str, str]:
    """(id, property) of one output's name."""
    name, _dot, found = output.rpartition(".")
    return name, found
