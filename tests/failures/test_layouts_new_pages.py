"""Every question the pages since the first ask of accounting, on each layout of Slurm and on an empty cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.errors import NotFound
from core.hooks import load_hooks
from core.narrow import Narrow
from core.viewer import PORTAL, Viewer
from datasources.cache import Cache
from datasources.pool import Pool
from datasources.slurm import (
    account_jobs,
    accounts,
    accounts_charged,
    accounts_limits,
    cluster,
    narrowed,
    nodes,
    people,
    person,
    recent_waits,
    reserved,
    search,
    top,
    waits,
)
from datasources.sources import Sources
from tests.slurm.conftest import ASKED_AT, DATA, Accounting

pytestmark = pytest.mark.services
DAY = 86400
ALICE = Viewer(name="alice", accounts=frozenset({"rrg-pi1_cpu", "def-pi1_cpu"}))
MONTH = {"since": ASKED_AT - 30 * DAY, "until": ASKED_AT}
# a limit and a day's charge, which the dump has none of
ADDED = (
    "update alpha_assoc_table set grp_tres = '1=100' where acct = 'rrg-pi1_cpu' and user = ''",
    f"""insert into alpha_assoc_usage_day_table (creation_time, mod_time, deleted, id, id_tres, time_start, alloc_secs)
        select 1, 1, 0, id_assoc, 1, {ASKED_AT // DAY * DAY - DAY}, 36000 from alpha_assoc_table where acct = 'rrg-pi1_cpu' and user = 'alice'""",
)
LAYOUTS = {
    "21.08": (
        "alter table alpha_job_table add batch_script longtext",
        "alter table alpha_job_table drop script_hash_inx, drop env_hash_inx, modify kill_requid int default -1",
        "drop table alpha_job_script_table, alpha_job_env_table",
    ),
    "22.05": (),
}  # fmt: skip
NEWER = ("23.02", "23.11", "24.05", "24.11", "25.05", "later")  # each has what those before it added
QUESTIONS: dict[str, Callable[..., Any]] = {
    "accounts": lambda on, who: accounts.accounts_of(on, viewer=who),
    "tree": lambda on, who: accounts.account_tree(on, viewer=who, account="rrg-pi1_cpu"),
    "members": lambda on, who: accounts.members(on, viewer=who, account="rrg-pi1_cpu"),
    "coordinators": lambda on, who: accounts.coordinators(on, viewer=who, account="rrg-pi1_cpu"),
    "limits": lambda on, who: accounts_limits.limits(on, viewer=who, account="rrg-pi1_cpu"),
    "qos": lambda on, who: accounts_limits.qos_of(on, viewer=who, account="rrg-pi1_cpu"),
    "charged": lambda on, who: accounts_charged.charged(on, viewer=who, account="rrg-pi1_cpu", **MONTH),
    "held": lambda on, who: accounts.held_now(on, viewer=who, account="rrg-pi1_cpu"),
    "account jobs": lambda on, who: account_jobs.account_jobs(on, viewer=who, account="rrg-pi1_cpu"),
    "nodes now": lambda on, who: nodes.nodes_now(on, viewer=who),
    "jobs on node": lambda on, who: nodes.jobs_on_node(on, viewer=who, node="c3", **MONTH),
    "node events": lambda on, who: nodes.node_events(on, viewer=who, node="c3", **MONTH),
    "top": lambda on, who: top.running_jobs(on, viewer=who),
    "part": lambda on, who: narrowed.part_now(on, viewer=who, narrow=Narrow(account="rrg-pi1_cpu")),
    "waits": lambda on, who: waits.ended_counts(on, viewer=who, day=ASKED_AT // DAY),
    "waits running": lambda on, who: waits.running_counts(on, viewer=who),
    "waiting": lambda on, who: waits.waiting(on, viewer=who),
    "person": lambda on, who: person.person(on, viewer=who, name="alice"),
    "search": lambda on, who: search.find(on, viewer=who, text="1"),
    "suggestions": lambda on, who: search.suggestions(on, viewer=who),
    # of the pages for everybody and of quotas
    "cluster now": lambda on, who: cluster.cluster_now(on, viewer=who),
    "cores held": lambda on, who: cluster.cores_held(on, viewer=who),
    "reservations": lambda on, who: reserved.reservations_now(on, viewer=who),
    "reservations readable": lambda on, who: reserved.readable(on),
    "sizes": lambda on, who: reserved.capacities(on, ("c3", "g1"), ("c1", "c2", "c3", "g1", "h1")),
    "recent waits": lambda on, who: recent_waits.recent_waits(on, viewer=who),
    "pending now": lambda on, who: recent_waits.pending_now(on, viewer=who),
    "uids": lambda on, who: people.uids(on, viewer=who, logins=("alice", "bob")),
    "logins": lambda on, who: people.uid_names(on, viewer=who, uids=(24001, 24002)),
    "memberships": lambda on, who: people.memberships(on.slurm, ("alice", "bob")),
    "parents": lambda on, who: people.account_parents(on.slurm),
}
# the answers of these on a cluster that never was are no tables
PLAIN = ("cluster now", "cores held", "reservations", "reservations readable", "sizes", "uids", "logins", "memberships", "parents")
NOTHING = ({}, (), True, {"root": ""}, ({"alice": (), "bob": ()}, {"alice": (), "bob": ()}))
# the questions only staff's pages ask
STAFF = ("top", "part", "waits", "waits running", "waiting", "suggestions")


@pytest.fixture(scope="module")
def layouts(mariadb: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Sources]]:
    """Sources by version; "empty" is the cluster where nothing ever was."""
    folder = tmp_path_factory.mktemp("layouts")
    made = {}
    for version in (*LAYOUTS, *NEWER):
        made[version] = Accounting(mariadb, f"slurm_layout_{version.replace('.', '_')}")
        made[version].execute(*ADDED, *LAYOUTS.get(version, ()))
        if version in NEWER:
            made[version].script(columns_until(version))
    opened = {version: asked(one, folder) for version, one in made.items()} | {"empty": asked(made["25.05"], folder, "beta")}
    yield opened
    for sources in opened.values():
        sources.pool.close()
        sources.cache.close()
    for one in made.values():
        one.close()


def columns_until(version: str) -> str:
    """The statements that turn the dump into this version's tables."""
    steps = re.split(r"^-- (?=[0-9l])", (DATA / "newer-columns.sql").read_text(), flags=re.MULTILINE)[1:]
    assert [step.split()[0] for step in steps] == list(NEWER)
    return "\n".join(step.split("\n", 1)[1] for step in steps[: NEWER.index(version) + 1])


def asked(made: Accounting, folder: Path, cluster: str = "alpha") -> Sources:
    """Sources with a cache and hooks beside accounting."""
    plain = made.sources(cluster)
    return replace(plain, hooks=load_hooks(plain.settings), cache=Cache(folder / f"{made.name}-{cluster}", 64), pool=Pool(4))


def told(answer: Any) -> Any:
    """An answer in a form that can be compared."""
    if isinstance(answer, pd.DataFrame):
        return answer.drop(columns="script_hash", errors="ignore").astype(str).to_dict("records")
    if hasattr(answer, "frame"):
        return told(answer.frame)
    return str(answer)


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_layout_answers_alike(layouts: dict[str, Sources], question: str) -> None:
    """The rows are the same 22.05 rows in all of them, so are the answers; kill_requid and scripts are in none of these."""
    for who in (PORTAL,) if question in STAFF else (PORTAL, ALICE):
        answers = {version: told(QUESTIONS[question](sources, who)) for version, sources in layouts.items() if version != "empty"}
        first = answers["22.05"]
        assert first and not (question in PLAIN and first in ("()", "{}")) and len(answers) == 8, who.name
        assert [version for version, answer in answers.items() if answer != first] == [], who.name


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_cluster_where_nothing_ever_was(layouts: dict[str, Sources], question: str) -> None:
    """Cluster beta has no account, node or job: there is nothing, or no such thing."""
    try:
        answer = QUESTIONS[question](layouts["empty"], PORTAL)
    except NotFound:
        return
    if isinstance(answer, pd.DataFrame) and question != "accounts":
        assert answer.empty
    if question in PLAIN:
        assert answer in NOTHING or (question == "cluster now" and (answer.running, answer.hosts, answer.configured.cores) == (0, (), 0)), answer
