"""One order of an account's members for all sections: where names are hidden, "person 3" is the same person in all of them."""

from __future__ import annotations

import functools
import hmac
import logging
import secrets
from collections.abc import Callable

import pandas as pd

from components.present import Names
from core.errors import NoData, SourceError
from core.settings import Settings
from core.subjects import Subject
from core.viewer import Viewer
from datasources.slurm.accounts import members
from datasources.sources import Sources

log = logging.getLogger(__name__)


@functools.cache
def _own_key() -> bytes:
    return secrets.token_bytes(32)


def in_turn(settings: Settings, account: str) -> Callable[[str], bytes]:
    """A key to sort members by that says nothing of their names: without the portal's secret nobody can work it out from a list of logins."""
    secret = settings.server.secret_key.get_secret_value() or settings.sign_in.secret.get_secret_value()
    key = secret.encode() or _own_key()
    return lambda name: hmac.digest(key, f"members of {account}/{name}".encode(), "sha256")


def who(sources: Sources, viewer: Viewer, account: str) -> pd.DataFrame:
    """Everybody who is or was in the account, one column `user`: to be the first frame of a section, since names are given in turn.

    The order says nothing of the names. Empty where accounting cannot be asked. Raises NotFound as members() does.
    """
    try:
        names = members(sources, viewer=viewer, account=account)["user"].tolist()
    except (SourceError, NoData) as error:
        log.warning("members of %s: %s", account, error.detail)
        names = []
    names.sort(key=in_turn(sources.settings, account))
    return pd.DataFrame({"user": pd.Series(names, dtype="str")})


def unsorted(sources: Sources, viewer: Viewer, subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
    """A table with a column `user`, to be put in order by its numbers: of rows alike, the login must not say which comes first.

    Left as it is for those who read the members' names.
    """
    names = Names(viewer, sources.settings, subject)
    if names.open or names.policy == "names":
        return frame
    turn = in_turn(sources.settings, subject.id)
    places = sorted(range(len(frame)), key=lambda place: turn(str(frame["user"].iloc[place])))
    return frame.iloc[places].reset_index(drop=True)
