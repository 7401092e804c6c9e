"""The YAML files a site may keep instead of hooks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.hooks import given_storage, load_hooks
from core.notices import checked_notices
from core.settings import Settings
from core.site_files import allocations, amount, check_allocations, check_notices, check_projects, notices_of, read_yaml

ALLOCATIONS = """
people:
  default: {home: {size: 50 GiB, files: 500000}, scratch: {size: 20 TB}}
  chen: {id: 1003, home: {size: 60 GiB}}
groups:
  def-curie: {id: 7001, accounts: [def-curie_cpu, def-curie_gpu], title: Curie's group, project: {size: 10 TiB, files: 5000000}}
  chen-own: {id: 1003, members: [chen], personal: true, project: {size: 1.5 TiB}}
  rrg-x: {accounts: [rrg-x_cpu], project: {size: 7}, nearline: {size: 100 TB}}
"""
GIB, TIB = 1024**3, 1024**4


def written(folder: Path, text: str, name: str = "file.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def hooks_with(path: Path):
    return load_hooks(Settings(storage={"allocations_file": path}, cloud={"projects_file": path}))


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [("50 GiB", 50 * GIB), ("1.5 TB", 1.5e12), ("7", 7), (7, 7), (0, 0), ("2kib", 2048), ("3 PB", 3e15), ("1 EiB", 1024**6), ("9 B", 9)],
)
def test_amounts(value: object, bytes_: float) -> None:
    assert amount(value, "here") == bytes_


@pytest.mark.parametrize("value", ["50 GiBs", "-1", -1, "", None, True, "1,5 TB", "GiB", [1]])
def test_what_is_no_amount_says_where(value: object) -> None:
    with pytest.raises(SettingsError, match="people.chen.home.size"):
        amount(value, "f.yaml: people.chen.home.size")


def test_a_person_has_the_defaults_and_what_is_said_of_them(tmp_path: Path) -> None:
    hooks = hooks_with(written(tmp_path, ALLOCATIONS))
    assert hooks.storage_allocations("ada") == (
        {"kind": "home", "name": "ada", "bytes": 50 * GIB, "files": 500000}, {"kind": "scratch", "name": "ada", "bytes": 2e13},
    )  # fmt: skip
    assert hooks.storage_allocations("chen") == (
        {"kind": "home", "name": "chen", "bytes": 60 * GIB, "id": 1003}, {"kind": "scratch", "name": "chen", "bytes": 2e13, "id": 1003},
        {"kind": "project", "name": "chen-own", "bytes": 1.5 * TIB, "id": 1003, "personal": True, "members": ["chen"]},
    )  # fmt: skip


def test_a_group_is_its_accounts(tmp_path: Path) -> None:
    hooks = hooks_with(written(tmp_path, ALLOCATIONS))
    found = hooks.storage_allocations("mira", ("def-curie_gpu", "rrg-x"))
    assert [one for one in found if one["name"] != "mira"] == [
        {
            "kind": "project", "name": "def-curie", "bytes": 10 * TIB, "files": 5000000, "id": 7001, "title": "Curie's group",
            "accounts": ["def-curie_cpu", "def-curie_gpu"],
        }
    ]


def test_a_broken_file_is_told_from_one_that_gives_nothing(tmp_path: Path) -> None:
    assert given_storage(load_hooks(Settings()), "ada") == ((), True)
    assert given_storage(hooks_with(written(tmp_path, "people: {}")), "ada") == ((), True)
    for text in ("people: [", "people: {ada: {home: {size: much}}}", "groups: {g: {members: ada}}"):
        assert given_storage(hooks_with(written(tmp_path, text)), "ada") == ((), False)
    assert given_storage(hooks_with(tmp_path / "absent.yaml"), "ada") == ((), False)


def test_a_person_called_default_is_nobody(tmp_path: Path) -> None:
    assert hooks_with(written(tmp_path, ALLOCATIONS)).storage_allocations("default") == ()


def test_cloud_projects_by_exact_members(tmp_path: Path) -> None:
    hooks = hooks_with(written(tmp_path, "projects:\n  p1: {members: [ada, chen]}\n  p2: {members: [adam]}\n  p3: {}\n"))
    assert hooks.cloud_projects("ada") == ("p1",) and hooks.cloud_projects("ad") == ()


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, "projects:\n  p1: {members: [ada]}\n")
    hooks = hooks_with(path)
    assert hooks.cloud_projects("ada") == ("p1",)
    written(tmp_path, "projects:\n  p2: {members: [ada]}\n")
    os.utime(path, ns=(1, 1))
    assert hooks.cloud_projects("ada") == ("p2",)


def test_no_file_gives_nothing() -> None:
    hooks = load_hooks(Settings())
    assert hooks.storage_allocations("ada") == () and hooks.cloud_projects("ada") == () and hooks.notices({"name": None}) == ()


def test_a_broken_file_denies_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, "projects:\n  p1: [\n")
    assert hooks_with(path).cloud_projects("ada") == ()
    assert "not valid YAML" in caplog.text
    with pytest.raises(SettingsError, match=r"file.yaml, line 3: not valid YAML"):
        read_yaml(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_yaml(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("people: [a]", "people must be a table"), ("people: {ada: 3}", "ada must be a table"), ("groups: {g: {members: ada}}", "groups.g.members must be a list"),
        ("groups: {g: {id: x, project: {size: 1}}}", "groups.g.id must be a number"), ("people: {ada: {home: {size: much}}}", "people.ada.home.size"),
        ("people: {default: {home: {size: much}}}", "people.default.home.size"), ("people: {default: {home: {size: much}}, ada: {}}", "people.default.home.size"),
        ("peple: {}", "unknown key peple"), ("- a", "a table is expected"),
    ],
)  # fmt: skip
def test_check_finds_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_allocations(written(tmp_path, text))


def test_a_mistake_in_the_defaults_is_named_where_it_stands(tmp_path: Path) -> None:
    path = written(tmp_path, "people: {default: {home: {size: much}}, ada: {home: {size: 1 GiB}}}")
    assert allocations(path, "ada", ()) == [{"kind": "home", "name": "ada", "bytes": GIB}]
    with pytest.raises(SettingsError, match="people.default.home.size"):
        allocations(path, "zoe", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("notices: [{level: loud, text: a}]", "entry 1: level is one of"), ("notices: [{level: info, text: a}, {level: info}]", "entry 2: text"),
        ("notices: 5", "must be a list"), ("notice: []", "unknown key notice"),
        ("notices: [{level: info, text: a, from: 2026-02-02, until: 2026-02-01}]", "entry 1: until"),
    ],
)  # fmt: skip
def test_check_finds_what_is_wrong_with_notices(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_notices(written(tmp_path, text))
    assert check_notices(written(tmp_path, "notices: [{level: info, text: a}, {level: bad, text: b}]", "good.yaml")) == 2


def test_check_counts(tmp_path: Path) -> None:
    assert check_allocations(written(tmp_path, ALLOCATIONS)) == 5
    assert check_projects(written(tmp_path, "projects: {a: {members: []}, b: {}}", "p.yaml")) == 2
    with pytest.raises(SettingsError, match="projects.a.members must be a list"):
        check_projects(written(tmp_path, "projects: {a: {members: ada}}", "q.yaml"))


@pytest.mark.parametrize(
    "text",
    ["a: 2026-02-30", "a: !!int x", "a: !!bool x", "a: !!timestamp x", f"a: {'[' * 3000}{']' * 3000}", "? [a]\n: b", "a: !!python/name:os.system x"],
)
def test_a_value_that_cannot_be_is_a_mistake_of_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="file.yaml"):
        read_yaml(written(tmp_path, text))


def test_anchors_of_anchors_are_never_written_out(tmp_path: Path) -> None:
    """A few lines that would be 10⁹ texts: read as they are, and told in a short sentence."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))]
    bomb = "\n".join(lines)
    path = written(tmp_path, f"{bomb}\npeople: {{ada: {{home: {{size: *a8}}}}}}\n")
    with pytest.raises(SettingsError, match="people.ada.home.size") as told:
        allocations(path, "ada", ())
    assert len(str(told.value)) < 500
    notices = tmp_path / "notices.yaml"
    notices.write_text(f"{bomb}\nnotices: [{{level: info, text: x, from: *a8}}, {{level: info, text: *a8}}, {{level: *a8, text: x}}]\n")
    assert checked_notices(notices_of(notices)) == ()


def test_a_file_too_large_and_what_is_no_file_are_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a: 1")
    with path.open("r+b") as large:
        large.truncate(17 * 1024**2)
    for one in (path, tmp_path):
        with pytest.raises(SettingsError, match="not a file of at most 16 MiB"):
            read_yaml(one)


@pytest.mark.parametrize("name", ["0123", "no", "2026-01-01", "1_000", "~"])
def test_a_project_whose_name_yaml_takes_for_something_else_opens_nothing(tmp_path: Path, name: str) -> None:
    """0123 is 83 to YAML, which may be another project."""
    path = written(tmp_path, f"projects: {{{name}: {{members: [ada]}}}}")
    assert hooks_with(path).cloud_projects("ada") == ()
    with pytest.raises(SettingsError, match="must be in quotes"):
        check_projects(path)
    assert hooks_with(written(tmp_path, f"projects: {{'{name}': {{members: [ada]}}}}")).cloud_projects("ada") == (name,)
