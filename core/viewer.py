"""Who is looking, and what each may see. Default deny: a rule raises, it never returns False."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import NotAllowed, NotFound, NotSignedIn
from core.subjects import Subject


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """A person (or the public) as the server knows them: built from the session and the hooks, never from the request's body."""

    name: str | None
    full_name: str = ""
    is_staff: bool = False
    is_admin: bool = False
    accounts: frozenset[str] = frozenset()
    coordinates: frozenset[str] = frozenset()
    cloud_projects: frozenset[str] = frozenset()
    opens: frozenset[str] = frozenset()  # accounts whose members' job pages this viewer may open

    @property
    def signed_in(self) -> bool:
        """True for a person, False for the public."""
        return self.name is not None

    def sees_account(self, account: str) -> bool:
        """True for staff, members and coordinators of the account, by its exact name."""
        return self.is_staff or (self.name is not None and (account in self.accounts or account in self.coordinates))

    def answers_for(self, account: str) -> bool:
        """True for staff and coordinators: they read its members by name."""
        return self.is_staff or (self.name is not None and account in self.coordinates)

    def owns(self, user: str, account: str) -> bool:
        """True if this viewer may open a job of this person in this account, by the exact names."""
        return self.is_staff or (self.name is not None and bool(user) and (user == self.name or account in self.opens))

    def sees_project(self, project: str) -> bool:
        """True for staff and members of the cloud project, by its exact name."""
        return self.is_staff or (self.name is not None and project in self.cloud_projects)

    @property
    def scope(self) -> str:
        """What of a cached answer this viewer may share: `public`, `staff` or `user:<name>`."""
        if self.is_staff:
            return "staff"
        return f"user:{self.name}" if self.name is not None else "public"


PUBLIC = Viewer(name=None)
# The portal itself, for what runs without a person: `python app.py summarise` and `check`.
PORTAL = Viewer(name=None, is_staff=True, full_name="portal")


def only_staff(viewer: Viewer, what: str) -> None:
    """Raises NotAllowed unless staff; `what` is for the log. For data functions, which check whoever calls them."""
    if not viewer.is_staff:
        raise NotAllowed(what)


def only_members(viewer: Viewer, account: str) -> None:
    """Raises NotFound unless the viewer may see the account, by its exact name: member, coordinator or staff."""
    if not viewer.sees_account(account):
        raise NotFound(f"account {account}")


def only_self(viewer: Viewer, name: str) -> None:
    """Raises NotFound unless the viewer is that person, by the exact name, or staff."""
    if not viewer.is_staff and (viewer.name is None or viewer.name != name):
        raise NotFound(f"user {name}")


def only_project(viewer: Viewer, project: str) -> None:
    """Raises NotFound unless the viewer may see the cloud project, by its exact name: member or staff."""
    if not viewer.sees_project(project):
        raise NotFound(f"cloud project {project}")


@dataclass(frozen=True, kw_only=True)
class Access:
    """A rule: `check(viewer, subject)` raises NotSignedIn, NotAllowed or NotFound, or returns None."""

    key: str
    help: str
    check: Callable[[Viewer, Subject | None], None]


def _anyone(viewer: Viewer, subject: Subject | None) -> None:
    return None


def _signed_in(viewer: Viewer, subject: Subject | None) -> None:
    if not viewer.signed_in:
        raise NotSignedIn()


def _staff(viewer: Viewer, subject: Subject | None) -> None:
    _signed_in(viewer, subject)
    if not viewer.is_staff:
        raise NotAllowed()


def _self_or_staff(viewer: Viewer, subject: Subject | None) -> None:
    """The subject is a person: oneself, or anyone for staff. Compared on the exact name."""
    _signed_in(viewer, subject)
    if viewer.is_staff:
        return
    if subject is None or subject.kind != "user" or subject.id != viewer.name:
        raise NotFound()


def _member_or_staff(viewer: Viewer, subject: Subject | None) -> None:
    """The subject is an account: its members and coordinators, or staff. An account that is not theirs is "not found"."""
    _signed_in(viewer, subject)
    if subject is None or subject.kind != "account" or not viewer.sees_account(subject.id):
        raise NotFound()


def _cloud_member_or_staff(viewer: Viewer, subject: Subject | None) -> None:
    """The subject is a cloud project or one of its virtual machines. A project that is not theirs is "not found"."""
    _signed_in(viewer, subject)
    project = subject.id if subject is not None and subject.kind == "cloud_project" else getattr(subject, "project", None)
    if project is None or not viewer.sees_project(project):
        raise NotFound()


ANYONE = Access(key="anyone", help="everybody, without signing in", check=_anyone)
SIGNED_IN = Access(key="signed_in", help="everybody who is signed in", check=_signed_in)
STAFF = Access(key="staff", help="staff only", check=_staff)
SELF_OR_STAFF = Access(key="self_or_staff", help="the person shown, and staff", check=_self_or_staff)
# Ownership of a job is a row in the accounting database: the data function looks the job up together with its owner,
# so here only a session is asked for. The access matrix proves that strangers get "not found".
JOB_OWNER_OR_STAFF = Access(key="job_owner_or_staff", help="the owner of the job, and staff", check=_signed_in)
MEMBER_OR_STAFF = Access(key="member_or_staff", help="members and coordinators of the account, and staff", check=_member_or_staff)
# Which nodes a person may see depends on where the person's jobs ran: the data function finds out, others get "not found".
NODE_USER_OR_STAFF = Access(key="node_user_or_staff", help="people whose jobs ran on the node, and staff", check=_signed_in)
# That a virtual machine belongs to the project is found out by the data function, which asks for both at once.
CLOUD_MEMBER_OR_STAFF = Access(key="cloud_member_or_staff", help="members of the cloud project, and staff", check=_cloud_member_or_staff)
# Public where the setting site.public says so; as_set() puts the rule that holds in their place before anything is registered.
PUBLIC_STATUS = Access(key="public_status", help="everybody, unless site.public is none", check=_signed_in)
PUBLIC_PAGES = Access(key="public_pages", help="everybody, where site.public is all", check=_signed_in)


def as_set(access: Access, public: str) -> Access:
    """The rule that holds in a portal whose setting site.public is "all", "status" or "none"."""
    if access is PUBLIC_STATUS:
        return SIGNED_IN if public == "none" else ANYONE
    if access is PUBLIC_PAGES:
        return ANYONE if public == "all" else SIGNED_IN
    return access
