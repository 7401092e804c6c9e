"""Hooks: a site's file replaces by name, mistakes stop the start, failures deny."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import SettingsError
from core.hooks import SPECS, Hooks, build_viewer, load_hooks, name_of
from core.settings import Settings, SignIn
from core.viewer import PUBLIC

NAMES = {
    "viewer_from_profile", "accounts_of", "coordinators_of", "person", "is_staff", "storage_allocations", "cloud_projects", "price_of", "notices",
}
PROFILE = {"method": "header", "login": "ada", "claims": {}}
FACTS = SimpleNamespace(accounts=("def-ada", "rrg-x"), coordinates=("rrg-x",), admin_level="none")


def hooks_of(tmp_path: Path, text: str) -> Hooks:
    path = tmp_path / "hooks.py"
    path.write_text(text, encoding="utf-8")
    return load_hooks(Settings(hooks_file=path))


def test_the_names_are_public_api() -> None:
    assert set(SPECS) == NAMES
    assert all(manual for _, manual in SPECS.values())


def test_defaults_need_nothing() -> None:
    hooks = load_hooks()
    viewer = build_viewer(hooks, Settings(), PROFILE, FACTS)
    assert (viewer.name, viewer.is_staff, viewer.is_admin) == ("ada", False, False)
    assert viewer.accounts == {"def-ada", "rrg-x"} and viewer.coordinates == {"rrg-x"} and viewer.cloud_projects == frozenset()
    assert hooks.person("ada") == "" and hooks.price_of("core", "", "a") is None
    assert hooks.notices({"name": None}) == () and hooks.storage_allocations("ada") == ()


def test_staff_by_slurm_by_settings_and_administrators() -> None:
    hooks, settings = load_hooks(), Settings(sign_in=SignIn(staff=("ada",), admins=("root2",)))
    assert build_viewer(hooks, settings, PROFILE, None).is_staff
    admin = build_viewer(hooks, settings, PROFILE | {"login": "root2"}, None)
    assert admin.is_admin and admin.is_staff
    operator = SimpleNamespace(accounts=(), coordinates=(), admin_level="operator")
    assert build_viewer(hooks, Settings(), PROFILE, operator).is_staff
    # names are exact: neither case nor a realm is forgiven
    for login in ("Ada", "ada@example.org", "ada "):
        assert not build_viewer(hooks, settings, PROFILE | {"login": login}, None).is_staff


def test_a_site_replaces_by_name_and_takes_fewer_arguments(tmp_path: Path) -> None:
    hooks = hooks_of(
        tmp_path,
        "import os\nfrom collections import OrderedDict\n_TEAM = {'ada'}\nLIMIT = 3\n"
        "def is_staff(name):\n    return name in _TEAM\n"
        "def person(**all):\n    return all['name'].title()\n"
        "def coordinators_of(account):\n    return ['ada'] if account == 'def-ada' else []\n"
        "def price_of(model):\n    return {'H100': 2.5}.get(model)\n"
        "def _helper():\n    pass\n",
    )
    viewer = build_viewer(hooks, Settings(), PROFILE, FACTS)
    assert viewer.is_staff and viewer.full_name == "Ada" and viewer.coordinates == {"def-ada"}
    assert hooks.price_of("gpu", "H100", "x") == 2.5 and hooks.price_of("gpu", "A100", "x") is None
    assert hooks.origin["is_staff"].endswith("hooks.py") and hooks.origin["notices"].endswith("site_hooks.py")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def is_stafff(name):\n    return True\n", ("is_stafff", "did you mean is_staff?")),
        ("def acounts_of(name):\n    return ()\n", ("acounts_of", "accounts_of")),
        ("def weather():\n    return 1\n", ("weather", "no hook", "notices")),
        ("is_staf = lambda name: True\n", ("is_staf",)),
        ("def is_staff(user):\n    return True\n", ("is_staff", "unknown argument user", "name, admin_level")),
        ("def is_staff(name, level, more):\n    return True\n", ("is_staff", "unknown argument level")),
        ("def is_staff(*names):\n    return True\n", ("is_staff", "unknown argument names")),
        ("is_staff = True\n", ("is_staff", "must be a plain function")),
        ("async def is_staff(name):\n    return True\n", ("is_staff", "must be a plain function")),
        ("def is_staff(name:\n", ("SyntaxError",)),
        ("import no_such_module_here\n", ("no_such_module_here",)),
    ],
)
def test_mistakes_stop_the_start(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as error:
        hooks_of(tmp_path, text)
    assert all(word in str(error.value) for word in (*words, "hooks.py"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_hooks(Settings(hooks_file=tmp_path / "absent.py"))
    with pytest.raises(SettingsError, match="must be a Python file"):
        load_hooks(Settings(hooks_file=tmp_path / "hooks.txt"))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_hook_that_raises_denies_and_is_logged(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    hooks = hooks_of(tmp_path, f"def {name}():\n    raise RuntimeError('directory is down')\n")
    operator = SimpleNamespace(accounts=("a",), coordinates=("a",), admin_level="operator")
    with caplog.at_level(logging.ERROR):
        viewer = build_viewer(hooks, Settings(), PROFILE, operator)
        assert hooks.notices({}) == () and hooks.storage_allocations("ada") == () and hooks.price_of("core", "", "") is None
    assert f"hook {name} failed" in caplog.text and "directory is down" in caplog.text
    if name == "viewer_from_profile":
        assert viewer is PUBLIC and name_of(hooks, PROFILE) is None
    else:
        assert viewer.name == "ada"
        assert viewer.is_staff == (name != "is_staff")
        assert viewer.accounts == (frozenset() if name == "accounts_of" else {"a"})
        assert viewer.coordinates == (frozenset() if name == "coordinators_of" else {"a"})


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("def viewer_from_profile(profile):\n    return 'ada'\n", None),
        ("def viewer_from_profile(profile):\n    return {'name': ''}\n", None),
        ("def viewer_from_profile(profile):\n    return {'name': 7}\n", None),
        ("def viewer_from_profile(profile):\n    return {'name': 'a/b'}\n", None),
        ("def viewer_from_profile(profile):\n    return {'name': 'ada', 'is_staff': 'no', 'is_admin': 1}\n", "ada"),
        ("def is_staff(name):\n    return 'no'\n", "ada"),
        ("def accounts_of(name):\n    return 'staff'\n", "ada"),
        ("def accounts_of(name):\n    return [None]\n", "ada"),
        ("def cloud_projects(name):\n    return None\n", "ada"),
    ],
)
def test_nonsense_gives_nothing(tmp_path: Path, text: str, allowed: str | None) -> None:
    viewer = build_viewer(hooks_of(tmp_path, text), Settings(), PROFILE, None)
    assert viewer.name == allowed
    assert not viewer.is_staff and not viewer.is_admin and not viewer.accounts and not viewer.cloud_projects


@pytest.mark.parametrize("price", ["float('nan')", "-1", "'3'", "True", "float('inf')"])
def test_a_price_is_a_number(tmp_path: Path, price: str) -> None:
    assert hooks_of(tmp_path, f"def price_of():\n    return {price}\n").price_of("core", "", "") is None


def test_notices_without_a_text_are_left_out(tmp_path: Path) -> None:
    hooks = hooks_of(tmp_path, "def notices():\n    return [{'level': 'warn', 'text': 'Sunday'}, {'level': 'loud', 'text': 'x'}, {'text': 'y'}, 5]\n")
    assert hooks.notices({}) == ({"level": "warn", "text": "Sunday"},)
