"""Reading at once, and once for all who ask."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from pathlib import Path

import pytest

from core.errors import NoData, SettingsError, SourceBroken, SourceSlow, Why
from datasources.cache import Cache
from datasources.pool import Pool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pool():
    made = Pool(4)
    yield made
    made.close()


@pytest.fixture
def cache(tmp_path: Path):
    made = Cache(tmp_path / "cache", 16)
    yield made
    made.close()


def test_answers_errors_and_faults_in_order(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    def empty() -> int:
        raise NoData(Why.NO_DATA)

    found = pool.gather({"a": lambda: 1, "b": empty, "c": lambda: 1 // 0}, 5)
    assert list(found) == ["a", "b", "c"] and found["a"] == 1 and found["b"].why is Why.NO_DATA
    assert isinstance(found["c"], SourceBroken) and "ZeroDivisionError" in caplog.text


def test_what_is_late_is_slow_and_the_rest_is_there(pool: Pool) -> None:
    stop = threading.Event()
    began = time.monotonic()
    found = pool.gather({"late": lambda: stop.wait(5), "there": lambda: 2}, 0.2, source="prometheus")
    stop.set()
    assert time.monotonic() - began < 1 and found["there"] == 2
    assert isinstance(found["late"], SourceSlow) and found["late"].source == "prometheus"


def test_gathering_within_gathering_never_waits_for_itself(pool: Pool) -> None:
    def inner(depth: int):
        return lambda: sum(pool.gather({str(n): inner(depth - 1) for n in range(4)}, 5).values()) if depth else 1

    assert pool.gather({str(n): inner(2) for n in range(4)}, 5) == {str(n): 16 for n in range(4)}


def test_the_context_goes_along(pool: Pool) -> None:
    language = ContextVar("language", default="en")
    language.set("fr")
    assert pool.gather({"a": language.get}, 5) == {"a": "fr"}


def test_made_once_for_all_threads(cache: Cache) -> None:
    made, answers = [], []

    def make() -> int:
        made.append(1)
        time.sleep(0.1)
        return 7

    threads = [threading.Thread(target=lambda: answers.append(cache.get_or_make(("k",), 60, make))) for _ in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert made == [1] and answers == [7] * 12
    assert cache.get_or_make(("k",), 60, make) == 7 and cache.get_or_make(("other",), 60, lambda: 8) == 8


def test_made_once_for_all_processes(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib\n"
        "from datasources.cache import Cache\n"
        "def make():\n"
        "    with open(sys.argv[2], 'a') as file: file.write('made ')\n"
        "    time.sleep(0.5)\n"
        "    return 'value'\n"
        "assert Cache(sys.argv[1], 16).get_or_make(('k', 1), 60, make) == 'value'\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cache"), str(tmp_path / "made")]
    running = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    assert (tmp_path / "made").read_text() == "made "


def test_errors_go_to_all_who_wait_and_are_not_kept(cache: Cache) -> None:
    made, errors = [], []

    def fail() -> int:
        made.append(1)
        time.sleep(0.1)
        raise SourceSlow("prometheus", "late")

    def ask() -> None:
        try:
            cache.get_or_make(("k",), 60, fail)
        except SourceSlow as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(made) == 1 and len(errors) == 5
    assert cache.get_or_make(("k",), 60, lambda: 3) == 3


def test_an_answer_made_of_others(cache: Cache) -> None:
    assert cache.get_or_make(("a",), 60, lambda: cache.get_or_make(("b",), 60, lambda: 1) + 1) == 2


def test_what_is_old_is_made_anew(cache: Cache) -> None:
    assert cache.get_or_make(("k",), 0.05, lambda: 1) == 1
    time.sleep(0.1)
    assert cache.get_or_make(("k",), 0, lambda: 2) == 2
    assert cache.get_or_make(("k",), 60, lambda: 3) == 3
    assert cache.get_or_make(("none",), 60, lambda: None) is None
    assert cache.get_or_make(("none",), 60, lambda: 4) is None


def test_what_cannot_be_kept_is_still_answered(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    unpicklable = threading.Lock()
    assert cache.get_or_make(("k",), 60, lambda: unpicklable) is unpicklable
    assert "cannot be written" in caplog.text


def test_the_folder_is_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o777)
    os.chmod(folder, 0o777)
    Cache(folder, 16).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"server\.cache_dir"):
        Cache(tmp_path / "file" / "cache", 16)
