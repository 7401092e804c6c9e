"""What only a site can know. These defaults work without LDAP or any other directory.

To change one, write a function of the same name into a file of your own and name it in the settings:
hooks_file = "/etc/turtle/hooks.py". The manual of each hook is in docs/hooks.md; a function may take fewer of the
arguments. Everything else in that file begins with an underscore, so that a misspelt hook is noticed at the start.
"""

from __future__ import annotations

from pathlib import Path

from core import site_files as _files


def viewer_from_profile(profile: dict) -> dict | None:
    """The login exactly as it came, and the full name of an OpenID Connect profile.

    A realm (ada@example.org) is not cut off here: only the site knows which realms are its own people.
    """
    claims = profile.get("claims") or {}
    login = profile.get("login") or claims.get("preferred_username") or ""
    if not isinstance(login, str) or not login:
        return None
    return {"name": login, "full_name": claims.get("name", "")}


def accounts_of(name: str, slurm_accounts: tuple[str, ...]) -> tuple[str, ...]:
    """The accounts of the person's associations in Slurm."""
    return slurm_accounts


def coordinators_of(account: str, slurm_coordinators: tuple[str, ...]) -> tuple[str, ...]:
    """Slurm's coordinators."""
    return slurm_coordinators


def is_staff(name: str, admin_level: str) -> bool:
    """Slurm's administrators and operators."""
    return admin_level in ("operator", "administrator")


def cloud_projects(name: str, file: Path | None) -> tuple[str, ...]:
    """The projects that cloud.projects_file says the person is a member of; none without such a file."""
    return tuple(_files.projects_of(file, name)) if file is not None else ()


def person(name: str) -> str:
    """Not known: people are shown by their login."""
    return ""


def storage_allocations(name: str, accounts: tuple[str, ...], file: Path | None) -> tuple[dict, ...]:
    """What storage.allocations_file gives the person, and the groups the person or one of the accounts is in; else nothing is known."""
    return tuple(_files.allocations(file, name, accounts)) if file is not None else ()


def price_of(resource: str, model: str, account: str) -> float | None:
    """The prices of the settings, for every account the same."""
    return None


def notices(viewer: dict, file: Path | None) -> tuple[dict, ...]:
    """The messages of overview.notices_file, the same for everybody; none without such a file."""
    return tuple(_files.notices_of(file)) if file is not None else ()
