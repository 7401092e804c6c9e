"""The rules of the house that a machine can hold."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("core", "datasources", "analysis", "components", "pages")
SOURCES = [path for layer in (*LAYERS, "demo") for path in sorted((ROOT / layer).rglob("*.py"))]
SOURCES += [path for path in (ROOT / "app.py", ROOT / "site_hooks.py") if path.exists()]
WEB = {"flask", "dash", "plotly", "flask_babel", "dash_bootstrap_components"}


def _imports(path: Path, *, at_run_time: bool = True) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        child
        for node in ast.walk(tree)
        if at_run_time and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def _layer(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if _layer(path) in LAYERS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_point_downwards(path: Path) -> None:
    """app → pages → components → analysis → datasources → core, and nobody imports the demo."""
    own = LAYERS.index(_layer(path))
    above = set(LAYERS[own + 1 :]) | {"app", "demo", "tests", "benchmarks"}
    assert not _imports(path) & above


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if _layer(path) in ("core", "datasources", "analysis")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_lower_layers_know_no_web_library(path: Path) -> None:
    assert not _imports(path, at_run_time=False) & WEB


def test_only_the_demo_command_imports_the_demo() -> None:
    assert "demo" not in {
        name for path in SOURCES if _layer(path) in LAYERS for name in _imports(path, at_run_time=False)
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_is_longer_than_sixty_lines(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in functions
        if node.end_lineno - node.lineno + 1 > 60
    ] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_are_annotated_and_described(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    poor = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if (
                not ast.get_docstring(node)
                or node.returns is None
                or any(argument.annotation is None for argument in arguments)
            ):
                poor.append(node.name)
    assert poor == []


def test_importing_a_module_starts_nothing() -> None:
    """Every module of the lower layers and the pages imports in a bare process without opening a file or a socket."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
        if _layer(path) in LAYERS
    ]
    code = (
        "import sys, threading, importlib\n"
        "import socket\n"
        "def refuse(*a, **k): raise RuntimeError('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        f"[importlib.import_module(name) for name in {names!r}]\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "import dash\n"
        "assert not dash.page_registry, 'a page registered itself'\n"
    )
    done = subprocess.run(
        [".venv/bin/python" if (ROOT / ".venv").exists() else "python3", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_nothing_is_loaded_from_elsewhere() -> None:
    """No CDN: neither in our files nor in what we write into pages."""
    elsewhere = re.compile(r"https?://(?:cdn\.|cdnjs|unpkg|[a-z.]*jsdelivr|fonts\.g)")
    files = [*SOURCES, *(ROOT / "assets").rglob("*.js"), *(ROOT / "assets").rglob("*.css")]
    assert [str(path.relative_to(ROOT)) for path in files if elsewhere.search(path.read_text(encoding="utf-8"))] == []


def test_the_repository_names_no_machine_and_holds_no_secret() -> None:
    """Paths of a person's machine, private keys and addresses of package mirrors stay out."""
    bad = re.compile(
        r"/(?:home|root|work)/(?!alice|bob)[a-z]|BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY|--index-url|extra-index"
    )
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    texts = [
        ROOT / name
        for name in tracked
        if not name.endswith((".gz", ".png", ".woff2", ".br", ".ico")) and name != "tests/house/test_architecture.py"
    ]
    # paths such as /home/mira are part of the simulated cluster's job scripts
    texts = [path for path in texts if path.exists() and not {"demo", "data"} & set(path.relative_to(ROOT).parts)]
    assert [str(path.relative_to(ROOT)) for path in texts if bad.search(path.read_text(encoding="utf-8"))] == []
