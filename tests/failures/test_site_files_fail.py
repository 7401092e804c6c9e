"""The files a site keeps for the portal, broken or gone: staff learn which and where, readers a plain sentence, all else stays."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from components.check_files import file_lines
from components.notices import UNREAD
from components.text import WHY, error_sentence
from core.errors import SettingsError, Why
from core.settings import Settings
from tests.access.asker import Asker
from tests.failures.conftest import World
from tests.failures.sweep import HOSTS, PROJECT, machinery
from tests.failures.test_new_pages import answering
from tests.failures.world import PAGES, ask, forget, page_text, said
from tests.prometheus.fake_server import reply

pytestmark = pytest.mark.services
UNREADABLE = error_sentence(SettingsError())
# file → (section of the settings, key, a text that is broken, what of it is named)
FILES = {
    "allocations.yaml": ("storage", "allocations_file", "people: {default: {home: {size: much}}}\n", "people.default.home.size"),
    "cloud.yaml": ("cloud", "projects_file", "projects: [\n", "line 2"),
    "notices.yaml": ("overview", "notices_file", "notices: [{level: loud, text: x}]\n", "entry 1: level is one of"),
    "software.toml": ("overview", "software_file", "[programs.chemistry]\nORCA = ['[/']\nvasp = {paths = '('}\n", "programs.chemistry"),
}
HOME = '{"metric":{"what":"files","path":"/lustre/home","user":"alice"},"value":[0,"12345"]}'
AREA = {"home": {"path": "/lustre/home"}}


def settings_with(folder: Path, broken: bool) -> dict[str, dict]:
    """Sections of settings that name all four files; broken, or not there."""
    found: dict[str, dict] = {"storage": {"areas": AREA}, "overview": dict(HOSTS), "cloud": {}}
    for name, (section, key, text, _told) in FILES.items():
        found[section][key] = folder / name
        if broken:
            (folder / name).write_text(text)
    return found


@pytest.mark.parametrize("broken", [True, False], ids=["broken", "gone"])
def test_each_file_is_named(world: World, portal_of: Callable[..., Asker], tmp_path: Path, broken: bool, caplog: pytest.LogCaptureFixture) -> None:
    more = settings_with(tmp_path, broken)
    answering(world, {"lfs_quota": reply(f'{{"status":"success","data":{{"resultType":"vector","result":[{HOME}]}}}}')})
    with caplog.at_level(logging.INFO):
        person = portal_of("alice", **more)  # a mistake in a file is none of the portal: it starts
        assert WHY[Why.LIMITS_UNKNOWN] in " ".join(said(ask(person, "quotas:quotas", "/quotas")).values())
        assert WHY[Why.MEMBERS_UNKNOWN] in said(ask(person, "cloud:own", "/cloud"))["own"]
        assert "Nothing is here" in page_text(person.page(PROJECT))
    lines = {line.what: line for line in file_lines(Settings.model_validate(more))}
    for name, (section, key, _text, told) in FILES.items():
        line = lines[f"{section}.{key}"]
        assert line.state == "failed" and line.mend and line.empties, name
        for words in (str(tmp_path / name), told if broken else "cannot be read"):
            assert words in line.found, name
        assert ("hook notices: entry 1" if broken and key == "notices_file" else str(tmp_path / name)) in caplog.text, name
    # a line for each mistake, not the trace of how it was found
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("broken", [True, False], ids=["broken", "gone"])
def test_readers_get_a_sentence_and_the_rest_stays(world: World, portal_of: Callable[..., Asker], tmp_path: Path, broken: bool) -> None:
    visitor = portal_of(None, **settings_with(tmp_path, broken))
    for section in PAGES["software"].sections:
        answer = visitor.section(PAGES["software"], section, "/software")
        assert set(said(answer).values()) == {UNREADABLE} and machinery(answer) == [], section.key
        assert str(tmp_path) not in answer.get_data(as_text=True)
    front = visitor.page("/")
    assert "Alpha" in page_text(front) and str(tmp_path) not in front.get_data(as_text=True)
    assert "Cores in use" in said(ask(visitor, "status:now", "/"))["tiles"]
    assert said(ask(visitor, "scheduler:resources", "/scheduler"))["cores"] == "chart"
    # visitors are not told of messages that nobody can read, those who can mend it are
    assert UNREAD not in page_text(front) and UNREAD in page_text(Asker(visitor.app, "ada").page("/"))


def test_a_mended_table_of_programs_is_used_without_a_new_start(world: World, portal_of: Callable[..., Asker], tmp_path: Path) -> None:
    more = settings_with(tmp_path, broken=True)
    person = portal_of("alice", **more)
    assert UNREADABLE in said(ask(person, "software:programs", "/software")).values()
    (tmp_path / "software.toml").write_text("[programs.chemistry]\nORCA = 'orca'\n")
    forget(world.sources)
    assert UNREADABLE not in said(ask(person, "software:programs", "/software")).values()
