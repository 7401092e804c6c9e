"""Messages of the site: shown from–until, in the reader's language, plain, and the gravest first."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel
from plotly.utils import PlotlyJSONEncoder

from components import notices
from core.hooks import load_hooks
from core.viewer import PUBLIC
from tests.portal.reader import text_of
from tests.shell import fakes
from tests.shell.conftest import Asker

NOW = 1_795_000_000  # 2026-11-18 11:06:40 UTC


def site(folder: Path, entries: str) -> Any:
    """What drawing asks, at NOW, of a site whose notices file holds these entries."""
    file = folder / "notices.yaml"
    file.write_text(entries, encoding="utf-8")
    return SimpleNamespace(hooks=load_hooks(fakes.settings_for(folder, overview={"notices_file": str(file)})), clock=lambda: NOW)


def shown(sources: Any) -> list[str]:
    """The texts of the lines drawn for everybody."""
    return [text_of(_plain(one)) for one in notices.draw(sources, PUBLIC)]


def _plain(component: Any) -> Any:
    return json.loads(json.dumps(component, cls=PlotlyJSONEncoder))


@pytest.mark.parametrize(
    ("start", "until", "is_shown"),
    [
        ("2026-11-18T11:06:39Z", "2026-11-18T11:06:41Z", True),
        ("2026-11-18T11:06:40Z", "", True),  # from its first second on
        ("2026-11-18T11:06:41Z", "", False),
        ("", "2026-11-18T11:06:40Z", False),  # not in its last
        ("", "2026-11-18T11:06:41Z", True),
        ("2026-11-18T12:06:41+01:00", "", False),
        ("2026-11-18T12:06:40+01:00", "", True),
    ],
)
def test_only_what_holds_now_is_shown(tmp_path: Path, start: str, until: str, is_shown: bool) -> None:
    lines = ["notices:", "- level: warn", "  text: Maintenance", *([f"  from: '{start}'"] if start else []), *([f"  until: '{until}'"] if until else [])]
    assert bool(shown(site(tmp_path, "\n".join(lines)))) == is_shown


def test_the_gravest_come_first_and_there_are_five_at_most(tmp_path: Path) -> None:
    levels = ["info", "bad", "info", "warn", "info", "info", "bad"]
    text = "notices:\n" + "".join(f"- {{level: {level}, text: n{place}}}\n" for place, level in enumerate(levels))
    assert shown(site(tmp_path, text)) == ["n1", "n6", "n3", "n0", "n2"]


def test_malformed_entries_are_left_out_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = (
        "notices:\n- {level: loud, text: a}\n- {level: info}\n- {level: info, text: good}\n- just text\n"
        "- {level: info, text: b, from: tomorrow}\n- {level: info, text: c, from: 2026-11-18T00:00:00Z, until: 2026-11-17T00:00:00Z}\n"
    )
    assert shown(site(tmp_path, text)) == ["good"]
    assert len([record for record in caplog.records if "left out" in record.getMessage()]) == 5


@pytest.mark.parametrize("text", ["notices: [", "- 1", "notices: 5", ""])
def test_a_broken_file_shows_nothing(tmp_path: Path, text: str) -> None:
    assert shown(site(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("content", "wanted", "said"),
    [
        ("plain", "fr", "plain"),
        ({"en": "down", "fr": "en panne"}, "fr", "en panne"),
        ({"en": "down", "fr": "en panne"}, "fr_CA", "en panne"),
        ({"en": "down", "fr": "en panne"}, "de", "down"),
        ({"fr": "en panne"}, "en", "en panne"),
    ],
)
def test_language(content: Any, wanted: str, said: str) -> None:
    assert notices.said(content, wanted) == said


def test_the_reader_s_language_is_taken(tmp_path: Path) -> None:
    app = Flask(__name__)
    Babel(app, locale_selector=lambda: "fr")
    sources = site(tmp_path, "notices:\n- {level: info, text: {en: down, fr: en panne}}\n")
    with app.test_request_context():
        assert shown(sources) == ["en panne"]


def test_text_stays_text_and_only_web_addresses_are_linked(tmp_path: Path) -> None:
    bad = "notices:\n- {level: info, text: '<b>x</b> [y](javascript:1)', url: '%s'}\n"
    for url, linked in (
        ("https://example.org/status", True), ("/nodes", True), ("javascript:alert(1)", False), ("//evil.example", False), ("data:text/html,x", False),
        ("/\t/evil.example", False), ("/\n/evil.example", False), (" https://example.org", False), ("/\\evil.example", False), ("JaVaScRiPt:1", False),
    ):  # fmt: skip
        (line,) = [_plain(one) for one in notices.draw(site(tmp_path, bad % url.replace("\n", "\n\n")), PUBLIC)]
        assert "evil" not in str(line) and "javascript:a" not in str(line)
        assert "<b>x</b> [y](javascript:1)" in text_of(line)
        assert (f'"href": "{url}"' in str(line).replace("'", '"')) == linked


def test_the_span_is_told_in_the_reader_s_zone(tmp_path: Path) -> None:
    (line,) = [_plain(one) for one in notices.draw(site(tmp_path, "notices:\n- {level: warn, text: Maintenance, until: 2026-11-19T08:00:00Z}\n"), PUBLIC)]
    assert "Maintenance · shown until 19 Nov 2026 08:00 UTC" in text_of(line)
    assert "'data-utc': '1795075200'" in str(line)  # date -u -d 2026-11-19T08:00Z +%s


def test_they_are_on_top_of_every_page_and_of_its_errors(make_app: Any, tmp_path: Path) -> None:
    file = tmp_path / "notices.yaml"
    file.write_text("notices:\n- {level: bad, text: The cooling is down}\n", encoding="utf-8")
    asker = Asker(make_app(overview={"notices_file": str(file)}), {})
    for path in ("/", "/staff", "/no/such/page"):
        assert "The cooling is down" in asker.layout(path).text, path
