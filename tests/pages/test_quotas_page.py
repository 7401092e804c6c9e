"""The page of quotas on a real Prometheus: GPFS beside lfs_quota, what it says, and what strangers get."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.quota_trend import Outlook
from components.charts import quota as charts
from components.present import present, to_csv
from components.records import About
from core.errors import NoData, NotAllowed, NotFound, SourceDown, Why
from core.hooks import Hooks
from core.settings import Area, Exporter, Metrics, Prometheus, Robinhood, Settings, Storage
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources import quota_holdings, quotas, quotas_full
from datasources.cache import Cache
from datasources.pool import Pool
from datasources.prometheus.client import PrometheusClient
from datasources.quota_holdings import Holding, held_by
from datasources.robinhood import usage
from datasources.sources import Sources
from pages import quota_cells, quotas_groups, quotas_query, quotas_staff, quotas_view
from pages.quotas_query import QuotasView
from tests.pages.test_jobs_pages import texts

DAY, GIB = 86400, 1024**3
END = 1_750_000_000 // DAY * DAY
START = END - 9 * DAY
WHEN = TimeRange(start=END - 30 * DAY, end=END, now=END)
ANN = Viewer(name="ann", accounts=frozenset({"def-a"}))
BOB = Viewer(name="bob", accounts=frozenset({"def-a_x"}))
ADA = Viewer(name="ada", is_staff=True)
AREAS = {
    "home": Area(source="gpfs", fs="fs1", fileset="home", title="Home"),
    "scratch": Area(path="/s"),
    "project": Area(path="/p", label="project", robinhood="main"),
}
# uid → (GiB at the beginning, GiB at the end, soft, hard, in doubt, files); 1002 has no quota: 0
HOMES = {1001: (20, 29, 50, 60, 2, 600), 1002: (5, 5, 0, 0, 0, 7), 1003: (55, 55, 50, 60, 0, 990), 10011: (1, 1, 50, 60, 0, 1)}
GIVEN = {
    "ann": [{"name": "ann", "kind": "home", "id": 1001}, {"name": "ann", "kind": "scratch", "bytes": 10 * GIB, "files": 0},
            {"name": "def-a", "kind": "project", "bytes": 100 * GIB, "files": 100, "id": 7001},
            {"name": "ann", "kind": "project", "bytes": 5 * GIB, "id": 1001, "personal": True}],
    "bob": [{"name": "bob", "kind": "home", "id": 1002}, {"name": "bob", "kind": "scratch", "bytes": 10 * GIB}],
}  # fmt: skip


def _series(name: str, labels: str, first: float, last: float) -> list[str]:
    return [f"{name}{{{labels}}} {first + (last - first) * at / (END - START)} {START + at}" for at in range(0, END - START + 1, 300)]


def _samples() -> str:
    lines = []
    for what, factor in (("bytes", GIB), ("files", 1)):
        parts = {kind: [f"# TYPE gpfs_user_{kind}_{what} gauge"] for kind in ("used", "quota", "limit", "in_doubt")}
        for uid, (first, last, soft, hard, doubt, files) in HOMES.items():
            labels = f'user="{uid}",fs="fs1",fileset="home"'
            used = (first * GIB, last * GIB) if what == "bytes" else (files, files)
            parts["used"] += _series(f"gpfs_user_used_{what}", labels, *used)
            for kind, value in (("quota", soft), ("limit", hard), ("in_doubt", doubt)):
                # files: a hundred for each 5 GiB of the soft limit
                value = value * factor if what == "bytes" else value * 20
                parts[kind] += _series(f"gpfs_user_{kind}_{what}", labels, value, value)
        lines += [line for part in parts.values() for line in part]
    for metric, place in (("lfs_quota_kbytes", 0), ("lfs_quota_inodes", 1)):
        lines.append(f"# TYPE {metric} gauge")
        for labels, values in {
            'path="/s",user="bob"': (11 * 1024**2, 5), 'path="/p",project="def-a"': (96 * 1024**2, 120), 'path="/p",project="def-a_x"': (1, 1),
        }.items():  # fmt: skip
            lines += _series(metric, labels, values[place], values[place])
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture
def sources(prometheus: Callable[..., str], tmp_path: Path) -> Iterator[Sources]:
    settings = Settings(
        prometheus=Prometheus(url=prometheus(_samples())), storage=Storage(areas=AREAS),
        metrics=Metrics(exporters={"lfs_quota": Exporter(scrape_seconds=300), "gpfs_exporter": Exporter(scrape_seconds=300)}),
        robinhood={"main": Robinhood(url="mysql+pymysql://reader@127.0.0.1:1/none")},
    )  # fmt: skip
    pool, cache = Pool(8), Cache(tmp_path / "cache", 64)
    hooks = Hooks({"storage_allocations": lambda name, accounts: GIVEN.get(name, GIVEN["ann"][2:3] if not name else []), "person": lambda name: ""})
    client = PrometheusClient(settings.prometheus, lambda: float(END))
    yield Sources(settings=settings, hooks=hooks, prometheus=client, slurm=None, portal=None, cache=cache, pool=pool, clock=lambda: float(END))
    pool.close()
    cache.close()


def said(part: Any) -> str:
    """What a person reads, with plain spaces."""
    return " ".join(texts(part).replace("\u00a0", " ").replace("\u202f", " ").split())


def about(viewer: Viewer, settings: Settings) -> About:
    """What drawing knows."""
    return About(viewer=viewer, subject=QuotasView(id=viewer.name or ""), when=WHEN, settings=settings, frames={})


def test_gpfs_and_lustre_side_by_side(sources: Sources) -> None:
    frames = quotas_query.summary(sources, ANN, QuotasView(id=""), WHEN)
    home, scratch, project = frames["quotas"].to_dict("records")
    assert (home["bytes_used"], home["bytes_limit"], home["bytes_hard"], home["bytes_doubt"]) == (29 * GIB, 50 * GIB, 60 * GIB, 2 * GIB)
    assert (home["files_used"], home["files_limit"], home["files_share"], home["state"]) == (600, 1000, 0.6, "ok")
    assert scratch["state"] == "small" and math.isnan(scratch["bytes_used"])  # bob is measured there, ann is not
    # 96 of 100 GiB is near, 120 of 100 files over: the share is told as it is
    assert (project["owner"], project["bytes_state"], project["files_state"], project["files_share"]) == ("def-a", "near", "over", 1.2)
    assert frames["errors"] == {} and not {"def-a_x"} & set(frames["quotas"]["owner"])
    # 9 GiB in 9 days: 21 GiB left are 21 days
    found = frames["outlooks"][("bytes", "home", "ann")]
    assert found.kind == "full_in" and found.low == pytest.approx(21, rel=0.01) and found.high == pytest.approx(21, rel=0.01)
    assert [home["bytes_full_days_low"], home["bytes_full_days_high"]] == pytest.approx([21, 21], rel=0.01)  # for the CSV
    assert frames["outlooks"][("bytes", "project", "def-a")].kind == "not_filling"
    assert math.isnan(project["bytes_full_days_low"])
    drawn = said(quotas_view.draw_table(frames, about(ANN, sources.settings)))
    for words in ("29 of 50 GiB", "hard limit 60 GiB", "2 GiB in doubt", "120 of 100", "120 %", "Over quota", "Nearly full", "Too small to measure",
                  "full in about 21 days at the pace of the last 7 days"):  # fmt: skip
        assert words in drawn, words
    found_words = said(quotas_view.draw_findings(frames, about(ANN, sources.settings)))
    assert found_words.index("number of files: over quota") < found_words.index("Project def-a: nearly full") < found_words.index("Home: filling")
    assert "Scratch" in said(quotas_view.draw_tiles(frames, about(ANN, sources.settings)))


def test_an_unlimited_quota_is_shown_and_not_judged(sources: Sources) -> None:
    frames = quotas_query.summary(sources, BOB, QuotasView(id="bob"), WHEN)
    home = frames["quotas"].to_dict("records")[0]
    assert home["bytes_used"] == 5 * GIB and math.isnan(home["bytes_limit"]) and home["bytes_state"] == "no_limit"
    assert "5 GiB no limit known" in said(quotas_view.draw_table(frames, about(BOB, sources.settings)))


def test_over_the_soft_limit_says_what_the_hard_one_allows(sources: Sources) -> None:
    given = Hooks({"storage_allocations": lambda name: [{"name": name, "kind": "home", "id": 1003}], "person": lambda name: ""})
    frames = quotas_query.summary(replace(sources, hooks=given), Viewer(name="cat"), QuotasView(id=""), WHEN)
    words = said(quotas_view.draw_findings(frames, about(Viewer(name="cat"), sources.settings)))
    assert "Home: over quota 55 of 50 GiB (110 %)" in words and "hard limit of 60 GiB" in words


@pytest.mark.parametrize("name", ["ann", "Bob", "bob ", "bob|ann", 'bob"} or vector(1)', ".*"])
def test_strangers_get_nothing(sources: Sources, name: str) -> None:
    for query in (quotas_query.summary, quotas_query.trend_query("home"), quotas_groups.members_query, quotas_groups.sizes_query):
        with pytest.raises(NotFound):
            query(sources, BOB, QuotasView(id=name), WHEN)
    with pytest.raises(NotFound):
        held_by(sources, BOB, name)
    with pytest.raises(NotFound):
        quotas_query.summary(sources, Viewer(name=None), QuotasView(id=""), WHEN)


@pytest.mark.parametrize(("newest", "uid"), [({1001: "ann", 1007: "ann"}, 1007), ({1001: "ann", 1007: "bob"}, 1001), ({1007: "Ann"}, None), ({}, None)])
def test_a_uid_that_was_given_to_somebody_else_is_not_theirs_any_more(monkeypatch: pytest.MonkeyPatch, newest: dict[int, str], uid: int | None) -> None:
    """GPFS and Robinhood know numbers only: under an old uid they would show another person's home."""
    monkeypatch.setattr(quota_holdings, "database", lambda sources: None)
    monkeypatch.setattr(quota_holdings, "uids_of", lambda db, name: (1001, 1007))
    monkeypatch.setattr(quota_holdings, "uid_names", lambda sources, *, viewer, uids: {one: newest[one] for one in uids if one in newest})
    accounting = SimpleNamespace(slurm=object())
    assert quota_holdings.uid_of(accounting, ANN, "ann") == uid
    with pytest.raises(NotFound):
        quota_holdings.uid_of(accounting, BOB, "ann")


def test_another_ones_holdings_open_nothing(sources: Sources) -> None:
    held = held_by(sources, ANN, "ann").quotas
    for call in (quotas.measured, quotas.trend):
        with pytest.raises(NotFound):
            call(sources, viewer=BOB, held=held, when=WHEN)
    for call in (usage.group_usage, usage.histogram):
        with pytest.raises(NotFound):
            call(sources, viewer=BOB, area="project", held=[one for one in held if one.area == "project"])
    with pytest.raises(NotFound):
        usage.group_usage(sources, viewer=ANN, area="project", held=[Holding(area="project", path="/p", label="project", owner="def-b", number=7)])


@pytest.mark.parametrize("policy", ["hidden", "initials", "names"])
def test_members_of_a_group_are_named_as_the_site_says(sources: Sources, monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    """In the table, in the sentence about the largest one, and in the file; a uid nobody can name is somebody's, too. ann never ran a job: the
    hook tells her uid."""
    rows = [(7001, 1001, "", 5.0), (7001, 1002, "bob", 90.0), (7001, 1003, "cat", 5.0), (7001, 1099, "", 3.0), (7001, 0, "root", 99.0)]
    found = pd.DataFrame(rows, columns=["gid", "uid", "user", "bytes"]).assign(**{name: 9.0 for name in quotas_groups.AMOUNTS if name != "bytes"})
    monkeypatch.setattr(usage, "group_usage", lambda *_args, **_more: found)
    settings = sources.settings.model_copy(update={"site": sources.settings.site.model_copy(update={"names": policy})})
    source = replace(sources, settings=settings)
    for viewer, open_ in ((ANN, policy == "names"), (ADA, True)):
        frames = present(quotas_groups.members_query(source, viewer, QuotasView(id="ann"), WHEN), viewer, settings, QuotasView(id="ann"))
        group = frames["members"][frames["members"]["owner"] == "def-a"]
        # of 202 bytes; root's are in the whole and not in the list
        assert group["share"].tolist() == pytest.approx([90 / 202, 5 / 202, 5 / 202, 3 / 202]) and "ann" in group["user"].tolist()
        for words in (said(quotas_groups.draw_members(frames, about(viewer, settings))), to_csv(frames["members"])):
            shown = set(re.findall(r"\w+", words))
            assert "ann" in shown and not shown & {"root", "7001", "1001", "1002"}
            assert {"bob", "cat", "1099"} <= shown if open_ else not shown & {"bob", "cat", "1099"}


def test_what_only_staff_read(sources: Sources) -> None:
    for viewer in (ANN, BOB):
        with pytest.raises(NotAllowed):
            quotas_full.measured_by_all(sources, viewer=viewer, when=WHEN)
        with pytest.raises(NotAllowed):
            usage.top_owners(sources, viewer=viewer, area="project")
    frames = quotas_staff.full_query(sources, ADA, QuotasView(id=""), WHEN)
    rows = [(row["area"], row["owner"], row["state"], round(row["share"], 3)) for row in frames["full"].to_dict("records")]
    # without accounting a uid stays a number. 11 of bob's 10 GiB, 55 of 50 GiB and 990 of 1000 files, 120 of 100 files
    assert rows == [("project", "def-a", "over", 1.2), ("home", "1003", "over", 1.1), ("scratch", "bob", "over", 1.1)]
    # who is over in space is told with the files, too: 990 of 1000
    home = frames["full"].set_index("owner").loc["1003"]
    assert (home["files_used"], home["files_limit"], home["files_state"]) == (990, 1000, "near")
    drawn = said(quotas_staff.draw_full(frames, about(ADA, sources.settings)))
    assert "120 %" in drawn and "Not measured" not in drawn.split("scratch")[0]


def _fails(**_asked: Any) -> Any:
    raise RuntimeError("directory is down")


@pytest.mark.parametrize("answer", [_fails, lambda: "nonsense", lambda: None, lambda: [{"kind": "scratch"}]])
def test_limits_nobody_can_read_are_not_no_limits(sources: Sources, answer: Callable[..., Any]) -> None:
    """What GPFS tells itself stays judged; of the rest nothing is said to be well, and what is missing is named."""
    given = lambda name, accounts: [{"name": name, "kind": "home", "id": 1002}, {"name": name, "kind": "scratch"}]  # noqa: E731
    well = replace(sources, hooks=Hooks({"storage_allocations": given, "person": lambda name: ""}))
    broken = replace(sources, hooks=Hooks({"storage_allocations": answer, "person": lambda name: ""}))
    for source, known in ((well, True), (broken, False)):
        frames = quotas_query.summary(source, BOB, QuotasView(id=""), WHEN)
        assert frames["limits_known"] is known
        table, tiles, found = (said(draw(frames, about(BOB, source.settings))) for draw in (quotas_view.draw_table, quotas_view.draw_tiles, quotas_view.draw_findings))
        assert ("limits are not known" in table) is not known and ("its limit cannot be read" in table) is not known
        assert ("its limit cannot be read" in tiles) is not known and ("no limit known" in table) is known
        assert "over or near" not in found
        for query, key in ((quotas_groups.members_query, "members"), (quotas_groups.sizes_query, "sizes")):
            part = query(source, Viewer(name="dan"), QuotasView(id=""), WHEN)[key]
            assert (isinstance(part, NoData) and part.why is Why.LIMITS_UNKNOWN) is not known
    home = quotas_query.summary(replace(broken, hooks=Hooks({"storage_allocations": lambda name: [GIVEN["ann"][0], "?"]})), ANN, QuotasView(id=""), WHEN)
    assert home["quotas"].to_dict("records")[0]["bytes_limit"] == 50 * GIB and home["quotas"]["limits_known"].tolist()[:2] == [True, False]
    assert "Nothing is over" not in said(quotas_view.draw_findings(home, about(ANN, sources.settings)))
    # under the names of accounts alone nothing is measured: they are not said to be groups
    other = Viewer(name="zoe", accounts=frozenset({"def-y_cpu", "def-a"}))
    assert quotas_query.summary(broken, other, QuotasView(id=""), WHEN)["quotas"]["owner"].tolist() == ["zoe", "zoe", "def-a"]
    nobodys = Viewer(name="zoe", accounts=frozenset({"def-y_cpu"}))
    assert quotas_query.summary(broken, nobodys, QuotasView(id=""), WHEN)["quotas"]["label"].tolist() == ["user", "user"]
    assert quotas_query.trend_query("project")(broken, nobodys, QuotasView(id=""), WHEN)["bytes"].why is Why.LIMITS_UNKNOWN
    # who has no such storage is not told to choose a longer range
    assert quotas_query.trend_query("nearline")(well, nobodys, QuotasView(id=""), WHEN)["bytes"].why is Why.NOT_HELD
    # staff: nobody is told to be well for want of limits
    everybody = quotas_staff.full_query(broken, ADA, QuotasView(id=""), WHEN)
    assert set(everybody["errors"]) == {"scratch", "project"} and everybody["full"]["owner"].tolist() == ["1003"]
    assert "limits are not known" in said(quotas_staff.draw_full(everybody, about(ADA, sources.settings)))


def test_limits_of_two_parts_are_added_for_staff_as_they_are_for_their_owner(sources: Sources) -> None:
    told = [{"bytes": 7 * GIB}, {"bytes": 4 * GIB, "files": 5}]
    entries = [{"name": "bob", "kind": "scratch", **one} for one in told]
    both = replace(sources, hooks=Hooks({"storage_allocations": lambda name: entries if name == "bob" else []}))
    own = quotas_query.summary(both, BOB, QuotasView(id=""), WHEN)["quotas"].set_index("area").loc["scratch"]
    row = quotas_staff.full_query(both, ADA, QuotasView(id=""), WHEN)["full"].set_index("owner").loc["bob"]
    # 11 of 11 GiB, 5 of 5 files
    for found in (own, row):
        assert (found["bytes_limit"], found["files_limit"], found["bytes_state"], found["files_state"]) == (11 * GIB, 5, "near", "near")


@pytest.mark.parametrize(
    ("told", "coordinates", "opened"),
    [
        ({"accounts": ["def-a_cpu", "def-a_gpu"]}, {"def-a_cpu", "def-a_gpu"}, True), ({"accounts": ["def-a_cpu", "def-a_gpu"]}, {"def-a_cpu"}, False),
        ({"accounts": ["def-a_cpu"]}, {"def-a_cpu2", "def-a", "Def-A_cpu"}, False), ({"accounts": []}, {"def-a", ""}, False),
        ({"accounts": "def-a"}, {"def-a", "d", "e"}, False), ({}, {"def-a"}, True), ({}, set(), False), ({"personal": True}, {"def-a"}, False),
    ],
)  # fmt: skip
def test_who_coordinates_a_groups_accounts_reads_its_members(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], coordinates: set[str], opened: bool
) -> None:
    """All of its accounts, by their exact names; of another group in the same table names stay hidden."""
    rows = [(7001, 1001, "ann", 5.0), (7001, 1002, "bobby", 90.0), (7002, 1003, "cathy", 5.0)]
    found = pd.DataFrame(rows, columns=["gid", "uid", "user", "bytes"]).assign(**{name: 9.0 for name in quotas_groups.AMOUNTS if name != "bytes"})
    monkeypatch.setattr(usage, "group_usage", lambda *_args, **_more: found)
    given = [{"name": "def-a", "kind": "project", "id": 7001, **told}, {"name": "def-z", "kind": "project", "id": 7002, "accounts": ["def-z_cpu"]}]
    source = replace(sources, hooks=Hooks({"storage_allocations": lambda name: given}))
    viewer = Viewer(name="ann", coordinates=frozenset(coordinates))
    frames = present(quotas_groups.members_query(source, viewer, QuotasView(id=""), WHEN), viewer, source.settings, QuotasView(id=""))
    for words in (said(quotas_groups.draw_members(frames, about(viewer, source.settings))), to_csv(frames["members"])):
        assert ("bobby" in words) is opened and "cathy" not in words and "ann" in words and "_cpu" not in words


@pytest.mark.parametrize(("near", "days", "state"), [(0.9, 7, "ok"), (0.58, 3, "near"), (0.61, 9, "ok"), (1.0, 1, "ok")])
def test_the_settings_say_what_is_near_and_how_far_back_the_pace_is_taken_from(sources: Sources, near: float, days: int, state: str) -> None:
    """29 of 50 GiB are 58 %, 600 of 1000 files 60 %; the pace is 1 GiB a day however far back it is looked for."""
    storage = sources.settings.storage.model_copy(update={"near_share": near, "trend_days": days})
    source = replace(sources, settings=sources.settings.model_copy(update={"storage": storage}))
    frames = quotas_query.summary(source, ANN, QuotasView(id=""), WHEN)
    home, found = frames["quotas"].to_dict("records")[0], frames["outlooks"][("bytes", "home", "ann")]
    assert home["bytes_state"] == state and found.pace == pytest.approx(GIB, rel=0.01) and found.days == pytest.approx(days, rel=0.1)
    assert f"at the pace of the last {days} day" in said(quotas_view.draw_table(frames, about(ANN, source.settings)))
    full = quotas_staff.full_query(source, ADA, QuotasView(id=""), WHEN)["full"]
    assert ("1001" in set(full["owner"])) is (state == "near")


def test_one_source_away_leaves_the_others(sources: Sources) -> None:
    exporters = {"gpfs_exporter": Exporter(installed=False), "lfs_quota": Exporter(scrape_seconds=300)}
    settings = sources.settings.model_copy(update={"metrics": Metrics(exporters=exporters)})
    frames = quotas_query.summary(replace(sources, settings=settings), ANN, QuotasView(id=""), WHEN)
    assert set(frames["errors"]) == {"home"}
    home = frames["quotas"].to_dict("records")[0]
    assert home["state"] == "unknown"
    drawn = said(quotas_view.draw_table(frames, about(ANN, settings)))
    assert "Home: This cluster does not collect these measurements" in drawn and "120 of 100" in drawn


def test_nothing_at_all_says_why(sources: Sources) -> None:
    away = replace(sources, prometheus=None)
    frames = quotas_query.summary(away, ANN, QuotasView(id=""), WHEN)
    assert isinstance(frames["quotas"], NoData) and frames["quotas"].why is Why.NOT_CONFIGURED
    assert "does not collect" in said(quotas_view.draw_table(frames, about(ANN, sources.settings)))
    assert quotas_view.draw_tiles(frames, about(ANN, sources.settings)) is None
    members = quotas_groups.members_query(sources, ANN, QuotasView(id=""), WHEN)
    assert isinstance(members["members"], NoData)  # the settings name a database nobody opened
    down = {"members": SourceDown("robinhood"), "errors": {}}
    assert "Robinhood" in said(quotas_groups.draw_members(down, about(ANN, sources.settings)))


def test_the_charts_are_figures(sources: Sources) -> None:
    frames = quotas_query.trend_query("home")(sources, ANN, QuotasView(id=""), WHEN)
    assert frames["bytes"].attrs["limits"] == {("home", "ann"): 50 * GIB}  # as GPFS itself says
    go.Figure(charts.space(frames["bytes"], about(ANN, sources.settings)))
    rows = [{"area": "project", "owner": "def-a", "size_class": name, "files": float(place)} for place, name in enumerate(charts.SIZES)]
    drawn = charts.sizes(pd.DataFrame(rows), about(ANN, sources.settings))
    go.Figure(drawn)
    assert drawn["data"][0]["y"][9] == 20.0  # 9 of 45
    assert drawn["layout"]["xaxis"]["automargin"], "on a phone the names of the classes are tilted and would be cut"


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (Outlook(kind="full_in", low=8.2, high=13.7, days=7), "full in 8 to 14 days at the pace of the last 7 days"),
        (Outlook(kind="full_in", low=0.3, high=0.6, days=7), "full in less than 1 day at the pace of the last 7 days"),
        (Outlook(kind="full_in", low=14, high=14, days=4, cut=True), "full in about 14 days at the pace since the last great deletion, 4 days"),
        (Outlook(kind="not_filling", days=7), "not filling at the pace of the last 7 days"),
        (Outlook(kind="uneven", days=7), "too uneven to say at the pace of the last 7 days"),
        (Outlook(kind="uneven", cut=True), "too little since the last great deletion to say"),
        (Outlook(kind="short"), "too little is measured to say"),
        (Outlook(kind="over"), ""), (Outlook(kind="no_limit"), ""),
    ],
)  # fmt: skip
def test_when_it_would_be_full_in_words(found: Outlook, wanted: str) -> None:
    assert quota_cells.when_full(found).replace("\u00a0", " ") == wanted
