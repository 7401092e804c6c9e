"""One order of an account's members for all sections: where names are hidden, "person 3" is the same person in all of them."""

from __future__ import annotations

import hashlib
import logging

import pandas as pd

from core.errors import NoData, SourceError
from core.viewer import Viewer
from datasources.slurm.accounts import members
from datasources.sources import Sources

log = logging.getLogger(__name__)


def who(sources: Sources, viewer: Viewer, account: str) -> pd.DataFrame:
    """Everybody who is or was in the account, one column `user`: to be the first frame of a section, since names are given in turn.

    The order says nothing of the names. Empty where accounting cannot be asked. Raises NotFound as members() does.
    """
    try:
        names = members(sources, viewer=viewer, account=account)["user"].tolist()
    except (SourceError, NoData) as error:
        log.warning("members of %s: %s", account, error.detail)
        names = []
    names.sort(key=lambda name: hashlib.sha256(f"{account}/{name}".encode()).digest())
    return pd.DataFrame({"user": pd.Series(names, dtype="str")})
