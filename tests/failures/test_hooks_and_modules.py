"""A site's hook that fails denies and is logged; a misspelt one stops the start; what is switched off does not exist."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from app import main
from core.errors import SettingsError
from tests.access.asker import Asker
from tests.failures.world import MEASURED, PAGES, ask, leaks, page_text, said

pytestmark = pytest.mark.services
JOB = f"/job/{MEASURED}"


def hooks(folder: Path, text: str) -> Path:
    """A site's file of hooks."""
    file = folder / "our_hooks.py"
    file.write_text(text)
    return file


def test_who_cannot_be_told_is_nobody(portal_of: Callable[..., Asker], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    person = portal_of("ada", hooks_file=hooks(tmp_path, "def viewer_from_profile(profile):\n    raise RuntimeError('ldap is away')\n"))
    with caplog.at_level(logging.ERROR):
        page = person.page(JOB)
        front = person.page("/")
    assert "Please sign in" in page_text(page) and "relax" not in page_text(page)
    assert "Alpha" in page_text(front)
    assert ask(person, "job:cpu", JOB).status_code == 401
    assert "ldap is away" in caplog.text and "viewer_from_profile" in caplog.text
    assert "ldap" not in page.get_data(as_text=True) and leaks(page) == []


def test_staff_is_who_was_told_to_be(portal_of: Callable[..., Asker], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The hook fails: nobody is staff but those of the settings."""
    file = hooks(tmp_path, "def is_staff(name):\n    return 1 / 0\n")
    dave = portal_of("dave", hooks_file=file)
    with caplog.at_level(logging.ERROR):
        assert "relax" not in page_text(dave.page(JOB))
    assert "hook is_staff failed" in caplog.text
    assert "relax" in page_text(portal_of("ada", hooks_file=file).page(JOB))
    assert "relax" in page_text(portal_of("alice", hooks_file=file).page(JOB))


@pytest.mark.parametrize("answer", ["'yes'", "1", "['dave']", "None", "{'is_staff': True}"])
def test_only_true_makes_staff(portal_of: Callable[..., Asker], tmp_path: Path, answer: str) -> None:
    dave = portal_of("dave", hooks_file=hooks(tmp_path, f"def is_staff(name):\n    return {answer}\n"))
    assert "relax" not in page_text(dave.page(JOB))


def test_a_hook_that_says_true_does_make_staff(portal_of: Callable[..., Asker], tmp_path: Path) -> None:
    """Without this the test above could not fail."""
    dave = portal_of("dave", hooks_file=hooks(tmp_path, "def is_staff(name):\n    return name == 'dave'\n"))
    assert "relax" in page_text(dave.page(JOB))


@pytest.mark.parametrize("body", ["raise OSError('no file')", "return 5", "return [5]", "return [{'level': 'info'}]", "return notices(viewer)"])
def test_notices_that_fail_take_no_page_down(portal_of: Callable[..., Asker], tmp_path: Path, body: str, caplog: pytest.LogCaptureFixture) -> None:
    person = portal_of("alice", hooks_file=hooks(tmp_path, f"def notices(viewer):\n    {body}\n"))
    with caplog.at_level(logging.ERROR):
        page = person.page(JOB)
    assert "relax" in page_text(page) and leaks(page) == [] and "no file" not in page.get_data(as_text=True)
    assert "hook notices" in caplog.text


def test_notices_are_shown(portal_of: Callable[..., Asker], tmp_path: Path) -> None:
    text = "def notices(viewer):\n    return [{'level': 'warn', 'text': 'Outage on Monday <b>', 'url': 'javascript:alert(1)'}]\n"
    page = portal_of("alice", hooks_file=hooks(tmp_path, text)).page(JOB)
    assert "Outage on Monday <b>" in page_text(page) and "javascript:" not in page.get_data(as_text=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def is_stuff(name):\n    return True\n", "did you mean is_staff"),
        ("def whatever():\n    return 1\n", "is no hook"),
        ("def is_staff(nam):\n    return True\n", "unknown argument nam"),
        ("is_staff = True\n", "must be a plain function"),
        ("def is_staff(name)\n", "SyntaxError"),
        ("raise ValueError('on import')\n", "on import"),
    ],
)
def test_a_wrong_hooks_file_stops_the_start(portal_of: Callable[..., Asker], tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        portal_of("alice", hooks_file=hooks(tmp_path, text))
    assert "our_hooks.py" in str(raised.value)


def test_the_command_says_so_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = hooks(tmp_path, "def is_stuff(name):\n    return True\n")
    monkeypatch.setenv("TURTLE_HOOKS_FILE", str(file))
    monkeypatch.setenv("TURTLE_SERVER__CACHE_DIR", str(tmp_path / "cache"))
    assert main(["check"]) == 2
    told = capsys.readouterr().err
    assert "did you mean is_staff" in told and str(file) in told


# Modules that are switched off


def test_without_jobstats_its_pages_do_not_exist(portal_of: Callable[..., Asker]) -> None:
    person = portal_of("alice", modules={"jobstats": False})
    for path in (JOB, "/jobs", f"/jobs/compare?ids={MEASURED}"):
        page = person.page(path)
        assert "Nothing is here" in page_text(page) and "relax" not in page.get_data(as_text=True)
    for page in (PAGES["job"], PAGES["jobs"], PAGES["compare"]):
        for section in page.sections:
            assert person.section(page, section, JOB).status_code == 403
    assert person.get(f"/export/job/cpu/cores?at={JOB}").status_code == 404
    ada = Asker(person.app, "ada")
    assert ada.get(f"/queries/job/cpu?at={JOB}").status_code == 404
    menu = person.get("/_dash-layout").get_data(as_text=True)
    assert "My jobs" not in menu and '"\\u002fjobs"' not in menu
    assert "Cluster status" in menu and "Cores in use" in said(ask(person, "status:now", "/"))["tiles"]


def test_without_status_the_front_page_leads_on(portal_of: Callable[..., Asker]) -> None:
    person = portal_of("alice", modules={"status": False})
    for section in PAGES["status"].sections:
        assert person.section(PAGES["status"], section, "/").status_code == 403
    assert person.get("/export/status/use/cores?at=/").status_code == 404
    menu = person.get("/_dash-layout").get_data(as_text=True)
    assert "Cluster status" not in menu and "My jobs" in menu
    assert "relax" in page_text(person.page(JOB))
    assert person.page("/").status_code == 200
