"""Pages that stand in for another say what is the matter and what to do, and do not contradict themselves."""

from __future__ import annotations

from typing import Any

import pytest

from components.shell_errors import refused
from components.text import error_sentence
from core.errors import BadInput, NotAllowed, NotFound, NotSignedIn, SourceDown, SourceRefused
from core.viewer import PUBLIC
from tests.shell import fakes


def _said(error: Any, folder: Any, viewer: Any = fakes.USER, **over: Any) -> str:
    return str(refused(error, fakes.settings_for(folder, **over), viewer, "/job/1").to_plotly_json())


@pytest.mark.parametrize(
    ("error", "headline"),
    [
        (NotSignedIn(), "Please sign in"), (NotAllowed(), "Not for this account"), (NotFound(), "Nothing is here"),
        (BadInput("job_id"), "cannot be read"), (SourceDown("slurm", "10.0.0.1"), "does not answer"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_headline_and_no_cause(tmp_path, error: Any, headline: str) -> None:
    said = _said(error, tmp_path)
    assert headline in said
    assert "10.0.0.1" not in said


def test_what_is_not_found_may_be_of_any_kind(tmp_path) -> None:
    """The page for unknown addresses is that of jobs, accounts, people and nodes alike, and the same for absent and foreign ones."""
    said = _said(NotFound(), tmp_path)
    for kind in ("job", "account", "person", "node"):
        assert kind in said
    assert _said(NotFound("job 7: not theirs"), tmp_path) == said


def test_a_page_without_its_source_does_not_praise_the_rest_of_itself(tmp_path) -> None:
    said = _said(SourceDown("slurm"), tmp_path)
    assert "The accounting database cannot be reached." in said
    assert "The rest of the page" not in said
    assert "Reload" in said


def test_the_way_in_is_offered_only_where_there_is_one(tmp_path) -> None:
    assert "/signin?next=%2Fjob%2F1" in _said(NotSignedIn(), tmp_path, PUBLIC, sign_in={"method": "personas"})
    assert "/signin" not in _said(NotSignedIn(), tmp_path, PUBLIC, sign_in={"method": "header"})
    assert "/signin" not in _said(NotSignedIn(), tmp_path, PUBLIC)


def test_a_refusing_database_is_not_helped_by_a_shorter_range() -> None:
    assert "shorter" not in error_sentence(SourceRefused("slurm", "denied"))
    assert "shorter" in error_sentence(SourceRefused("prometheus", "too many samples"))
