"""Which uid is whose, by the jobs of the real dump."""

from __future__ import annotations

import pytest

from core.viewer import Viewer
from datasources.mysql import recorded
from datasources.slurm.people import memberships, uid_names, uids, uids_of
from datasources.sources import Sources
from tests.slurm.conftest import Accounting

pytestmark = pytest.mark.services
STAFF = Viewer(name="ada", is_staff=True)


def test_uids_of_logins_are_those_of_their_jobs(sources: Sources, accounting: Accounting) -> None:
    rows = accounting.execute("select distinct a.user, j.id_user from alpha_job_table j join alpha_assoc_table a using (id_assoc) where j.id_user >= 1000")
    told = {login: max(uid for name, uid in rows if name == login) for login, _uid in rows}
    assert told and uids(sources, viewer=STAFF, logins=[*told, "root", "nobody-like-that", ""]) == told
    assert set(uid_names(sources, viewer=STAFF, uids=told.values()).values()) == set(told)


def test_accounts_and_uids_of_many_are_two_statements_and_those_of_each(sources: Sources, accounting: Accounting) -> None:
    rows = accounting.execute("select user, acct, deleted from alpha_assoc_table where user <> ''")
    logins = sorted({user for user, _acct, _deleted in rows})
    sources.slurm.schema.table("job_table")
    with recorded() as statements:
        accounts, numbers = memberships(sources.slurm, [*logins, "nobody-like-that", ""])
    assert len(statements) == 2 and set(accounts) == set(numbers) == {*logins, "nobody-like-that"}
    for login in logins:
        assert set(accounts[login]) == {acct for user, acct, deleted in rows if user == login and not deleted}
        assert numbers[login] == uids_of(sources.slurm, login)
    assert accounts["nobody-like-that"] == numbers["nobody-like-that"] == ()
    assert memberships(sources.slurm, [logins[0].upper() + "x", logins[0].upper()])[1].get(logins[0]) is None


def test_others_uids_are_the_staffs_to_know(sources: Sources, accounting: Accounting) -> None:
    ((login, uid),) = accounting.execute("select a.user, j.id_user from alpha_job_table j join alpha_assoc_table a using (id_assoc) where j.id_user >= 1000 limit 1")
    assert uids(sources, viewer=Viewer(name="stranger"), logins=[login]) == {}
    assert uids(sources, viewer=Viewer(name=login), logins=[login, "root"]) == {login: uid}
