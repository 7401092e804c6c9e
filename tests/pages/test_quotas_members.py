"""Who uses storage that GPFS alone measures: each member's own use of the place, out of a real Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.present import present, to_csv
from core.errors import NotFound
from core.hooks import Hooks
from core.settings import Area, Exporter, Metrics, Prometheus, Settings, Storage
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources import quota_members
from datasources.cache import Cache
from datasources.pool import Pool
from datasources.prometheus.client import PrometheusClient, recording
from datasources.quota_holdings import held_by
from datasources.sources import Sources
from pages import quotas_groups
from pages.quotas_query import QuotasView
from tests.pages.test_quotas_page import about, said

GIB, END = 1024**3, 1_750_000_000
WHEN = TimeRange(start=END - 86400, end=END, now=END)
ANN, EVE, ADA = Viewer(name="ann"), Viewer(name="eve"), Viewer(name="ada", is_staff=True)
AREAS = {
    "project": Area(source="gpfs", fs="big", label="group"), "data": Area(source="gpfs", fs="big", label="fileset"),
    "home": Area(source="gpfs", fs="homes", fileset="home"), "counted": Area(source="gpfs", fs="big", label="group", robinhood="main"),
}  # fmt: skip
# (uid, fs, fileset) → GiB, files: ann's larger figure of big counts, eve is in no group of ann's, homes are another file system
USED = {
    (1001, "big", "root"): (30, 300), (1001, "big", "lab"): (10, 20), (1002, "big", "root"): (90, 100), (1005, "big", "root"): (500, 5),
    (10012, "big", "root"): (7, 7), (1001, "homes", "home"): (999, 9), (1003, "big", "lab"): (2, 3),
}  # fmt: skip
IDS = {"ann": 1001, "bob": 1002, "cat": 1003, "eve": 1005}
# dan has no uid anybody knows
GROUPS = {
    "grp-a": {"kind": "project", "id": 7001, "members": ["ann", "bob", "dan"], "accounts": ["def-a_cpu", "def-a_gpu"]},
    "grp-b": {"kind": "project", "id": 7002, "members": ["bob", "eve"]},
    "lab": {"kind": "data", "members": ["cat", "ann", "bob"], "accounts": []},
}


def _given(name: str) -> list[dict]:
    own = [{"kind": "home", "name": name, "id": IDS[name]}] if name in IDS else []
    return own + [{"name": group, **entry} for group, entry in GROUPS.items() if name in entry["members"]]


def _samples() -> str:
    lines = []
    for what, place in (("bytes", 0), ("files", 1)):
        lines.append(f"# TYPE gpfs_user_used_{what} gauge")
        for (uid, fs, fileset), values in USED.items():
            value = values[place] * (GIB if what == "bytes" else 1)
            lines += [f'gpfs_user_used_{what}{{user="{uid}",fs="{fs}",fileset="{fileset}"}} {value} {END - back}' for back in (600, 300, 0)]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture
def sources(prometheus: Callable[..., str], tmp_path: Path) -> Iterator[Sources]:
    settings = Settings(
        prometheus=Prometheus(url=prometheus(_samples())), storage=Storage(areas=AREAS),
        metrics=Metrics(exporters={"gpfs_exporter": Exporter(scrape_seconds=300)}),
    )  # fmt: skip
    pool, cache = Pool(8), Cache(tmp_path / "cache", 64)
    client = PrometheusClient(settings.prometheus, lambda: float(END))
    hooks = Hooks({"storage_allocations": _given, "person": lambda name: ""})
    yield Sources(settings=settings, hooks=hooks, prometheus=client, slurm=None, portal=None, cache=cache, pool=pool, clock=lambda: float(END))
    pool.close()
    cache.close()


def test_what_each_member_uses_of_the_place(sources: Sources) -> None:
    with recording() as sent:
        frames = quotas_groups.members_query(sources, ANN, QuotasView(id=""), WHEN)
    assert len(sent) == 1 and frames["errors"] == {}
    found = {(row["area"], row["owner"], row["user"]): (row["bytes"], row["files"], row["share"], row["several"]) for row in frames["members"].to_dict("records")}
    assert found == {
        # 30 and 90 of 120 GiB; bob is in grp-b as well, and what he has for it is counted
        ("project", "grp-a", "bob"): (90 * GIB, 100, 0.75, True), ("project", "grp-a", "ann"): (30 * GIB, 300, 0.25, False),
        # in a fileset people are counted apart: 10 and 2 of 12 GiB, bob has nothing there
        ("data", "lab", "ann"): (10 * GIB, 20, 10 / 12, False), ("data", "lab", "cat"): (2 * GIB, 3, 2 / 12, False),
    }  # fmt: skip
    drawn = said(quotas_groups.draw_members(present(frames, ADA, sources.settings), about(ADA, sources.settings)))
    assert "Project grp-a · bob uses most: 90 GiB, 75 %" in drawn and "1 member is in more than one group" in drawn
    assert "GPFS counts what each member uses here" in drawn and "tape" not in drawn


def test_names_are_as_the_site_says_and_open_to_who_coordinates_the_groups_accounts(sources: Sources) -> None:
    for viewer, opened in (
        (ANN, False), (replace(ANN, coordinates=frozenset({"def-a_cpu"})), False), (replace(ANN, coordinates=frozenset({"def-a_cpu", "def-a_gpu"})), True),
    ):  # fmt: skip
        frames = present(quotas_groups.members_query(sources, viewer, QuotasView(id=""), WHEN), viewer, sources.settings, QuotasView(id=""))
        for words in (said(quotas_groups.draw_members(frames, about(viewer, sources.settings))), to_csv(frames["members"])):
            names = set(re.findall(r"[\w-]+", words))
            assert ("bob" in names) is opened and "cat" not in names and "ann" in names and "def-a_cpu" not in names and "1002" not in names


def test_strangers_get_nothing(sources: Sources) -> None:
    held = [one for one in held_by(sources, ANN, "ann").quotas if one.area == "project"]
    with recording() as sent:
        for viewer in (EVE, Viewer(name=None)):
            with pytest.raises(NotFound):
                quota_members.use_of_members(sources, viewer=viewer, held=held, when=WHEN)
        with pytest.raises(NotFound):
            quotas_groups.members_query(sources, EVE, QuotasView(id="ann"), WHEN)
    assert sent == []
    assert quota_members.use_of_members(sources, viewer=ADA, held=held, when=WHEN)["user"].tolist() == ["ann", "bob"]


def test_a_group_of_people_without_uids_says_so_and_asks_nothing(sources: Sources) -> None:
    hooks = Hooks({"storage_allocations": lambda name: [{"kind": "project", "name": "grp-n", "id": 7009, "members": ["dan"]}]})
    with recording() as sent:
        frames = quotas_groups.members_query(replace(sources, hooks=hooks), Viewer(name="dan"), QuotasView(id=""), WHEN)
    assert sent == [] and frames["members"].empty
    assert "counted by person" in said(quotas_groups.draw_members(frames, about(Viewer(name="dan"), sources.settings)))
    assert quotas_groups.group_keys(sources.settings) == ("members", "sizes")
    only = sources.settings.model_copy(update={"storage": Storage(areas={"project": AREAS["project"]})})
    assert quotas_groups.group_keys(only) == ("members",)
