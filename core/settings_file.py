"""Reading the settings: one TOML file and the environment, validated; an unknown key or a bad value stops the start."""

from __future__ import annotations

import os
import tomllib
import types
import typing
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, SecretStr, ValidationError

from core.errors import SettingsError
from core.gpus import DEFAULT_GPUS
from core.settings import EXPORTERS, MODULES, Settings

SECRETS = ("secret_key", "secret", "password", "bearer_token")  # each may come from a <name>_file


def _merge(base: dict, over: dict) -> dict:
    for key, value in over.items():
        base[key] = _merge(base.get(key, {}), value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return base


def _environment(env: dict[str, str]) -> dict:
    """TURTLE_PROMETHEUS__URL=… becomes {"prometheus": {"url": …}}; values of other kinds than text are TOML where they parse."""
    found: dict = {}
    for name, text in env.items():
        if not name.startswith("TURTLE_") or name == "TURTLE_CONFIG":
            continue
        path = name.removeprefix("TURTLE_").lower().split("__")
        value: object = text
        # a password or a tenant of digits is a text all the same
        if not _is_text(_annotation(tuple(path))):
            try:
                value = tomllib.loads(f"v = {text}")["v"]
            except tomllib.TOMLDecodeError:
                value = text
        for key in reversed(path):
            value = {key: value}
        _merge(found, value)
    return found


def _annotation(path: tuple) -> object:
    """The type a key path of the file has; None where there is no such key."""
    kind: object = Settings
    for part in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            kind = field.annotation if field else None
        else:  # a table's or a list's entry
            inner = typing.get_args(kind)
            kind = inner[-1 if typing.get_origin(kind) is dict else 0] if inner else None
    return kind


def _description(path: tuple) -> str:
    """What the documentation says of the setting a path leads to or through, "" for none: it says what is allowed."""
    said = ""
    for depth, part in enumerate(path):
        parent = _annotation(path[:depth])
        if isinstance(parent, type) and issubclass(parent, BaseModel) and str(part) in parent.model_fields:
            said = parent.model_fields[str(part)].description or ""
    return said


def _is_text(kind: object) -> bool:
    if isinstance(kind, types.UnionType):
        return any(_is_text(part) for part in typing.get_args(kind))
    return kind in (str, SecretStr, Path) or typing.get_origin(kind) is Literal


def _with_defaults(data: dict) -> dict:
    """Maps a site adds to (GPU models, exporters, modules) keep the entries it does not name."""
    defaults = {
        "gpus": {key: model.model_dump() for key, model in DEFAULT_GPUS.items()},
        "modules": {name: True for name in MODULES},
    }
    exporters = {key: value.model_dump() for key, value in EXPORTERS.items()}
    if isinstance(data.get("metrics"), dict) and isinstance(data["metrics"].get("exporters"), dict):
        data["metrics"]["exporters"] = _merge(exporters, data["metrics"]["exporters"])
    for key, value in defaults.items():
        if isinstance(data.get(key), dict):
            data[key] = _merge(value, data[key])
    modules = data.get("modules", {})
    unknown = set(modules) - set(MODULES) if isinstance(modules, dict) else set()
    if unknown:
        raise SettingsError(f"modules: unknown module {sorted(unknown)[0]!r}; there are: {', '.join(MODULES)}")
    return data


def _secrets_from_files(data: dict, where: str, above: str = "") -> dict:
    for name, table in data.items():
        if not isinstance(table, dict):
            continue
        _secrets_from_files(table, where, f"{above}{name}.")
        for key in [key for key in table if key.endswith("_file") and key.removesuffix("_file") in SECRETS]:
            path = Path(str(table[key]))
            try:
                table[key.removesuffix("_file")] = path.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{where}: {above}{name}.{key} = {path}: cannot be read ({error.strerror})") from None
            except UnicodeDecodeError:
                raise SettingsError(f"{where}: {above}{name}.{key} = {path}: not UTF-8 text") from None
    return data


def _sentence(error: ValidationError, where: str, env: dict[str, str]) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        variable = "TURTLE_" + "__".join(str(part) for part in problem["loc"]).upper()
        place = f"environment {variable}" if variable in env else where
        if problem["type"] == "extra_forbidden":
            allowed = _annotation(problem["loc"][:-1])
            names = sorted(allowed.model_fields) if isinstance(allowed, type) and issubclass(allowed, BaseModel) else []
            lines.append(f"{place}: unknown key {key}; allowed here: {', '.join(names) or 'none'}")
        else:
            wanted = _description(problem["loc"])
            lines.append(f"{place}: {key}: {problem['msg'].removeprefix('Value error, ')}" + (f" ({wanted})" if wanted else ""))
    return "\n".join(lines)


def load(path: Path | None = None, env: dict[str, str] | None = None) -> Settings:
    """The settings of a TOML file and the environment; raises SettingsError that names file, key and what is allowed."""
    env = dict(os.environ) if env is None else env
    path = path or (Path(env["TURTLE_CONFIG"]) if env.get("TURTLE_CONFIG") else None)
    where = str(path) if path else "environment"
    data: dict = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{where}: cannot be read ({error.strerror})") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{where}: not valid TOML: {error}") from None
    data = _secrets_from_files(_with_defaults(_merge(data, _environment(env))), where)
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise SettingsError(_sentence(error, where, env)) from None
