"""The table of an account's members: who wasted most and how much, named as the viewer may read it, and nothing for strangers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from components.present import present, to_csv
from components.records import About
from components.section import draw_block
from core.errors import NotFound
from core.settings import Settings
from core.subjects import account
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.pool import Pool
from datasources.portal.db import PortalDb
from datasources.portal.facts import store_facts
from pages import account_names
from pages.account_members import MEMBERS

HOUR = 3600
END = 1_700_000_000
TIB = 1024**4
WHEN = TimeRange(start=END - 86400, end=END, now=END)
LEAD = Viewer(name="lead", accounts=frozenset({"def-a"}), coordinates=frozenset({"def-a"}))
FELLOW = Viewer(name="nils", accounts=frozenset({"def-a"}))
STAFF = Viewer(name="ada", is_staff=True)


def row(inx: int, user: str, used: float, **changes: object) -> dict[str, object]:
    """Ten hours on 100 cores with 1 TiB, half of which was used."""
    plain = {
        "job_db_inx": inx, "id_job": inx, "user": user, "account": "def-a", "partition": "cpu", "name": "x", "script_hash": 0,
        "state": "COMPLETED", "start": END - 11 * HOUR, "end": END - HOUR, "elapsed": 10 * HOUR, "cores": 100, "nodes": 1, "memory": TIB,
        "gpus": 0, "cpu_used": used * HOUR, "memory_peak": TIB / 2, "gpu_use": None, "to_act": 2, "facts": {}, "findings": [],
        "facts_version": 2, "nodelist": "c1",
    }  # fmt: skip
    return plain | changes


ROWS = [
    row(1, "nils", 900.0), row(2, "luis", 400.0), row(3, "luis", 1000.0, state="TIMEOUT"),
    row(4, "mina", 950.0, gpus=4, gpu_use=0.1), row(5, "mina", 950.0, gpus=100), row(6, "quentin", 0.0, account="def-a_x"),
]  # fmt: skip


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[SimpleNamespace]:
    settings = Settings.model_validate({"portal": {"url": f"sqlite:///{tmp_path}/p.sqlite"}, "site": {"cluster": "turtle", "names": "hidden"}})
    made = SimpleNamespace(settings=settings, portal=PortalDb(settings), clock=lambda: END + 0.0, slurm=None, pool=Pool(4))
    store_facts(made, ROWS, cursor=(END + HOUR, 99))
    yield made
    made.portal.close()
    made.pool.close()


def shown(sources: Any, viewer: Viewer) -> tuple[str, str, dict[str, Any]]:
    """(the sentence, the table, the frames) of the section."""
    subject = account("def-a")
    frames = present(MEMBERS.query(sources, viewer, subject, WHEN), viewer, sources.settings, subject)
    about = About(viewer=viewer, subject=subject, when=WHEN, settings=sources.settings, frames=frames)
    said, listed = (str(draw_block(block, frames, about)).replace("\\xa0", " ").replace("\\u202f", " ") for block in MEMBERS.blocks)
    return said, listed, frames


def test_a_coordinator_reads_who_wasted_most_and_how_much(sources: Any) -> None:
    said, listed, frames = shown(sources, LEAD)
    # luis: 600 of 2 000; nils 100 and mina 2 × 50 of the other waste: 600 of 800 in all
    assert "luis wasted most: 600 core-hours. That is 30 % of the 2 000 core-hours luis held, and 75 % of all that members wasted." in said
    # of mina's 40 + 1 000 GPU-hours only 40 were measured, a tenth of them used
    assert "mina wasted most: 36 GPU-hours. That is 90 % of the 40 GPU-hours that were measured" in said
    assert "40 of 1 040 GPU-hours" in listed
    # mina and nils wasted equally many core-hours; who wasted GPU-hours comes first
    assert frames["members"]["user"].tolist() == ["luis", "mina", "nils"]
    assert "/account/def-a?view=jobs&user=luis" in listed and "/user/luis" not in listed
    assert "All 5 ended runs are summarised" in listed


def test_figures_by_hand(sources: Any) -> None:
    _said, _listed, frames = shown(sources, STAFF)
    luis = frames["members"].iloc[0]
    assert (luis["jobs"], luis["failed"], luis["to_act"]) == (2, 1, 4)
    assert luis["core_share"] == pytest.approx(0.7) and luis["tb_hours_wasted"] == pytest.approx(10)


def test_a_member_reads_totals_and_no_names(sources: Any) -> None:
    said, listed, frames = shown(sources, FELLOW)
    for name in ("luis", "mina", "quentin"):
        assert name not in said + listed + to_csv(frames["members"])
    assert "person 1 wasted most: 600 core-hours" in said
    assert "/user/nils" in listed and "view=jobs" not in listed


def test_a_hidden_name_is_the_same_in_all_sections(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = pd.DataFrame({"user": ["luis", "mina", "nils", "old"]})
    monkeypatch.setattr(account_names, "members", lambda sources, *, viewer, account: known)
    _said, _listed, frames = shown(sources, FELLOW)
    wide = pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_tuples([("mina",), ("luis",)], names=["user"]))
    chart = present({"who": account_names.who(sources, FELLOW, "def-a"), "wide": wide}, FELLOW, sources.settings, account("def-a"))["wide"]
    # who is who in the chart is told by the figures: the columns come in the order of the masks
    mina, luis = (next(column[0] for column in chart.columns if chart[column].iloc[0] == value) for value in (1.0, 2.0))
    # in the table luis, who wasted most, comes first
    assert frames["members"]["user"].tolist() == [luis, mina, "nils"]


def test_staff_reach_the_person(sources: Any) -> None:
    _said, listed, _frames = shown(sources, STAFF)
    assert "/user/luis" in listed and "quentin" not in listed


@pytest.mark.parametrize("viewer", [Viewer(name=None), Viewer(name="quentin", accounts=frozenset({"def-a_x", "def-", "DEF-A"}))])
def test_strangers_and_look_alikes_get_nothing(sources: Any, viewer: Viewer) -> None:
    for read in (MEMBERS.query, MEMBERS.export):
        with pytest.raises(NotFound):
            read(sources, viewer, account("def-a"), WHEN)


def test_the_file_names_its_units(sources: Any) -> None:
    frames = present(MEMBERS.export(sources, FELLOW, account("def-a"), WHEN), FELLOW, sources.settings, account("def-a"))
    text = to_csv(frames["members"])
    assert text.splitlines()[0].startswith("user,jobs ended") and "core-hours wasted" in text and "TiB-hours used" in text
    assert "luis" not in text and "nils" in text


def test_nothing_ended_is_a_sentence(sources: Any) -> None:
    subject, early = account("def-a"), TimeRange(start=1000, end=2000, now=END)
    frames = present(MEMBERS.query(sources, STAFF, subject, early), STAFF, sources.settings, subject)
    about = About(viewer=STAFF, subject=subject, when=early, settings=sources.settings, frames=frames)
    assert "No job of this account ended in this period" in str(draw_block(MEMBERS.blocks[1], frames, about))
