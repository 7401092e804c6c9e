"""What `check` says of the files that stand in for hooks."""

from __future__ import annotations

from pathlib import Path

from components.check_files import file_lines
from core.settings import Settings


def test_each_file_has_a_line(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("people: {default: {home: {size: 50 GiB}}, ada: {}}\n")
    bad.write_text("projects:\n  p1: [\n")
    lines = list(file_lines(Settings(storage={"allocations_file": good}, cloud={"projects_file": bad})))
    assert [(line.what, line.state) for line in lines] == [("storage.allocations_file", "ok"), ("cloud.projects_file", "failed")]
    assert lines[0].found == "2 entries"
    assert "bad.yaml, line 3" in lines[1].found and lines[1].mend
    assert list(file_lines(Settings())) == []
