"""The ways people take through the portal, in clicks, as new users would: the PI, a staff member, and whoever searches."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.portal.conftest import Demo
from tests.portal.reader import Reader
from tests.portal.runs import running
from tests.portal.screen import Screen
from tests.portal.test_browser import vm_address
from tests.portal.test_numbers import table

pytestmark = pytest.mark.browser
STAFF, PI, ACCOUNT = "ada", "wlovelace", "def-lovelace_cpu"
FILTERED = "def-turing_cpu"
FOUND = "return Array.from(document.querySelectorAll('[role=option]'), (one) => one.innerText)"


def path(screen: Screen) -> str:
    """The path of the address."""
    return screen.js("return location.pathname")


def only(screen: Screen, text: str) -> None:
    """Wait until what was found by all that was typed is this alone: the first letters find more, and arrows would move among those."""
    screen.wait("const found = document.querySelectorAll('[role=option]'); return found.length === 1 && found[0].innerText.includes(arguments[0])", text)


def arrive(screen: Screen, wanted: str, holds: str = "") -> None:
    """Wait until the page of this address is there with all it draws, this text among it: until then the one before is still shown."""
    key = {"": "status"}.get(wanted.split("/")[1], wanted.split("/")[1])
    if key == "cloud":
        key = ("cloud", "cloud_project", "cloud_instance")[wanted.count("/") - 1]
    try:
        screen.until(lambda: path(screen) == wanted)
    except TimeoutException as error:
        raise AssertionError(f"still at {screen.js('return location.href')}, with this found: {screen.js(FOUND)}") from error
    screen.wait("return (document.querySelector('.tt-page') || {dataset: {}}).dataset.page === arguments[0]", key)
    screen.settled()
    screen.wait("return document.querySelector('.tt-main').innerText.includes(arguments[0])", holds)


def test_a_pi_finds_who_wastes_most_and_how_much(
    screen: Screen, demo: Demo, reader: Callable[[str], Reader], summarised: Callable[[int], None]
) -> None:
    summarised(demo.plan.made_at - 3600)
    screen.be(PI).look().open("/")
    screen.click("nav a", "My accounts")
    arrive(screen, "/accounts")
    screen.click(".tt-main td a", ACCOUNT)
    arrive(screen, f"/account/{ACCOUNT}")
    members = table(reader(PI), f"account/members/members?at=/account/{ACCOUNT}")
    worst = max(members, key=lambda row: float(row["core-hours wasted"] or 0))
    said = screen.text('[data-section="account:members"]')
    # the sentence names the person and the hours; hours are written with at most a thin space in them
    assert worst["user"] in said
    hours = float(worst["core-hours wasted"])
    numbers = [float(found.replace("\u202f", "")) for found in re.findall(r"\d[\d\u202f]*\.?\d*", said)]
    assert any(abs(number - hours) <= max(0.006 * hours, 0.5) for number in numbers), (hours, said[:400])
    assert screen.console() == []


def test_staff_go_from_top_to_person_job_node_and_back_with_their_filter(screen: Screen, demo: Demo) -> None:
    job = running(demo.plan, "bruno")[0]
    screen.be(STAFF).look().open("/")
    screen.click("nav a", "Top users")
    arrive(screen, "/top")
    box = screen.find('.tt-main input[name="account"], .tt-main [name="account"] input')
    box.send_keys(FILTERED, Keys.ENTER)
    screen.until(lambda: f"account={FILTERED}" in screen.search())
    screen.settled()
    rows = screen.js("return Array.from(document.querySelectorAll('[data-section=\"top:now\"] tbody tr')).map((one) => one.cells[1].innerText.trim())")
    assert rows and set(rows) == {FILTERED}
    screen.click(".tt-main td a", "bruno")
    arrive(screen, "/user/bruno")
    screen.click(".tt-main td a", str(job.id_job))
    arrive(screen, f"/job/{job.id_job}")
    node = job.shares[0].node
    screen.click(".tt-main a", node)
    arrive(screen, f"/node/{node}", str(job.id_job))
    screen.click("nav a", "Top users")
    arrive(screen, "/top")
    assert f"account={FILTERED}" in screen.search()
    screen.click("nav a", "Nodes")
    arrive(screen, "/nodes", node)
    assert f"account={FILTERED}" in screen.search()
    screen.js("history.back()")
    arrive(screen, "/top")
    assert f"account={FILTERED}" in screen.search()
    assert screen.console() == []


def test_the_keyboard_alone_finds_a_person_and_a_job(screen: Screen, demo: Demo) -> None:
    job = running(demo.plan, "mira")[0]
    screen.be(STAFF).look().open("/")
    ActionChains(screen.driver).send_keys("/").perform()
    ActionChains(screen.driver).send_keys("keller").perform()
    only(screen, "bruno")
    ActionChains(screen.driver).send_keys(Keys.ARROW_DOWN, Keys.ENTER).perform()
    arrive(screen, "/user/bruno")
    ActionChains(screen.driver).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    ActionChains(screen.driver).send_keys(str(job.id_job)).perform()
    only(screen, str(job.id_job))
    ActionChains(screen.driver).send_keys(Keys.ARROW_DOWN, Keys.ENTER).perform()
    arrive(screen, f"/job/{job.id_job}")
    assert screen.console() == []


def test_a_stranger_finds_whether_the_cluster_is_well_and_the_login_node_with_most_to_spare(screen: Screen) -> None:
    screen.be(None).look().open("/")
    assert re.search(r"\d+ of 42 nodes are up, \d+ % of the cores are in use", screen.text(".tt-main").replace("\u202f", " ").replace("\xa0", " "))
    screen.click('[data-section="status:glance"] a', "Login nodes")
    arrive(screen, "/logins", "has most to spare now.")
    block = '[data-section="logins:now"]'
    named = screen.text(f"{block} .tt-host-free b")
    rows = screen.js("return Array.from(document.querySelectorAll(arguments[0] + ' tbody tr')).map((row) => Array.from(row.cells, (one) => one.innerText))", block)
    # the scarcest part decides: shares of CPU and memory and the load of a hardware thread stand in the same row
    scarcest = {row[0]: max(float(re.search(r"[\d.]+", row[at])[0]) / part for at, part in ((2, 100), (3, 1), (4, 100))) for row in rows}
    assert len(scarcest) == 2
    # what is written is rounded to two digits
    assert scarcest[named] <= min(scarcest.values()) * 1.1
    assert screen.console() == []


def test_a_coordinator_finds_when_the_project_is_full_and_who_uses_it(screen: Screen, reader: Callable[[str], Reader]) -> None:
    screen.be("ruth").look().open("/")
    screen.click("nav a", "Quotas")
    arrive(screen, "/quotas", "Who in the group uses it")
    said = screen.text(".tt-main")
    found = re.search(r"Project rrg-franklin: filling .*; full in about (\d+) days", said)
    # the plan has it grow by the day; a month is well above what noise could make of it
    assert found and 3 <= int(found[1]) <= 30
    members = [row for row in table(reader("ruth"), "quotas/members/members?at=/quotas") if (row["area"], row["owner"]) == ("project", "rrg-franklin")]
    most = max(members, key=lambda row: float(row["bytes"]))
    assert f"Project rrg-franklin · {most['user']} uses most" in said
    assert screen.console() == []


def test_staff_find_the_idle_machine_and_a_smaller_flavour_for_the_large_one(screen: Screen, demo: Demo) -> None:
    screen.be(STAFF).look().open("/")
    screen.click("nav a", "Cloud")
    arrive(screen, "/cloud", "TOTAL")
    screen.click('[data-section="cloud:all"] td a', "def-lovelace-dev")
    arrive(screen, "/cloud/def-lovelace-dev", "dev-idle: It does next to nothing.")
    screen.click(".tt-finding a", "dev-db")
    arrive(screen, vm_address(demo.plan, "dev-db"), "dev-db")
    # at most 1.4 of its 8 cores and 3.6 of its 32 GiB: with a quarter more two cores would do, 4 GiB would not
    assert "p4-8gb would hold it: 4 cores and 8 GiB" in re.sub(r"\s+", " ", screen.text(".tt-main"))
    assert screen.console() == []
