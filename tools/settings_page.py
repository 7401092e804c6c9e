"""Writes docs/settings.md from the settings' own descriptions: `python -m tools.settings_page [--check]`."""

from __future__ import annotations

import sys
import types
import typing
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from core.settings import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
HEAD = """# Settings

One TOML file, named by `--config` or `TURTLE_CONFIG`, and the environment: `TURTLE_PROMETHEUS__URL` sets `url` in
`[prometheus]`. The environment wins. An unknown key or a bad value stops the start and says what is allowed. Secrets come from
the environment or from the file a `…_file` key names, and are never logged. `deploy/turtle.example.toml` is a file to begin with.

This page is written by `make docs` from the settings' own descriptions; a test holds it to them.
"""


def _kind(annotation: object) -> str:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return " or ".join(_kind(part) for part in typing.get_args(annotation) if part is not type(None))
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(inner[0])
    if origin is typing.Literal:
        return " \\| ".join(f"`{value}`" for value in inner)
    if origin is tuple:
        return f"list of {_kind(inner[0])}"
    if origin is dict:
        return f"table of {_kind(inner[1])}"
    if annotation is SecretStr:
        return "secret text"
    names = {str: "text", int: "number", float: "number", bool: "true or false", Path: "path"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, SecretStr) or value in (None, "", (), {}):
        return ""
    if isinstance(value, dict) and any(isinstance(part, BaseModel) for part in value.values()):
        return "the known ones"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def _rows(model: type[BaseModel]) -> list[str]:
    lines = ["", "| key | kind | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        meaning = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{name}` | {_kind(field.annotation)} | {_default(field.default)} | {meaning} |")
    return lines


def page() -> str:
    """The text of docs/settings.md."""
    lines, plain = [HEAD], []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            lines += [f"## `[{name}]`", "", (kind.__doc__ or "").strip(), *_rows(kind), ""]
            for key, inner in kind.model_fields.items():
                part = next(
                    (
                        arg
                        for arg in typing.get_args(inner.annotation)
                        if isinstance(arg, type) and issubclass(arg, BaseModel)
                    ),
                    None,
                )
                if part:
                    lines += [f"### `[{name}.{key}]`, each", "", (part.__doc__ or "").strip(), *_rows(part), ""]
        else:
            plain.append((name, field))
    lines.append("## Further keys\n")
    for name, field in plain:
        part = next(
            (arg for arg in typing.get_args(field.annotation) if isinstance(arg, type) and issubclass(arg, BaseModel)),
            None,
        )
        lines += [
            f"### `{name}`",
            "",
            f"{field.description} ({_kind(field.annotation)}; default: {_default(field.default) or 'none'})",
        ]
        lines += [*(_rows(part) if part else []), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write the page, or with --check say whether it is what would be written (exit status 1 if not)."""
    text = page()
    if "--check" in sys.argv:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
