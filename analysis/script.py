"""What a job script does, read line by line: options, modules and commands, comments and quoted words told apart."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import lru_cache

_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\1")
_SEPARATORS = {";", "&&", "||", "|", "&", "(", ")", "{", "}", "\n"}
_KEYWORDS = {
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "for",
    "while",
    "until",
    "do",
    "done",
    "case",
    "esac",
    "in",
    "!",
    "time",
}
_PREFIXES = {"exec", "nohup", "nice", "env", "command", "timeout", "sudo", "numactl", "taskset"}
_LAUNCHERS = {"srun", "mpirun", "mpiexec", "mpiexec.hydra", "orterun", "prun"}
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A simple command: its words, the line it is on (from 1), and what launches it ("srun", "mpirun", … or "")."""

    words: tuple[str, ...]
    line: int
    launcher: str = ""

    @property
    def name(self) -> str:
        """The program's name without its path."""
        return self.words[0].rsplit("/", 1)[-1] if self.words else ""

    def after(self, option: str) -> str | None:
        """The word after an option such as -nt (or its part after `=`); None without it."""
        for place, word in enumerate(self.words):
            if word == option:
                return self.words[place + 1] if place + 1 < len(self.words) else ""
            if word.startswith(option + "="):
                return word.removeprefix(option + "=")
        return None


@dataclass(frozen=True, kw_only=True)
class Module:
    """A loaded module: name, version ("" if none was given), line."""

    name: str
    version: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Script:
    """A parsed job script."""

    text: str
    sbatch: tuple[tuple[int, str], ...]  # (line, what stands behind #SBATCH)
    commands: tuple[Command, ...]
    modules: tuple[Module, ...]

    def loaded(self, name: str) -> bool:
        """True if a module of this name is loaded, in whatever version."""
        return any(module.name == name for module in self.modules)


def _logical(lines: list[str]) -> list[tuple[int, str]]:
    """(line number, text) with continued lines joined and here-documents left out."""
    found: list[tuple[int, str]] = []
    place = 0
    while place < len(lines):
        first, text = place + 1, lines[place]
        while text.endswith("\\") and not text.lstrip().startswith("#") and place + 1 < len(lines):
            place += 1
            text = text[:-1] + " " + lines[place]
        found.append((first, text))
        mark = None if text.lstrip().startswith("#") else _HEREDOC.search(text)
        if mark and "<<<" not in text:
            place += 1
            while place < len(lines) and lines[place].strip() != mark[2]:
                place += 1
        place += 1
    return found


def _words(text: str) -> list[str]:
    """Shell words, operators as words of their own; a line with an open quote is split at blanks."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        return list(lexer)
    except ValueError:
        return text.split("#", 1)[0].split()


def _simple(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word in _SEPARATORS or set(word) <= set(";&|()"):
            parts.append([])
        elif word not in _KEYWORDS or parts[-1]:
            parts[-1].append(word)
    return [part for part in parts if part]


def _command(words: list[str], line: int) -> Command | None:
    while words and (_ASSIGNMENT.fullmatch(words[0]) or words[0] in _PREFIXES or words[0].startswith("-")):
        if words[0] == "timeout":
            words = words[1:]
        words = words[1:]
    if not words:
        return None
    launcher = words[0].rsplit("/", 1)[-1]
    return Command(words=tuple(words), line=line, launcher=launcher if launcher in _LAUNCHERS else "")


def _modules(command: Command) -> list[Module]:
    words = list(command.words)
    if words[0] == "module" and len(words) > 1 and words[1] in ("load", "add", "try-load", "switch", "swap"):
        names = words[2:]
    elif words[0] == "ml":
        verbs = {"load", "add", "purge", "list", "spider", "avail", "unload", "use", "save", "restore"}
        if len(words) > 1 and words[1] in verbs - {"load", "add"}:
            return []
        names = words[2:] if len(words) > 1 and words[1] in verbs else words[1:]
    else:
        return []
    found = [name for name in names if not name.startswith("-")]
    return [Module(name=name.partition("/")[0], version=name.partition("/")[2], line=command.line) for name in found]


@lru_cache(maxsize=256)
def parse(text: str) -> Script:
    """Read a job script; nothing in it is run, and what cannot be understood is left out.

    # #SBATCH lines count until the first command, as sbatch reads them. Words in quotes and in here-documents are no
    # commands.
    """
    sbatch: list[tuple[int, str]] = []
    commands: list[Command] = []
    modules: list[Module] = []
    for line, content in _logical(text.splitlines()):
        bare = content.strip()
        if bare.startswith("#SBATCH") and not commands:
            sbatch.append((line, bare.removeprefix("#SBATCH").strip()))
        if not bare or bare.startswith("#"):
            continue
        for words in _simple(_words(content)):
            command = _command(words, line)
            if command is not None:
                commands.append(command)
                modules += _modules(command)
    return Script(text=text, sbatch=tuple(sbatch), commands=tuple(commands), modules=tuple(modules))


def program(command: Command, names: frozenset[str]) -> tuple[str, tuple[str, ...]] | None:
    """(name, words behind it) of the first word that is one of these programs; None if there is none."""
    for place, word in enumerate(command.words):
        name = word.rsplit("/", 1)[-1]
        if name in names:
            return name, command.words[place + 1 :]
    return None
