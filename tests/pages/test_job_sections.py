"""Every section of every job in rows a real slurmdbd wrote, drawn without Prometheus; strangers find nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from components import section as sections
from components.ask import read
from core.errors import NotFound
from core.hooks import load_hooks
from core.viewer import Viewer
from datasources.cache import Cache
from datasources.pool import Pool
from datasources.portal.db import PortalDb
from datasources.slurm.lookup import select_runs
from datasources.sources import Sources
from pages.job import JOB
from pages.jobs import JOBS
from pages.jobs_compare import COMPARE
from tests.slurm.conftest import Accounting

pytestmark = pytest.mark.services
STAFF = Viewer(name="ada", is_staff=True)


@pytest.fixture(scope="module")
def sources(mariadb: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """The dump, a portal database of its own, no Prometheus."""
    folder: Path = tmp_path_factory.mktemp("pages")
    accounting = Accounting(mariadb, "slurm_for_pages")
    plain = accounting.sources()
    portal = plain.settings.portal.model_copy(update={"url": f"sqlite:///{folder}/portal.sqlite"})
    settings = plain.settings.model_copy(update={"portal": portal})
    pool, cache, database = Pool(4), Cache(folder / "cache", 64), PortalDb(settings)
    database.upgrade()
    yield replace(plain, settings=settings, hooks=load_hooks(settings), pool=pool, cache=cache, portal=database)
    pool.close()
    cache.close()
    database.close()
    accounting.close()


def drawn(sources: Sources, page: Any, path: str, viewer: Viewer, search: str = "") -> dict[str, str]:
    """{section/part: what it says} of a page, each part drawn; a bug in any is an error."""
    ask = read(sources, viewer, page, path, search)
    _title, above, keys = page.head(sources, viewer, ask.subject, ask.when)
    said = {"head": str(above)}
    for section in page.sections:
        if keys is not None and section.key not in keys:
            continue
        posted = {"path": path, "search": search, "width": "wide"}
        frames, about, _note = sections.fill(sources, sections.Turns(), page, section, viewer, posted)
        assert not isinstance(frames, sections.Bug), (path, section.key)
        for panel in section.panels:
            said[f"{section.key}/{panel.key}"] = str(sections.draw_panel(panel, frames, about))
        for block in section.blocks:
            said[f"{section.key}/{block.key}"] = str(sections.draw_block(block, frames, about))
    assert [key for key, text in said.items() if "tell support the number" in text] == []
    return said


def test_every_job_of_a_real_database_is_shown(sources: Sources) -> None:
    found = select_runs(sources, STAFF, lambda tables: tables.job.c.job_db_inx > 0)
    assert len(found) > 20
    begun = time.monotonic()
    for run in found[::3]:
        said = drawn(sources, JOB, f"/job/{run.id_job}", STAFF)
        assert "head" in said
    assert time.monotonic() - begun < 120


def test_strangers_find_the_same_as_where_nothing_is(sources: Sources) -> None:
    table = sources.slurm.schema.table("job_table")
    job = sources.slurm.rows(select(table.c.id_job).order_by(table.c.job_db_inx).limit(1))[0]["id_job"]
    for viewer in (Viewer(name="nobody_here"), Viewer(name="")):
        for path in (f"/job/{job}", "/job/4000000000"):
            with pytest.raises(NotFound):
                drawn(sources, JOB, path, viewer)
        with pytest.raises(NotFound):
            drawn(sources, COMPARE, "/jobs/compare", viewer, f"?ids={job}")


def test_a_job_that_waits_says_that_its_charts_come_later(sources: Sources) -> None:
    waiting = next(
        (run for run in select_runs(sources, STAFF, lambda tables: tables.job.c.time_start == 0) if not run.array_job), None
    )
    assert waiting is not None
    said = drawn(sources, JOB, f"/job/{waiting.id_job}", STAFF)
    assert not any(key.startswith("cpu/") for key in said)
    assert "asked for" in said["summary/tiles"]


def test_lists_and_comparisons_of_real_rows(sources: Sources) -> None:
    runs = select_runs(sources, STAFF, lambda tables: tables.job.c.time_start > 0, limit=5)
    for search in ("?user=*", "?user=*&state=FAILED,PENDING&order=end&asc=1", "?user=*&name=a&waste=1", f"?user={runs[0].user}"):
        assert "list/jobs" in drawn(sources, JOBS, "/jobs", STAFF, search)
    ids = ",".join(str(run.id_job) for run in runs)
    said = drawn(sources, COMPARE, "/jobs/compare", STAFF, f"?ids={ids}&align=start")
    assert str(runs[0].id_job) in said["table/jobs"]
