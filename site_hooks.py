"""What only a site can know. These defaults work without LDAP or any other directory.

To change one, write a function of the same name into a file of your own and name it in the settings:
hooks_file = "/etc/turtle/hooks.py". The manual of each hook is in docs/hooks.md; a function may take fewer of the
arguments. Everything else in that file begins with an underscore, so that a misspelt hook is noticed at the start.
"""

from __future__ import annotations


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


def cloud_projects(name: str) -> tuple[str, ...]:
    """None: OpenStack's projects are known to the site alone."""
    return ()


def person(name: str) -> str:
    """Not known: people are shown by their login."""
    return ""


def storage_allocations(name: str) -> tuple[dict, ...]:
    """None known."""
    return ()


def price_of(resource: str, model: str, account: str) -> float | None:
    """The prices of the settings, for every account the same."""
    return None


def notices(viewer: dict) -> tuple[dict, ...]:
    """No messages."""
    return ()
