"""The one gate between data and people: hides, abbreviates or shows names as the site says, and makes text plain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.settings import Settings
from core.subjects import Subject
from core.viewer import Viewer
from datasources.prometheus.levels import index_of

# what a column or a level of this name holds
KINDS: dict[str, str] = {
    "user": "person",
    "person": "person",
    "login": "person",
    "full_name": "person",
    "cancelled_by_name": "person",
    "coordinator": "person",
    "creator": "person",
    "account": "account",
    "project": "account",
    "name": "job_name",
    "job_name": "job_name",
    "exe": "path",
    "work_dir": "path",
    "submit_line": "path",
    "script": "path",
    "std_out": "path",
    "std_err": "path",
    "path": "path",
    "node": "host",
    "host": "host",
    "instance": "host",
    "node_list": "host",
    "reason": "free_text",
    "comment": "free_text",
    "admin_comment": "free_text",
    "system_comment": "free_text",
}
# a column of tuples of accounts: who coordinates all of a row's accounts reads the people in it by name; nobody is shown the column
SHARED_BY = "shared_by"
# kinds the public never reads
PRIVATE = frozenset({"person", "account", "job_name", "path", "free_text"})
# kinds of a job that its owner and those who answer for it read; its name also where the site shows names
OWNERS_ONLY = frozenset({"job_name", "path", "free_text"})
HIDDEN = "…"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plain_text(value: Any) -> Any:
    """A text without control and direction characters (line ends and tabs stay); anything else unchanged."""
    return _CONTROL.sub("\ufffd", value) if isinstance(value, str) else value


class Names:
    """Writes people's names for one viewer; the same person gets the same text within one answer."""

    def __init__(self, viewer: Viewer, settings: Settings, subject: Subject | None = None) -> None:
        self.viewer = viewer
        self.policy = "hidden" if not viewer.signed_in else settings.site.names
        # those who answer for an account read its members by name
        answers = subject is not None and subject.kind == "account" and viewer.answers_for(subject.id)
        # who may open other people's jobs reads on their pages what the owner reads
        opened = subject is not None and subject.kind in ("job", "jobs") and bool(viewer.opens)
        self.open = viewer.is_staff or answers or opened
        self.given: dict[str, str] = {}

    def opens(self, accounts: Any) -> bool:
        """True if this viewer answers for all of these accounts, of which there is at least one."""
        return isinstance(accounts, tuple) and bool(accounts) and all(self.viewer.answers_for(one) for one in accounts)

    def _masked(self, name: str) -> str:
        number = len(self.given) + 1
        if self.policy == "hidden":
            return f"person {number}"
        first = "".join(part[0].upper() for part in re.split(r"[\s._-]+", name) if part)[:2]
        taken = set(self.given.values())
        return first if first and first not in taken else f"{first}{number}"

    def person(self, name: Any) -> Any:
        """The name as this viewer may read it."""
        if not isinstance(name, str) or not name or self.open or self.policy == "names" or name == self.viewer.name:
            return plain_text(name)
        if name not in self.given:
            self.given[name] = self._masked(name)
        return self.given[name]

    def of_job(self, kind: str, value: Any, owner: Any) -> Any:
        """A job's name, path or free text as this viewer may read it, given whose job it is."""
        foreign = isinstance(owner, str) and owner != self.viewer.name and not self.open
        if foreign and kind in OWNERS_ONLY and not (kind == "job_name" and self.policy == "names"):
            return HIDDEN if isinstance(value, str) and value else value
        return self.of_kind(kind, value)

    def of_kind(self, kind: str, value: Any) -> Any:
        """A value of a column kind as this viewer may read it."""
        if kind == "person":
            return self.person(value)
        if not self.viewer.signed_in and not self.open and kind in PRIVATE and isinstance(value, str) and value:
            return HIDDEN
        return plain_text(value)


def _levels(columns: pd.MultiIndex, names: Names) -> pd.MultiIndex:
    kinds = [KINDS.get(str(level), "") for level in columns.names]
    if columns.empty:
        return columns
    rows = [tuple(names.of_kind(kind, part) for kind, part in zip(kinds, row, strict=True)) for row in columns]
    if rows == columns.tolist():
        return columns  # most texts are plain already, and building an index costs more than the comparison
    return index_of(list(zip(*rows, strict=True)), columns.names)


def _turns(before: pd.MultiIndex, after: pd.MultiIndex, names: Names) -> list[int]:
    """Places of columns such that those of people whose names are masked come in the order the masks were given: a login's would tell."""
    turn = {text: place for place, text in enumerate(names.given.values())}
    levels = [place for place, level in enumerate(before.names) if KINDS.get(str(level)) == "person"]
    masked = [place for place, column in enumerate(before) if any(column[level] != after[place][level] and column[level] in names.given for level in levels)]
    order = list(range(len(before)))
    shuffled = sorted(masked, key=lambda place: [turn.get(after[place][level], -1) for level in levels])
    for place, found in zip(masked, shuffled, strict=True):
        order[place] = found
    return order


def present_frame(frame: pd.DataFrame, names: Names) -> pd.DataFrame:
    """A frame with its names and texts as one viewer may read them; numbers, index, attributes unchanged."""
    shown = frame.copy(deep=False)
    if isinstance(frame.columns, pd.MultiIndex):
        shown.columns = _levels(frame.columns, names)
        if names.given and shown.columns is not frame.columns:
            shown = shown.iloc[:, _turns(frame.columns, shown.columns, names)]
    else:
        owners = frame["user"].tolist() if "user" in frame.columns else None
        opened = [names.opens(one) for one in frame[SHARED_BY]] if SHARED_BY in frame.columns else None
        for place, column in enumerate(frame.columns):
            series = frame.iloc[:, place]
            kind = KINDS.get(str(column), "")
            if owners is not None and kind in OWNERS_ONLY:
                texts = [names.of_job(kind, value, owner) for value, owner in zip(series.tolist(), owners, strict=True)]
                shown.isetitem(place, pd.Series(texts, index=frame.index, dtype="object"))
            elif opened is not None and kind == "person":
                texts = [plain_text(value) if open_ else names.of_kind(kind, value) for value, open_ in zip(series.tolist(), opened, strict=True)]
                shown.isetitem(place, pd.Series(texts, index=frame.index, dtype="object"))
            elif pd.api.types.is_string_dtype(series.dtype) or series.dtype == object:
                shown.isetitem(place, series.map(lambda value, kind=kind: names.of_kind(kind, value)))
        shown = shown.drop(columns=SHARED_BY, errors="ignore")
    shown.attrs = dict(frame.attrs)
    return shown


def present(frames: Mapping[str, Any], viewer: Viewer, settings: Settings, subject: Subject | None = None) -> dict[str, Any]:
    """All frames of a section as the viewer may read them; errors and other objects pass unchanged.

    In frames of rows with a `user` column, names, paths and texts of other people's jobs are hidden as the site says.
    """
    names = Names(viewer, settings, subject)
    return {
        key: present_frame(value, names) if isinstance(value, pd.DataFrame) else value for key, value in frames.items()
    }


def csv_cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: such texts get a leading apostrophe."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def _csv_headers(frame: pd.DataFrame) -> list[str]:
    unit = str(frame.attrs.get("unit", ""))
    tail = f" ({unit})" if unit else ""
    if isinstance(frame.columns, pd.MultiIndex):
        return [" · ".join(str(part) for part in column if str(part)) + tail for column in frame.columns]
    return [str(column) + (tail if column == "value" else "") for column in frame.columns]


def to_csv(frame: pd.DataFrame) -> str:
    """A presented frame as CSV: units in the headers, times as UTC ISO, texts guarded against spreadsheet formulas."""
    table = frame.copy()
    table.columns = [csv_cell(header) for header in _csv_headers(frame)]
    for place in range(table.shape[1]):
        series = table.iloc[:, place]
        if not pd.api.types.is_numeric_dtype(series.dtype):
            table.isetitem(place, series.map(csv_cell))
    if isinstance(table.index, pd.DatetimeIndex):
        table.index = table.index.strftime("%Y-%m-%dT%H:%M:%SZ")
        table.index.name = "time (UTC)"
        return table.to_csv()
    return table.to_csv(index=False)
