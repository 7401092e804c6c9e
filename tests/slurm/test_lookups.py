"""Remembered lookups: one question for each key, other keys not held up, bounded, and dropped on demand."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import SourceDown, SourceSlow
from datasources.slurm import lookups
from datasources.slurm.lookups import Lookups

LONG = 600.0


def test_one_question_for_all_who_ask_at_once_and_other_keys_are_not_held_up() -> None:
    kept, go, begun, asked = Lookups(), threading.Event(), threading.Event(), []

    def slow() -> str:
        asked.append(1)
        begun.set()
        assert go.wait(5)
        return "tree"

    with ThreadPoolExecutor(4) as threads:
        first = [threads.submit(kept.get_or_make, "tree", slow, LONG) for _ in range(3)]
        assert begun.wait(5)
        assert threads.submit(kept.get_or_make, "other", lambda: "quick", LONG).result(5) == "quick"
        go.set()
        assert [one.result(5) for one in first] == ["tree"] * 3
    assert asked == [1]


def test_errors_and_empty_answers_are_not_remembered() -> None:
    kept = Lookups()

    def fail() -> str:
        raise SourceDown("slurm", "gone")

    with pytest.raises(SourceDown):
        kept.get_or_make("a", fail, LONG)
    assert kept.get_or_make("a", tuple, LONG) == ()
    assert kept.get_or_make("a", lambda: (1,), LONG) == (1,)
    assert kept.get_or_make("a", lambda: (2,), LONG) == (1,)


def test_what_is_dropped_while_it_is_asked_is_not_remembered() -> None:
    kept = Lookups()

    def old() -> str:
        kept.clear()  # a table changed meanwhile
        return "old"

    assert kept.get_or_make("schema", old, LONG) == "old"
    assert kept.get_or_make("schema", lambda: "new", LONG) == "new"


def test_lookups_make_use_of_other_lookups() -> None:
    kept = Lookups()
    assert kept.get_or_make("jobs", lambda: kept.get_or_make("schema", lambda: 2, LONG) + 1, LONG) == 3


def test_the_number_of_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "KEPT_AT_MOST", 3)
    kept = Lookups()
    for number in range(1, 9):
        kept.get_or_make(number, lambda number=number: number, LONG)
    assert len(kept._kept) == 3
    assert kept.get_or_make(8, lambda: 0, LONG) == 8 and kept.get_or_make(1, lambda: -1, LONG) == -1


def test_one_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "PATIENCE", 0.05)
    kept, go, begun = Lookups(), threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        go.wait(5)
        return 1

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(kept.get_or_make, "a", slow, LONG)
        assert begun.wait(5)
        with pytest.raises(SourceSlow):
            kept.get_or_make("a", slow, LONG)
        go.set()
        assert first.result(5) == 1
