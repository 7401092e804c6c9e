"""Lists, comparisons and the words of a job's page, without servers."""

from __future__ import annotations

import base64

import numpy as np
import plotly.graph_objects as go
import pytest

from core.errors import BadInput, NotFound
from core.settings import Settings
from core.viewer import Viewer
from pages import job, job_head, job_query, job_request, job_script, jobs_compare, jobs_query
from pages.registry import all_pages
from tests.pages.job_runs import START, a_run, about, wide

MIRA, STAFF = Viewer(name="mira"), Viewer(name="ada", is_staff=True)


def texts(part: object) -> str:
    """All the text of some components."""
    if isinstance(part, str | int | float):
        return str(part)
    if isinstance(part, list | tuple):
        return " ".join(filter(None, map(texts, part)))
    return texts(part.children) if getattr(part, "children", None) is not None else ""


def test_the_pages_of_jobs_exist() -> None:
    assert {"job", "jobs", "compare"} <= {page.key for page in all_pages()}


@pytest.mark.parametrize("text", ["abc", "1-99999999", "-4", "9223372036854775808", "", "1;drop", "8_x"])
def test_what_is_no_job_id_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        job_query.subject_of({"job": text})


@pytest.mark.parametrize("ids", ["", "5-1", "1-100000", "x", "1,,y"])
def test_what_is_no_list_of_jobs_is_refused(ids: str) -> None:
    with pytest.raises(BadInput):
        jobs_compare.subject_of({"ids": ids})


def test_people_list_their_own_jobs_and_staff_anybodys() -> None:
    mine, others = jobs_query.subject_of({}), jobs_query.subject_of({"user": "noor"})
    assert jobs_query.whose(MIRA, mine) == "mira"
    assert jobs_query.whose(STAFF, others) == "noor"
    assert jobs_query.whose(STAFF, jobs_query.subject_of({"user": "*"})) is None
    for stranger in (others, jobs_query.subject_of({"user": "*"}), jobs_query.subject_of({"user": "MIRA"})):
        with pytest.raises(NotFound):
            jobs_query.whose(MIRA, stranger)


def test_a_list_keeps_what_it_is_narrowed_to_in_its_address() -> None:
    view = jobs_query.subject_of({"state": "failed,timeout,nonsense", "name": " train ", "order": "cores", "waste": "1", "cursor": "x"})
    assert view.states == ("FAILED", "TIMEOUT")
    assert view.order == "submit"
    assert view.query() == {"state": "FAILED,TIMEOUT", "name": "train", "waste": "1"}
    assert view.query(state="") == {"name": "train", "waste": "1"}


def test_sections_a_job_cannot_have_are_not_shown() -> None:
    settings = Settings.model_validate({"metrics": {"exporters": {"redfish_exporter": {"installed": False}}}})
    waiting = job.keys_of(a_run(start=None, end=None, state="PENDING"), settings)
    assert waiting == ("summary", "request", "script", "dependencies")
    ran = job.keys_of(a_run(), settings)
    assert "cpu" in ran and "gpu" not in ran and "power" not in ran and "siblings" not in ran
    assert "gpu" in job.keys_of(a_run(gpus=1), settings)
    assert {"siblings"} == set(job.keys_of(a_run(array_job=7, array_task=1), settings)) - set(ran)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("0:0", "without an error"), ("1:0", "reported an error"), ("0:9", "SIGKILL"), ("0:15", "SIGTERM"), ("139:0", "SIGSEGV"),
        ("0:125", "memory ran out"), ("127:0", "not found"), ("42:0", "42"),
    ],
)
def test_exit_codes_are_said_in_words(code: str, words: str) -> None:
    assert words in job_request.exit_words(code)


def test_the_life_line_of_each_kind_of_job() -> None:
    ended = texts(job_head.life(a_run(), START + 9999999))
    assert "ran 2" in ended and "left" not in ended
    running = texts(job_head.life(a_run(end=None, state="RUNNING"), START + 3600))
    assert "so far" in running and "left of 4" in running
    unlimited = texts(job_head.life(a_run(end=None, state="RUNNING", limit=float("inf")), START + 3600))
    assert "left" not in unlimited and "would end" not in unlimited
    waiting = texts(job_head.life(a_run(start=None, end=None, eligible=None, state="PENDING"), START))
    assert "waited 30" in waiting and "ran" not in waiting
    late = texts(job_head.life(a_run(end=None, state="RUNNING", limit=60.0), START + 3600))
    assert "0" in late


def test_a_script_is_highlighted_line_by_line_and_is_never_markup() -> None:
    text = '#!/bin/bash\n#SBATCH --mem=4G\necho "<script>alert(1)</script>"\ncat <<X\na\nb\nX\n'
    lines = job_script.highlighted(text)
    assert len(lines) == 7
    assert ["".join(texts(piece) for piece in line) for line in lines] == text.rstrip("\n").split("\n")
    drawn = job_script.code(text, {3: "bad"})
    assert "tt-line-bad" in drawn.children[2].className


def test_jobs_are_compared_from_their_starts() -> None:
    first, second = a_run(id_job=1, job_id="1"), a_run(id_job=2, job_id="2", start=START + 1200, end=START + 3600)
    frame = wide(("slurmjobid",), [("1",), ("2",)], [1, 2])
    when = about(first).when
    moved = jobs_compare.by_job(frame, [first, second], when, aligned=True)
    assert moved.columns.get_level_values("job").tolist() == ["1", "2"]
    assert moved[("2",)].first_valid_index().timestamp() == 0
    assert moved[("2",)].last_valid_index().timestamp() == 2400
    clock = jobs_compare.by_job(frame, [first, second], when, aligned=False)
    assert clock[("2",)].first_valid_index().timestamp() == START + 1200


def test_a_comparison_from_the_starts_has_hours_that_no_zone_moves() -> None:
    frame = jobs_compare.by_job(wide(("slurmjobid",), [("77",)]), [a_run()], about(a_run()).when, aligned=True)
    view = about(a_run())
    figure = jobs_compare.relative(jobs_compare.graph.figure(jobs_compare.graph.lines(frame), unit="", about=view))
    go.Figure(figure)
    hours = np.frombuffer(base64.b64decode(figure["data"][0]["x"]["bdata"]), dtype="<f4")
    assert hours[0] == 0
    assert hours[30] == pytest.approx(1)
    assert "x0" not in figure["data"][0]


@pytest.mark.parametrize(("state", "words"), [("TIMEOUT", "time limit"), ("CANCELLED", "cancelled"), ("NODE_FAIL", "node"), ("COMPLETED", "without an error")])
def test_an_end_that_was_not_its_own_doing_is_no_success(state: str, words: str) -> None:
    text = job_request._exit(a_run(state=state, exit_code="0:0"))
    assert text.startswith("0:0 · ") and words in text
    assert ("without an error" in text) == (state == "COMPLETED")
