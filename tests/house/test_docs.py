"""Documentation that cannot fall behind."""

from __future__ import annotations

from pathlib import Path

import core.settings
from core import hooks
from tools import settings_page

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_is_documented() -> None:
    """docs/settings.md is what `make docs` writes from the settings themselves."""
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == settings_page.page()


def test_every_setting_has_a_description() -> None:
    models = [
        value
        for value in vars(core.settings).values()
        if isinstance(value, type) and issubclass(value, core.settings.Part)
    ]
    poor = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description
        and not (isinstance(field.annotation, type) and issubclass(field.annotation, core.settings.Part))
    ]
    assert poor == []


def test_every_hook_is_documented() -> None:
    page = (ROOT / "docs/hooks.md").read_text(encoding="utf-8")
    assert [name for name in hooks.SPECS if f"`{name}" not in page] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 120
