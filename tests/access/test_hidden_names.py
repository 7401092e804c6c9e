"""Where a site hides names, nothing else may tell them: no order, no number that a list of logins explains, no chart of one card."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import SecretStr

from components.present import present, to_csv
from core.settings import Settings
from core.subjects import Subject
from core.viewer import Viewer
from pages import account_names, node_series
from pages.account_members import ordered

LOGINS = [f"user{letter}" for letter in "abcdefghijkl"]
ACCOUNT = Subject(kind="account", id="def-x")
MEMBER = Viewer(name="usera", accounts=frozenset({"def-x"}))
COORDINATOR = Viewer(name="userb", coordinates=frozenset({"def-x"}))


def site(policy: str, secret: str = "s" * 40) -> Settings:
    """Settings of a site that shows names as the policy says."""
    base = Settings.model_validate({"site": {"cluster": "x", "names": policy}})
    return base.model_copy(update={"server": base.server.model_copy(update={"secret_key": SecretStr(secret)})})


def sources(policy: str) -> Any:
    """As much of the sources as ordering asks for."""
    return SimpleNamespace(settings=site(policy))


def test_the_order_of_hidden_names_cannot_be_worked_out_from_a_list_of_logins() -> None:
    """Whoever knows the logins and this program could put them in the same order, if no secret were in it."""
    ours, theirs = (sorted(LOGINS, key=account_names.in_turn(site("hidden", secret * 40), "def-x")) for secret in "ab")
    plain = sorted(LOGINS, key=lambda name: hashlib.sha256(f"def-x/{name}".encode()).digest())
    assert ours != theirs
    assert plain not in (ours, theirs)
    assert ours == sorted(LOGINS, key=account_names.in_turn(site("hidden", "a" * 40), "def-x"))  # the same in every section


def test_without_any_secret_it_is_the_processs_own() -> None:
    nothing = Settings.model_validate({"site": {"cluster": "x"}})
    assert nothing.server.secret_key.get_secret_value() == ""
    found = sorted(LOGINS, key=account_names.in_turn(nothing, "def-x"))
    assert found == sorted(LOGINS, key=account_names.in_turn(nothing, "def-x"))
    assert sorted(found) == LOGINS


def wide() -> pd.DataFrame:
    """What Prometheus answers: a column a member, by login."""
    columns = pd.MultiIndex.from_product([["used"], LOGINS], names=["what", "user"])
    return pd.DataFrame(np.arange(24.0).reshape(2, 12), index=pd.to_datetime([0, 60], unit="s", utc=True), columns=columns)


def test_columns_of_hidden_people_are_not_in_the_order_of_their_logins() -> None:
    settings = site("hidden")
    turn = sorted(LOGINS, key=account_names.in_turn(settings, "def-x"))
    shown = present({"who": pd.DataFrame({"user": turn}), "used": wide()}, MEMBER, settings, ACCOUNT)["used"]
    people = [name for name in shown.columns.get_level_values("user") if name != "usera"]
    assert people == [f"person {number}" for number in range(1, 12)]
    header = to_csv(shown).splitlines()[0]
    assert "userb" not in header
    # each keeps its figures
    given = {name: f"person {place}" for place, name in enumerate((one for one in turn if one != "usera"), start=1)}
    for place, login in enumerate(LOGINS[1:], start=1):
        assert shown["used", given[login]].tolist() == [float(place), float(place + 12)]
    assert shown["used", "usera"].tolist() == [0.0, 12.0]


def test_who_reads_names_keeps_the_order() -> None:
    for viewer, policy in ((COORDINATOR, "hidden"), (MEMBER, "names")):
        assert present({"used": wide()}, viewer, site(policy), ACCOUNT)["used"].columns.tolist() == wide().columns.tolist()


def same_figures() -> pd.DataFrame:
    """Members of whom nobody wasted anything: only their order could tell them apart."""
    kinds = [f"{kind}_hours{part}" for kind in ("core", "gpu", "tb") for part in ("", "_judged", "_used", "_wasted")]
    return pd.DataFrame({"user": LOGINS}).assign(**dict.fromkeys(kinds, 0.0))


def test_rows_alike_are_not_in_the_order_of_their_logins() -> None:
    turn = sorted(LOGINS, key=account_names.in_turn(site("hidden"), "def-x"))
    for policy in ("hidden", "initials"):
        assert ordered(account_names.unsorted(sources(policy), MEMBER, ACCOUNT, same_figures()))["user"].tolist() == turn
    assert ordered(account_names.unsorted(sources("names"), MEMBER, ACCOUNT, same_figures()))["user"].tolist() == LOGINS
    assert ordered(account_names.unsorted(sources("hidden"), COORDINATOR, ACCOUNT, same_figures()))["user"].tolist() == LOGINS


def test_power_of_a_card_that_somebody_else_holds_is_not_shown() -> None:
    """A card's power is what its job draws: others see theirs, staff every card."""
    levels = ["metric", "user", "account", "job", "gpu", "gpu_type"]
    columns = [
        ("nvidia_gpu_power_usage_milliwatts", "", "", "", "0", "A100"), ("nvidia_gpu_power_usage_milliwatts", "", "", "", "1", "A100"),
        ("slurm_job_power_gpu", "usera", "def-x", "11", "0", "A100"), ("slurm_job_power_gpu", "userz", "def-z", "12", "1", "A100"),
    ]  # fmt: skip
    frame = pd.DataFrame([[100.0, 333.0, 100.0, 333.0]] * 2, index=pd.to_datetime([0, 60], unit="s", utc=True), columns=pd.MultiIndex.from_tuples(columns, names=levels))
    mine = node_series._gpu_power(frame, MEMBER)
    assert "1" not in mine.columns.get_level_values("gpu")
    assert mine.xs("0", axis=1, level="gpu").to_numpy().ravel().tolist() == [0.1, 0.1]  # watts
    everybody = node_series._gpu_power(frame, Viewer(name="ada", is_staff=True))
    assert everybody.columns.get_level_values("gpu").tolist() == ["0", "1"]
