"""What is shipped: every package and the data it reads, and a server that keeps connections as long as tabs need them."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
SHIPPED = ("core", "datasources", "analysis", "components", "pages", "demo", "migrations", "assets", "locales")
CODE = [top for top in SHIPPED if list((ROOT / top).rglob("*.py"))]
REFRESH = 30  # seconds between two questions of an open tab


def test_every_folder_of_code_is_a_package() -> None:
    """A folder that is not listed is missing in an installed portal only."""
    folders = {path.parent.relative_to(ROOT) for top in CODE for path in (ROOT / top).rglob("*.py")}
    assert {".".join(folder.parts) for folder in folders} == set(SETUP["packages"]) - (set(SHIPPED) - set(CODE))
    assert set(SHIPPED) <= set(SETUP["packages"])
    assert len(SETUP["packages"]) == len(set(SETUP["packages"]))


def test_every_file_the_code_reads_beside_it_is_shipped() -> None:
    data = [path.relative_to(ROOT) for top in SHIPPED for path in (ROOT / top).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert data
    patterns = [f"{package.replace('.', '/')}/{pattern.replace('**/', '')}" for package, found in SETUP["package-data"].items() for pattern in found]
    for path in data:
        assert any(fnmatch(str(path), pattern) for pattern in patterns), path


@pytest.mark.parametrize("place", ["app.py", "demo/main.py", "deploy/turtle.service", "docs/install.md"])
def test_the_server_keeps_connections_longer_than_tabs_are_silent(place: str) -> None:
    """A connection the server closes just as a question arrives on it costs the answer, and no client may ask such a question twice."""
    found = [int(number) for number in re.findall(r'--keep-alive[\s",]+(\d+)', (ROOT / place).read_text(encoding="utf-8"))]
    assert found
    assert min(found) > REFRESH
