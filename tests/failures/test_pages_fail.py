"""The pages of accounts, people, nodes, top users and scheduling while a source is away, slow, lying, empty or not there at all."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.text import NO_ACCOUNTING, WHY
from core.errors import Why
from tests.access.asker import Asker
from tests.failures.conftest import BASE, READER, World
from tests.failures.sweep import ACCOUNT, EVERY, HOSTS, NODE, PROJECT, PUBLIC, STORAGE, STORED, everything
from tests.failures.test_prometheus_fails import BROKEN, DOWN, FAILURES, REFUSED, SLOW
from tests.failures.world import PAGES, ask, forget, page_text, said

pytestmark = pytest.mark.services
NO_DATABASE = "The accounting database cannot be reached."
NOT_COLLECTED = WHY[Why.NOT_CONFIGURED]
NOT_SUMMARISED = WHY[Why.NOT_SUMMARISED]
# sections that are nothing without the metrics: with them away, the sentence stands there
OF_METRICS = (
    f"account:cpu {ACCOUNT}", f"account:gpu {ACCOUNT}", f"account:memory {ACCOUNT}", f"account:programs {ACCOUNT}", f"account:files {ACCOUNT}",
    f"account:priority {ACCOUNT}", f"node:cpu {NODE}", f"node:memory {NODE}", "top_memory:now /top/memory", "top_lustre:load /top/lustre",
    "top_lustre:heaviest /top/lustre", "scheduling:priority /scheduling", "status:part_use /?partition=cpu",
    "scheduler:resources /scheduler", "scheduler:jobs /scheduler", "scheduler:health /scheduler", "filesystems:now /filesystems", "logins:now /logins",
    "transfers:now /transfers", "software:cores /software", "software:gpus /software", "quotas:quotas /quotas?user=alice", "cloud:all /cloud",
)  # fmt: skip
# sections that show what accounting knows and say beside it that the rest is missing
OF_BOTH = (
    f"account:now {ACCOUNT}", "accounts:list /accounts", f"node:running {NODE}", "nodes:now /nodes", "top:now /top", "top_gpu:now /top/gpu",
    "user:now /user/alice",
)  # fmt: skip
# what must stand whatever is wrong with the metrics: sacct knows these of the dump
STANDS = {
    "accounts:list /accounts": "rrg-pi1_cpu", f"account:now {ACCOUNT}": "32", f"account:limits {ACCOUNT}": "physics",
    f"account:jobs {ACCOUNT}?view=jobs": "md_production", f"node:running {NODE}": "md_production", f"node:events {NODE}": "course",
    "nodes:list /nodes": "c3", "nodes:now /nodes": "7", "top:now /top": "alice", "top_gpu:now /top/gpu": "bob", "scheduling:waits /scheduling": "cpu",
    "scheduling:limits /scheduling": "def-pi1_cpu", "user:jobs /user/alice": "relax", "status:part_now /?account=rrg-pi1_cpu": "32",
}  # fmt: skip


def stands(shown: dict[str, str]) -> None:
    """What needs no metrics is shown, on the pages that were looked at."""
    for place, text in STANDS.items():
        assert place not in shown or text in shown[place], place


@pytest.mark.parametrize(("kind", "sentence"), [("down", DOWN), ("late", SLOW), ("422", REFUSED), ("html", BROKEN), ("5001 series", REFUSED)])
def test_metrics_fail(world: World, portal_of: Callable[..., Asker], kind: str, sentence: str) -> None:
    # each question that is late waits for the deadline: a short one, and few pages, are enough to see it
    more = {"prometheus": {"timeout_seconds": 0.25}} if kind == "late" else {}
    person = portal_of("ada", storage=STORAGE, overview=HOSTS, **more)
    if kind == "down":
        world.metrics.down()
    else:
        world.metrics.answer = FAILURES[kind][0]
    few = {key: EVERY[key] for key in ("account", "nodes", "node", "top", "top_lustre")} if kind == "late" else EVERY
    shown = everything(person, few)
    stands(shown)
    # lists of all nodes, programs and machines may have more series than charts
    judged = [place for place in (*OF_METRICS, *OF_BOTH) if kind != "5001 series" or not place.startswith(("nodes:", "software:", "cloud:"))]
    for place in (*judged, "user:storage /user/alice", "user:storage_home /user/alice"):
        assert place not in shown or sentence in shown[place], place
    # nobody knows what is used: that is neither nothing nor everything
    assert "0 red" not in shown["top:now /top"] + shown.get("top_gpu:now /top/gpu", "")


def test_no_prometheus_at_all(portal_of: Callable[..., Asker]) -> None:
    shown = everything(portal_of("ada", prometheus={"url": ""}, storage=STORAGE, overview=HOSTS))
    stands(shown)
    for place in (*OF_METRICS, *OF_BOTH, "user:storage /user/alice"):
        assert NOT_COLLECTED in shown[place], place


@pytest.mark.parametrize(
    ("exporter", "places"),
    [
        ("slurm-job-exporter", (f"account:cpu {ACCOUNT}", f"account:gpu {ACCOUNT}", f"account:memory {ACCOUNT}", f"node:running {NODE}", f"node:cpu {NODE}",
                                "top:now /top", "top_gpu:now /top/gpu", "user:now /user/alice")),
        ("slurm_exporter", (f"account:now {ACCOUNT}", "accounts:list /accounts", "nodes:now /nodes", "scheduling:priority /scheduling",
                            "status:part_use /?partition=cpu")),
        ("node_exporter", (f"node:summary {NODE}", f"node:cpu {NODE}", "top_memory:now /top/memory")),
        ("lustre_exporter", (f"account:files {ACCOUNT}", "top_lustre:load /top/lustre", "top_lustre:heaviest /top/lustre")),
        ("lfs_quota", ("user:storage /user/alice", "user:storage_home /user/alice", "quotas:quotas /quotas?user=alice")),
        ("libvirtd_exporter", ("cloud:all /cloud", f"cloud_project:summary {PROJECT}")),
    ],
)  # fmt: skip
def test_an_exporter_is_not_installed(portal_of: Callable[..., Asker], exporter: str, places: tuple[str, ...]) -> None:
    person = portal_of("ada", storage=STORAGE, metrics={"exporters": {exporter: {"installed": False}}})
    wanted = {place.split(":")[0] for place in places}
    shown = everything(person, {key: paths for key, paths in EVERY.items() if key in wanted})
    for place in places:
        assert NOT_COLLECTED in shown[place], place


def test_no_recording_rules(portal_of: Callable[..., Asker]) -> None:
    """Charts of whole accounts over weeks stand on rules; what reads the jobs' own metrics goes on."""
    shown = everything(portal_of("ada", metrics={"recording_rules": False}))
    stands(shown)
    for place in (f"account:cpu {ACCOUNT}", f"account:memory {ACCOUNT}", "top_lustre:load /top/lustre", "status:part_use /?account=rrg-pi1_cpu"):
        assert NOT_COLLECTED in shown[place], place


def test_nodes_are_known_by_accounting_where_no_exporter_tells_of_them(world: World) -> None:
    """The servers have no sample of slurm_exporter's nodes: sinfo's idle nodes are not "not known", and none in service is no answer."""
    ada = world.person("ada")
    shown = said(ask(ada, "nodes:now", "/nodes"))
    assert "6 of 7 in service" in shown["tiles"].replace("\xa0", " ") and "not known" not in shown["tiles"]
    assert WHY[Why.METRIC_ABSENT] in shown["tiles"]
    assert "Idle" in said(ask(ada, "nodes:list", "/nodes"))["list"]


# Accounting


@pytest.mark.parametrize("kind", ["down", "silent", "not configured"])
def test_accounting_fails(world: World, portal_of: Callable[..., Asker], kind: str) -> None:
    """Nothing says that there is nothing, and the cluster's own figures stay."""
    person = portal_of("ada", slurm={"url": ""}) if kind == "not configured" else portal_of("ada")
    person.page("/")
    if kind == "down":
        world.database.down()
    elif kind == "silent":
        world.database.freeze()
        world.database.cut()
    sentence = {"down": NO_DATABASE, "silent": "The accounting database took too long", "not configured": NO_ACCOUNTING}[kind]
    began = time.monotonic()
    shown = everything(person)
    assert time.monotonic() - began < 60
    alone = ("status:", "account:priority", "account:cpu", "account:gpu", "account:memory", "account:programs", "account:files", "top_lustre:", "top_memory:")
    # of the pages for everybody only one section needs it, of storage and the cloud none
    needing = ("scheduler:pending",)
    metrics_only = [place for place in shown if place.split(":")[0] in PUBLIC | STORED and not place.startswith(needing)]
    assert all(sentence not in shown[place] for place in metrics_only if not place.startswith(("scheduler:", "quotas:"))), metrics_only
    of_accounting = [place for place in shown if not place.startswith(alone) and place not in metrics_only]
    assert len(of_accounting) >= 14
    for place in of_accounting:
        if place == "top_waste:waste /top/waste" or not place.startswith(("user:", "account:limits")):
            assert sentence in shown[place] or place.endswith("view=report"), (place, shown[place])
        assert "No node fits" not in shown[place] and "No job of this account ended" not in shown[place]
        assert "wasted any" not in shown[place] and "Nobody is both" not in shown[place]
    assert "100" in shown["status:now /"]
    for path in ("/user/alice", NODE):
        assert sentence in page_text(person.page(path)), path


@pytest.mark.parametrize("table", ["alpha_event_table", "acct_coord_table"])
def test_a_table_may_not_be_read(world: World, portal_of: Callable[..., Asker], table: str) -> None:
    """A needed one: the pages say so. Coordinators: nobody is one, the rest stays."""
    world.root(f"revoke select on {BASE}.{table} from {READER}@'127.0.0.1'")
    try:
        person = portal_of("ada")
        shown = everything(person, {key: EVERY[key] for key in ("accounts", "account", "nodes", "node", "top", "scheduling")})
    finally:
        world.root(f"grant select on {BASE}.{table} to {READER}@'127.0.0.1'")
    if table == "acct_coord_table":
        stands(shown)
    else:
        assert all("refused the question" in shown[place] for place in ("accounts:list /accounts", "nodes:now /nodes", "nodes:list /nodes", "top:now /top"))


# The portal's own database


def emptied(shown: dict[str, str]) -> dict[str, str]:
    """What the sections that stand on summaries say."""
    wanted = ("user:findings /user/alice", "user:days /user/alice", f"account:members {ACCOUNT}", "top_waste:waste /top/waste", "top_waste:who /top/waste",
              "top_waste:worst /top/waste")  # fmt: skip
    return {place: shown[place] for place in wanted}


OF_SUMMARIES = {key: EVERY[key] for key in ("user", "account", "top_waste")}


def test_nothing_is_summarised_yet(portal_of: Callable[..., Asker], tmp_path: Path) -> None:
    """A fresh portal: sacct knows of runs that ended, the summaries of none."""
    person = portal_of("ada", portal={"url": f"sqlite:///{tmp_path / 'fresh.sqlite'}"})
    for place, text in emptied(everything(person, OF_SUMMARIES)).items():
        assert NOT_SUMMARISED in text, place
        assert "Nobody is both" not in text and "wasted any" not in text and "Nothing to improve" not in text


@pytest.mark.parametrize("kind", ["away", "not migrated"])
def test_the_portals_own_database_fails(portal_of: Callable[..., Asker], tmp_path: Path, kind: str) -> None:
    """What is kept there is missing with a sentence; all else stays."""
    file = tmp_path / "own.sqlite"
    person = portal_of("ada", portal={"url": f"sqlite:///{file}"})
    if kind == "not migrated":
        # the database is made when it is first asked
        ask(person, "top_waste:worst", "/top/waste")
        with contextlib.closing(sqlite3.connect(file)) as link:
            link.execute("drop table job_facts")
    else:
        for part in tmp_path.glob("own.sqlite*"):
            part.unlink()
        file.mkdir()
    shown = everything(person, {key: paths for key, paths in EVERY.items() if key not in ("status", "top", "top_gpu", "top_memory", "top_lustre")})
    for place, text in emptied(shown).items():
        assert "portal's own database" in text, place
    for place, text in STANDS.items():
        # days of waits are kept in that database too
        if place in shown and not place.startswith("scheduling"):
            assert text in shown[place], place


# Two sources, one of which hangs


def test_one_source_hangs_and_the_other_is_shown(world: World, portal_of: Callable[..., Asker]) -> None:
    """Within the section's ten seconds, though each of its questions would wait for its own deadline."""
    person = portal_of("ada")
    forget(world.sources)

    def hang(handler: Any) -> None:
        time.sleep(3)

    world.metrics.answer = hang
    for place, path, text in (("top:now", "/top", "alice"), ("nodes:list", "/nodes", "c3"), ("node:running", NODE, "md_production"), ("account:now", ACCOUNT, "32")):
        began = time.monotonic()
        shown = said(ask(person, place, path))
        assert time.monotonic() - began < 6 and text in " ".join(shown.values()), place


def test_every_new_section_was_looked_at(world: World) -> None:
    """A page that is added and not looked at here would pass."""
    missing = set(PAGES) - set(EVERY) - {"job", "jobs", "compare"}
    assert not missing
