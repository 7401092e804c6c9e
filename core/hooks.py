"""Hooks: the few questions only a site can answer. Each is a function of site_hooks.py that the site's own file may replace.

The methods of `Hooks` are the specification and the manual: names, arguments, meaning of the answer. A site's function
takes any of the arguments, by their names. Hooks get and give plain data, so they outlive changes of the portal.
A hook that raises or answers nonsense is logged, and the answer is the safe one: no access, or nothing to show.
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Protocol

from core.errors import SettingsError
from core.notices import checked_notices
from core.settings import Settings
from core.viewer import PUBLIC, Viewer

log = logging.getLogger(__name__)
DEFAULTS = Path(__file__).resolve().parents[1] / "site_hooks.py"
_LOGIN = re.compile(r"[^\x00-\x20/]{1,128}")


class Facts(Protocol):
    """What the accounting database says of a person."""

    accounts: Iterable[str]
    coordinates: Iterable[str]
    admin_level: str


class Hooks:
    """The site's answers, each checked; made by load_hooks()."""

    def __init__(
        self, functions: Mapping[str, Callable[..., object]], origin: Mapping[str, str] | None = None, files: Mapping[str, Path | None] | None = None
    ) -> None:
        self._functions = dict(functions)
        self._files = dict(files or {})  # hook name → the file of the settings that its default reads
        self.origin = dict(origin or {})  # hook name → file it comes from, for `check` and the administration page

    def viewer_from_profile(self, profile: dict) -> dict | None:
        """Who signed in. `profile`: {"method": "header" | "personas" | "oidc", "login": …, "claims": {…}}.

        Answer {"name": the login in Slurm, and if known "full_name", "is_staff", "is_admin"}, or None to refuse.
        The name must be exactly Slurm's; without one nobody is signed in.
        """
        found = self._ask("viewer_from_profile", {"profile": dict(profile)}, None)
        name = found.get("name") if isinstance(found, Mapping) else None
        if not isinstance(name, str) or not _LOGIN.fullmatch(name):
            if found is not None:
                log.error("hook viewer_from_profile: no usable name in its answer; access denied")
            return None
        full = found.get("full_name")
        # only True counts: a text such as "no" must not make anybody staff
        return {
            "name": name, "full_name": full if isinstance(full, str) else "",
            "is_staff": found.get("is_staff") is True, "is_admin": found.get("is_admin") is True,
        }

    def accounts_of(self, name: str, slurm_accounts: tuple[str, ...]) -> tuple[str, ...]:
        """Accounts whose figures this person may see. `slurm_accounts`: those with an undeleted association in Slurm.

        Account names exactly as in Slurm. Denied if it fails: no account.
        """
        return _names("accounts_of", self._ask("accounts_of", {"name": name, "slurm_accounts": tuple(slurm_accounts)}, ()))

    def coordinators_of(self, account: str, slurm_coordinators: tuple[str, ...]) -> tuple[str, ...]:
        """Logins of those who answer for an account: they see its members by name.

        `slurm_coordinators`: Slurm's coordinators of it or of an account above it, as far as they were asked about.
        A site adds its principal investigators here. Denied if it fails: nobody.
        """
        arguments = {"account": account, "slurm_coordinators": tuple(slurm_coordinators)}
        return _names("coordinators_of", self._ask("coordinators_of", arguments, ()))

    def is_staff(self, name: str, admin_level: str) -> bool:
        """True for people who may see everybody's jobs. `admin_level`: Slurm's "none", "operator" or "administrator".

        Logins in the setting sign_in.staff are staff without being asked about. Denied if it fails.
        """
        return self._ask("is_staff", {"name": name, "admin_level": admin_level}, False) is True

    def cloud_projects(self, name: str, file: Path | None = None) -> tuple[str, ...]:
        """Names of the OpenStack projects of a person. Denied if it fails: none.

        `file`: the setting cloud.projects_file, which the default reads.
        """
        return self._projects(name, file)[0]

    def _projects(self, name: str, file: Path | None) -> tuple[tuple[str, ...], bool]:
        found = self._ask("cloud_projects", {"name": name, "file": self._file("cloud_projects", file)}, None)
        good = _names("cloud_projects", found) if found is not None else ()
        return good, isinstance(found, (list, tuple, set, frozenset)) and bool(good) == bool(found)

    def person(self, name: str) -> str:
        """The full name of a login, "" if not known. Asked often: keep it quick."""
        found = self._ask("person", {"name": name}, "")
        return found if isinstance(found, str) else ""

    def storage_allocations(self, name: str, accounts: tuple[str, ...] = (), file: Path | None = None) -> tuple[dict, ...]:
        """Storage a person or their groups were given. `accounts`: the person's, in Slurm.

        A list of {"kind": an area of the settings, "name": login, account or group, "bytes": n, "files": n}, and where known "id":
        the uid or gid (GPFS and Robinhood know numbers only), "personal": True for a group of one person, "title": what people call it,
        "accounts": the accounts in Slurm that share a group's storage (who coordinates all of them reads its members by name), "members": logins.
        `file`: the setting storage.allocations_file, which the default reads.
        """
        return self._storage(name, tuple(accounts), file)[0]

    def _storage(self, name: str, accounts: tuple[str, ...], file: Path | None) -> tuple[tuple[dict, ...], bool]:
        asked = {"name": name, "accounts": accounts, "file": self._file("storage_allocations", file)}
        found = self._ask("storage_allocations", asked, None)
        good = _dicts("storage_allocations", found, ("name", "kind")) if found is not None else ()
        return good, isinstance(found, (list, tuple)) and len(good) == len(found)

    def price_of(self, resource: str, model: str, account: str) -> float | None:
        """The price of one hour of a core ("core") or of a GPU ("gpu", with its `model`) for an account; None: as in the settings."""
        found = self._ask("price_of", {"resource": resource, "model": model, "account": account}, None)
        if isinstance(found, (int, float)) and not isinstance(found, bool) and math.isfinite(found) and found >= 0:
            return float(found)
        if found is not None:
            log.error("hook price_of: not a price: %r", found)
        return None

    def notices(self, viewer: dict, file: Path | None = None) -> tuple[dict, ...]:
        """Messages on top of every page, such as a planned outage.

        `viewer`: {"name": login or None, "is_staff": bool, "accounts": […]}. A list of {"level": "info" | "warn" | "bad",
        "text": plain text, or one for each language: {"en": …, "fr": …}, and if wanted "from" and "until": when it is shown
        (ISO 8601, UTC where no zone is said), "url": https://…}. `file`: the setting overview.notices_file, which the default reads.
        """
        return self._notices(viewer, file)[0]

    def _notices(self, viewer: dict, file: Path | None) -> tuple[tuple[dict, ...], bool]:
        found = self._ask("notices", {"viewer": dict(viewer), "file": self._file("notices", file)}, None)
        good = checked_notices(found) if found is not None else ()
        return good, isinstance(found, (list, tuple)) and len(good) == len(found)

    def _file(self, hook: str, given: Path | None) -> Path | None:
        return given if given is not None else self._files.get(hook)

    def _ask(self, name: str, arguments: dict[str, object], safe: object) -> object:
        function = self._functions[name]
        try:
            return function(**{key: arguments[key] for key in _wanted(function, arguments)})
        except SettingsError as error:
            # a file that the default reads: the text names file and line
            log.error("hook %s failed; the answer is %r: %s", name, safe, error.detail)
            return safe
        except Exception:
            log.exception("hook %s failed; the answer is %r", name, safe)
            return safe


def given_storage(hooks: Hooks, name: str, accounts: tuple[str, ...] = ()) -> tuple[tuple[dict, ...], bool]:
    """(what Hooks.storage_allocations answers, whether that is all): False where the hook failed, or an entry of its answer was nonsense.

    Without limits nobody is over one, and without groups nobody is in one: whoever shows it has to say so.
    """
    return hooks._storage(name, tuple(accounts), None)


def projects_told(hooks: Hooks, name: str) -> bool:
    """False where the hook cloud_projects failed or answered nonsense: then nobody knows of which projects the person is a member."""
    return hooks._projects(name, None)[1]


def notices_told(hooks: Hooks, viewer: dict) -> tuple[tuple[dict, ...], bool]:
    """(what Hooks.notices answers, whether that is all): False where the hook failed, or an entry of its answer was nonsense."""
    return hooks._notices(viewer, None)


# name → (arguments, manual)
SPECS: dict[str, tuple[tuple[str, ...], str]] = {
    name: (tuple(inspect.signature(method).parameters)[1:], inspect.getdoc(method) or "")
    for name, method in vars(Hooks).items()
    if inspect.isfunction(method) and not name.startswith("_")
}


def _wanted(function: Callable[..., object], arguments: Iterable[str]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return list(arguments)
    return [one.name for one in parameters]


def _names(hook: str, found: object) -> tuple[str, ...]:
    """Texts, each once; one text alone is a mistake (its letters would be names), and so is anything else: nobody then."""
    if isinstance(found, (list, tuple, set, frozenset)) and all(isinstance(one, str) and one for one in found):
        return tuple(dict.fromkeys(found))
    log.error("hook %s: a list of texts is expected, not %s", hook, type(found).__name__)
    return ()


def _dicts(hook: str, found: object, keys: tuple[str, ...]) -> tuple[dict, ...]:
    if not isinstance(found, (list, tuple)):
        log.error("hook %s: a list is expected, not %s", hook, type(found).__name__)
        return ()
    good = tuple(dict(one) for one in found if isinstance(one, Mapping) and all(isinstance(one.get(key), str) for key in keys))
    if len(good) < len(found):
        log.error("hook %s: %d entries without %s left out", hook, len(found) - len(good), " and ".join(keys))
    return good


def load_hooks(settings: Settings | None = None) -> Hooks:
    """The default hooks of site_hooks.py, those of the site's file in their place.

    Raises SettingsError for a file that cannot be read, a public function that is no hook, and arguments a hook does not have.
    """
    functions = _read(DEFAULTS)
    missing = set(SPECS) - set(functions)
    if missing:
        raise SettingsError(f"{DEFAULTS}: hook {sorted(missing)[0]} is missing")
    origin = dict.fromkeys(functions, str(DEFAULTS))
    if settings is not None and settings.hooks_file is not None:
        own = _read(settings.hooks_file)
        functions |= own
        origin |= dict.fromkeys(own, str(settings.hooks_file))
    return Hooks(functions, origin, files_of(settings) if settings is not None else {})


def files_of(settings: Settings) -> dict[str, Path | None]:
    """The file of the settings that the default of each hook reads."""
    return {
        "storage_allocations": settings.storage.allocations_file, "cloud_projects": settings.cloud.projects_file,
        "notices": settings.overview.notices_file,
    }  # fmt: skip


def _read(path: Path) -> dict[str, Callable[..., object]]:
    module = _module(path)
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        if name in SPECS:
            _check(path, name, value)
            found[name] = value
            continue
        near = difflib.get_close_matches(name, SPECS, n=1, cutoff=0.8)
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if own or (near and callable(value)):
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(SPECS))}"
            raise SettingsError(f"{path}: {name} is no hook; {hint} Helper functions begin with an underscore")
    return found


def _check(path: Path, name: str, value: object) -> None:
    arguments = SPECS[name][0]
    where = f"{path}: hook {name}"
    if not callable(value) or inspect.iscoroutinefunction(value):
        raise SettingsError(f"{where} must be a plain function")
    for one in inspect.signature(value).parameters.values():
        known = one.name in arguments and one.kind is not one.POSITIONAL_ONLY
        if one.kind is not one.VAR_KEYWORD and not known:
            raise SettingsError(f"{where}: unknown argument {one.name}; it may take: {', '.join(arguments)}")


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"site_hooks_{path.stem}", path) if path.suffix == ".py" else None
    if spec is None or spec.loader is None:
        raise SettingsError(f"hooks_file = {path}: must be a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise SettingsError(f"hooks_file = {path}: cannot be read ({error.strerror})") from None
    except Exception as error:
        raise SettingsError(f"hooks_file = {path}: {type(error).__name__}: {error}") from error
    return module


def build_viewer(hooks: Hooks, settings: Settings, profile: dict, facts: Facts | None) -> Viewer:
    """The viewer a signed-in profile stands for; PUBLIC where the hooks refuse or fail.

    `facts`: what accounting says of the person named by name_of(); None while it cannot be reached: then no accounts.
    """
    known = hooks.viewer_from_profile(profile)
    if known is None:
        return PUBLIC
    name = known["name"]
    level = str(facts.admin_level) if facts is not None else "none"
    accounts = frozenset(hooks.accounts_of(name, tuple(sorted(facts.accounts)) if facts is not None else ()))
    ours = frozenset(facts.coordinates) if facts is not None else frozenset()
    coordinates = frozenset(one for one in accounts | ours if name in hooks.coordinators_of(one, (name,) if one in ours else ()))
    is_admin = known["is_admin"] or name in settings.sign_in.admins
    return Viewer(
        name=name,
        full_name=known["full_name"] or hooks.person(name),
        is_staff=is_admin or known["is_staff"] or name in settings.sign_in.staff or hooks.is_staff(name, level),
        is_admin=is_admin,
        accounts=accounts,
        coordinates=coordinates,
        opens=coordinates if settings.site.coordinators_see_jobs else frozenset(),
        cloud_projects=frozenset(hooks.cloud_projects(name)),
    )


def name_of(hooks: Hooks, profile: dict) -> str | None:
    """The login a profile stands for, to ask accounting about it; None where the hooks refuse or fail."""
    known = hooks.viewer_from_profile(profile)
    return known["name"] if known else None
