"""Links, images, settings and commands that the documentation names exist."""

from __future__ import annotations

import re
import tomllib
import typing
from pathlib import Path
from urllib.parse import unquote

import pytest
from pydantic import BaseModel

import app
from core import viewer
from core.settings import Settings
from datasources.prometheus.all_batches import all_batches
from demo.plan_personas import ACTS
from pages.registry import all_pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# `[table] key` and `[table.sub] key`, as the pages write settings
SETTING = re.compile(r"`\[([a-z_]+(?:\.[a-z_]+)*)\] ([a-z_]+)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
IMAGES = {
    "job.png", "jobs.png", "status.png", "job-dark.png", "user.png", "top.png", "top-lustre.png", "top-waste.png", "scheduling.png",
    "account.png", "nodes.png", "node.png", "search.png", "software.png", "cloud.png",
    "filesystems.png", "logins.png", "quotas.png", "scheduler.png",
}  # fmt: skip


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """The ids a Markdown viewer gives the headings: lower case, no punctuation, hyphens for spaces."""
    heads = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def _inner(annotation: object) -> object:
    """What a table or a list holds; the annotation itself for anything else."""
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    return arguments[1] if origin is dict else arguments[0] if origin is tuple else annotation


def _is_setting(table: str, key: str) -> bool:
    model: object = Settings
    for part in table.split("."):
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or part not in model.model_fields:
            return False
        model = _inner(model.model_fields[part].annotation)
    return isinstance(model, type) and issubclass(model, BaseModel) and key in model.model_fields


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_images_lead_somewhere(page: Path) -> None:
    """Relative ones resolve to a file of the project, with their anchor if they name one."""
    broken = []
    for target in LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _hash, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_file() or ROOT not in file.parents or anchor and anchor not in _anchors(file):
            broken.append(target)
    assert broken == []


def test_images_are_pictures_of_pages() -> None:
    named = {Path(target).name for page in PAGES for target in LINK.findall(_prose(page)) if target.endswith(".png")}
    assert named == IMAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_are_named_exist(page: Path) -> None:
    named = SETTING.findall(page.read_text(encoding="utf-8"))
    assert [f"[{table}] {key}" for table, key in named if not _is_setting(table, key)] == []


def test_settings_are_recognised() -> None:
    """The check above is able to fail."""
    assert _is_setting("slurm", "url") and _is_setting("metrics.exporters", "installed")
    assert (
        not _is_setting("slurm", "timeout") and not _is_setting("slum", "url") and not _is_setting("slurm.url", "url")
    )


def test_every_page_is_listed_for_its_readers() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    assert [
        page.name
        for page in PAGES
        if page.parent.name == "docs" and page.name != "README.md" and f"({page.name})" not in index
    ] == []


def test_every_chart_is_described() -> None:
    """Each chart of the job pages stands in docs/jobstats.md by its title."""
    page = (ROOT / "docs/jobstats.md").read_text(encoding="utf-8")
    titles = {
        panel.title
        for one in all_pages()
        if one.module == "jobstats"
        for section in one.sections
        for panel in section.panels
    }
    assert sorted(title for title in titles if title.lower() not in page.lower()) == []


def test_query_parameters_are_described() -> None:
    page = (ROOT / "docs/jobstats.md").read_text(encoding="utf-8")
    names = {name for one in all_pages() if one.module == "jobstats" for name in one.filters}
    assert sorted(name for name in names if f"`{name}" not in page and f"?{name}=" not in page) == []


def test_every_command_is_described() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    choices = next(action.choices for action in app.arguments()._actions if action.dest == "command")
    assert [name for name in choices if f"### `app.py {name}`" not in page] == []


def test_exporters_and_rules_are_described() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rules = re.findall(r"record: (\S+)", (ROOT / "deploy/recording_rules.yml").read_text(encoding="utf-8"))
    assert rules
    exporters = {batch.exporter for batch in all_batches(Settings())}
    assert [name for name in [*rules, *sorted(exporters)] if f"`{name}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_settings_are_valid(page: Path) -> None:
    """Every TOML block is a settings file the portal would take."""
    for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        Settings.model_validate(tomllib.loads(block))


def test_the_example_file_is_valid() -> None:
    Settings.model_validate(tomllib.loads((ROOT / "deploy/turtle.example.toml").read_text(encoding="utf-8")))


def test_every_access_rule_is_described() -> None:
    page = (ROOT / "docs/access.md").read_text(encoding="utf-8")
    rules = [value.key for value in vars(viewer).values() if isinstance(value, viewer.Access)]
    assert len(rules) > 3
    assert [key for key in rules if f"| `{key}` |" not in page] == []


def test_the_personas_of_the_demo_are_described() -> None:
    page = (ROOT / "docs/demo.md").read_text(encoding="utf-8")
    assert [act.person for act in ACTS if f"| `{act.person}` | `{act.name}`:" not in page] == []
