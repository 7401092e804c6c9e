"""The page of a person: whose it is, by the exact name; refusal is a proper answer; absent and foreign are the same."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import NotFound
from core.viewer import Viewer
from datasources.slurm.person import person
from pages import user_query
from pages.user import USER
from tests.access.conftest import WORD

pytestmark = pytest.mark.services
LOOK_ALIKES = ["Alice", "ALICE", "alice%20", "%20alice", "alice%25", "alic_", "al%C3%ADce", "alice%22%7D%20or%20vector(1)", "alice%7Cbob", "%2A", "alice%00"]


def text(answer: Any) -> str:
    """The body of an answer."""
    return answer.get_data(as_text=True)


@pytest.mark.parametrize("login", ["bob", "dave", "carol", "zoe"])
@pytest.mark.parametrize("name", ["alice", "nosuchperson", *LOOK_ALIKES])
def test_people_are_refused_at_other_peoples_pages_and_told_nothing(ask: Any, login: str, name: str) -> None:
    """A refusal was once an error of the server: the class of the exception was returned in place of an answer."""
    answer = ask(login).page(f"/user/{name}")
    assert answer.status_code == 200
    body = text(answer)
    assert "tt-refused" in body and WORD not in body and "incident" not in body
    for section in USER.sections:
        part = ask(login).section(USER, section, f"/user/{name}")
        assert part.status_code == 200
        assert WORD not in text(part) and "incident" not in text(part)


@pytest.mark.parametrize("login", ["bob", "dave"])
def test_somebody_else_and_nobody_at_all_answer_the_same(ask: Any, login: str) -> None:
    foreign, absent = (text(ask(login).page(f"/user/{name}")) for name in ("alice", "nosuchperson"))
    assert foreign == absent.replace("nosuchperson", "alice")


@pytest.mark.parametrize("name", ["nosuchperson", *LOOK_ALIKES])
def test_staff_find_only_people_that_slurm_has_or_had(ask: Any, name: str) -> None:
    body = text(ask("ada").page(f"/user/{name}"))
    assert "tt-refused" in body and WORD not in body


def test_staff_and_the_person_read_it(ask: Any) -> None:
    for login in ("ada", "alice"):
        answer = ask(login).page("/user/alice")
        assert "tt-refused" not in text(answer)
        seen = "".join(text(ask(login).section(USER, section, "/user/alice")) for section in USER.sections)
        assert WORD in seen and "incident" not in seen


def test_a_login_without_an_association_has_a_page_that_says_so(ask: Any) -> None:
    body = text(ask("zoe").page("/user/zoe"))
    assert "tt-refused" not in body and "no account for you" in body


def test_nobody_is_asked_to_sign_in(ask: Any) -> None:
    assert "Please sign in" in text(ask(None).page("/user/alice"))


@pytest.mark.parametrize("login", ["bob", "Alice", "alice "])
def test_the_functions_themselves_refuse_strangers(login: str) -> None:
    """Before anything is read: there is nothing to read here."""
    sources: Any = None
    stranger, view = Viewer(name=login, accounts=frozenset({"physics"})), user_query.subject_of({"name": "alice"})
    with pytest.raises(NotFound):
        person(sources, viewer=stranger, name="alice")
    when: Any = None
    for section in USER.sections:
        with pytest.raises(NotFound):
            section.query(sources, stranger, view, when)
