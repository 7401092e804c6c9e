"""Search as every kind of viewer over the rows of a real Slurm: what each may find, exactly, and that nothing typed does harm.

Expected ids, names and nodes are those of `sacct` and `sacctmgr` (tests/data/slurm/*.txt); alice's job names are replaced by a word.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from core.errors import NotAllowed
from core.viewer import PUBLIC, Viewer
from datasources.slurm import search
from tests.access.conftest import WORD

pytestmark = pytest.mark.services


def found(ask: Any, login: str, text: str) -> dict[str, list[str]]:
    """{kind: names found}; pages left out."""
    answer = ask(login).get(f"/search?q={quote(text)}")
    assert answer.status_code == 200, text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/json"
    groups = answer.get_json()["groups"]
    assert not any(group.get("failed") for group in groups), groups
    return {group["kind"]: [row["text"] for row in group["rows"]] for group in groups if group["kind"] != "page" and group["rows"]}


def test_strangers_are_not_answered(ask: Any) -> None:
    for text in ("", "alice", "1"):
        assert ask(None).get(f"/search?q={text}").status_code == 401
    assert ask(None).get("/names").status_code == 401


def test_the_data_function_itself_refuses_strangers() -> None:
    with pytest.raises(NotAllowed):
        search.find(None, viewer=PUBLIC, text="alice")  # type: ignore[arg-type]
    with pytest.raises(NotAllowed):
        search.suggestions(None, viewer=PUBLIC)  # type: ignore[arg-type]


@pytest.mark.parametrize("login", ["alice", "bob", "dave", "carol", "zoe"])
def test_names_for_the_filter_bar_are_for_staff(ask: Any, login: str) -> None:
    assert ask(login).get("/names").status_code == 403


def test_staff_are_offered_every_name(ask: Any) -> None:
    names = ask("ada").get("/names").get_json()
    accounts = ["def-pi1_cpu", "def-pi1_gpu", "def-pi2_cpu", "def-pi2_gpu", "physics", "root", "rrg-pi1_cpu", "rrg-pi1_gpu"]
    assert names["account"] == accounts
    assert names["user"] == ["alice", "bob", "carol", "dave", "erin", "root"]
    assert names["node"] == ["c1", "c2", "c3", "c4", "g1", "g2", "h1"]
    assert {"cpu", "gpu"} <= set(names["partition"])


@pytest.mark.parametrize(
    ("login", "text", "names"),
    [
        ("bob", "bob", ["bob"]), ("bob", "BO", ["bob"]), ("bob", "alice", None), ("bob", "a", None), ("carol", "dave", None),
        ("zoe", "zoe", ["zoe"]), ("zoe", "b", None), ("ada", "al", ["alice"]), ("ada", "AL", ["alice"]), ("ada", "lice", None),
    ],
)  # fmt: skip
def test_people(ask: Any, login: str, text: str, names: list[str] | None) -> None:
    """By the beginning of the login, in any case; people other than staff find themselves alone."""
    assert found(ask, login, text).get("person") == names


@pytest.mark.parametrize(
    ("login", "text", "names"),
    [
        ("bob", "def", ["def-pi1_cpu", "def-pi1_gpu"]), ("bob", "def-pi2", None), ("bob", "phys", None),
        ("dave", "def", ["def-pi2_cpu"]), ("carol", "def", ["def-pi1_gpu", "def-pi2_cpu", "def-pi2_gpu"]),
        ("carol", "rrg", None), ("zoe", "def", None), ("ada", "pi2", ["def-pi2_cpu", "def-pi2_gpu"]), ("ada", "DEF-PI1", ["def-pi1_cpu", "def-pi1_gpu"]),
        ("bob", "def-pi1_cpu|def-pi2_cpu", None), ("bob", 'def-pi1_cpu"} or vector(1)', None), ("bob", "def-pi_", None), ("ada", "def%cpu", None),
    ],
)  # fmt: skip
def test_accounts(ask: Any, login: str, text: str, names: list[str] | None) -> None:
    """Their own and those they answer for; a name that only looks like one finds nothing."""
    assert found(ask, login, text).get("account") == names


@pytest.mark.parametrize(
    ("login", "text", "ids"),
    [
        ("bob", "50", ["50"]), ("bob", "1", None), ("bob", "49", None), ("alice", "49", ["49"]), ("ada", "49", ["49"]), ("ada", "1", ["1"]),
        ("bob", "8_7", ["8_7"]), ("bob", "8", ["8"]), ("dave", "8_7", None), ("dave", "8", None), ("alice", "10+1", ["10+1"]), ("bob", "10+1", None),
        ("ada", "10+1", ["10+1"]), ("bob", "8_99", None), ("bob", "4294967296", None), ("carol", "29", None), ("carol", "27", ["27"]), ("zoe", "50", None),
    ],
)  # fmt: skip
def test_jobs_by_id(ask: Any, login: str, text: str, ids: list[str] | None) -> None:
    """Exactly, and only those one may open."""
    assert found(ask, login, text).get("job") == ids


@pytest.mark.parametrize(
    ("login", "text", "ids"),
    [
        ("bob", "sweep", ["8"]), ("bob", "sweep_", ["8"]), ("bob", "sweep%", None), ("bob", "s_eep", None), ("bob", "weep", None), ("dave", "sweep", None),
        ("ada", "sweep_é", ["8"]), ("bob", "part_", ["48", "43"]), ("ada", "part_", ["48", "43", "13"]), ("bob", WORD, None), ("carol", WORD, None),
        ("bob", "llm", ["50"]), ("carol", "llm", None),
    ],
)  # fmt: skip
def test_jobs_by_name(ask: Any, login: str, text: str, ids: list[str] | None) -> None:
    """By the beginning of their name, newest first, an array once; people other than staff among their own."""
    assert found(ask, login, text).get("job") == ids


def test_what_is_not_shown_is_said(ask: Any) -> None:
    """alice has more than eight jobs of one name."""
    groups = {group["kind"]: group for group in ask("alice").get(f"/search?q={WORD}").get_json()["groups"]}
    assert len(groups["job"]["rows"]) == search.MOST
    assert "more" in groups["job"]["note"]
    assert all(row["detail"] == WORD for row in groups["job"]["rows"])


@pytest.mark.parametrize(
    ("login", "text", "names"),
    [
        ("bob", "c", ["c1", "c2", "c3", "c4"]), ("bob", "g", ["g1"]), ("bob", "h", None), ("dave", "c", ["c2", "c3"]), ("alice", "h1", ["h1"]),
        ("alice", "c1", None), ("zoe", "c", None), ("ada", "g", ["g1", "g2"]), ("ada", "C1", ["c1"]), ("ada", "1", None),
    ],
)  # fmt: skip
def test_nodes(ask: Any, login: str, text: str, names: list[str] | None) -> None:
    """Staff find all nodes, others those their own jobs ran on."""
    assert found(ask, login, text).get("node") == names


def test_pages_are_those_of_the_menu(ask: Any) -> None:
    def pages(login: str, text: str = "") -> list[str]:
        groups = ask(login).get(f"/search?q={text}").get_json()["groups"]
        return [row["href"] for group in groups if group["kind"] == "page" for row in group["rows"]]

    assert "/top" not in pages("bob")
    assert "/top" in pages("ada")
    assert pages("bob", "jobs") == ["/jobs"]
    assert pages("bob", "my")[0] == "/jobs"


NASTY = (
    "%", "_", "%%", "__", "%a%", "\\", "\\%", "'", "''", '"', "`", ";", "--", "#", "/*", "*/", "' OR '1'='1", "' or 1=1 -- ", '" or ""="', "1; drop table",
    "1' union select 1,2,3 -- ", "0x41", "null", "NULL", "true", "NaN", "inf", "-1", "+1", "0", "00", "1.5", "1e9", "99999999999999999999", "1_", "_1", "1+", "+",
    "8_", "8__7", "8_-7", "8_7_7", "10+1+1", "1-5", "1,2", "*", "?", "[", "]", "(", ")", "{", "}", "(a+)+$", "(.*)*", "[a-z]*", "^", "$", "|", "a|b", "\\d+",
    "(?P<x>", "\x00", "a\x00b", "\x01\x02", "\x1b[31m", "\r\n", "\t", "a\nb", "\x7f", "\x85", "\u2028", "\u202e", "abc\u202edef", "\u200f", "\ufeff", "\ufffd",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<b>", "&lt;", "&amp;", "&#x3c;", "javascript:alert(1)", "data:text/html,x", "//example.org",
    "http://example.org", "../../etc/passwd", "..", "/", "//", "\\\\host\\share", "C:\\", "~", "$HOME", "${jndi:ldap://x}", "{{7*7}}", "%(user)s", "%s%s%s%n",
    "{0}", "%00", "%27", "%2e%2e", "%u0041", "😀", "👩‍👩‍👧‍👦", "é", "e\u0301", "数", "אבג", "مرحبا", "ß", "İ", "ı", "ﬃ", "Ⅷ", "１２３", "٣", "𝟙", "²", "½", "Å",
    "\ud83d", "a" * 10_000, "%" * 10_000, "1" * 10_000, " " * 500, "🐢" * 500, "a b c d e f g h", "  alice  ", "alice bob", "=1+1", "@SUM(1)", "+cmd|' /C calc'!A0",
    'def-pi1_cpu"} or vector(1)', "def-pi1_cpu|def-pi2_cpu", "def-pi1_cpu,def-pi2_cpu", "DEF-PI1_CPU", "def-pi1_cpu ", "def-pi1.cpu", "ALICE", "àlice", "alicé",
)  # fmt: skip


@pytest.mark.parametrize("login", ["bob", "ada"])
def test_nothing_typed_does_harm(ask: Any, login: str) -> None:
    """Every text, alone and within others, is answered; nobody reads more than before; wildcards and signs are letters."""
    for text in {*NASTY, *(f"zz{text[:60]}" for text in NASTY)}:
        path = f"/search?q={quote(text.encode('utf-8', 'surrogatepass'))}"
        answer = ask(login).get(path)
        assert answer.status_code == 200, repr(text[:40])
        body = answer.get_json()
        assert len(body["q"]) <= search.MOST_TEXT
        if login == "bob":
            seen = {row["text"] for group in body["groups"] for row in group["rows"]}
            assert not seen & {"alice", "carol", "dave", "erin", "def-pi2_cpu", "def-pi2_gpu", "physics", "h1", "g2"}, repr(text[:40])
            assert WORD not in answer.get_data(as_text=True)
        if text[:1] in "%_'\"\\" or text.startswith("zz"):
            assert [group for group in body["groups"] if group["kind"] != "page" and group["rows"]] == [], repr(text[:40])


@pytest.mark.parametrize("path", ["/search", "/search?", "/search?q", "/search?q=", "/search?x=1", "/search?q=a&q=b", "/search?q=%ff%fe", "/search?q=%C3%28"])
def test_no_text_at_all_is_an_answer(ask: Any, path: str) -> None:
    """A missing or undecodable parameter is no error."""
    assert ask("bob").get(path).status_code == 200


def test_a_job_of_several_rows_is_found_once() -> None:
    """Newest first: an array by its newest row, a heterogeneous job by its first part, two jobs of one name both."""
    rows = [(9, 0, 0), (8, 0, 70), (7, 0, 70), (6, 50, 0), (5, 50, 0), (4, 0, 0), (3, 50, 0), (2, 0, 0)]
    found = search.one_each({"job_db_inx": number, "id_array_job": array, "het_job_id": het} for number, array, het in rows)
    assert found == [9, 7, 6, 4, 2]


FULL = {"ines": "Inês Tavares", "tomas": "Tomás Rocha", "amelie": "Amélie O’Brien", "lukasz": "Łukasz Żak", "mira": "Mira Novak"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Inês", ["ines"]), ("ines", ["ines"]), ("INES T", ["ines"]), ("tavares inês", ["ines"]), ("Tomás", ["tomas"]), ("tomas r", ["tomas"]), ("Amélie", ["amelie"]),
        ("ame\u0301lie", ["amelie"]), ("AMELIE", ["amelie"]), ("zak", ["lukasz"]), ("Łuk", ["lukasz"]), ("luk", ["lukasz"]), ("novák", ["mira"]),
        ("\u0301", []), ("´", []),
    ],
)  # fmt: skip
def test_people_are_found_with_or_without_accents(monkeypatch: pytest.MonkeyPatch, text: str, names: list[str]) -> None:
    """A keyboard without the letters of a name finds the person; an accent alone finds nobody."""
    monkeypatch.setattr(search, "database", lambda sources: None)
    monkeypatch.setattr(search, "logins", lambda db: tuple(FULL))
    monkeypatch.setattr(search, "_full_names", lambda sources, logins: FULL)
    hits = search._people(None, Viewer(name="ada", is_staff=True), search.clean(text), search.MOST).hits  # type: ignore[arg-type]
    assert [hit.name for hit in hits] == names


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_search_is_read_only(ask: Any, method: str) -> None:
    person = ask("bob")
    assert getattr(person.client, method)("/search?q=bob", headers=person.headers).status_code in (403, 404, 405)
