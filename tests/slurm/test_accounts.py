"""Accounts, shares and members over the rows a real slurmdbd wrote; expected values from `sacctmgr show assoc` and squeue."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from core.errors import NotFound
from core.hooks import Hooks
from core.viewer import PORTAL, PUBLIC, Viewer
from datasources.slurm import accounts, accounts_rows
from datasources.slurm.db import recorded
from datasources.sources import Sources
from tests.slurm.conftest import Accounting

pytestmark = pytest.mark.services
ALICE = Viewer(name="alice", accounts=frozenset({"rrg-pi1_cpu", "rrg-pi1_gpu", "def-pi1_cpu", "def-pi1_gpu"}))
CAROL = Viewer(name="carol", accounts=frozenset({"def-pi2_cpu", "def-pi2_gpu", "def-pi1_gpu"}), coordinates=frozenset({"def-pi2_cpu"}))
FRANK = Viewer(name="frank")  # his association was deleted after a job
NO_HOOKS = Hooks({"coordinators_of": lambda account, slurm_coordinators: slurm_coordinators})  # as site_hooks.py has it
STAFF = Viewer(name="ada", is_staff=True)
# look-alikes of names that exist: the database compares without case and trailing spaces
LOOKALIKES = ("DEF-PI1_CPU", "def-pi1_cpu ", "def-pi1", "def-pi1_cpu_x", "def-pi1_cpu|def-pi2_cpu", 'def-pi1_cpu"} or vector(1)', "", "def_pi1_cpu")


@pytest.fixture(scope="session")
def known(sources: Sources) -> Sources:
    """The unchanged dump, and a site without hooks of its own."""
    return replace(sources, hooks=NO_HOOKS)


def hooked(made: Sources) -> Sources:
    """Sources with a site that has no hooks."""
    return replace(made, hooks=NO_HOOKS)


def row(frame: pd.DataFrame, account: str) -> dict[str, Any]:
    """One account's row."""
    return frame.set_index("account").loc[account].to_dict()


def test_my_accounts(known: Sources) -> None:
    """alice is in four accounts; md_production, her job in rrg-pi1_cpu, holds 32 cores, bob's llm in rrg-pi1_gpu 12 and one a100."""
    frame = accounts.accounts_of(known, viewer=ALICE)
    assert frame["account"].tolist() == ["def-pi1_cpu", "def-pi1_gpu", "rrg-pi1_cpu", "rrg-pi1_gpu"]
    assert frame["default"].tolist() == [True, False, False, False]
    cpu, gpu = row(frame, "rrg-pi1_cpu"), row(frame, "rrg-pi1_gpu")
    assert (cpu["cores"], cpu["my_cores"], cpu["running"], cpu["my_running"], cpu["gpus"]) == (32, 32, 1, 1, 0)
    assert cpu["memory"] == 32 * 3900 * 1024**2
    assert (gpu["cores"], gpu["gpus"], gpu["my_cores"], gpu["my_gpus"], gpu["my_running"]) == (12, 1, 0, 0, 0)
    # squeue: 37 and 40 are alice's, 41 43 46 48 bob's
    assert (row(frame, "def-pi1_cpu")["pending"], row(frame, "def-pi1_cpu")["my_pending"]) == (6, 2)


def test_shares_of_a_level_and_of_the_cluster(known: Sources) -> None:
    """physics has 60 of 63 shares below root (root's own user has one); below it 4000, 50, 1 and 1."""
    frame = accounts.accounts_of(known, viewer=STAFF)
    physics, rrg, default = (row(frame, name) for name in ("physics", "rrg-pi1_cpu", "def-pi1_cpu"))
    assert physics["level_share"] == pytest.approx(60 / (60 + 1 + 1 + 1))
    assert rrg["level_share"] == pytest.approx(4000 / 4052)
    assert rrg["cluster_share"] == pytest.approx(60 / 63 * 4000 / 4052)
    assert default["cluster_share"] == pytest.approx(60 / 63 / 4052)
    assert row(frame, "root")["level_share"] == 1


def test_staff_read_every_account_or_one_persons(known: Sources) -> None:
    everything = accounts.accounts_of(known, viewer=STAFF)
    assert sorted(everything["account"]) == ["def-pi1_cpu", "def-pi1_gpu", "def-pi2_cpu", "def-pi2_gpu", "physics", "root", "rrg-pi1_cpu", "rrg-pi1_gpu"]
    assert not everything["member"].any()
    theirs = accounts.accounts_of(known, viewer=STAFF, user="carol")
    assert theirs["account"].tolist() == ["def-pi1_gpu", "def-pi2_cpu", "def-pi2_gpu"]
    assert theirs["member"].all() and row(theirs, "def-pi2_cpu")["default"]
    # 500 held tasks of the array 47 and job 44
    assert row(theirs, "def-pi2_cpu")["my_pending"] == 501


def test_an_account_above_holds_what_is_below_it(known: Sources) -> None:
    frame = accounts.accounts_of(known, viewer=STAFF)
    assert row(frame, "physics")["cores"] == 32 + 12
    assert row(frame, "root")["running"] == 2


@pytest.mark.parametrize("who", [FRANK, ALICE, CAROL])
@pytest.mark.parametrize("user", ["bob", "ALICE", "alice ", "Carol"])
def test_nobody_reads_other_peoples_accounts(known: Sources, who: Viewer, user: str) -> None:
    with pytest.raises(NotFound):
        accounts.accounts_of(known, viewer=who, user=user)


def test_the_public_has_no_accounts(known: Sources) -> None:
    with pytest.raises(NotFound):
        accounts.accounts_of(known, viewer=PUBLIC)


@pytest.mark.parametrize("name", LOOKALIKES)
@pytest.mark.parametrize("read", [accounts.members, accounts.account_tree, accounts.held_now, accounts.account_name, accounts.coordinators])
def test_a_look_alike_of_ones_account_is_not_found(known: Sources, read: Any, name: str) -> None:
    with pytest.raises(NotFound):
        read(known, viewer=ALICE, account=name)


@pytest.mark.parametrize("name", [*LOOKALIKES, "def-pi3_cpu"])
def test_staff_are_told_that_a_look_alike_is_no_account(known: Sources, name: str) -> None:
    assert accounts.account_name(known, viewer=STAFF, account="def-pi1_cpu") == "def-pi1_cpu"
    with pytest.raises(NotFound):
        accounts.account_name(known, viewer=STAFF, account=name)
    assert accounts.members(known, viewer=STAFF, account=name).empty
    assert accounts.account_tree(known, viewer=STAFF, account=name).empty


@pytest.mark.parametrize("who", [FRANK, PUBLIC, Viewer(name="dave", accounts=frozenset({"def-pi2_cpu"}))])
def test_strangers_read_nothing_of_an_account(known: Sources, who: Viewer) -> None:
    for read in (accounts.members, accounts.account_tree, accounts.held_now, accounts.coordinators):
        with pytest.raises(NotFound):
            read(known, viewer=who, account="def-pi1_cpu")


def test_members_are_direct_and_old_ones_are_marked(known: Sources) -> None:
    """sacctmgr: carol, dave and erin (partition short) are in def-pi2_cpu; frank was deleted."""
    frame = accounts.members(known, viewer=CAROL, account="def-pi2_cpu")
    assert frame["user"].tolist() == ["carol", "dave", "erin", "frank"]
    assert frame["deleted"].tolist() == [False, False, False, True]
    assert frame["coordinator"].tolist() == [True, False, False, False]
    assert frame["partitions"].tolist() == ["", "", "short", ""]
    assert frame["limited"].tolist() == [False, True, False, False]
    assert frame["default"].tolist() == [True, True, False, False]
    # nobody is in physics itself, though four accounts with people lie below it
    assert accounts.members(known, viewer=STAFF, account="physics").empty


def test_an_account_that_only_holds_accounts(known: Sources) -> None:
    assert not accounts.has_members(known, viewer=STAFF, account="physics")
    assert accounts.has_members(known, viewer=ALICE, account="rrg-pi1_cpu")
    with pytest.raises(NotFound):
        accounts.has_members(known, viewer=ALICE, account="physics")


def test_the_tree_goes_from_the_root_to_the_account(known: Sources) -> None:
    frame = accounts.account_tree(known, viewer=ALICE, account="rrg-pi1_cpu")
    assert frame[["account", "depth", "level"]].to_numpy().tolist() == [["root", 0, "above"], ["physics", 1, "above"], ["rrg-pi1_cpu", 2, "here"]]
    assert row(frame, "rrg-pi1_cpu")["level_accounts"] == 4


def test_accounts_below_are_shown_to_those_who_may_see_them(known: Sources) -> None:
    member = Viewer(name="zoe", accounts=frozenset({"physics"}))
    assert accounts.account_tree(known, viewer=member, account="physics")["level"].tolist() == ["above", "here"]
    coordinator = replace(member, coordinates=frozenset({"physics", "rrg-pi1_cpu"}))
    assert accounts.account_tree(known, viewer=coordinator, account="physics")["account"].tolist() == ["root", "physics", "rrg-pi1_cpu"]
    below = accounts.account_tree(known, viewer=STAFF, account="physics")
    assert below[below["level"] == "below"]["account"].tolist() == ["def-pi1_cpu", "def-pi1_gpu", "rrg-pi1_cpu", "rrg-pi1_gpu"]


def test_an_account_only_the_hook_knows_is_a_row_with_gaps(known: Sources) -> None:
    """No suffix, no shares, not in accounting: a gap, never an error."""
    frame = accounts.accounts_of(known, viewer=Viewer(name="zoe", accounts=frozenset({"rented", "def-pi2_cpu"})))
    rented = row(frame, "rented")
    assert (rented["known"], rented["cores"], rented["pending"]) == (False, 0, 0)
    assert math.isnan(rented["level_share"]) and math.isnan(rented["cluster_share"])
    assert accounts.account_tree(known, viewer=Viewer(name="zoe", accounts=frozenset({"rented"})), account="rented").empty


def test_fairshare_parent_and_newer_columns(changed: Accounting) -> None:
    """Newer versions have no lft and rgt; `Fairshare=parent` is stored as 0x7FFFFFFF."""
    changed.execute(
        "alter table alpha_assoc_table drop lft, drop rgt, add id_parent int unsigned not null default 0",
        "update alpha_assoc_table set shares = 2147483647 where user = '' and acct = 'def-pi1_cpu'",
    )
    made = hooked(changed.sources())
    frame = accounts.accounts_of(made, viewer=STAFF)
    own = row(frame, "def-pi1_cpu")
    assert math.isnan(own["shares"]) and math.isnan(own["level_share"])
    assert own["cluster_share"] == pytest.approx(60 / 63)  # its parent's
    assert row(frame, "rrg-pi1_cpu")["level_share"] == pytest.approx(4000 / 4051)


def test_without_the_optional_columns_shares_are_gaps(changed: Accounting) -> None:
    columns = ("shares", "is_def", "grp_tres", "max_jobs", "qos", "grp_tres_mins")
    changed.execute(f"alter table alpha_assoc_table {', '.join(f'drop {name}' for name in columns)}")
    frame = accounts.accounts_of(hooked(changed.sources()), viewer=ALICE)
    assert frame["shares"].isna().all() and not frame["default"].any()
    assert row(frame, "rrg-pi1_cpu")["cores"] == 32


def test_a_deleted_association_is_no_membership_but_owns_old_jobs(known: Sources) -> None:
    assert accounts.accounts_of(known, viewer=STAFF, user="frank").empty
    assert accounts_rows.of_person(known.slurm, "frank") == ()
    assert [one.user for one in accounts_rows.of_account(known.slurm, "def-pi2_cpu") if one.deleted] == ["frank"]


def test_coordinators_answer_for_everything_below(changed: Accounting) -> None:
    changed.execute("insert into acct_coord_table (creation_time, acct, user) values (1, 'physics', 'bob')")
    made = hooked(changed.sources())
    assert accounts.coordinators(made, viewer=STAFF, account="rrg-pi1_gpu") == ("bob",)
    assert accounts.coordinators(made, viewer=STAFF, account="def-pi2_cpu") == ("carol",)


def test_few_statements_along_keys(accounting: Accounting) -> None:
    """Nothing is read once for each account, and every statement has a key to go along."""
    made = hooked(accounting.sources())
    with recorded() as statements:
        accounts.accounts_of(made, viewer=PORTAL)
    assert len(statements) <= 6
    with recorded() as again:
        accounts.accounts_of(made, viewer=PORTAL)
    assert again == []
    for condition in ("user = ''", "acct in ('physics', 'root') and user != ''", "acct = 'physics'", "user = 'alice' and deleted = 0"):
        (plan,) = accounting.execute(f"explain select * from alpha_assoc_table force index (udex, account) where {condition}")
        assert plan[5], condition  # the key's name
