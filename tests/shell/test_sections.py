"""What the reader sees of what a section read: data, a reason, a sentence; never a cause, never a 500."""

from __future__ import annotations

import csv
import io

import plotly.graph_objects as go
import pytest

from components.present import Names, csv_cell, present, to_csv
from core.viewer import PUBLIC
from tests.shell import fakes


def _messages(answer) -> dict[str, str]:
    return {key: str(value) for key, value in answer.get_json()["response"].items()}


def test_each_panel_has_its_own_state(asker) -> None:
    answer = asker.section("open:all")
    found = answer.get_json()["response"]
    said = {key: str(part.get("children")) for key, part in found.items() if '"message"' in key}
    wanted = {
        "empty": "shorter than the time between",
        "down": "cannot be reached",
        "unset": "does not collect",
        "bug": "could not be drawn",
    }
    for panel, text in wanted.items():
        assert text in next(value for key, value in said.items() if f'"panel":"{panel}"' in key)
    figures = {key: part.get("data") for key, part in found.items() if '"figure"' in key}
    drawn = [figure for figure in figures.values() if figure]
    assert len(drawn) == 2
    for figure in drawn:
        go.Figure(figure)


@pytest.mark.parametrize("section", ["open:all", "open:bug", "open:gone"])
def test_no_cause_reaches_the_reader(asker, section: str) -> None:
    answer = asker.section(section)
    assert answer.status_code == 200
    for secret in ("10.0.0.1", "secret", "Traceback", "KeyError", "ValueError"):
        assert secret not in answer.text


def test_a_bug_is_logged_with_the_number_the_reader_is_told(asker, caplog) -> None:
    import re

    number = re.search(r"number ([0-9a-f]{8})", asker.section("open:bug").text)[1]
    assert f"incident {number}" in caplog.text
    assert "10.0.0.1" in caplog.text


@pytest.mark.parametrize(
    "search",
    [
        "?from=x&to=y",
        "?from=now&to=now-1d",
        "?from=2031-01-01",
        "?from=1900-01-01&to=now",
        "?from=%00&to=\x7f",
        "?" + "a=1&" * 500,
    ],
)
def test_bad_times_are_mended_and_said(asker, search: str) -> None:
    answer = asker.section("open:all", "/", search)
    assert answer.status_code == 200
    assert "bdata" in answer.text


def test_long_ranges_never_exceed_the_point_limit(asker) -> None:
    from core.timerange import parse

    when = parse("2016-11-24", "now", now=1_763_000_000 + 31_000_000, default=(0, 1))
    start, end, step = when.grid(30)
    assert (end - start) / step <= 11_000


def test_names_are_masked_for_others(asker) -> None:
    frames = {"people": fakes.wide(2)}
    settings = fakes.settings_for(asker.app.server.config.get("none", __import__("pathlib").Path("/tmp")))
    assert [column[0] for column in present(frames, fakes.STAFFER, settings)["people"].columns] == ["mira", "noor"]
    assert [column[0] for column in present(frames, fakes.USER, settings)["people"].columns] == ["mira", "N"]
    shown = [column[0] for column in present(frames, PUBLIC, settings)["people"].columns]
    assert "mira" not in shown
    assert len(set(shown)) == 2


def test_two_people_with_one_initial_stay_two(tmp_path) -> None:
    names = Names(fakes.USER, fakes.settings_for(tmp_path))
    assert names.person("anna") != names.person("albert")
    assert names.person("anna") == names.person("anna")


def test_control_characters_do_not_pass(tmp_path) -> None:
    names = Names(fakes.STAFFER, fakes.settings_for(tmp_path))
    assert names.of_kind("job_name", "a\x1b[31m\u202eb") == "a\ufffd[31m\ufffdb"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_csv_holds_no_formulas(text: str) -> None:
    assert csv_cell(text) == "'" + text


def test_csv_of_a_table(asker) -> None:
    rows = list(csv.reader(io.StringIO(asker.be(fakes.STAFFER).client.get("/export/open/all/people").text)))
    assert rows[0] == ["user", "name", "cores"]
    assert rows[1] == ["mira", "'=1+1", "4.0"]


def test_csv_of_a_chart_has_units_and_utc() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(fakes.wide(1)))))
    assert rows[0] == ["time (UTC)", "mira · <b>g000</b> (B)"]
    assert rows[1][0] == "2026-11-22T00:00:00Z"


def test_turns_are_given_back() -> None:
    from components.section import AT_ONCE, Turns

    turns = Turns()
    for _again in range(AT_ONCE * 3):
        with turns.take(fakes.USER):
            pass


def test_queries_are_listed_for_staff(asker) -> None:
    text = asker.be(fakes.STAFFER).client.get("/queries/open/all").text
    assert "# PromQL" in text
    assert "# SQL" in text


def test_only_failing_sources_are_worth_a_warning(asker, caplog) -> None:
    """A mistyped job id is the reader's affair; a source that is down is the operator's."""
    caplog.set_level("INFO")
    asker.section("open:gone")
    told = [record for record in caplog.records if "NotFound" in record.getMessage()]
    assert told and {record.levelname for record in told} == {"INFO"}
    asker.section("open:off")
    told = [record for record in caplog.records if "SourceDown" in record.getMessage() and "open:off" in record.getMessage()]
    assert told and {record.levelname for record in told} == {"WARNING"}
