"""The YAML files a site may keep instead of hooks: limits of storage, members of cloud projects, notices."""

from __future__ import annotations

import re
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from core.errors import SettingsError
from core.notices import checked_notice, told

UNITS = {"": 1, "b": 1} | {
    f"{letter.lower()}{kind}": base**power
    for kind, base in (("ib", 1024), ("b", 1000))
    for power, letter in enumerate("KMGTPE", 1)
}
_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
_kept: dict[Path, tuple[tuple[int, int], Any]] = {}
_lock = threading.Lock()
LARGEST = 16 * 1024**2  # bytes: a file of that size takes minutes to read
# what the YAML library lets through for values that cannot be, such as the 30th of February, and for brackets in brackets without end
_ODD = (ValueError, KeyError, AttributeError, TypeError, RecursionError)


def read_yaml(path: Path) -> dict[str, Any]:
    """The table a YAML file holds, read again when the file has changed, by one at a time; raises SettingsError that names file and line."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST:
            raise SettingsError(f"{path}: not a file of at most {LARGEST // 1024**2} MiB")
        version = (state.st_mtime_ns, state.st_size)
        with _lock:
            if path not in _kept or _kept[path][0] != version:
                _kept[path] = (version, _loaded(path))
            return _kept[path][1]
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise SettingsError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', None) or 'cannot be read'}") from None
    except _ODD as error:
        raise SettingsError(f"{path}: a value cannot be read: {str(error)[:200]}") from None


def _loaded(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: a table is expected at the top")
    return found


def amount(value: object, where: str) -> float:
    """Bytes of 50 GiB, 1.5 TB, or a plain number; raises SettingsError that says where."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2].lower() not in UNITS:
        raise SettingsError(f"{where}: {told(value)} is no amount; allowed: such as 50 GiB, 1.5 TB or a number of bytes")
    return float(match[1]) * UNITS[match[2].lower()]


def allocations(path: Path, name: str, accounts: tuple[str, ...]) -> list[dict[str, Any]]:
    """What an allocations file gives a person: entries as the hook storage_allocations answers them. Raises SettingsError."""
    data = read_yaml(path)
    people, groups = _table(data, "people", path), _table(data, "groups", path)
    usual, own = (_entry(people, "default", path), _entry(people, name, path)) if name != "default" else ({}, {})
    both, found = {**usual, **own}, []
    for area, limit in both.items():
        # named where it stands in the file: there a mistake in it is to be mended
        found += _limits({area: limit}, name, both.get("id"), f"{path}: people.{name if area in own else 'default'}")
    for group in groups:
        entry = _entry(groups, group, path)
        members, theirs = _texts(entry, "members", path, group), _texts(entry, "accounts", path, group)
        if name in members or set(theirs) & set(accounts):
            more = {key: entry[key] for key in ("personal", "title") if key in entry}
            more |= {key: list(logins) for key, logins in (("accounts", theirs), ("members", members)) if logins}
            found += [one | more for one in _limits(entry, group, entry.get("id"), f"{path}: groups.{group}")]
    return found


def check_allocations(path: Path) -> int:
    """Reads every entry of an allocations file; returns how many people and groups it names. Raises SettingsError."""
    data = read_yaml(path)
    unknown = set(data) - {"people", "groups"}
    if unknown:
        raise SettingsError(f"{path}: unknown key {sorted(map(str, unknown))[0]}; allowed here: groups, people")
    people, groups = _table(data, "people", path), _table(data, "groups", path)
    for name in people:
        entry = _entry(people, name, path)
        _limits(entry, str(name), entry.get("id"), f"{path}: people.{name}")
    for group in groups:
        entry = _entry(groups, group, path)
        _texts(entry, "members", path, group)
        _texts(entry, "accounts", path, group)
        _limits(entry, group, entry.get("id"), f"{path}: groups.{group}")
    return len(people) + len(groups)


def _table(data: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = data.get(key) or {}
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: {key} must be a table")
    return found


def _entry(data: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = data.get(key) or {}
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: {key} must be a table")
    return found


def _texts(entry: Mapping[str, Any], key: str, path: Path, group: str) -> list[str]:
    found = entry.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise SettingsError(f"{path}: groups.{group}.{key} must be a list of texts")
    return found


def _limits(entry: Mapping[str, Any], name: str, number: object, where: str) -> list[dict[str, Any]]:
    """One entry for each area of a person or group: those whose value is a table with size or files."""
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise SettingsError(f"{where}.id must be a number")
    found = []
    for area, limit in entry.items():
        if not isinstance(limit, dict):
            continue
        one: dict[str, Any] = {"kind": area, "name": name}
        if "size" in limit:
            one["bytes"] = amount(limit["size"], f"{where}.{area}.size")
        if "files" in limit:
            one["files"] = amount(limit["files"], f"{where}.{area}.files")
        found.append(one | ({"id": number} if number is not None else {}))
    return found


def projects_of(path: Path, name: str) -> list[str]:
    """The cloud projects whose members a file of projects says this person is among. Raises SettingsError."""
    projects = _table(read_yaml(path), "projects", path)
    found = []
    for project, entry in projects.items():
        if not isinstance(project, str):
            # YAML reads 0123 as 83 and no as false: another project's name
            raise SettingsError(f"{path}: projects.{project}: a name that YAML takes for something else must be in quotes")
        members = entry.get("members") if isinstance(entry, dict) else None
        if members is not None and (not isinstance(members, list) or not all(isinstance(one, str) for one in members)):
            raise SettingsError(f"{path}: projects.{project}.members must be a list of logins")
        if name in (members or ()):
            found.append(project)
    return found


def check_projects(path: Path) -> int:
    """Reads every entry of a file of projects; returns how many there are. Raises SettingsError."""
    projects_of(path, "")
    return len(_table(read_yaml(path), "projects", path))


def notices_of(path: Path) -> list[Any]:
    """The list `notices` of a file. Raises SettingsError."""
    found = read_yaml(path).get("notices") or []
    if not isinstance(found, list):
        raise SettingsError(f"{path}: notices must be a list")
    return found


def check_notices(path: Path) -> int:
    """Reads every entry of a file of notices; returns how many there are. Raises SettingsError for one that would be left out."""
    unknown = set(read_yaml(path)) - {"notices"}
    if unknown:
        raise SettingsError(f"{path}: unknown key {sorted(map(str, unknown))[0]}; allowed here: notices")
    found = notices_of(path)
    for place, one in enumerate(found, 1):
        try:
            checked_notice(one)
        except (TypeError, ValueError, OverflowError) as error:
            raise SettingsError(f"{path}: notices, entry {place}: {error}") from None
    return len(found)
