"""Ids from URLs: what is not an id is refused before anything is read."""

from __future__ import annotations

import pytest

from core.errors import BadInput
from core.subjects import parse_job, parse_jobs, user


@pytest.mark.parametrize(
    ("text", "job", "task", "component", "canonical"),
    [
        ("8", 8, None, None, "8"),
        (" 8 ", 8, None, None, "8"),
        ("8_7", 8, 7, None, "8_7"),
        ("8_0", 8, 0, None, "8_0"),
        ("8_07", 8, 7, None, "8_7"),
        ("10+1", 10, None, 1, "10+1"),
        ("0010", 10, None, None, "10"),
        ("4294967295", 4294967295, None, None, "4294967295"),
    ],
)
def test_ids(text: str, job: int, task: int | None, component: int | None, canonical: str) -> None:
    found = parse_job(text)
    assert (found.job, found.task, found.component, found.id, found.kind) == (job, task, component, canonical, "job")


@pytest.mark.parametrize(
    "text",
    ["", "abc", "-1", "0", "1.5", "1e3", "8_", "_7", "8_7_1", "8+", "8_x", "4294967296", "9223372036854775808", "٣", "8;drop", "8\n9", "1-3", "' or 1"],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_job(text)
    assert error.value.code == "job_id"


def test_submit_is_a_number_or_nothing() -> None:
    assert parse_job("8", "1700000000").submit == 1700000000
    assert parse_job("8", "yesterday").submit is None and parse_job("8", "-5").submit is None


def test_several_jobs_in_their_order_each_once() -> None:
    assert [job.id for job in parse_jobs("100-102, 8_7,100,,10+1").jobs] == ["100", "101", "102", "8_7", "10+1"]
    assert len(parse_jobs("1-60").jobs) == 60


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "no_jobs"), (",,", "no_jobs"), ("5-3", "job_range"), ("1-99999999", "too_many_jobs"), ("1-61", "too_many_jobs"),
        ("1-60,61", "too_many_jobs"), ("-5", "job_id"), ("5-", "job_id"), ("a-b", "job_id"), ("1-9223372036854775808", "job_id"),
        ("1,abc", "job_id"),
    ],
)
def test_bad_lists_of_jobs(text: str, code: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_jobs(text)
    assert error.value.code == code


def test_names_of_people() -> None:
    assert user("ada").id == "ada"
    assert user('o"brien\\{}').id == 'o"brien\\{}'  # odd, and escaped where it becomes part of a query
    for text in ("", "a/b", "a\nb", "x" * 129):
        with pytest.raises(BadInput):
            user(text)
