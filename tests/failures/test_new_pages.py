"""The public pages, quotas and the cloud, where only a part of what they stand on is missing: what is missing is told beside the rest."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

from components.text import WHY
from core.errors import Why
from tests.access.asker import Asker
from tests.failures.conftest import BASE, READER, World
from tests.failures.sweep import HOSTS, PROJECT, everything
from tests.failures.test_database_fails import DOWN
from tests.failures.test_modules_off import hrefs
from tests.failures.world import PAGES, ask, forget, page_text, said
from tests.prometheus.fake_server import reply

pytestmark = pytest.mark.services
ABSENT = WHY[Why.METRIC_ABSENT]
AREAS = {"areas": {"home": {"path": "/lustre/home"}, "project": {"path": "/lustre/project", "label": "project"}}}
OPEN = {
    "status": ("/",), "scheduler": ("/scheduler",), "filesystems": ("/filesystems",), "logins": ("/logins",), "software": ("/software",),
}  # fmt: skip
LUSTRE = '{"metric":{"what":"read","fs":"scratch","target":""},"value":[0,"5"]},{"metric":{"what":"size","fs":"scratch","target":"scratch-OST0000"},"value":[0,"10"]}'


def answering(world: World, parts: dict[str, Callable[[Any], None]], otherwise: Callable[[Any], None] | None = None) -> None:
    """The metrics server gives these answers to questions in which such a text stands; else its own."""

    def answer(handler: Any) -> None:
        body = unquote_plus(handler.body.decode())
        found = next((one for words, one in parts.items() if re.search(words, body)), otherwise)
        if found is None:
            world.metrics.hand_on(handler, handler.body)
        else:
            found(handler)

    world.metrics.answer = answer


def nothing(handler: Any) -> None:
    """A good answer without any series."""
    kind = "matrix" if "query_range" in handler.path else "vector"
    reply(f'{{"status":"success","data":{{"resultType":"{kind}","result":[]}}}}')(handler)


def test_an_exporter_that_tells_of_nothing_is_not_a_quiet_period(world: World, portal_of: Callable[..., Asker]) -> None:
    """Every exporter counts as installed until the settings say otherwise: "choose a longer time range" would send people the wrong way."""
    world.metrics.answer = nothing
    shown = everything(portal_of(None, overview=HOSTS), OPEN) | everything(portal_of("ada", storage=AREAS), {"quotas": ("/quotas?user=alice",), "cloud": ("/cloud",)})
    wrong = {place: text for place, text in shown.items() if "longer time range" in text or "none runs" in text}
    assert not wrong
    for place in ("scheduler:resources /scheduler", "scheduler:health /scheduler", "filesystems:now /filesystems", "logins:host_1 /logins", "software:cores /software",
                  "status:use /", "quotas:quotas /quotas?user=alice", "cloud:all /cloud"):  # fmt: skip
        assert ABSENT in shown[place], place


def test_one_exporter_of_file_systems_fails_and_the_other_is_shown(world: World, portal_of: Callable[..., Asker]) -> None:
    answering(world, {"gpfs_": reply("no", 500, "text/plain"), "lustre_": reply(f'{{"status":"success","data":{{"resultType":"vector","result":[{LUSTRE}]}}}}')}, nothing)
    person = portal_of(None, metrics={"lustre_file_systems": ["scratch", "project"]})
    for place, path in (("filesystems:now", "/filesystems"), ("status:glance", "/")):
        words = " ".join(said(ask(person, place, path)).values())
        assert "scratch" in words and "GPFS file systems are missing here: The metrics server cannot be reached" in words, place
        assert "Nothing is measured of project" in words, place
    # the next visitor does not read of a failure that is over
    answering(world, {}, nothing)
    forget(world.sources)


def test_reservations_that_may_not_be_read_are_not_none(world: World, portal_of: Callable[..., Asker]) -> None:
    assert "not known" not in said(ask(portal_of(None), "status:now", "/"))["tiles"]
    world.root(f"revoke select on {BASE}.alpha_resv_table from {READER}@'127.0.0.1'")
    try:
        person = portal_of(None)
        forget(world.sources)
        assert "reserved: not known" in said(ask(person, "status:now", "/"))["tiles"]
        assert "Reservations cannot be read" in said(ask(person, "status:free", "/"))["free"]
    finally:
        world.root(f"grant select on {BASE}.alpha_resv_table to {READER}@'127.0.0.1'")


def test_groups_nobody_can_tell_while_accounting_is_away_are_not_no_groups(world: World, portal_of: Callable[..., Asker], tmp_path: Path) -> None:
    file = tmp_path / "given.yaml"
    own = "alice: {id: 1001, members: [alice], personal: true, project: {size: 1 TiB}}"  # says nothing of the groups of her accounts
    file.write_text(f"people: {{default: {{home: {{size: 50 GiB}}}}}}\ngroups: {{pi1: {{id: 7001, accounts: [rrg-pi1_cpu], project: {{size: 10 TiB}}}}, {own}}}\n")
    person = portal_of("alice", storage=AREAS | {"allocations_file": file})
    world.database.down()
    home = '{"metric":{"what":"files","path":"/lustre/home","user":"alice"},"value":[0,"12345"]}'
    trial = '{"metric":{"what":"bytes","path":"/lustre/project","project":"alice"},"value":[0,"67890"]}'
    answering(world, {"lfs_quota": reply(f'{{"status":"success","data":{{"resultType":"vector","result":[{home},{trial}]}}}}')})
    words = said(ask(person, "quotas:quotas", "/quotas"))["quotas"].replace("\u202f", " ").replace("\u00a0", " ")
    assert f"Project: {DOWN}" in words and "12 345" in words and "66.3 KiB of 1 TiB < 0.1 %" in words


def test_the_chart_of_groups_says_that_accounting_is_away(world: World, portal_of: Callable[..., Asker]) -> None:
    person = portal_of("alice", storage=AREAS)
    world.database.down()
    assert DOWN in said(ask(person, "quotas:over_project", "/quotas")).values()


@pytest.mark.parametrize("text", ["projects: [\n", "projects: 7\n", None], ids=["broken", "another type", "gone"])
def test_membership_nobody_can_read_is_not_none(portal_of: Callable[..., Asker], tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "cloud.yaml"
    if text is not None:
        file.write_text(text)
    person = portal_of("alice", cloud={"projects_file": file})
    assert WHY[Why.MEMBERS_UNKNOWN] in said(ask(person, "cloud:own", "/cloud"))["own"]
    # who may see it cannot be told: nobody does
    assert "Nothing is here" in page_text(person.page(PROJECT))
    file.write_text("projects: {lab2: {members: [bob]}}\n")
    assert "You are a member of no project" in said(ask(portal_of("alice", cloud={"projects_file": file}), "cloud:own", "/cloud"))["own"]


def test_visitors_do_not_queue_up_behind_a_silent_server(world: World, portal_of: Callable[..., Asker]) -> None:
    """Each question would wait a second (in life: eight): forty questions in a row would be half a minute for everybody."""
    person = portal_of(None, overview=HOSTS)
    wait = 3.0

    def silent(handler: Any) -> None:
        time.sleep(wait)

    world.metrics.answer = silent
    asked = [("scheduler:health", "/scheduler"), ("filesystems:now", "/filesystems"), ("logins:now", "/logins"), ("software:cores", "/software")]
    for place, path in asked:
        assert ask(person, place, path).status_code == 200
    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda one: (one[0], " ".join(said(ask(person, *one)).values())), asked * 10))
    # what was found out a moment ago is handed to all: no question is asked anew
    assert time.monotonic() - began < 5.0
    assert all(text for _place, text in found)


@pytest.fixture
def off(portal_of: Callable[..., Asker]) -> Iterator[Callable[..., Asker]]:
    """off(public, *modules) → a portal's visitor."""
    yield lambda public, *modules: portal_of(None, site={"public": public}, modules=dict.fromkeys(modules, False), overview=HOSTS)


@pytest.mark.parametrize("public", ["all", "status", "none"])
def test_what_a_visitor_finds_where_parts_are_switched_off(off: Callable[..., Asker], public: str) -> None:
    """Who may read, and what there is, are two settings: neither opens what the other closes."""
    for modules in ((), ("overview",), ("status", "overview"), ("quotas", "cloudstats")):
        visitor = off(public, *modules)
        for path in ("/scheduler", "/filesystems", "/logins", "/transfers", "/software"):
            words = page_text(visitor.page(path))
            if "overview" in modules:
                assert "Nothing is here" in words, (path, modules)
            else:
                assert ("Please sign in" in words) is (public != "all"), (path, modules)
        for path in ("/quotas", "/cloud", PROJECT):
            assert ("Nothing is here" if "quotas" in modules else "Please sign in") in page_text(visitor.page(path)), (path, modules)
        front = visitor.page("/")
        if "status" in modules:
            # the front page leads to the first page a visitor may open, or to signing in
            assert front.status_code == 200 and page_text(front)
        else:
            assert ("Please sign in" in page_text(front)) is (public == "none"), modules
        menu = visitor.get("/_dash-layout").get_data(as_text=True)
        assert ("/scheduler" in menu.replace("\\u002f", "/")) is (public == "all" and "overview" not in modules), modules


@pytest.mark.parametrize("public", ["all", "status", "none"])
def test_no_link_of_a_visitor_leads_where_they_may_not_go(world: World, off: Callable[..., Asker], public: str) -> None:
    """What is shown to everybody links to what everybody may open, and to signing in."""
    answering(world, {"lustre_": reply(f'{{"status":"success","data":{{"resultType":"vector","result":[{LUSTRE}]}}}}')})
    visitor, found = off(public), set()
    for path in ("/", "/scheduler", "/filesystems", "/logins", "/transfers", "/software", "/quotas"):
        answer = visitor.page(path)
        found |= set(hrefs(answer.get_json()))
        for page in PAGES.values():
            body = answer.get_data(as_text=True)
            for section in (one for one in page.sections if f'"{page.key}:{one.key}"' in body):
                found |= set(hrefs(visitor.section(page, section, path).get_json()))
    found |= set(hrefs(visitor.get("/_dash-layout").get_json()))
    inside = {re.split(r"[?#]", one)[0] for one in found if one.startswith("/")} - {""}
    own = {path for path in inside if not path.startswith(("/sign-in", "/sign_in", "/export/", "/assets/"))}
    assert ("/filesystems" in own) is (public == "all") and inside, inside
    for path in own:
        words = page_text(visitor.page(path))
        assert "Nothing is here" not in words and ("Please sign in" not in words or path == "/"), path
    for file in (path for path in inside if path.startswith("/export/")):
        assert visitor.get(file).status_code not in (401, 403, 404), file


@pytest.mark.parametrize(("fails", "words"), [("slurm_job:", "What programs use is"), ("slurm_cpus_alloc", "What is allocated, usable and there at all may be")])
def test_lines_that_are_missing_in_a_chart_are_named(world: World, portal_of: Callable[..., Asker], tmp_path: Path, fails: str, words: str) -> None:
    """The chart of what is left would look as if programs used nothing, or as if the cluster had no size."""
    now = world.clock.now
    used = f'{{"metric":{{"what":"cores"}},"values":[[{now - 600},"7"],[{now - 300},"7"]]}}'
    rules = reply(f'{{"status":"success","data":{{"resultType":"matrix","result":[{used}]}}}}')
    answering(world, {"slurm_job:": rules} | {fails: reply("no", 500, "text/plain")})
    visitor = portal_of(None, server={"cache_dir": tmp_path / "cache"})
    for place, path in (("status:use", "/"), ("scheduler:resources", "/scheduler")):
        found = said(ask(visitor, place, path))
        assert found["cores"] == "chart" and f"{words} missing in these charts: The metrics server cannot be reached" in found["missing"], (place, found)


EXES = '{"metric":{"what":"cores","exe":"/cvmfs/soft/bin/gmx"},"value":[0,"50"]}'
MOMENTS = '{"metric":{"what":"seen_at","exe":""},"value":[0,"10"]},{"metric":{"what":"used","exe":""},"value":[0,"6"]}'


def test_of_programs_what_is_not_known_of_gpus_is_named(world: World, portal_of: Callable[..., Asker]) -> None:
    """Without the sentence the table would read as if no program used a GPU."""
    cores = reply(f'{{"status":"success","data":{{"resultType":"vector","result":[{EXES},{MOMENTS}]}}}}')
    answering(world, {'"held"': reply("no", 500, "text/plain"), '"seen_at"': cores})
    found = said(ask(portal_of(None), "software:programs", "/software"))["programs"]
    assert "GROMACS" in found and "What GPU jobs use is missing here: The metrics server cannot be reached" in found


@pytest.mark.parametrize(
    ("fails", "words"),
    [("openstack", "Quotas and storage: The metrics server cannot be reached"), ("libvirtd", "Machines that run")],
)
def test_of_the_cloud_what_is_missing_beside_the_rest_is_named(world: World, portal_of: Callable[..., Asker], tmp_path: Path, fails: str, words: str) -> None:
    file = tmp_path / "cloud.yaml"
    file.write_text("projects: {lab1: {members: [alice]}}\n")
    ran = '{"metric":{"what":"instances","project_name":"lab1","project":"lab1"},"value":[0,"4"]}'
    answering(world, {fails: reply("no", 500, "text/plain"), "libvirtd|openstack": reply(f'{{"status":"success","data":{{"resultType":"vector","result":[{ran}]}}}}')})
    alice = portal_of("alice", cloud={"projects_file": file}, server={"cache_dir": tmp_path / "cache"})
    found = said(ask(alice, "cloud:own", "/cloud"))["own"]
    assert words in found and "lab1" in found
    assert words in said(ask(Asker(alice.app, "ada"), "cloud:all", "/cloud"))["projects"]
