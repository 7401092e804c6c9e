"""An account's page asked for by look-alike names: it opens for the exact name only, for whoever asks and whatever is asked."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from pages.registry import all_pages
from tests.access.conftest import WORD

pytestmark = pytest.mark.services
PAGE = next(page for page in all_pages() if page.key == "account")
# bob and alice are members of rrg-pi1_gpu
LOOKALIKES = [
    "rrg-pi1", "rrg-pi1_gpu_x", "RRG-PI1_GPU", "rrg-pi1_gpu ", " rrg-pi1_gpu", "rrg-pi1_gpu|def-pi2_cpu", "rrg-pi1_gpu|.*", ".*", 'rrg-pi1_gpu"} or vector(1)',
    "rrg-pi1%", "rrg_pi1_gpu", "rrg-pi1_gpu'--", "no-such-account",
]  # fmt: skip


@pytest.mark.parametrize("name", LOOKALIKES)
@pytest.mark.parametrize("login", ["alice", "bob", "carol", "zoe", "ada"])
def test_a_look_alike_opens_nothing(ask: Any, login: str, name: str) -> None:
    """Staff too: there is no such account."""
    path = f"/account/{quote(name)}"
    person = ask(login)
    for view in ("", "?view=jobs", "?month=2026-11"):
        page = person.page(path + view).get_data(as_text=True)
        assert "tt-refused" in page and WORD not in page


@pytest.mark.parametrize("name", ["RRG-PI1_GPU", "rrg-pi1_gpu|def-pi2_cpu", "rrg-pi1_gpu ", "rrg-pi1"])
@pytest.mark.parametrize("login", ["alice", "bob", "carol"])
@pytest.mark.parametrize("section", PAGE.sections, ids=lambda section: section.key)
def test_its_sections_asked_for_directly_hold_nothing(ask: Any, login: str, section: Any, name: str) -> None:
    answer = ask(login).section(PAGE, section, f"/account/{quote(name)}?view=jobs").get_data(as_text=True)
    assert WORD not in answer and "llm" not in answer
    assert "alice" not in answer and "bob" not in answer


@pytest.mark.parametrize("login", ["carol", "dave", "zoe", "frank"])
def test_not_mine_and_not_there_answer_the_same(ask: Any, login: str) -> None:
    yours, absent = (ask(login).page(f"/account/{name}") for name in ("rrg-pi1_gpu", "no-such-one"))
    assert yours.status_code == absent.status_code
    assert yours.get_data(as_text=True) == absent.get_data(as_text=True).replace("no-such-one", "rrg-pi1_gpu")


def test_a_member_cannot_ask_who_is_behind_the_initials(ask: Any) -> None:
    section = next(one for one in PAGE.sections if one.key == "jobs")
    asked = {user: ask("bob").section(PAGE, section, f"/account/rrg-pi1_gpu?view=jobs&user={user}").get_data(as_text=True) for user in ("bob", "alice", "mallory")}
    assert "llm" in asked["bob"]
    assert asked["alice"] == asked["mallory"]
