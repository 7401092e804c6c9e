"""Reservations of a node and the number of its other jobs, in rows a real Slurm wrote."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import NotFound
from core.viewer import Viewer
from datasources.slurm import node_spells
from tests.slurm.conftest import ASKED_AT

ALICE, CAROL, BOB, STAFF = Viewer(name="alice"), Viewer(name="carol"), Viewer(name="bob"), Viewer(name="ada", is_staff=True)
SINCE, UNTIL = ASKED_AT - 3600, ASKED_AT
pytestmark = pytest.mark.services


def test_reservations_of_a_node_are_those_that_name_it(changed: Any) -> None:
    """Two versions that follow each other are one; another node's and an older one are none of this node's."""
    rows = [
        (71, "maint", "c[3-4],h1", SINCE + 60, SINCE + 600), (71, "maint", "c[3-4],h1", SINCE + 600, SINCE + 900),
        (72, "other", "c[1-2]", SINCE + 60, SINCE + 600), (73, "old", "h1", SINCE - 900, SINCE - 600),
    ]  # fmt: skip
    values = ", ".join(f"({ident}, '{name}', '{nodes}', '', {start}, {end}, '', '', 0)" for ident, name, nodes, start, end in rows)
    changed.execute(
        f"insert into alpha_resv_table (id_resv, resv_name, nodelist, node_inx, time_start, time_end, tres, assoclist, flags) values {values}"
    )
    found = node_spells.reservations(changed.sources(), viewer=STAFF, node="h1", since=SINCE, until=UNTIL)
    mine = found[found["reservation"].isin(["maint", "other", "old"])]
    assert mine[["reservation", "start", "end"]].to_dict("records") == [{"reservation": "maint", "start": SINCE + 60, "end": SINCE + 900}]


def test_a_stranger_is_told_nothing_of_a_node(accounting: Any) -> None:
    sources = accounting.sources()
    for ask in (node_spells.reservations, node_spells.cotenants):
        with pytest.raises(NotFound):
            ask(sources, viewer=BOB, node="h1", since=SINCE, until=UNTIL)


def test_other_people_s_jobs_are_spans_without_names(accounting: Any) -> None:
    """By sacct four runs held h1, of alice and carol: what each counts is what the other ran."""
    sources = accounting.sources()
    spans = {viewer.name: node_spells.cotenants(sources, viewer=viewer, node="h1", since=SINCE, until=UNTIL) for viewer in (ALICE, CAROL, STAFF)}
    assert spans["ada"] == [], "staff see the jobs themselves"
    assert len(spans["alice"]) + len(spans["carol"]) == 4
    assert len(spans["alice"]) >= 1
    assert all(len(span) == 2 and span[0] <= span[1] for name in ("alice", "carol") for span in spans[name])
