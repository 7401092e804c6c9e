"""`python app.py check` on the files that the default hooks read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from analysis.software_table import check_software
from components.check_line import FAILED, OK, Line
from components.text import _
from core.errors import SettingsError
from core.settings import Settings
from core.site_files import check_allocations, check_notices, check_projects


def file_lines(settings: Settings) -> Iterator[Line]:
    """One line for each file the settings name: how many entries it has, or what is wrong where."""
    known: tuple[tuple[Path | None, Callable[[Path], int], str, str], ...] = (
        (settings.storage.allocations_file, check_allocations, "storage.allocations_file", _("the limits of quotas")),
        (settings.cloud.projects_file, check_projects, "cloud.projects_file", _("who may see which cloud project")),
        (settings.overview.notices_file, check_notices, "overview.notices_file", _("the site's messages on top of every page")),
        (settings.overview.software_file, check_software, "overview.software_file", _("the names of programs")),
    )
    for path, read, name, empties in known:
        if path is None:
            continue
        try:
            count = read(path)
            yield Line(source="files", what=name, state=OK, found=_("%(count)s entries", count=count))
        except SettingsError as error:
            yield Line(source="files", what=name, state=FAILED, found=str(error), empties=empties, mend=_("mend the file"))
