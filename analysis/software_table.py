"""The table of programs: which executable is which scientific program, and by which stack of software it was installed.

The table is data (analysis/data/software.toml, and a site's own file before it). docs/software.md says how to write one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import SettingsError

SHIPPED = Path(__file__).parent / "data" / "software.toml"
# what a program is for; the ids of the tables in the file, their words are in components
FIELDS = (
    "dynamics", "chemistry", "materials", "life", "fluids", "climate", "physics", "engineering", "imaging", "learning", "maths",
    "languages", "data", "tools",
)  # fmt: skip
KEYS = ("files", "common", "paths")
_NAME = re.compile(r"[^\x00-\x1f\x7f<>]{1,60}")
_FILE = re.compile(r"[^\s/*]+\*?")
MIN_PREFIX = 3


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program: its name as people write it, and which of FIELDS it is for."""

    name: str
    field: str


@dataclass(frozen=True, kw_only=True)
class PathRule:
    """A pattern searched in the whole path; `literal` is a text without which it cannot match ("" if there is none)."""

    index: int
    regex: re.Pattern[str]
    literal: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """All rules, in the order in which they hold. Numbers are places in `programs` and `stacks`.

    `files`: base name → program, wherever it lies. `common`: the same for names that may be anybody's. `prefixes`: beginnings.
    """

    programs: tuple[Program, ...]
    files: Mapping[str, int]
    common: Mapping[str, int]
    prefixes: Mapping[str, int]
    paths: tuple[PathRule, ...]
    stacks: tuple[str, ...]
    places: tuple[PathRule, ...]
    version: str = ""  # changes when a rule does: what is kept of an older table is not used


@lru_cache(maxsize=16)
def load_table(file: Path | None = None) -> Table:
    """The portal's table, with a site's file before it or, if it says `replace = true`, in its place.

    Read once in a process. Raises SettingsError that names file and entry.
    """
    made = _Making()
    if file is not None:
        data = _read(file)
        made.add(data, f"overview.software_file = {file}")
        if data.get("replace") is True:
            return made.table()
    made.add(_read(SHIPPED), SHIPPED.name)
    return made.table()


def check_software(file: Path) -> int:
    """Reads a site's table; returns how many programs and stacks it names. Raises SettingsError."""
    load_table(file)
    data = _read(file)
    return sum(len(entries) for entries in data.get("programs", {}).values()) + len(data.get("stacks", {}))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{file}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: not valid TOML: {error}") from None


@dataclass
class _Making:
    """A table while it grows, file by file: what an earlier file says of a name holds."""

    programs: list[Program] = field(default_factory=list)
    stacks: list[str] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    common: dict[str, int] = field(default_factory=dict)
    prefixes: dict[str, int] = field(default_factory=dict)
    paths: list[PathRule] = field(default_factory=list)
    places: list[PathRule] = field(default_factory=list)
    spelled: dict[str, str] = field(default_factory=dict)  # casefolded name → the spelling that holds
    rules: list[str] = field(default_factory=list)

    def add(self, data: dict[str, Any], where: str) -> None:
        """Adds the entries of one file behind those that are there."""
        unknown = set(data) - {"replace", "programs", "stacks"}
        if unknown:
            raise SettingsError(f"{where}: unknown key {sorted(unknown)[0]}; allowed here: programs, replace, stacks")
        if not isinstance(data.get("replace", False), bool):
            raise SettingsError(f"{where}: replace must be true or false")
        for name, patterns in _tables(data, "stacks", where):
            self._stack(name, patterns, f"{where}: stacks.{name}")
        seen: dict[str, str] = {}  # names and files of this very file: one said twice could never hold
        for kind, entries in _tables(data, "programs", where):
            if kind not in FIELDS:
                raise SettingsError(f"{where}: programs.{kind}: no such field; allowed: {', '.join(FIELDS)}")
            for name, entry in _tables({kind: entries}, kind, where):
                self._program(kind, name, entry, seen, f"{where}: programs.{kind}.{name}")

    def _program(self, kind: str, name: str, entry: object, seen: dict[str, str], where: str) -> None:
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{where}: a name has 1 to 60 characters, no line ends, no < or >")
        _once(seen, "name " + name.casefold(), name, where)
        given = {"files": entry} if isinstance(entry, str | list) else entry
        if not isinstance(given, dict) or not given or set(given) - set(KEYS):
            raise SettingsError(f"{where}: a list of file names, or a table of {', '.join(KEYS)} is expected")
        name = self.spelled.setdefault(name.casefold(), name)
        self.programs.append(Program(name=name, field=kind))
        for key in ("files", "common"):
            for text in _texts(given.get(key, []), f"{where}.{key}"):
                self._file(key, text, name, seen, f"{where}.{key}")
        self.paths += [_rule(len(self.programs) - 1, text, f"{where}.paths") for text in _texts(given.get("paths", []), f"{where}.paths", split=False)]
        self.rules.append(repr((kind, name, given)))

    def _file(self, key: str, text: str, name: str, seen: dict[str, str], where: str) -> None:
        """A file name of the program that was added last."""
        place = len(self.programs) - 1
        if not _FILE.fullmatch(text):
            raise SettingsError(f"{where}: {text!r} is no file name; a path is written as a pattern in paths")
        _once(seen, "file " + text, name, where)
        if not text.endswith("*"):
            (self.files if key == "files" else self.common).setdefault(text, place)
        elif key == "common" or len(text) <= MIN_PREFIX:
            raise SettingsError(f"{where}: {text!r}: only files may end in *, after at least {MIN_PREFIX} characters")
        else:
            self.prefixes.setdefault(text[:-1], place)

    def _stack(self, name: str, patterns: object, where: str) -> None:
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{where}: a name has 1 to 60 characters, no line ends, no < or >")
        name = self.spelled.setdefault("stack " + name.casefold(), name)
        if name not in self.stacks:
            self.stacks.append(name)
        self.places += [_rule(self.stacks.index(name), text, where) for text in _texts(patterns, where, split=False)]
        self.rules.append(repr((name, patterns)))

    def table(self) -> Table:
        """The finished table."""
        return Table(
            programs=tuple(self.programs), files=self.files, common=self.common, prefixes=self.prefixes, paths=tuple(self.paths),
            stacks=tuple(self.stacks), places=tuple(self.places), version="\n".join(self.rules),
        )  # fmt: skip


def _once(seen: dict[str, str], key: str, said: str, where: str) -> None:
    if key in seen:
        raise SettingsError(f"{where}: {key.split(' ', 1)[1]!r} is there twice, first for {seen[key]}: only the first could ever hold")
    seen[key] = said


def _tables(data: Mapping[str, Any], key: str, where: str) -> Iterator[tuple[str, Any]]:
    found = data.get(key, {})
    if not isinstance(found, dict):
        raise SettingsError(f"{where}: {key} must be a table")
    yield from found.items()


def _texts(value: object, where: str, *, split: bool = True) -> list[str]:
    """A list of texts; file names may also be one text with blanks between them."""
    found = (value.split() if split else [value]) if isinstance(value, str) else value
    if not isinstance(found, Sequence) or not all(isinstance(one, str) and one for one in found):
        raise SettingsError(f"{where}: a text or a list of texts is expected")
    return list(found)


def _rule(index: int, pattern: str, where: str) -> PathRule:
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise SettingsError(f"{where}: {pattern!r} is no regular expression: {error}") from None
    if regex.search("") or regex.search("/"):
        raise SettingsError(f"{where}: {pattern!r} fits every path")
    return PathRule(index=index, regex=regex, literal=literal_of(pattern))


def literal_of(pattern: str) -> str:
    """A text that every path the pattern matches holds, the longest that is easily seen; "" if none is."""
    if re.search(r"\(\?[a-zA-Z-]", pattern):
        return ""  # flags such as "case does not matter"
    runs, run, depth, place = [], "", 0, 0
    while place < len(pattern):
        char, step = pattern[place], 1
        plain = char not in "()[]{}|?*+.^$\\"
        if char == "\\" and place + 1 < len(pattern):
            char, step = pattern[place + 1], 2
            plain = not char.isalnum()
        if char == "[" and step == 1:
            close = pattern.find("]", place + 2)
            step = (close if close > 0 else len(pattern)) - place + 1
        if step == 1 and char == "{":
            step = max(pattern.find("}", place), place) - place + 1
        if step == 1 and char in "()":
            depth += 1 if char == "(" else -1
        if step == 1 and char == "|" and depth == 0:
            return ""
        after = pattern[place + step : place + step + 1]
        if plain and depth == 0 and after not in ("?", "*", "{"):
            run += char
        else:
            runs, run = [*runs, run], ""
        if after == "+":
            runs, run = [*runs, run], ""
        place += step
    return max([*runs, run], key=len)
