"""The demo in Chromium: every page as its owner and as staff, in both themes, wide and narrow; the console stays silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from demo.model import Plan, PlannedRun, Vm
from tests.portal.conftest import Demo
from tests.portal.runs import DAY, address, behaves, ended, raw, running
from tests.portal.screen import PLOTS, WIDER, Screen

pytestmark = pytest.mark.browser
STAFF = "ada"
WIDE, NARROW = 1440, 390
THEME = "return document.documentElement.dataset.bsTheme"


def first(plan: Plan, fits: Callable[[PlannedRun], bool]) -> PlannedRun:
    """The last submitted run that fits."""
    return max((run for run in plan.runs if fits(run)), key=lambda run: run.submit)


def _compare(plan: Plan) -> str:
    return "/jobs/compare?ids=" + ",".join(str(run.id_job) for run in running(plan, "mira")[:1] + [behaves("gpu_idle_after_burst")(plan)])


def _pending(plan: Plan) -> PlannedRun:
    return first(plan, lambda run: run.start is None and run.end is None and run.submit < plan.made_at and not run.array_job)


def _old(plan: Plan) -> PlannedRun:
    return first(plan, lambda run: run.end is not None and run.end < raw(plan) - DAY and bool(run.start) and run.person == "mira")


def _array(plan: Plan) -> PlannedRun:
    return first(plan, lambda run: run.person == "pavel" and run.submit < plan.made_at - DAY)


def machine(plan: Plan, name: str) -> Vm:
    """The first of the cloud's machines of this name."""
    return next(vm for vm in plan.vms if vm.name == name)


def vm_address(plan: Plan, name: str) -> str:
    """The path of its page."""
    found = machine(plan, name)
    return f"/cloud/{found.project}/{found.uuid}"


# name → (whose it is, its path, how many charts it draws at least)
Page = tuple[str, Callable[[Plan], str], int]
PAGES: dict[str, Page] = {
    "status": ("mira", lambda plan: "/", 2),
    "jobs": ("mira", lambda plan: "/jobs?user=mira", 4),
    "GPU job": ("mira", lambda plan: address(running(plan, "mira")[0]), 12),
    "32 nodes": ("greta", lambda plan: address(behaves("mpi_32")(plan)), 10),
    "array": ("pavel", lambda plan: f"/job/{_array(plan).array_job}", 1),
    "pending": ("", lambda plan: address(_pending(plan)), 0),
    "before retention": ("mira", lambda plan: address(_old(plan)), 0),
    "compare": ("mira", _compare, 3),
    "accounts": ("chen", lambda plan: "/accounts", 0),
    "account": ("wlovelace", lambda plan: "/account/def-lovelace_gpu", 12),
    "account's jobs": ("wlovelace", lambda plan: "/account/def-lovelace_cpu?view=jobs", 0),
    "month's report": ("wlovelace", lambda plan: "/account/def-lovelace_cpu?view=report", 0),
    "person": ("ines", lambda plan: "/user/ines", 6),
    "top": (STAFF, lambda plan: "/top", 0),
    "top GPUs": (STAFF, lambda plan: "/top/gpu?partition=gpu", 0),
    "top memory": (STAFF, lambda plan: "/top/memory", 0),
    "top file systems": (STAFF, lambda plan: "/top/lustre", 2),
    "waste": (STAFF, lambda plan: "/top/waste", 1),
    "nodes": ("bruno", lambda plan: "/nodes", 0),
    "one node": ("mira", lambda plan: f"/node/{running(plan, 'mira')[0].shares[0].node}", 10),
    "scheduling": (STAFF, lambda plan: "/scheduling", 6),
    "narrowed": (STAFF, lambda plan: "/?account=def-turing_cpu", 2),
    "scheduler": ("mira", lambda plan: "/scheduler", 8),
    "file systems": ("mira", lambda plan: "/filesystems", 8),
    "login nodes": ("mira", lambda plan: "/logins", 8),
    "transfer nodes": ("mira", lambda plan: "/transfers", 8),
    "software": ("mira", lambda plan: "/software", 3),
    "quotas": ("chen", lambda plan: "/quotas?user=chen", 3),
    "cloud": ("chen", lambda plan: "/cloud", 0),
    "cloud project": ("chen", lambda plan: "/cloud/def-lovelace-dev", 4),
    "virtual machine": ("chen", lambda plan: vm_address(plan, "dev-db"), 4),
    "somebody else's cloud": ("tomas", lambda plan: "/cloud/def-lovelace-dev", 0),
    "somebody else's account": ("tomas", lambda plan: "/account/def-lovelace_gpu", 0),
    "no such page": ("mira", lambda plan: "/nowhere/at/all", 0),
    "no such job": ("mira", lambda plan: "/job/999999999", 0),
    "somebody else's": ("tomas", lambda plan: address(_old(plan)), 0),
}
REFUSED = {"no such page", "no such job", "somebody else's", "somebody else's account", "somebody else's cloud"}
OTHERS = {"somebody else's", "somebody else's account", "somebody else's cloud"}  # staff may
# strangers walk these in test_public_walk.py, too: one of the two people is enough
ONCE = {"scheduler": "staff", "file systems": "owner", "login nodes": "staff", "transfer nodes": "owner", "software": "staff"}
VISITS = [(page, who) for page in PAGES for who in ("owner", "staff") if ONCE.get(page, who) == who]


REFUSAL = "return (document.querySelector('.tt-refused') || {innerText: ''}).innerText"


def _owner(plan: Plan, page: str) -> str:
    return PAGES[page][0] or _pending(plan).person


def _looks_right(screen: Screen, charts: int, width: int) -> None:
    # plotly itself comes after the first data
    screen.until(lambda: screen.js(PLOTS)[1] == 0)
    assert screen.js(PLOTS)[0] >= charts
    assert screen.js(WIDER, width) == []


@pytest.mark.parametrize(("page", "who"), VISITS)
def test_every_page_draws_in_silence(page: str, who: str, demo: Demo, screen: Screen) -> None:
    """The owner comes with a wide light screen, staff with a dark phone; then width and theme change under the page."""
    _person, path, charts = PAGES[page]
    dark = who == "staff"
    before, after = (NARROW, WIDE) if dark else (WIDE, NARROW)
    screen.be(STAFF if who == "staff" else _owner(demo.plan, page)).look(dark=dark, width=before)
    screen.open(path(demo.plan))
    refused = page in REFUSED and not (page in OTHERS and who == "staff")
    if not refused and screen.js(REFUSAL):
        screen.open(path(demo.plan))  # a source that is slow for once, as a busy machine's may be, is asked again
    said = screen.js(REFUSAL)
    assert bool(said) is refused, said
    assert screen.js(THEME) == ("dark" if dark else "light")
    _looks_right(screen, charts, before)
    screen.look(dark=dark, width=after).wait("return window.innerWidth === arguments[0]", after)
    screen.settled()
    _looks_right(screen, charts, after)
    screen.click("[data-theme-toggle]")
    screen.wait(f"{THEME} !== arguments[0] ", "dark" if dark else "light")
    screen.settled()
    _looks_right(screen, charts, after)
    assert screen.console() == []


def test_signed_out_people_see_the_cluster_and_nobody(demo: Demo, screen: Screen) -> None:
    screen.be(None).look().open("/")
    _looks_right(screen, 2, WIDE)
    assert "mira" not in screen.text()
    screen.open("/jobs")
    assert screen.text(".tt-refused h1") == "Please sign in"
    screen.open(address(running(demo.plan, "mira")[0]))
    assert "finetune" not in screen.text()
    assert screen.console() == []


def test_somebody_elses_job_looks_like_one_that_does_not_exist(demo: Demo, screen: Screen) -> None:
    screen.be("tomas").look()
    texts = []
    for path in (address(running(demo.plan, "mira")[0]), "/job/999999999"):
        screen.open(path)
        texts.append(screen.text(".tt-refused"))
    assert texts[0] == texts[1]
    assert screen.console() == []


def test_a_newcomer_finds_why_the_gpus_idle_and_what_to_ask_for(demo: Demo, screen: Screen) -> None:
    """From the sign-in page to the line to paste, by clicks alone; and out again."""
    run = running(demo.plan, "mira")[0]
    screen.be(None).look()
    screen.driver.get(f"{demo.url}/")
    screen.click("a[data-sign-in]")
    screen.click(".tt-persona", "mira")
    screen.settled()
    screen.click('.tt-side a[href="/jobs"]')
    screen.wait("return location.pathname === '/jobs'")
    screen.click(f'#section-list td a[href="/job/{run.id_job}"]')
    screen.wait("return location.pathname === arguments[0]", f"/job/{run.id_job}")
    finding = screen.find(".tt-finding")
    assert "Three of four GPUs have done nothing since" in finding.text
    assert "UTC" not in finding.find_element(By.CSS_SELECTOR, "time").text, "times are the reader's own"
    request = finding.find_element(By.CSS_SELECTOR, ".tt-ask").text
    assert "#SBATCH --gpus-per-node=a100:1" in request.splitlines()
    screen.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite"], "origin": demo.url})
    screen.click(".tt-finding [data-copy]")
    screen.wait("return document.querySelector('.tt-finding [data-copy]').innerText.trim() === 'Copied'")
    copied = "const done = arguments[0]; navigator.clipboard.readText().then(done, (error) => done(String(error)))"
    assert screen.driver.execute_async_script(copied) == request
    screen.click("[data-drop=user] summary")
    screen.click("[data-drop=user] form button")
    screen.wait("return document.querySelector('a[data-sign-in]') !== null")
    screen.open(f"/job/{run.id_job}")
    assert screen.text(".tt-refused h1") == "Please sign in"
    assert screen.console() == []


def test_the_theme_switches_without_a_request(screen: Screen) -> None:
    screen.be("mira").look().open("/")
    colour = "return document.querySelector('.tt-plot .js-plotly-plot').data[0].line.color"
    ground = "return getComputedStyle(document.body).backgroundColor"
    before, count, light = screen.js(colour), screen.asked(), screen.js(ground)
    screen.click("[data-theme-toggle]")
    screen.wait(f"{colour} !== arguments[0]", before)
    assert screen.js(ground) != light
    assert screen.asked() == count
    screen.open("/jobs")
    assert screen.js(THEME) == "dark"
    assert screen.console() == []


def _range(screen: Screen) -> tuple[float, float]:
    """What the first chart in sight shows of time, in hours: (length, end before now)."""
    script = "const r = document.querySelector('.tt-plot:not(.tt-waiting) .js-plotly-plot').layout.xaxis.range; return r.map(String)"
    low, high = (datetime.fromisoformat(text[:19].replace(" ", "T")) for text in screen.js(script))
    return (high - low).total_seconds() / 3600, (datetime.now() - high).total_seconds() / 3600


def test_a_preset_is_in_the_address_and_rereads_the_sections(screen: Screen) -> None:
    screen.be("mira").look().open("/")
    assert _range(screen)[0] == pytest.approx(24, abs=0.02)
    count = screen.asked()
    screen.click("[data-drop=range] summary")
    screen.click('[data-range="now-6h"]')
    screen.wait("return location.search === '?from=now-6h&to=now'")
    screen.settled()
    assert screen.asked() > count
    length, ago = _range(screen)
    assert length == pytest.approx(6, abs=0.02) and ago < 0.1
    assert screen.text("[data-label=range]") == "Last 6 hours"
    screen.driver.refresh()
    screen.settled()
    assert _range(screen)[0] == pytest.approx(6, abs=0.02)
    assert screen.console() == []


def test_a_zoom_is_the_page_s_range_and_back_undoes_it(demo: Demo, screen: Screen) -> None:
    run = behaves("efficient")(demo.plan)
    screen.be(STAFF).look().open(address(run))
    hours = (run.end - run.start) / 3600
    assert _range(screen)[0] == pytest.approx(hours, abs=0.02)
    before = screen.search()
    plot = screen.find("#section-cpu .nsewdrag")
    screen.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", plot)
    wide = plot.size["width"]
    mouse = ActionChains(screen.driver).move_to_element(plot).move_by_offset(-wide / 4, 0).click_and_hold()
    mouse.move_by_offset(wide / 4, 0).move_by_offset(wide / 4, 0).release().perform()
    screen.wait("return /[?&]from=20..-..-..T.*Z&to=20..-..-..T.*Z/.test(location.search)")
    screen.settled()
    assert "submit=" in screen.search()
    # half of the chart's width, wherever exactly the mouse was
    assert _range(screen)[0] == pytest.approx(hours / 2, rel=0.05)
    others = "return Array.from(document.querySelectorAll('#section-memory .tt-plot:not(.tt-waiting) .js-plotly-plot')).map((one) => String(one.layout.xaxis.range))"
    own = screen.js("return String(document.querySelector('#section-cpu .js-plotly-plot').layout.xaxis.range)")
    assert set(screen.js(others)) == {own}
    screen.driver.back()
    screen.wait("return location.search === arguments[0]", before)
    screen.settled()
    assert _range(screen)[0] == pytest.approx(hours, abs=0.02)
    assert screen.console() == []


def test_refresh_rereads_now_and_by_itself(screen: Screen) -> None:
    screen.be("mira").look().open("/")
    count = screen.asked()
    screen.click("[data-drop=refresh] summary")
    screen.click("[data-refresh-now]")
    screen.until(lambda: screen.asked() > count)
    screen.settled()
    screen.click("[data-drop=refresh] summary")
    screen.click('[data-refresh-every="30"]')
    screen.wait("return location.search === '?refresh=30'")
    assert screen.text("[data-label=refresh]") == "30 s"
    count = screen.asked()
    # half a minute passes for the page, not for the test
    screen.js("const real = Date.now; Date.now = () => real() + 31000")
    screen.until(lambda: screen.asked() > count)
    assert screen.console() == []


ROWS = "return Array.from(document.querySelectorAll('#section-list tbody tr')).map((row) => row.innerText)"


def test_a_filter_of_the_list_is_in_the_address_and_stays(screen: Screen) -> None:
    screen.be("mira").look().open("/jobs")
    every = screen.js(ROWS)
    assert any("finetune_summaries" in row for row in every) and not all("finetune_summaries" in row for row in every)
    box = screen.find('#section-list input[name="name"]')
    box.send_keys("finetune_summaries", Keys.ENTER)
    screen.wait("return new URLSearchParams(location.search).get('name') === 'finetune_summaries'")
    for _again in range(2):
        screen.settled()
        rows = screen.js(ROWS)
        assert rows and all("finetune_summaries" in row for row in rows)
        assert screen.find('#section-list input[name="name"]').get_attribute("value") == "finetune_summaries"
        screen.driver.refresh()
    screen.settled()
    screen.click("#section-list .tt-field summary")
    screen.click("#section-list [data-state=RUNNING]")
    screen.click("#section-list .tt-states [type=submit]")
    screen.wait("return new URLSearchParams(location.search).get('state') === 'RUNNING'")
    pills = "return Array.from(document.querySelectorAll('#section-list tbody tr .tt-pill')).map((one) => one.innerText.trim())"
    screen.until(lambda: "Running" in screen.js(pills) and "Completed" not in screen.js(pills))
    screen.settled()
    assert all("finetune_summaries" in row for row in screen.js(ROWS))
    assert screen.console() == []


def test_the_list_comes_as_csv(browser: object, screen: Screen) -> None:
    screen.be("mira").look().open("/jobs?name=finetune_summaries")
    folder = Path(browser.download_path)
    behave = {"behavior": "allow", "downloadPath": str(folder)}
    screen.driver.execute_cdp_cmd("Browser.setDownloadBehavior", behave)
    screen.click("#section-list details:has(a[data-here]) > summary")
    link = screen.find("#section-list a[data-here]")
    link.click()
    address = link.get_attribute("href")
    assert "name=finetune_summaries" in address
    kind = "const done = arguments[1]; fetch(arguments[0]).then((answer) => done(answer.headers.get('content-type')))"
    assert screen.driver.execute_async_script(kind, address).startswith("text/csv")
    saved = folder / "jobs-list-jobs.csv"
    screen.until(saved.exists)
    lines = saved.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("job,") and ",name," in lines[0] and len(lines) > 1
    assert all("finetune_summaries" in line for line in lines[1:])
    assert screen.console() == []


ODD = ("<b>bold</b>", "<a href=x>click</a>", "\N{SLOTH} slow 模拟 é", "{{7*7}} %s \\n", "it's \"quoted\"", "=1+1")


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_shown_as_they_are(name: str, demo: Demo, screen: Screen) -> None:
    run = ended(demo.plan, lambda run: run.name == name, hours=0)
    screen.be(STAFF).look().at(address(run))
    assert screen.wait("return document.querySelector('h1.tt-job-name')?.textContent") == name
    made = "return document.querySelectorAll('h1 b, h1 a, td b, td a[href=\"x\"]').length"
    assert screen.js(made) == 0
    screen.at(f"/jobs?user={run.person}&id={run.id_job}")
    assert name in screen.text("#section-list tbody")
    assert screen.js(made) == 0
    screen.at(f"/jobs/compare?ids={run.id_job}")
    assert name in screen.text("#section-table tbody")
    assert screen.js(made) == 0
    assert screen.console() == []
