"""Messages of the site, checked entry by entry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.hooks import load_hooks
from core.notices import checked_notices, moment
from core.settings import Settings

NOON = 1795348800  # 2026-11-22T12:00:00Z, by date -u -d


@pytest.mark.parametrize(
    "value", ["2026-11-22T12:00:00Z", "2026-11-22T12:00", "2026-11-22T13:00:00+01:00", datetime(2026, 11, 22, 12), datetime(2026, 11, 22, 12, tzinfo=UTC)]
)
def test_moments(value: object) -> None:
    assert moment(value) == NOON


def test_a_file_of_notices(tmp_path: Path) -> None:
    path = tmp_path / "notices.yaml"
    path.write_text(
        "notices:\n"
        "  - {level: warn, text: {en: Maintenance, fr: Entretien}, from: 2026-11-22T12:00:00Z, until: 2026-11-22T13:00:00Z, url: https://status.example.org}\n"
        "  - {level: info, text: Hello}\n"
        "  - {level: bad, text: Backwards, from: 2026-11-22, until: 2026-11-21}\n"
        "  - {level: bad, text: {en: ''}}\n"
        "  - {level: bad, text: When, from: tomorrow}\n",
        encoding="utf-8",
    )
    assert load_hooks(Settings(overview={"notices_file": path})).notices({"name": None}) == (
        {"level": "warn", "text": {"en": "Maintenance", "fr": "Entretien"}, "from": NOON, "until": NOON + 3600, "url": "https://status.example.org"},
        {"level": "info", "text": "Hello"},
    )


@pytest.mark.parametrize("found", [None, "text", {"level": "info", "text": "x"}, 5])
def test_what_is_no_list_gives_none(found: object) -> None:
    assert checked_notices(found) == ()


def test_a_text_that_would_fill_the_page_is_left_out() -> None:
    assert checked_notices([{"level": "info", "text": {"en": "x" * 2001}}, {"level": "info", "text": "x" * 2000}]) == ({"level": "info", "text": "x" * 2000},)
