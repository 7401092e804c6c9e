"""Coordinators and the jobs of their accounts: closed unless the site opens them, and then those of exactly these accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from pages.registry import all_pages
from tests.access.asker import Asker
from tests.access.conftest import COORDINATORS, MARK_ALICE, WORD, people, standing
from tests.access.test_matrix import text

pytestmark = pytest.mark.services
PAGES = {page.key: page for page in all_pages()}
# by sacct: job → whose it is, and in which account
GPU = ("4", "7", "58")  # alice, rrg-pi1_gpu
PI1 = ("1", "49", "10+0", "20", "24", "8", "8_7", "2")  # alice and bob in other accounts below physics
ELSEWHERE = ("5", "12", "17", "18", "27")  # carol's, dave's and frank's, not below physics
# job 6 is erin's in an account that differs in case alone, job 50 bob's in rrg-pi1_gpu, run by root
TRAPS = (
    "insert into alpha_assoc_table (creation_time, mod_time, deleted, is_def, id_assoc, user, acct, `partition`, parent_acct, lft, rgt, shares, "
    "max_tres_pj, max_tres_pn, max_tres_mins_pj, max_tres_run_mins, grp_tres, grp_tres_mins, grp_tres_run_mins, qos, delta_qos) "
    "values (1795360090, 1795360090, 0, 0, 900, 'erin', 'RRG-PI1_GPU', '', '', 0, 0, 1, '', '', '', '', '', '', '', '', '')",
    f"update alpha_job_table set id_assoc = 900, account = 'RRG-PI1_GPU', job_name = '{WORD}' where id_job = 6",
    f"update alpha_job_table set id_user = 0, job_name = '{WORD}' where id_job = 50",
)
TRAPPED = ("6", "50")


@pytest.fixture(scope="module")
def opened(mariadb: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str | None], Asker]]:
    """opened(login) → somebody before a portal whose site lets coordinators open jobs; names of others are hidden."""
    site = {"coordinators_see_jobs": True, "names": "hidden"}
    changes = (MARK_ALICE, COORDINATORS, *TRAPS)
    with standing(mariadb, tmp_path_factory.mktemp("coordinators"), "slurm_coordinators", changes, site=site) as portal:
        yield people(portal)


def everything(person: Asker, path: str, page: str) -> str:
    """The page, all of its sections and files."""
    place, _mark, query = path.partition("?")
    found = [text(person.page(path))]
    for section in PAGES[page].sections:
        found.append(text(person.section(PAGES[page], section, path)))
        for frame in {*(panel.key for panel in section.panels), *(block.csv for block in section.blocks if block.csv)}:
            found.append(text(person.get(f"/export/{page}/{section.key}/{frame}?at={place}&{query}")))
    return "".join(found)


def hits(person: Asker, words: str) -> list[str]:
    """Jobs that a search finds."""
    groups = person.get(f"/search?q={quote(words)}").get_json()["groups"]
    return [row["text"] for group in groups if group["kind"] == "job" for row in group["rows"]]


def closed(person: Asker, job: str) -> None:
    """Nothing of a job is told, in the same words as of one that is not there."""
    seen, absent = text(person.page(f"/job/{job}")), text(person.page("/job/3999999"))
    assert "tt-refused" in seen
    assert seen.replace(job, "#") == absent.replace("3999999", "#").replace(job, "#")
    assert WORD not in everything(person, f"/job/{job}", "job")
    assert hits(person, job) == []


@pytest.mark.parametrize("job", [*GPU, *PI1, *ELSEWHERE])
@pytest.mark.parametrize("login", ["gina", "hugo"])
def test_by_default_no_coordinator_opens_a_job(ask: Any, login: str, job: str) -> None:
    closed(ask(login), job)


@pytest.mark.parametrize(
    ("login", "job"), [*(("gina", job) for job in GPU), *(("hugo", job) for job in (*GPU, *PI1)), ("carol", "12"), ("carol", "18"), ("carol", "17")]
)
def test_where_the_site_says_so_they_open_those_of_their_accounts(opened: Any, login: str, job: str) -> None:
    person = opened(login)
    assert "tt-refused" not in text(person.page(f"/job/{job}"))
    assert hits(person, job) == [job]
    if job in (*GPU, "1", "20", "24"):
        assert WORD in everything(person, f"/job/{job}", "job")


@pytest.mark.parametrize(
    ("login", "job"),
    [
        *(("gina", job) for job in (*PI1, *ELSEWHERE, *TRAPPED)), *(("hugo", job) for job in (*ELSEWHERE, *TRAPPED)),
        *(("carol", job) for job in (*GPU, *PI1, *TRAPPED)), *(("bob", job) for job in (*GPU, "1", *TRAPPED)),
    ],
)  # fmt: skip
def test_and_no_others(opened: Any, login: str, job: str) -> None:
    """Other accounts of the same people, look-alikes in another case, jobs of the system's users."""
    closed(opened(login), job)


def test_comparing_leaves_out_what_is_not_theirs(opened: Any) -> None:
    shown = everything(opened("gina"), "/jobs/compare?ids=4,7,24", "compare")
    assert "tt-refused" not in shown and WORD in shown
    only = everything(opened("gina"), "/jobs/compare?ids=4,7", "compare")
    assert shown.count(WORD) == only.count(WORD)
    assert "tt-refused" in text(opened("gina").page("/jobs/compare?ids=24,1"))


@pytest.mark.parametrize("login", ["gina", "hugo"])
def test_what_they_list_as_their_own_stays_their_own(opened: Any, login: str) -> None:
    for path in ("/jobs", "/jobs?user=alice", "/jobs?user=*", "/jobs?account=rrg-pi1_gpu"):
        assert WORD not in everything(opened(login), path, "jobs")
    assert "tt-refused" in text(opened(login).page("/user/alice"))


def test_a_node_shows_the_jobs_of_the_account_and_counts_the_rest(opened: Any) -> None:
    """gina's account held g1; whatever else ran there is not named."""
    shown = everything(opened("gina"), "/node/g1?from=now-30d&to=now", "node")
    assert "tt-refused" not in shown
    assert "carol" not in shown and "erin" not in shown and "alice" not in shown
    assert "preempt_me" not in shown and "multi_gpu" not in shown and "infer" not in shown
    assert "tt-refused" in text(opened("gina").page("/node/c1"))
